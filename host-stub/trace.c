/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace: see trace.h. Each thread that has events has a ring with one writer,
 * itself, and one reader, the trace's thread (the main thread, once that has ended). A ring
 * of a thread that has ended is the next new thread's as soon as it is empty, so reboots
 * need no more of them.
 *
 * From the rings, text goes to a writer (writer.h). If that has no room because nobody
 * reads, the rings fill, and then events are lost: no thread waits.
 *
 * The file is an array. Its closing bracket is written at the end, at a limit, too; if the
 * process is killed it is missing, and Perfetto opens the file nevertheless.
 */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hs.h"
#include "output.h"
#include "thread.h"
#include "writer.h"

#define EVENTS		4096u		/* of a ring; a power of two */
#define RINGS		64u
#define BUFFER		(1u << 20)	/* bytes of text that wait for the file */
#define STEP_NS		5000000u	/* between looks at the rings */
#define TAIL		512u		/* bytes kept for the end */

struct ring {
	struct hs_trace_event *event;	/* [EVENTS], made when first needed */
	char name[16];
	int tid;
	bool named;			/* the reader's: it wrote the thread's name */
	atomic_uint head, tail;		/* written by the thread, the reader; both only grow */
	atomic_bool used, ended;	/* a thread has it; that thread has ended */
};

static struct {
	const char *path;
	uint64_t limit, written;	/* bytes */
	int fd;
	pid_t pid;
	struct hs_writer *out;
	pthread_t thread;
	pthread_key_t key;		/* its destructor notices the end of a thread */
	pthread_mutex_t lock;		/* of `ending`, and of taking a ring */
	pthread_cond_t wake;
	bool opened, ending;
	struct ring ring[RINGS];
	uint64_t events;		/* that were written */
	atomic_ullong no_room;		/* events lost: rings were full */
	uint64_t over;			/* ... the file was */
} trace = { .fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

static __thread struct ring *own;
static __thread char own_name[16] = "thread";

/* ---- threads that have events ---- */

static void trace_thread_ended(void *arg)
{
	struct ring *ring = arg;

	own = NULL;
	atomic_store(&ring->ended, true);
}

/* A ring for the calling thread; NULL: there are no more. */
static struct ring *take_ring(void)
{
	struct ring *ring = NULL;

	pthread_mutex_lock(&trace.lock);
	for (unsigned int i = 0; i < RINGS && !ring; i++)
		if (!atomic_load(&trace.ring[i].used))
			ring = &trace.ring[i];
	if (ring && !ring->event)
		ring->event = calloc(EVENTS, sizeof(ring->event[0]));
	if (ring && ring->event && !pthread_setspecific(trace.key, ring)) {
		memcpy(ring->name, own_name, sizeof(ring->name));
		ring->tid = gettid();
		ring->named = false;
		atomic_store(&ring->ended, false);
		atomic_store(&ring->used, true);
		own = ring;
	}
	pthread_mutex_unlock(&trace.lock);
	return own;
}

static void trace_thread(const char *name)
{
	snprintf(own_name, sizeof(own_name), "%s", name);
}

static void trace_put(const struct hs_trace_event *event)
{
	struct ring *ring = own ? own : take_ring();
	unsigned int head;

	if (!ring) {
		atomic_fetch_add(&trace.no_room, 1);
		return;
	}
	head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	if (head - atomic_load_explicit(&ring->tail, memory_order_acquire) == EVENTS) {
		atomic_fetch_add(&trace.no_room, 1);
		return;
	}
	ring->event[head % EVENTS] = *event;
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
}

static const struct hs_trace_sink sink = { .put = trace_put, .thread = trace_thread };

/* ---- the text ---- */

/* To the file. drain_limit: wait for room as far as it goes; NULL: do not wait. False: no room. */
static bool put_text(const char *text, size_t len, struct hs_drain_limit *drain_limit)
{
	if (!(drain_limit ? hs_writer_put_wait(trace.out, text, len, drain_limit) :
			    hs_writer_put_all(trace.out, text, len)))
		return false;
	trace.written += len;
	return true;
}

/* Whether so much more keeps the file within its limit. */
static bool trace_fits(size_t len)
{
	return !trace.limit || trace.written + len + TAIL <= trace.limit;
}

/* One event, with its thread's name if that is new. False: there is no room now. */
static bool put_event(struct ring *ring, const struct hs_trace_event *event,
		      struct hs_drain_limit *drain_limit)
{
	char text[2 * HS_TRACE_TEXT];
	size_t len = 0;

	if (!ring->named)
		len = hs_trace_name(text, "thread_name", ring->name, trace.pid, ring->tid);
	len += hs_trace_text(text + len, event, trace.pid, ring->tid, trace.events);
	if (!trace_fits(len)) {
		trace.over++;
		return true;
	}
	if (!put_text(text, len, drain_limit))
		return false;
	ring->named = true;
	trace.events++;
	return true;
}

/* What is in a ring now. False: there is no room. */
static bool drain_ring(struct ring *ring, struct hs_drain_limit *drain_limit)
{
	bool ended = atomic_load(&ring->ended);		/* before its last event is looked for */
	unsigned int head = atomic_load_explicit(&ring->head, memory_order_acquire);
	unsigned int tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	for (; tail != head; tail++) {
		if (!put_event(ring, &ring->event[tail % EVENTS], drain_limit))
			return false;
		atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
	}
	if (ended)
		atomic_store(&ring->used, false);
	return true;
}

static bool drain_rings(struct hs_drain_limit *drain_limit)
{
	for (unsigned int i = 0; i < RINGS; i++)
		if (atomic_load(&trace.ring[i].used) &&
		    !drain_ring(&trace.ring[i], drain_limit))
			return false;
	return true;
}

static void *trace_run(void *arg)
{
	struct timespec until;

	(void)arg;
	pthread_setname_np(pthread_self(), "trace");
	hs_thread_narrow(HS_THREAD_TRACE);
	pthread_mutex_lock(&trace.lock);
	while (!trace.ending) {
		uint64_t ns = hs_now() + STEP_NS;

		until.tv_sec = (time_t)(ns / 1000000000u);
		until.tv_nsec = (long)(ns % 1000000000u);
		(void)pthread_cond_timedwait(&trace.wake, &trace.lock, &until);
		pthread_mutex_unlock(&trace.lock);
		(void)drain_rings(NULL);
		pthread_mutex_lock(&trace.lock);
	}
	pthread_mutex_unlock(&trace.lock);
	return NULL;
}

/* ---- life ---- */

static void make_wake(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&trace.wake, &attr);
	pthread_condattr_destroy(&attr);
}

