/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a VM: what survives a reboot (struct hs_host), one boot
 * (struct hs_vm), its vCPUs, and the exit status of the process.
 */
#ifndef HS_VM_H
#define HS_VM_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>

#include "boot/boot.h"
#include "death.h"
#include "hs.h"
#include "vcpu_park.h"

/* Exit statuses; docs/man/pvkit-vm.1 lists them. */
enum hs_exit {
	HS_EXIT_OK = 0,			/* power-off, or reboot with --no-reboot */
	HS_EXIT_USAGE = 2,
	HS_EXIT_KERNEL = 3,		/* unreadable, no kernel, truncated, too old */
	HS_EXIT_INITRD = 4,		/* unreadable, empty, too large */
	HS_EXIT_MEMORY = 5,		/* too little or too much */
	HS_EXIT_KVM = 6,		/* no /dev/kvm, no permission, lacks something */
	HS_EXIT_NO_HARDWARE = 7,	/* /dev/kvm with nothing behind it */
	HS_EXIT_DISK = 8,
	HS_EXIT_NIC = 10,		/* a NIC's back end cannot be opened */
	HS_EXIT_HOST = 9,		/* a file, a limit or a right of this machine */
	HS_EXIT_JAIL = 11,		/* --jail strict, --uid, --gid, --cgroup: cannot be had */
	HS_EXIT_CRASH = 20,		/* triple fault with --no-reboot */
	HS_EXIT_ERROR = 21,		/* KVM or the stub gave up on the guest */
	HS_EXIT_PANIC = 22,		/* the guest panicked and said so */
	HS_EXIT_GUEST = 23,		/* the guest switched off with a code other than 0 */
	HS_EXIT_LOOP = 24,		/* it did nothing but boot, config.reboots times */
	HS_EXIT_TIMEOUT = 124,
	HS_EXIT_SIGNAL = 128,		/* + the signal's number */
};

/* What probe.c found out about the host. */
struct hs_probe {
	bool tsc_stable;	/* the host's kernel keeps time by its TSC */
	bool int3;		/* KVM reports int3 to a debugger */
	bool xsetbv;		/* KVM follows XSETBV: if not, a guest must not be shown XSAVE */
	uint64_t exit_ns;	/* an exit to user space and back; 0: unknown */
};

/* What outlives a boot. main.c owns it. */
struct hs_host {
	const struct hs_config *config;
	int kvm_fd;
	struct hs_probe probe;
	struct hs_kernel kernel;
	struct hs_blk *blk[HS_MAX_DISKS];
	struct hs_net *net[HS_MAX_NICS];
	int stop_fd;			/* eventfd: hs_vm_stop() wakes the main thread */
	unsigned int boot;		/* the number of this boot, from 1 */
};

/* hs_vm.run: the request to end */
struct hs_run {
	atomic_int stop;		/* enum hs_stop */
	int stop_fd;			/* the host's */
	bool xsave;			/* the host's */
	bool tsc_stable;		/* the host's */
	bool by_out;			/* --gdb, and the host's KVM does not report int3 */
	atomic_ullong entered;		/* hs_now() when the first vCPU entered, 0 before */
	unsigned int boot;		/* the host's */
	struct hs_park park;
	struct hs_death death;		/* of the first vCPU that died */
};

/* Checks /dev/kvm's version and capabilities. 0 or -ENOTSUP, with the line printed. */
int hs_kvm_check(int kvm_fd);

/*
 * Runs a guest of one page. 0 or -errno, with the line printed.
 */
int hs_probe(int kvm_fd, struct hs_probe *probe);

/* Builds memory, interrupts, chips, vCPUs and boot state; nothing runs yet. */
int hs_vm_create(struct hs_vm **out, struct hs_host *host);

/* Starts the vCPU threads. -errno: none is left running. */
int hs_vm_start(struct hs_vm *vm);

/* After a stop: kicks the vCPUs and joins their threads. Safe when none was started. */
void hs_vm_join(struct hs_vm *vm);

void hs_vm_destroy(struct hs_vm *vm);

/* The guest's time made a jump: it stood still, or the host's was set. */
void hs_vm_notify_clocks(struct hs_vm *vm);

/* vCPUs (vcpu.c) */
#define HS_VCPU_EXITS	40u	/* KVM_EXIT_* up to this are counted by reason */

