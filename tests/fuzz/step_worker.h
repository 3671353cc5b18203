/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In place of worker.c: a worker without a thread, whose kernel the fuzzer
 * plays. Operations wait until the fuzzer ends them with what it likes: done in full
 * or in part, refused, late, or never taken into the ring. Time stands still unless
 * it is moved. So an input means the same each time.
 *
 * A file that includes this defines step_execute(): what an operation does. It
 * links with -Wl,--wrap=hs_now -Wl,--wrap=write.
 */
#ifndef TESTS_FUZZ_STEP_WORKER_H
#define TESTS_FUZZ_STEP_WORKER_H

#include <errno.h>
#include <string.h>

#include "host-stub/worker_io.h"
#include "must.h"
#include "quiet.h"

#define STEP_OPS	400u
#define STEP_WORKERS	8u
#define STEP_POSTS	64u	/* works that a round runs */
#define STEP_LINKS	(IOSQE_IO_LINK | IOSQE_IO_HARDLINK)

struct step_op {
	struct io_uring_sqe sqe;
	struct hs_worker_io *io;
	uint64_t since;
};

struct hs_worker {
	struct hs_hook *hook;
	struct hs_work *first, **last;
	struct hs_source *source[HS_WORKER_SOURCES];
	struct step_op op[STEP_OPS];	/* in the order of issue */
	unsigned int ops, issued;	/* issued: in the kernel; the rest with the round's end */
	bool armed;			/* its sources are */
};

static struct {
	struct hs_worker *worker[STEP_WORKERS];
	struct hs_worker *self;		/* whose code runs */
	unsigned int refuse;		/* so many entries are not to be had */
	uint64_t now;
	uint64_t idle_since;
} step;

/*
 * What an operation ends with, as a CQE has it; STEP_LATER: not yet. `how` is the
 * fuzzer's wish, 0: as it should be.
 */
#define STEP_LATER	INT32_MIN
static int step_execute(const struct step_op *op, uint8_t how);

/* ---- time ---- */

uint64_t __wrap_hs_now(void);

uint64_t __wrap_hs_now(void)
{
	return step.now;
}

/* ---- worker.h and worker_io.h ---- */

int hs_worker_create(struct hs_worker **out, const char *name, enum hs_worker_kind kind_of,
		     uint64_t poll_ns)
{
	(void)name;
	(void)kind_of;
	(void)poll_ns;
	for (unsigned int i = 0; i < STEP_WORKERS; i++) {
		if (step.worker[i])
			continue;
		*out = calloc(1, sizeof(**out));
		MUST(*out);
		(*out)->last = &(*out)->first;
		step.worker[i] = *out;
		return 0;
	}
	return -EAGAIN;
}

static void step_posted(struct hs_worker *w)
{
	for (unsigned int i = 0; i < STEP_POSTS && w->first; i++) {
		struct hs_work *work = w->first;

		w->first = work->next;
		if (!w->first)
			w->last = &w->first;
		work->queued = false;
		work->fn(work);
	}
}

void hs_worker_call(struct hs_worker *w, void (*fn)(void *arg), void *arg)
{
	struct hs_worker *was = step.self;

	MUST(was != w);		/* it would wait for itself */
	step.self = w;
	step_posted(w);
	fn(arg);
	step.self = was;
}

/* As queue_exit() does: what is under way ends without an answer. */
void hs_worker_destroy(struct hs_worker *w)
{
	if (!w)
		return;
	step.self = w;
	step_posted(w);
	step.self = NULL;
	for (unsigned int i = 0; i < STEP_WORKERS; i++)
		if (step.worker[i] == w)
			step.worker[i] = NULL;
	free(w);
}

void hs_worker_post(struct hs_worker *w, struct hs_work *work)
{
	if (work->queued)
		return;
	work->queued = true;
	work->next = NULL;
	*w->last = work;
	w->last = &work->next;
}

bool hs_worker_is_self(const struct hs_worker *w)
{
	return step.self == w;
}

void hs_worker_set_hook(struct hs_worker *w, struct hs_hook *hook)
{
	MUST(step.self == w);
	w->hook = hook;
}

