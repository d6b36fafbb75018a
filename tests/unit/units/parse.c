/* SPDX-License-Identifier: Apache-2.0 */
/* A unit's text -> the drop-in. */
#include <errno.h>
#include <string.h>

#include "support/pool.h"
#include "units/units.h"

static const struct units_launcher launcher = { "/opt/ar/bin/allocrun", "/opt/ar/lib/allocrun" };
static const struct unit_item item = { "x.service", true, "policy.conf:2" };

/* The drop-in's lines behind [Service]; or why there is none. */
static const char *decide(const char *text)
{
	struct unit u = { .name = "x.service" };
	struct unit_decision d;

	unit_parse(&pool, &u, "x", text, strlen(text));
	unit_decide(&pool, &u, &item, &launcher, &d);
	if (d.outcome == UNIT_HAS)
		return "has";
	return d.outcome == UNIT_FRONT ? strstr(d.text, "[Service]\n") + strlen("[Service]\n") : d.reason;
}

#define S "[Service]\n"
#define US "/opt/ar/bin/allocrun -- "
#define FRONT(rest) "ExecStart=\nExecStart=" US rest "\n"

static const struct {
	const char *text, *expected;
} rows[] = {
	{ S "ExecStart=/bin/a", FRONT("/bin/a") },
	{ "\xEF\xBB\xBF" S "ExecStart=/bin/a\n", FRONT("/bin/a") },
	{ S "\t ExecStart \t= \t/bin/a b \t\n", FRONT("/bin/a b") },
	{ S "ExecStart=/bin/a\nExecStart=\nExecStart=/bin/b\n", FRONT("/bin/b") },
	{ S "ExecStart=/bin/a\nExecStart=/bin/b\n", "ExecStart=\nExecStart=" US "/bin/a\nExecStart=" US "/bin/b\n" },
	{ S "ExecStart=/opt/allocrun -- /bin/a\nExecStart=/bin/b\n",
	  "ExecStart=\nExecStart=/opt/allocrun -- /bin/a\nExecStart=" US "/bin/b\n" },
	{ S "ExecStart=/bin/a \\\n  b \\\n# a comment \\\n; another\n c\nUser=x\n", FRONT("/bin/a    b   c") },
	{ S "ExecStart=/bin/a \\\n\nUser=x\n", FRONT("/bin/a") },
	{ S "ExecStart=/bin/a b\\", FRONT("/bin/a b") },
	{ S "ExecStart=/bin/a b\\\\\nUser=x", FRONT("/bin/a b\\\\") },
	{ S "ExecStart=/bin/a\n[Service]\nUser=x\n[Install]\nExecStart=/bin/b\n", FRONT("/bin/a") },
	{ "[Unit]\nExecStart=/bin/a\n", "it has no ExecStart=" },
	{ "ExecStart=/bin/a\n", "it has no ExecStart=" },
	{ S "ExecStart=\n", "it has no ExecStart=" },
	{ S "execstart=/bin/a\nExecStartPre=/bin/b\n", "it has no ExecStart=" },
	{ "", "it has no ExecStart=" },
	{ S "ExecStart=/usr/bin/allocrun -- /bin/a\n", "has" },
	/* What systemd would pass over with a warning. */
	{ S "ExecStart=/bin/a\nnonsense\n", "x:3: neither 'Key=value' nor [Section]" },
	{ S "=x\nExecStart=/bin/a\n", "x:2: neither 'Key=value' nor [Section]" },
	{ "[Service\nExecStart=/bin/a\n", "x:1: the section has no end" },
	{ S "ExecStart=/bin/a \xff\n", "x:2: this is not text" },
	{ S "ExecStart=/bin/a\r\n", "x: it has lines that end in other ways than by a line feed" },
	{ S "ExecStart=/bin/a 'b\n", "x:2: a quote without an end" },
	{ S "ExecStart=/bin/a \\\nb 'c\n", "x:3: a quote without an end" },
	/* Sandboxes without allocrun in them, or without a place for its record. */
	{ S "ExecStart=/bin/a\nRootDirectory=/srv\n", "x:3: it has a root of its own, without allocrun" },
	{ S "ExecStart=/bin/a\nRootDirectory=/srv\nRootDirectory=\n", FRONT("/bin/a") },
	{ S "ExecStart=/bin/a\nRootDirectory=/\n", FRONT("/bin/a") },
	{ S "ExecStart=/bin/a\nRootImage=/srv/a.raw\n", "x:3: it has a root of its own, without allocrun" },
	{ S "ExecStart=/bin/a\nInaccessiblePaths=/srv -/opt/ar/lib\n", "x:3 hides /opt/ar/bin/allocrun, or may do so" },
	{ S "ExecStart=/bin/a\nInaccessiblePaths=/opt/a /opt/ar/library\n", FRONT("/bin/a") },
	{ S "ExecStart=/bin/a\nInaccessiblePaths=/opt\nInaccessiblePaths=\n", FRONT("/bin/a") },
	{ S "ExecStart=/bin/a\nTemporaryFileSystem=/opt:ro\n", "x:3 hides /opt/ar/bin/allocrun, or may do so" },
	{ S "ExecStart=/bin/a\nTemporaryFileSystem=/var:ro /run\n", FRONT("/bin/a") },
	{ S "ExecStart=/bin/a\nTemporaryFileSystem=/\n", "x:3 hides /opt/ar/bin/allocrun, or may do so" },
	{ S "ExecStart=/bin/a\nTemporaryFileSystem=%t\n", "x:3 hides /opt/ar/bin/allocrun, or may do so" },
	{ S "ExecStart=/bin/a\nProtectHome=yes\nPrivateTmp=yes\n", FRONT("/bin/a") },
	{ S "ExecStart=/bin/a\nNoExecPaths=/\nExecPaths=/bin\n",
	  "ExecPaths=/opt/ar/bin/allocrun /opt/ar/lib/allocrun\n" FRONT("/bin/a") },
	{ S "ExecStart=/bin/a\nProtectSystem=strict\n", "ReadWritePaths=-/run/allocrun\n" FRONT("/bin/a") },
	{ S "ExecStart=/bin/a\nDynamicUser=Yes\n", "ReadWritePaths=-/run/allocrun\n" FRONT("/bin/a") },
	{ S "ExecStart=/bin/a\nProtectSystem=strict\nProtectSystem=full\nDynamicUser=no\n", FRONT("/bin/a") },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_row_string(rows[i].text, decide(rows[i].text), rows[i].expected);
}

