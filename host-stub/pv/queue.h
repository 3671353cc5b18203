/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A queue of a device: rings in the guest's memory, a source of a worker, and a table of
 * what its kind does with entries.
 */
#ifndef HS_PV_QUEUE_H
#define HS_PV_QUEUE_H

#include <stdatomic.h>

#include "../../hypercall/ring.h"
#include "../hs.h"
#include "../inflight.h"
#include "../irq.h"
#include "../mem.h"
#include "../worker_io.h"

#define HS_PV_ENTRIES		PVK_RING_MAX_ENTRIES	/* of a ring of any device */
#define HS_PV_QUEUES		(2 * HS_MAX_VCPUS)	/* of a device */
#define HS_PV_INLINE_SEGS	2u	/* segments in an entry, of any device */
#define HS_PV_LIST_SEGS		256u	/* in its list: a page of them */
#define HS_PV_BUDGET		64u	/* requests taken from a queue per poll */

struct hs_pv_dev;
struct hs_pv_queue;

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
	uint64_t put_at;		/* hs_now() of the last answer not yet notified */
	bool live;			/* started */
	bool armed;			/* the guest was asked to ring */
	void *requests;			/* fixed: `entries` of them */
	struct hs_inflight inflight;	/* theirs; no lock: the worker's */
};

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
void hs_pv_queue_notify(struct hs_pv_queue *q);

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

#endif /* HS_PV_QUEUE_H */
