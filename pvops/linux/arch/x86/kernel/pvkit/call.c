// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding the host, and calling it.
 *
 * Everything here runs on the first page tables, before there is a console,
 * an allocator or a parsed command line: it uses static memory only. Whether
 * a hypervisor is there at all costs one CPUID; whether it is pvkit's, one more
 * for each block of hypervisor leaves before pvkit's (under KVM: one).
 */
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/pgtable.h>
#include <linux/string.h>

#include <asm/cmdline.h>
#include <asm/page.h>
#include <asm/processor.h>
#include <asm/setup.h>

#include <asm/pvkit/abi/call.h>

#include "pvkit.h"

/* What this kernel knows how to use; each file adds its own. */
#define PVKIT_WANTED	(PVK_FEAT_INFO | PVK_FEAT_SMP | PVK_FEAT_CONSOLE | PVK_FEAT_POWER | \
			 PVK_FEAT_MEM)

#define NEGOTIATE_TRIES	1000000u	/* the session of a kernel before us drains */

struct pvk_offer pvkit_host __ro_after_init;
static u64 features __ro_after_init;
static struct pvk_negotiate negotiate __initdata __aligned(8);

u64 pvkit_features(void)
{
	return features;
}

long pvkit_call(u32 nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
	u64 status = nr;

	asm volatile("outl %%eax, %%dx"
		     : "+a" (status)
		     : "d" (pvkit_host.call_port), "b" (a0), "c" (a1), "S" (a2), "D" (a3)
		     : "memory");
	return status;
}

void pvkit_doorbell(u32 value)
{
	outl(value, pvkit_host.doorbell_port);
}

/*
 * The host's leaves stand in the first free block (abi/cpuid.h). So an empty
 * block is the end, and the other two hundred need not be asked for.
 */
static void __init ask_cpuid(void *context, __u32 leaf, struct pvk_cpuid_regs *r)
{
	bool *end = context;
	u32 block = leaf & ~(PVK_CPUID_STEP - 1);

	if (leaf >= PVK_CPUID_FIRST && *end) {
		*r = (struct pvk_cpuid_regs){};
		return;
	}
	r->eax = leaf;
	r->ecx = 0;
	native_cpuid(&r->eax, &r->ebx, &r->ecx, &r->edx);
	/* KVM once answered 0 for its highest leaf: that is the first block's right only. */
	if (leaf == block && leaf > PVK_CPUID_FIRST && r->eax - block >= PVK_CPUID_STEP)
		*end = true;
}

/* Opens the platform's session: 0 or the host's answer. */
static long __init open_session(void)
{
	u64 accept = pvkit_host.features & PVKIT_WANTED;
	unsigned int i;
	long ret;

	if (!accept)
		return -PVK_ENOSYS;
	for (i = 0; i < NEGOTIATE_TRIES; i++) {
		negotiate.size = sizeof(negotiate);
		negotiate.version = PVK_ABI_VERSION;
		negotiate.accept = accept;
		negotiate.active = 0;
		negotiate.reserved = 0;
		ret = pvkit_call(PVK_CALL_PLATFORM_NEGOTIATE, __pa_symbol(&negotiate),
				 sizeof(negotiate), 0, 0);
		if (ret != -PVK_EAGAIN)
			break;
	}
	if (!ret)
		features = READ_ONCE(negotiate.active) & accept;
	return ret;
}

void __init pvkit_early_init(void)
{
	struct pvk_offer offer;
	bool end = false;

	if (cmdline_find_option_bool(boot_command_line, "nopv"))
		return;
	if (pvk_detect(ask_cpuid, &end, &offer) != PVK_DETECT_OK)
		return;
	pvkit_host = offer;
	if (open_session()) {
		pvkit_host.base = 0;
		return;
	}
	/* The first page tables are filled on demand, whatever is asked for. */
	if (features & PVK_FEAT_INFO && offer.info_bytes && offer.info_gpa < MAXMEM)
		pvkit_info_init(offer.info_gpa, offer.info_bytes, __va(offer.info_gpa));
	pvkit_legacy_early_init();
	pvkit_cpuid_init();
	pvkit_msr_init();
	pvkit_tlb_init();
}
