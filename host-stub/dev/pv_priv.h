/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the host side of the contract. See pv.h for the files and the order
 * of locks.
 *
 * What a worker and a call both touch is atomic or handed over by
 * hs_worker_call(); everything else belongs to whoever holds pv->lock.
 */
#ifndef HS_DEV_PV_PRIV_H
#define HS_DEV_PV_PRIV_H

#include <stdatomic.h>

#include "../../hypercall/ring.h"
#include "../backend/blk.h"
#include "../backend/worker_io.h"
#include "../io.h"
#include "../irq.h"
#include "../mem.h"
#include "pv.h"

/* Limits, as PVK_CPUID_LIMITS and the device infos state them */
#define HS_PV_CHANNELS		HS_IRQ_MESSAGES
#define HS_PV_ENTRIES		256u	/* of a ring */
#define HS_PV_BATCH		64u	/* entries of a batch served in one call */
#define HS_PV_BATCH_NS		200000u	/* and the time after which no further one is begun */
#define HS_PV_BATCH_COUNT	65536u	/* longest batch at all */
#define HS_PV_STRUCT		4096u	/* largest structure, bytes */
#define HS_PV_OLDEST		PVK_VERSION(1, 0)	/* guest's version accepted */
#define HS_PV_QUEUES		(2 * HS_MAX_VCPUS)	/* of a device */
#define HS_PV_BUDGET		64u	/* requests taken from a queue per poll */

struct hs_pv_dev;
struct hs_pv_queue;

/* Counters of a queue; they outlive resets of the device. One writer, the worker. */
struct hs_pv_counters {
	_Atomic uint64_t requests[PVK_BLK_WRITE_ZEROES + 1];	/* by op; [0]: unknown */
	_Atomic uint64_t bytes_read, bytes_written;
	_Atomic uint64_t segments;
	_Atomic uint64_t errors;	/* answered with a status < 0 */
	_Atomic uint64_t doorbells;
	_Atomic uint64_t events_raised;
	_Atomic uint64_t events_suppressed;	/* batches of answers nobody asked to hear of */
	_Atomic uint64_t polls_found;	/* polls of the ring that found requests */
};

struct hs_pv_blk_req {
	struct hs_blk_req blk;		/* first */
	struct hs_pv_queue *queue;
	struct hs_pv_blk_req *next;	/* free */
	uint16_t id;
	uint8_t op;
	struct iovec iov[PVK_BLK_MAX_SEGS];
};

/*
 * A queue from QUEUE_SETUP to the end of DEV_RESET. Between DEV_START and the
 * stop in DEV_RESET the worker owns it, but for the fields marked fixed.
 */
struct hs_pv_queue {
	struct hs_source source;	/* first; eventfd fixed */
	struct hs_pv_dev *dev;		/* fixed */
	struct hs_pv_counters *counters;	/* fixed */
	uint32_t index, entries, channel, doorbell;	/* fixed */
	void *sq_slots, *cq_slots;	/* fixed: guest memory */
	struct pvk_ring_ctl *ctl;	/* fixed: guest memory */
	struct pvk_ring sq, cq;
	uint32_t looked;		/* cq.next when the wake word was last looked at */
	uint32_t told;			/* cq.next when the guest was last told */
	uint64_t put_at;		/* hs_now() when an answer was last seen to be untold */
	bool live;			/* answers go to the guest */
	struct hs_pv_blk_req *free;
	struct hs_pv_blk_req *pool;	/* `entries` of them */
	atomic_uint in_flight;		/* read and not answered */
};

struct hs_pv_dev {
	struct hs_pv *pv;
	uint32_t id;
	struct hs_blk *blk;
	struct hs_blk_info info;	/* all but bytes */
	unsigned int disk;		/* in the config's order */
	bool has_twin;
	enum pvk_face face;
	uint64_t features, accepted;
	_Atomic uint32_t state;		/* the worker: RUNNING -> NEEDS_RESET only */
	_Atomic uint32_t generation;
	struct hs_pv_queue *queue[HS_PV_QUEUES];
	struct hs_pv_counters counters[HS_PV_QUEUES];
	uint64_t resets;
};

