/* SPDX-License-Identifier: Apache-2.0 */
/* Where a launch record is to lie, without asking the file system there. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "apply/record.h"
#include "detect/mountinfo.h"
#include "util/text.h"

#define PLACE_MOUNTS_MAX (4 * 1024 * 1024)

/* They have no server and no daemon that could be silent. */
static const char place_local[] =
	"ext2 ext3 ext4 xfs btrfs bcachefs f2fs zfs tmpfs ramfs overlay vfat exfat erofs squashfs";

/* The mount's path, as a name: "\040" is a blank there. */
static char *place_dup_point(struct mem *m, const char *field)
{
	char *path = mem_strndup(m, field, strcspn(field, " \n")), *to = path;

	for (const char *from = path; *from; to++) {
		bool is_escape = from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] && from[3];

		*to = is_escape ? (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + from[3] - '0') : *from;
		from += is_escape ? 4 : 1;
	}
	*to = '\0';
	return path;
}

/* Is the path that of the folder, or of something below it? */
static bool place_is_below(const char *path, const char *folder)
{
	size_t n = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

	return strncmp(path, folder, n) == 0 && (path[n] == '/' || !path[n]);
}

/* The mount that the folder is in by its name; its type to *ret_type. NULL: not known. */
static char *place_find_mount(struct mem *m, const struct root *root, const char *folder, char **ret_type)
{
	struct mountinfo mount;
	char *text, *best = NULL;

	if (root_read(root, m, "/proc/self/mountinfo", PLACE_MOUNTS_MAX, &text, NULL) < 0)
		return NULL;
	for (const char *line = text; line && *line; line = text_next_line(line)) {
		char *point;

		if (mountinfo_parse_line(line, &mount) < 0)
			continue;
		point = place_dup_point(m, mount.point);
		/* Of two at one place the later one lies over the other. */
		if (!place_is_below(folder, point) || (best && strlen(point) < strlen(best)))
			continue;
		best = point;
		*ret_type = mem_strndup(m, mount.type, strcspn(mount.type, " \n"));
	}
	return best;
}

/* Can the folder be reached from the mount without a link and without another mount? */
static bool place_is_inside(const char *point, const char *folder)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	const char *rest = folder + (strcmp(point, "/") == 0 ? 0 : strlen(point));
	int at = open(point, O_PATH | O_DIRECTORY | O_CLOEXEC);
	long fd = -1;

	rest += strspn(rest, "/");
	if (at >= 0) {
		fd = syscall(SYS_openat2, at, *rest ? rest : ".", &how, sizeof how);
		close(at);
	}
	if (fd >= 0)
		close((int)fd);
	return fd >= 0;
}

bool record_is_local(struct mem *m, const struct root *root, const char *path)
{
	char here[PATH_MAX] = "", *type = NULL, *point;
	const char *folder;

	if (*path != '/' && !getcwd(here, sizeof here))
		return false;
	folder = text_dirname(m, *path == '/' ? path : mem_printf(m, "%s/%s", here, path));
	point = place_find_mount(m, root, folder, &type);
	return point && text_has_word(place_local, type) && place_is_inside(point, folder);
}
