/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the disk back end: disk_open.c finds out what the image is, disk.c
 * serves requests on it. Fields say which thread may touch them.
 */
#ifndef HS_BACKEND_BLK_PRIV_H
#define HS_BACKEND_BLK_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "disk.h"
#include "../worker_io.h"

#define HS_BLK_OPS		256u	/* operations in io_uring at a time */
#define HS_BLK_BOUNCE		(256u << 10)	/* bytes of one bounced transfer */
#define HS_BLK_RETRIES		64u	/* EAGAIN and EINTR in a row */

/* What a running operation does; a request may need several, one after another. */
enum hs_blk_step {
	HS_STEP_MOVE,		/* read or write, the guest's buffers or bounced */
	HS_STEP_SYNC,		/* fdatasync */
	HS_STEP_PUNCH,		/* deallocate; reads as zeroes */
	HS_STEP_ZERO_RANGE,	/* zero, stay allocated */
	HS_STEP_ZERO_WRITE,	/* write zeroes: always works */
};

struct hs_blk_io {
	struct hs_worker_io io;
	struct hs_blk *blk;
	struct hs_blk_req *req;
	enum hs_blk_step step;
	unsigned int retries;
	uint64_t moving;	/* bytes of the bounced transfer under way, or 0 */
	void *bounce;		/* HS_BLK_BOUNCE bytes, made when first needed, kept */
	struct hs_blk_io *next;	/* free or stalled */
};

struct hs_blk {
	/* from opening on, only read */
	int fd;
	char *path;
	unsigned int number;
	bool device;		/* a block device */
	bool direct;
	uint32_t align_mem;	/* of buffers with O_DIRECT; else 1 */
	uint32_t align_offset;	/* of offsets and lengths with O_DIRECT; else 1 */
	struct hs_blk_info info;	/* all but bytes */
	void *zeroes;		/* HS_BLK_BOUNCE bytes of them, page aligned */
	struct hs_worker *worker;

	_Atomic uint64_t bytes;	/* written by the worker */
	_Atomic unsigned int requests;	/* submitted and not done */

	/* other threads to the worker */
	pthread_mutex_t lock;
	pthread_cond_t idle;	/* requests became 0 */
	struct hs_blk_req *in_first;
	struct hs_blk_req **in_last;
	struct hs_work in_work;
	struct hs_work size_work;

	/* the worker's */
	struct hs_hook hook;
	struct hs_blk_req *wait_first;	/* not begun */
	struct hs_blk_req **wait_last;
	struct hs_blk_req *end_first;	/* done() is due */
	struct hs_blk_req **end_last;
	struct hs_blk_io *free;
	struct hs_blk_io *stalled;	/* no submission entry was free */
	bool no_punch, no_zero_range;	/* the file system said so */
	void (*resized)(void *arg);
	void *resized_arg;
	struct hs_blk_io op[HS_BLK_OPS];
};

/*
 * Opens, checks and locks the image; fills all that is "from opening on, only
 * read" but zeroes and worker, and bytes. 0 or -errno with the line printed.
 */
int hs_blk_image_open(struct hs_blk *blk, const struct hs_disk_config *config);
void hs_blk_image_close(struct hs_blk *blk);

/* The image's size now, in bytes. 0 or -errno. No open(): the sandbox is up. */
int hs_blk_image_size(const struct hs_blk *blk, uint64_t *bytes);

#endif /* HS_BACKEND_BLK_PRIV_H */
