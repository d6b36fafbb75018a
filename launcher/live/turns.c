/* SPDX-License-Identifier: Apache-2.0 */
#include "live/turns.h"

/* How many turns that makes, of no owner more than `share`. */
static size_t turns_sum(const size_t *counts, size_t n_owners, size_t share)
{
	size_t sum = 0;

	for (size_t i = 0; i < n_owners; i++)
		sum += counts[i] < share ? counts[i] : share;
	return sum;
}

size_t turns_share(const size_t *counts, size_t n_owners, size_t room)
{
	size_t share = room;

	while (share > 0 && turns_sum(counts, n_owners, share) > room)
		share--;
	return share;
}

static bool turns_is_before(const struct turns *turns, const struct turn *one, const struct turn *other)
{
	int64_t a = turns->accounts[one->owner], b = turns->accounts[other->owner];

	return one->owner == other->owner ? one->tries < other->tries : a < b;
}

size_t turns_next(const struct turns *turns)
{
	size_t next = turns->n;

	for (size_t i = 0; i < turns->n; i++) {
		const struct turn *turn = &turns->items[i];

		if (turn->state == TURN_WAITS &&
		    (next == turns->n || turns_is_before(turns, turn, &turns->items[next])))
			next = i;
	}
	return next;
}

bool turns_has_rival(const struct turns *turns, size_t at)
{
	for (size_t i = 0; i < turns->n; i++) {
		if (i != at && turns->items[i].state == TURN_WAITS && turns->items[i].tries <= turns->items[at].tries)
			return true;
	}
	return false;
}

void turns_charge(struct turns *turns, size_t at, int64_t cost)
{
	int64_t *account = &turns->accounts[turns->items[at].owner];

	if (cost > 0 && *account < INT64_MAX - cost)
		*account += cost;
}

void turns_end(struct turns *turns, size_t owner, enum turn_state state)
{
	for (size_t i = 0; i < turns->n; i++) {
		struct turn *turn = &turns->items[i];

		if (turn->state == TURN_WAITS && (owner == SIZE_MAX || turn->owner == owner))
			turn->state = (uint8_t)state;
	}
}
