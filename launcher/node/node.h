/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_NODE_NODE_H
#define ALLOCRUN_NODE_NODE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "util/mem.h"

/*
 * allocrun-node: the change of a node's allocrun as a transaction, with a journal that is ahead of what
 * it describes. Only main.c prints. The functions of the steps return an exit code, with node->line said.
 */
enum node_exit {
	NODE_DONE = 0,
	NODE_NO = 1,      /* the gate says no */
	NODE_USAGE = 2,   /* words that are not understood */
	NODE_REFUSED = 3, /* nothing was changed: wrong state, artefact, signature, policy */
	NODE_FAILED = 4,  /* a step failed; the journal says how far it came */
	NODE_BUSY = 5,    /* another owner's transaction, or another run of this program */
	NODE_STUCK = 6,   /* the way back failed as well: somebody has to look */
};

enum node_state {
	NODE_ABSENT,
	NODE_STAGED,
	NODE_APPLIED,
	NODE_GATED,
	NODE_CONFIRMED,
	NODE_REVERTING,
	NODE_REVERTED,
	NODE_STATE_STUCK,
};
#define NODE_STATES 8
extern const char *const node_state_names[NODE_STATES];

/* What had a path before: put back as it was. */
struct node_file {
	char *path;
	char *link;   /* where the link points; NULL: no link */
	char *backup; /* the name of the file's bytes below STATE/backup; NULL: no file */
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

/* A file of /sys or /proc/sys, and what it said before --tune. */
struct node_setting {
	char *path, *value;
};

#define NODE_NOTHING (-1) /* a figure that is not known */
struct node_unit {
	char *name;
	char *enablement; /* systemd's word for it; NULL: it has none */
	bool was_active;  /* else it is left alone */
	int64_t restarts; /* after the restart by apply */
	int64_t oom_kills;
	int64_t rss;                         /* bytes, of the old version */
	int64_t latency_us;                  /* median of the operator's probe, of the old version */
	int64_t spread_us;                   /* median absolute deviation of it */
	int64_t rss_after, latency_after_us; /* as the gate has seen them */
};

struct journal {
	enum node_state state;
	bool is_whole; /* of NODE_APPLIED: every step was done */
	char *owner;   /* NULL: nobody said */
	char *version, *sha256;
	char *before;     /* the version that was current before; NULL: none */
	char *reason;     /* of the last no */
	char *health;     /* a URL or a command; NULL */
	char *probe;      /* NULL */
	int64_t patience; /* seconds that a server is given until it is healthy, the old version's as well */
	int64_t deadline; /* seconds since 1970, for people: the timer itself is monotonic */
	struct node_file *files;
	size_t n_files;
	struct node_unit *units;
	size_t n_units;
	char *boot_id; /* of the boot that the settings belong to; NULL: there are none */
	struct node_setting *settings;
	size_t n_settings;
};

struct node_options {
	const char *verb, *argument;
	const char *root, *state, *etc, *systemd;
	const char *sums, *signature, *signers;
	const char *policy, *owner, *health, *probe;
	const char *target, *sha256; /* of plan: the artefact that is to come */
	const char **units;
	size_t n_units;
	int64_t confirm_within, timeout, soak; /* seconds */
	int64_t rss_percent, latency_percent;
	bool is_json, no_systemd, is_deadman, is_boot, wants_tune, without_server;
};

struct node {
	struct mem *m;
	const struct node_options *o;
	struct journal journal;
	bool has_systemd;
	int lock;
	const char *line; /* what is to be said at the end */
	json_t *would;    /* of plan; NULL */
};

/* Sets the line and returns the code. */
int node_say(struct node *n, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
char *node_path(const struct node *n, const char *name); /* below the state's folder */
char *node_version_path(const struct node *n, const char *version);
char *node_current_path(const struct node *n);
/* The version that the link "current" names; NULL: none. */
char *node_current(const struct node *n);
char *node_fragment_path(const struct node *n); /* of the policy, below policy.d */
/* Of a version, of a file beside others: no folder, and nothing that a program takes for an option or a machine. */
bool node_is_name(const char *name);
/* The program itself, as the timer and the start of the machine run it: no version's end takes it away. */
char *node_own_path(const struct node *n);

/* --- journal.c --- */
/* -EINVAL with the reason; nothing of it is believed then. */
int journal_parse(struct mem *m, const char *text, size_t size, struct journal *ret, const char **ret_problem);
char *journal_print(struct mem *m, const struct journal *j);
json_t *journal_json(const struct journal *j);
/* -ENOENT: state absent. */
int journal_read(struct node *n, const char **ret_problem);
/* Renamed and on the disk, or a line and NODE_FAILED. */
int journal_write(struct node *n);

/* --- lock.c --- */
int node_lock(struct node *n);

/* --- run.c --- */
/*
 * Runs the program (no shell), at most `seconds` (then it and its group are killed: -ETIMEDOUT). Its exit
 * code, or -errno. Its standard output and error are in *ret_out, at most 1 MiB of it; NULL: not wanted.
 */
int run_program(struct mem *m, const char *const *argv, int64_t seconds, char **ret_out);
int run_command(struct mem *m, const char *command, int64_t seconds, char **ret_out);
/* The first line of what a program said, cleaned. */
const char *run_first_line(struct mem *m, const char *out);

/* --- save.c --- */
/* Takes the path up into the journal once, with a copy of its bytes. -errno. */
int save_file(struct node *n, const char *path);
/* A folder that is not there: it goes again, unless somebody else has put something into it. */
int save_folder(struct node *n, const char *path);
/* Copies that the journal on the disk does not name any more. */
void save_tidy(struct node *n);
/* Puts all back. -errno of the first that failed, *ret_path says which. */
int save_restore(struct node *n, const char **ret_path);
/* Do all stand as they were? */
bool save_is_restored(struct node *n);
int save_write(struct node *n, const char *path, const char *bytes, size_t size, mode_t mode, uid_t uid, gid_t gid);
int save_link(struct node *n, const char *path, const char *target);
int save_sync_folder(struct node *n, const char *path);

/* --- units.c --- */
struct unit_now {
	bool is_active, is_between, is_masked, is_there; /* between: starting, stopping, or failing over and over */
	int64_t restarts;
	char *cgroup, *enablement;
};
int unit_look(struct node *n, const char *name, struct unit_now *ret);
/* One that is between up and down would be neither restarted nor proved: refused. */
int unit_check_settled(struct node *n, const char *name, const struct unit_now *now);
int unit_restart(struct node *n, const char *name);
int unit_reload_all(struct node *n);
/* Enabled, disabled or masked as it was, where that has changed. */
int unit_restore_enablement(struct node *n, const struct node_unit *unit);
int64_t unit_rss(struct node *n, const char *cgroup);
int64_t unit_oom_kills(struct node *n, const char *cgroup);

/* --- policy.c --- */
/* Those of --unit, and those that the policy with --policy in its place has under [units]. */
int policy_list_units(struct node *n, const char ***ret, size_t *ret_count);

/* --- deadman.c --- */
/* From now on the node goes back by itself: by a timer, and by a unit at the start of the machine. */
int deadman_arm(struct node *n);
void deadman_disarm(struct node *n);
bool deadman_is_armed(struct node *n);

/* --- knobs.c --- */
/* --tune of the staged version; what it changes is in the journal before. */
int knobs_tune(struct node *n);
/* -errno of the first that failed, *ret_path says which. Those of an earlier boot are gone by themselves. */
int knobs_restore(struct node *n, const char **ret_path);

/* --- links.c --- */
/* What the staged version has in lib/systemd: kept and made, -errno; taken away. */
int links_save(struct node *n);
int links_make(struct node *n);
void links_remove(struct node *n);

/* --- plan.c --- */
/* Is the policy's fragment the file of --policy, byte for byte? Without --policy: yes. */
bool plan_policy_stands(struct node *n);

/* --- gate.c --- */
int gate_measure(struct node *n, const char *probe, int64_t *ret_median_us, int64_t *ret_spread_us);
/* NULL: healthy again, as far as the old version can be asked. */
const char *gate_look_back(struct node *n);
const char *gate_check_json(struct mem *m, const char *text, const char *prefix);

/* --- artefact.c --- */
struct artefact_kind;
struct artefact {
	const char *path; /* the verb's argument, as no other program takes it for an option or a machine */
	const struct artefact_kind *kind;
	char *version;
};
/* What the verb's argument is, whether all is here that unpacks it, what a package says of itself. Writes nothing. */
int artefact_open(struct node *n, struct artefact *ret);
/* Into the folder, which is empty: the tree, as PREFIX has it, and its version. What is half done is the caller's. */
int artefact_unpack(struct node *n, struct artefact *a, const char *folder, char **ret_tree);

/* --- tree.c --- */
/* Folders, plain files, and links that stay in it: else a line. */
int tree_check(struct node *n, const char *tree);

/* --- stage.c --- */
/* --signature holds for --sums; without --signature nothing is asked. */
int stage_verify_signature(struct node *n);

/* --- release.c --- */
struct release_file {
	char *name, *sha256; /* NULL: there is none */
};
struct release {
	int64_t serial, permille; /* of the fleet that it is for by now */
	bool is_halted;
	char *version;
	struct release_file artefact, policy;
};
/* For machines of this kind, as uname(2) says it. -EINVAL with the reason. */
int release_parse(struct mem *m, const char *text, size_t size, const char *machine, struct release *ret,
		  const char **ret_problem);

/* --- the steps --- */
int node_pull(struct node *n);
int node_stage(struct node *n);
int node_plan(struct node *n);
int node_status(struct node *n);
int node_apply(struct node *n);
int node_gate(struct node *n);
int node_confirm(struct node *n);
int node_revert(struct node *n);
int node_recover(struct node *n);
int node_gc(struct node *n);
int node_remove(struct node *n);

#endif
