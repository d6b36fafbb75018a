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

	void stamp_anew(unsigned percent)
	{
		for (std::size_t i = 0; i < w.rows; i++)
			view->stamps[row[i]] = random.percent(percent) ? OLD : NEW;
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
		figure("is_avx512", std::strcmp(stats.simd, "avx512") == 0);
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
	void stamp_first(std::size_t count)
	{
		for (std::size_t i = 0; i < w.rows; i++)
			view->stamps[row[i]] = i < count ? OLD : NEW;
	}
	// Looked for as long as its budget of 50 us allows, with nothing to find: the longest look.
	void walk_in_pieces()
	{
		allocpool_query query{};
		allocpool_cursor cursor{};
		double worst = 0;
		query.by = ALLOCPOOL_BY_AGE, query.now = NEW, query.age = NEW, query.budget_ns = 50000;
		while (!cursor.done)
			worst = std::max(worst, each_ns(1, [&] {
						 sink += static_cast<std::uint64_t>(allocpool_select(
							 pool, &query, &cursor, found.data(), found.size()));
					 }));
		figure("pause_worst_us", worst / 1000);
	}
	void gather()
	{
		char out[sizeof source + 16];
		timed("gather_ns", w.rows, [&] {
			for (std::size_t i = 0; i < w.rows; i++) {
				std::uint32_t at = row[random.hot(w.rows)];
				std::memcpy(out, &view->keys[at], 8);
				std::memcpy(out + 8, &view->stamps[at], 4);
				std::memcpy(out + 12, &view->counters[at], 4);
				std::memcpy(out + 16, allocpool_pointer(view, at), w.bytes);
				sink += static_cast<unsigned char>(out[i % w.bytes]);
			}
		});
	}
	void evict_and_refill(const char *evict_name, const char *refill)
	{
		gone.resize(w.rows);
		std::vector<std::uint32_t> fresh(w.rows);
		std::size_t freed = 0;
		gone_count = 0;
		timed(evict_name, w.rows, [&] { freed = evict(on_erase); });
		timed(refill, freed, [&] {
			for (std::size_t i = 0; i < freed; i++) {
				fresh[i] = insert(gone[i], NEW);
				std::memcpy(allocpool_pointer(view, fresh[i]), source, 8);
			}
		});
		for (std::size_t i = 0; i < freed; i++)
			row[gone[i]] = fresh[i];
	}
	// As refill, for who has several keys at hand: a batch of misses.
	void refill_in_bulk()
	{
		constexpr std::size_t BATCH = 256;
		std::vector<std::uint32_t> fresh(w.rows);
		stamp_anew(10);
		gone_count = 0;
		std::size_t freed = evict(on_erase);
		timed("refill_bulk_ns", freed, [&] {
			for (std::size_t i = 0; i < freed; i += BATCH) {
				std::size_t count = std::min(BATCH, freed - i);
				must(allocpool_alloc_bulk(pool, &gone[i], NEW, count, &fresh[i]), "alloc_bulk");
				for (std::size_t j = i; j < i + count; j++)
					std::memcpy(allocpool_pointer(view, fresh[j]), source, 8);
			}
		});
		for (std::size_t i = 0; i < freed; i++)
			row[gone[i]] = fresh[i];
		stamp_anew(10); // other lines into the caches
		refill_bare(fresh, freed);
	}
	// What no scheme that takes these rows can do without: the stores to each row and its fields, fetched ahead.
	void refill_bare(const std::vector<std::uint32_t> &rows, std::size_t count)
	{
		constexpr std::size_t AHEAD = 24;
		std::uint64_t *keys = const_cast<std::uint64_t *>(view->keys);
		timed("refill_bare_ns", count, [&] {
			for (std::size_t i = 0; i < count; i++) {
				const std::uint32_t at = rows[i], next = rows[std::min(i + AHEAD, count - 1)];
				__builtin_prefetch(view->rows + next * view->stride, 1);
				__builtin_prefetch(&keys[next], 1);
				__builtin_prefetch(&view->stamps[next], 1);
				__builtin_prefetch(&view->counters[next], 1);
				keys[at] = gone[i], view->stamps[at] = NEW, view->counters[at] = 0;
				std::memcpy(view->rows + at * view->stride, source, 8);
			}
		});
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
		std::vector<std::uint32_t> rows = any_keys(random, w.rows);
		for (std::uint32_t &at : rows)
			at = row[at];
		auto clear = [&] {
			for (std::uint32_t i = 0; i < w.rows; i++)
				must(allocpool_clear_dirty(view, i), "clear");
		};
		auto each = [&](const char *name, auto mark) {
			timed(name, rows.size(), [&] {
				for (std::uint32_t at : rows)
					sink += static_cast<std::uint64_t>(mark(view, at));
			});
		};
		each("dirty_ns", allocpool_mark_dirty);
		each("dirty_read_ns", allocpool_is_dirty);
		clear();
		each("dirty_exclusive_ns", allocpool_mark_dirty_exclusive);
		clear();
		std::sort(rows.begin(), rows.end()); // as a batch comes that was written in its order
		each("dirty_in_order_ns", allocpool_mark_dirty_exclusive);
		clear();
		const std::uint32_t words = static_cast<std::uint32_t>(w.rows / 64);
		timed("dirty_mask_ns", w.rows, [&] {
			for (std::uint32_t i = 0; i < words; i++)
				must(allocpool_mark_dirty_mask(view, i, UINT64_MAX), "mark");
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
	template <typename Goes> void give_back(const char *name, const char *moved_name, Goes goes)
	{
		double full = resident_mib(), live = 0;
		allocpool_stats stats;
		std::uint64_t bytes = 0;
		must(allocpool_get_stats(pool, &stats), "stats");
		for (std::size_t i = 0; i < w.rows; i++)
			if (goes(i)) {
				must(allocpool_free(pool, row[i]), "free");
				row[i] = UINT32_MAX;
			} else {
				live += (static_cast<double>(w.bytes) + stats.metadata_bytes) / (1 << 20);
			}
		long moved = 0;
		double ns = each_ns(1, [&] {
			must(moved = allocpool_compact(pool, SIZE_MAX, on_move, this), "compact");
			must(allocpool_trim(pool, &bytes), "trim");
		});
		figure(moved_name, ns / static_cast<double>(moved ? moved : 1));
		figure(name, (loaded_mib - (full - resident_mib())) / live);
		for (std::size_t i = 0; i < w.rows; i++)
			if (row[i] == UINT32_MAX)
				put(i, NEW);
	}
	static void on_move(void *argument, std::uint32_t, std::uint32_t to, std::uint64_t key)
	{
		static_cast<table *>(argument)->row[key] = to;
	}
	void give_back_halves()
	{
		map = {};
		give_back("resident_after_ratio", "moved_ns", [&](std::size_t) { return random.percent(50); });
		give_back("resident_oldest_ratio", "moved_oldest_ns", [&](std::size_t i) { return i < w.rows / 2; });
	}
	// Of rows that are taken and not written to: what all that is kept beside them costs.
	static void measure_metadata(const work &of, const char *name, std::uint32_t fields)
	{
		allocpool_config only{};
		allocpool *one = nullptr;
		only.size = sizeof only, only.row_bytes = of.bytes, only.fields = fields;
		only.max_rows = static_cast<std::uint32_t>(of.rows);
		must(allocpool_create(&only, &one), "create");
		double before = resident_mib();
		std::uint32_t at;
		for (std::size_t i = 0; i < of.rows; i++) {
			must(allocpool_alloc(one, i, NEW, &at), "alloc");
			if (fields & ALLOCPOOL_COUNTER)
				must(allocpool_touch(allocpool_get_view(one), at, NEW), "touch");
		}
		figure(name, (resident_mib() - before) * (1 << 20) / static_cast<double>(of.rows));
		must(allocpool_destroy(one, 1), "destroy");
	}
	void allocate_one_by_one()
	{
		latencies l(w.rows);
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
	else if (name == "pool-fields")
		config.pages = ALLOCPOOL_PAGES_THP_FIELDS;
	else if (name == "pool-avx2")
		config.simd = ALLOCPOOL_SIMD_AVX2;
	else if (name == "pool-scalar")
		config.simd = ALLOCPOOL_SIMD_SCALAR;
	else if (name != "pool" && name != "pool-prepared") {
		std::fprintf(stderr, "table: no scheme '%s'\n", form);
		std::exit(2);
	}
	if (w.what == work::ALL) {
		table::measure_metadata({ 1000, w.bytes, w.what }, "first_bytes", ALLOCPOOL_KEY); // all there is of code
		table::measure_metadata(w, "metadata_usual_bytes", ALLOCPOOL_KEY | ALLOCPOOL_STAMP | ALLOCPOOL_COUNTER);
		table::measure_metadata(w, "metadata_stamp_bytes", ALLOCPOOL_STAMP);
	}
	static table t(w, config, name == "pool-prepared" || name == "pool-thp" || name == "pool-fields");
	if (w.what == work::LATENCY) {
		t.allocate_one_by_one();
		return;
	}
	t.load();
	if (w.what == work::ALL)
		t.look_up();
	t.walk();
	t.walk_in_pieces();
	if (w.what == work::SCAN)
		return;
	evict_and_mark(t, w);
	t.refill_in_bulk();
	t.keep_most_recent();
	t.give_back_halves();
}
