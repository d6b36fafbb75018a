/* SPDX-License-Identifier: Apache-2.0 */
#include "place/oci.h"

#include <stdlib.h>
#include <string.h>

#include "known/inits.h"
#include "util/json.h"
#include "util/text.h"

/* Who makes pods marks their pause containers so: containerd, CRI-O. */
static const char *const oci_sandbox_marks[] = { "io.kubernetes.cri.container-type",
						 "io.kubernetes.cri-o.ContainerType" };

static const char *oci_word(const json_t *args, size_t i)
{
	return json_string_value(json_array_get(args, i));
}

static bool oci_is_sandbox(const json_t *config)
{
	const json_t *annotations = json_object_get(config, "annotations");

	for (size_t i = 0; i < sizeof oci_sandbox_marks / sizeof *oci_sandbox_marks; i++) {
		const char *kind = json_string_value(json_object_get(annotations, oci_sandbox_marks[i]));

		if (kind && strcmp(kind, "sandbox") == 0)
			return true;
	}
	return false;
}

/* NULL, or why nothing can be mounted. */
static const char *oci_refuse_mounts(const json_t *mounts)
{
	const size_t length = strlen(OCI_DESTINATION);
	json_t *mount;
	size_t i;

	if (mounts && !json_is_array(mounts))
		return "its mounts are no list";
	json_array_foreach (mounts, i, mount) {
		const char *to = json_string_value(json_object_get(mount, "destination"));

		if (!to)
			return "a mount has no destination";
		if (strncmp(to, OCI_DESTINATION, length) == 0 && (!to[length] || to[length] == '/'))
			return "something is mounted at " OCI_DESTINATION " already";
	}
	return NULL;
}

/* Where the server begins in the words: at once, or behind an init. NULL, or why it is not known. */
static const char *oci_find_server(const json_t *args, size_t *ret)
{
	size_t n = json_array_size(args), at = 0;
	bool is_init;

	for (size_t i = 0; i < n; i++) {
		if (!oci_word(args, i))
			return "a word of the command is no text";
	}
	if (n == 0 || !*oci_word(args, 0))
		return "it has no command";
	is_init = text_has_word(KNOWN_INITS, text_basename(oci_word(args, 0)));
	if (is_init) {
		for (at = 1; at < n && strcmp(oci_word(args, at), "--") != 0; at++)
			;
		at = at < n ? at + 1 : 1;
		if (at >= n || *oci_word(args, at) == '-')
			return "its command is an init, and what that starts is not known";
	}
	if (text_starts_with(text_basename(oci_word(args, at)), "allocrun"))
		return "allocrun starts its command already";
	*ret = at;
	return NULL;
}

/* -1: no memory. */
static int oci_add(json_t *config, json_t *args, size_t at, const char *prefix)
{
	json_t *mounts = json_object_get(config, "mounts");

	if (!mounts && json_object_set_new(config, "mounts", json_array()) < 0)
		return -1;
	if (json_array_insert_new(args, at, json_string("--")) < 0 ||
	    json_array_insert_new(args, at, json_string(OCI_DESTINATION "/bin/allocrun")) < 0)
		return -1;
	return json_array_append_new(json_object_get(config, "mounts"),
				     json_pack("{sssssss[sssss]}", "destination", OCI_DESTINATION, "type", "bind",
					       "source", prefix, "options", "rbind", "ro", "nosuid", "nodev",
					       "rprivate"));
}

/* 17 digits: each number reads as it did. */
static char *oci_dump(struct mem *m, const json_t *config)
{
	char *dumped = json_dumps(config, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17)), *text;

	if (!dumped)
		return NULL;
	text = mem_printf(m, "%s\n", dumped);
	free(dumped);
	return text;
}

char *oci_inject(struct mem *m, const char *bytes, size_t size, const char *prefix, const char **ret_why)
{
	json_error_t error;
	CLEANUP_JSON json_t *config = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &error);
	json_t *args = json_object_get(json_object_get(config, "process"), "args");
	size_t at = 0;
	char *text;

	*ret_why = NULL;
	if (!config)
		*ret_why = mem_printf(m, "line %d: %s", error.line, error.text);
	else if (!json_is_string(json_object_get(config, "ociVersion")) ||
		 !json_is_object(json_object_get(config, "linux")))
		*ret_why = "it is no config.json of a Linux container";
	else if (oci_is_sandbox(config))
		*ret_why = "it is the pause container of a pod";
	else if (!json_is_array(args))
		*ret_why = "it has no command";
	if (!*ret_why)
		*ret_why = oci_refuse_mounts(json_object_get(config, "mounts"));
	if (!*ret_why)
		*ret_why = oci_find_server(args, &at);
	if (*ret_why)
		return NULL;
	text = oci_add(config, args, at, prefix) < 0 ? NULL : oci_dump(m, config);
	if (!text)
		*ret_why = "there is no memory for it";
	return text;
}
