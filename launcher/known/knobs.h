/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_KNOWN_KNOBS_H
#define ALLOCRUN_KNOWN_KNOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/mem.h"

/* What kind of kernel lacks the files of nodes. */
#define NO_NUMA "a kernel without NUMA"

#define NODE_NONE (-1)
#define NODE_EACH (-2) /* every node that has CPUs and memory */

/*
 * What --tune knows to set: one row for each key of [node]. The only list of these
 * files: the detector reads, the decision compares, the writer writes and the parser
 * of the state accepts what stands here, and nothing else.
 */

/* What the key has behind its name. */
enum tune_subject {
	TUNE_OF_MACHINE,      /* nothing */
	TUNE_OF_SIZE,         /* ".64K": a size of transparent hugepages */
	TUNE_OF_NODE,         /* ".node1" */
	TUNE_OF_POOL,         /* ".2M": a size of hugetlb pages */
	TUNE_OF_POOL_ON_NODE, /* ".2M.node1", ".2M.each" */
};

enum tune_form {
	TUNE_WORD,   /* one of `words`; the file shows all, the chosen one in brackets */
	TUNE_NUMBER, /* from `least` to `most` */
	TUNE_PAGES,  /* a number of pages, or a size with a unit that is a multiple of the page */
	TUNE_SWITCH, /* "true" or "false": not a key of its own */
};

struct tune_setting {
	const char *key; /* without what stands behind it */
	enum tune_subject subject;
	enum tune_form form;
	const char *path;    /* %N: the node, %K: the page size in KiB */
	const char *words;   /* TUNE_WORD: "a b c" */
	int64_t least, most; /* TUNE_NUMBER, TUNE_PAGES */
	const char *since;   /* the kernel that brought it; NULL = older than 4.19 */
	const char *absent;  /* what kind of kernel lacks it */
	const char *boot;    /* the kernel parameter that sets it at boot; NULL = none */
	const char *sysctl;  /* its name in sysctl.conf(5); NULL = none */
	const char *why;     /* what it is about: for an operator, one sentence */
};

/* In the order in which they are written. Ended by key NULL. */
extern const struct tune_setting tune_settings[];
/* The row of the pages set aside for hugetlb: of the machine (TUNE_OF_POOL) or of a node. */
const struct tune_setting *tune_setting_of_pool(enum tune_subject subject);
/* The row of weighted interleave's own choice, which a weight ends (6.16). Not a key. */
extern const struct tune_setting tune_weights_auto;
/*
 * The same file's name where the kernel's headers make the word "auto" a macro of this
 * name, and the macro that names the file expands it (seen on 6.18).
 */
#define TUNE_WEIGHTS_AUTO_MISNAMED "/sys/kernel/mm/mempolicy/weighted_interleave/__auto_type"

/* The file of a setting. `node` and `size` (bytes) where its subject has them. */
char *tune_setting_path(struct mem *m, const struct tune_setting *setting, int node, int64_t size);
/* The row whose file this may be; NULL = none of ours. Pure. */
const struct tune_setting *tune_setting_find_path(const char *path);
/* The same with the node (else NODE_NONE) and the size (else 0) that the path names. */
const struct tune_setting *tune_setting_parse_path(const char *path, int *ret_node, int64_t *ret_size);
/* "thp-enabled.64K", "hugetlb.2M.node1" */
char *tune_setting_name(struct mem *m, const struct tune_setting *setting, int node, int64_t size);

#endif
