/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that options, variables and policy files share: names, values, help. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/capability.h>

#include "facts/machine.h"
#include "known/conf.h"
#include "known/inheritance.h"
#include "options/options.h"
#include "util/nearest.h"
#include "util/refuse.h"
#include "util/size.h"
#include "util/text.h"

/* -EINVAL with the reason in *ret_error: what the value should have been. */
typedef int value_check(struct mem *m, const char *text, const char **ret_error);

static int check_words(struct mem *m, const char *text, const char *const *words, const char **ret_error)
{
	if (text_is_among(words, text))
		return 0;
	return refuse(ret_error, nearest_hint(m, text, words) + 1);
}

static int check_thp(struct mem *m, const char *text, const char **ret_error)
{
	static const char *const words[] = { "inherit", "off", "advised", "on", NULL };

	return check_words(m, text, words, ret_error);
}

/* Those that mean yes first. */
static const char *const switch_words[] = { "yes", "true", "on", "1", "no", "false", "off", "0", NULL };

static int check_switch(struct mem *m, const char *text, const char **ret_error)
{
	return check_words(m, text, switch_words, ret_error);
}

bool setting_is_on(const struct setting *setting)
{
	for (size_t i = 0; setting->text && i < 4; i++) {
		if (strcmp(switch_words[i], setting->text) == 0)
			return true;
	}
	return false;
}

static int check_numa(struct mem *m, const char *text, const char **ret_error)
{
	static const char *const words[] = { "auto", "off", "gpu", "interleave", NULL };
	struct bitmap nodes;

	if (!isdigit((unsigned char)*text)) {
		if (check_words(m, text, words, ret_error) == 0)
			return 0;
		return refuse(ret_error, mem_printf(m, "%s, or nodes as in 0,2-3", *ret_error));
	}
	if (bitmap_parse_list(text, &nodes) < 0)
		return refuse(ret_error, "(nodes are written as in 0,2-3)");
	return 0;
}

/* "jemalloc", "jemalloc-5.3.1", "/path.so", or several of the first in order of preference. */
static int check_allocator_word(struct mem *m, const char *text, const char **ret_error)
{
	static const char *const words[] = { "auto", "jemalloc", "mimalloc", "system", NULL };
	size_t length = strcspn(text, "-");

	if (*text == '/')
		return 0;
	for (size_t i = 1; i < 3; i++) {
		if (text[length] == '-' && isdigit((unsigned char)text[length + 1]) && strlen(words[i]) == length &&
		    strncmp(words[i], text, length) == 0)
			return 0;
	}
	if (check_words(m, text, words, ret_error) == 0)
		return 0;
	return refuse(ret_error, mem_printf(m, "%s, or NAME-VERSION as --list shows it, or /PATH.so", *ret_error));
}

/* Runs `check` on each piece of "a,b,c"; no piece may be empty. */
static int check_list(struct mem *m, const char *text, value_check *check, const char **ret_error)
{
	for (;;) {
		size_t n = strcspn(text, ",");
		const char *piece = mem_strndup(m, text, n);
		const char *error;

		if (n == 0)
			return refuse(ret_error, "(an empty name in the list)");
		if (check(m, piece, &error) < 0)
			return refuse(ret_error, mem_printf(m, "'%s' %s", piece, error));
		if (!text[n])
			return 0;
		text += n + 1;
	}
}

/* "auto" stands for a whole list, and so in none. */
static int check_allocator_choice(struct mem *m, const char *text, const char **ret_error)
{
	if (strcmp(text, "auto") == 0)
		return refuse(ret_error, "(it stands alone: it is the profile's own list)");
	return check_allocator_word(m, text, ret_error);
}

static int check_allocator(struct mem *m, const char *text, const char **ret_error)
{
	if (!strchr(text, ','))
		return check_allocator_word(m, text, ret_error);
	return check_list(m, text, check_allocator_choice, ret_error);
}

static int check_step(struct mem *m, const char *text, const char **ret_error)
{
	return check_words(m, text, step_names, ret_error);
}

