// SPDX-License-Identifier: BSD-2-Clause
/*
 * Exits of a vCPU: a table of what to do at each reason for which KVM hands over.
 *
 * A PV call is an OUT to HS_PORT_PVK_CALL. Its registers lie in the page that
 * KVM shares with us (KVM_CAP_SYNC_REGS), so that a call costs the one system
 * call that the exit is.
 */
#include <string.h>

#include "dev/pv.h"
#include "emu/emu.h"
#include "io.h"
#include "vm.h"

struct exit {
	const char *name;			/* in the accounts */
	void (*handle)(struct hs_vcpu *vcpu);	/* NULL: nothing to do */
};

static void pv_call(struct hs_vcpu *vcpu, uint32_t number)
{
	struct kvm_regs *regs = &vcpu->run->s.regs.regs;
	struct hs_call call = {
		.number = number,
		.arg = { regs->rbx, regs->rcx, regs->rsi, regs->rdi },
	};

	hs_vcpu_count(&vcpu->pv_calls);
	hs_pv_call(vcpu->vm->pv, &call);
	regs->rax = (uint64_t)call.status;
	vcpu->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
}

static void exit_io(struct hs_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	bool write = run->io.direction == KVM_EXIT_IO_OUT;
	void *data = (uint8_t *)run + run->io.data_offset;

	if (run->io.port == HS_PORT_PVK_CALL && write && run->io.size == 4 && run->io.count == 1 &&
	    vcpu->vm->pv) {
		uint32_t number;

		memcpy(&number, data, sizeof(number));
		pv_call(vcpu, number);
		return;
	}
	hs_io_dispatch(vcpu->vm->io, HS_PIO, run->io.port, write, run->io.size, data,
		       run->io.count);
}

static void exit_mmio(struct hs_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	unsigned int len = run->mmio.len;

	if (len == 1 || len == 2 || len == 4 || len == 8) {
		hs_io_dispatch(vcpu->vm->io, HS_MMIO, run->mmio.phys_addr, run->mmio.is_write, len,
			       run->mmio.data, 1);
		return;
	}
	/* A piece of an access across a page's edge. */
	for (unsigned int i = 0; i < len && i < sizeof(run->mmio.data); i++)
		hs_io_dispatch(vcpu->vm->io, HS_MMIO, run->mmio.phys_addr + i, run->mmio.is_write, 1,
			       &run->mmio.data[i], 1);
}

static void exit_shutdown(struct hs_vcpu *vcpu)
{
	/* Where is not known: KVM on AMD has reset the registers by now. */
	hs_guest_error(HS_LOG_VCPU, "vCPU %u: triple fault", vcpu->id);
	hs_vm_stop(vcpu->vm, HS_STOP_CRASH);
}

static void exit_internal(struct hs_vcpu *vcpu)
{
	static const char * const reason[] = {
		[KVM_INTERNAL_ERROR_EMULATION] = "instruction emulation failed",
		[KVM_INTERNAL_ERROR_SIMUL_EX] = "two exceptions at once",
		[KVM_INTERNAL_ERROR_DELIVERY_EV] = "exit while an event was delivered",
		[KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON] = "unexpected exit reason",
	};
	uint32_t sub = vcpu->run->internal.suberror;

	hs_error("vCPU %u: KVM internal error %u (%s) at rip 0x%llx: the guest cannot go on",
		 vcpu->id, sub,
		 sub < sizeof(reason) / sizeof(reason[0]) && reason[sub] ? reason[sub] : "unknown",
		 (unsigned long long)vcpu->run->s.regs.regs.rip);
	hs_vm_stop(vcpu->vm, HS_STOP_ERROR);
}

static void exit_fail_entry(struct hs_vcpu *vcpu)
{
	hs_error("vCPU %u: the CPU refused to enter the guest, reason 0x%llx, at rip 0x%llx",
		 vcpu->id,
		 (unsigned long long)vcpu->run->fail_entry.hardware_entry_failure_reason,
		 (unsigned long long)vcpu->run->s.regs.regs.rip);
	hs_vm_stop(vcpu->vm, HS_STOP_ERROR);
}

static void exit_system_event(struct hs_vcpu *vcpu)
{
	uint32_t type = vcpu->run->system_event.type;

	if (type == KVM_SYSTEM_EVENT_SHUTDOWN) {
		hs_vm_stop(vcpu->vm, HS_STOP_POWEROFF);
	} else if (type == KVM_SYSTEM_EVENT_RESET) {
		hs_vm_stop(vcpu->vm, HS_STOP_REBOOT);
	} else {
		hs_guest_error(HS_LOG_VCPU, "vCPU %u: crashed (KVM system event %u)", vcpu->id, type);
		hs_vm_stop(vcpu->vm, HS_STOP_CRASH);
	}
}

static void exit_unexpected(struct hs_vcpu *vcpu)
{
	hs_error("vCPU %u: exit %u of KVM at rip 0x%llx is not one that was asked for", vcpu->id,
		 vcpu->run->exit_reason, (unsigned long long)vcpu->run->s.regs.regs.rip);
	hs_vm_stop(vcpu->vm, HS_STOP_ERROR);
}

/* KVM API, section 5; what cannot happen with KVM's own chips is "unexpected". */
static const struct exit exits[HS_VCPU_EXITS] = {
	[KVM_EXIT_UNKNOWN] = { "unknown", exit_unexpected },
	[KVM_EXIT_EXCEPTION] = { "exception", exit_unexpected },
	[KVM_EXIT_IO] = { "io", exit_io },
	[KVM_EXIT_HYPERCALL] = { "hypercall", exit_unexpected },
	[KVM_EXIT_DEBUG] = { "debug", exit_unexpected },
	[KVM_EXIT_HLT] = { "hlt", exit_unexpected },
	[KVM_EXIT_MMIO] = { "mmio", exit_mmio },
	[KVM_EXIT_IRQ_WINDOW_OPEN] = { "irq_window", NULL },
	[KVM_EXIT_SHUTDOWN] = { "shutdown", exit_shutdown },
	[KVM_EXIT_FAIL_ENTRY] = { "fail_entry", exit_fail_entry },
	[KVM_EXIT_INTR] = { "intr", NULL },
	[KVM_EXIT_SET_TPR] = { "set_tpr", NULL },
	[KVM_EXIT_TPR_ACCESS] = { "tpr_access", NULL },
	[KVM_EXIT_NMI] = { "nmi", NULL },
	[KVM_EXIT_INTERNAL_ERROR] = { "internal_error", exit_internal },
	[KVM_EXIT_SYSTEM_EVENT] = { "system_event", exit_system_event },
	[KVM_EXIT_IOAPIC_EOI] = { "ioapic_eoi", NULL },
};

const char *hs_vcpu_exit_name(unsigned int reason)
{
	if (reason == HS_VCPU_EXITS)
		return "other";
	return reason < HS_VCPU_EXITS ? exits[reason].name : NULL;
}

void hs_vcpu_exit(struct hs_vcpu *vcpu)
{
	unsigned int reason = vcpu->run->exit_reason;
	const struct exit *e = reason < HS_VCPU_EXITS ? &exits[reason] : NULL;

	if (!e || !e->name) {
		hs_vcpu_count(&vcpu->exits[HS_VCPU_EXITS]);
		exit_unexpected(vcpu);
		return;
	}
	hs_vcpu_count(&vcpu->exits[reason]);
	if (e->handle)
		e->handle(vcpu);
}
