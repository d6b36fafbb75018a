/* SPDX-License-Identifier: Apache-2.0 */
/* live_detect() on libraries that claim to be one of the bundled builds, and on who loads them how. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "live/maps.h"
#include "program/catalog.h"
#include "support/live_child.h"

#define SLEEP "/bin/sleep"
#define BUILD_ID "-Wl,--build-id=0xabcd"

/* A malloc of its own, with the marks and the variables of jemalloc. */
static const char allocator[] =
	"#include <stddef.h>\n"
	"#include <string.h>\n"
	"static _Alignas(16) char room[1 << 22]; static size_t used;\n"
	"__attribute__((used)) static unsigned int je_opt_narenas = 5;\n"
	"int mallctl(void) { return 0; }\n"
	"void *malloc(size_t n) { void *p = room + used; used += (n + 15) & ~(size_t)15; return p; }\n"
	"void free(void *p) { (void)p; }\n"
	"void *calloc(size_t n, size_t s) { return malloc(n * s); }\n"
	"void *realloc(void *p, size_t n) { void *q = malloc(n); if (p) memcpy(q, p, n); return q; }\n";

static const struct live_process *look_at_preloaded(const char *library, const struct catalog_facts *catalog)
{
	return look_at(start(WORDS(SLEEP, "600"), WORDS(mem_printf(&pool, "LD_PRELOAD=%s", library))), catalog);
}

/* Whoever has the build ID of a build, and other code or data, is not that build. */
static void test_claims(void **state)
{
	char *library = compile("/libtrue.so", allocator, "-shared -fPIC " BUILD_ID);
	char *other = compile("/libother.so", mem_printf(&pool, "%sint more(void) { return 7; }\n", allocator),
			      "-shared -fPIC " BUILD_ID);
	char *copy = tree_outside(&tree, "/libcopy.so"), *stripped = tree_outside(&tree, "/libstripped.so");
	struct build_facts build = { .id = "true", .path = library, .build_id = "abcd", .is_bundled = true };
	struct catalog_facts catalog = { .builds = &build, .n_builds = 1 };
	const struct live_process *p;

	(void)state;
	if (!library || !other)
		skip();
	assert_int_equal(system(mem_printf(&pool, "cp %s %s && strip -o %s %s", library, copy, stripped, library)), 0);
	p = look_at_preloaded(library, &catalog);
	assert_ptr_equal(p->malloc->build, &build);
	assert_false(p->malloc->is_impostor);
	p = look_at_preloaded(copy, &catalog);
	assert_ptr_equal(p->malloc->build, &build);
	assert_false(p->malloc->is_impostor);
	assert_int_equal(p->options_evidence, EVIDENCE_PROVED);
	p = look_at_preloaded(stripped, &catalog);
	assert_ptr_equal(p->malloc->build, &build);
	p = look_at_preloaded(other, &catalog);
	assert_string_equal(p->malloc->build_id, "abcd");
	assert_null(p->malloc->build);
	assert_true(p->malloc->is_impostor);
	assert_int_equal(p->options_evidence, EVIDENCE_ASSUMED);
	assert_int_equal(p->options.n, 0);
	/* Where our own file cannot be read, nobody knows. */
	build.path = tree_outside(&tree, "/no.so");
	p = look_at_preloaded(copy, &catalog);
	assert_null(p->malloc->build);
	assert_false(p->malloc->is_impostor);
}

/* Which file the kernel has mapped, by its own words. */
static void test_mapped_files(void **state)
{
	const struct {
		const char *line;
		uint64_t device, inode;
	} cases[] = {
		{ "1000-2000 r--p 00000000 fd:01 1234                       /a b\n", makedev(0xfd, 1), 1234 },
		{ "1000-2000 r-xp 00025000 00:2f 18446744073709551615 /x", makedev(0, 0x2f), UINT64_MAX },
		{ "1000-2000 rw-p 00000000 00:00 0 \n", 0, 0 },
		{ "1000-2000 rw-p 00000000 00:00 0  [heap]\n", 0, 0 },
		{ "1000-2000 rw-p\n", 0, 0 },
		{ "1000-2000 rw-p 0 1 2 /x\n", 0, 0 },
		{ "1000-2000 rw-p 0 1:g 2 /x\n", 0, 0 },
		{ "1000-2000 rw-p 0 1:1 x /x\n", 0, 0 },
		{ "1000-2000", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mapped_file file = { 0, 0 };
		struct mapping mapping;
		const char *line = cases[i].line;

		if (maps_parse_line(line, &mapping) < 0)
			assert_row_string(line, line, "1000-2000");
		else
			assert_row_int(line, maps_parse_file(&mapping, &file), cases[i].inode ? 0 : -ENOENT);
		assert_row_int(line, (long long)file.inode, (long long)cases[i].inode);
		assert_row_int(line, (long long)file.device, (long long)cases[i].device);
	}
}

/* A debugger's breakpoint in a copy is no other build; a page of other code is. */
static void test_changed_code(void **state)
{
	char *library = compile("/libtrue.so",
				mem_printf(&pool,
					   "%sint spare(int x) { return x * 3; }\n"
					   "__asm__(\".text; .skip 8192, 0x90\");\n",
					   allocator),
				"-shared -fPIC " BUILD_ID);
	char *copy = tree_outside(&tree, "/libcopy.so");
	struct build_facts build = { .id = "true", .path = library, .build_id = "abcd", .is_bundled = true };
	struct catalog_facts catalog = { .builds = &build, .n_builds = 1 };
	static const struct {
		size_t n;
		int byte;
		bool is_it;
	} changes[] = { { 1, 0xcc, true }, { 65, 0xcc, false }, { 1, 0xc3, false } };
	Elf64_Ehdr header;
	Elf64_Phdr segment;

	(void)state;
	if (!library)
		skip();
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		const struct live_process *p;
		FILE *file;

		assert_int_equal(system(mem_printf(&pool, "rm -f %s && cp %s %s", copy, library, copy)), 0);
		file = fopen(copy, "r+");
		assert_non_null(file);
		assert_int_equal(fread(&header, sizeof header, 1, file), 1);
		for (size_t k = 0; k < header.e_phnum; k++) {
			assert_int_equal(fread(&segment, sizeof segment, 1, file), 1);
			if (segment.p_type == PT_LOAD && segment.p_flags & PF_X)
				break;
		}
		/* The end of the code: among what does nothing. */
		assert_int_equal(fseek(file, (long)(segment.p_offset + segment.p_filesz) - 2048, SEEK_SET), 0);
		for (size_t k = 0; k < changes[i].n; k++)
			assert_int_equal(fputc(changes[i].byte, file), changes[i].byte);
		assert_int_equal(fclose(file), 0);
		p = look_at_preloaded(copy, &catalog);
		assert_row_int("differing bytes", p->malloc->build ? 1 : 0, changes[i].is_it);
		assert_row_int("differing bytes", p->malloc->is_impostor, !changes[i].is_it);
	}
}

