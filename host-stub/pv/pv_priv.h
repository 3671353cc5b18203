/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the host side of the contract. See pv.h for the files and the order
 * of locks. A device is a struct hs_pv_dev with its type's data behind it, and
 * a table of what the type does; so is a queue.
 *
 * What a worker and a call both touch is atomic or handed over by
 * hs_worker_call(); everything else belongs to whoever holds pv->lock.
 */
#ifndef HS_DEV_PV_PRIV_H
#define HS_DEV_PV_PRIV_H

#include <stdatomic.h>
#include <stdio.h>

#include "../../hypercall/ring.h"
#include "../inflight.h"
#include "../worker_io.h"
#include "../io.h"
#include "../irq.h"
#include "../mem.h"
#include "pv.h"

/* Limits, as PVK_CPUID_LIMITS and the device infos state them */
#define HS_PV_CHANNELS		64u	/* messages 0 .. 63 of irq.h */
#define HS_PV_FIXED		(PVK_CHANNEL_PLATFORM_END - PVK_CHANNEL_PLATFORM)	/* 64 on */
#define HS_PV_DOORBELL_CONSOLE	1u	/* value; a device's are id << 8 | queue */
#define HS_PV_ENTRIES		PVK_RING_MAX_ENTRIES	/* of a ring of any device */
#define HS_PV_BATCH		64u	/* entries of a batch served in one call */
#define HS_PV_BATCH_NS		200000u	/* and the time after which no further one is begun */
#define HS_PV_BATCH_COUNT	65536u	/* longest batch at all */
#define HS_PV_STRUCT		4096u	/* largest structure, bytes */
#define HS_PV_OLDEST		PVK_VERSION(1, 0)	/* guest's version accepted */
#define HS_PV_QUEUES		(2 * HS_MAX_VCPUS)	/* of a device */
#define HS_PV_DEVICES		(HS_MAX_DISKS + HS_MAX_NICS)
#define HS_PV_CONFIG		128u	/* largest config of a device, bytes */
#define HS_PV_INLINE_SEGS	2u	/* segments in an entry, of any device */
#define HS_PV_LIST_SEGS		256u	/* in its list: a page of them */
#define HS_PV_BUDGET		64u	/* requests taken from a queue per poll */

struct hs_pv_dev;
struct hs_pv_queue;

/* Counters of any queue; they outlive resets of the device. One writer, the worker. */
struct hs_pv_counters {
	_Atomic uint64_t errors;	/* answered with a status < 0 */
	_Atomic uint64_t doorbells;
	_Atomic uint64_t events_raised;
	_Atomic uint64_t events_suppressed;	/* batches of answers nobody asked to hear of */
	_Atomic uint64_t polls_found;	/* polls of the ring that found requests */
};

/* A request that the back end has, of a queue whose entries are requests (request.c). */
struct hs_pv_req {
	struct hs_request request;	/* first */
	struct hs_pv_queue *queue;
	uint16_t id;		/* of its entry */
	uint8_t op;
};

/* What a kind of queue does. */
struct hs_pv_queue_ops {
	size_t size;		/* of its struct, which begins with struct hs_pv_queue */
	size_t req_size;	/* of its requests, which begin with struct hs_pv_req; 0: none */
	/* Sets counters and makes what else the queue needs: 0 or -ENOMEM. */
	int (*create)(struct hs_pv_queue *q);
	void (*destroy)(struct hs_pv_queue *q);	/* may be NULL */
	/* On the worker: takes entries, at most HS_PV_BUDGET; how many there were. */
	unsigned int (*serve)(struct hs_pv_queue *q);
	/*
	 * With serve = hs_pv_serve_requests: checks a copy of an entry and gives
	 * it to the back end, whose done() answers by hs_pv_req_answer(): 0. Or the
	 * status, < 0, of an entry that nobody was given.
	 */
	int (*submit)(struct hs_pv_queue *q, const union pvk_sqe_words *words,
		      struct hs_pv_req *req);
	/* Does it wait for entries? NULL: always. */
	bool (*hungry)(const struct hs_pv_queue *q);
	/* How many times coalesce_ns its answers may wait for more to come; 0: once. */
	unsigned int coalesce_times;
};

/*
 * A queue from QUEUE_SETUP to the end of DEV_RESET. Between DEV_START and the
 * stop in DEV_RESET the worker owns it, but for the fields marked fixed.
 */
struct hs_pv_queue {
	struct hs_source source;	/* first; eventfd fixed */
	const struct hs_pv_queue_ops *ops;	/* fixed */
	struct hs_pv_dev *dev;		/* fixed */
	struct hs_pv_counters *counters;	/* fixed */
	uint32_t index, entries, channel, doorbell;	/* fixed */
	void *sq_slots, *cq_slots;	/* fixed: guest memory */
	struct pvk_ring_ctl *ctl;	/* fixed: guest memory */
	struct hs_worker *worker;	/* while it is started */
	struct pvk_ring sq, cq;
	uint32_t looked;		/* cq.next when the wake word was last looked at */
	uint32_t told;			/* cq.next when the guest was last told */
	uint64_t put_at; /* hs_now() when an answer was last seen to be missed_events */
	bool live;			/* started */
	bool armed;			/* the guest was asked to ring */
	void *requests;			/* fixed: `entries` of them */
	struct hs_inflight inflight;	/* theirs; no lock: the worker's */
};

