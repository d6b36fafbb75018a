/* SPDX-License-Identifier: Apache-2.0 */
/* [node]: "key = value" -> what is to be. Pure. */
#include "options/node_policy.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "facts/machine.h"
#include "util/kernel_abi.h"
#include "util/nearest.h"
#include "util/refuse.h"
#include "util/size.h"
#include "util/text.h"

/* MAX_NUMNODES of every kernel so far (CONFIG_NODES_SHIFT is at most 10). */
/* Of "hugepages-NkB" in a path: nine digits. */
#define SIZE_MAX_KIB INT64_C(999999999)

/* The forms of all keys, for a hint: "hugetlb.SIZE.nodeN". */
static const char *node_form(struct mem *m, const struct tune_setting *s)
{
	static const char *const tails[] = {
		[TUNE_OF_MACHINE] = "",
		[TUNE_OF_SIZE] = ".SIZE",
		[TUNE_OF_NODE] = ".nodeN",
		[TUNE_OF_POOL] = ".SIZE",
		[TUNE_OF_POOL_ON_NODE] = ".SIZE.nodeN",
	};

	return mem_printf(m, "%s%s", s->key, tails[s->subject]);
}

/* The forms of a key whose name is right and whose tail is not: "a, b"; NULL = no such name. */
static const char *node_list_forms(struct mem *m, const char *name)
{
	const char *list = NULL;

	for (const struct tune_setting *s = tune_settings; s->key; s++) {
		const char *form = node_form(m, s);

		if (!text_starts_with(name, s->key) || (name[strlen(s->key)] && name[strlen(s->key)] != '.'))
			continue;
		text_list(m, &list, form);
		if (s->subject == TUNE_OF_POOL_ON_NODE)
			text_list(m, &list, mem_printf(m, "%s.SIZE.each", s->key));
	}
	return list;
}

static int node_refuse_key(struct mem *m, const char *name, const char **ret_error)
{
	const char **names = NULL, *forms = node_list_forms(m, name);
	size_t n = 0;

	if (forms)
		return refuse(ret_error,
			      mem_printf(m, "no key '%s' in [node] (write: %s; a SIZE is as in 64K, 2M)", name, forms));

	for (const struct tune_setting *s = tune_settings; s->key; s++)
		*MEM_PUSH(m, names, n) = node_form(m, s);
	*MEM_PUSH(m, names, n) = "atomic";
	*MEM_PUSH(m, names, n) = NULL;
	return refuse(ret_error, mem_printf(m, "no key '%s' in [node]%s", name, nearest_hint(m, name, names)));
}

/* "64K", "2M": a power of two of at least a KiB. */
static bool node_parse_size(const char *text, size_t length, struct mem *m, int64_t *ret)
{
	int64_t size;
	char *word = mem_strndup(m, text, length);

	if (!length || text_is_digits(word) || !size_parse_boot(word, &size) || size < 1024 || (size & (size - 1)) ||
	    size / 1024 > SIZE_MAX_KIB)
		return false;
	*ret = size;
	return true;
}

/* "node3", and "each" for a pool. */
static bool node_parse_node(const char *text, bool takes_each, int *ret)
{
	const char *digits = text + strlen("node");
	int64_t node;

	if (takes_each && strcmp(text, "each") == 0) {
		*ret = NODE_EACH;
		return true;
	}
	if (!text_starts_with(text, "node") || !text_is_digits(digits) || (*digits == '0' && digits[1]) ||
	    text_parse_i64(digits, &node, NULL) < 0 || node >= NUMA_NODES_MAX)
		return false;
	*ret = (int)node;
	return true;
}

/* What stands behind the row's key: nothing, ".64K", ".node1", ".2M.node1". */
static bool node_parse_subject(struct mem *m, const struct tune_setting *s, const char *rest, struct node_item *item)
{
	size_t size;

	if (s->subject == TUNE_OF_MACHINE)
		return !*rest;
	if (*rest++ != '.')
		return false;
	if (s->subject == TUNE_OF_NODE)
		return node_parse_node(rest, false, &item->node);
	size = strcspn(rest, ".");
	if (!node_parse_size(rest, size, m, &item->size))
		return false;
	rest += size;
	if (s->subject != TUNE_OF_POOL_ON_NODE)
		return !*rest;
	return *rest == '.' && node_parse_node(rest + 1, true, &item->node);
}

static int node_set_word(struct mem *m, struct node_item *item, const char *value, const char **ret_error)
{
	const char **names = NULL;
	size_t n = 0;

	if (text_has_word(item->setting->words, value)) {
		item->value = mem_strdup(m, value);
		return 0;
	}
	for (const char *w = item->setting->words; *w; w += strspn(w, " ")) {
		size_t length = strcspn(w, " ");

		*MEM_PUSH(m, names, n) = mem_strndup(m, w, length);
		w += length;
	}
	*MEM_PUSH(m, names, n) = NULL;
	return refuse(ret_error,
		      mem_printf(m, "bad value '%s' for %s%s", value, item->key, nearest_hint(m, value, names)));
}

