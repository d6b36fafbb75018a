/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_VERSION_H
#define ALLOCRUN_VERSION_H

/* The one place; the Makefile and the packages read it from here. */
#define ALLOCRUN_VERSION "0.1.0"

#endif
