/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "program/catalog.h"
#include "support/support.h"

#define FOLDER "/opt/my tools/allocrun"
#define MANIFEST FOLDER "/lib/allocrun/manifest.json"
#define LIBRARY FOLDER "/lib/allocrun/jemalloc-5.3.1-x86_64-glibc/libjemalloc.so.2"

static const unsigned char build_id[] = { 0xab, 0xcd };

static const struct elf_spec library = {
	.soname = "libjemalloc.so.2",
	.needed = (const char *const[]){ "libm.so.6", "libpthread.so.0", "libc.so.6", "ld-linux-x86-64.so.2", NULL },
	.build_id = build_id,
	.build_id_size = sizeof build_id,
	.symbols = (const char *const[]){ "malloc", "free", NULL },
};

static const char manifest[] =
	"{\"manifest\": 1, \"builds\": [{\"id\": \"jemalloc-5.3.1-x86_64-glibc\","
	" \"allocator\": \"jemalloc\", \"version\": \"5.3.1\", \"variant\": \"prof\","
	" \"file\": \"jemalloc-5.3.1-x86_64-glibc/libjemalloc.so.2\", \"machine\": \"x86_64\","
	" \"libc\": \"glibc\", \"min_glibc\": \"2.28\", \"page_size\": 4096, \"build_id\": \"abcd\","
	" \"sha256\": \"00\", \"features\": [\"prof\", \"stats\"], \"licence\": \"BSD\"}]}\n";

static const struct command_facts glibc_command = {
	.name = "server",
	.elf = { .machine = "x86_64", .bits = 64 },
	.libc = LIBC_GLIBC,
};

static struct catalog_facts read_with(struct tree *t, const struct detect_request *request,
				      const struct command_facts *command)
{
	struct catalog_facts facts = { 0 };

	catalog_read(&t->root, &t->root, &t->mem, FOLDER, request, command, &facts);
	return facts;
}

static struct catalog_facts read_catalog(struct tree *t)
{
	static const struct detect_request request = { 0 };

	return read_with(t, &request, &glibc_command);
}

static void test_whole(void **state)
{
	struct catalog_facts facts;
	const struct build_facts *build;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_write(&t, MANIFEST, manifest);
	tree_write_elf(&t, LIBRARY, &library);
	facts = read_catalog(&t);
	assert_string_equal(facts.prefix, FOLDER);
	assert_null(facts.problem);
	assert_int_equal(facts.n_builds, 1);
	build = &facts.builds[0];
	assert_string_equal(build->id, "jemalloc-5.3.1-x86_64-glibc");
	assert_string_equal(build->allocator, "jemalloc");
	assert_string_equal(build->version, "5.3.1");
	assert_string_equal(build->variant, "prof");
	assert_string_equal(build->path, LIBRARY);
	assert_string_equal(build->machine, "x86_64");
	assert_int_equal(build->libc, LIBC_GLIBC);
	assert_int_equal(build->libc_minor, 28);
	assert_int_equal(build->page_size, 4096);
	assert_string_equal(build->build_id, "abcd");
	assert_string_equal(build->features[0], BUILD_FEATURE_PROF);
	assert_string_equal(build->features[1], "stats");
	assert_null(build->features[2]);
	assert_true(build->is_bundled);
	assert_null(build->problem);
	tree_close(&t);
}

/* The bytes are read only when somebody asks for them. */
static void test_digest(void **state)
{
	/* Of "abc", from FIPS 180-4's examples. */
	static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	static const struct detect_request asks = { .integrity = true };
	struct catalog_facts facts;
	char *digest = NULL;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_write(&t, MANIFEST, manifest);
	tree_write_elf(&t, LIBRARY, &library);
	tree_write(&t, "/abc", "abc");
	assert_int_equal(digest_file(&t.root, &t.mem, "/abc", &digest), 0);
	assert_string_equal(digest, abc);
	digest = NULL;
	assert_int_equal(digest_file(&t.root, &t.mem, "/none", &digest), -ENOENT);
	assert_int_equal(digest_file(&t.root, &t.mem, "/opt", &digest), -EISDIR);
	assert_null(digest);
	assert_null(read_catalog(&t).builds[0].digest);
	facts = read_with(&t, &asks, &glibc_command);
	assert_int_equal(strlen(facts.builds[0].digest), 64);
	assert_string_equal(facts.builds[0].sha256, "00");
	tree_close(&t);
}

