/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_UTIL_JOURNAL_H
#define ALLOCRUN_UTIL_JOURNAL_H

/* systemd's journal, by its own protocol (JOURNAL_NATIVE_PROTOCOL): entries with fields. */

/* As of syslog(3). */
#define JOURNAL_ERROR 3
#define JOURNAL_WARNING 4
#define JOURNAL_INFO 6

/* "FIELD=value\n" for each field, values without line feeds. -errno: nobody listens, or not to so much; never waits. */
int journal_send(const char *entry);
/* One line for the kernel's log, where the journal finds it later. -errno. */
int journal_send_kernel(int priority, const char *sender, const char *line);

#endif
