// SPDX-License-Identifier: BSD-2-Clause
/*
 * Every feature bit that is known, by interface. Sources: KVM: Linux,
 * Documentation/virt/kvm/x86/cpuid.rst; Hyper-V: Hypervisor Top Level Functional
 * Specification, "Feature discovery"; Xen: xen/include/public/arch-x86/cpuid.h;
 * VMware: Linux, arch/x86/kernel/cpu/vmware.c; ACRN: Linux, asm/acrn.h; bhyve:
 * Linux, arch/x86/kernel/cpu/bhyve.c; QNX: hypervisor guide, guest_check; pvkit:
 * abi/cpuid.h.
 */
#include "stack.h"

enum { EAX, EBX, ECX, EDX };

#define F(kind_, leaf_, reg_, bit_, name_, words_) \
	{ .kind = PVK_IF_ ## kind_, .leaf = leaf_, .reg = reg_, .bit = bit_, .name = name_, \
	  .words = words_ }

static const struct pvk_feature feature[] = {
	F(KVM, 1, EAX, 0, "clocksource", "kvmclock through the old MSRs"),
	F(KVM, 1, EAX, 1, "nop_io_delay", "no delay needed after port I/O"),
	F(KVM, 1, EAX, 2, "mmu_op", "MMU hypercalls (abandoned)"),
	F(KVM, 1, EAX, 3, "clocksource2", "kvmclock"),
	F(KVM, 1, EAX, 4, "async_pf", "page faults of the host told without waiting"),
	F(KVM, 1, EAX, 5, "steal_time", "time that others had is told"),
	F(KVM, 1, EAX, 6, "pv_eoi", "end of interrupt without an exit"),
	F(KVM, 1, EAX, 7, "pv_unhalt", "spinlocks that halt, and kicks"),
	F(KVM, 1, EAX, 9, "pv_tlb_flush", "TLB flushes that skip preempted vCPUs"),
	F(KVM, 1, EAX, 10, "async_pf_vmexit", "async page faults reach nested guests"),
	F(KVM, 1, EAX, 11, "pv_send_ipi", "IPIs to many by one call"),
	F(KVM, 1, EAX, 12, "poll_control", "the guest can stop the host's halt polling"),
	F(KVM, 1, EAX, 13, "pv_sched_yield", "a waiting vCPU yields to another"),
	F(KVM, 1, EAX, 14, "async_pf_int", "async page faults end by an interrupt"),
	F(KVM, 1, EAX, 15, "msi_ext_dest_id", "15-bit destinations in MSIs"),
	F(KVM, 1, EAX, 16, "hc_map_gpa_range", "memory's encryption state is told by a call"),
	F(KVM, 1, EAX, 17, "migration_control", "the guest can forbid migration"),
	F(KVM, 1, EAX, 24, "clocksource_stable", "kvmclock is the same on all vCPUs"),
	F(KVM, 1, EDX, 0, "hint_realtime", "vCPUs are never preempted for long"),

	F(HYPERV, 3, EAX, 0, "vp_runtime", "run time of the vCPU"),
	F(HYPERV, 3, EAX, 1, "time_ref_count", "reference counter in an MSR"),
	F(HYPERV, 3, EAX, 2, "synic", "synthetic interrupt controller"),
	F(HYPERV, 3, EAX, 3, "stimer", "synthetic timers"),
	F(HYPERV, 3, EAX, 4, "apic_msrs", "EOI, ICR, TPR as MSRs, and the VP assist page"),
	F(HYPERV, 3, EAX, 5, "hypercall_msrs", "hypercalls"),
	F(HYPERV, 3, EAX, 6, "vp_index", "index of the vCPU"),
	F(HYPERV, 3, EAX, 7, "reset_msr", "reset by an MSR"),
	F(HYPERV, 3, EAX, 8, "stat_pages", "statistics pages"),
	F(HYPERV, 3, EAX, 9, "reference_tsc", "reference TSC page: time without exits"),
	F(HYPERV, 3, EAX, 10, "guest_idle", "idle by an MSR"),
	F(HYPERV, 3, EAX, 11, "frequency_msrs", "frequencies of TSC and APIC timer"),
	F(HYPERV, 3, EAX, 12, "debug_msrs", "debugger through MSRs"),
	F(HYPERV, 3, EAX, 13, "reenlightenment", "changes of the TSC's frequency are told"),
	F(HYPERV, 3, EAX, 15, "tsc_invariant", "the guest can ask for an invariant TSC"),
	F(HYPERV, 3, EBX, 0, "create_partitions", "privilege: create partitions"),
	F(HYPERV, 3, EBX, 1, "access_partition_id", "privilege: own partition's id"),
	F(HYPERV, 3, EBX, 4, "post_messages", "privilege: post messages (VMBus)"),
	F(HYPERV, 3, EBX, 5, "signal_events", "privilege: signal events (VMBus)"),
	F(HYPERV, 3, EBX, 11, "debugging", "privilege: debugging calls"),
	F(HYPERV, 3, EBX, 12, "cpu_management", "privilege: manage processors (root)"),
	F(HYPERV, 3, EBX, 20, "extended_hypercalls", "privilege: extended calls"),
	F(HYPERV, 3, EBX, 22, "isolation", "isolated (confidential) partition"),
	F(HYPERV, 3, EDX, 3, "cpu_partitioning", "processors may come and go"),
	F(HYPERV, 3, EDX, 4, "xmm_input", "call input in XMM registers"),
	F(HYPERV, 3, EDX, 5, "idle_state", "virtual idle state"),
	F(HYPERV, 3, EDX, 8, "frequencies", "frequency MSRs can be read"),
	F(HYPERV, 3, EDX, 10, "crash_msrs", "crashes are reported through MSRs"),
	F(HYPERV, 3, EDX, 15, "xmm_output", "call output in XMM registers"),
	F(HYPERV, 3, EDX, 19, "direct_timers", "timers that raise an ordinary interrupt"),
	F(HYPERV, 4, EAX, 0, "rec_address_switch", "recommended: address space switch by a call"),
	F(HYPERV, 4, EAX, 1, "rec_local_flush", "recommended: own TLB flush by a call"),
	F(HYPERV, 4, EAX, 2, "rec_remote_flush", "recommended: other CPUs' TLB flush by a call"),
	F(HYPERV, 4, EAX, 3, "rec_apic_msrs", "recommended: EOI, ICR, TPR by MSRs"),
	F(HYPERV, 4, EAX, 4, "rec_reset_msr", "recommended: reset by MSR"),
	F(HYPERV, 4, EAX, 5, "rec_relaxed_timing", "recommended: no watchdogs on interrupt timing"),
	F(HYPERV, 4, EAX, 6, "rec_dma_remapping", "recommended: DMA remapping"),
	F(HYPERV, 4, EAX, 7, "rec_interrupt_remapping", "recommended: interrupt remapping"),
	F(HYPERV, 4, EAX, 9, "rec_no_auto_eoi", "recommended: no automatic EOI"),
	F(HYPERV, 4, EAX, 10, "rec_cluster_ipi", "recommended: IPIs by a call"),
	F(HYPERV, 4, EAX, 11, "rec_ex_masks", "recommended: calls for more than 64 CPUs"),
	F(HYPERV, 4, EAX, 12, "nested", "this Hyper-V is itself a guest of Hyper-V"),
	F(HYPERV, 4, EAX, 14, "rec_enlightened_vmcs", "recommended: enlightened VMCS"),
	F(HYPERV, 4, EAX, 18, "no_core_sharing", "siblings are real: no foreign vCPU on a core"),
	F(HYPERV, 6, EAX, 0, "hw_apic_overlay", "in use: APIC virtualization of the processor"),
	F(HYPERV, 6, EAX, 1, "hw_msr_bitmaps", "in use: MSR bitmaps"),
	F(HYPERV, 6, EAX, 3, "hw_slat", "in use: nested paging"),
	F(HYPERV, 6, EAX, 4, "hw_dma_remapping", "in use: IOMMU for DMA"),
	F(HYPERV, 6, EAX, 5, "hw_interrupt_remapping", "in use: IOMMU for interrupts"),
	F(HYPERV, 10, EAX, 17, "nested_direct_flush", "for nested guests: direct TLB flush"),
	F(HYPERV, 10, EAX, 18, "nested_guest_flush", "for nested guests: flush of guest mappings"),
	F(HYPERV, 10, EAX, 19, "nested_msr_bitmap", "for nested guests: enlightened MSR bitmap"),
	F(HYPERV, 12, EAX, 0, "paravisor", "a paravisor stands between guest and host"),

	F(XEN, 2, ECX, 0, "mmu_preserve_ad", "page table updates keep A and D bits (PV)"),
	F(XEN, 3, EAX, 0, "tsc_emulated", "reading the TSC traps"),
	F(XEN, 3, EAX, 1, "tsc_reliable", "the host's TSC is known to be reliable"),
	F(XEN, 3, EAX, 2, "rdtscp", "RDTSCP is there"),
	F(XEN, 4, EAX, 0, "apic_virtual", "APIC registers virtualized by the processor"),
	F(XEN, 4, EAX, 1, "x2apic_virtual", "x2APIC virtualized by the processor"),
	F(XEN, 4, EAX, 2, "iommu_mappings", "foreign memory has IOMMU mappings"),
	F(XEN, 4, EAX, 3, "vcpu_id", "id of the vCPU in EBX"),
	F(XEN, 4, EAX, 4, "domain_id", "id of the domain in ECX"),
	F(XEN, 4, EAX, 5, "ext_dest_id", "15-bit destinations in MSIs and the I/O APIC"),
	F(XEN, 4, EAX, 6, "upcall_vector", "event channels as vectors, per vCPU"),

	F(VMWARE, 16, ECX, 0, "vmmcall", "calls by VMMCALL"),
	F(VMWARE, 16, ECX, 1, "vmcall", "calls by VMCALL"),

	F(PVKIT, 2, EAX, 0, "event", "event channels"),
	F(PVKIT, 2, EAX, 1, "bus", "devices with shared rings"),
	F(PVKIT, 2, EAX, 2, "batch", "several calls in one transfer"),
	F(PVKIT, 2, EAX, 3, "unplug", "emulated devices change to paravirtual ones and back"),
	F(PVKIT, 2, EDX, 0, "info", "information page: hardware told in memory"),
	F(PVKIT, 2, EDX, 1, "power", "power-off, reboot and panic by a call"),
	F(PVKIT, 2, EDX, 2, "smp", "CPUs are started by a call"),
	F(PVKIT, 2, EDX, 3, "console", "console through rings"),
	F(PVKIT, 2, EDX, 4, "mem", "unused memory is reported"),
	F(PVKIT, 3, EAX, 0, "transfer_pio", "calls through an I/O port"),

	F(PVM, 1, EAX, 3, "clocksource2", "kvmclock"),
	F(PVM, 1, EAX, 5, "steal_time", "time that others had is told"),

	F(ACRN, 1, EAX, 0, "privileged", "this is the service VM"),

	F(BHYVE, 1, EAX, 0, "ext_dest_id", "15-bit destinations in MSIs and the I/O APIC"),

	F(QNX, 1, EAX, 0, "safety", "the safety variant"),
};

const struct pvk_feature *pvk_feature_next(__u8 kind, const struct pvk_feature *after)
{
	const struct pvk_feature *end = feature + sizeof(feature) / sizeof(feature[0]);

	for (after = after ? after + 1 : feature; after < end; after++)
		if (after->kind == kind)
			return after;
	return (const struct pvk_feature *)0;
}
