/* SPDX-License-Identifier: Apache-2.0 */
/* Which allocator serves, its options, its variables, its arenas. */
#include "support/process_case.h"

/* On libc's own malloc, as a plain start leaves it. */
static void make_plain(void)
{
	libraries[0] = libraries[2];
	p->n_libraries = 1;
	p->environment = VARIABLES();
	p->options_evidence = EVIDENCE_ASSUMED;
}

static void make_foreign(const char *allocator, const char *path)
{
	library->build = NULL;
	library->allocator = mem_strdup(&pool, allocator);
	library->path = mem_strdup(&pool, path);
	library->build_id = mem_strdup(&pool, "ffff");
	p->options_evidence = EVIDENCE_ASSUMED;
}

static const struct live_process *make_child(void)
{
	processes[1] = *p;
	processes[1].pid = 4712;
	processes[1].parent = 4711;
	live.n_processes = 2;
	return &processes[1];
}

#define expect_child(assess, row, status, part) expect_of(make_child(), assess, row, status, part)

static void test_preload_effective(void **state)
{
	(void)state;
	expect(audit_preload_effective, "ours", CHECK_OK, "jemalloc-5.3.1-x86_64-glibc");
	make_plain();
	expect(audit_preload_effective, "plain", CHECK_FAIL,
	       "malloc is glibc's own; its environment has no LD_PRELOAD");
	make_plain();
	expect_child(audit_preload_effective, "a child without the environment", CHECK_WARN, "this child runs without");
	make_plain();
	p->environment = VARIABLES("LD_PRELOAD=/gone.so");
	expect(audit_preload_effective, "library that is not there", CHECK_FAIL, "its LD_PRELOAD is /gone.so");
	make_plain();
	p->environment = NULL;
	expect(audit_preload_effective, "nothing known of the environment", CHECK_FAIL, "malloc is glibc's own");
	make_plain();
	p->environment = VARIABLES("ALLOCRUN=off");
	expect(audit_preload_effective, "kill switch", CHECK_SKIP, "kill switch");
	make_plain();
	p->is_secure = TRI_YES;
	p->environment = VARIABLES("LD_PRELOAD=" OURS);
	expect(audit_preload_effective, "AT_SECURE", CHECK_FAIL, "setuid");
	make_plain();
	library->allocator = mem_strdup(&pool, "musl");
	p->environment = VARIABLES("LD_PRELOAD=" OURS);
	expect(audit_preload_effective, "wrong libc", CHECK_FAIL, "malloc is musl's own; its LD_PRELOAD is " OURS);
	make_plain();
	add_step("preload", "LD_PRELOAD", NULL, "refused");
	expect(audit_preload_effective, "refused", CHECK_FAIL, "could not preload");
	p->is_static = TRI_YES;
	p->malloc = NULL;
	expect(audit_preload_effective, "static", CHECK_FAIL, "a static program");
	p->is_static = TRI_YES;
	p->malloc = NULL;
	expect_child(audit_preload_effective, "static child", CHECK_SKIP, "a static program");
	p->state = LIVE_DENIED;
	p->problem = mem_strdup(&pool, "its memory may not be read");
	p->malloc = NULL;
	p->seems = OURS;
	expect(audit_preload_effective, "memory closed", CHECK_UNKNOWN,
	       "may not be read; assumed from its mappings: " OURS);
	p->malloc = NULL;
	p->problem = mem_strdup(&pool, "its loader is at work");
	expect(audit_preload_effective, "loading", CHECK_UNKNOWN, "its loader is at work");
	p->malloc = NULL;
	expect(audit_preload_effective, "nobody", CHECK_UNKNOWN, "no loaded object defines malloc");
	expect_of_states(audit_preload_effective);
}

static void test_preload_of_two(void **state)
{
	(void)state;
	libraries[1] = (struct live_library){ .path = mem_strdup(&pool, "/usr/lib/libtcmalloc.so.4"),
					      .allocator = mem_strdup(&pool, "tcmalloc"),
					      .defines_malloc = true };
	expect(audit_preload_effective, "two allocators", CHECK_FAIL,
	       "loaded is tcmalloc (/usr/lib/libtcmalloc.so.4) as well");
	libraries[1] = (struct live_library){ .path = mem_strdup(&pool, "/usr/bin/server"),
					      .allocator = mem_strdup(&pool, "server") };
	p->operator_new = &libraries[1];
	expect(audit_preload_effective, "an operator new of its own", CHECK_OK, "jemalloc");
	libraries[1] = (struct live_library){ .path = mem_strdup(&pool, "/usr/lib/libc_malloc_debug.so.0"),
					      .allocator = mem_strdup(&pool, "libc_malloc_debug.so.0"),
					      .defines_malloc = true };
	expect(audit_preload_effective, "glibc's own checks", CHECK_OK, "jemalloc");
	p->free = &libraries[2];
	expect(audit_preload_effective, "free of another", CHECK_FAIL, "but free of glibc");
	library->is_impostor = true;
	expect(audit_preload_effective, "impostor", CHECK_FAIL, "is not the allocrun build that it claims to be");
	p->operator_new = &libraries[1];
	expect(audit_preload_effective, "C++ runtime", CHECK_OK, "jemalloc");
}

