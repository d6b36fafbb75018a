/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that are neither whole nor gone: between two programs, without their first thread. */
#include <signal.h>
#include <time.h>

#include "live/context.h"
#include "support/live_child.h"

/*
 * Executes itself for ever: as "restless LIBRARY a" with the malloc of LIBRARY, as "... b"
 * with that of libc.
 */
static const char restless[] = "#include <stdlib.h>\n#include <unistd.h>\n"
			       "int main(int argc, char **argv)\n"
			       "{\n"
			       "	int was_a = argv[2][0] == 'a';\n"
			       "	char *next[] = { argv[0], argv[1], was_a ? \"b\" : \"a\", NULL };\n"
			       "	if (was_a) unsetenv(\"LD_PRELOAD\"); else setenv(\"LD_PRELOAD\", argv[1], 1);\n"
			       "	execv(argv[0], next);\n"
			       "	return 1;\n"
			       "}\n";

static const char own_malloc[] =
	"#include <stddef.h>\n#include <string.h>\n"
	"static _Alignas(16) char room[1 << 22]; static size_t used;\n"
	"void *malloc(size_t n) { void *p = room + used; used += (n + 15) & ~(size_t)15; return p; }\n"
	"void free(void *p) { (void)p; }\n"
	"void *calloc(size_t n, size_t s) { return malloc(n * s); }\n"
	"void *realloc(void *p, size_t n) { void *q = malloc(n); if (p) memcpy(q, p, n); return q; }\n";

/* What is said of it is true of one of its programs: never the name of one, the allocator of another. */
static void test_exec_without_end(void **state)
{
	char *library = compile("/libmine.so", own_malloc, "-shared -fPIC");
	char *program = compile("/restless", restless, "");
	size_t descriptors, n_whole = 0;
	pid_t pid;

	(void)state;
	if (!library || !program)
		skip();
	pid = start(WORDS(program, library, "b"), NULL);
	descriptors = count_descriptors();
	for (int i = 0; i < 100; i++) {
		struct live_facts facts;
		const struct live_process *p;

		look(LIVE_PID, mem_printf(&pool, "%d", (int)pid), NULL, &facts);
		assert_null(facts.problem);
		assert_int_equal(facts.n_processes, 1);
		p = &facts.processes[0];
		assert_true(p->state == LIVE_RUNNING || p->state == LIVE_UNREADABLE);
		assert_true(p->malloc || p->problem);
		/* Addresses of one program in the memory of another are no news of either. */
		if (p->problem && !strstr(p->problem, "one program after another") &&
		    !strstr(p->problem, "loader is at work"))
			fail_msg("look %d: %s", i, p->problem);
		if (!p->malloc)
			continue;
		n_whole++;
		assert_string_not_equal(p->malloc->path, "");
		assert_string_equal(p->command + strlen(p->command) - 1,
				    strcmp(p->malloc->allocator, "libmine.so") == 0 ? "a" : "b");
	}
	print_message("seen whole: %zu of 100\n", n_whole);
	assert_int_equal(count_descriptors(), descriptors);
}

/* The kernel shows it as a zombie, and it serves on: each of its other threads tells of it. */
static void test_first_thread_has_ended(void **state)
{
	static const struct timespec pause = { 0, 10000000 };
	char *program = compile("/headless",
				"#include <pthread.h>\n#include <unistd.h>\n"
				"static void *serve(void *p) { for (;;) pause(); return p; }\n"
				"int main(void) { pthread_t t; pthread_create(&t, 0, serve, 0); pthread_exit(0); }\n",
				"-pthread");
	const struct live_process *p;
	struct live_facts facts;
	struct process_stat stat = { .state = 'R' };
	struct root root;
	pid_t pid;

	(void)state;
	if (!program)
		skip();
	pid = start(WORDS(program), NULL);
	assert_int_equal(root_open(NULL, &root), 0);
	for (int i = 0; i < 6000 && stat.state != 'Z'; i++) {
		nanosleep(&pause, NULL);
		assert_int_equal(stat_read(&root, pid, &stat), 0);
	}
	look(LIVE_PID, mem_printf(&pool, "%d", (int)pid), NULL, &facts);
	p = &facts.processes[0];
	assert_int_equal(p->state, LIVE_RUNNING);
	assert_null(p->problem);
	assert_int_equal(p->pid, pid);
	assert_int_equal(p->status.inner_pid, pid);
	assert_int_equal(p->start_time, stat.start_time);
	assert_string_equal(p->command, program);
	assert_string_equal(p->malloc->allocator, "glibc");
	assert_int_equal(p->status.uid, getuid());
	assert_int_equal(p->status.n_threads, 2);
	assert_true(p->status.rss_anon > 0 && p->n_mappings > 0);
}

