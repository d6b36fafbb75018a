/* SPDX-License-Identifier: Apache-2.0 */
/* ELF headers: from memory and from a file, which must come to the same. */
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "program/elf_reader.h"
#include "program/malloc_files.h"

static void check_name(const char *name, size_t size)
{
	FUZZ_CHECK(!name || strlen(name) < size);
}

static void check_facts(const struct elf_facts *e, size_t size)
{
	FUZZ_CHECK(e->problem <= 0);
	FUZZ_CHECK(e->bits == 0 || e->bits == 32 || e->bits == 64);
	FUZZ_CHECK(e->problem || e->bits);
	FUZZ_CHECK(e->page_size == FACT_UNKNOWN || e->page_size > 0);
	FUZZ_CHECK(memchr(e->machine, '\0', sizeof e->machine) != NULL);
	FUZZ_CHECK(!e->interpreter || e->is_dynamic);
	check_name(e->interpreter, size);
	check_name(e->soname, size);
	check_name(e->runpath, size);
	for (size_t i = 0; i < e->n_needed; i++) {
		FUZZ_CHECK(e->needed[i] != NULL);
		check_name(e->needed[i], size);
	}
	if (e->build_id) {
		size_t length = strlen(e->build_id);

		FUZZ_CHECK(length >= 2 && length % 2 == 0 && length <= 128);
		FUZZ_CHECK(strspn(e->build_id, "0123456789abcdef") == length);
	}
}

static void check_same_text(const char *a, const char *b)
{
	FUZZ_CHECK(!a == !b && (!a || strcmp(a, b) == 0));
}

static void check_same(const struct elf_facts *a, const struct elf_facts *b)
{
	FUZZ_CHECK(a->problem == b->problem && a->bits == b->bits && a->is_dynamic == b->is_dynamic);
	FUZZ_CHECK(a->page_size == b->page_size && a->n_needed == b->n_needed);
	check_same_text(a->machine, b->machine);
	check_same_text(a->interpreter, b->interpreter);
	check_same_text(a->soname, b->soname);
	check_same_text(a->runpath, b->runpath);
	check_same_text(a->build_id, b->build_id);
	for (size_t i = 0; i < a->n_needed; i++)
		check_same_text(a->needed[i], b->needed[i]);
}

/* A file that is never closed, with this content. */
static const char *write_file(const uint8_t *data, size_t size)
{
	static char path[32];
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("elf", MFD_CLOEXEC);
		FUZZ_CHECK(fd >= 0);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	}
	FUZZ_CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
	return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = MEM_INIT;
	struct elf_facts in_memory, in_file, dropped;
	struct elf_reader reader = { .bytes = data, .fd = -1, .size = size };
	struct elf_file file;
	struct root live;
	int64_t minor = -1;

	elf_parse(&m, data, size, &in_memory);
	check_facts(&in_memory, size);
	FUZZ_CHECK(size > 0 || in_memory.problem < 0);
	if (size > 0) {
		FUZZ_CHECK(root_open(NULL, &live) == 0);
		elf_read(&live, &m, write_file(data, size), &in_file);
		check_same(&in_memory, &in_file);
	}
	elf_parse_reader(&reader, &m, &dropped, &file);
	if (dropped.problem == 0 && elf_glibc_minor(&file, &m, &minor) == 0)
		FUZZ_CHECK(minor >= 0);
	else
		FUZZ_CHECK(minor == -1);
	if (dropped.problem == 0) {
		enum malloc_role role = malloc_role_of(&file);

		FUZZ_CHECK(role != MALLOC_UNREAD);
		FUZZ_CHECK((role != MALLOC_NONE) == (elf_defines(&file, "malloc") && elf_defines(&file, "free")));
	}
	mem_free_all(&m);
	return 0;
}
