/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed allocation work for allocator/measure: the same calls in the same order for
 * every library, so that instructions and CPU time can be compared. It computes
 * nothing else, for the allocator is what is measured.
 *
 *   work tokens ROUNDS     one thread: what a tokenizer or JSON front end does
 *   work threads ROUNDS    four threads, each for itself, sizes up to a page
 *   work handed ROUNDS     two threads: one allocates, the other frees
 *   work peak ROUNDS       four threads: a load peak, of which a twentieth stays
 *
 * Prints the CPU seconds, user and system, that the work took, the peak RSS in KiB, and
 * the RSS at the end: for "peak", two seconds later.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* The first byte is written, as any user of a block would. */
static char *block(size_t size)
{
	char *p = malloc(size);

	if (!p)
		abort();
	*p = 1;
	return p;
}

/*
 * A request: some hundred words, each a short string and a map node; a list of ids that
 * grows by realloc; all of it freed at the end, strings in order, nodes backwards. A few
 * strings move into a cache and outlive the request.
 */
static void tokens_request(uint64_t *state, char **cache, size_t n_cache)
{
	char *words[400], *nodes[400];
	size_t n = 100 + random_next(state) % 300, capacity = 4;
	uint32_t *ids = malloc(capacity * sizeof *ids);

	for (size_t i = 0; i < n; i++) {
		uint64_t r = random_next(state);

		words[i] = block(1 + r % 12 + (r >> 8 & 7) * (r >> 16 & 7));
		nodes[i] = block(r & 0x100000 ? 48 : 32 + (r >> 24 & 63));
		if (i == capacity)
			ids = realloc(ids, (capacity *= 2) * sizeof *ids);
		ids[i] = (uint32_t)r;
		if ((r >> 40) % 32 == 0) {
			char **slot = &cache[(r >> 45) % n_cache];

			free(*slot);
			*slot = words[i];
			words[i] = NULL;
		}
	}
	for (size_t i = 0; i < n; i++)
		free(words[i]);
	for (size_t i = n; i-- > 0;)
		free(nodes[i]);
	free(ids);
}

static void work_tokens(long rounds)
{
	static char *cache[4096];
	uint64_t state = 42;

	for (long i = 0; i < rounds; i++)
		tokens_request(&state, cache, COUNT(cache));
}

struct share {
	long rounds;
	uint64_t state;
};

/* Lifetimes at random: each step replaces the block in a slot. */
static void *threads_one(void *argument)
{
	struct share *share = argument;
	char *slots[1024] = { NULL };

	for (long i = 0; i < share->rounds * 256; i++) {
		uint64_t r = random_next(&share->state);
		size_t slot = r % COUNT(slots);

		free(slots[slot]);
		slots[slot] = block(1 + (r >> 20) % (r & 0x10000 ? 64 : r & 0x60000 ? 512 : 4096));
	}
	for (size_t i = 0; i < COUNT(slots); i++)
		free(slots[i]);
	return NULL;
}

static void run_four(void *(*run)(void *), long rounds)
{
	struct share shares[4];
	pthread_t threads[COUNT(shares)];

	for (size_t i = 0; i < COUNT(shares); i++) {
		shares[i] = (struct share){ rounds, 1000 + i };
		pthread_create(&threads[i], NULL, run, &shares[i]);
	}
	for (size_t i = 0; i < COUNT(shares); i++)
		pthread_join(threads[i], NULL);
}

static void work_threads(long rounds)
{
	run_four(threads_one, rounds);
}

/* Batches change hands at a barrier, so that the order of calls is always the same. */
static struct {
	pthread_barrier_t barrier;
	char *batches[2][256];
	long rounds;
} handed;

static void *handed_consumer(void *unused)
{
	for (long i = 0; i < handed.rounds; i++) {
		pthread_barrier_wait(&handed.barrier);
		for (size_t k = 0; k < COUNT(handed.batches[0]); k++)
			free(handed.batches[i % 2][k]);
	}
	return unused;
}

static void work_handed(long rounds)
{
	uint64_t state = 7;
	pthread_t consumer;

	handed.rounds = rounds;
	pthread_barrier_init(&handed.barrier, NULL, 2);
	pthread_create(&consumer, NULL, handed_consumer, NULL);
	for (long i = 0; i < rounds; i++) {
		for (size_t k = 0; k < COUNT(handed.batches[0]); k++) {
			uint64_t r = random_next(&state);

			handed.batches[i % 2][k] = block(16 + (r >> 20) % (r & 0x100 ? 128 : 1024));
		}
		pthread_barrier_wait(&handed.barrier);
	}
	pthread_join(consumer, NULL);
}

/* Blocks from words to tensors; one in twenty outlives the peak and lies between what went. */
static void *peak_one(void *argument)
{
	struct share *share = argument;
	size_t n = (size_t)share->rounds * 1000;
	char **blocks = malloc(n * sizeof *blocks);

	for (size_t i = 0; i < n; i++) {
		uint64_t r = random_next(&share->state);
		size_t size = 16 + (r >> 20) % (r & 0xf000 ? 1024 : r & 0xf0000 ? 65536 : 1048576);

		blocks[i] = block(size);
		memset(blocks[i], 1, size);
	}
	for (size_t i = 0; i < n; i++)
		if (random_next(&share->state) % 20 != 0)
			free(blocks[i]);
	/* The list itself stays as well: nobody frees it. */
	return NULL;
}

static void work_peak(long rounds)
{
	run_four(peak_one, rounds);
	sleep(2);
}

/* VmHWM, VmRSS: in KiB. */
static long status_of(const char *key)
{
	char line[256];
	long value = -1;
	FILE *file = fopen("/proc/self/status", "r");

	while (file && fgets(line, sizeof line, file))
		if (strncmp(line, key, strlen(key)) == 0)
			value = strtol(line + strlen(key) + 1, NULL, 10);
	if (file)
		fclose(file);
	return value;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(long rounds);
	} works[] = {
		{ "tokens", work_tokens }, { "threads", work_threads }, { "handed", work_handed }, { "peak", work_peak }
	};
	struct rusage used;

	for (size_t i = 0; argc == 3 && i < COUNT(works); i++) {
		if (strcmp(argv[1], works[i].name) != 0)
			continue;
		works[i].run(atol(argv[2]));
		getrusage(RUSAGE_SELF, &used);
		printf("%.6f %ld %ld\n",
		       (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
			       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
		       status_of("VmHWM:"), status_of("VmRSS:"));
		return 0;
	}
	fprintf(stderr, "usage: work tokens|threads|handed|peak ROUNDS\n");
	return 2;
}
