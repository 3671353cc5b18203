// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flushes of global TLB entries while the kernel boots.
 *
 * A boot flushes the whole TLB a dozen times as it changes its own mappings.
 * Without INVPCID that is done by toggling CR4.PGE: two writes that AMD's hosts
 * intercept. With CR4.PGE clear no entry is global, and writing CR3, which no
 * host with nested paging intercepts, does the same. So it stays clear until the
 * first program runs; from then on global entries are worth more than they cost.
 *
 * The shadow of CR4 says all along that PGE is set: to the rest of the kernel
 * nothing has changed.
 */
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/cpu.h>
#include <linux/init.h>
#include <linux/smp.h>

#include <asm/paravirt.h>
#include <asm/processor.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>

#include "pvkit.h"

#define LEAF1_PCID	BIT(17)		/* of leaf 1, ECX */
#define LEAF7_INVPCID	BIT(10)		/* of leaf 7, EBX */

static bool held __read_mostly;	/* CR4.PGE is kept clear */

static void pvkit_write_cr4(unsigned long cr4)
{
	native_write_cr4(held ? cr4 & ~X86_CR4_PGE : cr4);
}

static void pvkit_flush_tlb_kernel(void)
{
	if (held)
		native_flush_tlb_local();
	else
		native_flush_tlb_global();
}

/* After pvkit_cpuid_init(). A CPU that starts gets its CR4 by cr4_init(), so by our hook. */
void __init pvkit_tlb_init(void)
{
	unsigned long cr4 = cr4_read_shadow();

	/* With PCIDs a write to CR3 flushes those of one only; INVPCID is not intercepted. */
	if (!pvkit_info(PVK_INFO_CPUID) || !(cr4 & X86_CR4_PGE) || cpuid_eax(0) < 7 ||
	    cpuid_ecx(1) & LEAF1_PCID || cpuid_ebx(7) & LEAF7_INVPCID)
		return;
	held = true;
	pv_ops.cpu.write_cr4 = pvkit_write_cr4;
	pv_ops.mmu.flush_tlb_kernel = pvkit_flush_tlb_kernel;
	native_write_cr4(cr4 & ~X86_CR4_PGE);
}

static void set_pge(void *unused)
{
	native_write_cr4(cr4_read_shadow());
}

/* The boot is over: global entries are worth having now. Behind boot.c's work. */
void pvkit_tlb_running(void)
{
	if (!held)
		return;
	cpus_read_lock();	/* one that starts sees held, or is told */
	held = false;
	on_each_cpu(set_pge, NULL, 1);
	cpus_read_unlock();
}
