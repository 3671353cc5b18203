/* SPDX-License-Identifier: BSD-2-Clause */
/* Is a guest that reboots in a boot loop? By when its last boots began. */
#ifndef HS_REBOOTS_H
#define HS_REBOOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "hs.h"

#define HS_LOOP_NS	10000000000ull

struct hs_reboots {
	unsigned int most;			/* boots within HS_LOOP_NS; 0: any number */
	unsigned int boots;			/* that began, in all */
	uint64_t began[HS_MAX_REBOOTS];		/* the last `most` of them, a ring */
};

/* A boot begins at `now`, in ns of any steady clock. */
void hs_reboots_begin(struct hs_reboots *r, uint64_t now);

/* It ended at `now`, and is to be followed by another: did the last `most` get nowhere? */
bool hs_reboots_loop(const struct hs_reboots *r, uint64_t now);

#endif /* HS_REBOOTS_H */
