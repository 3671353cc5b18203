// SPDX-License-Identifier: BSD-2-Clause
/*
 * Sending: from hs_net_send() to the descriptor, in order, in batches.
 *
 * A batch (net_build.c) is issued, its results are looked at in order, and what
 * the other end did not take stays in it and is issued again when there is room,
 * or is dropped at HS_NET_STUCK_NS. No clock is read while all goes well: a
 * frame's time counts from the first refusal that it, or the one in front of it,
 * meets.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>

#include "../leak.h"
#include "../trace.h"
#include "net_priv.h"

/*
 * Most bytes of a stream that go out at once, if it is more than one frame: the
 * kernel keeps as many in one piece, so that who reads finds whole frames. passt
 * of 2023 loses its place where a read ends within a length.
 */
#define STREAM_BYTES	32768u
#define STREAM_IOV	1024u	/* UIO_MAXIOV */

/* ---- ends ---- */

void hs_net_tx_end(struct hs_net_queue *q, struct hs_net_tx *tx, int status)
{
	if (status < 0) {
		hs_net_count(&q->stat.tx_dropped, 1);
	} else {
		hs_net_count(&q->stat.tx_frames, 1);
		hs_net_count(&q->stat.tx_bytes, tx->length);
	}
	hs_trace(HS_TRACE_SENT, 0, NULL, q->net->number, q->index, tx->length,
		 (uint64_t)(int64_t)status);
	hs_net_tx_back(tx, status);
}

/* The first unit that has not ended does. */
static void end_unit(struct hs_net_queue *q, int status)
{
	struct hs_net_txq *t = &q->tx;
	struct hs_net_unit *unit = &t->unit[t->ended++];
	bool failed;

	t->sent = 0;
	t->failed |= status < 0;
	if (!unit->last)
		return;
	failed = t->failed;
	t->failed = false;
	hs_net_tx_end(q, unit->tx, failed ? -EIO : 0);
}

/* The frames that wait, up to the one that is the last now: done() may send more. */
static bool drop_waiting(struct hs_net_queue *q, uint64_t now)
{
	struct hs_net_txq *t = &q->tx;
	struct hs_net_tx *end = NULL, *tx;
	bool any = false, over = false;

	for (tx = t->first; tx; tx = tx->next)
		end = tx;
	while (!over && (tx = t->first)) {
		if (now && now - tx->since < HS_NET_STUCK_NS)
			break;
		over = tx == end;
		t->first = tx->next;
		if (!t->first)
			t->last = &t->first;
		hs_net_tx_end(q, tx, -EIO);
		any = true;
	}
	return any;
}

/* Nothing is in flight. now 0: all; else those that waited too long. */
static bool drop_old(struct hs_net_queue *q, uint64_t now)
{
	struct hs_net_txq *t = &q->tx;
	bool any = false;

	while (t->ended < t->count) {
		struct hs_net_unit *unit = &t->unit[t->ended];
		uint32_t rest = 0;

		if (now && now - unit->tx->since < HS_NET_STUCK_NS)
			return any;
		if (t->sent && hs_net_is_up(q->net)) {
			/*
			 * A stream: a frame begun must be ended, lest the next be
			 * misread. The rest moves to our memory; its sender need
			 * not wait for the peer.
			 */
			for (unsigned int i = 0; i < unit->iovcnt; i++) {
				memcpy(t->rest + rest, unit->iov[i].iov_base,
				       unit->iov[i].iov_len);
				rest += (uint32_t)unit->iov[i].iov_len;
			}
			t->rest_at = 0;
			t->rest_end = rest;
			end_unit(q, 0);
		} else {
			end_unit(q, -EIO);
		}
		any = true;
	}
	if (t->cutting) {
		struct hs_net_tx *tx = t->cutting;

		if (now && now - tx->since < HS_NET_STUCK_NS)
			return any;
		t->cutting = NULL;
		t->failed = false;
		hs_net_tx_end(q, tx, -EIO);
		any = true;
	}
	return drop_waiting(q, now) || any;
}

/* ---- it is issued ---- */

/*
 * To a socket, at once. Not by the io_uring: its SENDMSG takes an address, and descriptors for
 * whoever is there, so it is an operation that the ring does not have (worker.c); its WRITEV
 * would wait. The descriptor does not block, and SIGPIPE is blocked in workers.
 */
static int write_now(int fd, const struct iovec *iov, unsigned int iovcnt)
{
	ssize_t n;

	hs_leaves_iov(iov, iovcnt);
	do
		n = writev(fd, iov, (int)iovcnt);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (int)n;
}

static void write_messages(struct hs_net_queue *q)
{
	struct hs_net_txq *t = &q->tx;

	for (t->begun = t->ended; t->begun < t->count;) {
		struct hs_net_unit *unit = &t->unit[t->begun++];

		unit->io.res = write_now(q->fd, unit->iov, unit->iovcnt);
		/* What is behind a refused one must not overtake it. */
		if (unit->io.res < 0)
			break;
	}
	hs_net_count(&q->stat.batches, 1);
}

