/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel is and was started with. Pure. */
#include "audit/checks/assess.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <linux/mempolicy.h>

#include "detect/boot.h"
#include "facts/names.h"
#include "report/report.h"
#include "util/kernel_abi.h"
#include "util/size.h"
#include "util/text.h"

/* What the kernel command line says of transparent hugepages, and what is wrong with it. */
struct boot_thp {
	const char *text;     /* the words; NULL: it does not speak of them */
	const char *ignored;  /* values that the kernel cannot read: it boots as if they were not there */
	const char *problems; /* where the machine is not as it was booted */
};

/* transparent_hugepage= against the mode in force. */
static void boot_check_thp(struct mem *m, const struct thp_facts *thp, const char *value, struct boot_thp *b)
{
	const char *word = mem_printf(m, "transparent_hugepage=%s", value);

	text_list(m, &b->text, word);
	if (!text_has_word("always madvise never", value))
		text_list(m, &b->ignored, word);
	else if (thp->known == TRI_YES && strcmp(value, thp_mode_name(thp->enabled)) != 0)
		text_list(m, &b->problems, mem_printf(m, "%s, and now it is %s", word, thp_mode_name(thp->enabled)));
}

/* thp_anon= against the state of each size. */
static void boot_check_thp_sizes(struct mem *m, const struct thp_facts *thp, const char *value, struct boot_thp *b)
{
	const char *state, *word = mem_printf(m, "thp_anon=%s", value);

	text_list(m, &b->text, word);
	if (!boot_find_thp(m, value, THP_SIZE_WORDS, 0, &state)) {
		text_list(m, &b->ignored, word);
		return;
	}
	if (thp->known == TRI_YES && !thp->n_sizes)
		text_list(m, &b->problems, mem_printf(m, "%s, and this kernel has no sizes", word));
	for (size_t i = 0; i < thp->n_sizes; i++) {
		const struct thp_size *size = &thp->sizes[i];

		boot_find_thp(m, value, THP_SIZE_WORDS, size->size, &state);
		if (state && *size->enabled && strcmp(state, size->enabled) != 0)
			text_list(m, &b->problems,
				  mem_printf(m, "%s, and now %s has %s", word, size_format(m, size->size),
					     size->enabled));
	}
}

static struct finding boot_report_thp(struct mem *m, const struct thp_facts *thp, const struct boot_thp *b)
{
	const char *ignored = !b->ignored ? "" :
					    mem_printf(m, "%s: not a value the kernel takes, it ignores the whole word",
						       b->ignored);

	if (b->problems)
		return finding_warn(m,
				    "%s: the next boot brings back what stands there, and tools such as tuned "
				    "leave it alone meanwhile%s%s",
				    b->problems, *ignored ? "; " : "", ignored);
	if (*ignored)
		return finding_warn(m, "%s", ignored);
	return thp->known == TRI_YES ? finding_ok(m, "%s, as it is now", b->text) :
				       finding_unknown(m, "%s; what is in force cannot be read", b->text);
}

ASSESS(audit_thp_cmdline)
{
	const struct thp_facts *thp = &a->machine->thp;
	struct boot_thp b = { NULL, NULL, NULL };
	const char *value, *sizes;

	if (thp->known == TRI_NO)
		return finding_skip(m, "the kernel has no transparent hugepages");
	if (!a->node->command_line)
		return finding_unknown(m, "/proc/cmdline cannot be read");
	value = boot_find(m, a->node->command_line, "transparent_hugepage");
	sizes = boot_find(m, a->node->command_line, "thp_anon");
	if (value)
		boot_check_thp(m, thp, value, &b);
	if (sizes)
		boot_check_thp_sizes(m, thp, sizes, &b);
	if (!b.text)
		return finding_ok(m, "the kernel command line does not speak of it");
	return boot_report_thp(m, thp, &b);
}

/* numa_balancing= against the value in force. */
static void boot_check_balancing(struct mem *m, const struct audit_facts *a, const char **problems)
{
	const char *value = boot_find(m, a->node->command_line, "numa_balancing");
	int64_t now = a->node->balancing;

	if (!value || now == FACT_UNKNOWN)
		return;
	if (strcmp(value, "enable") != 0 && strcmp(value, "disable") != 0)
		text_list(m, problems,
			  mem_printf(m,
				     "numa_balancing=%s is not a value "
				     "the kernel takes",
				     value));
	else if ((strcmp(value, "enable") == 0) != (now != 0))
		text_list(m, problems, mem_printf(m, "numa_balancing=%s, and now it is %lld", value, (long long)now));
}

static void boot_check_numa(struct mem *m, const struct audit_facts *a, const char **problems)
{
	const char *value = boot_find(m, a->node->command_line, "numa");

	if (value && strcmp(value, "off") == 0 && a->machine->gpu.n_gpus)
		text_list(m, problems, "numa=off on a GPU host: nothing can be kept near a GPU");
}

