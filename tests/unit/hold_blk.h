/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between a device and its back end: keeps requests from the back end until
 * the test lets them go, or gives them a status of the test's choice. A file
 * that includes this links with -Wl,--wrap=hs_blk_submit.
 */
#ifndef TESTS_HOLD_BLK_H
#define TESTS_HOLD_BLK_H

#include <pthread.h>

#include "fake_vm.h"

static struct {
	pthread_mutex_t lock;
	atomic_bool on;			/* requests stay here */
	atomic_uint held;
	atomic_uint seen;		/* all that ever came by */
	atomic_int status;		/* not 0: what requests end with, whatever they did */
	struct hs_blk_req *first, **last;
	void (*done)(struct hs_blk_req *req, int status);	/* the device's */
	enum hs_blk_op op;		/* of the last request ... */
	uint32_t flags;
} hold = { .lock = PTHREAD_MUTEX_INITIALIZER, .last = &hold.first };

void __wrap_hs_blk_submit(struct hs_blk *blk, struct hs_blk_req *req);
void __real_hs_blk_submit(struct hs_blk *blk, struct hs_blk_req *req);

static void hold_done(struct hs_blk_req *req, int status)
{
	(void)status;
	req->done = hold.done;
	req->done(req, atomic_load(&hold.status));
}

void __wrap_hs_blk_submit(struct hs_blk *blk, struct hs_blk_req *req)
{
	hold.op = req->op;
	hold.flags = req->flags;
	atomic_fetch_add(&hold.seen, 1);
	if (atomic_load(&hold.status)) {
		hold.done = req->done;
		req->done = hold_done;
	}
	if (!atomic_load(&hold.on)) {
		__real_hs_blk_submit(blk, req);
		return;
	}
	req->blk = blk;
	req->next = NULL;
	pthread_mutex_lock(&hold.lock);
	*hold.last = req;
	hold.last = &req->next;
	pthread_mutex_unlock(&hold.lock);
	atomic_fetch_add(&hold.held, 1);
}

/* Lets all go to the back end, and what comes from now on. */
static inline void hold_release(void)
{
	struct hs_blk_req *req, *next;

	atomic_store(&hold.on, false);
	pthread_mutex_lock(&hold.lock);
	req = hold.first;
	hold.first = NULL;
	hold.last = &hold.first;
	pthread_mutex_unlock(&hold.lock);
	for (; req; req = next) {
		next = req->next;
		atomic_fetch_sub(&hold.held, 1);
		__real_hs_blk_submit(req->blk, req);
	}
}

#endif /* TESTS_HOLD_BLK_H */
