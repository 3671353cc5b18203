// SPDX-License-Identifier: BSD-2-Clause
/*
 * Receiving: reads in the io_uring, frames to the model. How reads are chained
 * is told in net_priv.h; a stream has one read at a time and is parsed here.
 *
 * A frame stays where it was read until the model has taken it. So a model
 * without room costs nothing but the buffers: nothing more is read, and the
 * descriptor's other end waits or drops, as it likes.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../leak.h"
#include "../trace.h"
#include "net_priv.h"
#include "../util.h"

#define STREAM_FRAMES	HS_NET_READS	/* most frames of a stream per round */

static void net_rx_ready(struct hs_work *work)
{
	struct hs_net_rx *rx = hs_container_of(work, struct hs_net_rx, ready);

	/* That it ran makes the round one with work: the hook offers the frames. */
	atomic_store(&rx->stalled, false);
}

void hs_net_ready(struct hs_net *net, unsigned int queue)
{
	struct hs_net_queue *q = &net->queue[queue];

	if (atomic_load_explicit(&q->rx.stalled, memory_order_relaxed))
		hs_worker_post(q->worker, &q->rx.ready);
}

static void net_rx_drop(struct hs_net_queue *q)
{
	hs_net_count(&q->stat.rx_dropped, 1);
}

/* ---- to the model ---- */

/* False: no room. */
static bool give(struct hs_net_queue *q, const struct hs_net_meta *meta, const uint8_t *frame,
		 uint32_t length)
{
	if (!q->model->receive(q->model, q->index, meta, frame, length)) {
		atomic_store(&q->rx.stalled, true);
		return false;
	}
	hs_net_count(&q->stat.rx_frames, 1);
	hs_net_count(&q->stat.rx_bytes, length);
	hs_trace(HS_TRACE_RECEIVED, 0, NULL, q->net->number, q->index, length);
	return true;
}

static uint32_t offloads_of(const struct hs_net_meta *meta)
{
	static const uint32_t gso[] = {
		[PVK_NET_GSO_NONE] = 0, [PVK_NET_GSO_TCP4] = HS_NET_TSO4,
		[PVK_NET_GSO_TCP6] = HS_NET_TSO6, [PVK_NET_GSO_UDP] = HS_NET_USO,
	};

	return gso[meta->gso] | (meta->csum ? HS_NET_CSUM : 0) | (meta->ecn ? HS_NET_ECN : 0);
}

/* A large frame for a model that takes none; rx.piece tells where it had no room. */
static bool give_pieces(struct hs_net_queue *q, const struct hs_net_meta *meta,
			const uint8_t *frame, uint32_t length)
{
	static const struct hs_net_meta whole = { .valid = true };
	struct hs_net_segmenter cutter;
	uint32_t bytes;

	if (hs_net_segment_begin(&cutter, meta, frame, length) < 0) {
		net_rx_drop(q);
		return true;
	}
	for (; q->rx.piece < cutter.pieces; q->rx.piece++) {
		hs_stale(q->rx.soft, HS_NET_MAX_FRAME);
		bytes = hs_net_segment_next(&cutter, q->rx.piece, q->rx.soft);
		if (!give(q, &whole, q->rx.soft, bytes))
			return false;
	}
	q->rx.piece = 0;
	return true;
}

/* The frame of a buffer with the virtio header in front, `bytes` in all. False: no room. */
static bool give_vnet(struct hs_net_queue *q, uint8_t *buffer, uint32_t bytes)
{
	uint8_t *frame = buffer + HS_NET_VNET_LEN;
	uint32_t length, missing;
	struct hs_net_meta meta;

	if (bytes < HS_NET_VNET_LEN + HS_NET_MIN_FRAME ||
	    bytes > HS_NET_VNET_LEN + HS_NET_MAX_FRAME) {
		net_rx_drop(q);
		return true;
	}
	length = bytes - HS_NET_VNET_LEN;
	if (hs_net_vnet_get(&meta, buffer, length) < 0) {
		net_rx_drop(q);
		return true;
	}
	missing = offloads_of(&meta) & ~q->rx_offloads;
	if (meta.gso != PVK_NET_GSO_NONE && missing)
		return give_pieces(q, &meta, frame, length);
	if (missing) {
		if (hs_net_fill_csum(&meta, frame, length) < 0) {
			net_rx_drop(q);
			return true;
		}
		/* In place, and the header says so when the frame is offered again. */
		memset(&meta, 0, sizeof(meta));
		hs_net_vnet_put(buffer, &meta);
		meta.valid = true;
	}
	return give(q, &meta, frame, length);
}

