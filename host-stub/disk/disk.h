/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disk back end: the one page that the emulated and the pvkit model share.
 *
 * A struct hs_blk is an open raw image or block device and the worker thread
 * that does its I/O (worker.h), over liburing. Requests may be submitted from
 * any thread; they come back on the worker's thread, each exactly once, in any
 * order. A flush covers the writes completed before it was submitted.
 *
 * Errors of the host (EIO, ENOSPC, short transfers) become the request's
 * status; nothing here ends the process once the VM runs.
 */
#ifndef HS_BACKEND_BLK_H
#define HS_BACKEND_BLK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "../hs.h"

struct hs_request;
struct hs_worker;

/* Operations and flags are the contract's: a guest's request is passed on as it is. */
enum hs_blk_op {
	HS_BLK_READ = PVK_BLK_READ,
	HS_BLK_WRITE = PVK_BLK_WRITE,
	HS_BLK_FLUSH = PVK_BLK_FLUSH,
	HS_BLK_DISCARD = PVK_BLK_DISCARD,
	HS_BLK_ZEROES = PVK_BLK_WRITE_ZEROES,
};

#define HS_BLK_FUA	PVK_BLK_FUA	/* stable when it completes */
#define HS_BLK_NOUNMAP	PVK_BLK_NOUNMAP

/* What a guest may know of a disk. */
struct hs_blk_info {
	uint64_t bytes;			/* multiple of logical_block */
	uint32_t logical_block;
	uint32_t physical_block;
	uint32_t discard_granularity;	/* 0: no discard */
	bool zeroes;			/* HS_BLK_ZEROES works */
	bool read_only;
	char serial[PVK_BLK_SERIAL_LEN + 1];
};

/*
 * Owned by the submitter from before submit until it is back (done() was
 * called, or its owner has one request less in flight), iov and what it points
 * to included. offset and length (bytes) are checked against
 * the capacity by hs_blk_submit(): a violation completes with -ERANGE. length
 * must be the sum of the iov lengths.
 */
struct hs_blk_req {
	struct hs_request *request;	/* the device model's (inflight.h) */
	enum hs_blk_op op;
	uint32_t flags;
	uint64_t offset;
	uint64_t length;
	struct iovec *iov;
	unsigned int iovcnt;		/* <= 1024 */
	/*
	 * status: 0 or -errno (-EIO, -ENOSPC, -EROFS, -ERANGE, -EOPNOTSUPP ...).
	 * With the lock of the request's owner; not when that has forgotten it.
	 */
	void (*done)(struct hs_blk_req *req, int status);
	/* private to the back end */
	uint64_t progress;
	unsigned int iov_first;
	uint64_t begun;			/* hs_trace_begin() */
	struct hs_blk_req *next;
	struct hs_blk *blk;
};

/*
 * Opens and locks the image (another VM on it: -EBUSY, said in one line). On error
 * the line is already printed.
 */
int hs_blk_prepare(struct hs_blk **out, const struct hs_disk_config *config);
/* Starts its worker, before anybody submits. 0 or -errno, said; then only hs_blk_close(). */
int hs_blk_start(struct hs_blk *blk, uint64_t poll_ns);
/* Both in one. */
int hs_blk_open(struct hs_blk **out, const struct hs_disk_config *config, uint64_t poll_ns);
void hs_blk_close(struct hs_blk *blk);	/* waits for requests in flight */

void hs_blk_info(struct hs_blk *blk, struct hs_blk_info *info);

/* Calls fn(arg) on the worker's thread whenever the image's size changed (SIGHUP). */
void hs_blk_on_resize(struct hs_blk *blk, void (*fn)(void *arg), void *arg);
void hs_blk_check_size(struct hs_blk *blk);	/* any thread: look at the size again */

void hs_blk_submit(struct hs_blk *blk, struct hs_blk_req *req);

struct hs_worker *hs_blk_worker(struct hs_blk *blk);

#endif /* HS_BACKEND_BLK_H */
