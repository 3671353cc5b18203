/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The porting library: a pvkit disk (abi/blk.h). Requests go by number, as many at
 * once as the queue has entries, or one at a time with pvp_blk_do(). One thread at
 * a time; the caller locks.
 */
#ifndef PVP_BLK_H
#define PVP_BLK_H

#include "bus.h"

#define PVP_BLK_ENTRIES	64u	/* most requests at once */

struct pvp_blk {
	struct pvp_device device;
	struct pvp_queue queue;
	struct pvk_blk_config config;	/* checked */
	__u64 flight;		/* bit n: request n is the host's */
	__u8 op[PVP_BLK_ENTRIES];
	__u32 entries;
};

/*
 * Disk n, from 0, up to a running device. channel: an event's, or PVK_CHANNEL_NONE.
 * 0; -PVK_ENOENT: no such disk; what pvp_device_open() and pvp_queue_setup() say.
 */
int pvp_blk_open(struct pvp_blk *blk, struct pvp_host *host, __u32 n, __u32 channel);

/* 0; -PVK_E*: the host would not let go, and the memory of requests stays lost. */
int pvp_blk_close(struct pvp_blk *blk);

/*
 * One request: op and flags of abi/blk.h, first sector of 512 bytes, length in bytes,
 * one piece of memory by its address (0 where the operation has none). The request's
 * number, below PVP_BLK_ENTRIES, which pvp_blk_poll() gives back; -PVK_EINVAL: not
 * what this disk can do, out of its range or not in whole blocks; -PVK_EROFS;
 * -PVK_EAGAIN: all entries are in use; -PVK_EIO: the queue is broken. The host is
 * told by pvp_blk_kick(), once for many.
 */
int pvp_blk_submit(struct pvp_blk *blk, __u8 op, __u8 flags, __u64 sector, __u32 length,
		   __u64 gpa);
void pvp_blk_kick(struct pvp_blk *blk);

/* 1: request *number ended with *status (0 or -PVK_E*); 0: none has; -PVK_EIO: broken */
int pvp_blk_poll(struct pvp_blk *blk, __u32 *number, int *status);

/*
 * One request, waited for by polling, at most `cycles` of the TSC; nothing else may be
 * in flight. Longer than the disk takes at once is cut here. buffer: of the
 * caller's, contiguous in each page at least; NULL where the operation has none.
 * 0, -PVK_E*, or -PVP_ETIME: then the buffer is the host's until the disk is closed.
 */
int pvp_blk_do(struct pvp_blk *blk, __u8 op, __u64 sector, void *buffer, __u32 length,
	       __u64 cycles);

#endif /* PVP_BLK_H */
