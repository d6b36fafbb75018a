/* SPDX-License-Identifier: Apache-2.0 */
/* The bundled builds on this machine, and /etc/ld.so.preload. Pure. */
#include "audit/checks/assess.h"

#include <string.h>

#include "decide/ld_preload.h"
#include "known/allocators.h"
#include "report/report.h"
#include "util/size.h"
#include "util/text.h"

/* Why no bundled build is known; NULL = there are some. */
static const char *builds_missing(const struct catalog_facts *catalog)
{
	if (catalog->problem)
		return catalog->problem;
	if (!catalog->prefix && !catalog->n_builds)
		return "where allocrun is installed cannot be read";
	for (size_t i = 0; i < catalog->n_builds; i++) {
		if (catalog->builds[i].is_bundled)
			return NULL;
	}
	return "the manifest names none";
}

static bool build_is_for(const struct build_facts *b, const struct facts *f)
{
	return b->is_bundled && (!*f->machine || strcmp(b->machine, f->machine) == 0);
}

static struct finding page_report(struct mem *m, const struct facts *f)
{
	const char *fits = NULL, *too_small = NULL, *unknown = NULL;
	struct finding none;
	int64_t largest = 0;

	for (size_t i = 0; i < f->catalog.n_builds; i++) {
		const struct build_facts *b = &f->catalog.builds[i];

		if (!build_is_for(b, f))
			continue;
		if (b->page_size == FACT_UNKNOWN)
			text_list(m, &unknown, b->id);
		else if (b->page_size < f->page_size)
			text_list(m, &too_small, b->id);
		else
			text_list(m, &fits, b->id);
		if (b->page_size > largest)
			largest = b->page_size;
	}
	if (fits)
		return finding_ok(m, "pages of %s: %s fit%s", size_format(m, f->page_size), fits,
				  largest > f->page_size ? ", built for larger ones too" : "");
	if (unknown)
		return finding_unknown(m, "pages of %s; for which %s is built cannot be read",
				       size_format(m, f->page_size), unknown);
	if (too_small)
		return finding_fail(m, "pages of %s, and %s take %s at the most", size_format(m, f->page_size),
				    too_small, size_format(m, largest));
	none = finding_warn(m, "no bundled build is for %s", f->machine);
	none.expected = "a build for this machine";
	none.fix =
		"allocrun bundles builds for x86_64 and aarch64; name one of your own by its path (--allocator /PATH.so)";
	return none;
}

ASSESS(audit_page_size)
{
	const char *missing = builds_missing(&a->machine->catalog);

	if (a->machine->page_size == FACT_UNKNOWN)
		return finding_unknown(m, "the page size cannot be read");
	if (missing)
		return finding_unknown(m, "no bundled build is known: %s", missing);
	return page_report(m, a->machine);
}

ASSESS(audit_builds)
{
	const struct catalog_facts *catalog = &a->machine->catalog;
	const char *missing = builds_missing(catalog), *changed = NULL, *unread = NULL;
	int64_t n = 0;

	if (missing)
		return finding_unknown(m, "no bundled build is known: %s", missing);
	for (size_t i = 0; i < catalog->n_builds; i++) {
		const struct build_facts *b = &catalog->builds[i];

		if (!b->is_bundled)
			continue;
		n++;
		if (!b->sha256)
			text_list(m, &unread,
				  mem_printf(m,
					     "%s (the manifest has no "
					     "sha256)",
					     b->id));
		else if (!b->digest)
			text_list(m, b->problem ? &changed : &unread,
				  mem_printf(m, "%s (%s)", b->id, b->problem ? b->problem : "cannot be read whole"));
		else if (strcmp(b->digest, b->sha256) != 0)
			text_list(m, &changed, mem_printf(m, "%s (sha256 %s)", b->path, b->digest));
	}
	if (catalog->children_digest && strcmp(catalog->children_digest, catalog->children_sha256) != 0)
		text_list(m, &changed, mem_printf(m, "%s (sha256 %s)", catalog->children, catalog->children_digest));
	if (changed)
		return finding_fail(m, "not what the manifest says: %s", changed);
	if (unread)
		return finding_unknown(m, "not compared: %s", unread);
	return finding_ok(m, "%s as in the manifest", audit_count(m, n, "build"));
}

ASSESS(audit_ld_so_preload)
{
	const char *entries = a->machine->ld_so_preload, *missing = NULL, *allocator;

	if (!entries && a->node->has_ld_so_preload == TRI_NO)
		return finding_ok(m, "there is none");
	if (!entries)
		return finding_unknown(m, "/etc/ld.so.preload cannot be read");
	allocator = preload_find_role(m, &a->machine->preloads, entries, MALLOC_SERVES);
	if (allocator)
		return finding_fail(m,
				    "%s goes into every process; with it nothing else is "
				    "preloaded",
				    allocator);
	for (size_t i = 0; i < a->node->n_preload_missing; i++)
		text_list(m, &missing, a->node->preload_missing[i]);
	if (missing)
		return finding_warn(m, "%s is not there: every process complains", missing);
	if (!preload_next_of_file(m, &entries))
		return finding_ok(m, "it is empty");
	return finding_ok(m, "no allocator among its entries");
}
