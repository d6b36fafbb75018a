/* SPDX-License-Identifier: Apache-2.0 */
#include "report/json_values.h"

#include <string.h>

#include "facts/machine.h"
#include "util/buffer.h"
#include "util/utf8.h"

json_t *json_text(const char *text)
{
	json_t *string = text ? json_string(text) : json_null();

	if (!string) {
		struct mem m = MEM_INIT;

		string = json_string(utf8_repair(&m, text));
		mem_free_all(&m);
	}
	return string;
}

json_t *json_number(int64_t value)
{
	if (value == FACT_UNLIMITED)
		return json_string("unlimited");
	return value == FACT_UNKNOWN ? json_null() : json_integer(value);
}

json_t *json_texts(const char *const *texts, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_text(texts[i]));
	return list;
}

json_t *json_bitmap(const struct bitmap *b)
{
	struct mem m = MEM_INIT;
	json_t *text = bitmap_is_empty(b) ? json_null() : json_string(bitmap_format_list(&m, b));

	mem_free_all(&m);
	return text;
}

static json_t *json_purged(const struct live_purged *purged)
{
	return json_pack("{s:o, s:o, s:o}", "times", json_number(purged->times), "bytes", json_number(purged->bytes),
			 "regrets", json_number(purged->regrets));
}

json_t *json_purge(const struct live_purge *purge)
{
	static const char *const words[] = {
		[PURGE_THREAD_OFF] = "off",
		[PURGE_THREAD_WAITS] = "waits",
		[PURGE_THREAD_RUNS] = "runs",
		[PURGE_THREAD_FAILED] = "failed",
	};

	if (!purge)
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "state", words[purge->state], "pid",
			 json_number(purge->pid), "error", json_number(purge->error), "looks",
			 json_number(purge->looks), "look_age_ms", json_number(purge->look_age_ms), "idle",
			 json_purged(&purge->idle), "demand", json_purged(&purge->demand), "pressure",
			 json_purged(&purge->pressure), "limit", json_number(purge->limit));
}

/* DEL stands for itself in JSON, and only there it would reach a terminal as it is. */
static char *json_escape_delete(struct mem *m, char *text)
{
	struct buffer out = { .m = m };

	if (!strchr(text, 0x7f))
		return text;
	for (const char *c; (c = strchr(text, 0x7f)); text += c - text + 1) {
		buffer_append_bytes(&out, text, (size_t)(c - text));
		buffer_append(&out, "\\u007f");
	}
	buffer_append(&out, text);
	return buffer_text(&out);
}

char *report_dump_json(struct mem *m, const json_t *json)
{
	/* Nearly always enough, and much cheaper than jansson's growing buffer. */
	size_t size = 32 * 1024, length, flags = JSON_INDENT(1) | JSON_ENSURE_ASCII;
	char *text = mem_alloc(m, size);

	length = json_dumpb(json, text, size - 2, flags);
	if (length > size - 2) {
		size = length + 2;
		text = mem_alloc(m, size);
		length = json_dumpb(json, text, size - 2, flags);
	}
	text[length] = '\n';
	return json_escape_delete(m, text);
}
