/* SPDX-License-Identifier: Apache-2.0 */
#include "live/maps.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "facts/machine.h"
#include "util/text.h"

static const char deleted[] = " (deleted)";

/* As text_parse_u64() in base 16, for a file with 70,000 lines. */
static const char *maps_parse_hex(const char *text, uint64_t *ret)
{
	const char *start = text;
	uint64_t value = 0;

	for (;; text++) {
		unsigned char c = (unsigned char)*text;
		/* '0' is 48, 'a' 97. */
		unsigned int digit = c >= '0' && c <= '9' ? c - 48u : c >= 'a' && c <= 'f' ? c - 97u + 10 : 16;

		if (digit == 16)
			break;
		value = value << 4 | digit;
	}
	if (text == start || text - start > 16)
		return NULL;
	*ret = value;
	return text;
}

/* "start-end perms offset dev inode          path" */
int maps_parse_line(const char *line, struct mapping *ret)
{
	struct mapping mapping;
	const char *at = maps_parse_hex(line, &mapping.start);

	if (!at || *at != '-')
		return -EINVAL;
	at = maps_parse_hex(at + 1, &mapping.end);
	if (!at || *at != ' ' || mapping.end < mapping.start)
		return -EINVAL;
	for (int field = 0; field < 4; field++) {
		at += strspn(at, " ");
		at += strcspn(at, " \n");
		if (field == 0)
			mapping.details = at;
	}
	at += strspn(at, " ");
	mapping.path = at;
	mapping.path_length = strcspn(at, "\n");
	*ret = mapping;
	return 0;
}

int maps_find(const char *text, uint64_t address, struct mapping *ret)
{
	for (const char *line = text; line; line = text_next_line(line)) {
		struct mapping mapping;

		if (maps_parse_line(line, &mapping) == 0 && address >= mapping.start && address < mapping.end) {
			*ret = mapping;
			return 0;
		}
	}
	return -ENOENT;
}

/* " 00025000 fd:01 1234 /path" */
int maps_parse_file(const struct mapping *mapping, struct mapped_file *ret)
{
	uint64_t offset, major, minor, inode;
	const char *at = mapping->details + strspn(mapping->details, " ");

	at = maps_parse_hex(at, &offset);
	if (!at || *at != ' ' || !(at = maps_parse_hex(at + 1, &major)) || *at != ':' ||
	    !(at = maps_parse_hex(at + 1, &minor)) || *at != ' ' || text_parse_u64(at + 1, 10, &inode, NULL) < 0 ||
	    !inode)
		return -ENOENT;
	*ret = (struct mapped_file){ makedev((unsigned int)major, (unsigned int)minor), inode };
	return 0;
}

int64_t maps_count(const char *text)
{
	int64_t n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

/* "\012" -> newline: what the kernel escapes in these files is this one character. */
static size_t maps_unescape(char *text, size_t length)
{
	size_t to = 0;

	for (size_t from = 0; from < length; from++) {
		if (strncmp(text + from, "\\012", 4) == 0) {
			text[to++] = '\n';
			from += 3;
		} else {
			text[to++] = text[from];
		}
	}
	text[to] = '\0';
	return to;
}

char *maps_dup_path(struct mem *m, const struct mapping *mapping, bool *ret_is_deleted)
{
	char *path = mem_strndup(m, mapping->path, mapping->path_length);
	size_t length = maps_unescape(path, strlen(path)), suffix = sizeof deleted - 1;

	*ret_is_deleted = length > suffix && strcmp(path + length - suffix, deleted) == 0;
	if (*ret_is_deleted)
		path[length - suffix] = '\0';
	return path;
}

char **maps_list_libraries(struct mem *m, const char *text)
{
	char **paths = NULL;
	size_t n = 0;

	for (const char *line = text; line && n < MAPS_LIBRARIES_MAX; line = text_next_line(line)) {
		struct mapping mapping;
		const char *mode;
		bool is_deleted;
		char *path;

		/* Executable: a file is mapped several times, its code once or twice in a row. */
		if (maps_parse_line(line, &mapping) < 0 || !mapping.path_length || *mapping.path != '/' ||
		    !(mode = strchr(line, ' ')) || mode[3] != 'x')
			continue;
		path = maps_dup_path(m, &mapping, &is_deleted);
		if (!n || strcmp(paths[n - 1], path) != 0)
			*MEM_PUSH(m, paths, n) = path;
	}
	*MEM_PUSH(m, paths, n) = NULL;
	return paths;
}

void smaps_add(struct smaps_sum *sum, const char *text)
{
	static const char prefix[] = "[anon:";
	int64_t bytes;

	for (const char *line = text; line; line = text_next_line(line)) {
		struct mapping mapping;

		if (maps_parse_line(line, &mapping) == 0) {
			sum->is_named = mapping.path_length > sizeof prefix - 1 + strlen(sum->name) &&
					text_starts_with(mapping.path, prefix) &&
					text_starts_with(mapping.path + sizeof prefix - 1, sum->name);
			if (sum->is_named && sum->bytes == FACT_UNKNOWN)
				sum->bytes = 0;
		} else if (sum->is_named && text_starts_with(line, "Anonymous:") &&
			   text_parse_kib(line + strlen("Anonymous:"), &bytes) == 0 && bytes >= 0 &&
			   bytes <= INT64_MAX - sum->bytes) {
			sum->bytes += bytes;
		}
	}
}
