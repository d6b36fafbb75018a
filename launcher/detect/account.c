/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The account that --user names, from /etc/passwd and /etc/group. glibc's fgetpwent()
 * and fgetgrent() read the files; getpwnam() would load NSS modules of the image's
 * libc into a static program.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "detect/detectors.h"

/* The largest ID; -1 means "leave alone" to setresuid(2). */
#define ID_MAX (UINT32_MAX - 1)

/* -EINVAL when the text is no number. */
static int account_parse_id(const char *text, int64_t *ret)
{
	char *end;
	unsigned long long value;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (*end || errno || value > ID_MAX)
		return -EINVAL;
	*ret = (int64_t)value;
	return 0;
}

/* NULL: *error says why, 0 where there is no such file. */
static FILE *account_open(const struct root *root, const char *path, int *error)
{
	int fd = root_openat(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);

	*error = fd == -ENOENT || fd >= 0 ? 0 : -fd;
	return fd < 0 ? NULL : fdopen(fd, "r");
}

/* Closes what was read to its end, or until it could not be read: that goes to *error. */
static void account_close(FILE *file, int *error)
{
	if (file && ferror(file))
		*error = errno ? errno : EIO;
	if (file)
		fclose(file);
}

/* "+::::::" and "-name" are words to NIS, and nobody's entry; nor can anybody become number -1. */
static bool account_is_entry(const char *name, uint32_t id)
{
	return *name != '+' && *name != '-' && id <= ID_MAX;
}

/* The entry with this name or, if the name is a number, this UID. */
static int account_read_passwd(const struct root *root, struct mem *m, const char *name, struct account_facts *a)
{
	int error;
	FILE *file = account_open(root, "/etc/passwd", &error);

	for (struct passwd *p; file && (p = fgetpwent(file));) {
		if (!account_is_entry(p->pw_name, p->pw_uid) || p->pw_gid > ID_MAX)
			continue;
		if (strcmp(p->pw_name, name) != 0 && (int64_t)p->pw_uid != a->uid)
			continue;
		a->name = mem_strdup(m, p->pw_name);
		a->home = mem_strdup(m, p->pw_dir);
		a->uid = p->pw_uid;
		if (a->gid == FACT_UNKNOWN)
			a->gid = p->pw_gid;
		break;
	}
	account_close(file, &error);
	return error;
}

static bool account_is_member(const struct group *g, const char *name)
{
	for (char **member = g->gr_mem; name && *member; member++) {
		if (strcmp(*member, name) == 0)
			return true;
	}
	return false;
}

/* The group that was named, and those that list the account as a member. */
static int account_read_group(const struct root *root, struct mem *m, const char *group, struct account_facts *a)
{
	int error;
	FILE *file = account_open(root, "/etc/group", &error);

	for (struct group *g; file && (g = fgetgrent(file));) {
		if (!account_is_entry(g->gr_name, g->gr_gid))
			continue;
		if (*group && a->gid == FACT_UNKNOWN && strcmp(g->gr_name, group) == 0)
			a->gid = g->gr_gid;
		if (account_is_member(g, a->name))
			*MEM_PUSH(m, a->groups, a->n_groups) = g->gr_gid;
	}
	account_close(file, &error);
	return error;
}

static void account_add_own_group(struct mem *m, struct account_facts *a)
{
	for (size_t i = 0; i < a->n_groups; i++) {
		if ((int64_t)a->groups[i] == a->gid)
			return;
	}
	*MEM_PUSH(m, a->groups, a->n_groups) = (gid_t)a->gid;
}

void account_detect(const struct root *root, struct mem *m, const char *user, struct account_facts *ret)
{
	size_t n = strcspn(user, ":");
	char *name = mem_strndup(m, user, n);
	const char *group = user[n] ? user + n + 1 : "";
	int64_t own_gid = FACT_UNKNOWN;
	int passwd_error, group_error;

	*ret = (struct account_facts){ .uid = FACT_UNKNOWN, .gid = FACT_UNKNOWN };
	account_parse_id(name, &ret->uid);
	account_parse_id(group, &own_gid);
	passwd_error = account_read_passwd(root, m, name, ret);
	if (ret->uid == FACT_UNKNOWN) {
		ret->problem = passwd_error ? mem_printf(m, "/etc/passwd cannot be read: %s", strerror(passwd_error)) :
					      mem_printf(m, "no user '%s' in /etc/passwd", name);
		return;
	}
	/* A group of its own replaces that of /etc/passwd. */
	if (*group)
		ret->gid = own_gid;
	group_error = account_read_group(root, m, group, ret);
	if (group_error) {
		/* Its groups are half of what a user is. */
		ret->problem = mem_printf(m, "/etc/group cannot be read: %s", strerror(group_error));
		return;
	}
	if (ret->gid == FACT_UNKNOWN && passwd_error) {
		ret->problem = mem_printf(m, "/etc/passwd cannot be read: %s", strerror(passwd_error));
		return;
	}
	if (ret->gid == FACT_UNKNOWN) {
		ret->problem = *group ? mem_printf(m, "no group '%s' in /etc/group", group) :
					mem_printf(m, "UID %s has no entry in /etc/passwd: give UID:GID", name);
		return;
	}
	account_add_own_group(m, ret);
}
