/* SPDX-License-Identifier: Apache-2.0 */
#include "util/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define KERNEL_LINE_MAX 900 /* of a record of /dev/kmsg, its head included, 1 KiB are taken */

int journal_send(const char *entry)
{
	static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r = 0;

	if (fd < 0)
		return -errno;
	if (sendto(fd, entry, strlen(entry), MSG_NOSIGNAL, (const struct sockaddr *)&address, sizeof address) < 0)
		r = -errno;
	close(fd);
	return r;
}

int journal_send_kernel(int priority, const char *sender, const char *line)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r = 0;
	char record[1024];
	int n = snprintf(record, sizeof record, "<%d>%.64s[%d]: %.*s\n", priority, sender, (int)getpid(),
			 KERNEL_LINE_MAX, line);

	if (fd < 0)
		return -errno;
	if (write(fd, record, (size_t)n) < 0)
		r = -errno;
	close(fd);
	return r;
}
