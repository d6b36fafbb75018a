/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which library really serves malloc in a process. Nothing is taken on trust from an
 * environment: the loader's own list of objects is read from the memory of the
 * process, and the first that defines malloc is the one that callers are bound to.
 */
#include "live/look.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "known/allocators.h"
#include "live/environ.h"
#include "live/maps.h"
#include "util/text.h"

/* Real programs have one to five. */
#define SERVING_LIBRARIES_MAX 64

/*
 * May its program be asked about? The link alone says so: to open the file would wait for a
 * file system that does not answer.
 */
static void serving_find_program(struct serving *s)
{
	struct live_process *p = s->process;
	char target[PATH_MAX];
	int r = root_readlink(s->c->root, mem_printf(&s->c->scratch, "%s/exe", s->folder), target, sizeof target);

	if (r == -EACCES || r == -EPERM) {
		p->state = LIVE_DENIED;
		p->problem = mem_strdup(s->c->m, "it may not be looked into by this user");
	} else if (r == -ENOENT && s->c->root->live) {
		p->state = LIVE_GONE; /* a program that was removed is still there for the kernel */
	} else if (r < 0 && r != -ENAMETOOLONG) {
		p->problem = mem_printf(s->c->m, "its program cannot be found: %s", strerrordesc_np(-r));
	}
}

/* What only it exports tells one allocator from another. */
static const char *serving_name(struct serving *s, const struct live_object *object, const char *path)
{
	static const struct {
		const char *symbol, *allocator;
	} signatures[] = {
		{ "mallctl", "jemalloc" },          { "mi_malloc", "mimalloc" },
		{ "tc_malloc", "tcmalloc" },        { "TCMallocInternalMalloc", "tcmalloc" },
		{ "scalable_malloc", "tbbmalloc" }, { "gnu_get_libc_version", "glibc" },
	};
	const char *base = text_basename(path);

	for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
		if (object_find(s->memory, object, signatures[i].symbol))
			return signatures[i].allocator;
	}
	if (text_starts_with(base, "ld-musl") || text_starts_with(base, "libc.musl") || strcmp(base, "libc.so") == 0)
		return "musl";
	return base;
}

/* The library that holds `address`, where the object defines malloc. */
static void serving_add_library(struct serving *s, const struct live_object *object, uint64_t address)
{
	struct live_process *p = s->process;
	struct live_library *library;
	struct mapping mapping;

	library = MEM_PUSH(s->c->m, p->libraries, p->n_libraries);
	library->is_program = !*object->name;
	/* As the kernel has it mapped: not the loader's word. */
	library->path = s->maps && maps_find(s->maps, address, &mapping) == 0 ?
				maps_dup_path(s->c->m, &mapping, &library->is_deleted) :
				mem_strdup(s->c->m, "");
	library->allocator = mem_strdup(s->c->m, serving_name(s, object, library->path));
	library->build_id = object_build_id(s->memory, s->c->m, object);
	serving_find_build(s, object, library);
}

/*
 * Walks the objects once. ld.so has a small malloc for itself in old versions of
 * glibc; it stands last and serves nobody.
 */
static void serving_walk(struct serving *s)
{
	struct live_process *p = s->process;
	size_t first[3] = { SIZE_MAX, SIZE_MAX, SIZE_MAX };
	static const char *const symbols[] = { "malloc", "free", "_Znwm" };
	char **loaded = NULL;
	size_t n_loaded = 0;

	for (size_t i = 0; i < s->objects.n; i++) {
		const struct live_object *object = &s->objects.items[i];
		uint64_t address = 0;
		bool is_listed = false;

		*MEM_PUSH(s->c->m, loaded, n_loaded) = mem_strdup(s->c->m, object->name);
		/* musl's loader is its libc as well. */
		if (object->base == s->objects.loader && text_starts_with(text_basename(object->name), "ld-linux"))
			continue;
		for (size_t k = 0; k < 3; k++) {
			/* Every object that defines malloc; of the others the first. */
			if (p->n_libraries >= SERVING_LIBRARIES_MAX ||
			    (k > 0 && (object->is_apart || first[k] != SIZE_MAX)))
				continue;
			address = object_find(s->memory, object, symbols[k]);
			if (!address)
				continue;
			if (!is_listed)
				serving_add_library(s, object, address);
			if (k == 0)
				p->libraries[p->n_libraries - 1].defines_malloc = true;
			is_listed = true;
			if (first[k] == SIZE_MAX && !object->is_apart) {
				first[k] = p->n_libraries - 1;
				if (k == 0)
					s->malloc_base = object->base;
			}
		}
	}
	*MEM_PUSH(s->c->m, loaded, n_loaded) = NULL;
	p->loaded = loaded;
	p->malloc = first[0] == SIZE_MAX ? NULL : &p->libraries[first[0]];
	p->free = first[1] == SIZE_MAX ? NULL : &p->libraries[first[1]];
	p->operator_new = first[2] == SIZE_MAX ? NULL : &p->libraries[first[2]];
}

static int serving_read_objects(struct serving *s, const struct live_auxv *auxv)
{
	int r = -EAGAIN;

	for (int i = 0; i < SERVING_TRIES && r == -EAGAIN; i++) {
		if (i > 0 && !live_pause(s->c))
			break;
		/* Nothing read before is true any more. */
		memory_forget(s->memory);
		r = objects_read(s->memory, &s->c->scratch, auxv, &s->objects);
	}
	return r;
}

static void serving_count_lines(void *user, const char *text)
{
	*(int64_t *)user += maps_count(text);
}

