/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/plan.h"
#include "facts/names.h"
#include "util/kernel_abi.h"

#include <stdarg.h>

#include <linux/mempolicy.h>

struct operation *plan_add(struct mem *m, struct plan *plan, enum step step, enum operation_kind kind, const char *name,
			   enum ladder ladder)
{
	struct operation *op = MEM_PUSH(m, plan->operations, plan->n_operations);

	op->step = step;
	op->kind = kind;
	op->name = name;
	op->ladder = ladder;
	return op;
}

struct operation *plan_add_nothing(struct mem *m, struct plan *plan, enum step step, const char *name,
				   enum ladder ladder, const char *why)
{
	struct operation *op = plan_add(m, plan, step, OP_NOTHING, name, ladder);

	op->why = why;
	op->outcome = ladder == LADDER_OFF ? OUTCOME_OFF : OUTCOME_NOTHING;
	return op;
}

struct operation *plan_add_refused(struct mem *m, struct plan *plan, enum step step, const char *name,
				   enum ladder ladder, const char *why)
{
	struct operation *op = plan_add(m, plan, step, OP_NOTHING, name, ladder);

	op->why = why;
	op->outcome = OUTCOME_REFUSED;
	return op;
}

void plan_warn(struct mem *m, struct plan *plan, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	*MEM_PUSH(m, plan->warnings, plan->n_warnings) = mem_vprintf(m, format, args);
	va_end(args);
}

void parts_add(struct mem *m, struct parts *parts, const char *name, const char *value, const char *why)
{
	*MEM_PUSH(m, parts->items, parts->n) = (struct part){ name, value, why };
}

const struct operation *plan_find_blocker(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_operations; i++) {
		const struct operation *op = &plan->operations[i];

		if (op->outcome == OUTCOME_REFUSED && op->ladder == LADDER_REQUIRE)
			return op;
	}
	return NULL;
}

const char *outcome_name(enum outcome outcome)
{
	static const char *const names[] = {
		[OUTCOME_PLANNED] = "planned", [OUTCOME_NOTHING] = "nothing to do", [OUTCOME_OFF] = "off",
		[OUTCOME_DONE] = "done",       [OUTCOME_DEGRADED] = "degraded",     [OUTCOME_REFUSED] = "refused",
	};

	return names[outcome];
}

const char *mempolicy_describe(struct mem *m, const struct mempolicy *policy)
{
	const char *name = mempolicy_mode_name(policy->mode);

	if (!name)
		name = mem_printf(m, "mode %d", policy->mode);
	if (bitmap_is_empty(&policy->nodes))
		return name;
	return mem_printf(m, "%s %s", name, bitmap_format_list(m, &policy->nodes));
}

bool mempolicy_is_answer(const struct mempolicy *wanted, const struct mempolicy *answer)
{
	/* Before 5.14 "local" was "preferred" without a node, and is reported as that (seen on 5.10). */
	if (wanted->mode == MPOL_LOCAL && answer->mode == MPOL_PREFERRED)
		return bitmap_is_empty(&answer->nodes);
	return wanted->mode == answer->mode && bitmap_is_equal(&wanted->nodes, &answer->nodes);
}
