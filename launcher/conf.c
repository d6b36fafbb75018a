/* SPDX-License-Identifier: Apache-2.0 */
#include "conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/nearest.h"

/* The forms of a value. Ranges are left to the allocator, except signs. */
enum form {
	FORM_BOOL,
	FORM_UNSIGNED, /* in C's notation, as jemalloc and glibc read numbers */
	FORM_POSITIVE, /* one or more */
	FORM_SIGNED,   /* or -1, "never" or "no limit" */
	FORM_OPTION,   /* mimalloc: a decimal number, or a word for 1 or 0 */
	FORM_SIZE,     /* mimalloc: the same with a unit */
	FORM_WORD,
	FORM_TEXT,
};

struct conf_key {
	const char *name;
	enum form form;
	const char *words; /* "a b c": FORM_WORD's, or what stands for a number */
};

/* jemalloc 5.3.1, src/conf.c: every option that its parser takes. */
static const struct conf_key jemalloc_keys[] = {
	{ "abort", FORM_BOOL, NULL },
	{ "abort_conf", FORM_BOOL, NULL },
	{ "background_thread", FORM_BOOL, NULL },
	{ "bin_shards", FORM_TEXT, NULL },
	{ "cache_oblivious", FORM_BOOL, NULL },
	{ "calloc_madvise_threshold", FORM_UNSIGNED, NULL },
	{ "confirm_conf", FORM_BOOL, NULL },
	{ "debug_double_free_max_scan", FORM_UNSIGNED, NULL },
	{ "dirty_decay_ms", FORM_SIGNED, NULL },
	{ "disable_large_size_classes", FORM_BOOL, NULL },
	{ "dss", FORM_WORD, "disabled primary secondary" },
	{ "experimental_hpa_enforce_hugify", FORM_BOOL, NULL },
	{ "experimental_hpa_max_purge_nhp", FORM_SIGNED, NULL },
	{ "experimental_hpa_start_huge_if_thp_always", FORM_BOOL, NULL },
	{ "experimental_infallible_new", FORM_BOOL, NULL },
	{ "experimental_tcache_gc", FORM_BOOL, NULL },
	{ "hpa", FORM_BOOL, NULL },
	{ "hpa_dirty_mult", FORM_TEXT, NULL },
	{ "hpa_hugification_threshold", FORM_UNSIGNED, NULL },
	{ "hpa_hugification_threshold_ratio", FORM_TEXT, NULL },
	{ "hpa_hugify_delay_ms", FORM_UNSIGNED, NULL },
	{ "hpa_hugify_style", FORM_TEXT, NULL },
	{ "hpa_hugify_sync", FORM_BOOL, NULL },
	{ "hpa_min_purge_delay_ms", FORM_UNSIGNED, NULL },
	{ "hpa_min_purge_interval_ms", FORM_UNSIGNED, NULL },
	{ "hpa_purge_threshold", FORM_UNSIGNED, NULL },
	{ "hpa_purge_threshold_ratio", FORM_TEXT, NULL },
	{ "hpa_sec_batch_fill_extra", FORM_UNSIGNED, NULL },
	{ "hpa_sec_max_alloc", FORM_UNSIGNED, NULL },
	{ "hpa_sec_max_bytes", FORM_UNSIGNED, NULL },
	{ "hpa_sec_nshards", FORM_UNSIGNED, NULL },
	{ "hpa_slab_max_alloc", FORM_UNSIGNED, NULL },
	{ "huge_arena_pac_thp", FORM_BOOL, NULL },
	{ "junk", FORM_WORD, "true false alloc free" },
	{ "lg_extent_max_active_fit", FORM_UNSIGNED, NULL },
	{ "lg_prof_interval", FORM_SIGNED, NULL },
	{ "lg_prof_sample", FORM_UNSIGNED, NULL },
	{ "lg_san_uaf_align", FORM_SIGNED, NULL },
	{ "lg_tcache_flush_large_div", FORM_UNSIGNED, NULL },
	{ "lg_tcache_flush_small_div", FORM_UNSIGNED, NULL },
	{ "lg_tcache_max", FORM_SIGNED, NULL },
	{ "lg_tcache_nslots_mul", FORM_TEXT, NULL },
	{ "max_background_threads", FORM_POSITIVE, NULL },
	{ "metadata_thp", FORM_WORD, "disabled auto always" },
	{ "mutex_max_spin", FORM_SIGNED, NULL },
	{ "muzzy_decay_ms", FORM_SIGNED, NULL },
	{ "narenas", FORM_POSITIVE, "default" },
	{ "narenas_ratio", FORM_TEXT, NULL },
	{ "oversize_threshold", FORM_UNSIGNED, NULL },
	{ "percpu_arena", FORM_WORD, "disabled percpu phycpu" },
	{ "process_madvise_max_batch", FORM_UNSIGNED, NULL },
	{ "prof", FORM_BOOL, NULL },
	{ "prof_accum", FORM_BOOL, NULL },
	{ "prof_active", FORM_BOOL, NULL },
	{ "prof_bt_max", FORM_UNSIGNED, NULL },
	{ "prof_final", FORM_BOOL, NULL },
	{ "prof_gdump", FORM_BOOL, NULL },
	{ "prof_leak", FORM_BOOL, NULL },
	{ "prof_leak_error", FORM_BOOL, NULL },
	{ "prof_log", FORM_BOOL, NULL },
	{ "prof_pid_namespace", FORM_BOOL, NULL },
	{ "prof_prefix", FORM_TEXT, NULL },
	{ "prof_recent_alloc_max", FORM_SIGNED, NULL },
	{ "prof_stats", FORM_BOOL, NULL },
	{ "prof_sys_thread_name", FORM_BOOL, NULL },
	{ "prof_thread_active_init", FORM_BOOL, NULL },
	{ "prof_time_resolution", FORM_WORD, "default high" },
	{ "prof_unbias", FORM_BOOL, NULL },
	{ "retain", FORM_BOOL, NULL },
	{ "san_guard_large", FORM_UNSIGNED, NULL },
	{ "san_guard_small", FORM_UNSIGNED, NULL },
	{ "slab_sizes", FORM_TEXT, NULL },
	{ "stats_interval", FORM_SIGNED, NULL },
	{ "stats_interval_opts", FORM_TEXT, NULL },
	{ "stats_print", FORM_BOOL, NULL },
	{ "stats_print_opts", FORM_TEXT, NULL },
	{ "tcache", FORM_BOOL, NULL },
	{ "tcache_gc_delay_bytes", FORM_UNSIGNED, NULL },
	{ "tcache_gc_incr_bytes", FORM_UNSIGNED, NULL },
	{ "tcache_max", FORM_UNSIGNED, NULL },
	{ "tcache_ncached_max", FORM_TEXT, NULL },
	{ "tcache_nslots_large", FORM_UNSIGNED, NULL },
	{ "tcache_nslots_small_max", FORM_UNSIGNED, NULL },
	{ "tcache_nslots_small_min", FORM_UNSIGNED, NULL },
	{ "thp", FORM_WORD, "default always never" },
	{ "trust_madvise", FORM_BOOL, NULL },
	{ "utrace", FORM_BOOL, NULL },
	{ "xmalloc", FORM_BOOL, NULL },
	{ "zero", FORM_BOOL, NULL },
	{ "zero_realloc", FORM_WORD, "alloc free abort" },
	{ NULL, FORM_TEXT, NULL },
};

