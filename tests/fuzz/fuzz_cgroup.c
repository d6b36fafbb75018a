/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/self/cgroup and, behind a line "--", /proc/self/mountinfo. */
#include <limits.h>

#include "detect/cgroup.h"
#include "detect/detectors.h"
#include "fuzz.h"

static const char *const controllers[] = { "", "memory", "cpu", "cpuset", "cpuacct", "name=systemd" };

static void check_path(struct mem *m, const char *text, const char *controller)
{
	char *path = NULL;

	cgroup_parse_self(text, m, controller, &path);
	if (!path)
		return;
	FUZZ_CHECK(path[0] == '/' && !strchr(path, '\n'));
	FUZZ_CHECK(strstr(text, mem_printf(m, ":%s\n", path)) != NULL);
}

/* Our own folder first, then its ancestors, the last the mount itself. */
static void check_place(const struct cgroup_map *map, const struct cgroup_place *place)
{
	bool is_a_mount = place->n_folders == 0;

	FUZZ_CHECK(place->version == CGROUP_V1 || place->version == CGROUP_V2);
	for (size_t i = 0; i < place->n_folders; i++) {
		const char *folder = place->folders[i];

		FUZZ_CHECK(strlen(folder) < PATH_MAX);
		if (i > 0)
			FUZZ_CHECK(strlen(folder) < strlen(place->folders[i - 1]) &&
				   strncmp(folder, place->folders[i - 1], strlen(folder)) == 0);
	}
	for (size_t i = 0; i < map->n_mounts && place->n_folders; i++)
		is_a_mount |= strcmp(map->mounts[i].point, place->folders[place->n_folders - 1]) == 0;
	FUZZ_CHECK(is_a_mount);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = MEM_INIT;
	struct cgroup_map map = { NULL, NULL, 0 };
	char *text = fuzz_text(&m, data, size);
	char *mounts = strstr(text, "\n--\n");

	if (mounts) {
		mounts[1] = '\0';
		mounts += 4;
	}
	map.self = text;
	cgroup_parse_mounts(mounts ? mounts : "", &m, &map);
	for (size_t i = 0; i < map.n_mounts; i++) {
		const struct cgroup_mount *mount = &map.mounts[i];

		FUZZ_CHECK(mount->point && mount->subtree && mount->options);
		FUZZ_CHECK(!mount->is_v2 || !*mount->options);
	}
	for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++) {
		struct cgroup_place place;

		check_path(&m, text, controllers[i]);
		cgroup_map_find(&map, &m, controllers[i], &place);
		check_place(&map, &place);
	}
	mem_free_all(&m);
	return 0;
}
