/* SPDX-License-Identifier: Apache-2.0 */
/* One run at a time: STATE/rollout.lock, with the name of who holds it. */
#include "node/node.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/replace.h"
#include "util/retry.h"

/* Between two looks at a lock that is held: 0.1 s. */
#define LOCK_PAUSE_NS 100000000
#define LOCK_WAIT_MS 2000
/* The timer's run waits for a gate that is about to end. */
#define LOCK_DEADMAN_WAIT_MS 900000

static const char *lock_read_owner(struct node *n, int fd)
{
	char name[256];
	ssize_t size = retry_pread(fd, name, sizeof name - 1, 0);

	return size > 0 ? run_first_line(n->m, mem_strndup(n->m, name, (size_t)size)) : "another run";
}

int node_lock(struct node *n)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	const int64_t end = clock_now_ms() + (n->o->is_deadman ? LOCK_DEADMAN_WAIT_MS : LOCK_WAIT_MS);
	const char *path = node_path(n, "rollout.lock");
	const char *name;
	int r, fd;

	replace_make_folder(n->o->state);
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return node_say(n, NODE_FAILED, "%s: %s: run as root", path, strerror(errno));
	while ((r = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0) == -EWOULDBLOCK && clock_now_ms() < end)
		nanosleep(&pause, NULL);
	if (r < 0) {
		node_say(n, NODE_BUSY, "%s: held by %s: wait until it has ended", path, lock_read_owner(n, fd));
		close(fd);
		return NODE_BUSY;
	}
	name = mem_printf(n->m, "%s, %s, PID %d\n", n->o->owner ? n->o->owner : "(no owner named)", n->o->verb,
			  (int)getpid());
	/* It only informs: a full disk is no reason not to go back. */
	if (ftruncate(fd, 0) == 0)
		retry_write(fd, name, strlen(name));
	n->lock = fd;
	return NODE_DONE;
}
