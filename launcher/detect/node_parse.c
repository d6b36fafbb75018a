/* SPDX-License-Identifier: Apache-2.0 */
/* Text of /proc and of cgroup files -> numbers. Pure. */
#include "detect/node.h"

#include <errno.h>
#include <string.h>

#include "detect/mountinfo.h"
#include "util/text.h"

void node_parse_counter(const char *text, const char *name, int64_t *ret)
{
	size_t length = strlen(name);

	for (const char *line = text; line; line = text_next_line(line)) {
		int64_t value;

		if (strncmp(line, name, length) != 0 || line[length] != ' ' || !strchr(line, '\n'))
			continue;
		if (text_parse_i64(line + length, &value, NULL) == 0 && value >= 0)
			*ret = value;
		return;
	}
}

void node_parse_vmstat(const char *text, struct node_vmstat *ret)
{
	int64_t acquired = FACT_UNKNOWN, released = FACT_UNKNOWN;

	node_parse_counter(text, "thp_fault_alloc", &ret->thp_faults);
	node_parse_counter(text, "thp_fault_fallback", &ret->thp_fallbacks);
	node_parse_counter(text, "thp_fault_fallback_charge", &ret->thp_fallbacks_charge);
	node_parse_counter(text, "compact_stall", &ret->compact_stalls);
	node_parse_counter(text, "oom_kill", &ret->oom_kills);
	node_parse_counter(text, "nr_foll_pin_acquired", &acquired);
	node_parse_counter(text, "nr_foll_pin_released", &released);
	/* Counted on each CPU by itself: a sum that is read meanwhile may be off by a little. */
	if (acquired >= 0 && released >= 0)
		ret->pinned_pages = acquired > released ? acquired - released : 0;
}

/* The blocks of one zone, "    1    0 …": the free count of each order. */
static bool node_parse_zone(const char *text, int64_t page_size, int64_t huge, struct node_free *node)
{
	int64_t block = page_size, count;
	size_t length = strcspn(text, "\n");
	const char *end = text + length;
	bool is_seen = false;

	while (text < end && text_parse_i64(text, &count, &text) == 0) {
		int64_t bytes;

		if (count < 0 || __builtin_mul_overflow(count, block, &bytes) ||
		    __builtin_add_overflow(node->bytes, bytes, &node->bytes))
			return false;
		if (huge > 0 && block >= huge)
			node->huge = (node->huge > 0 ? node->huge : 0) + bytes;
		if (block > INT64_MAX / 2)
			return false;
		block *= 2;
		is_seen = true;
	}
	return is_seen && strspn(text, " ") == (size_t)(end - text);
}

/* "Node 0, zone   Normal      3      0 …" */
static bool node_parse_buddy_line(struct mem *m, const char *line, int64_t page_size, int64_t huge,
				  struct node_free **nodes, size_t *n)
{
	struct node_free *node = NULL;
	const char *cursor;
	int64_t id;

	if (!text_starts_with(line, "Node ") || text_parse_i64(line + 5, &id, &cursor) < 0 || id < 0 ||
	    id >= BITMAP_BITS || !text_starts_with(cursor, ", zone") || !strchr(cursor, '\n'))
		return false;
	cursor += strlen(", zone");
	cursor += strspn(cursor, " ");
	cursor += strcspn(cursor, " \n"); /* its name */
	for (size_t i = 0; i < *n && !node; i++)
		node = (*nodes)[i].node == id ? &(*nodes)[i] : NULL;
	if (!node) {
		node = MEM_PUSH(m, *nodes, *n);
		*node = (struct node_free){ (int)id, 0, FACT_UNKNOWN };
	}
	return node_parse_zone(cursor, page_size, huge, node);
}

int node_parse_buddyinfo(struct mem *m, const char *text, int64_t page_size, int64_t huge, struct node_free **ret,
			 size_t *ret_n)
{
	struct node_free *nodes = NULL;
	size_t n = 0;

	for (const char *line = text; line && *line; line = text_next_line(line)) {
		if (!node_parse_buddy_line(m, line, page_size, huge, &nodes, &n))
			return -EINVAL;
	}
	if (n == 0)
		return -EINVAL;
	*ret = nodes;
	*ret_n = n;
	return 0;
}

/* "rw,size=65536k": what is limited at all; half of the memory is what no word stands for. */
static bool node_parse_tmpfs_size(const char *options, int64_t memory_total, int64_t *ret)
{
	size_t length = strcspn(options, "\n");
	const char *end;
	int64_t size;

	for (const char *word = options; word < options + length;) {
		size_t n = strcspn(word, ",\n");

		if (text_starts_with(word, "size=")) {
			if (text_parse_i64(word + 5, &size, &end) < 0 || size < 0 || *end != 'k' ||
			    size > INT64_MAX / 1024)
				return false;
			*ret = size ? size * 1024 : FACT_UNLIMITED;
			return true;
		}
		word += n + 1;
	}
	*ret = memory_total == FACT_UNKNOWN ? FACT_UNKNOWN : memory_total / 2;
	return true;
}

bool node_parse_tmpfs(const char *text, const char *point, int64_t memory_total, int64_t *ret_size)
{
	size_t length = strlen(point);
	bool is_found = false;

	for (const char *line = text; line && *line; line = text_next_line(line)) {
		struct mountinfo mount;

		if (mountinfo_parse_line(line, &mount) < 0 || strncmp(mount.point, point, length) != 0 ||
		    mount.point[length] != ' ')
			continue;
		/* A later mount hides this one, whatever it is. */
		is_found = text_starts_with(mount.type, "tmpfs ");
		if (is_found && (!mount.options || !node_parse_tmpfs_size(mount.options, memory_total, ret_size)))
			*ret_size = FACT_UNKNOWN;
	}
	return is_found;
}
