// SPDX-License-Identifier: BSD-2-Clause
/*
 * The worker: see worker.h. One thread, one io_uring, no lock while it works.
 *
 * A round runs what other threads posted, reaps a bounded number of
 * completions, calls the back end's hook and polls each source once; whatever
 * operations these made go to the kernel in one system call. A source bounds
 * what it takes per poll, so none starves another.
 *
 * Doorbells are eventfds with at most one io_uring read outstanding each, put
 * there only before sleeping. So a guest that rings without end adds to a
 * counter and costs one empty wake-up per sleep, whatever it does.
 *
 * Polling time: `window` doubles when polling found work or when a sleep was
 * so short that polling would have; it halves when a sleep was long or ended
 * with nothing to do. Bounds are 0 and poll_ns. While polling, the CPU is
 * offered to others every YIELD_NS: on a small host the vCPU that is to
 * produce the work may share it.
 */
#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hs.h"
#include "trace.h"
#include "leak.h"
#include "worker_io.h"
#include "util.h"

#define SQ_ENTRIES	256u
#define CQ_ENTRIES	1024u
#define REAP_BATCH	64u	/* completions per round */
#define POST_BATCH	64u	/* posted works per round */
#define WINDOW_STEPS	8u	/* the smallest window is poll_ns / this */
#define YIELD_NS	4000u

/* The place of a source; outlives it until the read of its eventfd has ended. */
struct slot {
	struct hs_worker_io io;
	struct hs_worker *worker;
	struct hs_source *source;	/* NULL: removed, or free */
	uint64_t count;			/* what the read delivers */
	bool reading;
};

struct hs_worker {
	struct io_uring ring;
	pthread_t thread;
	char name[16];
	enum hs_worker_kind kind;
	uint64_t poll_ns;
	struct hs_hook *hook;
	uint64_t idle_since;		/* of the present polling; 0: there is work */
	bool stop;			/* set by a posted work */
	struct slot slot[HS_WORKER_SOURCES];
	unsigned int slots;		/* in use, from the front */

	int post_fd;
	struct slot post;		/* its read; source NULL */
	atomic_bool asleep;
	atomic_bool posted;
	pthread_mutex_t lock;		/* the two below */
	struct hs_work *first;
	struct hs_work **last;

	struct {			/* written by the thread, read by any */
		_Atomic uint64_t rounds_busy, polls_paid, sleeps, wakes_empty, submits, window;
	} stat;

	sem_t started;			/* creation: thread -> creator */
	int start_status;
};

static void bump(_Atomic uint64_t *counter)
{
	/* One writer: no need for a locked instruction. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

/* Wakes the thread. An eventfd's write blocks only at 2^64-2. */
static void kick(int fd)
{
	uint64_t one = 1;

	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

uint64_t hs_worker_idle_since(const struct hs_worker *w)
{
	return w->idle_since;
}

void hs_worker_set_hook(struct hs_worker *w, struct hs_hook *hook)
{
	w->hook = hook;
}

bool hs_worker_is_self(const struct hs_worker *w)
{
	return pthread_equal(pthread_self(), w->thread);
}

void hs_worker_post(struct hs_worker *w, struct hs_work *work)
{
	pthread_mutex_lock(&w->lock);
	if (!work->queued) {
		work->queued = true;
		work->next = NULL;
		*w->last = work;
		w->last = &work->next;
		atomic_store(&w->posted, true);
	}
	/*
	 * Sequentially consistent on both sides: either this sees the thread
	 * asleep, or the thread, which looks at `posted` after it set
	 * `asleep`, sees the work. Kicked under the lock: once the lock is
	 * free the work may run, and it may be the one that ends the worker.
	 */
	if (atomic_load(&w->asleep))
		kick(w->post_fd);
	pthread_mutex_unlock(&w->lock);
}

/* The next posted work, or NULL. From here on it may be posted again. */
static struct hs_work *take_posted(struct hs_worker *w)
{
	struct hs_work *work;

	pthread_mutex_lock(&w->lock);
	work = w->first;
	if (work) {
		w->first = work->next;
		if (!w->first)
			w->last = &w->first;
		work->queued = false;
	}
	atomic_store(&w->posted, w->first != NULL);
	pthread_mutex_unlock(&w->lock);
	return work;
}

static bool run_posted(struct hs_worker *w)
{
	struct hs_work *work;
	bool any = false;

	/* Bounded: what posts itself again must not keep the disk waiting. */
	for (unsigned int i = 0; i < POST_BATCH && atomic_load(&w->posted); i++) {
		work = take_posted(w);
		if (!work)
			break;
		work->fn(work);
		any = true;
	}
	return any;
}

struct io_uring_sqe *hs_worker_sqe(struct hs_worker *w, struct hs_worker_io *io)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&w->ring);

	if (!sqe) {
		io_uring_submit(&w->ring);
		sqe = io_uring_get_sqe(&w->ring);
		if (!sqe)
			return NULL;
	}
	memset(sqe, 0, sizeof(*sqe));
	io_uring_sqe_set_data(sqe, io);
	return sqe;
}