/* Each size that was asked for: is it there, and are there as many pages? */
static void boot_check_pools(struct mem *m, const struct audit_facts *a, const char **problems)
{
	const struct hugetlb_facts *hugetlb = &a->machine->hugetlb;
	struct boot_pool *asked = NULL;
	size_t n = 0;

	boot_parse_pools(m, a->node->command_line, a->node->memory.default_huge_size, &asked, &n);
	for (size_t i = 0; i < n && hugetlb->n_pools; i++) {
		const struct hugetlb_pool *pool = NULL;

		for (size_t k = 0; k < hugetlb->n_pools && !pool; k++)
			pool = hugetlb->pools[k].page_size == asked[i].page_size ? &hugetlb->pools[k] : NULL;
		if (!pool)
			text_list(m, problems,
				  mem_printf(m,
					     "hugepages of %s were asked for, "
					     "and this kernel has none",
					     size_format(m, asked[i].page_size)));
		else if (pool->total != FACT_UNKNOWN && pool->total < asked[i].pages)
			text_list(m, problems,
				  mem_printf(m,
					     "%lld hugepages of %s were asked "
					     "for, and there are %lld",
					     (long long)asked[i].pages, size_format(m, asked[i].page_size),
					     (long long)pool->total));
	}
}

/* A size that the kernel does not have leaves the default as it is, with a line in its log. */
static void boot_check_default_size(struct mem *m, const struct audit_facts *a, const char **problems)
{
	const char *value = boot_find(m, a->node->command_line, "default_hugepagesz");
	int64_t now = a->node->memory.default_huge_size, size;

	if (!value || now == FACT_UNKNOWN)
		return;
	if (!size_parse_boot(value, &size) || size != now)
		text_list(m, problems,
			  mem_printf(m, "default_hugepagesz=%s, and the default is %s", value, size_format(m, now)));
}

ASSESS(audit_boot_parameters)
{
	const char *problems = NULL, *pages;

	if (!a->node->command_line)
		return finding_unknown(m, "/proc/cmdline cannot be read");
	boot_check_numa(m, a, &problems);
	boot_check_balancing(m, a, &problems);
	boot_check_default_size(m, a, &problems);
	boot_check_pools(m, a, &problems);
	if (problems)
		return finding_warn(m, "%s", problems);
	pages = boot_find(m, a->node->command_line, "hugepages");
	if (pages && !a->machine->hugetlb.n_pools)
		return finding_unknown(m, "hugepages=%s; which there are cannot be read", pages);
	return finding_ok(m, "all that it asks for is in force");
}

/* A feature that a policy can ask for, and the kernel that brought it. */
struct kernel_feature {
	const char *name;
	int major, minor;
	const char *instead; /* what happens without it */
};

static const struct kernel_feature kernel_preferred_many = {
	"MPOL_PREFERRED_MANY",
	5,
	15,
	"each thread takes memory of its own node",
};
static const struct kernel_feature kernel_weighted = {
	"MPOL_WEIGHTED_INTERLEAVE",
	6,
	9,
	"pages are spread evenly",
};
static const struct kernel_feature kernel_except_advised = {
	"PR_THP_DISABLE_EXCEPT_ADVISED",
	6,
	18,
	"transparent hugepages stay as the node has them",
};

static bool kernel_lacks(const struct audit_facts *a, const struct kernel_feature *feature, int mode, int major,
			 int minor)
{
	const struct node_mempolicy *probe = &a->node->mempolicy;

	/* What the kernel has just done counts for more than its number: vendors backport. */
	if (mode && probe->was_tried && probe->accepted & 1U << MPOL_BIND && probe->tried & 1U << mode)
		return !(probe->accepted & 1U << mode);
	return major < feature->major || (major == feature->major && minor < feature->minor);
}

static void kernel_check(struct mem *m, const struct audit_facts *a, const struct kernel_feature *feature, int mode,
			 int major, int minor, const char **missing)
{
	if (kernel_lacks(a, feature, mode, major, minor))
		text_list(m, missing,
			  mem_printf(m, "%s of %d.%d (%s)", feature->name, feature->major, feature->minor,
				     feature->instead));
}

