/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/checks/assess.h"

#include <string.h>

const struct operation *audit_find_operation(const struct plan *plan, enum step step, const char *name)
{
	for (size_t i = 0; i < plan->n_operations; i++) {
		const struct operation *op = &plan->operations[i];

		if (op->step == step && (!name || strcmp(op->name, name) == 0))
			return op;
	}
	return NULL;
}

const struct operation *audit_wanted_mempolicy(const struct audit_facts *a)
{
	const struct operation *op = audit_find_operation(a->plan, STEP_MEMPOLICY, NULL);

	return op && op->kind == OP_MEMPOLICY && op->u.memory.n_choices ? op : NULL;
}

const struct part *audit_planned_option(const struct plan *plan, const char *variable, const char *name)
{
	const struct operation *op = audit_find_operation(plan, STEP_OPTIONS, variable);

	for (size_t i = 0; op && i < op->parts.n; i++) {
		if (strcmp(op->parts.items[i].name, name) == 0 && op->parts.items[i].value)
			return &op->parts.items[i];
	}
	return NULL;
}

const char *audit_setting(const struct plan *plan, const char *key)
{
	for (size_t i = 0; i < plan->settings.n; i++) {
		const struct part *part = &plan->settings.items[i];

		if (strcmp(part->name, key) == 0)
			return part->value ? part->value : "";
	}
	return "";
}

size_t audit_count_gpus(const struct facts *machine)
{
	size_t n = 0;

	for (size_t i = 0; i < machine->gpu.n_gpus; i++)
		n += machine->gpu.gpus[i].visible != TRI_NO;
	return n;
}

const char *audit_gpus_unknown(const struct facts *machine)
{
	/* The nodes stand in the same tree, on every kernel: a tree without them is not there. */
	return machine->gpu.n_gpus == 0 && machine->numa.known == TRI_UNKNOWN ?
		       "whether there are GPUs cannot be read: no /sys" :
		       NULL;
}

int64_t audit_percent(int64_t part, int64_t whole)
{
	if (whole <= 0 || part <= 0)
		return 0;
	/* Both are sizes or counters, the product of which need not fit. */
	return part <= INT64_MAX / 100 ? part * 100 / whole : part / (whole / 100 ? whole / 100 : 1);
}

const char *audit_count(struct mem *m, int64_t n, const char *word)
{
	size_t length = strlen(word);

	return mem_printf(m, "%lld %s%s", (long long)n, word,
			  n == 1                            ? "" :
			  length && word[length - 1] == 's' ? "es" :
							      "s");
}
