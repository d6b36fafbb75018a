// SPDX-License-Identifier: Apache-2.0
// A sharded embedding table over liballocpool: load it, serve lookups while it evicts, hold a cap.
//
//   table [rows=2000000] [shards=8] [threads=4] [seconds=5] [cap=75]      cap: percent of the rows that may stay
//   g++ -std=c++17 -O2 table.cpp $(pkg-config --cflags --libs allocpool absl_flat_hash_map) -lpthread
//
// What it shows: the map and the lock are the caller's; lookups touch under the reader's lock; eviction selects beside
// them and holds the writer's lock for a batch alone; memory is made ready by a thread of its own.
#include <allocpool.hpp>

#include <absl/container/flat_hash_map.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <pthread.h>
#include <string>
#include <thread>
#include <vector>

namespace
{

constexpr std::size_t DIMENSION = 64; // floats of a row
constexpr std::size_t BATCH = 1024;   // rows that one writer's lock evicts

std::atomic<std::uint32_t> now{ 1 }; // in ticks of eviction's

// Writers come first: lookups would never let one in.
class shard_lock
{
	pthread_rwlock_t lock_ = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

      public:
	template <typename Work> auto read(Work work)
	{
		pthread_rwlock_rdlock(&lock_);
		auto result = work();
		pthread_rwlock_unlock(&lock_);
		return result;
	}
	template <typename Work> auto write(Work work)
	{
		pthread_rwlock_wrlock(&lock_);
		auto result = work();
		pthread_rwlock_unlock(&lock_);
		return result;
	}
};

class shard
{
	shard_lock lock;
	absl::flat_hash_map<std::uint64_t, std::uint32_t> map;
	allocrun::pool rows;

	static allocpool_config config_for(std::uint32_t most)
	{
		allocpool_config config{};
		config.row_bytes = DIMENSION * sizeof(float);
		config.max_rows = most;
		config.fields = ALLOCPOOL_KEY | ALLOCPOOL_STAMP | ALLOCPOOL_COUNTER;
		return config;
	}
	static void erase(void *argument, const allocpool_found *batch, std::size_t count)
	{
		constexpr std::size_t AHEAD = 16;
		auto &map = static_cast<shard *>(argument)->map;
		for (std::size_t i = 0; i < count + AHEAD; i++) {
			if (i < count)
				map.prefetch(batch[i].key);
			if (i >= AHEAD)
				map.erase(batch[i - AHEAD].key);
		}
	}
	static void moved(void *argument, std::uint32_t, std::uint32_t to, std::uint64_t key)
	{
		static_cast<shard *>(argument)->map[key] = to;
	}

      public:
	explicit shard(std::uint32_t most) : rows(config_for(most))
	{
	}
	void prepare(std::uint32_t count)
	{
		if (allocpool_prepare(rows.get(), count) != 0)
			std::fprintf(stderr, "table: memory is not ready; it comes with the first touch\n");
	}

	// The sum of its values, or -1: not there.
	float look_up(std::uint64_t key)
	{
		return lock.read([&] {
			auto found = map.find(key);
			if (found == map.end())
				return -1.0f;
			rows.touch(found->second, now.load(std::memory_order_relaxed));
			const float *values = static_cast<const float *>(rows.at(found->second));
			float sum = 0;
			for (std::size_t i = 0; i < DIMENSION; i++)
				sum += values[i];
			return sum;
		});
	}
	void insert(std::uint64_t key, float value)
	{
		lock.write([&] {
			auto [place, is_new] = map.try_emplace(key, 0);
			if (is_new) {
				place->second = rows.alloc(key, now.load(std::memory_order_relaxed));
				std::fill_n(static_cast<float *>(rows.at(place->second)), DIMENSION, value);
			}
			return 0;
		});
	}
	// Up to MOST of those that are older than AGE.
	std::size_t evict_older(std::uint32_t age, std::size_t most, double *worst_ms)
	{
		allocpool_query query{};
		allocpool_cursor cursor{};
		std::vector<allocpool_found> found(BATCH);
		std::size_t gone = 0;
		query.by = ALLOCPOOL_BY_AGE, query.now = now, query.age = age;
		while (!cursor.done && gone < most) {
			const std::size_t room = std::min(BATCH, most - gone);
			long count = lock.read(
				[&] { return allocpool_select(rows.get(), &query, &cursor, found.data(), room); });
			gone += static_cast<std::size_t>(lock.write([&] {
				auto begun = std::chrono::steady_clock::now();
				long freed = allocpool_commit(rows.get(), &query, found.data(),
							      static_cast<std::size_t>(count), erase, this);
				std::chrono::duration<double, std::milli> held = std::chrono::steady_clock::now() -
										 begun;
				*worst_ms = std::max(*worst_ms, held.count());
				return freed;
			}));
		}
		return gone;
	}
	// A hard cap: the rows beyond KEEP that were used longest ago; of those that were used at the same time, some.
	std::size_t evict(std::size_t keep, double *worst_ms)
	{
		std::uint32_t age = 0, kept = 0;
		lock.read([&] {
			return allocpool_cutoff(rows.get(), now, static_cast<std::uint32_t>(keep), &age, &kept);
		});
		std::size_t gone = evict_older(age, SIZE_MAX, worst_ms), left = live();
		return age > 0 && left > keep ? gone + evict_older(age - 1, left - keep, worst_ms) : gone;
	}
	std::uint64_t compact()
	{
		return lock.write([&] {
			std::uint64_t bytes = 0;
			allocpool_compact(rows.get(), SIZE_MAX, moved, this);
			allocpool_trim(rows.get(), &bytes);
			return bytes;
		});
	}
	// Map and pool name the same rows, and each row is its key's.
	bool is_whole()
	{
		allocpool_stats stats;
		allocpool_get_stats(rows.get(), &stats);
		bool whole = stats.live == map.size() && stats.refused == 0;
		for (auto [key, row] : map)
			whole = whole && allocpool_check_row(&rows.view(), row) == 0 && rows.view().keys[row] == key &&
				static_cast<const float *>(rows.at(row))[0] == static_cast<float>(key % 1000);
		return whole;
	}
	std::size_t live()
	{
		return lock.read([&] { return map.size(); });
	}
};

// Ranks by Zipf's law, exponent 1, by inversion of its integral.
class zipf
{
	std::uint64_t state_;
	double log_;

