// SPDX-License-Identifier: BSD-2-Clause
/*
 * The block device (abi/blk.h): takes requests off the submission ring, checks
 * a copy of each, has the back end serve it, and answers. All of it on the
 * disk's worker, without a lock and without allocation.
 *
 * Who is in flight: a request from when it was read to when it was answered.
 * As the guest may have `entries` of these, one more that is pending while
 * `entries` are in flight is a guest that cannot count: NEEDS_RESET.
 *
 * Telling the guest: answers are put as they come, and the wake word is looked
 * at once per round of the worker, for all of them. So one event serves many.
 * A guest that asked for a later answer is told of those there are when none
 * was added for config->gather_ns, and before the worker sleeps (abi/ring.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pv_priv.h"

#define MAX_BYTES	(1u << 20)	/* of a READ or WRITE */
#define MAX_DISCARD	(1u << 22)	/* sectors: 2 GiB */
#define MAX_ZEROES	(1u << 16)	/* sectors: 32 MiB, which may have to be written */
#define SECTOR		512u

/* ---- what the device is ---- */

void hs_pv_blk_features(struct hs_pv_dev *dev)
{
	const struct hs_blk_info *info = &dev->info;

	dev->features = info->read_only ? PVK_BLK_F_READ_ONLY : PVK_BLK_F_FLUSH;
	if (info->discard_granularity)
		dev->features |= PVK_BLK_F_DISCARD;
	if (info->zeroes)
		dev->features |= PVK_BLK_F_WRITE_ZEROES;
}

void hs_pv_blk_config(struct hs_pv_dev *dev, struct pvk_blk_config *config)
{
	struct hs_blk_info info;

	memset(config, 0, sizeof(*config));
	config->size = sizeof(*config);
	config->generation = atomic_load(&dev->generation);
	hs_blk_info(dev->blk, &info);
	config->sectors = info.bytes / SECTOR;
	config->logical_block = info.logical_block;
	config->physical_block = info.physical_block;
	config->max_segs = PVK_BLK_MAX_SEGS;
	config->max_bytes = MAX_BYTES;
	if (dev->features & PVK_BLK_F_DISCARD) {
		config->max_discard_sectors = MAX_DISCARD;
		config->discard_granularity = info.discard_granularity;
	}
	if (dev->features & PVK_BLK_F_WRITE_ZEROES)
		config->max_zeroes_sectors = MAX_ZEROES;
	memcpy(config->serial, info.serial, sizeof(config->serial));
}

/* ---- answers ---- */

static void answer(struct hs_pv_queue *q, uint16_t id, uint8_t op, int status)
{
	union pvk_cqe_words e = { .cqe = { .id = id, .op = op, .status = status } };

	if (status < 0)
		hs_pv_add(&q->counters->errors, 1);
	if (q->live)
		pvk_cq_put(&q->cq, &e);
}

static void raise_event(struct hs_pv_queue *q)
{
	hs_irq_message_raise(q->dev->pv->vm->irq, q->channel);
	hs_pv_add(&q->counters->events_raised, 1);
	q->told = q->cq.next;
}

/* Tells the guest of the answers put since last time, if it asked for one of them. */
static void tell(struct hs_pv_queue *q)
{
	if (q->cq.next == q->looked)
		return;
	if (q->channel == PVK_CHANNEL_NONE) {
		q->told = q->cq.next;
	} else if (pvk_ring_must_wake(&q->cq, q->looked)) {
		raise_event(q);
	} else {
		q->put_at = hs_now();
		hs_pv_add(&q->counters->events_suppressed, 1);
	}
	q->looked = q->cq.next;
}

/* Tells it of answers that wait for more to come, when that took long enough. */
static void tell_late(struct hs_pv_queue *q, uint64_t patience)
{
	if (q->cq.next == q->told || (patience && hs_now() - q->put_at < patience))
		return;
	if (pvk_ring_wakes_later(&q->cq))
		raise_event(q);
	else
		q->told = q->cq.next;	/* it polls, and needs no telling */
}

/* The back end's status in the ABI's words. */
static int abi_status(int status)
{
	switch (status) {
	case 0:
		return PVK_OK;
	case -ENOSPC:
		return -PVK_ENOSPC;
	case -EROFS:
		return -PVK_EROFS;
	case -ERANGE:
		return -PVK_ERANGE;
	case -EINVAL:
		return -PVK_EINVAL;
	case -EOPNOTSUPP:
		return -PVK_ENOTSUP;
	default:
		return -PVK_EIO;
	}
}

static void req_put(struct hs_pv_queue *q, struct hs_pv_blk_req *req)
{
	req->next = q->free;
	q->free = req;
	/* Last: after the last one DEV_RESET may free the queue. */
	atomic_fetch_sub(&q->in_flight, 1);
}

