// SPDX-License-Identifier: BSD-2-Clause
/*
 * Exits of a vCPU: a table of what to do at each reason for which KVM hands over.
 *
 * A PV call is an OUT to HS_PORT_PVK_CALL. Its registers lie in the page that
 * KVM shares with us (KVM_CAP_SYNC_REGS), so that a call costs the one system
 * call that the exit is.
 */
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

#include "pv/pv.h"
#include "emu/emu.h"
#include "gdb/gdb_points.h"
#include "io.h"
#include "trace.h"
#include "vm.h"
#include "util.h"

struct exit {
	const char *name;			/* in the statistics */
	void (*handle)(struct hs_vcpu *vcpu);	/* NULL: nothing to do */
};

/* What KVM knows of the vCPU. What it refuses to tell stays zero. */
static void take_state(struct hs_vcpu *vcpu, struct hs_death *d)
{
	const struct kvm_run *run = vcpu->run;
	struct kvm_vcpu_events events = { 0 };

	d->boot = vcpu->vm->run->boot;
	d->vcpu = vcpu->id;
	d->regs = run->s.regs.regs;
	d->last_rip = vcpu->last_rip;
	for (unsigned int i = 0; i <= HS_VCPU_EXITS; i++)
		d->exits += vcpu->exits[i];
	if (run->exit_reason == KVM_EXIT_SHUTDOWN)
		d->exits--;	/* this one, which told nothing */
	if (ioctl(vcpu->fd, KVM_GET_SREGS, &d->sregs) == 0)
		d->reset = hs_death_is_reset(&d->regs, &d->sregs);
	if (ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events) < 0)
		return;
	d->exception = events.exception.injected || events.exception.pending;
	d->vector = events.exception.nr;
	d->has_error = events.exception.has_error_code;
	d->error = events.exception.error_code;
}

/* Of an instruction that KVM could not emulate (KVM API, section 5, KVM_EXIT_INTERNAL_ERROR) */
static void take_code(const struct kvm_run *run, struct hs_death *d)
{
	unsigned int bytes = run->emulation_failure.insn_size;

	if (run->exit_reason != KVM_EXIT_INTERNAL_ERROR ||
	    run->emulation_failure.suberror != KVM_INTERNAL_ERROR_EMULATION ||
	    run->emulation_failure.ndata < 3 ||
	    !(run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES))
		return;
	d->code_bytes = bytes < HS_DEATH_CODE ? bytes : HS_DEATH_CODE;
	memcpy(d->code, run->emulation_failure.insn_bytes, d->code_bytes);
}

void hs_vcpu_die(struct hs_vcpu *vcpu, enum hs_stop why, const char *fmt, ...)
{
	struct hs_death *d = &vcpu->vm->run->death;
	char text[400];
	va_list args;

	if (!atomic_exchange(&d->taken, true)) {
		va_start(args, fmt);
		vsnprintf(d->what, sizeof(d->what), fmt, args);
		va_end(args);
		take_state(vcpu, d);
		take_code(vcpu->run, d);
		hs_death_text(d, text, sizeof(text));
		/* A crash may recur at each boot; after what ends the process there is none. */
		if (why == HS_STOP_CRASH && !vcpu->vm->config->no_reboot)
			hs_guest_error(HS_LOG_VCPU, "%s", text);
		else
			hs_error("%s", text);
	}
	hs_vm_stop(vcpu->vm, why);
}

static void pv_call(struct hs_vcpu *vcpu, uint32_t number)
{
	struct kvm_regs *regs = &vcpu->run->s.regs.regs;
	struct hs_call call = {
		.number = number,
		.arg = { regs->rbx, regs->rcx, regs->rsi, regs->rdi },
	};
	uint64_t begin = hs_trace_begin();

	hs_vcpu_count(&vcpu->pv_calls);
	hs_pv_call(vcpu->vm->pv, &call);
	hs_trace(HS_TRACE_CALL, begin, NULL, number, (uint64_t)call.status);
	regs->rax = (uint64_t)call.status;
	vcpu->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	if ((number == PVK_CALL_POWER || number == PVK_CALL_BATCH) &&
	    hs_vm_stopped(vcpu->vm) == HS_STOP_PANIC)
		hs_vcpu_die(vcpu, HS_STOP_PANIC, "panic");
}

