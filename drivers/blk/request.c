// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests: from blk-mq into the ring and back. The tag of a request is its id
 * on the ring; blk-mq gives out as many tags as the ring has entries, which is
 * all the flow control that the ring asks for.
 *
 * Nothing that the host writes is trusted: an id must name a request that is
 * in flight with that operation, else the queue is broken and the device is
 * reset. A request leaves its slot exactly once, by xchg(), so that no two of
 * completion, time-out and reset end it.
 */
#include <linux/blkdev.h>
#include <linux/nospec.h>

#include "blk.h"

static u8 pvk_blk_op_of(struct request *rq)
{
	switch (req_op(rq)) {
	case REQ_OP_READ:
		return PVK_BLK_READ;
	case REQ_OP_WRITE:
		return PVK_BLK_WRITE;
	case REQ_OP_FLUSH:
		return PVK_BLK_FLUSH;
	case REQ_OP_DISCARD:
		return PVK_BLK_DISCARD;
	case REQ_OP_WRITE_ZEROES:
		return PVK_BLK_WRITE_ZEROES;
	default:
		return 0;
	}
}

/* The list's page: never crosses one, never fails for good (a reserve of the pool). */
static struct pvk_seg *pvk_blk_list_get(struct pvk_blk *blk)
{
	struct page *page = mempool_alloc(blk->lists, GFP_ATOMIC | __GFP_NOWARN);

	return page ? page_address(page) : NULL;
}

static void pvk_blk_list_put(struct pvk_blk *blk, struct pvk_blk_cmd *cmd)
{
	if (cmd->list)
		mempool_free(virt_to_page(cmd->list), blk->lists);
	cmd->list = NULL;
}

/* Writes the segments of a READ or WRITE into the entry. */
static blk_status_t pvk_blk_map_data(struct pvk_blk *blk, struct request *rq, struct pvk_blk_sqe *e)
{
	struct pvk_blk_cmd *cmd = blk_mq_rq_to_pdu(rq);
	u32 most = PVK_BLK_INLINE_SEGS;
	struct pvk_seg *list = e->seg;
	struct req_iterator iter;
	struct bio_vec bv;
	u32 n = 0;

	if (blk_rq_nr_phys_segments(rq) > PVK_BLK_INLINE_SEGS) {
		cmd->list = pvk_blk_list_get(blk);
		if (!cmd->list)
			return BLK_STS_RESOURCE;
		list = cmd->list;
		most = blk->config.max_segs;
	}
	rq_for_each_bvec(bv, rq, iter) {
		u64 gpa = page_to_phys(bv.bv_page) + bv.bv_offset;

		n = pvk_blk_add_seg(list, n, most, gpa, bv.bv_len);
		if (WARN_ON_ONCE(!n)) {
			pvk_blk_list_put(blk, cmd);
			return BLK_STS_IOERR;
		}
	}
	/* What looked like many may have joined into few. */
	if (cmd->list && n <= PVK_BLK_INLINE_SEGS) {
		memcpy(e->seg, list, n * sizeof(*list));
		pvk_blk_list_put(blk, cmd);
	}
	e->nsegs = n;
	e->list_gpa = cmd->list ? virt_to_phys(cmd->list) : 0;
	return BLK_STS_OK;
}

static blk_status_t pvk_blk_encode(struct pvk_blk *blk, struct request *rq, struct pvk_blk_sqe *e)
{
	memset(e, 0, sizeof(*e));
	e->id = rq->tag;
	e->op = pvk_blk_op_of(rq);
	if (!e->op)
		return BLK_STS_NOTSUPP;
	if (e->op == PVK_BLK_FLUSH)
		return BLK_STS_OK;
	e->sector = blk_rq_pos(rq);
	e->length = blk_rq_bytes(rq);
	if (rq->cmd_flags & REQ_FUA && e->op != PVK_BLK_READ && e->op != PVK_BLK_DISCARD)
		e->flags |= PVK_BLK_FUA;
	if (e->op == PVK_BLK_WRITE_ZEROES && rq->cmd_flags & REQ_NOUNMAP)
		e->flags |= PVK_BLK_NOUNMAP;
	return e->op <= PVK_BLK_WRITE ? pvk_blk_map_data(blk, rq, e) : BLK_STS_OK;
}

/* Under sq_lock. */
static void pvk_blk_kick(struct pvk_blk_queue *bq)
{
	if (bq->kicked == bq->q->sq.next)
		return;
	pvk_queue_kick(bq->q, bq->kicked);
	bq->kicked = bq->q->sq.next;
}

