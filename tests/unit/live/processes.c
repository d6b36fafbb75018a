/* SPDX-License-Identifier: Apache-2.0 */
/* live_detect() on real processes: this one, its children, and programs that it starts. */
#include <dlfcn.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "live/live.h"
#include "support/live_child.h"

#define SLEEP "/bin/sleep"

/* A malloc of its own, with the marks and the variables of jemalloc. */
static const char allocator[] =
	"#include <stddef.h>\n"
	"#include <string.h>\n"
	"static _Alignas(16) char room[1 << 22]; static size_t used;\n"
	"__attribute__((used)) static unsigned int je_opt_narenas = 5;\n"
	"__attribute__((used)) static _Bool je_opt_background_thread = 1;\n"
	"int mallctl(void) { return 0; }\n"
	"void *malloc(size_t n) { void *p = room + used; used += (n + 15) & ~(size_t)15; return p; }\n"
	"void free(void *p) { (void)p; }\n"
	"void *calloc(size_t n, size_t s) { return malloc(n * s); }\n"
	"void *realloc(void *p, size_t n) { void *q = malloc(n); if (p) memcpy(q, p, n); return q; }\n";

static const char *conf_value(const struct conf *conf, const char *key)
{
	const struct conf_item *item = conf_find(conf, key);

	return item ? item->value : NULL;
}

static void test_self(void **state)
{
	const struct live_process *p = look_at(getpid(), NULL);
	void *address = dlsym(RTLD_DEFAULT, "malloc");
	cpu_set_t cpus;
	Dl_info info;

	(void)state;
	assert_int_equal(p->state, LIVE_RUNNING);
	assert_null(p->problem);
	assert_int_equal(p->parent, getppid());
	assert_int_equal(p->status.uid, getuid());
	assert_int_equal(p->status.inner_pid, getpid());
	assert_int_equal(p->other_mounts, TRI_NO);
	assert_int_equal(p->bits, 64);
	assert_int_equal(p->is_static, TRI_NO);
	assert_int_equal(p->is_secure, TRI_NO);
	/* Whoever it is, the sanitizer or glibc, the loader says the same. */
	assert_true(dladdr(address, &info) != 0);
	assert_non_null(p->malloc);
	assert_string_equal(p->malloc->path, realpath(info.dli_fname, mem_alloc(&pool, 4096)));
	assert_ptr_equal(p->free, p->malloc);
	assert_int_equal(p->environment_evidence, EVIDENCE_PROVED);
	assert_true(p->status.rss_anon > 0 && p->status.rss_file > 0);
	assert_true(p->n_mappings > 10 && p->status.n_threads >= 1);
	assert_int_equal(sched_getaffinity(0, sizeof cpus, &cpus), 0);
	assert_int_equal(bitmap_count(&p->status.cpus), CPU_COUNT(&cpus));
	assert_true(p->limits.memlock.soft != FACT_UNKNOWN);
}

/* A forked child has the parent's memory, and says the same. */
static void test_forked_child(void **state)
{
	const struct live_process *p;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		setpgid(0, 0);
		for (;;)
			pause();
	}
	setpgid(pid, pid);
	children[n_children++] = pid;
	p = look_at(pid, NULL);
	assert_int_equal(p->state, LIVE_RUNNING);
	assert_int_equal(p->parent, getpid());
	assert_non_null(p->malloc);
	assert_non_null(p->environment);
}

static void test_plain_program(void **state)
{
	const struct live_process *p = look_at(start(WORDS(SLEEP, "600"), WORDS("SECRET=1", "MALLOC_ARENA_MAX=3")),
					       NULL);

	(void)state;
	assert_null(p->problem);
	assert_string_equal(p->name, "sleep");
	assert_string_equal(p->command, SLEEP " 600");
	assert_int_equal(p->is_static, TRI_NO);
	assert_string_equal(p->malloc->allocator, "glibc");
	assert_non_null(strstr(p->malloc->path, "libc.so.6"));
	assert_true(p->malloc->defines_malloc);
	assert_non_null(p->malloc->build_id);
	assert_null(p->malloc->build);
	assert_int_equal(p->n_libraries, 1);
	assert_string_equal(p->environment[0], "MALLOC_ARENA_MAX=3");
	assert_null(p->environment[1]);
	assert_int_equal(p->options_evidence, EVIDENCE_ASSUMED);
	assert_string_equal(conf_value(&p->options, "arena_max"), "3");
	assert_null(p->record);
}

