/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect/detectors.h"
#include "util/text.h"

#define GPU_NVIDIA_FOLDER "/proc/driver/nvidia/gpus"
#define GPU_KFD_FOLDER "/sys/class/kfd/kfd/topology/nodes"
#define GPU_PCI_FOLDER "/sys/bus/pci/devices"
/*
 * Without the vendors' own files: the devices that a driver has bound. That folder has
 * one entry for each of them, while a search of the PCI devices by class opens one
 * file for every device of the machine. GPUs bound to vfio belong to a guest.
 */
#define GPU_DRIVER_FOLDER "/sys/bus/pci/drivers/"

/* "0000:19:00.0", in lower case as the kernel writes it */
static bool gpu_is_address(const char *name)
{
	static const char form[] = "xxxx:xx:xx.d";

	for (size_t i = 0; i < sizeof form - 1; i++) {
		if (form[i] == 'x' ? !name[i] || !strchr("0123456789abcdef", name[i]) :
		    form[i] == 'd' ? name[i] < '0' || name[i] > '7' :
				     name[i] != form[i])
			return false;
	}
	return name[sizeof form - 1] == '\0';
}

static struct gpu *gpu_add(const struct root *root, struct mem *m, enum gpu_vendor vendor, const char *address,
			   struct gpu_facts *facts)
{
	struct gpu *gpu = MEM_PUSH(m, facts->gpus, facts->n_gpus);
	int64_t node;

	gpu->vendor = vendor;
	gpu->visible = TRI_UNKNOWN;
	gpu->node = GPU_NODE_UNREAD;
	snprintf(gpu->address, sizeof gpu->address, "%.12s", address);
	if (root_read_i64(root, &node, GPU_PCI_FOLDER "/%s/numa_node", gpu->address) == 0 && node < BITMAP_BITS)
		gpu->node = node >= 0 ? (int)node : -1;
	return gpu;
}

