/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit ABI: block device (PVK_DEV_BLK).
 *
 * One submission entry is one operation and gets one completion. Sectors have 512 bytes,
 * whatever the block sizes are. Sector and length must be multiples of the logical block size.
 * A write is on stable storage after a later PVK_BLK_FLUSH completed, or after the write itself
 * completed if it had PVK_BLK_FUA.
 *
 * Completion status (value is always 0):
 *   PVK_OK
 *   -PVK_EIO      the back end failed
 *   -PVK_ENOSPC   the back end has no room
 *   -PVK_EINVAL   a reserved field is set, a flag is wrong for the operation, or a length is no
 *                 multiple of the block size
 *   -PVK_EFAULT   a segment is outside RAM
 *   -PVK_ERANGE   beyond the end of the device
 *   -PVK_EROFS    write to a read-only device
 *   -PVK_ENOSYS   unknown operation
 *   -PVK_ENOTSUP  the feature was not accepted, or the back end cannot do it
 */
#ifndef PVK_ABI_BLK_H
#define PVK_ABI_BLK_H

#include "ring.h"

enum pvk_blk_op {
	PVK_BLK_READ = 1,
	PVK_BLK_WRITE = 2,
	PVK_BLK_FLUSH = 3,		/* PVK_BLK_F_FLUSH; no sector, length, segment */
	PVK_BLK_DISCARD = 4,		/* PVK_BLK_F_DISCARD; no segment */
	PVK_BLK_WRITE_ZEROES = 5,	/* PVK_BLK_F_WRITE_ZEROES; no segment */
};

/* flags of the entry */
#define PVK_BLK_FUA		0x02u	/* with WRITE and WRITE_ZEROES, PVK_BLK_F_FLUSH */
#define PVK_BLK_NOUNMAP		0x04u	/* with WRITE_ZEROES: keep the space allocated */

/* device features */
#define PVK_BLK_F_FLUSH		(1ull << 0)	/* volatile cache: FLUSH and FUA matter */
#define PVK_BLK_F_DISCARD	(1ull << 1)
#define PVK_BLK_F_WRITE_ZEROES	(1ull << 2)
#define PVK_BLK_F_READ_ONLY	(1ull << 3)	/* a fact about the device, not a choice */

#define PVK_BLK_INLINE_SEGS	2u

/* Layout of struct pvk_sqe for a block device */
struct pvk_blk_sqe {
	__u16 id;
	__u8 op;		/* enum pvk_blk_op */
	__u8 flags;		/* PVK_ENTRY_PHASE | PVK_BLK_* */
	__u16 nsegs;		/* data segments */
	__u16 reserved;		/* 0 */
	__u64 sector;		/* first sector, in 512 bytes */
	__u64 length;		/* bytes; the segments' lengths add up to it */
	__u64 list_gpa;		/* nsegs > 2: array of nsegs struct pvk_seg, 16-byte
				 * aligned, inside one page; else 0
				 */
	struct pvk_seg seg[PVK_BLK_INLINE_SEGS];	/* nsegs <= 2 */
};

PVK_ASSERT_SIZE(struct pvk_blk_sqe, 64);
PVK_ASSERT_OFFSET(struct pvk_blk_sqe, sector, 8);
PVK_ASSERT_OFFSET(struct pvk_blk_sqe, seg, 32);

#define PVK_BLK_MAX_SEGS	256u	/* what one page of the list holds */
#define PVK_BLK_SERIAL_LEN	20u

/* PVK_CALL_DEV_CONFIG of a block device, all OUT */
struct pvk_blk_config {
	__u32 size;		/* sizeof(struct pvk_blk_config) as the host knows it */
	__u32 generation;	/* of the device, at the time of reading */
	__u64 sectors;		/* capacity in 512-byte sectors; may change (resize) */
	__u32 logical_block;	/* bytes, power of two, 512 .. 4096 */
	__u32 physical_block;	/* bytes, power of two, >= logical_block, <= 65536 */
	__u32 max_segs;		/* per request, 1 .. PVK_BLK_MAX_SEGS */
	__u32 max_bytes;	/* per READ or WRITE */
	__u32 max_discard_sectors;	/* per DISCARD, 0 without the feature */
	__u32 discard_granularity;	/* bytes */
	__u32 max_zeroes_sectors;	/* per WRITE_ZEROES, 0 without the feature */
	__u32 optimal_io;	/* bytes, or 0 */
	__u8 serial[PVK_BLK_SERIAL_LEN];	/* printable ASCII, NUL padded */
	__u32 reserved;		/* 0 */
};

PVK_ASSERT_SIZE(struct pvk_blk_config, 72);
PVK_ASSERT_OFFSET(struct pvk_blk_config, serial, 48);

#endif /* PVK_ABI_BLK_H */
