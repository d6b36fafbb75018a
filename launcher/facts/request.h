/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_FACTS_REQUEST_H
#define ALLOCRUN_FACTS_REQUEST_H

#include <stdbool.h>

/* What the detectors are asked about. Nothing in it is changed or kept. */
struct detect_request {
	const char *const *argv;        /* the command; NULL = none (--list) */
	const char *const *environment; /* NAME=VALUE…, NULL-terminated; for PATH and GPUs */
	const char *allocators;         /* as --allocator: its paths are looked at; NULL = none */
	const char *user;               /* --user; NULL = none */
	/*
	 * False, for a launch: what decides nothing there and costs three system calls a
	 * value is left unknown (THP's defrag and sizes other than the PMD's, the
	 * hugetlb pools, the cgroup's usage).
	 */
	bool thorough;
	bool integrity; /* read the builds whole and compare them with the manifest */
};

#endif
