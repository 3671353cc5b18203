// SPDX-License-Identifier: BSD-2-Clause
/*
 * Receive queues of the network device: which frames the guest wants, which
 * pair gets a frame, and into which buffers it goes.
 *
 * Buffers. Entries are read only when a frame needs them. Those read and not
 * yet filled are `held`, in order, and each is answered once: by the frame
 * that fills it, or by its error. So a frame for which there are too few
 * takes none: it waits in the back end, the host asks for the doorbell, and
 * all that were read are the next frame's, whichever that will be. A guest
 * without buffers thus stops what comes in, and nobody else.
 *
 * A copy into guest memory ends when receive() does: a reset has nothing of a
 * receive queue to wait for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../leak.h"
#include "pv_net.h"
#include "../util.h"

/* ---- buffers ---- */

/* The entry as the network device sees it; the same bytes, no cast of pointers. */
static struct pvk_net_rx_sqe pv_net_rx_decode(const union pvk_sqe_words *words)
{
	struct pvk_net_rx_sqe e;

	_Static_assert(sizeof(e) == sizeof(*words), "one entry");
	memcpy(&e, words, sizeof(e));
	return e;
}

/* 0 or the status; *at: the buffer in host memory. */
static int pv_net_rx_check(const struct hs_mem *mem, const struct pvk_net_rx_sqe *e, void **at)
{
	if (e->op != PVK_NET_RX)
		return -PVK_ENOSYS;
	if (e->flags & ~PVK_ENTRY_PHASE || e->reserved || e->seg.reserved)
		return -PVK_EINVAL;
	for (unsigned int i = 0; i < HS_COUNT(e->reserved2); i++)
		if (e->reserved2[i])
			return -PVK_EINVAL;
	if (e->seg.len < PVK_NET_MIN_BUFFER || e->seg.len > PVK_NET_MAX_BUFFER)
		return -PVK_EINVAL;
	*at = hs_mem_at(mem, e->seg.gpa, e->seg.len);
	return *at ? 0 : -PVK_EFAULT;
}

/* Answers the bad entries whose turn it is. */
static void answer_bad(struct hs_pv_net_rx *rx)
{
	uint32_t mask = rx->q.entries - 1;

	while (rx->count && rx->held[rx->first & mask].status < 0) {
		struct hs_pv_net_buffer *b = &rx->held[rx->first & mask];

		rx->first++;
		rx->count--;
		hs_pv_queue_answer(&rx->q, b->id, b->op, 0, b->status, 0);
	}
}

/*
 * Reads entries, at most `most`, until the buffers held have room for `bytes`.
 * A bad one has none, and is answered after those before it. How many were read.
 */
static unsigned int pv_net_rx_gather(struct hs_pv_net_rx *rx, uint32_t bytes, unsigned int most)
{
	uint32_t mask = rx->q.entries - 1;
	union pvk_sqe_words words;
	unsigned int n;

	for (n = 0; n < most && rx->room < bytes; n++) {
		struct pvk_net_rx_sqe e;
		void *at = NULL;
		int status;

		if (!hs_pv_queue_get(&rx->q, rx->count < rx->q.entries, &words))
			break;
		e = pv_net_rx_decode(&words);
		status = pv_net_rx_check(rx->q.dev->vm->mem, &e, &at);
		rx->held[(rx->first + rx->count++) & mask] = (struct hs_pv_net_buffer){
			.at = at, .len = status < 0 ? 0 : e.seg.len, .id = e.id, .op = e.op,
			.status = status,
		};
		rx->room += status < 0 ? 0 : e.seg.len;
		answer_bad(rx);
	}
	return n;
}

