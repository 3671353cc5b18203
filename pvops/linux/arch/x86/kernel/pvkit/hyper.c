// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvkit as a hypervisor_x86.
 *
 * The host runs on KVM and shows KVM's leaves before its own: KVM's features
 * (clock, EOI, IPIs, TLB flushes, steal time, spinlocks) stay with
 * arch/x86/kernel/kvm.c. Only one hypervisor is selected, the one with the
 * highest leaf, which is pvkit; so KVM's callbacks are called from here, first.
 * Its type stays KVM's, for those who ask whether KVM's ways apply.
 */
#include <linux/kernel.h>
#include <linux/kvm_para.h>

#include <asm/apic.h>
#include <asm/hypervisor.h>

#include "pvkit.h"

static u32 __init pvkit_detect(void)
{
	return pvkit_host.base;
}

static void __init init_platform(void)
{
	if (kvm_para_available())
		x86_hyper_kvm.init.init_platform();
	pvkit_clock_init();
	pvkit_legacy_init();
	pvkit_cpus_init();
	pvkit_smp_init();
	pvkit_seed_init();
}

static void __init guest_late_init(void)
{
	if (kvm_para_available())
		x86_hyper_kvm.init.guest_late_init();
	pvkit_power_init();
}

static bool __init x2apic_available(void)
{
	return kvm_para_available() && x86_hyper_kvm.init.x2apic_available();
}

static bool __init msi_ext_dest_id(void)
{
	return kvm_para_available() && x86_hyper_kvm.init.msi_ext_dest_id();
}

const __initconst struct hypervisor_x86 x86_hyper_pvkit = {
	.name			= "pvkit",
	.detect			= pvkit_detect,
	.type			= X86_HYPER_KVM,
	.init.init_platform	= init_platform,
	.init.guest_late_init	= guest_late_init,
	.init.x2apic_available	= x2apic_available,
	.init.msi_ext_dest_id	= msi_ext_dest_id,
};
