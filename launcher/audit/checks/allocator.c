/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The variables that allocators read, as they are where the audit runs: in an image's
 * HEALTHCHECK, a unit, a login. Pure.
 */
#include "audit/checks/assess.h"

#include <stdlib.h>
#include <string.h>

#include "decide/ld_preload.h"
#include "known/allocators.h"
#include "known/conf.h"
#include "report/report.h"
#include "util/buffer.h"
#include "util/environment.h"
#include "util/size.h"
#include "util/text.h"

#define TUNABLES "GLIBC_TUNABLES"
/* jemalloc's manual and glibc's: arenas for each CPU, when nothing else is said. */
#define JEMALLOC_ARENAS 4

/* What is wrong, and what is merely without effect. */
struct environment_report {
	struct mem *m;
	const struct audit_facts *a;
	const char *const *environment;
	const char *harmful, *idle, *seen;
};

static const char *environment_of(const struct environment_report *r, const char *name)
{
	const char *value = environment_get(r->environment, name);

	return value && *value ? value : NULL;
}

/* The allocator that LD_PRELOAD puts in; NULL = none. */
static const char *environment_preloaded(const struct environment_report *r)
{
	const char *entries = environment_of(r, "LD_PRELOAD");
	const char *entry = preload_find_role(r->m, &r->a->machine->preloads, entries, MALLOC_SERVES);
	const char *name = entry ? preload_allocator_of(entry) : NULL;

	return entry && !name ? "an allocator of another name" : name;
}

/* Is the process kept from some CPUs that the machine has? */
static bool environment_is_narrowed(const struct facts *f)
{
	const struct cpu_facts *cpu = &f->cpu;
	const struct bitmap *allowed = &f->process.status.cpus;

	return cpu->quota_milli > 0 && cpu->quota_milli != FACT_UNLIMITED ?
		       true :
		       !bitmap_is_empty(allowed) && !bitmap_is_empty(&cpu->online) &&
			       !bitmap_is_subset(&cpu->online, allowed);
}

static void environment_check_jemalloc(struct environment_report *r, const char *where, const char *text)
{
	static const char *const decays[] = { "dirty_decay_ms", "muzzy_decay_ms" };
	struct conf_problems problems = { NULL, 0 };
	struct conf conf = { NULL, 0 };
	int64_t limit = r->a->machine->cgroup.memory_max;
	const struct conf_item *item;

	conf_parse(r->m, CONF_JEMALLOC, text, where, &conf, &problems);
	for (size_t i = 0; i < problems.n; i++)
		text_list(r->m, &r->harmful, mem_printf(r->m, "%s: %s", where, problems.items[i].text));
	for (size_t i = 0; i < 2; i++) {
		item = conf_find(&conf, decays[i]);
		if (item && strcmp(item->value, "-1") == 0 && limit != FACT_UNKNOWN && limit != FACT_UNLIMITED)
			text_list(r->m, &r->harmful,
				  mem_printf(r->m, "%s: %s:-1 never gives memory back, under a limit of %s", where,
					     decays[i], size_format(r->m, limit)));
	}
	item = conf_find(&conf, "percpu_arena");
	if (item && strcmp(item->value, "disabled") != 0 && environment_is_narrowed(r->a->machine))
		text_list(r->m, &r->harmful,
			  mem_printf(r->m,
				     "%s: percpu_arena:%s counts all CPUs of the machine, and not all "
				     "are ours",
				     where, item->value));
	text_list(r->m, &r->seen, where);
}

/* mimalloc warns of what it does not know, and goes on. */
static void environment_check_mimalloc(struct environment_report *r)
{
	for (const char *const *e = r->environment; e && *e; e++) {
		struct conf_problems problems = { NULL, 0 };
		struct conf conf = { NULL, 0 };
		const char *text = conf_mimalloc_piece(r->m, *e);

		if (!text)
			continue;
		conf_parse(r->m, CONF_MIMALLOC, text, CONF_MIMALLOC_PREFIX, &conf, &problems);
		for (size_t i = 0; i < problems.n; i++)
			text_list(r->m, &r->idle,
				  mem_printf(r->m, CONF_MIMALLOC_PREFIX "*: %s", problems.items[i].text));
		text_list(r->m, &r->seen, mem_strndup(r->m, *e, strcspn(*e, "=")));
	}
}

