/* SPDX-License-Identifier: Apache-2.0 */
/* The only writer of --tune: write, read back, count, put back. */
#include "tune/tuning.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/retry.h"
#include "util/size.h"

/*
 * Each write of a pool goes as far as there are blocks; another one may find what
 * migration has freed meanwhile. So often, as long as it gains something.
 */
#define APPLY_POOL_TRIES 4

/* One write(2): the kernel takes a value whole or not at all. -errno. */
static int apply_write_file(const struct root *root, const char *path, const char *text)
{
	int fd = root_openat(root, path, O_WRONLY | O_NOCTTY | (root->live ? 0 : O_TRUNC)), r = 0;
	size_t length = strlen(text);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = retry_write(fd, text, length);
	if (n < 0)
		r = (int)n;
	else if ((size_t)n != length)
		r = -EIO;
	close(fd);
	return r;
}

static int apply_write_value(const struct root *root, struct mem *m, const char *path,
			     const struct tune_setting *setting, const char *value)
{
	/* kstrtobool() of older kernels takes no "true". */
	if (setting->form == TUNE_SWITCH && root->live)
		value = strcmp(value, "true") == 0 ? "1" : "0";
	return apply_write_file(root, path, mem_printf(m, "%s\n", value));
}

static const char *apply_read(const struct root *root, struct mem *m, const char *path,
			      const struct tune_setting *setting)
{
	const char *value, *offered;
	char *text;

	if (root_read_record(root, m, path, &text) < 0 || tune_parse_value(m, setting, text, &value, &offered) < 0)
		return NULL;
	return value;
}

static bool apply_grows(const struct tune_write *w)
{
	return (w->setting == tune_setting_of_pool(TUNE_OF_POOL) ||
		w->setting == tune_setting_of_pool(TUNE_OF_POOL_ON_NODE)) &&
	       w->from && strtoll(w->to, NULL, 10) > strtoll(w->from, NULL, 10);
}

/* The node's own file, else the machine's; -errno where the kernel cannot compact. */
static int apply_compact(const struct root *root, struct mem *m, const struct tune_write *w)
{
	int r = -ENOENT;

	if (w->node >= 0)
		r = apply_write_file(root, mem_printf(m, "/sys/devices/system/node/node%d/compact", w->node), "1\n");
	return r < 0 ? apply_write_file(root, "/proc/sys/vm/compact_memory", "1\n") : r;
}

static const char *apply_explain_short(struct mem *m, const struct tune_write *w, int compacted)
{
	const char *size = size_format_boot(m, w->size);
	bool is_surplus = strtoll(w->got, NULL, 10) > strtoll(w->to, NULL, 10);

	if (is_surplus)
		return mem_printf(m, "%s pages of %s stay: they are in use", w->got, size);
	return mem_printf(m,
			  "the kernel gave %s of %s pages of %s: there are no more free blocks of that size%s; "
			  "hugepages= on the kernel command line takes them before memory is in pieces",
			  w->got, w->to, size, compacted < 0 ? " (and memory could not be compacted first)" : "");
}

const char *tune_explain_error(struct mem *m, const struct tune_write *w, int error)
{
	switch (error) {
	case -EINVAL:
	case -ERANGE:
		return mem_printf(m, "the kernel refuses the value '%s': %s", w->to, strerror(-error));
	case -ENOENT:
	case -ENODEV:
		return w->node >= 0 ? mem_printf(m, "node %d has gone meanwhile", w->node) : "it has gone meanwhile";
	default:
		return mem_printf(m, "%s: %s", w->path, strerror(-error));
	}
}

static void apply_fail(struct tune_write *w, const char *detail)
{
	w->outcome = TUNE_FAILED;
	w->detail = detail;
}

/* A pool is written as often as that gains pages. */
static int apply_write_pool(const struct root *root, struct mem *m, struct tune_write *w)
{
	long long before = -1, got;
	int r = 0;

	for (int i = 0; i < APPLY_POOL_TRIES; i++) {
		r = apply_write_value(root, m, w->path, w->setting, w->to);
		w->is_written |= r == 0;
		w->got = apply_read(root, m, w->path, w->setting);
		if (r < 0 || !w->got || strcmp(w->got, w->to) == 0)
			break;
		got = strtoll(w->got, NULL, 10);
		if (got <= before || !apply_grows(w))
			break;
		before = got;
	}
	return r;
}

static void apply_one(const struct root *root, struct mem *m, struct tune_write *w)
{
	int compacted = apply_grows(w) ? apply_compact(root, m, w) : 0, r;

	if (w->setting->form == TUNE_PAGES) {
		r = apply_write_pool(root, m, w);
	} else {
		r = apply_write_value(root, m, w->path, w->setting, w->to);
		w->is_written = r == 0;
		w->got = apply_read(root, m, w->path, w->setting);
	}
	if (r < 0)
		apply_fail(w, tune_explain_error(m, w, r));
	else if (!w->got)
		apply_fail(w, "written, but it cannot be read back");
	else if (strcmp(w->got, w->to) == 0)
		w->outcome = TUNE_CHANGED;
	else if (w->setting->form == TUNE_PAGES)
		apply_fail(w, apply_explain_short(m, w, compacted));
	else
		apply_fail(w, mem_printf(m, "written, and it says %s", w->got));
}

