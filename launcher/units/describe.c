/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "units/units.h"
#include "util/buffer.h"
#include "util/json.h"
#include "util/utf8.h"

const char *const unit_outcome_names[UNIT_OUTCOMES] = { "front", "off", "has", "left" };

char *units_describe(struct mem *m, const struct unit_decision *decisions, size_t n)
{
	static const char *const words[UNIT_OUTCOMES] = { "allocrun stands in front of it", "off",
							  "allocrun is in it already", "left as it is" };
	struct buffer text = { .m = m };

	for (size_t i = 0; i < n; i++) {
		const struct unit_decision *d = &decisions[i];

		buffer_printf(&text, "%s: %s%s%s (%s)\n", d->name, words[d->outcome], d->reason ? ": " : "",
			      d->reason ? utf8_clean(m, d->reason) : "", d->where);
		for (size_t k = 0; d->outcome == UNIT_FRONT && k < d->n_commands; k++)
			buffer_printf(&text, "  ExecStart=%s\n", utf8_clean(m, d->commands[k]));
	}
	if (!n)
		buffer_append(&text, "the policy names no units: write them below [units], see policy.conf(5)\n");
	return buffer_text(&text);
}

char *units_describe_json(struct mem *m, const struct unit_decision *decisions, size_t n)
{
	CLEANUP_JSON json_t *units = json_array();
	char *text, *line;

	for (size_t i = 0; i < n; i++) {
		const struct unit_decision *d = &decisions[i];
		json_t *commands = json_array();

		for (size_t k = 0; d->outcome == UNIT_FRONT && k < d->n_commands; k++)
			json_array_append_new(commands, json_string(d->commands[k]));
		json_array_append_new(units, json_pack("{ss ss ss* ss so}", "unit", d->name, "outcome",
						       unit_outcome_names[d->outcome], "reason",
						       d->reason ? utf8_repair(m, d->reason) : NULL, "where", d->where,
						       "exec_start", commands));
	}
	text = json_dumps(units, JSON_INDENT(2));
	line = mem_printf(m, "%s\n", text ? text : "[]");
	/* jansson's own memory */
	free(text);
	return line;
}
