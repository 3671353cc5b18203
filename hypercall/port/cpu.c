// SPDX-License-Identifier: BSD-2-Clause
/*
 * The porting library: what a CPU shares with its host. KVM's MSRs: Linux,
 * Documentation/virt/kvm/x86/msr.rst; Hyper-V's: TLFS, "Virtual Processor Assist Page"
 * and "HvCallSendSyntheticClusterIpi"; Xen's runstate: public/vcpu.h.
 */
#include "hv.h"
#include "../ring.h"

#define KVM_STEAL_TIME		0x4b564d03u
#define KVM_PV_EOI		0x4b564d04u
#define KVM_MSR_ON		1ull
#define KVM_HAS_STEAL		5u	/* leaf +1, EAX */
#define KVM_HAS_EOI		6u
#define KVM_HAS_IPI		11u

#define HV_VP_INDEX		0x40000002u
#define HV_VP_ASSIST		0x40000073u
#define HV_ASSIST_ON		1ull
#define HV_HAS_APIC_MSRS	4u	/* leaf +3, EAX: the assist page is one of them */
#define HV_HAS_VP_INDEX		6u
#define HV_ADVISES_IPI		10u	/* leaf +4, EAX */

#define XEN_VCPU_ID		3u	/* leaf +4, EAX: EBX is this CPU's number */
#define XEN_GET_RUNSTATE	4u

#define TRIES			1000u

/* Of KVM_STEAL_TIME, 64 bytes: the host makes version odd while it writes. */
struct steal {
	__u64 ns;
	__u32 version, flags;
	__u32 reserved[12];
};

static void open_kvm(struct pvp_cpu *cpu)
{
	const struct pvk_interface *kvm = cpu->hv->kvm;

	if (pvp_hv_has(kvm, 1, KVM_HAS_STEAL)) {
		pvp_os_wrmsr(KVM_STEAL_TIME, (cpu->gpa + PVP_CPU_STEAL) | KVM_MSR_ON);
		cpu->steal = 1;
	}
	if (pvp_hv_has(kvm, 1, KVM_HAS_EOI)) {
		cpu->eoi = (__u32 *)(void *)(cpu->page + PVP_CPU_EOI);
		pvp_os_wrmsr(KVM_PV_EOI, (cpu->gpa + PVP_CPU_EOI) | KVM_MSR_ON);
	}
	cpu->ipi = pvp_hv_has(kvm, 1, KVM_HAS_IPI) && kvm->insn != PVK_INSN_NONE;
}

static void open_hyperv(struct pvp_cpu *cpu)
{
	const struct pvk_interface *hyperv = cpu->hv->hyperv;

	if (pvp_hv_has(hyperv, 3, HV_HAS_VP_INDEX))
		cpu->vp = (__u32)pvp_os_rdmsr(HV_VP_INDEX);
	if (pvp_hv_has(hyperv, 3, HV_HAS_APIC_MSRS)) {
		cpu->eoi = (__u32 *)(void *)(cpu->page + PVP_CPU_ASSIST);
		pvp_os_wrmsr(HV_VP_ASSIST, (cpu->gpa + PVP_CPU_ASSIST) | HV_ASSIST_ON);
	}
	cpu->ipi = pvp_hv_has(hyperv, 4, HV_ADVISES_IPI) && cpu->hv->code;
}

int pvp_cpu_open(struct pvp_cpu *cpu, const struct pvp_hv *hv)
{
	struct pvk_cpuid_regs r;

	*cpu = (struct pvp_cpu){ .hv = hv };
	cpu->page = pvp_os_alloc(PVP_CPU_BYTES, &cpu->gpa);
	if (!cpu->page)
		return -PVP_ENOMEM;
	if (hv->kvm)
		open_kvm(cpu);
	if (hv->hyperv)
		open_hyperv(cpu);
	if (hv->xen && hv->xen->leaves > 4) {
		pvp_os_cpuid(hv->xen->base + 4, &r);	/* each CPU's own answer */
		cpu->steal |= r.eax >> XEN_VCPU_ID & 1;
		if (r.eax >> XEN_VCPU_ID & 1)
			cpu->vp = r.ebx;
	}
	return 0;
}