bool hs_worker_room(struct hs_worker *w, unsigned int n)
{
	if (io_uring_sq_space_left(&w->ring) < n)
		io_uring_submit(&w->ring);
	return io_uring_sq_space_left(&w->ring) >= n;
}

/* A doorbell or a post was read: that it woke the thread is all it is for. */
static void worker_read_done(struct hs_worker_io *io, int res)
{
	struct slot *slot = (struct slot *)io;

	slot->reading = false;
	if (slot->source && res == (int)sizeof(slot->count))
		__atomic_store_n(&slot->source->rings, slot->source->rings + slot->count,
				 __ATOMIC_RELAXED);
}

/* Has the eventfd of a slot read by io_uring. False: no room in the queue. */
static bool worker_read_start(struct slot *slot, int fd)
{
	struct io_uring_sqe *sqe;

	if (slot->reading)
		return true;
	sqe = hs_worker_sqe(slot->worker, &slot->io);
	if (!sqe)
		return false;
	sqe->opcode = IORING_OP_READ;
	sqe->fd = fd;
	sqe->addr = (uintptr_t)&slot->count;
	sqe->len = sizeof(slot->count);
	sqe->off = (uint64_t)-1;
	slot->reading = true;
	return true;
}

int hs_worker_add(struct hs_worker *w, struct hs_source *source)
{
	for (unsigned int i = 0; i < HS_WORKER_SOURCES; i++) {
		struct slot *slot = &w->slot[i];

		/* A slot whose last read has not ended is not free yet. */
		if (slot->source || slot->reading)
			continue;
		slot->io.done = worker_read_done;
		slot->worker = w;
		slot->source = source;
		source->slot = slot;
		if (i >= w->slots)
			w->slots = i + 1;
		return 0;
	}
	return -ENOSPC;
}

void hs_worker_remove(struct hs_worker *w, struct hs_source *source)
{
	struct slot *slot = source->slot;

	if (!slot || slot->source != source)
		return;
	slot->source = NULL;
	source->slot = NULL;
	/* Ends the outstanding read, which holds the file, not the descriptor. */
	if (slot->reading) {
		io_uring_submit(&w->ring);
		kick(source->eventfd);
	}
	while (w->slots && !w->slot[w->slots - 1].source)
		w->slots--;
}

/* Calls done() of up to REAP_BATCH completions; true when one was no doorbell. */
static bool reap(struct hs_worker *w)
{
	struct io_uring_cqe *cqe[REAP_BATCH];
	bool work = false;
	unsigned int n;

	n = io_uring_peek_batch_cqe(&w->ring, cqe, REAP_BATCH);
	hs_filled(cqe, n * sizeof(cqe[0]));
	for (unsigned int i = 0; i < n; i++) {
		struct hs_worker_io *io = io_uring_cqe_get_data(cqe[i]);
		int res = cqe[i]->res;

		work |= io->done != worker_read_done;
		io->done(io, res);
	}
	if (n)
		io_uring_cq_advance(&w->ring, n);
	return work;
}

/* One round; true when there was something to do. */
static bool worker_serve(struct hs_worker *w)
{
	bool work = run_posted(w);

	work |= reap(w);
	if (w->hook)
		work |= w->hook->round(w->hook);
	if (work)
		w->idle_since = 0;	/* before the sources ask */
	for (unsigned int i = 0; i < w->slots; i++)
		if (w->slot[i].source)
			work |= w->slot[i].source->poll(w->slot[i].source);
	if (io_uring_sq_ready(&w->ring)) {
		io_uring_submit(&w->ring);
		bump(&w->stat.submits);
	}
	if (work) {
		w->idle_since = 0;
		bump(&w->stat.rounds_busy);
	}
	return work;
}

