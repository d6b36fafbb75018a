/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/node.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <linux/magic.h>

#include "detect/boot.h"
#include "known/allocators.h"
#include "util/text.h"

#define NODE_PRELOAD_MAX 16 /* entries of /etc/ld.so.preload that are looked for */
#define NODE_MOUNTINFO_MAX (64 * 1024)
#define NODE_BALANCING "/proc/sys/kernel/numa_balancing"

/* A sysctl that every kernel has. */
static void node_read_sysctl(const struct root *root, struct mem *m, struct node_facts *node, const char *path,
			     int64_t *ret)
{
	int r = root_read_i64(root, ret, "%s", path);

	if (r < 0)
		node_add_gap(m, node, path, r);
}

static void node_read_command_line(const struct root *root, struct mem *m, struct node_facts *node)
{
	int r = boot_read(root, m, &node->command_line);

	if (r < 0)
		node_add_gap(m, node, "/proc/cmdline", r);
}

/* A kernel without NUMA balancing has no such file, which is an answer where there are others. */
static void node_detect_balancing(const struct root *root, struct node_facts *node)
{
	struct stat st;

	root_read_i64(root, &node->balancing, NODE_BALANCING);
	if (node->balancing != FACT_UNKNOWN)
		node->has_balancing = TRI_YES;
	else if (root_stat(root, NODE_BALANCING, &st) == -ENOENT &&
		 root_stat(root, "/proc/sys/kernel/osrelease", &st) == 0)
		node->has_balancing = TRI_NO;
}

static void node_detect_shm_captured(const struct root *root, struct mem *m, const struct facts *machine,
				     struct node_facts *node)
{
	char *text;

	if (root_read_start(root, m, "/proc/self/mountinfo", NODE_MOUNTINFO_MAX, &text) < 0)
		return;
	node->shm.is_mounted = node_parse_tmpfs(text, "/dev/shm", machine->memory_total, &node->shm.size) ? TRI_YES :
													    TRI_NO;
}

static void node_detect_shm(const struct root *root, struct mem *m, const struct facts *machine,
			    struct node_facts *node)
{
	struct statfs fs;
	int64_t block;

	if (!root->live) {
		node_detect_shm_captured(root, m, machine, node);
		return;
	}
	if (statfs("/dev/shm", &fs) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			node->shm.is_mounted = TRI_NO;
		else
			node_add_gap(m, node, "/dev/shm", -errno);
		return;
	}
	node->shm.is_mounted = fs.f_type == TMPFS_MAGIC ? TRI_YES : TRI_NO;
	block = (int64_t)fs.f_bsize;
	if (fs.f_blocks == 0) {
		node->shm.size = FACT_UNLIMITED;
	} else if ((uint64_t)fs.f_blocks <= (uint64_t)(INT64_MAX / block)) {
		node->shm.size = (int64_t)fs.f_blocks * block;
		node->shm.used = (int64_t)(fs.f_blocks - fs.f_bfree) * block;
	}
}

/* The groups of the GPUs alone: a big machine has hundreds of others. */
static void node_detect_iommu(const struct root *root, struct mem *m, const struct facts *machine,
			      struct node_facts *node)
{
	for (size_t i = 0; i < machine->gpu.n_gpus && i < NODE_IOMMU_MAX; i++) {
		const char *address = machine->gpu.gpus[i].address;
		struct node_iommu *iommu = MEM_PUSH(m, node->iommu, node->n_iommu);
		char path[96];
		struct stat st;
		int r;

		memcpy(iommu->address, address, sizeof iommu->address);
		iommu->has_group = TRI_UNKNOWN;
		snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/iommu_group/type", address);
		r = root_read_line(root, iommu->type, sizeof iommu->type, "%s", path);
		if (r == 0)
			iommu->has_group = TRI_YES;
		else if (r != -ENOENT)
			node_add_gap(m, node, path, r);
		/* No group is an answer for a device that is there; "type" is of kernel 5.11. */
		if (r != -ENOENT)
			continue;
		snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/iommu_group", address);
		if (root_stat(root, path, &st) == 0)
			iommu->has_group = TRI_YES;
		else if (root_stat(root, text_dirname(m, path), &st) == 0)
			iommu->has_group = TRI_NO;
	}
}

