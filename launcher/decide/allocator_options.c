/* SPDX-License-Identifier: Apache-2.0 */
/* The chosen allocator's options: MALLOC_CONF, MIMALLOC_*, GLIBC_TUNABLES. Pure. */
#include <ctype.h>
#include <string.h>

#include "decide/conf_layers.h"
#include "decide/ld_preload.h"
#include "util/buffer.h"
#include "util/size.h"
#include "util/text.h"

#define OPTIONS "allocator options"
#define MALLOC_CONF "MALLOC_CONF"
#define GLIBC_TUNABLES "GLIBC_TUNABLES"

/*
 * Under a memory limit dirty pages count against it until they are purged, so a
 * decay longer than the default of jemalloc's manual (10 s) is cut to it; and in a
 * small container one second is what TUNING.md proposes. Start values.
 */
#define DECAY_UNDER_LIMIT_MS 10000
#define DECAY_UNDER_SMALL_LIMIT_MS 1000
#define SMALL_LIMIT (INT64_C(2) << 30)

/* The CPUs that the server will have: after the plan's own affinity. */
static int64_t options_count_cpus(const struct decision *d)
{
	int64_t cpus = d->facts->cpu.effective;

	for (size_t i = 0; i < d->plan->n_operations; i++) {
		const struct operation *op = &d->plan->operations[i];
		int64_t planned = op->kind == OP_AFFINITY ? bitmap_count(op->u.cpus) : cpus;

		if (planned < cpus)
			cpus = planned;
	}
	return cpus;
}

static void options_set_arenas(const struct decision *d, struct conf *conf)
{
	int64_t cpus = options_count_cpus(d), arenas;

	if (cpus == FACT_UNKNOWN)
		return;
	arenas = (cpus * d->profile->arenas_percent + 99) / 100;
	conf_set(d->m, conf, "narenas", mem_printf(d->m, "%lld", (long long)arenas),
		 mem_printf(
			 d->m,
			 "%s for %lld usable CPU%s; the default is 4 for each and knows no quota (jemalloc TUNING.md)",
			 d->profile->arenas_percent == 100 ? "one each" : "one for two", (long long)cpus,
			 cpus == 1 ? "" : "s"));
}

/* Returns why: the decay is still ours as long as that is its reason. */
static const char *options_set_decay(const struct decision *d, struct conf *conf)
{
	int64_t limit = d->facts->cgroup.memory_max, decay = d->profile->dirty_decay_ms;
	const char *why = d->profile->decay_why;

	if (limit != FACT_UNKNOWN && limit != FACT_UNLIMITED) {
		int64_t most = limit < SMALL_LIMIT ? DECAY_UNDER_SMALL_LIMIT_MS : DECAY_UNDER_LIMIT_MS;

		if (decay > most) {
			decay = most;
			why = mem_printf(d->m,
					 "shorter than the profile's: freed pages count against "
					 "the memory limit of %lld MiB",
					 (long long)limit >> 20);
		}
	}
	conf_set(d->m, conf, "dirty_decay_ms", mem_printf(d->m, "%lld", (long long)decay), why);
	return why;
}

/*
 * jemalloc's own thread is made at load, in every process below, needed or not, and is missing
 * where it is needed: in the child of a fork. A library without ours has nothing better.
 */
static void options_set_background(const struct decision *d, struct conf *conf)
{
	if (options_has_purge_thread(d))
		conf_set(d->m, conf, "background_thread", "false",
			 "the purge thread takes its place (" PURGE_VARIABLE ")");
	else
		conf_set(d->m, conf, "background_thread", "true",
			 "purges off the request path, and when the server is idle (bench c)");
}

/*
 * Under a limit on address space what jemalloc keeps mapped is missed elsewhere: after
 * a peak there may be no room for a thread's stack.
 */
