// SPDX-License-Identifier: BSD-2-Clause
/*
 * Disk back end: see disk.h. Requests become one or more io_uring operations,
 * one at a time each; the worker's thread does everything but the handing over.
 *
 * done() is never called from inside hs_blk_submit(), not even on a bad
 * request: an emulated chip submits with its lock held and takes the same lock
 * in done().
 *
 * Short transfers go on where they stopped. The submitter's iovec is never
 * changed: the rest of a torn buffer is moved by a plain read or write, what
 * follows it by the vectored one.
 */
#include <errno.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../leak.h"
#include "../trace.h"
#include "disk_priv.h"
#include "../inflight.h"
#include "../util.h"

#define WAIT_BATCH	HS_BLK_OPS	/* requests begun per round */

static const char * const op_name[] = {
	[HS_BLK_READ] = "read", [HS_BLK_WRITE] = "write", [HS_BLK_FLUSH] = "flush",
	[HS_BLK_DISCARD] = "discard", [HS_BLK_ZEROES] = "write zeroes",
};

/* ---- ends ---- */

/* done() comes in the next hook call. The status waits in `progress`. */
static void end_request(struct hs_blk *blk, struct hs_blk_req *req, int status)
{
	req->progress = (uint64_t)(int64_t)status;
	req->next = NULL;
	*blk->end_last = req;
	blk->end_last = &req->next;
}

static void end_io(struct hs_blk_io *io, int status)
{
	struct hs_blk *blk = io->blk;

	end_request(blk, io->req, status);
	io->req = NULL;
	io->next = blk->free;
	blk->free = io;
}

/* Errors of the host that a guest can act on; the rest is EIO, and told to the user. */
static int io_error(struct hs_blk_io *io, int error)
{
	struct hs_blk *blk = io->blk;
	int status;

	switch (error) {
	case -EDQUOT:
	case -EFBIG:		/* RLIMIT_FSIZE */
	case -ENOSPC:
		status = -ENOSPC;
		break;
	case -EROFS:
		status = -EROFS;
		break;
	case -EOPNOTSUPP:
		return -EOPNOTSUPP;
	default:
		status = -EIO;
	}
	hs_note_from(hs_log_nth(HS_LOG_IMAGE, blk->number), "disk %s: %s of %llu bytes at %llu: %s",
		     blk->path, op_name[io->req->op], (unsigned long long)io->req->length,
		     (unsigned long long)io->req->offset,
		     error ? strerror(-error) : "the image ends there");
	return status;
}

/* ---- data ---- */

/* Bytes already moved of the iovec, as a place in it: buffer and offset inside. */
static void seek(struct hs_blk_req *req, uint64_t *into)
{
	uint64_t before = 0;

	/* iov_first only grows; `before` is what the buffers in front of it hold. */
	for (unsigned int i = 0; i < req->iov_first; i++)
		before += req->iov[i].iov_len;
	while (req->iov_first < req->iovcnt &&
	       req->progress - before >= req->iov[req->iov_first].iov_len) {
		before += req->iov[req->iov_first].iov_len;
		req->iov_first++;
	}
	*into = req->progress - before;
}

/* Copies n bytes at `progress` between the bounce buffer and the guest's. */
static void copy_bounced(struct hs_blk_req *req, uint8_t *bounce, uint64_t n, bool to_guest)
{
	unsigned int i;
	uint64_t into;

	seek(req, &into);
	for (i = req->iov_first; n && i < req->iovcnt; i++) {
		uint8_t *at = (uint8_t *)req->iov[i].iov_base + into;
		uint64_t part = req->iov[i].iov_len - into;

		if (part > n)
			part = n;
		if (to_guest)
			hs_filled(bounce, part);
		if (to_guest)
			memcpy(at, bounce, part);
		else
			memcpy(bounce, at, part);
		bounce += part;
		n -= part;
		into = 0;
	}
}

/* O_DIRECT wants aligned buffers; the guest's may be anywhere. */
static bool must_bounce(const struct hs_blk *blk, const struct hs_blk_req *req)
{
	uintptr_t odd = 0;

	if (!blk->direct)
		return false;
	for (unsigned int i = 0; i < req->iovcnt; i++)
		odd |= ((uintptr_t)req->iov[i].iov_base & (blk->align_mem - 1)) |
		       (req->iov[i].iov_len & (blk->align_offset - 1));
	return odd;
}