/* A debugger's, or the guest's own while there is one: the vCPU's next KVM_RUN parks it. */
static void met_breakpoint(struct hs_vcpu *vcpu, const struct kvm_debug_exit_arch *debug)
{
	vcpu->debug = *debug;
	atomic_store(&vcpu->hit, true);
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
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
	if (vcpu->vm->run->by_out && run->io.port == HS_GDB_PORT && write && run->io.size == 1) {
		met_breakpoint(vcpu, &(struct kvm_debug_exit_arch){
			.exception = HS_VCPU_MET_OUT, .pc = run->s.regs.regs.rip });
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
		hs_io_dispatch(vcpu->vm->io, HS_MMIO, run->mmio.phys_addr + i, run->mmio.is_write,
			       1, &run->mmio.data[i], 1);
}

static void exit_shutdown(struct hs_vcpu *vcpu)
{
	hs_vcpu_die(vcpu, HS_STOP_CRASH, "triple fault");
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

	hs_vcpu_die(vcpu, HS_STOP_ERROR, "KVM internal error %u (%s)", sub,
		    sub < HS_COUNT(reason) && reason[sub] ? reason[sub] : "unknown");
}

static void exit_fail_entry(struct hs_vcpu *vcpu)
{
	hs_vcpu_die(vcpu, HS_STOP_ERROR, "the CPU refused to enter the guest, reason 0x%llx",
		    (unsigned long long)vcpu->run->fail_entry.hardware_entry_failure_reason);
}

static void exit_system_event(struct hs_vcpu *vcpu)
{
	uint32_t type = vcpu->run->system_event.type;

	if (type == KVM_SYSTEM_EVENT_SHUTDOWN)
		hs_vm_stop(vcpu->vm, HS_STOP_POWEROFF);
	else if (type == KVM_SYSTEM_EVENT_RESET)
		hs_vm_stop(vcpu->vm, HS_STOP_REBOOT);
	else
		hs_vcpu_die(vcpu, HS_STOP_CRASH, "crashed (KVM system event %u)", type);
}

static void exit_unexpected(struct hs_vcpu *vcpu)
{
	hs_vcpu_die(vcpu, HS_STOP_ERROR, "exit %u of KVM is not one that was asked for",
		    vcpu->run->exit_reason);
}

static void exit_debug(struct hs_vcpu *vcpu)
{
	if (vcpu->vm->config->gdb)
		met_breakpoint(vcpu, &vcpu->run->debug.arch);
	else
		exit_unexpected(vcpu);
}

/* KVM API, section 5; what cannot happen with KVM's own chips is "unexpected". */
static const struct exit exits[HS_VCPU_EXITS] = {
	[KVM_EXIT_UNKNOWN] = { "unknown", exit_unexpected },
	[KVM_EXIT_EXCEPTION] = { "exception", exit_unexpected },
	[KVM_EXIT_IO] = { "io", exit_io },
	[KVM_EXIT_HYPERCALL] = { "hypercall", exit_unexpected },
	[KVM_EXIT_DEBUG] = { "debug", exit_debug },
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

/* Where an access goes, of how many bytes, and whether it is a write; else zeroes. */
static void exit_args(const struct kvm_run *run, uint64_t arg[3])
{
	memset(arg, 0, 3 * sizeof(arg[0]));
	if (run->exit_reason == KVM_EXIT_IO) {
		arg[0] = run->io.port;
		arg[1] = (uint64_t)run->io.size * run->io.count;
		arg[2] = run->io.direction == KVM_EXIT_IO_OUT;
	} else if (run->exit_reason == KVM_EXIT_MMIO) {
		arg[0] = run->mmio.phys_addr;
		arg[1] = run->mmio.len;
		arg[2] = run->mmio.is_write;
	}
}

/* The exit, traced: what it was is read before its handler changes the page. */
static void handle_traced(struct hs_vcpu *vcpu, const struct exit *e)
{
	uint64_t begin = hs_trace_begin(), arg[3];

	exit_args(vcpu->run, arg);
	if (e->handle)
		e->handle(vcpu);
	hs_trace(HS_TRACE_EXIT, begin, e->name, arg[0], arg[1], arg[2]);
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
	if (__builtin_expect(hs_trace_sink != NULL, 0))
		handle_traced(vcpu, e);
	else if (e->handle)
		e->handle(vcpu);
}
