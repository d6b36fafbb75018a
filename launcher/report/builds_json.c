/* SPDX-License-Identifier: Apache-2.0 */
/* --list --format json. */
#include "decide/policy.h"
#include "report/json_values.h"
#include "report/report.h"

static json_t *json_build(const struct build_facts *b)
{
	json_t *o = json_object();

	json_object_set_new(o, "id", json_text(b->id));
	json_object_set_new(o, "path", json_text(b->path));
	json_object_set_new(o, "build_id", json_text(b->build_id));
	return o;
}

/* The rest of the manifest's entry, and the bytes' own checksum. */
static void json_add_build_details(json_t *o, const struct build_facts *b)
{
	static const char *const libcs[] = { NULL, "glibc", "musl", NULL };
	json_t *features = json_array();

	for (char **f = b->features; f && *f; f++)
		json_array_append_new(features, json_text(*f));
	json_object_set_new(o, "allocator", json_text(b->allocator));
	json_object_set_new(o, "version", json_text(b->version));
	json_object_set_new(o, "variant", json_text(b->variant));
	json_object_set_new(o, "machine", json_text(b->machine));
	json_object_set_new(o, "libc", json_text(libcs[b->libc]));
	json_object_set_new(o, "min_glibc_minor", json_number(b->libc_minor));
	json_object_set_new(o, "x86_level", json_number(b->x86_level));
	json_object_set_new(o, "page_size", json_number(b->page_size));
	json_object_set_new(o, "features", features);
	json_object_set_new(o, "sha256", json_text(b->sha256));
	json_object_set_new(o, "sha256_found", json_text(b->digest));
	json_object_set_new(o, "source_sha256", json_text(b->source_sha256));
	json_object_set_new(o, "flags", json_text(b->flags));
	json_object_set_new(o, "compiler", json_text(b->compiler));
	json_object_set_new(o, "licence", json_text(b->licence));
}

json_t *report_builds_json(struct mem *m, const struct facts *facts, const struct options *options)
{
	const char *no_command = policy_reject_command(m, facts, options);
	json_t *o = json_object(), *builds = json_array();

	for (size_t i = 0; i < facts->catalog.n_builds; i++) {
		const struct build_facts *b = &facts->catalog.builds[i];
		const char *reason = no_command ? no_command : policy_reject_build(m, facts, b);
		json_t *row = json_build(b);

		json_add_build_details(row, b);
		json_object_set_new(row, "fits", json_boolean(reason == NULL));
		json_object_set_new(row, "reason", json_text(reason));
		json_array_append_new(builds, row);
	}
	json_object_set_new(o, "builds", builds);
	json_object_set_new(o, "problem", json_text(facts->catalog.problem));
	return o;
}
