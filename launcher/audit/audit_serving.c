/* SPDX-License-Identifier: Apache-2.0 */
/* Which allocator serves a process, and with which options. Pure. */
#include "audit/assess_process.h"

#include <string.h>

#include "util/text.h"

static bool serving_is_libc(const struct live_library *library)
{
	return strcmp(library->allocator, "glibc") == 0 || strcmp(library->allocator, "musl") == 0;
}

/* C++ runtimes define operator new on top of whichever malloc there is. */
static bool serving_is_runtime(const struct live_library *library)
{
	const char *base = text_basename(library->path);

	return text_starts_with(base, "libstdc++") || text_starts_with(base, "libc++");
}

static const char *serving_describe(struct mem *m, const struct live_library *library)
{
	if (library->build)
		return library->build->id;
	return mem_printf(m, "%s (%s)", library->allocator, *library->path ? library->path : "?");
}

/* The allocators that are loaded beside the one that serves. */
static const char *serving_list_others(struct mem *m, const struct live_process *p)
{
	const char *list = NULL;

	for (size_t i = 0; i < p->n_libraries; i++) {
		const struct live_library *l = &p->libraries[i];

		/* Many programs have an operator new of their own, on top of malloc. */
		if (l != p->malloc && l->defines_malloc && !serving_is_libc(l) && !serving_is_runtime(l))
			audit_list(m, &list, serving_describe(m, l));
	}
	return list;
}

/* Why nothing was preloaded into it, as far as can be seen. */
static const char *serving_explain_libc(struct mem *m, const struct live_process *p)
{
	const struct live_step *step = audit_record_step(p, "preload", NULL);
	const char *preload = NULL;

	for (char **e = p->environment; e && *e; e++) {
		if (text_starts_with(*e, "LD_PRELOAD="))
			preload = *e + strlen("LD_PRELOAD=");
	}
	if (p->is_secure == TRI_YES)
		return "; it is setuid or has file capabilities, and the loader ignored LD_PRELOAD";
	if (step && strcmp(step->outcome, "refused") == 0)
		return "; the launch could not preload, see --explain";
	if (preload && *preload)
		return mem_printf(m, "; its LD_PRELOAD is %s", preload);
	return p->environment ? "; its environment has no LD_PRELOAD" : "";
}

/* Did somebody pull the kill switch at its launch? */
static bool serving_is_switched_off(const struct live_process *p)
{
	return p->environment && options_switch_off((const char *const *)p->environment);
}

/* Was it launched to run on the libc's own allocator? */
static bool serving_wants_libc(const struct live_process *p)
{
	const struct live_step *step = audit_record_step(p, "preload", NULL);

	return step && (strcmp(step->outcome, "nothing to do") == 0 || strcmp(step->outcome, "off") == 0 ||
			(strcmp(step->outcome, "done") == 0 && !p->record->library));
}

static struct finding serving_assess_static(struct mem *m, const struct audit_facts *a,
					    const struct live_process *p)
{
	if (audit_is_child(a, p))
		return finding_skip(m, "a static program, which has its malloc in itself");
	return finding_fail(m, "a static program: nothing can be preloaded into it");
}

static struct finding serving_assess_libc(struct mem *m, const struct audit_facts *a,
					  const struct live_process *p)
{
	const char *why = serving_explain_libc(m, p);

	if (serving_is_switched_off(p))
		return finding_skip(m, "malloc is %s's own: its environment has the kill switch, ALLOCRUN=off",
				    p->malloc->allocator);
	if (serving_wants_libc(p))
		return finding_ok(m, "%s, as it was launched", p->malloc->allocator);
	if (audit_is_child(a, p))
		return finding_warn(m, "malloc is %s's: this child runs without the allocator%s",
				    p->malloc->allocator, why);
	return finding_fail(m, "malloc is %s's own%s", p->malloc->allocator, why);
}

/* Things that are wrong whichever allocator it is. */
static bool serving_find_fault(struct mem *m, const struct live_process *p, struct finding *ret)
{
	const char *others = serving_list_others(m, p);

	if (p->malloc->is_impostor) {
		*ret = finding_fail(m, "%s is not the library that allocrun installed there",
				    p->malloc->path);
		return true;
	}
	if (p->free && p->free != p->malloc) {
		*ret = finding_fail(m, "malloc is of %s, but free of %s", serving_describe(m, p->malloc),
				    serving_describe(m, p->free));
		return true;
	}
	if (others) {
		*ret = finding_fail(m, "two allocators: %s serves, loaded is %s as well",
				    serving_describe(m, p->malloc), others);
		return true;
	}
	return false;
}

static struct finding serving_assess_preloaded(struct mem *m, const struct live_process *p)
{
	const char *name = serving_describe(m, p->malloc), *launched = p->record ? p->record->build_id : NULL;
	struct finding f;

