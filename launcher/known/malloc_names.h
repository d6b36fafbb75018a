/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_KNOWN_MALLOC_NAMES_H
#define ALLOCRUN_KNOWN_MALLOC_NAMES_H

/* How the files of libraries with a malloc begin: X(BEGINNING, NAME). For known/allocators.c and allocator/children. */

/* They define malloc for the whole process when they are preloaded or linked. */
#define KNOWN_ALLOCATORS(X) \
	X("libjemalloc", "jemalloc") \
	X("libtcmalloc", "tcmalloc") \
	X("libmimalloc", "mimalloc") \
	X("libtbbmalloc_proxy", "tbbmalloc") \
	X("libsnmalloc", "snmalloc") \
	X("librpmalloc", "rpmalloc") \
	X("libscudo", "scudo") \
	X("libhoard", "hoard") \
	X("libhardened_malloc", "hardened_malloc")

/* They abort when they are not first, or crash under another malloc. */
#define KNOWN_SANITIZERS(X) \
	X("libasan", "AddressSanitizer") \
	X("libhwasan", "HWAddressSanitizer") \
	X("liblsan", "LeakSanitizer") \
	X("libtsan", "ThreadSanitizer") \
	X("libclang_rt.asan", "AddressSanitizer") \
	X("libclang_rt.hwasan", "HWAddressSanitizer") \
	X("libclang_rt.lsan", "LeakSanitizer") \
	X("libclang_rt.tsan", "ThreadSanitizer")

#endif
