/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

#include <jansson.h>

#include "audit/runner.h"
#include "modes/modes.h"
#include "options/read.h"
#include "program/command.h"
#include "program/shim.h"
#include "util/output.h"
#include "version.h"

static int cmd_help(struct mem *m, struct options *options)
{
	(void)options;
	return commands_print(m, options_help(m));
}

static int cmd_version(struct mem *m, struct options *options)
{
	(void)options;
	return commands_print(m, "allocrun " ALLOCRUN_VERSION "\n");
}

static int (*const modes[])(struct mem *m, struct options *options) = {
	[MODE_LAUNCH] = cmd_launch,     [MODE_EXPLAIN] = cmd_explain,
	[MODE_CHECK] = cmd_check,       [MODE_TUNE] = cmd_tune,
	[MODE_LIST] = cmd_list,         [MODE_HELP] = cmd_help,
	[MODE_CAPTURE] = cmd_capture,   [MODE_VERSION] = cmd_version,
	[MODE_SHIMS] = cmd_shims,       [MODE_COPY] = cmd_copy,
	[MODE_OCI_HOOK] = cmd_oci_hook, [MODE_STAT] = cmd_stat,
	[MODE_PURGE] = cmd_purge,       [MODE_HEAP_PROFILE] = cmd_heap_profile,
	[MODE_UNITS] = cmd_units,
};

/*
 * A launch record may have been made to collide in jansson's tables (10 s of CPU for 650 KB with
 * a seed that is known). The kernel gives each program 16 random bytes; of them the C library
 * takes the first 8 for itself. jansson would open /dev/urandom.
 */
static size_t main_seed(void)
{
	const char *random = (const char *)getauxval(AT_RANDOM);
	size_t seed = 0;

	if (random)
		memcpy(&seed, random + 8, sizeof seed);
	return seed ? seed : 1;
}

/*
 * Called as "vllm ARG...": "allocrun -- /usr/bin/vllm ARG...", by the path that is behind us on PATH, so
 * that nothing down the line looks there again. 0, or the exit code when there is none.
 */
static int main_unfold_shim(struct mem *m, int *argc, char ***argv)
{
	const char *name = shim_name((const char *)getauxval(AT_EXECFN), *argc ? (*argv)[0] : NULL);
	char **words, *path = NULL;
	int r;

	if (!name)
		return 0;
	r = command_find(&root_machine, m, (const char *const *)environ, name, &path);
	if (r < 0) {
		commands_complain(m, "'%s': %s on PATH, besides the shim of this name", name,
				  r == -ENOENT ? "not found" : strerror(-r));
		mem_free_all(m);
		return commands_exec_status(-r);
	}
	words = mem_alloc(m, (size_t)(*argc + 3) * sizeof *words);
	words[0] = mem_strdup(m, "allocrun");
	words[1] = mem_strdup(m, "--");
	words[2] = path;
	for (int i = 1; i < *argc; i++)
		words[i + 2] = (*argv)[i];
	*argc = *argc ? *argc + 2 : 3;
	*argv = words;
	return 0;
}

/* What the reading of ELF files and sets of CPUs takes, and room to spare. */
#define MAIN_STACK (1 << 20)

static struct {
	int argc;
	char **argv;
	int code;
} main_call;

/* What the words ask for. Frees the pool. */
static int main_run(struct mem *m, int argc, char **argv)
{
	struct options options;
	const char *error;
	int code;

	if (options_parse(m, argc, argv, environ, runner_list_ids(m, checks), &options, &error) < 0) {
		commands_complain(m, "%s", error);
		mem_free_all(m);
		return EXIT_LAUNCHER;
	}
	code = modes[options.mode](m, &options);
	root_close(&options.root);
	mem_free_all(m);
	return code;
}

static int main_begin(int argc, char **argv)
{
	struct mem m = MEM_INIT;
	int code;

	output_guard_standard_descriptors();
	json_object_seed(main_seed());
	if (commands_is_generator(argc ? argv[0] : NULL)) {
		code = cmd_generator(&m, argc, argv);
		mem_free_all(&m);
		return code;
	}
	code = main_unfold_shim(&m, &argc, &argv);
	return code ? code : main_run(&m, argc, argv);
}

static void main_on_own_stack(void)
{
	main_call.code = main_begin(main_call.argc, main_call.argv);
}

/*
 * A limit of the stack that is enough for the command need not be for us (RLIMIT_STACK of 16 KiB:
 * the command starts, and we would crash). Then a stack of our own is used.
 */
static bool main_needs_stack(ucontext_t *own)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) < 0 || limit.rlim_cur >= MAIN_STACK || getcontext(own) < 0)
		return false;
	own->uc_stack.ss_size = MAIN_STACK;
	own->uc_stack.ss_sp = mmap(NULL, MAIN_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return own->uc_stack.ss_sp != MAP_FAILED;
}

int main(int argc, char **argv)
{
	static ucontext_t here, own;

	if (!main_needs_stack(&own))
		return main_begin(argc, argv);
	main_call.argc = argc;
	main_call.argv = argv;
	own.uc_link = &here;
	makecontext(&own, main_on_own_stack, 0);
	swapcontext(&here, &own);
	return main_call.code;
}
