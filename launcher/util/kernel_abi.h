/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_THP_H
#define ALLOCRUN_THP_H

#include <sys/prctl.h>

/* PR_SET_THP_DISABLE's flag of kernel 6.18, which older headers lack (prctl(2)). */
#ifndef PR_THP_DISABLE_EXCEPT_ADVISED
#define PR_THP_DISABLE_EXCEPT_ADVISED (1UL << 1)
#endif

#endif
