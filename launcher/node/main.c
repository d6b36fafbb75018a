/* SPDX-License-Identifier: Apache-2.0 */
/* allocrun-node: the node's side of a rollout. */
#include "node/node.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/json_values.h"
#include "util/json.h"
#include "util/output.h"
#include "util/path.h"
#include "util/text.h"
#include "version.h"

static const char help[] =
	"Usage: allocrun-node VERB [OPTION]...\n"
	"Change the allocrun of this node as one transaction that can always be taken back.\n"
	"\n"
	"  stage ARTEFACT           verify a tarball, .deb or .rpm, and unpack it\n"
	"      --sums FILE --signature FILE --signers FILE\n"
	"  plan                     what apply would do with its options; writes nothing\n"
	"      --target VERSION --sha256 SUM: of an artefact, staged or not\n"
	"  apply --confirm-within T switch, restart active units; goes back after T\n"
	"      --target VERSION --policy FILE --tune --unit UNIT... --owner WHO\n"
	"      --health URL|COMMAND --probe COMMAND --timeout T\n"
	"  gate                     is it proved, and as well as before?\n"
	"      --health URL|COMMAND --probe COMMAND --timeout T --soak T\n"
	"      --rss-percent N (20) --latency-percent N (10)\n"
	"      --without-server: of a node where no server runs, the version alone\n"
	"  confirm                  it stays\n"
	"  revert                   all as it was before apply\n"
	"  status                   the state, and what is current\n"
	"  gc                       remove versions that nobody has\n"
	"  remove                   what apply has put there, and every version that no process has\n"
	"  pull URL|FOLDER --signers FILE --confirm-within T\n"
	"                           all of it by a signed release.json, when it is this node's turn;\n"
	"                           the options of apply and gate\n"
	"  recover                  take back what was not confirmed; --boot: restart nothing\n"
	"\n"
	"Everywhere: --format text|json, --root DIR (/opt/allocrun), --state DIR\n"
	"(/var/lib/allocrun), --etc DIR (/etc/allocrun), --systemd DIR (/etc/systemd), --no-systemd\n"
	"T: seconds, or with s, m, h. Exit: 0 done or nothing to do, 1 the gate says no, 2 usage,\n"
	"3 refused and unchanged, 4 failed, 5 another owner or run, 6 stuck.\n";

static const struct verb {
	const char *name;
	int (*run)(struct node *n);
	bool is_locked;
} verbs[] = {
	{ "stage", node_stage, true },    { "plan", node_plan, false },      { "apply", node_apply, true },
	{ "gate", node_gate, true },      { "confirm", node_confirm, true }, { "revert", node_revert, true },
	{ "status", node_status, false }, { "gc", node_gc, true },           { "recover", node_recover, true },
	{ "remove", node_remove, true },  { "pull", node_pull, true },
};

static bool main_read_duration(const char *text, int64_t *ret)
{
	const char *end;
	int64_t value, unit;

	if (text_parse_i64(text, &value, &end) < 0 || value < 1 || value > 7 * 86400)
		return false;
	unit = !*end || strcmp(end, "s") == 0 ? 1 : strcmp(end, "m") == 0 ? 60 : strcmp(end, "h") == 0 ? 3600 : 0;
	*ret = value * unit;
	return unit > 0;
}

static bool main_read_percent(const char *text, int64_t *ret)
{
	const char *end;

	return text_parse_i64(text, ret, &end) == 0 && !*end && *ret >= 0 && *ret <= 10000;
}

/* systemd's characters: a name stands in the text of a unit. */
static bool main_is_unit(const char *name)
{
	return *name && *name != '-' &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.\\@-")] == 0;
}

/* A text option's place; NULL: another kind. */
static const char **main_text(struct node_options *o, int option)
{
	switch (option) {
	case 'r':
		return &o->root;
	case 's':
		return &o->state;
	case 'e':
		return &o->etc;
	case 'd':
		return &o->systemd;
	case 'S':
		return &o->sums;
	case 'G':
		return &o->signature;
	case 'K':
		return &o->signers;
	case 'p':
		return &o->policy;
	case 'o':
		return &o->owner;
	case 'H':
		return &o->health;
	case 'P':
		return &o->probe;
	case 'T':
		return &o->target;
	case 'A':
		return &o->sha256;
	default:
		return NULL;
	}
}

