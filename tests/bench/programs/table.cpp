// SPDX-License-Identifier: Apache-2.0
// One shard of an embedding table, the lock held by the caller, over a scheme of memory.
//
//   table SCHEME ROWS BYTES [latency|scan]      list malloc boost pmr pool pool-prepared pool-fields pool-thp
//   pool-avx2 pool-scalar
//
// list is the usual scheme: a 16-byte header in each block, free blocks linked through themselves, a mutex
// for each step of a walk. malloc, boost and pmr have the same header, and a table of pointers, so that they can be
// walked at all. table_pool.cpp has the pool's.
#include "table.hpp"

#include <boost/pool/pool.hpp>
#include <memory_resource>
#include <mutex>
#include <string>
#include <unistd.h>
#include <unordered_set>

namespace
{

struct header {
	std::int64_t key;
	std::uint32_t stamp;
	std::uint32_t count : 31, used : 1;
};

struct list_scheme {
	static constexpr std::size_t CHUNK = 8192;
	static constexpr bool IS_WALKED = true; // by its own blocks
	std::size_t block;
	std::vector<char *> chunks;
	void *first = nullptr;
	std::mutex lock;

	explicit list_scheme(std::size_t bytes) : block(bytes)
	{
	}
	void *alloc()
	{
		if (!first)
			link_chunk();
		void *taken = first;
		std::memcpy(&first, taken, sizeof first);
		static_cast<header *>(taken)->stamp = static_cast<std::uint32_t>(std::time(nullptr));
		return taken;
	}
	void link_chunk()
	{
		char *area = static_cast<char *>(std::aligned_alloc(64, (block * CHUNK + 63) / 64 * 64));
		chunks.push_back(area);
		for (std::size_t i = CHUNK; i--;) {
			std::memcpy(area + i * block, &first, sizeof first);
			reinterpret_cast<header *>(area + i * block)->used = 0;
			first = area + i * block;
		}
	}
	void release(void *taken)
	{
		std::memcpy(taken, &first, sizeof first);
		static_cast<header *>(taken)->used = 0;
		first = taken;
	}
	header *at(std::size_t i)
	{
		std::lock_guard<std::mutex> held(lock);
		header *h = reinterpret_cast<header *>(chunks[i / CHUNK] + i % CHUNK * block);
		return h->used ? h : nullptr;
	}
};

struct malloc_scheme {
	static constexpr bool IS_WALKED = false;
	std::size_t block;
	explicit malloc_scheme(std::size_t bytes) : block(bytes)
	{
	}
	void *alloc()
	{
		return std::malloc(block);
	}
	void release(void *taken)
	{
		std::free(taken);
	}
	header *at(std::size_t)
	{
		return nullptr;
	}
};

struct boost_scheme : malloc_scheme {
	boost::pool<> pool;
	explicit boost_scheme(std::size_t bytes) : malloc_scheme(bytes), pool(bytes)
	{
	}
	void *alloc()
	{
		return pool.malloc();
	}
	void release(void *taken)
	{
		pool.free(taken);
	}
};

struct pmr_scheme : malloc_scheme {
	std::pmr::unsynchronized_pool_resource pool;
	explicit pmr_scheme(std::size_t bytes) : malloc_scheme(bytes)
	{
	}
	void *alloc()
	{
		return pool.allocate(block, 16);
	}
	void release(void *taken)
	{
		pool.deallocate(taken, block, 16);
	}
};

template <typename Scheme> class table
{
	const work w;
	Scheme scheme;
	std::vector<header *> row;
	absl::flat_hash_map<std::int64_t, header *> map;
	chance random;
	double loaded_mib = 0;

	header *at(std::size_t i)
	{
		return Scheme::IS_WALKED ? scheme.at(i) : row[i];
	}
	header *insert(std::size_t key, std::uint32_t stamp)
	{
		header *h = static_cast<header *>(scheme.alloc());
		h->key = static_cast<std::int64_t>(key);
		h->stamp = stamp;
		h->count = 0, h->used = 1;
		return h;
	}
	void put(std::size_t key, std::uint32_t stamp)
	{
		row[key] = insert(key, stamp);
		std::memcpy(row[key] + 1, source, w.bytes);
	}

      public:
	explicit table(const work &of) : w(of), scheme(of.bytes + sizeof(header)), row(of.rows)
	{
		std::memset(static_cast<void *>(row.data()), 1, row.size() * sizeof row[0]);
	}

	void load()
	{
		double before = resident_mib();
		timed("insert_ns", w.rows, [&] {
			for (std::size_t i = 0; i < w.rows; i++)
				put(i, random.percent(10) ? OLD : NEW);
		});
		loaded_mib = resident_mib() - before;
		figure("overhead_bytes",
		       loaded_mib * (1 << 20) / static_cast<double>(w.rows) - static_cast<double>(w.bytes));
	}
	void look_up()
	{
		timed("hit_ns", w.rows, [&] {
			for (std::size_t i = 0; i < w.rows; i++)
				sink += read_row(row[random.hot(w.rows)] + 1, w.bytes);
		});
		timed("touch_ns", w.rows, [&] {
			for (std::size_t i = 0; i < w.rows; i++) {
				header *h = row[random.hot(w.rows)];
				sink += read_row(h + 1, w.bytes);
				h->stamp |= 1024, h->count++;
			}
		});
	}
	void walk()
	{
		timed("walk_ns", 5 * w.rows, [&] {
			for (std::size_t i = 0; i < 5 * w.rows; i++) {
				header *h = at(i % w.rows);
				if (h && h->stamp < OLD - 1)
					sink++;
			}
		});
	}
	void stamp_anew(unsigned percent)
	{
		for (std::size_t i = 0; i < w.rows; i++)
			row[i]->stamp = random.percent(percent) ? OLD : NEW;
	}
	// The oldest tenth, which was inserted together.
	void stamp_first(std::size_t count)
	{
		for (std::size_t i = 0; i < w.rows; i++)
			row[i]->stamp = i < count ? OLD : NEW;
	}
	// A whole row handed on, with what is kept of it.
	void gather()
	{
		char out[sizeof source + sizeof(header)];
		timed("gather_ns", w.rows, [&] {
			for (std::size_t i = 0; i < w.rows; i++) {
				std::memcpy(out, row[random.hot(w.rows)], sizeof(header) + w.bytes);
				sink += static_cast<unsigned char>(out[i % w.bytes]);
			}
		});
	}
	// Who is told of the keys writes them down, no more: no map's time is in it.
	void evict_and_refill(const char *evict, const char *refill)
	{
		std::vector<std::int64_t> gone(w.rows);
		std::vector<header *> fresh(w.rows);
		std::size_t freed = 0;
		timed(evict, w.rows, [&] {
			for (std::size_t i = 0; i < w.rows; i++) {
				header *h = at(i);
				if (h && h->stamp < NEW) {
					gone[freed++] = h->key;
					scheme.release(h);
				}
			}
		});
		timed(refill, freed, [&] {
			for (std::size_t i = 0; i < freed; i++) {
				fresh[i] = insert(static_cast<std::size_t>(gone[i]), NEW);
				std::memcpy(fresh[i] + 1, source, 8);
			}
		});
		for (std::size_t i = 0; i < freed; i++)
			row[static_cast<std::size_t>(gone[i])] = fresh[i];
	}
	void evict_with_map(const char *name, unsigned percent)
	{
		stamp_anew(percent);
		timed(name, w.rows, [&] {
			for (std::size_t i = 0; i < w.rows; i++) {
				header *h = at(i);
				if (!h || h->stamp >= NEW)
					continue;
				map.erase(h->key);
				row[static_cast<std::size_t>(h->key)] = nullptr;
				scheme.release(h);
			}
		});
		for (std::size_t i = 0; i < w.rows; i++)
			if (!row[i])
				row[i] = map[static_cast<std::int64_t>(i)] = insert(i, NEW);
	}
	void evict_with_maps()
	{
		for (std::size_t i = 0; i < w.rows; i++)
			map[static_cast<std::int64_t>(i)] = row[i];
		evict_with_map("evict_map_1_ns", 1);
		evict_with_map("evict_map_10_ns", 10);
		evict_with_map("evict_map_50_ns", 50);
	}
	// Beside the table, as an afterthought is: a set of addresses.
	void mark_dirty()
	{
		std::unordered_set<void *> dirty;
		std::mutex lock;
		const std::vector<std::uint32_t> keys = any_keys(random, w.rows);
		timed("dirty_ns", keys.size(), [&] {
			for (std::uint32_t key : keys) {
				std::lock_guard<std::mutex> held(lock);
				dirty.insert(row[key]);
			}
		});
		timed("dirty_read_ns", keys.size(), [&] {
			for (std::uint32_t key : keys) {
				std::lock_guard<std::mutex> held(lock);
				sink += dirty.count(row[key]);
			}
		});
	}
	void keep_most_recent()
	{
		for (std::size_t i = 0; i < w.rows; i++)
			row[i]->stamp = static_cast<std::uint32_t>(random.next() % 100000);
		timed("keep_k_ns", w.rows, [&] {
			std::vector<std::uint32_t> all;
			all.reserve(w.rows);
			for (std::size_t i = 0; i < w.rows; i++)
				if (header *h = at(i))
					all.push_back(h->stamp);
			std::nth_element(all.begin(), all.begin() + static_cast<long>(all.size() / 2), all.end());
			sink += all[all.size() / 2];
		});
	}
	// What a half that goes leaves resident, for each byte of what stays: a random one, or that which came first.
	template <typename Goes> void give_back(const char *name, Goes goes)
	{
		double full = resident_mib(), live = 0;
		for (std::size_t i = 0; i < w.rows; i++)
			if (goes(i)) {
				scheme.release(row[i]);
				row[i] = nullptr;
			} else {
				live += static_cast<double>(w.bytes + sizeof(header)) / (1 << 20);
			}
		usleep(700000); // what jemalloc and mimalloc put off is due by then
		std::free(std::malloc(100));
		figure(name, (loaded_mib - (full - resident_mib())) / live);
		for (std::size_t i = 0; i < w.rows; i++)
			if (!row[i])
				put(i, NEW);
	}
	void give_back_halves()
	{
		map = {};
		give_back("resident_after_ratio", [&](std::size_t) { return random.percent(50); });
		give_back("resident_oldest_ratio", [&](std::size_t i) { return i < w.rows / 2; });
	}
	void allocate_one_by_one()
	{
		latencies l(w.rows);
		for (std::size_t i = 0; i < w.rows; i++)
			l.add([&] { row[i] = insert(i, NEW); });
		l.report();
	}
};

template <typename Scheme> void run(const work &w)
{
	static table<Scheme> t(w);
	if (w.what == work::LATENCY) {
		t.allocate_one_by_one();
		return;
	}
	t.load();
	if (w.what == work::ALL)
		t.look_up();
	t.walk();
	if (w.what == work::SCAN)
		return;
	evict_and_mark(t, w);
	t.keep_most_recent();
	t.give_back_halves();
}

} // namespace

int main(int argc, char **argv)
{
	const std::string what = argc == 5 ? argv[4] : "";
	if (argc != 4 && what != "latency" && what != "scan") {
		std::fprintf(stderr, "usage: table SCHEME ROWS BYTES [latency|scan]\n");
		return 2;
	}
	const std::string scheme = argv[1];
	const work w = { std::strtoull(argv[2], nullptr, 10), std::strtoull(argv[3], nullptr, 10),
			 what == "latency" ? work::LATENCY :
			 what == "scan"    ? work::SCAN :
					     work::ALL };
	if (w.rows < 1000 || w.rows > 100000000 || w.bytes < 8 || w.bytes > sizeof source || w.bytes % 8) {
		std::fprintf(stderr, "table: ROWS from 1000 to 100000000, BYTES from 8 to %zu by 8\n", sizeof source);
		return 2;
	}
	std::memset(source, 1, sizeof source);
	if (scheme == "list")
		run<list_scheme>(w);
	else if (scheme == "malloc")
		run<malloc_scheme>(w);
	else if (scheme == "boost")
		run<boost_scheme>(w);
	else if (scheme == "pmr")
		run<pmr_scheme>(w);
	else
		run_pool(w, scheme.c_str());
	return sink == 42;
}
