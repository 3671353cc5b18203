/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The porting library: the interfaces of other hypervisors that detect/stack.h
 * found: hypercalls of KVM, Hyper-V and Xen, and what each CPU shares with its host:
 * EOI without an exit, steal time, IPIs by call.
 *
 * Where KVM and Hyper-V stand side by side, it is KVM that offers both, and it
 * takes every call for Hyper-V's once the guest has said who it is. So Hyper-V's
 * interface is used only where KVM's is not there.
 */
#ifndef PVP_HV_H
#define PVP_HV_H

#include "os.h"
#include "../detect/stack.h"

struct pvp_hv {
	const struct pvk_interface *kvm, *hyperv, *xen;	/* NULL: not there, or not used */
	void *code;		/* Hyper-V's or Xen's page of calls */
	__u64 code_gpa;
};

/*
 * Which of the stack's interfaces are used; the stack stays the caller's, as long
 * as hv lives. Allocates a page of code for Hyper-V; without one there are no
 * calls, but all else. Once, on the boot CPU. Returns 0, or -PVK_ENOENT: none is there.
 */
int pvp_hv_open(struct pvp_hv *hv, const struct pvk_stack *stack);
void pvp_hv_close(struct pvp_hv *hv);

/* 1 when the interface offers what bit `bit` of EAX in leaf +`leaf` stands for */
int pvp_hv_has(const struct pvk_interface *interface, __u32 leaf, __u32 bit);

/*
 * KVM (Linux, Documentation/virt/kvm/x86/hypercalls.rst): RAX number, RBX, RCX,
 * RDX, RSI arguments. What KVM answers; -PVK_ENOSYS when there is none to ask.
 */
__s64 pvp_kvm_call(const struct pvp_hv *hv, __u32 number, __u64 a, __u64 b, __u64 c, __u64 d);

#define PVP_KVM_SEND_IPI	10u	/* low, high half of the mask; least APIC id; ICR */

/*
 * Hyper-V (TLFS, "Hypercall Interface"): RCX control, RDX input, R8 output, which are
 * guest-physical addresses, or two values when bit 16 of control says "fast". The
 * status (low 16 bits of the result; 0: success), or -PVK_ENOSYS.
 */
__s64 pvp_hyperv_call(const struct pvp_hv *hv, __u64 control, __u64 input, __u64 output);

#define PVP_HYPERV_FAST		(1ull << 16)
#define PVP_HYPERV_SEND_IPI	0x000bu	/* fast: vector, mask of virtual processors */

/*
 * Xen (xen/include/public/arch-x86/xen-x86_64.h, xen-x86_32.h): RAX number, RDI, RSI, RDX,
 * R10, R8 arguments; on 32 bits EBX, ECX, EDX, ESI, EDI. What Xen answers; -PVK_ENOSYS.
 */
__s64 pvp_xen_call(const struct pvp_hv *hv, __u32 number, const __u64 arg[5]);

#define PVP_XEN_MEMORY_OP	12u
#define PVP_XEN_VCPU_OP		24u

/* ---- what each CPU shares ---- */

struct pvp_cpu {
	const struct pvp_hv *hv;
	__u8 *page;		/* shared: PVP_CPU_BYTES */
	__u64 gpa;
	__u32 *eoi;		/* its word with the bit, or NULL */
	__u32 vp;		/* Hyper-V's or Xen's number of this CPU */
	__u8 steal, ipi;	/* can be had */
	__u8 clock;		/* kvmclock writes its part of the page */
	__u8 reserved;
};

#define PVP_CPU_BYTES	(2 * PVP_PAGE)	/* Hyper-V wants a whole page for its own part */
#define PVP_CPU_CLOCK	0u		/* places in it */
#define PVP_CPU_STEAL	64u
#define PVP_CPU_EOI	128u
#define PVP_CPU_XEN	192u
#define PVP_CPU_ASSIST	PVP_PAGE

/* On the CPU that it is about, before its interrupts are on. 0 or -PVP_ENOMEM. */
int pvp_cpu_open(struct pvp_cpu *cpu, const struct pvp_hv *hv);

/* On the same CPU: the host writes nothing any more, the memory is free. */
void pvp_cpu_close(struct pvp_cpu *cpu);

/*
 * In an interrupt's handler, instead of a write to the local APIC's EOI register:
 * 1 when the host has done it, 0: write the register. (KVM; Hyper-V.)
 */
int pvp_eoi(struct pvp_cpu *cpu);

/* Time that the host did not let this CPU run, ns, to *ns: 0 or -PVK_ENOTSUP (KVM; Xen). */
int pvp_steal(struct pvp_cpu *cpu, __u64 *ns);

/*
 * A fixed interrupt to the CPUs base .. base+63 of which the mask has bits: APIC ids
 * with KVM, virtual processors (pvp_cpu.vp) with Hyper-V, where base is 0. 0;
 * -PVK_ENOTSUP: write the ICR instead; -PVK_EIO: refused.
 */
int pvp_ipi(const struct pvp_cpu *cpu, __u32 base, __u64 mask, __u8 vector);

#endif /* PVP_HV_H */
