/* SPDX-License-Identifier: Apache-2.0 */
/* Reads of memory, and the loader's list in it: real, made up, and damaged. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "program/elf_reader.h"
#include "support/live_own.h"

static void test_open(void **state)
{
	struct live_memory other = { .fd = -1 };
	struct root root;

	(void)state;
	assert_int_equal(root_open(NULL, &root), 0);
	assert_int_equal(memory_open(&root, &pool, 4194305, &other), -ENOENT);
	assert_int_equal(other.fd, -1);
	/* In a captured tree there may be anything in its place. */
	assert_int_equal(memory_open(&tree.root, &pool, 7, &other), -ENOENT);
	tree_write(&tree, "/proc/8/x", "");
	assert_int_equal(mkfifo(tree_outside(&tree, "/proc/8/mem"), 0600), 0);
	if (memory_open(&tree.root, &pool, 8, &other) == 0) {
		uint64_t value;

		assert_int_equal(memory_read_u64(&other, 0x1000, &value), -EFAULT);
		memory_close(&other);
	}
	tree_symlink(&tree, "/proc/9/mem", "/proc/self/mem");
	assert_true(memory_open(&tree.root, &pool, 9, &other) < 0);
}

static void test_reads(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char found[64], *edge = two + page;
	uint64_t value;

	(void)state;
	assert_ptr_not_equal(two, MAP_FAILED);
	memset(two, 'a', 2 * page);
	memcpy(edge - 4, "abcdefg", 8);
	/* Across the end of a block. */
	assert_int_equal(memory_read(&memory, AT(edge - 4), found, 8), 0);
	assert_string_equal(found, "abcdefg");
	assert_string_equal(memory_dup_string(&memory, &pool, AT(edge - 4), 8), "abcdefg");
	assert_null(memory_dup_string(&memory, &pool, AT(edge - 4), 7));
	/* As it was, until it is forgotten. */
	edge[0] = 'X';
	assert_string_equal(memory_dup_string(&memory, &pool, AT(edge), 8), "efg");
	memory_forget(&memory);
	assert_string_equal(memory_dup_string(&memory, &pool, AT(edge), 8), "Xfg");
	/* Not partly: the second page is gone. */
	assert_int_equal(munmap(edge, page), 0);
	memory_forget(&memory);
	memset(found, 'z', sizeof found);
	assert_int_equal(memory_read(&memory, AT(edge - 4), found, 8), -EFAULT);
	assert_null(memory_dup_string(&memory, &pool, AT(edge - 4), 100));
	assert_int_equal(memory_read(&memory, AT(edge - 4), found, 4), 0);
	assert_memory_equal(found, "abcd", 4);
	munmap(two, page);
	for (size_t i = 0; i < 4; i++) {
		static const uint64_t wild[] = { 0, UINT64_MAX, INT64_MAX, UINT64_C(1) << 63 };

		value = 77;
		assert_int_equal(memory_read_u64(&memory, wild[i], &value), -EFAULT);
		assert_int_equal(value, 77);
		assert_null(memory_dup_string(&memory, &pool, wild[i], 100));
	}
}

/* It ends, whatever it is made to read. */
static void test_budget(void **state)
{
	uint32_t value, n = 0;

	(void)state;
	while (memory_read_u32(&memory, AT(&n), &value) == 0 && n < 2u * MEMORY_BUDGET)
		n++;
	assert_true(n > MEMORY_BUDGET / 2 && n <= MEMORY_BUDGET);
	assert_true(memory_is_spent(&memory));
	assert_null(memory_dup_string(&memory, &pool, AT("x"), 8));
}

/* --- the loader's list --- */

/* The first object with the symbol, as the loader would find it. */
static uint64_t find_first(const struct live_objects *objects, const char *symbol)
{
	uint64_t address = 0;

	for (size_t i = 0; i < objects->n && !address; i++)
		address = object_find(&memory, &objects->items[i], symbol);
	return address;
}

