/* SPDX-License-Identifier: Apache-2.0 */
/* Launch records of version 1: the words that the plan had for people. */
#include <string.h>
#include <strings.h>
#include <sys/capability.h>

#include "facts/names.h"
#include "live/context.h"
#include "util/text.h"

/* "preferred-many 0-1" */
static bool words_read_policy(struct mem *m, const char *value, struct live_set *ret)
{
	size_t length = strcspn(value, " ");
	struct bitmap *nodes = mem_alloc(m, sizeof *nodes);
	const char *name;

	if (bitmap_parse_list(value + length, nodes) < 0)
		return false;
	for (int64_t mode = 0; (name = mempolicy_mode_name(mode)); mode++) {
		if (strlen(name) != length || strncmp(name, value, length) != 0)
			continue;
		ret->policy = mode;
		ret->nodes = nodes;
		return true;
	}
	return false;
}

static bool words_read_thp(const char *value, struct live_set *ret)
{
	ret->thp = strcmp(value, "off") == 0     ? THP_PROCESS_DISABLED :
		   strcmp(value, "advised") == 0 ? THP_PROCESS_EXCEPT_ADVISED :
		   strcmp(value, "on") == 0      ? THP_PROCESS_ALLOWED :
						   THP_PROCESS_UNKNOWN;
	return ret->thp != THP_PROCESS_UNKNOWN;
}

/* "none", or "keep sys_nice,CAP_IPC_LOCK" */
static bool words_read_capabilities(struct mem *m, const char *value, struct live_set *ret)
{
	const char *list = text_starts_with(value, "keep ") ? value + strlen("keep ") : "";

	if (strcmp(list, "all") == 0)
		ret->capabilities = UINT64_MAX;
	for (size_t n; *list; list += n + (list[n] == ',')) {
		char *word = mem_strndup(m, list, n = strcspn(list, ","));
		cap_value_t bit;

		if (cap_from_name(strncasecmp(word, "cap_", 4) == 0 ? word : mem_printf(m, "cap_%s", word), &bit) == 0)
			ret->capabilities |= UINT64_C(1) << bit;
	}
	return true;
}

/* "vllm (1000:1000, 1 groups)" */
static bool words_read_user(const char *value, struct live_set *ret)
{
	const char *ids = strrchr(value, '(');

	return ids && text_parse_i64(ids + 1, &ret->uid, NULL) == 0;
}

static void words_read_limit(const struct live_step *s, struct live_set *ret)
{
	int64_t value = FACT_UNLIMITED;

	if (!s->value || (strcmp(s->value, "unlimited") != 0 && text_parse_i64(s->value, &value, NULL) < 0))
		value = FACT_UNKNOWN;
	ret->resource = strcmp(s->name, "locked memory") == 0 ? "memlock" : "core";
	ret->limit = (struct limit){ value, FACT_UNKNOWN };
}

static bool words_read_cpus(struct mem *m, const char *value, struct live_set *ret)
{
	struct bitmap *cpus = mem_alloc(m, sizeof *cpus);

	ret->cpus = cpus;
	return text_starts_with(value, "CPUs ") && bitmap_parse_list(value + strlen("CPUs "), cpus) == 0;
}

static enum live_set_kind words_read(struct mem *m, const struct live_step *s, struct live_set *ret)
{
	if (strcmp(s->step, "affinity") == 0)
		return words_read_cpus(m, s->value, ret) ? SET_CPUS : SET_NOTHING;
	if (strcmp(s->step, "mempolicy") == 0)
		return words_read_policy(m, s->value, ret) ? SET_POLICY : SET_NOTHING;
	if (strcmp(s->step, "thp") == 0)
		return words_read_thp(s->value, ret) ? SET_THP : SET_NOTHING;
	if (strcmp(s->step, "rlimits") == 0) {
		words_read_limit(s, ret);
		return SET_LIMIT;
	}
	if (strcmp(s->step, "oom-score") == 0)
		return text_parse_i64(s->value, &ret->oom_score_adj, NULL) == 0 ? SET_OOM_SCORE : SET_NOTHING;
	if (strcmp(s->step, "user") == 0)
		return words_read_user(s->value, ret) ? SET_USER : SET_NOTHING;
	if (strcmp(s->step, "caps") == 0)
		return words_read_capabilities(m, s->value, ret) ? SET_CAPABILITIES : SET_NOTHING;
	if (strcmp(s->step, "no-new-privs") == 0)
		return SET_NO_NEW_PRIVS;
	ret->variable = s->name;
	ret->text = strcmp(s->value, "(unset)") == 0 ? NULL : s->value;
	return SET_VARIABLE;
}

struct live_set live_record_parse_words(struct mem *m, const struct live_step *step)
{
	struct live_set set = { .kind = SET_NOTHING };

	if (step->value || strcmp(step->step, "rlimits") == 0)
		set.kind = words_read(m, step, &set);
	return set;
}
