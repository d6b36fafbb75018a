/* SPDX-License-Identifier: Apache-2.0 */
/* What the first tune of this boot found: /var/lib/allocrun/tune.json. */
#include "tune/tuning.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "report/json_values.h"
#include "report/report.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/replace.h"
#include "util/text.h"
#include "version.h"

#define STATE_VERSION 1
#define STATE_MAX (1024 * 1024)
#define STATE_VALUE_MAX 32
/* Between two looks at a lock that is held: 0.1 s. */
#define STATE_LOCK_PAUSE_NS 100000000

/* As the file itself would say it: one of the row's words, a number, a switch. */
static bool state_is_value(struct mem *m, const struct tune_setting *setting, const char *value)
{
	const char *parsed, *offered;

	if (setting->form == TUNE_WORD)
		return text_has_word(setting->words, value);
	return strlen(value) <= STATE_VALUE_MAX && tune_parse_value(m, setting, value, &parsed, &offered) == 0 &&
	       strcmp(parsed, value) == 0;
}

static bool state_has(const struct tune_state *state, const char *path)
{
	for (size_t i = 0; i < state->n_saved; i++) {
		if (strcmp(state->saved[i].path, path) == 0)
			return true;
	}
	return false;
}

static const char *state_parse_saved(struct mem *m, const json_t *entry, struct tune_state *state)
{
	const char *path = json_string_value(json_object_get(entry, "path"));
	const char *value = json_string_value(json_object_get(entry, "found"));
	const struct tune_setting *setting = path ? tune_setting_find_path(path) : NULL;

	if (!path || !value)
		return "lacks path or found";
	if (!setting)
		return "is about a file that --tune does not set";
	if (!state_is_value(m, setting, value))
		return "has a value that no such file has";
	if (state_has(state, path))
		return "is about a file that was there before";
	*MEM_PUSH(m, state->saved, state->n_saved) = (struct tune_saved){ mem_strdup(m, path), mem_strdup(m, value) };
	return NULL;
}

int tune_state_parse(struct mem *m, const char *text, size_t size, struct tune_state *ret, const char **ret_problem)
{
	struct tune_state state = { .saved = NULL };
	CLEANUP_JSON json_t *json = NULL;
	const json_t *list, *entry;
	const char *boot_id;
	json_error_t error;
	size_t i;

	json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	if (!json) {
		*ret_problem = mem_printf(m, "line %d: %s", error.line, error.text);
		return -EINVAL;
	}
	list = json_object_get(json, "settings");
	boot_id = json_string_value(json_object_get(json, "boot"));
	if (json_integer_value(json_object_get(json, "version")) != STATE_VERSION || !boot_id || !json_is_array(list)) {
		*ret_problem = mem_printf(m, "not a state of version %d", STATE_VERSION);
		return -EINVAL;
	}
	json_array_foreach (list, i, entry) {
		const char *problem = state_parse_saved(m, entry, &state);

		if (problem) {
			*ret_problem = mem_printf(m, "entry %zu %s", i + 1, problem);
			return -EINVAL;
		}
	}
	state.boot_id = mem_strdup(m, boot_id);
	*ret = state;
	return 0;
}

int tune_state_read(const struct root *root, struct mem *m, struct tune_state *ret, const char **ret_problem)
{
	size_t size;
	char *text;
	int r = root_read(root, m, TUNE_STATE_FOLDER "/" TUNE_STATE_FILE, STATE_MAX, &text, &size);

	if (r == 0)
		return tune_state_parse(m, text, size, ret, ret_problem);
	*ret_problem = strerror(-r);
	return r == -ENOTDIR ? -ENOENT : r == -EINVAL ? -EIO : r;
}

