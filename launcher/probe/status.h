/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_PROBE_STATUS_H
#define ALLOCRUN_PROBE_STATUS_H

/* Where the launcher finds it, below the prefix. */
#define PROBE_FILE "lib/allocrun/probe"

/* What the probe ends with; a loader that does not come that far ends with 1 or 127. */
enum probe_status {
	PROBE_SERVES = 0,
	PROBE_OTHER = 100, /* another object's malloc or free is found: its name is on stdout */
	PROBE_NO_MEMORY,
	PROBE_NOT_STARTED, /* of the launcher's child: the loader could not be executed */
};

#endif
