// SPDX-License-Identifier: BSD-2-Clause
/*
 * The worker (worker.h): work handed over by other threads, doorbells
 * that wake it, sources that come and go while their eventfd is being read.
 */
/* LINK: host-stub/worker.c host-stub/log.c */
/* LIBS: -luring -lpthread */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "host-stub/worker_io.h"
#include "host-stub/hs.h"

static struct hs_worker *worker;

static int begin(void **state)
{
	(void)state;
	return hs_worker_create(&worker, "a name longer than a thread's",
				HS_WORKER_NIC, 50000);
}

static int end(void **state)
{
	(void)state;
	hs_worker_destroy(worker);
	return 0;
}

/* Waits until `cond` or for 10 s. */
static void pause_a_bit(void)
{
	static const struct timespec ts = { .tv_nsec = 50000 };

	nanosleep(&ts, NULL);
}

#define WAIT_FOR(cond) do { \
	for (uint64_t wait_end = hs_now() + 10000000000ull; !(cond) && hs_now() < wait_end;) \
		pause_a_bit(); \
	assert_true(cond); \
} while (0)

/* ---- calls and posts ---- */

struct seen {
	bool self;
	unsigned int runs;
};

static void look(void *arg)
{
	struct seen *seen = arg;

	seen->self = hs_worker_is_self(worker);
	seen->runs++;
}

static void call_runs_there_and_waits(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	for (unsigned int i = 1; i <= 1000; i++) {
		hs_worker_call(worker, look, &seen);
		assert_true(seen.self);
		assert_int_equal(seen.runs, i);
	}
	assert_false(hs_worker_is_self(worker));
}

struct counted {
	struct hs_work work;	/* first */
	atomic_uint runs;
	unsigned int again;
};

static void count(struct hs_work *work)
{
	struct counted *c = (struct counted *)work;

	atomic_fetch_add(&c->runs, 1);
	if (c->again) {
		c->again--;
		hs_worker_post(worker, work);
	}
}

static atomic_bool gate;

static void wait_at_gate(struct hs_work *work)
{
	(void)work;
	while (!atomic_load(&gate))
		pause_a_bit();
}

static void waiting_work_is_not_queued_twice(void **state)
{
	struct counted c = { .work.fn = count }, d = { .work.fn = count };
	struct hs_work blocker = { .fn = wait_at_gate };
	struct seen seen = { 0 };

	(void)state;
	atomic_store(&gate, false);
	hs_worker_post(worker, &blocker);
	for (unsigned int i = 0; i < 10; i++) {
		hs_worker_post(worker, &c.work);
		hs_worker_post(worker, &d.work);
	}
	hs_worker_post(worker, &c.work);
	atomic_store(&gate, true);
	hs_worker_call(worker, look, &seen);
	assert_int_equal(c.runs, 1);
	assert_int_equal(d.runs, 1);
	hs_worker_post(worker, &c.work);
	hs_worker_call(worker, look, &seen);
	assert_int_equal(c.runs, 2);
}

static void work_may_post_itself(void **state)
{
	struct counted c = { .work.fn = count, .again = 5000 };
	struct seen seen = { 0 };

	(void)state;
	hs_worker_post(worker, &c.work);
	/* others have their turn meanwhile */
	hs_worker_call(worker, look, &seen);
	assert_int_equal(seen.runs, 1);
	WAIT_FOR(c.runs == 5001);
}

static void *post_many(void *arg)
{
	for (unsigned int i = 0; i < 3000; i++) {
		struct seen seen = { 0 };

		if (i & 1)
			hs_worker_post(worker, arg);
		hs_worker_call(worker, look, &seen);
		if (seen.runs != 1 || !seen.self)
			return arg;
	}
	return NULL;
}

static void many_threads_lose_nothing(void **state)
{
	struct counted c[4] = { { .work.fn = count }, { .work.fn = count }, { .work.fn = count },
				{ .work.fn = count } };
	pthread_t thread[4];

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, post_many, &c[i].work), 0);
	for (unsigned int i = 0; i < 4; i++) {
		void *failed;

		pthread_join(thread[i], &failed);
		assert_null(failed);
		assert_int_equal(c[i].runs, 1500);
	}
}

static void work_from_before_the_end_runs(void **state)
{
	struct counted c = { .work.fn = count };
	struct hs_worker *w;

	(void)state;
	for (unsigned int i = 1; i <= 50; i++) {
		assert_int_equal(hs_worker_create(&w, "short", HS_WORKER_DISK, 0), 0);
		hs_worker_post(w, &c.work);
		hs_worker_destroy(w);
		assert_int_equal(c.runs, i);
	}
	hs_worker_destroy(NULL);
}

/* ---- sources ---- */

struct bell {
	struct hs_source source;	/* first */
	atomic_uint pending;		/* what the "ring" holds */
	atomic_uint taken;
	atomic_uint armed;
	atomic_ullong idle;		/* since when, as the last poll had it */
	int status;
};