static bool is_write(const struct hs_blk_io *io)
{
	return io->req->op == HS_BLK_WRITE;
}

static void fill_move(struct hs_blk_io *io, struct io_uring_sqe *sqe)
{
	struct hs_blk_req *req = io->req;
	uint64_t into;

	sqe->off = req->offset + req->progress;
	if (io->bounce && must_bounce(io->blk, req)) {
		io->moving = req->length - req->progress;
		if (io->moving > HS_BLK_BOUNCE)
			io->moving = HS_BLK_BOUNCE;
		hs_stale(io->bounce, HS_BLK_BOUNCE);
		if (is_write(io))
			copy_bounced(req, io->bounce, io->moving, false);
		if (is_write(io))
			hs_leaves(io->bounce, io->moving);
		sqe->opcode = is_write(io) ? IORING_OP_WRITE : IORING_OP_READ;
		sqe->addr = (uintptr_t)io->bounce;
		sqe->len = (uint32_t)io->moving;
	} else {
		seek(req, &into);
		if (into || req->iovcnt - req->iov_first == 1) {
			const struct iovec *iov = &req->iov[req->iov_first];
			uint64_t rest = iov->iov_len - into;

			sqe->opcode = is_write(io) ? IORING_OP_WRITE : IORING_OP_READ;
			sqe->addr = (uintptr_t)iov->iov_base + into;
			/* 1 GiB at a time: len has 32 bits. */
			sqe->len = (uint32_t)(rest < (1u << 30) ? rest : (1u << 30));
		} else {
			sqe->opcode = is_write(io) ? IORING_OP_WRITEV : IORING_OP_READV;
			sqe->addr = (uintptr_t)(req->iov + req->iov_first);
			sqe->len = req->iovcnt - req->iov_first;
		}
	}
	if (is_write(io) && req->flags & HS_BLK_FUA)
		sqe->rw_flags = RWF_DSYNC;
}

/* ---- operations ---- */

