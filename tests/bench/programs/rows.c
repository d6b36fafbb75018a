/* SPDX-License-Identifier: Apache-2.0 */
/*
 * (e) An embedding table: millions of rows, each an allocation of its own, loaded by a
 * few threads, read at random, and a tenth of them replaced by rows of another size as
 * the vocabulary changes. The index is no part of it: it lies in pages of our own.
 *
 *     rows [rows=3000000] [threads=4] [reads=3000000]
 *
 * row_overhead_bytes is what a row costs in RSS beyond its own bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define BATCH 64 /* reads that are timed together: the rows of one request */

/* A header and values, as parameter servers keep them. */
struct row {
	uint32_t n, version;
	float values[];
};

static struct row **table;
static struct histogram *histograms;
static long n_rows, n_threads, n_reads;

/* Dimensions that are in use, with half precision as half as many floats. */
static uint32_t dimension(struct random *r)
{
	static const uint32_t dimensions[] = { 8, 16, 16, 24, 32, 32, 48, 64, 96, 128 };

	return dimensions[random_below(r, sizeof dimensions / sizeof *dimensions)];
}

static size_t row_size(const struct row *row)
{
	return sizeof *row + row->n * sizeof(float);
}

static struct row *new_row(struct random *r)
{
	uint32_t n = dimension(r);
	struct row *row = malloc(sizeof *row + n * sizeof(float));

	if (!row)
		bench_die("malloc");
	row->n = n;
	row->version = 1;
	for (uint32_t i = 0; i < n; i++)
		row->values[i] = (float)i;
	return row;
}

static void *load(void *argument)
{
	intptr_t number = (intptr_t)argument;
	struct random r = { (uint64_t)number + 1 };

	for (long i = number; i < n_rows; i += n_threads)
		table[i] = new_row(&r);
	return NULL;
}

static void *look_up(void *argument)
{
	intptr_t number = (intptr_t)argument;
	struct random r = { (uint64_t)number + 100 };
	float sum = 0;

	for (long i = 0; i < n_reads / n_threads; i += BATCH) {
		uint64_t start = bench_now_ns();

		for (int k = 0; k < BATCH; k++) {
			const struct row *row = table[random_below(&r, (size_t)n_rows)];

			for (uint32_t v = 0; v < row->n; v++)
				sum += row->values[v];
		}
		histogram_add(&histograms[number], bench_now_ns() - start);
	}
	return sum > 0 ? NULL : argument;
}

static void *replace(void *argument)
{
	intptr_t number = (intptr_t)argument;
	struct random r = { (uint64_t)number + 200 };

	for (long i = 0; i < n_rows / n_threads / 10; i++) {
		struct row **place =
			&table[random_below(&r, (size_t)(n_rows / n_threads)) * (size_t)n_threads + (size_t)number];

		free(*place);
		*place = new_row(&r);
	}
	return NULL;
}

static double payload(void)
{
	size_t sum = 0;

	for (long i = 0; i < n_rows; i++)
		sum += row_size(table[i]);
	return (double)sum;
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "rows", "threads", "reads", NULL };
	uint64_t start;
	double loaded, before;

	(void)argc;
	bench_check(argv, names);
	n_rows = bench_parameter(argv, "rows", 3000000);
	n_threads = bench_parameter(argv, "threads", 4);
	n_reads = bench_parameter(argv, "reads", 3000000);
	if (n_threads < 1 || n_rows < 100 * n_threads)
		bench_die("threads: at least 1, rows: at least 100 for each");
	n_rows -= n_rows % n_threads;
	table = bench_pages(sizeof *table * (size_t)n_rows);
	histograms = bench_pages(sizeof *histograms * (size_t)n_threads);
	bench_mark("start");
	start = bench_now_ns();
	bench_threads(n_threads, load);
	loaded = (double)(bench_now_ns() - start) / 1e9;
	before = payload();
	bench_mark("loaded");
	bench_threads(n_threads, look_up);
	bench_threads(n_threads, replace);
	bench_mark("done");
	bench_mark("end");
	bench_value("rows", (double)n_rows);
	bench_value("load_s", loaded);
	bench_value("payload_loaded_bytes", before);
	bench_value("payload_done_bytes", payload());
	for (long i = 1; i < n_threads; i++)
		histogram_merge(&histograms[0], &histograms[i]);
	histogram_report(&histograms[0], "op");
	return 0;
}
