/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libgcc chooses the atomic instructions of an aarch64 CPU at start-up by
 * __getauxval, the name that glibc gives the function inside.
 */
#include <sys/auxv.h>

unsigned long __getauxval(unsigned long type);

unsigned long __getauxval(unsigned long type)
{
	return getauxval(type);
}
