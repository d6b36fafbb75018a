/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options, heap and environment from the memory of a process: here of the test itself,
 * with tables as allocators have them, and as they never had them.
 */
#include <errno.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "live/environ.h"
#include "live/heap.h"
#include "live/options.h"
#include "support/live_own.h"

/* As the allocators have them; `used`, for nobody but the reader looks at them. */
#define VARIABLE __attribute__((used)) static
VARIABLE _Bool je_opt_background_thread = true;
VARIABLE unsigned int je_opt_narenas = 6;
VARIABLE ssize_t je_opt_dirty_decay_ms = -1;
VARIABLE int32_t je_opt_lg_tcache_max = -3;
VARIABLE size_t je_opt_tcache_max = 32768;
VARIABLE int je_opt_percpu_arena = 4;
VARIABLE int je_opt_thp = 2;
VARIABLE int je_opt_metadata_thp = 9;
VARIABLE int je_opt_zero_realloc_action = 1;
VARIABLE int je_opt_prof_time_res = 1;
VARIABLE const char *je_opt_dss = "secondary";
VARIABLE unsigned char je_opt_retain = 77;
VARIABLE char je_opt_prof_prefix[64] = "jeprof";

static struct symtab own_table(void)
{
	struct symtab table = { .n = 0 };
	struct root root;

	assert_int_equal(root_open(NULL, &root), 0);
	assert_int_equal(symtab_read(&root, &pool, "/proc/self/exe", &table), 0);
	return table;
}

/* Where this program was loaded to. */
static uint64_t own_base(const struct symtab *table)
{
	const struct symtab_entry *entry = symtab_find(table, "je_opt_narenas");

	assert_non_null(entry);
	return AT(&je_opt_narenas) - entry->value;
}

static void test_jemalloc_options(void **state)
{
	static const struct {
		const char *key, *value;
	} cases[] = {
		{ "background_thread", "true" },
		{ "narenas", "6" },
		{ "dirty_decay_ms", "-1" },
		{ "lg_tcache_max", "-3" },
		{ "tcache_max", "32768" },
		{ "percpu_arena", "phycpu" },
		{ "thp", "never" },
		{ "zero_realloc", "free" },
		{ "prof_time_resolution", "high" },
		/* Out of its words, no form that is known, no such variable. */
		{ "metadata_thp", NULL },
		{ "dss", NULL },
		{ "retain", NULL },
		{ "prof_prefix", NULL },
		{ "muzzy_decay_ms", NULL },
	};
	struct symtab table = own_table();
	struct conf conf = { NULL, 0 };

	(void)state;
	options_read_jemalloc(&memory, &pool, &table, own_base(&table), &conf);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct conf_item *item = conf_find(&conf, cases[i].key);

		assert_row_string(cases[i].key, item ? item->value : NULL, cases[i].value);
	}
	/* Read, not remembered. */
	je_opt_narenas = 11;
	memory_forget(&memory);
	options_read_jemalloc(&memory, &pool, &table, own_base(&table), &conf);
	assert_string_equal(conf_find(&conf, "narenas")->value, "11");
	/* At a wrong base nothing is there. */
	conf = (struct conf){ NULL, 0 };
	options_read_jemalloc(&memory, &pool, &table, UINT64_C(1) << 60, &conf);
	assert_int_equal(conf.n, 0);
}

static void test_percpu_words(void **state)
{
	static const char *const words[] = { "percpu", "phycpu", "disabled", "percpu", "phycpu", NULL };
	struct symtab table = own_table();

	(void)state;
	for (int i = 0; i < 6; i++) {
		struct conf conf = { NULL, 0 };
		const struct conf_item *item;

		je_opt_percpu_arena = i;
		memory_forget(&memory);
		options_read_jemalloc(&memory, &pool, &table, own_base(&table), &conf);
		item = conf_find(&conf, "percpu_arena");
		assert_row_string("percpu_arena", item ? item->value : NULL, words[i]);
	}
}

/* mi_option_desc_t of mimalloc 3.5.0. */
static struct {
	int64_t value;
	int32_t init, option;
	const char *name, *legacy_name;
} made_options[] = {
	{ 10, 1, 0, "purge_delay", NULL },   { -1, 2, 1, "use_numa_nodes", "numa_nodes" },
	{ 1, 2, 2, "no_such_option", NULL }, { 1, 2, 3, NULL, NULL },
	{ 1, 2, 4, (const char *)16, NULL }, { INT64_MAX, 2, 5, "arena_reserve", NULL },
};