static void pvk_blk_complete_rq(struct request *rq)
{
	struct pvk_blk_queue *bq = rq->mq_hctx->driver_data;
	struct pvk_blk_cmd *cmd = blk_mq_rq_to_pdu(rq);

	/* Whoever waits for it may do anything, send the next one for instance. */
	lockdep_assert_not_held(&bq->cq_lock);
	blk_mq_end_request(rq, cmd->status);
}

/* One completion, under cq_lock: its request, or NULL: it broke the ABI. */
static struct request *pvk_blk_take_one(struct pvk_blk_queue *bq, const struct pvk_cqe *e)
{
	struct pvk_blk_slot *slot;
	struct pvk_blk_cmd *cmd;
	struct request *rq;

	if (e->id >= bq->q->entries)
		return NULL;
	slot = &bq->slot[array_index_nospec(e->id, bq->q->entries)];
	if (!READ_ONCE(slot->rq) || pvk_blk_check_completion(e, slot->op))
		return NULL;
	rq = xchg(&slot->rq, NULL);
	if (!rq)
		return NULL;
	cmd = blk_mq_rq_to_pdu(rq);
	cmd->status = errno_to_blk_status(pvk_blk_errno(e->status));
	cmd->next = NULL;
	cmd->tries = 0;
	return rq;
}

/* Under cq_lock. */
static void pvk_blk_broke(struct pvk_blk_queue *bq, const struct pvk_cqe *e)
{
	bq->broken = true;
	atomic64_inc(&bq->blk->malformed);
	dev_err_ratelimited(&bq->blk->pdev->dev,
			    "queue %u: completion for an unknown request (id %u, op %u, status %d): resetting the device\n",
			    bq->q->index, e->id, e->op, e->status);
	pvk_dev_fault(bq->blk->pdev);
}

/* Under cq_lock: takes up to `most` completions; their requests go to the end of a list. */
static u32 pvk_blk_take(struct pvk_blk_queue *bq, struct request ***end, u32 most)
{
	union pvk_cqe_words words;
	struct request *rq;
	u32 n = 0;

	while (n < most && !bq->broken && pvk_cq_get(&bq->q->cq, &words)) {
		rq = pvk_blk_take_one(bq, &words.cqe);
		if (!rq) {
			pvk_blk_broke(bq, &words.cqe);
			break;
		}
		**end = rq;
		*end = &((struct pvk_blk_cmd *)blk_mq_rq_to_pdu(rq))->next;
		n++;
	}
	if (n && READ_ONCE(bq->blk->faults))
		WRITE_ONCE(bq->blk->faults, 0);
	return n;
}

/* Without a lock. iob: collects those that can be ended together, or NULL. */
static void pvk_blk_end_all(struct pvk_blk_queue *bq, struct request *rq, struct io_comp_batch *iob)
{
	struct request *next;

	for (; rq; rq = next) {
		struct pvk_blk_cmd *cmd = blk_mq_rq_to_pdu(rq);
		int err = cmd->status ? -EIO : 0;

		next = cmd->next;
		pvk_blk_list_put(bq->blk, cmd);
		if (!blk_mq_complete_request_remote(rq) &&
		    !blk_mq_add_to_batch(rq, iob, err, blk_mq_end_request_batch))
			pvk_blk_complete_rq(rq);
	}
}

/* pvk_blk_end_all(), and those that were collected. */
static void pvk_blk_end_now(struct pvk_blk_queue *bq, struct request *rq)
{
	DEFINE_IO_COMP_BATCH(iob);

	pvk_blk_end_all(bq, rq, &iob);
	if (iob.complete)
		iob.complete(&iob);
}

u32 pvk_blk_reap(struct pvk_blk_queue *bq, struct io_comp_batch *iob)
{
	struct request *done = NULL;
	struct request **end = &done;
	unsigned long flags;
	u32 n;

	spin_lock_irqsave(&bq->cq_lock, flags);
	n = pvk_blk_take(bq, &end, bq->q->entries);
	spin_unlock_irqrestore(&bq->cq_lock, flags);
	if (iob)
		pvk_blk_end_all(bq, done, iob);
	else
		pvk_blk_end_now(bq, done);
	return n;
}

/*
 * Under cq_lock: takes completions until there are none, and asks for an
 * interrupt by the one after `ahead` further ones. A ring's number of them at
 * most: what other CPUs have answered beyond that is left to a work item. Where
 * their requests begin.
 */
static struct request *pvk_blk_take_and_arm(struct pvk_blk_queue *bq, bool interrupt)
{
	struct pvk_ring *cq = &bq->q->cq;
	struct request *done = NULL;
	struct request **end = &done;
	u32 n = 0;

