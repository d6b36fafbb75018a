/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/cgroup.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "detect/detectors.h"
#include "detect/mountinfo.h"
#include "util/text.h"

/*
 * Hosts with thousands of containers have mount tables of megabytes, but the cgroup
 * mounts, made at boot, stand at the start.
 */
#define CGROUP_MOUNTINFO_MAX (64 * 1024)

/* Is `word` one of those that `separator` divides in the first `length` bytes? */
static bool cgroup_has_word(const char *text, size_t length, char separator, const char *word)
{
	size_t word_length = strlen(word);
	const char *end = text + length;

	while (text < end) {
		const char *stop = memchr(text, separator, (size_t)(end - text));
		size_t n = (size_t)((stop ? stop : end) - text);

		if (n == word_length && memcmp(text, word, n) == 0)
			return true;
		if (!stop)
			return false;
		text = stop + 1;
	}
	return false;
}

/* The fields of one "ID:CONTROLLERS:PATH" line. */
static bool cgroup_split_self(const char *line, const char **ret_controllers, size_t *ret_length, const char **ret_path)
{
	const char *first = line + strcspn(line, ":\n");
	const char *second = *first == ':' ? first + 1 + strcspn(first + 1, ":\n") : first;

	/* A line that was cut off has no end, and its path none. */
	if (*first != ':' || *second != ':' || second[1] != '/' || !strchr(second, '\n'))
		return false;
	*ret_controllers = first + 1;
	*ret_length = (size_t)(second - first - 1);
	*ret_path = second + 1;
	return true;
}

void cgroup_parse_self(const char *text, struct mem *m, const char *controller, char **ret_path)
{
	const char *controllers, *path;
	size_t length;

	for (const char *line = text; line; line = text_next_line(line)) {
		if (!cgroup_split_self(line, &controllers, &length, &path))
			continue;
		if (*controller ? cgroup_has_word(controllers, length, ',', controller) : length == 0) {
			*ret_path = mem_strndup(m, path, strcspn(path, "\n"));
			return;
		}
	}
}

/* Does any line name a v1 controller? "name=systemd" is a hierarchy without one. */
static bool cgroup_has_v1_controller(const char *text)
{
	const char *controllers, *path;
	size_t length;

	for (const char *line = text; line; line = text_next_line(line)) {
		if (cgroup_split_self(line, &controllers, &length, &path) && length &&
		    !text_starts_with(controllers, "name="))
			return true;
	}
	return false;
}

/* A field of mountinfo, where a blank is written \040, up to the next blank. */
static char *cgroup_unescape(struct mem *m, const char *field)
{
	char *text = mem_strndup(m, field, strcspn(field, " \n")), *to = text;

	for (const char *from = text; *from;) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' && from[2] <= '7' &&
		    from[3] >= '0' && from[3] <= '7') {
			*to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + from[3] - '0');
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
	return text;
}

static void cgroup_parse_mount(const char *line, struct mem *m, struct cgroup_map *map)
{
	struct cgroup_mount *mount;
	struct mountinfo info;
	bool is_v2;

	if (mountinfo_parse_line(line, &info) < 0 || *info.subtree != '/' || *info.point != '/')
		return;
	is_v2 = text_starts_with(info.type, "cgroup2 ");
	if (!is_v2 && !text_starts_with(info.type, "cgroup "))
		return;
	mount = MEM_PUSH(m, map->mounts, map->n_mounts);
	mount->is_v2 = is_v2;
	mount->subtree = cgroup_unescape(m, info.subtree);
	mount->point = cgroup_unescape(m, info.point);
	mount->options = info.options && !is_v2 ? cgroup_unescape(m, info.options) : mem_strdup(m, "");
}

void cgroup_parse_mounts(const char *text, struct mem *m, struct cgroup_map *map)
{
	for (const char *line = text; line; line = text_next_line(line))
		cgroup_parse_mount(line, m, map);
}

enum cgroup_version cgroup_map_read(const struct root *root, struct mem *m, const char *process, struct cgroup_map *ret)
{
	bool has_v1 = false, has_v2 = false;
	struct stat st;
	char *mounts;
	int r;