static void node_detect_rdma(const struct root *root, struct mem *m, struct node_facts *node)
{
	char **names;
	int r = root_list(root, m, "/sys/class/infiniband", "", &names);

	if (r < 0) {
		node->n_rdma = r == -ENOENT ? 0 : FACT_UNKNOWN;
		return;
	}
	for (node->n_rdma = 0; names[node->n_rdma];)
		node->n_rdma++;
}

/* jemalloc reads the link itself, not a file behind it. */
static void node_detect_malloc_conf(const struct root *root, struct mem *m, struct node_facts *node)
{
	char text[4096];
	int r = root_readlink(root, "/etc/malloc.conf", text, sizeof text);

	if (r == 0)
		node->malloc_conf = mem_strdup(m, text);
	else if (r != -ENOENT && r != -ENOTDIR && r != -EINVAL)
		node_add_gap(m, node, "/etc/malloc.conf", r);
}

static void node_detect_preload(const struct root *root, struct mem *m, const struct facts *machine,
				struct node_facts *node)
{
	const char *entry = machine->ld_so_preload;
	struct stat st;
	int r;

	if (!entry) {
		r = root_stat(root, "/etc/ld.so.preload", &st);
		node->has_ld_so_preload = r == 0 ? TRI_YES : r == -ENOENT ? TRI_NO : TRI_UNKNOWN;
		if (node->has_ld_so_preload != TRI_NO)
			node_add_gap(m, node, "/etc/ld.so.preload", r == 0 ? -EACCES : r);
		return;
	}
	node->has_ld_so_preload = TRI_YES;
	for (int i = 0; i < NODE_PRELOAD_MAX; i++) {
		const char *path = preload_next_of_file(m, &entry);

		if (!path)
			return;
		/* A bare name, and what stands for $LIB or $PLATFORM, only the loader knows. */
		if (*path == '/' && !strchr(path, '$') && root_stat(root, path, &st) == -ENOENT)
			*MEM_PUSH(m, node->preload_missing, node->n_preload_missing) = path;
	}
}

const struct node_facts node_unknown = {
	.overcommit_memory = FACT_UNKNOWN,
	.swappiness = FACT_UNKNOWN,
	.max_map_count = FACT_UNKNOWN,
	.balancing = FACT_UNKNOWN,
	.has_balancing = TRI_UNKNOWN,
	.memory = { FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN,
		    FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN,
		    FACT_UNKNOWN },
	.events = { FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN },
	.cgroup = { FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN },
	.shm = { TRI_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN },
	.n_rdma = FACT_UNKNOWN,
	.mempolicy = { .mode = FACT_UNKNOWN },
	.has_ld_so_preload = TRI_UNKNOWN,
};

void node_detect(const struct root *root, struct mem *m, const struct facts *machine, struct node_facts *ret)
{
	*ret = node_unknown;
	node_read_command_line(root, m, ret);
	node_read_sysctl(root, m, ret, "/proc/sys/vm/overcommit_memory", &ret->overcommit_memory);
	node_read_sysctl(root, m, ret, "/proc/sys/vm/swappiness", &ret->swappiness);
	node_read_sysctl(root, m, ret, "/proc/sys/vm/max_map_count", &ret->max_map_count);
	node_detect_balancing(root, ret);
	node_detect_memory(root, m, machine, ret);
	node_detect_cgroup(root, m, &machine->cgroup, ret);
	node_detect_shm(root, m, machine, ret);
	node_detect_preload(root, m, machine, ret);
	node_detect_malloc_conf(root, m, ret);
	if (machine->gpu.n_gpus) {
		node_detect_iommu(root, m, machine, ret);
		node_detect_rdma(root, m, ret);
	}
	if (root->live)
		node_probe_mempolicy(m, &machine->process.status.memory_nodes, &ret->mempolicy);
}
