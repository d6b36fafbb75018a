/* SPDX-License-Identifier: Apache-2.0 */
/* Each inline function of the header, for compilers that warn of all: as C and as C++. */
#include "allocpool.h"

int use_all(const struct allocpool_view *view, uint32_t row);

int use_all(const struct allocpool_view *view, uint32_t row)
{
	return allocpool_touch(view, row, 1) + allocpool_mark_dirty(view, row) +
	       allocpool_mark_dirty_mask(view, row, 1) + allocpool_mark_dirty_exclusive(view, row) +
	       allocpool_is_dirty(view, row) + allocpool_clear_dirty(view, row) + allocpool_pin(view, row) +
	       allocpool_unpin(view, row) + (allocpool_pointer(view, row) != NULL);
}
