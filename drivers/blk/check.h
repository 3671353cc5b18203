/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the block driver demands of the host, and how it writes a request:
 * pure functions over private copies, in a header so that the KUnit suite
 * compiles the very code that the driver uses.
 */
#ifndef PVK_BLK_CHECK_H
#define PVK_BLK_CHECK_H

#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/types.h>

#include "../../hypercall/abi/pvk.h"
#include "../../hypercall/ring.h"

#define PVK_BLK_KNOWN_FEATURES \
	(PVK_BLK_F_FLUSH | PVK_BLK_F_DISCARD | PVK_BLK_F_WRITE_ZEROES | PVK_BLK_F_READ_ONLY)

/* The largest disk Linux can name, in sectors */
#define PVK_BLK_MAX_SECTORS	((u64)LLONG_MAX >> 9)
/* Most of one request: a bio counts bytes in 32 bits, and one of zeroes gets the limit itself */
#define PVK_BLK_MAX_RANGE	(U32_MAX >> 9)
/* Most of a hint that is believed, bytes: the kernel reads ahead twice as much, in each file */
#define PVK_BLK_MAX_OPTIMAL	(8u << 20)

static inline bool pvk_blk_power_of_2(u32 value, u32 least, u32 most)
{
	return value >= least && value <= most && is_power_of_2(value);
}

/*
 * Makes a configuration usable: 0, or -EIO for one that no disk can have.
 * What is only a hint, or belongs to a feature that was not accepted, is
 * corrected instead: capacity becomes whole logical blocks, a serial number
 * printable ASCII with a NUL, an impossible discard limit or best size 0.
 */
static inline int pvk_blk_check_config(struct pvk_blk_config *c, u64 features)
{
	u32 block_sectors, i;

	if (!pvk_blk_power_of_2(c->logical_block, 512, 4096) ||
	    !pvk_blk_power_of_2(c->physical_block, c->logical_block, 65536))
		return -EIO;
	if (!c->max_segs || c->max_segs > PVK_BLK_MAX_SEGS)
		return -EIO;
	if (c->max_bytes < PAGE_SIZE || c->sectors > PVK_BLK_MAX_SECTORS)
		return -EIO;

	block_sectors = c->logical_block >> 9;
	c->sectors &= ~(u64)(block_sectors - 1);
	c->max_bytes &= ~(c->logical_block - 1);
	c->max_discard_sectors = min(c->max_discard_sectors, PVK_BLK_MAX_RANGE);
	c->max_discard_sectors &= ~(block_sectors - 1);
	c->max_zeroes_sectors = min(c->max_zeroes_sectors, PVK_BLK_MAX_RANGE);
	c->max_zeroes_sectors &= ~(block_sectors - 1);
	if (!(features & PVK_BLK_F_DISCARD) ||
	    !pvk_blk_power_of_2(c->discard_granularity, c->logical_block, 1u << 30))
		c->max_discard_sectors = 0;
	if (!(features & PVK_BLK_F_WRITE_ZEROES))
		c->max_zeroes_sectors = 0;
	/* One that no request can have is no hint, either. */
	if (c->optimal_io & (c->logical_block - 1) ||
	    c->optimal_io > min(c->max_bytes, PVK_BLK_MAX_OPTIMAL))
		c->optimal_io = 0;
	c->serial[PVK_BLK_SERIAL_LEN - 1] = 0;
	for (i = 0; i < PVK_BLK_SERIAL_LEN && c->serial[i]; i++)
		if (c->serial[i] <= ' ' || c->serial[i] > '~')
			c->serial[i] = '?';
	return 0;
}

/* May a resized disk replace the one in use? Block sizes stay for its life. */
static inline bool pvk_blk_same_geometry(const struct pvk_blk_config *was,
					 const struct pvk_blk_config *now)
{
	return was->logical_block == now->logical_block &&
	       was->physical_block == now->physical_block;
}

/*
 * A completion against the request that its id names (op is 0 when none is in
 * flight there): 0, or -EIO when the host broke the ABI.
 */
static inline int pvk_blk_check_completion(const struct pvk_cqe *e, u8 op)
{
	return op && e->op == op && e->status <= 0 ? 0 : -EIO;
}

/*
 * Status of a completion -> 0 or a Linux -errno: -EIO, -ENOSPC, -EOPNOTSUPP.
 * Whatever else the host says is an I/O error.
 */
static inline int pvk_blk_errno(s32 status)
{
	switch (status) {
	case PVK_OK:
		return 0;
	case -PVK_ENOSPC:
		return -ENOSPC;
	case -PVK_ENOTSUP:
	case -PVK_ENOSYS:
		return -EOPNOTSUPP;
	default:
		return -EIO;
	}
}

/*
 * Adds a piece of memory to a list of segments, joined to the last one when it
 * follows it in memory. Returns the new number of segments, or 0 when the list
 * (room for `most`) is full.
 */
static inline u32 pvk_blk_add_seg(struct pvk_seg *list, u32 n, u32 most, u64 gpa, u32 len)
{
	struct pvk_seg *last = &list[n - 1];

	if (n && last->gpa + last->len == gpa && last->len <= U32_MAX - len) {
		last->len += len;
		return n;
	}
	if (n == most)
		return 0;
	list[n].gpa = gpa;
	list[n].len = len;
	list[n].reserved = 0;
	return n + 1;
}

#endif /* PVK_BLK_CHECK_H */
