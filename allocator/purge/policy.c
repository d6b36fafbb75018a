/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include <string.h>

/*
 * A page that comes back costs 2.6 us: 8 MiB are 5 ms of somebody's time. Less is not worth it.
 */
#define LEAST_PURGE ((size_t)8 << 20)
/*
 * Nor is less than a sixteenth of the heap, while it works: under churn the demand of 2.3 GiB moves between arenas by a
 * fortieth, and what went back was wanted again (bench h).
 */
#define LEAST_SHARE 16
/* Of one part, where all together are worth it: less would be madvise calls, not memory. */
#define LEAST_OF_PART ((size_t)1 << 20)
/* Less than this is no garbage while the process works: the thread sleeps. */
#define LEAST_GARBAGE ((size_t)4 << 20)
/* And less than this is none when it is idle. */
#define LEAST_OF_IDLE ((size_t)256 << 10)
/* Peaks are exact, so looks may be rare: 0.04 % of a core at 250 ms. */
#define LOOK_MS 250
#define NEAR_LOOK_MS 50
#define MOST_PATIENCE 16

static uint64_t ms_to_ns(uint64_t ms)
{
	return ms * 1000000;
}

static void purge_state_begin(struct purge_state *state, const struct purge_look *look)
{
	state->wall_ns = look->wall_ns;
	state->cpu_ns = look->cpu_ns;
	/* A sleep's long average would call a process quiet that has just begun to work. */
	state->quiet_ns = 0;
	for (unsigned why = 0; why < PURGE_WHYS; why++) {
		if (state->patience[why].factor == 0)
			state->patience[why].factor = 1;
	}
}

static uint64_t slot_length(const struct purge_state *state, const struct purge_options *options)
{
	return state->patience[PURGE_DEMAND].factor * ms_to_ns(options->window_ms) / PURGE_SLOTS;
}

static bool purge_wants_peaks(const struct purge_state *state, const struct purge_options *options, uint64_t wall_ns)
{
	return wall_ns - state->slot_ns >= slot_length(state, options);
}

static void total(const struct purge_look *look, size_t *used, size_t *kept)
{
	*used = *kept = 0;
	for (unsigned i = 0; i < look->count; i++) {
		*used += look->parts[i].used;
		*kept += look->parts[i].is_held ? look->parts[i].kept : 0;
	}
}

static void note_quiet(struct purge_state *state, const struct purge_options *options, const struct purge_look *look)
{
	/* Two clocks are read one after the other: the difference may come out below zero. */
	uint64_t used = look->cpu_ns > state->cpu_ns ? look->cpu_ns - state->cpu_ns : 0;
	uint64_t span = look->wall_ns > state->wall_ns ? look->wall_ns - state->wall_ns : 0;

	state->wall_ns = look->wall_ns;
	state->cpu_ns = look->cpu_ns;
	state->quiet_ns = used * 100 < span * options->busy_percent ? state->quiet_ns + span : 0;
}

/* Half of it wanted again within a few of its own waits: too early. Not wanted: it was right. */
static void judge_last(struct purge_state *state, const struct purge_options *options, const struct purge_look *look,
		       size_t resident)
{
	struct purge_patience *patience = &state->patience[state->last];
	uint64_t wait, soon;

	if (state->last == PURGE_NOTHING)
		return;
	wait = ms_to_ns(state->last == PURGE_IDLE ? options->idle_ms : options->window_ms) * patience->factor;
	soon = state->last == PURGE_IDLE ? 8 * wait : 2 * wait;
	if (resident > state->resident_after + state->last_bytes / 2) {
		if (look->wall_ns - state->last_ns < soon) {
			patience->factor = patience->factor < MOST_PATIENCE ? patience->factor * 2 : MOST_PATIENCE;
			state->regrets[state->last]++;
		} else if (patience->factor > 1) {
			patience->factor /= 2;
		}
		state->last = PURGE_NOTHING;
	}
}

