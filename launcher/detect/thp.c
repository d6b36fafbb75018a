/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "detect/detectors.h"
#include "util/text.h"

#define THP_FOLDER "/sys/kernel/mm/transparent_hugepage"

/* The chosen word of "always [madvise] never". */
static int thp_read_choice(const struct root *root, char *ret, size_t size, const char *path)
{
	char line[256];
	const char *word;
	int r = root_read_line(root, line, sizeof line, "%s", path), n;

	if (r < 0)
		return r;
	n = text_find_choice(line, &word);
	if (n < 0 || (size_t)n >= size)
		return -EINVAL;
	memcpy(ret, word, (size_t)n);
	ret[n] = '\0';
	return 0;
}

static enum thp_mode thp_parse_mode(const char *word)
{
	if (strcmp(word, "always") == 0)
		return THP_ALWAYS;
	if (strcmp(word, "madvise") == 0)
		return THP_MADVISE;
	return strcmp(word, "never") == 0 ? THP_NEVER : THP_UNKNOWN;
}

/* One size. False when it does not have the file: older than 6.8, or shared memory's alone. */
static bool thp_read_size(const struct root *root, const char *name, struct thp_size *ret)
{
	struct thp_size size = { 0 };
	char path[256];

	if (text_parse_hugepages(name, &size.size) < 0)
		return false;
	snprintf(path, sizeof path, THP_FOLDER "/%s/enabled", name);
	thp_read_choice(root, size.enabled, sizeof size.enabled, path);
	if (!size.enabled[0])
		return false;
	*ret = size;
	return true;
}

static void thp_detect_sizes(const struct root *root, struct mem *m, struct thp_facts *facts)
{
	struct thp_size size;
	char **names;

	if (root_list(root, m, THP_FOLDER, HUGEPAGES_PREFIX, &names) < 0)
		return;
	for (; *names; names++) {
		if (thp_read_size(root, *names, &size))
			*MEM_PUSH(m, facts->sizes, facts->n_sizes) = size;
	}
}

/* The one size that the plain "enabled" file speaks of, without listing the others. */
static void thp_detect_pmd(const struct root *root, struct mem *m, struct thp_facts *facts)
{
	struct thp_size size;
	char name[64];

	if (facts->pmd_size == FACT_UNKNOWN)
		return;
	snprintf(name, sizeof name, HUGEPAGES_PREFIX "%lldkB", (long long)(facts->pmd_size / 1024));
	if (thp_read_size(root, name, &size))
		*MEM_PUSH(m, facts->sizes, facts->n_sizes) = size;
}

int64_t thp_read_pmd_size(const struct root *root)
{
	int64_t size = FACT_UNKNOWN;

	root_read_i64(root, &size, THP_FOLDER "/hpage_pmd_size");
	return size > 0 ? size : FACT_UNKNOWN;
}

void thp_detect(const struct root *root, struct mem *m, bool thorough, struct thp_facts *ret)
{
	char word[16];
	struct stat st;
	int r;

	*ret = (struct thp_facts){ .known = TRI_UNKNOWN, .pmd_size = FACT_UNKNOWN };
	r = thp_read_choice(root, word, sizeof word, THP_FOLDER "/enabled");
	if (r < 0) {
		/* Not configured is an answer; a /sys that is not there is none. */
		if (r == -ENOENT && root_stat(root, "/sys/kernel/mm", &st) == 0 &&
		    root_stat(root, THP_FOLDER, &st) == -ENOENT)
			ret->known = TRI_NO;
		return;
	}
	ret->enabled = thp_parse_mode(word);
	if (ret->enabled == THP_UNKNOWN)
		return;
	ret->known = TRI_YES;
	ret->pmd_size = thp_read_pmd_size(root);
	if (thorough) {
		thp_read_choice(root, ret->defrag, sizeof ret->defrag, THP_FOLDER "/defrag");
		thp_detect_sizes(root, m, ret);
	} else {
		thp_detect_pmd(root, m, ret);
	}
}
