// SPDX-License-Identifier: Apache-2.0
// What the schemes of table.cpp share: the work, the clock, figures.
#ifndef ALLOCRUN_BENCH_TABLE_HPP
#define ALLOCRUN_BENCH_TABLE_HPP

#include <absl/container/flat_hash_map.h>
#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

constexpr std::uint32_t OLD = 1000, NEW = 2000; // stamps

struct work {
	std::size_t rows, bytes;
	enum { ALL, LATENCY, SCAN } what; // latency: of one allocation after the other
};

// CPU time of this thread: what else the machine does is not in it, page faults are.
inline double seconds()
{
	timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// NAME VALUE lines for tests/bench/pool.
inline void figure(const char *name, double value)
{
	std::printf("%s %.6g\n", name, value);
}

// Nanoseconds of WORK for each of COUNT.
template <typename Work> double each_ns(std::size_t count, Work work)
{
	double begun = seconds();
	work();
	return (seconds() - begun) * 1e9 / static_cast<double>(count ? count : 1);
}
template <typename Work> void timed(const char *name, std::size_t count, Work work)
{
	figure(name, each_ns(count, work));
}

struct chance {
	std::uint64_t seed = 88172645463325252u;
	std::uint64_t next()
	{
		seed ^= seed << 13, seed ^= seed >> 7;
		return seed ^= seed << 17;
	}
	bool percent(unsigned of)
	{
		return next() % 100 < of;
	}
	// 95 % of the lookups go to 5 % of the rows, which lie scattered.
	std::size_t hot(std::size_t rows)
	{
		std::uint64_t r = next();
		return r % 100 < 95 ? (r >> 8) % (rows / 20) * 20 % rows : (r >> 8) % rows;
	}
};

inline std::uint64_t sink;
inline char source[65536];

// A word of each cache line.
inline std::uint64_t read_row(const void *row, std::size_t bytes)
{
	std::uint64_t sum = 0, word;
	for (std::size_t i = 0; i < bytes; i += 64) {
		std::memcpy(&word, static_cast<const char *>(row) + i, sizeof word);
		sum += word;
	}
	return sum;
}

// What is marked dirty, in no order: looking for it is not measured.
inline std::vector<std::uint32_t> any_keys(chance &random, std::size_t rows)
{
	std::vector<std::uint32_t> keys(rows / 8);
	for (std::uint32_t &key : keys)
		key = static_cast<std::uint32_t>(random.next() % rows);
	return keys;
}

inline double resident_mib()
{
	char line[128];
	double kib = 0;
	std::FILE *file = std::fopen("/proc/self/smaps_rollup", "r");
	while (file && std::fgets(line, sizeof line, file))
		if (std::sscanf(line, "Rss: %lf", &kib) == 1)
			break;
	if (file)
		std::fclose(file);
	return kib / 1024;
}

// The time of each step that holds the lock: the worst, and that of one in ten thousand.
struct latencies {
	std::vector<double> ns;
	explicit latencies(std::size_t count) : ns(count, 1) // touched: no faults of ours
	{
		ns.clear();
	}
	template <typename Step> void add(Step step)
	{
		double begun = seconds();
		step();
		ns.push_back((seconds() - begun) * 1e9);
	}
	// Beside the worst of as many steps that do nothing: what the clock and the machine alone make of them.
	void report()
	{
		latencies bare(ns.size());
		for (std::size_t i = 0; i < ns.size(); i++)
			bare.add([] {});
		figure("bare_worst_us", *std::max_element(bare.ns.begin(), bare.ns.end()) / 1000);
		std::sort(ns.begin(), ns.end());
		figure("alloc_p50_ns", ns[ns.size() / 2]);
		figure("alloc_p9999_ns", ns[ns.size() - 1 - ns.size() / 10000]);
		figure("alloc_worst_us", ns.back() / 1000);
	}
};

// What both kinds of tables do with their rows, once they are loaded and looked up.
template <typename Table> void evict_and_mark(Table &t, const work &w)
{
	t.gather();
	t.stamp_first(w.rows / 10);
	t.evict_and_refill("evict_oldest_ns", "refill_oldest_ns");
	t.stamp_anew(30);
	t.evict_and_refill("evict_30_ns", "refill_30_ns");
	t.stamp_anew(10);
	t.evict_and_refill("evict_ns", "refill_ns");
	t.evict_with_maps();
	t.mark_dirty();
}

void run_pool(const work &w, const char *form);

#endif