/*
 * The kernel takes its own choice of weights back only where it knows the bandwidth of
 * the nodes (-ENODEV); without, its choice is the weights that were found.
 */
static void apply_excuse(struct tune_write *w, int error)
{
	if (w->setting != &tune_weights_auto || error != -ENODEV)
		return;
	w->outcome = TUNE_SKIPPED;
	w->detail = "the kernel knows no bandwidths to choose by: the weights stay as they were found";
}

/* What one write has changed, back again: 1, 0 where nothing is left to put back, or -errno. */
static int apply_restore(const struct root *root, struct mem *m, const struct tune_write *w)
{
	int r = 0;

	for (size_t i = 0; i < w->n_saved; i++) {
		const struct tune_saved *saved = &w->saved[i];
		const struct tune_setting *setting = tune_setting_find_path(saved->path);
		const char *now;
		int error;

		if (!setting)
			continue;
		now = apply_read(root, m, saved->path, setting);
		if (now && strcmp(now, saved->value) == 0)
			continue;
		error = apply_write_value(root, m, saved->path, setting, saved->value);
		/* Gone with its node, or a choice that the kernel does not take back (apply_excuse). */
		if (error == -ENOENT || error == -ENODEV)
			continue;
		if (error == 0) {
			now = apply_read(root, m, saved->path, setting);
			error = now && strcmp(now, saved->value) == 0 ? 1 : -EIO;
		}
		r = r < 0 ? r : error;
	}
	return r;
}

static void apply_restore_all(const struct root *root, struct mem *m, struct tune_plan *plan)
{
	for (size_t i = plan->n; i-- > 0;) {
		struct tune_write *w = &plan->writes[i];
		int r;

		if (w->outcome == TUNE_PLANNED) {
			w->outcome = TUNE_NOT_WRITTEN;
			w->detail = "another one did not take";
		}
		if (!tune_has_changed(w))
			continue;
		r = apply_restore(root, m, w);
		if (r < 0) {
			apply_fail(w, mem_printf(m, "%s; and %s could not be put back: %s",
						 w->detail ? w->detail : "another one did not take", w->from,
						 strerror(-r)));
			continue;
		}
		if (w->outcome == TUNE_CHANGED) {
			w->outcome = TUNE_RESTORED;
			w->detail = "put back: another one did not take";
			if (r == 0)
				apply_excuse(w, -ENODEV);
		} else if (r > 0) {
			w->detail = mem_printf(m, "%s; %s again", w->detail, w->from);
		}
		w->is_written = false;
		w->got = apply_read(root, m, w->path, w->setting);
	}
}

bool tune_has_changed(const struct tune_write *w)
{
	if (w->outcome == TUNE_FAILED)
		return w->got && w->from ? strcmp(w->got, w->from) != 0 : w->is_written;
	return w->outcome == TUNE_CHANGED;
}

int tune_probe(const struct root *root, const struct tune_plan *plan, const struct tune_write **ret_write)
{
	for (size_t i = 0; i < plan->n; i++) {
		int fd;

		if (plan->writes[i].outcome != TUNE_PLANNED)
			continue;
		fd = root_openat(root, plan->writes[i].path, O_WRONLY | O_NOCTTY);
		if (fd < 0) {
			*ret_write = &plan->writes[i];
			return fd;
		}
		close(fd);
	}
	return 0;
}

/* A tool that runs at the same time would undo what was just read back. */
static bool apply_has_stayed(const struct root *root, struct mem *m, struct tune_plan *plan)
{
	bool has_stayed = true;

	for (size_t i = 0; i < plan->n; i++) {
		struct tune_write *w = &plan->writes[i];

		if (w->outcome != TUNE_CHANGED)
			continue;
		w->got = apply_read(root, m, w->path, w->setting);
		if (w->got && strcmp(w->got, w->to) == 0)
			continue;
		apply_fail(w, mem_printf(m,
					 "it was set, and something else has set it to %s since (tuned, hugeadm, "
					 "another program)",
					 w->got ? w->got : "what cannot be read"));
		has_stayed = false;
	}
	return has_stayed;
}

void tune_apply(const struct root *root, struct mem *m, struct tune_plan *plan, bool is_atomic, bool is_revert)
{
	bool has_failed = false;

	for (size_t i = 0; i < plan->n && !(has_failed && is_atomic); i++) {
		struct tune_write *w = &plan->writes[i];

		if (w->outcome != TUNE_PLANNED)
			continue;
		apply_one(root, m, w);
		if (is_revert && w->outcome == TUNE_FAILED && w->setting == &tune_weights_auto)
			apply_excuse(w, apply_write_value(root, m, w->path, w->setting, w->to));
		has_failed |= w->outcome == TUNE_FAILED;
	}
	has_failed |= !apply_has_stayed(root, m, plan);
	if (has_failed && is_atomic)
		apply_restore_all(root, m, plan);
}
