/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --capture keeps of a file. First line: its path; second and third: /proc/self/cgroup, with a ";"
 * for the end of a line, and mountinfo; the rest: the text. NAME stands for what somebody has chosen.
 */
#include <errno.h>

#include "audit/runner.h"
#include "capture/capturing.h"
#include "fuzz.h"
#include "options/options.h"
#include "options/read.h"
#include "util/text.h"

/* No value of any key, in no place where free text is kept. */
#define NAME "ALICE?"

static char *next_lines(struct mem *m, const char **text)
{
	char *lines = fuzz_next_line(m, text);

	for (char *c = lines; c && (c = strchr(c, ';'));)
		*c = '\n';
	return lines ? mem_printf(m, "%s\n", lines) : NULL;
}

/* Files of which nothing is kept but what is understood; the others are the kernel's own numbers and words. */
static bool is_rewritten(const char *path)
{
	static const char *const paths[] = {
		"/proc/self/cgroup", "/proc/self/mountinfo", "/proc/cmdline",      "/etc/allocrun/",
		"/etc/sysctl.conf",  "/etc/sysctl.d/",       "/etc/ld.so.preload", "/etc/tuned/active_profile",
	};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		if (text_starts_with(path, paths[i]))
			return true;
	}
	return false;
}

static int parse_policy(struct mem *m, const char *text)
{
	struct options o = { .check_ids = runner_list_ids(m, checks) };
	const char *error;

	return policy_file_parse(m, &o, "p.conf", text, strlen(text), &error);
}

/* What the machine ignores, the capture ignores; and no more than that. */
static void check_policy(struct mem *m, const char *text, const char *clean)
{
	FUZZ_CHECK(parse_policy(m, text) == parse_policy(m, clean));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = MEM_INIT;
	const char *text = fuzz_text(&m, data, size);
	char *path = fuzz_next_line(&m, &text);
	struct root_record record = { .m = &m };
	struct capture_names names;
	char *to, *clean, *cgroup, *mounts;

	cgroup = next_lines(&m, &text);
	mounts = next_lines(&m, &text);
	/* As the detectors ask for all of them. */
	path = path && *path == '/' ? path : NULL;
	if (path)
		*MEM_PUSH(&m, record.items, record.n) = (struct root_access){ ROOT_CONTENT, path, NULL };
	capture_learn_names(&m, cgroup, mounts, &record, &names);
	for (size_t i = 0; i < names.n; i++)
		FUZZ_CHECK(names.items[i].kind && names.items[i].name && names.items[i].number > 0);
	to = path ? capture_clean_path(&m, path, &names) : NULL;
	FUZZ_CHECK(!to || *to == '/');
	clean = path ? capture_clean(&m, path, text, &names) : NULL;
	FUZZ_CHECK(!clean || to);
	if (clean && is_rewritten(to))
		FUZZ_CHECK(!strstr(clean, NAME));
	if (clean && text_starts_with(to, "/etc/allocrun/"))
		check_policy(&m, text, clean);
	clean = capture_clean_link(&m, "/etc/malloc.conf", text);
	FUZZ_CHECK(!strstr(clean, NAME));
	mem_free_all(&m);
	return 0;
}