uint64_t hs_worker_idle_since(const struct hs_worker *w)
{
	(void)w;
	return step.idle_since;
}

int hs_worker_add(struct hs_worker *w, struct hs_source *source)
{
	MUST(step.self == w);
	for (unsigned int i = 0; i < HS_WORKER_SOURCES; i++) {
		if (w->source[i])
			continue;
		w->source[i] = source;
		return 0;
	}
	return -ENOSPC;
}

void hs_worker_remove(struct hs_worker *w, struct hs_source *source)
{
	MUST(step.self == w);
	for (unsigned int i = 0; i < HS_WORKER_SOURCES; i++)
		if (w->source[i] == source)
			w->source[i] = NULL;
}

void hs_worker_stats(const struct hs_worker *w, struct hs_worker_stats *stats)
{
	*stats = (struct hs_worker_stats){ .submits = w->issued };
}

struct io_uring_sqe *hs_worker_sqe(struct hs_worker *w, struct hs_worker_io *io)
{
	struct step_op *op = &w->op[w->ops];

	MUST(step.self == w);
	if (step.refuse) {
		step.refuse--;
		return NULL;
	}
	if (w->ops == STEP_OPS)
		return NULL;
	w->ops++;
	memset(op, 0, sizeof(*op));
	op->io = io;
	op->since = step.now;
	return &op->sqe;
}

bool hs_worker_room(struct hs_worker *w, unsigned int n)
{
	if (step.refuse) {
		step.refuse--;
		return false;
	}
	return STEP_OPS - w->ops >= n;
}

/* ---- the kernel ---- */

static void step_end(struct hs_worker *w, unsigned int i, int res)
{
	struct step_op op = w->op[i];
	bool breaks = res < 0 && op.sqe.flags & IOSQE_IO_LINK;

	memmove(&w->op[i], &w->op[i + 1], (w->ops - i - 1) * sizeof(op));
	w->ops--;
	w->issued--;
	step.self = w;
	op.io->done(op.io, res);
	step.self = NULL;
	/* What is linked behind one that failed falls with it. */
	if (breaks && i < w->issued)
		step_end(w, i, -ECANCELED);
}

/* One that is linked to the one before waits for it. */
static bool step_waits(const struct hs_worker *w, unsigned int i)
{
	return i && w->op[i - 1].sqe.flags & STEP_LINKS;
}

/* Ends the nth operation that can end. False: it does not, or there is none. */
static bool step_complete(struct hs_worker *w, unsigned int n, uint8_t how)
{
	for (unsigned int i = 0; i < w->issued; i++) {
		int res;

		if (step_waits(w, i) || n--)
			continue;
		res = step_execute(&w->op[i], how);
		if (res == STEP_LATER)
			return false;
		step_end(w, i, res);
		return true;
	}
	return false;
}

static bool step_round(struct hs_worker *w)
{
	bool work;

	step.self = w;
	work = w->first != NULL;
	step_posted(w);
	if (w->hook)
		work |= w->hook->round(w->hook);
	for (unsigned int i = 0; i < HS_WORKER_SOURCES; i++) {
		struct hs_source *source = w->source[i];

		if (source && w->armed)
			source->disarm(source);
		if (source)
			work |= source->poll(source);
		/* It sleeps when there is nothing to do, unless that is no longer so. */
		if (source && !work)
			work |= source->arm(source);
	}
	w->armed = !work;
	w->issued = w->ops;
	step.self = NULL;
	return work;
}

/* All that a willing kernel does at once. False: there was nothing to do. */
static bool step_all(void)
{
	bool work = false;

	for (unsigned int i = 0; i < STEP_WORKERS; i++) {
		struct hs_worker *w = step.worker[i];

		if (!w)
			continue;
		for (unsigned int n = 0; n < w->issued;) {
			unsigned int before = w->issued;

			/* An ended one gives its place to the next. */
			if (step_complete(w, n, 0))
				work = true;
			n += w->issued >= before;
		}
		work |= step_round(w);
	}
	return work;
}

#endif /* TESTS_FUZZ_STEP_WORKER_H */
