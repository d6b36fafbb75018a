/* SPDX-License-Identifier: Apache-2.0 */
/* allocrun --list: the bundled builds, and which fit this machine and command. */
#include "modes/modes.h"
#include "report/json_values.h"
#include "report/report.h"

int cmd_list(struct mem *m, struct options *options)
{
	struct facts facts;
	json_t *json;
	char *text;

	commands_detect(m, options, &facts);
	if (!options->is_json) {
		text = report_builds(m, &facts, options);
	} else {
		json = report_builds_json(m, &facts, options);
		text = report_dump_json(m, json);
		json_decref(json);
	}
	if (commands_print(m, text) != 0)
		return EXIT_LAUNCHER;
	return facts.catalog.n_builds == 0 ? EXIT_LAUNCHER : 0;
}
