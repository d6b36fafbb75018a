/* SPDX-License-Identifier: Apache-2.0 */
/* Linked against the library of empty.c, and so against its soname. */
extern int empty_library_is_loaded;

int main(void)
{
	return empty_library_is_loaded;
}
