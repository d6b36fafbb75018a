/* SPDX-License-Identifier: Apache-2.0 */
// Every form of operator new and delete, and what C++ demands when memory is out.
#include "check.h"

#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <vector>

static const char *const operators[] = {
	"_Znwm",
	"_Znam",
	"_ZnwmRKSt9nothrow_t",
	"_ZnamRKSt9nothrow_t",
	"_ZnwmSt11align_val_t",
	"_ZnamSt11align_val_t",
	"_ZnwmSt11align_val_tRKSt9nothrow_t",
	"_ZnamSt11align_val_tRKSt9nothrow_t",
	"_ZdlPv",
	"_ZdaPv",
	"_ZdlPvRKSt9nothrow_t",
	"_ZdaPvRKSt9nothrow_t",
	"_ZdlPvm",
	"_ZdaPvm",
	"_ZdlPvSt11align_val_t",
	"_ZdaPvSt11align_val_t",
	"_ZdlPvSt11align_val_tRKSt9nothrow_t",
	"_ZdaPvSt11align_val_tRKSt9nothrow_t",
	"_ZdlPvmSt11align_val_t",
	"_ZdaPvmSt11align_val_t",
};

// Keeps the compiler from leaving out an allocation that nobody uses.
static void *volatile sink;

static void test_plain()
{
	for (size_t n = 0; n < (4u << 20); n = n * 3 + 1) {
		void *p = ::operator new(n), *q = ::operator new[](n);
		CHECK(p && q && p != q);
		memset(p, 1, n);
		memset(q, 2, n);
		::operator delete(p);
		::operator delete[](q);

		p = ::operator new(n);
		q = ::operator new[](n);
		::operator delete(p, n);
		::operator delete[](q, n);

		p = ::operator new(n, std::nothrow);
		q = ::operator new[](n, std::nothrow);
		CHECK(p && q && p != q);
		::operator delete(p, std::nothrow);
		::operator delete[](q, std::nothrow);
	}
	::operator delete(nullptr);
	::operator delete[](nullptr);
	::operator delete(nullptr, (size_t)8);
	::operator delete[](nullptr, (size_t)8);
	::operator delete(nullptr, std::nothrow);
}

static void test_aligned()
{
	for (size_t a = 1; a <= (2u << 20); a *= 2) {
		auto al = std::align_val_t(a);
		for (size_t n = 0; n < (1u << 20); n = n * 7 + 3) {
			void *p = ::operator new(n, al), *q = ::operator new[](n, al);
			CHECK(p && q && is_aligned(p, a) && is_aligned(q, a));
			memset(p, 1, n);
			memset(q, 2, n);
			::operator delete(p, al);
			::operator delete[](q, al);

			p = ::operator new(n, al);
			q = ::operator new[](n, al);
			::operator delete(p, n, al);
			::operator delete[](q, n, al);

			p = ::operator new(n, al, std::nothrow);
			q = ::operator new[](n, al, std::nothrow);
			CHECK(p && q && is_aligned(p, a) && is_aligned(q, a));
			::operator delete(p, al, std::nothrow);
			::operator delete[](q, al, std::nothrow);
		}
	}
	::operator delete(nullptr, (size_t)8, std::align_val_t(64));
}

struct alignas(128) wide {
	char bytes[384];
};

static void test_containers()
{
	std::map<std::string, std::vector<std::unique_ptr<wide>>> things;
	for (int i = 0; i < 20000; i++) {
		auto &list = things[std::to_string(i % 977) +
				    " a string too long to be stored in place"];
		list.push_back(std::make_unique<wide>());
		CHECK(is_aligned(list.back().get(), 128));
		if (i % 3 == 0)
			list.pop_back();
	}
	CHECK(things.size() == 977);
}

template <typename exception, typename function> static bool throws(function f)
{
	try {
		f();
	} catch (const exception &) {
		return true;
	}
	return false;
}

static void test_throws_without_handler()
{
	size_t n = impossible_size();
	CHECK(throws<std::bad_alloc>([&] { sink = ::operator new(n); }));
	CHECK(throws<std::bad_alloc>([&] { sink = ::operator new[](n); }));
	CHECK(throws<std::bad_alloc>([&] { sink = ::operator new(n, std::align_val_t(256)); }));
	CHECK(throws<std::bad_alloc>([&] { sink = ::operator new[](n, std::align_val_t(256)); }));
	CHECK(::operator new(n, std::nothrow) == nullptr);
	CHECK(::operator new[](n, std::nothrow) == nullptr);
	CHECK(::operator new(n, std::align_val_t(256), std::nothrow) == nullptr);
	CHECK(::operator new[](n, std::align_val_t(256), std::nothrow) == nullptr);
	CHECK(throws<std::bad_alloc>(
		[&] { std::vector<char>().reserve(n); })); // thrown inside a container
	CHECK(throws<std::bad_alloc>(
		[&] { std::string().reserve(n / 2); })); // from inside libstdc++.so
}