static bool give_plain(struct hs_net_queue *q, const uint8_t *frame, uint32_t length)
{
	static const struct hs_net_meta none;

	if (length < HS_NET_MIN_FRAME || length > HS_NET_MAX_FRAME) {
		net_rx_drop(q);
		return true;
	}
	return give(q, &none, frame, length);
}

/* A user who took the link down sees nothing of what comes: it is read and forgotten. */
static bool may_give(const struct hs_net_queue *q)
{
	return !q->user_up || (q->model && !atomic_load_explicit(&q->rx.stalled,
								memory_order_relaxed));
}

/* ---- messages: a chain of reads ---- */

static void read_failed(struct hs_net_queue *q, int res)
{
	struct hs_net *net = q->net;
	bool gone = res == -EBADFD || res == -EBADF || (!res && net->seqpacket) ||
		    ++q->rx.errors >= HS_NET_ERRORS;

	if (!gone || !hs_net_is_up(net))
		return;
	if (net->kind == HS_NIC_USER)
		hs_note_from(hs_log_nth(HS_LOG_PEER, net->number),
			     "%s: the process of the user-mode network is gone: the link is down",
			net->name);
	else
		hs_note_from(hs_log_nth(HS_LOG_PEER, net->number),
			     "%s: the other end is gone (%s): the link is down", net->name,
			     res ? strerror(-res) : "closed");
	hs_net_peer(net, false);
}

static void net_rx_read_done(struct hs_worker_io *worker_io, int res)
{
	struct hs_net_io *io = (struct hs_net_io *)worker_io;
	struct hs_net_queue *q = io->queue;

	io->busy = false;
	io->res = res;
	if (res > 0)
		hs_filled(q->rx.memory + io->n * HS_NET_RX_SLOT, (size_t)res);
	q->rx.ended++;
	/* A datagram may be empty. It is dropped, and nobody's fault but its sender's. */
	if (res > 0 || (!res && q->net->kind == HS_NIC_DGRAM))
		q->rx.errors = 0;
	else if (res != -EAGAIN && res != -EINTR && res != -ECANCELED)
		read_failed(q, res);
}

static bool start_chain(struct hs_net_queue *q)
{
	struct hs_net_rx *rx = &q->rx;

	rx->count = 0;
	rx->ended = 0;
	rx->next = 0;
	if (!hs_worker_room(q->worker, HS_NET_READS))
		return false;
	for (unsigned int i = 0; i < HS_NET_READS; i++) {
		struct io_uring_sqe *sqe = hs_worker_sqe(q->worker, &rx->read[i].io);

		if (!sqe)
			break;
		sqe->opcode = IORING_OP_READ;
		sqe->fd = q->fd;
		hs_stale(rx->memory + i * HS_NET_RX_SLOT, HS_NET_RX_SLOT);
		sqe->addr = (uintptr_t)(rx->memory + i * HS_NET_RX_SLOT);
		sqe->len = HS_NET_RX_BYTES;
		sqe->off = (uint64_t)-1;
		/* Hard: a read that ends short, as all do, must not cancel the next. */
		sqe->flags = i + 1 < HS_NET_READS ? IOSQE_IO_HARDLINK : 0;
		rx->read[i].busy = true;
		rx->count++;
	}
	hs_net_count(&q->stat.batches, 1);
	return true;
}

static bool message_round(struct hs_net_queue *q)
{
	struct hs_net_rx *rx = &q->rx;
	bool work = false, taken = false;

	while (rx->next < rx->ended && may_give(q)) {
		struct hs_net_io *io = &rx->read[rx->next];
		uint8_t *buffer = rx->memory + rx->next * HS_NET_RX_SLOT;

		if (io->res < 0 || (!io->res && q->net->seqpacket)) {
			;	/* net_rx_read_done() has seen to it */
		} else if (!q->user_up) {
			net_rx_drop(q);
		} else {
			bool done = q->net->framing == HS_NET_VNET ?
				    give_vnet(q, buffer, (uint32_t)io->res) :
				    give_plain(q, buffer, (uint32_t)io->res);

			/* Also when it has room for some pieces of it only. */
			taken = true;
			if (!done)
				break;
		}
		rx->piece = 0;	/* of a frame that was dropped, or given whole, half-way */
		rx->next++;
		work = true;
	}
	if (taken && q->model && q->model->received)
		q->model->received(q->model, q->index);
	if (rx->next == rx->count && rx->ended == rx->count && may_give(q) &&
	    hs_net_is_up(q->net) && q->fd >= 0)
		work |= !start_chain(q);
	return work;
}

/* ---- a stream ---- */