static void test_manifest_problems(void **state)
{
	static const struct {
		const char *text, *problem; /* behind the manifest's path */
	} cases[] = {
		{ NULL, " is missing" },
		{ "", ":" },
		{ "{\"manifest\": 1,\n \"builds\": [}", ":2:" },
		{ "[]", ": not a manifest of version 1" },
		{ "{\"manifest\": 2, \"builds\": []}", ": not a manifest of version 1" },
		{ "{\"manifest\": 1}", ": has no list of builds" },
		{ "{\"manifest\": 1, \"builds\": [7]}", ": build 1 lacks" },
		{ "{\"manifest\": 1, \"builds\": [{\"id\": \"x\"}]}", ": build 1 lacks" },
		{ "{\"manifest\": 1, \"builds\": [{\"id\":\"x\",\"allocator\":\"x\",\"version\":\"1\","
		  "\"machine\":\"x86_64\",\"libc\":\"bionic\",\"file\":\"x\"}]}",
		  ": build 1 has a libc other than" },
		{ "{\"manifest\": 1, \"builds\": [{\"id\":\"x\",\"allocator\":\"x\",\"version\":\"1\","
		  "\"machine\":\"x86_64\",\"libc\":\"musl\",\"file\":\"a/../../x\"}]}",
		  ": build 1 has a file outside of" },
		{ "{\"manifest\": 1, \"builds\": [{\"id\":\"x\",\"allocator\":\"x\",\"version\":\"1\","
		  "\"machine\":\"x86_64\",\"libc\":\"musl\",\"file\":\"/x\"}]}",
		  ": build 1 has a file outside of" },
		/* Half a catalogue is none. */
		{ "{\"manifest\": 1, \"builds\": [{\"id\":\"x\",\"allocator\":\"x\",\"version\":\"1\","
		  "\"machine\":\"x86_64\",\"libc\":\"musl\",\"file\":\"x\"}, {}]}",
		  ": build 2 lacks" },
		{ "\xff\xfe\x01", ":1:" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct catalog_facts facts;
		struct tree t;

		tree_open(&t);
		if (cases[i].text)
			tree_write(&t, MANIFEST, cases[i].text);
		facts = read_catalog(&t);
		assert_non_null(facts.problem);
		print_message("%s\n", facts.problem);
		assert_int_equal(strncmp(facts.problem, MANIFEST, strlen(MANIFEST)), 0);
		assert_int_equal(strncmp(facts.problem + strlen(MANIFEST), cases[i].problem, strlen(cases[i].problem)),
				 0);
		assert_int_equal(facts.n_builds, 0);
		tree_close(&t);
	}
}

static void test_huge_manifest(void **state)
{
	struct catalog_facts facts;
	struct tree t;
	char *text;

	(void)state;
	tree_open(&t);
	text = mem_alloc(&t.mem, (2 << 20) + 1);
	memset(text, ' ', 2 << 20);
	tree_write(&t, MANIFEST, text);
	facts = read_catalog(&t);
	assert_string_equal(facts.problem, MANIFEST " cannot be read: File too large");
	tree_close(&t);
}

/* The catalogue with this library in it, which is spoiled; what is said of it. */
static void check_problem(struct tree *t, const char *expected)
{
	struct catalog_facts facts = read_catalog(t);

	assert_int_equal(facts.n_builds, 1);
	if (expected)
		assert_string_equal(facts.builds[0].problem, expected);
	else
		assert_null(facts.builds[0].problem);
}

static void test_library_problems(void **state)
{
	struct elf_spec spec = library;
	struct tree t;
	unsigned char *bytes;
	size_t size;

	(void)state;
	tree_open(&t);
	tree_write(&t, MANIFEST, manifest);
	check_problem(&t, LIBRARY " is missing");
	tree_write(&t, LIBRARY, "not a library\n");
	check_problem(&t, LIBRARY " is not an ELF file");
	bytes = elf_make(&t.mem, &library, &size);
	tree_write_bytes(&t, LIBRARY, bytes, size / 2);
	check_problem(&t, LIBRARY " is truncated");
	tree_write(&t, LIBRARY, "");
	check_problem(&t, LIBRARY " is truncated");
	spec.machine = EM_AARCH64;
	tree_write_elf(&t, LIBRARY, &spec);
	check_problem(&t, LIBRARY " is for aarch64, not for x86_64");
	spec = library;
	spec.interpreter = "/lib64/ld-linux-x86-64.so.2";
	tree_write_elf(&t, LIBRARY, &spec);
	check_problem(&t, LIBRARY " is not a shared library");
	spec = library;
	spec.build_id = (const unsigned char *)"\x12\x34";
	tree_write_elf(&t, LIBRARY, &spec);
	check_problem(&t, LIBRARY " has build ID 1234, the manifest says abcd");
	tree_remove(&t, LIBRARY);
	tree_mkdir(&t, LIBRARY);
	check_problem(&t, LIBRARY " is a directory");
	tree_close(&t);
}

/* A prefix whose library needs these. */
static void open_needing(struct tree *t, const char *const *needed)
{
	struct elf_spec spec = library;

	spec.needed = needed;
	tree_open(t);
	tree_write(t, MANIFEST, manifest);
	tree_write_elf(t, LIBRARY, &spec);
}

static void test_needed_libraries(void **state)
{
	static const char cache[] = "ld.so-1.7.0\0libother.so.1\0/usr/lib/libother.so.1\0";
	static const char *const environment[] = { "LD_LIBRARY_PATH=/none:/extra", NULL };
	const char *needed[] = { "libc.so.6", "libfoo.so.1", NULL };
	struct detect_request request = { .environment = environment };
	struct catalog_facts facts;
	struct tree t;

	(void)state;
	open_needing(&t, needed);
	check_problem(&t, LIBRARY " needs libfoo.so.1, which is not installed");
	/* In the cache only as a part of another name. */
	tree_write_bytes(&t, "/etc/ld.so.cache", "x\0mylibfoo.so.1\0libfoo.so.12\0", 28);
	check_problem(&t, LIBRARY " needs libfoo.so.1, which is not installed");
	tree_write_bytes(&t, "/etc/ld.so.cache", cache, sizeof cache);
	check_problem(&t, LIBRARY " needs libfoo.so.1, which is not installed");
	tree_write_bytes(&t, "/etc/ld.so.cache", "x\0libfoo.so.1\0/opt/libfoo.so.1\0", 31);
	check_problem(&t, LIBRARY " needs libfoo.so.1, which is not installed");
	tree_write_elf(&t, "/opt/libfoo.so.1", &library);
	check_problem(&t, NULL);
	tree_remove(&t, "/etc/ld.so.cache");
	tree_write(&t, "/usr/lib/x86_64-linux-gnu/libfoo.so.1", "");
	check_problem(&t, NULL);
	tree_remove(&t, "/usr/lib/x86_64-linux-gnu/libfoo.so.1");
	tree_write(&t, "/extra/libfoo.so.1", "");
	check_problem(&t, LIBRARY " needs libfoo.so.1, which is not installed");
	facts = read_with(&t, &request, &glibc_command);
	assert_null(facts.builds[0].problem);
	tree_close(&t);
}

/* The stubs of glibc: an image may have been stripped of them. Where no libc is seen nothing is known. */
static void test_needed_of_libc(void **state)
{
	static const char *const needed[] = { "libpthread.so.0", "libc.so.6", NULL };
	struct tree t;

	(void)state;
	open_needing(&t, needed);
	check_problem(&t, NULL);
	tree_write(&t, "/lib/x86_64-linux-gnu/libc.so.6", "");
	check_problem(&t, LIBRARY " needs libpthread.so.0, which is not installed");
	tree_write(&t, "/lib64/libpthread.so.0", "");
	check_problem(&t, NULL);
	tree_close(&t);
}

/* Next to the library: heeded only when its RUNPATH says so, as the loader does. */
static void test_runpath(void **state)
{
	static const char *const needed[] = { "libfoo.so.1", NULL };
	struct elf_spec spec = library;
	struct tree t;

	(void)state;
	spec.needed = needed;
	tree_open(&t);
	tree_write(&t, MANIFEST, manifest);
	tree_write(&t, FOLDER "/lib/allocrun/jemalloc-5.3.1-x86_64-glibc/deps/libfoo.so.1", "");
	tree_write_elf(&t, LIBRARY, &spec);
	check_problem(&t, LIBRARY " needs libfoo.so.1, which is not installed");
	spec.runpath = "/none:$ORIGIN/deps";
	tree_write_elf(&t, LIBRARY, &spec);
	check_problem(&t, NULL);
	spec.runpath = "${ORIGIN}/deps";
	tree_write_elf(&t, LIBRARY, &spec);
	check_problem(&t, NULL);
	tree_close(&t);
}

/* What the command cannot load anyway is not opened for a launch. */
static void test_only_what_may_fit_is_checked(void **state)
{
	static const struct {
		const char *machine;
		enum libc_kind libc;
		bool is_checked;
	} cases[] = {
		{ "x86_64", LIBC_GLIBC, true },   { "x86_64", LIBC_UNKNOWN, true }, { "x86_64", LIBC_MUSL, false },
		{ "aarch64", LIBC_GLIBC, false }, { "", LIBC_UNKNOWN, true },
	};
	static const struct detect_request request = { 0 };
	struct catalog_facts facts;
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_write(&t, MANIFEST, manifest);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct command_facts command = { .name = "server", .libc = cases[i].libc };

		strcpy(command.elf.machine, cases[i].machine);
		facts = read_with(&t, &request, &command);
		assert_int_equal(facts.builds[0].problem != NULL, cases[i].is_checked);
	}
	facts = read_with(&t, &request, NULL);
	assert_non_null(facts.builds[0].problem);
	tree_close(&t);
}

