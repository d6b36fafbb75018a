/* SPDX-License-Identifier: Apache-2.0 */
/*
 * (b) Producers allocate messages, consumers free them: what one thread allocates is
 * always freed by another. Producers are born and die with each epoch, as the threads of
 * connections do; consumers stay, and keep a few messages for long. At the end of each
 * epoch the queues are empty, so that RSS there must not grow.
 *
 *     handover [producers=4] [consumers=4] [epochs=160] [messages=200000]
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define SIDE_MAX 64
#define QUEUE 16
#define BATCH 64
#define KEPT 2048

struct message {
	size_t size;
	unsigned char bytes[];
};

/* Handed over at once, so that it is not the lock that is measured. */
struct batch {
	struct message *messages[BATCH];
};

struct consumer {
	pthread_mutex_t lock;
	pthread_cond_t has_more, has_room;
	struct batch queue[QUEUE];
	size_t head, tail;
	struct message *kept[KEPT];
	struct random chance;
	uint64_t sum;
};

static struct consumer *consumers;
static struct histogram *histograms; /* one for each producer */
static long n_producers, n_consumers, messages, epoch;

static void queue_put(struct consumer *c, const struct batch *b)
{
	pthread_mutex_lock(&c->lock);
	while (c->tail - c->head == QUEUE)
		pthread_cond_wait(&c->has_room, &c->lock);
	c->queue[c->tail++ % QUEUE] = *b;
	pthread_cond_signal(&c->has_more);
	pthread_mutex_unlock(&c->lock);
}

static struct batch queue_take(struct consumer *c)
{
	struct batch b;

	pthread_mutex_lock(&c->lock);
	while (c->tail == c->head)
		pthread_cond_wait(&c->has_more, &c->lock);
	b = c->queue[c->head % QUEUE];
	pthread_mutex_unlock(&c->lock);
	return b;
}

/* Its place stays taken until it is freed: an empty queue means nothing is in flight. */
static void queue_release(struct consumer *c)
{
	pthread_mutex_lock(&c->lock);
	c->head++;
	/* Producers are let in again when half of it is free: fewer wake-ups. */
	if (c->tail - c->head == QUEUE / 2 || c->tail == c->head)
		pthread_cond_broadcast(&c->has_room);
	pthread_mutex_unlock(&c->lock);
}

/* Most are small, a few are bodies, and now and then there is a big one. */
static size_t message_size(struct random *r)
{
	size_t kind = random_below(r, 1000);

	if (kind < 700)
		return random_log(r, 32, 512);
	if (kind < 980)
		return random_log(r, 512, 8192);
	return random_log(r, 8192, 262144);
}

static struct message *new_message(struct random *r, struct histogram *h)
{
	size_t size = message_size(r);
	uint64_t start = bench_now_ns();
	struct message *m = malloc(sizeof *m + size);

	if (!m)
		bench_die("malloc");
	m->size = size;
	memset(m->bytes, (int)size, size);
	histogram_add(h, bench_now_ns() - start);
	return m;
}

static void *produce(void *argument)
{
	intptr_t number = (intptr_t)argument;
	struct random r = { (uint64_t)(epoch * 1000 + number) };
	struct batch b;

	for (long i = 0; i < messages / n_producers / BATCH; i++) {
		for (int k = 0; k < BATCH; k++)
			b.messages[k] = new_message(&r, &histograms[number]);
		queue_put(&consumers[random_below(&r, (size_t)n_consumers)], &b);
	}
	return NULL;
}

/* One message in 64 is kept, in place of an older one. */
static void consume_message(struct consumer *c, struct message *m)
{
	struct message **place = &c->kept[random_below(&c->chance, KEPT)];

	c->sum += m->bytes[m->size / 2];
	if (random_below(&c->chance, 64) == 0) {
		struct message *older = *place;

		*place = m;
		m = older;
	}
	free(m);
}

static void *consume(void *argument)
{
	struct consumer *c = argument;

	for (;;) {
		struct batch b = queue_take(c);

		for (int k = 0; k < BATCH; k++)
			consume_message(c, b.messages[k]);
		queue_release(c);
	}
	return NULL;
}

static void wait_until_empty(struct consumer *c)
{
	pthread_mutex_lock(&c->lock);
	while (c->tail != c->head)
		pthread_cond_wait(&c->has_room, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

static void run_epoch(void)
{
	bench_threads(n_producers, produce);
	for (long i = 0; i < n_consumers; i++)
		wait_until_empty(&consumers[i]);
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "producers", "consumers", "epochs", "messages", NULL };
	long epochs = bench_parameter(argv, "epochs", 160);
	pthread_t thread;

	(void)argc;
	bench_check(argv, names);
	n_producers = bench_parameter(argv, "producers", 4);
	n_consumers = bench_parameter(argv, "consumers", 4);
	messages = bench_parameter(argv, "messages", 200000);
	if (n_producers < 1 || n_consumers < 1 || n_producers > SIDE_MAX || n_consumers > SIDE_MAX)
		bench_die("producers, consumers: 1 to 64");
	consumers = bench_pages(sizeof *consumers * (size_t)n_consumers);
	histograms = bench_pages(sizeof *histograms * (size_t)n_producers);
	for (long i = 0; i < n_consumers; i++) {
		pthread_mutex_init(&consumers[i].lock, NULL);
		pthread_cond_init(&consumers[i].has_more, NULL);
		pthread_cond_init(&consumers[i].has_room, NULL);
		consumers[i].chance.state = (uint64_t)i;
		if (pthread_create(&thread, NULL, consume, &consumers[i]) != 0)
			bench_die("no thread");
	}
	bench_mark("start");
	for (epoch = 1; epoch <= epochs; epoch++) {
		run_epoch();
		if (epoch < epochs)
			bench_mark("tick");
	}
	bench_mark("done");
	bench_mark("end");
	for (long i = 1; i < n_producers; i++)
		histogram_merge(&histograms[0], &histograms[i]);
	histogram_report(&histograms[0], "op");
	return 0;
}
