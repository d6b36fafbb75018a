/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a file's bytes are: SHA-256 by libcrypto, which uses the CPU's own instructions for
 * it: a tenth of the time of plain C, and five small objects of it are linked. Its newer
 * interface would bring thousands, and look for providers in files.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "program/catalog.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <unistd.h>

#include "util/retry.h"
#include "util/text.h"

#define DIGEST_CHUNK (256 * 1024)

/* libcrypto's own, of no header: finds out what the CPU can, once. libcrypto.so keeps it to itself. */
__attribute__((weak)) void OPENSSL_cpuid_setup(void);

static int digest_fd(int fd, SHA256_CTX *context)
{
	unsigned char chunk[DIGEST_CHUNK];
	ssize_t n;

	while ((n = retry_read(fd, chunk, sizeof chunk)) > 0)
		SHA256_Update(context, chunk, (size_t)n);
	return (int)n;
}

int digest_file(const struct root *root, struct mem *m, const char *path, char **ret)
{
	unsigned char bytes[SHA256_DIGEST_LENGTH];
	SHA256_CTX context;
	int fd = root_openat(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	int r;

	if (fd < 0)
		return fd;
	if (OPENSSL_cpuid_setup)
		OPENSSL_cpuid_setup();
	SHA256_Init(&context);
	r = digest_fd(fd, &context);
	close(fd);
	if (r < 0)
		return r;
	SHA256_Final(bytes, &context);
	*ret = text_hex(m, bytes, sizeof bytes);
	return 0;
}
