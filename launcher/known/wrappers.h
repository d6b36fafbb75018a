/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_KNOWN_WRAPPERS_H
#define ALLOCRUN_KNOWN_WRAPPERS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/mem.h"

/*
 * Programs that only start another one: "nice -n 5 SERVER", "sh -c 'exec SERVER'", "uv run SERVER".
 * What is not understood in full is not looked behind. Pure.
 */
struct wrapped {
	const char *const *argv; /* behind all wrappers that are understood; as it was when there is none */
	bool is_elsewhere;       /* the program is looked for where only the wrapper knows: not on our PATH */
	const char **variables;  /* "NAME=VALUE", that wrappers set */
	size_t n_variables;
};

/* `argv` may be NULL. */
void wrapper_look_behind(struct mem *m, const char *const *argv, struct wrapped *ret);
/* What the command behind them finds, as far as they tell; `environment` itself where they set nothing. */
const char *const *wrapper_environment(struct mem *m, const struct wrapped *wrapped, const char *const *environment);

#endif
