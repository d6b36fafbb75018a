/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C++ allocation operators, for a library that must not need libstdc++.
 *
 * They are defined in C under the names that the Itanium C++ ABI gives them, on
 * top of the allocator that this file is linked with. What C++ demands on failure
 * (call the new_handler, throw std::bad_alloc) only the process's own C++ runtime
 * can do, so it is looked up at that moment and not before: a process without C++
 * never pays for it, and a runtime that was loaded late, or privately, is found.
 *
 * The recipe's operators.h says how the allocator is called:
 *   ALLOCATE_ALIGNED(alignment, size)      any power of two, any size
 *   FREE_SIZED(p, size)                    p is not NULL
 *   FREE_SIZED_ALIGNED(p, size, alignment) p is not NULL
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include "operators.h"

/* The names below say "m", unsigned long, where they mean size_t. */
_Static_assert(sizeof(size_t) == sizeof(unsigned long) && sizeof(size_t) == 8, "LP64 only");

#define likely(x) __builtin_expect(!!(x), 1)
#define OPERATOR(name, target) extern __typeof__(target) name __attribute__((visibility("default"), alias(#target)))

typedef void (*new_handler)(void);
typedef new_handler (*get_new_handler)(void);
typedef void (*throw_bad_alloc)(void);
typedef void *(*new_nothrow)(size_t size, const void *tag);
typedef void *(*new_aligned_nothrow)(size_t size, size_t alignment, const void *tag);

/* NAME as seen by an object that is loaded already. Nothing is loaded here, and the
 * object stays: someone else holds it. */
static void *symbol_in_loaded(const char *file, const char *name)
{
	void *handle, *symbol;

	handle = dlopen(file, RTLD_LAZY | RTLD_NOLOAD);
	if (!handle)
		return NULL;

	symbol = dlsym(handle, name);
	dlclose(handle);
	return symbol;
}

static void *symbol_in_object_at(const void *address, const char *name)
{
	Dl_info info;

	if (!dladdr(address, &info) || !info.dli_fname)
		return NULL;
	return symbol_in_loaded(info.dli_fname, name);
}

/*
 * A function of the C++ runtime that the caller would have used without us: what
 * comes after us in the global scope; else what the caller's own object sees (it may
 * have been loaded RTLD_LOCAL, as Python loads its extensions); else any runtime in
 * the process. (dlsym tells who asks from its return address, so that the RTLD_NEXT
 * call must not become a tail call; it is none here.)
 */
static void *runtime_symbol(const char *name, const void *caller)
{
	static const char *const runtimes[] = { "libstdc++.so.6", "libc++.so.1", "libc++abi.so.1" };
	void *symbol;

	symbol = dlsym(RTLD_NEXT, name);
	if (!symbol)
		symbol = symbol_in_object_at(caller, name);
	for (size_t i = 0; !symbol && i < sizeof(runtimes) / sizeof(runtimes[0]); i++)
		symbol = symbol_in_loaded(runtimes[i], name);
	return symbol;
}

static void *allocate(size_t size, size_t alignment)
{
	return alignment ? ALLOCATE_ALIGNED(alignment, size) : malloc(size);
}

static void __attribute__((noreturn)) die_without_runtime(void)
{
	static const char message[] = "operator new: out of memory, and no C++ runtime in this "
				      "process to throw std::bad_alloc\n";

	(void)!write(STDERR_FILENO, message, sizeof(message) - 1);
	abort();
}

/*
 * alignment 0 means the plain forms. Compiled with -fexceptions: both the handler and
 * the runtime throw through these frames.
 */
static void __attribute__((noinline, cold)) * new_failed(size_t size, size_t alignment, const void *caller)
{
	get_new_handler get_handler;
	throw_bad_alloc throw_it;
	new_handler handler;
	void *p;

	get_handler = (get_new_handler)runtime_symbol("_ZSt15get_new_handlerv", caller);
	while (get_handler && (handler = get_handler())) {
		handler();
		p = allocate(size, alignment);
		if (p)
			return p;
	}

	throw_it = (throw_bad_alloc)runtime_symbol("_ZSt17__throw_bad_allocv", caller);
	if (throw_it)
		throw_it();
	die_without_runtime();
}

static void *new_plain_quiet(size_t size, const void *tag);
static void *new_aligned_quiet(size_t size, size_t alignment, const void *tag);

