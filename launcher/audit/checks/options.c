/* SPDX-License-Identifier: Apache-2.0 */
/* With which options the allocator of a process runs, against those that it was told. Pure. */
#include "audit/checks/assess_process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "known/conf_keys.h"
#include "util/text.h"

/* The least size that jemalloc counts as large, in its pages (sc.h, SC_LARGE_MINCLASS). */
#define LARGE_LEAST_PAGES 4

/*
 * What jemalloc 5.3.1 takes (src/conf.c). Beyond it the value is clipped, or left out and
 * the default runs. Where that depends on the page size, what all pages allow.
 */
static const struct options_range {
	const char *key;
	int64_t least, most;
} ranges[] = {
	{ "calloc_madvise_threshold", 0, INT64_C(7) << 60 },
	{ "debug_double_free_max_scan", 0, 0 }, /* 0 in all but debug builds */
	{ "dirty_decay_ms", -1, INT64_C(18446744072000) },
	{ "lg_extent_max_active_fit", 0, 64 },
	{ "lg_prof_interval", -1, 63 },
	{ "lg_prof_sample", 0, 63 },
	{ "lg_tcache_flush_large_div", 1, 16 },
	{ "lg_tcache_flush_small_div", 1, 16 },
	{ "max_background_threads", 1, 4095 }, /* more comes to 4 */
	{ "muzzy_decay_ms", -1, INT64_C(18446744072000) },
	{ "oversize_threshold", 0, INT64_C(7) << 60 },
	{ "process_madvise_max_batch", 0, 0 },
	{ "prof_bt_max", 1, 256 },
	{ "tcache_gc_incr_bytes", 1024, INT64_MAX },
	{ "tcache_max", 0, 32 << 10 },
	{ "tcache_nslots_large", 1, 2048 },
	{ "tcache_nslots_small_max", 1, 2048 },
	{ "tcache_nslots_small_min", 1, 2048 },
};

/* A number in C's notation, as jemalloc and glibc read it; above INT64_MAX it wraps, as theirs. */
static bool options_read_number(const char *text, int64_t *ret)
{
	char *end;

	errno = 0;
	*ret = (int64_t)strtoull(text, &end, 0);
	return errno == 0 && end != text && !*end;
}

/* As mimalloc reads it: words for 1 and 0, and sizes come to KiB, rounded up. */
static bool options_read_mimalloc(enum form form, const char *text, int64_t *ret)
{
	static const char *const words[] = { "no", "false", "off", "yes", "true", "on" };
	static const char units[] = "KMGT";
	const char *unit;
	char *end;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*ret = i >= 3;
			return true;
		}
	}
	errno = 0;
	*ret = strtoll(text, &end, 10);
	if (errno || end == text || (form == FORM_OPTION && *end))
		return false;
	if (form == FORM_OPTION)
		return true;
	unit = *end ? strchr(units, *end & ~0x20) : NULL;
	if (!unit)
		*ret = *ret / 1024 + (*ret % 1024 != 0);
	return !unit || !__builtin_mul_overflow(*ret, INT64_C(1) << 10 * (unit - units), ret);
}

/* The value that was asked for as a number; false: it is a word. */
static bool options_read_wanted(const struct conf_item *wanted, int64_t *ret)
{
	const struct conf_key *key = conf_find_key(conf_mimalloc_keys, wanted->key);

	return key ? options_read_mimalloc(key->form, wanted->value, ret) : options_read_number(wanted->value, ret);
}

/* Below the least large size there is no arena for oversize blocks, and jemalloc writes 0. */
static int64_t options_round_oversize(const struct audit_facts *a, const struct live_process *p, int64_t bytes)
{
	int64_t page = p->malloc && p->malloc->build && p->malloc->build->page_size > 0 ? p->malloc->build->page_size :
											  a->live->page_size;

	return bytes < LARGE_LEAST_PAGES * page ? 0 : bytes;
}

/* The same value, in whichever notation? */
static bool options_is_same(const struct audit_facts *a, const struct live_process *p, const struct conf_item *wanted,
			    const struct conf_item *found)
{
	int64_t one, other;

	if (strcmp(wanted->value, found->value) == 0)
		return true;
	/* "default" stands for whatever jemalloc counts. */
	if (strcmp(wanted->key, "narenas") == 0 && strcmp(wanted->value, "default") == 0)
		return true;
	if (!options_read_wanted(wanted, &one) || !options_read_number(found->value, &other))
		return false;
	if (strcmp(wanted->key, "oversize_threshold") == 0 && one >= 0 && other >= 0) {
		one = options_round_oversize(a, p, one);
		other = options_round_oversize(a, p, other);
	}
	return one == other;
}

/* Is the difference of the allocator's own making? */
static bool options_is_adjusted(const struct live_process *p, const struct conf_item *wanted,
				const struct conf_item *found)
{
	const struct conf_item *percpu = conf_find(&p->options, "percpu_arena");
	int64_t one, other;

	/* Where the CPUs' numbers say nothing it goes without, where they do it makes one for each. */
	if (strcmp(wanted->key, "percpu_arena") == 0)
		return strcmp(found->value, "disabled") == 0;
	if (!options_read_wanted(wanted, &one) || !options_read_number(found->value, &other))
		return false;
	if (strcmp(wanted->key, "narenas") == 0)
		return percpu && strcmp(percpu->value, "disabled") != 0 && other > one;
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
		if (strcmp(wanted->key, ranges[i].key) == 0)
			return one < ranges[i].least || one > ranges[i].most;
	}
	return false;
}