int hs_trace_prepare(const char *path, uint64_t limit)
{
	int fd = hs_output_open("--trace", path, O_WRONLY);

	if (fd < 0)
		return fd;
	trace.path = path;
	trace.limit = limit;
	trace.fd = fd;
	trace.pid = getpid();
	make_wake();
	fd = -pthread_key_create(&trace.key, trace_thread_ended);
	if (fd < 0) {
		hs_error("--trace: %s", strerror(-fd));
		return fd;
	}
	trace_thread("main");
	/* Workers begin before the trace's own threads: what they have to say waits. */
	hs_trace_sink = &sink;
	return 0;
}

/* The first object has no comma in front. */
static void put_begin(void)
{
	char text[HS_TRACE_TEXT];
	size_t len = hs_trace_name(text, "process_name", "pvkit-vm", trace.pid, trace.pid);

	text[0] = '[';
	(void)put_text(text, len, NULL);
}

int hs_trace_open(void)
{
	const struct hs_writer_config config = {
		.name = "trace-file", .fd = trace.fd, .bytes = BUFFER,
	};
	int ret;

	if (trace.fd < 0)
		return 0;
	ret = hs_writer_open(&trace.out, &config);
	if (!ret) {
		put_begin();
		ret = -pthread_create(&trace.thread, NULL, trace_run, NULL);
	}
	if (ret < 0) {
		hs_error("--trace: cannot start its threads: %s", strerror(-ret));
		return ret;
	}
	trace.opened = true;
	return 0;
}

/* The last object says what is missing. */
static void put_end(struct hs_drain_limit *drain_limit)
{
	uint64_t now = hs_now();
	char text[TAIL];
	int len = snprintf(text, sizeof(text),
			   ",\n{\"name\":\"end of trace\",\"cat\":\"vm\",\"ph\":\"i\",\"s\":\"g\",\"pid\":%d,\"tid\":%d,\"ts\":%llu.%03u,\"args\":{\"events\":%llu,\"lost_over_limit\":%llu,\"lost_no_room\":%llu}}\n]\n",
			   trace.pid, trace.pid, (unsigned long long)(now / 1000),
			   (unsigned int)(now % 1000),
			   (unsigned long long)trace.events, (unsigned long long)trace.over,
			   (unsigned long long)atomic_load(&trace.no_room));

	(void)put_text(text, (size_t)len, drain_limit);
}

static void say_lost(uint64_t bytes)
{
	if (trace.over)
		hs_note("--trace %s: %llu events are missing at its end: limit=%llu bytes is reached",
			trace.path, (unsigned long long)trace.over,
			(unsigned long long)trace.limit);
	if (atomic_load(&trace.no_room))
		hs_note("--trace %s: %llu events were lost: they came faster than the file takes them",
			trace.path, (unsigned long long)atomic_load(&trace.no_room));
	if (bytes)
		hs_error("--trace %s: %llu bytes could not be written: the file is incomplete",
			 trace.path, (unsigned long long)bytes);
}

/* What was still to be written when nobody read any more: events, counted as lost. */
static void count_rest(void)
{
	for (unsigned int i = 0; i < RINGS; i++)
		atomic_fetch_add(&trace.no_room, atomic_load(&trace.ring[i].head) -
						 atomic_load(&trace.ring[i].tail));
}

void hs_trace_close(struct hs_drain_limit *drain_limit)
{
	hs_trace_sink = NULL;
	if (trace.opened) {
		pthread_mutex_lock(&trace.lock);
		trace.ending = true;
		pthread_cond_signal(&trace.wake);
		pthread_mutex_unlock(&trace.lock);
		pthread_join(trace.thread, NULL);
		(void)drain_rings(drain_limit);
		count_rest();
		put_end(drain_limit);
	}
	if (trace.out)
		say_lost(hs_writer_close(trace.out, drain_limit));
	for (unsigned int i = 0; i < RINGS; i++)
		free(trace.ring[i].event);
	memset(trace.ring, 0, sizeof(trace.ring));
	own = NULL;
	if (trace.fd >= 0) {
		pthread_cond_destroy(&trace.wake);
		(void)pthread_key_delete(trace.key);
		close(trace.fd);
	}
	trace.fd = -1;
	trace.out = NULL;
	trace.opened = trace.ending = false;
	trace.written = trace.events = trace.over = 0;
	atomic_store(&trace.no_room, 0);
}