/* Puts the operation of the present step into the queue, or on the stalled list. */
static void issue(struct hs_blk_io *io)
{
	struct hs_blk *blk = io->blk;
	struct hs_blk_req *req = io->req;
	struct io_uring_sqe *sqe;
	uint64_t rest;

	if (io->step == HS_STEP_MOVE && !io->bounce && must_bounce(blk, req)) {
		size_t align = blk->align_mem < 4096 ? 4096 : blk->align_mem;

		if (posix_memalign(&io->bounce, align, HS_BLK_BOUNCE)) {
			io->bounce = NULL;
			end_io(io, io_error(io, -ENOMEM));
			return;
		}
		memset(io->bounce, 0, HS_BLK_BOUNCE);
	}
	sqe = hs_worker_sqe(blk->worker, &io->io);
	if (!sqe) {
		io->next = blk->stalled;
		blk->stalled = io;
		return;
	}
	sqe->fd = blk->fd;
	io->moving = 0;
	switch (io->step) {
	case HS_STEP_MOVE:
		fill_move(io, sqe);
		break;
	case HS_STEP_SYNC:
		sqe->opcode = IORING_OP_FSYNC;
		sqe->fsync_flags = IORING_FSYNC_DATASYNC;
		break;
	case HS_STEP_PUNCH:
	case HS_STEP_ZERO_RANGE:
		sqe->opcode = IORING_OP_FALLOCATE;
		sqe->off = req->offset;
		sqe->addr = req->length;	/* where this operation has its length */
		sqe->len = FALLOC_FL_KEEP_SIZE | (io->step == HS_STEP_PUNCH ?
						  FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
		break;
	case HS_STEP_ZERO_WRITE:
		rest = req->length - req->progress;
		sqe->opcode = IORING_OP_WRITE;
		sqe->off = req->offset + req->progress;
		sqe->addr = (uintptr_t)blk->zeroes;
		sqe->len = (uint32_t)(rest < HS_BLK_BOUNCE ? rest : HS_BLK_BOUNCE);
		if (req->flags & HS_BLK_FUA)
			sqe->rw_flags = RWF_DSYNC;
		break;
	}
}

static void next_step(struct hs_blk_io *io, enum hs_blk_step step)
{
	io->step = step;
	issue(io);
}

static void moved(struct hs_blk_io *io, uint64_t bytes)
{
	struct hs_blk_req *req = io->req;

	if (bytes > req->length - req->progress)
		bytes = req->length - req->progress;
	if (io->step == HS_STEP_MOVE && req->op == HS_BLK_READ) {
		if (io->moving)
			copy_bounced(req, io->bounce, bytes, true);
		else
			hs_filled_iov(req->iov, req->progress, bytes);
	}
	req->progress += bytes;
	if (req->progress == req->length)
		end_io(io, 0);
	else
		issue(io);
}

/* Deallocating or zeroing a range failed: what else can be done. */
static void range_failed(struct hs_blk_io *io, int error)
{
	struct hs_blk *blk = io->blk;
	bool cannot = error == -EOPNOTSUPP || error == -ENOSYS || error == -EINVAL ||
		      error == -EPERM;

	if (!cannot) {
		end_io(io, io_error(io, error));
		return;
	}
	/* EINVAL is about this range (a device with larger blocks), not about all. */
	if (io->step == HS_STEP_PUNCH && error != -EINVAL)
		blk->no_punch = true;
	if (io->step == HS_STEP_ZERO_RANGE && error != -EINVAL)
		blk->no_zero_range = true;
	if (io->req->op == HS_BLK_DISCARD)
		/* Of a range too small to deallocate the old contents may stay. */
		end_io(io, error == -EINVAL ? 0 : -EOPNOTSUPP);
	else if (io->step == HS_STEP_PUNCH && !blk->no_zero_range)
		next_step(io, HS_STEP_ZERO_RANGE);
	else
		next_step(io, HS_STEP_ZERO_WRITE);
}

static void io_done(struct hs_worker_io *worker_io, int res)
{
	struct hs_blk_io *io = (struct hs_blk_io *)worker_io;

	if ((res == -EAGAIN || res == -EINTR) && io->retries++ < HS_BLK_RETRIES) {
		issue(io);
		return;
	}
	switch (io->step) {
	case HS_STEP_MOVE:
	case HS_STEP_ZERO_WRITE:
		if (res > 0) {
			io->retries = 0;
			moved(io, (uint64_t)res);
		} else {
			/* 0: end of file inside the disk; somebody cut the image. */
			end_io(io, io_error(io, res));
		}
		break;
	case HS_STEP_SYNC:
		end_io(io, res < 0 ? io_error(io, res) : 0);
		break;
	case HS_STEP_PUNCH:
	case HS_STEP_ZERO_RANGE:
		if (res < 0)
			range_failed(io, res);
		else if (io->req->flags & HS_BLK_FUA)
			next_step(io, HS_STEP_SYNC);
		else
			end_io(io, 0);
		break;
	}
}

/* What can be said of a request before any I/O: 0 or the status. */
static int disk_check(const struct hs_blk *blk, const struct hs_blk_req *req)
{
	uint64_t bytes = atomic_load_explicit(&blk->bytes, memory_order_relaxed);
	uint64_t mask = blk->info.logical_block - 1;

	if (req->op != HS_BLK_READ && req->op != HS_BLK_FLUSH && blk->info.read_only)
		return -EROFS;
	if (req->op == HS_BLK_FLUSH)
		return 0;
	if (req->offset > bytes || req->length > bytes - req->offset)
		return -ERANGE;
	if ((req->offset | req->length) & mask)
		return -EINVAL;
	if ((req->op == HS_BLK_READ || req->op == HS_BLK_WRITE) && req->length && !req->iovcnt)
		return -EINVAL;
	if (req->op == HS_BLK_DISCARD && !blk->info.discard_granularity)
		return -EOPNOTSUPP;
	return 0;
}

static enum hs_blk_step first_step(const struct hs_blk *blk, const struct hs_blk_req *req)
{
	switch (req->op) {
	case HS_BLK_FLUSH:
		return HS_STEP_SYNC;
	case HS_BLK_DISCARD:
		return HS_STEP_PUNCH;
	case HS_BLK_ZEROES:
		if (!(req->flags & HS_BLK_NOUNMAP) && !blk->no_punch)
			return HS_STEP_PUNCH;
		return blk->no_zero_range ? HS_STEP_ZERO_WRITE : HS_STEP_ZERO_RANGE;
	default:
		return HS_STEP_MOVE;
	}
}

static void begin(struct hs_blk *blk, struct hs_blk_req *req)
{
	struct hs_blk_io *io;
	int status = disk_check(blk, req);

	if (status < 0 || (!req->length && req->op != HS_BLK_FLUSH) ||
	    (blk->info.read_only && req->op == HS_BLK_FLUSH)) {
		end_request(blk, req, status);
		return;
	}
	if (req->op == HS_BLK_WRITE)
		hs_leaves_iov(req->iov, req->iovcnt);
	io = blk->free;
	blk->free = io->next;
	io->req = req;
	io->retries = 0;
	next_step(io, first_step(blk, req));
}

/* ---- the worker's rounds ---- */

static void take_in(struct hs_work *work)
{
	struct hs_blk *blk = hs_container_of(work, struct hs_blk, in_work);

	pthread_mutex_lock(&blk->lock);
	if (blk->in_first) {
		*blk->wait_last = blk->in_first;
		blk->wait_last = blk->in_last;
		blk->in_first = NULL;
		blk->in_last = &blk->in_first;
	}
	pthread_mutex_unlock(&blk->lock);
}

static void request_gone(struct hs_blk *blk)
{
	if (atomic_fetch_sub(&blk->requests, 1) != 1)
		return;
	pthread_mutex_lock(&blk->lock);
	pthread_cond_broadcast(&blk->idle);
	pthread_mutex_unlock(&blk->lock);
}

/* Gives a request back to its device model, which may have forgotten it. */
static void give_back(struct hs_blk *blk, struct hs_blk_req *req)
{
	struct hs_request *request = req->request;

	hs_trace(HS_TRACE_BLOCK, req->begun, op_name[req->op], blk->number, req->offset,
		 req->length, req->progress);
	if (hs_inflight_enter(request))
		req->done(req, (int)(int64_t)req->progress);
	hs_inflight_leave(request);
	request_gone(blk);
}

static bool disk_hook_round(struct hs_hook *hook)
{
	struct hs_blk *blk = hs_container_of(hook, struct hs_blk, hook);
	struct hs_blk_io *stalled = blk->stalled;
	struct hs_blk_req *req, *next;
	bool work = false;

	blk->stalled = NULL;
	while (stalled) {
		struct hs_blk_io *io = stalled;

		stalled = io->next;
		issue(io);
		work = true;
	}
	for (unsigned int i = 0; i < WAIT_BATCH && blk->wait_first && blk->free; i++) {
		req = blk->wait_first;
		blk->wait_first = req->next;
		if (!blk->wait_first)
			blk->wait_last = &blk->wait_first;
		begin(blk, req);
		work = true;
	}
	/* What ends or is submitted in these done() calls is the next round's. */
	req = blk->end_first;
	blk->end_first = NULL;
	blk->end_last = &blk->end_first;
	for (; req; req = next) {
		next = req->next;
		give_back(blk, req);
		work = true;
	}
	return work;
}

void hs_blk_submit(struct hs_blk *blk, struct hs_blk_req *req)
{
	req->progress = 0;
	req->iov_first = 0;
	req->next = NULL;
	req->blk = blk;
	req->begun = hs_trace_begin();
	atomic_fetch_add(&blk->requests, 1);
	if (hs_worker_is_self(blk->worker)) {
		/* At once, unless others wait or all operations are under way. */
		if (!blk->wait_first && blk->free) {
			begin(blk, req);
			return;
		}
		*blk->wait_last = req;
		blk->wait_last = &req->next;
		return;
	}
	pthread_mutex_lock(&blk->lock);
	*blk->in_last = req;
	blk->in_last = &req->next;
	pthread_mutex_unlock(&blk->lock);
	hs_worker_post(blk->worker, &blk->in_work);
}

/* ---- size ---- */

static void look_at_size(struct hs_work *work)
{
	struct hs_blk *blk = hs_container_of(work, struct hs_blk, size_work);
	uint64_t bytes;
	int ret = hs_blk_image_size(blk, &bytes);

	if (ret < 0) {
		hs_note_from(hs_log_nth(HS_LOG_IMAGE, blk->number),
			     "disk %s: size unknown: %s: it stays as it was", blk->path,
			     strerror(-ret));
		return;
	}
	bytes -= bytes % blk->info.logical_block;
	if (bytes == blk->bytes)
		return;
	atomic_store_explicit(&blk->bytes, bytes, memory_order_relaxed);
	if (blk->resized)
		blk->resized(blk->resized_arg);
}

void hs_blk_check_size(struct hs_blk *blk)
{
	hs_worker_post(blk->worker, &blk->size_work);
}

struct resize_call {
	struct hs_blk *blk;
	void (*fn)(void *arg);
	void *arg;
};

static void set_resized(void *arg)
{
	struct resize_call *call = arg;

	call->blk->resized = call->fn;
	call->blk->resized_arg = call->arg;
}

void hs_blk_on_resize(struct hs_blk *blk, void (*fn)(void *arg), void *arg)
{
	struct resize_call call = { .blk = blk, .fn = fn, .arg = arg };

	/* By the worker, so that after it was taken back it cannot be running. */
	hs_worker_call(blk->worker, set_resized, &call);
}

/* ---- life ---- */

void hs_blk_info(struct hs_blk *blk, struct hs_blk_info *info)
{
	*info = blk->info;
	info->bytes = atomic_load_explicit(&blk->bytes, memory_order_relaxed);
}

struct hs_worker *hs_blk_worker(struct hs_blk *blk)
{
	return blk->worker;
}

static void disk_set_hook(void *arg)
{
	struct hs_blk *blk = arg;

	hs_worker_set_hook(blk->worker, &blk->hook);
}

int hs_blk_prepare(struct hs_blk **out, const struct hs_disk_config *config)
{
	struct hs_blk *blk = calloc(1, sizeof(*blk));
	int ret;

	if (!blk)
		return -ENOMEM;
	ret = hs_blk_image_open(blk, config);
	if (ret < 0)
		goto err_free;
	if (posix_memalign(&blk->zeroes, 4096, HS_BLK_BOUNCE)) {
		ret = -ENOMEM;
		goto err_image;
	}
	memset(blk->zeroes, 0, HS_BLK_BOUNCE);
	pthread_mutex_init(&blk->lock, NULL);
	pthread_cond_init(&blk->idle, NULL);
	blk->in_last = &blk->in_first;
	blk->wait_last = &blk->wait_first;
	blk->end_last = &blk->end_first;
	blk->in_work.fn = take_in;
	blk->size_work.fn = look_at_size;
	blk->hook.round = disk_hook_round;
	for (unsigned int i = 0; i < HS_BLK_OPS; i++) {
		blk->op[i].io.done = io_done;
		blk->op[i].blk = blk;
		blk->op[i].next = blk->free;
		blk->free = &blk->op[i];
	}
	*out = blk;
	return 0;

err_image:
	hs_blk_image_close(blk);
err_free:
	free(blk);
	return ret;
}

int hs_blk_start(struct hs_blk *blk, uint64_t poll_ns)
{
	const char *name = strrchr(blk->path, '/');
	int ret = hs_worker_create(&blk->worker, name ? name + 1 : blk->path, HS_WORKER_DISK,
				   poll_ns);

	if (!ret)
		hs_worker_call(blk->worker, disk_set_hook, blk);
	return ret;
}

int hs_blk_open(struct hs_blk **out, const struct hs_disk_config *config, uint64_t poll_ns)
{
	struct hs_blk *blk;
	int ret = hs_blk_prepare(&blk, config);

	if (ret < 0)
		return ret;
	ret = hs_blk_start(blk, poll_ns);
	if (ret < 0)
		hs_blk_close(blk);
	else
		*out = blk;
	return ret;
}

void hs_blk_close(struct hs_blk *blk)
{
	if (!blk)
		return;
	pthread_mutex_lock(&blk->lock);
	while (atomic_load(&blk->requests))
		pthread_cond_wait(&blk->idle, &blk->lock);
	pthread_mutex_unlock(&blk->lock);
	hs_worker_destroy(blk->worker);
	for (unsigned int i = 0; i < HS_BLK_OPS; i++)
		free(blk->op[i].bounce);
	pthread_cond_destroy(&blk->idle);
	pthread_mutex_destroy(&blk->lock);
	free(blk->zeroes);
	hs_blk_image_close(blk);
	free(blk);
}
