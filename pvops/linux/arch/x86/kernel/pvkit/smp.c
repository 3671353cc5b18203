// SPDX-License-Identifier: GPL-2.0-only
/*
 * The start of a CPU by a call, at the 64-bit entry that the real-mode
 * trampoline would lead to: no INIT, no start-up IPIs, no code below 1 MiB.
 */
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/pgtable.h>
#include <linux/version.h>

#include <asm/apic.h>
#include <asm/desc.h>
#include <asm/processor.h>
#include <asm/realmode.h>
#include <asm/segment.h>
#include <asm/x86_init.h>

#include <asm/pvkit/abi/call.h>
#include <asm/pvkit/abi/smp.h>

#include "pvkit.h"

#define START_TRIES	100000u	/* of 10 us each: an earlier start of the same CPU ends */

static struct pvk_cpu_start start __aligned(8);

/*
 * What secondary_startup_64 would find behind the trampoline. It verifies the
 * CPU first, which is to see that NX is on; the host has seen to that. CPUs are
 * started one after the other (cpu_hotplug_lock), so one structure is enough. Since 6.5
 * each finds its stack and segments by its number or, where many come up at once, by its
 * APIC id; before that they are handed over.
 */
static int start_cpu(u32 apicid)
{
	unsigned int i;
	long ret;

	for (i = 0; i < START_TRIES; i++) {
		start = (struct pvk_cpu_start){
			.size		= sizeof(start),
			.apic_id	= apicid,
			.flags		= pgtable_l5_enabled() ? PVK_CPU_LA57 : 0,
			.cs		= __KERNEL_CS,
			.ds		= __KERNEL_DS,
			.rip		= (unsigned long)secondary_startup_64_no_verify,
			.cr3		= __pa_symbol(init_top_pgt),
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
			.rsp		= initial_stack,
			.gs_base	= initial_gs,
			.gdt_base	= early_gdt_descr.address,
			.gdt_limit	= early_gdt_descr.size,
#endif
		};
		ret = pvkit_call(PVK_CALL_CPU_START, __pa_symbol(&start), sizeof(start), 0, 0);
		if (ret != -PVK_EAGAIN)
			return ret;
		udelay(10);
	}
	return ret;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
static int wakeup_cpu(u32 apicid, unsigned long start_eip)
#else
static int wakeup_cpu(int apicid, unsigned long start_eip)
#endif
{
	return start_cpu(apicid);
}

static void (*apic_post_init)(void) __initdata;

static void __init set_wakeup(void)
{
	if (apic_post_init)
		apic_post_init();
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	apic_update_callback(wakeup_secondary_cpu_64, wakeup_cpu);
#else
	apic->wakeup_secondary_cpu_64 = wakeup_cpu;
#endif
}

/* As part of init_platform(), after KVM's. */
void __init pvkit_smp_init(void)
{
	if (!(pvkit_features() & PVK_FEAT_SMP))
		return;
	apic_post_init = x86_platform.apic_post_init;
	x86_platform.apic_post_init = set_wakeup;
}
