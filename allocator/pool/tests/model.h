/* SPDX-License-Identifier: Apache-2.0 */
/* The library against plain arrays: each call has one right answer, which the arrays give. */
#ifndef ALLOCPOOL_TESTS_MODEL_H
#define ALLOCPOOL_TESTS_MODEL_H

#include "allocpool.h"
#include <stdbool.h>

#define MODEL_ROWS 700u
#define MODEL_HANDLES 32u
#define MODEL_FOUND 96u

/* What decides: a fuzzer's bytes, zeros behind them, or a seed. */
struct chance {
	const uint8_t *bytes;
	size_t left;
	uint64_t seed;
};
uint32_t chance_below(struct chance *c, uint32_t limit);

struct model_row {
	bool used, dirty, pinned;
	uint64_t key;
	uint32_t stamp, counter, generation;
};

struct model {
	struct chance chance;
	struct allocpool *pool;
	const struct allocpool_view *view;
	struct allocpool_config config;
	struct model_row rows[MODEL_ROWS];
	uint32_t now, live;
	uint64_t keys, calls;
	struct {
		uint64_t handle;
		uint32_t row, generation;
	} handles[MODEL_HANDLES];
	/* What was selected and not yet committed, as it was then. */
	struct allocpool_query query;
	struct allocpool_found found[MODEL_FOUND];
	struct model_row seen[MODEL_FOUND];
	uint32_t found_count, erased;
	/* Of a compaction that runs. */
	uint32_t moved_from;
};

void model_begin(struct model *m, struct chance chance);
void model_end(struct model *m);
/* One or a few calls, compared. What differs ends the program with the place. */
void model_step(struct model *m);

/* model_rows.c */
void model_use_step(struct model *m);
void model_free_step(struct model *m);
uint32_t model_any_row(struct model *m);
void model_take(struct model *m, uint32_t row, uint64_t key);
void model_drop(struct model *m, uint32_t row);
void model_check_row(const struct model *m, uint32_t row);
bool model_has(const struct model *m, uint32_t field);

/* model_evict.c */
void model_evict_step(struct model *m);
void model_memory_step(struct model *m);

_Noreturn void model_differs(const char *file, int line, const char *what);
#define SAME(condition) ((condition) ? (void)0 : model_differs(__FILE__, __LINE__, #condition))

#endif