static void test_preload_of_others(void **state)
{
	(void)state;
	make_foreign("jemalloc", "/usr/lib/libjemalloc.so.2");
	expect(audit_preload_effective, "foreign jemalloc", CHECK_WARN, "none of allocrun's builds");
	make_foreign("tcmalloc", "/usr/lib/libtcmalloc.so.4");
	expect(audit_preload_effective, "tcmalloc", CHECK_WARN, "tcmalloc (/usr/lib/libtcmalloc.so.4)");
	make_foreign("jemalloc", "/usr/lib/libjemalloc.so.2");
	p->record = &record;
	record.library = library->path;
	expect(audit_preload_effective, "foreign, asked for", CHECK_OK, "jemalloc (/usr/lib/libjemalloc.so.2)");
	p->record = &record;
	record.build_id = mem_strdup(&pool, "1234");
	expect(audit_preload_effective, "not what was launched", CHECK_FAIL,
	       "which is not the build that was launched");
	p->record = &record;
	record.build_id = build.build_id;
	expect(audit_preload_effective, "what was launched", CHECK_OK, "jemalloc-5.3.1");
	library->is_deleted = true;
	expect(audit_preload_effective, "upgraded since", CHECK_WARN, "replaced or removed since");
	library->build = NULL;
	library->path = mem_strdup(&pool, "");
	expect(audit_preload_effective, "of nowhere", CHECK_WARN, "jemalloc (?)");
}

/* An init, a shell: what was launched is below it. */
static void test_preload_in_front(void **state)
{
	static const char front[] = "it stands in front of process 4713, which was launched";

	(void)state;
	for (int row = 0; row < 6; row++) {
		make_plain();
		processes[1] = processes[2] = *p;
		processes[1].pid = 4712;
		processes[1].parent = 4711;
		processes[2].pid = 4713;
		processes[2].parent = row == 3 ? 99 : 4712;
		live.n_processes = 3;
		p->status.rss_anon = processes[1].status.rss_anon = row == 4 ? GIB(4) : MIB(1);
		p->is_static = row == 1 ? TRI_YES : TRI_NO;
		if (row == 2) {
			/* No place for a record: what serves it says so. */
			libraries[3] = libraries[0];
			libraries[3].build = &build;
			processes[2].malloc = &libraries[3];
		} else if (row != 5) {
			processes[2].record = &record;
		}
		if (row < 3)
			expect_of(row == 0 ? &processes[1] : p, audit_preload_effective, "in front", CHECK_SKIP, front);
		else
			expect(audit_preload_effective,
			       row == 3 ? "launched elsewhere" :
			       row == 4 ? "a server" :
					  "nobody launched",
			       CHECK_FAIL, "malloc is glibc's own");
	}
	/* A cgroup lists them in any order. */
	make_plain();
	p->status.rss_anon = MIB(1);
	processes[1] = processes[2] = *p;
	processes[1].pid = 4713;
	processes[1].parent = 4712;
	processes[1].record = &record;
	processes[2].pid = 4712;
	processes[2].parent = 4711;
	live.n_processes = 3;
	expect(audit_preload_effective, "child before parent", CHECK_SKIP, front);
	p->is_static = TRI_YES;
	p->environment = VARIABLES("ALLOCRUN=off");
	p->malloc = NULL;
	expect(audit_preload_effective, "static, and the kill switch", CHECK_SKIP, "kill switch");
}

/* With --allocator system that is what was wanted. */
/* Kind D: a program with a malloc of its own. */
static void make_own(void)
{
	libraries[1] = (struct live_library){ .path = mem_strdup(&pool, "/usr/bin/server"),
					      .allocator = mem_strdup(&pool, "server"),
					      .is_program = true,
					      .defines_malloc = true };
	p->malloc = p->free = &libraries[1];
}