/*
 * The nothrow forms return NULL, unless there is a handler: it may free memory, and it
 * may throw, which they have to turn into NULL. C cannot catch, so with a handler the
 * runtime's own nothrow form does the work: it calls our throwing form and catches.
 */
static void __attribute__((noinline, cold)) *
	new_nothrow_failed(size_t size, size_t alignment, const void *tag, const void *caller)
{
	get_new_handler get_handler;
	new_aligned_nothrow aligned;
	new_nothrow plain;

	get_handler = (get_new_handler)runtime_symbol("_ZSt15get_new_handlerv", caller);
	if (!get_handler || !get_handler())
		return NULL;

	if (alignment) {
		aligned = (new_aligned_nothrow)symbol_in_object_at((const void *)get_handler,
								   "_ZnwmSt11align_val_tRKSt9nothrow_t");
		if (aligned && aligned != new_aligned_quiet)
			return aligned(size, alignment, tag);
	} else {
		plain = (new_nothrow)symbol_in_object_at((const void *)get_handler, "_ZnwmRKSt9nothrow_t");
		if (plain && plain != new_plain_quiet)
			return plain(size, tag);
	}
	return NULL;
}

static void *new_plain(size_t size)
{
	void *p = malloc(size);

	return likely(p) ? p : new_failed(size, 0, __builtin_return_address(0));
}

static void *new_plain_quiet(size_t size, const void *tag)
{
	void *p = malloc(size);

	return likely(p) ? p : new_nothrow_failed(size, 0, tag, __builtin_return_address(0));
}

static void *new_aligned(size_t size, size_t alignment)
{
	void *p = ALLOCATE_ALIGNED(alignment, size);

	return likely(p) ? p : new_failed(size, alignment, __builtin_return_address(0));
}

static void *new_aligned_quiet(size_t size, size_t alignment, const void *tag)
{
	void *p = ALLOCATE_ALIGNED(alignment, size);

	return likely(p) ? p : new_nothrow_failed(size, alignment, tag, __builtin_return_address(0));
}

static void delete_plain(void *p)
{
	free(p);
}

static void delete_nothrow(void *p, const void *tag)
{
	(void)tag;
	free(p);
}

static void delete_sized(void *p, size_t size)
{
	if (likely(p))
		FREE_SIZED(p, size);
}

static void delete_aligned(void *p, size_t alignment)
{
	(void)alignment;
	free(p);
}

static void delete_aligned_nothrow(void *p, size_t alignment, const void *tag)
{
	(void)alignment;
	(void)tag;
	free(p);
}

static void delete_sized_aligned(void *p, size_t size, size_t alignment)
{
	if (likely(p))
		FREE_SIZED_ALIGNED(p, size, alignment);
}

/* new and new[], delete and delete[] differ in name only. */
OPERATOR(_Znwm, new_plain);
OPERATOR(_Znam, new_plain);
OPERATOR(_ZnwmRKSt9nothrow_t, new_plain_quiet);
OPERATOR(_ZnamRKSt9nothrow_t, new_plain_quiet);
OPERATOR(_ZnwmSt11align_val_t, new_aligned);
OPERATOR(_ZnamSt11align_val_t, new_aligned);
OPERATOR(_ZnwmSt11align_val_tRKSt9nothrow_t, new_aligned_quiet);
OPERATOR(_ZnamSt11align_val_tRKSt9nothrow_t, new_aligned_quiet);

OPERATOR(_ZdlPv, delete_plain);
OPERATOR(_ZdaPv, delete_plain);
OPERATOR(_ZdlPvRKSt9nothrow_t, delete_nothrow);
OPERATOR(_ZdaPvRKSt9nothrow_t, delete_nothrow);
OPERATOR(_ZdlPvm, delete_sized);
OPERATOR(_ZdaPvm, delete_sized);
OPERATOR(_ZdlPvSt11align_val_t, delete_aligned);
OPERATOR(_ZdaPvSt11align_val_t, delete_aligned);
OPERATOR(_ZdlPvSt11align_val_tRKSt9nothrow_t, delete_aligned_nothrow);
OPERATOR(_ZdaPvSt11align_val_tRKSt9nothrow_t, delete_aligned_nothrow);
OPERATOR(_ZdlPvmSt11align_val_t, delete_sized_aligned);
OPERATOR(_ZdaPvmSt11align_val_t, delete_sized_aligned);
