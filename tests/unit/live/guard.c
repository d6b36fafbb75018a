/* SPDX-License-Identifier: Apache-2.0 */
/* guard_run(): work that ends, that stands still, and that a signal ends. */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "live/guard.h"
#include "support/pool.h"

#define PATIENCE_MS 200

/* What work of a child leaves to the test. */
struct seen {
	_Atomic int n_runs, n_left_out;
	_Atomic pid_t child;
};

static struct guard *guard;
static struct seen *seen;

static int open_guard(void **state)
{
	(void)state;
	guard = guard_new(PATIENCE_MS);
	seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return !guard || seen == MAP_FAILED;
}

#define GUARD_TEST(function) cmocka_unit_test_setup_teardown(function, open_guard, pool_free)

/* As whoever reads a file that never comes; pause() would do, but this one ends some time. */
static void stand_still(void)
{
	static const struct timespec long_time = { 60, 0 };

	nanosleep(&long_time, NULL);
}

static const char *text;

static int work_quickly(struct mem *m, void *user, const char **ret_text)
{
	*ret_text = mem_printf(m, "%s:%d", mem_strdup(m, "text"), *(int *)user);
	seen->n_runs++;
	seen->child = getpid();
	if (guard_enter(guard, 7))
		guard_leave(guard);
	return *(int *)user;
}

static void test_value(void **state)
{
	static const int values[] = { 0, 3, 125 };

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		assert_int_equal(guard_run(guard, &pool, work_quickly, (void *)(uintptr_t)&values[i], &text),
				 values[i]);
		assert_string_equal(text, mem_printf(&pool, "text:%d", values[i]));
		assert_int_equal(seen->n_runs, i + 1);
		assert_true(seen->child != getpid());
	}
	/* Without one it is done all the same. */
	assert_int_equal(guard_run(NULL, &pool, work_quickly, (void *)(uintptr_t)&values[1], &text), 3);
	assert_int_equal(seen->child, getpid());
}

/* More than a pipe holds; and of the descriptors that were open here none is. */
static int work_at_length(struct mem *m, void *user, const char **ret_text)
{
	char *long_text = mem_alloc(m, 300001);

	memset(long_text, 'x', 300000);
	*ret_text = long_text;
	return fcntl(*(int *)user, F_GETFD) < 0 && isatty(STDOUT_FILENO) == 0 && write(STDOUT_FILENO, "x", 1) < 0;
}

static void test_length(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(guard_run(guard, &pool, work_at_length, &fds[1], &text), 1);
	assert_int_equal(strlen(text), 300000);
	close(fds[0]);
	close(fds[1]);
}

static int work_on_two(struct mem *m, void *user, const char **ret_text)
{
	(void)m;
	(void)user;
	(void)ret_text;
	seen->n_runs++;
	for (int pid = 11; pid < 13; pid++) {
		if (!guard_enter(guard, pid)) {
			seen->n_left_out++;
			continue;
		}
		if (pid == 12)
			stand_still();
		guard_leave(guard);
	}
	return 5;
}

static void test_one_stands_still(void **state)
{
	(void)state;
	assert_int_equal(guard_run(guard, &pool, work_on_two, NULL, &text), 5);
	assert_int_equal(seen->n_runs, 2);
	assert_int_equal(seen->n_left_out, 1);
}

#define MANY 40

static int work_on_many(struct mem *m, void *user, const char **ret_text)
{
	(void)m;
	(void)user;
	(void)ret_text;
	seen->n_runs++;
	seen->n_left_out = 0;
	for (int pid = 100; pid < 100 + MANY; pid++) {
		if (!guard_enter(guard, pid))
			seen->n_left_out++;
		else if (pid > 101)
			stand_still();
		guard_leave(guard);
	}
	return 6;
}

/* All of them: the rest is left out after a few, and it takes no hour. */
static void test_many_stand_still(void **state)
{
	(void)state;
	assert_int_equal(guard_run(guard, &pool, work_on_many, NULL, &text), 6);
	assert_int_equal(seen->n_runs, GUARD_SKIPPED_MAX + 1);
	assert_int_equal(seen->n_left_out, MANY - 2);
}

/* Work that takes long and works, or pauses and wakes up, or is no look, is not disturbed. */
static int work_for_long(struct mem *m, void *user, const char **ret_text)
{
	static const struct timespec pause = { 0, 5000000 };
	struct timespec from, now;

	(void)m;
	(void)user;
	(void)ret_text;
	seen->n_runs++;
	for (int kind = 0; kind < 3; kind++) {
		clock_gettime(CLOCK_MONOTONIC, &from);
		if (kind < 2 && !guard_enter(guard, 7))
			return 1;
		do {
			if (kind == 1)
				nanosleep(&pause, NULL);
			clock_gettime(CLOCK_MONOTONIC, &now);
		} while (kind < 2 &&
			 (now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000 < 4 * PATIENCE_MS);
		guard_leave(guard);
		if (kind == 2)
			nanosleep(&(struct timespec){ 0, 4 * PATIENCE_MS * 1000000 }, NULL);
	}
	return 9;
}

static void test_long_work(void **state)
{
	(void)state;
	assert_int_equal(guard_run(guard, &pool, work_for_long, NULL, &text), 9);
	assert_int_equal(seen->n_runs, 1);
}

static int work_until_term(struct mem *m, void *user, const char **ret_text)
{
	sigset_t *term = user;
	int number;

	(void)m;
	(void)ret_text;
	sigprocmask(SIG_BLOCK, term, NULL);
	seen->child = getpid();
	return sigwait(term, &number) == 0 && number == SIGTERM ? 4 : 1;
}

static int work_killed(struct mem *m, void *user, const char **ret_text)
{
	(void)m;
	(void)user;
	(void)ret_text;
	kill(getpid(), SIGKILL);
	return 0;
}

/* What comes to the parent reaches the child; what ends the child ends the parent. */
static void test_signals(void **state)
{
	static const struct timespec pause = { 0, 5000000 };
	sigset_t term;
	int status;
	pid_t pid;

	(void)state;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	pid = fork();
	if (pid == 0)
		_exit(guard_run(guard, &pool, work_until_term, &term, &text));
	for (int i = 0; i < 2000 && !seen->child; i++)
		nanosleep(&pause, NULL);
	/* The parent has its handler a moment later. */
	for (int i = 0; i < 2000 && waitpid(pid, &status, WNOHANG) == 0; i++) {
		FILE *file = fopen(mem_printf(&pool, "/proc/%d/status", (int)pid), "r");
		char line[256];
		bool catches = false;

		while (file && fgets(line, sizeof line, file))
			catches |= strncmp(line, "SigCgt:", 7) == 0 &&
				   strtoull(line + 7, NULL, 16) & 1ull << (SIGTERM - 1);
		if (file)
			fclose(file);
		if (catches)
			kill(pid, SIGTERM);
		nanosleep(&pause, NULL);
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 4);
	pid = fork();
	if (pid == 0)
		_exit(guard_run(guard, &pool, work_killed, NULL, &text));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GUARD_TEST(test_value),
		GUARD_TEST(test_length),
		GUARD_TEST(test_one_stands_still),
		GUARD_TEST(test_many_stand_still),
		GUARD_TEST(test_long_work),
		GUARD_TEST(test_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
