/* SPDX-License-Identifier: Apache-2.0 */
/* Which allocator build goes into the command, and the LD_PRELOAD for it. Pure. */
#include <errno.h>
#include <string.h>

#include "decide/decision.h"
#include "decide/ld_preload.h"
#include "known/allocators.h"
#include "util/buffer.h"
#include "util/environment.h"
#include "util/size.h"
#include "util/text.h"

#define PRELOAD "LD_PRELOAD"
/* With 16 KiB jemalloc's thread crashes, with 32 KiB at times; every distribution gives 8 MiB. */
#define PRELOAD_STACK (128 << 10)

/*
 * With less memory a second malloc is what is too much: /bin/true starts with 0.6 MiB and needs 1.2 with
 * jemalloc, Python with 3 and needs 4 (tests/cli/unharmed.bats); ten times that, for what comes after.
 */
#define PRELOAD_MEMORY (INT64_C(16) << 20)

static const char *libc_name(enum libc_kind libc)
{
	static const char *const names[] = { "an unknown libc", "glibc", "musl", "another libc" };

	return names[libc];
}

/*
 * Does exec set AT_SECURE, with which the loader drops LD_PRELOAD? As the kernel
 * decides (security/commoncap.c): when the real user or group is not the effective one. When
 * the program changes the user or group, which no_new_privs prevents, or has capabilities
 * and the user is not root, which it does not; these two never on a nosuid mount.
 */
static const char *preload_secure_reason(struct mem *m, const struct facts *f, const struct options *o)
{
	const struct command_facts *c = &f->command;
	bool changes_user = o->settings[KEY_USER].text && !f->account.problem;
	int64_t uid = changes_user ? f->account.uid : f->process.status.uid;
	int64_t gid = changes_user ? f->account.gid : f->process.status.gid;
	bool can_change = f->process.status.no_new_privs != TRI_YES && !setting_is_on(&o->settings[KEY_NO_NEW_PRIVS]);
	const char *what = NULL;

	if (!changes_user &&
	    (f->process.status.uid != f->process.status.euid || f->process.status.gid != f->process.status.egid))
		return "real and effective user or group differ: the loader ignores LD_PRELOAD for what they start";
	if (c->nosuid == TRI_YES)
		return NULL;
	if (can_change && c->is_setuid && c->owner_uid != uid)
		what = "setuid";
	else if (can_change && c->is_setgid && c->owner_gid != gid)
		what = "setgid";
	else if (c->file_capabilities == TRI_YES && uid != 0)
		what = "file-capped";
	if (!what)
		return NULL;
	return mem_printf(m, "%s is %s: the loader ignores LD_PRELOAD for it", c->chain[c->n_chain - 1], what);
}

/* The sanitizer's runtime that the command has, links or is given, NULL = none. */
static const char *preload_sanitizer(struct mem *m, const struct facts *f, const struct options *o)
{
	const char *current = environment_get((const char *const *)o->environment, PRELOAD);
	const char *library = preload_find_library(&f->command, MALLOC_SANITIZES, NULL);

	if (f->command.malloc_role == MALLOC_SANITIZES)
		return f->command.chain[f->command.n_chain - 1];
	return library ? library : preload_find_role(m, &f->preloads, current, MALLOC_SANITIZES);
}

/* Why the command's own malloc is the one that it has to keep; NULL = it has none. */
static const char *preload_own_malloc(struct mem *m, const struct facts *f, const struct options *o)
{
	const struct command_facts *c = &f->command;
	const char *sanitizer;

	if (!c->name || c->error || !c->n_chain || c->elf.problem || !c->elf.interpreter)
		return NULL;
	sanitizer = preload_sanitizer(m, f, o);
	if (sanitizer)
		return mem_printf(m, "%s has a malloc of its own and works with no other", sanitizer);
	if (c->malloc_role == MALLOC_SERVES)
		return mem_printf(m, "%s has a malloc of its own, and is left alone", c->chain[c->n_chain - 1]);
	return NULL;
}

