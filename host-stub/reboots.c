// SPDX-License-Identifier: BSD-2-Clause
/* See reboots.h. The main thread's; no lock. */
#include "reboots.h"

void hs_reboots_begin(struct hs_reboots *r, uint64_t now)
{
	if (r->most)
		r->began[r->boots % r->most] = now;
	r->boots++;
}

bool hs_reboots_loop(const struct hs_reboots *r, uint64_t now)
{
	/* What the next boot would overwrite is the oldest of the last `most`. */
	return r->most && r->boots >= r->most && now - r->began[r->boots % r->most] < HS_LOOP_NS;
}
