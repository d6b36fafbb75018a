/* SPDX-License-Identifier: Apache-2.0 */
#include "support/scenario.h"

#include <string.h>

struct scenario_state scenario;

void scenario_make_build(struct build_facts *build, const char *allocator, const char *version, const char *soname)
{
	const char *machine = scenario.machine.facts.command.elf.machine;
	static char feature[] = BUILD_FEATURE_PURGE, *purges[] = { feature, NULL };

	*build = (struct build_facts){
		.id = mem_printf(&pool, "%s-%s-%s-glibc", allocator, version, machine),
		.allocator = mem_strdup(&pool, allocator),
		.version = mem_strdup(&pool, version),
		.variant = mem_strdup(&pool, ""),
		.path = mem_printf(&pool, "/opt/allocrun/lib/allocrun/%s/%s", allocator, soname),
		.machine = mem_strdup(&pool, machine),
		.libc = LIBC_GLIBC,
		.libc_minor = 28,
		.page_size = 65536,
		.x86_level = FACT_UNKNOWN,
		.is_bundled = true,
		.features = purges,
	};
}

void scenario_make_command(const char *name)
{
	struct facts *f = &scenario.machine.facts;
	const char *machine = f->machine[0] ? f->machine : "x86_64";

	f->command = (struct command_facts){
		.name = mem_strdup(&pool, name),
		.path = mem_printf(&pool, "/usr/bin/%s", name),
		.chain = { mem_printf(&pool, "/usr/bin/%s", name) },
		.n_chain = 1,
		.elf = { .bits = 64,
			 .is_dynamic = true,
			 .page_size = 4096,
			 .interpreter = mem_strdup(&pool, "/lib64/ld-linux.so.2") },
		.libc = LIBC_GLIBC,
		.libc_minor = 36,
		.file_capabilities = TRI_NO,
		.nosuid = TRI_UNKNOWN,
	};
	memcpy(f->command.elf.machine, machine, strlen(machine) + 1);
}

void scenario_parse(const char *name, const char *const *words)
{
	char **argv = NULL, **block = NULL;
	size_t argc = 0, n = 0;
	const char *error = NULL;

	*MEM_PUSH(&pool, argv, argc) = mem_strdup(&pool, "allocrun");
	*MEM_PUSH(&pool, argv, argc) = mem_strdup(&pool, "--explain");
	*MEM_PUSH(&pool, argv, argc) = mem_printf(&pool, "--sysroot=%s/%s", MACHINES_DIR, name);
	for (; *words; words++)
		*MEM_PUSH(&pool, argv, argc) = mem_strdup(&pool, *words);
	*MEM_PUSH(&pool, argv, argc) = NULL;
	for (const char *const *e = scenario.machine.environment; *e; e++)
		*MEM_PUSH(&pool, block, n) = mem_strdup(&pool, *e);
	*MEM_PUSH(&pool, block, n) = NULL;
	if (options_parse(&pool, (int)argc - 1, argv, block, runner_list_ids(&pool, checks), &scenario.options,
			  &error) < 0)
		fail_msg("%s", error);
	root_close(&scenario.options.root);
}

void scenario_open(const char *name, const char *const *environment, const char *const *words)
{
	struct facts *f = &scenario.machine.facts;

	machine_open_with(&scenario.machine, name, environment);
	scenario.is_open = true;
	scenario_parse(name, words);
	if (scenario.options.argv)
		scenario_make_command(scenario.options.argv[0]);
	scenario_make_build(&scenario.builds[0], "jemalloc", "5.3.1", "libjemalloc.so.2");
	scenario_make_build(&scenario.builds[1], "mimalloc", "3.5.0", "libmimalloc.so.3");
	f->catalog = (struct catalog_facts){ .builds = scenario.builds, .n_builds = 2 };
	f->catalog.children = mem_strdup(&pool, SCENARIO_CHILDREN);
}

void scenario_decide(void)
{
	policy_decide(&pool, &scenario.machine.facts, &scenario.options, &scenario.plan);
}

void scenario_close(void)
{
	if (scenario.is_open)
		machine_close(&scenario.machine);
	scenario.is_open = false;
	mem_free_all(&pool);
}

int scenario_free(void **state)
{
	(void)state;
	scenario_close();
	return 0;
}

const struct operation *scenario_find(enum step step, const char *name)
{
	for (size_t i = 0; i < scenario.plan.n_operations; i++) {
		const struct operation *op = &scenario.plan.operations[i];

		if (op->step == step && (!name || strcmp(op->name, name) == 0))
			return op;
	}
	fail_msg("no operation of step %s named %s", step_name(step), name ? name : "anything");
	return NULL;
}

const char *scenario_result(const struct operation *op)
{
	return op->outcome == OUTCOME_PLANNED ? op->value : outcome_name(op->outcome);
}

const char *scenario_memory(void)
{
	const struct operation *op = scenario_find(STEP_MEMPOLICY, NULL);
	char *text = mem_strdup(&pool, "");

	if (op->kind != OP_MEMPOLICY)
		return scenario_result(op);
	for (size_t i = 0; i < op->u.memory.n_choices; i++)
		text = mem_printf(&pool, "%s%s%s", text, i ? " | " : "",
				  mempolicy_describe(&pool, &op->u.memory.choices[i]));
	return text;
}

const char *scenario_part(const struct operation *op, const char *name)
{
	for (size_t i = 0; i < op->parts.n; i++) {
		if (strcmp(op->parts.items[i].name, name) == 0)
			return op->parts.items[i].value ? op->parts.items[i].value : "(out)";
	}
	return NULL;
}

bool scenario_warns(const char *words)
{
	for (size_t i = 0; i < scenario.plan.n_warnings; i++) {
		if (strstr(scenario.plan.warnings[i], words))
			return true;
	}
	return false;
}
