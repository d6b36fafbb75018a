/* SPDX-License-Identifier: Apache-2.0 */
#include "options/check_policy.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "util/nearest.h"
#include "util/refuse.h"
#include "util/text.h"

#define IGNORE_PREFIX "ignore."
#define IGNORE_FORM "ignore.ID = [until YYYY-MM-DD:] REASON"

/* The first second of the day after "YYYY-MM-DD", UTC. -EINVAL: there is no such day. */
static int check_policy_parse_day(const char *text, int64_t *ret_end)
{
	struct tm day = { 0 }, whole;
	const char *rest = strptime(text, "%Y-%m-%d", &day);
	time_t second;

	/* strptime(3) skips blanks, and takes shorter numbers. */
	if (!rest || *rest || strspn(text, "0123456789-") != strlen("2027-01-31"))
		return -EINVAL;
	whole = day;
	second = timegm(&whole);
	/* timegm() makes the 3rd of March of the 31st of February. */
	if (whole.tm_mon != day.tm_mon)
		return -EINVAL;
	*ret_end = (int64_t)second + 24 * 60 * 60;
	return 0;
}

/*
 * "until 2027-01-31: " at the start of a reason. One that says "until" in another way, or in
 * capitals, was meant to end, and never would.
 */
static int check_policy_read_until(struct mem *m, const char *value, struct check_ignore *ignore,
				   const char **ret_error)
{
	static const char until[] = "until";
	const char *day = value + strlen(until), *colon;

	ignore->reason = value;
	if (strncasecmp(value, until, strlen(until)) != 0 || isalpha((unsigned char)*day))
		return 0;
	if (!text_starts_with(value, "until "))
		return refuse(ret_error, "a date has 'until ' before it (write: " IGNORE_FORM ")");
	day += strspn(day, " ");
	colon = strchr(day, ':');
	if (!colon)
		return refuse(ret_error, "no ':' behind the date (write: " IGNORE_FORM ")");
	ignore->until = mem_strndup(m, day, (size_t)(colon - day));
	if (check_policy_parse_day(ignore->until, &ignore->end) < 0)
		return refuse(ret_error, mem_printf(m, "'%s' is no date (write: " IGNORE_FORM ")", ignore->until));
	ignore->reason = colon + 1 + strspn(colon + 1, " \t");
	return 0;
}

static int check_policy_set_ignore(struct mem *m, struct check_policy *policy, const char *const *ids, const char *id,
				   const char *value, const char *where, const char **ret_error)
{
	struct check_ignore ignore = { .end = INT64_MAX, .where = where }, *old = NULL;

	if (!text_is_among(ids, id))
		return refuse(ret_error, mem_printf(m, "no check '%s' to ignore%s", id,
						    nearest_name(id, ids) ? nearest_hint(m, id, ids) :
									    "; see allocrun --check --list-checks"));
	if (check_policy_read_until(m, mem_strdup(m, value), &ignore, ret_error) < 0)
		return -EINVAL;
	if (!*ignore.reason)
		return refuse(ret_error, "an ignore needs a reason (write: " IGNORE_FORM ")");
	ignore.id = mem_strdup(m, id);
	for (size_t i = 0; i < policy->n_ignores; i++) {
		if (strcmp(policy->ignores[i].id, id) == 0)
			old = &policy->ignores[i];
	}
	if (!old)
		old = MEM_PUSH(m, policy->ignores, policy->n_ignores);
	*old = ignore;
	return 0;
}

static int check_policy_set_threshold(struct mem *m, struct check_policy *policy, const struct threshold_row *row,
				      const char *value, const char *where, const char **ret_error)
{
	size_t i = (size_t)(row - threshold_rows);
	const char *end;
	int64_t number;

	if (text_parse_i64(value, &number, &end) < 0 || *end || number < row->least || number > row->most)
		return refuse(ret_error,
			      mem_printf(m, "bad value '%s' for %s (a number from %" PRId64 " to %" PRId64 ")", value,
					 row->name, row->least, row->most));
	policy->thresholds[i].value = number;
	policy->thresholds[i].where = where;
	return 0;
}

int check_policy_set(struct mem *m, struct check_policy *policy, const char *const *ids, const char *name,
		     const char *value, const char *where, const char **ret_error)
{
	const char *names[THRESHOLD_COUNT + 2] = { NULL };

	if (text_starts_with(name, IGNORE_PREFIX))
		return check_policy_set_ignore(m, policy, ids, name + strlen(IGNORE_PREFIX), value, where, ret_error);
	for (size_t i = 0; i < THRESHOLD_COUNT; i++) {
		names[i] = threshold_rows[i].name;
		if (strcmp(name, names[i]) == 0)
			return check_policy_set_threshold(m, policy, &threshold_rows[i], value, where, ret_error);
	}
	names[THRESHOLD_COUNT] = IGNORE_PREFIX "ID";
	return refuse(ret_error, mem_printf(m, "no key '%s' in [check]%s", name, nearest_hint(m, name, names)));
}

struct thresholds check_policy_thresholds(const struct check_policy *policy)
{
	struct thresholds t = thresholds_default();

	for (size_t i = 0; i < THRESHOLD_COUNT; i++) {
		if (policy->thresholds[i].where)
			t.values[i] = policy->thresholds[i].value;
	}
	return t;
}

/* Whether "X-warn" and "X-fail" stand in rows `i` and `i + 1`. */
static bool check_policy_is_pair(size_t i)
{
	const char *warn = threshold_rows[i].name, *fail;
	size_t stem = strlen(warn) - strlen("-warn");

	if (i + 1 >= THRESHOLD_COUNT || strlen(warn) < strlen("-warn") || strcmp(warn + stem, "-warn") != 0)
		return false;
	fail = threshold_rows[i + 1].name;
	return strncmp(fail, warn, stem) == 0 && strcmp(fail + stem, "-fail") == 0;
}

int check_policy_verify(struct mem *m, const struct check_policy *policy, const char **ret_error)
{
	struct thresholds t = check_policy_thresholds(policy);

	for (size_t i = 0; i < THRESHOLD_COUNT; i++) {
		const struct threshold_row *row = &threshold_rows[i];
		/* Of some the high values are good, of others the low ones. */
		bool is_rising = check_policy_is_pair(i) && row[0].value <= row[1].value;
		const char *where = policy->thresholds[i].where;

		if (!check_policy_is_pair(i) ||
		    (is_rising ? t.values[i] <= t.values[i + 1] : t.values[i] >= t.values[i + 1]))
			continue;
		if (!where)
			where = policy->thresholds[i + 1].where;
		return refuse(ret_error, mem_printf(m, "%s: %s (%" PRId64 ") lies beyond %s (%" PRId64 ")",
						    where ? where : "built in", row[0].name, t.values[i], row[1].name,
						    t.values[i + 1]));
	}
	return 0;
}

const struct check_ignore *check_policy_find_ignore(const struct check_policy *policy, const char *id)
{
	for (size_t i = 0; i < policy->n_ignores; i++) {
		if (strcmp(policy->ignores[i].id, id) == 0)
			return &policy->ignores[i];
	}
	return NULL;
}
