/* SPDX-License-Identifier: Apache-2.0 */
/* What does not leave the machine: names, identities, lines that nobody here reads. Pure. */
#include "capture/capture.h"

#include <ctype.h>
#include <string.h>

#include "tune/tune.h"
#include "util/text.h"

/* Parts of cgroup paths that are the same on all machines. */
static const char *const common_groups[] = {
	"system.slice", "user.slice", "machine.slice", "init.scope", "kubepods.slice", "kubepods", "docker", "",
};

static bool clean_is_among(const char *const *list, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(list[i], word) == 0)
			return true;
	}
	return false;
}

/* --- names ------------------------------------------------------------------- */

static void names_add_group(struct mem *m, struct capture_names *names, const char *part)
{
	if (!clean_is_among(common_groups, sizeof common_groups / sizeof *common_groups, part) &&
	    !clean_is_among(names->groups, names->n_groups, part))
		*MEM_PUSH(m, names->groups, names->n_groups) = part;
}

static void names_add_groups(struct mem *m, struct capture_names *names, const char *path)
{
	for (size_t n; *path; path += n + (path[n] == '/')) {
		n = strcspn(path, "/");
		names_add_group(m, names, mem_strndup(m, path, n));
	}
}

/* Field `n` of a mountinfo line, counted from 0. */
static char *clean_field(struct mem *m, const char *line, int n)
{
	for (; n > 0; n--) {
		line += strcspn(line, " ");
		line += *line == ' ';
	}
	return mem_strndup(m, line, strcspn(line, " "));
}

/* What stands behind " - " in it: type, source, options. */
static const char *clean_mount_tail(const char *line)
{
	const char *tail = strstr(line, " - ");

	return tail ? tail + 3 : "";
}

static bool clean_is_cgroup(const char *line)
{
	const char *tail = clean_mount_tail(line);

	return text_starts_with(tail, "cgroup ") || text_starts_with(tail, "cgroup2 ");
}

void capture_learn_names(struct mem *m, const char *cgroup, const char *mountinfo, const char *host,
			 struct capture_names *ret)
{
	*ret = (struct capture_names){ .host = strcmp(host, "localhost") == 0 ? "" : host };
	for (const char *at = cgroup; at; at = text_next_line(at)) {
		const char *line = text_dup_line(m, at), *path = strstr(line, ":/");

		if (path)
			names_add_groups(m, ret, path + 1);
	}
	for (const char *at = mountinfo; at; at = text_next_line(at)) {
		const char *line = text_dup_line(m, at);

		if (!clean_is_cgroup(line))
			continue;
		names_add_groups(m, ret, clean_field(m, line, 3));
		*MEM_PUSH(m, ret->points, ret->n_points) = clean_field(m, line, 4);
	}
}

/* "/system.slice/vllm-team7.service" -> "/system.slice/group1" */
static char *clean_group_path(struct mem *m, const char *path, const struct capture_names *names)
{
	char *text = mem_strdup(m, "");

	for (size_t n; *path; path += n) {
		const char *part;

		n = strcspn(path, "/");
		part = mem_strndup(m, path, n);
		for (size_t i = 0; i < names->n_groups; i++) {
			if (strcmp(names->groups[i], part) == 0)
				part = mem_printf(m, "group%zu", i + 1);
		}
		text = mem_printf(m, "%s%s%s", text, part, path[n] ? "/" : "");
		n += path[n] == '/';
	}
	return text;
}

static bool clean_is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* The host's name, as a word of its own, becomes "localhost". */
static char *clean_host(struct mem *m, const char *text, const char *host)
{
	size_t length = strlen(host);
	char *clean = mem_strdup(m, "");
	const char *start = text;

	if (!length)
		return mem_strdup(m, text);
	for (const char *at = strstr(text, host); at; at = strstr(at + 1, host)) {
		if ((at > text && clean_is_word(at[-1])) || clean_is_word(at[length]) || at < start)
			continue;
		clean = mem_printf(m, "%s%.*slocalhost", clean, (int)(at - start), start);
		start = at + length;
	}
	return mem_printf(m, "%s%s", clean, start);
}

char *capture_clean_path(struct mem *m, const char *path, const struct capture_names *names)
{
	const char *point = "";

	for (size_t i = 0; i < names->n_points; i++) {
		size_t n = strlen(names->points[i]);

		if (strncmp(path, names->points[i], n) == 0 && path[n] == '/' && n > strlen(point))
			point = names->points[i];
	}
	if (*point)
		path = mem_printf(m, "%s%s", point, clean_group_path(m, path + strlen(point), names));
	return text_starts_with(path, "/etc/") ? clean_host(m, path, names->host) : mem_strdup(m, path);
}

