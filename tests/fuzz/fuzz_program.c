/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole program, from main() to what it prints and returns, over a machine that it only looks at. The
 * input's first line: the machine, of tests/machines. Then a word of its command line or "$NAME=VALUE" in
 * each line, the first of them --explain, --list or --check; then what is other in that machine: "=PATH" and
 * the text of that file up to the next such line, ">PATH" and where this link points, "!PATH" for one that is gone.
 */
#define main program_main
#include "main.c"
#undef main

#include <ctype.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "fuzz_tree.h"
#include "util/text.h"
#include "util/utf8.h"

#define WORDS_MAX 64
#define OUTPUT_MAX (1 << 20)

static const char *const machines[] = { "laptop-one-node", "no-numa-sysfs", "hgx-8gpu-two-socket", "cgroup-v1-quota" };
#define N_MACHINES (sizeof machines / sizeof *machines)

struct input {
	char *argv[WORDS_MAX + 4];
	char *environment[WORDS_MAX + 1];
	int argc;
};

/* Nothing of the machine that the fuzzer runs on is read, written or waited for. */
static bool reaches_out(const char *word)
{
	static const char *const options[] = { "--po", "--sy", "--ou", "--w", "--cap", "--tu" };

	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		if (text_starts_with(word, options[i]))
			return true;
	}
	return text_starts_with(word, "$ALLOCRUN_POLICY=");
}

static bool read_words(struct mem *m, const char **text, struct input *in)
{
	static const char *const modes_of_looking[] = { "--explain", "--list", "--check", NULL };
	size_t n = 0;

	in->argv[in->argc++] = mem_strdup(m, "allocrun");
	in->argv[in->argc++] = mem_strdup(m, "--sysroot");
	in->argv[in->argc++] = mem_strdup(m, fuzz_tree_path());
	for (char *line; !strchr("=>!", **text) && (line = fuzz_next_line(m, text));) {
		if (reaches_out(line) || (in->argc == 3 && !text_is_among(modes_of_looking, line)))
			return false;
		if (*line == '$' && n < WORDS_MAX)
			in->environment[n++] = line + 1;
		else if (*line != '$' && in->argc < WORDS_MAX)
			in->argv[in->argc++] = line;
	}
	return in->argc > 3;
}

static void read_tree(struct mem *m, const char *text)
{
	for (const char *line; (line = fuzz_next_line(m, &text));) {
		const char *end = text;
		char *content;

		if (!*line)
			continue;
		/* Up to a line that begins another one. */
		while (*line == '=' && *end && !strchr("=>!", *end))
			end = text_next_line(end) ? text_next_line(end) : end + strlen(end);
		content = *line == '=' ? mem_strndup(m, text, (size_t)(end - text)) :
			  *line == '>' ? fuzz_next_line(m, &end) :
					 NULL;
		text = end;
		fuzz_tree_change(m, *line, line + 1, content);
	}
}

/* The program's own output, from the descriptors that it writes to; emptied for the next execution. */
static char *take_output(struct mem *m, int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *text = mem_alloc(m, (size_t)size + 1);

	FUZZ_CHECK(size >= 0 && size < OUTPUT_MAX && pread(fd, text, (size_t)size, 0) == size);
	FUZZ_CHECK(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	return text;
}

static void capture_output(void)
{
	for (int fd = 1; fd <= 2; fd++) {
		int file = memfd_create("fuzz", MFD_CLOEXEC);

		FUZZ_CHECK(file >= 0 && dup2(file, fd) == fd && close(file) == 0);
	}
}

/* Text for a terminal and a log: lines that drive neither. */
static void check_text(struct mem *m, const char *text)
{
	for (const char *line = text; line && *line; line = text_next_line(line)) {
		const char *one = mem_strndup(m, line, strcspn(line, "\n"));

		FUZZ_CHECK(strcmp(utf8_clean(m, one), one) == 0);
	}
}

static void check_run(struct mem *m, const struct input *in, int code, const char *out, const char *err)
{
	bool is_check = strcmp(in->argv[3], "--check") == 0;
	bool is_json = *out == '{';

	FUZZ_CHECK(code == 0 || code == 125 || (is_check ? code >= 1 && code <= 3 : code == 126 || code == 127));
	check_text(m, out);
	check_text(m, err);
	/* Refused is one line, and no report; whoever refuses says so. */
	FUZZ_CHECK(code != 125 || *out || (*err && !text_next_line(err)));
	FUZZ_CHECK(!*err || text_starts_with(err, "allocrun: "));
	FUZZ_CHECK(*out || *err);
	if (is_json) {
		json_t *o = json_loads(out, 0, NULL);

		FUZZ_CHECK(o != NULL);
		/* ASCII alone. */
		for (const char *c = out; *c; c++)
			FUZZ_CHECK((unsigned char)*c < 0x7f);
		json_decref(o);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	fuzz_tree_open(machines, N_MACHINES);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool is_captured;
	struct mem m = MEM_INIT, own = MEM_INIT;
	const char *text = fuzz_text(&m, data, size), *out, *err;
	const char *machine = fuzz_next_line(&m, &text);
	char **before = environ;
	struct input in = { .argc = 0 };
	int code;

	/* Only now: the fuzzer has got its own way to the terminal with -close_fd_mask=3. */
	if (!is_captured)
		capture_output();
	is_captured = true;
	fuzz_tree_choose(machine ? machine : "");
	if (read_words(&m, &text, &in)) {
		read_tree(&m, text);
		environ = in.environment;
		code = main_run(&own, in.argc, in.argv);
		environ = before;
		out = take_output(&m, 1);
		err = take_output(&m, 2);
		fuzz_tree_restore();
		check_run(&m, &in, code, out, err);
	}
	mem_free_all(&m);
	return 0;
}
