/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest of pvkit: what the rest of the kernel sees of it. The contract with
 * the host is in asm/pvkit/abi/, the code in arch/x86/kernel/pvkit/.
 */
#ifndef _ASM_X86_PVKIT_H
#define _ASM_X86_PVKIT_H

#include <linux/types.h>

struct clock_event_device;

#ifdef CONFIG_PVKIT_GUEST

/* x86_64_start_kernel(), as soon as there is a command line. */
void pvkit_early_init(void);

/* The local APIC's timer in deadline mode, before it is registered. */
void pvkit_boot_tick(struct clock_event_device *dev);

/* The platform features (PVK_FEAT_*) in force: offered by the host, accepted by us. */
u64 pvkit_features(void);

/*
 * One call to the host: 0, a result, or a negative error number. Any context;
 * -EAGAIN means that the host made progress and wants to be called again.
 */
long pvkit_call(u32 nr, u64 a0, u64 a1, u64 a2, u64 a3);

/* Tells the host by one write to the doorbell port. */
void pvkit_doorbell(u32 value);

/* The interrupt of one of PVK_CHANNEL_*, to be requested; -errno when there is none. */
int pvkit_channel_irq(u32 channel);

#else
static inline void pvkit_early_init(void) { }
static inline void pvkit_boot_tick(struct clock_event_device *dev) { }
#endif
#endif /* _ASM_X86_PVKIT_H */
