/* SPDX-License-Identifier: Apache-2.0 */
#include "program/catalog.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "known/allocators.h"
#include "known/inheritance.h"
#include "util/json.h"
#include "util/text.h"
#include "util/trust.h"

#define CATALOG_FOLDER "lib/allocrun"
#define CATALOG_MANIFEST CATALOG_FOLDER "/manifest.json"
#define CATALOG_MANIFEST_MAX (1024 * 1024)
#define CATALOG_VERSION 1

/* By the Makefile; not where the code is only looked at. */
#ifndef INHERITANCE_SHA256
#define INHERITANCE_SHA256 ""
#endif

static enum libc_kind catalog_parse_libc(const char *text)
{
	if (text && strcmp(text, "glibc") == 0)
		return LIBC_GLIBC;
	return text && strcmp(text, "musl") == 0 ? LIBC_MUSL : LIBC_UNKNOWN;
}

/* "2.28" -> 28 */
static int64_t catalog_parse_glibc(const char *text)
{
	int64_t minor;

	if (!text || !text_starts_with(text, "2.") || !text_is_digits(text + 2) ||
	    text_parse_i64(text + 2, &minor, NULL) < 0)
		return FACT_UNKNOWN;
	return minor;
}

/* "x86-64-v2" -> 2 */
static int64_t catalog_parse_isa(const char *text)
{
	static const char prefix[] = "x86-64-v";

	if (!text || !text_starts_with(text, prefix) || text[sizeof prefix - 1] < '1' || text[sizeof prefix - 1] > '4')
		return FACT_UNKNOWN;
	return text[sizeof prefix - 1] - '0';
}

static char **catalog_dup_features(struct mem *m, const json_t *list)
{
	char **features = NULL;
	size_t n = 0, i;
	json_t *item;

	json_array_foreach (list, i, item) {
		if (json_is_string(item))
			*MEM_PUSH(m, features, n) = mem_strdup(m, json_string_value(item));
	}
	if (n)
		*MEM_PUSH(m, features, n) = NULL;
	return features;
}

/* A file below lib/allocrun, and nowhere else. */
static bool catalog_is_own_file(const char *file)
{
	size_t length = strlen(file);

	return *file && *file != '/' && !text_starts_with(file, "../") && !strstr(file, "/../") &&
	       !(length >= 3 && strcmp(file + length - 3, "/..") == 0) && strcmp(file, "..") != 0;
}

/* NULL, or what is wrong with the entry. */
static const char *catalog_parse_build(struct mem *m, const char *prefix, const json_t *entry, struct build_facts *ret)
{
	const json_t *page_size = json_object_get(entry, "page_size");
	const char *file = json_string_value(json_object_get(entry, "file"));
	const char *libc = json_string_value(json_object_get(entry, "libc"));

	ret->is_bundled = true;
	ret->id = json_dup_text(m, entry, "id");
	ret->allocator = json_dup_text(m, entry, "allocator");
	ret->version = json_dup_text(m, entry, "version");
	ret->variant = json_dup_text(m, entry, "variant");
	ret->machine = json_dup_text(m, entry, "machine");
	ret->libc = catalog_parse_libc(libc);
	ret->libc_minor = catalog_parse_glibc(json_string_value(json_object_get(entry, "min_glibc")));
	ret->page_size = json_is_integer(page_size) ? json_integer_value(page_size) : FACT_UNKNOWN;
	ret->x86_level = catalog_parse_isa(json_string_value(json_object_get(entry, "isa")));
	ret->build_id = json_dup_text(m, entry, "build_id");
	ret->sha256 = json_dup_text(m, entry, "sha256");
	ret->flags = json_dup_text(m, entry, "flags");
	ret->compiler = json_dup_text(m, entry, "compiler");
	ret->source_sha256 = json_dup_text(m, entry, "source_sha256");
	ret->licence = json_dup_text(m, entry, "licence");
	ret->features = catalog_dup_features(m, json_object_get(entry, "features"));
	if (!ret->id || !ret->allocator || !ret->version || !ret->machine || !file)
		return "lacks one of id, allocator, version, machine, file";
	if (ret->libc == LIBC_UNKNOWN)
		return "has a libc other than glibc and musl";
	if (!catalog_is_own_file(file))
		return "has a file outside of " CATALOG_FOLDER;
	if (!ret->variant)
		ret->variant = mem_strdup(m, "");
	ret->path = mem_printf(m, "%s/" CATALOG_FOLDER "/%s", prefix, file);
	return NULL;
}

