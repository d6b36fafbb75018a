/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process was launched as, from /run/allocrun/PID.json or, in a service's own folder,
 * $RUNTIME_DIRECTORY/allocrun/PID.json. Hostile until shown otherwise.
 */
#include "live/context.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "facts/launch_record.h"
#include "known/conf_keys.h"
#include "known/systemd.h"
#include "util/json.h"
#include "util/text.h"

/* A launch writes some KiB. As a tree in memory a file takes forty times as much. */
#define RECORD_MAX (256 * 1024)
#define ENVIRONMENT_MAX (4 * 1024 * 1024)

static const char told[] = "launch record";

/* mimalloc's. Words and sizes with units stand in its table as other numbers. */
static void record_add_mimalloc(struct mem *m, char *piece, struct conf *conf)
{
	char *value = strchr(piece, '=');
	const struct conf_key *key;

	*value++ = '\0';
	key = conf_find_key(conf_mimalloc_keys, piece);
	if (key && key->form == FORM_OPTION && text_is_digits(value + (*value == '-')))
		conf_set(m, conf, key->name, value, told);
}

/* "unlimited", or a number; FACT_UNKNOWN for anything else. */
static int64_t record_number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	const char *text = json_string_value(value);

	if (text && strcmp(text, "unlimited") == 0)
		return FACT_UNLIMITED;
	return json_is_integer(value) ? json_integer_value(value) : FACT_UNKNOWN;
}

/* The set that a list names, in the pool; NULL when it is none. No list: the empty set. */
static const struct bitmap *record_bitmap(struct mem *m, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	struct bitmap *b = mem_alloc(m, sizeof *b);

	return bitmap_parse_list(text ? text : "", b) == 0 ? b : NULL;
}

static bool record_read_capabilities(const json_t *set, uint64_t *ret)
{
	const char *text = json_string_value(json_object_get(set, RECORD_CAPABILITIES));
	char *end;

	if (!text || strlen(text) != 16 || !isxdigit((unsigned char)*text))
		return false;
	*ret = strtoull(text, &end, 16);
	return *end == '\0';
}

/* By the key that tells the kind; what is malformed is nothing that is known. */
static struct live_set record_read_set(struct mem *m, const json_t *set)
{
	struct live_set s = { .kind = SET_NOTHING };

	if (json_object_get(set, RECORD_CPUS)) {
		s.cpus = record_bitmap(m, set, RECORD_CPUS);
		s.kind = s.cpus ? SET_CPUS : SET_NOTHING;
	} else if (json_is_integer(json_object_get(set, RECORD_POLICY))) {
		s.policy = record_number(set, RECORD_POLICY);
		s.nodes = record_bitmap(m, set, RECORD_NODES);
		s.kind = s.nodes ? SET_POLICY : SET_NOTHING;
	} else if (json_is_integer(json_object_get(set, RECORD_THP))) {
		s.thp = record_number(set, RECORD_THP);
		s.kind = SET_THP;
	} else if (json_is_string(json_object_get(set, RECORD_RESOURCE))) {
		s.resource = json_dup_text(m, set, RECORD_RESOURCE);
		s.limit = (struct limit){ record_number(set, RECORD_SOFT), record_number(set, RECORD_HARD) };
		s.kind = SET_LIMIT;
	} else if (json_is_integer(json_object_get(set, RECORD_OOM_SCORE))) {
		s.oom_score_adj = record_number(set, RECORD_OOM_SCORE);
		s.kind = SET_OOM_SCORE;
	} else if (json_is_string(json_object_get(set, RECORD_VARIABLE))) {
		s.variable = json_dup_text(m, set, RECORD_VARIABLE);
		s.text = json_dup_text(m, set, RECORD_TEXT);
		s.kind = SET_VARIABLE;
	} else if (json_is_string(json_object_get(set, RECORD_CHILDREN))) {
		s.text = json_dup_text(m, set, RECORD_CHILDREN);
		s.kind = SET_CHILDREN;
	} else if (json_is_integer(json_object_get(set, RECORD_UID))) {
		s.uid = record_number(set, RECORD_UID);
		s.kind = SET_USER;
	} else if (json_object_get(set, RECORD_CAPABILITIES)) {
		s.kind = record_read_capabilities(set, &s.capabilities) ? SET_CAPABILITIES : SET_NOTHING;
	} else if (json_is_true(json_object_get(set, RECORD_NO_NEW_PRIVS))) {
		s.kind = SET_NO_NEW_PRIVS;
	}
	return s;
}

