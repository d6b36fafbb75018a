/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_FACTS_LAUNCH_RECORD_H
#define ALLOCRUN_FACTS_LAUNCH_RECORD_H

/*
 * The launch record, for who writes it (report/json.c, apply/record.c) and who reads it
 * (live/live_record.c): where it is, its version, and the keys of what a step has set. The
 * words beside them are for people, and are never read back.
 *
 * Version 2 has "set" in each operation of the plan. Version 1, which has the words alone, is
 * still read: after an upgrade the servers that run were launched by the allocrun before it.
 */
#define RECORD_FOLDER "/run/allocrun"
#define RECORD_SUBFOLDER "allocrun" /* of a service's $RUNTIME_DIRECTORY, where the other cannot be written */
#define RECORD_NAME "%lld.json"     /* the PID, in the namespace of the launcher */
#define RECORD_VERSION 2

#define RECORD_CPUS "cpus"                 /* list, "0-3,8" */
#define RECORD_POLICY "mempolicy"          /* MPOL_*, a number */
#define RECORD_NODES "nodes"               /* list; null for a policy without nodes */
#define RECORD_THP "thp_disable"           /* as PR_GET_THP_DISABLE answers: 0, 1, 3 */
#define RECORD_RESOURCE "resource"         /* "memlock", "core" */
#define RECORD_SOFT "soft"                 /* bytes, or "unlimited" */
#define RECORD_HARD "hard"                 /* the same */
#define RECORD_OOM_SCORE "oom_score_adj"   /* a number */
#define RECORD_VARIABLE "variable"         /* the name */
#define RECORD_TEXT "text"                 /* its value; null: it was taken out */
#define RECORD_CHILDREN "children"         /* as --children says it */
#define RECORD_UID "uid"                   /* a number */
#define RECORD_GID "gid"                   /* a number */
#define RECORD_CAPABILITIES "capabilities" /* the mask that is kept, 16 hex digits, as in /proc/PID/status */
#define RECORD_NO_NEW_PRIVS "no_new_privs" /* true */

#endif
