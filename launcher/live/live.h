/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_LIVE_LIVE_H
#define ALLOCRUN_LIVE_LIVE_H

#include "facts/live.h"
#include "util/mem.h"
#include "util/path.h"

/* running processes -> facts/live.h */

struct guard;

struct live_request {
	enum live_selector selector;
	const char *text; /* the PID, unit or path as given; NULL for LIVE_ALL and LIVE_HERE */
	const struct catalog_facts *catalog;
	struct guard *guard; /* that this look runs under; NULL = none */
	bool awaits_exec;    /* whoever is our launcher, before its exec, is given a moment */
	bool thorough;       /* also what costs milliseconds: numa_maps, smaps, options */
};

/* Never fails: what is missing is unknown, and ret->problem says why nothing is there. */
void live_detect(const struct root *root, struct mem *m, const struct live_request *request, struct live_facts *ret);

/* Is any of them alive? Those that may not be looked into are. */
bool live_has_anybody(const struct live_facts *live);

#endif
