/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "detect/detectors.h"
#include "util/environment.h"
#include "util/text.h"

/*
 * What the *_VISIBLE_DEVICES variables leave of the GPUs. By the vendors' manuals:
 *
 * NVIDIA_VISIBLE_DEVICES (container toolkit): what the runtime has put into the
 *   container: "all", "none", indices, UUIDs, MIG devices; "void", empty and unset: it
 *   has done nothing. Under CDI it is set to "void" while devices are there, so the
 *   device nodes, where they could be looked at, count more.
 * CUDA_VISIBLE_DEVICES (CUDA programming guide): indices as nvidia-smi numbers them
 *   within the container, UUIDs that may be shortened, MIG devices. An invalid entry
 *   hides all that follow, "" hides all. CUDA's own default order is "fastest first",
 *   which only differs from the bus where unlike GPUs are mixed; then only
 *   CUDA_DEVICE_ORDER=PCI_BUS_ID is what we assume here. What the guide does not say was
 *   asked of driver 580 (tests/gpu/run): what follows a number or a whole UUID is not looked
 *   at ("0x0", "0;1" are 0); a UUID behind a number, or the other way, is invalid; with the
 *   same GPU twice cuInit() fails, so that none is left.
 * ROCR_VISIBLE_DEVICES (ROCm): indices and UUIDs for everything on ROCm;
 *   HIP_VISIBLE_DEVICES: indices among what that left. HIP reads
 *   CUDA_VISIBLE_DEVICES when its own variable is not set, and takes an empty
 *   variable for one that is not set.
 */

/* The GPUs of one vendor that are left, in the order in which the next variable counts them. */
struct gpu_view {
	struct gpu **gpus;
	size_t n;
};

static struct gpu_view gpu_view_make(struct mem *m, struct gpu_facts *facts, enum gpu_vendor vendor)
{
	struct gpu_view view = { 0 };

	for (size_t i = 0; i < facts->n_gpus; i++) {
		if (facts->gpus[i].vendor == vendor && facts->gpus[i].visible != TRI_NO)
			*MEM_PUSH(m, view.gpus, view.n) = &facts->gpus[i];
	}
	return view;
}

/* The one GPU whose UUID starts so; NULL for none, and for a start that two have. */
static struct gpu *gpu_find_uuid(const struct gpu_view *view, const char *start)
{
	struct gpu *found = NULL;

	for (size_t i = 0; i < view->n; i++) {
		const char *uuid = view->gpus[i]->uuid;

		if (!uuid || strncasecmp(uuid, start, strnlen(start, strlen(uuid))) != 0)
			continue;
		if (found)
			return NULL;
		found = view->gpus[i];
	}
	return found;
}

/* "MIG-GPU-UUID/instance/…" of older drivers names a GPU. */
static struct gpu *gpu_find_uuid_entry(struct mem *m, const struct gpu_view *view, const char *entry)
{
	if (text_starts_with(entry, "MIG-GPU-"))
		entry = mem_strndup(m, entry + 4, strcspn(entry + 4, "/"));
	return text_starts_with(entry, "GPU-") && entry[4] ? gpu_find_uuid(view, entry) : NULL;
}

/* One entry for the container's list and for ROCm: an index or a UUID. */
static struct gpu *gpu_find_entry(struct mem *m, const struct gpu_view *view, const char *entry)
{
	const char *end;
	int64_t index;

	if (text_parse_i64(entry, &index, &end) == 0 && !*end)
		return index >= 0 && index < (int64_t)view->n ? view->gpus[index] : NULL;
	return gpu_find_uuid_entry(m, view, entry);
}

/* One entry for CUDA, and which kind it is of; NULL ends the list. */
static struct gpu *gpu_find_cuda_entry(struct mem *m, const struct gpu_view *view, const char *entry,
				       bool *ret_is_number)
{
	char *end;
	long index = strtol(entry, &end, 10);

	*ret_is_number = end != entry;
	if (*ret_is_number)
		return index >= 0 && index < (long)view->n ? view->gpus[index] : NULL;
	return gpu_find_uuid_entry(m, view, entry);
}

static char **gpu_split_list(struct mem *m, const char *list, size_t *ret_n)
{
	char **entries = NULL;
	size_t n = 0;

	while (*list) {
		size_t length = strcspn(list, ",");

		*MEM_PUSH(m, entries, n) = mem_strndup(m, list, length);
		list += length + (list[length] == ',');
	}
	*ret_n = n;
	return entries;
}

static bool gpu_is_among(struct gpu *const *kept, size_t n, const struct gpu *gpu)
{
	for (size_t i = 0; i < n; i++) {
		if (kept[i] == gpu)
			return true;
	}
	return false;
}

/* Which of the view stay: as bits, since they are pointed to from several lists. */
static void gpu_keep(const struct gpu_view *view, struct gpu **kept, size_t n_kept, enum tristate others)
{
	for (size_t i = 0; i < view->n; i++) {
		view->gpus[i]->visible = gpu_is_among(kept, n_kept, view->gpus[i]) ? TRI_YES : others;
	}
}

static void gpu_note(struct mem *m, struct gpu_facts *facts, const char *name, const char *value)
{
	if (facts->visible_by)
		facts->visible_by = mem_printf(m, "%s %s=%s", facts->visible_by, name, value);
	else
		facts->visible_by = mem_printf(m, "%s=%s", name, value);
}

/* What CUDA takes of the entries, in *kept; which GPU a MIG instance is of, only its library knows. */
static size_t gpu_select_cuda(struct mem *m, const struct gpu_view *view, char *const *entries, size_t n_entries,
			      struct gpu **kept, enum tristate *others)
{
	bool is_number, are_numbers = false;
	size_t n_kept = 0;