static void test_own_objects(void **state)
{
	static const char *const symbols[] = {
		"malloc", "free", "calloc", "environ", "strlen", "getpid", "cmocka_set_message_output"
	};
	struct live_auxv auxv = own_auxv();
	struct live_objects objects;
	struct elf_facts elf;
	struct root root;

	(void)state;
	assert_int_equal(root_open(NULL, &root), 0);
	assert_int_equal(objects_read(&memory, &pool, &auxv, &objects), 0);
	assert_false(objects.is_static);
	assert_true(objects.n > 3);
	assert_string_equal(objects.items[0].name, "");
	for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
		void *known = dlsym(RTLD_DEFAULT, symbols[i]);

		/* An indirect function's address is where it decides. */
		if (strcmp(symbols[i], "strlen") != 0)
			assert_int_equal(find_first(&objects, symbols[i]), AT(known));
		assert_true(find_first(&objects, symbols[i]) != 0);
	}
	assert_int_equal(find_first(&objects, "no_such_symbol_anywhere"), 0);
	assert_int_equal(find_first(&objects, ""), 0);
	elf_read(&root, &pool, "/proc/self/exe", &elf);
	assert_non_null(elf.build_id);
	assert_string_equal(object_build_id(&memory, &pool, &objects.items[0]), elf.build_id);
}

/* A program that the loader has made up: as little as is read. */
struct made {
	Elf64_Phdr headers[3];
	Elf64_Dyn dynamic[3], object_dynamic[6];
	struct r_debug debug;
	struct link_map maps[3];
	char name[16];
};

static struct live_auxv make_program(struct made *p)
{
	*p = (struct made){
		.headers = { { .p_type = PT_PHDR }, { .p_type = PT_INTERP }, { .p_type = PT_DYNAMIC } },
		.dynamic = { { DT_STRTAB, { 7 } }, { DT_DEBUG, { AT(&p->debug) } }, { DT_NULL, { 0 } } },
		.debug = { .r_version = 1, .r_map = &p->maps[0], .r_state = RT_CONSISTENT },
		.name = "libmade.so",
	};
	p->headers[0].p_vaddr = AT(p->headers);
	p->headers[2].p_vaddr = AT(p->dynamic);
	for (int i = 0; i < 3; i++) {
		p->maps[i].l_name = p->name;
		p->maps[i].l_ld = p->object_dynamic;
		p->maps[i].l_next = i < 2 ? &p->maps[i + 1] : NULL;
	}
	return (struct live_auxv){ AT(p->headers), sizeof *p->headers, 3, 0, 0 };
}

static void test_made_program(void **state)
{
	struct made p;
	struct live_auxv auxv = make_program(&p);
	struct live_objects objects;

	(void)state;
	assert_int_equal(objects_read(&memory, &pool, &auxv, &objects), 0);
	assert_int_equal(objects.n, 3);
	assert_string_equal(objects.items[2].name, "libmade.so");
	assert_int_equal(object_find(&memory, &objects.items[2], "malloc"), 0);
	assert_null(object_build_id(&memory, &pool, &objects.items[2]));
}

/* Each a way in which a list can be wrong. */
enum damage {
	CIRCLE,
	SELF,
	WILD_NEXT,
	WILD_NAME,
	LONG_NAME,
	WILD_DYNAMIC,
	NO_END,
	LOADING,
	NO_MAP,
	NO_DEBUG,
	NO_LOADER,
	WILD_HEADERS,
	DAMAGES
};