	*ret = (struct cgroup_map){ 0 };
	r = root_read_record(root, m, mem_printf(m, "%s/cgroup", process), &ret->self);
	if (r == -ENOENT && root_stat(root, process, &st) == 0)
		return CGROUP_NONE;
	if (r < 0 || root_read_start(root, m, "/proc/self/mountinfo", CGROUP_MOUNTINFO_MAX, &mounts) < 0)
		return CGROUP_UNKNOWN;
	cgroup_parse_mounts(mounts, m, ret);
	for (size_t i = 0; i < ret->n_mounts; i++) {
		if (ret->mounts[i].is_v2)
			has_v2 = true;
		else
			has_v1 = true;
	}
	has_v1 = has_v1 && cgroup_has_v1_controller(ret->self);
	if (has_v1)
		return has_v2 ? CGROUP_HYBRID : CGROUP_V1;
	return has_v2 ? CGROUP_V2 : CGROUP_UNKNOWN;
}

/* "/.." or "/../…": outside of our cgroup namespace; where, nobody tells us. */
static bool cgroup_is_outside(const char *path)
{
	return text_starts_with(path, "/..") && (path[3] == '/' || !path[3]);
}

/*
 * What is left of our path below what is mounted: NULL when we are not below it.
 * That is so in a container that sees a mount of its host, or the other way round.
 */
static const char *cgroup_strip_subtree(const char *path, const char *subtree)
{
	size_t length = strlen(subtree);

	if (cgroup_is_outside(path) || cgroup_is_outside(subtree))
		return NULL;
	if (strcmp(subtree, "/") == 0)
		return path;
	if (strncmp(path, subtree, length) == 0 && (path[length] == '/' || !path[length]))
		return path + length;
	return NULL;
}

/* The last that fits, as later mounts hide earlier ones; one that holds us before others. */
static const struct cgroup_mount *cgroup_find_mount(const struct cgroup_map *map, bool v2, const char *controller,
						    const char *path)
{
	const struct cgroup_mount *found = NULL;
	bool is_above = false;

	for (size_t i = 0; i < map->n_mounts; i++) {
		const struct cgroup_mount *mount = &map->mounts[i];
		bool above = cgroup_strip_subtree(path, mount->subtree) != NULL;

		if (mount->is_v2 != v2 || (is_above && !above) ||
		    (!v2 && !cgroup_has_word(mount->options, strlen(mount->options), ',', controller)))
			continue;
		found = mount;
		is_above = above;
	}
	return found;
}

static void cgroup_list_folders(struct mem *m, const struct cgroup_mount *mount, const char *path,
				struct cgroup_place *place)
{
	const char *rest = cgroup_strip_subtree(path, mount->subtree);
	char *folder = mem_printf(m, "%s%s", mount->point, rest ? rest : "");
	size_t base = strlen(mount->point), length = strlen(folder);

	if (length >= PATH_MAX)
		return;
	while (length > base && folder[length - 1] == '/')
		folder[--length] = '\0';
	for (;;) {
		*MEM_PUSH(m, place->folders, place->n_folders) = mem_strdup(m, folder);
		if (strlen(folder) <= base)
			return;
		*strrchr(folder, '/') = '\0';
	}
}

void cgroup_map_find(const struct cgroup_map *map, struct mem *m, const char *controller, struct cgroup_place *ret)
{
	const struct cgroup_mount *mount;
	char *path = NULL;

	*ret = (struct cgroup_place){ .version = CGROUP_V1 };
	if (*controller)
		cgroup_parse_self(map->self, m, controller, &path);
	if (path) {
		/* A controller is in one hierarchy only: not found here is not found. */
		mount = cgroup_find_mount(map, false, controller, path);
	} else {
		ret->version = CGROUP_V2;
		cgroup_parse_self(map->self, m, "", &path);
		mount = path ? cgroup_find_mount(map, true, "", path) : NULL;
	}
	/* A path that leaves what is mounted cannot be followed: the mount's own limits are another's. */
	if (mount && !cgroup_is_outside(path))
		cgroup_list_folders(m, mount, path, ret);
}
