/* SPDX-License-Identifier: Apache-2.0 */
#include "apply/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "apply/apply.h"
#include "decide/policy.h"
#include "probe/status.h"
#include "util/buffer.h"
#include "util/clock.h"
#include "util/environment.h"
#include "util/output.h"
#include "util/text.h"
#include "util/utf8.h"

/* A loader takes about a millisecond; a server's start that waits for longer is noticed. */
#define TRIAL_MS 1000
/* What has not ended so long after SIGKILL is left behind. */
#define TRIAL_KILL_MS 500
#define TRIAL_OUTPUT_MAX 4096

static const struct operation *trial_find_preload(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_operations; i++) {
		const struct operation *op = &plan->operations[i];

		if (op->kind == OP_ENVIRONMENT && op->u.environment.library)
			return op;
	}
	return NULL;
}

/* An entry beside ours, NULL = none. */
static const char *trial_find_other_entry(const struct facts *facts, const struct plan *plan,
					  const struct operation *preload)
{
	for (size_t i = 0; i < preload->parts.n; i++) {
		const struct part *part = &preload->parts.items[i];

		if (part->value && !policy_is_ours(facts, plan->build, part->name))
			return part->name;
	}
	return NULL;
}

static bool trial_changes_user(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_operations; i++) {
		if (plan->operations[i].kind == OP_USER || plan->operations[i].kind == OP_CAPS)
			return true;
	}
	return false;
}

/*
 * As the loader maps it: the kernel and its security modules say here what they will say then.
 * 0 or -errno.
 */
static int trial_map(const char *library)
{
	int fd = open(library, O_RDONLY | O_CLOEXEC), r = 0;
	void *page;

	if (fd < 0)
		return -errno;
	page = mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	if (page == MAP_FAILED)
		r = -errno;
	else
		munmap(page, 1);
	close(fd);
	return r;
}

