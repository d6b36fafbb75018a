/* SPDX-License-Identifier: Apache-2.0 */
/* Rows are given back, by what names them; what names no row in use is refused, and counted. */
#include "pool.h"

static int refuse(struct allocpool *pool, int error)
{
	pool->refused++;
	return error;
}

static int row_in_use(const struct allocpool *pool, uint32_t row)
{
	return allocpool_check_row(&pool->view, row);
}

int allocpool_free_mask(struct allocpool *pool, uint32_t word, uint64_t mask)
{
	if (!pool)
		return -EINVAL;
	if (word >= pool->words || mask & ~pool_real_rows(pool, word))
		return refuse(pool, -ERANGE);
	if (mask & ~pool->used[word])
		return refuse(pool, -ENOENT);
	if (mask & pool_pinned_mask(pool, word))
		return refuse(pool, -EBUSY);
	if (mask)
		pool_release(pool, word, mask, (uint32_t)__builtin_popcountll(mask));
	return 0;
}

int allocpool_free(struct allocpool *pool, uint32_t row)
{
	return allocpool_free_mask(pool, row / 64, 1ull << (row % 64));
}

int allocpool_row_of_pointer(const struct allocpool *pool, const void *pointer, uint32_t *ret_row)
{
	if (!pool || !ret_row)
		return -EINVAL;
	uintptr_t at = (uintptr_t)pointer, base = (uintptr_t)pool->view.rows;
	if (at < base || at - base >= pool->config.max_rows * pool->view.stride)
		return -ERANGE;
	if ((at - base) % pool->view.stride)
		return -EINVAL;
	uint32_t row = (uint32_t)((at - base) / pool->view.stride);
	if (!pool_has(pool, row))
		return -ENOENT;
	*ret_row = row;
	return 0;
}

int allocpool_free_pointer(struct allocpool *pool, const void *pointer)
{
	uint32_t row;
	int error = allocpool_row_of_pointer(pool, pointer, &row);
	if (error)
		return pool ? refuse(pool, error) : error;
	return allocpool_free(pool, row);
}

int allocpool_handle_of_row(const struct allocpool *pool, uint32_t row, uint64_t *ret_handle)
{
	if (!pool || !ret_handle)
		return -EINVAL;
	if (!pool->generations)
		return -ENOTSUP;
	int error = row_in_use(pool, row);
	if (!error)
		*ret_handle = (uint64_t)pool->generations[row] << 32 | row;
	return error;
}

int allocpool_row_of_handle(const struct allocpool *pool, uint64_t handle, uint32_t *ret_row)
{
	uint32_t row = (uint32_t)handle;
	if (!pool || !ret_row)
		return -EINVAL;
	if (!pool->generations)
		return -ENOTSUP;
	if (row >= pool->config.max_rows)
		return -ERANGE;
	if (pool->generations[row] != handle >> 32 || !pool_has(pool, row))
		return -ESTALE;
	*ret_row = row;
	return 0;
}

int allocpool_free_handle(struct allocpool *pool, uint64_t handle)
{
	uint32_t row;
	int error = allocpool_row_of_handle(pool, handle, &row);
	if (error)
		return pool ? refuse(pool, error) : error;
	return allocpool_free(pool, row);
}

int allocpool_free_key(struct allocpool *pool, uint32_t row, uint64_t key)
{
	if (!pool)
		return -EINVAL;
	if (!pool->keys)
		return -ENOTSUP;
	int error = row_in_use(pool, row);
	if (!error && pool->keys[row] != key)
		error = -ESTALE;
	return error ? refuse(pool, error) : allocpool_free(pool, row);
}

/* A row that is named twice is no longer in use when its turn comes again: then the first ones are taken back. */
int allocpool_free_bulk(struct allocpool *pool, const uint32_t *rows, size_t count)
{
	int error = 0;
	size_t done = 0;
	if (!pool || (count && !rows))
		return -EINVAL;
	for (size_t i = 0; i < count && !error; i++) {
		error = row_in_use(pool, rows[i]);
		if (!error && pool_is_pinned(pool, rows[i]))
			error = -EBUSY;
	}
	for (; done < count && !error; done++) {
		if (pool_has(pool, rows[done]))
			pool->used[rows[done] / 64] &= ~(1ull << (rows[done] % 64));
		else
			error = -EEXIST;
	}
	for (size_t i = 0; i < done; i++)
		pool->used[rows[i] / 64] |= 1ull << (rows[i] % 64);
	if (error)
		return refuse(pool, error);
	for (size_t i = 0; i < count; i++)
		pool_release(pool, rows[i] / 64, 1ull << (rows[i] % 64), 1);
	return 0;
}