/* Arms sources and their reads; false when there is work after all. */
static bool prepare_sleep(struct hs_worker *w)
{
	bool quiet = true;

	for (unsigned int i = 0; i < w->slots; i++) {
		struct slot *slot = &w->slot[i];

		if (!slot->source)
			continue;
		if (!worker_read_start(slot, slot->source->eventfd))
			quiet = false;
		if (slot->source->arm(slot->source))
			quiet = false;
	}
	if (!worker_read_start(&w->post, w->post_fd))
		quiet = false;
	atomic_store(&w->asleep, true);
	/* Pairs with hs_worker_post(). */
	return quiet && !atomic_load(&w->posted);
}

static void after_sleep(struct hs_worker *w)
{
	atomic_store(&w->asleep, false);
	w->idle_since = 0;
	for (unsigned int i = 0; i < w->slots; i++)
		if (w->slot[i].source)
			w->slot[i].source->disarm(w->slot[i].source);
}

static void window_grow(struct hs_worker *w, uint64_t *window)
{
	*window = *window ? *window * 2 : w->poll_ns / WINDOW_STEPS;
	if (*window > w->poll_ns)
		*window = w->poll_ns;
	atomic_store_explicit(&w->stat.window, *window, memory_order_relaxed);
}

static void window_shrink(struct hs_worker *w, uint64_t *window)
{
	*window /= 2;
	if (*window < w->poll_ns / WINDOW_STEPS)
		*window = 0;
	atomic_store_explicit(&w->stat.window, *window, memory_order_relaxed);
}

/* Serves until a round finds nothing for the length of the window. */
static void serve_until_quiet(struct hs_worker *w, uint64_t *window)
{
	uint64_t yielded = 0, now;
	bool polling = false;

	while (!w->stop) {
		if (worker_serve(w)) {
			if (polling) {
				bump(&w->stat.polls_paid);
				window_grow(w, window);
			}
			polling = false;
			continue;
		}
		if (!*window)
			return;
		now = hs_now();
		if (!polling) {
			polling = true;
			w->idle_since = now;
			yielded = now;
		}
		if (now - w->idle_since >= *window)
			return;
		if (now - yielded >= YIELD_NS) {
			sched_yield();
			yielded = hs_now();
		}
		__builtin_ia32_pause();
	}
}

static void worker_run(struct hs_worker *w)
{
	uint64_t window = 0, slept;

	while (!w->stop) {
		serve_until_quiet(w, &window);
		if (w->stop)
			break;
		if (!prepare_sleep(w)) {
			after_sleep(w);
			continue;
		}
		slept = hs_now();
		/* EINTR and the like: one empty round, then here again. */
		(void)io_uring_submit_and_wait(&w->ring, 1);
		slept = hs_now() - slept;
		after_sleep(w);
		bump(&w->stat.sleeps);
		if (worker_serve(w)) {
			if (slept <= w->poll_ns)
				window_grow(w, &window);
			else
				window_shrink(w, &window);
		} else {
			bump(&w->stat.wakes_empty);
			window_shrink(w, &window);
		}
	}
}

/*
 * What a back end does by io_uring, which the system call filter does not see. All of these act
 * on descriptors that are open, and name neither a file nor an address nor another descriptor:
 * so no SENDMSG and no SEND, which take an address, and no CONNECT. A ring takes nothing else.
 */
static const struct operation {
	uint8_t op;
	unsigned int kinds;	/* 1 << enum hs_worker_kind */
} operations[] = {
#define DISK	(1u << HS_WORKER_DISK)
#define NIC	(1u << HS_WORKER_NIC)
	{ IORING_OP_READ, DISK | NIC },		/* and doorbells */
	{ IORING_OP_READV, DISK },
	{ IORING_OP_WRITE, DISK },
	{ IORING_OP_WRITEV, DISK | NIC },	/* TAPs */
	{ IORING_OP_FSYNC, DISK },
	{ IORING_OP_FALLOCATE, DISK },
	{ IORING_OP_ACCEPT, NIC },
	{ IORING_OP_SHUTDOWN, NIC },
	{ IORING_OP_POLL_ADD, NIC },
	{ IORING_OP_TIMEOUT, NIC },
#undef DISK
#undef NIC
};

#define OPERATIONS	(HS_COUNT(operations))

