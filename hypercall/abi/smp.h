/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit ABI: starting CPUs by a call (PVK_FEAT_SMP), directly in 64-bit mode: no code below 1 MiB,
 * no INIT, no start-up IPIs. Those still work as before.
 *
 * PVK_CALL_CPU_START returns when the start is under way. The CPU begins at rip at its own time, in
 * parallel with others. If the CPU runs, or has halted for good, it stops what it does and its
 * local APIC is reset; the APIC's mode (xAPIC or x2APIC) stays. A CPU cannot start itself.
 *
 * State at rip:
 *   CR0 = PE MP ET NE WP AM PG, CR3, CR4 = PAE (LA57 with PVK_CPU_LA57),
 *   EFER = LME LMA, and NXE if CPUID shows NX; RFLAGS = 2 (interrupts off),
 *   RSP, RDI = arg, other general registers 0; CS = cs, a flat 64-bit segment;
 *   DS, ES, SS = ds, flat and writable; FS, GS = 0 with bases 0 and gs_base;
 *   GDTR = gdt_base, gdt_limit (the segments are not loaded from there); IDTR
 *   with limit 0; LDTR and TR unusable or as after a reset; MSRs and FPU as after INIT.
 */
#ifndef PVK_ABI_SMP_H
#define PVK_ABI_SMP_H

#include "types.h"

/*
 * PVK_CALL_CPU_START
 *   -PVK_ENOENT  no CPU has this APIC id
 *   -PVK_EINVAL  it is the caller's own APIC id; a flag is unknown or needs a feature that the
 *                CPU does not have; cs or ds is 0 or has RPL or TI bits; an address is not
 *                canonical
 *   -PVK_EFAULT  cr3 is not page aligned or not in RAM
 *   -PVK_EAGAIN  a start of this CPU is still under way: repeat
 */
struct pvk_cpu_start {
	__u32 size;		/* IN: sizeof(struct pvk_cpu_start) */
	__u32 apic_id;		/* IN */
	__u32 flags;		/* IN: PVK_CPU_LA57 or 0 */
	__u16 cs;		/* IN: selector */
	__u16 ds;		/* IN: selector */
	__u64 rip;		/* IN: linear */
	__u64 rsp;		/* IN: linear */
	__u64 arg;		/* IN: for RDI */
	__u64 cr3;		/* IN: guest-physical, no PCID */
	__u64 gs_base;		/* IN: linear */
	__u64 gdt_base;		/* IN: linear */
	__u32 gdt_limit;	/* IN: at most 0xffff */
	__u32 reserved;		/* IN: 0 */
};

#define PVK_CPU_LA57		(1u << 0)	/* cr3 is a page table of five levels */

PVK_ASSERT_SIZE(struct pvk_cpu_start, 72);
PVK_ASSERT_OFFSET(struct pvk_cpu_start, rip, 16);

#endif /* PVK_ABI_SMP_H */
