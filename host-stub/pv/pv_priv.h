/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the host side of the contract: the sessions, what belongs to them, and the
 * handlers of calls. See pv.h for the files and the order of locks. What a device
 * model needs is in device.h and queue.h.
 */
#ifndef HS_DEV_PV_PRIV_H
#define HS_DEV_PV_PRIV_H

#include <stdatomic.h>
#include <stdio.h>

#include "../io.h"
#include "device.h"
#include "pv.h"

/* Limits, as PVK_CPUID_LIMITS and the device infos state them */
#define HS_PV_CHANNELS		64u	/* messages 0 .. 63 of irq.h */
#define HS_PV_FIXED		(PVK_CHANNEL_PLATFORM_END - PVK_CHANNEL_PLATFORM)	/* 64 on */
#define HS_PV_DOORBELL_CONSOLE	1u	/* value; a device's are id << 8 | queue */
#define HS_PV_BATCH		64u	/* entries of a batch served in one call */
#define HS_PV_BATCH_NS		200000u	/* and the time after which no further one is begun */
#define HS_PV_BATCH_COUNT	65536u	/* longest batch at all */
#define HS_PV_STRUCT		4096u	/* largest structure, bytes */
#define HS_PV_OLDEST		PVK_VERSION(1, 0)	/* guest's version accepted */
#define HS_PV_DEVICES		(HS_MAX_DISKS + HS_MAX_NICS)

/* The console's rings (console.c). The lock guards all of it. */
struct hs_pv_console {
	pthread_mutex_t lock;
	struct pvk_console *ctl;	/* guest memory; NULL: not set up */
	uint8_t *out, *in;		/* guest memory, out_bytes and in_bytes of it */
	uint32_t out_bytes, in_bytes;	/* powers of two */
	uint32_t out_next, in_next;	/* our cursors */
	bool broken;			/* the guest's head or tail made no sense */
	uint64_t setups, flushes, bytes_out, bytes_in, sleeps;
};

struct hs_pv {
	struct hs_chip chip;		/* first */
	struct hs_vm *vm;
	pthread_mutex_t lock;
	bool session;			/* NEGOTIATE succeeded */
	bool platform;			/* PLATFORM_NEGOTIATE did */
	uint64_t leaving;		/* features of sessions that are over but for what drains */
	uint64_t active;		/* features in force, of both sessions */
	struct hs_pv_console console;
	_Atomic uint32_t fixed_bound;	/* bit n: channel PVK_CHANNEL_PLATFORM + n is bound */
	bool ended;			/* by PVK_CALL_POWER */
	_Atomic uint32_t power_request;	/* enum pvk_power_op the guest has not asked for yet */
	uint64_t cpu_starts, mem_reports, mem_bytes;	/* accounts */
	_Atomic uint32_t notify;	/* channel of BUS_NOTIFY, or PVK_CHANNEL_NONE */
	_Atomic uint32_t generation;	/* of the bus */
	struct hs_pv_dev *dev[HS_PV_DEVICES];
	unsigned int devices;
	uint32_t max_queues;
	struct hs_region doorbell;
	_Atomic uint64_t doorbells_unmatched;
	uint64_t calls, calls_refused, sessions;
};

/* What a call's handler gets: arguments 0..3; returns the status. pv->lock held. */
typedef int64_t (*hs_pv_handler)(struct hs_pv *pv, const uint64_t arg[4]);

/* event.c */
int64_t hs_pv_event_bind(struct hs_pv *pv, const uint64_t arg[4]);
int64_t hs_pv_event_unbind(struct hs_pv *pv, const uint64_t arg[4]);
int64_t hs_pv_event_raise(struct hs_pv *pv, const uint64_t arg[4]);
void hs_pv_event_end(struct hs_pv *pv);		/* unbinds all, but for fixed ones */
void hs_pv_event_end_fixed(struct hs_pv *pv);
/* Raises a fixed channel, any thread. False: nobody bound it. */
bool hs_pv_event_raise_fixed(struct hs_pv *pv, uint32_t channel);

/* power.c, smp.c, memory.c */
int64_t hs_pv_power(struct hs_pv *pv, const uint64_t arg[4]);
int64_t hs_pv_power_request(struct hs_pv *pv, const uint64_t arg[4]);
int64_t hs_pv_cpu_start(struct hs_pv *pv, const uint64_t arg[4]);
int64_t hs_pv_mem_report(struct hs_pv *pv, const uint64_t arg[4]);

/* console.c */
int64_t hs_pv_console_setup(struct hs_pv *pv, const uint64_t arg[4]);
int64_t hs_pv_console_flush(struct hs_pv *pv, const uint64_t arg[4]);
/* Takes what the ring holds. True: all of it. */
bool hs_pv_console_drain(struct hs_pv *pv);
/* Drains, then forgets the memory. False: not all could be taken, and `must` is not set. */
bool hs_pv_console_end(struct hs_pv *pv, bool must);

/* bus.c */
int hs_pv_bus_create(struct hs_pv *pv);
void hs_pv_bus_destroy(struct hs_pv *pv);	/* waits for requests in flight */
int64_t hs_pv_bus_info(struct hs_pv *pv, const uint64_t arg[4]);
int64_t hs_pv_bus_notify(struct hs_pv *pv, const uint64_t arg[4]);
int64_t hs_pv_dev_info(struct hs_pv *pv, const uint64_t arg[4]);
int64_t hs_pv_dev_config(struct hs_pv *pv, const uint64_t arg[4]);
int64_t hs_pv_dev_accept(struct hs_pv *pv, const uint64_t arg[4]);
int64_t hs_pv_dev_start(struct hs_pv *pv, const uint64_t arg[4]);
int64_t hs_pv_dev_reset(struct hs_pv *pv, const uint64_t arg[4]);
int64_t hs_pv_dev_control(struct hs_pv *pv, const uint64_t arg[4]);
int64_t hs_pv_queue_setup(struct hs_pv *pv, const uint64_t arg[4]);
int64_t hs_pv_unplug(struct hs_pv *pv, const uint64_t arg[4]);
int64_t hs_pv_replug(struct hs_pv *pv, const uint64_t arg[4]);
/* Resets all devices and gives back all models: 0, or -PVK_EAGAIN while requests drain. */
int64_t hs_pv_bus_end(struct hs_pv *pv);
/* doorbell.c: KVM's ioeventfds. 0 or -errno. Tests have their own. */
int hs_doorbell_bind(struct hs_vm *vm, uint32_t value, int eventfd);
void hs_doorbell_unbind(struct hs_vm *vm, uint32_t value, int eventfd);

#endif /* HS_DEV_PV_PRIV_H */