static void test_preload_of_own(void **state)
{
	(void)state;
	make_own();
	add_step("preload", "LD_PRELOAD", NULL, "nothing to do");
	expect(audit_preload_effective, "left alone", CHECK_OK, "has a malloc of its own, and was left alone");
	make_own();
	expect(audit_options_in_force, "its options", CHECK_SKIP, "has a malloc of its own");
	make_own();
	expect(audit_preload_effective, "not launched", CHECK_WARN, "none of allocrun's builds");
	make_own();
	p->free = library;
	expect(audit_preload_effective, "free of ours", CHECK_FAIL, "malloc is of server");
}

static void test_preload_not_wanted(void **state)
{
	static const char *const outcomes[] = { "off", "nothing to do", "done" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		make_plain();
		add_step("preload", "LD_PRELOAD", NULL, outcomes[i]);
		expect(audit_preload_effective, outcomes[i], CHECK_OK, "glibc, as it was launched");
	}
	make_plain();
	add_step("preload", "LD_PRELOAD", OURS, "done");
	record.library = mem_strdup(&pool, OURS);
	expect(audit_preload_effective, "done, and not there", CHECK_FAIL, "malloc is glibc's own");
	make_plain();
	add_step("preload", "LD_PRELOAD", NULL, "off");
	record.problem = mem_strdup(&pool, "it is damaged");
	expect(audit_preload_effective, "a record that says nothing", CHECK_FAIL, "malloc is glibc's own");
}

static void test_options_in_force(void **state)
{
	struct conf wanted = { NULL, 0 };

	(void)state;
	set_option("narenas", "2");
	expect(audit_options_in_force, "proved", CHECK_OK, "proved: narenas:2; no launch record to compare with");
	expect(audit_options_in_force, "none of those that are shown", CHECK_OK, "proved: defaults");
	conf_set(&pool, &wanted, "narenas", "2", "record");
	set_option("narenas", "8");
	p->record = &record;
	record.options = wanted;
	expect(audit_options_in_force, "differs", CHECK_FAIL, "narenas:8, launched with 2");
	set_option("narenas", "2");
	p->record = &record;
	record.options = wanted;
	expect(audit_options_in_force, "as launched", CHECK_OK, "proved: narenas:2");
	set_option("background_thread", "true");
	p->purge_threads = 0;
	expect(audit_options_in_force, "set, and no thread", CHECK_WARN, "there is no such thread");
	set_option("background_thread", "true");
	p->purge_threads = 2;
	expect(audit_options_in_force, "set, and a thread", CHECK_OK, "background_thread:true");
	set_option("background_thread", "false");
	p->purge_threads = 0;
	expect(audit_options_in_force, "not set", CHECK_OK, "background_thread:false");
	set_option("dirty_decay_ms", "10000");
	p->record = &record;
	record.options = wanted;
	expect(audit_options_in_force, "not readable", CHECK_OK, "dirty_decay_ms:10000");
	set_option("narenas", "8");
	p->record = &record;
	record.options = wanted;
	p->options_evidence = EVIDENCE_ASSUMED;
	expect(audit_options_in_force, "an environment that was changed is no proof", CHECK_WARN,
	       "assumed from its environment: narenas:8, launched with 2");
	set_option("narenas", "2");
	p->options_evidence = EVIDENCE_ASSUMED;
	expect(audit_options_in_force, "assumed", CHECK_UNKNOWN, "assumed from its environment: narenas:2");
	set_option("narenas", "2");
	p->state = LIVE_DENIED;
	p->problem = mem_strdup(&pool, "its memory may not be read");
	p->malloc = NULL;
	p->options_evidence = EVIDENCE_ASSUMED;
	expect(audit_options_in_force, "memory closed", CHECK_UNKNOWN,
	       "may not be read; assumed from its environment: narenas:2");
	p->options_evidence = EVIDENCE_NONE;
	expect(audit_options_in_force, "nothing", CHECK_UNKNOWN, "neither its memory nor its environment");
	make_plain();
	set_option("arena_max", "2");
	expect(audit_options_in_force, "glibc", CHECK_SKIP, "told: arena_max:2");
	p->is_static = TRI_YES;
	p->malloc = NULL;
	expect(audit_options_in_force, "static", CHECK_SKIP, "static");
	p->malloc = NULL;
	expect(audit_options_in_force, "nobody", CHECK_UNKNOWN, "no loaded object");
	expect_of_states(audit_options_in_force);
}

