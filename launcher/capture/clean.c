/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of each file; of a file that is not named here, nothing. */
#include "capture/clean.h"

#include <string.h>

#include "capture/names.h"
#include "detect/boot.h"
#include "detect/node.h"
#include "known/allocators.h"
#include "util/buffer.h"
#include "util/text.h"

/* NULL: the file is left out. */
typedef char *clean_text(struct mem *m, const char *text, struct capture_names *names);
/* NULL: the line is. */
typedef char *clean_line(struct mem *m, const char *line, struct capture_names *names);

static char *clean_lines(struct mem *m, const char *text, struct capture_names *names, clean_line *clean)
{
	struct buffer all = { .m = m };

	for (const char *at = text; at && *at; at = text_next_line(at)) {
		const char *line = clean(m, mem_strndup(m, at, strcspn(at, "\n")), names);

		if (line)
			buffer_printf(&all, "%s\n", line);
	}
	return buffer_text(&all);
}

/* The line if it begins with one of these. */
static char *clean_keep(struct mem *m, const char *line, const char *const *starts)
{
	while (*starts && !text_starts_with(line, *starts))
		starts++;
	return *starts ? mem_strdup(m, line) : NULL;
}

/* Numbers, and words of the kernel's own. */
static char *clean_nothing(struct mem *m, const char *text, struct capture_names *names)
{
	(void)names;
	return mem_strdup(m, text);
}

/* --- cgroups, mounts --------------------------------------------------------- */

/* The words between commas that are controllers; the others become `other`, if any. */
static char *clean_controllers(struct mem *m, const char *words, const char *other)
{
	struct buffer text = { .m = m };

	for (char *piece; (piece = text_next_piece(m, &words, ','));) {
		const char *word = names_is_controller(piece) ? piece : other;

		buffer_printf(&text, "%s%s", text.length && *word ? "," : "", word);
	}
	return buffer_text(&text);
}

/* "4:memory:/job-of-alice"; "1:name=x:/" is a hierarchy that somebody named. */
static char *clean_cgroup_line(struct mem *m, const char *line, struct capture_names *names)
{
	size_t id = strspn(line, "0123456789");
	const char *path = strstr(line, ":/");

	const char *controllers = line + id + 1;

	if (line[id] != ':' || !path || path < controllers)
		return NULL;
	controllers = mem_strndup(m, controllers, (size_t)(path - controllers));
	return mem_printf(m, "%.*s:%s:%s", (int)id, line, clean_controllers(m, controllers, "name=other"),
			  names_group_path(m, names, path + 1));
}

static char *clean_cgroup(struct mem *m, const char *text, struct capture_names *names)
{
	return clean_lines(m, text, names, clean_cgroup_line);
}

/* Cgroups, and the size of /dev/shm. */
static char *clean_mounts(struct mem *m, const char *text, struct capture_names *names)
{
	struct buffer clean = { .m = m };
	int64_t size = FACT_UNKNOWN;

	if (node_parse_tmpfs(text, "/dev/shm", FACT_UNKNOWN, &size))
		buffer_append(&clean, "1 0 0:1 / /dev/shm rw - tmpfs tmpfs rw");
	if (size != FACT_UNKNOWN)
		buffer_printf(&clean, ",size=%lldk", size == FACT_UNLIMITED ? 0LL : (long long)size / 1024);
	if (clean.length)
		buffer_append(&clean, "\n");
	for (size_t i = 0; i < names->cgroups.n_mounts; i++) {
		const struct cgroup_mount *mount = &names->cgroups.mounts[i];
		const char *type = mount->is_v2 ? "cgroup2" : "cgroup";
		const char *controllers = clean_controllers(m, mount->options, "");

		buffer_printf(&clean, "%zu 0 0:%zu %s %s rw - %s %s rw%s%s\n", i + 2, i + 2,
			      names_group_path(m, names, mount->subtree), names_mount_point(m, names, mount->point),
			      type, type, *controllers ? "," : "", controllers);
	}
	return buffer_text(&clean);
}

/* --- the process, the boot ---------------------------------------------------- */

/* Rights and places; not how it is called, and who else runs. */
static char *clean_status_line(struct mem *m, const char *line, struct capture_names *names)
{
	static const char *const kept[] = { "Uid:",         "Gid:",         "Cap",          "NoNewPrivs:", "Seccomp",
					    "THP_enabled:", "Cpus_allowed", "Mems_allowed", NULL };

	(void)names;
	return clean_keep(m, line, kept);
}