/* The options that the allocator was started with, out of the variables that were set. */
static void record_add_options(struct mem *m, const struct live_set *set, struct live_record *record)
{
	struct conf_problems problems = { NULL, 0 };
	char *piece;

	if (set->kind != SET_VARIABLE || !set->text)
		return;
	piece = conf_mimalloc_piece(m, mem_printf(m, "%s=%s", set->variable, set->text));
	if (strcmp(set->variable, "MALLOC_CONF") == 0)
		conf_parse(m, CONF_JEMALLOC, set->text, told, &record->options, &problems);
	else if (strcmp(set->variable, PURGE_VARIABLE) == 0)
		conf_parse(m, CONF_PURGE, set->text, told, &record->options, &problems);
	else if (piece)
		record_add_mimalloc(m, piece, &record->options);
}

static void record_read_steps(struct mem *m, const json_t *json, struct live_record *record)
{
	bool is_old = json_integer_value(json_object_get(json, "record")) < 2;
	json_t *operation;
	size_t i;

	json_array_foreach (json_object_get(json, "plan"), i, operation) {
		struct live_step step = {
			.step = json_dup_text(m, operation, "step"),
			.name = json_dup_text(m, operation, "name"),
			.value = json_dup_text(m, operation, "value"),
			.outcome = json_dup_text(m, operation, "outcome"),
		};

		if (!step.step || !step.name || !step.outcome)
			continue;
		step.set = is_old ? live_record_parse_words(m, &step) :
				    record_read_set(m, json_object_get(operation, "set"));
		*MEM_PUSH(m, record->steps, record->n_steps) = step;
		if (strcmp(step.outcome, "done") == 0)
			record_add_options(m, &step.set, record);
	}
}

/* NULL, or why the record does not speak of this process. */
static const char *record_reject(struct mem *m, const json_t *json, const struct live_process *process,
				 struct live_record *ret)
{
	json_int_t version = json_integer_value(json_object_get(json, "record"));
	const json_t *start = json_object_get(json, "start_time");

	if (version > RECORD_VERSION)
		return mem_printf(m, "it is of version %lld, this allocrun reads %d", (long long)version,
				  RECORD_VERSION);
	if (version < 1)
		return "it is no launch record";
	if (!json_is_integer(start))
		return "it has no start_time: nobody knows of which process it speaks";
	/* A PID is used again; the moment of a start is not. */
	if (json_integer_value(start) != process->start_time) {
		ret->is_stale = true;
		return mem_printf(m, "it belongs to an earlier process %lld", (long long)process->pid);
	}
	if (json_integer_value(json_object_get(json, "pid")) != process->status.inner_pid)
		return "it belongs to another process";
	if (json_object_get(json, "not_started"))
		return "it says that the command was not started";
	if (!json_is_array(json_object_get(json, "plan")))
		return "it has no plan";
	return NULL;
}

void live_record_parse(struct mem *m, const char *text, size_t size, const struct live_process *process,
		       struct live_record *ret)
{
	CLEANUP_JSON json_t *json = NULL;
	const json_t *build;
	json_error_t error;
	const char *problem;

	json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	if (!json) {
		/* jansson's own words quote the file, which may be another's. */
		ret->problem = mem_printf(m, "it is damaged: line %d", error.line);
		return;
	}
	problem = record_reject(m, json, process, ret);
	if (problem) {
		ret->problem = mem_strdup(m, problem);
		return;
	}
	ret->version = json_dup_text(m, json, "allocrun");
	ret->profile = json_dup_text(m, json, "profile");
	build = json_object_get(json, "build");
	ret->build_id = json_dup_text(m, build, "build_id");
	ret->library = json_dup_text(m, build, "path");
	record_read_steps(m, json, ret);
}

