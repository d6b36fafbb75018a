/* SPDX-License-Identifier: Apache-2.0 */
/* What --tune has found, /var/lib/allocrun/tune.json: --revert writes it to the kernel. */
#include <errno.h>

#include "fuzz.h"
#include "tune/tuning.h"

static void check_saved(const struct tune_state *state, size_t i)
{
	const struct tune_saved *saved = &state->saved[i];

	/* Only files of the table, and of each only one; a word or a number. */
	FUZZ_CHECK(tune_setting_find_path(saved->path) != NULL);
	FUZZ_CHECK(strstr(saved->path, "..") == NULL);
	FUZZ_CHECK(*saved->value && !saved->value[strcspn(saved->value, " \n\t/")]);
	for (size_t k = 0; k < i; k++)
		FUZZ_CHECK(strcmp(state->saved[k].path, saved->path) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = MEM_INIT;
	struct tune_state state = { .boot_id = NULL };
	const struct tune_facts facts = { .n_files = 0 };
	const char *problem = NULL;
	struct tune_plan plan;
	int r = tune_state_parse(&m, (const char *)data, size, &state, &problem);

	FUZZ_CHECK(r == 0 || (r == -EINVAL && problem && !state.boot_id && !state.n_saved));
	FUZZ_CHECK(r < 0 || state.boot_id);
	for (size_t i = 0; i < state.n_saved; i++)
		check_saved(&state, i);
	/* On a machine that has none of it. */
	tune_state_plan(&m, &facts, &state, &plan);
	FUZZ_CHECK(plan.n == state.n_saved && tune_count(&plan, TUNE_SKIPPED) == plan.n);
	mem_free_all(&m);
	return 0;
}
