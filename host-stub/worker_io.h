/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a back end may do with the worker it owns, beyond worker.h: put its
 * operations into the worker's io_uring, and hand work over from other threads.
 */
#ifndef HS_BACKEND_WORKER_IO_H
#define HS_BACKEND_WORKER_IO_H

#include <liburing.h>

#include "worker.h"

#define HS_WORKER_SOURCES	64u	/* most sources of one worker */

/* One operation in the io_uring. Lives until done() was called. */
struct hs_worker_io {
	void (*done)(struct hs_worker_io *io, int res);	/* res: as the CQE says */
};

/* Work handed over by any thread. Lives as long as the worker, or until fn was called. */
struct hs_work {
	void (*fn)(struct hs_work *work);	/* on the worker's thread */
	struct hs_work *next;			/* private to the worker */
	bool queued;				/* private to the worker */
};

/* Counters, for the statistics. Times in ns. */
struct hs_worker_stats {
	uint64_t rounds_busy;	/* rounds that found work */
	uint64_t polls_paid;	/* polling phases that ended with work */
	uint64_t sleeps;
	uint64_t wakes_empty;	/* sleeps that ended with nothing to do */
	uint64_t submits;	/* io_uring_enter() that carried operations */
	uint64_t window_ns;	/* present polling time */
};

/* Called once per round, after completions and before the sources; true: there was work. */
struct hs_hook {
	bool (*round)(struct hs_hook *hook);
};

/* At most one. On the worker's thread (hs_worker_call). */
void hs_worker_set_hook(struct hs_worker *worker, struct hs_hook *hook);

/* Any thread. Work that waits already is not queued twice. Never blocks. */
void hs_worker_post(struct hs_worker *worker, struct hs_work *work);

bool hs_worker_is_self(const struct hs_worker *worker);

/*
 * A cleared submission entry whose completion calls io->done(), or NULL when
 * the queue is full and the kernel takes none now: try again next round. On
 * the worker's thread. The round submits it.
 */
struct io_uring_sqe *hs_worker_sqe(struct hs_worker *worker, struct hs_worker_io *io);

/*
 * True: the next n entries (n <= 64) reach the kernel by one submission, as
 * linked ones must. What waits is submitted first if it has to be. False: the
 * kernel takes none now, try again next round.
 */
bool hs_worker_room(struct hs_worker *worker, unsigned int n);

/* Any thread. */
void hs_worker_stats(const struct hs_worker *worker, struct hs_worker_stats *stats);

#endif /* HS_BACKEND_WORKER_IO_H */