static void stream_done(struct hs_worker_io *worker_io, int res)
{
	struct hs_net_io *io = (struct hs_net_io *)worker_io;
	struct hs_net_queue *q = io->queue;

	io->busy = false;
	if (res > 0) {
		hs_filled(q->rx.memory + q->rx.end, (size_t)res);
		q->rx.end += (uint32_t)res;
	} else if (!res) {
		hs_net_socket_leave(q, "the other end has closed the connection");
	} else if (res != -EAGAIN && res != -EINTR && res != -ECANCELED) {
		hs_net_socket_leave(q, strerror(-res));
	}
}

static void stream_read(struct hs_net_queue *q)
{
	struct hs_net_rx *rx = &q->rx;
	struct io_uring_sqe *sqe;

	if (rx->begin == rx->end) {
		rx->begin = 0;
		rx->end = 0;
	} else if (HS_NET_STREAM_BYTES - rx->end < HS_NET_RX_SLOT) {
		/* All whole frames are gone, so what is moved is less than one. */
		memmove(rx->memory, rx->memory + rx->begin, rx->end - rx->begin);
		rx->end -= rx->begin;
		rx->begin = 0;
	}
	sqe = hs_worker_sqe(q->worker, &rx->read[0].io);
	if (!sqe)
		return;
	sqe->opcode = IORING_OP_READ;
	sqe->fd = q->fd;
	hs_stale(rx->memory + rx->end, HS_NET_STREAM_BYTES - rx->end);
	sqe->addr = (uintptr_t)(rx->memory + rx->end);
	sqe->len = HS_NET_STREAM_BYTES - rx->end;
	sqe->off = (uint64_t)-1;
	rx->read[0].busy = true;
	hs_net_count(&q->stat.batches, 1);
}

static bool stream_round(struct hs_net_queue *q)
{
	struct hs_net_rx *rx = &q->rx;
	bool whole = true, taken = false;
	unsigned int n;

	for (n = 0; n < STREAM_FRAMES && may_give(q) && !q->net->leaving; n++) {
		const uint8_t *at = rx->memory + rx->begin;
		uint32_t have = rx->end - rx->begin, length;

		whole = have >= HS_NET_PREFIX;
		if (!whole)
			break;
		length = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
			 at[3];
		if (!length || length > HS_NET_MAX_FRAME) {
			char why[80];

			snprintf(why, sizeof(why), "a frame of %u bytes is announced: disconnected",
				 length);
			hs_net_socket_leave(q, why);
			break;
		}
		whole = have - HS_NET_PREFIX >= length;
		if (!whole)
			break;
		if (!q->user_up) {
			net_rx_drop(q);
		} else {
			taken = true;
			if (!give_plain(q, at + HS_NET_PREFIX, length))
				break;
		}
		rx->begin += HS_NET_PREFIX + length;
	}
	if (taken && q->model && q->model->received)
		q->model->received(q->model, q->index);
	if (!whole && !rx->read[0].busy && may_give(q) && !q->net->leaving && q->fd >= 0) {
		stream_read(q);
		return n || !rx->read[0].busy;
	}
	return n;
}

/* ---- life ---- */

bool hs_net_rx_round(struct hs_net_queue *q)
{
	return q->net->framing == HS_NET_LENGTH ? stream_round(q) : message_round(q);
}

void hs_net_rx_restart(struct hs_net_queue *q)
{
	q->rx.begin = 0;
	q->rx.end = 0;
	q->rx.piece = 0;
}

int hs_net_rx_init(struct hs_net_queue *q)
{
	struct hs_net_rx *rx = &q->rx;
	void *memory;

	/* Pages that no frame was long enough to reach cost nothing. */
	memory = mmap(NULL, (size_t)HS_NET_READS * HS_NET_RX_SLOT, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return -ENOMEM;
	rx->memory = memory;
	rx->soft = calloc(1, HS_NET_MAX_FRAME);
	if (!rx->soft) {
		hs_net_rx_fini(q);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < HS_NET_READS; i++) {
		rx->read[i].io.done = q->net->framing == HS_NET_LENGTH ? stream_done
								       : net_rx_read_done;
		rx->read[i].queue = q;
		rx->read[i].n = i;
	}
	rx->ready.fn = net_rx_ready;
	return 0;
}

void hs_net_rx_fini(struct hs_net_queue *q)
{
	if (q->rx.memory)
		munmap(q->rx.memory, (size_t)HS_NET_READS * HS_NET_RX_SLOT);
	free(q->rx.soft);
	q->rx.memory = NULL;
	q->rx.soft = NULL;
}