static void test_preloaded(void **state)
{
	char *library = compile("/libfake.so", allocator, "-shared -fPIC"), *build_id;
	struct build_facts build = { .path = library, .is_bundled = true };
	struct catalog_facts catalog = { .builds = &build, .n_builds = 1 };
	const struct live_process *p;
	pid_t pid;

	(void)state;
	if (!library)
		skip();
	pid = start(WORDS(SLEEP, "600"), WORDS(mem_printf(&pool, "LD_PRELOAD=%s", library), "MALLOC_CONF=narenas:9"));
	p = look_at(pid, NULL);
	assert_null(p->problem);
	assert_string_equal(p->malloc->path, library);
	assert_string_equal(p->malloc->allocator, "jemalloc");
	assert_false(p->malloc->is_deleted);
	assert_ptr_equal(p->free, p->malloc);
	/* In the order of the loader, libc behind it. */
	assert_int_equal(p->n_libraries, 2);
	assert_string_equal(p->libraries[1].allocator, "glibc");
	/* What it does, not what it was told. */
	assert_int_equal(p->options_evidence, EVIDENCE_PROVED);
	assert_string_equal(conf_value(&p->options, "narenas"), "5");
	assert_string_equal(conf_value(&p->options, "background_thread"), "true");
	build_id = mem_strdup(&pool, p->malloc->build_id);
	/* Ours, by its build ID. */
	build.build_id = build_id;
	p = look_at(pid, &catalog);
	assert_ptr_equal(p->malloc->build, &build);
	assert_false(p->malloc->is_impostor);
	/* Another one in its place. */
	build.build_id = mem_strdup(&pool, "00");
	p = look_at(pid, &catalog);
	assert_null(p->malloc->build);
	assert_true(p->malloc->is_impostor);
	/* Upgraded: the file of today is another, and the process has that of yesterday. */
	tree_remove(&tree, "/libfake.so");
	p = look_at(pid, &catalog);
	assert_true(p->malloc->is_deleted);
	assert_string_equal(p->malloc->path, library);
	assert_false(p->malloc->is_impostor);
	/* Of a file that is gone nobody knows where its options are. */
	assert_int_equal(p->options_evidence, EVIDENCE_ASSUMED);
	assert_string_equal(conf_value(&p->options, "narenas"), "9");
}

/* A file of the same name that is no library must neither stop nor mislead us. */
static void test_library_replaced_by_a_fifo(void **state)
{
	char *library = compile("/libfake.so", allocator, "-shared -fPIC");
	const struct live_process *p;
	pid_t pid;

	(void)state;
	if (!library)
		skip();
	pid = start(WORDS(SLEEP, "600"), WORDS(mem_printf(&pool, "LD_PRELOAD=%s", library)));
	assert_null(look_at(pid, NULL)->problem);
	tree_remove(&tree, "/libfake.so");
	assert_int_equal(mkfifo(library, 0600), 0);
	p = look_at(pid, NULL);
	assert_true(p->malloc->is_deleted);
	assert_int_equal(p->options_evidence, EVIDENCE_ASSUMED);
}

/* Two that define malloc, and a program with an operator new of its own, which is none. */
static void test_order_of_libraries(void **state)
{
	char *first = compile("/libfirst.so", allocator, "-shared -fPIC"), *second, *program;
	const struct live_process *p;
	pid_t pid;

	(void)state;
	if (!first)
		skip();
	second = compile("/libsecond.so", "void *malloc(unsigned long n) { return 0; }\nvoid free(void *p) { }\n",
			 "-shared -fPIC");
	program = compile("/program",
			  "#include <unistd.h>\nvoid *_Znwm(unsigned long n) { return 0; }\n"
			  "int main(void) { for (;;) pause(); }\n",
			  "-rdynamic");
	pid = start(WORDS(program), WORDS(mem_printf(&pool, "LD_PRELOAD=%s:%s", first, second)));
	p = look_at(pid, NULL);
	assert_string_equal(p->malloc->path, first);
	assert_string_equal(p->free->path, first);
	assert_string_equal(p->operator_new->path, program);
	assert_false(p->operator_new->defines_malloc);
	for (size_t i = 0; i < p->n_libraries; i++) {
		if (strcmp(p->libraries[i].path, second) == 0) {
			assert_true(p->libraries[i].defines_malloc);
			assert_string_equal(p->libraries[i].allocator, "libsecond.so");
			return;
		}
	}
	fail_msg("%s is not among the libraries", second);
}

