/* SPDX-License-Identifier: Apache-2.0 */
/* STATE/rollout.json: what is being changed, and what was there before. */
#include "node/node.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/json_values.h"
#include "util/json.h"
#include "util/path.h"
#include "util/replace.h"
#include "util/text.h"

#define JOURNAL_VERSION 1
#define JOURNAL_MAX (1024 * 1024)
#define JOURNAL_ITEMS_MAX 1024

const char *const node_state_names[NODE_STATES] = {
	"absent", "staged", "applied", "gated", "confirmed", "reverting", "reverted", "stuck",
};

/* A name of one folder or file: nothing that leads out of the folder it is looked for in. */
static bool journal_is_name(const char *name)
{
	return *name && *name != '.' && *name != '-' && !strchr(name, '/') && strlen(name) < 256;
}

static int journal_state(const char *name)
{
	for (int i = 0; name && i < NODE_STATES; i++) {
		if (strcmp(name, node_state_names[i]) == 0)
			return i;
	}
	return -EINVAL;
}

static int64_t journal_number(const json_t *o, const char *key, int64_t otherwise)
{
	const json_t *value = json_object_get(o, key);

	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

static const char *journal_parse_file(struct mem *m, const json_t *o, struct node_file *ret)
{
	int64_t mode = journal_number(o, "mode", 0), uid = journal_number(o, "uid", 0),
		gid = journal_number(o, "gid", 0);

	*ret = (struct node_file){
		json_dup_text(m, o, "path"), json_dup_text(m, o, "link"), json_dup_text(m, o, "backup"), 0, 0, 0
	};
	if (!ret->path || *ret->path != '/' || strstr(ret->path, "/../"))
		return "a file without an absolute path";
	if (ret->backup && !journal_is_name(ret->backup))
		return "a copy that lies elsewhere";
	if (mode < 0 || mode > 07777 || uid < 0 || uid > UINT32_MAX || gid < 0 || gid > UINT32_MAX)
		return "a file with a mode or an owner that none has";
	ret->mode = (mode_t)mode;
	ret->uid = (uid_t)uid;
	ret->gid = (gid_t)gid;
	return NULL;
}

static const char *journal_parse_unit(struct mem *m, const json_t *o, struct node_unit *ret)
{
	*ret = (struct node_unit){
		.name = json_dup_text(m, o, "name"),
		.enablement = json_dup_text(m, o, "enablement"),
		.was_active = json_is_true(json_object_get(o, "was_active")),
		.restarts = journal_number(o, "restarts", NODE_NOTHING),
		.oom_kills = journal_number(o, "oom_kills", NODE_NOTHING),
		.rss = journal_number(o, "rss", NODE_NOTHING),
		.latency_us = journal_number(o, "latency_us", NODE_NOTHING),
		.spread_us = journal_number(o, "spread_us", NODE_NOTHING),
		.rss_after = journal_number(o, "rss_after", NODE_NOTHING),
		.latency_after_us = journal_number(o, "latency_after_us", NODE_NOTHING),
	};
	return ret->name && journal_is_name(ret->name) ? NULL : "a unit without a name";
}

/* What is written back at the end of a change: nothing but the kernel's own files. */
static const char *journal_parse_setting(struct mem *m, const json_t *o, struct node_setting *ret)
{
	*ret = (struct node_setting){ json_dup_text(m, o, "path"), json_dup_text(m, o, "value") };
	if (!ret->path || !ret->value || strchr(ret->value, '\n') || strstr(ret->path, "/../") ||
	    (!text_starts_with(ret->path, "/sys/") && !text_starts_with(ret->path, "/proc/sys/")))
		return "a setting that is no file of /sys or /proc/sys";
	return NULL;
}

static const char *journal_parse_lists(struct mem *m, const json_t *json, struct journal *j)
{
	const json_t *files = json_object_get(json, "files"), *units = json_object_get(json, "units");
	const json_t *settings = json_object_get(json, "settings"), *entry;
	const char *problem;
	size_t i;

	if (!json_is_array(files) || !json_is_array(units))
		return "no lists of files and units";
	if (json_array_size(files) > JOURNAL_ITEMS_MAX || json_array_size(units) > JOURNAL_ITEMS_MAX ||
	    json_array_size(settings) > JOURNAL_ITEMS_MAX)
		return "more files, units or settings than a node has";
	json_array_foreach (files, i, entry) {
		problem = journal_parse_file(m, entry, MEM_PUSH(m, j->files, j->n_files));
		if (problem)
			return problem;
	}
	json_array_foreach (units, i, entry) {
		problem = journal_parse_unit(m, entry, MEM_PUSH(m, j->units, j->n_units));
		if (problem)
			return problem;
	}
	json_array_foreach (settings, i, entry) {
		problem = journal_parse_setting(m, entry, MEM_PUSH(m, j->settings, j->n_settings));
		if (problem)
			return problem;
	}
	return NULL;
}

int journal_parse(struct mem *m, const char *text, size_t size, struct journal *ret, const char **ret_problem)
{
	struct journal j = { .state = NODE_ABSENT };
	CLEANUP_JSON json_t *json = NULL;
	json_error_t error;
	int state;

	json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	if (!json) {
		*ret_problem = mem_printf(m, "line %d: %s", error.line, error.text);
		return -EINVAL;
	}
	state = journal_state(json_string_value(json_object_get(json, "state")));
	if (state < 0 || journal_number(json, "journal", 0) != JOURNAL_VERSION) {
		*ret_problem = mem_printf(m, "not a journal of version %d", JOURNAL_VERSION);
		return -EINVAL;
	}
	j.state = (enum node_state)state;
	j.is_whole = json_is_true(json_object_get(json, "whole"));
	j.owner = json_dup_text(m, json, "owner");
	j.version = json_dup_text(m, json, "version");
	j.sha256 = json_dup_text(m, json, "sha256");
	j.before = json_dup_text(m, json, "before");
	j.reason = json_dup_text(m, json, "reason");
	j.health = json_dup_text(m, json, "health");
	j.probe = json_dup_text(m, json, "probe");
	j.boot_id = json_dup_text(m, json, "boot_id");
	j.deadline = journal_number(json, "deadline", 0);
	j.patience = journal_number(json, "patience", 0);
	*ret_problem = journal_parse_lists(m, json, &j);
	if (!*ret_problem && ((j.version && !journal_is_name(j.version)) || (j.before && !journal_is_name(j.before))))
		*ret_problem = "a version that is no folder's name";
	if (!*ret_problem && j.state != NODE_ABSENT && !j.version)
		*ret_problem = "no version";
	if (*ret_problem)
		return -EINVAL;
	*ret = j;
	return 0;
}

static void journal_add_text(json_t *o, const char *key, const char *text)
{
	json_object_set_new(o, key, json_text(text));
}

static void journal_add_known(json_t *o, const char *key, int64_t value)
{
	json_object_set_new(o, key, value == NODE_NOTHING ? json_null() : json_integer(value));
}

static json_t *journal_file_json(const struct node_file *f)
{
	json_t *o = json_object();

	journal_add_text(o, "path", f->path);
	journal_add_text(o, "link", f->link);
	journal_add_text(o, "backup", f->backup);
	journal_add_known(o, "mode", f->mode);
	journal_add_known(o, "uid", f->uid);
	journal_add_known(o, "gid", f->gid);
	return o;
}

static json_t *journal_unit_json(const struct node_unit *u)
{
	json_t *o = json_object();

	journal_add_text(o, "name", u->name);
	journal_add_text(o, "enablement", u->enablement);
	json_object_set_new(o, "was_active", json_boolean(u->was_active));
	journal_add_known(o, "restarts", u->restarts);
	journal_add_known(o, "oom_kills", u->oom_kills);
	journal_add_known(o, "rss", u->rss);
	journal_add_known(o, "latency_us", u->latency_us);
	journal_add_known(o, "spread_us", u->spread_us);
	journal_add_known(o, "rss_after", u->rss_after);
	journal_add_known(o, "latency_after_us", u->latency_after_us);
	return o;
}

static json_t *journal_setting_json(const struct node_setting *s)
{
	json_t *o = json_object();

	journal_add_text(o, "path", s->path);
	journal_add_text(o, "value", s->value);
	return o;
}

json_t *journal_json(const struct journal *j)
{
	json_t *o = json_object(), *files = json_array(), *units = json_array(), *settings = json_array();

	json_object_set_new(o, "journal", json_integer(JOURNAL_VERSION));
	journal_add_text(o, "state", node_state_names[j->state]);
	json_object_set_new(o, "whole", json_boolean(j->is_whole));
	journal_add_text(o, "owner", j->owner);
	journal_add_text(o, "version", j->version);
	journal_add_text(o, "sha256", j->sha256);
	journal_add_text(o, "before", j->before);
	journal_add_text(o, "reason", j->reason);
	journal_add_text(o, "health", j->health);
	journal_add_text(o, "probe", j->probe);
	journal_add_text(o, "boot_id", j->boot_id);
	json_object_set_new(o, "deadline", json_integer(j->deadline));
	json_object_set_new(o, "patience", json_integer(j->patience));
	for (size_t i = 0; i < j->n_files; i++)
		json_array_append_new(files, journal_file_json(&j->files[i]));
	for (size_t i = 0; i < j->n_units; i++)
		json_array_append_new(units, journal_unit_json(&j->units[i]));
	for (size_t i = 0; i < j->n_settings; i++)
		json_array_append_new(settings, journal_setting_json(&j->settings[i]));
	json_object_set_new(o, "files", files);
	json_object_set_new(o, "units", units);
	json_object_set_new(o, "settings", settings);
	return o;
}

char *journal_print(struct mem *m, const struct journal *j)
{
	CLEANUP_JSON json_t *json = journal_json(j);

	return report_dump_json(m, json);
}

int journal_read(struct node *n, const char **ret_problem)
{
	const char *path = node_path(n, "rollout.json");
	size_t size;
	char *text;
	int r = root_read(&root_machine, n->m, path, JOURNAL_MAX, &text, &size);

	if (r == -ENOENT || r == -ENOTDIR) {
		n->journal = (struct journal){ .state = NODE_ABSENT };
		return 0;
	}
	if (r == 0)
		return journal_parse(n->m, text, size, &n->journal, ret_problem);
	*ret_problem = strerror(-r);
	return r;
}

int journal_write(struct node *n)
{
	const char *path = node_path(n, "rollout.json");
	int r = replace_file(n->m, path, journal_print(n->m, &n->journal));

	if (r == 0)
		r = save_sync_folder(n, n->o->state);
	return r < 0 ? node_say(n, NODE_FAILED, "%s: %s: the journal could not be written", path, strerror(-r)) :
		       NODE_DONE;
}
