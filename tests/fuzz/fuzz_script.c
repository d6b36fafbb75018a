/* SPDX-License-Identifier: Apache-2.0 */
/* The first bytes of a "#!" file, and the argument of env(1) in it. */
#include <errno.h>

#include "fuzz.h"
#include "program/command.h"

/* Linux reads no further for the line (BINPRM_BUF_SIZE). */
#define LINE_MAX_BYTES 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = MEM_INIT;
	char *interpreter = NULL, *argument = NULL, *program;
	int r = command_parse_script(&m, data, size, &interpreter, &argument);

	FUZZ_CHECK(r == 0 || r == -ENOEXEC);
	if (r < 0) {
		FUZZ_CHECK(!interpreter && !argument);
	} else {
		FUZZ_CHECK(size > 2 && data[0] == '#' && data[1] == '!');
		FUZZ_CHECK(*interpreter && !interpreter[strcspn(interpreter, " \t\n")]);
		FUZZ_CHECK(memmem(data, size, interpreter, strlen(interpreter)) != NULL);
		FUZZ_CHECK(strlen(interpreter) + (argument ? strlen(argument) : 0) < LINE_MAX_BYTES);
		FUZZ_CHECK(!argument || (argument[0] != ' ' && argument[0] != '\t' && !strchr(argument, '\n')));
	}
	/* env's own line, whatever the file says. */
	program = command_parse_env(&m, argument ? argument : fuzz_text(&m, data, size));
	FUZZ_CHECK(!program || (*program != '-' && !strchr(program, '=')));
	mem_free_all(&m);
	return 0;
}
