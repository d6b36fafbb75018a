/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_TEST_PARSE_H
#define ALLOCRUN_TEST_PARSE_H

/* allocrun's command line, environment and policy files as a test gives them. */

#include <string.h>

#include "audit/runner.h"
#include "options/options.h"
#include "options/read.h"
#include "support/pool.h"

/* Short for who reads a test; for the linker each case has its own. */
#define PARSE_SYMBOL(name) __asm__("parse_" #name)

#define CONF "/etc/allocrun/policy.conf"
#define WORDS_MAX 12

extern struct options options PARSE_SYMBOL(options);
extern const char *error PARSE_SYMBOL(error);

int parse_set_up(void **state);
int parse_tear_down(void **state);

/* allocrun with these words and variables, NULL-terminated; they are copied. */
int parse_words(const char *const *words, const char *const *environment) PARSE_SYMBOL(parse_words);

int parse_behind(const char *const *first, const char *const *words, const char *const *environment)
	PARSE_SYMBOL(parse_behind);

/* A launch; the policy of the machine that the test runs on is left out of it. */
int parse(const char *const *environment, const char *const *words) PARSE_SYMBOL(parse);

/* --explain with the tree as its root, so that the policy files are those of the tree. */
int parse_below(const char *const *environment, const char *const *words) PARSE_SYMBOL(parse_below);

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NO_ENVIRONMENT NULL

void assert_setting(enum key key, const char *text, enum origin origin, const char *where) PARSE_SYMBOL(assert_setting);

void assert_argv(const char *joined) PARSE_SYMBOL(assert_argv);

#define PARSE_TEST(function) cmocka_unit_test_setup_teardown(function, parse_set_up, parse_tear_down)

#endif