/* A file that claims to be the library of another process, and has its variables elsewhere. */
static void test_same_build_id(void **state)
{
	static const char flags[] = "-shared -fPIC -Wl,--build-id=0xabcd";
	char *liar = compile("/libliar.so",
			     mem_printf(&pool,
					"__attribute__((used)) static int ahead[100] = { 7 };\n%s"
					"__attribute__((used)) static unsigned int je_opt_dirty = 1;\n",
					allocator),
			     flags);
	char *library = compile("/libtrue.so", allocator, flags), *script;
	struct live_facts facts = { .n_processes = 0 };
	static const struct timespec pause = { 0, 20000000 };
	size_t n_found = 0;
	pid_t shell;

	(void)state;
	if (!library)
		skip();
	script = mem_printf(&pool, "LD_PRELOAD=%s sleep 600 & LD_PRELOAD=%s sleep 600 & LD_PRELOAD=%s sleep 600 & wait",
			    liar, library, liar);
	shell = start(WORDS("/bin/sh", "-c", script), WORDS("PATH=/bin:/usr/bin"));
	for (int i = 0; i < 200 && n_found < 3; i++) {
		nanosleep(&pause, NULL);
		look(LIVE_PID, mem_printf(&pool, "%d", (int)shell), NULL, &facts);
		n_found = 0;
		for (size_t k = 1; k < facts.n_processes; k++)
			n_found += facts.processes[k].options_evidence == EVIDENCE_PROVED;
	}
	assert_int_equal(n_found, 3);
	for (size_t i = 1; i < 4; i++) {
		assert_string_equal(facts.processes[i].malloc->build_id, "abcd");
		assert_string_equal(conf_value(&facts.processes[i].options, "narenas"), "5");
		assert_string_equal(conf_value(&facts.processes[i].options, "background_thread"), "true");
	}
}

static void test_static_program(void **state)
{
	char *program = compile("/static", "#include <unistd.h>\nint main(void) { for (;;) pause(); }\n", "-static");
	const struct live_process *p;

	(void)state;
	if (!program)
		skip();
	p = look_at(start(WORDS(program), WORDS("LD_PRELOAD=/no.so", "MALLOC_CONF=narenas:1")), NULL);
	assert_int_equal(p->state, LIVE_RUNNING);
	assert_null(p->problem);
	assert_int_equal(p->is_static, TRI_YES);
	assert_null(p->malloc);
	assert_int_equal(p->environment_evidence, EVIDENCE_ASSUMED);
	assert_non_null(p->loaded);
}

