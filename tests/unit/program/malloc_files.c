/* SPDX-License-Identifier: Apache-2.0 */
/* Kind D: who defines malloc, by symbols. */
#include <string.h>

#include "program/malloc_files.h"
#include "support/support.h"

static enum malloc_role role_of(const char *const *symbols)
{
	struct elf_spec spec = { .symbols = symbols };
	struct mem m = MEM_INIT;
	struct elf_reader reader = { .fd = -1 };
	struct elf_facts elf;
	struct elf_file file;
	enum malloc_role role;
	size_t size;

	reader.bytes = elf_make(&m, &spec, &size);
	reader.size = size;
	elf_parse_reader(&reader, &m, &elf, &file);
	assert_int_equal(elf.problem, 0);
	role = malloc_role_of(&file);
	mem_free_all(&m);
	return role;
}

#define SYMBOLS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_roles(void **state)
{
	(void)state;
	assert_int_equal(role_of(NULL), MALLOC_NONE);
	assert_int_equal(role_of(SYMBOLS("?malloc", "?free", "main")), MALLOC_NONE);
	assert_int_equal(role_of(SYMBOLS("malloc", "?free")), MALLOC_NONE);
	assert_int_equal(role_of(SYMBOLS("xmalloc", "freed")), MALLOC_NONE);
	assert_int_equal(role_of(SYMBOLS("malloc", "free", "?mmap")), MALLOC_SERVES);
	assert_int_equal(role_of(SYMBOLS("free", "malloc")), MALLOC_SERVES);
	/* jemalloc asks for both. */
	assert_int_equal(role_of(SYMBOLS("malloc", "free", "?mmap", "?dlsym")), MALLOC_SERVES);
	assert_int_equal(role_of(SYMBOLS("malloc", "free", "?dlsym", "?syscall")), MALLOC_PASSES_ON);
	assert_int_equal(role_of(SYMBOLS("malloc", "free", "?dlvsym")), MALLOC_PASSES_ON);
	assert_int_equal(role_of(SYMBOLS("malloc", "free", "__asan_init", "?mmap")), MALLOC_SANITIZES);
	assert_int_equal(role_of(SYMBOLS("malloc", "free", "__tsan_init", "?dlsym")), MALLOC_SANITIZES);
}

/* A program, what it needs, and what that needs; a name says nothing where the file can be read. */
static void test_libraries(void **state)
{
	const struct elf_spec program = { .interpreter = "/lib64/ld-linux-x86-64.so.2",
					  .runpath = "$ORIGIN/../lib",
					  .needed = SYMBOLS("libmiddle.so", "libtcmalloc.so", "libgone.so",
							    "libc.so.6") };
	const struct elf_spec middle = { .needed = SYMBOLS("libinner.so"), .symbols = SYMBOLS("middle") };
	const struct elf_spec inner = { .needed = SYMBOLS("libmiddle.so"), .symbols = SYMBOLS("malloc", "free") };
	const struct elf_spec plain = { .symbols = SYMBOLS("nothing") };
	static const char *const environment[] = { "LD_LIBRARY_PATH=/inner", "LD_PRELOAD=libfast.so:/a/libplain.so",
						   NULL };
	struct detect_request request = { .environment = environment };
	struct command_facts command = { .chain = { (char *)(uintptr_t) "/opt/bin/server" },
					 .n_chain = 1,
					 .libc = LIBC_GLIBC };
	struct malloc_files preloads = { NULL, 0 };
	struct tree t;

	(void)state;
	tree_open(&t);
	tree_write_elf(&t, "/opt/bin/server", &program);
	tree_write_elf(&t, "/opt/lib/libmiddle.so", &middle);
	tree_write_elf(&t, "/inner/libinner.so", &inner);
	tree_write_elf(&t, "/inner/libfast.so", &inner);
	tree_write_elf(&t, "/opt/lib/libtcmalloc.so", &plain);
	tree_write_elf(&t, "/a/libplain.so", &plain);
	elf_read(&t.root, &t.mem, "/opt/bin/server", &command.elf);
	malloc_detect_libraries(&t.root, &t.mem, &request, &command);
	assert_int_equal(command.libraries.n, 4);
	assert_string_equal(command.libraries.items[0].name, "libmiddle.so");
	assert_int_equal(command.libraries.items[0].role, MALLOC_NONE);
	assert_int_equal(command.libraries.items[1].role, MALLOC_NONE);
	assert_int_equal(command.libraries.items[2].role, MALLOC_UNREAD);
	assert_string_equal(command.libraries.items[3].name, "libinner.so");
	assert_int_equal(command.libraries.items[3].role, MALLOC_SERVES);
	malloc_detect_preloads(&t.root, &t.mem, &request, &command, "/inner/libfast.so\n/none.so\n", &preloads);
	assert_int_equal(preloads.n, 4);
	assert_int_equal(preloads.items[0].role, MALLOC_SERVES);
	assert_int_equal(preloads.items[1].role, MALLOC_NONE);
	assert_int_equal(preloads.items[2].role, MALLOC_SERVES);
	assert_int_equal(preloads.items[3].role, MALLOC_UNREAD);
	tree_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_roles), cmocka_unit_test(test_libraries) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
