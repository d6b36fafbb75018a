/* SPDX-License-Identifier: Apache-2.0 */
#include "live/channel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "util/apart.h"
#include "util/clock.h"

#define CHANNEL_TMPFS 0x01021994
/* Without them the process could take the page away under us, and that is SIGBUS. */
#define CHANNEL_SEALED (F_SEAL_SHRINK | F_SEAL_GROW)

/* In memory that the process which may hang shares with us. */
struct channel_call {
	int64_t pid;
	struct channel_command command;
	uint64_t value;
	int64_t end_ms;
};

/* Is the link named as a file in memory of that name? Then its path is opened: nothing has happened to it yet. */
static int channel_look(const char *path, const char *name)
{
	char target[64], wanted[64];
	ssize_t n = readlink(path, target, sizeof target);
	int length = snprintf(wanted, sizeof wanted, "/memfd:%s (deleted)", name);

	if (n < 0)
		return -errno;
	return n == length && memcmp(target, wanted, (size_t)n) == 0 ? open(path, O_PATH | O_CLOEXEC) : -ENXIO;
}

/* A regular file in memory: its descriptor, or -errno. */
static int channel_open_file(int path_fd, int flags)
{
	char own[sizeof "/proc/self/fd/" + 3 * sizeof(int)];
	struct statfs system;
	struct stat st;
	int fd;

	if (fstat(path_fd, &st) < 0 || fstatfs(path_fd, &system) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || system.f_type != CHANNEL_TMPFS)
		return -ENXIO;
	snprintf(own, sizeof own, "/proc/self/fd/%d", path_fd);
	fd = open(own, flags | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* The page, for both, of the size that it has and cannot lose. */
static int channel_open_page(int path_fd)
{
	int fd = channel_open_file(path_fd, O_RDWR), seals = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS);
	struct stat st;

	/* All bits of -1 are set. */
	if (fd >= 0 && (seals < 0 || (seals & CHANNEL_SEALED) != CHANNEL_SEALED || fstat(fd, &st) < 0 ||
			st.st_size != PURGE_CHANNEL_SIZE)) {
		close(fd);
		return -ENXIO;
	}
	return fd;
}

/* The first that is one: a process makes no second, and the child of a fork closes its parent's. */
static int channel_open(int64_t pid)
{
	char folder[64], path[64 + sizeof((struct dirent *)0)->d_name];
	const struct dirent *entry;
	int found = -ENXIO;
	DIR *dir;

	snprintf(folder, sizeof folder, "/proc/%lld/fd", (long long)pid);
	dir = opendir(folder);
	if (!dir)
		return -errno;
	while (found < 0 && (entry = readdir(dir))) {
		int fd;

		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		fd = channel_look(path, PURGE_CHANNEL_NAME);
		if (fd < 0) {
			/* A descriptor that is gone by now is none of ours. */
			if (fd == -EACCES || fd == -EPERM)
				found = fd;
			continue;
		}
		found = channel_open_page(fd);
		close(fd);
	}
	closedir(dir);
	return found;
}

/* One client at a time; the lock goes with whoever ends. */
static int channel_lock(int fd, int64_t end_ms)
{
	static const struct timespec moment = { 0, 20 * 1000 * 1000 };
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	while (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return -errno;
		if (clock_now_ms() > end_ms)
			return -EBUSY;
		nanosleep(&moment, NULL);
	}
	return 0;
}

static int channel_talk(struct purge_channel *page, struct channel_call *call)
{
	uint32_t asked, answered;
	int64_t status;

	if (page->magic != PURGE_CHANNEL_MAGIC || page->version != PURGE_CHANNEL_VERSION || page->size != sizeof *page)
		return -EPROTO;
	/* A number that was neither asked nor answered by: a client before may have ended in between. */
	asked = __atomic_load_n(&page->asked, __ATOMIC_RELAXED) + 1;
	page->verb = call->command.verb;
	memcpy(page->options, call->command.options, sizeof page->options);
	__atomic_store_n(&page->asked, asked, __ATOMIC_SEQ_CST);
	__atomic_store_n(&page->bell, 0, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &page->bell, FUTEX_WAKE, 1, NULL, NULL, 0);
	while ((answered = __atomic_load_n(&page->answered, __ATOMIC_ACQUIRE)) != asked) {
		int64_t left = call->end_ms - clock_now_ms();
		const struct timespec most = { left / 1000, left % 1000 * 1000000 };

		if (left <= 0)
			return -ETIMEDOUT;
		syscall(SYS_futex, &page->answered, FUTEX_WAIT, answered, &most, NULL, 0);
	}
	status = __atomic_load_n(&page->status, __ATOMIC_RELAXED);
	call->value = __atomic_load_n(&page->value, __ATOMIC_RELAXED);
	return status > 0 || status < -4095 ? -EPROTO : (int)status;
}

static int channel_call(void *user)
{
	struct channel_call *call = user;
	struct purge_channel *page;
	int fd = channel_open(call->pid), r;

	if (fd < 0)
		return fd;
	r = channel_lock(fd, call->end_ms);
	if (r < 0)
		return r;
	page = mmap(NULL, PURGE_CHANNEL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return page == MAP_FAILED ? -errno : channel_talk(page, call);
}

int channel_ask(int64_t pid, const struct channel_command *command, int64_t timeout_ms, uint64_t *ret_value)
{
	struct channel_call *call = mmap(NULL, sizeof *call, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int r;

	if (call == MAP_FAILED)
		return -errno;
	*call = (struct channel_call){ .pid = pid, .command = *command, .end_ms = clock_now_ms() + timeout_ms };
	/* A little longer than its own limit: so it tells what it waited for. */
	r = apart_run(timeout_ms + 500, channel_call, call);
	if (r == 0)
		*ret_value = call->value;
	/* Who did not come back in time may still write there. */
	if (r != -ETIMEDOUT)
		munmap(call, sizeof *call);
	return r;
}

/* In memory that both share: the bytes lie behind it, in `bytes`. */
struct channel_dump {
	int64_t pid;
	uint64_t number;
	size_t size;
	char *bytes;
};

static int channel_copy(void *user)
{
	struct channel_dump *dump = user;
	char path[64];
	int look, fd;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%lld/fd/%llu", (long long)dump->pid, (unsigned long long)dump->number);
	look = channel_look(path, PURGE_DUMP_NAME);
	fd = look < 0 ? look : channel_open_file(look, O_RDONLY);
	if (fd < 0)
		return fd;
	while ((n = pread(fd, dump->bytes + dump->size, CHANNEL_DUMP_MAX - dump->size, (off_t)dump->size)) > 0) {
		dump->size += (size_t)n;
		if (dump->size == CHANNEL_DUMP_MAX)
			return -EFBIG;
	}
	return n < 0 ? -errno : 0;
}

int channel_read_dump(int64_t pid, uint64_t number, int64_t timeout_ms, char **ret, size_t *ret_size)
{
	const int shared = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
	struct channel_dump *dump = mmap(NULL, sizeof *dump, PROT_READ | PROT_WRITE, shared, -1, 0);
	char *bytes = mmap(NULL, CHANNEL_DUMP_MAX, PROT_READ | PROT_WRITE, shared, -1, 0);
	int r;

	if (dump == MAP_FAILED || bytes == MAP_FAILED)
		return -ENOMEM;
	*dump = (struct channel_dump){ .pid = pid, .number = number, .bytes = bytes };
	r = apart_run(timeout_ms, channel_copy, dump);
	if (r < 0)
		return r;
	*ret = bytes;
	*ret_size = dump->size;
	munmap(dump, sizeof *dump);
	return 0;
}

const char *channel_describe_error(struct mem *m, int error)
{
	switch (error) {
	case -ENXIO:
		return "its purge thread cannot be reached: a heap below 32 MB has none yet; else the build is older, or it has "
		       "closed all its descriptors";
	case -EACCES:
	case -EPERM:
		return "the kernel does not let this user; ask as the server's user, or as root";
	case -EBUSY:
		return "another client is at it, and did not end in time (--timeout)";
	case -ETIMEDOUT:
		return "its purge thread did not answer in time (--timeout): is it stopped?";
	case -EPROTO:
		return "its page is of another version than this allocrun, or cannot be believed";
	default:
		return mem_printf(m, "%s", strerror(-error));
	}
}
