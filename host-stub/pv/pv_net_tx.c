// SPDX-License-Identifier: BSD-2-Clause
/*
 * Transmit queues of the network device: takes entries, checks a copy of
 * each, gives the frame to the back end, and answers when that is done with
 * it. A back end that takes its time has its frames unanswered, and a guest
 * that may have only `entries` of these waits: there is no other flow control.
 */
#include <string.h>

#include "pv_net.h"
#include "../util.h"

/* The entry as the network device sees it; the same bytes, no cast of pointers. */
static struct pvk_net_tx_sqe pv_net_tx_decode(const union pvk_sqe_words *words)
{
	struct pvk_net_tx_sqe e;

	_Static_assert(sizeof(e) == sizeof(*words), "one entry");
	memcpy(&e, words, sizeof(e));
	return e;
}

struct tx_req {
	struct hs_pv_req req;		/* first */
	struct hs_net_tx tx;
	struct iovec iov[PVK_NET_MAX_SEGS];
};

static void pv_net_tx_sent(struct hs_net_tx *tx, int status)
{
	struct tx_req *req = hs_container_of(tx, struct tx_req, tx);

	hs_pv_req_answer(&req->req, status ? -PVK_EIO : PVK_OK);
}

/* What the entry asks for, as far as it can be told without the segments: 0 or the status. */
static int pv_net_tx_check(const struct hs_pv_dev *dev, const struct pvk_net_tx_sqe *e,
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

static int pv_net_tx_submit(struct hs_pv_queue *q, const union pvk_sqe_words *words,
			    struct hs_pv_req *to)
{
	struct hs_pv_net_tx *tx = (struct hs_pv_net_tx *)q;
	struct tx_req *req = (struct tx_req *)to;
	const struct pvk_net_tx_sqe e = pv_net_tx_decode(words);
	int status = pv_net_tx_check(q->dev, &e, &req->tx.meta);

	if (status == 0)
		status = hs_pv_segments(q->dev->vm->mem, e.seg, e.nsegs, PVK_NET_MAX_SEGS,
					e.list_gpa, e.length, req->iov);
	if (status < 0)
		return status;
	req->tx.length = e.length;
	req->tx.iov = req->iov;
	req->tx.iovcnt = e.nsegs;
	req->tx.request = &req->req.request;
	req->tx.done = pv_net_tx_sent;
	hs_pv_add(&tx->counters->frames, 1);
	hs_pv_add(&tx->counters->bytes, e.length);
	hs_pv_add(&tx->counters->segments, e.nsegs);
	hs_net_send(tx->net->net, tx->backend, &req->tx);
	return 0;
}

static int pv_net_tx_create(struct hs_pv_queue *q)
{
	struct hs_pv_net_tx *tx = (struct hs_pv_net_tx *)q;

	tx->net = (struct hs_pv_net *)q->dev;
	tx->counters = &tx->net->counters[q->index];
	q->counters = &tx->counters->common;
	return 0;
}

const struct hs_pv_queue_ops hs_pv_net_tx_ops = {
	.size = sizeof(struct hs_pv_net_tx),
	.req_size = sizeof(struct tx_req),
	.create = pv_net_tx_create,
	.serve = hs_pv_serve_requests,
	.submit = pv_net_tx_submit,
	/*
	 * Nobody waits for these but the sender's books: who is held up asks for
	 * one that is in flight, and who sends again or gets an answer sees them
	 * in passing. With 4, each second request to a slow server had an event
	 * of its own before the answer's.
	 */
	.coalesce_times = 16,
};
