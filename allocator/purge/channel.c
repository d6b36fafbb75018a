/* SPDX-License-Identifier: Apache-2.0 */
/* The process' side of channel.h: made by the purge thread when it begins, and of no use to anybody else. Included
 * by purge.c, whose step lock it takes. */
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of linux/memfd.h and linux/fcntl.h, which old libcs do not have. */
#define CHANNEL_CLOEXEC 1u
#define CHANNEL_SEALABLE 2u
#define CHANNEL_NOEXEC 8u
#define CHANNEL_ADD_SEALS 1033
#define CHANNEL_SEALS (1 | 2 | 4) /* seal, shrink, grow */
/* Out of the way of programs that count on the lowest numbers, and below select()'s 1024. */
#define CHANNEL_FD 900

struct channel_file {
	int fd;
	dev_t device;
	ino_t inode;
};

static struct {
	struct purge_channel *page; /* NULL: there is none */
	struct channel_file file, dump;
	uint32_t answered;
} channel = { .file = { .fd = -1 }, .dump = { .fd = -1 } };

/* The kernel's own: glibc's function came with 2.33, and the struct is the kernel's on both machines. */
static bool channel_stat(int fd, struct stat *ret)
{
	return syscall(SYS_fstat, fd, ret) == 0;
}

/* The program may have closed it and opened another file by the same number. */
static bool channel_is_file(const struct channel_file *file)
{
	struct stat st;

	return file->fd >= 0 && channel_stat(file->fd, &st) && st.st_dev == file->device && st.st_ino == file->inode;
}

static void channel_close(struct channel_file *file)
{
	if (channel_is_file(file))
		close(file->fd);
	file->fd = -1;
}

/* -errno; kernels before 6.3 know no NOEXEC. */
static int channel_open(const char *name, unsigned flags, struct channel_file *ret)
{
	long fd = syscall(SYS_memfd_create, name, flags | CHANNEL_CLOEXEC | CHANNEL_NOEXEC);
	struct stat st;
	int high;

	if (fd < 0 && errno == EINVAL)
		fd = syscall(SYS_memfd_create, name, flags | CHANNEL_CLOEXEC);
	if (fd < 0)
		return -errno;
	high = fcntl((int)fd, F_DUPFD_CLOEXEC, CHANNEL_FD);
	if (high >= 0) {
		close((int)fd);
		fd = high;
	}
	if (!channel_stat((int)fd, &st)) {
		close((int)fd);
		return -EBADF;
	}
	*ret = (struct channel_file){ (int)fd, st.st_dev, st.st_ino };
	return 0;
}

/*
 * Silent where it cannot be had: then nobody can tell the thread anything. Under the step lock, as all that
 * opens: the child of a fork can only close what was written down.
 */
static void channel_begin(pid_t pid)
{
	struct purge_channel *page;

	if (channel_open(PURGE_CHANNEL_NAME, CHANNEL_SEALABLE, &channel.file) < 0)
		return;
	page = ftruncate(channel.file.fd, PURGE_CHANNEL_SIZE) == 0 &&
			       fcntl(channel.file.fd, CHANNEL_ADD_SEALS, CHANNEL_SEALS) == 0 ?
		       mmap(NULL, PURGE_CHANNEL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, channel.file.fd, 0) :
		       MAP_FAILED;
	/* A child of a fork has a thread and a channel of its own, or none. */
	if (page == MAP_FAILED || madvise(page, PURGE_CHANNEL_SIZE, MADV_DONTFORK) < 0) {
		channel_close(&channel.file);
		return;
	}
	*page = (struct purge_channel){ .magic = PURGE_CHANNEL_MAGIC,
					.version = PURGE_CHANNEL_VERSION,
					.size = sizeof *page,
					.pid = (uint64_t)pid };
	channel.answered = 0;
	channel.page = page;
}

/* In the child of a fork: the page is not there, its file is the parent's. */
static void channel_forget(void)
{
	channel.page = NULL;
	channel_close(&channel.file);
	channel_close(&channel.dump);
}

/* Is there a command that was not obeyed yet? */
static bool channel_rings(void)
{
	return channel.page && __atomic_load_n(&channel.page->asked, __ATOMIC_ACQUIRE) != channel.answered;
}

static void channel_drop_dump(void)
{
	pthread_mutex_lock(&purge.step);
	channel_close(&channel.dump);
	pthread_mutex_unlock(&purge.step);
}

/* -errno, or 0 and the number of a descriptor from which it can be read. */
static int64_t channel_dump(uint64_t *ret_value)
{
	char path[sizeof "/proc/self/fd/" + 3 * sizeof(int)];
	int r;

	pthread_mutex_lock(&purge.step);
	channel_close(&channel.dump);
	r = channel_open(PURGE_DUMP_NAME, 0, &channel.dump);
	pthread_mutex_unlock(&purge.step);
	if (r < 0)
		return r;
	snprintf(path, sizeof path, "/proc/self/fd/%d", channel.dump.fd);
	r = heap_profile(HEAP_PROFILE_DUMP, path);
	if (r < 0)
		channel_drop_dump();
	else
		*ret_value = (uint64_t)channel.dump.fd;
	return r;
}

static size_t purge_everything(void);
static bool purge_change_options(const uint64_t *values);

static int64_t channel_obey(uint64_t verb, const uint64_t *options, uint64_t *ret_value)
{
	switch (verb) {
	case PURGE_VERB_SET:
		return purge_change_options(options) ? 0 : -EINVAL;
	case PURGE_VERB_PURGE:
		*ret_value = purge_everything();
		return 0;
	case PURGE_VERB_PROFILE_START:
		return heap_profile(HEAP_PROFILE_ON, NULL);
	case PURGE_VERB_PROFILE_STOP:
		return heap_profile(HEAP_PROFILE_OFF, NULL);
	case PURGE_VERB_PROFILE_DUMP:
		return channel_dump(ret_value);
	case PURGE_VERB_DUMP_READ:
		channel_drop_dump();
		return 0;
	default:
		return -ENOSYS;
	}
}

static void channel_serve(void)
{
	struct purge_channel *page = channel.page;
	uint32_t asked = __atomic_load_n(&page->asked, __ATOMIC_ACQUIRE);
	uint64_t verb = __atomic_load_n(&page->verb, __ATOMIC_RELAXED);
	uint64_t options[PURGE_CHANNEL_OPTIONS], value = 0;
	int64_t status;

	for (unsigned i = 0; i < PURGE_CHANNEL_OPTIONS; i++)
		options[i] = __atomic_load_n(&page->options[i], __ATOMIC_RELAXED);
	status = channel_obey(verb, options, &value);
	__atomic_store_n(&page->status, status, __ATOMIC_RELAXED);
	__atomic_store_n(&page->value, value, __ATOMIC_RELAXED);
	__atomic_store_n(&page->answered, asked, __ATOMIC_RELEASE);
	channel.answered = asked;
	syscall(SYS_futex, &page->answered, PURGE_FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