static bool main_take(struct mem *m, struct node_options *o, int option, const char *value)
{
	const char **text = main_text(o, option);

	if (text)
		*text = value;
	switch (option) {
	case 'f':
		o->is_json = strcmp(value, "json") == 0;
		return o->is_json || strcmp(value, "text") == 0;
	case 'c':
		return main_read_duration(value, &o->confirm_within);
	case 't':
		return main_read_duration(value, &o->timeout);
	case 'W':
		return main_read_duration(value, &o->soak);
	case 'R':
		return main_read_percent(value, &o->rss_percent);
	case 'L':
		return main_read_percent(value, &o->latency_percent);
	case 'u':
		*MEM_PUSH(m, o->units, o->n_units) = value;
		return main_is_unit(value);
	case 'n':
		o->no_systemd = true;
		return true;
	case 'D':
		o->is_deadman = true;
		return true;
	case 'B':
		o->is_boot = true;
		return true;
	case 'k':
		o->wants_tune = true;
		return true;
	case 'w':
		o->without_server = true;
		return true;
	default:
		return text && *value;
	}
}

/* They stand in a unit's text and on its command line. */
static bool main_is_plain_path(const char *path)
{
	return *path == '/' &&
	       path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-")] == 0;
}

static int main_check(const struct node_options *o)
{
	const char *const folders[] = { o->root, o->state, o->etc, o->systemd };

	if (!o->verb || !o->argument != !text_has_word("stage pull", o->verb) ||
	    !o->confirm_within != !text_has_word("apply pull", o->verb) ||
	    (strcmp(o->verb, "pull") == 0 && !o->signers)) {
		fprintf(stderr,
			"allocrun-node: a verb; stage with an artefact, apply with --confirm-within, pull with both and "
			"--signers: see --help\n");
		return NODE_USAGE;
	}
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		if (main_is_plain_path(folders[i]))
			continue;
		fprintf(stderr, "allocrun-node: '%s': an absolute path of letters, digits and /._+- is wanted\n",
			folders[i]);
		return NODE_USAGE;
	}
	if (o->target && (*o->target == '.' || strchr(o->target, '/'))) {
		fprintf(stderr, "allocrun-node: '%s' is no version\n", o->target);
		return NODE_USAGE;
	}
	return NODE_DONE;
}

static int main_parse(struct mem *m, int argc, char **argv, struct node_options *o)
{
	static const struct option options[] = {
		{ "root", 1, NULL, 'r' },
		{ "state", 1, NULL, 's' },
		{ "etc", 1, NULL, 'e' },
		{ "systemd", 1, NULL, 'd' },
		{ "sums", 1, NULL, 'S' },
		{ "signature", 1, NULL, 'G' },
		{ "signers", 1, NULL, 'K' },
		{ "policy", 1, NULL, 'p' },
		{ "owner", 1, NULL, 'o' },
		{ "health", 1, NULL, 'H' },
		{ "probe", 1, NULL, 'P' },
		{ "format", 1, NULL, 'f' },
		{ "confirm-within", 1, NULL, 'c' },
		{ "timeout", 1, NULL, 't' },
		{ "soak", 1, NULL, 'W' },
		{ "rss-percent", 1, NULL, 'R' },
		{ "latency-percent", 1, NULL, 'L' },
		{ "unit", 1, NULL, 'u' },
		{ "no-systemd", 0, NULL, 'n' },
		{ "deadman", 0, NULL, 'D' },
		{ "boot", 0, NULL, 'B' },
		{ "tune", 0, NULL, 'k' },
		{ "without-server", 0, NULL, 'w' },
		{ "target", 1, NULL, 'T' },
		{ "sha256", 1, NULL, 'A' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?' || !main_take(m, o, option, optarg)) {
			if (option != '?')
				fprintf(stderr, "allocrun-node: bad value '%s': see allocrun-node --help\n", optarg);
			return NODE_USAGE;
		}
	}
	o->verb = optind < argc ? argv[optind++] : NULL;
	o->argument = optind < argc ? argv[optind++] : NULL;
	if (optind < argc) {
		fprintf(stderr, "allocrun-node: '%s' is too much: see --help\n", argv[optind]);
		return NODE_USAGE;
	}
	return main_check(o);
}

