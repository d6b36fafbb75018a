/* SPDX-License-Identifier: Apache-2.0 */
/* A policy file. */
#include <errno.h>

#include "audit/runner.h"
#include "fuzz.h"
#include "options/options.h"
#include "options/profiles.h"
#include "options/read.h"

#define NAME "p.conf"

static void check_setting(struct mem *m, enum key key, const struct setting *s)
{
	const char *error;

	if (!s->text)
		return;
	FUZZ_CHECK(s->origin == ORIGIN_POLICY_FILE);
	FUZZ_CHECK(strncmp(s->where, NAME ":", sizeof NAME) == 0 && atoi(s->where + sizeof NAME) > 0);
	/* Of option strings the pieces were checked, each by itself. */
	FUZZ_CHECK(key_check_value(m, key, s->text, &error) == 0);
}

static void check_options(struct mem *m, const struct options *o)
{
	for (int k = 0; k < KEY_COUNT; k++)
		check_setting(m, (enum key)k, &o->settings[k]);
	for (int s = 0; s < STEP_COUNT; s++)
		FUZZ_CHECK(o->ladders[s].ladder >= LADDER_OFF && o->ladders[s].ladder <= LADDER_REQUIRE);
	for (size_t i = 0; i < o->n_profiles; i++) {
		FUZZ_CHECK(o->profiles[i].name && *o->profiles[i].name && o->profiles[i].where);
		FUZZ_CHECK(profile_find(o->profiles[i].base) != NULL);
		for (int k = 0; k < KEY_PROFILE_COUNT; k++)
			check_setting(m, (enum key)k, &o->profiles[i].settings[k]);
		for (size_t other = 0; other < i; other++)
			FUZZ_CHECK(strcmp(o->profiles[i].name, o->profiles[other].name) != 0);
	}
}

static void check_check(const struct check_policy *policy)
{
	for (size_t i = 0; i < THRESHOLD_COUNT; i++) {
		const struct threshold_row *row = &threshold_rows[i];

		FUZZ_CHECK(!policy->thresholds[i].where ||
			   (policy->thresholds[i].value >= row->least && policy->thresholds[i].value <= row->most));
	}
	for (size_t i = 0; i < policy->n_ignores; i++) {
		const struct check_ignore *ignore = &policy->ignores[i];

		FUZZ_CHECK(runner_find(checks, ignore->id) != NULL);
		FUZZ_CHECK(ignore->reason && *ignore->reason && ignore->where);
		/* A date in one of the years that four digits have, or none. */
		FUZZ_CHECK(ignore->until ? strlen(ignore->until) == 10 && ignore->end < INT64_C(253402300801) :
					   ignore->end == INT64_MAX);
		FUZZ_CHECK(check_policy_find_ignore(policy, ignore->id) == ignore);
	}
}

static void check_node(struct mem *m, const struct node_policy *policy)
{
	for (size_t i = 0; i < policy->n; i++) {
		const struct node_item *item = &policy->items[i];
		const struct tune_setting *found;

		FUZZ_CHECK(item->where && *item->value && strlen(item->value) <= 32);
		/* A file that the state's parser takes back. */
		found = tune_setting_find_path(
			tune_setting_path(m, item->setting, item->node < 0 ? 0 : item->node, item->size));
		FUZZ_CHECK(found == item->setting);
	}
}

static void check_units(const struct unit_policy *policy)
{
	for (size_t i = 0; i < policy->n; i++) {
		const struct unit_item *item = &policy->items[i];

		/* One line each, and nothing that would leave a folder whose part it becomes. */
		FUZZ_CHECK(item->where && !strchr(item->name, '/') && strlen(item->name) <= 255);
		FUZZ_CHECK(unit_policy_find(policy, item->name) == item);
	}
}

/* "p.conf:LINE: words", of a line that there is. */
static void check_error(const char *error, const uint8_t *data, size_t size)
{
	long line, lines = 1;
	char *end;

	FUZZ_CHECK(error && strncmp(error, NAME ":", sizeof NAME) == 0);
	line = strtol(error + sizeof NAME, &end, 10);
	FUZZ_CHECK(strncmp(end, ": ", 2) == 0 && end[2]);
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	FUZZ_CHECK(line >= 1 && line <= lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = MEM_INIT;
	struct options o = { .check_ids = runner_list_ids(&m, checks) };
	const char *error = NULL;
	/* Not NUL-terminated, as a file is not. */
	char *text = mem_dup(&m, data, size);
	int r = policy_file_parse(&m, &o, NAME, text, size, &error);

	FUZZ_CHECK(r == 0 || r == -EINVAL);
	if (r == 0) {
		check_options(&m, &o);
		check_check(&o.check_policy);
		check_node(&m, &o.node_policy);
		check_units(&o.unit_policy);
	} else {
		check_error(error, data, size);
	}
	mem_free_all(&m);
	return 0;
}