/* Of the files of a captured machine nobody knows whose they were. */
static bool record_is_trusted(const struct live_context *c, const struct root *root, const char *path,
			      const struct stat *file, const struct live_process *process)
{
	const struct process_status *status = &process->status;
	struct stat folder;

	if (!c->root->live || file->st_uid == 0 || (int64_t)file->st_uid == status->euid)
		return true;
	/* Who may write the folder of all records writes his own; who owns it is its machine's root. */
	return text_starts_with(path, RECORD_FOLDER "/") &&
	       ((int64_t)file->st_uid == status->uid ||
		(root_stat(root, RECORD_FOLDER, &folder) == 0 && folder.st_uid == file->st_uid));
}

/* The record in this folder, of the process's PID; NULL when there is none, or somebody else's. */
static struct live_record *record_read(const struct live_context *c, const struct root *root, const char *folder,
				       const struct live_process *process)
{
	char *path = mem_printf(c->m, "%s/" RECORD_NAME, folder, (long long)process->status.inner_pid), *text;
	struct mem scratch = MEM_INIT;
	struct live_record *record;
	struct stat file;
	size_t size;
	int r = root_read_with(root, &scratch, path, RECORD_MAX, &text, &size, &file);

	if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP ||
	    (r == 0 && !record_is_trusted(c, root, path, &file, process))) {
		mem_free_all(&scratch);
		return NULL;
	}
	record = mem_alloc(c->m, sizeof *record);
	record->path = path;
	record->is_unread = r == -EACCES || r == -EPERM;
	if (r < 0)
		record->problem = mem_printf(c->m, "it cannot be read: %s", strerrordesc_np(-r));
	else
		live_record_parse(c->m, text, size, process, record);
	mem_free_all(&scratch);
	return record;
}

/*
 * The folder of its own records that a service has, by the environment that it was started with. A program
 * with more rights than who started it has that one's environment: nothing in it is obeyed.
 */
static char *record_find_runtime(const struct live_context *c, const struct live_process *process)
{
	char *path = mem_printf(c->m, "/proc/%lld/environ", (long long)process->pid), *bytes, *folder = NULL;
	struct mem scratch = MEM_INIT;
	size_t size, n = strlen(SYSTEMD_RUNTIME_VARIABLE "=");

	if (process->status.uid != process->status.euid ||
	    root_read(c->root, &scratch, path, ENVIRONMENT_MAX, &bytes, &size) < 0)
		size = 0;
	for (size_t at = 0; at < size && !folder; at += strlen(bytes + at) + 1) {
		if (strncmp(bytes + at, SYSTEMD_RUNTIME_VARIABLE "=", n) == 0)
			folder = systemd_runtime_folder(c->m, bytes + at + n);
	}
	mem_free_all(&scratch);
	return folder ? mem_printf(c->m, "%s/" RECORD_SUBFOLDER, folder) : NULL;
}

/* Of a PID's past: this process was launched in some other way. */
static struct live_record *record_read_fresh(const struct live_context *c, const struct root *root, const char *folder,
					     const struct live_process *process)
{
	struct live_record *record = folder ? record_read(c, root, folder, process) : NULL;

	return record && record->is_stale ? NULL : record;
}

void live_record_detect(const struct live_context *c, struct live_process *process)
{
	bool is_elsewhere = process->other_mounts == TRI_YES;
	struct root theirs = *c->root;

	if (is_elsewhere && live_open_root(c, process->pid, &theirs) < 0)
		return;
	if (!is_elsewhere)
		theirs.is_others = c->root->live;
	process->record = record_read_fresh(c, &theirs, RECORD_FOLDER, process);
	if (!process->record)
		process->record = record_read_fresh(c, &theirs, record_find_runtime(c, process), process);
	if (is_elsewhere)
		root_close(&theirs);
}