static void req_done(struct hs_blk_req *blk, int status)
{
	struct hs_pv_blk_req *req = (struct hs_pv_blk_req *)blk;

	answer(req->queue, req->id, req->op, abi_status(status));
	req_put(req->queue, req);
}

/* ---- requests ---- */

/* The entry as the block device sees it; the same bytes, no cast of pointers. */
static struct pvk_blk_sqe decode(const union pvk_sqe_words *words)
{
	struct pvk_blk_sqe e;

	_Static_assert(sizeof(e) == sizeof(*words), "one entry");
	memcpy(&e, words, sizeof(e));
	return e;
}

/* Flags and features: 0 or the status. */
static int check_op(const struct hs_pv_dev *dev, const struct pvk_blk_sqe *e)
{
	static const struct {
		uint64_t feature;
		uint8_t flags;
		bool data, writes;
	} ops[] = {
		[PVK_BLK_READ] = { 0, 0, true, false },
		[PVK_BLK_WRITE] = { 0, PVK_BLK_FUA, true, true },
		[PVK_BLK_FLUSH] = { PVK_BLK_F_FLUSH, 0, false, false },
		[PVK_BLK_DISCARD] = { PVK_BLK_F_DISCARD, 0, false, true },
		[PVK_BLK_WRITE_ZEROES] = { PVK_BLK_F_WRITE_ZEROES, PVK_BLK_FUA | PVK_BLK_NOUNMAP,
					   false, true },
	};
	uint8_t flags = e->flags & (uint8_t)~PVK_ENTRY_PHASE;

	if (!e->op || e->op >= sizeof(ops) / sizeof(ops[0]))
		return -PVK_ENOSYS;
	if (flags & ~ops[e->op].flags || e->reserved)
		return -PVK_EINVAL;
	if (ops[e->op].writes && dev->info.read_only)
		return -PVK_EROFS;
	if (ops[e->op].feature & ~dev->accepted ||
	    (flags & PVK_BLK_FUA && !(dev->accepted & PVK_BLK_F_FLUSH)))
		return -PVK_ENOTSUP;
	if (!ops[e->op].data && (e->nsegs || e->list_gpa))
		return -PVK_EINVAL;
	return 0;
}

/* Sector and length: 0 or the status. The end of the disk is the back end's to know. */
static int check_range(const struct hs_pv_dev *dev, const struct pvk_blk_sqe *e)
{
	uint64_t mask = dev->info.logical_block - 1, most = MAX_BYTES;

	if (e->op == PVK_BLK_FLUSH)
		return e->sector || e->length ? -PVK_EINVAL : 0;
	if (e->op == PVK_BLK_DISCARD)
		most = (uint64_t)MAX_DISCARD * SECTOR;
	else if (e->op == PVK_BLK_WRITE_ZEROES)
		most = (uint64_t)MAX_ZEROES * SECTOR;
	if (!e->length || e->length > most)
		return -PVK_EINVAL;
	if (e->sector > (UINT64_MAX - e->length) / SECTOR)
		return -PVK_ERANGE;
	return (e->sector * SECTOR | e->length) & mask ? -PVK_EINVAL : 0;
}

/* Makes the iovec of a READ or WRITE: 0 or the status. */
static int map_segments(struct hs_pv_queue *q, const struct pvk_blk_sqe *e,
			struct hs_pv_blk_req *req)
{
	const struct hs_mem *mem = q->dev->pv->vm->mem;
	struct pvk_seg list[PVK_BLK_MAX_SEGS];
	const struct pvk_seg *seg = e->seg;
	uint64_t sum = 0;

	if (!e->nsegs || e->nsegs > PVK_BLK_MAX_SEGS)
		return -PVK_EINVAL;
	if (e->nsegs > PVK_BLK_INLINE_SEGS) {
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
		req->iov[i].iov_base = hs_mem_at(mem, seg[i].gpa, seg[i].len);
		if (!req->iov[i].iov_base)
			return -PVK_EFAULT;
		req->iov[i].iov_len = seg[i].len;
		sum += seg[i].len;
	}
	return sum == e->length ? 0 : -PVK_EINVAL;
}

static void count_request(struct hs_pv_queue *q, const struct pvk_blk_sqe *e)
{
	struct hs_pv_counters *c = q->counters;

	hs_pv_add(&c->requests[e->op], 1);
	if (e->op == PVK_BLK_READ)
		hs_pv_add(&c->bytes_read, e->length);
	else if (e->op == PVK_BLK_WRITE)
		hs_pv_add(&c->bytes_written, e->length);
	hs_pv_add(&c->segments, e->nsegs);
}

