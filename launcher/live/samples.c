/* SPDX-License-Identifier: Apache-2.0 */
#include "live/samples.h"

struct live_sample samples_reduce(struct mem *m, const struct live_facts *live, int64_t after_ms)
{
	struct live_sample sample = { after_ms, NULL, live->n_processes };

	sample.points = mem_alloc(m, live->n_processes * sizeof *sample.points);
	for (size_t i = 0; i < live->n_processes; i++) {
		const struct live_process *p = &live->processes[i];

		sample.points[i] = (struct live_point){
			.pid = p->pid, .start_time = p->start_time, .rss_anon = p->rss_anon,
			.rss_file = p->rss_file, .rss_shmem = p->rss_shmem, .hugetlb = p->hugetlb,
			.allocator_resident = p->allocator_resident,
		};
	}
	return sample;
}

const struct live_point *samples_find(const struct live_sample *sample,
				      const struct live_process *process)
{
	for (size_t i = 0; i < sample->n_points; i++) {
		const struct live_point *point = &sample->points[i];

		if (point->pid == process->pid && point->start_time == process->start_time)
			return point;
	}
	return NULL;
}