/* The tunables of malloc, as conf_parse() takes them; others are not ours to judge. */
static const char *environment_tunables(struct mem *m, const char *text)
{
	struct buffer list = { .m = m };
	struct conf_tunable tunable;

	while (conf_next_tunable(m, &text, &tunable)) {
		if (tunable.key)
			buffer_printf(&list, "%s%s%s%s", list.length ? "," : "", tunable.key, tunable.value ? "=" : "",
				      tunable.value ? tunable.value : "");
	}
	return buffer_text(&list);
}

static void environment_check_glibc(struct environment_report *r)
{
	const char *tunables = environment_of(r, TUNABLES), *max = environment_of(r, "MALLOC_ARENA_MAX");
	struct conf_problems problems = { NULL, 0 };
	struct conf conf = { NULL, 0 };

	if (tunables) {
		conf_parse(r->m, CONF_GLIBC, environment_tunables(r->m, tunables), TUNABLES, &conf, &problems);
		for (size_t i = 0; i < problems.n; i++)
			text_list(r->m, &r->idle, mem_printf(r->m, TUNABLES ": %s", problems.items[i].text));
		text_list(r->m, &r->seen, TUNABLES);
	}
	if (max && !text_is_digits(max))
		text_list(r->m, &r->idle, mem_printf(r->m, "MALLOC_ARENA_MAX=%s is no number", max));
	if (max)
		text_list(r->m, &r->seen, "MALLOC_ARENA_MAX");
}

/* Variables for one allocator where LD_PRELOAD has settled on another. */
static void environment_check_idle(struct environment_report *r)
{
	static const struct {
		const char *variable, *allocator;
	} readers[] = {
		{ "MALLOC_CONF", "jemalloc" },
		{ "MALLOC_ARENA_MAX", "glibc" },
		{ "MIMALLOC_PURGE_DELAY", "mimalloc" },
		{ "TCMALLOC_RELEASE_RATE", "tcmalloc" },
	};
	const char *preloaded = environment_preloaded(r);

	for (size_t i = 0; preloaded && i < sizeof readers / sizeof *readers; i++) {
		if (environment_of(r, readers[i].variable) && strcmp(readers[i].allocator, preloaded) != 0)
			text_list(r->m, &r->idle,
				  mem_printf(r->m,
					     "%s is for %s, and "
					     "LD_PRELOAD brings %s",
					     readers[i].variable, readers[i].allocator, preloaded));
	}
}

/* Two of them in LD_PRELOAD: the first serves, and the second's own threads run beside it. */
static void environment_check_preload(struct environment_report *r)
{
	const char *entries = environment_of(r, "LD_PRELOAD"), *first = NULL;

	for (size_t n; entries && *entries; entries += n + (entries[n] != '\0')) {
		char *entry = mem_strndup(r->m, entries, n = strcspn(entries, " :"));
		const char *allocator = preload_allocator_of(entry);

		if (allocator && first && strcmp(first, allocator) != 0)
			text_list(r->m, &r->harmful,
				  mem_printf(r->m,
					     "LD_PRELOAD brings two "
					     "allocators, %s and %s",
					     first, allocator));
		if (allocator && !first)
			first = allocator;
	}
}

ASSESS(audit_environment)
{
	struct environment_report r = {
		m, a, (const char *const *)a->options->environment, NULL, NULL, NULL,
	};
	const char *conf = environment_of(&r, "MALLOC_CONF");

	if (conf)
		environment_check_jemalloc(&r, "MALLOC_CONF", conf);
	if (a->node->malloc_conf)
		environment_check_jemalloc(&r, "/etc/malloc.conf", a->node->malloc_conf);
	environment_check_mimalloc(&r);
	environment_check_glibc(&r);
	environment_check_idle(&r);
	environment_check_preload(&r);
	if (r.harmful)
		return finding_fail(m, "%s%s%s", r.harmful, r.idle ? ", " : "", r.idle ? r.idle : "");
	if (r.idle)
		return finding_warn(m, "%s", r.idle);
	for (size_t i = 0; i < a->node->n_gaps; i++) {
		if (strcmp(a->node->gaps[i].path, "/etc/malloc.conf") == 0)
			return finding_unknown(m, "/etc/malloc.conf cannot be read: %s", a->node->gaps[i].reason);
	}
	return r.seen ? finding_ok(m, "%s, understood", r.seen) : finding_ok(m, "none is set");
}