static int handler_calls;
static rlimit saved_limit;

static void handler_gives_up()
{
	if (++handler_calls == 3)
		std::set_new_handler(nullptr);
}
static void handler_throws()
{
	handler_calls++;
	throw std::bad_alloc();
}
static void handler_throws_other()
{
	handler_calls++;
	throw std::runtime_error("no");
}
static void handler_makes_room()
{
	handler_calls++;
	CHECK(setrlimit(RLIMIT_AS, &saved_limit) == 0);
}

// Runs F with HANDLER in place; says how often the handler was called.
template <typename function> static int with_handler(std::new_handler handler, function f)
{
	handler_calls = 0;
	std::set_new_handler(handler);
	f();
	std::set_new_handler(nullptr);
	return handler_calls;
}

static void test_handlers()
{
	size_t n = impossible_size();
	auto al = std::align_val_t(64);

	CHECK(with_handler(handler_gives_up, [&] {
		      CHECK(throws<std::bad_alloc>([&] { sink = ::operator new(n); }));
	      }) == 3);
	CHECK(with_handler(handler_gives_up, [&] {
		      CHECK(throws<std::bad_alloc>([&] { sink = ::operator new(n, al); }));
	      }) == 3);
	CHECK(with_handler(handler_gives_up,
			   [&] { CHECK(::operator new(n, std::nothrow) == nullptr); }) >= 3);
	CHECK(with_handler(handler_gives_up,
			   [&] { CHECK(::operator new(n, al, std::nothrow) == nullptr); }) >= 3);

	CHECK(with_handler(handler_throws, [&] {
		      CHECK(throws<std::bad_alloc>([&] { sink = ::operator new(n); }));
	      }) == 1);
	CHECK(with_handler(handler_throws, [&] {
		      CHECK(throws<std::bad_alloc>([&] { sink = ::operator new[](n, al); }));
	      }) == 1);
	CHECK(with_handler(handler_throws_other, [&] {
		      CHECK(throws<std::runtime_error>([&] { sink = ::operator new(n); }));
	      }) == 1);

	// A nothrow form must not let it out.
	CHECK(with_handler(handler_throws,
			   [&] { CHECK(::operator new(n, std::nothrow) == nullptr); }) == 1);
	CHECK(with_handler(handler_throws,
			   [&] { CHECK(::operator new[](n, std::nothrow) == nullptr); }) == 1);
	CHECK(with_handler(handler_throws,
			   [&] { CHECK(::operator new(n, al, std::nothrow) == nullptr); }) == 1);
}

// No address space beyond what is in use now and a little more.
static void limit_address_space()
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	rlimit low;

	CHECK(file && fscanf(file, "%ld", &pages) == 1);
	fclose(file);
	CHECK(getrlimit(RLIMIT_AS, &saved_limit) == 0);
	low = saved_limit;
	low.rlim_cur = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + (64 << 20);
	CHECK(setrlimit(RLIMIT_AS, &low) == 0);
}

// The handler's purpose: it makes room, and the allocation succeeds after all.
static void test_handler_makes_room()
{
	volatile size_t n = (size_t)3 << 30;
	void *p = nullptr;

	limit_address_space();
	CHECK(with_handler(handler_makes_room, [&] { p = ::operator new(n); }) == 1);
	CHECK(p != nullptr);
	::operator delete(p, n);

	n = (size_t)7 << 30; // more than the allocator may have kept of the first
	limit_address_space();
	CHECK(with_handler(handler_makes_room, [&] {
		      p = ::operator new(n, std::align_val_t(64), std::nothrow);
	      }) == 1);
	CHECK(p != nullptr);
	::operator delete(p, std::align_val_t(64));
}

int main()
{
	for (auto name : operators)
		check_served(name);
	check_served("malloc");

	test_plain();
	test_aligned();
	test_containers();
	test_throws_without_handler();
	test_handlers();
	if (!is_emulated()) // an emulated process has no RLIMIT_AS that it could raise
		test_handler_makes_room();
	puts("ok");
}
