/* SPDX-License-Identifier: Apache-2.0 */
/* Files of sysctl.d, tmpfiles.d and tuned, which anyone may have written; the first byte says which. */
#include "capture/capture.h"
#include "fuzz.h"
#include "tune/tune.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "/etc/sysctl.d/x.conf", "/etc/tmpfiles.d/x.conf", "/etc/tuned/x/tuned.conf",
					     "/proc/self/mountinfo", "/etc/allocrun/policy.conf", "/proc/cmdline" };
	struct mem m = MEM_INIT;
	struct tune_facts facts = { .default_huge_size = 2 << 20 };
	struct capture_names cleaned;
	char *text, *clean;
	size_t which;

	if (!size)
		return 0;
	which = data[0] % (sizeof names / sizeof *names);
	text = fuzz_text(&m, data + 1, size - 1);
	if (which < 3) {
		tune_parse_rivals(&m, (enum tune_rival_form)which, names[which], text, &facts);
		for (size_t i = 0; i < facts.n_rivals; i++) {
			FUZZ_CHECK(tune_setting_find_path(facts.rivals[i].path) != NULL);
			FUZZ_CHECK(strncmp(facts.rivals[i].where, names[which], strlen(names[which])) == 0);
			FUZZ_CHECK(!strchr(facts.rivals[i].value, '\n'));
		}
	}
	/* What leaves the machine does not have its name as a word. */
	capture_learn_names(&m, text, text, "hst", &cleaned);
	clean = capture_clean(&m, names[which], text, &cleaned);
	FUZZ_CHECK(which < 3 || !clean || !strstr(clean, " hst "));
	capture_clean_path(&m, text, &cleaned);
	mem_free_all(&m);
	return 0;
}
