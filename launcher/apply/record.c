/* SPDX-License-Identifier: Apache-2.0 */
#include "apply/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "facts/launch_record.h"
#include "known/systemd.h"
#include "util/apart.h"
#include "util/output.h"
#include "util/text.h"

#define RECORDS_KEPT 64
/* A file system that answers at all does so in less. */
#define RECORD_MS 1000
#define RECORDS_PRUNED 64 /* in one launch, so that none pays for all */

struct record record_prepare(struct mem *m, const char *setting)
{
	struct record record = { .fd = -1 };

	record.is_shared = strcmp(setting, "auto") == 0;
	if (record.is_shared) {
		record.path = mem_printf(m, RECORD_FOLDER "/" RECORD_NAME, (long long)getpid());
		record.runtime = systemd_runtime_folder(m, secure_getenv(SYSTEMD_RUNTIME_VARIABLE));
	} else if (strcmp(setting, "none") != 0) {
		record.path = mem_strdup(m, setting);
	}
	return record;
}

/*
 * A record outlives its process, for the question why it died. A crash loop must not
 * fill /run with them: beyond RECORDS_KEPT, some of those without a process go.
 */
static void record_prune(struct mem *m, const struct record *record)
{
	DIR *folder = opendir(text_dirname(m, record->path));
	int n = 0, removed = 0;

	if (!folder)
		return;
	for (struct dirent *entry; removed < RECORDS_PRUNED && (entry = readdir(folder));) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);
		bool is_half = strncmp(end, ".json.", 6) == 0; /* a launcher was killed over it */

		if (pid < 1 || pid > INT_MAX || (!is_half && (strcmp(end, ".json") != 0 || ++n <= RECORDS_KEPT)))
			continue;
		if (kill((pid_t)pid, 0) < 0 && errno == ESRCH && unlinkat(dirfd(folder), entry->d_name, 0) == 0)
			removed++;
	}
	closedir(folder);
}

static int record_open(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
}

static int record_create(struct mem *m, const struct record *record, const char *temporary)
{
	int fd = record_open(temporary);

	if (fd < 0 && errno == ENOENT && record->is_shared && mkdir(text_dirname(m, temporary), 0755) == 0)
		fd = record_open(temporary);
	if (fd < 0 && errno == EEXIST) {
		/* Left by a launcher of the same PID that was killed in between. */
		unlink(temporary);
		fd = record_open(temporary);
	}
	return fd < 0 ? -errno : fd;
}

static int record_write(struct mem *m, struct record *record, const char *text)
{
	struct stat st;
	char *temporary;
	int fd, r;

	/* A rename would replace /dev/null itself. */
	if (!record->is_shared && lstat(record->path, &st) == 0 && !S_ISREG(st.st_mode))
		return -EEXIST;
	temporary = mem_printf(m, "%s.%d.tmp", record->path, (int)getpid());
	fd = record_create(m, record, temporary);
	if (fd < 0)
		return fd;
	r = output_write(fd, text);
	if (r == 0 && rename(temporary, record->path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(temporary);
		close(fd);
		return r;
	}
	record->fd = fd;
	record->length = strlen(text);
	return 0;
}

/* What another process is to do. */
struct record_work {
	struct mem *m;
	struct record *record;
	const char *text; /* NULL: the file goes */
};

static int record_work(void *user)
{
	struct record_work *work = user;

	if (work->text)
		return record_write(work->m, work->record, work->text);
	return unlink(work->record->path) < 0 ? -errno : 0;
}

/* By another process. When it does not come back nothing further is asked of that file system. */
static int record_ask(struct mem *m, struct record *record, const char *text)
{
	struct record_work work = { m, record, text };
	int r = apart_run(RECORD_MS, record_work, &work);

	record->is_apart = r == 0 && text;
	return r;
}

/*
 * A service may have a folder of its own where that of all records is not its to write: User=, ProtectSystem=strict.
 * Others may be able to put a link there.
 */
static bool record_turn_to_runtime(struct mem *m, struct record *record)
{
	char *folder;
	struct stat st;

	if (!record->runtime)
		return false;
	folder = mem_printf(m, "%s/" RECORD_SUBFOLDER, record->runtime);
	if ((mkdir(folder, 0755) < 0 && errno != EEXIST) || lstat(folder, &st) < 0 || !S_ISDIR(st.st_mode) ||
	    st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH))
		return false;
	record->path = mem_printf(m, "%s/" RECORD_NAME, folder, (long long)getpid());
	return true;
}

int record_publish(struct mem *m, struct record *record, const char *text)
{
	int r;

	if (!record->path)
		return 0;
	if (!record->is_shared && !record_is_local(m, &root_machine, record->path))
		return record_ask(m, record, text);
	r = record_write(m, record, text);
	if (r < 0 && record->is_shared && record_turn_to_runtime(m, record))
		r = record_write(m, record, text);
	if (r == 0 && record->is_shared)
		record_prune(m, record);
	return r;
}

int record_amend(struct mem *m, struct record *record, const char *text)
{
	size_t length = strlen(text), blanks = record->length > length ? record->length - length : 0;
	char *whole;
	int r;

	if (record->is_apart)
		return record_ask(m, record, text);
	if (record->fd < 0)
		return 0;
	/* JSON may end in blanks: written at once over all that was there, it is never half of both. */
	whole = mem_printf(m, "%s%*s", text, (int)blanks, "");
	r = lseek(record->fd, 0, SEEK_SET) < 0 ? -errno : output_write(record->fd, whole);
	if (r == 0)
		record->length = length + blanks;
	return r;
}

int record_remove(struct mem *m, struct record *record)
{
	if (record->is_apart)
		return record_ask(m, record, NULL);
	if (record->fd < 0)
		return 0;
	if (unlink(record->path) < 0)
		return -errno;
	close(record->fd);
	record->fd = -1;
	return 0;
}