/* What another thread wants of a vCPU's: bits of hs_vcpu.requests. */
#define HS_VCPU_RESTART		1u	/* to begin at hs_vcpu.state */
#define HS_VCPU_RESUMED		2u	/* the VM stood still: tell its clocks */

/* Where a CPU that is started by PVK_CALL_CPU_START begins, see abi/smp.h. */
struct hs_cpu_state {
	uint64_t rip, rsp, rdi, cr3, gs_base, gdt_base;
	uint16_t gdt_limit, cs, ds;
	bool la57;
};

#define HS_VCPU_MET_OUT	0x100u	/* hs_vcpu.debug.exception: no exception, but gdb_points.h's OUT */

struct hs_vcpu {
	struct hs_vm *vm;
	unsigned int id;	/* also the APIC id */
	int fd;
	struct kvm_run *run;
	size_t run_bytes;
	struct kvm_cpuid2 *cpuid;	/* as KVM was told */
	struct kvm_lapic_state *lapic;	/* as after a reset */
	pthread_t thread;
	bool started;
	atomic_uint requests;
	struct hs_cpu_state state;	/* with HS_VCPU_RESTART: the thread's, else the asker's */
	atomic_bool hit;	/* met a debug exception (`debug`): the vCPU parks */
	struct kvm_debug_exit_arch debug;
	atomic_ullong cpu_ns;	/* of the thread, at its end */
	/* accounts: written by the thread, read by any */
	uint64_t exits[HS_VCPU_EXITS + 1];	/* [HS_VCPU_EXITS]: any other reason */
	uint64_t interrupted;			/* KVM_RUN ended by a signal */
	uint64_t pv_calls;			/* of the KVM_EXIT_IO ones */
	uint64_t last_rip;	/* at the exit before this one; the thread's */
};

int hs_vcpu_create(struct hs_vcpu **out, struct hs_vm *vm, unsigned int id);
void hs_vcpu_destroy(struct hs_vcpu *vcpu);
int hs_vcpu_start(struct hs_vcpu *vcpu);
/* Makes the vCPU leave guest mode and look at the VM's stop request. Any thread. */
void hs_vcpu_kick(struct hs_vcpu *vcpu);
/*
 * Makes the vCPU begin anew, on its own thread, soon. 0, or -EAGAIN while an
 * earlier restart is under way. The state was checked. One caller at a time.
 */
int hs_vcpu_restart(struct hs_vcpu *vcpu, const struct hs_cpu_state *state);
bool hs_vcpu_is_own(const struct hs_vcpu *vcpu);	/* the calling thread's? */
/* A feature of CPUID that the vCPU shows */
enum hs_cpu_feature { HS_CPU_NX, HS_CPU_LA57, HS_CPU_X2APIC };
bool hs_vcpu_has(const struct hs_vcpu *vcpu, enum hs_cpu_feature feature);
/* One MSR of it, read (KVM_GET_MSRS) or written (KVM_SET_MSRS) by the host: 1, or 0. */
int hs_vcpu_msr(const struct hs_vcpu *vcpu, unsigned long request, uint32_t msr, uint64_t *value);
/* The VM stood still and goes on: its vCPUs' threads tell KVM. */
void hs_vcpu_resumed(struct hs_vcpu *vcpu);
/* Once per process: the handler of the kick's signal. */
void hs_vcpu_init_signal(void);
/* Serves the exit that vcpu->run tells of (vcpu_exit.c). On the vCPU's thread. */
void hs_vcpu_exit(struct hs_vcpu *vcpu);
/*
 * The guest cannot go on, for this reason: says where it was, once for each boot (death.h), and
 * ends the VM. On the vCPU's thread.
 */
void hs_vcpu_die(struct hs_vcpu *vcpu, enum hs_stop why, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Name of a KVM_EXIT_* for the statistics, or NULL. */
const char *hs_vcpu_exit_name(unsigned int reason);
/* Counters have one writer, the vCPU's thread, and readers that want no torn value. */
static inline void hs_vcpu_count(uint64_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

/*
 * CPUID of a vCPU (cpuid.c): asks KVM, adapts, sets. *out, to be freed, is what
 * KVM was told. 0 or -errno, with the line printed.
 */
int hs_cpuid_set(struct hs_vm *vm, int vcpu_fd, unsigned int id, struct kvm_cpuid2 **out);
/* An entry of such a table, or NULL. */
struct kvm_cpuid_entry2 *hs_cpuid_find(struct kvm_cpuid2 *cpuid, uint32_t function, uint32_t index);

#endif /* HS_VM_H */