/* mimalloc 3.5.0, src/options.c, without the deprecated ones. */
static const struct conf_key mimalloc_keys[] = {
	{ "allow_large_os_pages", FORM_OPTION, NULL },
	{ "allow_thp", FORM_OPTION, NULL },
	{ "arena_eager_commit", FORM_OPTION, NULL },
	{ "arena_is_numa_local", FORM_OPTION, NULL },
	{ "arena_max_object_size", FORM_SIZE, NULL },
	{ "arena_purge_mult", FORM_OPTION, NULL },
	{ "arena_reserve", FORM_SIZE, NULL },
	{ "destroy_on_exit", FORM_OPTION, NULL },
	{ "disallow_arena_alloc", FORM_OPTION, NULL },
	{ "disallow_os_alloc", FORM_OPTION, NULL },
	{ "generic_collect", FORM_OPTION, NULL },
	{ "guarded_max", FORM_OPTION, NULL },
	{ "guarded_min", FORM_OPTION, NULL },
	{ "guarded_precise", FORM_OPTION, NULL },
	{ "guarded_sample_rate", FORM_OPTION, NULL },
	{ "guarded_sample_seed", FORM_OPTION, NULL },
	{ "max_errors", FORM_OPTION, NULL },
	{ "max_vabits", FORM_OPTION, NULL },
	{ "max_warnings", FORM_OPTION, NULL },
	{ "minimal_purge_size", FORM_SIZE, NULL },
	{ "page_commit_on_demand", FORM_OPTION, NULL },
	{ "page_cross_thread_max_reclaim", FORM_OPTION, NULL },
	{ "page_full_retain", FORM_OPTION, NULL },
	{ "page_max_candidates", FORM_OPTION, NULL },
	{ "page_max_reclaim", FORM_OPTION, NULL },
	{ "page_reclaim_on_free", FORM_OPTION, NULL },
	{ "pagemap_commit", FORM_OPTION, NULL },
	{ "purge_decommits", FORM_OPTION, NULL },
	{ "purge_delay", FORM_OPTION, NULL },
	{ "reserve_huge_os_pages", FORM_OPTION, NULL },
	{ "reserve_huge_os_pages_at", FORM_OPTION, NULL },
	{ "reserve_os_memory", FORM_SIZE, NULL },
	{ "show_errors", FORM_OPTION, NULL },
	{ "show_stats", FORM_OPTION, NULL },
	{ "use_numa_nodes", FORM_OPTION, NULL },
	{ "verbose", FORM_OPTION, NULL },
	{ NULL, FORM_TEXT, NULL },
};

