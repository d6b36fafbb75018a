/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "live/context.h"
#include "util/text.h"

/* The kernel has no more levels of user namespaces. */
#define OWNER_LEVELS_MAX 33

/* The number in the link's "user:[4026531837]"; 0 = not known. */
static uint64_t owner_read_space(const struct live_context *c, const char *folder, const char *kind)
{
	char link[64];
	const char *digits;
	uint64_t number;

	if (root_readlink(c->root, mem_printf(c->m, "%s/ns/%s", folder, kind), link, sizeof link) < 0)
		return 0;
	digits = strchr(link, '[');
	return digits && text_parse_u64(digits + 1, 10, &number, NULL) == 0 ? number : 0;
}

/*
 * Who made the outermost user namespace below ours in which the process is: inside of one a user has as
 * many UIDs as he was given, and makes further ones. -1: not known.
 */
static int64_t owner_find_maker(const struct live_context *c, const char *folder, uint64_t ours)
{
	int fd = root_openat(c->root, mem_printf(c->m, "%s/ns/user", folder), O_RDONLY);
	uid_t uid = (uid_t)-1;
	struct stat st;

	for (int level = 0; fd >= 0 && level < OWNER_LEVELS_MAX; level++) {
		int outer = ioctl(fd, NS_GET_PARENT);

		if (outer < 0 || fstat(outer, &st) < 0 || st.st_ino == ours) {
			if (outer >= 0)
				close(outer);
			break;
		}
		close(fd);
		fd = outer;
	}
	if (fd >= 0) {
		ioctl(fd, NS_GET_OWNER_UID, &uid);
		close(fd);
	}
	return uid == (uid_t)-1 ? -1 : (int64_t)uid;
}

struct live_owner owner_detect(const struct live_context *c, int64_t pid)
{
	char *folder = mem_printf(c->m, "/proc/%lld", (long long)pid), *text;
	uint64_t ours = owner_read_space(c, "/proc/self", "user"), theirs = owner_read_space(c, folder, "user");
	struct live_owner owner = { -1, 0 };

	if (!c->root->live)
		return owner;
	if (ours && theirs && ours != theirs) {
		owner.uid = owner_find_maker(c, folder, ours);
		return owner;
	}
	if (root_read_record(c->root, c->m, mem_printf(c->m, "%s/status", folder), &text) == 0)
		text_read_i64(text, "Uid", &owner.uid);
	owner.space = owner_read_space(c, folder, "pid");
	return owner;
}