static void test_mimalloc_options(void **state)
{
	struct symtab_entry entry = { "mi_options", AT(made_options), sizeof made_options };
	struct symtab table = { .entries = &entry, .n = 1 };
	struct conf conf = { NULL, 0 };

	(void)state;
	options_read_mimalloc(&memory, &pool, &table, 0, &conf);
	assert_int_equal(conf.n, 3);
	assert_string_equal(conf_find(&conf, "purge_delay")->value, "10");
	assert_string_equal(conf_find(&conf, "use_numa_nodes")->value, "-1");
	assert_string_equal(conf_find(&conf, "arena_reserve")->value, "9223372036854775807");
	/* A table without an end, and none. */
	entry.size = UINT64_MAX;
	options_read_mimalloc(&memory, &pool, &table, 0, &conf);
	table.n = 0;
	conf = (struct conf){ NULL, 0 };
	options_read_mimalloc(&memory, &pool, &table, 0, &conf);
	assert_int_equal(conf.n, 0);
}

/* --- the heap --- */

struct made_base {
	uint64_t lock, resident;
};
struct made_bin {
	uint64_t lock, regions;
};
struct made_arena {
	uint64_t active, dirty, guarded;
	struct made_base *base;
	uint64_t large[2][2];    /* {requests, bytes} */
	struct made_bin bins[3]; /* of the first size two, of the second one */
};
struct made_bin_info {
	uint64_t size;
	uint32_t pad, shards;
};

static struct made_base made_base = { 0, 5000 };
static struct made_arena made_arena = {
	10, 2, 1, &made_base, { { 1, 70000 }, { 2, 300000 } }, { { 0, 3 }, { 0, 4 }, { 0, 5 } }
};
static struct made_arena *made_arenas[] = { &made_arena, NULL, &made_arena, (struct made_arena *)16 };
static struct made_bin_info made_infos[] = { { 8, 0, 2 }, { 16, 0, 1 } };

/* In the order of struct heap_layout. */
static uint64_t made_layout[17] = {
	1,
	4096,
	offsetof(struct made_arena, active),
	offsetof(struct made_arena, dirty),
	offsetof(struct made_arena, guarded),
	offsetof(struct made_arena, base),
	offsetof(struct made_base, resident),
	offsetof(struct made_arena, large),
	16,
	8,
	2,
	offsetof(struct made_arena, bins),
	sizeof(struct made_bin),
	offsetof(struct made_bin, regions),
	2,
	sizeof(struct made_bin_info),
	offsetof(struct made_bin_info, size),
};
static uint64_t made_layout_18[18];

static struct symtab_entry heap_entries[] = {
	{ "allocrun_layout", 0, sizeof made_layout_18 },
	{ "je_arenas", 0, sizeof made_arenas },
	{ "je_bin_infos", 0, sizeof made_infos },
};
static const struct symtab heap_table = { .entries = heap_entries, .n = 3 };

static int open_heap(void **state)
{
	memcpy(made_layout_18, made_layout, sizeof made_layout);
	made_layout_18[17] = offsetof(struct made_bin_info, shards);
	heap_entries[0] = (struct symtab_entry){ "allocrun_layout", AT(made_layout_18), sizeof made_layout_18 };
	heap_entries[1] = (struct symtab_entry){ "je_arenas", AT(made_arenas), sizeof made_arenas };
	heap_entries[2].value = AT(made_infos);
	return open_memory(state);
}

static void test_heap(void **state)
{
	struct live_heap usage;

	(void)state;
	assert_int_equal(heap_read_jemalloc(&memory, &pool, &heap_table, 0, &usage), 0);
	/* Twice the same arena; nothing of the one that is nowhere. */
	assert_int_equal(usage.resident, 2 * (13 * 4096 + 5000));
	assert_int_equal(usage.dirty, 2 * 3 * 4096);
	assert_int_equal(usage.allocated, 2 * (370000 + (3 + 4) * 8 + 5 * 16));
}

/* A server that an older allocrun has started. */
static void test_heap_of_version_1(void **state)
{
	struct live_heap usage;

	(void)state;
	assert_int_equal(heap_read_jemalloc(&memory, &pool, &heap_table, 0, &usage), 0);
	assert_int_equal(usage.active, 2 * 10 * 4096);
	assert_int_equal(usage.arenas, 3);
	assert_int_equal(usage.retained, FACT_UNKNOWN);
	assert_int_equal(usage.muzzy, FACT_UNKNOWN);
	assert_int_equal(usage.metadata, FACT_UNKNOWN);
	assert_int_equal(usage.purges, FACT_UNKNOWN);
	assert_int_equal(usage.n_classes, 0);
}