/* glibc manual, "Memory Allocation Tunables" (2.26 to 2.42), without glibc.malloc. */
static const struct conf_key glibc_keys[] = {
	{ "arena_max", FORM_UNSIGNED, NULL },
	{ "arena_test", FORM_UNSIGNED, NULL },
	{ "check", FORM_UNSIGNED, NULL },
	{ "hugetlb", FORM_UNSIGNED, NULL },
	{ "mmap_max", FORM_UNSIGNED, NULL },
	{ "mmap_threshold", FORM_UNSIGNED, NULL },
	{ "mxfast", FORM_UNSIGNED, NULL },
	{ "perturb", FORM_UNSIGNED, NULL },
	{ "tcache_count", FORM_UNSIGNED, NULL },
	{ "tcache_max", FORM_UNSIGNED, NULL },
	{ "tcache_unsorted_limit", FORM_UNSIGNED, NULL },
	{ "top_pad", FORM_UNSIGNED, NULL },
	{ "trim_threshold", FORM_UNSIGNED, NULL },
	{ NULL, FORM_TEXT, NULL },
};

static const struct conf_grammar {
	const char *title;
	const struct conf_key *keys;
	char equals;
	const char *prefix; /* of each key when written out */
	char separator;     /* when written out; "," is read everywhere */
} grammars[] = {
	[CONF_JEMALLOC] = { "jemalloc option", jemalloc_keys, ':', "", ',' },
	[CONF_MIMALLOC] = { "mimalloc option", mimalloc_keys, '=', "", ',' },
	[CONF_GLIBC] = { "glibc tunable", glibc_keys, '=', "glibc.malloc.", ':' },
};

static bool conf_is_number(const char *text)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	strtoull(text, &end, 0);
	return errno == 0 && *end == '\0';
}

/* "10", "-1", or a size: "64M", "1GiB". */
static bool conf_is_decimal(const char *text, bool is_size)
{
	size_t digits;

	text += !is_size && *text == '-';
	digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 18)
		return false;
	text += digits;
	if (is_size && *text && strchr("KMGTkmgt", *text))
		text += strncasecmp(text + 1, "iB", 2) == 0 ? 3 : strncasecmp(text + 1, "B", 1) == 0 ? 2 : 1;
	return *text == '\0';
}

static bool conf_is_word(const char *text, const char *words)
{
	size_t length = strlen(text);

	for (const char *w = words; length && *w;) {
		size_t n = strcspn(w, " ");

		if (n == length && strncmp(w, text, n) == 0)
			return true;
		w += n + strspn(w + n, " ");
	}
	return false;
}

/* NULL when the value is one that the allocator takes, else what it should be. */
static const char *conf_check_value(struct mem *m, const struct conf_key *key, const char *value)
{
	if (key->words && conf_is_word(value, key->words))
		return NULL;
	switch (key->form) {
	case FORM_BOOL:
		return conf_is_word(value, "true false") ? NULL : "true or false";
	case FORM_UNSIGNED:
		return conf_is_number(value) ? NULL : "a number";
	case FORM_POSITIVE:
		return conf_is_number(value) && strtoull(value, NULL, 0) > 0 ? NULL : "a number above 0";
	case FORM_SIGNED:
		return conf_is_number(value) || strcmp(value, "-1") == 0 ? NULL : "a number or -1";
	case FORM_OPTION:
		return conf_is_decimal(value, false) || conf_is_word(value, "yes no true false on off") ?
		       NULL : "a number";
	case FORM_SIZE:
		return conf_is_decimal(value, true) ? NULL : "a size, as in 64M";
	case FORM_WORD:
		return mem_printf(m, "one of: %s", key->words);
	case FORM_TEXT:
		return *value ? NULL : "a value";
	}
	return NULL;
}

