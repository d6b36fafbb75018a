/* SPDX-License-Identifier: Apache-2.0 */
/* Eviction and memory: the library beside the model. */
#include "model.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* One for each row, whatever moves. */
static double score_of(void *argument, const struct allocpool_view *view, uint32_t row)
{
	(void)argument;
	return view->keys ? (double)(view->keys[row] % 100) : 50;
}

static bool is_due(const struct model *m, const struct allocpool_query *q, uint32_t row)
{
	const struct model_row *r = &m->rows[row];
	if (!r->used || r->pinned)
		return false;
	switch (q->by) {
	case ALLOCPOOL_BY_AGE:
		return q->now - r->stamp <= INT32_MAX && q->now - r->stamp > q->age;
	case ALLOCPOOL_BY_COUNTER:
		return r->counter < q->below;
	case ALLOCPOOL_BY_SCORE:
		return (model_has(m, ALLOCPOOL_KEY) ? (double)(r->key % 100) : 50) < q->score_below;
	default:
		return r->dirty;
	}
}

static struct allocpool_query any_query(struct model *m)
{
	static const uint32_t ages[] = { 0, 1, 5, 30, 1000, INT32_MAX };
	struct allocpool_query q = { .by = chance_below(&m->chance, 4),
				     .now = m->now,
				     .age = ages[chance_below(&m->chance, 6)],
				     .below = chance_below(&m->chance, 4),
				     .score_below = chance_below(&m->chance, 101),
				     .score = score_of };
	if (chance_below(&m->chance, 4) == 0)
		q.budget_ns = 1;
	return q;
}

static int query_error(const struct model *m, const struct allocpool_query *q)
{
	static const uint32_t fields[] = { ALLOCPOOL_STAMP, ALLOCPOOL_COUNTER, 0, ALLOCPOOL_DIRTY };
	return fields[q->by] && !model_has(m, fields[q->by]) ? -ENOTSUP : 0;
}

/* All that are due, each once, in pieces; what found room is kept for a commit. */
static void select_rows(struct model *m)
{
	struct allocpool_query q = any_query(m);
	struct allocpool_cursor cursor = { 0 };
	struct allocpool_found piece[MODEL_FOUND];
	uint32_t next = 0;
	m->found_count = 0;
	m->query = q;
	while (!cursor.done) {
		uint32_t room = 1 + chance_below(&m->chance, MODEL_FOUND);
		long count = allocpool_select(m->pool, &q, &cursor, piece, room);
		m->calls++;
		if (query_error(m, &q)) {
			SAME(count == query_error(m, &q));
			return;
		}
		SAME(count >= 0 && count <= room);
		for (long i = 0; i < count; i++) {
			while (next < m->config.max_rows && !is_due(m, &q, next))
				next++;
			SAME(piece[i].row == next && piece[i].key == m->rows[next].key);
			if (m->found_count < MODEL_FOUND) {
				m->found[m->found_count] = piece[i];
				m->seen[m->found_count++] = m->rows[next];
			}
			next++;
		}
	}
	while (next < m->config.max_rows)
		SAME(!is_due(m, &q, next++));
}

/* What was neither used, pinned, freed nor moved since. */
static bool is_still_due(const struct model *m, uint32_t index)
{
	const struct model_row *was = &m->seen[index];
	uint32_t row = m->found[index].row;
	const struct model_row *is = &m->rows[row];
	bool same_stamp = m->query.by == ALLOCPOOL_BY_COUNTER || is->stamp == was->stamp;
	bool same_counter = m->query.by == ALLOCPOOL_BY_AGE || is->counter == was->counter;
	return is->used && !is->pinned && is->key == was->key && same_stamp && same_counter;
}

static void on_erase(void *argument, const struct allocpool_found *batch, size_t count)
{
	struct model *m = argument;
	for (size_t i = 0; i < count; i++) {
		model_check_row(m, batch[i].row);
		SAME(batch[i].key == m->rows[batch[i].row].key);
		model_drop(m, batch[i].row);
	}
	m->erased += (uint32_t)count;
}

static void commit(struct model *m)
{
	uint32_t expected = 0;
	bool counted[MODEL_ROWS] = { false };
	if (m->found_count == 0 || query_error(m, &m->query))
		return;
	/* Now and then in another order, or one of them twice. */
	if (chance_below(&m->chance, 3) == 0) {
		uint32_t a = chance_below(&m->chance, m->found_count), b = chance_below(&m->chance, m->found_count);
		struct allocpool_found one = m->found[a];
		struct model_row seen = m->seen[a];
		m->found[a] = m->found[b], m->seen[a] = m->seen[b];
		if (chance_below(&m->chance, 2))
			m->found[b] = one, m->seen[b] = seen;
	}
	for (uint32_t i = 0; i < m->found_count; i++)
		if (is_still_due(m, i) && !counted[m->found[i].row]) {
			counted[m->found[i].row] = true;
			expected++;
		}
	m->erased = 0;
	SAME(allocpool_commit(m->pool, &m->query, m->found, m->found_count, on_erase, m) == (long)expected);
	SAME(m->erased == expected);
	m->found_count = 0;
}

