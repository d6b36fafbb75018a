/* SPDX-License-Identifier: Apache-2.0 */
/* Which allocator serves a process. Pure. */
#include "audit/checks/assess_process.h"

#include <string.h>

#include "known/inheritance.h"
#include "options/read.h"
#include "util/text.h"

/*
 * C++ runtimes define operator new on top of whichever malloc there is; and glibc 2.34 has
 * its malloc a second time, with checks, in a library that serves when it is preloaded.
 */
static bool serving_is_runtime(const struct live_library *library)
{
	const char *base = text_basename(library->path);

	return text_starts_with(base, "libstdc++") || text_starts_with(base, "libc++") ||
	       text_starts_with(base, "libc_malloc_debug.so");
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
		if (l != p->malloc && l->defines_malloc && !audit_is_libc(l) && !serving_is_runtime(l))
			text_list(m, &list, serving_describe(m, l));
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

/* By its record, or where there is no place for one by what serves it. */
static bool serving_is_launched(const struct live_process *p)
{
	return p->record || (p->malloc && p->malloc->build);
}

/* An init or a shell has little memory; a server that starts a helper by allocrun has more. */
#define SERVING_FRONT_MOST (INT64_C(256) << 20)

static bool serving_is_below(const struct live_process *p, const int64_t *below, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (below[i] == p->parent)
			return true;
	}
	return false;
}

/* The process that was launched below one that was not, as below an init or a shell; NULL. */
static const struct live_process *serving_find_launched_below(struct mem *m, const struct audit_facts *a,
							      const struct live_process *p)
{
	bool *is_seen = mem_alloc(m, a->live->n_processes * sizeof *is_seen);
	int64_t *below = NULL;
	size_t n = 0, n_before = 0;

	if (serving_is_launched(p) || p->status.rss_anon >= SERVING_FRONT_MOST)
		return NULL;
	*MEM_PUSH(m, below, n) = p->pid;
	/* Once where parents stand before their children; a cgroup lists them in any order. */
	while (n_before < n) {
		n_before = n;
		for (size_t i = 0; i < a->live->n_processes; i++) {
			const struct live_process *one = &a->live->processes[i];

			if (is_seen[i] || one == p || !serving_is_below(one, below, n))
				continue;
			if (serving_is_launched(one))
				return one;
			is_seen[i] = true;
			*MEM_PUSH(m, below, n) = one->pid;
		}
	}
	return NULL;
}

/* Is it meant to have no allocator of ours? With the finding that says why. */
static bool serving_is_left_alone(struct mem *m, const struct audit_facts *a, const struct live_process *p,
				  const char *what, struct finding *ret)
{
	const struct live_process *below;

	if (serving_is_switched_off(p)) {
		*ret = finding_skip(m, "%s: its environment has the kill switch, ALLOCRUN=off", what);
		ret->is_told = true;
		return true;
	}
	below = serving_find_launched_below(m, a, p);
	if (below)
		*ret = finding_skip(m, "%s: it stands in front of process %lld, which was launched", what,
				    (long long)below->pid);
	return below;
}

static struct finding serving_assess_static(struct mem *m, const struct audit_facts *a, const struct live_process *p)
{
	struct finding f;

	if (serving_is_left_alone(m, a, p, "a static program", &f))
		return f;
	if (audit_is_child(a, p))
		return finding_skip(m, "a static program, which has its malloc in itself");
	return finding_fail(m, "a static program: nothing can be preloaded into it");
}

static const struct live_process *serving_find(const struct audit_facts *a, int64_t pid)
{
	for (size_t i = 0; i < a->live->n_processes; i++) {
		if (a->live->processes[i].pid == pid)
			return &a->live->processes[i];
	}
	return NULL;
}

/* The --children of the launch above it that does not keep all of them; NULL = none. */
static const char *serving_find_children(const struct audit_facts *a, const struct live_process *p)
{
	/* A list read while processes come and go may go in a circle. */
	for (size_t i = 0; i < a->live->n_processes && (p = serving_find(a, p->parent)); i++) {
		for (size_t k = 0; p->record && !p->record->problem && k < p->record->n_steps; k++) {
			const struct live_set *set = &p->record->steps[k].set;

			if (set->kind == SET_CHILDREN)
				return strcmp(set->text, CHILDREN_KEEP) == 0 ? NULL : set->text;
		}
	}
	return NULL;
}

static struct finding serving_assess_libc(struct mem *m, const struct audit_facts *a, const struct live_process *p)
{
	const char *why = serving_explain_libc(m, p), *children;
	struct finding f;

	if (serving_is_left_alone(m, a, p, mem_printf(m, "malloc is %s's own", p->malloc->allocator), &f))
		return f;
	if (serving_wants_libc(p))
		return finding_ok(m, "%s, as it was launched", p->malloc->allocator);
	children = serving_find_children(a, p);
	if (children)
		return finding_skip(m, "malloc is %s's: not all children have the allocator (--children %s)",
				    p->malloc->allocator, children);
	if (audit_is_child(a, p))
		return finding_warn(m, "malloc is %s's: this child runs without the allocator%s", p->malloc->allocator,
				    why);
	return finding_fail(m, "malloc is %s's own%s", p->malloc->allocator, why);
}

/* A program with a malloc and free of its own: nothing of ours serves in it, and nothing of ours has to. */
static bool serving_is_own(const struct live_process *p)
{
	return p->malloc->is_program && p->malloc->defines_malloc && p->free == p->malloc;
}

static struct finding serving_assess_own(struct mem *m, const struct audit_facts *a, const struct live_process *p)
{
	struct finding f;

	if (serving_is_left_alone(m, a, p, "a malloc of its own", &f))
		return f;
	if (serving_wants_libc(p))
		return finding_ok(m, "the program has a malloc of its own, and was left alone");
	if (audit_is_child(a, p))
		return finding_skip(m, "the program has a malloc of its own");
	return finding_warn(m, "the program has a malloc of its own, which is none of allocrun's builds");
}

/* Things that are wrong whichever allocator it is. */
static bool serving_find_fault(struct mem *m, const struct live_process *p, struct finding *ret)
{
	const char *others = serving_list_others(m, p);

	if (p->malloc->is_impostor) {
		*ret = finding_fail(m, "%s is not the allocrun build that it claims to be", p->malloc->path);
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
		return finding_fail(m, "%s serves, which is not the build that was launched (build ID %s)", name,
				    launched);
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
	if (serving_is_own(p))
		return serving_assess_own(m, a, p);
	if (serving_find_fault(m, p, &f))
		return f;
	return audit_is_libc(p->malloc) ? serving_assess_libc(m, a, p) : serving_assess_preloaded(m, p);
}