static int check_steps(struct mem *m, const char *text, const char **ret_error)
{
	if (!strchr(text, ','))
		return check_step(m, text, ret_error);
	return check_list(m, text, check_step, ret_error);
}

static int check_conf_kind(struct mem *m, enum conf_kind kind, const char *text, const char **ret_error)
{
	struct conf conf = { NULL, 0 };
	struct conf_problems problems = { NULL, 0 };

	conf_parse(m, kind, text, "", &conf, &problems);
	if (problems.n)
		return refuse(ret_error, mem_printf(m, "(%s)", problems.items[0].text));
	return 0;
}

static int check_conf(struct mem *m, const char *text, const char **ret_error)
{
	return check_conf_kind(m, CONF_JEMALLOC, text, ret_error);
}

static int check_mimalloc(struct mem *m, const char *text, const char **ret_error)
{
	return check_conf_kind(m, CONF_MIMALLOC, text, ret_error);
}

static int check_glibc(struct mem *m, const char *text, const char **ret_error)
{
	return check_conf_kind(m, CONF_GLIBC, text, ret_error);
}

static int check_purge_thread(struct mem *m, const char *text, const char **ret_error)
{
	return check_conf_kind(m, CONF_PURGE, text, ret_error);
}

static int check_limit(struct mem *m, const char *text, const char **ret_error)
{
	int64_t size;

	(void)m;
	if (strcmp(text, "inherit") == 0 || strcmp(text, "hard") == 0 || size_parse(text, &size) == 0)
		return 0;
	return refuse(ret_error, "(inherit, hard, unlimited, or a size as in 64M)");
}

static int check_oom_score(struct mem *m, const char *text, const char **ret_error)
{
	char *end;
	long value = strtol(text, &end, 10);

	(void)m;
	if (strcmp(text, "inherit") == 0 || (end != text && !*end && value >= -1000 && value <= 1000))
		return 0;
	return refuse(ret_error, "(inherit, or a number from -1000 to 1000)");
}

static int check_user(struct mem *m, const char *text, const char **ret_error)
{
	size_t name = strcspn(text, ":");

	(void)m;
	if (name == 0 || text[strcspn(text, " \t/")] ||
	    (text[name] == ':' && (!text[name + 1] || strchr(text + name + 1, ':'))))
		return refuse(ret_error, "(NAME or UID, with :GROUP or :GID when wanted)");
	return 0;
}

static int check_capability(struct mem *m, const char *text, const char **ret_error)
{
	cap_value_t value;
	const char *full = strncasecmp(text, "cap_", 4) == 0 ? text : mem_printf(m, "cap_%s", text);
	char *name;
	bool is_whole;

	/* libcap reads a prefix and stops: compare with what it read. */
	if (cap_from_name(full, &value) == 0 && (name = cap_to_name(value))) {
		is_whole = strcasecmp(name, full) == 0;
		cap_free(name);
		if (is_whole)
			return 0;
	}
	return refuse(ret_error, "(capabilities are named as in capabilities(7): net_bind_service)");
}

static int check_capabilities(struct mem *m, const char *text, const char **ret_error)
{
	if (strcmp(text, "all") == 0 || strcmp(text, "none") == 0)
		return 0;
	return check_list(m, text, check_capability, ret_error);
}

static int check_child(struct mem *m, const char *text, const char **ret_error)
{
	if (strcmp(text, CHILDREN_KEEP) == 0 || strcmp(text, CHILDREN_DROP) == 0)
		return refuse(ret_error, "(it stands alone)");
	if (strchr(text, '/'))
		return refuse(ret_error, mem_printf(m, "(a name without its folder: %s)", text_basename(text)));
	return 0;
}

/* Names of programs, or a word that stands for all. */
static int check_children(struct mem *m, const char *text, const char **ret_error)
{
	if (strcmp(text, CHILDREN_KEEP) == 0 || strcmp(text, CHILDREN_DROP) == 0)
		return 0;
	return check_list(m, text, check_child, ret_error);
}