static void options_set_retain(const struct decision *d, struct conf *conf)
{
	int64_t limit = d->facts->process.limits.address_space.soft;

	if (limit != FACT_UNKNOWN && limit != FACT_UNLIMITED)
		conf_set(d->m, conf, "retain", "false",
			 mem_printf(d->m, "address space is limited to %lld MiB (ulimit -v): what is freed is unmapped",
				    (long long)limit >> 20));
}

/*
 * Of a huge page of which a part is in use the kernel gives nothing back: in 128 and 256 MiB with THP always a peak of
 * blocks of 2 MiB behind one of small ones was killed 4 to 5 times of 6, without huge pages never (tests/numa, peaks).
 * Four times the largest limit that this was seen with.
 */
#define THP_LIMIT (INT64_C(1) << 30)

static void options_set_thp(const struct decision *d, struct conf *conf)
{
	struct setting s = policy_setting(d, KEY_THP);
	int64_t limit = d->facts->cgroup.memory_max;

	if (d->options->ladders[STEP_THP].ladder == LADDER_OFF)
		return;
	if (strcmp(s.text, "off") == 0)
		conf_set(d->m, conf, "thp", "never", mem_printf(d->m, "goes with thp off (%s)", s.where));
	else if (strcmp(s.text, "on") == 0)
		conf_set(d->m, conf, "thp", "always", mem_printf(d->m, "goes with thp on (%s)", s.where));
	else if (strcmp(s.text, "inherit") == 0 && d->facts->thp.enabled == THP_ALWAYS && limit >= 0 &&
		 limit <= THP_LIMIT)
		conf_set(
			d->m, conf, "thp", "never",
			mem_printf(
				d->m,
				"memory is limited to %s: a huge page that is used in part is held whole (numa, peaks)",
				size_format(d->m, limit)));
}

/* What is compiled out of the bundled builds (allocator/jemalloc), by the start of the key. */
static const struct {
	const char *prefix;
	const char *feature; /* a build that has it takes the key; NULL: none does */
} compiled_out[] = {
	{ "prof", BUILD_FEATURE_PROF },
	{ "lg_prof", BUILD_FEATURE_PROF },
	{ "xmalloc", NULL },
	{ "utrace", NULL },
	{ "experimental_infallible_new", NULL },
	{ "lg_san_uaf_align", NULL },
};

/* jemalloc would complain about each of them in every process. */
static void options_drop_compiled_out(const struct decision *d, struct conf *conf)
{
	const struct build_facts *build = d->plan->build;
	char *dropped = NULL;

	for (size_t i = conf->n; build->is_bundled && i-- > 0;) {
		const char *key = conf->items[i].key;

		for (size_t k = 0; k < sizeof compiled_out / sizeof *compiled_out; k++) {
			if (strncmp(key, compiled_out[k].prefix, strlen(compiled_out[k].prefix)) != 0 ||
			    (compiled_out[k].feature &&
			     text_is_among((const char *const *)build->features, compiled_out[k].feature)))
				continue;
			dropped = dropped ? mem_printf(d->m, "%s, %s", key, dropped) : mem_strdup(d->m, key);
			conf_remove(conf, key);
			break;
		}
	}
	if (dropped)
		plan_warn(d->m, d->plan, "left out, for %s is built without it: %s", build->id, dropped);
}

static void options_warn_unbounded(const struct decision *d, const struct conf *conf)
{
	const struct conf_item *decay = conf_find(conf, "dirty_decay_ms");
	int64_t limit = d->facts->cgroup.memory_max;

	if (decay && strcmp(decay->value, "-1") == 0 && limit != FACT_UNKNOWN && limit != FACT_UNLIMITED)
		plan_warn(d->m, d->plan,
			  "dirty_decay_ms:-1 (%s) never gives memory back, under a memory "
			  "limit of %lld MiB",
			  decay->why, (long long)limit >> 20);
}