const char *policy_reject_command(struct mem *m, const struct facts *f, const struct options *o)
{
	const struct command_facts *c = &f->command;
	const char *path, *other;

	if (!c->name)
		return NULL;
	if (c->error || c->n_chain == 0)
		return "the command cannot be executed";
	path = c->chain[c->n_chain - 1];
	if (c->elf.problem == -ENOEXEC)
		return mem_printf(m, "%s is not an ELF file", path);
	if (c->elf.problem)
		return mem_printf(m, "the ELF headers of %s cannot be read: %s", path, strerror(-c->elf.problem));
	if (!c->elf.interpreter)
		return mem_printf(m,
				  "%s is statically linked: nothing can be preloaded into it "
				  "(where it only starts the server, put allocrun behind it)",
				  path);
	if (c->libc != LIBC_GLIBC && c->libc != LIBC_MUSL)
		return mem_printf(m, "%s wants the loader %s, whose libc is not known", path, c->elf.interpreter);
	other = preload_secure_reason(m, f, o);
	if (other)
		return other;
	if (f->process.limits.stack.soft >= 0 && f->process.limits.stack.soft < PRELOAD_STACK)
		return mem_printf(m,
				  "stacks are limited to %lld KiB (RLIMIT_STACK), too little for an allocator's thread",
				  (long long)f->process.limits.stack.soft / 1024);
	if (f->cgroup.memory_max >= 0 && f->cgroup.memory_max < PRELOAD_MEMORY)
		return mem_printf(m, "memory is limited to %s, too little for an allocator beside the libc's",
				  size_format(m, f->cgroup.memory_max));
	if (f->process.fatal_call)
		return mem_printf(m, "a seccomp filter ends whatever calls %s, and an allocator may",
				  f->process.fatal_call);
	other = preload_own_malloc(m, f, o);
	if (other)
		return other;
	other = preload_find_role(m, &f->preloads, f->ld_so_preload, MALLOC_SERVES);
	if (other)
		return mem_printf(m,
				  "/etc/ld.so.preload loads %s into every process; two allocators "
				  "are never loaded together",
				  other);
	return NULL;
}

/* The command links an allocator of its own, other than this build. */
static const char *preload_linked_allocator(const struct facts *f, const struct build_facts *b)
{
	/* With the same soname the loader takes ours in its place. */
	return preload_find_library(&f->command, MALLOC_SERVES, text_basename(b->path));
}

const char *policy_reject_build(struct mem *m, const struct facts *f, const struct build_facts *b)
{
	const struct command_facts *c = &f->command;
	bool has_elf = c->name && c->n_chain && !c->elf.problem;
	const char *machine = has_elf ? c->elf.machine : f->machine;
	const char *linked;

	if (b->problem)
		return b->problem;
	if (!preload_can_express(b->path))
		return mem_printf(m, "its path has a space or a colon, which LD_PRELOAD cannot express: %s", b->path);
	if (*machine && strcmp(b->machine, machine) != 0)
		return mem_printf(m, "it is built for %s, %s is %s", b->machine,
				  has_elf ? "the command" : "this machine", machine);
	/* x32 has the machine of x86_64 and half its width; the bundled builds are all 64-bit. */
	if (has_elf && c->elf.bits == 32)
		return mem_printf(m, "it is built for 64 bits, the command has 32");
	if (has_elf && b->libc != c->libc && c->libc != LIBC_UNKNOWN)
		return mem_printf(m, "it is built for %s, the command uses %s", libc_name(b->libc), libc_name(c->libc));
	/* The loader would not leave it out: it ends the program. */
	if (b->x86_level != FACT_UNKNOWN && f->cpu.x86_level != FACT_UNKNOWN && f->cpu.x86_level < b->x86_level)
		return mem_printf(m, "it needs a CPU of level x86-64-v%lld, this one has v%lld",
				  (long long)b->x86_level, (long long)f->cpu.x86_level);
	if (b->page_size != FACT_UNKNOWN && f->page_size > b->page_size)
		return mem_printf(m, "it works with pages up to %lld KiB, this kernel's have %lld KiB",
				  (long long)b->page_size / 1024, (long long)f->page_size / 1024);
	if (b->load_align > 0 && f->page_size > b->load_align)
		return mem_printf(m, "it is linked for pages of %lld KiB, this kernel's have %lld KiB",
				  (long long)b->load_align / 1024, (long long)f->page_size / 1024);
	if (has_elf && b->libc_minor != FACT_UNKNOWN && c->libc_minor != FACT_UNKNOWN && b->libc_minor > c->libc_minor)
		return mem_printf(m, "it needs glibc 2.%lld, the command's is 2.%lld", (long long)b->libc_minor,
				  (long long)c->libc_minor);
	if (b->digest && b->sha256 && strcmp(b->digest, b->sha256) != 0)
		return mem_printf(m,
				  "its bytes are not those that the manifest knows: sha256 is %s, "
				  "the manifest says %s",
				  b->digest, b->sha256);
	linked = has_elf ? preload_linked_allocator(f, b) : NULL;
	if (linked)
		return mem_printf(m, "the command links %s itself; two allocators are never loaded together", linked);
	return NULL;
}

