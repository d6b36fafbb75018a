// SPDX-License-Identifier: Apache-2.0
// The table over liballocpool; see table.cpp.
#include "table.hpp"

#include <allocpool.h>
#include <string>

namespace
{

void must(long result, const char *what)
{
	if (result >= 0)
		return;
	std::fprintf(stderr, "table: %s: %s\n", what, std::strerror(static_cast<int>(-result)));
	std::exit(1);
}

class table
{
	const work w;
	allocpool *pool = nullptr;
	const allocpool_view *view;
	std::vector<std::uint32_t> row;
	absl::flat_hash_map<std::uint64_t, std::uint32_t> map;
	std::vector<allocpool_found> found;
	std::vector<std::uint64_t> gone;
	std::size_t gone_count = 0;
	chance random;
	double loaded_mib = 0;

	std::uint32_t insert(std::size_t key, std::uint32_t stamp)
	{
		std::uint32_t at = 0;
		must(allocpool_alloc(pool, key, stamp, &at), "alloc");
		return at;
	}
	void put(std::size_t key, std::uint32_t stamp)
	{
		row[key] = insert(key, stamp);
		std::memcpy(allocpool_pointer(view, row[key]), source, w.bytes);
	}
	static void on_erase(void *argument, const allocpool_found *batch, std::size_t count)
	{
		table *t = static_cast<table *>(argument);
		for (std::size_t i = 0; i < count; i++)
			t->gone[t->gone_count++] = batch[i].key;
	}
	// Keys come in batches: the map's lines are asked for ahead.
	static void on_erase_from_map(void *argument, const allocpool_found *batch, std::size_t count)
	{
		constexpr std::size_t AHEAD = 16;
		table *t = static_cast<table *>(argument);
		for (std::size_t i = 0; i < std::min(AHEAD, count); i++)
			t->map.prefetch(batch[i].key);
		for (std::size_t i = 0; i < count; i++) {
			if (i + AHEAD < count)
				t->map.prefetch(batch[i + AHEAD].key);
			t->map.erase(batch[i].key);
			t->row[batch[i].key] = UINT32_MAX;
		}
	}
	std::size_t evict(void (*erase)(void *, const allocpool_found *, std::size_t))
	{
		allocpool_query query{};
		allocpool_cursor cursor{};
		std::size_t freed = 0;
		query.by = ALLOCPOOL_BY_AGE, query.now = NEW, query.age = NEW - OLD - 1;
		while (!cursor.done) {
			long count = allocpool_select(pool, &query, &cursor, found.data(), found.size());
			must(count, "select");
			long evicted = allocpool_commit(pool, &query, found.data(), static_cast<std::size_t>(count), erase,
						     this);
			must(evicted, "commit");
			freed += static_cast<std::size_t>(evicted);
		}
		return freed;
	}
	void stamp_anew(unsigned percent)
	{
		for (std::size_t i = 0; i < w.rows; i++)
			view->stamps[row[i]] = random.percent(percent) ? OLD : NEW;
	}

      public:
	table(const work &of, allocpool_config config, bool prepares) : w(of), row(of.rows), found(4096)
	{
		config.size = sizeof config;
		config.row_bytes = w.bytes;
		config.max_rows = static_cast<std::uint32_t>(w.rows);
		must(allocpool_create(&config, &pool), "create");
		view = allocpool_get_view(pool);
		std::memset(row.data(), 1, row.size() * sizeof row[0]);
		double before = resident_mib();
		if (prepares) {
			timed("prepare_ns", w.rows,
			      [&] { must(allocpool_prepare(pool, static_cast<std::uint32_t>(w.rows)), "prepare"); });
			loaded_mib = resident_mib() - before;
		}
	}

