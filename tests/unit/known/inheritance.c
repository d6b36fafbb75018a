/* SPDX-License-Identifier: Apache-2.0 */
#include "known/inheritance.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/pool.h"

#define LIBRARY "/opt/lib/allocrun/libjemalloc.so.2"
#define CHILDREN "/opt/lib/allocrun/children.so"
#define OURS LIBRARY ":" CHILDREN

struct undo_case {
	const char *name;
	const char *before[10], *after[10];
	bool is_whole;
};

static const struct undo_case undo_cases[] = {
	{ "no launch above", { "A=1", "LD_PRELOAD=/x.so", NULL }, { "A=1", "LD_PRELOAD=/x.so", NULL }, false },
	{ "nothing was there before",
	  { "A=1", "LD_PRELOAD=" OURS, "MALLOC_CONF=a:1", "_ALLOCRUN_CHILDREN=keep", "_ALLOCRUN_SET_LD_PRELOAD=" OURS,
	    "_ALLOCRUN_SET_MALLOC_CONF=a:1", "B=2", NULL },
	  { "A=1", "B=2", NULL },
	  true },
	{ "something was, and is there again in its place",
	  { "LD_PRELOAD=" OURS ":/x.so", "_ALLOCRUN_SET_LD_PRELOAD=" OURS ":/x.so",
	    "_ALLOCRUN_WAS_LD_PRELOAD=/x.so:/x.so", "MALLOC_CONF=a:1,b:2", "_ALLOCRUN_SET_MALLOC_CONF=a:1,b:2",
	    "_ALLOCRUN_WAS_MALLOC_CONF=b:2", NULL },
	  { "LD_PRELOAD=/x.so:/x.so", "MALLOC_CONF=b:2", NULL },
	  true },
	{ "set anew since: theirs",
	  { "LD_PRELOAD=/y.so:" OURS, "_ALLOCRUN_SET_LD_PRELOAD=" OURS, "MALLOC_CONF=c:3",
	    "_ALLOCRUN_SET_MALLOC_CONF=a:1", NULL },
	  { "LD_PRELOAD=/y.so", "MALLOC_CONF=c:3", NULL },
	  true },
	{ "ours alone, written in another way",
	  { "LD_PRELOAD= " CHILDREN " : " LIBRARY, "_ALLOCRUN_SET_LD_PRELOAD=" OURS, NULL },
	  { NULL },
	  true },
	{ "taken out since: the rest goes with it",
	  { "LD_PRELOAD=/y.so", "_ALLOCRUN_SET_LD_PRELOAD=" OURS, "MALLOC_CONF=a:1", "_ALLOCRUN_SET_MALLOC_CONF=a:1",
	    NULL },
	  { "LD_PRELOAD=/y.so", NULL },
	  false },
	{ "another allocator was added",
	  { "LD_PRELOAD=/usr/lib/libtcmalloc.so.4:" OURS, "_ALLOCRUN_SET_LD_PRELOAD=" OURS, NULL },
	  { "LD_PRELOAD=/usr/lib/libtcmalloc.so.4", NULL },
	  false },
	{ "a sanitizer's runtime was added",
	  { "LD_PRELOAD=" OURS ":libasan.so.8", "_ALLOCRUN_SET_LD_PRELOAD=" OURS, NULL },
	  { "LD_PRELOAD=libasan.so.8", NULL },
	  false },
	{ "a name that only begins alike",
	  { "MALLOC_CONF_2=x", "MALLOC=y", "_ALLOCRUN_SET_MALLOC_CONF=a:1", NULL },
	  { "MALLOC_CONF_2=x", "MALLOC=y", NULL },
	  false },
	{ "odd entries stay", { "", "=", "LD_PRELOAD", "x", NULL }, { "", "=", "LD_PRELOAD", "x", NULL }, false },
	{ "marks of nothing", { "_ALLOCRUN_", "_ALLOCRUN_SET_", "_ALLOCRUN_WAS_=", NULL }, { NULL }, false },
	{ "empty", { NULL }, { NULL }, false },
};

static void test_undo(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof undo_cases / sizeof *undo_cases; k++) {
		const struct undo_case *c = &undo_cases[k];
		char *const *before = (char *const *)c->before;
		struct inheritance i;
		char **after, *preload;
		size_t n = 0;

		inheritance_read(before, &i);
		/* As much room as is promised to be enough, and not a byte more. */
		after = malloc((i.n + 1) * sizeof *after);
		preload = malloc(strlen("LD_PRELOAD=") + (i.preload ? strlen(i.preload) : 0) + 1);
		inheritance_undo(&i, before, after, preload);
		for (; after[n] && c->after[n]; n++)
			assert_row_string(c->name, after[n], c->after[n]);
		assert_true(!after[n] && !c->after[n]);
		assert_row_int(c->name, inheritance_is_whole(&i), c->is_whole);
		free(after);
		free(preload);
	}
}

static void test_marks(void **state)
{
	const char *environment[] = { "_ALLOCRUN_CHILDREN=a,bc", "_ALLOCRUN_PID=4711", NULL };
	struct inheritance i;

	(void)state;
	inheritance_read((char *const *)environment, &i);
	assert_string_equal(i.children, "a,bc");
	assert_int_equal(i.pid, 4711);
	assert_true(inheritance_names(i.children, "a") && inheritance_names(i.children, "bc"));
	assert_false(inheritance_names(i.children, "b") || inheritance_names(i.children, "") ||
		     inheritance_names(i.children, "a,bc"));
	environment[1] = "_ALLOCRUN_PID=17777777777777777777777777777777777777777777";
	inheritance_read((char *const *)environment, &i);
	assert_true(i.pid > INT_MAX);
	inheritance_read(NULL, &i);
	assert_null(i.children);
	assert_int_equal(i.n, 0);
}

/* More than there is room for: none is lost that somebody else has set. */
static void test_many(void **state)
{
	static char texts[300][40];
	char *environment[301], *after[301], preload[16];
	struct inheritance i;
	size_t n = 0;

	(void)state;
	for (size_t k = 0; k < 300; k++) {
		if (k % 2)
			snprintf(texts[k], sizeof texts[k], "V%zu=1", k);
		else
			snprintf(texts[k], sizeof texts[k], "_ALLOCRUN_SET_V%zu=1", k + 1);
		environment[k] = texts[k];
	}
	environment[300] = NULL;
	inheritance_read(environment, &i);
	inheritance_undo(&i, environment, after, preload);
	while (after[n])
		n++;
	assert_int_equal(n, 150 - INHERITANCE_MOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_undo),
		TEST(test_marks),
		TEST(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
