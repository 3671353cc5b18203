/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU: one thread around KVM_RUN, and a table of what to do at each reason
 * for which KVM hands over.
 *
 * A PV call is an OUT to HS_PORT_PVK_CALL. Its registers lie in the page that
 * KVM shares with us (KVM_CAP_SYNC_REGS), so that a call costs the one system
 * call that the exit is.
 *
 * Kick: the kicker sets immediate_exit in the shared page, then signals. A
 * signal that arrives before KVM_RUN is thus not lost: KVM_RUN looks at the
 * flag first. The signal's handler does nothing. The thread clears the flag
 * before it looks at what is wanted: a stop, or a request (HS_VCPU_*). Those are
 * served only when KVM_RUN was interrupted: then KVM has completed the last exit.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "dev/info.h"
#include "dev/pv.h"
#include "emu/emu.h"
#include "io.h"
#include "vm.h"

#define KICK_SIGNAL	SIGUSR1

struct exit {
	const char *name;			/* in the accounts */
	void (*handle)(struct hs_vcpu *vcpu);	/* NULL: nothing to do */
};

/* Counters have one writer, this thread, and readers that want no torn value. */
static void count(uint64_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

static void pv_call(struct hs_vcpu *vcpu, uint32_t number)
{
	struct kvm_regs *regs = &vcpu->run->s.regs.regs;
	struct hs_call call = {
		.number = number,
		.arg = { regs->rbx, regs->rcx, regs->rsi, regs->rdi },
	};

	count(&vcpu->pv_calls);
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
	hs_guest_error("vCPU %u: triple fault", vcpu->id);
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
		hs_guest_error("vCPU %u: crashed (KVM system event %u)", vcpu->id, type);
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

static void served(struct hs_vcpu *vcpu)
{
	unsigned int reason = vcpu->run->exit_reason;
	const struct exit *e = reason < HS_VCPU_EXITS ? &exits[reason] : NULL;

	if (!e || !e->name) {
		count(&vcpu->exits[HS_VCPU_EXITS]);
		exit_unexpected(vcpu);
		return;
	}
	count(&vcpu->exits[reason]);
	if (e->handle)
		e->handle(vcpu);
}

/* What others asked for, between two runs. */
static void serve_requests(struct hs_vcpu *vcpu)
{
	unsigned int wanted = atomic_load(&vcpu->requests);
	int ret;

	if (wanted & HS_VCPU_RESTART) {
		ret = hs_boot_restart(vcpu->fd, &vcpu->state, hs_vcpu_has(vcpu, HS_CPU_NX),
				      vcpu->lapic);
		if (ret < 0) {
			hs_error("vCPU %u: KVM refuses the state it is to start with: %s", vcpu->id,
				 strerror(-ret));
			hs_vm_stop(vcpu->vm, HS_STOP_ERROR);
		}
	}
	if (wanted & HS_VCPU_RESUMED) {
		/* EINVAL: the guest does not use kvmclock */
		(void)ioctl(vcpu->fd, KVM_KVMCLOCK_CTRL, 0);
		if (!vcpu->id)
			hs_info_clock(vcpu->vm);
	}
	atomic_fetch_and(&vcpu->requests, ~wanted);
}

static void *vcpu_thread(void *arg)
{
	struct hs_vcpu *vcpu = arg;
	struct hs_run *request = vcpu->vm->run;
	struct timespec cpu;
	unsigned long long never = 0;
	char name[16] = "vcpu0";
	sigset_t kick;

	name[4] = (char)('0' + vcpu->id);
	pthread_setname_np(pthread_self(), name);
	sigemptyset(&kick);
	sigaddset(&kick, KICK_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &kick, NULL);

	atomic_compare_exchange_strong(&request->entered, &never, hs_now());
	while (atomic_load_explicit(&request->stop, memory_order_acquire) == HS_STOP_NONE) {
		if (!ioctl(vcpu->fd, KVM_RUN, 0)) {
			served(vcpu);
		} else if (errno == EINTR) {
			count(&vcpu->interrupted);
			__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
			serve_requests(vcpu);
		} else if (errno != EAGAIN) {
			/* EAGAIN: woken while it waits for its start-up IPI */
			hs_error("vCPU %u: KVM_RUN: %s", vcpu->id, strerror(errno));
			hs_vm_stop(vcpu->vm, HS_STOP_ERROR);
		}
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	atomic_store(&vcpu->cpu_ns,
		     (unsigned long long)cpu.tv_sec * 1000000000ull + (unsigned long long)cpu.tv_nsec);
	return NULL;
}

static void on_kick(int sig)
{
	(void)sig;
}

void hs_vcpu_init_signal(void)
{
	struct sigaction action = { .sa_handler = on_kick };

	/* Without SA_RESTART: KVM_RUN has to come back. */
	sigemptyset(&action.sa_mask);
	sigaction(KICK_SIGNAL, &action, NULL);
}

int hs_vcpu_create(struct hs_vcpu **out, struct hs_vm *vm, unsigned int id)
{
	struct hs_vcpu *vcpu = calloc(1, sizeof(*vcpu));
	int ret, bytes;

	if (!vcpu)
		return -ENOMEM;
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->fd = ioctl(vm->vm_fd, KVM_CREATE_VCPU, (unsigned long)id);
	if (vcpu->fd < 0) {
		ret = -errno;
		hs_error("vCPU %u: KVM_CREATE_VCPU: %s", id, strerror(-ret));
		goto free_vcpu;
	}
	bytes = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (bytes < (int)sizeof(*vcpu->run)) {
		ret = bytes < 0 ? -errno : -EINVAL;
		hs_error("vCPU %u: KVM_GET_VCPU_MMAP_SIZE: %s", id, strerror(-ret));
		goto close_fd;
	}
	vcpu->run_bytes = (size_t)bytes;
	vcpu->run = mmap(NULL, vcpu->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		ret = -errno;
		hs_error("vCPU %u: cannot map its page: %s", id, strerror(-ret));
		goto close_fd;
	}
	vcpu->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	ret = hs_cpuid_set(vm, vcpu->fd, id, &vcpu->cpuid);
	if (ret < 0)
		goto unmap;
	vcpu->lapic = malloc(sizeof(*vcpu->lapic));
	ret = vcpu->lapic ? 0 : -ENOMEM;
	if (!ret && ioctl(vcpu->fd, KVM_GET_LAPIC, vcpu->lapic) < 0)
		ret = -errno;
	if (ret < 0) {
		hs_error("vCPU %u: KVM_GET_LAPIC: %s", id, strerror(-ret));
		goto free_tables;
	}
	*out = vcpu;
	return 0;
free_tables:
	free(vcpu->lapic);
	free(vcpu->cpuid);
unmap:
	munmap(vcpu->run, vcpu->run_bytes);
close_fd:
	close(vcpu->fd);
free_vcpu:
	free(vcpu);
	return ret;
}

void hs_vcpu_destroy(struct hs_vcpu *vcpu)
{
	if (!vcpu)
		return;
	free(vcpu->lapic);
	free(vcpu->cpuid);
	munmap(vcpu->run, vcpu->run_bytes);
	close(vcpu->fd);
	free(vcpu);
}

int hs_vcpu_start(struct hs_vcpu *vcpu)
{
	int ret = pthread_create(&vcpu->thread, NULL, vcpu_thread, vcpu);

	if (ret)
		return -ret;
	vcpu->started = true;
	return 0;
}

void hs_vcpu_kick(struct hs_vcpu *vcpu)
{
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	pthread_kill(vcpu->thread, KICK_SIGNAL);
}

int hs_vcpu_restart(struct hs_vcpu *vcpu, const struct hs_cpu_state *state)
{
	if (atomic_load(&vcpu->requests) & HS_VCPU_RESTART)
		return -EAGAIN;
	vcpu->state = *state;
	atomic_fetch_or(&vcpu->requests, HS_VCPU_RESTART);
	hs_vcpu_kick(vcpu);
	return 0;
}

void hs_vcpu_resumed(struct hs_vcpu *vcpu)
{
	atomic_fetch_or(&vcpu->requests, HS_VCPU_RESUMED);
	hs_vcpu_kick(vcpu);
}

bool hs_vcpu_is_own(const struct hs_vcpu *vcpu)
{
	return pthread_equal(pthread_self(), vcpu->thread);
}

bool hs_vcpu_has(const struct hs_vcpu *vcpu, enum hs_cpu_feature feature)
{
	const struct kvm_cpuid_entry2 *e;

	switch (feature) {
	case HS_CPU_NX:
		e = hs_cpuid_find(vcpu->cpuid, 0x80000001, 0);
		return e && e->edx & (1u << 20);
	case HS_CPU_LA57:
		e = hs_cpuid_find(vcpu->cpuid, 0x7, 0);
		return e && e->ecx & (1u << 16);
	case HS_CPU_X2APIC:
		e = hs_cpuid_find(vcpu->cpuid, 0x1, 0);
		return e && e->ecx & (1u << 21);
	}
	return false;
}
