// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fuzzer of the worker, its thread and io_uring as they are: an input is a series of works
 * posted, calls, sources that come, ring, refuse to be armed and go, operations by ones
 * and by hundreds, with room asked for or not, and pauses; and of what the host refuses
 * when a worker is made. Whatever they are: what was posted runs, each operation that was
 * taken ends once, a source that has work is polled, and the worker ends.
 */
/* LINK: host-stub/worker.c host-stub/log.c */
/* LIBS: -luring -lpthread -Wl,--wrap=write -Wl,--wrap=eventfd -Wl,--wrap=pthread_create -Wl,--wrap=io_uring_queue_init_params -Wl,--wrap=syscall */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>

#include "host-stub/worker_io.h"
#include "host-stub/hs.h"
#include "input.h"
#include "quiet.h"

#define WORKS	8u
#define SOURCES	(HS_WORKER_SOURCES + 2)
#define OPS	1200u		/* more than the queues hold */
#define WAIT_NS	10000000000ull

static struct hs_worker *worker;

/* ---- what the host refuses ---- */

enum { NO_EVENTFD = 1, NO_THREAD = 2, NO_RING = 4, NO_LIMITS = 8 };

static unsigned int refused;

int __wrap_eventfd(unsigned int count, int flags);
int __real_eventfd(unsigned int count, int flags);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg);
int __wrap_io_uring_queue_init_params(unsigned int n, struct io_uring *ring,
				      struct io_uring_params *p);
int __real_io_uring_queue_init_params(unsigned int n, struct io_uring *ring,
				      struct io_uring_params *p);
long __wrap_syscall(long number, ...);
long __real_syscall(long number, ...);

int __wrap_eventfd(unsigned int count, int flags)
{
	errno = EMFILE;
	return refused & NO_EVENTFD ? -1 : __real_eventfd(count, flags);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg)
{
	return refused & NO_THREAD ? EAGAIN : __real_pthread_create(thread, attr, fn, arg);
}

int __wrap_io_uring_queue_init_params(unsigned int n, struct io_uring *ring,
				      struct io_uring_params *p)
{
	return refused & NO_RING ? -EPERM : __real_io_uring_queue_init_params(n, ring, p);
}

long __wrap_syscall(long number, ...)
{
	va_list args;
	long arg[4];

	va_start(args, number);
	for (unsigned int i = 0; i < 4; i++)
		arg[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_io_uring_register && refused & NO_LIMITS) {
		errno = EINVAL;
		return -1;
	}
	return __real_syscall(number, arg[0], arg[1], arg[2], arg[3]);
}

/* ---- works ---- */

static struct {
	struct hs_work work;		/* first */
	atomic_uint posted, seen;	/* seen: posts that a run has come behind */
	atomic_uint again;		/* it posts itself so often */
} works[WORKS];

static void work_run(struct hs_work *work)
{
	unsigned int n = 0;

	while (&works[n].work != work)
		n++;
	MUST(n < WORKS && hs_worker_is_self(worker));
	atomic_store(&works[n].seen, atomic_load(&works[n].posted));
	if (!atomic_load(&works[n].again))
		return;
	atomic_fetch_add(&works[n].posted, 1);
	hs_worker_post(worker, work);
	atomic_fetch_sub(&works[n].again, 1);
}

static void post(unsigned int n, unsigned int again)
{
	works[n].work.fn = work_run;
	atomic_fetch_add(&works[n].again, again);
	atomic_fetch_add(&works[n].posted, 1);
	hs_worker_post(worker, &works[n].work);
}

/* ---- sources: of a guest that puts work there and rings, now and then for nothing ---- */

static struct source {
	struct hs_source source;	/* first */
	atomic_uint work;		/* to be taken, a few each time */
	atomic_uint late;		/* so often there is some more when it is armed */
	bool added, armed;		/* the worker's */
} sources[SOURCES];

static bool source_poll(struct hs_source *source)
{
	struct source *s = (struct source *)source;
	unsigned int n = atomic_load(&s->work);

	MUST(s->added && hs_worker_is_self(worker));
	if (n)
		atomic_fetch_sub(&s->work, n < 4 ? n : 4);
	return n;
}

static bool source_arm(struct hs_source *source)
{
	struct source *s = (struct source *)source;

	MUST(s->added && !s->armed);
	s->armed = true;
	if (!atomic_load(&s->late))
		return atomic_load(&s->work);
	atomic_fetch_sub(&s->late, 1);
	atomic_fetch_add(&s->work, 1);
	return true;
}

static void source_disarm(struct hs_source *source)
{
	((struct source *)source)->armed = false;
}

static void source_ring(struct source *s)
{
	uint64_t one = 1;

	MUST(__real_write(s->source.eventfd, &one, sizeof(one)) == sizeof(one));
}

/* ---- operations ---- */

static struct op {
	struct hs_worker_io io;		/* first */
	bool taken;
} ops[OPS];

static int zeroes = -1;			/* what is read */
static uint8_t sink[OPS];
static atomic_uint ended;
static unsigned int taken;		/* the worker's */
static unsigned int rounds_left;	/* of the hook, that it says were work */

static void op_done(struct hs_worker_io *io, int res)
{
	struct op *op = (struct op *)io;

	MUST(op->taken && hs_worker_is_self(worker) && (res == 1 || res == -ECANCELED));
	op->taken = false;
	atomic_fetch_add(&ended, 1);
}