static int main_check_owner(struct node *n)
{
	const struct journal *j = &n->journal;
	bool is_open = j->state == NODE_APPLIED || j->state == NODE_GATED || j->state == NODE_REVERTING ||
		       j->state == NODE_STAGED;

	if (!is_open || !n->o->owner || !j->owner || strcmp(n->o->owner, j->owner) == 0)
		return NODE_DONE;
	return node_say(n, NODE_BUSY, "version %s is %s by %s: let them confirm or revert it", j->version,
			node_state_names[j->state], j->owner);
}

static int main_run(struct node *n, const struct verb *verb)
{
	const char *problem = NULL;
	int r = verb->is_locked ? node_lock(n) : NODE_DONE;

	if (r != NODE_DONE)
		return r;
	if (journal_read(n, &problem) < 0)
		return node_say(n, NODE_STUCK, "%s: %s: look at it, nothing is done meanwhile",
				node_path(n, "rollout.json"), problem);
	r = verb->is_locked ? main_check_owner(n) : NODE_DONE;
	r = r == NODE_DONE ? verb->run(n) : r;
	/* What is said is what is on the disk, not what it would have been. */
	if (r == NODE_REFUSED)
		journal_read(n, &problem);
	return r;
}

static int main_print(struct node *n, int code)
{
	CLEANUP_JSON json_t *json = NULL;

	if (!n->o->is_json && code != NODE_DONE) {
		output_write(2, mem_printf(n->m, "allocrun-node: %s\n", n->line));
		return code;
	}
	if (!n->o->is_json) {
		output_write(1, mem_printf(n->m, "%s: %s\n", node_state_names[n->journal.state], n->line));
		return code;
	}
	json = journal_json(&n->journal);
	json_object_set_new(json, "verb", json_text(n->o->verb));
	json_object_set_new(json, "exit_code", json_integer(code));
	json_object_set_new(json, "message", json_text(n->line));
	json_object_set_new(json, "current", json_text(node_current(n)));
	json_object_set_new(json, "armed", json_boolean(deadman_is_armed(n)));
	json_object_set_new(json, "would", n->would ? json_incref(n->would) : json_null());
	return output_write(1, report_dump_json(n->m, json)) < 0 && code == NODE_DONE ? NODE_FAILED : code;
}

int main(int argc, char **argv)
{
	struct mem m = MEM_INIT;
	struct node_options o = { .root = "/opt/allocrun",
				  .state = "/var/lib/allocrun",
				  .etc = "/etc/allocrun",
				  .systemd = "/etc/systemd",
				  .timeout = 120,
				  .rss_percent = 20,
				  .latency_percent = 10 };
	struct node n = { .m = &m, .o = &o, .lock = -1, .line = "" };
	int code = NODE_USAGE;

	output_guard_standard_descriptors();
	umask(022);
	mem_at_end(NODE_FAILED, NULL);
	if (argc > 1 && strcmp(argv[1], "--help") == 0)
		return output_write(1, help) < 0 ? NODE_FAILED : 0;
	if (argc > 1 && strcmp(argv[1], "--version") == 0)
		return output_write(1, "allocrun-node " ALLOCRUN_VERSION "\n") < 0 ? NODE_FAILED : 0;
	if (main_parse(&m, argc, argv, &o) != NODE_DONE)
		return NODE_USAGE;
	n.has_systemd = !o.no_systemd && access("/run/systemd/system", F_OK) == 0;
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		if (strcmp(verbs[i].name, o.verb) != 0)
			continue;
		code = main_run(&n, &verbs[i]);
		code = main_print(&n, code);
		json_decref(n.would);
		mem_free_all(&m);
		return code;
	}
	fprintf(stderr, "allocrun-node: no verb '%s': see allocrun-node --help\n", o.verb);
	return code;
}