static void keep_all_of(struct purge_plan *plan)
{
	memset(plan, 0, sizeof *plan);
	for (unsigned i = 0; i < PURGE_PARTS; i++)
		plan->keep[i] = SIZE_MAX;
}

static void give_all(const struct purge_look *look, struct purge_plan *plan, enum purge_why why)
{
	plan->why = why;
	for (unsigned i = 0; i < look->count; i++) {
		if (look->parts[i].is_held && look->parts[i].kept > 0)
			plan->keep[i] = 0;
	}
}

static size_t peak_of(const struct purge_state *state, unsigned part)
{
	size_t most = 0;

	for (unsigned i = 0; i < PURGE_SLOTS; i++)
		most = state->peaks[part][i] > most ? state->peaks[part][i] : most;
	/* A tenth more: extents come in sizes, and do not fit without a rest. */
	return most + most / 10;
}

static void give_beyond_demand(const struct purge_state *state, const struct purge_look *look, size_t held,
			       struct purge_plan *plan)
{
	size_t sum = 0;

	for (unsigned i = 0; i < look->count; i++) {
		const struct purge_part *part = &look->parts[i];
		size_t peak = peak_of(state, i);
		size_t keep = peak > part->used ? peak - part->used : 0;

		if (!part->is_held || part->kept < keep + LEAST_OF_PART)
			continue;
		plan->keep[i] = keep;
		sum += part->kept - keep;
	}
	if (sum >= LEAST_PURGE && sum >= held / LEAST_SHARE)
		plan->why = PURGE_DEMAND;
	else
		keep_all_of(plan);
}

static void next_slot(struct purge_state *state, const struct purge_look *look)
{
	state->slot_ns = look->wall_ns;
	state->slot = (state->slot + 1) % PURGE_SLOTS;
	state->filled = state->filled < PURGE_SLOTS ? state->filled + 1 : PURGE_SLOTS;
	for (unsigned i = 0; i < look->count; i++)
		state->peaks[i][state->slot] = look->peaks[i];
}

static bool is_near(const struct purge_look *look, unsigned share)
{
	return look->limit != UINT64_MAX && look->left < look->limit / share;
}

static void purge_decide(struct purge_state *state, const struct purge_options *options, const struct purge_look *look,
			 struct purge_plan *plan)
{
	bool has_slot = purge_wants_peaks(state, options, look->wall_ns);
	size_t used, kept;

	keep_all_of(plan);
	note_quiet(state, options, look);
	total(look, &used, &kept);
	judge_last(state, options, look, used + kept);
	if (has_slot)
		next_slot(state, look);

	if (is_near(look, 8) && kept >= LEAST_GARBAGE) {
		give_all(look, plan, PURGE_PRESSURE);
	} else if (kept >= LEAST_OF_IDLE &&
		   state->quiet_ns >= state->patience[PURGE_IDLE].factor * ms_to_ns(options->idle_ms)) {
		give_all(look, plan, PURGE_IDLE);
		plan->stops_when_busy = true;
	} else if (has_slot && state->filled == PURGE_SLOTS && state->quiet_ns == 0) {
		give_beyond_demand(state, look, used + kept, plan);
	}
	if (kept < LEAST_OF_IDLE || (kept < LEAST_GARBAGE && state->quiet_ns == 0))
		plan->sleep_ms = PURGE_SLEEP;
	else
		plan->sleep_ms = is_near(look, 4) ? NEAR_LOOK_MS : LOOK_MS;
}

static void purge_done(struct purge_state *state, const struct purge_plan *plan, size_t bytes,
		       const struct purge_look *after)
{
	size_t used, kept;

	/* The time that the purge took says nothing of the process. */
	state->wall_ns = after->wall_ns;
	state->cpu_ns = after->cpu_ns;
	if (bytes < LEAST_PURGE || plan->why == PURGE_PRESSURE)
		return;
	total(after, &used, &kept);
	state->last = plan->why;
	state->last_ns = after->wall_ns;
	state->last_bytes = bytes;
	state->resident_after = used + kept;
}
