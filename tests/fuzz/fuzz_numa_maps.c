/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/numa_maps. */
#include "facts/machine.h"
#include "fuzz.h"
#include "live/maps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = MEM_INIT;
	char *text = fuzz_text(&m, data, size);
	struct numa_maps maps;

	numa_maps_parse(&m, text, &maps);
	FUZZ_CHECK(maps.n_nodes <= 1024 && !maps.node_bytes == !maps.n_nodes);
	for (size_t i = 0; i < maps.n_nodes; i++)
		FUZZ_CHECK(maps.node_bytes[i] >= 0);
	FUZZ_CHECK(maps.policy >= FACT_UNKNOWN && maps.policy <= 6);
	FUZZ_CHECK(!maps.policy_nodes || maps.policy != FACT_UNKNOWN);
	FUZZ_CHECK(!maps.policy_nodes || !strpbrk(maps.policy_nodes, " \n"));
	mem_free_all(&m);
	return 0;
}
