/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "decide/ld_preload.h"
#include "known/allocators.h"
#include "support/pool.h"

#define OURS "/opt/allocrun/lib/allocrun/jemalloc-5.3.1-x86_64-glibc/libjemalloc.so.2"
#define SECOND(name) "a second allocator (" name "); two are never loaded together"
#define STAYS "was there and stays"
#define TWICE "listed twice"
#define FIRST "ours, first: its malloc is the one found"

struct entry {
	const char *name;
	const char *why; /* FIRST and STAYS: kept, the others: left out */
};

struct compose_case {
	const char *name;
	const char *library, *current;
	const char *value;
	struct entry entries[6]; /* ended by name NULL */
};

static const struct compose_case compose_cases[] = {
	{ "not set", OURS, NULL, OURS, { { OURS, FIRST } } },
	{ "empty", OURS, "", OURS, { { OURS, FIRST } } },
	{ "only separators", OURS, " : ::  ", OURS, { { OURS, FIRST } } },
	{ "ours first, the foreign one behind it",
	  OURS,
	  "/usr/lib/libcuda_hook.so",
	  OURS ":/usr/lib/libcuda_hook.so",
	  { { OURS, FIRST }, { "/usr/lib/libcuda_hook.so", STAYS } } },
	{ "foreign ones in their order",
	  OURS,
	  "/z.so:/a.so:/m.so",
	  OURS ":/z.so:/a.so:/m.so",
	  { { OURS, FIRST }, { "/z.so", STAYS }, { "/a.so", STAYS }, { "/m.so", STAYS } } },
	{ "spaces and colons mixed, empty fields",
	  OURS,
	  "/z.so /a.so:: /m.so :",
	  OURS ":/z.so:/a.so:/m.so",
	  { { OURS, FIRST }, { "/z.so", STAYS }, { "/a.so", STAYS }, { "/m.so", STAYS } } },
	/* The loader splits at these two only: a tab belongs to the name. */
	{ "a tab is no separator", OURS, "/a\tb.so", OURS ":/a\tb.so", { { OURS, FIRST }, { "/a\tb.so", STAYS } } },
	{ "duplicates go, the first stays",
	  OURS,
	  "/a.so:/b.so:/a.so",
	  OURS ":/a.so:/b.so",
	  { { OURS, FIRST }, { "/a.so", STAYS }, { "/b.so", STAYS }, { "/a.so", TWICE } } },
	{ "ours is there already", OURS, OURS, OURS, { { OURS, FIRST }, { OURS, TWICE } } },
	{ "ours is there already, but not first",
	  OURS,
	  "/a.so:" OURS,
	  OURS ":/a.so",
	  { { OURS, FIRST }, { "/a.so", STAYS }, { OURS, TWICE } } },
	{ "another jemalloc",
	  OURS,
	  "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
	  OURS,
	  { { OURS, FIRST }, { "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", SECOND("jemalloc") } } },
	{ "another jemalloc by its bare name",
	  OURS,
	  "libjemalloc.so.2",
	  OURS,
	  { { OURS, FIRST }, { "libjemalloc.so.2", SECOND("jemalloc") } } },
	{ "another allocator twice",
	  OURS,
	  "libmimalloc.so:libmimalloc.so",
	  OURS,
	  { { OURS, FIRST }, { "libmimalloc.so", SECOND("mimalloc") }, { "libmimalloc.so", SECOND("mimalloc") } } },
	{ "vLLM's CPU image: tcmalloc goes, OpenMP stays",
	  OURS,
	  "/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4:/opt/venv/lib/libiomp5.so",
	  OURS ":/opt/venv/lib/libiomp5.so",
	  { { OURS, FIRST },
	    { "/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4", SECOND("tcmalloc") },
	    { "/opt/venv/lib/libiomp5.so", STAYS } } },
	{ "torch's libgomp stays",
	  OURS,
	  "/venv/torch.libs/libgomp-98b21ff3.so.1.0.0 /venv/torch.libs/libgomp-98b21ff3.so.1.0.0",
	  OURS ":/venv/torch.libs/libgomp-98b21ff3.so.1.0.0",
	  { { OURS, FIRST },
	    { "/venv/torch.libs/libgomp-98b21ff3.so.1.0.0", STAYS },
	    { "/venv/torch.libs/libgomp-98b21ff3.so.1.0.0", TWICE } } },
	{ "no library: only allocators go",
	  NULL,
	  "/a.so:libjemalloc.so.2:/b.so",
	  "/a.so:/b.so",
	  { { "/a.so", STAYS }, { "libjemalloc.so.2", SECOND("jemalloc") }, { "/b.so", STAYS } } },
	{ "no library, nothing left", NULL, "libjemalloc.so.2", "", { { "libjemalloc.so.2", SECOND("jemalloc") } } },
	{ "no library, not set", NULL, NULL, "", { { NULL, NULL } } },
};

static void check_parts(const struct compose_case *c, const struct parts *parts)
{
	size_t n = 0;

	for (; c->entries[n].name; n++) {
		const struct entry *e = &c->entries[n];
		bool is_kept = strcmp(e->why, FIRST) == 0 || strcmp(e->why, STAYS) == 0;

		if (n >= parts->n)
			break;
		assert_row_string(c->name, parts->items[n].name, e->name);
		assert_row_string(c->name, parts->items[n].why, e->why);
		assert_row_string(c->name, parts->items[n].value, is_kept ? e->name : NULL);
	}
	assert_row_int(c->name, (long long)parts->n, (long long)n);
	assert_row_string(c->name, c->entries[n].name, NULL);
}

