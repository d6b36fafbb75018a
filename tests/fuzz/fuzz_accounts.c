/* SPDX-License-Identifier: Apache-2.0 */
/* What --user names, in the first line; then /etc/passwd and, behind a line "--", /etc/group. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "detect/detectors.h"
#include "fuzz.h"

static struct root root;
static char folder[256];

/* It goes with the process. */
static void remove_folder(void)
{
	unlinkat(root.fd, "etc/passwd", 0);
	unlinkat(root.fd, "etc/group", 0);
	unlinkat(root.fd, "etc", AT_REMOVEDIR);
	rmdir(folder);
}

static int open_file(const char *path)
{
	int fd = openat(root.fd, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	FUZZ_CHECK(fd >= 0);
	return fd;
}

static void write_file(int fd, const char *text)
{
	size_t n = strlen(text);

	FUZZ_CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, text, n, 0) == (ssize_t)n);
}

static void make_files(const char *passwd, const char *group)
{
	static int passwd_fd, group_fd;

	if (!passwd_fd) {
		fuzz_make_folder(folder, sizeof folder);
		FUZZ_CHECK(root_open(folder, &root) == 0 && mkdirat(root.fd, "etc", 0700) == 0);
		passwd_fd = open_file("etc/passwd");
		group_fd = open_file("etc/group");
		atexit(remove_folder);
	}
	write_file(passwd_fd, passwd);
	write_file(group_fd, group);
}

/* Somebody whom the kernel can make of us, and not somebody else than was named. */
static void check_account(const char *user, const char *passwd, const struct account_facts *a)
{
	size_t n = strcspn(user, ":");
	bool is_number = n && strspn(user, "0123456789") == n;

	FUZZ_CHECK(a->uid >= 0 && a->uid < UINT32_MAX && a->gid >= 0 && a->gid < UINT32_MAX);
	FUZZ_CHECK(a->n_groups > 0);
	if (is_number)
		FUZZ_CHECK(strtoull(user, NULL, 10) == (unsigned long long)a->uid || a->name);
	else
		FUZZ_CHECK(a->name && strlen(a->name) == n && strncmp(a->name, user, n) == 0);
	FUZZ_CHECK(!a->name || (strstr(passwd, a->name) && *a->name != '+' && *a->name != '-'));
	for (size_t i = 0; i < a->n_groups; i++)
		FUZZ_CHECK(a->groups[i] != UINT32_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem m = MEM_INIT;
	const char *text = fuzz_text(&m, data, size);
	const char *user = fuzz_next_line(&m, &text);
	char *passwd = mem_strdup(&m, text), *group = strstr(passwd, "\n--\n");
	struct account_facts account;

	if (group) {
		group[1] = '\0';
		group += 4;
	}
	make_files(passwd, group ? group : "");
	account_detect(&root, &m, user ? user : "", &account);
	FUZZ_CHECK(!account.problem || *account.problem);
	if (!account.problem)
		check_account(user ? user : "", passwd, &account);
	mem_free_all(&m);
	return 0;
}