/* A ring that can do no more than that, and can never be widened. 0 or -errno. */
static int open_ring(struct hs_worker *w)
{
	struct io_uring_params params = { .flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP |
						   IORING_SETUP_R_DISABLED,
					  .cq_entries = CQ_ENTRIES };
	struct io_uring_restriction limit[OPERATIONS + 1] = {
		{ .opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED,
		  .sqe_flags = IOSQE_IO_LINK | IOSQE_IO_HARDLINK },
	};
	unsigned int limits = 1;
	int ret;

	for (size_t i = 0; i < OPERATIONS; i++) {
		if (!(operations[i].kinds & 1u << w->kind))
			continue;
		limit[limits].opcode = IORING_RESTRICTION_SQE_OP;
		limit[limits++].sqe_op = operations[i].op;
	}
	ret = io_uring_queue_init_params(SQ_ENTRIES, &w->ring, &params);
	if (ret < 0)
		return ret;
	/* liburing 2.3 declares functions for these two and does not have them. */
	if (syscall(SYS_io_uring_register, w->ring.ring_fd, IORING_REGISTER_RESTRICTIONS,
		    limit, limits) < 0 ||
	    syscall(SYS_io_uring_register, w->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS,
		    NULL, 0) < 0) {
		ret = -errno;
		io_uring_queue_exit(&w->ring);
	}
	return ret;
}

static void *worker_main(void *arg)
{
	struct hs_worker *w = arg;

	pthread_setname_np(pthread_self(), w->name);
	hs_trace_thread(w->name);
	w->start_status = open_ring(w);
	if (w->start_status < 0) {
		sem_post(&w->started);
		return NULL;
	}
	sem_post(&w->started);
	worker_run(w);
	/* Cancels the reads that are still outstanding. */
	io_uring_queue_exit(&w->ring);
	return NULL;
}

int hs_worker_create(struct hs_worker **out, const char *name, enum hs_worker_kind kind,
		     uint64_t poll_ns)
{
	struct hs_worker *w = calloc(1, sizeof(*w));
	sigset_t all, old;
	int ret;

	if (!w)
		return -ENOMEM;
	strncpy(w->name, name, sizeof(w->name) - 1);
	w->kind = kind;
	w->poll_ns = poll_ns;
	w->last = &w->first;
	pthread_mutex_init(&w->lock, NULL);
	sem_init(&w->started, 0, 0);
	w->post.io.done = worker_read_done;
	w->post.worker = w;
	w->post_fd = eventfd(0, EFD_CLOEXEC);
	if (w->post_fd < 0) {
		ret = -errno;
		hs_error("worker %s: no eventfd: %s", name, strerror(-ret));
		goto err_free;
	}
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = -pthread_create(&w->thread, NULL, worker_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret < 0) {
		hs_error("worker %s: no thread: %s", name, strerror(-ret));
		goto err_close;
	}
	while (sem_wait(&w->started) < 0)
		;
	ret = w->start_status;
	if (ret < 0) {
		hs_error("worker %s: no io_uring: %s: see /proc/sys/kernel/io_uring_disabled and ulimit -l",
			 name, strerror(-ret));
		goto err_join;
	}
	*out = w;
	return 0;

err_join:
	pthread_join(w->thread, NULL);
err_close:
	close(w->post_fd);
err_free:
	sem_destroy(&w->started);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return ret;
}

/* A function to run on the worker, and who waits for it. */
struct call {
	struct hs_work work;
	void (*fn)(void *arg);
	void *arg;
	sem_t done;
};

static void call_run(struct hs_work *work)
{
	struct call *call = (struct call *)work;

	call->fn(call->arg);
	sem_post(&call->done);		/* call is gone from here on */
}

void hs_worker_call(struct hs_worker *w, void (*fn)(void *arg), void *arg)
{
	struct call call = { .work.fn = call_run, .fn = fn, .arg = arg };

	sem_init(&call.done, 0, 0);
	hs_worker_post(w, &call.work);
	while (sem_wait(&call.done) < 0)
		;
	sem_destroy(&call.done);
}

static void stop_run(void *arg)
{
	struct hs_worker *w = arg;

	w->stop = true;
}

void hs_worker_destroy(struct hs_worker *w)
{
	if (!w)
		return;
	hs_worker_call(w, stop_run, w);
	pthread_join(w->thread, NULL);
	close(w->post_fd);
	sem_destroy(&w->started);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

void hs_worker_stats(const struct hs_worker *w, struct hs_worker_stats *stats)
{
	stats->rounds_busy = atomic_load_explicit(&w->stat.rounds_busy, memory_order_relaxed);
	stats->polls_paid = atomic_load_explicit(&w->stat.polls_paid, memory_order_relaxed);
	stats->sleeps = atomic_load_explicit(&w->stat.sleeps, memory_order_relaxed);
	stats->wakes_empty = atomic_load_explicit(&w->stat.wakes_empty, memory_order_relaxed);
	stats->submits = atomic_load_explicit(&w->stat.submits, memory_order_relaxed);
	stats->window_ns = atomic_load_explicit(&w->stat.window, memory_order_relaxed);
}
