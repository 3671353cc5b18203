/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The statistics of one boot: KVM's own statistics, exits to user space,
 * CPU time, and marks. A mark is a byte that the guest writes to
 * HS_PORT_MARK: the statistics at that moment are kept, so that a tool can tell
 * what happened between two marks. docs/stub.md describes the JSON.
 */
#ifndef HS_STATS_H
#define HS_STATS_H

#include <stdio.h>

#include "hs.h"

#define HS_STATS_MARKS	256u	/* kept per boot; later ones are only counted */

struct hs_stats;

/* Opens KVM's statistics and claims the mark port. After the vCPUs were created. */
int hs_stats_create(struct hs_stats **out, struct hs_vm *vm);
void hs_stats_destroy(struct hs_stats *stats);

/*
 * One boot as a JSON object. After hs_vm_join(), or live, on the main thread: then without
 * what the guest said last and how it died.
 */
void hs_stats_json(struct hs_stats *stats, FILE *out, bool live);

const char *hs_stats_stop_name(enum hs_stop stop);

/* CPU time of the process in ns: user and system, all threads. */
void hs_stats_cpu(uint64_t *user, uint64_t *system);

#endif /* HS_STATS_H */