static void test_nobody(void **state)
{
	static const struct {
		const char *text, *problem;
	} cases[] = {
		{ "", "not a process ID" },
		{ "0", "not a process ID" },
		{ "-1", "not a process ID" },
		{ "1x", "not a process ID" },
		{ " 1", "not a process ID" },
		{ "4194305", "not a process ID" },
		{ "99999999999999999999", "not a process ID" },
		{ "self", "not a process ID" },
		{ "../1", "not a process ID" },
		{ "4194304", "no process 4194304" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct live_facts facts;

		look(LIVE_PID, cases[i].text, NULL, &facts);
		assert_row_contains(cases[i].text, facts.problem, cases[i].problem);
		assert_row_int(cases[i].text, (long long)facts.n_processes, 0);
	}
}

static void test_zombie(void **state)
{
	const struct live_process *p;
	siginfo_t info;
	pid_t pid = start(WORDS("/bin/true"), NULL);

	(void)state;
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	p = look_at(pid, NULL);
	assert_int_equal(p->state, LIVE_ZOMBIE);
	assert_string_equal(p->name, "true");
	assert_non_null(p->problem);
	assert_null(p->malloc);
	assert_int_equal(p->status.rss_anon, FACT_UNKNOWN);
}

static void test_kernel_thread(void **state)
{
	struct live_facts facts;

	(void)state;
	look(LIVE_PID, "2", NULL, &facts);
	/* In a container PID 2 is nobody, or a process like others. */
	if (facts.problem || strcmp(facts.processes[0].name, "kthreadd") != 0)
		skip();
	for (size_t i = 0; i < facts.n_processes; i++) {
		if (facts.processes[i].state != LIVE_GONE)
			assert_int_equal(facts.processes[i].state, LIVE_KERNEL_THREAD);
	}
}

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_tree_of_300(void **state)
{
	pid_t shell = start(WORDS("/bin/sh", "-c",
				  "i=0; while [ $i -lt 300 ]; do /bin/sleep 600 & i=$((i+1)); done; "
				  "wait"),
			    WORDS("PATH=/bin:/usr/bin"));
	static const struct timespec pause = { 0, 50000000 };
	struct live_facts facts = { .n_processes = 0 };
	size_t descriptors = count_descriptors(), n_glibc = 0;
	double before;

	(void)state;
	for (int i = 0; i < 400 && facts.n_processes < 301; i++) {
		struct live_request request = {
			LIVE_PID, mem_printf(&pool, "%d", (int)shell), NULL, NULL, true, false
		};
		struct root root;

		nanosleep(&pause, NULL);
		assert_int_equal(root_open(NULL, &root), 0);
		live_detect(&root, &pool, &request, &facts);
	}
	before = cpu_seconds();
	look(LIVE_PID, mem_printf(&pool, "%d", (int)shell), NULL, &facts);
	/* Some 150 ms without sanitizers. */
	assert_true(cpu_seconds() - before < 10);
	assert_int_equal(facts.n_processes, 301);
	assert_int_equal(facts.processes[0].pid, shell);
	for (size_t i = 1; i < facts.n_processes; i++) {
		assert_int_equal(facts.processes[i].parent, shell);
		n_glibc += facts.processes[i].malloc && strcmp(facts.processes[i].malloc->allocator, "glibc") == 0;
	}
	assert_int_equal(n_glibc, 300);
	assert_int_equal(count_descriptors(), descriptors);
}

/* Children that end while they are looked at. */
static void test_short_lived_children(void **state)
{
	pid_t shell = start(WORDS("/bin/sh", "-c", "while :; do /bin/true & /bin/true; (/bin/true | /bin/true); done"),
			    WORDS("PATH=/bin:/usr/bin"));
	size_t descriptors = count_descriptors();
	double before = cpu_seconds();

	(void)state;
	for (int i = 0; i < 40; i++) {
		struct live_facts facts;

		look(LIVE_PID, mem_printf(&pool, "%d", (int)shell), NULL, &facts);
		assert_null(facts.problem);
		assert_int_equal(facts.processes[0].pid, shell);
		for (size_t k = 0; k < facts.n_processes; k++) {
			const struct live_process *p = &facts.processes[k];

			/* Whatever became of it, it is said. */
			assert_true(p->state == LIVE_RUNNING || p->problem);
			assert_true(p->malloc || p->problem);
		}
	}
	assert_true(cpu_seconds() - before < 20);
	assert_int_equal(count_descriptors(), descriptors);
}

/* Names that were chosen to hide a process or to look like fields. */
static void test_hostile_names(void **state)
{
	static const char *const names[] = { "a\nb", ") R 1 2 3", "\n", "x\n1 (y) S 1", "\x1b[31m" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *path = tree_outside(&tree, mem_printf(&pool, "/%s", names[i]));
		const struct live_process *p;

		assert_int_equal(symlink(SLEEP, path), 0);
		p = look_at(start(WORDS(path, "600"), NULL), NULL);
		assert_null(p->problem);
		assert_string_equal(p->name, names[i]);
		assert_int_equal(p->parent, getpid());
		assert_string_equal(p->malloc->allocator, "glibc");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHILD_TEST(test_self),
		CHILD_TEST(test_forked_child),
		CHILD_TEST(test_plain_program),
		CHILD_TEST(test_preloaded),
		CHILD_TEST(test_library_replaced_by_a_fifo),
		CHILD_TEST(test_order_of_libraries),
		CHILD_TEST(test_same_build_id),
		CHILD_TEST(test_static_program),
		CHILD_TEST(test_nobody),
		CHILD_TEST(test_zombie),
		CHILD_TEST(test_kernel_thread),
		CHILD_TEST(test_tree_of_300),
		CHILD_TEST(test_short_lived_children),
		CHILD_TEST(test_hostile_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
