/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_TUNE_TUNING_H
#define ALLOCRUN_TUNE_TUNING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "facts/machine.h"
#include "known/knobs.h"
#include "options/node_policy.h"
#include "util/mem.h"
#include "util/path.h"

/*
 * --tune: facts of the files that the table names, a plan of writes made of them and
 * of [node], and the one writer. Detect, decide (pure), apply; strings belong to the
 * pool.
 */

/* --- facts ------------------------------------------------------------------- */

struct tune_saved;

/* One file as it was found. */
struct tune_file {
	const struct tune_setting *setting;
	int node;     /* NODE_NONE where the file is of no node */
	int64_t size; /* bytes of a page; 0 where the file has none */
	const char *path;
	const char *value;   /* the chosen word, or the number; NULL = `error` */
	const char *offered; /* TUNE_WORD: all that the kernel offers, "a b c" */
	int error;           /* 0 or -errno */
};

/* Another place that sets one of these files: a line of sysctl.d, sysctl.* at boot. */
struct tune_rival {
	const char *where; /* "/etc/sysctl.d/90-x.conf:3" */
	const char *path;  /* the file that it sets */
	const char *value;
};

struct tune_facts {
	struct tune_file *files;
	size_t n_files;
	struct numa_facts numa;
	const char *kernel;        /* osrelease; "" = unknown */
	const char *command_line;  /* of the kernel; NULL = unknown */
	int64_t default_huge_size; /* FACT_UNKNOWN: no hugetlb */
	int64_t thp_pages;         /* of a page in one of THP's largest; FACT_UNKNOWN */
	const char *tuned_profile; /* of tuned, where it is active, also several "a b"; NULL */
	struct tune_rival *rivals;
	size_t n_rivals;
	const char *boot_id; /* /proc/sys/kernel/random/boot_id; NULL = unknown */
};

/* Never fails: what cannot be read is in its file's `error`. */
void tune_detect(const struct root *root, struct mem *m, struct tune_facts *ret);
/* The files of `saved` as well, which need not be among those of this machine's nodes and sizes. */
void tune_detect_saved(const struct root *root, struct mem *m, const struct tune_saved *saved, size_t n_saved,
		       struct tune_facts *facts);
/* The file of this setting, node and size; NULL = there is none. */
const struct tune_file *tune_find_file(const struct tune_facts *facts, const struct tune_setting *setting, int node,
				       int64_t size);
/* The file of this path; NULL = there is none. */
const struct tune_file *tune_find_path(const struct tune_facts *facts, const char *path);
/* What a file says: its one number, word in brackets, or switch. -EINVAL. Pure. */
int tune_parse_value(struct mem *m, const struct tune_setting *setting, const char *text, const char **ret_value,
		     const char **ret_offered);

/* The lines of others that set what we set; for tune_detect(). */
void tune_detect_rivals(const struct root *root, struct mem *m, struct tune_facts *facts);
/* The rivals in one file of sysctl.d. Pure. */
void tune_parse_rivals(struct mem *m, const char *name, const char *text, struct tune_facts *facts);

/* --- plan -------------------------------------------------------------------- */

enum tune_outcome {
	TUNE_SAME,        /* holds already: nothing is written */
	TUNE_SKIPPED,     /* the feature is not there, so there is nothing to set; `detail` */
	TUNE_IMPOSSIBLE,  /* cannot be had here, known before anything is written; `detail` */
	TUNE_PLANNED,     /* to be written */
	TUNE_CHANGED,     /* written, and read back as wanted */
	TUNE_FAILED,      /* did not take; `detail` */
	TUNE_RESTORED,    /* took, and was put back because another one did not */
	TUNE_NOT_WRITTEN, /* another one did not take before it was its turn */
};

/* What a file is to get back. */
struct tune_saved {
	const char *path;
	const char *value;
};

struct tune_write {
	const struct tune_setting *setting;
	const char *key;   /* of [node] */
	const char *where; /* the policy's line */
	const char *path;
	int node; /* as in struct tune_file */
	int64_t size;
	const char *from; /* NULL: could not be read */
	const char *to;
	const char *got; /* after apply: what was read back; NULL = nothing */
	bool is_written; /* the kernel has taken a value, and it was not put back */
	enum tune_outcome outcome;
	const char *detail; /* NULL: nothing to say */
	const char **notes; /* who else sets it */
	size_t n_notes;
	/* What brings the old state back; more than one file where the kernel spreads pages. */
	struct tune_saved *saved;
	size_t n_saved;
};

