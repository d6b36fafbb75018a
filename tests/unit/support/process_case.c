/* SPDX-License-Identifier: Apache-2.0 */
#include "support/process_case.h"

#include <string.h>

struct build_facts build;

struct live_library libraries[4];

struct live_record record;

struct live_process processes[3];

struct facts machine;

struct node_facts node;

struct live_facts live;

struct live_samples samples;

struct audit_facts audit;

struct thresholds thresholds;

struct live_process *const p = &processes[0];

struct live_library *const library = &libraries[0];

char **variables(const char *const *list)
{
	char **copy = NULL;
	size_t n = 0;

	for (; *list; list++)
		*MEM_PUSH(&pool, copy, n) = mem_strdup(&pool, *list);
	*MEM_PUSH(&pool, copy, n) = NULL;
	return copy;
}

void set_option(const char *key, const char *value)
{
	conf_set(&pool, &p->options, key, value, "test");
}

void add_step(const char *step, const char *name, const char *value, const char *outcome)
{
	struct live_step s = { .step = mem_strdup(&pool, step),
			       .name = mem_strdup(&pool, name),
			       .value = value ? mem_strdup(&pool, value) : NULL,
			       .outcome = mem_strdup(&pool, outcome) };

	s.set = live_record_parse_words(&pool, &s);
	*MEM_PUSH(&pool, record.steps, record.n_steps) = s;
	p->record = &record;
}

void make_libraries(void)
{
	build = (struct build_facts){ .id = mem_strdup(&pool, "jemalloc-5.3.1-x86_64-glibc"),
				      .build_id = mem_strdup(&pool, "abcd"),
				      .is_bundled = true };
	libraries[0] = (struct live_library){ .path = mem_strdup(&pool, OURS),
					      .allocator = mem_strdup(&pool, "jemalloc"),
					      .build_id = build.build_id,
					      .build = &build,
					      .defines_malloc = true };
	libraries[1] = (struct live_library){ .path = mem_strdup(&pool, "/usr/lib/libstdc++.so.6"),
					      .allocator = mem_strdup(&pool, "libstdc++.so.6") };
	libraries[2] = (struct live_library){ .path = mem_strdup(&pool, "/usr/lib/libc.so.6"),
					      .allocator = mem_strdup(&pool, "glibc"),
					      .defines_malloc = true };
}

void make_server(void)
{
	make_libraries();
	record = (struct live_record){ .path = mem_strdup(&pool, "/run/allocrun/4711.json"),
				       .version = mem_strdup(&pool, "0.1") };
	memset(processes, 0, sizeof processes);
	*p = (struct live_process){
		.pid = 4711,
		.status.inner_pid = 4711,
		.parent = 1,
		.start_time = 8765,
		.age_seconds = 3600,
		.name = "vllm",
		.command = "vllm serve",
		.state = LIVE_RUNNING,
		.bits = 64,
		.is_static = TRI_NO,
		.is_secure = TRI_NO,
		.malloc = library,
		.free = library,
		.operator_new = library,
		.libraries = libraries,
		.n_libraries = 3,
		.loaded = variables((const char *const[]){ "", OURS, "/usr/lib/libc.so.6", NULL }),
		.environment = variables((const char *const[]){ "LD_PRELOAD=" OURS, NULL }),
		.environment_evidence = EVIDENCE_PROVED,
		.options_evidence = EVIDENCE_PROVED,
		.status.rss_anon = GIB(4),
		.status.rss_file = GIB(1),
		.status.rss_shmem = 0,
		.status.hugetlb = 0,
		.status.swap = 0,
		.allocator_resident = FACT_UNKNOWN,
		.allocator_dirty = FACT_UNKNOWN,
		.allocator_live = FACT_UNKNOWN,
		.purge_threads = FACT_UNKNOWN,
		.n_mappings = 900,
		.status.n_threads = 181,
		.memory_policy = FACT_UNKNOWN,
		.status.thp = THP_PROCESS_ALLOWED,
		.status.capabilities_known = TRI_YES,
		.limits.memlock = { FACT_UNLIMITED, FACT_UNLIMITED },
	};
	assert_int_equal(bitmap_parse_list("0-7", &p->status.cpus), 0);
	machine = (struct facts){
		.process.status.cpus = p->status.cpus,
		.cpu = { .online = p->status.cpus, .quota_milli = FACT_UNLIMITED, .effective = 8 },
		.cgroup = { .memory_max = FACT_UNLIMITED },
		.numa = { .n_nodes = 1 },
	};
	node = (struct node_facts){ .max_map_count = 65530 };
	live = (struct live_facts){ .processes = processes, .n_processes = 1, .page_size = 4096 };
	samples = (struct live_samples){ NULL, 0 };
	audit = (struct audit_facts){ .machine = &machine, .node = &node, .live = &live };
	thresholds = thresholds_default();
}

int open_case(void **state)
{
	(void)state;
	make_server();
	return 0;
}

void expect_of(const struct live_process *process, check_assess *assess, const char *row, enum check_status status,
	       const char *part)
{
	struct finding f = assess(&pool, &audit, &thresholds, process);

	if (f.status != status)
		fail_msg("%s: status %d (%s), expected %d", row, f.status, f.observed, status);
	assert_row_contains(row, f.observed, part);
	/* Of a process that may not be looked into every check says so: that is no case of its own. */
	if (process->state == LIVE_RUNNING)
		audit_note(assess, f.status);
	make_server();
}

void expect_of_states(check_assess *assess)
{
	static const struct {
		enum live_state state;
		enum check_status status;
	} states[] = {
		{ LIVE_GONE, CHECK_SKIP },
		{ LIVE_ZOMBIE, CHECK_SKIP },
		{ LIVE_KERNEL_THREAD, CHECK_SKIP },
		{ LIVE_DENIED, CHECK_UNKNOWN },
	};
	static char why[] = "why not";

	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		*p = (struct live_process){ .pid = 4711, .state = states[i].state, .problem = why };
		expect(assess, "state", states[i].status, why);
	}
}
