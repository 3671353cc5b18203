/* SPDX-License-Identifier: BSD-2-Clause */
/* This machine, as a dump; and a dump's processor, as libcpuid sees it. */
#ifndef PVK_TOOL_RECORD_H
#define PVK_TOOL_RECORD_H

#include "dump.h"
#include "../../tools/detect/report.h"

/*
 * Asks this machine all that detection asks, records it in dump, and fills
 * stack. Executes CPUID, and two instructions that fault where neither Xen nor
 * PVM is below; reads /sys and /proc. 0 or -errno.
 */
int record_machine(struct dump *dump, struct pvk_stack *stack);

/* What libcpuid makes of the basic and extended leaves. */
void record_processor(const struct dump *dump, struct processor *processor);

/* Writes path: libcpuid's raw format, and what it lacks. 0 or -errno; no half file is left. */
int record_save(const struct dump *dump, const char *path);

#endif /* PVK_TOOL_RECORD_H */
