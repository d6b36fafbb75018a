/* SPDX-License-Identifier: Apache-2.0 */
/* What a file's bytes are: SHA-256 by libmd, which is small enough to link statically. */
#include "catalog.h"

#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <unistd.h>

#define DIGEST_CHUNK (64 * 1024)

static int digest_fd(int fd, SHA2_CTX *context)
{
	uint8_t chunk[DIGEST_CHUNK];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof chunk)) != 0) {
		if (n > 0)
			SHA256Update(context, chunk, (size_t)n);
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int digest_file(const struct root *root, struct mem *m, const char *path, char **ret)
{
	char hex[SHA256_DIGEST_STRING_LENGTH];
	SHA2_CTX context;
	int fd = root_openat(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	int r;

	if (fd < 0)
		return fd;
	SHA256Init(&context);
	r = digest_fd(fd, &context);
	close(fd);
	if (r < 0)
		return r;
	*ret = mem_strdup(m, SHA256End(&context, hex));
	return 0;
}
