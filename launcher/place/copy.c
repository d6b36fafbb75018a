/* SPDX-License-Identifier: Apache-2.0 */
#include "place/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "known/inheritance.h"
#include "program/catalog.h"
#include "util/retry.h"
#include "util/text.h"

#define COPY_CHUNK (64 * 1024)
#define COPY_SUMS_MAX (1024 * 1024)

struct copy_file {
	const char *name;      /* below both trees */
	const char *sha256;    /* that it must have; NULL = that of the source */
	const char *temporary; /* in the copy; NULL = it is there already */
};

struct copy {
	struct mem *m;
	struct copy_result *result;
	const char *prefix, *folder;
	const char *sums; /* SHA256SUMS; NULL = the tree has none */
	struct copy_file *files;
	size_t n_files;
	const char **made; /* folders, outer ones first */
	size_t n_made;
};

static int copy_fail(struct copy *c, const char *path, int r, const char *problem)
{
	c->result->path = mem_strdup(c->m, path);
	c->result->problem = problem ? problem : strerrordesc_np(-r);
	return r;
}

/* The line "SHA256  NAME"; NULL. */
static const char *copy_find_sum(const struct copy *c, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = c->sums; line && *line; line = text_next_line(line)) {
		if (strcspn(line, " \n") == 64 && strncmp(line + 64, "  ", 2) == 0 &&
		    strncmp(line + 66, name, length) == 0 && line[66 + length] == '\n')
			return mem_strndup(c->m, line, 64);
	}
	return NULL;
}

static void copy_add(struct copy *c, const char *name, const char *sha256)
{
	*MEM_PUSH(c->m, c->files, c->n_files) = (struct copy_file){ name, sha256 ? sha256 : copy_find_sum(c, name),
								    NULL };
}

/* In the order in which they get their names. */
static int copy_list(struct copy *c)
{
	static const char *const variables[] = { NULL };
	const struct detect_request request = { .environment = variables, .thorough = true };
	struct catalog_facts catalog = { 0 };
	size_t start = strlen(c->prefix) + 1;
	char *sums;

	catalog_read(&root_machine, &root_machine, c->m, c->prefix, &request, NULL, &catalog);
	if (catalog.problem)
		return copy_fail(c, c->prefix, -EINVAL, catalog.problem);
	if (root_read(&root_machine, c->m, mem_printf(c->m, "%s/SHA256SUMS", c->prefix), COPY_SUMS_MAX, &sums, NULL) ==
	    0)
		c->sums = sums;
	for (size_t i = 0; i < catalog.n_builds; i++) {
		if (catalog.builds[i].is_bundled)
			copy_add(c, catalog.builds[i].path + start, catalog.builds[i].sha256);
	}
	copy_add(c, "lib/allocrun/probe", NULL);
	copy_add(c, INHERITANCE_FILE, NULL);
	copy_add(c, "lib/allocrun/manifest.json", NULL);
	copy_add(c, "bin/allocrun", NULL);
	return 0;
}

/* The folder and what is missing above it. */
static int copy_make_folder(struct copy *c, const char *path)
{
	struct stat st;
	int r;

	if (stat(path, &st) == 0)
		return S_ISDIR(st.st_mode) ? 0 : copy_fail(c, path, -ENOTDIR, NULL);
	r = strchr(path, '/') ? copy_make_folder(c, text_dirname(c->m, path)) : 0;
	if (r < 0)
		return r;
	if (mkdir(path, 0755) < 0) {
		/* Another copy at the same time. */
		return errno == EEXIST ? 0 : copy_fail(c, path, -errno, NULL);
	}
	*MEM_PUSH(c->m, c->made, c->n_made) = path;
	/* Whatever the umask: the server may run as another user. */
	return chmod(path, 0755) < 0 ? copy_fail(c, path, -errno, NULL) : 0;
}