	do {
		n += pvk_blk_take(bq, &end, bq->q->entries - n);
		/*
		 * An interrupt that found many came late, or many come at a
		 * time: half as many may pass before the next. Completions
		 * found in passing need no interrupt as long as that goes on.
		 * A host that has no more to come does not wait (abi/ring.h).
		 */
		if (interrupt)
			bq->ahead = min(n / 2, cq->mask / 2);
		else if (n)
			bq->ahead = min(bq->ahead * 2 + 1, cq->mask / 2);
		pvk_ring_arm(cq, bq->ahead);
	} while (!bq->broken && pvk_cq_pending(cq) && n < bq->q->entries);
	if (!bq->broken && pvk_cq_pending(cq))
		queue_work(pvk_blk_wq, &bq->more);
	return done;
}

void pvk_blk_more(struct work_struct *work)
{
	struct pvk_blk_queue *bq = container_of(work, struct pvk_blk_queue, more);
	struct request *done;

	spin_lock_irq(&bq->cq_lock);
	done = pvk_blk_take_and_arm(bq, false);
	spin_unlock_irq(&bq->cq_lock);
	pvk_blk_end_now(bq, done);
}

/* After a submission: what has been completed meanwhile needs no interrupt. */
static void pvk_blk_reap_in_passing(struct pvk_blk_queue *bq)
{
	struct request *done;
	unsigned long flags;

	if (!bq->q->irq || !pvk_cq_pending(&bq->q->cq))
		return;
	if (!spin_trylock_irqsave(&bq->cq_lock, flags))
		return;		/* somebody is at it */
	done = pvk_blk_take_and_arm(bq, false);
	spin_unlock_irqrestore(&bq->cq_lock, flags);
	pvk_blk_end_now(bq, done);
}

static blk_status_t pvk_blk_queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd)
{
	struct pvk_blk_queue *bq = hctx->driver_data;
	struct pvk_blk_cmd *cmd = blk_mq_rq_to_pdu(bd->rq);
	struct pvk_blk_slot *slot = &bq->slot[bd->rq->tag];
	struct pvk_blk *blk = bq->blk;
	union pvk_sqe_words words;
	struct pvk_blk_sqe e;
	blk_status_t ret;

	if (READ_ONCE(blk->state) == PVK_BLK_DEAD)
		return BLK_STS_IOERR;
	cmd->list = NULL;
	cmd->late = false;
	ret = pvk_blk_encode(blk, bd->rq, &e);
	if (ret == BLK_STS_OK) {
		BUILD_BUG_ON(sizeof(e) != sizeof(words));
		memcpy(&words, &e, sizeof(words));
		blk_mq_start_request(bd->rq);
	}

	spin_lock(&bq->sq_lock);
	if (ret == BLK_STS_OK) {
		slot->op = e.op;
		/* before the entry: the answer may come at once */
		WRITE_ONCE(slot->rq, bd->rq);
		pvk_sq_put(&bq->q->sq, &words);
	}
	/* Also when this one was refused: those before it wait for the bell. */
	if (bd->last || ret != BLK_STS_OK)
		pvk_blk_kick(bq);
	spin_unlock(&bq->sq_lock);
	if (bd->last)
		pvk_blk_reap_in_passing(bq);
	return ret;
}

static void pvk_blk_commit_rqs(struct blk_mq_hw_ctx *hctx)
{
	struct pvk_blk_queue *bq = hctx->driver_data;

	spin_lock(&bq->sq_lock);
	pvk_blk_kick(bq);
	spin_unlock(&bq->sq_lock);
	pvk_blk_reap_in_passing(bq);
}

irqreturn_t pvk_blk_interrupt(int irq, void *data)
{
	struct pvk_queue *q = data;
	struct pvk_blk_queue *bq = q->priv;
	struct request *done;
	bool ours;

	spin_lock(&bq->cq_lock);
	done = pvk_blk_take_and_arm(bq, true);
	/* Also when another look had found all before. An event for nothing is not ours. */
	ours = q->cq.next != bq->told || bq->broken;
	bq->told = q->cq.next;
	spin_unlock(&bq->cq_lock);
	pvk_blk_end_now(bq, done);
	return IRQ_RETVAL(ours);
}

static int pvk_blk_poll(struct blk_mq_hw_ctx *hctx, struct io_comp_batch *iob)
{
	struct pvk_blk_queue *bq = hctx->driver_data;

	return pvk_cq_pending(&bq->q->cq) ? pvk_blk_reap(bq, iob) : 0;
}

/*
 * A request took long. The first time a lost event or doorbell is made up for:
 * look, and ring again. The second time the device is reset.
 */
static enum blk_eh_timer_return pvk_blk_timeout(struct request *rq)
{
	struct pvk_blk_queue *bq = rq->mq_hctx->driver_data;
	struct pvk_blk_slot *slot = &bq->slot[rq->tag];
	struct pvk_blk_cmd *cmd = blk_mq_rq_to_pdu(rq);
	struct pvk_blk *blk = bq->blk;
	u32 n;

