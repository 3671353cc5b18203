/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernels that the block driver builds for, 6.1 to
 * 6.12, as hypercall/linux/compat.h does for the core.
 */
#ifndef PVK_BLK_COMPAT_H
#define PVK_BLK_COMPAT_H

#include <linux/blk-mq.h>
#include <linux/blkdev.h>

#include "../../hypercall/linux/compat.h"

/*
 * 6.11: limits and features of a queue are given when it is made and changed in
 * a transaction; before, by functions one by one.
 */
#if PVK_KERNEL_FROM(6, 11)
#define PVK_QUEUE_LIMITS	1
#endif

/* 6.14: merging is the default and the flag is gone */
#if PVK_KERNEL_FROM(6, 14)
#define BLK_MQ_F_SHOULD_MERGE	0
#endif

/*
 * A block device opened for oneself alone: 6.9 made it a file, 6.5 split its
 * flags from those of files. pvk_bdev_open() returns ERR_PTR(-EBUSY) when
 * somebody else holds it so.
 */
#if PVK_KERNEL_FROM(6, 9)
#define pvk_bdev_handle		file

static inline struct pvk_bdev_handle *pvk_bdev_open(dev_t dev, void *holder)
{
	return bdev_file_open_by_dev(dev, BLK_OPEN_READ, holder, NULL);
}

static inline struct block_device *pvk_bdev(struct pvk_bdev_handle *bdev)
{
	return file_bdev(bdev);
}

static inline void pvk_bdev_close(struct pvk_bdev_handle *bdev, void *holder)
{
	fput(bdev);
}
#elif PVK_KERNEL_FROM(6, 7)
#define pvk_bdev_handle		bdev_handle

static inline struct pvk_bdev_handle *pvk_bdev_open(dev_t dev, void *holder)
{
	return bdev_open_by_dev(dev, BLK_OPEN_READ, holder, NULL);
}

static inline struct block_device *pvk_bdev(struct pvk_bdev_handle *bdev)
{
	return bdev->bdev;
}

static inline void pvk_bdev_close(struct pvk_bdev_handle *bdev, void *holder)
{
	bdev_release(bdev);
}
#else
#define pvk_bdev_handle		block_device

static inline struct block_device *pvk_bdev(struct pvk_bdev_handle *bdev)
{
	return bdev;
}

#if PVK_KERNEL_FROM(6, 5)
static inline struct pvk_bdev_handle *pvk_bdev_open(dev_t dev, void *holder)
{
	return blkdev_get_by_dev(dev, BLK_OPEN_READ, holder, NULL);
}

static inline void pvk_bdev_close(struct pvk_bdev_handle *bdev, void *holder)
{
	blkdev_put(bdev, holder);
}
#else
static inline struct pvk_bdev_handle *pvk_bdev_open(dev_t dev, void *holder)
{
	return blkdev_get_by_dev(dev, FMODE_READ | FMODE_EXCL, holder);
}

static inline void pvk_bdev_close(struct pvk_bdev_handle *bdev, void *holder)
{
	blkdev_put(bdev, FMODE_READ | FMODE_EXCL);
}
#endif
#endif

#endif /* PVK_BLK_COMPAT_H */
