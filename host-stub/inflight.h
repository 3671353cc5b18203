/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests in flight: what a device model gave to a back end and did not get
 * back yet. Every request of a guest goes through here, whichever device it
 * comes from, so that one place answers what may still happen after a reset,
 * an unplug or a replug: a request of before comes back to its pool and to
 * nothing else.
 *
 * The owner is a part of a device that is reset as a whole: an IDE channel, a NIC's ring, a
 * queue of a PV device. It takes a request from its pool, which stamps it with
 * the owner's generation; a reset begins another generation; the back end asks
 * at completion, with the owner's lock held, whether the stamp is still good.
 *
 * An owner without a lock submits, resets and completes on one worker; only
 * hs_inflight_count() may then be asked elsewhere. As it may be freed as soon
 * as its count is 0, it cannot be waited for.
 */
#ifndef HS_BACKEND_INFLIGHT_H
#define HS_BACKEND_INFLIGHT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hold.h"

struct hs_inflight;

/* In each request of a device model; the pointer to it in the back end's request. */
struct hs_request {
	struct hs_inflight *owner;
	uint64_t generation;		/* of the owner, when it was taken */
	struct hs_request *next;	/* in the pool */
};

/* Of an owner; all but count belongs to who holds the lock. */
struct hs_inflight {
	pthread_mutex_t *lock;		/* the device's, or NULL */
	struct hs_hold *hold;		/* its statistics, or NULL */
	pthread_cond_t idle;		/* with a lock: count became 0 */
	/* with a lock, may be NULL: called when count became 0 */
	void (*drained)(struct hs_inflight *f);
	uint64_t generation;
	struct hs_request *pool;
	atomic_uint count;		/* requests that are not in the pool */
};

static inline void hs_inflight_init(struct hs_inflight *f, pthread_mutex_t *lock)
{
	*f = (struct hs_inflight){ .lock = lock };
	if (lock)
		pthread_cond_init(&f->idle, NULL);
}

static inline void hs_inflight_destroy(struct hs_inflight *f)	/* count is 0 */
{
	if (f->lock)
		pthread_cond_destroy(&f->idle);
}

static inline unsigned int hs_inflight_count(struct hs_inflight *f)
{
	return atomic_load(&f->count);
}

/* ---- the device's side: its lock held, or on its worker ---- */

/* Another request for the pool, which stays the owner's. */
static inline void hs_inflight_add(struct hs_inflight *f, struct hs_request *req)
{
	req->owner = f;
	req->next = f->pool;
	f->pool = req;
}

/* NULL: all of them are in flight. */
static inline struct hs_request *hs_inflight_get(struct hs_inflight *f)
{
	struct hs_request *req = f->pool;

	if (!req)
		return NULL;
	f->pool = req->next;
	req->generation = f->generation;
	atomic_fetch_add(&f->count, 1);
	return req;
}

/* To the pool: it came back, or was not given to a back end after all. */
static inline void hs_inflight_put(struct hs_request *req)
{
	struct hs_inflight *f = req->owner;
	bool locked = f->lock;

	req->next = f->pool;
	f->pool = req;
	/* Without a lock the owner may be gone from here on. */
	if (atomic_fetch_sub(&f->count, 1) != 1 || !locked)
		return;
	pthread_cond_broadcast(&f->idle);
	if (f->drained)
		f->drained(f);
}

/* Reset or unplug: what is in flight ends without a word to the device. */
static inline void hs_inflight_forget(struct hs_inflight *f)
{
	f->generation++;
}

/* Until nothing is in flight. It has a lock, which is not held meanwhile. */
static inline void hs_inflight_wait(struct hs_inflight *f)
{
	while (hs_inflight_count(f)) {
		if (f->hold)
			hs_hold_end(f->hold);
		pthread_cond_wait(&f->idle, f->lock);
		if (f->hold)
			hs_hold_begin(f->hold);
	}
}

/* ---- the back end's side ---- */

/*
 * Around the call of a request's done(): `if (hs_inflight_enter(r)) done(...);
 * hs_inflight_leave(r);`. Takes the owner's lock; false: the device has
 * forgotten the request. NULL is a request that nobody ever forgets.
 */
static inline bool hs_inflight_enter(struct hs_request *req)
{
	if (!req)
		return true;
	if (req->owner->lock)
		pthread_mutex_lock(req->owner->lock);
	if (req->owner->hold)
		hs_hold_begin(req->owner->hold);
	return req->generation == req->owner->generation;
}

static inline void hs_inflight_leave(struct hs_request *req)
{
	struct hs_hold *hold;
	pthread_mutex_t *lock;

	if (!req)
		return;
	lock = req->owner->lock;
	hold = req->owner->hold;
	/* Without a lock the owner may be gone behind this. */
	hs_inflight_put(req);
	if (hold)
		hs_hold_end(hold);
	if (lock)
		pthread_mutex_unlock(lock);
}

#endif /* HS_BACKEND_INFLIGHT_H */
