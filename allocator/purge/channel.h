/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page by which a running process is told to give memory back now, or when to: `allocrun --purge` and
 * `--heap-profile` write a command there, the purge thread obeys and answers. It is a memfd of that process, found in
 * its /proc/PID/fd by its name; so the kernel decides who may, by the rules for /proc/PID, and nothing can be reached
 * over a network or from a file system. Both sides know this header; the version changes with it.
 *
 * Each side takes the other for hostile: a command is copied before it is looked at, an answer is checked, and
 * nothing that the thread decides by lies here. The page is sealed against shrinking.
 */
#ifndef ALLOCRUN_PURGE_CHANNEL_H
#define ALLOCRUN_PURGE_CHANNEL_H

#include <stdint.h>

#define PURGE_CHANNEL_NAME "allocrun-purge"
#define PURGE_DUMP_NAME "allocrun-dump"
#define PURGE_CHANNEL_MAGIC UINT64_C(0x6c656e6e616863) /* "channel" */
#define PURGE_CHANNEL_VERSION 2
#define PURGE_CHANNEL_SIZE 4096

enum purge_verb {
	PURGE_VERB_PURGE = 1,     /* all that is kept goes back; answers how much, bytes */
	PURGE_VERB_PROFILE_START, /* of the build with heap profiling */
	PURGE_VERB_PROFILE_STOP,
	PURGE_VERB_PROFILE_DUMP, /* into a memfd of that process; answers its number */
	PURGE_VERB_DUMP_READ,    /* and that may be closed again */
	PURGE_VERB_SET,          /* the options of the thread, from now on: all of them or, -EINVAL, none */
};

/* Of PURGE_VERB_SET, in the order of options.c; 0 leaves one as it is. */
#define PURGE_CHANNEL_OPTIONS 4

struct purge_channel {
	uint64_t magic, version, size;
	uint64_t pid;  /* of the process whose thread listens */
	uint32_t bell; /* futex: the thread sleeps while it is 1 */
	/* The client's, who has the file locked: all, and then the number. */
	uint32_t asked;
	uint64_t verb; /* enum purge_verb */
	uint64_t options[PURGE_CHANNEL_OPTIONS];
	/* The thread's, in the same order. */
	int64_t status; /* 0 or -errno */
	uint64_t value;
	uint32_t answered; /* futex: the number of the last command that was obeyed */
};

#endif
