/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs that stand still, because the user paused the VM or a debugger looks at it. A parked vCPU's
 * thread is outside of KVM_RUN, with its last exit completed and no lock held; it waits until
 * nobody holds it, or for the VM's end. The lock is a leaf.
 */
#ifndef HS_VCPU_PARK_H
#define HS_VCPU_PARK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct hs_vcpu;
struct hs_vm;

/* Each is used by one thread. */
enum hs_holder {
	HS_HELD_BY_USER,	/* the main thread's: the control socket */
	HS_HELD_BY_DEBUGGER,	/* gdb/gdb.c's */
	HS_HOLDERS,
};

/* hs_vm.run.park; a vCPU is a bit of a mask. */
struct hs_park {
	pthread_mutex_t lock;
	pthread_cond_t changed;			/* any of what follows */
	atomic_uint hold[HS_HOLDERS];		/* that are to stand; written with the lock held */
	uint32_t parked;			/* that do */
	uint32_t tell;			/* whose clocks are to be told when they go on */
	uint32_t left;				/* whose threads have ended, or are about to */
	bool end;
	int event_fd;				/* see hs_park_notify(); -1: none */
};

void hs_park_init(struct hs_park *park);
void hs_park_destroy(struct hs_park *park);

/* Before vCPUs run: event_fd, an eventfd, is written when one has met a debug exception. */
void hs_park_notify(struct hs_vm *vm, int event_fd);

/* Before their threads start: each parks before its first instruction. */
void hs_park_at_start(struct hs_vm *vm, enum hs_holder who);

/*
 * Parks all. 0 when they stand, or when the VM ends; -ETIMEDOUT if one is busy for longer than
 * limit_ns (0: no limit): then this holder holds none.
 */
int hs_park_all(struct hs_vm *vm, enum hs_holder who, uint64_t limit_ns);

/*
 * Those of the mask go on as soon as nobody holds them. told: so that the guest's clocks know it,
 * whoever lets them go in the end.
 */
void hs_park_release(struct hs_vm *vm, enum hs_holder who, uint32_t vcpus, bool told);

/* Does this holder hold any? */
bool hs_park_holds(const struct hs_vm *vm, enum hs_holder who);

/* The mask of parked vCPUs that met a debug exception (hs_vcpu.hit). */
uint32_t hs_park_hits(struct hs_vm *vm);

/* The VM ends: nobody parks any more. Before the vCPUs' threads are joined. */
void hs_park_end(struct hs_vm *vm);

/* On the vCPU's own thread: stands still while that is wanted, or if it met a debug exception. */
void hs_park_here(struct hs_vcpu *vcpu);

/* On the vCPU's own thread, its last word: nobody waits for it any longer. */
void hs_park_leave(struct hs_vcpu *vcpu);

#endif /* HS_VCPU_PARK_H */