static char *clean_status(struct mem *m, const char *text, struct capture_names *names)
{
	return clean_lines(m, text, names, clean_status_line);
}

static char *clean_smaps(struct mem *m, const char *text, struct capture_names *names)
{
	const char *value = text_find_field(text, "KernelPageSize");

	(void)names;
	return mem_printf(m, "KernelPageSize: %s\n", value ? text_dup_line(m, value) : "?");
}

/* "NAME=VALUE" where the word sets that parameter; NULL: it does not. */
static char *clean_boot_value(struct mem *m, const char *word, const char *name)
{
	static const char values[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,:;._+-";
	const char *value = boot_find(m, word, name);

	return value ? mem_printf(m, "%s%s%s", name, strchr(word, '=') ? "=" : "",
				  value[strspn(value, values)] ? LEFT_OUT_WORD : value) :
		       NULL;
}

/* What the kernel makes of a word; NULL: it is about other matters. */
static char *clean_boot_word(struct mem *m, const char *word)
{
	static const char *const names[] = {
		"transparent_hugepage",
		"transparent_hugepage_shmem",
		"thp_anon",
		"thp_shmem",
		"hugepages",
		"hugepagesz",
		"default_hugepagesz",
		"numa_balancing",
		"numa",
		"iommu",
		"iommu.passthrough",
		"intel_iommu",
		"amd_iommu",
		"psi",
	};

	char *kept = NULL, *dotted = mem_strdup(m, word);

	for (size_t i = 0; !kept && i < sizeof names / sizeof *names; i++)
		kept = clean_boot_value(m, word, names[i]);
	/* "sysctl.vm.max_map_count=…" and "sysctl/vm/max_map_count=…" set what --tune sets. */
	for (size_t i = 0; dotted[i] && dotted[i] != '='; i++)
		dotted[i] = dotted[i] == '/' ? '.' : dotted[i];
	for (const struct tune_setting *s = tune_settings; !kept && s->key; s++) {
		if (s->sysctl)
			kept = clean_boot_value(m, dotted, mem_printf(m, "sysctl.%s", s->sysctl));
	}
	return kept;
}

/* What the kernel was told about memory and devices; the rest names disks and hosts. */
static char *clean_command_line(struct mem *m, const char *text, struct capture_names *names)
{
	static const char blanks[] = " \t\n";
	struct buffer clean = { .m = m };

	(void)names;
	for (size_t n; text += strspn(text, blanks), *text; text += n) {
		const char *word;
		bool is_quoted = false;

		/* Blanks in quotes are of the word. */
		for (n = 0; text[n] && (is_quoted || !strchr(blanks, text[n])); n++)
			is_quoted ^= text[n] == '"';
		word = mem_strndup(m, text, n);
		if (strcmp(word, "--") == 0)
			break;
		word = clean_boot_word(m, word);
		if (word)
			buffer_printf(&clean, "%s%s", clean.length ? " " : "", word);
	}
	buffer_append(&clean, clean.length ? "\n" : "ro\n");
	return buffer_text(&clean);
}

/* --- GPUs ------------------------------------------------------------------------ */

static char *clean_nvidia_line(struct mem *m, const char *line, struct capture_names *names)
{
	static const char *const kept[] = { "Model:", "Device Minor:", NULL };
	static const char uuid[] = "GPU UUID:";

	if (text_starts_with(line, uuid)) {
		/* All question marks until something has initialised it. */
		if (strchr(line, '?'))
			return mem_strdup(m, "GPU UUID: \t GPU-?");
		return mem_printf(m, "GPU UUID: \t GPU-00000000-0000-0000-0000-%012zu",
				  names_number(m, names, "GPU", text_dup_line(m, line + strlen(uuid))));
	}
	return clean_keep(m, line, kept);
}

static char *clean_nvidia(struct mem *m, const char *text, struct capture_names *names)
{
	return clean_lines(m, text, names, clean_nvidia_line);
}

static char *clean_kfd_line(struct mem *m, const char *line, struct capture_names *names)
{
	static const char *const kept[] = { "simd_count ", "cpu_cores_count ", "location_id ",        "domain ",
					    "vendor_id ",  "device_id ",       "gfx_target_version ", NULL };
	static const char id[] = "unique_id ";

	if (text_starts_with(line, id))
		return mem_printf(m, "%s%zu", id,
				  strcmp(line + strlen(id), "0") == 0 ?
					  0 :
					  names_number(m, names, "GPU", line + strlen(id)));
	return clean_keep(m, line, kept);
}

static char *clean_kfd(struct mem *m, const char *text, struct capture_names *names)
{
	return clean_lines(m, text, names, clean_kfd_line);
}

/* --- /etc ------------------------------------------------------------------------ */

static char *clean_preload(struct mem *m, const char *text, struct capture_names *names)
{
	char *entries = mem_strdup(m, text);
	struct buffer clean = { .m = m };
	const char *cursor = entries;

	preload_remove_comments(entries);
	for (char *entry; (entry = preload_next_of_file(m, &cursor));)
		buffer_printf(&clean, "%s\n", names_library(m, names, entry));
	return buffer_text(&clean);
}

static char *clean_active_profile(struct mem *m, const char *text, struct capture_names *names)
{
	return mem_printf(m, "%s\n", names_tuned(m, names, text_dup_line(m, text)));
}

/* A sysctl that --tune sets as well, with a number that it may have: the rest is an empty line. */
static char *clean_sysctl_line(struct mem *m, const char *line, struct capture_names *names)
{
	/* The pool of the default size: any will do for vm.nr_hugepages. */
	struct tune_facts facts = { .default_huge_size = 2 << 20 };
	const char *value;

	(void)names;
	line = text_dup_line(m, line);
	tune_parse_rivals(m, "", line, &facts);
	if (!facts.n_rivals)
		return mem_strdup(m, "");
	value = mem_strndup(m, facts.rivals[0].value, strcspn(facts.rivals[0].value, " \t#;"));
	return mem_printf(m, "%.*s = %s", (int)strcspn(line, " \t="), line,
			  text_is_digits(value) ? value : LEFT_OUT_WORD);
}

static char *clean_sysctl(struct mem *m, const char *text, struct capture_names *names)
{
	char *clean = clean_lines(m, text, names, clean_sysctl_line);

	return clean[strspn(clean, "\n")] ? clean : NULL;
}

/* The first that the path begins with, or has in it where it does not begin with a slash. */
static const struct {
	const char *path;
	clean_text *clean;
} rules[] = {
	{ "/proc/self/cgroup", clean_cgroup },
	{ "/proc/self/mountinfo", clean_mounts },
	{ "/proc/self/status", clean_status },
	{ "/proc/self/smaps", clean_smaps },
	{ "/proc/self/limits", clean_nothing },
	{ "/proc/self/oom_score_adj", clean_nothing },
	{ "/proc/cmdline", clean_command_line },
	{ "/proc/meminfo", clean_nothing },
	{ "/proc/vmstat", clean_nothing },
	{ "/proc/buddyinfo", clean_nothing },
	{ "/proc/sys/vm/", clean_nothing },
	{ "/proc/sys/kernel/osrelease", clean_nothing },
	{ "/proc/sys/kernel/arch", clean_nothing },
	{ "/proc/sys/kernel/numa_balancing", clean_nothing },
	{ "/proc/driver/nvidia/gpus/", clean_nvidia },
	{ "/sys/class/kfd/", clean_kfd },
	{ "/sys/devices/system/", clean_nothing },
	{ "/sys/bus/pci/", clean_nothing },
	{ "/sys/kernel/mm/", clean_nothing },
	{ "/sys/fs/cgroup/", clean_nothing },
	{ "/etc/allocrun/", clean_policy },
	{ "/etc/ld.so.preload", clean_preload },
	{ "/etc/tuned/active_profile", clean_active_profile },
	{ "/etc/sysctl.conf", clean_sysctl },
	{ "sysctl.d/", clean_sysctl },
};

char *capture_clean(struct mem *m, const char *path, const char *text, struct capture_names *names)
{
	/* In the capture cgroups lie at their usual place. */
	const char *to = capture_clean_path(m, path, names);

	for (size_t i = 0; to && i < sizeof rules / sizeof *rules; i++) {
		if (*rules[i].path == '/' ? text_starts_with(to, rules[i].path) : strstr(to, rules[i].path) != NULL)
			return rules[i].clean(m, text, names);
	}
	return NULL;
}

char *capture_clean_link(struct mem *m, const char *path, const char *target)
{
	return strcmp(path, "/etc/malloc.conf") == 0 ? clean_conf(m, CONF_JEMALLOC, target) : NULL;
}
