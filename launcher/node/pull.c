/* SPDX-License-Identifier: Apache-2.0 */
/* A node without a controller takes the fleet's signed release, when it is its turn. */
#include "node/node.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "program/catalog.h"
#include "report/json_values.h"
#include "util/json.h"
#include "util/path.h"
#include "util/replace.h"
#include "util/text.h"

#define PULL_OWNER "pull"
#define PULL_RELEASE "release.json"
#define PULL_RELEASE_MAX (256 * 1024)
#define PULL_FETCH_SECONDS 1800

/* What this node remembers of the release that it tried last. */
struct pull_memory {
	int64_t serial;
	bool is_confirmed;
	const char *reason; /* why not; NULL: it was killed over it */
};

static char *pull_path(struct node *n, const char *name)
{
	return mem_printf(n->m, "%s/%s", node_path(n, "pull"), name);
}

static int pull_fetch(struct node *n, const char *name)
{
	const char *source = mem_printf(n->m, "%s/%s", n->o->argument, name), *to = pull_path(n, name);
	bool is_url = text_starts_with(source, "http://") || text_starts_with(source, "https://");
	char *out = NULL;
	int r = is_url ? run_program(n->m,
				     (const char *const[]){ "curl", "-fsSL", "--proto", "=http,https", "-o", to, "--",
							    source, NULL },
				     PULL_FETCH_SECONDS, &out) :
			 run_program(n->m, (const char *const[]){ "cp", "--", source, to, NULL }, PULL_FETCH_SECONDS,
				     &out);

	return r == 0 ? NODE_DONE :
			node_say(n, NODE_FAILED, "%s: %s: nothing was changed", source,
				 r < 0 ? strerror(-r) : run_first_line(n->m, out));
}

static int pull_fetch_file(struct node *n, const struct release_file *file)
{
	char *sum = NULL;
	int r = pull_fetch(n, file->name);

	if (r != NODE_DONE)
		return r;
	r = digest_file(&root_machine, n->m, pull_path(n, file->name), &sum);
	if (r < 0)
		return node_say(n, NODE_FAILED, "%s: %s", file->name, strerror(-r));
	return strcmp(sum, file->sha256) == 0 ?
		       NODE_DONE :
		       node_say(n, NODE_FAILED, "%s: not the bytes that " PULL_RELEASE " names: nothing was changed",
				file->name);
}

/* Fetched, of a signer that is known, and understood. */
static int pull_read_release(struct node *n, struct release *ret)
{
	const struct node_options *o = n->o;
	struct node_options signature = *o;
	const char *problem = NULL;
	struct utsname name;
	size_t size = 0;
	char *text;
	int r = pull_fetch(n, PULL_RELEASE);

	if (r == NODE_DONE)
		r = pull_fetch(n, PULL_RELEASE ".sig");
	if (r != NODE_DONE)
		return r;
	signature.sums = pull_path(n, PULL_RELEASE);
	signature.signature = pull_path(n, PULL_RELEASE ".sig");
	n->o = &signature;
	r = stage_verify_signature(n);
	n->o = o;
	if (r != NODE_DONE)
		return r;
	r = root_read(&root_machine, n->m, pull_path(n, PULL_RELEASE), PULL_RELEASE_MAX, &text, &size);
	if (r == 0)
		r = uname(&name) < 0 ? -errno : release_parse(n->m, text, size, name.machine, ret, &problem);
	return r < 0 ? node_say(n, NODE_REFUSED, PULL_RELEASE ": %s", problem ? problem : strerror(-r)) : NODE_DONE;
}

static struct pull_memory pull_remember(struct node *n)
{
	struct pull_memory ret = { .serial = -1 };
	CLEANUP_JSON json_t *json = NULL;
	char *text;

	if (root_read(&root_machine, n->m, node_path(n, "pull.json"), PULL_RELEASE_MAX, &text, NULL) < 0)
		return ret;
	json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_integer(json_object_get(json, "serial")))
		ret.serial = json_integer_value(json_object_get(json, "serial"));
	ret.is_confirmed = json_is_true(json_object_get(json, "confirmed"));
	ret.reason = json_dup_text(n->m, json, "reason");
	return ret;
}

static int pull_note(struct node *n, const struct release *release, bool is_confirmed, const char *reason)
{
	CLEANUP_JSON json_t *json = json_object();
	int r;

	json_object_set_new(json, "serial", json_integer(release->serial));
	json_object_set_new(json, "confirmed", json_boolean(is_confirmed));
	json_object_set_new(json, "reason", json_text(reason));
	r = replace_file(n->m, node_path(n, "pull.json"), report_dump_json(n->m, json));
	return r < 0 ? node_say(n, NODE_FAILED, "%s: %s", node_path(n, "pull.json"), strerror(-r)) : NODE_DONE;
}

