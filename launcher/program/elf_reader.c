/* SPDX-License-Identifier: Apache-2.0 */
#include "program/elf_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/retry.h"

#define ELF_WINDOW_BEFORE 4096

int elf_reader_open(const struct root *root, const char *path, struct elf_reader *ret)
{
	int fd = root_openat(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		st.st_mode = 0;
	if (!S_ISREG(st.st_mode)) {
		close(fd);
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	}
	n = retry_pread(fd, ret->head, sizeof ret->head, 0);
	if (n <= 0) {
		close(fd);
		return n < 0 ? (int)n : -ENODATA;
	}
	ret->bytes = NULL;
	ret->fd = fd;
	ret->size = (uint64_t)st.st_size;
	ret->status = st;
	ret->head_size = (size_t)n;
	ret->window_start = 0;
	ret->window_size = 0;
	return 0;
}

void elf_reader_close(struct elf_reader *reader)
{
	if (reader->fd >= 0)
		close(reader->fd);
	reader->fd = -1;
}

const unsigned char *elf_view(struct elf_reader *reader, uint64_t offset, size_t length)
{
	uint64_t start;
	ssize_t n;

	if (offset > reader->size || length > reader->size - offset)
		return NULL;
	if (reader->bytes)
		return reader->bytes + offset;
	if (offset <= reader->head_size && length <= reader->head_size - offset)
		return reader->head + offset;
	if (length > sizeof reader->window)
		return NULL;
	if (offset >= reader->window_start && offset - reader->window_start <= reader->window_size &&
	    length <= reader->window_size - (offset - reader->window_start))
		return reader->window + (offset - reader->window_start);
	/* A little before as well: names are seldom asked for in ascending order. */
	start = offset & ~(uint64_t)(ELF_WINDOW_BEFORE - 1);
	if (offset - start > sizeof reader->window - length)
		start = offset;
	n = retry_pread(reader->fd, reader->window, sizeof reader->window, start);
	reader->window_start = start;
	reader->window_size = n > 0 ? (size_t)n : 0;
	if (offset - start + length > reader->window_size)
		return NULL;
	return reader->window + (offset - start);
}

uint16_t elf_get16(const struct elf_file *file, const unsigned char *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof value);
	return file->is_swapped ? __builtin_bswap16(value) : value;
}

uint32_t elf_get32(const struct elf_file *file, const unsigned char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof value);
	return file->is_swapped ? __builtin_bswap32(value) : value;
}

uint64_t elf_get64(const struct elf_file *file, const unsigned char *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof value);
	return file->is_swapped ? __builtin_bswap64(value) : value;
}
