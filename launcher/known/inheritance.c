/* SPDX-License-Identifier: Apache-2.0 */
/* Part of children.so as well (allocator/children): no allocation, and of the libc its strings alone. */
#include "known/inheritance.h"

#include <stdint.h>
#include <string.h>

#include "known/malloc_names.h"

#define PRELOAD "LD_PRELOAD="
/* No PID is so large. */
#define PID_BEYOND (1L << 40)

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* The next entry of LD_PRELOAD at *cursor; of length 0 at the end. */
static struct piece preload_next(const char **cursor)
{
	struct piece piece;

	piece.text = *cursor + strspn(*cursor, " :");
	piece.length = strcspn(piece.text, " :");
	*cursor = piece.text + piece.length;
	return piece;
}

static bool piece_is(const struct piece *a, const struct piece *b)
{
	return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

static bool inheritance_is_ours(const struct inheritance *i, const struct piece *entry)
{
	return piece_is(entry, &i->ours[0]) || piece_is(entry, &i->ours[1]);
}

static void inheritance_note(struct inheritance *i, const char *entry)
{
	if (starts_with(entry, INHERITANCE_SET) && i->n_set < INHERITANCE_MOST) {
		i->set[i->n_set] = entry + strlen(INHERITANCE_SET);
		if (starts_with(i->set[i->n_set], PRELOAD)) {
			const char *cursor = i->set[i->n_set] + strlen(PRELOAD);

			i->ours[0] = preload_next(&cursor);
			i->ours[1] = preload_next(&cursor);
		}
		i->n_set++;
	} else if (starts_with(entry, INHERITANCE_WAS) && i->n_was < INHERITANCE_MOST) {
		i->was[i->n_was++] = entry + strlen(INHERITANCE_WAS);
	} else if (starts_with(entry, INHERITANCE_CHILDREN "=")) {
		i->children = entry + strlen(INHERITANCE_CHILDREN "=");
	} else if (starts_with(entry, INHERITANCE_PID "=")) {
		/* What is no PID is somebody else's, and that of nobody. */
		for (const char *c = entry + strlen(INHERITANCE_PID "="); *c >= '0' && *c <= '9'; c++)
			i->pid = i->pid < PID_BEYOND ? i->pid * 10 + (*c - '0') : PID_BEYOND;
	}
}

void inheritance_read(char *const *environment, struct inheritance *ret)
{
	ret->children = ret->preload = NULL;
	ret->pid = 0;
	ret->n = ret->n_set = ret->n_was = 0;
	ret->ours[0] = ret->ours[1] = (struct piece){ "", 0 };
	for (; environment && environment[ret->n]; ret->n++) {
		const char *entry = environment[ret->n];

		if (*entry == *INHERITANCE_MARK && starts_with(entry, INHERITANCE_MARK))
			inheritance_note(ret, entry);
		else if (*entry == *PRELOAD && starts_with(entry, PRELOAD))
			ret->preload = entry + strlen(PRELOAD);
	}
}

/* By its file's name: an allocator or a sanitizer's runtime. */
static bool piece_has_malloc(const struct piece *entry)
{
#define NAME(prefix, name) prefix,
	static const char names[][24] = { KNOWN_ALLOCATORS(NAME) KNOWN_SANITIZERS(NAME) };
	const char *base = entry->text;

	for (size_t i = 0; i < entry->length; i++) {
		if (entry->text[i] == '/')
			base = entry->text + i + 1;
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (starts_with(base, names[i]))
			return true;
	}
	return false;
}

bool inheritance_has_malloc(const char *library)
{
	const struct piece piece = { library, strlen(library) };

	return piece_has_malloc(&piece);
}

bool inheritance_is_whole(const struct inheritance *i)
{
	const char *cursor = i->preload;
	bool is_there = false;

	if (!cursor || i->ours[0].length == 0)
		return false;
	for (;;) {
		const struct piece entry = preload_next(&cursor);

		if (entry.length == 0)
			break;
		if (piece_is(&entry, &i->ours[0]))
			is_there = true;
		else if (piece_has_malloc(&entry))
			return false;
	}
	return is_there;
}

bool inheritance_names(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (;;) {
		size_t n = strcspn(list, ",");

		if (n == length && memcmp(list, name, n) == 0)
			return true;
		if (!list[n])
			return false;
		list += n + 1;
	}
}

/* "NAME=VALUE" of the list, for the same NAME as `entry` has; NULL. */
static const char *inheritance_find(const char *const *list, size_t n, const char *entry)
{
	size_t length = strcspn(entry, "=");

	for (size_t i = 0; i < n; i++) {
		if (strncmp(list[i], entry, length) == 0 && list[i][length] == '=')
			return list[i];
	}
	return NULL;
}

/* What somebody has added to since: without our libraries. False: nothing is left. */
static bool inheritance_thin(const struct inheritance *i, const char *entry, char *ret)
{
	const char *cursor = entry + strlen(PRELOAD);
	char *end = ret + strlen(PRELOAD);

	memcpy(ret, PRELOAD, strlen(PRELOAD));
	for (;;) {
		const struct piece piece = preload_next(&cursor);

		if (piece.length == 0)
			break;
		if (inheritance_is_ours(i, &piece))
			continue;
		if (end > ret + strlen(PRELOAD))
			*end++ = ':';
		memcpy(end, piece.text, piece.length);
		end += piece.length;
	}
	*end = '\0';
	return end > ret + strlen(PRELOAD);
}

/* What stands in its place; NULL: nothing. */
static const char *inheritance_restore(const struct inheritance *i, const char *entry, char *preload)
{
	const char *set = inheritance_find(i->set, i->n_set, entry);

	if (!set)
		return entry;
	if (strcmp(set, entry) == 0)
		return inheritance_find(i->was, i->n_was, entry);
	if (entry + strlen(PRELOAD) == i->preload)
		return inheritance_thin(i, entry, preload) ? preload : NULL;
	return entry;
}

void inheritance_undo(const struct inheritance *i, char *const *environment, char **ret, char *preload)
{
	for (size_t k = 0; k < i->n; k++) {
		const char *kept;

		if (starts_with(environment[k], INHERITANCE_MARK))
			continue;
		kept = inheritance_restore(i, environment[k], preload);
		if (kept)
			*ret++ = (char *)(uintptr_t)kept;
	}
	*ret = NULL;
}
