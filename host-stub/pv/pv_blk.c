// SPDX-License-Identifier: BSD-2-Clause
/*
 * The block device (abi/blk.h): takes requests off the submission ring, checks
 * a copy of each, has the back end serve it, and answers. All of it on the
 * disk's worker, without a lock and without allocation. All of a device's
 * queues belong to that one worker.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../disk/disk.h"
#include "../emu/emu.h"
#include "../io.h"
#include "device.h"
#include "../util.h"

#define ENTRIES		256u	/* of a ring */
#define MAX_BYTES	(1u << 20)	/* of a READ or WRITE */
#define MAX_DISCARD	(1u << 22)	/* sectors: 2 GiB */
#define MAX_ZEROES	(1u << 16)	/* sectors: 32 MiB, which may have to be written */
#define SECTOR		512u

struct blk_counters {
	struct hs_pv_counters common;	/* first */
	_Atomic uint64_t requests[PVK_BLK_WRITE_ZEROES + 1];	/* by op; [0]: unknown */
	_Atomic uint64_t bytes_read, bytes_written;
	_Atomic uint64_t segments;
};

struct blk_dev {
	struct hs_pv_dev dev;		/* first */
	struct hs_blk *blk;
	struct hs_blk_info info;	/* all but bytes */
	struct blk_counters counters[HS_PV_QUEUES];
};

struct blk_queue {
	struct hs_pv_queue q;		/* first */
	struct blk_dev *blk;		/* fixed */
	struct blk_counters *counters;	/* fixed */
};

struct blk_req {
	struct hs_pv_req req;		/* first */
	struct hs_blk_req blk;
	struct iovec iov[PVK_BLK_MAX_SEGS];
};

/* ---- what the device is ---- */

static uint64_t pv_blk_offered(const struct hs_blk_info *info)
{
	uint64_t features = info->read_only ? PVK_BLK_F_READ_ONLY : PVK_BLK_F_FLUSH;

	if (info->discard_granularity)
		features |= PVK_BLK_F_DISCARD;
	if (info->zeroes)
		features |= PVK_BLK_F_WRITE_ZEROES;
	return features;
}