/* To a TAP, where the io_uring takes them; else in the next round. */
static void issue_messages(struct hs_net_queue *q)
{
	struct hs_net_txq *t = &q->tx;

	if (!hs_worker_room(q->worker, t->count - t->ended))
		return;
	for (t->begun = t->ended; t->begun < t->count; t->begun++) {
		struct hs_net_unit *unit = &t->unit[t->begun];
		struct io_uring_sqe *sqe = hs_worker_sqe(q->worker, &unit->io.io);

		if (!sqe)
			break;
		hs_leaves_iov(unit->iov, unit->iovcnt);
		sqe->fd = q->fd;
		sqe->opcode = IORING_OP_WRITEV;
		sqe->addr = (uintptr_t)unit->iov;
		sqe->len = unit->iovcnt;
		sqe->off = (uint64_t)-1;
		unit->io.busy = true;
		t->in_flight++;
	}
	hs_net_count(&q->stat.batches, 1);
}

/* As many whole units as may go out at once, at least one. Their iovecs lie one behind the other.
 */
static unsigned int stream_units(const struct hs_net_txq *t)
{
	const struct hs_net_unit *unit = &t->unit[t->ended];
	uint32_t bytes = unit->length - t->sent;
	unsigned int iovcnt = unit->iovcnt;

	while (++unit < t->unit + t->count) {
		bytes += unit->length;
		if (bytes > STREAM_BYTES || iovcnt + unit->iovcnt > STREAM_IOV)
			break;
		iovcnt += unit->iovcnt;
	}
	return iovcnt;
}

static void write_stream(struct hs_net_queue *q)
{
	struct hs_net_txq *t = &q->tx;
	struct iovec rest = { .iov_base = t->rest + t->rest_at,
			      .iov_len = t->rest_end - t->rest_at };

	if (rest.iov_len)
		t->stream_res = write_now(q->fd, &rest, 1);
	else
		t->stream_res = write_now(q->fd, t->unit[t->ended].iov, stream_units(t));
	t->begun = 1;
	hs_net_count(&q->stat.batches, 1);
}

static void net_tx_sent(struct hs_worker_io *worker_io, int res)
{
	struct hs_net_io *io = (struct hs_net_io *)worker_io;

	io->busy = false;
	io->res = res;
	io->queue->tx.in_flight--;
}

/* ---- and looked at ---- */

static void stamp(struct hs_net_tx *tx, uint64_t now)
{
	if (!tx->since)
		tx->since = now;
}

/* The other end takes no more: from now on time counts. */
static void block(struct hs_net_queue *q)
{
	struct hs_net_txq *t = &q->tx;
	uint64_t now = hs_now();

	t->blocked = true;
	for (unsigned int i = t->ended; i < t->count; i++)
		stamp(t->unit[i].tx, now);
	if (t->cutting)
		stamp(t->cutting, now);
	for (struct hs_net_tx *tx = t->first; tx; tx = tx->next)
		stamp(tx, now);
}

static void look_at_messages(struct hs_net_queue *q)
{
	struct hs_net_txq *t = &q->tx;
	struct hs_net *net = q->net;

	while (t->ended < t->begun) {
		int res = t->unit[t->ended].io.res;

		if (res >= 0) {
			end_unit(q, 0);
		} else if (res == -EAGAIN && net->framing != HS_NET_VNET) {
			block(q);
			break;
		} else if (res == -EBADFD ||
			   (net->seqpacket && (res == -EPIPE || res == -ECONNRESET))) {
			/* The reads will find the same, and say it. */
			hs_net_peer(net, false);
			break;
		} else {
			end_unit(q, -EIO);
			if (res == -ECONNREFUSED || res == -ENOTCONN || res == -ECONNRESET ||
			    res == -EPIPE || res == -EDESTADDRREQ) {
				hs_net_socket_lost(q);
				while (t->ended < t->count)
					end_unit(q, -EIO);
				break;
			}
		}
	}
	t->begun = t->ended;
}

static void look_at_stream(struct hs_net_queue *q)
{
	struct hs_net_txq *t = &q->tx;
	uint32_t bytes;

	if (t->stream_res == -EAGAIN) {
		block(q);
		return;
	}
	if (t->stream_res <= 0) {
		if (t->stream_res != -EINTR)
			hs_net_socket_leave(q, strerror(-t->stream_res));
		return;
	}
	bytes = (uint32_t)t->stream_res;
	if (t->rest_at < t->rest_end) {
		t->rest_at += bytes;
		return;
	}
	while (bytes && t->ended < t->count) {
		struct hs_net_unit *unit = &t->unit[t->ended];

		if (bytes >= unit->length - t->sent) {
			bytes -= unit->length - t->sent;
			end_unit(q, 0);
			continue;
		}
		t->sent += bytes;
		while (bytes >= unit->iov->iov_len) {
			bytes -= (uint32_t)unit->iov->iov_len;
			unit->iov++;
			unit->iovcnt--;
		}
		unit->iov->iov_base = (uint8_t *)unit->iov->iov_base + bytes;
		unit->iov->iov_len -= bytes;
		bytes = 0;
	}
}

