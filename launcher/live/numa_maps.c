/* SPDX-License-Identifier: Apache-2.0 */
#include "live/maps.h"

#include <linux/mempolicy.h>
#include <stdlib.h>
#include <string.h>

#include "facts/machine.h"
#include "util/kernel_abi.h"
#include "util/text.h"

/* The kernel's own limit: MAX_NUMNODES of x86 and arm64 is 1024. */

/* As mpol_to_str() writes them (mm/mempolicy.c). */
static const struct {
	const char *word;
	int64_t policy;
} policies[] = {
	{ "default", MPOL_DEFAULT },
	{ "prefer (many)", MPOL_PREFERRED_MANY },
	{ "prefer", MPOL_PREFERRED },
	{ "bind", MPOL_BIND },
	{ "interleave", MPOL_INTERLEAVE },
	{ "local", MPOL_LOCAL },
	{ "weighted interleave", MODE_WEIGHTED_INTERLEAVE },
};

struct numa_line {
	int64_t pages[NUMA_NODES_MAX];
	int64_t page_size, anonymous;
	size_t n_nodes;
};

/* " N3=17" */
static void numa_line_add_node(struct numa_line *line, const char *field)
{
	int64_t node, pages;
	const char *end;

	if (text_parse_i64(field + 1, &node, &end) < 0 || *end != '=' || node < 0 || node >= NUMA_NODES_MAX ||
	    text_parse_i64(end + 1, &pages, NULL) < 0 || pages < 0)
		return;
	line->pages[node] = pages;
	if ((size_t)node >= line->n_nodes)
		line->n_nodes = (size_t)node + 1;
}

/* "7f00 bind:0-1 anon=17 dirty=17 N0=10 N1=7 kernelpagesize_kB=4" */
static void numa_line_parse(const char *text, size_t length, struct numa_line *ret)
{
	const char *end = text + length;

	memset(ret->pages, 0, ret->n_nodes * sizeof *ret->pages);
	ret->page_size = 4096;
	ret->anonymous = 0;
	ret->n_nodes = 0;
	for (const char *field = text; field && field < end; field = memchr(field, ' ', (size_t)(end - field))) {
		while (field < end && *field == ' ')
			field++;
		if (*field == 'N' && field[1] >= '0' && field[1] <= '9')
			numa_line_add_node(ret, field);
		else if (text_starts_with(field, "anon="))
			text_parse_i64(field + 5, &ret->anonymous, NULL);
		else if (text_starts_with(field, "kernelpagesize_kB=") &&
			 text_parse_i64(field + 18, &ret->page_size, NULL) == 0)
			ret->page_size = ret->page_size > 0 && ret->page_size < 1 << 24 ? ret->page_size * 1024 : 4096;
	}
}

static void numa_maps_read_policy(struct mem *m, const char *line, struct numa_maps *maps)
{
	const char *word = line + strcspn(line, " \n");

	maps->policy = FACT_UNKNOWN;
	maps->policy_nodes = NULL;
	word += strspn(word, " ");
	for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
		const char *rest = word + strlen(policies[i].word);

		if (!text_starts_with(word, policies[i].word) || !strchr(" \n:=", *rest))
			continue;
		maps->policy = policies[i].policy;
		/* "bind=static:0-1": flags stand between. */
		rest += strcspn(rest, ": \n");
		if (*rest == ':')
			maps->policy_nodes = mem_strndup(m, rest + 1, strcspn(rest + 1, " \n"));
		return;
	}
}

static void numa_maps_add(struct mem *m, const struct numa_line *line, struct numa_maps *maps)
{
	while (maps->n_nodes < line->n_nodes)
		*MEM_PUSH(m, maps->node_bytes, maps->n_nodes) = 0;
	for (size_t node = 0; node < line->n_nodes; node++) {
		int64_t bytes, *sum = &maps->node_bytes[node];

		if (__builtin_mul_overflow(line->pages[node], line->page_size, &bytes) ||
		    __builtin_add_overflow(*sum, bytes, sum))
			*sum = INT64_MAX;
	}
}

void numa_maps_parse(struct mem *m, const char *text, struct numa_maps *ret)
{
	struct numa_line line = { .n_nodes = 0 };
	double most = -1;

	*ret = (struct numa_maps){ .policy = FACT_UNKNOWN };
	for (const char *at = text; at && *at; at = text_next_line(at)) {
		numa_line_parse(at, strcspn(at, "\n"), &line);
		numa_maps_add(m, &line, ret);
		/* Pages of huge mappings are counted by their own size: both are below 2^63. */
		if ((double)line.anonymous * (double)line.page_size > most) {
			most = (double)line.anonymous * (double)line.page_size;
			numa_maps_read_policy(m, at, ret);
		}
	}
}