static void test_nul(void **state)
{
	static const char text[] = S "ExecStart=/bin/a\0b\n";
	struct unit u = { .name = "x.service" };

	(void)state;
	assert_int_equal(unit_parse(&pool, &u, "x", text, sizeof text - 1), -EINVAL);
	assert_non_null(u.problem);
}

/* In a home that a service does not see. */
static void test_hidden_home(void **state)
{
	static const struct units_launcher home = { "/home/a/bin/allocrun", "/home/a/lib/allocrun" };
	static const char *const hiding[] = { "ProtectHome=yes", "ProtectHome=tmpfs", "ProtectHome=on" };
	struct unit_decision d;

	(void)state;
	for (size_t i = 0; i < sizeof hiding / sizeof *hiding; i++) {
		char *text = mem_printf(&pool, S "ExecStart=/bin/a\n%s\n", hiding[i]);
		struct unit u = { .name = "x.service" };

		unit_parse(&pool, &u, "x", text, strlen(text));
		unit_decide(&pool, &u, &item, &home, &d);
		assert_row_string(hiding[i], d.reason, "x:3 hides /home/a/bin/allocrun");
	}
}

/* The whole drop-in, as an administrator finds it. */
static void test_whole(void **state)
{
	static const char text[] = S "ExecStart=/bin/a\n";
	struct unit u = { .name = "x.service" };
	struct unit_decision d;

	(void)state;
	unit_parse(&pool, &u, "x", text, strlen(text));
	unit_decide(&pool, &u, &item, &launcher, &d);
	assert_string_equal(
		d.text,
		"# Made by allocrun at each daemon-reload, for policy.conf:2. Off for this unit alone:\n"
		"#   install -D /dev/null /etc/systemd/system/x.service.d/zz-allocrun.conf && systemctl daemon-reload\n"
		"[Unit]\nWants=run-allocrun.mount\nAfter=run-allocrun.mount allocrun-tune.service\n\n"
		"[Service]\nExecStart=\nExecStart=/opt/ar/bin/allocrun -- /bin/a\n");
}

static void test_plain_launcher(void **state)
{
	static const struct units_launcher odd[] = {
		{ "/opt/a b/bin/allocrun", "/opt/a b/lib" },
		{ "/opt/%h/allocrun", "/opt/x" },
		{ "/opt/$x/allocrun", "/opt/x" },
		{ "allocrun", "/opt/x" },
		{ "/opt/allocrun", "/opt/\"x\"" },
	};

	(void)state;
	assert_true(units_launcher_is_plain(&launcher));
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		assert_row_int(odd[i].program, units_launcher_is_plain(&odd[i]), false);
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_rows), TEST(test_nul), TEST(test_hidden_home), TEST(test_whole),
					    TEST(test_plain_launcher) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