/* Does a word of --allocator name this build? "jemalloc", "jemalloc-5.3.1", an id, a path. */
static bool preload_names_build(const char *word, const struct build_facts *b)
{
	size_t n = strlen(word);

	if (*word == '/')
		return !b->is_bundled && strcmp(word, b->path) == 0;
	return b->is_bundled && strncmp(b->id, word, n) == 0 && (b->id[n] == '\0' || b->id[n] == '-');
}

/*
 * The build for `word` that fits; those that do not go to *parts with the reason. Of
 * several the one for the smallest pages: an allocator for 64 KiB pages works on a 4 KiB
 * kernel, and rounds all that it maps to 64 KiB there.
 */
static const struct build_facts *preload_choose_build(const struct decision *d, const char *word, const char *variant,
						      struct parts *parts)
{
	const struct catalog_facts *catalog = &d->facts->catalog;
	const struct build_facts *best = NULL;
	bool is_known = false;

	for (size_t i = 0; i < catalog->n_builds; i++) {
		const struct build_facts *b = &catalog->builds[i];
		const char *reason;

		if (!preload_names_build(word, b) ||
		    (b->is_bundled && strcmp(word, b->id) != 0 && strcmp(b->variant, variant) != 0))
			continue;
		is_known = true;
		reason = policy_reject_build(d->m, d->facts, b);
		if (reason)
			parts_add(d->m, parts, b->id, NULL, reason);
		else if (!best || b->page_size < best->page_size)
			best = b;
	}
	if (!is_known)
		parts_add(d->m, parts, *variant ? mem_printf(d->m, "%s (%s build)", word, variant) : word, NULL,
			  catalog->problem ? catalog->problem : "no such build is bundled");
	return best;
}

/*
 * Walks the order of preference up to its end or to "system". *ret_passed_over: how
 * many of *parts belong to choices before the one that was taken.
 */
static const struct build_facts *preload_walk(const struct decision *d, const char *order, struct parts *parts,
					      size_t *ret_passed_over)
{
	const char *variants[] = { d->profile->variant, "" };

	for (char *word; (word = text_next_piece(d->m, &order, ','));) {
		if (strcmp(word, "system") == 0)
			break;
		/* Better an ordinary build than none: the debug profile then says what it lacks. */
		for (size_t i = *variants[0] ? 0 : 1; i < 2; i++) {
			const struct build_facts *b;

			*ret_passed_over = parts->n;
			b = preload_choose_build(d, word, variants[i], parts);
			if (b)
				return b;
		}
	}
	*ret_passed_over = parts->n;
	return NULL;
}

bool policy_is_ours(const struct facts *f, const struct build_facts *build, const char *entry)
{
	return strcmp(entry, build->path) == 0 || (f->catalog.children && strcmp(entry, f->catalog.children) == 0);
}

static void preload_set(const struct decision *d, const struct build_facts *build, const char *why,
			const struct parts *rejected)
{
	const char *current = environment_get((const char *const *)d->options->environment, PRELOAD);
	struct operation *op = policy_add(d, STEP_PRELOAD, OP_ENVIRONMENT, PRELOAD);
	char *text;

	for (size_t i = 0; i < rejected->n; i++)
		parts_add(d->m, &op->parts, rejected->items[i].name, NULL, rejected->items[i].why);
	text = preload_compose(d->m, &d->facts->preloads, build ? build->path : NULL, policy_find_children(d->facts),
			       current, &op->parts);
	op->u.environment.variable = PRELOAD;
	op->u.environment.text = *text ? text : NULL;
	op->u.environment.library = build ? build->path : NULL;
	op->value = *text ? text : "(unset)";
	op->why = why;
	for (size_t i = rejected->n; i < op->parts.n; i++) {
		bool is_ours = build && policy_is_ours(d->facts, build, op->parts.items[i].name);

		/* Ours twice is a launch below a launch. */
		if (!op->parts.items[i].value && !is_ours)
			plan_warn(d->m, d->plan, "%s is taken out of LD_PRELOAD: %s", op->parts.items[i].name,
				  op->parts.items[i].why);
	}
}

