/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_REFUSE_H
#define ALLOCRUN_UTIL_REFUSE_H

#include <errno.h>

/* What somebody wrote cannot be taken: -EINVAL, with the line that says why. */
static inline int refuse(const char **ret_error, const char *line)
{
	*ret_error = line;
	return -EINVAL;
}

#endif
