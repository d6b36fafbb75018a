/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_DETECT_MOUNTINFO_H
#define ALLOCRUN_DETECT_MOUNTINFO_H

/* One line of /proc/PID/mountinfo: where its fields start, each up to the next blank or the line's end. */
struct mountinfo {
	const char *subtree; /* the folder of the file system that is mounted, "/" = all */
	const char *point;   /* where; a blank in it is written \040, as in `subtree` */
	const char *type;
	const char *options; /* of the file system; NULL = none */
};

/* -EINVAL: another text, or cut off. Pure. */
int mountinfo_parse_line(const char *line, struct mountinfo *ret);

#endif
