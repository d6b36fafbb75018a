// SPDX-License-Identifier: Apache-2.0
// A sharded embedding table under reader-writer locks: lookups from some threads while another looks for what is due.
//
//   shards SCHEME ROWS BYTES SHARDS THREADS SECONDS      list pool
//
// list walks its blocks with the writer's lock of the shard held, as the usual scheme does while it trains; pool selects
// beside the readers, and holds the writer's lock to free what it found. What is evicted comes again at its next lookup.
#include "table.hpp"

#include <allocpool.hpp>
#include <atomic>
#include <chrono>
#include <memory>
#include <pthread.h>
#include <string>
#include <thread>

namespace
{

using wall_clock = std::chrono::steady_clock;
std::atomic<std::uint32_t> now{ 1 };
constexpr std::uint32_t AGE = 4; // rounds of eviction that a row may go unused

double us_since(wall_clock::time_point begun)
{
	return std::chrono::duration<double, std::micro>(wall_clock::now() - begun).count();
}

struct shard_lock {
	pthread_rwlock_t lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP; // readers would never let a writer in
	double worst_us = 0;                                                       // that eviction held it alone

	template <typename Work> auto read(Work work)
	{
		pthread_rwlock_rdlock(&lock);
		auto result = work();
		pthread_rwlock_unlock(&lock);
		return result;
	}
	template <typename Work> void write(bool is_eviction, Work work)
	{
		pthread_rwlock_wrlock(&lock);
		auto begun = wall_clock::now();
		work();
		worst_us = std::max(worst_us, is_eviction ? us_since(begun) : 0);
		pthread_rwlock_unlock(&lock);
	}
};

struct header {
	std::uint64_t key;
	std::atomic<std::uint32_t> stamp;
	std::uint32_t used;
};

class list_shard
{
	shard_lock lock;
	absl::flat_hash_map<std::uint64_t, header *> map;
	std::vector<header *> blocks, free_ones;
	std::unique_ptr<char[]> area;
	std::size_t bytes;

      public:
	list_shard(std::size_t rows, std::size_t of) : area(new char[rows * (of + sizeof(header))]), bytes(of)
	{
		for (std::size_t i = rows; i--;) {
			blocks.push_back(new (area.get() + i * (bytes + sizeof(header))) header{});
			std::memset(static_cast<void *>(blocks.back() + 1), 1, bytes);
			free_ones.push_back(blocks.back());
		}
	}
	bool look_up(std::uint64_t key)
	{
		return lock.read([&] {
			auto found = map.find(key);
			if (found == map.end())
				return false;
			found->second->stamp.store(now, std::memory_order_relaxed);
			return read_row(found->second + 1, bytes) != 0;
		});
	}
	void insert(std::uint64_t key)
	{
		lock.write(false, [&] {
			if (free_ones.empty() || map.count(key))
				return;
			header *h = free_ones.back();
			free_ones.pop_back();
			h->key = key, h->stamp = now.load(), h->used = 1;
			map[key] = h;
		});
	}
	void evict()
	{
		lock.write(true, [&] {
			for (header *h : blocks)
				if (h->used && now - h->stamp > AGE) {
					map.erase(h->key);
					h->used = 0;
					free_ones.push_back(h);
				}
		});
	}
	double worst_us() const
	{
		return lock.worst_us;
	}
};

class pool_shard
{
	shard_lock lock;
	absl::flat_hash_map<std::uint64_t, std::uint32_t> map;
	allocrun::pool rows;
	std::size_t bytes;

	static allocpool_config config_for(std::size_t most, std::size_t of)
	{
		allocpool_config config{};
		config.row_bytes = of, config.max_rows = static_cast<std::uint32_t>(most);
		config.fields = ALLOCPOOL_KEY | ALLOCPOOL_STAMP;
		return config;
	}
	static void erase(void *argument, const allocpool_found *batch, std::size_t count)
	{
		auto &map = static_cast<pool_shard *>(argument)->map;
		for (std::size_t i = 0; i < count; i++)
			map.erase(batch[i].key);
	}