/* Serves one entry: it is answered now, or when the back end is done. */
static void serve(struct hs_pv_queue *q, const union pvk_sqe_words *words)
{
	static const enum hs_blk_op op[] = {
		[PVK_BLK_READ] = HS_BLK_READ, [PVK_BLK_WRITE] = HS_BLK_WRITE,
		[PVK_BLK_FLUSH] = HS_BLK_FLUSH, [PVK_BLK_DISCARD] = HS_BLK_DISCARD,
		[PVK_BLK_WRITE_ZEROES] = HS_BLK_ZEROES,
	};
	const struct pvk_blk_sqe e = decode(words);
	struct hs_pv_blk_req *req = q->free;	/* there is one: see poll() */
	int status = check_op(q->dev, &e);

	if (status == 0)
		status = check_range(q->dev, &e);
	if (status == 0 && (e.op == PVK_BLK_READ || e.op == PVK_BLK_WRITE))
		status = map_segments(q, &e, req);
	if (status < 0) {
		if (status == -PVK_ENOSYS)
			hs_pv_add(&q->counters->requests[0], 1);
		answer(q, e.id, e.op, status);
		return;
	}
	q->free = req->next;
	atomic_fetch_add(&q->in_flight, 1);
	req->id = e.id;
	req->op = e.op;
	req->blk.op = op[e.op];
	req->blk.flags = (e.flags & PVK_BLK_FUA ? HS_BLK_FUA : 0) |
			 (e.flags & PVK_BLK_NOUNMAP ? HS_BLK_NOUNMAP : 0);
	req->blk.offset = e.sector * SECTOR;
	req->blk.length = e.length;
	req->blk.iov = req->iov;
	req->blk.iovcnt = e.nsegs;
	req->blk.done = req_done;
	count_request(q, &e);
	hs_blk_submit(q->dev->blk, &req->blk);
}

/* ---- the source ---- */

static bool running(const struct hs_pv_queue *q)
{
	return atomic_load_explicit(&q->dev->state, memory_order_relaxed) == PVK_DEV_RUNNING;
}

static bool poll(struct hs_source *source)
{
	struct hs_pv_queue *q = (struct hs_pv_queue *)source;
	union pvk_sqe_words words;
	unsigned int n;

	if (source->rings) {
		hs_pv_add(&q->counters->doorbells, source->rings);
		source->rings = 0;
	}
	tell(q);
	if (!running(q))
		return false;
	for (n = 0; n < HS_PV_BUDGET; n++) {
		if (!q->free) {
			if (pvk_sq_pending(&q->sq))
				hs_pv_dev_broken(q->dev, "more requests than its ring has entries");
			break;
		}
		if (!pvk_sq_get(&q->sq, &words))
			break;
		serve(q, &words);
	}
	if (!n) {
		tell_late(q, q->dev->pv->vm->config->gather_ns);
		return false;
	}
	hs_pv_add(&q->counters->polls_found, 1);
	tell(q);
	return true;
}

static bool arm(struct hs_source *source)
{
	struct hs_pv_queue *q = (struct hs_pv_queue *)source;

	if (!running(q))
		return false;
	tell_late(q, 0);
	pvk_ring_arm(&q->sq, 0);
	return pvk_sq_pending(&q->sq);
}

static void disarm(struct hs_source *source)
{
	struct hs_pv_queue *q = (struct hs_pv_queue *)source;

	if (running(q))
		pvk_ring_disarm(&q->sq);
}

int hs_pv_blk_queue_start(struct hs_pv_queue *q)
{
	pvk_ring_init(&q->sq, q->sq_slots, &q->ctl->sq_wake, q->entries);
	pvk_ring_init(&q->cq, q->cq_slots, &q->ctl->cq_wake, q->entries);
	q->looked = 0;
	q->told = 0;
	q->live = true;
	q->source.poll = poll;
	q->source.arm = arm;
	q->source.disarm = disarm;
	return hs_worker_add(hs_blk_worker(q->dev->blk), &q->source);
}

void hs_pv_blk_queue_stop(struct hs_pv_queue *q)
{
	q->live = false;
	hs_worker_remove(hs_blk_worker(q->dev->blk), &q->source);
}

int hs_pv_blk_queue_create(struct hs_pv_queue *q)
{
	/* Pages that no request ever uses stay untouched. */
	q->pool = calloc(q->entries, sizeof(*q->pool));
	if (!q->pool)
		return -ENOMEM;
	for (uint32_t i = q->entries; i-- > 0;) {
		q->pool[i].queue = q;
		q->pool[i].next = q->free;
		q->free = &q->pool[i];
	}
	return 0;
}

void hs_pv_blk_queue_destroy(struct hs_pv_queue *q)
{
	free(q->pool);
}