      public:
	zipf(std::uint64_t seed, std::size_t ranks)
	    : state_(seed * 0x9e3779b97f4a7c15u + 1), log_(std::log(static_cast<double>(ranks)))
	{
	}
	std::uint64_t next()
	{
		state_ ^= state_ << 13, state_ ^= state_ >> 7, state_ ^= state_ << 17;
		double part = static_cast<double>(state_ >> 11) * 0x1p-53;
		return static_cast<std::uint64_t>(std::exp(part * log_)) - 1;
	}
};

struct figures {
	std::uint64_t lookups = 0, missed = 0, wrong = 0;
	std::vector<float> us;
};

std::size_t number(int argc, char **argv, const char *name, std::size_t usual)
{
	const std::string prefix = std::string(name) + "=";
	for (int i = 1; i < argc; i++)
		if (std::strncmp(argv[i], prefix.c_str(), prefix.size()) == 0)
			return std::strtoull(argv[i] + prefix.size(), nullptr, 10);
	return usual;
}

} // namespace

int main(int argc, char **argv)
{
	const std::size_t count = number(argc, argv, "rows", 2000000), n_shards = number(argc, argv, "shards", 8);
	const std::size_t n_threads = number(argc, argv, "threads", 4), length = number(argc, argv, "seconds", 5);
	const std::size_t keep = count / n_shards * number(argc, argv, "cap", 75) / 100;
	std::vector<std::unique_ptr<shard>> shards;
	auto shard_of = [&](std::uint64_t key) -> shard & { return *shards[key * 0x9e3779b97f4a7c15u % n_shards]; };
	std::atomic<bool> over{ false };
	std::size_t evicted = 0, rounds = 0;
	double worst_ms = 0;

	for (std::size_t i = 0; i < n_shards; i++)
		shards.push_back(std::make_unique<shard>(static_cast<std::uint32_t>(count / n_shards * 2 + 1000)));
	for (auto &s : shards)
		s->prepare(static_cast<std::uint32_t>(count / n_shards));
	for (std::size_t key = 0; key < count; key++)
		shard_of(key).insert(key, static_cast<float>(key % 1000));

	std::vector<figures> seen(n_threads);
	std::vector<std::thread> threads;
	for (std::size_t t = 0; t < n_threads; t++)
		threads.emplace_back([&, t] {
			zipf keys(t + 1, count);
			while (!over) {
				std::uint64_t key = keys.next();
				auto begun = std::chrono::steady_clock::now();
				float sum = shard_of(key).look_up(key);
				std::chrono::duration<float, std::micro> passed = std::chrono::steady_clock::now() -
										  begun;
				if (sum < 0) { // evicted: it comes again
					shard_of(key).insert(key, static_cast<float>(key % 1000));
					seen[t].missed++;
				} else if (sum != static_cast<float>(key % 1000) * DIMENSION) {
					seen[t].wrong++;
				}
				if (seen[t].lookups++ % 16 == 0)
					seen[t].us.push_back(passed.count());
			}
		});
	auto until = std::chrono::steady_clock::now() + std::chrono::seconds(length);
	while (rounds == 0 || std::chrono::steady_clock::now() < until) {
		now++;
		for (auto &s : shards)
			evicted += s->evict(keep, &worst_ms);
		rounds++;
		std::this_thread::sleep_for(std::chrono::milliseconds(20));
	}
	over = true;
	for (auto &thread : threads)
		thread.join();

	figures all;
	for (auto &f : seen) {
		all.lookups += f.lookups, all.missed += f.missed, all.wrong += f.wrong;
		all.us.insert(all.us.end(), f.us.begin(), f.us.end());
	}
	std::sort(all.us.begin(), all.us.end());
	std::uint64_t back = 0;
	std::size_t live = 0;
	bool whole = true;
	for (auto &s : shards) {
		whole = whole && s->is_whole();
		back += s->compact();
		whole = whole && s->is_whole();
		live += s->live();
	}
	std::printf("%zu rows in %zu shards, %zu threads: %.0f lookups/s, %.1f %% missed; p50 %.2f us, p99.9 %.2f us\n",
		    count, n_shards, n_threads,
		    static_cast<double>(all.lookups) / static_cast<double>(length ? length : 1),
		    100.0 * static_cast<double>(all.missed) / static_cast<double>(all.lookups),
		    static_cast<double>(all.us[all.us.size() / 2]),
		    static_cast<double>(all.us[all.us.size() - 1 - all.us.size() / 1000]));
	std::printf(
		"%zu evicted in %zu rounds, the writer's lock held %.3f ms at most; %zu live, %.0f MiB given back\n",
		evicted, rounds, worst_ms, live, static_cast<double>(back) / (1 << 20));
	std::printf("%s: %llu wrong values\n", whole && !all.wrong ? "whole" : "NOT WHOLE",
		    static_cast<unsigned long long>(all.wrong));
	return whole && !all.wrong ? 0 : 1;
}