static void options_decide_jemalloc(const struct decision *d)
{
	struct conf conf = { NULL, 0 };
	struct operation *op;
	const char *decay_why;

	/* The computed ones first: every layer above the profile may change them. */
	options_set_arenas(d, &conf);
	decay_why = options_set_decay(d, &conf);
	options_set_retain(d, &conf);
	options_set_thp(d, &conf);
	options_set_background(d, &conf);
	options_merge_layers(d, CONF_JEMALLOC, d->profile->jemalloc, MALLOC_CONF, &conf);
	options_drop_compiled_out(d, &conf);
	options_warn_unbounded(d, &conf);
	op = options_add(d, MALLOC_CONF, conf_format(d->m, CONF_JEMALLOC, &conf),
			 mem_printf(d->m, "profile %s for this machine, then MALLOC_CONF, then --conf",
				    d->plan->profile));
	for (size_t i = 0; i < conf.n; i++)
		parts_add(d->m, &op->parts, conf.items[i].key, conf.items[i].value, conf.items[i].why);
	options_decide_purge(d, &conf, decay_why);
}

static void options_decide_mimalloc(const struct decision *d)
{
	static const struct conf_item nothing[] = { { NULL, NULL, NULL } };
	struct conf conf = { NULL, 0 }, all = { NULL, 0 }, explicit = options_read_explicit(d, CONF_MIMALLOC);
	const char *variable = options_variable(d, "MIMALLOC_PURGE_DELAY");
	struct setting thp = policy_setting(d, KEY_THP);

	/* With the prctl done by the thp step this only keeps mimalloc from asking again. */
	if (strcmp(thp.text, "off") == 0 && d->options->ladders[STEP_THP].ladder != LADDER_OFF)
		conf_set(d->m, &conf, "allow_thp", "0", "goes with thp off");
	/* What the profile says is for a build that has nobody to purge while it is idle. */
	options_merge_layers(d, CONF_MIMALLOC, options_has_purge_thread(d) ? nothing : d->profile->mimalloc, NULL,
			     &conf);
	if (variable)
		conf_set(d->m, &all, "purge_delay", variable, "MIMALLOC_PURGE_DELAY");
	for (size_t i = 0; i < conf.n; i++)
		conf_set(d->m, &all, conf.items[i].key, conf.items[i].value, conf.items[i].why);
	for (size_t i = 0; i < conf.n; i++) {
		char *name = mem_printf(d->m, CONF_MIMALLOC_PREFIX "%s", conf.items[i].key);

		for (char *c = name; *c; c++)
			*c = (char)toupper((unsigned char)*c);
		if (options_variable(d, name) && !conf_find(&explicit, conf.items[i].key))
			policy_leave(d, STEP_OPTIONS, name,
				     mem_printf(d->m, "set to %s already; the user's own value wins",
						options_variable(d, name)));
		else
			options_add(d, name, conf.items[i].value, conf.items[i].why);
	}
	if (conf.n == 0)
		policy_leave(d, STEP_OPTIONS, OPTIONS,
			     mem_printf(d->m, "profile %s leaves mimalloc at its defaults", d->plan->profile));
	options_decide_purge(d, &all, NULL);
}

/* The older spellings of the tunables (glibc manual). */
static const struct {
	const char *variable;
	const char *key;
} glibc_aliases[] = {
	{ "MALLOC_ARENA_MAX", "arena_max" },
	{ "MALLOC_ARENA_TEST", "arena_test" },
	{ "MALLOC_MMAP_MAX_", "mmap_max" },
	{ "MALLOC_MMAP_THRESHOLD_", "mmap_threshold" },
	{ "MALLOC_TRIM_THRESHOLD_", "trim_threshold" },
	{ "MALLOC_TOP_PAD_", "top_pad" },
};