static char *catalog_parse_manifest(struct mem *m, const char *prefix, const char *path, const json_t *manifest,
				    struct catalog_facts *facts)
{
	const json_t *builds = json_object_get(manifest, "builds");
	json_int_t version = json_integer_value(json_object_get(manifest, "manifest"));
	size_t i;
	json_t *entry;

	if (version != CATALOG_VERSION)
		return mem_printf(m, "%s: not a manifest of version %d", path, CATALOG_VERSION);
	if (!json_is_array(builds))
		return mem_printf(m, "%s: has no list of builds", path);
	json_array_foreach (builds, i, entry) {
		struct build_facts build = { 0 };
		const char *problem = catalog_parse_build(m, prefix, entry, &build);

		if (problem)
			return mem_printf(m, "%s: build %zu %s", path, i + 1, problem);
		*MEM_PUSH(m, facts->builds, facts->n_builds) = build;
	}
	return NULL;
}

void catalog_parse(struct mem *m, const char *prefix, const char *path, const char *text, size_t size,
		   struct catalog_facts *ret)
{
	json_error_t error;
	CLEANUP_JSON json_t *manifest = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);

	ret->problem = manifest ? catalog_parse_manifest(m, prefix, path, manifest, ret) :
				  mem_printf(m, "%s:%d: %s", path, error.line, error.text);
	/* Half a catalogue would choose something other than the whole one. */
	if (ret->problem)
		ret->n_builds = 0;
}

/* What others may write root neither believes nor loads. `path`: of the manifest or a build. */
static char *catalog_distrust(struct mem *m, const struct root *root, const char *path, uid_t owner, const char *known)
{
	const char *writer = trust_find_writer(m, root, path, owner, known);

	return writer ? mem_printf(m, "%s is not trusted as root: %s", path, writer) : NULL;
}

static void catalog_read_manifest(const struct root *own, struct mem *m, const char *prefix, uid_t owner,
				  struct catalog_facts *facts)
{
	char *path = mem_printf(m, "%s/" CATALOG_MANIFEST, prefix);
	size_t size;
	char *text;
	int r = root_read(own, m, path, CATALOG_MANIFEST_MAX, &text, &size);

	if (r == 0 && (facts->problem = catalog_distrust(m, own, path, owner, NULL)))
		return;
	if (r < 0) {
		facts->problem = r == -ENOENT ? mem_printf(m, "%s is missing", path) :
						mem_printf(m, "%s cannot be read: %s", path, strerrordesc_np(-r));
		return;
	}
	catalog_parse(m, prefix, path, text, size, facts);
}

/* Could it be preloaded there at all? The rest need not be opened for a launch. */
static bool catalog_may_fit(const struct build_facts *build, const struct command_facts *command)
{
	if (!command || !command->name || !command->elf.machine[0])
		return true;
	if (strcmp(build->machine, command->elf.machine) != 0)
		return false;
	return command->libc == LIBC_UNKNOWN || command->libc == build->libc;
}

static void catalog_add_foreign(const struct root *root, struct mem *m, const char *path,
				const struct detect_request *request, const struct command_facts *command,
				struct catalog_facts *facts)
{
	static const char *const known[] = { "jemalloc", "mimalloc", "tcmalloc" };
	struct build_facts *build = MEM_PUSH(m, facts->builds, facts->n_builds);
	const char *name = text_basename(path);
	const char *allocator = "";

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (text_starts_with(name, "lib") && text_starts_with(name + 3, known[i]))
			allocator = known[i];
	}
	build->id = mem_strdup(m, path);
	build->path = mem_strdup(m, path);
	build->allocator = mem_strdup(m, allocator);
	build->version = mem_strdup(m, "");
	build->variant = mem_strdup(m, "");
	build->libc_minor = FACT_UNKNOWN;
	build->x86_level = FACT_UNKNOWN;
	/* What the allocator inside was built for its headers do not say: only that it loads. */
	build->page_size = FACT_UNKNOWN;
	/* Given for this command: its libraries are found or not by the command's libc. */
	if (command)
		build->libc = command->libc;
	library_check(root, root, m, request->environment, build);
	if (!build->problem)
		build->problem = catalog_distrust(m, root, path, 0, NULL);
	if (request->integrity && !build->problem)
		digest_file(root, m, path, &build->digest);
}

