/* SPDX-License-Identifier: Apache-2.0 */
/* Who gives memory back: the purge thread of a bundled build, jemalloc's own, nobody. */
#include <errno.h>

#include "support/process_case.h"

static struct live_purge purge;

/* It runs, and looked a moment ago; the heap is big and old enough to be worth it. */
static void make_thread(enum purge_thread_state state)
{
	static char feature[] = BUILD_FEATURE_PURGE;
	static char *features[] = { feature, NULL };

	build.features = features;
	purge = (struct live_purge){ .state = state,
				     .pid = 4711,
				     .looks = 9,
				     .look_age_ms = 250,
				     .window_ms = 5000,
				     .idle_ms = 1500,
				     .busy_percent = 5,
				     .heap_mb = 32,
				     .limit = FACT_UNLIMITED };
	p->purge = &purge;
	p->purge_threads = 0;
	p->age_seconds = 3600;
	p->allocator_resident = GIB(4);
	p->allocator_dirty = p->allocator_live = MIB(100);
}

#define CHECKED(row, status, part) expect(audit_purge_in_force, row, status, part)

static void test_running(void **state)
{
	(void)state;
	make_thread(PURGE_THREAD_RUNS);
	CHECKED("new", CHECK_OK, "the purge thread runs, and had nothing to give back yet");
	make_thread(PURGE_THREAD_RUNS);
	purge.idle = (struct live_purged){ 3, GIB(2), 1 };
	purge.pressure = (struct live_purged){ 1, MIB(8), 0 };
	CHECKED("busy", CHECK_OK,
		"gave back 2 GiB in 3 purges by idleness (1 too early), 8 MiB in 1 purges by pressure");
	make_thread(PURGE_THREAD_RUNS);
	purge.look_age_ms = 90000;
	CHECKED("a long sleep", CHECK_OK, "runs");
	make_thread(PURGE_THREAD_RUNS);
	purge.look_age_ms = 90001;
	CHECKED("stopped", CHECK_WARN, "has not looked for 90 s");
	make_thread(PURGE_THREAD_RUNS);
	purge.look_age_ms = FACT_UNKNOWN;
	CHECKED("another clock", CHECK_OK, "runs");
}

static void test_no_thread_of_ours(void **state)
{
	(void)state;
	make_thread(PURGE_THREAD_WAITS);
	CHECKED("small", CHECK_OK, "it comes with a heap of 32 MiB");
	make_thread(PURGE_THREAD_WAITS);
	p->allocator_dirty = GIB(1);
	CHECKED("a forked worker that keeps much", CHECK_WARN, "no purge thread yet, and 1 GiB are freed and kept");
	make_thread(PURGE_THREAD_FAILED);
	purge.error = EAGAIN;
	CHECKED("no room for it", CHECK_WARN, "no purge thread could be made: Resource temporarily unavailable");
	make_thread(PURGE_THREAD_FAILED);
	purge.error = INT64_MAX;
	CHECKED("an error that is none", CHECK_WARN, "no purge thread could be made: ");
	make_thread(PURGE_THREAD_RUNS);
	purge.pid = 4710;
	CHECKED("a fork without handlers", CHECK_WARN, "is of process 4710, from before a fork");
	make_thread(PURGE_THREAD_RUNS);
	purge.pid = 4710;
	p->allocator_resident = MIB(5);
	CHECKED("a small one", CHECK_OK, "it has a heap of 5 MiB");
	/* In a PID namespace of its own it knows itself by another number. */
	make_thread(PURGE_THREAD_RUNS);
	purge.pid = p->status.inner_pid = 7;
	CHECKED("in a container", CHECK_OK, "the purge thread runs");
}

