/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/utsname.h>

#include "detect/detect.h"
#include "detect/detectors.h"
#include "detect/meminfo.h"
#include "known/allocators.h"
#include "program/catalog.h"
#include "program/command.h"
#include "program/malloc_files.h"
#include "util/text.h"

/* The first mapping's KernelPageSize stands within this much of smaps. */
#define DETECT_SMAPS_START 4096
#define DETECT_LD_SO_PRELOAD_MAX (64 * 1024)
/* 2.17, of 2012 and of RHEL 7: the oldest that Python wheels are built for (PEP 599). */
#define DETECT_GLIBC_OLDEST 17

/* A captured machine has no auxiliary vector; smaps says the same. */
int64_t page_size_detect(const struct root *root, struct mem *m)
{
	int64_t size = FACT_UNKNOWN;
	char *text;

	if (root->live)
		return (int64_t)getauxval(AT_PAGESZ);
	if (root_read_start(root, m, "/proc/self/smaps", DETECT_SMAPS_START, &text) < 0)
		return FACT_UNKNOWN;
	text_read_kib(text, "KernelPageSize", &size);
	/* Not a page size: a truncated or foreign file. */
	return size > 0 && (size & (size - 1)) == 0 ? size : FACT_UNKNOWN;
}

void kernel_detect(const struct root *root, char ret_release[KERNEL_RELEASE_SIZE],
		   char ret_machine[KERNEL_MACHINE_SIZE])
{
	struct utsname name;

	*ret_release = *ret_machine = '\0';
	if (root->live && uname(&name) == 0) {
		snprintf(ret_release, KERNEL_RELEASE_SIZE, "%s", name.release);
		snprintf(ret_machine, KERNEL_MACHINE_SIZE, "%.15s", name.machine);
		return;
	}
	root_read_line(root, ret_release, KERNEL_RELEASE_SIZE, "/proc/sys/kernel/osrelease");
	root_read_line(root, ret_machine, KERNEL_MACHINE_SIZE, "/proc/sys/kernel/arch");
}

/* A build that asks for no more than the oldest glibc in use fits them all. */
static bool detect_needs_glibc_version(const struct catalog_facts *catalog)
{
	for (size_t i = 0; i < catalog->n_builds; i++) {
		if (catalog->builds[i].libc_minor > DETECT_GLIBC_OLDEST)
			return true;
	}
	return false;
}

void facts_detect(const struct root *root, struct mem *m, const struct detect_request *request, struct facts *ret)
{
	struct meminfo memory;
	bool asks_nodes; /* for their hugetlb pools: the machine says nothing of its own */

	memset(ret, 0, sizeof *ret);
	ret->is_live = root->live;
	ret->page_size = page_size_detect(root, m);
	kernel_detect(root, ret->kernel, ret->machine);
	meminfo_read(root, m, &memory);
	ret->memory_total = memory.total;
	if (root_read(root, m, "/etc/ld.so.preload", DETECT_LD_SO_PRELOAD_MAX, &ret->ld_so_preload, NULL) == 0)
		preload_remove_comments(ret->ld_so_preload);

	process_detect(root, m, &ret->process);
	cpu_detect(root, &ret->cpu);
	thp_detect(root, m, request->thorough, &ret->thp);
	if (request->thorough)
		hugetlb_detect(root, m, &memory, &ret->hugetlb);
	asks_nodes = request->thorough && memory.hugetlb != 0 && !ret->hugetlb.n_pools;
	numa_detect(root, m, asks_nodes ? NULL : &ret->hugetlb, &ret->numa);
	cgroup_detect(root, m, request->thorough, &ret->cgroup);
	ret->cpu.quota_milli = ret->cgroup.cpu_quota_milli;
	ret->cpu.effective = cpu_count_effective(&ret->cpu, &ret->process.status.cpus);
	gpu_detect(root, m, request->environment, &ret->gpu);
	command_detect(root, m, request->argv, request->environment, &ret->command);
	/* A capture has no libraries. */
	if (root->live && !root->record) {
		malloc_detect_libraries(root, m, request, &ret->command);
		malloc_detect_preloads(root, m, request, &ret->command, ret->ld_so_preload, &ret->preloads);
	}
	catalog_detect(root, m, request, &ret->command, &ret->catalog);
	if (request->thorough || detect_needs_glibc_version(&ret->catalog))
		command_detect_glibc_version(root, m, &ret->command);
	if (request->user)
		account_detect(root, m, request->user, &ret->account);
}
