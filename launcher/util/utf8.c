/* SPDX-License-Identifier: Apache-2.0 */
#include "util/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

size_t utf8_decode(const char *text, uint32_t *ret)
{
	const unsigned char *s = (const unsigned char *)text;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80           ? 1 :
		   (s[0] & 0xe0) == 0xc0 ? 2 :
		   (s[0] & 0xf0) == 0xe0 ? 3 :
		   (s[0] & 0xf8) == 0xf0 ? 4 :
					   0;
	uint32_t c = n == 1 ? s[0] : n ? s[0] & (0xffU >> (n + 1)) : 0;

	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	/* Longer than it need be, half of a pair of UTF-16, beyond Unicode. */
	if (n == 0 || c < least[n] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
		return 0;
	*ret = c;
	return n;
}

/* What is seen as itself, and does nothing else. */
static bool utf8_is_plain(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} odd[] = {
		{ 0, 0x1f },        { 0x7f, 0x9f },     { 0xad, 0xad },     { 0x61c, 0x61c },
		{ 0x180e, 0x180e }, { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
		{ 0xfdd0, 0xfdef }, { 0xfeff, 0xfeff }, { 0xfff9, 0xfffb }, { 0xe0000, 0xe0fff },
	};

	for (size_t i = 0; i < sizeof odd / sizeof *odd && c >= odd[i].first; i++) {
		if (c <= odd[i].last)
			return false;
	}
	return (c & 0xfffe) != 0xfffe;
}

/* Nearly all there is: how many bytes of `s` are printable ASCII. */
static size_t utf8_count_ascii(const unsigned char *s)
{
	size_t n = 0;

	while ((unsigned int)s[n] - 0x20 < 0x5f)
		n++;
	return n;
}

static char *utf8_escape(char *o, unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";
	const char escape[] = { '\\', 'x', digits[byte >> 4], digits[byte & 0xf] };

	return (char *)memcpy(o, escape, sizeof escape) + sizeof escape;
}

char *utf8_clean(struct mem *m, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	char *out = mem_alloc(m, 4 * strlen(text) + 1), *o = out;

	while (*s) {
		uint32_t c = 0;
		size_t n = utf8_count_ascii(s);
		bool is_plain = n > 0;

		if (!is_plain) {
			n = utf8_decode((const char *)s, &c);
			is_plain = n && utf8_is_plain(c);
		}
		if (is_plain) {
			o = (char *)memcpy(o, s, n) + n;
			s += n;
			continue;
		}
		for (n = n ? n : 1; n; n--)
			o = utf8_escape(o, *s++);
	}
	return out;
}

char *utf8_clean_short(struct mem *m, const char *text, size_t size)
{
	char *clean = utf8_clean(m, text);

	if (strlen(clean) <= size)
		return clean;
	/* Not in the middle of a character. */
	while (size && ((unsigned char)clean[size] & 0xc0) == 0x80)
		size--;
	return mem_printf(m, "%.*s...", (int)size, clean);
}

char *utf8_repair(struct mem *m, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	char *out = mem_alloc(m, 3 * strlen(text) + 1), *o = out;

	while (*s) {
		uint32_t c = 0;
		size_t n = utf8_count_ascii(s);

		n = n ? n : utf8_decode((const char *)s, &c);

		o = n ? (char *)memcpy(o, s, n) + n : (char *)memcpy(o, "\xef\xbf\xbd", 3) + 3;
		s += n ? n : 1;
	}
	return out;
}