static void cutoff(struct model *m)
{
	uint32_t keep = chance_below(&m->chance, m->config.max_rows + 2), age = 0, kept = 0, within = 0, below = 0;
	int error = allocpool_cutoff(m->pool, m->now, keep, &age, &kept);
	SAME(error == (model_has(m, ALLOCPOOL_STAMP) ? 0 : -ENOTSUP));
	if (error)
		return;
	for (uint32_t row = 0; row < m->config.max_rows; row++)
		if (m->rows[row].used) {
			uint32_t passed = m->now - m->rows[row].stamp;
			within += passed > INT32_MAX || passed <= age;
			below += passed > INT32_MAX || (age && passed <= age - 1);
		}
	SAME(kept == within);
	SAME(within >= keep || age == INT32_MAX);
	SAME(keep > within || age == 0 || below < keep);
}

static void decay(struct model *m)
{
	unsigned shift = chance_below(&m->chance, 34);
	int error = allocpool_decay(m->pool, shift);
	SAME(error == (shift < 1 || shift > 31 ? -EINVAL : model_has(m, ALLOCPOOL_COUNTER) ? 0 : -ENOTSUP));
	for (uint32_t row = 0; row < m->config.max_rows && !error; row++)
		m->rows[row].counter >>= shift;
}

void model_evict_step(struct model *m)
{
	switch (chance_below(&m->chance, 8)) {
	case 0:
		cutoff(m);
		break;
	case 1:
		decay(m);
		break;
	case 2:
	case 3:
	case 4:
		commit(m);
		break;
	default:
		select_rows(m);
	}
}

/* The next move of a compaction, and whether there is one. */
static bool next_move(const struct model *m, uint32_t below, uint32_t *ret_from, uint32_t *ret_to)
{
	uint32_t to = 0;
	while (to < m->config.max_rows && m->rows[to].used)
		to++;
	while (below > 0 && !(m->rows[below - 1].used && !m->rows[below - 1].pinned))
		below--;
	if (below == 0 || to >= below - 1)
		return false;
	*ret_from = below - 1, *ret_to = to;
	return true;
}

static void on_move(void *argument, uint32_t from, uint32_t to, uint64_t key)
{
	struct model *m = argument;
	uint32_t wanted_from = 0, wanted_to = 0, generation = m->rows[to].generation;
	SAME(next_move(m, m->moved_from, &wanted_from, &wanted_to) && from == wanted_from && to == wanted_to);
	SAME(key == m->rows[from].key);
	m->rows[to] = m->rows[from];
	m->rows[to].generation = generation;
	m->live++;
	model_check_row(m, to);
	model_drop(m, from);
	m->moved_from = from;
}

static void compact(struct model *m)
{
	uint32_t most = chance_below(&m->chance, 50), from, to;
	m->moved_from = m->config.max_rows;
	long moves = allocpool_compact(m->pool, most, on_move, m);
	SAME(moves >= 0 && moves <= (long)most);
	SAME(moves == (long)most || !next_move(m, m->moved_from, &from, &to));
}

/* Into another pool, which takes its place; or spoilt, and refused. */
static void dump_and_load(struct model *m)
{
	struct allocpool *copy = NULL;
	int fd = memfd_create("model", 0);
	SAME(fd >= 0 && allocpool_dump(m->pool, fd) == 0);
	off_t size = lseek(fd, 0, SEEK_CUR), at = (off_t)chance_below(&m->chance, (uint32_t)size);
	bool spoilt = chance_below(&m->chance, 2);
	unsigned char byte = 0;
	SAME(pread(fd, &byte, 1, at) == 1);
	byte ^= (unsigned char)(1 + chance_below(&m->chance, 255));
	SAME(!spoilt || pwrite(fd, &byte, 1, at) == 1);
	SAME(lseek(fd, 0, SEEK_SET) == 0);
	int error = allocpool_load(&m->config, fd, &copy);
	SAME(spoilt ? error < 0 && !copy : error == 0);
	close(fd);
	if (error)
		return;
	allocpool_destroy(m->pool, 1);
	m->pool = copy;
	m->view = allocpool_get_view(copy);
	for (uint32_t row = 0; row < m->config.max_rows; row++)
		m->rows[row].pinned = false;
}

static void check_stats(const struct model *m)
{
	struct allocpool_stats s;
	SAME(allocpool_get_stats(m->pool, &s) == 0);
	SAME(s.live == m->live && s.peak >= s.live && s.max_rows == m->config.max_rows && s.prepared <= s.max_rows);
}

void model_memory_step(struct model *m)
{
	uint64_t bytes;
	uint32_t rows = chance_below(&m->chance, m->config.max_rows + 10);
	switch (chance_below(&m->chance, 12)) {
	case 0:
		SAME(allocpool_prepare(m->pool, rows) == (rows > m->config.max_rows ? -ERANGE : 0));
		break;
	case 1:
	case 2:
		SAME(allocpool_trim(m->pool, &bytes) == 0);
		break;
	case 3:
		dump_and_load(m);
		break;
	case 4:
	case 5:
		check_stats(m);
		break;
	default:
		compact(m);
	}
	for (uint32_t row = 0; row < m->config.max_rows; row++)
		model_check_row(m, row);
}
