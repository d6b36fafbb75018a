/* SPDX-License-Identifier: Apache-2.0 */
#include "live/environ.h"

#include <string.h>

#include "known/allocators.h"
#include "util/environment.h"
#include "util/text.h"

#define ENVIRON_VARIABLES_MAX 8192
#define ENVIRON_VALUE_MAX (128 * 1024)
#define ENVIRON_MAX (4 * 1024 * 1024)

static const char told[] = "from its environment";

static bool environ_is_wanted(const char *entry)
{
	static const char *const starts[] = { "LD_PRELOAD=",     "MALLOC_",       "MIMALLOC_",
					      "GLIBC_TUNABLES=", "PYTHONMALLOC=", "UCX_MEM_MMAP_HOOK_MODE=",
					      "ALLOCRUN" };

	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
		if (text_starts_with(entry, starts[i]))
			return true;
	}
	return false;
}

void environ_read(struct live_memory *memory, struct mem *m, const struct live_objects *objects,
		  struct live_process *process)
{
	uint64_t variable = 0, block, entry = 0;
	char **environment = NULL;
	size_t n = 0;

	for (size_t i = 0; i < objects->n && !variable; i++)
		variable = object_find(memory, &objects->items[i], "environ");
	if (!variable || memory_read_u64(memory, variable, &block) < 0 || !block)
		return;
	for (size_t i = 0; i < ENVIRON_VARIABLES_MAX; i++) {
		char *text, start[32];

		if (memory_read_u64(memory, block + 8 * i, &entry) < 0)
			return;
		if (!entry)
			break;
		/* The start decides: a pool full of other people's variables helps nobody. */
		memset(start, 0, sizeof start);
		for (size_t k = 0; k + 1 < sizeof start; k++) {
			if (memory_read(memory, entry + k, start + k, 1) < 0 || !start[k])
				break;
		}
		if (!environ_is_wanted(start))
			continue;
		text = memory_dup_string(memory, m, entry, ENVIRON_VALUE_MAX);
		if (!text)
			return;
		*MEM_PUSH(m, environment, n) = text;
	}
	/* Without its end, what is not in it may be behind it: that is no proof. */
	if (entry)
		return;
	*MEM_PUSH(m, environment, n) = NULL;
	process->environment = environment;
	process->environment_evidence = EVIDENCE_PROVED;
}

void environ_assume(struct live_context *c, struct live_process *process)
{
	char *path = mem_printf(&c->scratch, "/proc/%lld/environ", (long long)process->pid), *bytes;
	char **environment = NULL;
	size_t size, n = 0;

	if (root_read(c->root, &c->scratch, path, ENVIRON_MAX, &bytes, &size) < 0)
		return;
	/* root_read() has put a zero behind the end. */
	for (size_t at = 0; at < size; at += strlen(bytes + at) + 1) {
		if (environ_is_wanted(bytes + at))
			*MEM_PUSH(c->m, environment, n) = mem_strdup(c->m, bytes + at);
	}
	*MEM_PUSH(c->m, environment, n) = NULL;
	process->environment = environment;
	process->environment_evidence = EVIDENCE_ASSUMED;
}

/* MIMALLOC_PURGE_DELAY=0 -> purge_delay */
static void environ_add_mimalloc(struct mem *m, char *const *environment, struct conf *conf)
{
	for (; *environment; environment++) {
		char *key = conf_mimalloc_piece(m, *environment), *equals = key ? strchr(key, '=') : NULL;

		if (!equals)
			continue;
		*equals = '\0';
		conf_set(m, conf, key, equals + 1, told);
	}
}

/* GLIBC_TUNABLES=glibc.malloc.arena_max=2:glibc.cpu.x=1, MALLOC_ARENA_MAX=2 */
static void environ_add_glibc(struct mem *m, const char *const *environment, struct conf *conf)
{
	const char *arena_max = environment_get(environment, "MALLOC_ARENA_MAX");
	const char *at = environment_get(environment, "GLIBC_TUNABLES");
	struct conf_tunable tunable;

	if (arena_max)
		conf_set(m, conf, "arena_max", arena_max, told);
	while (at && conf_next_tunable(m, &at, &tunable)) {
		if (tunable.value && *tunable.key)
			conf_set(m, conf, tunable.key, tunable.value, told);
	}
}

/* Which allocator reads its options there; "" = not known. */
static const char *environ_find_reader(const struct live_process *process)
{
	if (process->malloc)
		return process->malloc->allocator;
	return process->seems ? preload_allocator_of(process->seems) : "";
}

void environ_assume_options(struct mem *m, struct live_process *process)
{
	struct conf_problems problems = { NULL, 0 };
	const char *allocator = environ_find_reader(process);
	const char *const *environment = (const char *const *)process->environment;
	const char *conf = environment ? environment_get(environment, "MALLOC_CONF") : NULL;

	if (!environment)
		return;
	if (strcmp(allocator, "jemalloc") == 0 && conf)
		conf_parse(m, CONF_JEMALLOC, conf, told, &process->options, &problems);
	else if (strcmp(allocator, "mimalloc") == 0)
		environ_add_mimalloc(m, process->environment, &process->options);
	else if (strcmp(allocator, "glibc") == 0)
		environ_add_glibc(m, environment, &process->options);
	if (*allocator)
		process->options_evidence = EVIDENCE_ASSUMED;
}
