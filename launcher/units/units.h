/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UNITS_UNITS_H
#define ALLOCRUN_UNITS_UNITS_H

#include <stdbool.h>
#include <stddef.h>

#include "options/unit_policy.h"
#include "util/mem.h"
#include "util/path.h"

/*
 * Services of systemd: their files as systemd reads them, and what stands in front of their commands as a
 * drop-in. Read, decide (pure), write; strings belong to the pool. What is not understood is left alone,
 * and said: a service starts as it would have without us.
 */

/* Sorts behind what administrators write; a file of this name in /etc takes it off (systemd.unit(5)). */
#define UNITS_DROP_IN "zz-allocrun.conf"

/* --- what a service's files say ------------------------------------------------ */

/* Of [Service]; what an empty value takes back are lists. */
enum unit_key {
	UNIT_EXEC_START,
	UNIT_INACCESSIBLE,
	UNIT_TEMPORARY,
	UNIT_NO_EXEC,
	UNIT_LISTS,
	UNIT_ROOT_DIRECTORY = UNIT_LISTS,
	UNIT_ROOT_IMAGE,
	UNIT_PROTECT_SYSTEM,
	UNIT_PROTECT_HOME,
	UNIT_PRIVATE_TMP,
	UNIT_DYNAMIC_USER,
	UNIT_KEY_COUNT,
};

struct unit_line {
	const char *value;
	const char *where; /* "/etc/systemd/system/vllm.service:7" */
};

struct unit {
	const char *name;
	const char *problem; /* NULL, or why it is left alone */
	bool is_off;         /* a file of ours in /etc takes it off, `problem` says which */
	struct {
		struct unit_line *items; /* one at most where it is no list */
		size_t n;
	} settings[UNIT_KEY_COUNT];
};

/*
 * Adds a file's text to what the files before it said; its `length` bytes end in a NUL. -EINVAL: u->problem is
 * "FILE:LINE: …". Pure; the fuzzer's entry.
 */
int unit_parse(struct mem *m, struct unit *u, const char *file, const char *text, size_t length);

/* What lies in systemd's folders for units, read once for all services. */
#define UNIT_PATHS 10
struct unit_index {
	char **names[UNIT_PATHS]; /* NULL = there is no such folder, or it is one of those before */
	struct unit_alias {
		const char *name, *target; /* "dbus-x.service", and its link's last name "x.service" */
	} * aliases;
	size_t n_aliases;
};
void unit_index_read(const struct root *root, struct mem *m, struct unit_index *ret);

/*
 * All files of a service or of a template in systemd's order, without those that generators make. Of what
 * cannot be read, is masked, or is an alias u->problem tells.
 */
void unit_load(const struct root *root, struct mem *m, const struct unit_index *index, const char *name,
	       struct unit *ret);
/* "vllm@a.service", …: instances of the template that have files of their own. NULL-terminated, in the pool. */
char **unit_list_instances(struct mem *m, const struct unit_index *index, const char *template);

/* --- what stands in front --------------------------------------------------------- */

/* Where allocrun is, and what else of it a server's sandbox has to leave in sight. */
struct units_launcher {
	const char *program; /* "/usr/bin/allocrun" */
	const char *library; /* "/usr/lib/allocrun" */
};

/* Can it stand in a unit's line without quotes? */
bool units_launcher_is_plain(const struct units_launcher *launcher);

/*
 * The command of an ExecStart= line, with prefixes, behind "PROGRAM -- ". NULL with *ret_line, or why it stays as it
 * is; *ret_line NULL and NULL: allocrun is in it already. Pure; the fuzzer's entry.
 */
const char *unit_exec_put_before(struct mem *m, const char *value, const char *program, char **ret_line);

enum unit_outcome {
	UNIT_FRONT, /* `text` is its drop-in */
	UNIT_OFF,   /* the policy or a file says so */
	UNIT_HAS,   /* allocrun is in its command already */
	UNIT_LEFT,  /* `reason` says why */
	UNIT_OUTCOMES,
};
extern const char *const unit_outcome_names[UNIT_OUTCOMES];

/* One service of [units], or an instance of a template there. */
struct unit_decision {
	const char *name;
	const char *where; /* its line of the policy */
	enum unit_outcome outcome;
	const char *reason;    /* NULL where there is nothing to say */
	char *text;            /* the drop-in: UNITS_DROP_IN; "" where it takes a template's off; NULL = none */
	const char **commands; /* the ExecStart= lines of `text` */
	size_t n_commands;
};

/* Pure. */
void unit_decide(struct mem *m, const struct unit *u, const struct unit_item *item,
		 const struct units_launcher *launcher, struct unit_decision *ret);
/* All of [units], each template followed by the instances that need their own. Reads. */
struct unit_decision *units_decide(const struct root *root, struct mem *m, const struct unit_policy *policy,
				   const struct units_launcher *launcher, size_t *ret_n);

/* For people, and for programs. */
char *units_describe(struct mem *m, const struct unit_decision *decisions, size_t n);
char *units_describe_json(struct mem *m, const struct unit_decision *decisions, size_t n);

/* The drop-in below `folder`, as the generator's last one. -errno. */
int unit_write(struct mem *m, const char *folder, const struct unit_decision *decision);

#endif
