// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which CPUs there are, from the information page: where the host has neither
 * ACPI nor MP tables.
 */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/version.h>

#include <asm/apic.h>
#include <asm/mpspec.h>
#include <asm/x86_init.h>

#include "pvkit.h"

static void __init register_cpu(u32 apic_id)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	topology_register_apic(apic_id, CPU_ACPIID_INVALID, true);
#else
	/* It becomes the number of a bit: of a bitmap of that size. */
	if (apic_id < MAX_LOCAL_APIC)
		generic_processor_info(apic_id, boot_cpu_apic_version);
	else
		pr_warn("pvkit: a CPU's APIC id is 0x%x: left out\n", apic_id);
#endif
}

static void __init cpus_from_page(void)
{
	const struct pvk_info_cpus *cpus = pvkit_info(PVK_INFO_CPUS);
	u32 i;

#ifdef CONFIG_X86_X2APIC
	if (x2apic_enabled()) {
		/* Without interrupt remapping the physical mode it is; no OEM has a say. */
		x2apic_phys = 1;
		default_acpi_madt_oem_check("", "");
	}
#endif
	register_lapic_address(APIC_DEFAULT_PHYS_BASE);
	for (i = 0; i < cpus->count; i++)
		register_cpu(cpus->apic_id[i]);
	smp_found_config = 1;
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
static void __init cpus_when_late(unsigned int early)
{
	if (!early)
		cpus_from_page();
}
#endif

/* As part of init_platform(). With ACPI tables there it is they that tell of CPUs, too. */
void __init pvkit_cpus_init(void)
{
	u64 need = PVK_ABSENT_ACPI | PVK_ABSENT_BIOS | PVK_ABSENT_IOAPIC;

	if (!pvkit_info(PVK_INFO_CPUS) || (pvkit_absent() & need) != need)
		return;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	x86_init.mpparse.find_mptable = x86_init_noop;
	x86_init.mpparse.early_parse_smp_cfg = x86_init_noop;
	x86_init.mpparse.parse_smp_cfg = cpus_from_page;
#else
	x86_init.mpparse.find_smp_config = x86_init_noop;
	x86_init.mpparse.get_smp_config = cpus_when_late;
#endif
}