/* The same arena with what version 2 names as well: words of it do for several. */
static void test_heap_of_version_2(void **state)
{
	static uint64_t layout[29];
	struct live_heap usage;

	(void)state;
	memcpy(layout, made_layout_18, sizeof made_layout_18);
	layout[0] = 2;
	layout[18] = layout[21] = offsetof(struct made_arena, active);
	layout[19] = layout[20] = layout[25] = offsetof(struct made_arena, dirty);
	layout[22] = offsetof(struct made_base, resident);
	layout[23] = layout[24] = offsetof(struct made_arena, guarded);
	layout[26] = layout[27] = offsetof(struct made_bin, regions);
	layout[28] = offsetof(struct made_bin_info, size);
	heap_entries[0] = (struct symtab_entry){ "allocrun_layout", AT(layout), sizeof layout };
	assert_int_equal(heap_read_jemalloc(&memory, &pool, &heap_table, 0, &usage), 0);
	assert_int_equal(usage.resident, 2 * (13 * 4096 + 5000));
	assert_int_equal(usage.allocated, 2 * (370000 + (3 + 4) * 8 + 5 * 16));
	assert_int_equal(usage.retained, 2 * 12 * 4096);
	assert_int_equal(usage.muzzy, 2 * 12 * 4096);
	assert_int_equal(usage.metadata, 2 * 5001);
	assert_int_equal(usage.purges, 2);
	assert_int_equal(usage.purged, 2 * 2 * 4096);
	assert_int_equal(usage.n_classes, 2);
	assert_int_equal(usage.classes[0].size, 8);
	assert_int_equal(usage.classes[0].used, 2 * 7);
	assert_int_equal(usage.classes[0].slabs, 2 * 7);
	assert_int_equal(usage.classes[0].bytes, 2 * 7 * 8);
	assert_int_equal(usage.classes[1].slabs_with_room, 2 * 5);
	/* The words of one version, and the number of another. */
	layout[0] = 1;
	memory_forget(&memory);
	assert_int_equal(heap_read_jemalloc(&memory, &pool, &heap_table, 0, &usage), -ENODATA);
	layout[0] = 3;
	memory_forget(&memory);
	assert_int_equal(heap_read_jemalloc(&memory, &pool, &heap_table, 0, &usage), -ENODATA);
}

static void test_heap_of_another_layout(void **state)
{
	struct symtab short_table = heap_table;
	struct live_heap usage = { .resident = 7 };

	(void)state;
	made_layout_18[0] = 2;
	assert_int_equal(heap_read_jemalloc(&memory, &pool, &heap_table, 0, &usage), -ENODATA);
	made_layout_18[0] = 1;
	memory_forget(&memory);
	heap_entries[0].size -= 8;
	assert_int_equal(heap_read_jemalloc(&memory, &pool, &heap_table, 0, &usage), -ENODATA);
	heap_entries[0].size += 8;
	heap_entries[0].value = 16;
	assert_int_equal(heap_read_jemalloc(&memory, &pool, &heap_table, 0, &usage), -EFAULT);
	heap_entries[0].value = AT(made_layout_18);
	for (short_table.n = 0; short_table.n < 3; short_table.n++)
		assert_int_equal(heap_read_jemalloc(&memory, &pool, &short_table, 0, &usage), -ENODATA);
	made_layout_18[14] = UINT64_MAX;
	assert_int_equal(heap_read_jemalloc(&memory, &pool, &heap_table, 0, &usage), -ENODATA);
	assert_int_equal(usage.resident, 7);
}

/* A table that was made to take for ever, and counters that were read while they changed. */
static void test_heap_of_huge_counts(void **state)
{
	static struct made_arena *many[4095];
	struct live_heap usage;

	(void)state;
	made_arena.active = UINT64_MAX;
	assert_int_equal(heap_read_jemalloc(&memory, &pool, &heap_table, 0, &usage), 0);
	assert_int_equal(usage.resident, 2 * (3 * 4096 + 5000));
	made_arena.active = 10;
	for (size_t i = 0; i < 4095; i++)
		many[i] = &made_arena;
	heap_entries[1] = (struct symtab_entry){ "je_arenas", AT(many), UINT64_MAX };
	made_layout_18[10] = 1024;
	made_layout_18[8] = 0;
	memory_forget(&memory);
	assert_int_equal(heap_read_jemalloc(&memory, &pool, &heap_table, 0, &usage), -EFAULT);
	assert_true(memory_is_spent(&memory));
}

/* --- the environment --- */

static struct live_process read_environ(void)
{
	struct live_auxv auxv = own_auxv();
	struct live_process p = { .environment = NULL };
	struct live_objects objects;

	memory_forget(&memory);
	assert_int_equal(objects_read(&memory, &pool, &auxv, &objects), 0);
	environ_read(&memory, &pool, &objects, &p);
	return p;
}