static bool hook_round(struct hs_hook *hook)
{
	(void)hook;
	if (!rounds_left)
		return false;
	rounds_left--;
	return true;
}

static struct hs_hook hook = { hook_round };

/* ---- on the worker ---- */

struct order {
	unsigned int what, n, count;
};

static void start_ops(unsigned int count)
{
	for (unsigned int i = 0; i < OPS && count; i++) {
		struct io_uring_sqe *sqe;

		if (ops[i].taken)
			continue;
		ops[i].io.done = op_done;
		sqe = hs_worker_sqe(worker, &ops[i].io);
		if (!sqe)
			return;
		sqe->opcode = IORING_OP_READ;
		sqe->fd = zeroes;
		sqe->addr = (uintptr_t)&sink[i];
		sqe->len = 1;
		ops[i].taken = true;
		taken++;
		count--;
	}
}

static void add_or_remove(struct source *s)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < SOURCES; i++)
		n += sources[i].added;
	if (s->added) {
		hs_worker_remove(worker, &s->source);
		hs_worker_remove(worker, &s->source);	/* not there: nothing happens */
		s->added = false;
		return;
	}
	/* A place is free, or will be when its last read has ended. */
	s->armed = false;
	s->added = hs_worker_add(worker, &s->source) == 0;
	MUST(!s->added || n < HS_WORKER_SOURCES);
}

static void carry_out(void *arg)
{
	const struct order *o = arg;

	MUST(hs_worker_is_self(worker));
	switch (o->what) {
	case 0:
		start_ops(o->count);
		break;
	case 1:		/* linked ones go together, or not at all */
		if (hs_worker_room(worker, 1 + o->count % 64))
			start_ops(1 + o->count % 64);
		break;
	case 2:
		for (unsigned int i = 0; i <= o->count % SOURCES; i++)
			add_or_remove(&sources[(o->n + i) % SOURCES]);
		break;
	case 3:
		rounds_left += o->count;
		hs_worker_set_hook(worker, o->n & 1 ? NULL : &hook);
		break;
	default:
		(void)hs_worker_idle_since(worker);
	}
}

/* ---- the input ---- */

static void one_thing(struct input *in)
{
	uint8_t what = (uint8_t)take(in, 1), n = (uint8_t)take(in, 1);
	struct order order = { .what = what >> 3 & 7, .n = n, .count = (unsigned int)take(in, 1) };
	struct source *s = &sources[n % SOURCES];
	struct hs_worker_stats stats;

	switch (what & 7) {
	case 0:
	case 1:
		post(n % WORKS, order.count);
		break;
	case 2:
		order.count *= what & 0x80 ? 5 : 1;
		hs_worker_call(worker, carry_out, &order);
		break;
	case 3:
		atomic_fetch_add(&s->work, order.count);
		source_ring(s);
		break;
	case 4:
		atomic_fetch_add(&s->late, order.count & 7);
		source_ring(s);
		break;
	case 5:
		hs_worker_stats(worker, &stats);
		MUST(stats.wakes_empty <= stats.sleeps);
		break;
	default:
		nanosleep(&(struct timespec){ .tv_nsec = 1000l * order.count }, NULL);
	}
}

static bool settled(void)
{
	bool yes = atomic_load(&ended) == taken;

	for (unsigned int i = 0; i < WORKS; i++)
		yes &= !atomic_load(&works[i].again) &&
		       atomic_load(&works[i].seen) == atomic_load(&works[i].posted);
	for (unsigned int i = 0; i < SOURCES; i++)
		yes &= !sources[i].added || !atomic_load(&sources[i].work);
	return yes;
}

static void begin(void)
{
	zeroes = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	MUST(zeroes >= 0);
	for (unsigned int i = 0; i < SOURCES; i++) {
		sources[i].source = (struct hs_source){ .poll = source_poll, .arm = source_arm,
							.disarm = source_disarm };
		sources[i].source.eventfd = __real_eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		MUST(sources[i].source.eventfd >= 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct timespec moment = { .tv_nsec = 20000 };
	struct input in = { data, size };
	uint8_t how = (uint8_t)take(&in, 1);
	uint64_t end;
	int ret;

	if (zeroes < 0)
		begin();
	refused = how & 0x80 ? how & 0xf : 0;
	ret = hs_worker_create(&worker, "fuzzed", how & 0x10 ? HS_WORKER_NIC : HS_WORKER_DISK,
			       how & 0x20 ? 100000 : 0);
	MUST(!ret == !refused);
	refused = 0;
	if (ret)
		return 0;
	while (in.left)
		one_thing(&in);
	end = hs_now() + WAIT_NS;
	while (!settled() && hs_now() < end)
		nanosleep(&moment, NULL);
	MUST(settled());
	hs_worker_destroy(worker);
	for (unsigned int i = 0; i < SOURCES; i++) {
		sources[i].added = sources[i].armed = false;
		atomic_store(&sources[i].work, 0);
		atomic_store(&sources[i].late, 0);
	}
	memset(works, 0, sizeof(works));
	atomic_store(&ended, 0);
	taken = 0;
	rounds_left = 0;
	return 0;
}
