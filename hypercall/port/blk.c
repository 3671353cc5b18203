// SPDX-License-Identifier: BSD-2-Clause
/*
 * The porting library: disks. Of each answer three things are asked: is the number
 * one of ours, is it in flight, is it of the operation that was sent.
 */
#include "blk.h"

#define SECTOR	512u

static int config_ok(const struct pvk_blk_config *c)
{
	return c->logical_block >= SECTOR && c->logical_block <= 4096 &&
	       !(c->logical_block & (c->logical_block - 1)) && c->max_segs &&
	       c->max_bytes >= c->logical_block && c->sectors <= ~0ull / SECTOR;
}

int pvp_blk_open(struct pvp_blk *blk, struct pvp_host *host, __u32 n, __u32 channel)
{
	const __u64 wanted = PVK_BLK_F_FLUSH | PVK_BLK_F_DISCARD | PVK_BLK_F_WRITE_ZEROES |
			     PVK_BLK_F_READ_ONLY;
	int ret;

	*blk = (struct pvp_blk){ .flight = 0 };
	ret = pvp_device_open(&blk->device, host, PVK_DEV_BLK, n, wanted);
	if (ret)
		return ret;
	ret = pvp_device_config(&blk->device, &blk->config, sizeof(blk->config));
	if (ret >= 0)
		ret = config_ok(&blk->config) ? 0 : -PVK_EIO;
	if (!ret)
		ret = pvp_queue_setup(&blk->queue, &blk->device, 0, PVP_BLK_ENTRIES, channel);
	if (!ret)
		ret = pvp_device_start(&blk->device);
	if (ret) {
		(void)pvp_blk_close(blk);
		return ret;
	}
	blk->entries = blk->queue.entries;
	return 0;
}

int pvp_blk_close(struct pvp_blk *blk)
{
	int ret = pvp_device_close(&blk->device);

	pvp_queue_free(&blk->queue);
	return ret;
}

/* 0, or why this disk does not do that. */
static int can(const struct pvp_blk *blk, __u8 op, __u64 sector, __u32 length)
{
	const struct pvk_blk_config *c = &blk->config;
	const __u64 has = blk->device.accepted;
	__u64 most = c->max_bytes;

	switch (op) {
	case PVK_BLK_FLUSH:
		return length || sector || !(has & PVK_BLK_F_FLUSH) ? -PVK_EINVAL : 0;
	case PVK_BLK_READ:
	case PVK_BLK_WRITE:
		break;
	case PVK_BLK_DISCARD:
		most = has & PVK_BLK_F_DISCARD ? (__u64)c->max_discard_sectors * SECTOR : 0;
		break;
	case PVK_BLK_WRITE_ZEROES:
		most = has & PVK_BLK_F_WRITE_ZEROES ? (__u64)c->max_zeroes_sectors * SECTOR : 0;
		break;
	default:
		return -PVK_EINVAL;
	}
	if (op != PVK_BLK_READ && has & PVK_BLK_F_READ_ONLY)
		return -PVK_EROFS;
	if (!length || length > most || length & (c->logical_block - 1) ||
	    (sector * SECTOR) & (c->logical_block - 1) || sector > c->sectors ||
	    length / SECTOR > c->sectors - sector)
		return -PVK_EINVAL;
	return 0;
}

int pvp_blk_submit(struct pvp_blk *blk, __u8 op, __u8 flags, __u64 sector, __u32 length,
		   __u64 gpa)
{
	union {
		struct pvk_blk_sqe sqe;
		union pvk_sqe_words words;
	} e = { .sqe = { .op = op, .flags = flags, .sector = sector, .length = length } };
	int ret = can(blk, op, sector, length);
	__u32 n;

	if (ret)
		return ret;
	if (blk->queue.broken)
		return -PVK_EIO;
	for (n = 0; n < blk->entries && blk->flight >> n & 1; n++)
		;
	if (n == blk->entries || !pvp_queue_room(&blk->queue))
		return -PVK_EAGAIN;
	e.sqe.id = (__u16)n;
	if (op == PVK_BLK_READ || op == PVK_BLK_WRITE) {
		e.sqe.nsegs = 1;
		e.sqe.seg[0].gpa = gpa;
		e.sqe.seg[0].len = length;
	}
	blk->flight |= 1ull << n;
	blk->op[n] = op;
	pvp_queue_put(&blk->queue, &e.words);
	return (int)n;
}

void pvp_blk_kick(struct pvp_blk *blk)
{
	pvp_queue_kick(&blk->queue);
}

int pvp_blk_poll(struct pvp_blk *blk, __u32 *number, int *status)
{
	struct pvk_cqe a;
	int ret = pvp_queue_get(&blk->queue, &a);

	if (ret <= 0)
		return ret;
	if (a.id >= blk->entries || !(blk->flight >> a.id & 1) || blk->op[a.id] != a.op)
		return pvp_queue_break(&blk->queue, "pvkit: an answer to no request of this disk");
	blk->flight &= ~(1ull << a.id);
	*number = a.id;
	*status = a.status > 0 || a.status < -0xfff ? -PVK_EIO : a.status;
	return 1;
}

/* One request of at most what the disk takes */
static int one(struct pvp_blk *blk, __u8 op, __u64 sector, __u64 gpa, __u32 length, __u64 cycles)
{
	__u64 start = pvp_os_rdtsc();
	__u32 number;
	int ret, status;

	ret = pvp_blk_submit(blk, op, 0, sector, length, gpa);
	if (ret < 0)
		return ret;
	pvp_blk_kick(blk);
	while (!(ret = pvp_blk_poll(blk, &number, &status))) {
		if (pvp_late(start, cycles)) {
			(void)pvp_queue_break(&blk->queue, "pvkit: a disk does not answer");
			return -PVP_ETIME;
		}
		pvp_os_relax();
	}
	return ret < 0 ? ret : status;
}

/* Bytes from the buffer on that are contiguous: all, or to the end of the page. */
static __u32 piece(const void *buffer, __u32 length, __u64 *gpa)
{
	__u32 page;

	*gpa = pvp_os_gpa(buffer, length);
	if (*gpa != PVP_NO_GPA)
		return length;
	page = PVP_PAGE - (__u32)((__UINTPTR_TYPE__)buffer & (PVP_PAGE - 1));
	if (page > length)
		page = length;
	*gpa = pvp_os_gpa(buffer, page);
	return page;
}

int pvp_blk_do(struct pvp_blk *blk, __u8 op, __u64 sector, void *buffer, __u32 length,
	       __u64 cycles)
{
	const int moves = op == PVK_BLK_READ || op == PVK_BLK_WRITE;
	__u32 most = blk->config.max_bytes, part;
	__u8 *at = buffer;
	__u64 gpa = 0;
	int ret;

	if (op == PVK_BLK_FLUSH || !moves)
		return one(blk, op, sector, 0, length, cycles);
	most -= most & (blk->config.logical_block - 1);
	if (!length || length & (blk->config.logical_block - 1))
		return -PVK_EINVAL;
	for (; length; length -= part, at += part, sector += part / SECTOR) {
		part = piece(at, length < most ? length : most, &gpa);
		if (gpa == PVP_NO_GPA)
			return -PVK_EFAULT;
		ret = one(blk, op, sector, gpa, part, cycles);
		if (ret)
			return ret;
	}
	return 0;
}
