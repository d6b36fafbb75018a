/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page between a server's purge thread and `allocrun --purge`, each taking the other for hostile: the
 * input writes anywhere in it while the thread obeys, and while a client asks.
 */
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "fuzz.h"

/* The client's, which has other functions of these names. */
#define channel_open client_open
#define channel_open_page client_open_page
#include "live/channel.c"
#undef channel_open
#undef channel_open_page

/* The thread's: static in a library, and here without an allocator. */
#pragma GCC diagnostic ignored "-Wunused-function"
#define PURGE_FUTEX_WAKE 1
#include "purge/options.c"

static struct {
	struct purge_options options;
	pthread_mutex_t step;
} purge = { .step = PTHREAD_MUTEX_INITIALIZER };

static int heap_profile(enum heap_profile what, const char *path)
{
	FUZZ_CHECK(what <= HEAP_PROFILE_DUMP && (what == HEAP_PROFILE_DUMP) == (path != NULL));
	return -ENOSYS;
}

#include "purge/channel.c"

static size_t given;

static size_t purge_everything(void)
{
	return ++given;
}

static bool purge_change_options(const uint64_t *values)
{
	return options_change(&purge.options, values);
}

static void check_thread(void)
{
	uint32_t asked = channel.page->asked;
	int64_t status;

	if (!channel_rings())
		return;
	channel_serve();
	status = channel.page->status;
	FUZZ_CHECK(channel.answered == asked && channel.page->answered == asked && !channel_rings());
	FUZZ_CHECK(status == 0 || status == -ENOSYS || status == -EINVAL);
	FUZZ_CHECK(purge.options.window_ms >= 100 && purge.options.window_ms <= 3600000 &&
		   purge.options.idle_ms >= 50 && purge.options.idle_ms <= 3600000 && purge.options.busy_percent >= 1 &&
		   purge.options.busy_percent <= 100 && purge.options.heap_mb >= 1 && purge.options.heap_mb <= 1048576);
}

/* Who asks has no time: what it believes is what lies there. */
static void check_client(const uint8_t *data)
{
	struct channel_call call = { .command.verb = PURGE_VERB_SET, .command.options = { data[0], data[1] } };
	int r = channel_talk(channel.page, &call);

	FUZZ_CHECK(r <= 0 && r >= -4095);
	if (r != -EPROTO)
		FUZZ_CHECK(memcmp(channel.page->options, call.command.options, sizeof call.command.options) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	purge.options = purge_options_read("on");
	if (!channel.page)
		channel_begin(getpid());
	FUZZ_CHECK(channel.page);
	channel.answered = 0;
	*channel.page = (struct purge_channel){ .magic = PURGE_CHANNEL_MAGIC,
						.version = PURGE_CHANNEL_VERSION,
						.size = sizeof *channel.page };
	/* {what, offset, value, value}: "w" writes a word there, "t" is the thread's turn, "c" a client's. */
	for (size_t k = 0; k + 4 <= size; k += 4) {
		uint32_t words[] = { data[k + 2], data[k + 2] | (uint32_t)data[k + 3] << 24, UINT32_MAX };

		if (data[k] == 't')
			check_thread();
		else if (data[k] == 'c')
			check_client(data + k + 1);
		else
			memcpy((char *)channel.page + data[k + 1] % (sizeof *channel.page - 3), &words[data[k] % 3], 4);
	}
	check_thread();
	return 0;
}