struct hs_pv {
	struct hs_chip chip;		/* first */
	struct hs_vm *vm;
	pthread_mutex_t lock;
	bool session;			/* NEGOTIATE succeeded */
	bool leaving;			/* the session is over but for what drains */
	uint64_t active;		/* features in force */
	_Atomic uint32_t notify;	/* channel of BUS_NOTIFY, or PVK_CHANNEL_NONE */
	_Atomic uint32_t generation;	/* of the bus */
	struct hs_pv_dev *dev[HS_MAX_DISKS];
	unsigned int devices;
	uint32_t max_queues;
	struct hs_region doorbell;
	_Atomic uint64_t doorbells_unmatched;
	uint64_t calls, calls_refused, sessions;
};

/* What a call's handler gets: arguments 0..3; returns the status. pv->lock held. */
typedef int64_t (*hs_pv_handler)(struct hs_pv *pv, const uint64_t arg[4]);

/*
 * Structures by the rules of abi/call.h. _in copies what both sides know and
 * zeroes the rest of `to` (known bytes): 0; -PVK_EFAULT (address); -PVK_EINVAL
 * (size out of range, smaller than least, or not what the first field says).
 * _out writes back what both know, zero behind it. The address was checked by _in.
 */
int hs_pv_struct_in(struct hs_pv *pv, uint64_t gpa, uint64_t size, void *to, uint32_t known);
void hs_pv_struct_out(struct hs_pv *pv, uint64_t gpa, uint64_t size, const void *from,
		      uint32_t known);
/* The address rule alone: 0, -PVK_EFAULT, -PVK_EINVAL (size). */
int hs_pv_struct_check(struct hs_pv *pv, uint64_t gpa, uint64_t size);

/* event.c */
int64_t hs_pv_event_bind(struct hs_pv *pv, const uint64_t arg[4]);
int64_t hs_pv_event_unbind(struct hs_pv *pv, const uint64_t arg[4]);
int64_t hs_pv_event_raise(struct hs_pv *pv, const uint64_t arg[4]);
void hs_pv_event_end(struct hs_pv *pv);		/* unbinds all */

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
int64_t hs_pv_queue_setup(struct hs_pv *pv, const uint64_t arg[4]);
int64_t hs_pv_face_take(struct hs_pv *pv, const uint64_t arg[4]);
int64_t hs_pv_face_give(struct hs_pv *pv, const uint64_t arg[4]);
/* Resets all devices and gives back all faces: 0, or -PVK_EAGAIN while requests drain. */
int64_t hs_pv_bus_end(struct hs_pv *pv);
/* Something of the device changed by the host's doing. Any thread, no lock. */
void hs_pv_dev_changed(struct hs_pv_dev *dev);
/* A queue's guest broke the rules: NEEDS_RESET. The worker's thread. */
void hs_pv_dev_broken(struct hs_pv_dev *dev, const char *what);

/* blk.c */
void hs_pv_blk_features(struct hs_pv_dev *dev);		/* from info */
void hs_pv_blk_config(struct hs_pv_dev *dev, struct pvk_blk_config *config);
int hs_pv_blk_queue_create(struct hs_pv_queue *q);	/* the pool; 0 or -ENOMEM */
void hs_pv_blk_queue_destroy(struct hs_pv_queue *q);
/* On the worker's thread: from here on requests are taken / are not, and answers dropped. */
int hs_pv_blk_queue_start(struct hs_pv_queue *q);
void hs_pv_blk_queue_stop(struct hs_pv_queue *q);

/* doorbell.c: KVM's ioeventfds. 0 or -errno. Tests have their own. */
int hs_doorbell_bind(struct hs_vm *vm, uint32_t value, int eventfd);
void hs_doorbell_unbind(struct hs_vm *vm, uint32_t value, int eventfd);

/* A counter with one writer. */
static inline void hs_pv_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline unsigned long long hs_pv_get(_Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif /* HS_DEV_PV_PRIV_H */
