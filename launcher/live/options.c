/* SPDX-License-Identifier: Apache-2.0 */
#include "live/options.h"

#include <stdio.h>
#include <string.h>

#include "known/conf_keys.h"

#define OPTION_NAME_MAX 256

static const char why[] = "read from the memory of the process";

/* Where the variable's name is not that of the option. */
static const struct {
	const char *key, *symbol;
} renamed[] = {
	{ "zero_realloc", "je_opt_zero_realloc_action" },
	{ "prof_time_resolution", "je_opt_prof_time_res" },
};

static const struct symtab_entry *options_find(const struct symtab *table, const char *key)
{
	char symbol[OPTION_NAME_MAX];

	for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++) {
		if (strcmp(key, renamed[i].key) == 0)
			return symtab_find(table, renamed[i].symbol);
	}
	snprintf(symbol, sizeof symbol, "je_opt_%s", key);
	return symtab_find(table, symbol);
}

/* The `index`th of "disabled auto always". */
static const char *options_word(struct mem *m, const char *words, uint64_t index)
{
	for (; *words; words += strspn(words, " ")) {
		size_t n = strcspn(words, " ");

		if (index-- == 0)
			return mem_strndup(m, words, n);
		words += n;
	}
	return NULL;
}

/* The words in the order of jemalloc's enums, where that is not the order of the key's words. */
static const char *options_enum(struct mem *m, const struct conf_key *key, uint64_t value)
{
	if (strcmp(key->name, "percpu_arena") == 0)
		return options_word(m, "percpu phycpu disabled percpu phycpu", value);
	/* A pointer to its word, or two variables. */
	if (strcmp(key->name, "dss") == 0 || strcmp(key->name, "junk") == 0)
		return NULL;
	return options_word(m, key->words, value);
}

/* NULL when the variable is not of a form that we know. */
static const char *options_decode(struct mem *m, const struct conf_key *key, uint64_t value, uint64_t size)
{
	switch (key->form) {
	case FORM_BOOL:
		return size != 1 || value > 1 ? NULL : value ? "true" : "false";
	case FORM_UNSIGNED:
	case FORM_POSITIVE:
	case FORM_RANGE:
		return mem_printf(m, "%llu", (unsigned long long)value);
	case FORM_SIGNED:
		return mem_printf(m, "%lld", size == 4 ? (long long)(int32_t)value : (long long)value);
	case FORM_WORD:
		return size == 4 ? options_enum(m, key, value) : NULL;
	case FORM_OPTION:
	case FORM_SIZE:
	case FORM_TEXT:
		break;
	}
	return NULL;
}

void options_read_jemalloc(struct live_memory *memory, struct mem *m, const struct symtab *table, uint64_t base,
			   struct conf *ret)
{
	for (const struct conf_key *key = conf_jemalloc_keys; key->name; key++) {
		const struct symtab_entry *entry = options_find(table, key->name);
		const char *text;
		uint64_t value = 0; /* little endian, as all machines that we build for */

		if (!entry || entry->size > sizeof value ||
		    memory_read(memory, base + entry->value, &value, entry->size) < 0)
			continue;
		text = options_decode(m, key, value, entry->size);
		if (text)
			conf_set(m, ret, key->name, text, why);
	}
}

/* mi_option_desc_t of mimalloc 3.5.0 (src/options.c). */
struct mimalloc_option {
	int64_t value;
	int32_t init; /* 0: not looked at yet, 1: default, 2: from its variable */
	int32_t option;
	uint64_t name, legacy_name;
};

void options_read_mimalloc(struct live_memory *memory, struct mem *m, const struct symtab *table, uint64_t base,
			   struct conf *ret)
{
	const struct symtab_entry *entry = symtab_find(table, "mi_options");
	struct mimalloc_option option;

	for (uint64_t at = 0; entry && at + sizeof option <= entry->size; at += sizeof option) {
		char *name;

		if (memory_read(memory, base + entry->value + at, &option, sizeof option) < 0)
			return;
		name = memory_dup_string(memory, m, option.name, OPTION_NAME_MAX);
		if (name && conf_find_key(conf_mimalloc_keys, name))
			conf_set(m, ret, name, mem_printf(m, "%lld", (long long)option.value), why);
	}
}