      public:
	pool_shard(std::size_t most, std::size_t of) : rows(config_for(most, of)), bytes(of)
	{
		allocpool_prepare(rows.get(), static_cast<std::uint32_t>(most));
		std::memset(rows.view().rows, 1, most * rows.view().stride);
	}
	bool look_up(std::uint64_t key)
	{
		return lock.read([&] {
			auto found = map.find(key);
			if (found == map.end())
				return false;
			rows.touch(found->second, now);
			return read_row(rows.at(found->second), bytes) != 0;
		});
	}
	void insert(std::uint64_t key)
	{
		lock.write(false, [&] {
			std::uint32_t row;
			if (!map.count(key) && allocpool_alloc(rows.get(), key, now, &row) == 0)
				map[key] = row;
		});
	}
	void evict()
	{
		allocpool_query query{};
		allocpool_cursor cursor{};
		std::vector<allocpool_found> found(1024);
		query.by = ALLOCPOOL_BY_AGE, query.now = now, query.age = AGE;
		while (!cursor.done) {
			long count = lock.read(
				[&] { return allocpool_select(rows.get(), &query, &cursor, found.data(), found.size()); });
			lock.write(true, [&] {
				allocpool_commit(rows.get(), &query, found.data(), static_cast<std::size_t>(count), erase,
						 this);
			});
		}
	}
	double worst_us() const
	{
		return lock.worst_us;
	}
};

template <typename Shard> void run(const work &w, std::size_t n_shards, std::size_t n_threads, double length)
{
	std::vector<std::unique_ptr<Shard>> shards;
	std::vector<std::vector<double>> us(n_threads);
	std::vector<std::thread> threads;
	std::atomic<bool> over{ false };
	std::atomic<std::uint64_t> lookups{ 0 };
	for (std::size_t i = 0; i < n_shards; i++)
		shards.push_back(std::make_unique<Shard>(w.rows / n_shards * 9 / 8 + 1000, w.bytes));
	auto shard_of = [&](std::uint64_t key) -> Shard & { return *shards[key * 0x9e3779b97f4a7c15u >> 32 & (n_shards - 1)]; };
	for (std::size_t key = 0; key < w.rows; key++)
		shard_of(key).insert(key);
	for (std::size_t t = 0; t < n_threads; t++)
		threads.emplace_back([&, t] {
			chance random{ 88172645463325252u + t };
			std::uint64_t count = 0;
			for (; !over; count++) {
				std::uint64_t key = random.hot(w.rows);
				auto begun = wall_clock::now();
				bool found = shard_of(key).look_up(key);
				us[t].push_back(us_since(begun));
				if (!found)
					shard_of(key).insert(key);
			}
			lookups += count;
		});
	auto begun = wall_clock::now();
	while (us_since(begun) < length * 1e6) {
		now++;
		for (auto &s : shards)
			s->evict();
		std::this_thread::sleep_for(std::chrono::milliseconds(50));
	}
	over = true;
	for (auto &thread : threads)
		thread.join();
	std::vector<double> all;
	for (auto &one : us)
		all.insert(all.end(), one.begin(), one.end());
	std::sort(all.begin(), all.end());
	double worst = 0;
	for (auto &s : shards)
		worst = std::max(worst, s->worst_us());
	figure("lookups_per_s", static_cast<double>(lookups) / length);
	figure("lookup_p50_us", all[all.size() / 2]);
	figure("lookup_p999_us", all[all.size() - 1 - all.size() / 1000]);
	figure("lookup_worst_us", all.back());
	figure("held_worst_us", worst);
}

} // namespace

int main(int argc, char **argv)
{
	const std::string scheme = argc == 7 ? argv[1] : "";
	if (scheme != "list" && scheme != "pool") {
		std::fprintf(stderr, "usage: shards list|pool ROWS BYTES SHARDS THREADS SECONDS\n");
		return 2;
	}
	const work w = { std::strtoull(argv[2], nullptr, 10), std::strtoull(argv[3], nullptr, 10), work::ALL };
	const std::size_t n_shards = std::strtoull(argv[4], nullptr, 10), n_threads = std::strtoull(argv[5], nullptr, 10);
	const double length = std::strtod(argv[6], nullptr);
	if (w.rows < 1000 || w.bytes < 8 || w.bytes > sizeof source || n_shards < 1 || (n_shards & (n_shards - 1)) ||
	    n_threads < 1 || n_threads > 256 || length <= 0 || length > 600) {
		std::fprintf(stderr, "shards: ROWS from 1000, BYTES from 8 to %zu, SHARDS a power of two, THREADS to 256\n",
			     sizeof source);
		return 2;
	}
	if (scheme == "list")
		run<list_shard>(w, n_shards, n_threads, length);
	else
		run<pool_shard>(w, n_shards, n_threads, length);
	return sink == 42;
}
