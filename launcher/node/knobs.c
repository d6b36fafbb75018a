/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's values: set by --tune of the version that comes, put back as they were found. */
#include "node/node.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/json.h"
#include "util/path.h"
#include "util/retry.h"
#include "util/text.h"

#define KNOBS_SECONDS 300
/* What --tune knows of earlier runs belongs to the values. */
#define KNOBS_STATE "/var/lib/allocrun/tune.json"

static char *knobs_boot_id(struct node *n)
{
	char *id;

	return root_read_record(&root_machine, n->m, "/proc/sys/kernel/random/boot_id", &id) == 0 ?
		       text_dup_line(n->m, id) :
		       NULL;
}

/* What the dry run would change, as it is now. */
static int knobs_note(struct node *n, const char *text)
{
	CLEANUP_JSON json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	struct journal *j = &n->journal;
	const json_t *entry, *settings = json_object_get(json, "settings");
	size_t i;

	if (!json_is_array(settings))
		return node_say(n, NODE_FAILED, "--tune --dry-run: %s", run_first_line(n->m, text));
	json_array_foreach (settings, i, entry) {
		const char *outcome = json_string_value(json_object_get(entry, "outcome"));
		struct node_setting setting = { json_dup_text(n->m, entry, "path"),
						json_dup_text(n->m, entry, "from") };
		bool is_known = false;

		if (!outcome || strcmp(outcome, "planned") != 0 || !setting.path || !setting.value)
			continue;
		for (size_t k = 0; k < j->n_settings; k++)
			is_known = is_known || strcmp(j->settings[k].path, setting.path) == 0;
		if (!is_known)
			*MEM_PUSH(n->m, j->settings, j->n_settings) = setting;
	}
	return NODE_DONE;
}

int knobs_tune(struct node *n)
{
	const char *program = mem_printf(n->m, "%s/bin/allocrun", node_version_path(n, n->journal.version));
	char *out;
	int r = run_program(n->m,
			    (const char *const[]){ program, "--tune", "--dry-run", "--quiet", "--format", "json",
						   NULL },
			    KNOBS_SECONDS, &out);

	if (r < 0)
		return node_say(n, NODE_FAILED, "--tune --dry-run: %s", strerror(-r));
	r = save_file(n, KNOBS_STATE);
	r = r < 0 ? node_say(n, NODE_FAILED, KNOBS_STATE ": %s", strerror(-r)) : knobs_note(n, out);
	n->journal.boot_id = knobs_boot_id(n);
	if (r == NODE_DONE)
		r = journal_write(n);
	if (r != NODE_DONE)
		return r;
	r = run_program(n->m, (const char *const[]){ program, "--tune", "--atomic", "--quiet", NULL }, KNOBS_SECONDS,
			&out);
	return r == 0 ? NODE_DONE :
			node_say(n, NODE_FAILED, "--tune: %s", r < 0 ? strerror(-r) : run_first_line(n->m, out));
}

static int knobs_write(const struct node_setting *s)
{
	int fd = open(s->path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
	ssize_t written;

	if (fd < 0)
		return -errno;
	written = retry_write(fd, s->value, strlen(s->value));
	close(fd);
	return written < 0 ? (int)written : written == (ssize_t)strlen(s->value) ? 0 : -EIO;
}

int knobs_restore(struct node *n, const char **ret_path)
{
	const struct journal *j = &n->journal;
	const char *boot_id = knobs_boot_id(n);
	int error = 0;

	if (!j->n_settings || !j->boot_id || !boot_id || strcmp(boot_id, j->boot_id) != 0)
		return 0;
	for (size_t i = j->n_settings; i-- > 0;) {
		int r = knobs_write(&j->settings[i]);

		/* A file that went away (a node, a size of pages) has no value any more. */
		if (r < 0 && r != -ENOENT && error == 0) {
			error = r;
			*ret_path = j->settings[i].path;
		}
	}
	return error;
}