static int check_text(struct mem *m, const char *text, const char **ret_error)
{
	(void)m;
	return *text ? 0 : refuse(ret_error, "(it is empty)");
}

struct key_row {
	const char *name;
	const char *argument; /* its name in the help; "[…]": may be left out */
	value_check *check;
	const char *help;
};

static const struct key_row keys[KEY_COUNT] = {
	[KEY_PROFILE] = { "profile", "NAME", check_text,
			  "balanced (default), memory, latency, throughput,\nembedding, debug, or one of the policy file's" },
	[KEY_ALLOCATOR] = { "allocator", "NAME", check_allocator,
			    "auto (default), jemalloc, mimalloc, system,\nNAME-VERSION, /PATH.so, or several in order" },
	[KEY_CONF] = { "conf", "K:V,...", check_conf, "jemalloc options over the profile's and MALLOC_CONF's" },
	[KEY_MIMALLOC] = { "mimalloc", "K=V,...", check_mimalloc, "mimalloc options over the profile's" },
	[KEY_GLIBC] = { "glibc", "K=V,...", check_glibc, "glibc.malloc tunables over the profile's" },
	[KEY_PURGE_THREAD] = { "purge-thread", "K:V,...", check_purge_thread,
			       "options of the thread that gives memory back, over\nthe profile's: window_ms, idle_ms, thread:false, ..." },
	[KEY_CHILDREN] = { "children", "WHICH", check_children,
			   "what it starts has the allocator too: keep (default),\ndrop, or the NAMEs of the programs that keep it" },
	[KEY_NUMA] = { "numa", "WHERE", check_numa, "auto (default), off, gpu, interleave, or nodes (0,2-3)" },
	[KEY_NUMA_STRICT] = { "numa-strict", "[=yes|no]", check_switch, "bind memory instead of preferring its nodes" },
	[KEY_THP] = { "thp", "MODE", check_thp, "transparent hugepages: inherit, off, advised, on" },
	[KEY_MEMLOCK] = { "memlock", "SIZE", check_limit,
			  "locked memory: hard (default: soft limit up to the\nhard one), inherit, unlimited, or a size" },
	[KEY_CORE] = { "core", "SIZE", check_limit, "core dumps: inherit (default), hard, unlimited, a size" },
	[KEY_OOM_SCORE_ADJ] = { "oom-score-adj", "N", check_oom_score, "inherit (default), or -1000 to 1000" },
	[KEY_USER] = { "user", "USER[:GROUP]", check_user, "run as this user, groups and HOME included" },
	[KEY_KEEP_CAPS] = { "keep-caps", "LIST", check_capabilities,
			    "capabilities to keep: all, none, or names; the rest\nis dropped for good" },
	[KEY_NO_NEW_PRIVS] = { "no-new-privs", "[=yes|no]", check_switch,
			       "no privileges through setuid programs from here on" },
	[KEY_RECORD] = { "record", "FILE", check_text,
			 "launch record: auto (default: /run/allocrun/PID.json),\nnone, or a file" },
	[KEY_REQUIRE] = { "require", "STEP,...", check_steps, "refuse to start (125) when the step cannot be done" },
	[KEY_PREFER] = { "prefer", "STEP,...", check_steps, "go on without it, and say so" },
	[KEY_OFF] = { "off", "STEP,...", check_steps, "leave the step out" },
};

const char *key_name(enum key key)
{
	return keys[key].name;
}

const char *key_argument(enum key key)
{
	return keys[key].argument;
}

const char *key_help(enum key key)
{
	return keys[key].help;
}

enum key key_find(const char *name)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const char *a = keys[i].name, *b = name;

		while (*a && (*a == *b || (*a == '-' && *b == '_')))
			a++, b++;
		if (!*a && !*b)
			return (enum key)i;
	}
	return KEY_COUNT;
}

int key_check_value(struct mem *m, enum key key, const char *text, const char **ret_error)
{
	return keys[key].check(m, text, ret_error);
}
