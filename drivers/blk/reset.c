// SPDX-License-Identifier: GPL-2.0-only
/*
 * Into service, out of it, and back after a fault.
 *
 * A fault (the host broke the ABI, reports NEEDS_RESET, or does not answer)
 * stops the queues, resets the device and sends all requests in flight again.
 * That is safe: block requests may be repeated as long as they were not
 * answered. Until the host has confirmed the reset it may still write to the
 * memory of reads in flight, so that they are neither failed nor repeated
 * before. Where it does not confirm it, nothing that it writes is looked at any
 * more, the disk is dead, and requests in flight fail; their pages are never
 * given to anybody else (keep_pages() in request.c).
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

/* The completion ring is as pvk_queues_setup() leaves it: whoever looks may take. */
static void pvk_blk_open_ring(struct pvk_blk_queue *bq)
{
	spin_lock_irq(&bq->cq_lock);
	bq->kicked = 0;
	bq->ahead = 0;
	bq->told = 0;
	bq->broken = false;
	spin_unlock_irq(&bq->cq_lock);
}

/* Nobody takes from the rings any more, not those who poll either. */
static void pvk_blk_close_rings(struct pvk_blk *blk)
{
	u32 i;

	for (i = 0; i < blk->nr_irq + blk->nr_poll; i++) {
		struct pvk_blk_queue *bq = &blk->queues[i];

		spin_lock_irq(&bq->cq_lock);
		bq->broken = true;
		spin_unlock_irq(&bq->cq_lock);
		cancel_work_sync(&bq->more);
	}
}

int pvk_blk_start(struct pvk_blk *blk)
{
	u32 i;
	int ret;

	ret = pvk_dev_accept(blk->pdev, blk->features);
	if (ret)
		return ret;
	ret = pvk_queues_setup(blk->pdev, blk->pdev->nr_queues);
	if (ret)
		goto reset;
	for (i = 0; i < blk->nr_irq + blk->nr_poll; i++)
		pvk_blk_open_ring(&blk->queues[i]);
	ret = pvk_dev_start(blk->pdev);
	if (ret)
		goto close;
	return 0;

close:
	pvk_blk_close_rings(blk);
reset:
	pvk_dev_reset(blk->pdev);
	return ret;
}

static void pvk_blk_reap_all(struct pvk_blk *blk)
{
	u32 i;

	for (i = 0; i < blk->nr_irq + blk->nr_poll; i++)
		pvk_blk_reap(&blk->queues[i], NULL);
}

int pvk_blk_stop(struct pvk_blk *blk)
{
	int ret = pvk_dev_reset(blk->pdev);

	/* Answers that arrived before the reset count; the rest goes again. */
	if (!ret)
		pvk_blk_reap_all(blk);
	pvk_blk_close_rings(blk);
	pvk_blk_requeue_all(blk);
	return ret;
}

static bool pvk_blk_in_flight(const struct pvk_blk *blk)
{
	u32 i, k;

	for (i = 0; i < blk->nr_irq + blk->nr_poll; i++)
		for (k = 0; k < blk->tags.queue_depth; k++)
			if (READ_ONCE(blk->queues[i].slot[k].rq))
				return true;
	return false;
}

void pvk_blk_drain(struct pvk_blk *blk)
{
	unsigned long end = jiffies + 2 * blk->tags.timeout;

	/* Looked for here: whoever polls may be stopped. */
	for (pvk_blk_reap_all(blk); pvk_blk_in_flight(blk) && time_before(jiffies, end);
	     pvk_blk_reap_all(blk))
		msleep(20);
}

void pvk_blk_recover(struct pvk_device *pdev)
{
	struct pvk_blk *blk = pvk_get_drvdata(pdev);
	int ret;

	mutex_lock(&blk->lock);
	if (blk->state != PVK_BLK_RUNNING)
		goto unlock;
	WRITE_ONCE(blk->state, PVK_BLK_RESETTING);
	blk->resets++;
	blk_mq_quiesce_queue(blk->disk->queue);
	ret = pvk_blk_stop(blk);
	/* Read and written by one at a time but for the reset to 0 by progress. */
	if (blk->faults++ >= PVK_BLK_MAX_FAULTS)
		ret = ret ?: -EIO;
	if (!ret)
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
