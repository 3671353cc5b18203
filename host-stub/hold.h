/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long vm->lock is held: statistics that whoever holds it keeps, so they
 * need no lock of their own. Off unless there is a clock.
 */
#ifndef HS_HOLD_H
#define HS_HOLD_H

#include <stdint.h>

#define HS_HOLD_BUCKETS	40u	/* [n]: below 2^n ns, and not below half of it */

struct hs_hold {
	uint64_t (*clock)(void);	/* ns; NULL: nothing is measured */
	uint64_t since;
	uint64_t holds, max_ns;
	uint64_t histogram[HS_HOLD_BUCKETS];
};

/* The lock is held now. */
static inline void hs_hold_begin(struct hs_hold *hold)
{
	if (hold->clock)
		hold->since = hold->clock();
}

/* The lock is still held. */
static inline void hs_hold_end(struct hs_hold *hold)
{
	uint64_t ns;
	unsigned int n = 0;

	if (!hold->clock)
		return;
	ns = hold->clock() - hold->since;
	while (ns >> n && n < HS_HOLD_BUCKETS - 1)
		n++;
	hold->histogram[n]++;
	hold->holds++;
	if (ns > hold->max_ns)
		hold->max_ns = ns;
}

#endif /* HS_HOLD_H */
