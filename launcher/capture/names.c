/* SPDX-License-Identifier: Apache-2.0 */
/* Stand-ins for names, and where a file lies in the capture. */
#include "capture/names.h"

#include <stdlib.h>
#include <string.h>

#include "known/allocators.h"
#include "util/buffer.h"
#include "util/text.h"

#define FILES "file"     /* of a folder that is read in the order of names */
#define LIBRARIES "path" /* of libraries that were named by one */

static struct capture_name *names_find(const struct capture_names *names, const char *kind, const char *name)
{
	for (size_t i = 0; i < names->n; i++) {
		if (strcmp(names->items[i].kind, kind) == 0 && strcmp(names->items[i].name, name) == 0)
			return &names->items[i];
	}
	return NULL;
}

size_t names_number(struct mem *m, struct capture_names *names, const char *kind, const char *name)
{
	struct capture_name *known = names_find(names, kind, name);
	size_t number = 1;

	if (known)
		return known->number;
	for (size_t i = 0; i < names->n; i++)
		number += strcmp(names->items[i].kind, kind) == 0;
	*MEM_PUSH(m, names->items, names->n) = (struct capture_name){ mem_strdup(m, kind), mem_strdup(m, name),
								      number };
	return number;
}

char *names_stand_in(struct mem *m, struct capture_names *names, const char *kind, const char *name)
{
	return mem_printf(m, "%s%zu", kind, names_number(m, names, kind, name));
}

/* --- control groups ---------------------------------------------------------- */

static const char *names_group(struct mem *m, struct capture_names *names, const char *part)
{
	/* What they are called on all machines; "..": outside of our namespace. */
	static const char common[] =
		"system.slice user.slice machine.slice init.scope kubepods.slice kubepods docker ..";

	return !*part || text_has_word(common, part) ? part : names_stand_in(m, names, "group", part);
}

char *names_group_path(struct mem *m, struct capture_names *names, const char *path)
{
	struct buffer text = { .m = m };

	for (char *part; (part = text_next_piece(m, &path, '/'));)
		buffer_printf(&text, "%s%s", names_group(m, names, part), path[-1] == '/' ? "/" : "");
	return buffer_text(&text);
}

bool names_is_controller(const char *word)
{
	return text_has_word("cpu cpuacct cpuset memory blkio devices freezer net_cls net_prio perf_event hugetlb pids "
			     "rdma misc name=systemd systemd unified",
			     word);
}

const char *names_mount_point(struct mem *m, struct capture_names *names, const char *point)
{
	static const char usual[] = "/sys/fs/cgroup";
	const char *rest = point + strlen(usual);
	bool is_usual = text_starts_with(point, usual) && (!*rest || *rest == '/');

	/* "/sys/fs/cgroup/cpu,cpuacct" */
	for (size_t n; is_usual && *rest; rest += n) {
		rest++;
		n = strcspn(rest, ",");
		is_usual = names_is_controller(mem_strndup(m, rest, n));
	}
	return is_usual ? point : mem_printf(m, "%s/%s", usual, names_stand_in(m, names, "mount", point));
}

/* The mount point that the path lies below; NULL. */
static const char *names_find_point(const struct capture_names *names, const char *path)
{
	const char *point = NULL;

	for (size_t i = 0; i < names->cgroups.n_mounts; i++) {
		const char *other = names->cgroups.mounts[i].point;
		size_t n = strlen(other);

		if (n > 1 && strncmp(path, other, n) == 0 && (path[n] == '/' || !path[n]) &&
		    (!point || n > strlen(point)))
			point = other;
	}
	return point;
}

static char *names_cgroup_path(struct mem *m, struct capture_names *names, const char *path, const char *point)
{
	const char *rest = path + strlen(point), *file = text_basename(rest);
	const char *mount = names_mount_point(m, names, point);

	/* The last part is a file, unless it is known to be a group. */
	if (!*file || names_find(names, "group", file))
		return mem_printf(m, "%s%s", mount, names_group_path(m, names, rest));
	return mem_printf(m, "%s%s%s", mount, names_group_path(m, names, mem_strndup(m, rest, (size_t)(file - rest))),
			  file);
}

/* --- libraries ------------------------------------------------------------------ */