struct tune_plan {
	struct tune_write *writes;
	size_t n;
	const char **notes; /* of the whole */
	size_t n_notes;
};

/* What [node] asks for, against what was found. Pure. */
void tune_decide(struct mem *m, const struct tune_facts *facts, const struct node_policy *policy,
		 struct tune_plan *ret);
/* Why a file's value is not known; its `error` is not 0. Pure. */
const char *tune_explain_unread(struct mem *m, const struct tune_file *file);
/* Who else sets the file of a write; for tune_decide(). */
void tune_add_notes(struct mem *m, const struct tune_facts *facts, struct tune_plan *plan);
size_t tune_count(const struct tune_plan *plan, enum tune_outcome outcome);
const char *tune_outcome_name(enum tune_outcome outcome);
/* After apply: is the file another than it was found, as far as can be told? Pure. */
bool tune_has_changed(const struct tune_write *w);

/* --- the state: what the first tune found ------------------------------------ */

#define TUNE_STATE_FOLDER "/var/lib/allocrun"
#define TUNE_STATE_FILE "tune.json"
#define TUNE_LOCK_FILE "tune.lock"

struct tune_state {
	const char *boot_id;      /* of the boot that it belongs to */
	struct tune_saved *saved; /* in the order of the first writes, one for each path */
	size_t n_saved;
};

/*
 * The state's text. -EINVAL: *ret_problem says what is wrong with it. Only files of
 * the table are taken, and values of their form, so that a damaged state never writes
 * anything else. Pure.
 */
int tune_state_parse(struct mem *m, const char *text, size_t size, struct tune_state *ret, const char **ret_problem);
/* -ENOENT: there is none. -EINVAL as above; else -errno, with *ret_problem as well. */
int tune_state_read(const struct root *root, struct mem *m, struct tune_state *ret, const char **ret_problem);
/* Replaces the file in `folder`; with nothing saved it is removed. -errno. */
int tune_state_write(struct mem *m, const char *folder, const struct tune_state *state);
/* Adds what is not in there yet. */
void tune_state_add(struct mem *m, struct tune_state *state, const struct tune_plan *plan);
/* Without those additions to `before` whose write has changed nothing in the end. */
void tune_state_settle(struct mem *m, struct tune_state *state, const struct tune_state *before,
		       const struct tune_plan *plan);
/* The state as a plan of writes, the last one first. A value that was not read has no `from`. */
void tune_state_plan(struct mem *m, const struct tune_facts *facts, const struct tune_state *state,
		     struct tune_plan *ret);
/*
 * Makes `folder` where it is missing and locks a file in it that its owner alone can
 * open, so that only one of two at once works and no other user can hold them up. Waits
 * for at most `wait_ms`. Returns a descriptor whose closing unlocks, or -errno;
 * -EWOULDBLOCK: it is still held.
 */
int tune_state_lock(const char *folder, int64_t wait_ms);

/* --- apply ------------------------------------------------------------------- */

/*
 * Whether all files of the planned writes can be opened for writing: 0, or -errno with
 * the one that cannot; -ENOENT or -ENODEV: it has gone since it was read. Nothing is
 * written.
 */
int tune_probe(const struct root *root, const struct tune_plan *plan, const struct tune_write **ret_write);
/* Of a write whose file cannot be written to. Pure. */
const char *tune_explain_error(struct mem *m, const struct tune_write *w, int error);
/*
 * The only writer: each planned write in its order, read back. With `is_atomic` all of
 * them are put back when one did not take. `is_revert`: the plan is that of a state.
 */
void tune_apply(const struct root *root, struct mem *m, struct tune_plan *plan, bool is_atomic, bool is_revert);

/* --- report ------------------------------------------------------------------ */

enum tune_mode { TUNE_DRY_RUN, TUNE_WRITE, TUNE_REVERT };

struct tune_report {
	enum tune_mode mode;
	bool is_dry; /* with --revert */
	bool is_quiet, is_verbose;
	const char *const *policy_files;
	size_t n_policy_files;
	const struct tune_plan *plan;
	int exit_code;
};

char *tune_report_text(struct mem *m, const struct tune_report *report);
char *tune_report_json(struct mem *m, const struct tune_report *report);

#endif
