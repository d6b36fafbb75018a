/* SPDX-License-Identifier: Apache-2.0 */
/* A pool as a file: a head, the bitmaps and fields as they lie, the rows, and a checksum over all of it. */
#include "pool.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VERSION 1u

struct head {
	char magic[8];
	uint32_t version, fields;
	uint64_t row_bytes, alignment;
	uint32_t rows, live; /* rows 0 to rows - 1 are there, in use or not */
	uint32_t ever, zero; /* generations 0 to ever - 1: of rows that are no more, too */
};
static const char MAGIC[8] = { 'a', 'l', 'l', 'o', 'c', 'p', 'o', 'l' };

/* CRC-64 of ECMA-182, reflected, by bytes. */
struct stream {
	int fd;
	bool writes;
	uint64_t crc;
	uint64_t table[256];
};

static void stream_begin(struct stream *s, int fd, bool writes)
{
	*s = (struct stream){ .fd = fd, .writes = writes, .crc = UINT64_MAX };
	for (uint64_t i = 0; i < 256; i++) {
		uint64_t value = i;
		for (int bit = 0; bit < 8; bit++)
			value = value >> 1 ^ (value & 1 ? 0xC96C5795D7870F42ull : 0);
		s->table[i] = value;
	}
}

/* All of it or an error; a file that ends early is -EBADMSG. */
static int stream_pass(struct stream *s, void *bytes, size_t size)
{
	char *at = bytes;
	for (size_t left = size; left;) {
		ssize_t n = s->writes ? write(s->fd, at, left) : read(s->fd, at, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return s->writes ? -EIO : -EBADMSG;
		at += n;
		left -= (size_t)n;
	}
	const unsigned char *byte = bytes;
	for (size_t i = 0; i < size; i++)
		s->crc = s->crc >> 8 ^ s->table[(s->crc ^ byte[i]) & 0xff];
	return 0;
}

/* The arrays up to the high-water mark, in their order. */
static int pass_arrays(struct stream *s, const struct allocpool *pool, uint64_t *used, size_t rows)
{
	size_t words = (rows + 63) / 64;
	struct {
		void *at;
		size_t bytes;
	} arrays[] = {
		{ used, words * 8 },
		{ pool->keys, rows * 8 },
		{ pool->view.stamps, rows * 4 },
		{ pool->view.counters, rows * 4 },
		{ pool->generations, pool->ever * (size_t)4 },
		{ pool->view.dirty, words * 8 },
		{ pool->view.rows, rows * pool->view.stride },
	};
	int error = 0;
	for (size_t i = 0; i < sizeof arrays / sizeof *arrays && !error; i++)
		if (arrays[i].at)
			error = stream_pass(s, arrays[i].at, arrays[i].bytes);
	return error;
}

/* The bitmap without what stands above the last row. */
static uint64_t *copy_used(const struct allocpool *pool, size_t rows)
{
	size_t words = (rows + 63) / 64;
	uint64_t *used = malloc(words * 8 + 8);
	if (used) {
		memcpy(used, pool->used, words * 8);
		if (rows % 64)
			used[words - 1] &= ~(UINT64_MAX << (rows % 64));
	}
	return used;
}

int allocpool_dump(const struct allocpool *pool, int fd)
{
	if (!pool)
		return -EINVAL;
	struct head head = { .version = VERSION,
			     .fields = pool->config.fields,
			     .row_bytes = pool->config.row_bytes,
			     .alignment = pool->config.alignment,
			     .rows = pool->high_water,
			     .live = pool->live,
			     .ever = pool->ever };
	memcpy(head.magic, MAGIC, sizeof MAGIC);
	uint64_t *used = copy_used(pool, head.rows);
	struct stream *s = malloc(sizeof *s);
	int error = used && s ? 0 : -ENOMEM;
	if (!error) {
		stream_begin(s, fd, true);
		error = stream_pass(s, &head, sizeof head);
	}
	if (!error)
		error = pass_arrays(s, pool, used, head.rows);
	if (!error)
		error = stream_pass(s, &(uint64_t){ s->crc }, 8);
	free(s);
	free(used);
	return error;
}

/* What was read becomes the pool's bitmap. */
static int take_used(struct allocpool *pool, const uint64_t *used, const struct head *head)
{
	uint64_t live = 0;
	for (size_t i = 0; i < ((size_t)head->rows + 63) / 64; i++)
		live += (uint64_t)__builtin_popcountll(used[i]);
	if (live != head->live || (head->rows % 64 && used[head->rows / 64] >> (head->rows % 64)))
		return -EBADMSG;
	for (size_t i = 0; i < ((size_t)head->rows + 63) / 64; i++) {
		pool->used[i] |= used[i];
		if (pool->view.dirty)
			pool->view.dirty[i] &= used[i];
		if (pool->used[i] == UINT64_MAX)
			pool->some_free[i / 64] &= ~(1ull << (i % 64));
	}
	pool->live = pool->peak = head->live;
	if (pool->config.debug) /* what lies in a free row is not what a free fills it with */
		for (size_t row = 0; row < head->rows; row++)
			if (!pool_has(pool, (uint32_t)row))
				memset(pool_bytes(pool, (uint32_t)row), DEAD_BYTE, pool->view.stride);
	return 0;
}

static int load_into(struct allocpool *pool, struct stream *s, const struct head *head)
{
	uint64_t *used = calloc(((size_t)head->rows + 63) / 64 + 1, 8), crc, stored;
	if (!used)
		return -ENOMEM;
	pool->high_water = head->rows;
	pool->ever = head->ever;
	int error = memory_open(pool, head->rows * pool->view.stride);
	if (!error)
		error = pass_arrays(s, pool, used, head->rows);
	if (!error) {
		crc = s->crc;
		error = stream_pass(s, &stored, 8);
		if (!error && crc != stored)
			error = -EBADMSG;
	}
	if (!error)
		error = take_used(pool, used, head);
	free(used);
	return error;
}

static int check_head(const struct head *head, const struct allocpool *pool)
{
	if (memcmp(head->magic, MAGIC, sizeof MAGIC) != 0)
		return -EBADMSG;
	if (head->version != VERSION)
		return -EPROTO;
	if (head->live > head->rows || head->rows > head->ever || head->zero)
		return -EBADMSG;
	return head->fields == pool->config.fields && head->row_bytes == pool->config.row_bytes &&
			       head->alignment == pool->config.alignment && head->ever <= pool->config.max_rows ?
		       0 :
		       -EINVAL;
}

int allocpool_load(const struct allocpool_config *config, int fd, struct allocpool **ret_pool)
{
	struct head head;
	struct allocpool *pool;
	if (!ret_pool)
		return -EINVAL;
	int error = allocpool_create(config, &pool);
	if (error)
		return error;
	struct stream *s = malloc(sizeof *s);
	error = s ? 0 : -ENOMEM;
	if (!error) {
		stream_begin(s, fd, false);
		error = stream_pass(s, &head, sizeof head);
	}
	if (!error)
		error = check_head(&head, pool);
	if (!error)
		error = load_into(pool, s, &head);
	free(s);
	if (error)
		allocpool_destroy(pool, 1);
	else
		*ret_pool = pool;
	return error;
}
