// SPDX-License-Identifier: BSD-2-Clause
/*
 * The porting library: calls of KVM, Hyper-V and Xen. Registers and MSRs: Linux,
 * Documentation/virt/kvm/x86/; "Hypervisor Top-Level Functional Specification",
 * Microsoft; Xen, public/arch-x86/. Numbers of leaves are from the interface's base on.
 */
#include "hv.h"

/* TLFS, "Legal Guest Physical Addresses and MSRs": who we are, and the page of calls */
#define HV_GUEST_OS_ID		0x40000000u
#define HV_HYPERCALL		0x40000001u
#define HV_HYPERCALL_ON		1ull
#define HV_OS_OPEN_SOURCE	(1ull << 63)	/* and vendor 0, version 0: nobody's */
#define HV_OS_OTHER		(0x20ull << 56)	/* type of the OS: none of those listed */
#define HV_HAS_CALLS		5u		/* leaf +3, EAX */

int pvp_hv_has(const struct pvk_interface *interface, __u32 leaf, __u32 bit)
{
	return interface && leaf < interface->leaves && leaf < PVK_LEAVES &&
	       interface->leaf[leaf].eax >> bit & 1;
}

static void open_hyperv(struct pvp_hv *hv)
{
	__u64 was;

	if (!pvp_hv_has(hv->hyperv, 3, HV_HAS_CALLS))
		return;
	hv->code = pvp_os_alloc_code(&hv->code_gpa);
	if (!hv->code) {
		pvp_os_log("Hyper-V: no page for code, so no calls", 0);
		return;
	}
	pvp_os_wrmsr(HV_GUEST_OS_ID, HV_OS_OPEN_SOURCE | HV_OS_OTHER);
	was = pvp_os_rdmsr(HV_HYPERCALL);
	pvp_os_wrmsr(HV_HYPERCALL, (was & 0xffe) | hv->code_gpa | HV_HYPERCALL_ON);
	if (pvp_os_rdmsr(HV_HYPERCALL) & HV_HYPERCALL_ON)
		return;
	pvp_os_log("Hyper-V: the page of calls was refused", 0);
	pvp_os_free(hv->code, PVP_PAGE);
	hv->code = 0;
}

/* Xen fills the page that the MSR (leaf +2, EBX) names: 32 bytes a call. */
static void open_xen(struct pvp_hv *hv)
{
	if (hv->xen->insn != PVK_INSN_NONE || hv->xen->calling != PVK_CALLING_PAGE)
		return;
	hv->code = pvp_os_alloc_code(&hv->code_gpa);
	if (hv->code)
		pvp_os_wrmsr(hv->xen->where, hv->code_gpa);
}

int pvp_hv_open(struct pvp_hv *hv, const struct pvk_stack *stack)
{
	__u32 i;

	*hv = (struct pvp_hv){ 0, 0, 0, 0, 0 };
	for (i = 0; i < stack->interfaces && i < PVK_INTERFACES; i++) {
		const struct pvk_interface *f = &stack->interface[i];

		/* Those of other layers, or behind prefixes, are not this CPU's to call. */
		if (f->via != PVK_VIA_CPUID || f->layer != 0)
			continue;
		if (f->kind == PVK_IF_KVM && !hv->kvm)
			hv->kvm = f;
		else if (f->kind == PVK_IF_HYPERV && !hv->hyperv)
			hv->hyperv = f;
		else if (f->kind == PVK_IF_XEN && !hv->xen)
			hv->xen = f;
	}
	if (hv->kvm || hv->xen)
		hv->hyperv = 0;		/* imitated: see the header */
	if (hv->hyperv)
		open_hyperv(hv);
	else if (hv->xen)
		open_xen(hv);
	return hv->kvm || hv->hyperv || hv->xen ? 0 : -PVK_ENOENT;
}

void pvp_hv_close(struct pvp_hv *hv)
{
	if (hv->code && hv->hyperv) {
		pvp_os_wrmsr(HV_HYPERCALL, 0);
		pvp_os_wrmsr(HV_GUEST_OS_ID, 0);
	}
	/* Xen has no way to take its page back: it only wrote there once. */
	if (hv->code)
		pvp_os_free(hv->code, PVP_PAGE);
	*hv = (struct pvp_hv){ 0, 0, 0, 0, 0 };
}

static __s64 answer(const struct pvp_regs *r)
{
#ifdef __i386__
	return (__s32)r->ax;
#else
	return (__s64)r->ax;
#endif
}

__s64 pvp_kvm_call(const struct pvp_hv *hv, __u32 number, __u64 a, __u64 b, __u64 c, __u64 d)
{
	struct pvp_regs r = { .ax = number, .bx = a, .cx = b, .dx = c, .si = d };

	if (!hv->kvm || hv->kvm->insn == PVK_INSN_NONE)
		return -PVK_ENOSYS;
	pvp_os_hypercall(hv->kvm->insn, 0, &r);
	return answer(&r);
}

__s64 pvp_hyperv_call(const struct pvp_hv *hv, __u64 control, __u64 input, __u64 output)
{
#ifdef __i386__
	struct pvp_regs r = {
		.ax = (__u32)control, .dx = control >> 32, .bx = input >> 32, .cx = (__u32)input,
		.di = output >> 32, .si = (__u32)output,
	};
#else
	struct pvp_regs r = { .cx = control, .dx = input, .r8 = output };
#endif

	if (!hv->hyperv || !hv->code)
		return -PVK_ENOSYS;
	pvp_os_hypercall(PVK_INSN_NONE, hv->code, &r);
	return (__s64)(r.ax & 0xffff);
}

__s64 pvp_xen_call(const struct pvp_hv *hv, __u32 number, const __u64 arg[5])
{
#ifdef __i386__
	struct pvp_regs r = { .ax = number, .bx = arg[0], .cx = arg[1], .dx = arg[2],
			      .si = arg[3], .di = arg[4] };
#else
	struct pvp_regs r = { .ax = number, .di = arg[0], .si = arg[1], .dx = arg[2],
			      .r10 = arg[3], .r8 = arg[4] };
#endif

	if (!hv->xen || number >= PVP_PAGE / 32 ||
	    (hv->xen->insn == PVK_INSN_NONE && !hv->code))
		return -PVK_ENOSYS;
	pvp_os_hypercall(hv->xen->insn, hv->code ? (const __u8 *)hv->code + number * 32 : 0, &r);
	return answer(&r);
}
