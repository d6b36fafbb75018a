/* SPDX-License-Identifier: Apache-2.0 */
#include "util/trust.h"

#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "util/text.h"

/*
 * May others than root and the owner write it? What lies on a read-only mount, as a ConfigMap does, nobody
 * may; and what root itself may not write belongs to somebody outside of its user namespace.
 */
static bool trust_is_open(const char *path, const struct stat *st, uid_t owner)
{
	struct statvfs mount;
	bool is_others = st->st_uid != 0 && st->st_uid != owner && access(path, W_OK) == 0;
	bool is_open = (st->st_mode & S_IWOTH) || ((st->st_mode & S_IWGRP) && st->st_gid != 0) || is_others;

	return is_open && !(statvfs(path, &mount) == 0 && mount.f_flag & ST_RDONLY);
}

/* As it was started: what is read is read before the user changes. No system call. */
static bool trust_is_root(void)
{
	return getauxval(AT_EUID) == 0;
}

const char *trust_find_writer(struct mem *m, const struct root *root, const char *path, uid_t owner, const char *known)
{
	const char *folder = path;
	struct stat st;

	if (!root->live || !trust_is_root() || *path != '/')
		return NULL;
	if (stat(path, &st) == 0 && trust_is_open(path, &st, owner))
		return st.st_uid != 0 && st.st_uid != owner ? "it belongs to another user" : "others may write it";
	/* Who may write any of the folders can put another one there, and another file in it. */
	while (*folder && strcmp(folder, "/") != 0) {
		folder = text_dirname(m, folder);
		if (known && strcmp(folder, known) == 0)
			break;
		/* In /tmp nobody can take another's file away. */
		if (stat(*folder ? folder : "/", &st) == 0 && !(st.st_mode & S_ISVTX) &&
		    trust_is_open(*folder ? folder : "/", &st, owner))
			return mem_printf(m, "others may write %s", *folder ? folder : "/");
	}
	return NULL;
}

uid_t trust_own_owner(void)
{
	struct stat st;

	return trust_is_root() && stat("/proc/self/exe", &st) == 0 ? st.st_uid : 0;
}
