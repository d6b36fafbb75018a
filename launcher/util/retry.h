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

#endif