static void test_switched_off(void **state)
{
	(void)state;
	make_thread(PURGE_THREAD_OFF);
	set_option("background_thread", "true");
	p->purge_threads = 2;
	CHECKED("jemalloc's own", CHECK_OK, "jemalloc's own thread purges");
	make_thread(PURGE_THREAD_OFF);
	set_option("background_thread", "true");
	CHECKED("jemalloc's own, lost", CHECK_WARN, "background_thread:true, and no such thread in it");
	make_thread(PURGE_THREAD_OFF);
	add_step("options", "ALLOCRUN_PURGE", NULL, "skipped");
	CHECKED("the launch left it out", CHECK_OK, "as its launch decided");
	make_thread(PURGE_THREAD_OFF);
	add_step("options", "ALLOCRUN_PURGE", "window_ms:5000", "done");
	record.steps[0].set =
		(struct live_set){ .kind = SET_VARIABLE, .variable = "ALLOCRUN_PURGE", .text = "window_ms:5000" };
	CHECKED("the launch asked for it", CHECK_WARN,
		"launched with ALLOCRUN_PURGE, and no purge thread is asked for");
	make_thread(PURGE_THREAD_OFF);
	set_option("dirty_decay_ms", "0");
	CHECKED("nothing is kept", CHECK_OK, "dirty_decay_ms:0");
	make_thread(PURGE_THREAD_OFF);
	CHECKED("nobody", CHECK_WARN, "while it is idle it gives nothing back");
	make_thread(PURGE_THREAD_OFF);
	p->age_seconds = 59;
	CHECKED("young", CHECK_OK, "no purge thread");
	make_thread(PURGE_THREAD_OFF);
	p->allocator_resident = MIB(256) - 1;
	CHECKED("small", CHECK_OK, "no purge thread");
	make_thread(PURGE_THREAD_OFF);
	p->allocator_resident = p->age_seconds = FACT_UNKNOWN;
	CHECKED("by its anonymous memory", CHECK_WARN, "4 GiB of anonymous memory");
}

static void test_mimalloc(void **state)
{
	static char mimalloc[] = "mimalloc";

	(void)state;
	make_thread(PURGE_THREAD_RUNS);
	library->allocator = mimalloc;
	CHECKED("runs", CHECK_OK, "the purge thread runs");
	make_thread(PURGE_THREAD_OFF);
	library->allocator = mimalloc;
	CHECKED("nobody", CHECK_WARN, "no purge thread, for a heap of 4 GiB");
	make_thread(PURGE_THREAD_OFF);
	library->allocator = mimalloc;
	add_step("options", "ALLOCRUN_PURGE", NULL, "skipped");
	CHECKED("the launch left it out", CHECK_OK, "as its launch decided");
	make_thread(PURGE_THREAD_OFF);
	library->allocator = mimalloc;
	p->purge = NULL;
	CHECKED("an older build", CHECK_SKIP, "mimalloc has no such thread");
}

static void test_foreign(void **state)
{
	(void)state;
	make_thread(PURGE_THREAD_OFF);
	p->purge = NULL;
	library->build = NULL;
	CHECKED("a jemalloc of somebody else's", CHECK_WARN, "no purge thread, and background_thread:false");
	make_thread(PURGE_THREAD_OFF);
	p->purge = NULL;
	CHECKED("unreadable", CHECK_UNKNOWN, "cannot be read");
	make_thread(PURGE_THREAD_OFF);
	p->purge = NULL;
	library->build = NULL;
	p->purge_threads = FACT_UNKNOWN;
	p->options_evidence = EVIDENCE_ASSUMED;
	CHECKED("a stripped one", CHECK_UNKNOWN, "cannot be read");
	p->malloc = &libraries[2];
	CHECKED("glibc", CHECK_SKIP, "glibc has no such thread");
	p->is_static = TRI_YES;
	CHECKED("static", CHECK_SKIP, "a static program");
	p->malloc = NULL;
	CHECKED("nobody", CHECK_UNKNOWN, "no loaded object defines malloc");
	library->is_program = true;
	CHECKED("its own", CHECK_SKIP, "a malloc of its own");
	expect_of_states(audit_purge_in_force);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE_TEST(test_running),  CASE_TEST(test_no_thread_of_ours), CASE_TEST(test_switched_off),
		CASE_TEST(test_mimalloc), CASE_TEST(test_foreign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