/* ---- waiting for room ---- */

static void writable(struct hs_worker_io *worker_io, int res)
{
	struct hs_net_io *io = (struct hs_net_io *)worker_io;

	(void)res;
	io->busy = false;
	io->queue->tx.blocked = false;
}

static void net_tx_timer_done(struct hs_worker_io *worker_io, int res)
{
	struct hs_net_io *io = (struct hs_net_io *)worker_io;

	/* It made the round: that is all. */
	(void)res;
	io->busy = false;
}

/* The time of the oldest frame here, or 0. */
static uint64_t oldest(const struct hs_net_txq *t)
{
	if (t->ended < t->count)
		return t->unit[t->ended].tx->since;
	if (t->cutting)
		return t->cutting->since;
	return t->first ? t->first->since : 0;
}

/* Has the kernel tell of room, and of the time when the oldest frame is dropped. */
static void wait_for_room(struct hs_net_queue *q, uint64_t now)
{
	struct hs_net_txq *t = &q->tx;
	struct io_uring_sqe *sqe;
	uint64_t since = oldest(t), left;

	if (!t->writable.busy) {
		sqe = hs_worker_sqe(q->worker, &t->writable.io);
		if (sqe) {
			sqe->opcode = IORING_OP_POLL_ADD;
			sqe->fd = q->fd;
			sqe->poll32_events = POLLOUT;
			t->writable.busy = true;
		}
	}
	if (!since || t->timer.busy)
		return;
	sqe = hs_worker_sqe(q->worker, &t->timer.io);
	if (!sqe)
		return;
	left = since + HS_NET_STUCK_NS > now ? since + HS_NET_STUCK_NS - now : 1;
	t->limit.tv_sec = 0;
	t->limit.tv_nsec = (long long)left;
	sqe->opcode = IORING_OP_TIMEOUT;
	sqe->addr = (uintptr_t)&t->limit;
	sqe->len = 1;
	t->timer.busy = true;
}

/* ---- the round ---- */

bool hs_net_tx_round(struct hs_net_queue *q)
{
	struct hs_net_txq *t = &q->tx;
	bool stream = q->net->framing == HS_NET_LENGTH, work = false;
	uint64_t now;

	if (t->in_flight)
		return false;
	if (t->begun > t->ended && !stream) {
		look_at_messages(q);
		work = true;
	} else if (stream && t->begun) {
		t->begun = 0;
		look_at_stream(q);
		work = true;
	}
	if (!hs_net_is_up(q->net) || !q->user_up)
		return drop_old(q, 0) || work;
	if (t->blocked) {
		now = hs_now();
		work |= drop_old(q, now);
		if (oldest(t) || t->rest_at < t->rest_end)
			wait_for_room(q, now);
		return work;
	}
	if (t->ended == t->count && t->rest_at == t->rest_end) {
		if (!t->first && !t->cutting)
			return work;
		hs_net_tx_build(q);
		work = true;
	}
	if (t->ended == t->count && t->rest_at == t->rest_end)
		return work;
	if (stream)
		write_stream(q);
	else if (q->net->framing == HS_NET_VNET)
		issue_messages(q);
	else
		write_messages(q);
	return true;
}

void hs_net_send(struct hs_net *net, unsigned int queue, struct hs_net_tx *tx)
{
	struct hs_net_txq *t = &net->queue[queue].tx;

	tx->next = NULL;
	tx->since = t->blocked ? hs_now() : 0;
	*t->last = tx;
	t->last = &tx->next;
}

bool hs_net_tx_idle(const struct hs_net_queue *q)
{
	return !q->tx.in_flight && q->tx.ended == q->tx.count && !q->tx.cutting && !q->tx.first;
}

/* Nothing is in flight: the connection that all this was for is gone. */
void hs_net_tx_restart(struct hs_net_queue *q)
{
	struct hs_net_txq *t = &q->tx;

	drop_old(q, 0);
	t->rest_at = 0;
	t->rest_end = 0;
	t->begun = 0;
	t->blocked = false;
}

int hs_net_tx_init(struct hs_net_queue *q)
{
	struct hs_net_txq *t = &q->tx;

	t->last = &t->first;
	t->arena = calloc(1, HS_NET_ARENA);
	t->large = calloc(1, HS_NET_MAX_FRAME);
	t->rest = calloc(1, HS_NET_MAX_FRAME + HS_NET_PREFIX);
	if (!t->arena || !t->large || !t->rest) {
		hs_net_tx_fini(q);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < HS_NET_UNITS; i++) {
		t->unit[i].io.io.done = net_tx_sent;
		t->unit[i].io.queue = q;
	}
	t->writable.io.done = writable;
	t->writable.queue = q;
	t->timer.io.done = net_tx_timer_done;
	t->timer.queue = q;
	return 0;
}

void hs_net_tx_fini(struct hs_net_queue *q)
{
	free(q->tx.arena);
	free(q->tx.large);
	free(q->tx.rest);
	q->tx.arena = NULL;
	q->tx.large = NULL;
	q->tx.rest = NULL;
}