/*
 * It is of the launcher's own machine, and serves every libc there. `own`: where the launcher's tree
 * lies.
 */
static char *catalog_find_children(const struct root *own, struct mem *m, const char *prefix,
				   const struct command_facts *command)
{
#if defined __x86_64__
	static const char machine[] = "x86_64";
#elif defined __aarch64__
	static const char machine[] = "aarch64";
#else
	static const char machine[] = "";
#endif
	char *path = mem_printf(m, "%s/" INHERITANCE_FILE, prefix);
	bool fits = !command || !command->elf.machine[0] ||
		    (strcmp(command->elf.machine, machine) == 0 && command->elf.bits == 64);
	struct stat st;

	return fits && preload_can_express(path) && root_stat(own, path, &st) == 0 ? path : NULL;
}

void catalog_read(const struct root *own, const struct root *root, struct mem *m, const char *prefix,
		  const struct detect_request *request, const struct command_facts *command, struct catalog_facts *ret)
{
	const char *rest = request->allocators, *folder = prefix ? mem_printf(m, "%s/" CATALOG_FOLDER, prefix) : NULL;
	uid_t owner = trust_own_owner();

	if (prefix) {
		ret->prefix = mem_strdup(m, prefix);
		catalog_read_manifest(own, m, prefix, owner, ret);
		ret->children = catalog_find_children(own, m, prefix, command);
		ret->children_sha256 = INHERITANCE_SHA256;
		if (ret->children && request->integrity)
			digest_file(own, m, ret->children, &ret->children_digest);
	}
	for (size_t i = 0; i < ret->n_builds; i++) {
		if (!catalog_may_fit(&ret->builds[i], command))
			continue;
		library_check(own, root, m, request->environment, &ret->builds[i]);
		if (!ret->builds[i].problem)
			ret->builds[i].problem = catalog_distrust(m, own, ret->builds[i].path, owner, folder);
		/* Builds lie beside each other: what is above this one was looked at. */
		if (!ret->builds[i].problem)
			folder = text_dirname(m, text_dirname(m, ret->builds[i].path));
		if (request->integrity && !ret->builds[i].problem)
			digest_file(own, m, ret->builds[i].path, &ret->builds[i].digest);
	}
	for (char *word; rest && (word = text_next_piece(m, &rest, ','));) {
		if (*word == '/')
			catalog_add_foreign(root, m, word, request, command, ret);
	}
}

char *catalog_find_prefix(const struct root *own, struct mem *m)
{
	static const char deleted[] = " (deleted)";
	char self[PATH_MAX];
	char *folder;
	size_t length;

	if (root_readlink(own, "/proc/self/exe", self, sizeof self) < 0) {
		/* No /proc: as we were called, if that says where. */
		const char *called = (const char *)getauxval(AT_EXECFN);

		if (!called || !realpath(called, self))
			return NULL;
	}
	length = strlen(self);
	/* Replaced by an upgrade while we start: the tree around it is still there. */
	if (length > sizeof deleted && strcmp(self + length - (sizeof deleted - 1), deleted) == 0)
		self[length - (sizeof deleted - 1)] = '\0';
	folder = text_dirname(m, self);
	if (strcmp(text_basename(folder), "bin") != 0 && strcmp(text_basename(folder), "shims") != 0)
		return NULL;
	folder = text_dirname(m, folder);
	return strcmp(folder, "/") == 0 ? mem_strdup(m, "") : folder;
}

/* A program without a loader: nothing can be preloaded into it, whatever there is. */
static bool catalog_is_of_no_use(const struct command_facts *command)
{
	return command && command->n_chain && !command->error && !command->elf.problem && !command->elf.interpreter;
}

void catalog_detect(const struct root *root, struct mem *m, const struct detect_request *request,
		    const struct command_facts *command, struct catalog_facts *ret)
{
	struct root own;
	char *prefix;

	*ret = (struct catalog_facts){ 0 };
	/* A launch need not read the manifest and the libraries then: half of what it costs. */
	if (!request->thorough && catalog_is_of_no_use(command))
		return;
	/* The builds are the launcher's, also where it looks at another machine's capture. */
	root_open(NULL, &own);
	prefix = catalog_find_prefix(&own, m);
	if (!prefix)
		ret->problem = mem_strdup(m, "allocrun does not lie in a folder named bin, so its "
					     "builds cannot be found");
	catalog_read(&own, root, m, prefix, request, command, ret);
}
