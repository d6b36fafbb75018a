/* SPDX-License-Identifier: Apache-2.0 */
/* The C++ operators by their mangled names, for a libc that we have no C++ compiler
 * for: sizes, alignment, nothrow, sized forms. (operators.cpp has what the language
 * demands when memory is out.) */
#include "check.h"

#include <malloc.h>

static void *operator(const char *name)
{
	void *address = dlsym(RTLD_DEFAULT, name);

	check_served(name);
	return address;
}

#define NEW(name) ((void *(*)(size_t)) operator(name))
#define NEW_NOTHROW(name) ((void *(*)(size_t, const void *)) operator(name))
#define NEW_ALIGNED(name) ((void *(*)(size_t, size_t)) operator(name))
#define NEW_ALIGNED_NT(name) ((void *(*)(size_t, size_t, const void *)) operator(name))
#define DEL(name) ((void (*)(void *)) operator(name))
#define DEL_SIZED(name) ((void (*)(void *, size_t)) operator(name))
#define DEL_TAG(name) ((void (*)(void *, const void *)) operator(name))
#define DEL_SIZED_AL(name) ((void (*)(void *, size_t, size_t)) operator(name))
#define DEL_AL_TAG(name) ((void (*)(void *, size_t, const void *)) operator(name))

static void *used(void *p, size_t n)
{
	CHECK(p != NULL && malloc_usable_size(p) >= n);
	memset(p, 9, n);
	return p;
}

/* ARRAY is 'a' for the forms new[] and delete[], else 'w' and 'l'. */
static void test_plain(char n_letter, char d_letter)
{
	char new_name[64], nothrow[64], del[64], del_nothrow[64], sized[64];

	snprintf(new_name, sizeof(new_name), "_Zn%cm", n_letter);
	snprintf(nothrow, sizeof(nothrow), "_Zn%cmRKSt9nothrow_t", n_letter);
	snprintf(del, sizeof(del), "_Zd%cPv", d_letter);
	snprintf(del_nothrow, sizeof(del_nothrow), "_Zd%cPvRKSt9nothrow_t", d_letter);
	snprintf(sized, sizeof(sized), "_Zd%cPvm", d_letter);

	for (size_t n = 0; n < (4u << 20); n = n * 3 + 1) {
		void *p = used(NEW(new_name)(n), n), *q = used(NEW(new_name)(n), n);

		CHECK(p != q && is_aligned(p, n >= 16 ? 16 : 1));
		DEL(del)(p);
		DEL_SIZED(sized)(q, n);
		DEL_TAG(del_nothrow)(used(NEW_NOTHROW(nothrow)(n, ""), n), "");
	}
	DEL(del)(NULL);
	DEL_SIZED(sized)(NULL, 8);
	DEL_TAG(del_nothrow)(NULL, "");
	CHECK(NEW_NOTHROW(nothrow)(impossible_size(), "") == NULL);
}

static void test_aligned(char n_letter, char d_letter)
{
	char new_name[64], nothrow[64], del[64], del_nothrow[64], sized[64];

	snprintf(new_name, sizeof(new_name), "_Zn%cmSt11align_val_t", n_letter);
	snprintf(nothrow, sizeof(nothrow), "_Zn%cmSt11align_val_tRKSt9nothrow_t", n_letter);
	snprintf(del, sizeof(del), "_Zd%cPvSt11align_val_t", d_letter);
	snprintf(del_nothrow, sizeof(del_nothrow), "_Zd%cPvSt11align_val_tRKSt9nothrow_t", d_letter);
	snprintf(sized, sizeof(sized), "_Zd%cPvmSt11align_val_t", d_letter);

	for (size_t a = 1; a <= (2u << 20); a *= 2) {
		for (size_t n = 0; n < (1u << 20); n = n * 7 + 3) {
			void *p = used(NEW_ALIGNED(new_name)(n, a), n);
			void *q = used(NEW_ALIGNED(new_name)(n, a), n);
			void *r = used(NEW_ALIGNED_NT(nothrow)(n, a, ""), n);

			CHECK(is_aligned(p, a) && is_aligned(q, a) && is_aligned(r, a));
			DEL_SIZED(del)(p, a);
			DEL_SIZED_AL(sized)(q, n, a);
			DEL_AL_TAG(del_nothrow)(r, a, "");
		}
	}
	DEL_SIZED(del)(NULL, 64);
	DEL_SIZED_AL(sized)(NULL, 8, 64);
	CHECK(NEW_ALIGNED_NT(nothrow)(impossible_size(), 256, "") == NULL);
}

/* An aligned block of no bytes has the size of its alignment inside; whoever deletes it
 * says 0. It must not come back as one of the smallest blocks. */
static void test_aligned_and_empty(void)
{
	enum { COUNT = 64 };
	void *list[COUNT];

	for (size_t a = 16; a <= 65536; a *= 2) {
		for (int i = 0; i < COUNT; i++)
			list[i] = NEW_ALIGNED("_ZnwmSt11align_val_t")(0, a);
		for (int i = 0; i < COUNT; i++)
			DEL_SIZED_AL("_ZdlPvmSt11align_val_t")(list[i], 0, a);
		for (int i = 0; i < COUNT; i++) {
			list[i] = malloc(1);
			CHECK(list[i] && malloc_usable_size(list[i]) <= 16);
		}
		for (int i = 0; i < COUNT; i++)
			free(list[i]);
	}
}

int main(void)
{
	test_plain('w', 'l');
	test_plain('a', 'a');
	test_aligned('w', 'l');
	test_aligned('a', 'a');
	test_aligned_and_empty();
	puts("ok");
	return 0;
}
