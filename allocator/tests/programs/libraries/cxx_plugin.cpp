/* SPDX-License-Identifier: Apache-2.0 */
// A C++ library as Python loads its extensions: private to the one who loads it.
#include <new>
#include <string>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

static void throwing_handler()
{
	throw std::bad_alloc();
}

EXPORT int plugin_bad_alloc_is_caught(size_t n)
{
	try {
		::operator delete(::operator new(n));
	} catch (const std::bad_alloc &) {
		return 1;
	}
	return 0;
}

EXPORT int plugin_nothrow_is_null(size_t n)
{
	return ::operator new(n, std::nothrow) == nullptr;
}

EXPORT int plugin_nothrow_catches_handler(size_t n)
{
	std::set_new_handler(throwing_handler);
	bool null = ::operator new(n, std::nothrow) == nullptr;
	std::set_new_handler(nullptr);
	return null;
}

EXPORT size_t plugin_works()
{
	std::vector<std::string> list;
	for (int i = 0; i < 1000; i++)
		list.push_back(std::string(100, 'x') + std::to_string(i));
	return list.size();
}
