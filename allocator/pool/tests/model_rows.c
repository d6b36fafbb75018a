/* SPDX-License-Identifier: Apache-2.0 */
/* Rows are taken, used and given back: the library beside the model. */
#include "model.h"
#include <string.h>

bool model_has(const struct model *m, uint32_t field)
{
	return m->config.fields & field;
}

/* Also rows that there are not. */
uint32_t model_any_row(struct model *m)
{
	static const uint32_t odd[] = { UINT32_MAX, UINT32_MAX - 63, 1u << 31 };
	uint32_t pick = chance_below(&m->chance, 40);
	if (pick < 3)
		return odd[pick];
	return chance_below(&m->chance, pick < 6 ? m->config.max_rows + 130 : m->config.max_rows);
}

static int state_of(const struct model *m, uint32_t row)
{
	return row >= m->config.max_rows ? -ERANGE : m->rows[row].used ? 0 : -ENOENT;
}

static int free_error(const struct model *m, uint32_t row)
{
	int error = state_of(m, row);
	return error ? error : m->rows[row].pinned ? -EBUSY : 0;
}

static char *bytes_of(const struct model *m, uint32_t row)
{
	return m->view->rows + row * m->view->stride;
}

/* Both ends of a row hold what its key says. */
void model_take(struct model *m, uint32_t row, uint64_t key)
{
	struct model_row *r = &m->rows[row];
	SAME(row < m->config.max_rows && !r->used);
	*r = (struct model_row){ .used = true,
				 .key = model_has(m, ALLOCPOOL_KEY) ? key : 0,
				 .stamp = model_has(m, ALLOCPOOL_STAMP) ? m->now : 0,
				 .generation = r->generation };
	m->live++;
	bytes_of(m, row)[m->config.row_bytes - 1] = bytes_of(m, row)[0] = (char)(r->key * 37 + 11);
}

void model_drop(struct model *m, uint32_t row)
{
	m->rows[row].used = m->rows[row].dirty = false;
	m->rows[row].generation++;
	m->live--;
}

void model_check_row(const struct model *m, uint32_t row)
{
	const struct model_row *r = &m->rows[row];
	SAME((m->view->used[row / 64] >> (row % 64) & 1) == r->used);
	if (!r->used)
		return;
	SAME(!m->view->keys || m->view->keys[row] == r->key);
	SAME(!m->view->stamps || m->view->stamps[row] == r->stamp);
	SAME(!m->view->counters || m->view->counters[row] == r->counter);
	SAME(!m->view->dirty || allocpool_is_dirty(m->view, row) == r->dirty);
	SAME(!m->view->pinned || (m->view->pinned[row / 64] >> (row % 64) & 1) == r->pinned);
	SAME(bytes_of(m, row)[0] == (char)(r->key * 37 + 11));
	SAME(bytes_of(m, row)[m->config.row_bytes - 1] == (char)(r->key * 37 + 11));
	SAME(allocpool_pointer(m->view, row) == bytes_of(m, row));
}

static uint32_t lowest_free(const struct model *m, uint32_t from)
{
	while (from < m->config.max_rows && m->rows[from].used)
		from++;
	return from;
}

static void alloc_one(struct model *m)
{
	uint32_t row = UINT32_MAX, wanted = lowest_free(m, 0);
	uint64_t key = ++m->keys;
	int error = allocpool_alloc(m->pool, key, m->now, &row);
	SAME(error == (wanted == m->config.max_rows ? -ENOSPC : 0));
	SAME(error ? row == UINT32_MAX : row == wanted);
	if (!error)
		model_take(m, row, key);
}

static void alloc_bulk(struct model *m)
{
	uint32_t rows[40], count = chance_below(&m->chance, 41), wanted = 0;
	uint64_t keys[40];
	for (uint32_t i = 0; i < count; i++)
		keys[i] = ++m->keys;
	int error = allocpool_alloc_bulk(m->pool, keys, m->now, count, rows);
	SAME(error == (count > m->config.max_rows - m->live ? -ENOSPC : 0));
	for (uint32_t i = 0; i < count && !error; i++) {
		wanted = lowest_free(m, wanted);
		SAME(rows[i] == wanted);
		model_take(m, rows[i], keys[i]);
	}
}

