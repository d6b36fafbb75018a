// SPDX-License-Identifier: Apache-2.0
// allocpool.hpp as C++17 and as C++20: it owns, it throws, containers live in it.
#include "allocpool.hpp"

#include <cstdio>
#include <cstdlib>
#include <list>
#include <map>
#include <memory_resource>
#include <vector>

static int checks;
static void must(bool condition, const char *what)
{
	checks++;
	if (!condition) {
		std::fprintf(stderr, "not so: %s\n", what);
		std::exit(1);
	}
}
#define MUST(condition) must(condition, #condition)

template <typename Error, typename Work> static bool throws(Work work)
{
	try {
		work();
	} catch (const Error &) {
		return true;
	}
	return false;
}

static allocpool_config usual(std::uint32_t rows)
{
	allocpool_config config{};
	config.row_bytes = 64;
	config.max_rows = rows;
	config.fields = ALLOCPOOL_KEY | ALLOCPOOL_STAMP;
	return config;
}

static void check_ownership()
{
	MUST(throws<std::system_error>([] { allocrun::pool none(usual(0)); }));
	allocrun::pool one(usual(2)), other(usual(1));
	std::uint32_t row = one.alloc(7, 1);
	MUST(one.view().keys[row] == 7);
	MUST(one.touch(row, 9) && one.view().stamps[row] == 9);
	MUST(!one.touch(row + 1, 9) && one.at(row + 1) == nullptr);
	allocpool *raw = one.get();
	allocrun::pool moved(std::move(one));
	MUST(moved.get() == raw && one.get() == nullptr);
	other = std::move(moved);
	MUST(other.get() == raw);
	other.alloc(8, 1);
	MUST(throws<std::bad_alloc>([&] { other.alloc(9, 1); }));
	other.free(row);
	MUST(throws<std::system_error>([&] { other.free(row); }));
}

static void check_containers()
{
	allocrun::pool pool(usual(1000));
	allocrun::pool_resource resource(pool);
	{
		std::pmr::list<int> list(&resource);
		std::pmr::map<int, double> map(&resource);
		for (int i = 0; i < 400; i++) {
			list.push_back(i);
			map[i] = i;
		}
		allocpool_stats stats;
		MUST(allocpool_get_stats(pool.get(), &stats) == 0 && stats.live == 800);
		MUST(list.back() == 399 && map[200] == 200);
		MUST(throws<std::bad_alloc>([&] { std::pmr::vector<int> wide(1000, &resource); }));
		MUST(throws<std::bad_alloc>([&] { static_cast<void>(resource.allocate(64, 128)); }));
	}
	allocpool_stats stats;
	MUST(allocpool_get_stats(pool.get(), &stats) == 0 && stats.live == 0);
	allocpool_config config = usual(2); // 4 MiB apart, from an address that is a multiple of 2
	config.row_bytes = std::size_t{ 4 } << 20;
	allocrun::pool wide(config);
	allocrun::pool_resource wide_resource(wide);
	MUST(throws<std::bad_alloc>(
		[&] { static_cast<void>(wide_resource.allocate(64, std::size_t{ 4 } << 20)); }));
	wide_resource.deallocate(wide_resource.allocate(64, std::size_t{ 2 } << 20), 64);
}

#if __cplusplus >= 202002L
static void check_spans()
{
	allocrun::pool pool(usual(10));
	std::uint32_t row = pool.alloc(1, 1);
	std::span<float> values = pool.row<float>(row);
	MUST(values.size() == 16);
	values[15] = 2;
	MUST(static_cast<float *>(pool.at(row))[15] == 2);
	MUST(pool.row<float>(row + 1).empty());
	MUST(pool.keys().size() == 10 && pool.keys()[row] == 1 && pool.counters().empty());
	MUST(pool.stamps()[row] == 1);
	allocpool_config config = usual(2); // rows of 3 bytes, one behind the other
	config.row_bytes = 3, config.alignment = 1;
	allocrun::pool packed(config);
	row = packed.alloc(1, 1);
	MUST(packed.row<float>(row).empty() && packed.row<char>(row).size() == 3);
}
#endif

int main()
{
	check_ownership();
	check_containers();
#if __cplusplus >= 202002L
	check_spans();
#endif
	std::printf("%d checks\n", checks);
}
