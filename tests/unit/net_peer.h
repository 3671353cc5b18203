/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of the network back end (net/net.h): a model that keeps what it
 * gets, frames to send that count their ends, and frames of a pattern.
 */
#ifndef TESTS_NET_PEER_H
#define TESTS_NET_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "host-stub/net/net.h"
#include "host-stub/worker.h"

static inline void pause_a_bit(void)
{
	static const struct timespec ts = { .tv_nsec = 200000 };

	nanosleep(&ts, NULL);
}

/* Waits until `cond` or for 10 s. */
#define WAIT_FOR(cond) do { \
	for (uint64_t wait_end = hs_now() + 10000000000ull; !(cond) && hs_now() < wait_end;) \
		pause_a_bit(); \
	assert_true(cond); \
} while (0)

/* The nth frame of a length: its number, then bytes that follow from it. */
static inline void pattern(uint8_t *at, uint32_t n, uint32_t length)
{
	uint32_t x = n * 2654435761u + length;

	for (uint32_t i = 0; i < length; i++) {
		x = x * 1664525u + 1013904223u;
		at[i] = (uint8_t)(x >> 24);
	}
	memcpy(at, &n, length < 4 ? length : 4);
}

static inline uint32_t length_of(uint32_t n)
{
	static const uint32_t length[] = { 60, 14, 1514, 15, 4096, 333, 9014, 61, 65550, 1000 };

	return length[n % 10];
}

static inline bool is_pattern(const uint8_t *at, uint32_t n, uint32_t length)
{
	static uint8_t want[HS_NET_MAX_FRAME];

	pattern(want, n, length);
	return !memcmp(at, want, length);
}

/* ---- a model ---- */

struct peer_model {
	struct hs_net_model model;	/* first */
	atomic_uint frames, wrong, batches, links, room;	/* room: frames it still takes */
	atomic_bool up;
	uint32_t first;			/* number of the first frame of the pattern */
	struct hs_net_meta meta;	/* of the last */
	uint32_t length;
	uint8_t last[HS_NET_MAX_FRAME];
	bool any;			/* no pattern is expected */
	atomic_uint of_queue[HS_MAX_NIC_QUEUES];
	atomic_uint large;		/* frames with gso */
};

static bool peer_receive(struct hs_net_model *model, unsigned int queue,
			 const struct hs_net_meta *meta, const uint8_t *frame, uint32_t length)
{
	struct peer_model *f = (struct peer_model *)model;
	uint32_t n = f->first + atomic_load(&f->frames);

	if (!atomic_load(&f->room))
		return false;
	atomic_fetch_add(&f->of_queue[queue], 1);
	atomic_fetch_sub(&f->room, 1);
	if (!f->any && (length != length_of(n) || !is_pattern(frame, n, length)))
		atomic_fetch_add(&f->wrong, 1);
	if (meta->gso)
		atomic_fetch_add(&f->large, 1);
	f->meta = *meta;
	f->length = length;
	memcpy(f->last, frame, length);
	atomic_fetch_add(&f->frames, 1);
	return true;
}

static void peer_received(struct hs_net_model *model, unsigned int queue)
{
	(void)queue;
	atomic_fetch_add(&((struct peer_model *)model)->batches, 1);
}

static void peer_link(struct hs_net_model *model, bool up)
{
	struct peer_model *f = (struct peer_model *)model;

	atomic_store(&f->up, up);
	atomic_fetch_add(&f->links, 1);
}

static inline void model_init(struct peer_model *f)
{
	memset(f, 0, sizeof(*f));
	f->model.receive = peer_receive;
	f->model.received = peer_received;
	f->model.link = peer_link;
	f->model.queues = 1;
	atomic_store(&f->room, UINT32_MAX);
}

/* ---- frames to send ---- */

/*
 * A frame that waits for longer than HS_NET_STUCK_NS is dropped. So a test whose peer
 * reads late is skipped where the machine did not let it read in time.
 */
#define NEEDS_TIME(since) do { \
	if (hs_now() - (since) > HS_NET_STUCK_NS / 4 * 3) { \
		print_message("this machine is too busy to be in time\n"); \
		skip(); \
	} \
} while (0)

#define SENDS	512u

struct peer_tx {
	struct hs_net_tx tx;		/* first */
	struct iovec iov[3];
	uint8_t *memory;
	atomic_uint ended;
	int status;
	unsigned int order;
};

static struct peer_tx sends[SENDS];
static atomic_uint ended;
static atomic_bool sending;		/* on the worker: within hs_net_send() */
static atomic_uint early;

static void tx_done(struct hs_net_tx *tx, int status)
{
	struct peer_tx *t = (struct peer_tx *)tx;

	if (atomic_load(&sending))
		atomic_fetch_add(&early, 1);
	t->status = status;
	t->order = atomic_load(&ended);
	atomic_fetch_add(&t->ended, 1);
	atomic_fetch_add(&ended, 1);
}

static inline void sends_free(void)
{
	for (unsigned int i = 0; i < SENDS; i++) {
		free(sends[i].memory);
		memset(&sends[i], 0, sizeof(sends[i]));
	}
	atomic_store(&ended, 0);
	atomic_store(&early, 0);
}

/* The nth frame of the pattern, in three parts. */
static inline void tx_make(unsigned int i, uint32_t n, uint32_t length)
{
	struct peer_tx *t = &sends[i];

	t->memory = malloc(length);
	pattern(t->memory, n, length);
	t->tx.length = length;
	t->tx.iovcnt = 3;
	t->tx.iov = t->iov;
	t->tx.done = tx_done;
	t->iov[0] = (struct iovec){ t->memory, 5 };
	t->iov[1] = (struct iovec){ t->memory + 5, length / 2 };
	t->iov[2] = (struct iovec){ t->memory + 5 + length / 2, length - 5 - length / 2 };
}

struct send_call {
	struct hs_net *net;
	unsigned int first, count;
};

static void send_some(void *arg)
{
	struct send_call *call = arg;

	atomic_store(&sending, true);
	for (unsigned int i = 0; i < call->count; i++)
		hs_net_send(call->net, 0, &sends[call->first + i].tx);
	atomic_store(&sending, false);
}

static inline void send_frames(struct hs_net *net, unsigned int first, unsigned int count)
{
	struct send_call call = { .net = net, .first = first, .count = count };

	hs_worker_call(hs_net_worker(net, 0), send_some, &call);
}

static void say_ready(void *arg)
{
	hs_net_ready(arg, 0);
}

static inline void model_ready(struct hs_net *net)
{
	hs_worker_call(hs_net_worker(net, 0), say_ready, net);
}

/* All n frames ended once each, in order, with this status. */
static inline void assert_sent(unsigned int first, unsigned int count, int status)
{
	for (unsigned int i = 0; i < count; i++) {
		assert_int_equal(sends[first + i].ended, 1);
		assert_int_equal(sends[first + i].status, status);
		assert_int_equal(sends[first + i].order, first + i);
	}
	assert_int_equal(early, 0);
}

static inline struct hs_net_stats stats_of(struct hs_net *net)
{
	struct hs_net_stats s;

	hs_net_stats(net, 0, &s);
	return s;
}

#endif /* TESTS_NET_PEER_H */