/* --- files ------------------------------------------------------------------- */

/* Keeps the lines for which `keep` gives a text; the others are left out. */
typedef const char *clean_line(struct mem *m, const char *line, struct capture_names *names);

static char *clean_lines(struct mem *m, const char *text, struct capture_names *names, clean_line *keep)
{
	char *clean = mem_strdup(m, "");

	for (const char *at = text; at && *at; at = text_next_line(at)) {
		const char *line = keep(m, mem_strndup(m, at, strcspn(at, "\n")), names);

		if (line)
			clean = mem_printf(m, "%s%s\n", clean, line);
	}
	return clean;
}

static const char *clean_cgroup_line(struct mem *m, const char *line, struct capture_names *names)
{
	const char *path = strstr(line, ":/");

	return path ? mem_printf(m, "%.*s:%s", (int)(path - line), line, clean_group_path(m, path + 1, names)) : NULL;
}

/* Only "rw" or "ro", and for tmpfs its size, of the options of a file system. */
static const char *clean_mount_options(struct mem *m, const char *options)
{
	const char *size = strstr(options, "size=");

	return mem_printf(m, "%.2s%s%s", text_starts_with(options, "ro") ? "ro" : "rw", size ? "," : "",
			  size ? mem_strndup(m, size, strcspn(size, ",")) : "");
}

/* Cgroups, and the four mounts that say what kind of place this is. */
static const char *clean_mount_line(struct mem *m, const char *line, struct capture_names *names)
{
	static const char *const points[] = { "/", "/proc", "/sys", "/dev/shm" };
	const char *point = clean_field(m, line, 4), *tail = clean_mount_tail(line), *dash = strstr(line, " - ");
	const char *type = clean_field(m, tail, 0), *options = clean_field(m, tail, 2), *rest;

	if (!dash || (!clean_is_cgroup(line) && !clean_is_among(points, sizeof points / sizeof *points, point)))
		return NULL;
	rest = mem_strndup(m, line, (size_t)(dash - line));
	for (int i = 0; i < 5; i++)
		rest += strcspn(rest, " ") + (rest[strcspn(rest, " ")] == ' ');
	return mem_printf(m, "%s %s %s %s %s %s - %s %s %s", clean_field(m, line, 0), clean_field(m, line, 1),
			  clean_field(m, line, 2),
			  clean_is_cgroup(line) ? clean_group_path(m, clean_field(m, line, 3), names) : "/", point, rest,
			  type, type, clean_is_cgroup(line) ? options : clean_mount_options(m, options));
}

/* What the kernel was told about memory and devices; the rest names disks and hosts. */
static char *clean_command_line(struct mem *m, const char *text)
{
	static const char *const words[] = {
		"transparent_hugepage", "transparent_hugepage_shmem", "thp_anon", "thp_shmem", "hugepages",
		"hugepagesz", "default_hugepagesz", "numa_balancing", "numa", "iommu", "iommu.passthrough",
		"intel_iommu", "amd_iommu", "psi",
	};
	char *clean = mem_strdup(m, "");

	for (size_t n; *text && *text != '\n'; text += n + strspn(text + n, " ")) {
		const char *word;

		n = strcspn(text, " \n");
		word = mem_strndup(m, text, n);
		if (strcmp(word, "--") == 0)
			break;
		if (clean_is_among(words, sizeof words / sizeof *words, mem_strndup(m, word, strcspn(word, "="))))
			clean = mem_printf(m, "%s%s%s", clean, *clean ? " " : "", word);
	}
	return mem_printf(m, "%s\n", *clean ? clean : "ro");
}

static char *clean_smaps(struct mem *m, const char *text)
{
	const char *value = text_find_field(text, "KernelPageSize");

	return mem_printf(m, "KernelPageSize: %s\n", value ? text_dup_line(m, value) : "?");
}

static const char *clean_status_line(struct mem *m, const char *line, struct capture_names *names)
{
	(void)names;
	return text_starts_with(line, "Groups:") ? mem_strdup(m, "Groups:\t ") : line;
}

