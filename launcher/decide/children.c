/* SPDX-License-Identifier: Apache-2.0 */
/* Which programs that the command starts have the preload as well, and its options with it. Pure. */
#include <string.h>

#include "decide/decision.h"
#include "known/inheritance.h"
#include "util/environment.h"

#define CHILDREN "children"

/* What was set, and what was there before: so it can be undone, and not what somebody sets later. */
static struct parts *children_mark(const struct decision *d, const char *text)
{
	const char *const *environment = (const char *const *)d->options->environment;
	struct parts *marks = mem_alloc(d->m, sizeof *marks);

	parts_add(d->m, marks, INHERITANCE_CHILDREN, text, NULL);
	for (size_t i = 0; i < d->plan->n_operations; i++) {
		const struct operation *op = &d->plan->operations[i];
		const char *name = op->u.environment.variable, *before;

		if (op->kind != OP_ENVIRONMENT || !op->u.environment.text)
			continue;
		before = environment_get(environment, name);
		parts_add(d->m, marks, mem_printf(d->m, INHERITANCE_SET "%s", name), op->u.environment.text, NULL);
		if (before)
			parts_add(d->m, marks, mem_printf(d->m, INHERITANCE_WAS "%s", name), before, NULL);
	}
	return marks;
}

static const char *children_explain(const struct decision *d, const struct setting *s)
{
	const char *what = strcmp(s->text, CHILDREN_KEEP) == 0 ? "what it starts has the allocator too, except" :
			   strcmp(s->text, CHILDREN_DROP) == 0 ? "nothing that it starts has the allocator, not even" :
								 "of what it starts these have the allocator, except";

	return mem_printf(d->m, "%s what cannot bear it (%s)", what, s->where);
}

const char *policy_find_children(const struct facts *f)
{
	const struct catalog_facts *c = &f->catalog;

	return c->children_digest && strcmp(c->children_digest, c->children_sha256) != 0 ? NULL : c->children;
}

void policy_decide_children(const struct decision *d)
{
	struct setting s = policy_setting(d, KEY_CHILDREN);
	static const char missing[] = "what it starts inherits the preload, whatever it is: " INHERITANCE_FILE
				      " is not there for this command, or not ours";
	struct operation *op;

	if (!d->plan->build)
		return;
	if (!policy_find_children(d->facts)) {
		if (strcmp(s.text, CHILDREN_KEEP) == 0) {
			policy_leave(d, STEP_PRELOAD, CHILDREN, missing);
			return;
		}
		policy_refuse(d, STEP_PRELOAD, CHILDREN, missing);
		plan_warn(d->m, d->plan, "%s", missing);
		return;
	}
	op = policy_add(d, STEP_PRELOAD, OP_CHILDREN, CHILDREN);
	op->value = s.text;
	op->why = children_explain(d, &s);
	op->u.children.marks = children_mark(d, s.text);
	op->u.children.has_pid = strcmp(s.text, CHILDREN_KEEP) != 0;
}
