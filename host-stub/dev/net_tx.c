// SPDX-License-Identifier: BSD-2-Clause
/*
 * Transmit queues of the network device: takes entries, checks a copy of
 * each, gives the frame to the back end, and answers when that is done with
 * it. A back end that takes its time has its frames unanswered, and a guest
 * that may have only `entries` of these waits: there is no other flow control.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pv_net.h"

/* The entry as the network device sees it; the same bytes, no cast of pointers. */
static struct pvk_net_tx_sqe decode(const union pvk_sqe_words *words)
{
	struct pvk_net_tx_sqe e;

	_Static_assert(sizeof(e) == sizeof(*words), "one entry");
	memcpy(&e, words, sizeof(e));
	return e;
}

static void req_put(struct hs_pv_net_req *req)
{
	struct hs_pv_net_tx *tx = req->queue;

	req->next = tx->free;
	tx->free = req;
	/* Last: after the last one DEV_RESET may free the queue. */
	atomic_fetch_sub(&tx->q.in_flight, 1);
}

static void req_done(struct hs_net_tx *frame, int status)
{
	struct hs_pv_net_req *req = (struct hs_pv_net_req *)frame;

	hs_pv_queue_answer(&req->queue->q, req->id, PVK_NET_TX, 0, status ? -PVK_EIO : PVK_OK, 0);
	req_put(req);
}

/* What the entry asks for, as far as it can be told without the segments: 0 or the status. */
static int check(const struct hs_pv_dev *dev, const struct pvk_net_tx_sqe *e,
		 struct hs_net_meta *meta)
{
	static const uint64_t needs[] = {
		[PVK_NET_GSO_NONE] = 0, [PVK_NET_GSO_TCP4] = PVK_NET_F_TSO4,
		[PVK_NET_GSO_TCP6] = PVK_NET_F_TSO6, [PVK_NET_GSO_UDP] = PVK_NET_F_USO,
	};
	uint8_t flags = e->flags & (uint8_t)~PVK_ENTRY_PHASE;
	bool csum = flags & PVK_NET_CSUM;

	if (e->op != PVK_NET_TX)
		return -PVK_ENOSYS;
	if (flags & ~(PVK_NET_CSUM | PVK_NET_ECN) || e->reserved || e->reserved2 ||
	    e->gso > PVK_NET_GSO_UDP)
		return -PVK_EINVAL;
	if (e->length < PVK_NET_MIN_FRAME || e->length > PVK_NET_MAX_FRAME)
		return -PVK_EINVAL;
	if (!csum && (e->gso || e->csum_start || e->csum_offset))
		return -PVK_EINVAL;
	if (!e->gso && (e->gso_size || e->hdr_len))
		return -PVK_EINVAL;
	if (flags & PVK_NET_ECN && e->gso != PVK_NET_GSO_TCP4 && e->gso != PVK_NET_GSO_TCP6)
		return -PVK_EINVAL;
	if ((csum && !(dev->accepted & PVK_NET_F_CSUM)) || needs[e->gso] & ~dev->accepted)
		return -PVK_ENOTSUP;
	*meta = (struct hs_net_meta){
		.gso = e->gso, .ecn = flags & PVK_NET_ECN, .csum = csum, .gso_size = e->gso_size,
		.hdr_len = e->hdr_len, .csum_start = e->csum_start, .csum_offset = e->csum_offset,
	};
	return hs_net_check(meta, e->length) < 0 ? -PVK_EINVAL : 0;
}

/* Makes the iovec: 0 or the status. */
static int map_segments(const struct hs_mem *mem, const struct pvk_net_tx_sqe *e,
			struct iovec *iov)
{
	struct pvk_seg list[PVK_NET_MAX_SEGS];
	const struct pvk_seg *seg = e->seg;
	uint64_t sum = 0;

	if (!e->nsegs || e->nsegs > PVK_NET_MAX_SEGS)
		return -PVK_EINVAL;
	if (e->nsegs > PVK_NET_INLINE_SEGS) {
		uint64_t bytes = e->nsegs * sizeof(list[0]);

		if (e->list_gpa & 15 || (e->list_gpa & 4095) + bytes > 4096)
			return -PVK_EINVAL;
		/* Once: the guest may change the list while it is checked. */
		if (hs_mem_read(mem, e->list_gpa, list, bytes) < 0)
			return -PVK_EFAULT;
		seg = list;
	} else if (e->list_gpa) {
		return -PVK_EINVAL;
	}
	for (unsigned int i = 0; i < e->nsegs; i++) {
		if (!seg[i].len || seg[i].reserved)
			return -PVK_EINVAL;
		iov[i].iov_base = hs_mem_at(mem, seg[i].gpa, seg[i].len);
		if (!iov[i].iov_base)
			return -PVK_EFAULT;
		iov[i].iov_len = seg[i].len;
		sum += seg[i].len;
	}
	return sum == e->length ? 0 : -PVK_EINVAL;
}

/* Serves one entry: it is answered now, or when the back end is done. */
static void serve_one(struct hs_pv_net_tx *tx, const union pvk_sqe_words *words)
{
	const struct pvk_net_tx_sqe e = decode(words);
	struct hs_pv_net_req *req = tx->free;	/* there is one: see serve() */
	int status = check(tx->q.dev, &e, &req->tx.meta);

	if (status == 0)
		status = map_segments(tx->q.dev->pv->vm->mem, &e, req->iov);
	if (status < 0) {
		hs_pv_queue_answer(&tx->q, e.id, e.op, 0, status, 0);
		return;
	}
	tx->free = req->next;
	atomic_fetch_add(&tx->q.in_flight, 1);
	req->id = e.id;
	req->tx.length = e.length;
	req->tx.iov = req->iov;
	req->tx.iovcnt = e.nsegs;
	req->tx.done = req_done;
	hs_pv_add(&tx->counters->frames, 1);
	hs_pv_add(&tx->counters->bytes, e.length);
	hs_pv_add(&tx->counters->segments, e.nsegs);
	hs_net_send(tx->net->net, tx->backend, &req->tx);
}

static unsigned int serve(struct hs_pv_queue *q)
{
	struct hs_pv_net_tx *tx = (struct hs_pv_net_tx *)q;
	union pvk_sqe_words words;
	unsigned int n = 0;

	while (n < HS_PV_BUDGET && hs_pv_queue_get(q, tx->free, &words)) {
		serve_one(tx, &words);
		n++;
	}
	return n;
}

static int create(struct hs_pv_queue *q)
{
	struct hs_pv_net_tx *tx = (struct hs_pv_net_tx *)q;

	tx->net = (struct hs_pv_net *)q->dev;
	tx->counters = &tx->net->counters[q->index];
	q->counters = &tx->counters->common;
	/* Pages that no request ever uses stay untouched. */
	tx->pool = calloc(q->entries, sizeof(*tx->pool));
	if (!tx->pool)
		return -ENOMEM;
	for (uint32_t i = q->entries; i-- > 0;) {
		tx->pool[i].queue = tx;
		tx->pool[i].next = tx->free;
		tx->free = &tx->pool[i];
	}
	return 0;
}

static void destroy(struct hs_pv_queue *q)
{
	free(((struct hs_pv_net_tx *)q)->pool);
}

const struct hs_pv_queue_ops hs_pv_net_tx_ops = {
	.size = sizeof(struct hs_pv_net_tx),
	.create = create,
	.destroy = destroy,
	.serve = serve,
	/*
	 * Nobody waits for these but the sender's books, and who sends again or
	 * gets an acknowledgement sees them in passing. With 1, a guest that is
	 * slower than the wire had an event for every second frame.
	 */
	.patience = 4,
};
