// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUID from the table of the information page.
 *
 * A boot asks for some hundred CPUID leaves, most of them several times and
 * again on each CPU, and each time is an exit. What is not in the table is asked as
 * ever.
 */
#include <linux/cache.h>
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <linux/smp.h>

#include <asm/paravirt.h>
#include <asm/processor.h>
#include <asm/smp.h>
#include <asm/tlbflush.h>

#include "pvkit.h"
#include "table.h"

#define OSXSAVE_BIT	BIT(27)		/* of leaf 1, ECX */
#define OSPKE_BIT	BIT(4)		/* of leaf 7, ECX */

static const struct pvk_info_cpuid *cpuid_table __ro_after_init;
static u32 boot_apic_id __ro_after_init;

/* The table has the boot CPU's id; this CPU's is known to who has started it. */
static u32 this_apic_id(void)
{
	unsigned int cpu = raw_smp_processor_id();

	return cpu ? early_per_cpu(x86_cpu_to_apicid, cpu) : boot_apic_id;
}

static void put_apic_id(u32 leaf, u32 id, struct pvk_cpuid_regs *r)
{
	switch (leaf) {
	case 1:
		r->ebx = (r->ebx & 0x00ffffff) | id << 24;
		break;
	case 0xb:
	case 0x1f:
		r->edx = id;
		break;
	case 0x8000001e:
		r->eax = id;
		r->ebx = (r->ebx & ~0xffu) | (id & 0xff);
		break;
	}
}

static void put_cr4(u32 leaf, unsigned long cr4, struct pvk_cpuid_regs *r)
{
	if (leaf == 1 && cr4 & X86_CR4_OSXSAVE)
		r->ecx |= OSXSAVE_BIT;
	if (leaf == 7 && cr4 & X86_CR4_PKE)
		r->ecx |= OSPKE_BIT;
}

static void pvkit_cpuid(unsigned int *eax, unsigned int *ebx, unsigned int *ecx, unsigned int *edx)
{
	u32 leaf = *eax;
	const struct pvk_info_cpuid_entry *e = pvkit_find_cpuid(cpuid_table, leaf, *ecx);
	struct pvk_cpuid_regs r;

	if (!e) {
		native_cpuid(eax, ebx, ecx, edx);
		return;
	}
	r = (struct pvk_cpuid_regs){ e->eax, e->ebx, e->ecx, e->edx };
	if (e->flags & PVK_CPUID_APIC_ID)
		put_apic_id(leaf, this_apic_id(), &r);
	if (e->flags & PVK_CPUID_CR4)
		put_cr4(leaf, cr4_read_shadow(), &r);
	*eax = r.eax;
	*ebx = r.ebx;
	*ecx = r.ecx;
	*edx = r.edx;
}

/* As soon as the page was read. */
void __init pvkit_cpuid_init(void)
{
	const struct pvk_info_cpuid *table = pvkit_info(PVK_INFO_CPUID);
	const struct pvk_info_cpuid_entry *e;
	unsigned int eax = 1, ebx, ecx = 0, edx;

	if (!table || !pvkit_cpuid_sorted(table))
		return;
	/*
	 * A crash kernel may run on another CPU than the one that the VM began with.
	 * So what is in the table is not taken for this CPU's; leaf 0xb has all of it.
	 */
	e = pvkit_find_cpuid(table, 0, 0);
	if (e && e->eax >= 0xb)
		eax = 0xb;
	native_cpuid(&eax, &ebx, &ecx, &edx);
	boot_apic_id = e && e->eax >= 0xb ? edx : ebx >> 24;
	cpuid_table = table;
	pv_ops.cpu.cpuid = pvkit_cpuid;
}