/* Fills buffers, which are there, and answers them. value: what is known, without a length. */
static void pv_net_rx_deliver(struct hs_pv_net_rx *rx, const uint8_t *frame, uint32_t length,
			      uint64_t value)
{
	uint32_t mask = rx->q.entries - 1;

	hs_pv_add(&rx->counters->frames, 1);
	hs_pv_add(&rx->counters->bytes, length);
	while (length) {
		struct hs_pv_net_buffer *b = &rx->held[rx->first & mask];
		uint32_t part = length < b->len ? length : b->len;

		hs_leaves(frame, part);
		memcpy(b->at, frame, part);
		frame += part;
		length -= part;
		rx->first++;
		rx->count--;
		rx->room -= b->len;
		hs_pv_add(&rx->counters->segments, 1);
		hs_pv_queue_answer(&rx->q, b->id, PVK_NET_RX, length ? PVK_NET_MORE : 0, PVK_OK,
				   value | part);
		value = 0;
		answer_bad(rx);
	}
}

/* ---- frames ---- */

static bool same(const uint8_t *a, const uint8_t *b)
{
	return !memcmp(a, b, 6);
}

/* Did the guest ask for frames to this address? */
static bool wanted(const struct hs_pv_net_steer *steer, const uint8_t *to)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const struct pvk_net_rx_mode *mode = &steer->mode;

	if (!steer->filter || mode->flags & PVK_NET_RX_PROMISC || same(to, mode->mac) ||
	    same(to, broadcast))
		return true;
	if (to[0] & 1 && mode->flags & PVK_NET_RX_ALLMULTI)
		return true;
	for (unsigned int i = 0; i < mode->addresses; i++)
		if (same(to, mode->address[i]))
			return true;
	return false;
}

/* With one back-end queue all pairs are this worker's, else the queue's first is it. */
static struct hs_pv_net_rx *choose(struct hs_pv_net *net, const struct hs_pv_net_steer *steer,
				   unsigned int queue, const uint8_t *frame, uint32_t length)
{
	uint32_t hash, index;

	if (net->serving > 1 || net->pairs == 1)
		return net->rx[queue];
	if (!hs_pv_net_rss_hash(&steer->rss, frame, length, &hash))
		return net->rx[0];
	index = steer->rss.table[hash % PVK_NET_RSS_TABLE] * 2u;
	for (unsigned int i = 0; i < net->pairs; i++)
		if (net->rx[i]->q.index == index)
			return net->rx[i];
	return net->rx[0];
}

/*
 * What the guest is told of a frame, for which buffers are held. The back end keeps
 * to what was accepted; a frame that was under way while that changed may need its
 * checksum filled in, in a copy (*frame), or cannot be had any more: -EINVAL. So
 * with a checksum that does not belong into the first buffer: others sent it.
 */
static int describe(struct hs_pv_net_rx *rx, const struct hs_pv_net_steer *steer,
		    const struct hs_net_meta *meta, const uint8_t **frame, uint32_t length,
		    uint64_t *value)
{
	static const uint64_t needs[] = {
		[PVK_NET_GSO_NONE] = 0, [PVK_NET_GSO_TCP4] = PVK_NET_F_RX_TSO4,
		[PVK_NET_GSO_TCP6] = PVK_NET_F_RX_TSO6, [PVK_NET_GSO_UDP] = PVK_NET_F_RX_USO,
	};
	uint32_t place = (uint32_t)meta->csum_start + meta->csum_offset;
	bool sums = steer->offloads & PVK_NET_F_RX_CSUM && meta->csum_offset <= 255 &&
		    place + 2 <= rx->held[rx->first & (rx->q.entries - 1)].len;
	uint64_t flags = 0;

	*value = 0;
	if (meta->gso && (meta->gso > PVK_NET_GSO_UDP || !sums || !meta->csum ||
			  !(steer->offloads & needs[meta->gso])))
		return -EINVAL;
	if (meta->csum && !sums) {
		hs_stale(rx->scratch, HS_NET_MAX_FRAME);
		memcpy(rx->scratch, *frame, length);
		*frame = rx->scratch;
		return hs_net_fill_csum(meta, rx->scratch, length);
	}
	if (meta->csum)
		flags |= PVK_NET_RX_PARTIAL;
	else if (meta->valid && steer->offloads & PVK_NET_F_RX_CSUM)
		flags |= PVK_NET_RX_VALID;
	if (meta->ecn && meta->gso)
		flags |= PVK_NET_RX_ECN;
	*value = PVK_NET_RX_VALUE(0, meta->gso ? meta->gso_size : 0, meta->gso, flags,
				  meta->csum ? meta->csum_start : 0,
				  meta->csum ? meta->csum_offset : 0);
	return 0;
}

