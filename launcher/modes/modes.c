/* SPDX-License-Identifier: Apache-2.0 */
/* What the modes share. */
#include "modes/modes.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "detect/detect.h"
#include "known/wrappers.h"
#include "report/report.h"
#include "util/output.h"
#include "util/utf8.h"

void commands_detect_parts(struct mem *m, const struct options *options, bool thorough, bool integrity,
			   struct facts *ret)
{
	const char *const *argv = (const char *const *)options->argv;
	struct wrapped wrapped;
	struct detect_request request = {
		.argv = argv,
		.allocators = options_setting(options, KEY_ALLOCATOR).text,
		.user = options->settings[KEY_USER].text,
		.thorough = thorough,
		.integrity = integrity,
	};

	wrapper_look_behind(m, argv, &wrapped);
	request.environment = wrapper_environment(m, &wrapped, (const char *const *)options->environment);
	facts_detect(&options->root, m, &request, ret);
}

void commands_detect(struct mem *m, const struct options *options, struct facts *ret)
{
	commands_detect_parts(m, options, options->mode != MODE_LAUNCH,
			      options->mode == MODE_LIST || options->ladders[STEP_INTEGRITY].ladder != LADDER_OFF, ret);
}

int commands_exec_status(int error)
{
	return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

int commands_command_status(const struct facts *facts)
{
	return facts->command.error ? commands_exec_status(-facts->command.error) : 0;
}

void commands_complain(struct mem *m, const char *format, ...)
{
	va_list args;
	char *line;

	va_start(args, format);
	line = utf8_clean(m, mem_vprintf(m, format, args));
	va_end(args);
	output_say(STDERR_FILENO, mem_printf(m, "allocrun: %s\n", line));
}

int commands_cannot_print(struct mem *m, int error)
{
	commands_complain(m, "standard output cannot be written to: %s", strerror(-error));
	return EXIT_LAUNCHER;
}

int commands_print(struct mem *m, const char *text)
{
	int r = output_write(STDOUT_FILENO, text);

	return r == 0 ? 0 : commands_cannot_print(m, r);
}