ASSESS(audit_kernel_age)
{
	const struct operation *memory = audit_wanted_mempolicy(a);
	const struct operation *thp = audit_find_operation(a->plan, STEP_THP, NULL);
	const char *kernel = a->machine->kernel, *missing = NULL;
	int major, minor, mode = memory ? memory->u.memory.choices[0].mode : 0;

	if (sscanf(kernel, "%4d.%4d", &major, &minor) != 2)
		return finding_unknown(m, *kernel ? "the kernel's version cannot be understood" :
						    "the kernel's version cannot be read");
	if (mode == MPOL_PREFERRED_MANY)
		kernel_check(m, a, &kernel_preferred_many, mode, major, minor, &missing);
	if (mode == MODE_WEIGHTED_INTERLEAVE)
		kernel_check(m, a, &kernel_weighted, mode, major, minor, &missing);
	if (thp && thp->kind == OP_THP && thp->u.thp.flags & PR_THP_DISABLE_EXCEPT_ADVISED)
		kernel_check(m, a, &kernel_except_advised, 0, major, minor, &missing);
	if (missing)
		return finding_warn(m, "%s lacks what the policy asks for: %s", kernel, missing);
	return finding_ok(m, "%s has all that the policy asks for", kernel);
}

/* Which words of the kernel command line speak of translation: "iommu=pt"; NULL: none. */
static const char *iommu_find_words(struct mem *m, const char *command_line, enum tristate *ret_passes)
{
	static const char *const switches[] = { "intel_iommu", "amd_iommu" };
	const char *value = command_line ? boot_find(m, command_line, "iommu.passthrough") : NULL;
	char *list = command_line ? boot_find(m, command_line, "iommu") : NULL;

	*ret_passes = TRI_UNKNOWN;
	if (value) {
		/* As kstrtobool() reads it. */
		*ret_passes = *value && strchr("1yYtT", *value) ? TRI_YES :
			      strcasecmp(value, "on") == 0      ? TRI_YES :
								  TRI_NO;
		return mem_printf(m, "iommu.passthrough=%s", value);
	}
	for (char *word; (word = strsep(&list, ","));) {
		if (strcmp(word, "pt") == 0 || strcmp(word, "nopt") == 0) {
			*ret_passes = strcmp(word, "pt") == 0 ? TRI_YES : TRI_NO;
			return mem_printf(m, "iommu=%s", word);
		}
	}
	for (size_t i = 0; command_line && i < sizeof switches / sizeof *switches; i++) {
		value = boot_find(m, command_line, switches[i]);
		if (value)
			return mem_printf(m, "%s=%s", switches[i], value);
	}
	return NULL;
}

/* Where the kernel does not say how it treats a GPU, what it was told counts. */
static struct finding iommu_assume(struct mem *m, const struct audit_facts *a, const char *address)
{
	enum tristate passes;
	const char *words = iommu_find_words(m, a->node->command_line, &passes);
	const char *unknown = mem_printf(m,
					 "how the IOMMU treats GPU %s cannot be read (before kernel 5.11 nobody "
					 "says)",
					 address);

	if (passes == TRI_YES)
		return finding_ok(m, "%s on the kernel command line: the IOMMU passes the GPUs through; %s", words,
				  unknown);
	if (passes == TRI_NO)
		return finding_warn(m, "%s on the kernel command line: the IOMMU translates; %s", words, unknown);
	return words ? finding_unknown(m, "%s; %s on the kernel command line does not say it either", unknown, words) :
		       finding_unknown(m, "%s", unknown);
}

/* A list of the visible GPUs' translations, and how many of them are translated. */
static struct finding iommu_report(struct mem *m, const struct audit_facts *a)
{
	const char *type = NULL, *address = NULL, *unknown = NULL;
	size_t n_translated = 0, n_off = 0, n = a->node->n_iommu;

	for (size_t i = 0; i < n; i++) {
		const struct node_iommu *iommu = &a->node->iommu[i];

		if (iommu->has_group == TRI_NO) {
			n_off++;
		} else if (iommu->has_group != TRI_YES || !*iommu->type) {
			unknown = iommu->address;
		} else if (strcmp(iommu->type, "DMA") == 0 || strcmp(iommu->type, "DMA-FQ") == 0) {
			type = iommu->type;
			address = iommu->address;
			n_translated++;
		}
	}
	if (n_translated)
		return finding_warn(m, "GPU %s is behind a translating IOMMU (%s)%s", address, type,
				    n_translated > 1 ? mem_printf(m, ", as %zu of %zu are", n_translated, n) : "");
	if (unknown)
		return iommu_assume(m, a, unknown);
	return finding_ok(m, n_off == n ? "no IOMMU in front of the GPUs" :
					  "the IOMMU passes the GPUs through (identity)");
}

ASSESS(audit_iommu)
{
	if (audit_gpus_unknown(a->machine))
		return finding_unknown(m, "%s", audit_gpus_unknown(a->machine));
	if (!a->machine->gpu.n_gpus)
		return finding_skip(m, "no GPU");
	if (!a->node->n_iommu)
		return finding_unknown(m, "/sys/bus/pci/devices cannot be read");
	return iommu_report(m, a);
}
