/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a library one of the bundled builds? Its build ID says which one it claims to be, and
 * any file can claim that. It is the build when the kernel has mapped our very file, or
 * when what nothing writes to is in its memory what it is in our file; and when our file is the one
 * that the manifest knows.
 */
#include "live/look.h"

#include <elf.h>
#include <string.h>
#include <unistd.h>

#include "live/maps.h"
#include "program/catalog.h"

#define BUILD_FILE_MAX (64 * 1024 * 1024)
#define BUILD_CHUNK 4096
/* Debuggers and uprobes write a breakpoint over an instruction here and there. */
#define BUILD_BREAKPOINT_BYTES_MAX 64

/* Our own file of a build. Good until the next one is asked for. */
static struct live_original *build_find_original(struct live_context *c, const struct build_facts *build)
{
	struct live_original *original;
	char *digest = build->digest;
	struct stat st;

	for (size_t i = 0; i < c->n_originals; i++) {
		if (c->originals[i].build == build)
			return &c->originals[i];
	}
	original = MEM_PUSH(c->m, c->originals, c->n_originals);
	original->build = build;
	if (root_stat(c->root, build->path, &st) == 0)
		original->file = (struct mapped_file){ st.st_dev, st.st_ino };
	if (build->sha256 && (digest || digest_file(c->root, &c->kept, build->path, &digest) == 0))
		original->is_changed = strcmp(digest, build->sha256) != 0;
	return original;
}

/* INT3 of x86, BRK of aarch64, of which `at` is a byte. */
static bool build_is_breakpoint(const struct build_facts *build, const char *found, size_t at)
{
	uint32_t word;

	if (!build->machine || strcmp(build->machine, "aarch64") != 0)
		return (unsigned char)found[at] == 0xcc;
	memcpy(&word, found + (at & ~(size_t)3), sizeof word);
	return (word & 0xffe0001f) == 0xd4200000;
}

/* How many of the bytes differ, `size` where one is no breakpoint's or they cannot be read. */
static size_t build_count_different(struct serving *s, const struct build_facts *build, uint64_t address,
				    const char *bytes, size_t size)
{
	char found[BUILD_CHUNK];
	size_t n = 0;

	for (size_t at = 0; at < size; at += sizeof found) {
		size_t chunk = size - at < sizeof found ? size - at : sizeof found;

		if (memory_read(s->memory, address + at, found, chunk) < 0)
			return size;
		if (memcmp(found, bytes + at, chunk) == 0)
			continue;
		for (size_t i = 0; i < chunk; i++) {
			if (found[i] == bytes[at + i])
				continue;
			if (!build_is_breakpoint(build, found, i))
				return size;
			n++;
		}
	}
	return n;
}

/* One segment; the ELF header's own words on sections change where a copy was stripped. */
static bool build_has_segment(struct serving *s, const struct build_facts *build, const struct live_object *object,
			      const Elf64_Phdr *segment, const char *bytes, size_t size)
{
	uint64_t skipped = segment->p_offset < sizeof(Elf64_Ehdr) ? sizeof(Elf64_Ehdr) - segment->p_offset : 0;
	size_t limit = segment->p_flags & PF_X ? BUILD_BREAKPOINT_BYTES_MAX : 0;

	if (segment->p_offset > size || segment->p_filesz > size - segment->p_offset)
		return false;
	return skipped >= segment->p_filesz ||
	       build_count_different(s, build, object->base + segment->p_vaddr + skipped,
				     bytes + segment->p_offset + skipped, segment->p_filesz - skipped) <= limit;
}

static bool build_is_copy(struct serving *s, const struct build_facts *build, const struct live_object *object,
			  const char *bytes, size_t size)
{
	bool has_code = false;
	Elf64_Ehdr header;
	Elf64_Phdr segment;

	if (size < sizeof header)
		return false;
	memcpy(&header, bytes, sizeof header);
	if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    header.e_phentsize != sizeof segment || header.e_phoff > size ||
	    header.e_phnum > (size - header.e_phoff) / sizeof segment)
		return false;
	for (size_t i = 0; i < header.e_phnum; i++) {
		memcpy(&segment, bytes + header.e_phoff + i * sizeof segment, sizeof segment);
		if (segment.p_type != PT_LOAD || segment.p_flags & PF_W)
			continue;
		if (!build_has_segment(s, build, object, &segment, bytes, size))
			return false;
		has_code |= segment.p_flags & PF_X;
	}
	return has_code;
}

/* Which file the object was mapped from; false: that is not known. */
static bool build_find_file(struct serving *s, const struct live_object *object, struct mapped_file *ret)
{
	struct mapping mapping;

	return s->maps && maps_find(s->maps, object->base, &mapping) == 0 && maps_parse_file(&mapping, ret) == 0;
}

static enum tristate build_compare(struct serving *s, const struct live_object *object, struct live_original *original)
{
	const struct build_facts *build = original->build;

	if (original->reader != getpid()) {
		if (build->problem || root_read(s->c->root, &s->c->kept, build->path, BUILD_FILE_MAX, &original->bytes,
						&original->size) < 0)
			return TRI_UNKNOWN;
		original->reader = getpid();
	}
	return build_is_copy(s, build, object, original->bytes, original->size) ? TRI_YES : TRI_NO;
}

/* Is it what its build ID says? A file that many processes have is compared once. */
static enum tristate build_is_it(struct serving *s, const struct live_object *object, const struct build_facts *build)
{
	struct live_context *c = s->c;
	struct live_original *original = build_find_original(c, build);
	struct mapped_file file;
	enum tristate is_it;

	if (original->is_changed)
		return TRI_NO;
	if (!build_find_file(s, object, &file))
		return build_compare(s, object, original);
	if (file.inode == original->file.inode && file.device == original->file.device)
		return TRI_YES;
	for (size_t i = 0; i < c->n_compared; i++) {
		const struct live_compared *known = &c->compared[i];

		if (known->build == build && known->file.inode == file.inode && known->file.device == file.device)
			return TRI_YES;
	}
	is_it = build_compare(s, object, original);
	/* What one has done to its own copy is not to be said of others that have mapped the same file. */
	if (is_it == TRI_YES)
		*MEM_PUSH(c->m, c->compared, c->n_compared) = (struct live_compared){ build, file };
	return is_it;
}

void serving_find_build(struct serving *s, const struct live_object *object, struct live_library *library)
{
	const struct catalog_facts *catalog = s->c->request->catalog;

	for (size_t i = 0; catalog && i < catalog->n_builds; i++) {
		const struct build_facts *b = &catalog->builds[i];

		if (b->is_bundled && b->build_id && library->build_id && strcmp(b->build_id, library->build_id) == 0) {
			enum tristate is_it = build_is_it(s, object, b);

			library->build = is_it == TRI_YES ? b : NULL;
			library->is_impostor = is_it == TRI_NO;
			return;
		}
	}
	for (size_t i = 0; catalog && i < catalog->n_builds; i++) {
		const struct build_facts *b = &catalog->builds[i];

		/* Not so after an upgrade, which replaces the file. */
		if (b->is_bundled && s->process->other_mounts == TRI_NO && !library->is_deleted &&
		    strcmp(b->path, library->path) == 0)
			library->is_impostor = true;
	}
}