static void test_compose(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof compose_cases / sizeof *compose_cases; i++) {
		const struct compose_case *c = &compose_cases[i];
		struct parts parts = { NULL, 0 };

		assert_row_string(c->name, preload_compose(&pool, NULL, c->library, NULL, c->current, &parts),
				  c->value);
		check_parts(c, &parts);
	}
}

/* What is composed is composed: doing it again, as a nested allocrun does, changes nothing. */
static void test_compose_twice(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof compose_cases / sizeof *compose_cases; i++) {
		const struct compose_case *c = &compose_cases[i];
		struct parts first = { NULL, 0 }, second = { NULL, 0 };
		char *once = preload_compose(&pool, NULL, c->library, NULL, c->current, &first);

		assert_row_string(c->name, preload_compose(&pool, NULL, c->library, NULL, once, &second), once);
	}
}

static void test_long_list(void **state)
{
	struct parts parts = { NULL, 0 };
	char *list = mem_strdup(&pool, "libtcmalloc.so"), *value;

	(void)state;
	for (int i = 0; i < 300; i++)
		list = mem_printf(&pool, "%s:/lib/%d.so", list, i);
	value = preload_compose(&pool, NULL, OURS, NULL, list, &parts);
	assert_int_equal(parts.n, 302);
	assert_string_equal(parts.items[301].value, "/lib/299.so");
	assert_string_equal(value, mem_printf(&pool, "%s%s", OURS, strchr(list, ':')));
}

static void test_allocator_of(void **state)
{
	static const struct {
		const char *path, *allocator;
	} cases[] = {
		{ "libjemalloc.so.2", "jemalloc" },
		{ "/usr/lib/libjemalloc.so", "jemalloc" },
		{ "libtcmalloc_minimal.so.4", "tcmalloc" },
		{ "/x/vllm.libs/libtcmalloc_minimal-33ab2d74.so.4.5.9", "tcmalloc" },
		{ "libtcmalloc_and_profiler.so.4", "tcmalloc" },
		{ "libmimalloc.so.3", "mimalloc" },
		{ "libmimalloc-secure.so", "mimalloc" },
		{ "libtbbmalloc_proxy.so.2", "tbbmalloc" },
		/* The library itself replaces nothing; its proxy does. */
		{ "libtbbmalloc.so.2", NULL },
		{ "libsnmallocshim.so", "snmalloc" },
		{ "librpmalloc.so", "rpmalloc" },
		{ "libscudo.so", "scudo" },
		{ "libhoard.so", "hoard" },
		{ "libhardened_malloc.so", "hardened_malloc" },
		{ "libgomp.so.1", NULL },
		{ "libiomp5.so", NULL },
		{ "/opt/libjemalloc/libother.so", NULL },
		{ "mylibjemalloc.so", NULL },
		{ "libjemalloc.so/", NULL },
		{ "", NULL },
		{ "/", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_row_string(cases[i].path, preload_allocator_of(cases[i].path), cases[i].allocator);
}

static void test_find_allocator(void **state)
{
	static const struct {
		const char *entries, *found;
	} cases[] = {
		{ "", NULL },
		{ "/lib/libgomp.so.1", NULL },
		{ "/lib/libgomp.so.1:/lib/libjemalloc.so.2:libtcmalloc.so", "/lib/libjemalloc.so.2" },
		{ "a libtcmalloc.so", "libtcmalloc.so" },
		/* ld.so.preload has lines and tabs as well. */
		{ "/lib/a.so\n\t/lib/libmimalloc.so\n", "/lib/libmimalloc.so" },
		{ "/lib/a.so\n\nlibhoard.so", "libhoard.so" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_row_string(cases[i].entries, preload_find_role(&pool, NULL, cases[i].entries, MALLOC_SERVES),
				  cases[i].found);
}

/* As glibc 2.36 was seen to read the file. */
static void test_comments(void **state)
{
	static const struct {
		const char *text, *entries[4];
	} cases[] = {
		{ "", { NULL } },
		{ "#", { NULL } },
		{ "# /lib/a.so\n", { NULL } },
		{ "# /lib/libjemalloc.so.2\n/lib/b.so\n", { "/lib/b.so" } },
		{ "/lib/a.so # why /lib/b.so\n/lib/c.so", { "/lib/a.so", "/lib/c.so" } },
		{ "/lib/a.so#x /lib/b.so", { "/lib/a.so" } },
		{ "##\n#\n/lib/a.so:b.so\t/usr/$LIB/c.so\n##", { "/lib/a.so", "b.so", "/usr/$LIB/c.so" } },
		/* It knows no other line ends. */
		{ "/lib/a.so\r\n", { "/lib/a.so\r" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *text = mem_strdup(&pool, cases[i].text);
		const char *cursor = text, *const *entry = cases[i].entries;

		preload_remove_comments(text);
		for (; *entry; entry++)
			assert_row_string(cases[i].text, preload_next_of_file(&pool, &cursor), *entry);
		assert_null(preload_next_of_file(&pool, &cursor));
	}
}

static void test_can_express(void **state)
{
	(void)state;
	assert_true(preload_can_express("/opt/allocrun/lib/x.so"));
	assert_true(preload_can_express("/opt/a\tb/x.so"));
	assert_true(preload_can_express("/opt/\xc3\xa4/x.so"));
	assert_false(preload_can_express("/opt/my tree/x.so"));
	assert_false(preload_can_express("/opt/a:b/x.so"));
	assert_false(preload_can_express("/opt/x.so "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_compose),        TEST(test_compose_twice), TEST(test_long_list),   TEST(test_allocator_of),
		TEST(test_find_allocator), TEST(test_comments),      TEST(test_can_express),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