/* The numbers of GPUs in the place of their identities. */
static const char *clean_gpu_line(struct mem *m, const char *line, struct capture_names *names)
{
	if (text_starts_with(line, "GPU UUID:"))
		return mem_printf(m, "GPU UUID: \t GPU-00000000-0000-0000-0000-%012zu", ++names->n_gpus);
	if (text_starts_with(line, "unique_id "))
		return mem_printf(m, "unique_id %zu", strcmp(line, "unique_id 0") == 0 ? (size_t)0 : ++names->n_gpus);
	return text_starts_with(line, "Video BIOS:") || text_starts_with(line, "GPU Firmware:") ? NULL : line;
}

/* Values that name somebody are replaced; comments lose their words and keep their line. */
static const char *clean_policy_line(struct mem *m, const char *line, struct capture_names *names)
{
	const char *start, *equals, *colon;
	char *key;

	(void)names;
	/* A comment behind a value, which begins with a blank, goes as a whole. */
	for (size_t i = 1; line[i - 1] && line[i]; i++) {
		if (line[i] == ';' && strchr(" \t", line[i - 1])) {
			line = mem_strndup(m, line, i - 1);
			break;
		}
	}
	start = line + strspn(line, " \t");
	equals = strchr(start, '=');
	if (*start == '#' || *start == ';')
		return mem_strdup(m, "#");
	if (!equals || *start == '[')
		return line;
	key = mem_strndup(m, start, (size_t)(equals - start));
	key[strcspn(key, " \t")] = '\0';
	/* Accounts are left out, and so is who is meant. */
	if (strcmp(key, "user") == 0)
		return mem_strdup(m, "#");
	if (!text_starts_with(key, "ignore."))
		return line;
	colon = strstr(equals, "until ") ? strchr(equals, ':') : NULL;
	return mem_printf(m, "%.*s left out", (int)((colon ? colon : equals) + 1 - line), line);
}

/* The lines that set one of our files, at their places; NULL = there is none. */
static char *clean_rival(struct mem *m, enum tune_rival_form form, const char *path, const char *text)
{
	char *clean = mem_strdup(m, "");
	bool is_used = false;

	for (const char *at = text; at && *at; at = text_next_line(at)) {
		const char *line = text_dup_line(m, at);
		struct tune_facts facts = { .default_huge_size = 1 << 21 };

		tune_parse_rivals(m, form, path, mem_printf(m, "%s\n", line), &facts);
		if (!facts.n_rivals && !(form == TUNE_RIVAL_TUNED && (*line == '[' || text_starts_with(line, "include"))))
			line = "";
		is_used |= *line != '\0';
		clean = mem_printf(m, "%s%s\n", clean, line);
	}
	return is_used ? clean : NULL;
}

char *capture_clean(struct mem *m, const char *path, const char *text, struct capture_names *names)
{
	static const struct {
		const char *prefix;
		clean_line *keep;
	} rules[] = {
		{ "/proc/self/cgroup", clean_cgroup_line },
		{ "/proc/self/mountinfo", clean_mount_line },
		{ "/proc/self/status", clean_status_line },
		{ "/proc/driver/nvidia/", clean_gpu_line },
		{ "/sys/class/kfd/", clean_gpu_line },
		{ "/etc/allocrun/", clean_policy_line },
	};

	/* Of one boot, accounts, and what an earlier tune has left. */
	if (strcmp(path, "/proc/sys/kernel/random/boot_id") == 0 || strcmp(path, "/etc/passwd") == 0 ||
	    strcmp(path, "/etc/group") == 0 || text_starts_with(path, TUNE_STATE_FOLDER "/"))
		return NULL;
	if (strcmp(path, "/proc/cmdline") == 0)
		return clean_command_line(m, text);
	if (strcmp(path, "/proc/self/smaps") == 0)
		return clean_smaps(m, text);
	if (strstr(path, "/sysctl."))
		return clean_rival(m, TUNE_RIVAL_SYSCTL, path, text);
	if (strstr(path, "/tmpfiles.d/"))
		return clean_rival(m, TUNE_RIVAL_TMPFILES, path, text);
	if (strstr(path, "/tuned.conf"))
		return clean_rival(m, TUNE_RIVAL_TUNED, path, text);
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		if (text_starts_with(path, rules[i].prefix))
			text = clean_lines(m, text, names, rules[i].keep);
	}
	/* The kernel's own words and numbers; a host may be called like one of them. */
	if (text_starts_with(path, "/sys/") || text_starts_with(path, "/proc/sys/vm/"))
		return mem_strdup(m, text);
	return clean_host(m, text, names->host);
}