static void alloc_mask(struct model *m)
{
	uint32_t word = UINT32_MAX, lowest = lowest_free(m, 0), count = 0;
	uint64_t mask = 0;
	unsigned most = chance_below(&m->chance, 66);
	int given = allocpool_alloc_mask(m->pool, m->now, most, &word, &mask);
	if (most < 1 || most > 64) {
		SAME(given == -EINVAL);
		return;
	}
	if (lowest == m->config.max_rows) {
		SAME(given == -ENOSPC);
		return;
	}
	SAME(word == lowest / 64);
	for (uint32_t row = lowest; row < m->config.max_rows && row / 64 == word && count < most; row++)
		if (!m->rows[row].used) {
			SAME(mask >> (row % 64) & 1);
			model_take(m, row, 0);
			count++;
		}
	SAME(given == (int)count && __builtin_popcountll(mask) == given);
}

static void touch(struct model *m)
{
	uint32_t row = model_any_row(m);
	int error = allocpool_touch(m->view, row, m->now);
	SAME(error == state_of(m, row));
	if (error)
		return;
	if (m->view->stamps)
		m->rows[row].stamp = m->now;
	if (m->view->counters)
		m->rows[row].counter++;
	model_check_row(m, row);
}

static void mark(struct model *m)
{
	uint32_t row = model_any_row(m), what = chance_below(&m->chance, 8);
	uint32_t field = what < 4 ? ALLOCPOOL_DIRTY : ALLOCPOOL_PIN;
	int wanted = !model_has(m, field) ? -ENOTSUP : state_of(m, row);
	bool *bit = wanted ? NULL : what < 4 ? &m->rows[row].dirty : &m->rows[row].pinned;
	if (bit)
		wanted = *bit;
	switch (what) {
	case 0:
		SAME(allocpool_mark_dirty(m->view, row) == wanted);
		break;
	case 1:
		SAME(allocpool_mark_dirty_exclusive(m->view, row) == wanted);
		break;
	case 2:
		SAME(allocpool_is_dirty(m->view, row) == wanted);
		return;
	case 3:
		SAME(allocpool_clear_dirty(m->view, row) == wanted);
		break;
	case 4:
		SAME(allocpool_pin(m->view, row) == wanted);
		break;
	default: /* more often than pins: most rows can be freed */
		SAME(allocpool_unpin(m->view, row) == wanted);
	}
	if (bit)
		*bit = what == 0 || what == 1 || what == 4;
}

static void mark_mask(struct model *m)
{
	uint32_t word = chance_below(&m->chance, m->config.max_rows / 64 + 2);
	uint64_t mask = 0;
	int wanted = model_has(m, ALLOCPOOL_DIRTY) ? 0 : -ENOTSUP;
	for (uint32_t i = chance_below(&m->chance, 6); i--;)
		mask |= 1ull << chance_below(&m->chance, 64);
	if (!wanted && word > (m->config.max_rows - 1) / 64)
		wanted = -ERANGE;
	for (uint64_t rest = mask; rest && wanted != -ERANGE && wanted != -ENOTSUP; rest &= rest - 1) {
		int error = state_of(m, word * 64 + (uint32_t)__builtin_ctzll(rest));
		wanted = error ? error : wanted;
	}
	SAME(allocpool_mark_dirty_mask(m->view, word, mask) == wanted);
	for (; mask && !wanted; mask &= mask - 1)
		m->rows[word * 64 + (uint32_t)__builtin_ctzll(mask)].dirty = true;
}

static void keep_handle(struct model *m)
{
	uint32_t row = model_any_row(m), slot = chance_below(&m->chance, MODEL_HANDLES);
	uint64_t handle = 0;
	int error = allocpool_handle_of_row(m->pool, row, &handle);
	SAME(error == (!model_has(m, ALLOCPOOL_GENERATION) ? -ENOTSUP : state_of(m, row)));
	if (error)
		return;
	m->handles[slot].handle = handle;
	m->handles[slot].row = row;
	m->handles[slot].generation = m->rows[row].generation;
}

void model_use_step(struct model *m)
{
	switch (chance_below(&m->chance, 10)) {
	case 0:
	case 1:
	case 2:
		alloc_one(m);
		break;
	case 3:
		alloc_bulk(m);
		break;
	case 4:
		alloc_mask(m);
		break;
	case 5:
		keep_handle(m);
		break;
	case 6:
		if (chance_below(&m->chance, 4))
			mark(m);
		else
			mark_mask(m);
		break;
	default:
		touch(m);
	}
}

