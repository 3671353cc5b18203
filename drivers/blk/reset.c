// SPDX-License-Identifier: GPL-2.0-only
/*
 * Into service, out of it, and back after a fault.
 *
 * A fault (the host broke the ABI, reports NEEDS_RESET, or does not answer)
 * stops the queues, resets the device and sends all requests in flight again.
 * That is safe: block requests may be repeated as long as they were not
 * answered. Until the host has confirmed the reset it may still write to the
 * memory of reads in flight, so that they are neither failed nor repeated
 * before, however long that takes.
 */
#include <linux/blkdev.h>
#include <linux/delay.h>

#include "blk.h"

int pvk_blk_read_config(struct pvk_blk *blk, struct pvk_blk_config *config)
{
	struct pvk_device *pdev = blk->pdev;
	struct pvk_blk_config c;
	int ret = pvk_dev_config(pdev, &c, sizeof(c));

	if (ret < 0)
		return ret;
	ret = pvk_blk_check_config(&c, blk->features);
	if (ret) {
		dev_err(&pdev->dev,
			"the host's configuration is impossible: %llu sectors, blocks of %u/%u bytes, %u segments, %u bytes\n",
			c.sectors, c.logical_block, c.physical_block, c.max_segs, c.max_bytes);
		return ret;
	}
	*config = c;
	return 0;
}

int pvk_blk_start(struct pvk_blk *blk)
{
	u32 i;
	int ret;

	ret = pvk_dev_accept(blk->pdev, blk->features);
	if (ret)
		return ret;
	for (i = 0; i < blk->nr_irq + blk->nr_poll; i++) {
		blk->queues[i].kicked = 0;
		blk->queues[i].broken = false;
		blk->queues[i].ahead = 0;
	}
	ret = pvk_queues_setup(blk->pdev, blk->pdev->nr_queues);
	if (!ret)
		ret = pvk_dev_start(blk->pdev);
	if (ret)
		pvk_blk_stop(blk);
	return ret;
}

void pvk_blk_stop(struct pvk_blk *blk)
{
	int ret = pvk_dev_reset(blk->pdev);

	/* Each try takes up to a minute and says that it failed. */
	while (ret == -ETIMEDOUT)
		ret = pvk_dev_reset(blk->pdev);
	if (ret)
		dev_err(&blk->pdev->dev, "reset refused: error %d\n", -ret);
}

void pvk_blk_fault(struct pvk_blk *blk)
{
	queue_work(pvk_blk_wq, &blk->reset_work);
}

/* Answers that arrived before the reset count; the rest goes again. */
static void collect(struct pvk_blk *blk)
{
	u32 i;

	for (i = 0; i < blk->nr_irq + blk->nr_poll; i++) {
		struct pvk_blk_queue *bq = &blk->queues[i];
		DEFINE_IO_COMP_BATCH(iob);
		unsigned long flags;

		spin_lock_irqsave(&bq->cq_lock, flags);
		pvk_blk_reap(bq, &iob);
		spin_unlock_irqrestore(&bq->cq_lock, flags);
		if (iob.complete)
			iob.complete(&iob);
	}
	pvk_blk_requeue_all(blk);
}

void pvk_blk_reset_work(struct work_struct *work)
{
	struct pvk_blk *blk = container_of(work, struct pvk_blk, reset_work);
	int ret = -EIO;

	mutex_lock(&blk->lock);
	if (blk->state != PVK_BLK_RUNNING)
		goto unlock;
	WRITE_ONCE(blk->state, PVK_BLK_RESETTING);
	blk->resets++;
	blk_mq_quiesce_queue(blk->disk->queue);
	pvk_blk_stop(blk);
	collect(blk);
	/* Read and written by one at a time but for the reset to 0 by progress. */
	if (blk->faults++ < PVK_BLK_MAX_FAULTS)
		ret = pvk_blk_start(blk);
	if (ret) {
		WRITE_ONCE(blk->state, PVK_BLK_DEAD);
		dev_err(&blk->pdev->dev,
			"%s: given up after %lu resets without an answer between (error %d): all requests fail from now on\n",
			blk->disk->disk_name, blk->faults, -ret);
	} else {
		WRITE_ONCE(blk->state, PVK_BLK_RUNNING);
		dev_info(&blk->pdev->dev, "%s: works again after a reset\n",
			 blk->disk->disk_name);
	}
	blk_mq_unquiesce_queue(blk->disk->queue);
	blk_mq_kick_requeue_list(blk->disk->queue);
unlock:
	mutex_unlock(&blk->lock);
}
