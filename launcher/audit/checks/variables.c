/* SPDX-License-Identifier: Apache-2.0 */
/* What a process was told through its environment, and what comes of it. Pure. */
#include "audit/checks/assess_process.h"

#include <stdlib.h>
#include <string.h>

#include "known/conf.h"
#include "util/environment.h"
#include "util/text.h"

static const char *variables_get(const struct live_process *p, const char *name)
{
	return p->environment ? environment_get((const char *const *)p->environment, name) : NULL;
}

static bool variables_have_mimalloc(const struct live_process *p)
{
	for (char **e = p->environment; e && *e; e++) {
		if (text_starts_with(*e, "MIMALLOC_"))
			return true;
	}
	return false;
}

/* A variable that the allocator which serves does not read; NULL. */
static const char *variables_find_ignored(const struct live_process *p)
{
	const char *allocator = p->malloc ? p->malloc->allocator : "";

	if (strcmp(allocator, "jemalloc") != 0 && variables_get(p, "MALLOC_CONF"))
		return "MALLOC_CONF";
	if (strcmp(allocator, "mimalloc") != 0 && variables_have_mimalloc(p))
		return "MIMALLOC_*";
	if (strcmp(allocator, "glibc") != 0 && variables_get(p, "MALLOC_ARENA_MAX"))
		return "MALLOC_ARENA_MAX";
	return NULL;
}

/* Is there a limit that memory which never goes back would run into? In a container its own. */
static bool variables_have_limit(const struct audit_facts *a, const struct live_process *p)
{
	const struct cgroup_facts *c = p->cgroup ? &p->cgroup->limits : &a->machine->cgroup;

	return c->memory_max != FACT_UNKNOWN && c->memory_max != FACT_UNLIMITED;
}

static const char *variables_option(const struct live_process *p, const char *key)
{
	const struct conf_item *item = conf_find(&p->options, key);

	return item ? item->value : "";
}

static struct finding variables_assess_jemalloc(struct mem *m, const struct audit_facts *a,
						const struct live_process *p)
{
	const char *text = variables_get(p, "MALLOC_CONF"), *percpu = variables_option(p, "percpu_arena");
	struct conf conf = { NULL, 0 };
	struct conf_problems problems = { NULL, 0 };

	if (text)
		conf_parse(m, CONF_JEMALLOC, text, "", &conf, &problems);
	if (problems.n)
		return finding_fail(m, "MALLOC_CONF: %s: jemalloc leaves it out", problems.items[0].text);
	if (strcmp(variables_option(p, "dirty_decay_ms"), "-1") == 0 && variables_have_limit(a, p))
		return finding_fail(m, "dirty_decay_ms:-1 never gives memory back, and there is a memory limit");
	if ((strcmp(percpu, "percpu") == 0 || strcmp(percpu, "phycpu") == 0) && !bitmap_is_empty(&p->status.cpus) &&
	    !bitmap_is_subset(&a->machine->cpu.online, &p->status.cpus))
		return finding_fail(m, "percpu_arena:%s with an affinity of CPUs %s: it breaks there", percpu,
				    bitmap_format_list(m, &p->status.cpus));
	return finding_ok(m, "%s", text ? "MALLOC_CONF is read whole" : "no MALLOC_CONF");
}

ASSESS(audit_process_variables)
{
	const char *ignored;
	struct finding f;

	if (audit_cannot_tell(m, p, &f))
		return f;
	if (p->is_static == TRI_YES)
		return finding_skip(m, "a static program");
	if (!p->environment)
		return finding_unknown(m, "its environment cannot be read");
	if (!p->malloc)
		return finding_unknown(m, "its allocator is not known");
	ignored = variables_find_ignored(p);
	if (ignored)
		return finding_warn(m, "%s is set, and %s does not read it", ignored, p->malloc->allocator);
	if (strcmp(p->malloc->allocator, "jemalloc") == 0)
		return variables_assess_jemalloc(m, a, p);
	return finding_ok(m, "no variable that %s would not read", p->malloc->allocator);
}

/* The CPUs and the quota that the process has: from a container's host they are not ours. */
static int64_t arenas_count_cpus(const struct audit_facts *a, const struct live_process *p)
{
	const struct cpu_facts *cpu = &a->machine->cpu;
	int64_t quota = p->cgroup ? p->cgroup->limits.cpu_quota_milli : cpu->quota_milli, n;
	struct bitmap usable = p->status.cpus;

	if (bitmap_is_empty(&p->status.cpus) || bitmap_is_empty(&cpu->online))
		return cpu->effective;
	bitmap_and(&usable, &cpu->online);
	n = bitmap_count(&usable);
	if (quota > 0 && quota / 1000 < n)
		n = (quota + 999) / 1000;
	return n > 0 ? n : 1;
}

/* What the allocator makes of itself on the CPUs that it sees: neither looks at a quota. */
static int64_t arenas_default(const struct live_process *p, const struct cpu_facts *cpu, int64_t each)
{
	int64_t n = bitmap_count(bitmap_is_empty(&p->status.cpus) ? &cpu->online : &p->status.cpus);

	return n > 1 ? each * n : n > 0 ? 1 : FACT_UNKNOWN;
}

/* The arenas that a process may make; FACT_UNKNOWN where nobody says. */
static int64_t arenas_of(const struct live_process *p, const struct cpu_facts *cpu)
{
	bool is_jemalloc = strcmp(p->malloc->allocator, "jemalloc") == 0;
	int64_t n;

	if (text_parse_i64(variables_option(p, is_jemalloc ? "narenas" : "arena_max"), &n, NULL) == 0 && n > 0)
		return n;
	if (p->options_evidence == EVIDENCE_NONE)
		return FACT_UNKNOWN;
	/* jemalloc(3), opt.narenas: four for each CPU; glibc manual: eight on 64-bit systems. */
	return arenas_default(p, cpu, is_jemalloc ? 4 : 8);
}

ASSESS(audit_process_arenas)
{
	int64_t cpus = arenas_count_cpus(a, p), n;
	struct finding f;

	if (audit_cannot_tell(m, p, &f))
		return f;
	if (!p->malloc)
		return p->problem ? finding_unknown(m, "%s", p->problem) :
				    finding_skip(m, "its allocator is in the program itself");
	/* One thread makes one arena, however many it might. */
	if (p->status.n_threads == 1)
		return finding_skip(m, "it has one thread");
	if (strcmp(p->malloc->allocator, "jemalloc") != 0 && strcmp(p->malloc->allocator, "glibc") != 0)
		return finding_skip(m, "%s has no arenas that are counted", p->malloc->allocator);
	n = arenas_of(p, &a->machine->cpu);
	if (n == FACT_UNKNOWN)
		return finding_unknown(m, "the options of %s are not known", p->malloc->allocator);
	if (cpus == FACT_UNKNOWN)
		return finding_unknown(m, "up to %lld arenas; how many CPUs it may use is not known", (long long)n);
	if (n > t->values[THRESHOLD_ARENAS_FAIL] * cpus)
		return finding_fail(m, "up to %lld arenas for %lld usable CPUs", (long long)n, (long long)cpus);
	if (n > t->values[THRESHOLD_ARENAS_WARN] * cpus)
		return finding_warn(m, "up to %lld arenas for %lld usable CPUs", (long long)n, (long long)cpus);
	return finding_ok(m, "up to %lld arenas for %lld usable CPUs", (long long)n, (long long)cpus);
}
