/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the table as they are now. */
#include "tune/tuning.h"

#include <errno.h>
#include <string.h>

#include "detect/boot.h"
#include "detect/detectors.h"
#include "detect/meminfo.h"
#include "util/text.h"

#define THP_FOLDER "/sys/kernel/mm/transparent_hugepage"
#define HUGETLB_FOLDER "/sys/kernel/mm/hugepages"
#define WEIGHTS_FOLDER "/sys/kernel/mm/mempolicy/weighted_interleave"

/* "always [madvise] never" -> "madvise", and "always madvise never" */
static int tune_parse_word(struct mem *m, const char *text, const char **ret_value, const char **ret_offered)
{
	const char *word;
	char *offered;
	int length = text_find_choice(text, &word);
	size_t n = 0;

	/* A plain file that was written to, as a test has it. */
	offered = text_dup_line(m, text);
	if (!strchr(text, '[') && *offered && !strchr(offered, ' ')) {
		*ret_value = offered;
		*ret_offered = NULL;
		return 0;
	}
	if (length < 0)
		return -EINVAL;
	for (const char *c = offered; *c; c++) {
		if (*c != '[' && *c != ']')
			offered[n++] = *c;
	}
	offered[n] = '\0';
	*ret_value = mem_strndup(m, word, (size_t)length);
	*ret_offered = offered;
	return 0;
}

int tune_parse_value(struct mem *m, const struct tune_setting *setting, const char *text, const char **ret_value,
		     const char **ret_offered)
{
	const char *line = text_dup_line(m, text), *end;
	int64_t number;

	if (setting->form == TUNE_WORD)
		return tune_parse_word(m, text, ret_value, ret_offered);
	if (setting->form == TUNE_SWITCH) {
		if (strcmp(line, "true") != 0 && strcmp(line, "false") != 0)
			return -EINVAL;
		*ret_value = line;
		return 0;
	}
	if (text_parse_i64(line, &number, &end) < 0 || *end)
		return -EINVAL;
	*ret_value = mem_printf(m, "%lld", (long long)number);
	return 0;
}

static void tune_read_path(const struct root *root, struct mem *m, struct tune_facts *facts,
			   const struct tune_setting *setting, int node, int64_t size, const char *path)
{
	struct tune_file file = { .setting = setting, .node = node, .size = size, .path = path };
	char *text;

	file.error = root_read_record(root, m, path, &text);
	if (file.error == 0)
		file.error = tune_parse_value(m, setting, text, &file.value, &file.offered);
	*MEM_PUSH(m, facts->files, facts->n_files) = file;
}

static void tune_read(const struct root *root, struct mem *m, struct tune_facts *facts,
		      const struct tune_setting *setting, int node, int64_t size)
{
	tune_read_path(root, m, facts, setting, node, size, tune_setting_path(m, setting, node, size));
}

/* The page sizes that a folder has names of. */
static void tune_list_sizes(const struct root *root, struct mem *m, const char *folder, int64_t **ret, size_t *ret_n)
{
	char **names;

	if (root_list(root, m, folder, HUGEPAGES_PREFIX, &names) < 0)
		return;
	for (; *names; names++) {
		int64_t size;

		if (text_parse_hugepages(*names, &size) == 0)
			*MEM_PUSH(m, *ret, *ret_n) = size;
	}
}

/* Not every size of THP has both files: only what is there is told. */
static void tune_read_sizes(const struct root *root, struct mem *m, struct tune_facts *facts,
			    const struct tune_setting *setting, const int64_t *sizes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		tune_read(root, m, facts, setting, NODE_NONE, sizes[i]);
		if (setting->subject == TUNE_OF_SIZE && facts->files[facts->n_files - 1].error == -ENOENT)
			facts->n_files--;
	}
}