/* Kind P: the installed file itself was patched; its build ID, and what is mapped, are the same. */
static void test_changed_on_disk(void **state)
{
	char *library = compile("/libtrue.so", allocator, "-shared -fPIC " BUILD_ID), *digest;
	struct build_facts build = { .id = "true",
				     .path = library,
				     .machine = mem_strdup(&pool, "x86_64"),
				     .build_id = "abcd",
				     .is_bundled = true };
	struct catalog_facts catalog = { .builds = &build, .n_builds = 1 };
	const struct root live = { .fd = AT_FDCWD, .live = true };

	(void)state;
	if (!library)
		skip();
	assert_int_equal(digest_file(&live, &pool, library, &digest), 0);
	build.sha256 = digest;
	assert_ptr_equal(look_at_preloaded(library, &catalog)->malloc->build, &build);
	build.sha256 = mem_strdup(&pool, "0000");
	assert_null(look_at_preloaded(library, &catalog)->malloc->build);
	assert_true(look_at_preloaded(library, &catalog)->malloc->is_impostor);
}

/* The loader as the program: what it has loaded is in its own list. */
static void test_started_through_the_loader(void **state)
{
	static const char *const loaders[] = { "/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1" };
	char *library = compile("/libfake.so", allocator, "-shared -fPIC");
	const char *loader = access(loaders[0], X_OK) == 0 ? loaders[0] : loaders[1];
	const struct live_process *p;

	(void)state;
	if (!library || access(loader, X_OK) < 0)
		skip();
	p = look_at(start(WORDS(loader, SLEEP, "600"),
			  WORDS(mem_printf(&pool, "LD_PRELOAD=%s", library), "MALLOC_CONF=narenas:9")),
		    NULL);
	assert_null(p->problem);
	assert_int_equal(p->is_static, TRI_NO);
	assert_int_equal(p->bits, 64);
	assert_string_equal(p->malloc->path, library);
	assert_int_equal(p->environment_evidence, EVIDENCE_PROVED);
	assert_int_equal(p->options_evidence, EVIDENCE_PROVED);
}

/* A library is the loader by its place, not by its name. */
static void test_named_as_the_loader(void **state)
{
	char *library = compile("/ld-linux-fake.so", allocator, "-shared -fPIC");
	const struct live_process *p;

	(void)state;
	if (!library)
		skip();
	p = look_at_preloaded(library, NULL);
	assert_string_equal(p->malloc->path, library);
}

/* An allocator in a namespace of its own is there, and does not serve the program. */
static void test_dlmopen(void **state)
{
	char *library = compile("/libapart.so", allocator, "-shared -fPIC");
	char *program = compile("/opener",
				"#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <unistd.h>\n"
				"int main(int n, char **v) { if (!dlmopen(LM_ID_NEWLM, v[1], RTLD_NOW)) return 1;\n"
				"for (;;) pause(); }\n",
				"-ldl");
	static const struct timespec pause = { 0, 20000000 };
	const struct live_process *p = NULL;
	size_t n_found = 0;
	pid_t pid;

	(void)state;
	if (!library || !program)
		skip();
	pid = start(WORDS(program, library), NULL);
	for (int i = 0; i < 200 && n_found == 0; i++) {
		nanosleep(&pause, NULL);
		p = look_at(pid, NULL);
		for (size_t k = 0; k < p->n_libraries; k++)
			n_found += strcmp(p->libraries[k].path, library) == 0 && p->libraries[k].defines_malloc;
	}
	assert_int_equal(n_found, 1);
	assert_string_equal(p->malloc->allocator, "glibc");
	assert_string_equal(p->free->allocator, "glibc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHILD_TEST(test_claims),
		CHILD_TEST(test_mapped_files),
		CHILD_TEST(test_changed_code),
		CHILD_TEST(test_changed_on_disk),
		CHILD_TEST(test_started_through_the_loader),
		CHILD_TEST(test_named_as_the_loader),
		CHILD_TEST(test_dlmopen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
