/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest of pvkit: what the files of this directory share. */
#ifndef _PVKIT_H
#define _PVKIT_H

#include <linux/init.h>
#include <linux/types.h>

#include <asm/pvkit.h>
#include <asm/pvkit/detect.h>
#include <asm/pvkit/abi/info.h>

/* What the host offers; base is 0 when there is no host, or it is not wanted. */
extern struct pvk_offer pvkit_host;

/* info.c: the information page, a checked copy of it */
void pvkit_info_init(u64 gpa, u32 bytes, void *page);
const void *pvkit_info(u32 tag);
u64 pvkit_info_gpa(u32 tag);
u64 pvkit_absent(void);

/* What init_platform() and guest_late_init() consist of, after KVM's part */
void pvkit_clock_init(void);
void pvkit_legacy_init(void);
void pvkit_cpus_init(void);
#ifdef CONFIG_SMP
void pvkit_smp_init(void);
#else
static inline void pvkit_smp_init(void) { }
#endif
void pvkit_seed_init(void);
void pvkit_power_init(void);

/* What pvkit_early_init() consists of, behind the page */
void pvkit_legacy_early_init(void);
void pvkit_cpuid_init(void);
void pvkit_msr_init(void);
void pvkit_tlb_init(void);

/* What ends with the boot */
void pvkit_tlb_running(void);
void pvkit_tick_running(void);

#endif /* _PVKIT_H */
