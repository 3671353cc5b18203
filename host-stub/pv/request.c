// SPDX-License-Identifier: BSD-2-Clause
/*
 * Queues whose entries are requests to the back end: which of these are in
 * flight, and the memory that an entry names. All of it on the worker, without
 * a lock and without allocation.
 *
 * Who is in flight (inflight.h): a request from when its entry was read to when
 * that was answered. As the guest may have `entries` of these, one more that is
 * pending while `entries` are in flight is a guest that cannot count: NEEDS_RESET.
 */
#include <errno.h>
#include <stdlib.h>

#include "../../hypercall/abi/blk.h"
#include "../../hypercall/abi/net.h"
#include "../liar.h"
#include "device.h"

_Static_assert(PVK_BLK_INLINE_SEGS == HS_PV_INLINE_SEGS &&
	       PVK_NET_INLINE_SEGS == HS_PV_INLINE_SEGS, "segments in an entry");
_Static_assert(HS_PV_LIST_SEGS * sizeof(struct pvk_seg) == 4096, "a page");

int hs_pv_req_pool(struct hs_pv_queue *q)
{
	/* Pages that no request ever uses stay untouched. */
	q->requests = calloc(q->entries, q->ops->req_size);
	if (!q->requests)
		return -ENOMEM;
	hs_inflight_init(&q->inflight, NULL);
	for (uint32_t i = q->entries; i-- > 0;) {
		struct hs_pv_req *req =
			(struct hs_pv_req *)((char *)q->requests + i * q->ops->req_size);

		req->queue = q;
		hs_inflight_add(&q->inflight, &req->request);
	}
	return 0;
}

void hs_pv_req_answer(struct hs_pv_req *req, int status)
{
	hs_pv_queue_answer(req->queue, req->id, req->op, 0, status, 0);
}

unsigned int hs_pv_serve_requests(struct hs_pv_queue *q)
{
	union pvk_sqe_words words;
	unsigned int n;

	for (n = 0; n < HS_PV_BUDGET && hs_pv_queue_get(q, q->inflight.pool, &words); n++) {
		/* There is one, or hs_pv_queue_get() had said no. */
		struct hs_pv_req *req = (struct hs_pv_req *)hs_inflight_get(&q->inflight);
		int status;

		req->id = words.sqe.id;
		req->op = words.sqe.op;
		status = hs_liar_skips(q, req->id) ? -PVK_EIO : q->ops->submit(q, &words, req);
		if (status < 0) {
			hs_pv_req_answer(req, status);
			hs_inflight_put(&req->request);
		}
	}
	return n;
}

int hs_pv_segments(const struct hs_mem *mem, const struct pvk_seg *seg, unsigned int nsegs,
		   unsigned int most, uint64_t list_gpa, uint64_t length, struct iovec *iov)
{
	struct pvk_seg list[HS_PV_LIST_SEGS];
	uint64_t sum = 0;

	if (!nsegs || nsegs > most || nsegs > HS_PV_LIST_SEGS)
		return -PVK_EINVAL;
	if (nsegs > HS_PV_INLINE_SEGS) {
		uint64_t bytes = nsegs * sizeof(list[0]);

		if (list_gpa & 15 || (list_gpa & 4095) + bytes > 4096)
			return -PVK_EINVAL;
		/* Once: the guest may change the list while it is checked. */
		if (hs_mem_read(mem, list_gpa, list, bytes) < 0)
			return -PVK_EFAULT;
		seg = list;
	} else if (list_gpa) {
		return -PVK_EINVAL;
	}
	for (unsigned int i = 0; i < nsegs; i++) {
		if (!seg[i].len || seg[i].reserved)
			return -PVK_EINVAL;
		iov[i].iov_base = hs_mem_at(mem, seg[i].gpa, seg[i].len);
		if (!iov[i].iov_base)
			return -PVK_EFAULT;
		iov[i].iov_len = seg[i].len;
		sum += seg[i].len;
	}
	return sum == length ? 0 : -PVK_EINVAL;
}
