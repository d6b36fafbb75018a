/* SPDX-License-Identifier: Apache-2.0 */
/* What this mimalloc says of itself: NAME VALUE lines. */
#include "check.h"

int main(void)
{
	int (*version)(void) = (int (*)(void))dlsym(RTLD_DEFAULT, "mi_version");
	char *(*stats)(size_t, char *) = (char *(*)(size_t, char *))dlsym(RTLD_DEFAULT, "mi_stats_get_json");
	char *json;

	CHECK(version && stats);
	printf("version %d\n", version());
	json = stats(0, NULL);
	CHECK(json && json[0] == '{');
	printf("stats json\n");
	return 0;
}
