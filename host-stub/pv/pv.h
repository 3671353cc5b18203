/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host side of the contract: calls, events, bus, devices.
 *
 *   call.c   decodes a call, checks session and feature, runs its handler (a table)
 *   event.c  event channels over irq.h
 *   power.c, smp.c, console.c, memory.c, info.c   the platform's features
 *   bus.c    devices, their states, queue set-up, models
 *   queue.c  what all queues share: entries, answers, telling the guest
 *   request.c   of queues whose entries are requests: those in flight, their memory
 *   blk.c    the block device: rings to back end and back
 *   net*.c   the network device, see pv_net.h
 *
 * The call port's region is `unlocked`: calls take pv->lock. Order of locks:
 * pv->lock, then vm->lock; a worker takes neither while it serves a ring.
 */
#ifndef HS_DEV_PV_H
#define HS_DEV_PV_H

#include "../hs.h"

struct hs_pv;

/* Registers a call carries: filled by vcpu_exit.c, status by the handler. */
struct hs_call {
	uint32_t number;
	uint64_t arg[4];
	int64_t status;
};

/* Creates calls, events, bus and one PV device per disk and NIC whose models include pvkit. */
int hs_pv_create(struct hs_vm *vm);

/* A call from a vCPU; thread-safe; takes bounded time. */
void hs_pv_call(struct hs_pv *pv, struct hs_call *call);

/* Asks the guest to switch off. False: it does not listen. Any thread. */
bool hs_pv_ask_power_off(struct hs_pv *pv);

/* CPUID leaf `index` (0 .. PVK_CPUID_MAX) of the pvkit block: EAX..EDX. */
void hs_pv_cpuid(const struct hs_config *config, uint32_t index, uint32_t reg[4]);

/* Counters per device and queue as the JSON value of "pv": see docs/measure.md. */
#include <stdio.h>
void hs_pv_json(struct hs_pv *pv, FILE *out);

#endif /* HS_DEV_PV_H */
