/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The *_VISIBLE_DEVICES variables. First line: the GPUs, a letter each (N nvidia, A amd;
 * n and a: hidden already); then NVIDIA_, CUDA_, ROCR_ and HIP_VISIBLE_DEVICES, a line
 * each, "-" for one that is not set.
 */
#include "detect/detectors.h"
#include "fuzz.h"

#define GPUS_MAX 12
#define N_VARIABLES 4

static const char *const names[N_VARIABLES] = {
	"NVIDIA_VISIBLE_DEVICES",
	"CUDA_VISIBLE_DEVICES",
	"ROCR_VISIBLE_DEVICES",
	"HIP_VISIBLE_DEVICES",
};

static void make_gpus(struct mem *m, const char *letters, struct gpu_facts *facts)
{
	for (size_t i = 0; letters[i] && facts->n_gpus < GPUS_MAX; i++) {
		bool is_amd = letters[i] == 'A' || letters[i] == 'a';
		bool is_hidden = letters[i] == 'n' || letters[i] == 'a';
		struct gpu *gpu = MEM_PUSH(m, facts->gpus, facts->n_gpus);

		gpu->vendor = is_amd ? GPU_AMD : GPU_NVIDIA;
		gpu->index = (int)i;
		gpu->visible = is_hidden ? TRI_NO : TRI_UNKNOWN;
		/* Two that begin alike, and one that is not known. */
		gpu->uuid = i == 2 ? NULL : mem_printf(m, "GPU-%zu%zu-aaaa", i / 2, i);
	}
}

static void check_gpus(const struct gpu_facts *before, const struct gpu_facts *after,
		       const char *const values[N_VARIABLES])
{
	bool has_variable = false;

	for (size_t i = 0; i < N_VARIABLES; i++)
		has_variable |= values[i] != NULL;
	FUZZ_CHECK(after->n_gpus == before->n_gpus);
	for (size_t i = 0; i < after->n_gpus; i++) {
		const struct gpu *gpu = &after->gpus[i];

		FUZZ_CHECK(gpu->visible == TRI_NO || gpu->visible == TRI_YES || gpu->visible == TRI_UNKNOWN);
		/* No variable brings back what is not there. */
		FUZZ_CHECK(before->gpus[i].visible != TRI_NO || gpu->visible == TRI_NO);
		/* Whatever took one away is named. */
		FUZZ_CHECK(before->gpus[i].visible == TRI_NO || gpu->visible == TRI_YES || after->visible_by);
		if (!has_variable)
			FUZZ_CHECK(gpu->visible != TRI_UNKNOWN);
		if (gpu->vendor == GPU_NVIDIA && values[1] && !*values[1])
			FUZZ_CHECK(gpu->visible == TRI_NO);
	}
	FUZZ_CHECK(has_variable || !after->visible_by);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = MEM_INIT;
	struct gpu_facts facts = { 0 }, before;
	const char *text = fuzz_text(&m, data, size);
	const char *letters = fuzz_next_line(&m, &text);
	const char *values[N_VARIABLES], *environment[N_VARIABLES + 1];
	size_t n = 0;

	make_gpus(&m, letters ? letters : "", &facts);
	before = facts;
	if (facts.n_gpus)
		before.gpus = mem_dup(&m, facts.gpus, facts.n_gpus * sizeof *facts.gpus);
	for (size_t i = 0; i < N_VARIABLES; i++) {
		values[i] = fuzz_next_line(&m, &text);
		if (values[i] && strcmp(values[i], "-") == 0)
			values[i] = NULL;
		if (values[i])
			environment[n++] = mem_printf(&m, "%s=%s", names[i], values[i]);
	}
	environment[n] = NULL;
	gpu_apply_visibility(&m, environment, &facts);
	check_gpus(&before, &facts, values);
	mem_free_all(&m);
	return 0;
}