/* What the user has set is the user's; an explicit one takes the older spelling away. */
static void options_settle_aliases(const struct decision *d, const struct conf *explicit, struct conf *conf)
{
	for (size_t i = 0; i < sizeof glibc_aliases / sizeof *glibc_aliases; i++) {
		const char *variable = glibc_aliases[i].variable;

		if (!options_variable(d, variable))
			continue;
		if (!conf_find(explicit, glibc_aliases[i].key)) {
			conf_remove(conf, glibc_aliases[i].key);
			continue;
		}
		options_add(d, variable, NULL, mem_printf(d->m, "makes way for %s", glibc_aliases[i].key));
	}
}

/* Foreign tunables keep their place; the user's own win, save over explicit ones. */
static char *options_merge_tunables(const struct decision *d, const struct conf *explicit, struct conf *conf)
{
	const char *current = options_variable(d, GLIBC_TUNABLES);
	struct buffer text = { .m = d->m };
	struct conf_tunable tunable;
	char *ours;

	while (current && conf_next_tunable(d->m, &current, &tunable)) {
		if (tunable.key && conf_find(explicit, tunable.key))
			continue;
		if (tunable.key)
			conf_remove(conf, tunable.key);
		buffer_printf(&text, "%s%s", text.length ? ":" : "", tunable.text);
	}
	ours = conf_format(d->m, CONF_GLIBC, conf);
	buffer_printf(&text, "%s%s", text.length && *ours ? ":" : "", ours);
	return buffer_text(&text);
}

static void options_decide_glibc(const struct decision *d)
{
	struct conf conf = { NULL, 0 }, explicit = options_read_explicit(d, CONF_GLIBC);
	struct operation *op;
	char *value;

	options_merge_layers(d, CONF_GLIBC, d->profile->glibc, NULL, &conf);
	options_settle_aliases(d, &explicit, &conf);
	value = options_merge_tunables(d, &explicit, &conf);
	if (conf.n == 0) {
		policy_leave(d, STEP_OPTIONS, OPTIONS, "glibc's malloc stays as the user or the profile has it");
		return;
	}
	op = options_add(d, GLIBC_TUNABLES, value,
			 mem_printf(d->m, "glibc's malloc serves this command: profile %s", d->plan->profile));
	for (size_t i = 0; i < conf.n; i++)
		parts_add(d->m, &op->parts, conf.items[i].key, conf.items[i].value, conf.items[i].why);
}

/* Nothing else in sight that brings a malloc, and a loader that heeds the tunables. */
static bool options_glibc_serves(const struct decision *d)
{
	const struct facts *f = d->facts;
	const char *current = options_variable(d, "LD_PRELOAD");
	bool is_system = strcmp(policy_setting(d, KEY_ALLOCATOR).text, "system") == 0;

	if (f->command.malloc_role == MALLOC_SERVES || f->command.malloc_role == MALLOC_SANITIZES ||
	    preload_find_library(&f->command, MALLOC_SERVES, NULL) ||
	    preload_find_library(&f->command, MALLOC_SANITIZES, NULL) ||
	    preload_find_role(d->m, &f->preloads, current, MALLOC_SANITIZES) ||
	    (!is_system && preload_find_role(d->m, &f->preloads, current, MALLOC_SERVES)))
		return false;
	return f->command.libc == LIBC_GLIBC && !preload_find_role(d->m, &f->preloads, f->ld_so_preload, MALLOC_SERVES);
}

void policy_decide_options(const struct decision *d)
{
	const struct build_facts *build = d->plan->build;

	if (policy_is_off(d, STEP_OPTIONS, OPTIONS))
		return;
	if (build && strcmp(build->allocator, "jemalloc") == 0)
		options_decide_jemalloc(d);
	else if (build && strcmp(build->allocator, "mimalloc") == 0)
		options_decide_mimalloc(d);
	else if (!build && d->options->ladders[STEP_PRELOAD].ladder != LADDER_OFF && options_glibc_serves(d))
		options_decide_glibc(d);
	else
		policy_leave(d, STEP_OPTIONS, OPTIONS,
			     build ? "allocrun knows no options of this allocator" :
				     "no allocator of ours is preloaded");
}