	if (launched && (!p->malloc->build_id || strcmp(launched, p->malloc->build_id) != 0))
		return finding_fail(m, "%s serves, which is not the build that was launched (build ID %s)",
				    name, launched);
	if (p->malloc->is_deleted) {
		f = finding_warn(m, "%s serves, from a file that was replaced or removed since", name);
		f.fix = "restart the server: it runs on the library of before the upgrade";
		return f;
	}
	if (p->malloc->build || launched ||
	    (p->record && p->record->library && strcmp(p->record->library, p->malloc->path) == 0))
		return finding_ok(m, "%s", name);
	return finding_warn(m, "%s, which is none of allocrun's builds", name);
}

ASSESS(audit_preload_effective)
{
	struct finding f;

	if (audit_cannot_tell(m, p, &f)) {
		if (p->seems)
			f.observed = mem_printf(m, "%s; assumed from its mappings: %s", f.observed, p->seems);
		return f;
	}
	if (p->is_static == TRI_YES)
		return serving_assess_static(m, a, p);
	if (!p->malloc) {
		f = finding_unknown(m, "%s", p->problem ? p->problem : "no loaded object defines malloc");
		return f;
	}
	if (serving_find_fault(m, p, &f))
		return f;
	return serving_is_libc(p->malloc) ? serving_assess_libc(m, a, p) : serving_assess_preloaded(m, p);
}

/* Where the options that run differ from those of the launch: "narenas: 8, launched with 2". */
static const char *serving_compare_options(struct mem *m, const struct live_process *p)
{
	const char *list = NULL;

	for (size_t i = 0; p->record && i < p->record->options.n; i++) {
		const struct conf_item *wanted = &p->record->options.items[i];
		const struct conf_item *found = conf_find(&p->options, wanted->key);

		/* What is not among the options was not readable, or has no variable of its own. */
		if (found && strcmp(found->value, wanted->value) != 0)
			audit_list(m, &list, mem_printf(m, "%s:%s, launched with %s", wanted->key,
							found->value, wanted->value));
	}
	return list;
}

/* Those that shape a server's memory. */
static const char *serving_list_options(struct mem *m, const struct live_process *p)
{
	static const char *const keys[] = { "narenas", "dirty_decay_ms", "muzzy_decay_ms",
					    "background_thread", "oversize_threshold", "tcache_max",
					    "thp", "metadata_thp", "prof", "purge_delay", "allow_thp",
					    "arena_max", "hugetlb" };
	const char *list = NULL;

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const struct conf_item *item = conf_find(&p->options, keys[i]);

		if (item)
			audit_list(m, &list, mem_printf(m, "%s:%s", item->key, item->value));
	}
	return list ? list : "defaults";
}

/* An option that is set, and does nothing: after a fork, jemalloc has no threads of its own. */
static bool serving_lacks_purge_thread(const struct live_process *p)
{
	const struct conf_item *item = conf_find(&p->options, "background_thread");

	return item && strcmp(item->value, "true") == 0 && p->purge_threads == 0;
}

static struct finding serving_assess_proved(struct mem *m, const struct live_process *p, const char *list)
{
	const char *difference = serving_compare_options(m, p);
	struct finding f;

	if (difference)
		return finding_fail(m, "proved: %s", difference);
	if (!serving_lacks_purge_thread(p))
		return finding_ok(m, "proved: %s", list);
	f = finding_warn(m, "proved: background_thread:true, but there is no such thread in it: "
			 "while it is idle it gives nothing back");
	f.fix = "start it by spawn or forkserver with exec, not by a bare fork; "
		"and see its limit of processes (RLIMIT_NPROC, pids.max)";
	return f;
}

ASSESS(audit_options_in_force)
{
	const char *difference, *list;
	struct finding f;

	if (audit_cannot_tell(m, p, &f)) {
		if (p->options_evidence == EVIDENCE_ASSUMED)
			f.observed = mem_printf(m, "%s; assumed from its environment: %s", f.observed,
						serving_list_options(m, p));
		return f;
	}
	if (p->is_static == TRI_YES)
		return finding_skip(m, "a static program");
	if (!p->malloc)
		return finding_unknown(m, "%s", p->problem ? p->problem : "no loaded object defines malloc");
	list = serving_list_options(m, p);
	if (serving_is_libc(p->malloc))
		return finding_skip(m, "%s keeps its options where nobody can read them (told: %s)",
				    p->malloc->allocator, list);
	if (p->options_evidence == EVIDENCE_PROVED)
		return serving_assess_proved(m, p, list);
	difference = serving_compare_options(m, p);
	/* A server may change its environment for its children: that is no proof. */
	if (difference)
		return finding_warn(m, "assumed from its environment: %s", difference);
	f = p->options_evidence == EVIDENCE_ASSUMED ?
	    finding_unknown(m, "assumed from its environment: %s", list) :
	    finding_unknown(m, "neither its memory nor its environment can be read");
	f.fix = "use a bundled build, which says where its options are, and run the check as root";
	return f;
}
