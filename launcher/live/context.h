/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_LIVE_CONTEXT_H
#define ALLOCRUN_LIVE_CONTEXT_H

#include <elf.h>

#include "detect/process.h"
#include "live/live.h"
#include "live/maps.h"
#include "live/memory.h"
#include "live/symtab.h"

/* The parts of live_detect(). */

/* Our own file of a bundled build, and others that claim to be it and are. */
struct live_original {
	const struct build_facts *build;
	struct mapped_file file; /* inode 0: it cannot be looked at */
	bool is_changed;         /* its bytes are not the manifest's */
	char *bytes;             /* in the pool `kept` */
	size_t size;
	int64_t reader; /* the process in which they are; 0: not needed yet */
};
struct live_compared {
	const struct build_facts *build;
	struct mapped_file file;
};

/* The headers of a program's file; `headers` NULL: they cannot be read. In the pool `kept`. */
struct live_program_file {
	struct mapped_file file;
	Elf64_Ehdr header;
	Elf64_Phdr *headers; /* header.e_phnum of them */
};

/* What lasts over all processes of one look: read once, used often. */
struct live_context {
	const struct root *root;
	struct mem *m;      /* of what is found */
	struct mem scratch; /* for one process at a time: its maps can be megabytes */
	struct mem kept;    /* for as long as the looking process lives, `keeper` */
	int64_t keeper;
	struct live_program_file *programs; /* in that one as well */
	size_t n_programs;
	struct live_memory *memory;
	const struct live_request *request;
	struct symtab *tables; /* by build ID */
	size_t n_tables;
	struct live_original *originals;
	size_t n_originals;
	struct live_compared *compared;
	size_t n_compared;
	struct live_cgroup **cgroups;
	size_t n_cgroups;
	struct live_waits *waits; /* for the owner of the process at hand */
};

/* How often was waited, for all processes of one owner together. */
struct live_waits {
	int pauses;     /* for loaders at work */
	int exec_waits; /* for launchers before their exec */
};

/* Whose processes hold each other up, and nobody else's. Owners are numbered from 0. */
#define LIVE_OWNERS_MAX 1024
struct live_owner {
	int64_t uid;    /* real; of processes in another user namespace that of who made it */
	uint64_t space; /* the PID namespace: containers whose processes are all root's are told apart by it */
};
struct live_owner owner_detect(const struct live_context *c, int64_t pid);

/*
 * The root folder of a process, as itself sees it. -ENOTSUP below a sysroot: its /proc
 * tells of processes that do not run here, and ours of the same PID is another.
 */
int live_open_root(const struct live_context *c, int64_t pid, struct root *ret);

/*
 * Is there a process that /proc does not show to this user (hidepid)? For those of which
 * stat_read() says that there is none; false below a sysroot.
 */
bool live_is_hidden(const struct live_context *c, int64_t pid);

/* One process, at `p`. */
void live_detect_process(struct live_context *c, int64_t pid, struct live_process *p);
/* What can be said of one that is not looked into: that it is there, and `problem`, in the pool. */
void live_leave_out(const struct live_context *c, int64_t pid, char *problem, struct live_process *p);

/* A few milliseconds for what is in the making. False: there were enough pauses. */
bool live_pause(struct live_context *c);

/* The PIDs that the request asks for, parents first; NULL with *ret_problem said. */
int64_t *tree_select(const struct live_context *c, size_t *ret_n, const char **ret_problem);
/* Those of --here, in the pool; NULL, or why there are none. */
const char *here_select(const struct live_context *c, int64_t **ret, size_t *ret_n);

/*
 * The start of /proc/PID/cmdline: words with zeros between, no zero behind the last of
 * `size` bytes. Their number, or -errno.
 */
ssize_t status_read_words(struct live_context *c, int64_t pid, char *ret, size_t size);
/* /proc/PID/status, limits and the rest that needs no look into the memory. */
void status_detect(struct live_context *c, struct live_process *process);

/*
 * /proc/PID/auxv, the kernel's words to a program at its start. Addresses are random and
 * stand there: the same program, executed anew, has others. In the scratch pool.
 */
struct live_program {
	char *words;
	size_t size; /* 0: its memory is gone */
	int problem; /* -errno; 0 */
};

/* It is in the middle of execve(2): the old program is gone, and nothing is known of the new one. */
static inline bool live_is_torn(const struct live_context *c, const struct live_program *program)
{
	return c->root->live && program->problem == 0 && program->size == sizeof(Elf64_auxv_t);
}

/* Who serves malloc, the environment and the options in force. */
void serving_detect(struct live_context *c, const struct live_program *program, struct live_process *process);

/* Its control group: read once for all processes that are in it. */
void live_cgroup_detect(struct live_context *c, struct live_process *process);

/* Mappings, memory by kind and by node. */
void usage_detect(struct live_context *c, struct live_process *process);

/* The launch record of the process, if it has one. */
void live_record_detect(const struct live_context *c, struct live_process *process);
/*
 * What a step of a record of version 1 has set, out of its words: it had nothing else. Goes
 * when no server runs any more that allocrun 0.1 has launched. Pure.
 */
struct live_set live_record_parse_words(struct mem *m, const struct live_step *step);
/* The text of a record. Pure; the fuzzer's entry. */
void live_record_parse(struct mem *m, const char *text, size_t size, const struct live_process *process,
		       struct live_record *ret);

#endif