static int gpu_compare_addresses(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The PCI addresses among the names in a folder, in the order of the bus. */
static size_t gpu_list_addresses(const struct root *root, struct mem *m, const char *folder, char ***ret)
{
	char **names, **addresses;
	size_t n = 0;

	if (root_list(root, m, folder, "", &names) < 0)
		return 0;
	addresses = names;
	for (; *names; names++) {
		if (gpu_is_address(*names))
			addresses[n++] = *names;
	}
	if (n)
		qsort(addresses, n, sizeof *addresses, gpu_compare_addresses);
	*ret = addresses;
	return n;
}

/*
 * A GPU without its device node is not ours: containers see /proc/driver/nvidia of the
 * whole host. On a host the nodes are made when the first program asks for them, so
 * that without the control node nothing is known.
 */
static void gpu_check_nvidia_device(const struct root *root, const char *information, struct gpu *gpu)
{
	const char *value = text_find_field(information, "Device Minor");
	struct stat st;
	char path[64];
	int64_t minor;

	if (!value || text_parse_i64(value, &minor, NULL) < 0 || minor < 0)
		return;
	snprintf(path, sizeof path, "/dev/nvidia%" PRId64, minor);
	gpu->visible = root_stat(root, path, &st) == 0 ? TRI_YES : TRI_NO;
}

static void gpu_detect_nvidia(const struct root *root, struct mem *m, struct gpu_facts *facts)
{
	char **addresses = NULL;
	size_t n = gpu_list_addresses(root, m, GPU_NVIDIA_FOLDER, &addresses);
	bool has_nodes;
	struct stat st;

	has_nodes = n && root_stat(root, "/dev/nvidiactl", &st) == 0;
	for (size_t i = 0; i < n; i++) {
		char path[96];
		const char *value;
		char *information;
		struct gpu *gpu = gpu_add(root, m, GPU_NVIDIA, addresses[i], facts);

		/* nvidia-smi counts in the order of the bus. */
		gpu->index = (int)i;
		snprintf(path, sizeof path, GPU_NVIDIA_FOLDER "/%s/information", addresses[i]);
		if (root_read_record(root, m, path, &information) < 0)
			continue;
		value = text_find_field(information, "GPU UUID");
		/* "GPU-????????-…" until something has initialised it. */
		if (value && text_starts_with(value, "GPU-") && value[4] != '?')
			gpu->uuid = text_dup_line(m, value);
		if (has_nodes)
			gpu_check_nvidia_device(root, information, gpu);
	}
}

/* "NAME VALUE" lines, as kfd writes them */
static int gpu_parse_property(const char *text, const char *name, uint64_t *ret)
{
	size_t length = strlen(name);

	for (const char *line = text; line; line = text_next_line(line)) {
		if (text_starts_with(line, name) && line[length] == ' ' && strchr(line, '\n'))
			return text_parse_u64(line + length, 10, ret, NULL);
	}
	return -1;
}

static void gpu_add_kfd(const struct root *root, struct mem *m, const char *properties, struct gpu_facts *facts)
{
	uint64_t simds, location, domain = 0, id = 0;
	char address[32];
	struct gpu *gpu;

	/* Nodes without SIMD units are the CPUs. */
	if (gpu_parse_property(properties, "simd_count", &simds) < 0 || simds == 0 ||
	    gpu_parse_property(properties, "location_id", &location) < 0)
		return;
	gpu_parse_property(properties, "domain", &domain);
	gpu_parse_property(properties, "unique_id", &id);
	/*
	 * Bus, device and function as PCI packs them, except that the partitions of one
	 * GPU are told apart in the function; the device has function 0 only.
	 */
	snprintf(address, sizeof address, "%04x:%02x:%02x.0", (unsigned int)(domain & 0xffff),
		 (unsigned int)(location >> 8 & 0xff), (unsigned int)(location >> 3 & 0x1f));
	gpu = gpu_add(root, m, GPU_AMD, address, facts);
	if (id)
		gpu->uuid = mem_printf(m, "GPU-%016" PRIx64, id);
}

static void gpu_detect_kfd(const struct root *root, struct mem *m, struct gpu_facts *facts)
{
	char path[96];
	char **names, *text;

	if (root_list(root, m, GPU_KFD_FOLDER, "", &names) < 0)
		return;
	for (; *names; names++) {
		if (!text_is_digits(*names))
			continue;
		snprintf(path, sizeof path, GPU_KFD_FOLDER "/%.16s/properties", *names);
		/* EPERM: kept from us by the device cgroup, and so from the count of ROCm. */
		if (root_read_record(root, m, path, &text) == 0)
			gpu_add_kfd(root, m, text, facts);
	}
}

static void gpu_detect_driver(const struct root *root, struct mem *m, enum gpu_vendor vendor, const char *folder,
			      struct gpu_facts *facts)
{
	char **addresses = NULL;
	size_t n = gpu_list_addresses(root, m, folder, &addresses);

	for (size_t i = 0; i < n; i++)
		gpu_add(root, m, vendor, addresses[i], facts);
}

void gpu_detect(const struct root *root, struct mem *m, const char *const *environment, struct gpu_facts *ret)
{
	size_t n_nvidia;

	*ret = (struct gpu_facts){ 0 };
	gpu_detect_nvidia(root, m, ret);
	if (!ret->n_gpus)
		gpu_detect_driver(root, m, GPU_NVIDIA, GPU_DRIVER_FOLDER "nvidia", ret);
	n_nvidia = ret->n_gpus;
	gpu_detect_kfd(root, m, ret);
	if (ret->n_gpus == n_nvidia)
		gpu_detect_driver(root, m, GPU_AMD, GPU_DRIVER_FOLDER "amdgpu", ret);
	for (size_t i = 0; i < ret->n_gpus; i++)
		ret->gpus[i].index = (int)(i < n_nvidia ? i : i - n_nvidia);
	gpu_apply_visibility(m, environment, ret);
}
