/* SPDX-License-Identifier: Apache-2.0 */
#include "known/systemd.h"

#include <string.h>

#include "util/text.h"

char *systemd_runtime_folder(struct mem *m, const char *value)
{
	const char *rest = value;
	char *folder = value ? text_next_piece(m, &rest, ':') : NULL;

	if (!folder || !text_starts_with(folder, "/run/") || !folder[strlen("/run/")])
		return NULL;
	return strstr(folder, "/..") ? NULL : folder;
}