/* --allocator system: what is in LD_PRELOAD makes way for the libc's malloc. */
static void preload_decide_system(const struct decision *d, const char *where)
{
	const char *current = environment_get((const char *const *)d->options->environment, PRELOAD);
	const struct parts none = { NULL, 0 };
	const char *why = mem_printf(d->m, "the system allocator is asked for (%s)", where);

	if (preload_find_role(d->m, &d->facts->preloads, current, MALLOC_SERVES))
		preload_set(d, NULL, why, &none);
	else
		policy_leave(d, STEP_PRELOAD, PRELOAD, why);
}

/* The first `n` of the choices that cannot be, and why: "A, B: one reason; C: another". */
static const char *preload_list_rejected(struct mem *m, const struct parts *rejected, size_t n, const char *verb)
{
	struct buffer text = { .m = m };

	for (size_t i = 0; i < n; i++) {
		const struct part *part = &rejected->items[i];

		buffer_append(&text, part->name);
		if (i + 1 < n && strcmp(part->why, part[1].why) == 0)
			buffer_append(&text, ", ");
		else
			buffer_printf(&text, "%s: %s%s", verb, part->why, i + 1 < n ? "; " : "");
	}
	return buffer_text(&text);
}

/* Nothing fits: the command starts as it would have without us. */
static void preload_refuse(const struct decision *d, const char *why, const struct parts *rejected)
{
	struct operation *op = policy_refuse(d, STEP_PRELOAD, PRELOAD, why);

	for (size_t i = 0; i < rejected->n; i++)
		parts_add(d->m, &op->parts, rejected->items[i].name, NULL, rejected->items[i].why);
	plan_warn(d->m, d->plan, "no allocator is preloaded: %s", why);
}

/* allocrun below allocrun, as an image's ENTRYPOINT below a chart's command. */
static bool preload_is_allocrun(const struct facts *f)
{
	const struct command_facts *c = &f->command;

	return c->n_chain && !c->error && !c->elf.problem && !c->elf.interpreter &&
	       strcmp(text_basename(c->chain[c->n_chain - 1]), "allocrun") == 0;
}

/* By the command, or by the kernel: before 6.1 a captured one has no /proc/sys/kernel/arch. */
static bool preload_knows_machine(const struct facts *f)
{
	return *f->machine || (f->command.n_chain && !f->command.elf.problem);
}

void policy_decide_preload(const struct decision *d)
{
	struct setting s = policy_setting(d, KEY_ALLOCATOR);
	struct parts rejected = { NULL, 0 };
	const struct build_facts *build;
	const char *reason;
	size_t passed_over;

	if (policy_is_off(d, STEP_PRELOAD, PRELOAD))
		return;
	/* What follows "system" is never reached. */
	if (strcmp(s.text, "system") == 0 || strncmp(s.text, "system,", strlen("system,")) == 0) {
		preload_decide_system(d, s.where);
		return;
	}
	if (preload_is_allocrun(d->facts)) {
		policy_leave(d, STEP_PRELOAD, PRELOAD, "the command is an allocrun, which sees to its own command");
		return;
	}
	reason = preload_own_malloc(d->m, d->facts, d->options);
	if (reason && policy_ladder(d, STEP_PRELOAD) != LADDER_REQUIRE) {
		policy_leave(d, STEP_PRELOAD, PRELOAD, reason);
		plan_warn(d->m, d->plan, "no allocator is preloaded: %s", reason);
		return;
	}
	reason = policy_reject_command(d->m, d->facts, d->options);
	if (reason) {
		preload_refuse(d, reason, &rejected);
		return;
	}
	build = preload_walk(d, s.text, &rejected, &passed_over);
	if (!build) {
		preload_refuse(d,
			       rejected.n ? preload_list_rejected(d->m, &rejected, rejected.n, "") :
					    "no build is named",
			       &rejected);
		return;
	}
	if (passed_over)
		plan_warn(d->m, d->plan, "%s is used; %s", build->id,
			  preload_list_rejected(d->m, &rejected, passed_over, " cannot be"));
	d->plan->build = build;
	preload_set(d, build,
		    mem_printf(d->m, "%s %s, and comes first in %s (%s)", build->id,
			       preload_knows_machine(d->facts) ? "fits this command and machine" :
								 "is for a machine that is not known here",
			       s.text, s.where),
		    &rejected);
}
