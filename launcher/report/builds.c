/* SPDX-License-Identifier: Apache-2.0 */
/* allocrun --list as text: the builds, what they need and whether they fit. */
#include <string.h>

#include "decide/policy.h"
#include "report/page.h"
#include "report/report.h"
#include "util/size.h"

/* "glibc 2.17 or newer; x86-64-v2; pages up to 4 KiB; stats, background_thread, cxx" */
static const char *builds_describe(struct mem *m, const struct build_facts *b)
{
	const char *line = b->libc == LIBC_MUSL ? "musl" :
			   b->libc_minor == FACT_UNKNOWN ?
						  "glibc" :
						  mem_printf(m, "glibc 2.%lld or newer", (long long)b->libc_minor);

	line = mem_printf(m, "%s, %s", b->machine, line);
	if (b->x86_level != FACT_UNKNOWN)
		line = mem_printf(m, "%s; x86-64-v%lld", line, (long long)b->x86_level);
	if (b->page_size != FACT_UNKNOWN)
		line = mem_printf(m, "%s; pages up to %s", line, size_format(m, b->page_size));
	for (char **f = b->features; f && *f; f++)
		line = mem_printf(m, "%s%s %s", line, f == b->features ? ";" : ",", *f);
	return line;
}

static const char *builds_describe_bytes(struct mem *m, const struct build_facts *b)
{
	return mem_printf(m, "build ID %s; sha256 %s", b->build_id ? b->build_id : "unknown",
			  !b->digest || !b->sha256          ? "not checked" :
			  strcmp(b->digest, b->sha256) == 0 ? "as in the manifest" :
							      "OTHER THAN in the manifest");
}

char *report_builds(struct mem *m, const struct facts *facts, const struct options *options)
{
	struct page page = { .out.m = m };
	const struct catalog_facts *c = &facts->catalog;
	const char *no_command = policy_reject_command(m, facts, options);

	if (c->problem) {
		page_add(&page, "%s", c->problem);
		page_end_line(&page);
	}
	for (size_t i = 0; i < c->n_builds; i++) {
		const struct build_facts *b = &c->builds[i];
		const char *reason = no_command ? no_command : policy_reject_build(m, facts, b);
		const char *lines[] = { builds_describe(m, b), b->path, builds_describe_bytes(m, b) };

		page_add(&page, "%-34s %s%s", b->id, reason ? "does not fit: " : "fits", reason ? reason : "");
		page_end_line(&page);
		for (size_t k = 0; k < sizeof lines / sizeof *lines; k++) {
			page_add(&page, "  %s", lines[k]);
			page_end_line(&page);
		}
	}
	return page_text(&page);
}
