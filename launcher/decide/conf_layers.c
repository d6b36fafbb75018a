/* SPDX-License-Identifier: Apache-2.0 */
#include "decide/conf_layers.h"

#include "util/environment.h"

const char *options_variable(const struct decision *d, const char *name)
{
	return environment_get((const char *const *)d->options->environment, name);
}

struct operation *options_add(const struct decision *d, const char *variable, const char *value, const char *why)
{
	struct operation *op = policy_add(d, STEP_OPTIONS, OP_ENVIRONMENT, variable);

	op->u.environment.variable = variable;
	op->u.environment.text = value;
	op->value = value ? value : "(unset)";
	op->why = why;
	return op;
}

/* "key:value" pieces of one layer over *conf; what cannot be used is said. */
static void options_layer(const struct decision *d, enum conf_kind kind, const char *text, const char *where,
			  struct conf *conf)
{
	struct conf_problems problems = { NULL, 0 };

	if (!text)
		return;
	conf_parse(d->m, kind, text, where, conf, &problems);
	for (size_t i = 0; i < problems.n; i++)
		plan_warn(d->m, d->plan, "%s: %s; left out", where, problems.items[i].text);
}

void options_merge_layers(const struct decision *d, enum conf_kind kind, const struct conf_item *built_in,
			  const char *variable, struct conf *conf)
{
	enum key key = (enum key)(KEY_CONF + kind);
	const struct setting *layers = d->options->confs[kind];

	for (; built_in->key; built_in++)
		conf_set(d->m, conf, built_in->key, built_in->value, built_in->why);
	if (d->section)
		options_layer(d, kind, d->section->settings[key].text, d->section->settings[key].where, conf);
	options_layer(d, kind, layers[ORIGIN_POLICY_FILE].text, layers[ORIGIN_POLICY_FILE].where, conf);
	if (variable)
		options_layer(d, kind, options_variable(d, variable), variable, conf);
	options_layer(d, kind, layers[ORIGIN_ENVIRONMENT].text, layers[ORIGIN_ENVIRONMENT].where, conf);
	options_layer(d, kind, layers[ORIGIN_COMMAND_LINE].text, layers[ORIGIN_COMMAND_LINE].where, conf);
}

struct conf options_read_explicit(const struct decision *d, enum conf_kind kind)
{
	const struct setting *layers = d->options->confs[kind];
	struct conf conf = { NULL, 0 };

	options_layer(d, kind, layers[ORIGIN_ENVIRONMENT].text, layers[ORIGIN_ENVIRONMENT].where, &conf);
	options_layer(d, kind, layers[ORIGIN_COMMAND_LINE].text, layers[ORIGIN_COMMAND_LINE].where, &conf);
	return conf;
}