static void tune_read_nodes(const struct root *root, struct mem *m, struct tune_facts *facts,
			    const struct tune_setting *setting, const int64_t *sizes, size_t n)
{
	for (size_t i = 0; i < facts->numa.n_nodes; i++) {
		int node = facts->numa.nodes[i].id;

		if (setting->subject == TUNE_OF_NODE)
			tune_read(root, m, facts, setting, node, 0);
		for (size_t k = 0; setting->subject == TUNE_OF_POOL_ON_NODE && k < n; k++)
			tune_read(root, m, facts, setting, node, sizes[k]);
	}
}

static void tune_read_files(const struct root *root, struct mem *m, struct tune_facts *facts)
{
	int64_t *thp = NULL, *pools = NULL;
	size_t n_thp = 0, n_pools = 0;

	tune_list_sizes(root, m, THP_FOLDER, &thp, &n_thp);
	tune_list_sizes(root, m, HUGETLB_FOLDER, &pools, &n_pools);
	for (const struct tune_setting *s = tune_settings; s->key; s++) {
		switch (s->subject) {
		case TUNE_OF_MACHINE:
			tune_read(root, m, facts, s, NODE_NONE, 0);
			break;
		case TUNE_OF_SIZE:
			tune_read_sizes(root, m, facts, s, thp, n_thp);
			break;
		case TUNE_OF_POOL:
			tune_read_sizes(root, m, facts, s, pools, n_pools);
			break;
		default:
			tune_read_nodes(root, m, facts, s, pools, n_pools);
		}
	}
	tune_read(root, m, facts, &tune_weights_auto, NODE_NONE, 0);
	if (facts->files[facts->n_files - 1].error == -ENOENT) {
		facts->n_files--;
		tune_read_path(root, m, facts, &tune_weights_auto, NODE_NONE, 0, TUNE_WEIGHTS_AUTO_MISNAMED);
	}
}

void tune_detect_saved(const struct root *root, struct mem *m, const struct tune_saved *saved, size_t n_saved,
		       struct tune_facts *facts)
{
	for (size_t i = 0; i < n_saved; i++) {
		const struct tune_setting *setting;
		int64_t size;
		int node;

		setting = tune_setting_parse_path(saved[i].path, &node, &size);
		if (setting && !tune_find_path(facts, saved[i].path))
			tune_read_path(root, m, facts, setting, node, size, saved[i].path);
	}
}

static void tune_read_boot(const struct root *root, struct mem *m, struct tune_facts *facts)
{
	char release[KERNEL_RELEASE_SIZE], machine[KERNEL_MACHINE_SIZE], line[256];
	int64_t page = page_size_detect(root, m), huge = thp_read_pmd_size(root);
	struct meminfo memory;

	kernel_detect(root, release, machine);
	facts->kernel = mem_strdup(m, release);
	if (root_read_line(root, line, sizeof line, "/proc/sys/kernel/random/boot_id") == 0)
		facts->boot_id = mem_strdup(m, line);
	boot_read(root, m, &facts->command_line);
	meminfo_read(root, m, &memory);
	facts->default_huge_size = memory.default_huge_size;
	facts->thp_pages = page > 0 && huge > page ? huge / page : FACT_UNKNOWN;
}

void tune_detect(const struct root *root, struct mem *m, struct tune_facts *ret)
{
	/* The pools are read here, and not once more for each node. */
	const struct hugetlb_facts none = { NULL, 0 };

	memset(ret, 0, sizeof *ret);
	numa_detect(root, m, &none, &ret->numa);
	tune_read_boot(root, m, ret);
	tune_read_files(root, m, ret);
	tune_detect_rivals(root, m, ret);
}

const struct tune_file *tune_find_path(const struct tune_facts *facts, const char *path)
{
	for (size_t i = 0; i < facts->n_files; i++) {
		if (strcmp(facts->files[i].path, path) == 0)
			return &facts->files[i];
	}
	return NULL;
}

const struct tune_file *tune_find_file(const struct tune_facts *facts, const struct tune_setting *setting, int node,
				       int64_t size)
{
	for (size_t i = 0; i < facts->n_files; i++) {
		const struct tune_file *file = &facts->files[i];

		if (file->setting == setting && file->node == node && file->size == size)
			return file;
	}
	return NULL;
}