	for (size_t i = 0; i < n_entries; i++) {
		struct gpu *gpu = gpu_find_cuda_entry(m, view, entries[i], &is_number);

		if (i == 0)
			are_numbers = is_number;
		if (is_number != are_numbers)
			break;
		if (!gpu && text_starts_with(entries[i], "MIG-"))
			*others = TRI_UNKNOWN;
		else if (!gpu)
			break;
		else if (gpu_is_among(kept, n_kept, gpu))
			return 0;
		else
			kept[n_kept++] = gpu;
	}
	return n_kept;
}

/* What ROCr and HIP take of the entries: ROCr's list ends at one it has seen. */
static size_t gpu_select_rocm(struct mem *m, const struct gpu_view *view, char *const *entries, size_t n_entries,
			      bool ends_at_repeats, struct gpu **kept)
{
	size_t n_kept = 0;

	for (size_t i = 0; i < n_entries; i++) {
		struct gpu *gpu = gpu_find_entry(m, view, text_dup_line(m, entries[i]));

		if (!gpu || (ends_at_repeats && gpu_is_among(kept, n_kept, gpu)))
			break;
		if (!gpu_is_among(kept, n_kept, gpu))
			kept[n_kept++] = gpu;
	}
	return n_kept;
}

/* A list by which a runtime (CUDA, ROCm, HIP) narrows its view. */
static void gpu_apply_list(struct mem *m, const char *name, const char *value, enum gpu_vendor vendor,
			   struct gpu_facts *facts)
{
	struct gpu_view view = gpu_view_make(m, facts, vendor);
	enum tristate others = TRI_NO;
	size_t n_entries, n_kept;
	struct gpu **kept;
	char **entries;

	if (!view.n)
		return;
	kept = mem_alloc(m, view.n * sizeof(struct gpu *));
	entries = gpu_split_list(m, value, &n_entries);
	if (vendor == GPU_NVIDIA)
		n_kept = gpu_select_cuda(m, &view, entries, n_entries, kept, &others);
	else
		n_kept = gpu_select_rocm(m, &view, entries, n_entries, strcmp(name, "ROCR_VISIBLE_DEVICES") == 0, kept);
	gpu_keep(&view, kept, n_kept, others);
	gpu_note(m, facts, name, value);
}

/*
 * The container's own list. Its indices are those of the host, while the driver's
 * folder may already be narrowed to the container: an entry that is not found says
 * that it is, and then all that we see is ours.
 */
static void gpu_apply_container(struct mem *m, const char *value, struct gpu_facts *facts)
{
	struct gpu_view view = gpu_view_make(m, facts, GPU_NVIDIA);
	struct gpu **kept = NULL;
	size_t n_entries, n_kept = 0;
	char **entries;

	if (!view.n || strcmp(value, "all") == 0)
		return;
	if (strcmp(value, "none") == 0) {
		gpu_keep(&view, NULL, 0, TRI_NO);
		gpu_note(m, facts, "NVIDIA_VISIBLE_DEVICES", value);
		return;
	}
	entries = gpu_split_list(m, value, &n_entries);
	for (size_t i = 0; i < n_entries; i++) {
		struct gpu *gpu = gpu_find_entry(m, &view, text_dup_line(m, entries[i]));

		if (!gpu)
			return;
		*MEM_PUSH(m, kept, n_kept) = gpu;
	}
	if (n_kept == view.n)
		return;
	gpu_keep(&view, kept, n_kept, TRI_NO);
	gpu_note(m, facts, "NVIDIA_VISIBLE_DEVICES", value);
}

/* "void" or empty, and no device node seen either: nothing was given to this container. */
static void gpu_apply_void(struct mem *m, const char *value, struct gpu_facts *facts)
{
	struct gpu_view view = gpu_view_make(m, facts, GPU_NVIDIA);
	bool is_hidden = false;

	for (size_t i = 0; i < view.n; i++) {
		if (view.gpus[i]->visible == TRI_UNKNOWN) {
			view.gpus[i]->visible = TRI_NO;
			is_hidden = true;
		}
	}
	if (is_hidden)
		gpu_note(m, facts, "NVIDIA_VISIBLE_DEVICES", value);
}

void gpu_apply_visibility(struct mem *m, const char *const *environment, struct gpu_facts *facts)
{
	const char *container = environment_get(environment, "NVIDIA_VISIBLE_DEVICES");
	const char *cuda = environment_get(environment, "CUDA_VISIBLE_DEVICES");
	const char *rocr = environment_get(environment, "ROCR_VISIBLE_DEVICES");
	const char *hip = environment_get(environment, "HIP_VISIBLE_DEVICES");

	if (container && (!*container || strcmp(container, "void") == 0))
		gpu_apply_void(m, container, facts);
	/* Nothing speaks against the rest; a list may, from here on. */
	for (size_t i = 0; i < facts->n_gpus; i++) {
		if (facts->gpus[i].visible == TRI_UNKNOWN)
			facts->gpus[i].visible = TRI_YES;
	}
	if (container && *container && strcmp(container, "void") != 0)
		gpu_apply_container(m, container, facts);
	if (cuda)
		gpu_apply_list(m, "CUDA_VISIBLE_DEVICES", cuda, GPU_NVIDIA, facts);
	if (rocr)
		gpu_apply_list(m, "ROCR_VISIBLE_DEVICES", rocr, GPU_AMD, facts);
	if (hip && *hip)
		gpu_apply_list(m, "HIP_VISIBLE_DEVICES", hip, GPU_AMD, facts);
	else if (cuda && *cuda)
		gpu_apply_list(m, "CUDA_VISIBLE_DEVICES", cuda, GPU_AMD, facts);
}
