/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Worker: a thread with an io_uring that serves a back end and the PV queues
 * on it, without sleeping while there is work.
 *
 * Each PV queue is a source. The worker's loop: poll every source and the
 * uring's completions; after poll_ns without anything (adaptive: the time
 * shrinks when polling did not pay) arm every source, look once more, sleep
 * in io_uring on all their eventfds at once.
 */
#ifndef HS_BACKEND_WORKER_H
#define HS_BACKEND_WORKER_H

#include <stdbool.h>
#include <stdint.h>

struct hs_worker;

/* Owned by its creator; all callbacks on the worker's thread. */
struct hs_source {
	int eventfd;		/* the doorbell (ioeventfd target) */
	bool (*poll)(struct hs_source *source);	/* takes work; true when there was some */
	/* asks the guest to ring; true when work arrived meanwhile (then disarmed again) */
	bool (*arm)(struct hs_source *source);
	void (*disarm)(struct hs_source *source);
	uint64_t rings;		/* written by the worker: what the eventfd counted so far */
	void *slot;		/* private to the worker */
};

/* Which operations its io_uring takes (worker.c). */
enum hs_worker_kind { HS_WORKER_DISK, HS_WORKER_NIC };

int hs_worker_create(struct hs_worker **out, const char *name, enum hs_worker_kind kind,
		     uint64_t poll_ns);
void hs_worker_destroy(struct hs_worker *worker);	/* joins the thread */

/* Runs fn(arg) on the worker's thread and returns when it has run. Any other thread. */
void hs_worker_call(struct hs_worker *worker, void (*fn)(void *arg), void *arg);

/*
 * Since when (hs_now()) it has found nothing to do; 0 when it has just done
 * something, or has not looked for long enough to know. On the worker's thread.
 */
uint64_t hs_worker_idle_since(const struct hs_worker *worker);

/* On the worker's thread only (that is, from hs_worker_call or a callback). */
int hs_worker_add(struct hs_worker *worker, struct hs_source *source);
void hs_worker_remove(struct hs_worker *worker, struct hs_source *source);

#endif /* HS_BACKEND_WORKER_H */