/* The number of a thread: what is meant is its process. */
static void test_thread(void **state)
{
	static const struct timespec pause = { 0, 10000000 };
	char *program = compile("/threaded",
				"#include <pthread.h>\n#include <unistd.h>\n"
				"static void *serve(void *p) { for (;;) pause(); return p; }\n"
				"int main(void) { pthread_t t; pthread_create(&t, 0, serve, 0); serve(0); }\n",
				"-pthread");
	struct live_facts facts;
	char **threads = NULL;
	struct root root;
	pid_t pid;

	(void)state;
	if (!program)
		skip();
	pid = start(WORDS(program), NULL);
	assert_int_equal(root_open(NULL, &root), 0);
	for (int i = 0; i < 6000 && (!threads || !threads[0] || !threads[1]); i++) {
		nanosleep(&pause, NULL);
		root_list(&root, &pool, mem_printf(&pool, "/proc/%d/task", (int)pid), "", &threads);
	}
	assert_non_null(threads[1]);
	look(LIVE_PID, threads[1], NULL, &facts);
	assert_int_equal(facts.n_processes, 1);
	assert_int_equal(facts.processes[0].pid, pid);
	assert_string_equal(facts.asked, mem_printf(&pool, "PID %s (a thread of process %d)", threads[1], (int)pid));
	look(LIVE_PID, threads[0], NULL, &facts);
	assert_null(facts.asked);
}

/* Another program of our name is none that is about to execute a server. */
static void test_named_as_the_launcher(void **state)
{
	char *program = tree_outside(&tree, "/allocrun");
	struct timespec before, after;
	struct live_facts facts;
	pid_t pid;

	(void)state;
	assert_int_equal(system(mem_printf(&pool, "cp /bin/sleep %s", program)), 0);
	pid = start(WORDS(program, "600"), NULL);
	/* Waited for it would take three seconds each time; a CPU that is taken away does not hit each. */
	for (int i = 0; i < 5; i++) {
		clock_gettime(CLOCK_MONOTONIC, &before);
		look(LIVE_PID, mem_printf(&pool, "%d", (int)pid), NULL, &facts);
		clock_gettime(CLOCK_MONOTONIC, &after);
		if (after.tv_sec - before.tv_sec < 2)
			break;
	}
	assert_string_equal(facts.processes[0].name, "allocrun");
	assert_true(after.tv_sec - before.tv_sec < 2);
}

/* Stopped before its loader has begun: one that waits for a debugger holds nobody up for long. */
static void test_stopped(void **state)
{
	struct timespec before, after;
	const struct live_process *p;
	struct live_facts facts;
	pid_t pid = start(WORDS("/bin/sleep", "600"), NULL);

	(void)state;
	assert_null(look_at(pid, NULL)->problem);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	clock_gettime(CLOCK_MONOTONIC, &before);
	look(LIVE_PID, mem_printf(&pool, "%d", (int)pid), NULL, &facts);
	clock_gettime(CLOCK_MONOTONIC, &after);
	p = &facts.processes[0];
	assert_int_equal(p->state, LIVE_RUNNING);
	assert_string_equal(p->malloc->allocator, "glibc");
	assert_true(after.tv_sec - before.tv_sec < 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHILD_TEST(test_exec_without_end), CHILD_TEST(test_first_thread_has_ended), CHILD_TEST(test_stopped),
		CHILD_TEST(test_thread),           CHILD_TEST(test_named_as_the_launcher),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