	if (READ_ONCE(blk->state) != PVK_BLK_RUNNING)
		return BLK_EH_RESET_TIMER;
	n = pvk_blk_reap(bq, NULL);
	if (n) {
		atomic64_inc(&blk->missed_events);
		dev_warn_ratelimited(&blk->pdev->dev, "queue %u: %u completions came without an event\n",
				     bq->q->index, n);
	}
	if (READ_ONCE(slot->rq) != rq)
		return BLK_EH_DONE;
	if (!cmd->late) {
		dev_warn(&blk->pdev->dev, "queue %u: request %d (op %u) takes long\n",
			 bq->q->index, rq->tag, slot->op);
		cmd->late = true;
		spin_lock(&bq->sq_lock);
		pvk_queue_ring(bq->q);
		spin_unlock(&bq->sq_lock);
		return BLK_EH_RESET_TIMER;
	}
	dev_err(&blk->pdev->dev, "queue %u: request %d (op %u) timed out: resetting the device\n",
		bq->q->index, rq->tag, slot->op);
	pvk_dev_fault(blk->pdev);
	return BLK_EH_RESET_TIMER;
}

/* A host that did not stop may write there at any time: nobody else gets these pages. */
static void pvk_blk_keep_pages(struct request *rq)
{
	struct req_iterator iter;
	struct bio_vec bv;
	u32 i;

	rq_for_each_bvec(bv, rq, iter)
		for (i = 0; i < PAGE_ALIGN(bv.bv_offset + bv.bv_len) >> PAGE_SHIFT; i++)
			get_page_unless_zero(pfn_to_page(page_to_pfn(bv.bv_page) + i));
}

/* The host is out of the game: an unanswered request goes again, or fails for good. */
static void pvk_blk_return_request(struct pvk_blk *blk, struct request *rq, u8 op)
{
	struct pvk_blk_cmd *cmd = blk_mq_rq_to_pdu(rq);

	if (!blk->pdev->leaked)
		pvk_blk_list_put(blk, cmd);
	else if (op <= PVK_BLK_WRITE)
		pvk_blk_keep_pages(rq);
	cmd->list = NULL;
	if (++cmd->tries < PVK_BLK_MAX_TRIES) {
		blk_mq_requeue_request(rq, false);
		return;
	}
	cmd->tries = 0;
	blk_mq_end_request(rq, BLK_STS_IOERR);
}

void pvk_blk_requeue_all(struct pvk_blk *blk)
{
	u32 i, k;

	for (i = 0; i < blk->nr_irq + blk->nr_poll; i++) {
		struct pvk_blk_queue *bq = &blk->queues[i];

		for (k = 0; k < bq->q->entries; k++) {
			struct request *rq = xchg(&bq->slot[k].rq, NULL);

			if (rq)
				pvk_blk_return_request(blk, rq, bq->slot[k].op);
		}
	}
}

static int pvk_blk_init_hctx(struct blk_mq_hw_ctx *hctx, void *data, unsigned int index)
{
	struct pvk_blk *blk = data;

	hctx->driver_data = &blk->queues[index];
	return 0;
}

static void pvk_blk_map_kind(struct pvk_blk *blk, struct blk_mq_queue_map *map, u32 first, u32 nr)
{
	u32 cpu, i;

	map->nr_queues = nr;
	map->queue_offset = first;
	for (i = 0; i < nr; i++)
		for_each_cpu(cpu, blk->queues[first + i].q->affinity)
			map->mq_map[cpu] = first + i;
}

static void pvk_blk_map_queues(struct blk_mq_tag_set *set)
{
	struct pvk_blk *blk = set->driver_data;

	pvk_blk_map_kind(blk, &set->map[HCTX_TYPE_DEFAULT], 0, blk->nr_irq);
	if (set->nr_maps <= HCTX_TYPE_POLL)
		return;
	pvk_blk_map_kind(blk, &set->map[HCTX_TYPE_READ], 0, 0);
	pvk_blk_map_kind(blk, &set->map[HCTX_TYPE_POLL], blk->nr_irq, blk->nr_poll);
}

const struct blk_mq_ops pvk_blk_mq_ops = {
	.queue_rq	= pvk_blk_queue_rq,
	.commit_rqs	= pvk_blk_commit_rqs,
	.complete	= pvk_blk_complete_rq,
	.poll		= pvk_blk_poll,
	.timeout	= pvk_blk_timeout,
	.init_hctx	= pvk_blk_init_hctx,
	.map_queues	= pvk_blk_map_queues,
};