	void load()
	{
		double before = resident_mib();
		timed("insert_ns", w.rows, [&] {
			for (std::size_t i = 0; i < w.rows; i++)
				put(i, random.percent(10) ? OLD : NEW);
		});
		loaded_mib += resident_mib() - before;
		figure("overhead_bytes",
		       loaded_mib * (1 << 20) / static_cast<double>(w.rows) - static_cast<double>(w.bytes));
		allocpool_stats stats;
		must(allocpool_get_stats(pool, &stats), "stats");
		figure("metadata_bytes", stats.metadata_bytes);
	}
	void look_up()
	{
		timed("hit_ns", w.rows, [&] {
			for (std::size_t i = 0; i < w.rows; i++)
				sink += read_row(allocpool_pointer(view, row[random.hot(w.rows)]), w.bytes);
		});
		std::uint32_t now = NEW + 1;
		timed("touch_ns", w.rows, [&] {
			for (std::size_t i = 0; i < w.rows; i++) {
				std::uint32_t at = row[random.hot(w.rows)];
				sink += read_row(allocpool_pointer(view, at), w.bytes);
				must(allocpool_touch(view, at, now), "touch");
			}
		});
	}
	__attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3"))) static std::uint64_t sum(
		const std::uint32_t *stamps, std::size_t count)
	{
		std::uint32_t all = 0;
		for (std::size_t i = 0; i < count; i++)
			all += stamps[i];
		return all;
	}
	void walk()
	{
		allocpool_query query{};
		query.by = ALLOCPOOL_BY_AGE, query.now = NEW, query.age = NEW;
		timed("walk_ns", 20 * w.rows, [&] {
			for (int turn = 0; turn < 20; turn++) {
				allocpool_cursor cursor{};
				sink += static_cast<std::uint64_t>(
					allocpool_select(pool, &query, &cursor, found.data(), found.size()));
			}
		});
		timed("sum_ns", 20 * w.rows, [&] {
			for (int turn = 0; turn < 20; turn++)
				sink += sum(view->stamps, w.rows);
		});
	}
	void evict_and_refill()
	{
		gone.resize(w.rows);
		std::vector<std::uint32_t> fresh(w.rows);
		std::size_t freed = 0;
		gone_count = 0;
		stamp_anew(10);
		timed("evict_ns", w.rows, [&] { freed = evict(on_erase); });
		timed("refill_ns", freed, [&] {
			for (std::size_t i = 0; i < freed; i++) {
				fresh[i] = insert(gone[i], NEW);
				std::memcpy(allocpool_pointer(view, fresh[i]), source, 8);
			}
		});
		for (std::size_t i = 0; i < freed; i++)
			row[gone[i]] = fresh[i];
	}
	void evict_with_map(const char *name, unsigned percent)
	{
		stamp_anew(percent);
		timed(name, w.rows, [&] { evict(on_erase_from_map); });
		for (std::size_t i = 0; i < w.rows; i++)
			if (row[i] == UINT32_MAX)
				row[i] = map[i] = insert(i, NEW);
	}
	void evict_with_maps()
	{
		for (std::size_t i = 0; i < w.rows; i++)
			map[i] = row[i];
		evict_with_map("evict_map_1_ns", 1);
		evict_with_map("evict_map_10_ns", 10);
		evict_with_map("evict_map_50_ns", 50);
	}
	void mark_dirty()
	{
		timed("dirty_ns", w.rows / 8, [&] {
			for (std::size_t i = 0; i < w.rows / 8; i++)
				sink += static_cast<std::uint64_t>(
					allocpool_mark_dirty(view, row[random.next() % w.rows]));
		});
		for (std::size_t i = 0; i < w.rows; i++)
			must(allocpool_clear_dirty(view, row[i]), "clear");
		timed("dirty_exclusive_ns", w.rows / 8, [&] {
			for (std::size_t i = 0; i < w.rows / 8; i++)
				sink += static_cast<std::uint64_t>(
					allocpool_mark_dirty_exclusive(view, row[random.next() % w.rows]));
		});
		// Rows in the order of a batch that was written.
		for (std::size_t i = 0; i < w.rows; i++)
			must(allocpool_clear_dirty(view, row[i]), "clear");
		timed("dirty_in_order_ns", w.rows, [&] {
			for (std::uint32_t i = 0; i < w.rows; i++)
				sink += static_cast<std::uint64_t>(allocpool_mark_dirty_exclusive(view, i));
		});
	}
	void keep_most_recent()
	{
		for (std::size_t i = 0; i < w.rows; i++)
			view->stamps[row[i]] = static_cast<std::uint32_t>(random.next() % 100000);
		std::uint32_t age = 0, kept = 0;
		timed("keep_k_ns", w.rows, [&] {
			must(allocpool_cutoff(pool, 100000, static_cast<std::uint32_t>(w.rows / 2), &age, &kept),
			     "cutoff");
		});
		sink += age;
	}
	void give_back()
	{
		map = {};
		double full = resident_mib(), live = 0;
		allocpool_stats stats;
		std::uint64_t bytes = 0;
		must(allocpool_get_stats(pool, &stats), "stats");
		for (std::size_t i = 0; i < w.rows; i++)
			if (random.percent(50))
				must(allocpool_free(pool, row[i]), "free");
			else
				live += (static_cast<double>(w.bytes) + stats.metadata_bytes) / (1 << 20);
		long moved = 0;
		double ns = each_ns(1, [&] {
			must(moved = allocpool_compact(pool, SIZE_MAX, nullptr, nullptr), "compact");
			must(allocpool_trim(pool, &bytes), "trim");
		});
		figure("moved_ns", ns / static_cast<double>(moved ? moved : 1));
		figure("resident_after_ratio", (loaded_mib - (full - resident_mib())) / live);
	}
	void allocate_one_by_one()
	{
		latencies l;
		l.ns.reserve(w.rows);
		std::memset(l.ns.data(), 1, w.rows * sizeof l.ns[0]); // no faults of ours
		for (std::size_t i = 0; i < w.rows; i++)
			l.add([&] { row[i] = insert(i, NEW); });
		l.report();
	}
};

} // namespace

// Key, stamp and counter as the usual header has them, and a dirty bit.
void run_pool(const work &w, const char *form)
{
	const std::string name = form;
	allocpool_config config{};
	config.fields = ALLOCPOOL_KEY | ALLOCPOOL_STAMP | ALLOCPOOL_COUNTER | ALLOCPOOL_DIRTY;
	config.alignment = w.bytes % 64 ? 8 : 64;
	if (name == "pool-thp")
		config.pages = ALLOCPOOL_PAGES_THP;
	else if (name == "pool-avx2")
		config.simd = ALLOCPOOL_SIMD_AVX2;
	else if (name == "pool-scalar")
		config.simd = ALLOCPOOL_SIMD_SCALAR;
	else if (name != "pool" && name != "pool-prepared") {
		std::fprintf(stderr, "table: no scheme '%s'\n", form);
		std::exit(2);
	}
	static table t(w, config, name == "pool-prepared" || name == "pool-thp");
	if (w.only_latency) {
		t.allocate_one_by_one();
		return;
	}
	t.load();
	t.look_up();
	t.walk();
	t.evict_and_refill();
	t.evict_with_maps();
	t.mark_dirty();
	t.keep_most_recent();
	t.give_back();
}