static int copy_bytes(int from, int to)
{
	char chunk[COPY_CHUNK];
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = retry_read(from, chunk, sizeof chunk)) != 0)
		r = n < 0 ? (int)n : retry_write_all(to, chunk, (size_t)n);
	return r;
}

/* A new file of this name with the bytes of `from`. */
static int copy_write(struct copy *c, const char *from, const char *to)
{
	struct stat st;
	int source = root_openat(&root_machine, from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), target, r;

	if (source < 0)
		return copy_fail(c, from, source, NULL);
	/* Left by one of the same PID that was killed in between. */
	unlink(to);
	target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (target < 0) {
		r = -errno;
		close(source);
		return copy_fail(c, to, r, NULL);
	}
	r = copy_bytes(source, target);
	if (r == 0 &&
	    (fstat(source, &st) < 0 || fchmod(target, st.st_mode & 0111 ? 0755 : 0644) < 0 || fsync(target) < 0))
		r = -errno;
	/* Some file systems tell only now that they are full. */
	if (close(target) < 0 && r == 0)
		r = -errno;
	close(source);
	return r < 0 ? copy_fail(c, to, r, NULL) : 0;
}

/* Has the file these bytes? False for none, and for what may not be read. */
static bool copy_is(const struct copy *c, const char *path, const char *sha256)
{
	char *digest;

	return digest_file(&root_machine, c->m, path, &digest) == 0 && strcmp(digest, sha256) == 0;
}

static int copy_stage(struct copy *c, struct copy_file *file)
{
	const char *from = mem_printf(c->m, "%s/%s", c->prefix, file->name);
	const char *to = mem_printf(c->m, "%s/%s", c->folder, file->name);
	char *digest, *temporary;
	struct stat st;
	int r = digest_file(&root_machine, c->m, from, &digest);

	if (r < 0)
		return copy_fail(c, from, r, NULL);
	if (file->sha256 && strcmp(file->sha256, digest) != 0)
		return copy_fail(c, from, -EBADMSG, "has other bytes than the manifest or SHA256SUMS says");
	if (lstat(to, &st) == 0) {
		if (!S_ISREG(st.st_mode))
			return copy_fail(c, to, -EEXIST, "is there and no regular file");
		if (copy_is(c, to, digest))
			return 0;
	}
	r = copy_make_folder(c, text_dirname(c->m, to));
	if (r < 0)
		return r;
	temporary = mem_printf(c->m, "%s/.%s.%d.tmp", text_dirname(c->m, to), text_basename(to), (int)getpid());
	file->temporary = temporary;
	r = copy_write(c, from, temporary);
	if (r == 0 && !copy_is(c, temporary, digest))
		r = copy_fail(c, temporary, -EIO, "does not read back as it was written");
	return r;
}

static void copy_abandon(const struct copy *c)
{
	for (size_t i = 0; i < c->n_files; i++) {
		if (c->files[i].temporary)
			unlink(c->files[i].temporary);
	}
	for (size_t i = c->n_made; i > 0; i--)
		rmdir(c->made[i - 1]);
}

static int copy_name(struct copy *c, const struct copy_file *file)
{
	const char *to = mem_printf(c->m, "%s/%s", c->folder, file->name);

	if (!file->temporary)
		return 0;
	c->result->n_written++;
	return rename(file->temporary, to) < 0 ? copy_fail(c, to, -errno, NULL) : 0;
}

int copy_tree(struct mem *m, const char *prefix, const char *folder, struct copy_result *ret)
{
	struct copy c = { .m = m, .result = ret, .prefix = prefix, .folder = folder };
	int r;

	*ret = (struct copy_result){ 0 };
	r = copy_list(&c);
	for (size_t i = 0; i < c.n_files && r == 0; i++)
		r = copy_stage(&c, &c.files[i]);
	for (size_t i = 0; i < c.n_files && r == 0; i++)
		r = copy_name(&c, &c.files[i]);
	if (r < 0)
		copy_abandon(&c);
	ret->n_files = c.n_files;
	return r;
}