static const struct conf_key *conf_find_key(const struct conf_key *keys, const char *name)
{
	for (; keys->name; keys++) {
		if (strcmp(keys->name, name) == 0)
			return keys;
	}
	return NULL;
}

static const char *conf_hint(struct mem *m, const struct conf_key *keys, const char *word)
{
	const char *names[128] = { NULL };
	const char *near;

	for (size_t n = 0; keys[n].name && n + 1 < sizeof names / sizeof *names; n++)
		names[n] = keys[n].name;
	near = nearest_name(word, names);
	return near ? mem_printf(m, " (did you mean '%s'?)", near) : "";
}

static void conf_add_problem(struct mem *m, struct conf_problems *problems, const char *text)
{
	MEM_PUSH(m, problems->items, problems->n)->text = text;
}

/* One "key:value" of `text`. */
static void conf_parse_piece(struct mem *m, enum conf_kind kind, char *piece, const char *why,
			     struct conf *conf, struct conf_problems *problems)
{
	const struct conf_grammar *g = &grammars[kind];
	char *equals = strchr(piece, g->equals);
	const struct conf_key *key;
	const char *expected;

	if (!equals || equals == piece) {
		conf_add_problem(m, problems, mem_printf(m, "'%s' is not of the form key%cvalue",
							 piece, g->equals));
		return;
	}
	*equals = '\0';
	key = conf_find_key(g->keys, piece);
	if (!key) {
		conf_add_problem(m, problems, mem_printf(m, "no %s '%s'%s", g->title, piece,
							 conf_hint(m, g->keys, piece)));
		return;
	}
	expected = conf_check_value(m, key, equals + 1);
	if (expected) {
		conf_add_problem(m, problems, mem_printf(m, "%s '%s' wants %s, not '%s'", g->title,
							 piece, expected, equals + 1));
		return;
	}
	conf_set(m, conf, piece, equals + 1, why);
}

void conf_parse(struct mem *m, enum conf_kind kind, const char *text, const char *why,
		struct conf *conf, struct conf_problems *problems)
{
	while (*text) {
		size_t n = strcspn(text, ",");
		char *piece = mem_strndup(m, text, n);

		/* An empty piece is what a trailing comma leaves: jemalloc takes it too. */
		if (*piece)
			conf_parse_piece(m, kind, piece, why, conf, problems);
		text += n;
		if (*text == ',')
			text++;
	}
}

const struct conf_item *conf_find(const struct conf *conf, const char *key)
{
	for (size_t i = 0; i < conf->n; i++) {
		if (strcmp(conf->items[i].key, key) == 0)
			return &conf->items[i];
	}
	return NULL;
}

void conf_set(struct mem *m, struct conf *conf, const char *key, const char *value,
	      const char *why)
{
	struct conf_item *item = NULL;

	for (size_t i = 0; i < conf->n && !item; i++) {
		if (strcmp(conf->items[i].key, key) == 0)
			item = &conf->items[i];
	}
	if (!item)
		item = MEM_PUSH(m, conf->items, conf->n);
	*item = (struct conf_item){ key, value, why };
}

void conf_remove(struct conf *conf, const char *key)
{
	size_t kept = 0;

	for (size_t i = 0; i < conf->n; i++) {
		if (strcmp(conf->items[i].key, key) != 0)
			conf->items[kept++] = conf->items[i];
	}
	conf->n = kept;
}

char *conf_format(struct mem *m, enum conf_kind kind, const struct conf *conf)
{
	const struct conf_grammar *g = &grammars[kind];
	char *text = mem_strdup(m, "");

	for (size_t i = 0; i < conf->n; i++) {
		char separator[2] = { i ? g->separator : '\0', '\0' };

		text = mem_printf(m, "%s%s%s%s%c%s", text, separator, g->prefix,
				  conf->items[i].key, g->equals, conf->items[i].value);
	}
	return text;
}
