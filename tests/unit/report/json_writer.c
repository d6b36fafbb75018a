/* SPDX-License-Identifier: Apache-2.0 */
/* What is written is JSON, laid out as jansson lays it out, whatever the texts are. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "report/json_values.h"
#include "report/json_writer.h"
#include "support/pool.h"

static void test_texts(void **state)
{
	static const char *const texts[] = {
		"",
		"plain",
		"\"quoted\" \\ and / \b\f\n\r\t",
		"\x01\x1f\x7f",
		"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
		"cut \xe2\x82",
		"\xff\xfe\xed\xa0\x80 lone",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct json_writer w = { .text.m = &pool };
		json_t *expected = json_string(texts[i]), *read;
		const char *value;

		writer_open(&w, NULL, '{');
		writer_text(&w, texts[i][0] == '\xff' ? "key" : "k", texts[i]);
		writer_close(&w, '}');
		read = json_loads(buffer_text(&w.text), JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(read);
		value = json_string_value(json_object_get(read, texts[i][0] == '\xff' ? "key" : "k"));
		assert_non_null(value);
		/* jansson takes no text that is not UTF-8: there each foreign byte is U+FFFD. */
		if (expected)
			assert_string_equal(value, texts[i]);
		else
			assert_non_null(strstr(value, "\xef\xbf\xbd"));
		json_decref(expected);
		json_decref(read);
	}
}

/* No text drives the terminal of who looks at it: DEL, the control characters beyond ASCII, what turns the line. */
static void test_is_ascii(void **state)
{
	static const char text[] = "a\x7f \xc2\x9b \xe2\x80\xae \xf0\x9f\x98\x80 \xff";
	struct json_writer w = { .text.m = &pool };
	json_t *o = json_object();

	(void)state;
	writer_text(&w, NULL, text);
	assert_string_equal(buffer_text(&w.text), "\"a\\u007F \\u009B \\u202E \\uD83D\\uDE00 \\uFFFD\"");
	json_object_set_new(o, "k", json_text(text));
	assert_string_equal(report_dump_json(&pool, o),
			    "{\n \"k\": \"a\\u007f \\u009B \\u202E \\uD83D\\uDE00 \\uFFFD\"\n}\n");
	json_decref(o);
}

static void test_layout(void **state)
{
	struct json_writer w = { .text.m = &pool };
	struct bitmap cpus = { { 0x10f } }, none = { { 0 } };
	json_t *read;
	char *again;

	(void)state;
	writer_open(&w, NULL, '{');
	writer_integer(&w, "minus", -1);
	writer_number(&w, "unknown", FACT_UNKNOWN);
	writer_number(&w, "most", FACT_UNLIMITED);
	writer_bool(&w, "yes", true);
	writer_text(&w, "null", NULL);
	writer_bitmap(&w, "cpus", &cpus);
	writer_bitmap(&w, "none", &none);
	writer_open(&w, "empty", '[');
	writer_close(&w, ']');
	writer_open(&w, "list", '[');
	writer_open(&w, NULL, '{');
	writer_close(&w, '}');
	writer_text(&w, NULL, "two");
	writer_close(&w, ']');
	writer_close(&w, '}');
	assert_string_equal(buffer_text(&w.text),
			    "{\n \"minus\": -1,\n \"unknown\": null,\n \"most\": \"unlimited\",\n"
			    " \"yes\": true,\n \"null\": null,\n \"cpus\": \"0-3,8\",\n"
			    " \"none\": null,\n \"empty\": [],\n \"list\": [\n  {},\n  \"two\"\n ]\n}");
	read = json_loads(buffer_text(&w.text), 0, NULL);
	again = json_dumps(read, JSON_INDENT(1));
	assert_string_equal(again, buffer_text(&w.text));
	free(again);
	json_decref(read);
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_texts), TEST(test_is_ascii), TEST(test_layout) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