/* By somebody who may, while it runs; else a wrapper has replaced what the launch set. */
static bool options_is_changed(const struct live_process *p, const struct conf_item *wanted)
{
	return p->purge && p->purge->changes > 0 && conf_find_key(conf_purge_keys, wanted->key);
}

/* Where the options that run are not those of the launch. NULL: nowhere. */
struct options_differences {
	const char *wrong;    /* "narenas:8, launched with 2" */
	const char *adjusted; /* by the allocator itself: "2048 of tcache_nslots_large:9999" */
	const char *changed;  /* by `allocrun --purge --purge-thread`, as wrong */
};

static void options_compare(struct mem *m, const struct audit_facts *a, const struct live_process *p,
			    struct options_differences *ret)
{
	*ret = (struct options_differences){ 0 };
	for (size_t i = 0; p->record && i < p->record->options.n; i++) {
		const struct conf_item *wanted = &p->record->options.items[i];
		const struct conf_item *found = conf_find(&p->options, wanted->key);

		/* What is not among the options was not readable, or has no variable of its own. */
		if (!found || options_is_same(a, p, wanted, found))
			continue;
		if (options_is_adjusted(p, wanted, found))
			text_list(m, &ret->adjusted,
				  mem_printf(m, "%s of %s:%s", found->value, wanted->key, wanted->value));
		else
			text_list(m, options_is_changed(p, wanted) ? &ret->changed : &ret->wrong,
				  mem_printf(m, "%s:%s, launched with %s", wanted->key, found->value, wanted->value));
	}
}

/* Those that shape a server's memory. */
static const char *options_list(struct mem *m, const struct live_process *p)
{
	static const char *const keys[] = {
		"narenas",
		"dirty_decay_ms",
		"muzzy_decay_ms",
		"background_thread",
		"oversize_threshold",
		"tcache_max",
		"thp",
		"metadata_thp",
		"prof",
		"purge_delay",
		"allow_thp",
		"arena_max",
		"hugetlb",
		"window_ms",
		"idle_ms",
		"busy_percent",
		"heap_mb",
	};
	const char *list = NULL;

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const struct conf_item *item = conf_find(&p->options, keys[i]);

		if (item)
			text_list(m, &list, mem_printf(m, "%s:%s", item->key, item->value));
	}
	return list ? list : "defaults";
}

/* An option that is set, and does nothing: after a fork, jemalloc has no threads of its own. */
static bool options_lack_purge_thread(const struct live_process *p)
{
	const struct conf_item *item = conf_find(&p->options, "background_thread");

	return item && strcmp(item->value, "true") == 0 && p->purge_threads == 0;
}

/* Without a record nothing says what the options should be. */
static const char *options_caveat(const struct live_process *p)
{
	return p->record && !p->record->problem ? "" : "; no launch record to compare with";
}

static struct finding options_assess_proved(struct mem *m, const struct audit_facts *a, const struct live_process *p,
					    const char *list)
{
	struct options_differences differences;
	struct finding f;

	options_compare(m, a, p, &differences);
	if (differences.wrong)
		return finding_fail(m, "proved: %s", differences.wrong);
	if (options_lack_purge_thread(p)) {
		f = finding_warn(m, "proved: background_thread:true, but there is no such thread in it: "
				    "while it is idle it gives nothing back");
		f.fix = "start it by spawn or forkserver with exec, not by a bare fork; "
			"and see its limit of processes (RLIMIT_NPROC, pids.max)";
		return f;
	}
	if (differences.changed) {
		f = finding_warn(m, "proved: changed while it runs: %s", differences.changed);
		f.fix = "what proves itself belongs into the policy: the next start knows nothing of it";
		return f;
	}
	if (!differences.adjusted)
		return finding_ok(m, "proved: %s%s", list, options_caveat(p));
	f = finding_warn(m, "proved: jemalloc made %s", differences.adjusted);
	f.fix = "launch it with a value that this build of jemalloc takes: see jemalloc(3)";
	return f;
}

ASSESS(audit_options_in_force)
{
	struct options_differences differences;
	const char *list;
	struct finding f;

	if (audit_cannot_tell(m, p, &f)) {
		if (p->options_evidence == EVIDENCE_ASSUMED)
			f.observed = mem_printf(m, "%s; assumed from its environment: %s", f.observed,
						options_list(m, p));
		return f;
	}
	if (p->is_static == TRI_YES)
		return finding_skip(m, "a static program");
	if (!p->malloc)
		return finding_unknown(m, "%s", p->problem ? p->problem : "no loaded object defines malloc");
	if (p->malloc->is_program)
		return finding_skip(m, "the program has a malloc of its own");
	list = options_list(m, p);
	if (audit_is_libc(p->malloc))
		return finding_skip(m, "%s keeps its options where nobody can read them (told: %s)",
				    p->malloc->allocator, list);
	if (p->options_evidence == EVIDENCE_PROVED)
		return options_assess_proved(m, a, p, list);
	options_compare(m, a, p, &differences);
	/* A server may change its environment for its children: that is no proof. */
	if (differences.wrong)
		return finding_warn(m, "assumed from its environment: %s", differences.wrong);
	f = p->options_evidence == EVIDENCE_ASSUMED ?
		    finding_unknown(m, "assumed from its environment: %s", list) :
		    finding_unknown(m, "neither its memory nor its environment can be read");
	f.fix = "use a bundled build, which says where its options are, and run the check as root";
	return f;
}
