/* SPDX-License-Identifier: Apache-2.0 */
/* A C program, without libstdc++, that loads C++ libraries privately.
 *   load_plugin PLUGIN...      out of memory inside each is thrown and caught there
 *   load_plugin                a C++ caller without any C++ runtime: one line, abort */
#include "check.h"

static void use_plugin(const char *path)
{
	void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	int (*caught)(size_t), (*null)(size_t), (*handler)(size_t);
	size_t (*works)(void);

	if (!plugin)
		fprintf(stderr, "%s\n", dlerror());
	CHECK(plugin != NULL);
	caught = (int (*)(size_t))dlsym(plugin, "plugin_bad_alloc_is_caught");
	null = (int (*)(size_t))dlsym(plugin, "plugin_nothrow_is_null");
	handler = (int (*)(size_t))dlsym(plugin, "plugin_nothrow_catches_handler");
	works = (size_t(*)(void))dlsym(plugin, "plugin_works");
	CHECK(caught && null && handler && works);

	CHECK(works() == 1000);
	CHECK(null(impossible_size()) == 1);
	CHECK(caught(impossible_size()) == 1);
	CHECK(handler(impossible_size()) == 1);
	CHECK(works() == 1000);
	CHECK(dlclose(plugin) == 0);
}

int main(int argc, char **argv)
{
	void *(*operator_new)(size_t);
	void *(*operator_new_nothrow)(size_t, const void *);

	check_served("_Znwm");
	CHECK(dlsym(RTLD_DEFAULT, "_ZSt17__throw_bad_allocv") == NULL); /* else this proves nothing */

	for (int i = 1; i < argc; i++)
		use_plugin(argv[i]);
	if (argc == 1) {
		operator_new = (void *(*)(size_t))dlsym(RTLD_DEFAULT, "_Znwm");
		operator_new_nothrow = (void *(*)(size_t, const void *))dlsym(RTLD_DEFAULT, "_ZnwmRKSt9nothrow_t");
		CHECK(operator_new(10) != NULL);
		CHECK(operator_new_nothrow(impossible_size(), "") == NULL);
		operator_new(impossible_size());
		CHECK(!"operator new returned");
	}
	puts("ok");
	return 0;
}
