/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/mountinfo.h"

#include <errno.h>
#include <string.h>

#include "util/text.h"

/* The field behind the next blank of this line; NULL at the line's end. */
static const char *mountinfo_next(const char *field)
{
	field += strcspn(field, " \n");
	return *field == ' ' ? field + 1 : NULL;
}

/* "31 24 0:27 SUBTREE POINT rw,relatime [optional…] - TYPE SOURCE OPTIONS" */
int mountinfo_parse_line(const char *line, struct mountinfo *ret)
{
	const char *subtree = line, *point, *field;

	for (int i = 0; i < 3 && subtree; i++)
		subtree = mountinfo_next(subtree);
	field = point = subtree ? mountinfo_next(subtree) : NULL;
	while (field && !text_starts_with(field, "- "))
		field = mountinfo_next(field);
	if (!field || !strchr(field, '\n'))
		return -EINVAL;
	*ret = (struct mountinfo){ .subtree = subtree, .point = point, .type = field + 2 };
	field = mountinfo_next(ret->type);
	ret->options = field ? mountinfo_next(field) : NULL;
	return 0;
}