char *names_library(struct mem *m, struct capture_names *names, const char *path)
{
	const char *base = text_basename(path), *stem = "library";
	size_t number = names_number(m, names, LIBRARIES, path);

	/* As much of the name as says which allocator it is. */
	for (size_t n = strlen(base); preload_allocator_of(mem_strndup(m, base, n)); n--)
		stem = mem_strndup(m, base, n);
	if (base == path)
		return mem_printf(m, "%s%zu.so", stem, number);
	return mem_printf(m, "/%s/%s%zu.so", names_stand_in(m, names, "folder", text_dirname(m, path)), stem, number);
}

/* --- files of other tools -------------------------------------------------------- */

char *names_tuned(struct mem *m, struct capture_names *names, const char *list)
{
	static const char separators[] = " \t,;";
	static const char own[] =
		"accelerator-performance balanced balanced-battery cpu-partitioning hpc-compute intel-sst "
		"latency-performance network-latency network-throughput openshift openshift-node powersave realtime "
		"realtime-virtual-host throughput-performance virtual-guest virtual-host";
	struct buffer text = { .m = m };

	for (size_t n; *(list += strspn(list, separators)); list += n) {
		const char *word;

		n = strcspn(list, separators);
		word = mem_strndup(m, list, n);
		buffer_printf(&text, "%s%s", text.length ? " " : "",
			      text_has_word(own, word) ? word : names_stand_in(m, names, "tuned-profile", word));
	}
	return buffer_text(&text);
}

/* Folders whose files somebody names, and that are read in the order of the names. */
static bool names_is_drop_in(struct mem *m, const char *path)
{
	static const char *const folders[] = { "policy.d", "sysctl.d", NULL };

	return text_is_among(folders, text_basename(text_dirname(m, path)));
}

char *capture_clean_path(struct mem *m, const char *path, struct capture_names *names)
{
	/* What the detectors read of their own accord. */
	static const char *const tops[] = { "proc", "sys", "dev", "etc", "run", "usr", "lib", "lib32", "lib64", NULL };
	static const char rdma[] = "/sys/class/infiniband/";
	const char *point = names_find_point(names, path);

	if (point)
		return names_cgroup_path(m, names, path, point);
	if (names_find(names, LIBRARIES, path))
		return names_library(m, names, path);
	if (names_is_drop_in(m, path))
		return mem_printf(m, "%s/%s.conf", text_dirname(m, path),
				  names_stand_in(m, names, FILES, text_basename(path)));
	/* udev may have called them by their addresses. */
	if (text_starts_with(path, rdma))
		return mem_printf(m, "%s%s", rdma, names_stand_in(m, names, "rdma", path + strlen(rdma)));
	if (*path != '/' || !text_is_among(tops, mem_strndup(m, path + 1, strcspn(path + 1, "/"))))
		return NULL;
	return mem_strdup(m, path);
}

/* --- learning -------------------------------------------------------------------- */

static int names_compare(const void *a, const void *b)
{
	return strverscmp(*(const char *const *)a, *(const char *const *)b);
}

static void names_learn_files(struct mem *m, const struct root_record *record, struct capture_names *names)
{
	const char **files = NULL;
	size_t n = 0;

	for (size_t i = 0; i < record->n; i++) {
		if (record->items[i].question == ROOT_CONTENT && names_is_drop_in(m, record->items[i].path))
			*MEM_PUSH(m, files, n) = text_basename(record->items[i].path);
	}
	if (n)
		qsort(files, n, sizeof *files, names_compare);
	for (size_t i = 0; i < n; i++)
		names_number(m, names, FILES, files[i]);
}

void capture_learn_names(struct mem *m, const char *cgroup, const char *mountinfo, const struct root_record *record,
			 struct capture_names *ret)
{
	*ret = (struct capture_names){ 0 };
	names_learn_files(m, record, ret);
	if (mountinfo)
		cgroup_parse_mounts(mountinfo, m, &ret->cgroups);
	for (const char *at = cgroup; at; at = text_next_line(at)) {
		const char *path = strstr(text_dup_line(m, at), ":/");

		if (path)
			names_group_path(m, ret, path + 1);
	}
	for (size_t i = 0; i < ret->cgroups.n_mounts; i++)
		names_group_path(m, ret, ret->cgroups.mounts[i].subtree);
}