static void test_environ(void **state)
{
	static char *const variables[] = { "SECRET=x",
					   "MALLOC_CONF=narenas:3",
					   "LD_PRELOAD_NOT=1",
					   "LD_PRELOAD=/a.so",
					   "",
					   "MIMALLOC_VERBOSE=1",
					   "UCX_MEM_MMAP_HOOK_MODE=none",
					   NULL };
	char **original = environ;
	struct live_process p;

	(void)state;
	environ = (char **)variables;
	p = read_environ();
	environ = original;
	assert_int_equal(p.environment_evidence, EVIDENCE_PROVED);
	assert_string_equal(p.environment[0], "MALLOC_CONF=narenas:3");
	assert_string_equal(p.environment[1], "LD_PRELOAD=/a.so");
	assert_string_equal(p.environment[2], "MIMALLOC_VERBOSE=1");
	assert_string_equal(p.environment[3], "UCX_MEM_MMAP_HOOK_MODE=none");
	assert_null(p.environment[4]);
}

static void test_wild_environ(void **state)
{
	char *const variables[] = { (char *)16, "MALLOC_CONF=x", NULL };
	char **original = environ;
	struct live_process p;

	(void)state;
	environ = (char **)16;
	p = read_environ();
	environ = (char **)variables;
	assert_null(p.environment);
	assert_int_equal(p.environment_evidence, EVIDENCE_NONE);
	p = read_environ();
	environ = original;
	assert_string_equal(p.environment[0], "MALLOC_CONF=x");
	assert_null(p.environment[1]);
}

/* An environment without an end that could be reached, or with a value that was not read, proves nothing. */
static void test_environ_that_is_not_whole(void **state)
{
	static char *many[8193];
	static char value[256 * 1024] = "MALLOC_CONF=";
	char *const one[] = { value, NULL };
	char **original = environ;
	struct live_process p, q;

	(void)state;
	for (size_t i = 0; i + 1 < sizeof many / sizeof *many; i++)
		many[i] = (char *)(uintptr_t)(i ? "A=b" : "MALLOC_CONF=x");
	memset(value + strlen(value), 'x', sizeof value - 1 - strlen(value));
	environ = many;
	p = read_environ();
	environ = (char **)one;
	q = read_environ();
	environ = original;
	assert_int_equal(p.environment_evidence, EVIDENCE_NONE);
	assert_null(p.environment);
	assert_int_equal(q.environment_evidence, EVIDENCE_NONE);
	assert_null(q.environment);
	/* One variable less, and its end is there. */
	many[8191] = NULL;
	environ = many;
	p = read_environ();
	environ = original;
	assert_int_equal(p.environment_evidence, EVIDENCE_PROVED);
	assert_string_equal(p.environment[0], "MALLOC_CONF=x");
}

/* What an environment says of options: assumed. */
static void test_assumed_options(void **state)
{
	static const struct {
		const char *allocator, *variable, *key, *value;
	} cases[] = {
		{ "jemalloc", "MALLOC_CONF=narenas:3,bad", "narenas", "3" },
		{ "jemalloc", "GLIBC_TUNABLES=glibc.malloc.arena_max=2", "arena_max", NULL },
		{ "mimalloc", "MIMALLOC_PURGE_DELAY=0", "purge_delay", "0" },
		{ "mimalloc", "MIMALLOC_NOTHING", "nothing", NULL },
		{ "glibc", "MALLOC_ARENA_MAX=2", "arena_max", "2" },
		{ "glibc", "GLIBC_TUNABLES=glibc.cpu.x=1:glibc.malloc.arena_max=4:glibc.malloc.=1:glibc.malloc.x",
		  "arena_max", "4" },
		{ "glibc", "GLIBC_TUNABLES=:::", "arena_max", NULL },
		{ "tcmalloc", "MALLOC_CONF=narenas:3", "narenas", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *environment[] = { mem_strdup(&pool, cases[i].variable), NULL };
		struct live_library library = { .allocator = mem_strdup(&pool, cases[i].allocator) };
		struct live_process p = { .malloc = &library, .environment = environment };
		const struct conf_item *item;

		environ_assume_options(&pool, &p);
		item = conf_find(&p.options, cases[i].key);
		assert_row_string(cases[i].variable, item ? item->value : NULL, cases[i].value);
		assert_row_int(cases[i].variable, p.options_evidence, EVIDENCE_ASSUMED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MEMORY_TEST(test_jemalloc_options),
		MEMORY_TEST(test_percpu_words),
		MEMORY_TEST(test_mimalloc_options),
		cmocka_unit_test_setup_teardown(test_heap, open_heap, close_memory),
		cmocka_unit_test_setup_teardown(test_heap_of_version_1, open_heap, close_memory),
		cmocka_unit_test_setup_teardown(test_heap_of_version_2, open_heap, close_memory),
		cmocka_unit_test_setup_teardown(test_heap_of_another_layout, open_heap, close_memory),
		cmocka_unit_test_setup_teardown(test_heap_of_huge_counts, open_heap, close_memory),
		MEMORY_TEST(test_environ),
		MEMORY_TEST(test_wild_environ),
		MEMORY_TEST(test_environ_that_is_not_whole),
		TEST(test_assumed_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
