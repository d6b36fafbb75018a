/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_KERNEL_ABI_H
#define ALLOCRUN_UTIL_KERNEL_ABI_H

#include <linux/capability.h>
#include <sys/prctl.h>

/* What of the kernel's interface older headers lack, and limits that several readers share. */

/* PR_SET_THP_DISABLE's flag of kernel 6.18 (prctl(2)). */
#ifndef PR_THP_DISABLE_EXCEPT_ADVISED
#define PR_THP_DISABLE_EXCEPT_ADVISED (1UL << 1)
#endif

/* What hugepages-NkB/enabled takes, and thp_anon= for a size (transhuge.rst). */
#define THP_SIZE_WORDS "always inherit madvise never"

/* set_mempolicy(2): MPOL_WEIGHTED_INTERLEAVE of 6.9. */
#define MODE_WEIGHTED_INTERLEAVE 6

/* More NUMA nodes no kernel is built for (CONFIG_NODES_SHIFT is at most 10). */
#define NUMA_NODES_MAX 1024

#endif