void pvp_cpu_close(struct pvp_cpu *cpu)
{
	const struct pvp_hv *hv = cpu->hv;

	if (!cpu->page)
		return;
	if (hv->kvm && cpu->steal)
		pvp_os_wrmsr(KVM_STEAL_TIME, 0);
	if (hv->kvm && cpu->eoi)
		pvp_os_wrmsr(KVM_PV_EOI, 0);
	if (hv->hyperv && cpu->eoi)
		pvp_os_wrmsr(HV_VP_ASSIST, 0);
	cpu->eoi = 0;
	pvp_os_free(cpu->page, PVP_CPU_BYTES);
	cpu->page = 0;
}

int pvp_eoi(struct pvp_cpu *cpu)
{
	/* One atomic step: the host looks at the bit between any two of ours. */
	return cpu->eoi && __atomic_fetch_and(cpu->eoi, ~1u, __ATOMIC_SEQ_CST) & 1;
}

static int steal_kvm(struct pvp_cpu *cpu, __u64 *ns)
{
	const volatile struct steal *s = (const volatile void *)(cpu->page + PVP_CPU_STEAL);
	__u32 i, version;
	__u64 value;

	for (i = 0; i < TRIES; i++) {
		version = pvk_load_acquire(&s->version);
		value = s->ns;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(version & 1) && s->version == version) {
			*ns = value;
			return 0;
		}
		pvp_os_relax();
	}
	return -PVP_ETIME;
}

/* struct vcpu_runstate_info: state, when it began, ns in each of running, runnable,
 * blocked, offline. On 32 bits its words follow each other without padding.
 */
static int steal_xen(struct pvp_cpu *cpu, __u64 *ns)
{
	const __u32 times = sizeof(void *) == 8 ? 16 : 12;
	const volatile __u32 *at = (const volatile void *)(cpu->page + PVP_CPU_XEN + times);
	const __u64 arg[5] = {
		XEN_GET_RUNSTATE, cpu->vp, (__u64)(__UINTPTR_TYPE__)(cpu->page + PVP_CPU_XEN),
	};

	if (pvp_xen_call(cpu->hv, PVP_XEN_VCPU_OP, arg))
		return -PVK_EIO;
	*ns = ((__u64)at[3] << 32 | at[2]) + ((__u64)at[7] << 32 | at[6]);
	return 0;
}

int pvp_steal(struct pvp_cpu *cpu, __u64 *ns)
{
	if (!cpu->steal)
		return -PVK_ENOTSUP;
	return cpu->hv->kvm ? steal_kvm(cpu, ns) : steal_xen(cpu, ns);
}

int pvp_ipi(const struct pvp_cpu *cpu, __u32 base, __u64 mask, __u8 vector)
{
	__s64 status;

	if (!cpu->ipi || (cpu->hv->hyperv && base))
		return -PVK_ENOTSUP;
	if (cpu->hv->hyperv) {
		/* fast input: vector and target VTL in one register, the mask in the other */
		status = pvp_hyperv_call(cpu->hv, PVP_HYPERV_SEND_IPI | PVP_HYPERV_FAST, vector,
					 mask);
		return status ? -PVK_EIO : 0;
	}
	/* The mask is two words of the guest's size; ICR: fixed delivery is 0. */
	if (sizeof(void *) == 8)
		status = pvp_kvm_call(cpu->hv, PVP_KVM_SEND_IPI, mask, 0, base, vector);
	else
		status = pvp_kvm_call(cpu->hv, PVP_KVM_SEND_IPI, (__u32)mask, mask >> 32, base,
				      vector);
	return status < 0 ? -PVK_EIO : 0;
}
