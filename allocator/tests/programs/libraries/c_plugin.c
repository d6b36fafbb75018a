/* SPDX-License-Identifier: Apache-2.0 */
/* What cxx_plugin.cpp is to C++, for a libc that we have no C++ library for. */
#include <stdlib.h>
#include <string.h>

size_t plugin_works(void);

size_t plugin_works(void)
{
	char *list[1000];
	size_t count = 0;

	for (size_t i = 0; i < 1000; i++) {
		list[i] = malloc(100 + i);
		if (list[i])
			memset(list[i], 'x', 100 + i);
	}
	for (size_t i = 0; i < 1000; i++) {
		count += list[i] != NULL;
		free(list[i]);
	}
	return count;
}
