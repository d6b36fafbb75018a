/* SPDX-License-Identifier: Apache-2.0 */
/* Files of sysctl.d, which anyone may have written, and what a capture makes of them; the first byte says which. */
#include "capture/capturing.h"
#include "fuzz.h"
#include "tune/tuning.h"

static void parse(struct mem *m, const char *name, const char *text, struct tune_facts *ret)
{
	*ret = (struct tune_facts){ .default_huge_size = 2 << 20 };
	tune_parse_rivals(m, name, text, ret);
}

/* Whoever gets the capture finds the same files set, at the same lines. */
static void compare(const struct tune_facts *ours, const struct tune_facts *theirs)
{
	FUZZ_CHECK(ours->n_rivals == theirs->n_rivals);
	for (size_t i = 0; i < ours->n_rivals; i++) {
		FUZZ_CHECK(strcmp(ours->rivals[i].path, theirs->rivals[i].path) == 0);
		FUZZ_CHECK(strcmp(ours->rivals[i].where, theirs->rivals[i].where) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "/etc/sysctl.d/x.conf", "/etc/tuned/active_profile", "/etc/ld.so.preload",
					     "/proc/self/mountinfo", "/etc/allocrun/policy.conf", "/proc/cmdline" };
	struct mem m = MEM_INIT;
	struct tune_facts facts, again;
	struct capture_names learnt;
	char *text, *clean;
	size_t which;

	if (!size)
		return 0;
	which = data[0] % (sizeof names / sizeof *names);
	text = fuzz_text(&m, data + 1, size - 1);
	capture_learn_names(&m, text, text, &(struct root_record){ .m = &m }, &learnt);
	clean = capture_clean(&m, names[which], text, &learnt);
	if (which == 0) {
		parse(&m, names[0], text, &facts);
		for (size_t i = 0; i < facts.n_rivals; i++) {
			FUZZ_CHECK(tune_setting_find_path(facts.rivals[i].path) != NULL);
			FUZZ_CHECK(strncmp(facts.rivals[i].where, names[0], strlen(names[0])) == 0);
			FUZZ_CHECK(!strchr(facts.rivals[i].value, '\n'));
		}
		parse(&m, names[0], clean ? clean : "", &again);
		compare(&facts, &again);
	}
	capture_clean_path(&m, text, &learnt);
	mem_free_all(&m);
	return 0;
}
