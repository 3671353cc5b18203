/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The porting library: power, CPUs and unused memory of a pvkit host (abi/power.h,
 * smp.h, mem.h).
 */
#ifndef PVP_POWER_H
#define PVP_POWER_H

#include "host.h"

/*
 * Tells the host that this system switches off, reboots or panics (enum
 * pvk_power_op), with a code and a text (cut at PVK_POWER_TEXT). 0: soon no CPU
 * runs any more: halt; -PVK_ENOTSUP: find another way.
 */
int pvp_power(struct pvp_host *host, __u32 op, __u32 flags, __u32 code, const char *text);

/* What the host wants: enum pvk_power_op; asked when PVK_CHANNEL_POWER was raised. */
int pvp_power_request(struct pvp_host *host);

/*
 * Starts the CPU that s->apic_id names, as the rest of s says; size is set here.
 * 0; -PVK_ENOTSUP: by INIT and start-up IPI, then; other -PVK_E* of abi/smp.h.
 */
int pvp_cpu_start(struct pvp_host *host, struct pvk_cpu_start *s);

/*
 * Gives the host the memory behind `count` blocks (abi/mem.h says how they are
 * written), at most PVK_MEM_REPORT_MAX. What was in them is lost. 0, or -PVK_E*: of the first
 * block that is refused; those before it are given back.
 */
int pvp_mem_report(struct pvp_host *host, const __u64 *blocks, __u32 count);

#endif /* PVP_POWER_H */
