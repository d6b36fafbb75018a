/* SPDX-License-Identifier: Apache-2.0 */
/* The library against the model (model.h).
 *
 *   model [CALLS [SEED]]      a million calls or as many as it is told; with libFuzzer its bytes decide */
#include "model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void model_differs(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

uint32_t chance_below(struct chance *c, uint32_t limit)
{
	uint64_t value = 0;
	if (c->bytes) {
		for (uint32_t most = limit - 1; most && c->left; most >>= 8, c->left--)
			value = value << 8 | *c->bytes++;
	} else {
		c->seed ^= c->seed << 13, c->seed ^= c->seed >> 7, c->seed ^= c->seed << 17;
		value = c->seed >> 20;
	}
	return (uint32_t)(value % limit);
}

/* All fields more often than some. */
static struct allocpool_config any_config(struct chance *c)
{
	static const size_t sizes[] = { 1, 8, 24, 64, 256, 1000 }, alignments[] = { 0, 1, 8, 64, 4096 };
	struct allocpool_config config = { .size = sizeof config };
	config.row_bytes = sizes[chance_below(c, 6)];
	config.alignment = alignments[chance_below(c, 5)];
	config.max_rows = 1 + chance_below(c, MODEL_ROWS);
	config.fields = chance_below(c, 2) ? ALLOCPOOL_ALL_FIELDS : chance_below(c, 64);
	config.pages = chance_below(c, 4) ? chance_below(c, 3) : ALLOCPOOL_PAGES_THP_FIELDS;
	config.simd = chance_below(c, 4);
	config.debug = chance_below(c, 8) ? ALLOCPOOL_DEBUG_OFF : chance_below(c, 3);
	return config;
}

void model_begin(struct model *m, struct chance chance)
{
	memset(m, 0, sizeof *m);
	m->chance = chance;
	m->now = chance_below(&m->chance, 2) ? UINT32_MAX - 100 : 100;
	m->config = any_config(&m->chance);
	int error = allocpool_create(&m->config, &m->pool);
	if (error == -ENOTSUP && m->config.simd) {
		m->config.simd = 0;
		error = allocpool_create(&m->config, &m->pool);
	}
	SAME(error == 0);
	m->view = allocpool_get_view(m->pool);
}

void model_end(struct model *m)
{
	SAME(allocpool_destroy(m->pool, 0) == (m->live ? -EBUSY : 0));
	if (m->live)
		SAME(allocpool_destroy(m->pool, 1) == 0);
}

void model_step(struct model *m)
{
	uint32_t pick = chance_below(&m->chance, 256);
	m->calls++;
	if (pick < 1)
		model_memory_step(m);
	else if (pick < 12)
		model_evict_step(m);
	else if (pick < 20) /* the clock goes on, a long way, or back */
		m->now += pick < 17 ? chance_below(&m->chance, 10) :
			  pick < 19 ? chance_below(&m->chance, UINT32_MAX) :
				      UINT32_MAX - chance_below(&m->chance, 50);
	else if (pick < 120)
		model_free_step(m);
	else
		model_use_step(m);
}

#ifdef FUZZING
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct model m;
	model_begin(&m, (struct chance){ .bytes = data, .left = size });
	while (m.chance.left)
		model_step(&m);
	model_end(&m);
	return 0;
}
#else
int main(int argc, char **argv)
{
	static struct model m;
	uint64_t calls = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000, done = 0, pools = 0;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 20261127;
	for (; done < calls; done += m.calls, pools++) {
		model_begin(&m, (struct chance){ .seed = seed + pools * 0x9e3779b97f4a7c15u + 1 });
		for (unsigned i = 0; i < 20000; i++)
			model_step(&m);
		model_end(&m);
	}
	printf("%llu calls on %llu pools, seed %llu: all as the model has it\n", (unsigned long long)done,
	       (unsigned long long)pools, (unsigned long long)seed);
	return 0;
}
#endif