static void blk_config(struct hs_pv_dev *dev, void *to)
{
	struct blk_dev *blk = (struct blk_dev *)dev;
	struct pvk_blk_config *config = to;
	struct hs_blk_info info;

	memset(config, 0, sizeof(*config));
	config->size = sizeof(*config);
	config->generation = atomic_load(&dev->generation);
	hs_blk_info(blk->blk, &info);
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

static void served(struct hs_blk_req *blk, int status)
{
	struct blk_req *req = hs_container_of(blk, struct blk_req, blk);

	hs_pv_req_answer(&req->req, abi_status(status));
}

/* ---- requests ---- */

/* The entry as the block device sees it; the same bytes, no cast of pointers. */
static struct pvk_blk_sqe pv_blk_decode(const union pvk_sqe_words *words)
{
	struct pvk_blk_sqe e;

	_Static_assert(sizeof(e) == sizeof(*words), "one entry");
	memcpy(&e, words, sizeof(e));
	return e;
}

/* Flags and features: 0 or the status. */
static int check_op(const struct blk_dev *blk, const struct pvk_blk_sqe *e)
{
	static const struct {
		uint64_t feature;
		uint8_t flags;
		bool data;
	} ops[] = {
		[PVK_BLK_READ] = { 0, 0, true },
		[PVK_BLK_WRITE] = { 0, PVK_BLK_FUA, true },
		[PVK_BLK_FLUSH] = { PVK_BLK_F_FLUSH, 0, false },
		[PVK_BLK_DISCARD] = { PVK_BLK_F_DISCARD, 0, false },
		[PVK_BLK_WRITE_ZEROES] = { PVK_BLK_F_WRITE_ZEROES, PVK_BLK_FUA | PVK_BLK_NOUNMAP,
					   false },
	};
	uint8_t flags = e->flags & (uint8_t)~PVK_ENTRY_PHASE;

	if (!e->op || e->op >= HS_COUNT(ops))
		return -PVK_ENOSYS;
	if (flags & ~ops[e->op].flags || e->reserved)
		return -PVK_EINVAL;
	if (ops[e->op].feature & ~blk->dev.accepted ||
	    (flags & PVK_BLK_FUA && !(blk->dev.accepted & PVK_BLK_F_FLUSH)))
		return -PVK_ENOTSUP;
	if (!ops[e->op].data && (e->nsegs || e->list_gpa))
		return -PVK_EINVAL;
	return 0;
}

/* Sector and length: 0 or the status. Blocks, end and writability are the back end's to know. */
static int check_range(const struct pvk_blk_sqe *e)
{
	uint64_t most = MAX_BYTES;

	if (e->op == PVK_BLK_FLUSH)
		return e->sector || e->length ? -PVK_EINVAL : 0;
	if (e->op == PVK_BLK_DISCARD)
		most = (uint64_t)MAX_DISCARD * SECTOR;
	else if (e->op == PVK_BLK_WRITE_ZEROES)
		most = (uint64_t)MAX_ZEROES * SECTOR;
	if (!e->length || e->length > most)
		return -PVK_EINVAL;
	return e->sector > (UINT64_MAX - e->length) / SECTOR ? -PVK_ERANGE : 0;
}

static void count_request(struct blk_counters *c, const struct pvk_blk_sqe *e)
{
	hs_pv_add(&c->requests[e->op], 1);
	if (e->op == PVK_BLK_READ)
		hs_pv_add(&c->bytes_read, e->length);
	else if (e->op == PVK_BLK_WRITE)
		hs_pv_add(&c->bytes_written, e->length);
	hs_pv_add(&c->segments, e->nsegs);
}

static int pv_blk_submit(struct hs_pv_queue *q, const union pvk_sqe_words *words,
			 struct hs_pv_req *to)
{
	struct blk_queue *bq = (struct blk_queue *)q;
	struct blk_req *req = (struct blk_req *)to;
	const struct pvk_blk_sqe e = pv_blk_decode(words);
	int status = check_op(bq->blk, &e);

	if (status == 0)
		status = check_range(&e);
	if (status == 0 && (e.op == PVK_BLK_READ || e.op == PVK_BLK_WRITE))
		status = hs_pv_segments(q->dev->vm->mem, e.seg, e.nsegs, PVK_BLK_MAX_SEGS,
					e.list_gpa, e.length, req->iov);
	if (status < 0) {
		if (status == -PVK_ENOSYS)
			hs_pv_add(&bq->counters->requests[0], 1);
		return status;
	}
	req->blk.op = (enum hs_blk_op)e.op;
	req->blk.flags = e.flags & (HS_BLK_FUA | HS_BLK_NOUNMAP);
	req->blk.offset = e.sector * SECTOR;
	req->blk.length = e.length;
	req->blk.iov = req->iov;
	req->blk.iovcnt = e.nsegs;
	req->blk.request = &req->req.request;
	req->blk.done = served;
	count_request(bq->counters, &e);
	hs_blk_submit(bq->blk->blk, &req->blk);
	return 0;
}

/* ---- queues ---- */

static int queue_create(struct hs_pv_queue *q)
{
	struct blk_queue *bq = (struct blk_queue *)q;

	bq->blk = (struct blk_dev *)q->dev;
	bq->counters = &bq->blk->counters[q->index];
	q->counters = &bq->counters->common;
	return 0;
}

static const struct hs_pv_queue_ops *pv_blk_queue_ops(uint32_t index)
{
	static const struct hs_pv_queue_ops ops = {
		.size = sizeof(struct blk_queue),
		.req_size = sizeof(struct blk_req),
		.create = queue_create,
		.serve = hs_pv_serve_requests,
		.submit = pv_blk_submit,
	};

	(void)index;
	return &ops;
}

static void stop_queues(void *arg)
{
	struct hs_pv_dev *dev = arg;

	for (uint32_t i = 0; i < HS_PV_QUEUES; i++)
		if (dev->queue[i])
			hs_pv_queue_stop(dev->queue[i]);
}

struct start_call {
	struct blk_dev *blk;
	int ret;
};

static void start_queues(void *arg)
{
	struct start_call *call = arg;
	struct hs_pv_dev *dev = &call->blk->dev;

	for (uint32_t i = 0; i < HS_PV_QUEUES && !call->ret; i++)
		if (dev->queue[i])
			call->ret = hs_pv_queue_start(dev->queue[i], hs_blk_worker(call->blk->blk));
	if (call->ret < 0)
		stop_queues(dev);
}

static int blk_start(struct hs_pv_dev *dev)
{
	struct start_call call = { .blk = (struct blk_dev *)dev };

	hs_worker_call(hs_blk_worker(call.blk->blk), start_queues, &call);
	return call.ret < 0 ? -PVK_EIO : 0;
}

static void blk_stop(struct hs_pv_dev *dev)
{
	hs_worker_call(hs_blk_worker(((struct blk_dev *)dev)->blk), stop_queues, dev);
}

/* ---- the device ---- */

static uint32_t pv_blk_counterpart_location(const struct hs_pv_dev *dev)
{
	return hs_ide_location(dev->number);
}

static int pv_blk_unplug(struct hs_pv_dev *dev)
{
	struct hs_vm *vm = dev->vm;
	int ret;

	hs_vm_lock(vm);
	ret = hs_ide_detach(vm, dev->number);
	hs_vm_unlock(vm);
	return ret;
}

static void pv_blk_replug(struct hs_pv_dev *dev)
{
	struct hs_vm *vm = dev->vm;

	hs_vm_lock(vm);
	hs_ide_attach(vm, dev->number);
	hs_vm_unlock(vm);
}

static void queue_json(FILE *out, struct blk_counters *c, unsigned int index)
{
	fprintf(out,
		"{\"queue\": %u, \"reads\": %llu, \"writes\": %llu, \"flushes\": %llu, \"discards\": %llu, \"write_zeroes\": %llu, \"unknown\": %llu, ",
		index, hs_pv_get(&c->requests[PVK_BLK_READ]),
		hs_pv_get(&c->requests[PVK_BLK_WRITE]), hs_pv_get(&c->requests[PVK_BLK_FLUSH]),
		hs_pv_get(&c->requests[PVK_BLK_DISCARD]),
		hs_pv_get(&c->requests[PVK_BLK_WRITE_ZEROES]), hs_pv_get(&c->requests[0]));
	fprintf(out, "\"bytes_read\": %llu, \"bytes_written\": %llu, \"segments\": %llu, ",
		hs_pv_get(&c->bytes_read), hs_pv_get(&c->bytes_written), hs_pv_get(&c->segments));
	hs_pv_json_counters(out, &c->common);
	fprintf(out, "}");
}

static void blk_json(struct hs_pv_dev *dev, FILE *out)
{
	struct blk_dev *blk = (struct blk_dev *)dev;

	fprintf(out, "\"worker\": ");
	hs_pv_json_worker(out, hs_blk_worker(blk->blk));
	fprintf(out, ", \"queues\": [");
	for (unsigned int k = 0; k < dev->max_queues; k++) {
		fprintf(out, "%s", k ? ", " : "");
		queue_json(out, &blk->counters[k], k);
	}
	fprintf(out, "]");
}

static void resized(void *arg)
{
	hs_pv_dev_changed(arg);
}

static void blk_detach(struct hs_pv_dev *dev)
{
	hs_blk_on_resize(((struct blk_dev *)dev)->blk, NULL, NULL);
}

static const struct hs_pv_dev_ops ops = {
	.type = PVK_DEV_BLK,
	.name = "disk",
	.max_entries = ENTRIES,
	.config_size = sizeof(struct pvk_blk_config),
	.config = blk_config,
	.queue_ops = pv_blk_queue_ops,
	.start = blk_start,
	.stop = blk_stop,
	.counterpart = PVK_COUNTERPART_PCI_IDE,
	.counterpart_location = pv_blk_counterpart_location,
	.unplug = pv_blk_unplug,
	.replug = pv_blk_replug,
	.json = blk_json,
	.detach = blk_detach,
};

int hs_pv_blk_create(struct hs_pv *pv, struct hs_vm *vm, unsigned int n)
{
	struct blk_dev *blk =
		hs_pv_dev_new(pv, &ops, sizeof(*blk), n, vm->config->disk[n].models);

	if (!blk)
		return -ENOMEM;
	blk->blk = vm->blk[n];
	hs_blk_info(blk->blk, &blk->info);
	blk->dev.features = pv_blk_offered(&blk->info);
	hs_blk_on_resize(blk->blk, resized, blk);
	return 0;
}
