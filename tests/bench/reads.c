/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reads PROGRAM [FILE...]: reads each file once and becomes the program. For tests/bench/launch: the least that
 * a launcher costs which wants to know as much, whatever it does with it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char text[32768];

	if (argc < 2) {
		fprintf(stderr, "usage: reads PROGRAM [FILE...]\n");
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		int file = open(argv[i], O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

		/* Some are not there, or folders: as for the launcher. */
		if (file < 0)
			continue;
		if (read(file, text, sizeof text) < 0)
			text[0] = 0;
		close(file);
	}
	argv[2] = NULL;
	execv(argv[1], argv + 1);
	perror(argv[1]);
	return 1;
}