/* How many arenas the variables come to, and what says so. */
struct arenas {
	int64_t n; /* FACT_UNKNOWN: nothing says any number */
	const char *where;
};

static int64_t arenas_parse(const char *text)
{
	char *end;
	long long n = text ? strtoll(text, &end, 0) : 0;

	return text && end != text && !*end && n > 0 ? n : FACT_UNKNOWN;
}

/* glibc's own cap; the older variable and the tunable mean the same. */
static struct arenas arenas_of_glibc(const struct environment_report *r)
{
	const char *tunables = environment_of(r, TUNABLES);
	struct conf_problems problems = { NULL, 0 };
	struct conf conf = { NULL, 0 };
	const struct conf_item *item;

	if (tunables)
		conf_parse(r->m, CONF_GLIBC, environment_tunables(r->m, tunables), TUNABLES, &conf, &problems);
	item = conf_find(&conf, "arena_max");
	if (item && arenas_parse(item->value) > 0)
		return (struct arenas){ arenas_parse(item->value), TUNABLES };
	return (struct arenas){ arenas_parse(environment_of(r, "MALLOC_ARENA_MAX")), "MALLOC_ARENA_MAX" };
}

static struct arenas arenas_of_jemalloc(const struct environment_report *r)
{
	const char *text = environment_of(r, "MALLOC_CONF");
	struct conf_problems problems = { NULL, 0 };
	struct conf conf = { NULL, 0 };
	const struct conf_item *item;
	int cpus = bitmap_count(&r->a->machine->process.status.cpus);
	const char *preloaded;

	if (text)
		conf_parse(r->m, CONF_JEMALLOC, text, "MALLOC_CONF", &conf, &problems);
	item = conf_find(&conf, "narenas");
	if (item && arenas_parse(item->value) > 0)
		return (struct arenas){ arenas_parse(item->value), "MALLOC_CONF" };
	/* Without a number it takes its default, wherever LD_PRELOAD brings it in. */
	preloaded = environment_preloaded(r);
	if (!cpus || !preloaded || strcmp(preloaded, "jemalloc") != 0)
		return (struct arenas){ FACT_UNKNOWN, NULL };
	return (struct arenas){ (int64_t)cpus * JEMALLOC_ARENAS, "LD_PRELOAD's jemalloc by default" };
}

ASSESS(audit_arenas)
{
	struct environment_report r = {
		m, a, (const char *const *)a->options->environment, NULL, NULL, NULL,
	};
	const struct part *planned = audit_planned_option(a->plan, "MALLOC_CONF", "narenas");
	int64_t cpus = a->machine->cpu.effective;
	struct arenas arenas = arenas_of_jemalloc(&r), glibc = arenas_of_glibc(&r);
	const char *text;

	if (glibc.n != FACT_UNKNOWN && (arenas.n == FACT_UNKNOWN || glibc.n > arenas.n))
		arenas = glibc;
	/* Without a variable the launcher's own number counts. */
	if (arenas.n == FACT_UNKNOWN && planned)
		arenas = (struct arenas){ arenas_parse(planned->value), "allocrun" };
	if (cpus == FACT_UNKNOWN)
		return finding_unknown(m, "how many CPUs may be used cannot be read");
	if (arenas.n == FACT_UNKNOWN)
		return finding_ok(m, "nothing here says a number; %s usable", audit_count(m, cpus, "CPU"));
	text = mem_printf(m, "%s (%s) for %s", audit_count(m, arenas.n, "arena"), arenas.where,
			  audit_count(m, cpus, "usable CPU"));
	if (arenas.n > cpus * t->values[THRESHOLD_ARENAS_FAIL])
		return finding_fail(m, "%s", text);
	if (arenas.n > cpus * t->values[THRESHOLD_ARENAS_WARN])
		return finding_warn(m, "%s", text);
	return finding_ok(m, "%s", text);
}
