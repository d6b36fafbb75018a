/* SPDX-License-Identifier: Apache-2.0 */
/* A release file: what a fleet that has no controller is to have. */
#include "node/node.h"

#include <errno.h>
#include <string.h>

#include "util/json.h"
#include "util/text.h"

#define RELEASE_VERSION 1

static bool release_is_sum(const char *sum)
{
	return sum && strlen(sum) == 64 && strspn(sum, "0123456789abcdef") == 64;
}

static const char *release_read_file(struct mem *m, const json_t *o, struct release_file *ret)
{
	ret->name = json_dup_text(m, o, "file");
	ret->sha256 = json_dup_text(m, o, "sha256");
	return node_is_name(ret->name) && release_is_sum(ret->sha256) ? NULL : "a file without name and sha256";
}

static bool release_read_number(const json_t *json, const char *key, int64_t most, int64_t *ret)
{
	const json_t *value = json_object_get(json, key);

	*ret = json_integer_value(value);
	return json_is_integer(value) && *ret >= 0 && *ret <= most;
}

int release_parse(struct mem *m, const char *text, size_t size, const char *machine, struct release *ret,
		  const char **ret_problem)
{
	json_error_t error;
	CLEANUP_JSON json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	const json_t *policy = json_object_get(json, "policy");
	struct release r = { 0 };
	int64_t format;

	*ret_problem = NULL;
	if (!json)
		*ret_problem = mem_printf(m, "line %d: %s", error.line, error.text);
	else if (!release_read_number(json, "release", RELEASE_VERSION, &format) || format != RELEASE_VERSION)
		*ret_problem = mem_printf(m, "not a release file of version %d", RELEASE_VERSION);
	else if (!release_read_number(json, "serial", INT32_MAX, &r.serial) ||
		 !release_read_number(json, "permille", 1000, &r.permille))
		*ret_problem = "no serial, or no permille from 0 to 1000";
	if (*ret_problem)
		return -EINVAL;
	r.is_halted = json_is_true(json_object_get(json, "halt"));
	r.version = json_dup_text(m, json, "version");
	if (!node_is_name(r.version))
		*ret_problem = "no version";
	else if (!json_object_get(json_object_get(json, "artefacts"), machine))
		*ret_problem = mem_printf(m, "no artefact for %s", machine);
	else
		*ret_problem = release_read_file(m, json_object_get(json_object_get(json, "artefacts"), machine),
						 &r.artefact);
	if (!*ret_problem && policy)
		*ret_problem = release_read_file(m, policy, &r.policy);
	if (*ret_problem)
		return -EINVAL;
	*ret = r;
	return 0;
}