/* Into the scratch pool: megabytes, for this process alone. */
static void serving_read_maps(struct serving *s)
{
	char *path = mem_printf(&s->c->scratch, "%s/maps", s->folder), *maps;
	int r = root_read(s->c->root, &s->c->scratch, path, MAPS_MAX, &maps, NULL);
	int64_t n = 0;

	if (r == 0) {
		s->maps = maps;
		s->process->n_mappings = maps_count(maps);
	} else if (r == -EFBIG && root_read_pieces(s->c->root, path, serving_count_lines, &n) == 0) {
		s->process->n_mappings = n;
	}
}

/* Where its files in /proc may be read, and its memory not, Yama stands in between. */
static char *serving_explain_denied(struct serving *s)
{
	int64_t scope;

	if (root_read_i64(s->c->root, &scope, "/proc/sys/kernel/yama/ptrace_scope") == 0 && scope > 0)
		return mem_printf(s->c->m,
				  "its memory may not be read without CAP_SYS_PTRACE, since "
				  "kernel.yama.ptrace_scope is %lld",
				  (long long)scope);
	return mem_strdup(s->c->m, "its memory may not be read by this user");
}

/* No proof: mapped it may be, and serve nobody. */
static const char *serving_guess(struct serving *s)
{
	for (char **path = s->process->loaded; path && *path; path++) {
		if (preload_allocator_of(*path))
			return *path;
	}
	return NULL;
}

/*
 * A program that the kernel gave no loader, and that has mapped no code but its own. (The
 * loader itself can be the program; then there is its libc.)
 */
static bool serving_seems_static(struct serving *s, const struct live_auxv *auxv)
{
	char **loaded;

	serving_read_maps(s);
	if (auxv->base || !s->maps)
		return false;
	loaded = maps_list_libraries(&s->c->scratch, s->maps);
	return loaded[0] && !loaded[1];
}

void serving_doubt(struct serving *s, const char *doubt)
{
	struct live_process *p = s->process;

	if (!doubt)
		return;
	p->malloc = p->free = p->operator_new = NULL;
	p->problem = mem_printf(s->c->m, "what it shows of itself cannot be true: %s", doubt);
}

static int serving_read_memory(struct serving *s, const struct live_auxv *auxv)
{
	struct live_process *p = s->process;
	int r = memory_open(s->c->root, &s->c->scratch, p->pid, s->memory);

	if (r < 0) {
		if (!serving_seems_static(s, auxv))
			return r;
		p->is_static = TRI_YES;
		return 0;
	}
	r = serving_read_objects(s, auxv);
	if (r == 0)
		p->is_static = s->objects.is_static ? TRI_YES : TRI_NO;
	if (p->is_static == TRI_NO) {
		/* Not before: the loader may have mapped them just now. */
		serving_read_maps(s);
		serving_walk(s);
		if (p->malloc && p->malloc->build)
			serving_doubt(s, proof_find_doubt(s, auxv));
		environ_read(s->memory, s->c->m, &s->objects, p);
		serving_read_options(s);
	}
	memory_close(s->memory);
	return r;
}

static void serving_look_into(struct serving *s)
{
	struct live_process *p = s->process;
	struct live_auxv auxv;
	int r = s->program->problem;

	if (live_is_torn(s->c, s->program)) {
		r = -EAGAIN;
	} else if (r == 0) {
		r = auxv_parse(s->program->words, s->program->size, &auxv);
		p->bits = r == 0 ? 64 : r == -ENOEXEC ? 32 : 0;
	}
	if (r == 0) {
		p->is_secure = auxv.secure ? TRI_YES : TRI_NO;
		/* Whoever was given a loader is not static, whatever else may be seen of it. */
		p->is_static = auxv.base ? TRI_NO : TRI_UNKNOWN;
		r = serving_read_memory(s, &auxv);
	}
	if (r == -EACCES || r == -EPERM) {
		p->state = LIVE_DENIED;
		p->problem = serving_explain_denied(s);
	} else if (r == -EAGAIN) {
		p->problem = mem_strdup(s->c->m, "its loader is at work");
	} else if (r == -ELOOP) {
		p->problem = mem_strdup(s->c->m, "its list of loaded objects has no end");
	} else if (r == -ENOEXEC) {
		p->problem = mem_strdup(s->c->m, "it is a 32-bit program: not looked into");
	} else if (r < 0) {
		p->problem = mem_printf(s->c->m, "its memory cannot be read: %s", strerrordesc_np(-r));
	}
}

void serving_detect(struct live_context *c, const struct live_program *program, struct live_process *process)
{
	struct serving s = { .c = c,
			     .process = process,
			     .program = program,
			     .memory = c->memory,
			     .folder = mem_printf(&c->scratch, "/proc/%lld", (long long)process->pid) };

	serving_find_program(&s);
	if (process->state != LIVE_RUNNING)
		return;
	if (!process->problem)
		serving_look_into(&s);
	/* Too long to be kept they have been counted. */
	if (!s.maps && process->n_mappings == FACT_UNKNOWN)
		serving_read_maps(&s);
	if (!process->loaded && s.maps)
		process->loaded = maps_list_libraries(c->m, s.maps);
	if (process->state == LIVE_DENIED)
		process->seems = serving_guess(&s);
	if (process->environment_evidence == EVIDENCE_NONE)
		environ_assume(c, process);
	if (process->options_evidence == EVIDENCE_NONE)
		environ_assume_options(c->m, process);
}
