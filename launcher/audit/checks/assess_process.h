/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_AUDIT_CHECKS_ASSESS_PROCESS_H
#define ALLOCRUN_AUDIT_CHECKS_ASSESS_PROCESS_H

#include "audit/checks/assess.h"

/* The functions of the process checks, and what they share. */

/* audit_serving.c */
check_assess audit_preload_effective;
/* audit_options.c */
check_assess audit_options_in_force;
/* audit_purge.c */
check_assess audit_purge_in_force;
/* audit_variables.c */
check_assess audit_process_variables, audit_process_arenas;
/* audit_drift.c */
check_assess audit_launch_record, audit_affinity_in_force, audit_mempolicy_in_force, audit_thp_in_force,
	audit_capabilities_left, audit_limits_in_force;
/* audit_usage.c */
check_assess audit_process_headroom, audit_memory_verdict, audit_local_memory, audit_rdma_hooks, audit_mappings;

/*
 * What every process check asks first: can anything be said of this process? True with
 * the finding that says why not.
 */
bool audit_cannot_tell(struct mem *m, const struct live_process *p, struct finding *ret);
/* Is it libc's own malloc? */
bool audit_is_libc(const struct live_library *library);
/* Does it descend from another process that is looked at? */
bool audit_is_child(const struct audit_facts *a, const struct live_process *p);
/* Does our purge thread live in it, and look from time to time? */
bool audit_purge_runs(const struct live_process *p);
/* The step of the launch record; of those that set limits the one of `resource`, where that is not NULL. */
const struct live_step *audit_record_step(const struct live_process *p, const char *step, const char *resource);

#endif