static const char *trial_find_limit(void)
{
	static const struct {
		__rlimit_resource_t resource;
		const char *name;
	} limits[] = { { RLIMIT_AS, "address space is limited" }, { RLIMIT_DATA, "the data segment is limited" } };

	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		struct rlimit limit;

		if (getrlimit(limits[i].resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
			return limits[i].name;
	}
	return NULL;
}

const char *trial_find_reason(struct mem *m, const struct facts *facts, const struct plan *plan,
			      char *const *environment)
{
	const char *const *variables = (const char *const *)environment;
	const struct operation *preload = trial_find_preload(plan);
	const char *audit = environment_get(variables, "LD_AUDIT"), *other;
	const char *tunables = environment_get(variables, "GLIBC_TUNABLES");
	int r;

	if (!preload)
		return NULL;
	if (audit && *audit)
		return "LD_AUDIT is set";
	other = trial_find_other_entry(facts, plan, preload);
	if (other)
		return mem_printf(m, "%s is preloaded too", other);
	if (facts->ld_so_preload && *facts->ld_so_preload)
		return "/etc/ld.so.preload is there";
	if (tunables && strstr(tunables, "glibc.rtld."))
		return "GLIBC_TUNABLES changes the loader";
	if (strchr(preload->u.environment.library, '$'))
		return "its path has a $";
	if (trial_changes_user(plan))
		return "the user or the capabilities change";
	other = trial_find_limit();
	if (other)
		return other;
	r = trial_map(preload->u.environment.library);
	return r < 0 ? mem_printf(m, "it cannot be mapped: %s", strerror(-r)) : NULL;
}

static void trial_run(struct mem *m, const struct facts *facts, const struct plan *plan, char **environment, int output)
{
	const struct operation *preload = trial_find_preload(plan);
	char *probe = mem_printf(m, "%s/" PROBE_FILE, facts->catalog.prefix);
	char *loader = facts->command.elf.interpreter;
	char *argv[] = { loader, probe, mem_strdup(m, preload->u.environment.library), NULL };
	struct plan own = *plan;
	struct rlimit core;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* A terminal's signals are not for it, and what it starts can be ended with it. */
	setpgid(0, 0);
	apply_plan(m, &own, STEP_AFFINITY, STEP_NO_NEW_PRIVS, &environment);
	if (getrlimit(RLIMIT_CORE, &core) == 0) {
		core.rlim_cur = 0;
		setrlimit(RLIMIT_CORE, &core);
	}
	fd = open("/dev/null", O_RDWR);
	if (fd >= 0)
		dup2(fd, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		output_write(STDERR_FILENO, mem_printf(m, "the user cannot read it: %s", strerror(errno)));
		_exit(PROBE_NOT_STARTED);
	}
	execve(loader, argv, environment);
	output_write(STDERR_FILENO, mem_printf(m, "%s: %s", loader, strerror(errno)));
	_exit(PROBE_NOT_STARTED);
}

/* What was written, until the end of all who can write or of the time. */
static void trial_read(int fd, int64_t deadline, struct buffer *output)
{
	struct pollfd pollfd = { fd, POLLIN, 0 };
	int64_t left;

	while ((left = deadline - clock_now_ms()) > 0 && poll(&pollfd, 1, (int)left) != 0) {
		char bytes[512];
		ssize_t n = read(fd, bytes, sizeof bytes - 1);

		if (n == 0 || (n < 0 && errno != EINTR))
			return;
		/* No zeros in the buffer, and no flood. */
		bytes[n > 0 ? n : 0] = '\0';
		if (output->length < TRIAL_OUTPUT_MAX)
			buffer_append(output, bytes);
	}
}

/* Its status, or -ETIMEDOUT, when it was ended. */
static int trial_wait(pid_t pid, int fd, int64_t deadline, struct buffer *output)
{
	static const struct timespec pause = { 0, 1000000 };
	int status = 0, r;

	trial_read(fd, deadline, output);
	/* All descriptors closed is not yet the end; open ones may be those of somebody it has started. */
	while ((r = waitpid(pid, &status, WNOHANG)) == 0 && clock_now_ms() < deadline)
		nanosleep(&pause, NULL);
	kill(-pid, SIGKILL);
	if (r == pid)
		return status;
	kill(pid, SIGKILL);
	trial_read(fd, clock_now_ms() + TRIAL_KILL_MS, output);
	waitpid(pid, NULL, WNOHANG);
	return -ETIMEDOUT;
}

/* The loader's reason: "object '…' from LD_PRELOAD cannot be preloaded (REASON): ignored." */
static const char *trial_quote(struct mem *m, const char *output)
{
	const char *start = strstr(output, "cannot be preloaded ("), *end;

	/* AT_SECURE: not a word from the loader. */
	if (!start && (strstr(output, "undefined symbol: malloc") || strstr(output, "malloc: symbol not found")))
		return "the loader passes LD_PRELOAD over";
	if (!start)
		return text_dup_line(m, output);
	start += strlen("cannot be preloaded (");
	end = strstr(start, "): ignored");
	return mem_strndup(m, start, end ? (size_t)(end - start) : strcspn(start, "\n"));
}

static const char *trial_explain(struct mem *m, int status, const char *output)
{
	const char *quoted = utf8_clean(m, trial_quote(m, output));

	if (status == -ETIMEDOUT)
		return "it did not answer within a second";
	if (WIFSIGNALED(status))
		return mem_printf(m, "the loader ended with %s",
				  sigabbrev_np(WTERMSIG(status)) ?
					  mem_printf(m, "SIG%s", sigabbrev_np(WTERMSIG(status))) :
					  "a signal");
	switch (WEXITSTATUS(status)) {
	case PROBE_SERVES:
		return NULL;
	case PROBE_OTHER:
		return mem_printf(m, "malloc is served by %s", *quoted ? quoted : "another object");
	case PROBE_NO_MEMORY:
		return "it gave no memory";
	default:
		return *quoted ? quoted : mem_printf(m, "the loader ended with status %d", WEXITSTATUS(status));
	}
}

/* The child's status, with what it wrote in *output; -errno: it could not be started. */
static int trial_fork(struct mem *m, const struct facts *facts, const struct plan *plan, char **environment,
		      struct buffer *output)
{
	int64_t deadline = clock_now_ms() + TRIAL_MS;
	int fds[2], r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		trial_run(m, facts, plan, environment, fds[1]);
	r = pid < 0 ? -errno : 0;
	close(fds[1]);
	if (r == 0)
		r = trial_wait(pid, fds[0], deadline, output);
	close(fds[0]);
	return r;
}

const char *trial_load(struct mem *m, const struct facts *facts, const struct plan *plan, char *const *environment)
{
	const struct sigaction by_default = { .sa_handler = SIG_DFL };
	struct buffer output = { .m = m };
	struct sigaction before;
	int r;

	if (!trial_find_preload(plan))
		return NULL;
	/* Who ignores SIGCHLD, and so does the command, gets no status. */
	sigaction(SIGCHLD, &by_default, &before);
	r = trial_fork(m, facts, plan, (char **)(uintptr_t)environment, &output);
	sigaction(SIGCHLD, &before, NULL);
	if (r < 0 && r != -ETIMEDOUT)
		return mem_printf(m, "whether it loads could not be tried: %s", strerror(-r));
	return trial_explain(m, r, buffer_text(&output));
}