static int node_set_number(struct mem *m, struct node_item *item, const char *value, const char **ret_error)
{
	const struct tune_setting *s = item->setting;
	int64_t number, bytes;
	const char *end;

	if (s->form == TUNE_PAGES && !text_is_digits(value)) {
		if (!size_parse_boot(value, &bytes) || bytes % item->size || bytes / item->size > s->most)
			return refuse(
				ret_error,
				mem_printf(
					m,
					"bad value '%s' for %s (a number of pages, or a multiple of the page as in 4G)",
					value, item->key));
		item->value = mem_printf(m, "%" PRId64, bytes / item->size);
		return 0;
	}
	if (!text_is_digits(value) || text_parse_i64(value, &number, &end) < 0 || *end || number < s->least ||
	    number > s->most)
		return refuse(ret_error,
			      mem_printf(m, "bad value '%s' for %s (a number from %" PRId64 " to %" PRId64 ")", value,
					 item->key, s->least, s->most));
	item->value = mem_printf(m, "%" PRId64, number);
	return 0;
}

static int node_set_atomic(struct mem *m, struct node_policy *policy, const char *value, const char **ret_error)
{
	static const char *const words[] = { "yes", "no", NULL };

	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return refuse(ret_error,
			      mem_printf(m, "bad value '%s' for atomic%s", value, nearest_hint(m, value, words)));
	policy->is_atomic = strcmp(value, "yes") == 0;
	return 0;
}

/* Rows of one key differ in what stands behind it: the first that it fits. */
static bool node_find_setting(struct mem *m, const char *name, struct node_item *ret)
{
	for (const struct tune_setting *s = tune_settings; s->key; s++) {
		struct node_item item = { .setting = s, .key = mem_strdup(m, name), .node = NODE_NONE };

		if (text_starts_with(name, s->key) && node_parse_subject(m, s, name + strlen(s->key), &item)) {
			*ret = item;
			return true;
		}
	}
	return false;
}

int node_policy_set(struct mem *m, struct node_policy *policy, const char *name, const char *value, const char *where,
		    const char **ret_error)
{
	struct node_item item, *old = NULL;
	int r;

	if (strcmp(name, "atomic") == 0)
		return node_set_atomic(m, policy, value, ret_error);
	if (!node_find_setting(m, name, &item))
		return node_refuse_key(m, name, ret_error);
	r = item.setting->form == TUNE_WORD ? node_set_word(m, &item, value, ret_error) :
					      node_set_number(m, &item, value, ret_error);
	if (r < 0)
		return r;
	item.where = where;
	for (size_t i = 0; i < policy->n; i++) {
		struct node_item *other = &policy->items[i];

		if (other->setting == item.setting && other->size == item.size && other->node == item.node)
			old = other;
	}
	if (!old)
		old = MEM_PUSH(m, policy->items, policy->n);
	*old = item;
	return 0;
}

int node_policy_verify(struct mem *m, const struct node_policy *policy, const char **ret_error)
{
	for (size_t i = 0; i < policy->n; i++) {
		const struct node_item *total = &policy->items[i];

		for (size_t k = 0; k < policy->n; k++) {
			const struct node_item *part = &policy->items[k];

			if (total->setting->subject == TUNE_OF_POOL && part->setting->subject == TUNE_OF_POOL_ON_NODE &&
			    strcmp(part->setting->key, total->setting->key) == 0 && part->size == total->size)
				return refuse(
					ret_error,
					mem_printf(m,
						   "%s: %s contradicts %s (%s): all nodes together, or each by itself",
						   part->where, part->key, total->key, total->where));
		}
	}
	return 0;
}

const struct node_item *node_policy_find(const struct node_policy *policy, const char *key)
{
	for (size_t i = 0; i < policy->n; i++) {
		if (policy->items[i].setting->subject == TUNE_OF_MACHINE &&
		    strcmp(policy->items[i].setting->key, key) == 0)
			return &policy->items[i];
	}
	return NULL;
}

bool node_policy_covers(const struct node_policy *policy, const struct node_item *item, const struct numa_node *node)
{
	if (item->node != NODE_EACH)
		return item->node == node->id;
	for (size_t i = 0; i < policy->n; i++) {
		const struct node_item *own = &policy->items[i];

		if (own->setting == item->setting && own->size == item->size && own->node == node->id)
			return false;
	}
	return node->memory_total != 0 && !bitmap_is_empty(&node->cpus);
}
