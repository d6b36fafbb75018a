/* SPDX-License-Identifier: Apache-2.0 */
/* The copy: what was recorded, cleaned, below a folder of its own. */
#include "capture/capturing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/buffer.h"
#include "util/output.h"
#include "util/replace.h"
#include "util/text.h"
#include "version.h"

/* Nothing that the detectors read is longer; of a longer one the start is enough. */
#define CAPTURE_FILE_MAX (1024 * 1024)
#define CAPTURE_NAMES_MAX 4096
#define CAPTURE_POLICY "/etc/allocrun/policy.conf"

/* Below where it goes, and what is known so far. */
struct capture {
	struct mem *m;
	const struct root *root;
	const char *folder;
	struct capture_names names;
	struct capture_result *result;
};

/* The folders above `path`, below `base`. */
static int capture_make_parents(struct mem *m, const char *base, const char *path)
{
	char *whole = mem_printf(m, "%s%s", base, path);

	for (char *slash = strchr(whole + strlen(base) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(whole, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}

static int capture_write_file(struct mem *m, const char *base, const char *path, const char *text)
{
	int fd, r = capture_make_parents(m, base, path);

	if (r < 0)
		return r;
	fd = open(mem_printf(m, "%s%s", base, path), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	/* Something below it was copied before: then it is a folder, and that is enough. */
	if (fd < 0)
		return errno == EISDIR ? 0 : -errno;
	r = output_write(fd, text);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

static int capture_text(struct capture *c, const char *path, const char *text)
{
	const char *clean = capture_clean(c->m, path, text, &c->names);

	if (!clean)
		return 0;
	c->result->n_files++;
	return capture_write_file(c->m, c->folder, capture_clean_path(c->m, path, &c->names), clean);
}

/* A policy that cannot be used is ignored as a whole; so is one that is no policy. */
static int capture_unusable(struct capture *c, const char *path)
{
	return text_starts_with(path, "/etc/allocrun/") ? capture_text(c, path, "unusable\n") : 0;
}

static int capture_content(struct capture *c, const char *path)
{
	size_t size;
	char *text;
	int r = root_read(c->root, c->m, path, CAPTURE_FILE_MAX, &text, &size);

	if (r == -EFBIG)
		r = root_read_start(c->root, c->m, path, CAPTURE_FILE_MAX, &text), size = r == 0 ? strlen(text) : 0;
	if (r == -ENOENT || r == -ENOTDIR || r == -EISDIR)
		return 0;
	if (r < 0) {
		const char *clean = capture_clean_path(c->m, path, &c->names);

		*MEM_PUSH(c->m, c->result->unread,
			  c->result->n_unread) = (struct capture_unread){ path, clean ? clean : "a file", r };
		return capture_unusable(c, path);
	}
	if (memchr(text, '\0', size)) {
		c->result->n_binary++;
		return capture_unusable(c, path);
	}
	return capture_text(c, path, text);
}

/* Something of this name: a folder, or an empty file. */
static int capture_existence(struct capture *c, const char *path)
{
	const char *to = capture_clean_path(c->m, path, &c->names);
	char *whole = mem_printf(c->m, "%s%s", c->folder, to ? to : "");
	struct stat st, there;
	int r;

	if (!to || root_stat(c->root, path, &st) < 0 || lstat(whole, &there) == 0)
		return 0;
	if (!S_ISDIR(st.st_mode))
		return capture_write_file(c->m, c->folder, to, "");
	r = capture_make_parents(c->m, c->folder, to);
	return r < 0 ? r : mkdir(whole, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int capture_link(struct capture *c, const char *path)
{
	const char *clean;
	char target[4096];
	int r;

	if (root_readlink(c->root, path, target, sizeof target) < 0)
		return 0;
	clean = capture_clean_link(c->m, path, target);
	if (!clean)
		return 0;
	r = capture_make_parents(c->m, c->folder, path);
	return r < 0 ? r : symlink(clean, mem_printf(c->m, "%s%s", c->folder, path)) < 0 ? -errno : 0;
}

/* Files of other tools are there by what they say, not by their names. */
static bool capture_lists(const char *path)
{
	return !strstr(path, "/sysctl.d") && !strstr(path, "/etc/allocrun");
}

static int capture_names_of(struct capture *c, const struct root_access *access)
{
	char **list;
	int r = root_list(c->root, c->m, access->path, access->prefix, &list);

	if (r < 0)
		return 0;
	r = capture_existence(c, access->path);
	for (int i = 0; r == 0 && list[i] && i < CAPTURE_NAMES_MAX && capture_lists(access->path); i++)
		r = capture_existence(c, mem_printf(c->m, "%s/%s", access->path, list[i]));
	return r;
}

static int capture_one(struct capture *c, const struct root_access *access)
{
	switch (access->question) {
	case ROOT_CONTENT:
		return capture_content(c, access->path);
	case ROOT_LINK:
		return capture_link(c, access->path);
	case ROOT_EXISTENCE:
		return capture_existence(c, access->path);
	default:
		return capture_names_of(c, access);
	}
}

static int capture_all(struct capture *c, const struct root_record *record, const char **ret_problem)
{
	/* Contents first: what has them needs no stand-in. */
	static const enum root_question order[] = { ROOT_CONTENT, ROOT_LINK, ROOT_EXISTENCE, ROOT_NAMES };

	for (size_t k = 0; k < sizeof order / sizeof *order; k++) {
		for (size_t i = 0; i < record->n; i++) {
			int r = record->items[i].question == order[k] ? capture_one(c, &record->items[i]) : 0;

			if (r < 0) {
				*ret_problem = mem_printf(c->m, "%s: %s", record->items[i].path, strerror(-r));
				return r;
			}
		}
	}
	return 0;
}

/* A pipe has been read to its end by the time that it is copied. */
static int capture_policy(struct capture *c, const char *policy, const char **ret_problem)
{
	struct stat st;
	char *text;
	int r = root_stat(&root_machine, policy, &st);

	if (r == 0 && !S_ISREG(st.st_mode)) {
		*ret_problem = mem_printf(c->m,
					  "the policy %s is no regular file, and cannot be copied; put it into one",
					  policy);
		return -EINVAL;
	}
	if (r == 0)
		r = root_read(&root_machine, c->m, policy, CAPTURE_FILE_MAX, &text, NULL);
	if (r == 0)
		r = capture_text(c, CAPTURE_POLICY, text);
	if (r < 0)
		*ret_problem = mem_printf(c->m, "%s: %s", policy, strerror(-r));
	return r;
}

static int capture_readme(struct capture *c, const char **ret_problem)
{
	struct buffer text = { .m = c->m };
	int r;

	buffer_append(
		&text,
		"A machine, captured by allocrun " ALLOCRUN_VERSION " --capture.\n\n"
		"allocrun --sysroot FOLDER --explain, --check and --tune --dry-run say what they would here.\n\n"
		"Each file is written anew from what allocrun understands of it. Left out: command lines and\n"
		"environments of processes, accounts, programs and libraries, the state of --tune, the ID of the\n"
		"boot, mounts other than /dev/shm and cgroups, comments, and what the kernel command line and the\n"
		"files of sysctl say of other matters.\n"
		"Replaced by a word and a number: names of control groups and where they are mounted in unusual\n"
		"places, files in folders of settings, libraries and their folders, profiles, UUIDs of GPUs. Of\n"
		"the policy the reasons of ignored checks and what is not understood are \"left out\".\n");
	for (size_t i = 0; i < c->result->n_unread; i++)
		buffer_printf(&text, "%s  %s: %s\n", i ? "" : "\nCould not be read:\n", c->result->unread[i].clean,
			      strerror(-c->result->unread[i].error));
	r = capture_write_file(c->m, c->folder, "/README", buffer_text(&text));
	if (r < 0)
		*ret_problem = mem_printf(c->m, "README: %s", strerror(-r));
	return r;
}

/* Not there, or empty. */
static int capture_check_folder(const char *folder, const char **ret_problem)
{
	DIR *dir = opendir(folder);
	int n = 0;

	if (!dir && errno == ENOENT)
		return 0;
	if (!dir) {
		*ret_problem = strerror(errno);
		return -errno;
	}
	while (n <= 2 && readdir(dir))
		n++;
	closedir(dir);
	if (n <= 2)
		return 0;
	*ret_problem = "it is not empty; name a new folder";
	return -ENOTEMPTY;
}

static int capture_fill(struct capture *c, const struct root_record *record, const char *policy,
			const char **ret_problem)
{
	char *cgroup = NULL, *mountinfo = NULL;
	int r;

	*c->result = (struct capture_result){ 0 };
	root_read(c->root, c->m, "/proc/self/cgroup", CAPTURE_FILE_MAX, &cgroup, NULL);
	root_read(c->root, c->m, "/proc/self/mountinfo", CAPTURE_FILE_MAX, &mountinfo, NULL);
	capture_learn_names(c->m, cgroup, mountinfo, record, &c->names);
	r = capture_all(c, record, ret_problem);
	if (r == 0 && policy)
		r = capture_policy(c, policy, ret_problem);
	return r < 0 ? r : capture_readme(c, ret_problem);
}

static int capture_remove(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st, (void)kind;
	if (where->level > 0)
		remove(path);
	return 0;
}

/* Where nothing may stand beside the folder, or the folder is where something is mounted: in its place. */
static int capture_fill_in_place(struct capture *c, const struct root_record *record, const char *policy,
				 const char *folder, const char **ret_problem)
{
	bool is_made = mkdir(folder, 0755) == 0;
	int r;

	if (!is_made && errno != EEXIST) {
		*ret_problem = strerror(errno);
		return -errno;
	}
	c->folder = folder;
	r = capture_fill(c, record, policy, ret_problem);
	if (r == 0)
		return 0;
	/* Half a capture would be taken for a whole one; the folder itself may be a link to one. */
	nftw(mem_printf(c->m, "%s/.", folder), capture_remove, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	if (is_made)
		rmdir(folder);
	return r;
}

/* "x" for "x/", and a link's own place. */
static char *capture_find_place(struct mem *m, const char *folder)
{
	char *place = realpath(folder, NULL), *found = mem_strdup(m, place ? place : folder);
	size_t n = strlen(found);

	free(place);
	while (n > 1 && found[n - 1] == '/')
		found[--n] = '\0';
	return found;
}

int capture_write(const struct root *root, struct mem *m, const struct root_record *record, const char *policy,
		  const char *folder, struct capture_result *ret, const char **ret_problem)
{
	char *place = capture_find_place(m, folder), *staged = replace_temporary(m, place);
	struct capture c = { .m = m, .root = root, .folder = staged, .result = ret };
	int r = capture_check_folder(folder, ret_problem);

	if (r < 0)
		return r;
	replace_prune(m, place);
	if (mkdir(staged, 0755) < 0)
		return capture_fill_in_place(&c, record, policy, folder, ret_problem);
	/* Under its own name it is whole, or not there: also when we are killed. */
	r = capture_fill(&c, record, policy, ret_problem);
	if (r == 0 && rename(staged, place) == 0)
		return 0;
	replace_remove(staged);
	return r < 0 ? r : capture_fill_in_place(&c, record, policy, folder, ret_problem);
}
