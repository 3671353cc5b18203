/* SPDX-License-Identifier: BSD-2-Clause */
/* The system that a tool is to judge: this one, one below a directory, a recorded one. */
#ifndef PVK_STATUS_SOURCE_H
#define PVK_STATUS_SOURCE_H

#include "snap.h"

struct source {
	const char *root, *cpuid, *snapshot;	/* options of that name, or NULL */
};

/* true: these options do not go together; that has been said. */
bool source_refused(const struct source *source);

/* Fills an empty snapshot. 0 or -errno; then what is wrong has been said. */
int source_read(struct snap *snap, const struct source *source);

#endif /* PVK_STATUS_SOURCE_H */
