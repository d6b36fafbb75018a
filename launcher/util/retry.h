/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_RETRY_H
#define ALLOCRUN_UTIL_RETRY_H

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

/* One read(2), pread(2) or write(2), again where a signal came in between. -errno. */

static inline ssize_t retry_read(int fd, void *buffer, size_t size)
{
	ssize_t n;

	do
		n = read(fd, buffer, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static inline ssize_t retry_pread(int fd, void *buffer, size_t size, uint64_t offset)
{
	ssize_t n;

	do
		n = pread(fd, buffer, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static inline ssize_t retry_write(int fd, const void *bytes, size_t size)
{
	ssize_t n;

	do
		n = write(fd, bytes, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* All of them, in as many calls as that takes. 0, or -errno after some of them. */
static inline int retry_write_all(int fd, const void *bytes, size_t size)
{
	const char *next = bytes;

	while (size > 0) {
		ssize_t n = retry_write(fd, next, size);

		if (n < 0)
			return (int)n;
		next += n;
		size -= (size_t)n;
	}
	return 0;
}

#endif