bool hs_pv_net_receive(struct hs_net_model *model, unsigned int queue,
		       const struct hs_net_meta *meta, const uint8_t *frame, uint32_t length)
{
	struct hs_pv_net *net = hs_container_of(model, struct hs_pv_net, model);
	const struct hs_pv_net_steer *steer = atomic_load(&net->steer);
	struct hs_pv_net_rx *rx = net->rx[queue];
	uint64_t value;

	/* Before DEV_START is through with this queue, and after NEEDS_RESET */
	if (!rx->q.live || !hs_pv_queue_running(&rx->q))
		return false;
	if (length < HS_NET_MIN_FRAME || length > HS_NET_MAX_FRAME) {
		hs_pv_add(&rx->counters->dropped, 1);
		return true;
	}
	if (!wanted(steer, frame)) {
		hs_pv_add(&rx->counters->filtered, 1);
		return true;
	}
	rx = choose(net, steer, queue, frame, length);
	rx->needed = 0;
	/* Twice, for bad entries: more of these than the ring has wait for the next round. */
	pv_net_rx_gather(rx, length, 2 * rx->q.entries);
	if (rx->room < length && rx->count < rx->q.entries) {
		rx->needed = length;
		hs_pv_add(&rx->counters->no_buffer, 1);
		return false;
	}
	/* No buffer is left that the guest could add: this one never fits. */
	if (rx->room < length || describe(rx, steer, meta, &frame, length, &value) < 0) {
		hs_pv_add(&rx->counters->dropped, 1);
		return true;
	}
	pv_net_rx_deliver(rx, frame, length, value);
	return true;
}

void hs_pv_net_received(struct hs_net_model *model, unsigned int queue)
{
	struct hs_pv_net *net = hs_container_of(model, struct hs_pv_net, model);

	for (unsigned int i = queue; i < net->pairs; i += net->serving)
		if (net->rx[i]->q.live)
			hs_pv_queue_notify(&net->rx[i]->q);
}

void hs_pv_net_rx_again(struct hs_pv_net_rx *rx)
{
	if (!rx->needed)
		return;
	rx->needed = 0;
	hs_net_ready(rx->net->net, rx->backend);
}

/* ---- the queue ---- */

static unsigned int pv_net_rx_serve(struct hs_pv_queue *q)
{
	struct hs_pv_net_rx *rx = (struct hs_pv_net_rx *)q;
	unsigned int n;

	if (!rx->needed)
		return 0;
	n = pv_net_rx_gather(rx, rx->needed, HS_PV_BUDGET);
	if (rx->room >= rx->needed || rx->count == q->entries)
		hs_pv_net_rx_again(rx);
	return n;
}

static bool hungry(const struct hs_pv_queue *q)
{
	return ((const struct hs_pv_net_rx *)q)->needed;
}

static int pv_net_rx_create(struct hs_pv_queue *q)
{
	struct hs_pv_net_rx *rx = (struct hs_pv_net_rx *)q;

	rx->net = (struct hs_pv_net *)q->dev;
	rx->counters = &rx->net->counters[q->index];
	q->counters = &rx->counters->common;
	rx->held = calloc(q->entries, sizeof(*rx->held));
	rx->scratch = calloc(1, HS_NET_MAX_FRAME);
	if (rx->held && rx->scratch)
		return 0;
	free(rx->held);
	free(rx->scratch);
	return -ENOMEM;
}

static void destroy(struct hs_pv_queue *q)
{
	struct hs_pv_net_rx *rx = (struct hs_pv_net_rx *)q;

	free(rx->held);
	free(rx->scratch);
}

const struct hs_pv_queue_ops hs_pv_net_rx_ops = {
	.size = sizeof(struct hs_pv_net_rx),
	.create = pv_net_rx_create,
	.destroy = destroy,
	.serve = pv_net_rx_serve,
	.hungry = hungry,
};