/* From 0 to 999, the same for all releases: the first ones are always the same nodes. -1: this machine has no name. */
static int64_t pull_place(struct node *n)
{
	uint64_t number;
	char *sum;

	if (digest_file(&root_machine, n->m, "/etc/machine-id", &sum) < 0)
		return -1;
	sum[8] = '\0';
	return text_parse_u64(sum, 16, &number, NULL) < 0 ? -1 : (int64_t)(number % 1000);
}

/* NODE_DONE and a line: there is nothing to do for it. */
static int pull_decide(struct node *n, const struct release *release, bool *ret_goes_on)
{
	const struct pull_memory last = pull_remember(n);
	const int64_t place = pull_place(n);

	*ret_goes_on = false;
	if (release->serial < last.serial)
		return node_say(n, NODE_REFUSED, "release %lld is older than %lld, which was here: nothing was changed",
				(long long)release->serial, (long long)last.serial);
	if (release->serial == last.serial && last.is_confirmed)
		return node_say(n, NODE_DONE, "release %lld is here", (long long)release->serial);
	if (release->serial == last.serial)
		return node_say(n, NODE_NO, "release %lld was tried, and is not tried again: %s",
				(long long)release->serial, last.reason ? last.reason : "it was not finished");
	if (release->is_halted)
		return node_say(n, NODE_DONE, "release %lld is halted", (long long)release->serial);
	if (place < 0)
		return node_say(n, NODE_REFUSED, "/etc/machine-id cannot be read: whose turn is it?");
	if (place >= release->permille)
		return node_say(n, NODE_DONE, "release %lld: not yet the turn of this node, %lld of 1000",
				(long long)release->serial, (long long)place);
	*ret_goes_on = true;
	return NODE_DONE;
}

/* As a controller would call them one by one. */
static int pull_change(struct node *n)
{
	const char *target = n->o->target;
	int r = node_stage(n);

	if (r == NODE_DONE && strcmp(n->journal.version, target) != 0)
		return node_say(n, NODE_REFUSED, "the artefact is version %s, not %s", n->journal.version, target);
	if (r == NODE_DONE)
		r = node_apply(n);
	if (r == NODE_DONE && n->journal.state != NODE_CONFIRMED)
		r = node_gate(n);
	return r == NODE_DONE ? node_confirm(n) : r;
}

static int pull_take(struct node *n, const struct release *release)
{
	const struct node_options *o = n->o;
	struct node_options change = *o;
	const char *reason;
	int r = pull_fetch_file(n, &release->artefact);

	if (r == NODE_DONE && release->policy.name)
		r = pull_fetch_file(n, &release->policy);
	/* Before the change: what is killed, or kills the machine, is not tried again and again. */
	if (r == NODE_DONE)
		r = pull_note(n, release, false, NULL);
	if (r != NODE_DONE)
		return r;
	change.argument = pull_path(n, release->artefact.name);
	change.policy = release->policy.name ? pull_path(n, release->policy.name) : NULL;
	change.target = release->version;
	change.owner = PULL_OWNER;
	n->o = &change;
	r = pull_change(n);
	reason = n->line;
	if (r != NODE_DONE && node_recover(n) == NODE_STUCK)
		r = NODE_STUCK;
	n->o = o;
	if (pull_note(n, release, r == NODE_DONE, r == NODE_DONE ? NULL : reason) != NODE_DONE)
		return NODE_FAILED;
	return r == NODE_DONE ? node_say(n, r, "release %lld: version %s confirmed", (long long)release->serial,
					 release->version) :
				node_say(n, r, "release %lld: %s; the node is %s", (long long)release->serial, reason,
					 node_state_names[n->journal.state]);
}

int node_pull(struct node *n)
{
	const struct journal *j = &n->journal;
	const char *folder = node_path(n, "pull");
	struct release release;
	bool goes_on = false;
	int r;

	if (j->state == NODE_APPLIED || j->state == NODE_GATED || j->state == NODE_REVERTING ||
	    (j->state == NODE_STAGED && j->owner && strcmp(j->owner, PULL_OWNER) != 0))
		return node_say(n, NODE_BUSY, "version %s is %s by %s: it is confirmed or taken back first", j->version,
				node_state_names[j->state], j->owner ? j->owner : "somebody");
	if (j->state == NODE_STATE_STUCK)
		return node_say(n, NODE_STUCK, "stuck: %s", j->reason ? j->reason : "see the journal");
	replace_remove(folder);
	r = replace_make_folder(n->o->state);
	if (r == 0 && mkdir(folder, 0700) < 0)
		r = -errno;
	if (r < 0)
		return node_say(n, NODE_FAILED, "%s: %s", folder, strerror(-r));
	r = pull_read_release(n, &release);
	if (r == NODE_DONE)
		r = pull_decide(n, &release, &goes_on);
	if (goes_on)
		r = pull_take(n, &release);
	replace_remove(folder);
	return r;
}
