/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU: one thread around KVM_RUN. What is done at each exit is in vcpu_exit.c.
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

#include "pv/info.h"
#include "thread.h"
#include "trace.h"
#include "vm.h"

#define KICK_SIGNAL	SIGUSR1

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
	hs_trace_thread(name);
	sigemptyset(&kick);
	sigaddset(&kick, KICK_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
	hs_thread_narrow(HS_THREAD_VCPU);

	atomic_compare_exchange_strong(&request->entered, &never, hs_now());
	while (atomic_load_explicit(&request->stop, memory_order_acquire) == HS_STOP_NONE) {
		/*
		 * Still in the page from the last exit: all that is left if KVM resets them
		 * (death.h).
		 */
		vcpu->last_rip = vcpu->run->s.regs.regs.rip;
		if (!ioctl(vcpu->fd, KVM_RUN, 0)) {
			hs_vcpu_exit(vcpu);
		} else if (errno == EINTR) {
			hs_vcpu_count(&vcpu->interrupted);
			__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
			serve_requests(vcpu);
			hs_park_here(vcpu);
		} else if (errno != EAGAIN) {
			/* EAGAIN: woken while it waits for its start-up IPI */
			hs_vcpu_die(vcpu, HS_STOP_ERROR, "KVM_RUN: %s", strerror(errno));
		}
	}
	hs_park_leave(vcpu);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	atomic_store(&vcpu->cpu_ns, (unsigned long long)cpu.tv_sec * 1000000000ull +
					    (unsigned long long)cpu.tv_nsec);
	return NULL;
}

static void vcpu_on_kick(int sig)
{
	(void)sig;
}

void hs_vcpu_init_signal(void)
{
	struct sigaction action = { .sa_handler = vcpu_on_kick };

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
	vcpu->lapic = calloc(1, sizeof(*vcpu->lapic));
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