static void drop_if(struct model *m, uint32_t row, int error, int wanted)
{
	SAME(error == wanted);
	if (!error)
		model_drop(m, row);
}

/* At any place of a row, outside of all, or somewhere else. */
static void free_pointer(struct model *m)
{
	uint32_t row = chance_below(&m->chance, m->config.max_rows + 3);
	uint32_t inside = chance_below(&m->chance, 4) ? 0 : chance_below(&m->chance, (uint32_t)m->view->stride);
	const char *at = bytes_of(m, row) + inside;
	int wanted = row >= m->config.max_rows ? -ERANGE : inside ? -EINVAL : free_error(m, row);
	if (chance_below(&m->chance, 20) == 0)
		at = (const char *)m, wanted = -ERANGE;
	drop_if(m, row, allocpool_free_pointer(m->pool, at), wanted);
}

static void free_handle(struct model *m)
{
	uint32_t slot = chance_below(&m->chance, MODEL_HANDLES), row = m->handles[slot].row;
	int wanted = -ENOTSUP;
	if (model_has(m, ALLOCPOOL_GENERATION)) {
		const struct model_row *r = &m->rows[row];
		bool fresh = r->used && r->generation == m->handles[slot].generation;
		wanted = !fresh ? -ESTALE : r->pinned ? -EBUSY : 0;
	}
	drop_if(m, row, allocpool_free_handle(m->pool, m->handles[slot].handle), wanted);
}

static void free_key(struct model *m)
{
	uint32_t row = model_any_row(m);
	int wanted = !model_has(m, ALLOCPOOL_KEY) ? -ENOTSUP : state_of(m, row);
	uint64_t key = wanted ? 1 : m->rows[row].key;
	if (!wanted && chance_below(&m->chance, 3) == 0)
		key++, wanted = -ESTALE;
	drop_if(m, row, allocpool_free_key(m->pool, row, key), wanted ? wanted : free_error(m, row));
}

static void free_bulk(struct model *m)
{
	uint32_t rows[12], count = chance_below(&m->chance, 13);
	int wanted = 0;
	for (uint32_t i = 0; i < count; i++) {
		rows[i] = chance_below(&m->chance, 30) ? chance_below(&m->chance, m->config.max_rows) :
							 model_any_row(m);
		wanted = wanted ? wanted : free_error(m, rows[i]);
	}
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < i && !wanted; k++)
			wanted = rows[i] == rows[k] ? -EEXIST : 0;
	SAME(allocpool_free_bulk(m->pool, rows, count) == wanted);
	for (uint32_t i = 0; i < count && !wanted; i++)
		model_drop(m, rows[i]);
}

/* The wrong ones of a mask are all told before the pinned ones. */
static void free_mask(struct model *m)
{
	uint32_t word = chance_below(&m->chance, (m->config.max_rows + 63) / 64 + 1);
	uint64_t mask = 0;
	int wanted = 0;
	for (uint32_t i = chance_below(&m->chance, 6); i--;) {
		uint32_t bit = chance_below(&m->chance, 64), row = word * 64 + bit;
		int error = free_error(m, row);
		mask |= 1ull << bit;
		if (error == -ERANGE || !wanted || (error == -ENOENT && wanted == -EBUSY))
			wanted = error;
	}
	if (word * 64 >= m->config.max_rows)
		wanted = -ERANGE;
	SAME(allocpool_free_mask(m->pool, word, mask) == wanted);
	for (; mask && !wanted; mask &= mask - 1)
		model_drop(m, word * 64 + (uint32_t)__builtin_ctzll(mask));
}

void model_free_step(struct model *m)
{
	uint32_t row;
	switch (chance_below(&m->chance, 8)) {
	case 0:
		free_pointer(m);
		break;
	case 1:
		free_handle(m);
		break;
	case 2:
		free_key(m);
		break;
	case 3:
		free_bulk(m);
		break;
	case 4:
		free_mask(m);
		break;
	default:
		row = model_any_row(m);
		drop_if(m, row, allocpool_free(m->pool, row), free_error(m, row));
	}
}