static void damage_program(struct made *p, struct live_auxv *auxv, enum damage damage)
{
	static char endless[3 * 4096];
	static Elf64_Dyn no_end[600];

	memset(endless, 'x', sizeof endless);
	for (size_t i = 0; i < 600; i++)
		no_end[i].d_tag = DT_NEEDED;
	switch (damage) {
	case CIRCLE:
		p->maps[2].l_next = &p->maps[1];
		break;
	case SELF:
		p->maps[0].l_next = &p->maps[0];
		break;
	case WILD_NEXT:
		p->maps[1].l_next = (struct link_map *)16;
		break;
	case WILD_NAME:
		p->maps[1].l_name = (char *)16;
		break;
	case LONG_NAME:
		p->maps[1].l_name = endless;
		break;
	case WILD_DYNAMIC:
		p->maps[1].l_ld = (Elf64_Dyn *)16;
		break;
	case NO_END:
		p->maps[1].l_ld = no_end;
		break;
	case LOADING:
		p->debug.r_state = RT_ADD;
		break;
	case NO_MAP:
		p->debug.r_map = NULL;
		break;
	case NO_DEBUG:
		p->dynamic[1].d_un.d_ptr = 0;
		break;
	case NO_LOADER:
		p->headers[1].p_type = PT_NOTE;
		break;
	case WILD_HEADERS:
		auxv->phdr = 16;
		break;
	case DAMAGES:
		break;
	}
}

static void test_damaged_lists(void **state)
{
	static const int expected[DAMAGES] = {
		[CIRCLE] = -ELOOP,     [SELF] = -ELOOP,          [WILD_NEXT] = -EFAULT, [WILD_NAME] = -EFAULT,
		[LONG_NAME] = -EFAULT, [WILD_DYNAMIC] = -EFAULT, [NO_END] = 0,          [LOADING] = -EAGAIN,
		[NO_MAP] = -EAGAIN,    [NO_DEBUG] = -EAGAIN,     [NO_LOADER] = 0,       [WILD_HEADERS] = -EFAULT,
	};

	(void)state;
	for (int i = 0; i < DAMAGES; i++) {
		struct live_objects objects = { .n = 7 };
		char *row = mem_printf(&pool, "damage %d", i);
		struct live_auxv auxv;
		struct made p;

		memory_forget(&memory);
		auxv = make_program(&p);
		damage_program(&p, &auxv, (enum damage)i);
		assert_row_int(row, objects_read(&memory, &pool, &auxv, &objects), expected[i]);
		if (expected[i] < 0)
			assert_row_int(row, (long long)objects.n, 7);
		else
			assert_row_int(row, objects.is_static, i == NO_LOADER);
	}
}

static double seconds_of(const struct live_object *object)
{
	struct timespec before, after;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(object_find(&memory, object, "malloc"), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	return (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
}

static uint32_t hash_of(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

/* Tables that were made to be searched for ever. */
static void test_endless_hash_tables(void **state)
{
	static Elf64_Sym symbols[2];
	static const char strings[16] = "mallox";
	static uint32_t sysv[2] = { 1, UINT32_MAX };
	static struct {
		uint32_t n_buckets, first, n_words, shift;
		uint64_t bloom;
		uint32_t bucket, chains[1 << 20];
	} gnu = { 1, 0, 1, 0, UINT64_MAX, 0, { 0 } };
	struct live_object object = { .symbols = AT(symbols), .strings = AT(strings), .hash = AT(sysv) };

	(void)state;
	assert_true(seconds_of(&object) < 10);
	assert_true(memory_is_spent(&memory));
	/* Each link of the chain has the right hash, and none ends it. */
	for (size_t i = 0; i < 1 << 20; i++)
		gnu.chains[i] = hash_of("malloc") & ~1u;
	close_memory(state);
	assert_int_equal(open_memory(state), 0);
	object.gnu_hash = AT(&gnu);
	assert_true(seconds_of(&object) < 10);
	/* Sizes that lead anywhere. */
	close_memory(state);
	assert_int_equal(open_memory(state), 0);
	gnu.n_words = gnu.n_buckets = UINT32_MAX;
	assert_int_equal(object_find(&memory, &object, "malloc"), 0);
	gnu.n_words = 0;
	memory_forget(&memory);
	assert_int_equal(object_find(&memory, &object, "malloc"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(test_open),
		MEMORY_TEST(test_reads),
		MEMORY_TEST(test_budget),
		MEMORY_TEST(test_own_objects),
		MEMORY_TEST(test_made_program),
		MEMORY_TEST(test_damaged_lists),
		MEMORY_TEST(test_endless_hash_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