static void test_foreign_library(void **state)
{
	static const struct {
		const char *path, *allocator;
	} cases[] = {
		{ "/usr/lib/libjemalloc.so.2", "jemalloc" },
		{ "/usr/lib/libmimalloc.so.3.5", "mimalloc" },
		{ "/usr/lib/libtcmalloc_minimal.so.4", "tcmalloc" },
		{ "/usr/lib/libjemalloc/libmy.so", "" },
	};
	struct detect_request request = { 0 };
	struct elf_spec plain = library;
	struct catalog_facts facts;
	struct tree t;

	(void)state;
	tree_open(&t);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		tree_write_elf(&t, cases[i].path, &library);
		request.allocators = cases[i].path;
		facts = read_with(&t, &request, &glibc_command);
		assert_int_equal(facts.n_builds, 1);
		assert_string_equal(facts.builds[0].id, cases[i].path);
		assert_string_equal(facts.builds[0].path, cases[i].path);
		assert_string_equal(facts.builds[0].allocator, cases[i].allocator);
		assert_string_equal(facts.builds[0].machine, "x86_64");
		assert_string_equal(facts.builds[0].build_id, "abcd");
		assert_int_equal(facts.builds[0].page_size, FACT_UNKNOWN);
		assert_int_equal(facts.builds[0].load_align, 4096);
		assert_int_equal(facts.builds[0].libc_minor, FACT_UNKNOWN);
		assert_false(facts.builds[0].is_bundled);
		assert_null(facts.builds[0].problem);
	}
	plain.symbols = (const char *const[]){ "malloc_but_not_quite", "?free", NULL };
	tree_write_elf(&t, "/usr/lib/libjemalloc.so.9", &plain);
	request.allocators = "/usr/lib/libjemalloc.so.9";
	facts = read_with(&t, &request, &glibc_command);
	assert_string_equal(facts.builds[0].problem, "/usr/lib/libjemalloc.so.9 defines no malloc");
	request.allocators = "/usr/lib/none.so";
	facts = read_with(&t, &request, &glibc_command);
	assert_string_equal(facts.builds[0].problem, "/usr/lib/none.so is missing");
	tree_close(&t);
}

/* This program lies in build/tests/unit, not in a bin folder. */
static void test_no_prefix(void **state)
{
	static const struct detect_request request = { 0 };
	struct catalog_facts facts;
	struct mem m = MEM_INIT;
	struct root root;

	(void)state;
	assert_int_equal(root_open(NULL, &root), 0);
	catalog_detect(&root, &m, &request, NULL, &facts);
	assert_null(facts.prefix);
	assert_non_null(facts.problem);
	assert_int_equal(facts.n_builds, 0);
	mem_free_all(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_manifest_problems),
		cmocka_unit_test(test_huge_manifest),
		cmocka_unit_test(test_library_problems),
		cmocka_unit_test(test_needed_libraries),
		cmocka_unit_test(test_needed_of_libc),
		cmocka_unit_test(test_runpath),
		cmocka_unit_test(test_only_what_may_fit_is_checked),
		cmocka_unit_test(test_foreign_library),
		cmocka_unit_test(test_no_prefix),
	};

	/* Otherwise jansson reads /dev/urandom for its hash. */
	json_object_seed(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
