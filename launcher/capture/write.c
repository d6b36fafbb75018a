/* SPDX-License-Identifier: Apache-2.0 */
/* The copy: what was recorded, cleaned, below a folder of its own. */
#include "capture/capture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/output.h"
#include "util/text.h"

/* Nothing that the detectors read is longer; of a longer one the start is enough. */
#define CAPTURE_FILE_MAX (1024 * 1024)
#define CAPTURE_NAMES_MAX 4096

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

static void capture_note_unread(struct mem *m, struct capture_result *result, const char *path, int error)
{
	*MEM_PUSH(m, result->unread, result->n_unread) = mem_printf(m, "%s: %s", path, strerror(-error));
}

static int capture_content(const struct root *root, struct mem *m, const char *path, const char *folder,
			   struct capture_names *names, struct capture_result *result)
{
	size_t size;
	char *text, *clean;
	int r = root_read(root, m, path, CAPTURE_FILE_MAX, &text, &size);

	if (r == -EFBIG)
		r = root_read_start(root, m, path, CAPTURE_FILE_MAX, &text), size = r == 0 ? strlen(text) : 0;
	if (r == -ENOENT || r == -ENOTDIR || r == -EISDIR)
		return 0;
	if (r < 0) {
		capture_note_unread(m, result, path, r);
		return 0;
	}
	if (memchr(text, '\0', size)) {
		result->n_binary++;
		return 0;
	}
	clean = capture_clean(m, path, text, names);
	if (!clean)
		return 0;
	result->n_files++;
	return capture_write_file(m, folder, capture_clean_path(m, path, names), clean);
}

/* Something of this name: a folder, or an empty file. */
static int capture_existence(const struct root *root, struct mem *m, const char *path, const char *folder,
			     const struct capture_names *names)
{
	const char *to = capture_clean_path(m, path, names);
	char *whole = mem_printf(m, "%s%s", folder, to);
	struct stat st, there;
	int r;

	if (root_stat(root, path, &st) < 0 || lstat(whole, &there) == 0)
		return 0;
	if (!S_ISDIR(st.st_mode))
		return capture_write_file(m, folder, to, "");
	r = capture_make_parents(m, folder, to);
	return r < 0 ? r : mkdir(whole, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int capture_link(const struct root *root, struct mem *m, const char *path, const char *folder,
			const struct capture_names *names)
{
	const char *to = capture_clean_path(m, path, names);
	char target[4096];
	int r;

	if (!text_starts_with(path, "/etc/") || root_readlink(root, path, target, sizeof target) < 0)
		return 0;
	r = capture_make_parents(m, folder, to);
	return r < 0 ? r : symlink(target, mem_printf(m, "%s%s", folder, to)) < 0 ? -errno : 0;
}

/* Files of other tools are there by what they say, not by their names. */
static bool capture_lists(const char *path)
{
	return !strstr(path, "/sysctl.d") && !strstr(path, "/tmpfiles.d") && !strstr(path, "/etc/allocrun");
}

static int capture_names_of(const struct root *root, struct mem *m, const struct root_access *access,
			    const char *folder, const struct capture_names *names)
{
	char **list;
	int r = root_list(root, m, access->path, access->prefix, &list);

	if (r < 0)
		return 0;
	r = capture_existence(root, m, access->path, folder, names);
	for (int i = 0; r == 0 && list[i] && i < CAPTURE_NAMES_MAX && capture_lists(access->path); i++)
		r = capture_existence(root, m, mem_printf(m, "%s/%s", access->path, list[i]), folder, names);
	return r;
}

static int capture_one(const struct root *root, struct mem *m, const struct root_access *access,
		       const char *folder, struct capture_names *names, struct capture_result *result)
{
	switch (access->question) {
	case ROOT_CONTENT:
		return capture_content(root, m, access->path, folder, names, result);
	case ROOT_LINK:
		return capture_link(root, m, access->path, folder, names);
	case ROOT_EXISTENCE:
		return capture_existence(root, m, access->path, folder, names);
	default:
		return capture_names_of(root, m, access, folder, names);
	}
}

/* Made, or there and empty. */
static int capture_open_folder(const char *folder, const char **ret_problem)
{
	struct dirent *entry;
	int n = 0;
	DIR *dir;

	if (mkdir(folder, 0755) < 0 && errno != EEXIST) {
		*ret_problem = strerror(errno);
		return -errno;
	}
	dir = opendir(folder);
	if (!dir) {
		*ret_problem = strerror(errno);
		return -errno;
	}
	while (n <= 2 && (entry = readdir(dir)))
		n++;
	closedir(dir);
	if (n <= 2)
		return 0;
	*ret_problem = "it is not empty; name a new folder";
	return -ENOTEMPTY;
}

int capture_write(const struct root *root, struct mem *m, const struct root_record *record,
		  const char *folder, const char *host, struct capture_result *ret,
		  const char **ret_problem)
{
	/* Contents first: what has them needs no stand-in. */
	static const enum root_question order[] = { ROOT_CONTENT, ROOT_LINK, ROOT_EXISTENCE, ROOT_NAMES };
	char *cgroup = NULL, *mountinfo = NULL;
	struct capture_names names;
	int r = capture_open_folder(folder, ret_problem);

	if (r < 0)
		return r;
	*ret = (struct capture_result){ 0 };
	root_read(root, m, "/proc/self/cgroup", CAPTURE_FILE_MAX, &cgroup, NULL);
	root_read(root, m, "/proc/self/mountinfo", CAPTURE_FILE_MAX, &mountinfo, NULL);
	capture_learn_names(m, cgroup, mountinfo, host, &names);
	for (size_t k = 0; k < sizeof order / sizeof *order; k++) {
		for (size_t i = 0; i < record->n; i++) {
			if (record->items[i].question != order[k])
				continue;
			r = capture_one(root, m, &record->items[i], folder, &names, ret);
			if (r < 0) {
				*ret_problem = mem_printf(m, "%s: %s", record->items[i].path, strerror(-r));
				return r;
			}
		}
	}
	return 0;
}
