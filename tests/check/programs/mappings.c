/* SPDX-License-Identifier: Apache-2.0 */
/* Many mappings: mappings N. Says how many there are, and stays until it is killed. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 0, made = 0;
	char *at = mmap(NULL, n * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	/* Every other page is protected in another way: the kernel cannot merge them. */
	for (size_t i = 1; i < n; i += 2) {
		if (mprotect(at + i * 4096, 4096, PROT_NONE) < 0)
			break;
		made = i + 1;
	}
	printf("done %zu\n", made);
	fflush(stdout);
	for (;;)
		pause();
}
