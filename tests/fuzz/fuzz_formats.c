/* SPDX-License-Identifier: Apache-2.0 */
/* What --check prints of a process's name, a path and a reason that may be anything. */
#include <jansson.h>

#include "audit/formats/formats.h"
#include "fuzz.h"

static struct finding fuzz_found;

static struct finding fuzz_assess(struct mem *m, const struct audit_facts *facts, const struct thresholds *thresholds,
				  const struct live_process *process)
{
	(void)m, (void)facts, (void)thresholds, (void)process;
	return fuzz_found;
}

static const struct check fuzz_table[] = {
	{ "node-check", "t", SCOPE_NODE, fuzz_assess, "good", "because", "do", "s", NEEDS_LITTLE },
	{ "process-check", "t", SCOPE_PROCESS, fuzz_assess, "good", "because", "do", "s", NEEDS_LITTLE },
	{ .id = NULL },
};

/* A run of which every word is `text`. */
static char *fuzz_write(struct mem *m, enum check_format format, char *text, enum check_status status)
{
	struct check_ignore ignore = { "process-check", text, NULL, INT64_MAX, text };
	const struct check_policy policy = { .ignores = &ignore, .n_ignores = 1 };
	const struct audit_request request = { .selection = { fuzz_table, NULL, NULL, true },
					       .policy = &policy,
					       .policy_problem = text,
					       .fail_on = CHECK_FAIL };
	const struct facts machine = { .is_live = true };
	struct live_process process = { .pid = 17, .name = text, .command = text };
	const struct live_facts live = { .asked = text, .processes = &process, .n_processes = 1 };
	const struct audit_facts facts = { .machine = &machine, .live = &live };
	struct audit_result result;
	const struct audit_report report = { .request = &request, .facts = &facts, .result = &result };

	fuzz_found = (struct finding){ .status = status, .observed = text, .expected = text, .fix = text };
	audit_run(m, &request, &facts, &result);
	return format_audit(m, format, &report);
}

static size_t fuzz_count(const char *text, char c)
{
	size_t n = 0;

	for (text = strchr(text, c); text; text = strchr(text + 1, c))
		n++;
	return n;
}

/* What a report of harmless words is made of. */
struct shape {
	size_t lines, tags, quotes;
};

/* The same in each execution. */
static const struct shape *fuzz_find_shape(enum check_format format, enum check_status status)
{
	static struct shape shapes[CHECK_FORMAT_COUNT][CHECK_STATUS_COUNT];
	struct shape *shape = &shapes[format][status];

	if (!shape->lines) {
		struct mem m = MEM_INIT;
		const char *harmless = fuzz_write(&m, format, mem_strdup(&m, "x"), status);

		*shape = (struct shape){ fuzz_count(harmless, '\n'), fuzz_count(harmless, '<'),
					 fuzz_count(harmless, '"') };
		mem_free_all(&m);
	}
	return shape;
}

/* As many lines as with a harmless word, no other control character, and UTF-8. */
static void check_format(struct mem *m, enum check_format format, char *text, enum check_status status)
{
	static const char controls[] = "\1\2\3\4\5\6\a\b\t\v\f\r\016\017\020\021\022\023\024\025\026\027\030\031"
				       "\032\033\034\035\036\037\177";
	const struct shape *shape = fuzz_find_shape(format, status);
	const char *written = fuzz_write(m, format, text, status);

	FUZZ_CHECK(fuzz_count(written, '\n') == shape->lines);
	FUZZ_CHECK(written[strcspn(written, controls)] == '\0');
	FUZZ_CHECK(strcmp(utf8_repair(m, written), written) == 0);
	if (format == CHECK_FORMAT_NAGIOS)
		FUZZ_CHECK(fuzz_count(written, '|') == 1);
	if (format == CHECK_FORMAT_JUNIT)
		FUZZ_CHECK(fuzz_count(written, '<') == shape->tags && fuzz_count(written, '"') == shape->quotes);
	if (format == CHECK_FORMAT_JSON) {
		json_t *o = json_loads(written, 0, NULL);

		FUZZ_CHECK(o != NULL);
		json_decref(o);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* The first byte says what was found, and in which format it is said. */
	int first = size ? data[0] % (CHECK_STATUS_COUNT * CHECK_FORMAT_COUNT) : 0;
	struct mem m = MEM_INIT;
	char *text = fuzz_text(&m, size ? data + 1 : data, size ? size - 1 : 0);

	/* What is not there has no line of its own. */
	if (*text)
		check_format(&m, (enum check_format)(first / CHECK_STATUS_COUNT), text,
			     (enum check_status)(first % CHECK_STATUS_COUNT));
	mem_free_all(&m);
	return 0;
}
