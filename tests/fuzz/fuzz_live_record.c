/* SPDX-License-Identifier: Apache-2.0 */
/* Launch records, /run/allocrun/PID.json. */
#include "fuzz.h"
#include "known/conf_keys.h"
#include "live/context.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct live_process process = { .pid = 7, .status.inner_pid = 7, .start_time = 9 };
	struct mem m = MEM_INIT;
	struct live_record r = { .path = NULL };

	live_record_parse(&m, (const char *)data, size, &process, &r);
	FUZZ_CHECK(!r.is_stale || r.problem);
	/* One that is rejected says nothing at all. */
	if (r.problem)
		FUZZ_CHECK(!r.version && !r.build_id && !r.library && !r.profile && !r.n_steps && !r.options.n);
	for (size_t i = 0; i < r.n_steps; i++)
		FUZZ_CHECK(r.steps[i].step && r.steps[i].name && r.steps[i].outcome);
	for (size_t i = 0; i < r.options.n; i++) {
		const char *key = r.options.items[i].key;

		FUZZ_CHECK(conf_find_key(conf_jemalloc_keys, key) || conf_find_key(conf_mimalloc_keys, key));
		FUZZ_CHECK(r.options.items[i].value != NULL);
	}
	mem_free_all(&m);
	return 0;
}