/* What jemalloc makes of a value is not what somebody else made of it. */
static void test_options_as_jemalloc_reads_them(void **state)
{
	static const struct {
		const char *key, *wanted, *found;
		enum check_status status;
		const char *observed;
	} cases[] = {
		{ "narenas", "0x4", "4", CHECK_OK, "proved: narenas:4" },
		{ "dirty_decay_ms", "010", "8", CHECK_OK, "dirty_decay_ms:8" },
		{ "dirty_decay_ms", "010", "10", CHECK_FAIL, "dirty_decay_ms:10, launched with 010" },
		{ "dirty_decay_ms", "-1", "10000", CHECK_FAIL, "dirty_decay_ms:10000, launched with -1" },
		{ "narenas", "default", "32", CHECK_OK, "narenas:32" },
		{ "narenas", "2", "4", CHECK_FAIL, "narenas:4, launched with 2" },
		{ "metadata_thp", "auto", "disabled", CHECK_FAIL, "metadata_thp:disabled, launched with auto" },
		{ "background_thread", "true", "false", CHECK_FAIL, "background_thread:false, launched with true" },
		/* Too small to be large: no arena of its own, for which jemalloc has 0. */
		{ "oversize_threshold", "1", "0", CHECK_OK, "oversize_threshold:0" },
		{ "oversize_threshold", "0", "0", CHECK_OK, "oversize_threshold:0" },
		{ "oversize_threshold", "16383", "0", CHECK_OK, "oversize_threshold:0" },
		{ "oversize_threshold", "16384", "0", CHECK_FAIL, "oversize_threshold:0, launched with 16384" },
		{ "oversize_threshold", "1", "8388608", CHECK_FAIL, "oversize_threshold:8388608, launched with 1" },
		{ "tcache_nslots_small_max", "100000", "2048", CHECK_WARN,
		  "jemalloc made 2048 of tcache_nslots_small_max:100000" },
		{ "tcache_nslots_small_max", "2048", "200", CHECK_FAIL, "launched with 2048" },
		{ "tcache_nslots_large", "0", "1", CHECK_WARN, "jemalloc made 1 of tcache_nslots_large:0" },
		{ "max_background_threads", "9999", "4", CHECK_WARN, "jemalloc made 4 of max_background_threads:9999" },
		{ "max_background_threads", "2", "4", CHECK_FAIL, "launched with 2" },
		{ "tcache_gc_incr_bytes", "1", "1024", CHECK_WARN, "jemalloc made 1024 of" },
		{ "lg_extent_max_active_fit", "100", "6", CHECK_WARN,
		  "jemalloc made 6 of lg_extent_max_active_fit:100" },
		{ "debug_double_free_max_scan", "100000", "0", CHECK_WARN, "jemalloc made 0 of" },
		{ "dirty_decay_ms", "18446744072001", "10000", CHECK_WARN, "jemalloc made 10000 of" },
		/* mimalloc has words for numbers, and sizes in KiB. */
		{ "allow_thp", "off", "0", CHECK_OK, "allow_thp:0" },
		{ "allow_thp", "yes", "0", CHECK_FAIL, "allow_thp:0, launched with yes" },
		{ "purge_delay", "010", "10", CHECK_OK, "purge_delay:10" },
		{ "arena_reserve", "64M", "65536", CHECK_OK, "proved" },
		{ "arena_reserve", "1gib", "1048576", CHECK_OK, "proved" },
		{ "arena_reserve", "1025", "2", CHECK_OK, "proved" },
		{ "arena_reserve", "64M", "64", CHECK_FAIL, "arena_reserve:64, launched with 64M" },
		{ "arena_reserve", "9000000000G", "64", CHECK_FAIL, "launched with 9000000000G" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		set_option(cases[i].key, cases[i].found);
		p->record = &record;
		conf_set(&pool, &record.options, cases[i].key, cases[i].wanted, "record");
		expect(audit_options_in_force, cases[i].wanted, cases[i].status, cases[i].observed);
	}
	/* Pages of 64 KiB have a larger least. */
	build.page_size = 65536;
	set_option("oversize_threshold", "0");
	p->record = &record;
	conf_set(&pool, &record.options, "oversize_threshold", "262143", "record");
	expect(audit_options_in_force, "large pages", CHECK_OK, "oversize_threshold:0");
	set_option("narenas", "8");
	set_option("percpu_arena", "percpu");
	p->record = &record;
	conf_set(&pool, &record.options, "narenas", "2", "record");
	expect(audit_options_in_force, "an arena for each CPU", CHECK_WARN, "jemalloc made 8 of narenas:2");
	set_option("percpu_arena", "disabled");
	p->record = &record;
	conf_set(&pool, &record.options, "percpu_arena", "percpu", "record");
	expect(audit_options_in_force, "CPUs that say nothing", CHECK_WARN,
	       "jemalloc made disabled of percpu_arena:percpu");
}

static void test_variables(void **state)
{
	(void)state;
	expect(audit_process_variables, "none", CHECK_OK, "no MALLOC_CONF");
	p->environment = VARIABLES("MALLOC_CONF=narenas:2");
	expect(audit_process_variables, "read", CHECK_OK, "MALLOC_CONF is read whole");
	p->environment = VARIABLES("MALLOC_CONF=narenas:2,no_such_key:1");
	expect(audit_process_variables, "unknown key", CHECK_FAIL, "no_such_key");
	p->environment = VARIABLES("MALLOC_ARENA_MAX=2");
	expect(audit_process_variables, "glibc's", CHECK_WARN,
	       "MALLOC_ARENA_MAX is set, and jemalloc does not read it");
	p->environment = VARIABLES("MIMALLOC_VERBOSE=1");
	expect(audit_process_variables, "mimalloc's", CHECK_WARN, "MIMALLOC_* is set");
	make_plain();
	p->environment = VARIABLES("MALLOC_CONF=narenas:2");
	expect(audit_process_variables, "jemalloc's", CHECK_WARN, "MALLOC_CONF is set, and glibc does not read it");
	make_plain();
	p->environment = VARIABLES("MALLOC_ARENA_MAX=2");
	expect(audit_process_variables, "its own", CHECK_OK, "glibc");
	p->environment = NULL;
	expect(audit_process_variables, "unreadable", CHECK_UNKNOWN, "its environment cannot be read");
	p->malloc = NULL;
	expect(audit_process_variables, "allocator unknown", CHECK_UNKNOWN, "not known");
	p->is_static = TRI_YES;
	expect(audit_process_variables, "static", CHECK_SKIP, "static");
	expect_of_states(audit_process_variables);
}

static void test_dangerous_options(void **state)
{
	static const struct {
		const char *words;
		enum check_status status;
	} modes[] = {
		{ "percpu", CHECK_FAIL },
		{ "phycpu", CHECK_FAIL },
		{ "disabled", CHECK_OK },
	};
	struct live_cgroup group = { .text = NULL };

	(void)state;
	set_option("dirty_decay_ms", "-1");
	expect(audit_process_variables, "no limit", CHECK_OK, "no MALLOC_CONF");
	set_option("dirty_decay_ms", "-1");
	machine.cgroup.memory_max = GIB(16);
	expect(audit_process_variables, "under a limit", CHECK_FAIL, "dirty_decay_ms:-1");
	/* Of a container, seen from its host; and a limit of ours that is not its own. */
	set_option("dirty_decay_ms", "-1");
	group.limits.memory_max = GIB(16);
	p->cgroup = &group;
	expect(audit_process_variables, "under a limit of its own", CHECK_FAIL, "dirty_decay_ms:-1");
	set_option("dirty_decay_ms", "-1");
	group.limits.memory_max = FACT_UNLIMITED;
	p->cgroup = &group;
	machine.cgroup.memory_max = GIB(16);
	expect(audit_process_variables, "a limit that is not its own", CHECK_OK, "no MALLOC_CONF");
	set_option("dirty_decay_ms", "-1");
	machine.cgroup.memory_max = FACT_UNKNOWN;
	expect(audit_process_variables, "limit unknown", CHECK_OK, "no MALLOC_CONF");
	set_option("dirty_decay_ms", "1000");
	machine.cgroup.memory_max = GIB(16);
	expect(audit_process_variables, "it goes back", CHECK_OK, "no MALLOC_CONF");
	for (size_t i = 0; i < 3; i++) {
		set_option("percpu_arena", modes[i].words);
		expect(audit_process_variables, "percpu_arena on all CPUs", CHECK_OK, "no MALLOC_CONF");
		set_option("percpu_arena", modes[i].words);
		assert_int_equal(bitmap_parse_list("0-3", &p->status.cpus), 0);
		expect(audit_process_variables, "percpu_arena on some", modes[i].status,
		       modes[i].status == CHECK_FAIL ? "affinity of CPUs 0-3" : "no MALLOC_CONF");
		/* A process may run on all CPUs that might come, of which fewer are there. */
		set_option("percpu_arena", modes[i].words);
		assert_int_equal(bitmap_parse_list("0-255", &p->status.cpus), 0);
		expect(audit_process_variables, "percpu_arena, more possible than present", CHECK_OK, "no MALLOC_CONF");
		set_option("percpu_arena", modes[i].words);
		p->status.cpus = (struct bitmap){ { 0 } };
		expect(audit_process_variables, "affinity unknown", CHECK_OK, "no MALLOC_CONF");
	}
}

static void test_arenas(void **state)
{
	static const struct {
		const char *narenas;
		enum check_status status;
		const char *observed;
	} cases[] = {
		{ "8", CHECK_OK, "up to 8 arenas for 8 usable CPUs" },
		{ "16", CHECK_OK, "up to 16 arenas for 8" },
		{ "17", CHECK_WARN, "up to 17 arenas for 8" },
		{ "64", CHECK_WARN, "up to 64 arenas for 8" },
		{ "65", CHECK_FAIL, "up to 65 arenas for 8" },
		/* jemalloc's own: four for each CPU. */
		{ "default", CHECK_WARN, "up to 32 arenas for 8" },
		{ NULL, CHECK_WARN, "up to 32 arenas for 8" },
	};
	struct live_cgroup group = { .text = NULL };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (cases[i].narenas)
			set_option("narenas", cases[i].narenas);
		expect(audit_process_arenas, "narenas", cases[i].status, cases[i].observed);
	}
	machine.cpu.quota_milli = 1500;
	expect(audit_process_arenas, "default under a quota", CHECK_FAIL, "up to 32 arenas for 2 usable CPUs");
	group.limits.cpu_quota_milli = 1500;
	p->cgroup = &group;
	expect(audit_process_arenas, "default under a quota of its own", CHECK_FAIL,
	       "up to 32 arenas for 2 usable CPUs");
	group.limits.cpu_quota_milli = FACT_UNLIMITED;
	p->cgroup = &group;
	machine.cpu.quota_milli = 1500;
	expect(audit_process_arenas, "a quota that is not its own", CHECK_WARN, "up to 32 arenas for 8 usable CPUs");
	/* The audit's own CPUs are not the server's. */
	set_option("narenas", "8");
	machine.cpu.effective = 1;
	expect(audit_process_arenas, "an audit on one CPU", CHECK_OK, "for 8 usable CPUs");
	set_option("narenas", "8");
	assert_int_equal(bitmap_parse_list("0", &p->status.cpus), 0);
	expect(audit_process_arenas, "a server on one CPU", CHECK_WARN, "up to 8 arenas for 1 usable CPU");
	set_option("narenas", "8");
	p->status.cpus = (struct bitmap){ { 0 } };
	machine.cpu.effective = FACT_UNKNOWN;
	expect(audit_process_arenas, "CPUs unknown", CHECK_UNKNOWN, "is not known");
	p->options_evidence = EVIDENCE_NONE;
	expect(audit_process_arenas, "options unknown", CHECK_UNKNOWN, "options of jemalloc are not known");
	make_plain();
	expect(audit_process_arenas, "glibc's default", CHECK_WARN, "up to 64 arenas for 8");
	make_plain();
	set_option("arena_max", "2");
	expect(audit_process_arenas, "glibc's limit", CHECK_OK, "up to 2 arenas");
	make_plain();
	p->status.n_threads = 1;
	expect(audit_process_arenas, "one thread", CHECK_SKIP, "one thread");
	make_foreign("tcmalloc", "/usr/lib/libtcmalloc.so.4");
	expect(audit_process_arenas, "tcmalloc", CHECK_SKIP, "no arenas");
	p->malloc = NULL;
	p->is_static = TRI_YES;
	expect(audit_process_arenas, "static", CHECK_SKIP, "in the program itself");
	p->malloc = NULL;
	p->problem = mem_strdup(&pool, "its loader is at work");
	expect(audit_process_arenas, "loading", CHECK_UNKNOWN, "loader");
	expect_of_states(audit_process_arenas);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE_TEST(test_preload_effective),
		CASE_TEST(test_preload_of_two),
		CASE_TEST(test_preload_of_others),
		CASE_TEST(test_preload_in_front),
		CASE_TEST(test_preload_of_own),
		CASE_TEST(test_preload_not_wanted),
		CASE_TEST(test_options_in_force),
		CASE_TEST(test_options_as_jemalloc_reads_them),
		CASE_TEST(test_variables),
		CASE_TEST(test_dangerous_options),
		CASE_TEST(test_arenas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