int tune_state_write(struct mem *m, const char *folder, const struct tune_state *state)
{
	const char *path = mem_printf(m, "%s/" TUNE_STATE_FILE, folder);
	CLEANUP_JSON json_t *json = NULL;
	json_t *list;

	if (!state->n_saved)
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	list = json_array();
	for (size_t i = 0; i < state->n_saved; i++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "path", state->saved[i].path, "found",
						      state->saved[i].value));
	json = json_pack("{s:i, s:s, s:s, s:o}", "version", STATE_VERSION, "allocrun", ALLOCRUN_VERSION, "boot",
			 state->boot_id ? state->boot_id : "", "settings", list);
	return replace_file(m, path, report_dump_json(m, json));
}

void tune_state_add(struct mem *m, struct tune_state *state, const struct tune_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		const struct tune_write *w = &plan->writes[i];

		for (size_t k = 0; w->outcome == TUNE_PLANNED && k < w->n_saved; k++) {
			if (!state_has(state, w->saved[k].path))
				*MEM_PUSH(m, state->saved, state->n_saved) = w->saved[k];
		}
	}
}

void tune_state_settle(struct mem *m, struct tune_state *state, const struct tune_state *before,
		       const struct tune_plan *plan)
{
	struct tune_state settled = { .boot_id = state->boot_id };

	for (size_t i = 0; i < state->n_saved; i++) {
		bool is_kept = state_has(before, state->saved[i].path);

		for (size_t k = 0; k < plan->n && !is_kept; k++) {
			const struct tune_write *w = &plan->writes[k];

			for (size_t j = 0; j < w->n_saved && !is_kept; j++)
				is_kept = tune_has_changed(w) && strcmp(w->saved[j].path, state->saved[i].path) == 0;
		}
		if (is_kept)
			*MEM_PUSH(m, settled.saved, settled.n_saved) = state->saved[i];
	}
	*state = settled;
}

void tune_state_plan(struct mem *m, const struct tune_facts *facts, const struct tune_state *state,
		     struct tune_plan *ret)
{
	memset(ret, 0, sizeof *ret);
	for (size_t i = state->n_saved; i-- > 0;) {
		struct tune_write *w = MEM_PUSH(m, ret->writes, ret->n);
		const struct tune_file *file = tune_find_path(facts, state->saved[i].path);

		*w = (struct tune_write){
			.path = state->saved[i].path,
			.to = state->saved[i].value,
			.outcome = TUNE_SKIPPED,
			.detail = "it is not there now; what was found is kept",
		};
		w->setting = tune_setting_parse_path(w->path, &w->node, &w->size);
		w->key = tune_setting_name(m, w->setting, w->node, w->size);
		if (!file || file->error == -ENOENT || file->error == -ENODEV)
			continue;
		/* It is there: what it says now is not known, and must not be thought to have gone. */
		if (file->error) {
			w->outcome = TUNE_FAILED;
			w->detail = tune_explain_unread(m, file);
			continue;
		}
		w->from = file->value;
		w->outcome = strcmp(w->from, w->to) == 0 ? TUNE_SAME : TUNE_PLANNED;
		w->detail = NULL;
		*MEM_PUSH(m, w->saved, w->n_saved) = (struct tune_saved){ w->path, w->from };
	}
}

int tune_state_lock(const char *folder, int64_t wait_ms)
{
	const struct timespec pause = { .tv_nsec = STATE_LOCK_PAUSE_NS };
	const int64_t end = clock_now_ms() + wait_ms;
	struct mem m = MEM_INIT;
	/* On a read-only file system mkdir(2) says so even of what is there. */
	int r = replace_make_folder(folder), fd;

	fd = open(mem_printf(&m, "%s/" TUNE_LOCK_FILE, folder), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	r = fd >= 0 ? 0 : r < 0 ? r : -errno;
	mem_free_all(&m);
	if (r < 0)
		return r;
	/* flock(2) itself knows no limit, and who holds the lock may never end. */
	while ((r = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0) == -EWOULDBLOCK && clock_now_ms() < end)
		nanosleep(&pause, NULL);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}
