/* SPDX-License-Identifier: BSD-2-Clause */
/* A snapshot of a system: this one, or one whose files are below a directory. */
#ifndef PVK_STATUS_GATHER_H
#define PVK_STATUS_GATHER_H

#include "snap.h"

/*
 * Reads what the tables ask for below root; "" is this system, and then the kernel's
 * log comes from the kernel. The CPUID of the snapshot is not touched. 0;
 * -ENOENT when there is no /proc/cmdline (no system, or /proc is not mounted);
 * -E2BIG, -ENOMEM.
 */
int gather(struct snap *snap, const char *root);

#endif /* PVK_STATUS_GATHER_H */