static bool bell_poll(struct hs_source *source)
{
	struct bell *b = (struct bell *)source;
	unsigned int n;

	atomic_store(&b->idle, hs_worker_idle_since(worker));
	n = atomic_exchange(&b->pending, 0);
	atomic_fetch_add(&b->taken, n);
	return n;
}

static bool bell_arm(struct hs_source *source)
{
	struct bell *b = (struct bell *)source;

	atomic_store(&b->armed, 1);
	return atomic_load(&b->pending);
}

static void bell_disarm(struct hs_source *source)
{
	atomic_store(&((struct bell *)source)->armed, 0);
}

static void bell_init(struct bell *b)
{
	memset(b, 0, sizeof(*b));
	b->source = (struct hs_source){ .eventfd = eventfd(0, EFD_CLOEXEC), .poll = bell_poll,
					.arm = bell_arm, .disarm = bell_disarm };
	assert_true(b->source.eventfd >= 0);
}

static void bell_add(void *arg)
{
	struct bell *b = arg;

	b->status = hs_worker_add(worker, &b->source);
}

static void bell_remove(void *arg)
{
	hs_worker_remove(worker, &((struct bell *)arg)->source);
}

static void ring_bell(struct bell *b)
{
	uint64_t n = 1;

	atomic_fetch_add(&b->pending, 1);
	assert_int_equal(write(b->source.eventfd, &n, sizeof(n)), sizeof(n));
}

static void doorbell_wakes_a_sleeper(void **state)
{
	struct hs_worker_stats stats;
	struct bell b;

	(void)state;
	bell_init(&b);
	hs_worker_call(worker, bell_add, &b);
	assert_int_equal(b.status, 0);
	for (unsigned int i = 1; i <= 100; i++) {
		WAIT_FOR(b.armed);
		if (i & 1)
			pause_a_bit();	/* now it sleeps */
		ring_bell(&b);
		WAIT_FOR(b.taken == i);
	}
	hs_worker_stats(worker, &stats);
	assert_true(stats.sleeps > 0);
	assert_true(stats.window_ns <= 50000);
	hs_worker_call(worker, bell_remove, &b);
	assert_true(b.source.rings > 0 && b.source.rings <= 100);
	close(b.source.eventfd);
}

static void stop_posting(void *arg)
{
	((struct counted *)arg)->again = 0;
}

static void work_without_end_leaves_sources_their_turn(void **state)
{
	struct counted c = { .work.fn = count, .again = ~0u };
	struct bell b;

	(void)state;
	bell_init(&b);
	hs_worker_call(worker, bell_add, &b);
	hs_worker_post(worker, &c.work);
	ring_bell(&b);
	WAIT_FOR(b.taken == 1);
	hs_worker_call(worker, stop_posting, &c);
	hs_worker_call(worker, bell_remove, &b);
	close(b.source.eventfd);
}

static void sources_learn_whether_it_is_idle(void **state)
{
	struct counted c = { .work.fn = count, .again = ~0u };
	uint64_t began = hs_now();
	struct bell b;

	(void)state;
	bell_init(&b);
	hs_worker_call(worker, bell_add, &b);
	/* short sleeps have it poll, and while it polls it is idle */
	for (unsigned int i = 1; i <= 10000 && !atomic_load(&b.idle); i++) {
		ring_bell(&b);
		WAIT_FOR(b.taken == i);
	}
	assert_in_range(b.idle, began, hs_now());
	hs_worker_post(worker, &c.work);
	ring_bell(&b);
	WAIT_FOR(!b.pending && !b.idle);
	for (unsigned int i = 0; i < 100; i++) {
		pause_a_bit();
		assert_int_equal(b.idle, 0);
	}
	hs_worker_call(worker, stop_posting, &c);
	hs_worker_call(worker, bell_remove, &b);
	close(b.source.eventfd);
}

static void ringing_without_end_costs_no_progress(void **state)
{
	struct seen seen = { 0 };
	struct bell b;

	(void)state;
	bell_init(&b);
	hs_worker_call(worker, bell_add, &b);
	for (unsigned int i = 0; i < 20000; i++) {
		uint64_t n = 1;

		assert_int_equal(write(b.source.eventfd, &n, sizeof(n)), sizeof(n));
		if (i % 1000 == 0)
			hs_worker_call(worker, look, &seen);
	}
	assert_int_equal(seen.runs, 20);
	hs_worker_call(worker, bell_remove, &b);
	close(b.source.eventfd);
}

static void places_of_sources_are_bounded(void **state)
{
	static struct bell b[HS_WORKER_SOURCES + 1];

	(void)state;
	for (unsigned int i = 0; i <= HS_WORKER_SOURCES; i++) {
		bell_init(&b[i]);
		hs_worker_call(worker, bell_add, &b[i]);
		assert_int_equal(b[i].status, i < HS_WORKER_SOURCES ? 0 : -ENOSPC);
	}
	for (unsigned int i = 0; i < HS_WORKER_SOURCES; i++)
		ring_bell(&b[i]);
	for (unsigned int i = 0; i < HS_WORKER_SOURCES; i++)
		WAIT_FOR(b[i].taken == 1);
	/* one that was never added, or twice removed, is no harm */
	hs_worker_call(worker, bell_remove, &b[HS_WORKER_SOURCES]);
	for (unsigned int i = 0; i < HS_WORKER_SOURCES; i++) {
		hs_worker_call(worker, bell_remove, &b[i]);
		hs_worker_call(worker, bell_remove, &b[i]);
	}
	for (unsigned int i = 0; i <= HS_WORKER_SOURCES; i++)
		close(b[i].source.eventfd);
}