/* What a type of device does. Calls come under pv->lock, from a vCPU's thread. */
struct hs_pv_dev_ops {
	uint32_t type;			/* enum pvk_dev_type */
	const char *name;		/* for messages and accounts */
	uint32_t max_entries;
	uint32_t config_size;		/* <= HS_PV_CONFIG */
	void (*config)(struct hs_pv_dev *dev, void *config);
	/* PVK_CALL_DEV_CONTROL, in state SETUP or RUNNING; NULL: no such operation */
	int64_t (*control)(struct hs_pv_dev *dev, const uint64_t arg[4]);
	const struct hs_pv_queue_ops *(*queue_ops)(uint32_t index);
	void (*accepted)(struct hs_pv_dev *dev);	/* DEV_ACCEPT came; may be NULL */
	/* Starts the queues there are; state is RUNNING. 0, or -PVK_E* with all undone. */
	int (*start)(struct hs_pv_dev *dev);
	/* From here on no entry is taken and no answer given; what is in flight may be. */
	void (*stop)(struct hs_pv_dev *dev);
	void (*forget)(struct hs_pv_dev *dev);	/* queues are gone: ends a reset; may be NULL */
	uint32_t counterpart;			/* enum pvk_counterpart, of those that have one */
	uint32_t (*counterpart_location)(const struct hs_pv_dev *dev);
	/* vm->lock is not held. 0 or -EBUSY */
	int (*unplug)(struct hs_pv_dev *dev);
	void (*replug)(struct hs_pv_dev *dev);
	void (*json)(struct hs_pv_dev *dev, FILE *out);	/* members, from worker(s) on */
	void (*detach)(struct hs_pv_dev *dev);	/* no more news from the back end; may be NULL */
};

/* The part that all types share; the first member of theirs. */
struct hs_pv_dev {
	struct hs_pv *pv;
	const struct hs_pv_dev_ops *ops;
	uint32_t id;
	unsigned int number;		/* of the disk or NIC, in the config's order */
	bool has_counterpart;
	enum pvk_model model;
	uint64_t features, accepted;
	_Atomic uint32_t state;		/* the worker: RUNNING -> NEEDS_RESET only */
	_Atomic uint32_t generation;
	struct hs_pv_queue *queue[HS_PV_QUEUES];
	uint64_t resets;
};

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
/* Something of the device changed by the host's doing. Any thread, no lock. */
void hs_pv_dev_changed(struct hs_pv_dev *dev);
/* A queue's guest broke the rules: NEEDS_RESET. The worker's thread. */
void hs_pv_dev_broken(struct hs_pv_dev *dev, const char *what);

/*
 * A zeroed device of `size` bytes, of a disk or NIC with these models, on the
 * bus; or NULL. hs_pv_bus_destroy() frees it.
 */
void *hs_pv_dev_new(struct hs_pv *pv, const struct hs_pv_dev_ops *ops, size_t size,
		    unsigned int number, enum hs_models models);

/* queue.c, all but the last on the worker's thread */
/* From here on entries are taken. 0 or -errno. */
int hs_pv_queue_start(struct hs_pv_queue *q, struct hs_worker *worker);
/* Takes no more entries; those in flight stay unanswered. No-op if it was not started. */
void hs_pv_queue_stop(struct hs_pv_queue *q);
bool hs_pv_queue_running(const struct hs_pv_queue *q);	/* its device is */
/*
 * The next entry, if there is one. Without room for it the guest has more than
 * `entries` requests unanswered: that is the end of the device until its reset.
 */
bool hs_pv_queue_get(struct hs_pv_queue *q, bool room, union pvk_sqe_words *words);
void hs_pv_queue_answer(struct hs_pv_queue *q, uint16_t id, uint8_t op, uint8_t flags, int status,
			uint64_t value);
/* Tells the guest of the answers put since last time, if it asked for one of them. */
void hs_pv_queue_tell(struct hs_pv_queue *q);

/* request.c: all but the pool's on the worker's thread */
int hs_pv_req_pool(struct hs_pv_queue *q);	/* makes it: 0 or -ENOMEM */
unsigned int hs_pv_serve_requests(struct hs_pv_queue *q);
void hs_pv_req_answer(struct hs_pv_req *req, int status);	/* 0 or -PVK_E* */
/*
 * The iovec of an entry with `nsegs` segments, 1 to `most` and no more than a
 * page of the list holds, which stand in it if they are HS_PV_INLINE_SEGS or
 * fewer, else at list_gpa. 0; -PVK_EINVAL (counts, the list's place, lengths
 * that do not add up); -PVK_EFAULT (list or segment outside memory).
 */
int hs_pv_segments(const struct hs_mem *mem, const struct pvk_seg *seg, unsigned int nsegs,
		   unsigned int most, uint64_t list_gpa, uint64_t length, struct iovec *iov);

/* blk.c: the device of disk n. 0 or -ENOMEM. */
int hs_pv_blk_create(struct hs_pv *pv, unsigned int n);

/* net.c: the device of NIC n. 0 or -ENOMEM. */
int hs_pv_net_create(struct hs_pv *pv, unsigned int n);

/* stats.c: a worker as a JSON value, and the counters of any queue as members */
void hs_pv_json_worker(FILE *out, struct hs_worker *worker);
void hs_pv_json_counters(FILE *out, struct hs_pv_counters *c);

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