static void sources_come_and_go(void **state)
{
	(void)state;
	/* more often than there are places: each is given back, also from a read */
	for (unsigned int i = 0; i < 10 * HS_WORKER_SOURCES; i++) {
		struct bell *b = test_malloc(sizeof(*b));

		bell_init(b);
		hs_worker_call(worker, bell_add, b);
		assert_int_equal(b->status, 0);
		if (i % 3 < 2)
			WAIT_FOR(b->armed);
		else
			ring_bell(b);
		hs_worker_call(worker, bell_remove, b);
		/* no ring of the one before */
		assert_true(b->source.rings <= (i % 3 == 2));
		close(b->source.eventfd);
		test_free(b);	/* nothing of it is touched from here on */
	}
}

/* ---- what the ring takes ---- */

struct asked {
	struct hs_worker_io io;	/* first */
	uint8_t opcode, flags;
	atomic_int answer;	/* 1: none yet */
};

static void answered(struct hs_worker_io *io, int res)
{
	atomic_store(&((struct asked *)io)->answer, res);
}

static void ask(void *arg)
{
	struct asked *a = arg;
	struct io_uring_sqe *sqe = hs_worker_sqe(worker, &a->io);

	assert_non_null(sqe);
	sqe->opcode = a->opcode;
	sqe->flags = a->flags;
	sqe->fd = AT_FDCWD;
	sqe->addr = (uintptr_t)"/";
}

static int answer_to(uint8_t opcode, uint8_t flags)
{
	struct asked a = { .io.done = answered, .opcode = opcode, .flags = flags, .answer = 1 };

	hs_worker_call(worker, ask, &a);
	WAIT_FOR(atomic_load(&a.answer) != 1);
	return a.answer;
}

/* What names a file, an address or a descriptor for another is not there, in either kind of ring.
 */
static void ring_opens_nothing(void **state)
{
	static const uint8_t absent[] = {
		IORING_OP_OPENAT,	IORING_OP_OPENAT2,
		IORING_OP_CLOSE,	IORING_OP_STATX,
		IORING_OP_UNLINKAT,	IORING_OP_RENAMEAT,
		IORING_OP_LINKAT,	IORING_OP_MKDIRAT,
		IORING_OP_SENDMSG,	IORING_OP_SEND,
		IORING_OP_SEND_ZC,	IORING_OP_RECVMSG,
		IORING_OP_RECV,		IORING_OP_CONNECT,
		IORING_OP_SOCKET,	IORING_OP_SPLICE,
		IORING_OP_TEE,		IORING_OP_URING_CMD,
		IORING_OP_MSG_RING,	IORING_OP_EPOLL_CTL,
		IORING_OP_FILES_UPDATE, IORING_OP_PROVIDE_BUFFERS,
		IORING_OP_MADVISE,	IORING_OP_SETXATTR,
		IORING_OP_GETXATTR,
	};
	struct hs_worker *nic = worker;

	(void)state;
	for (unsigned int i = 0; i < sizeof(absent); i++)
		assert_int_equal(answer_to(absent[i], 0), -EACCES);
	assert_int_equal(answer_to(IORING_OP_FALLOCATE, 0), -EACCES);
	assert_int_not_equal(answer_to(IORING_OP_POLL_ADD, 0), -EACCES);
	assert_int_equal(hs_worker_create(&worker, "disk", HS_WORKER_DISK, 0), 0);
	for (unsigned int i = 0; i < sizeof(absent); i++)
		assert_int_equal(answer_to(absent[i], 0), -EACCES);
	assert_int_equal(answer_to(IORING_OP_ACCEPT, 0), -EACCES);
	assert_int_equal(answer_to(IORING_OP_SHUTDOWN, 0), -EACCES);
	assert_int_not_equal(answer_to(IORING_OP_FSYNC, 0), -EACCES);
	hs_worker_destroy(worker);
	worker = nic;
	assert_int_equal(answer_to(IORING_OP_READ, IOSQE_FIXED_FILE), -EACCES);
	assert_int_equal(answer_to(IORING_OP_READ, 0),
			 -EBADF); /* allowed: it gets as far as the file */
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(call_runs_there_and_waits),
		CASE(waiting_work_is_not_queued_twice),
		CASE(work_may_post_itself),
		CASE(many_threads_lose_nothing),
		CASE(work_from_before_the_end_runs),
		CASE(doorbell_wakes_a_sleeper),
		CASE(sources_learn_whether_it_is_idle),
		CASE(work_without_end_leaves_sources_their_turn),
		CASE(ringing_without_end_costs_no_progress),
		CASE(places_of_sources_are_bounded),
		CASE(sources_come_and_go),
		CASE(ring_opens_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
