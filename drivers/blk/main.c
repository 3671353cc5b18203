// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvkit block driver: a disk per PVK_DEV_BLK device, named pvka, pvkb ...
 *
 * See blk.h for the parts and docs/driver-blk.md for what a user sees.
 */
#include <linux/blkdev.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string_helpers.h>

#include "blk.h"

static unsigned int queue_entries = 128;
module_param(queue_entries, uint, 0444);
MODULE_PARM_DESC(queue_entries, "Entries of each ring, rounded down to a power of two that the host has (default 128)");

static unsigned int poll_queues;
module_param(poll_queues, uint, 0444);
MODULE_PARM_DESC(poll_queues, "Queues for polled I/O beside those with interrupts, at most one per CPU (default 0)");

static unsigned int timeout = 30;
module_param(timeout, uint, 0444);
MODULE_PARM_DESC(timeout, "Seconds after which a request is looked at, and after twice that the device reset (default 30)");

struct workqueue_struct *pvk_blk_wq;
static DEFINE_IDA(letters);

/* ---- names: pvka ... pvkz, pvkaa ... ---- */

static void pvk_blk_name_disk(char *name, size_t size, unsigned int index)
{
	char letters_of[8];
	char *p = letters_of + sizeof(letters_of);

	*--p = 0;
	do {
		*--p = 'a' + index % 26;
		index /= 26;
	} while (index-- && p > letters_of);
	snprintf(name, size, "pvk%s", p);
}

/* ---- sysfs, /sys/block/pvkX/ ---- */

static struct pvk_blk *pvk_blk_blk_of(struct device *dev)
{
	return dev_to_disk(dev)->private_data;
}

static ssize_t serial_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", pvk_blk_blk_of(dev)->config.serial);
}
static DEVICE_ATTR_RO(serial);

static ssize_t resets_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", READ_ONCE(pvk_blk_blk_of(dev)->resets));
}
static DEVICE_ATTR_RO(resets);

static ssize_t malformed_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", (u64)atomic64_read(&pvk_blk_blk_of(dev)->malformed));
}
static DEVICE_ATTR_RO(malformed);

static ssize_t missed_events_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", (u64)atomic64_read(&pvk_blk_blk_of(dev)->missed_events));
}
static DEVICE_ATTR_RO(missed_events);

static struct attribute *pvk_blk_attrs[] = {
	&dev_attr_serial.attr,
	&dev_attr_resets.attr,
	&dev_attr_malformed.attr,
	&dev_attr_missed_events.attr,
	NULL,
};
ATTRIBUTE_GROUPS(pvk_blk);

/* ---- the disk ---- */

/* After the last one who had the disk open, and after remove. */
static void pvk_blk_free_disk(struct gendisk *disk)
{
	struct pvk_blk *blk = disk->private_data;

	ida_free(&letters, blk->index);
	kfree(blk);
}

static const struct block_device_operations pvk_blk_fops = {
	.owner		= THIS_MODULE,
	.free_disk	= pvk_blk_free_disk,
};

static struct gendisk *pvk_blk_alloc_disk(struct pvk_blk *blk)
{
	const struct pvk_blk_config *c = &blk->config;
	bool flush = blk->features & PVK_BLK_F_FLUSH;
#ifdef PVK_QUEUE_LIMITS
	struct queue_limits limits = {
		.features = (flush ? BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA : 0) |
			    BLK_FEAT_IO_STAT,
		.logical_block_size = c->logical_block,
		.physical_block_size = c->physical_block,
		.io_opt = c->optimal_io,
		.max_hw_sectors = c->max_bytes >> SECTOR_SHIFT,
		.max_segments = c->max_segs,
		.max_segment_size = UINT_MAX,
		.max_hw_discard_sectors = c->max_discard_sectors,
		.discard_granularity = c->max_discard_sectors ? c->discard_granularity : 0,
		.max_discard_segments = 1,
		.max_write_zeroes_sectors = c->max_zeroes_sectors,
	};

	return blk_mq_alloc_disk(&blk->tags, &limits, blk);
#else
	struct gendisk *disk = blk_mq_alloc_disk(&blk->tags, blk);
	struct request_queue *q;

	if (IS_ERR(disk))
		return disk;
	q = disk->queue;
	blk_queue_logical_block_size(q, c->logical_block);
	blk_queue_physical_block_size(q, c->physical_block);
	blk_queue_io_opt(q, c->optimal_io);
	blk_queue_max_hw_sectors(q, c->max_bytes >> SECTOR_SHIFT);
	blk_queue_max_segments(q, c->max_segs);
	blk_queue_max_segment_size(q, UINT_MAX);
	if (c->max_discard_sectors) {
		q->limits.discard_granularity = c->discard_granularity;
		blk_queue_max_discard_sectors(q, c->max_discard_sectors);
	}
	blk_queue_max_write_zeroes_sectors(q, c->max_zeroes_sectors);
	blk_queue_write_cache(q, flush, flush);
	blk_queue_flag_set(QUEUE_FLAG_NONROT, q);
	blk_queue_flag_clear(QUEUE_FLAG_ADD_RANDOM, q);
	return disk;
#endif
}

static int pvk_blk_alloc_tags(struct pvk_blk *blk)
{
	struct blk_mq_tag_set *set = &blk->tags;

	set->ops = &pvk_blk_mq_ops;
	set->driver_data = blk;
	set->nr_hw_queues = blk->nr_irq + blk->nr_poll;
	set->nr_maps = blk->nr_poll ? HCTX_TYPE_POLL + 1 : 1;
	set->queue_depth = blk->pdev->queues[0].entries;
	set->numa_node = NUMA_NO_NODE;
	set->cmd_size = sizeof(struct pvk_blk_cmd);
	set->timeout = clamp(timeout, 1U, 3600U) * HZ;
	/* The host's kernel sorts; in the guest "none" costs least. */
	set->flags = BLK_MQ_F_SHOULD_MERGE | BLK_MQ_F_NO_SCHED_BY_DEFAULT;
	return blk_mq_alloc_tag_set(set);
}

/* Makes the disk, not yet visible. */
static int pvk_blk_make_disk(struct pvk_blk *blk)
{
	struct gendisk *disk = pvk_blk_alloc_disk(blk);

	if (IS_ERR(disk))
		return PTR_ERR(disk);
	blk->disk = disk;
	disk->private_data = blk;
	disk->fops = &pvk_blk_fops;
	pvk_blk_name_disk(disk->disk_name, sizeof(disk->disk_name), blk->index);
	set_capacity(disk, blk->config.sectors);
	if (blk->features & PVK_BLK_F_READ_ONLY)
		set_disk_ro(disk, true);
	return 0;
}

/* ---- queues ---- */

static void pvk_blk_free_queues(struct pvk_blk *blk)
{
	u32 i;

	for (i = 0; blk->queues && i < blk->nr_irq + blk->nr_poll; i++) {
		cancel_work_sync(&blk->queues[i].more);
		kvfree(blk->queues[i].slot);
	}
	kfree(blk->queues);
	blk->queues = NULL;
	mempool_destroy(blk->lists);
	blk->lists = NULL;
	pvk_queues_free(blk->pdev);
}

static int pvk_blk_alloc_queues(struct pvk_blk *blk)
{
	struct pvk_device *pdev = blk->pdev;
	u32 most = pdev->info.max_queues;
	u32 polled = min3(poll_queues, most - 1, num_present_cpus());
	u32 entries = rounddown_pow_of_two(clamp(queue_entries, PVK_RING_MIN_ENTRIES,
						 pdev->info.max_entries));
	struct pvk_queues_plan plan = {
		.nr = min(num_present_cpus(), most - polled),
		.nr_polled = polled,
		.group = 1,
		.entries = { entries },
		.managed = true,
		.handler = pvk_blk_interrupt,
	};
	u32 i;
	int ret;

	if (polled < min(poll_queues, num_present_cpus()))
		dev_info(&pdev->dev, "%u polled queues: the host has %u queues in all\n",
			 polled, most);
	ret = pvk_queues_alloc(pdev, &plan);
	if (ret)
		return ret;
	ret = -ENOMEM;
	/* One page in reserve for each queue: then each makes progress. */
	blk->lists = mempool_create_page_pool(pdev->nr_queues, 0);
	blk->queues = kcalloc(pdev->nr_queues, sizeof(*blk->queues), GFP_KERNEL);
	if (!blk->lists || !blk->queues)
		goto err;
	for (i = 0; i < pdev->nr_queues; i++) {
		struct pvk_blk_queue *bq = &blk->queues[i];

		bq->blk = blk;
		bq->q = &pdev->queues[i];
		bq->q->priv = bq;
		spin_lock_init(&bq->sq_lock);
		spin_lock_init(&bq->cq_lock);
		INIT_WORK(&bq->more, pvk_blk_more);
		if (bq->q->irq)
			blk->nr_irq++;
		else
			blk->nr_poll++;
		bq->slot = kvcalloc(entries, sizeof(*bq->slot), GFP_KERNEL);
		if (!bq->slot)
			goto err;
	}
	return 0;

err:
	pvk_blk_free_queues(blk);
	return ret;
}

/* ---- life with a device ---- */

static int pvk_blk_probe(struct pvk_device *pdev)
{
	struct pvk_blk *blk = kzalloc(sizeof(*blk), GFP_KERNEL);
	char size[16];
	int ret;

	if (!blk)
		return -ENOMEM;
	blk->pdev = pdev;
	pvk_set_drvdata(pdev, blk);
	blk->features = pdev->info.features & PVK_BLK_KNOWN_FEATURES;
	mutex_init(&blk->lock);
	/* Before the counterpart is touched: a device that cannot work leaves it alone. */
	ret = pvk_blk_read_config(blk, &blk->config);
	if (ret)
		goto err_free;
	blk->index = ida_alloc(&letters, GFP_KERNEL);
	if (blk->index < 0) {
		ret = blk->index;
		goto err_free;
	}
	ret = pvk_blk_alloc_queues(blk);
	if (ret)
		goto err_letter;
	ret = pvk_blk_alloc_tags(blk);
	if (ret)
		goto err_queues;
	ret = pvk_blk_make_disk(blk);
	if (ret)
		goto err_tags;
	ret = pvk_counterpart_release(pdev);
	if (ret)
		goto err_disk;
	mutex_lock(&blk->lock);
	ret = pvk_blk_start(blk);
	if (!ret)
		blk->state = PVK_BLK_RUNNING;
	mutex_unlock(&blk->lock);
	if (ret)
		goto err_counterpart;
	ret = device_add_disk(&pdev->dev, blk->disk, pvk_blk_groups);
	if (ret)
		goto err_counterpart;
	string_get_size(blk->config.sectors, 512, STRING_UNITS_2, size, sizeof(size));
	dev_info(&pdev->dev, "%s: %s, %u+%u queues of %u, serial '%s'%s%s\n",
		 blk->disk->disk_name, size, blk->nr_irq, blk->nr_poll,
		 blk->tags.queue_depth, blk->config.serial,
		 blk->features & PVK_BLK_F_READ_ONLY ? ", read-only" : "",
		 pdev->info.counterpart ? ", in place of its emulated model" : "");
	return 0;

err_counterpart:
	pvk_dev_retire(pdev);
	if (!pvk_replug(pdev))
		pvk_counterpart_adopt(pdev);
err_disk:
	put_disk(blk->disk);	/* never added: blk stays ours */
err_tags:
	blk_mq_free_tag_set(&blk->tags);
err_queues:
	pvk_blk_free_queues(blk);
err_letter:
	ida_free(&letters, blk->index);
err_free:
	kfree(blk);
	return ret;
}

/* New requests fail from here; those in flight end, by a reset if need be. */
static void pvk_blk_withdraw(struct pvk_device *pdev)
{
	struct pvk_blk *blk = pvk_get_drvdata(pdev);

	del_gendisk(blk->disk);
}

static void pvk_blk_remove(struct pvk_device *pdev)
{
	struct pvk_blk *blk = pvk_get_drvdata(pdev);
	struct gendisk *disk = blk->disk;

	blk_mq_free_tag_set(&blk->tags);
	pvk_blk_free_queues(blk);
	if (!pvk_replug(pdev))
		pvk_counterpart_adopt(pdev);
	put_disk(disk);		/* blk goes with it */
}

/* With the device lock: the host changed size or state. */
static void pvk_blk_changed(struct pvk_device *pdev)
{
	struct pvk_blk *blk = pvk_get_drvdata(pdev);
	struct pvk_blk_config config;

	if (pdev->info.state == PVK_DEV_NEEDS_RESET) {
		dev_warn(&pdev->dev, "%s: the host asks for a reset\n", blk->disk->disk_name);
		pvk_dev_fault(pdev);
		return;
	}
	if (pvk_blk_read_config(blk, &config))
		return;
	if (!pvk_blk_same_geometry(&blk->config, &config)) {
		dev_err(&pdev->dev, "%s: the host tells another block size: ignored\n",
			blk->disk->disk_name);
		return;
	}
	if (config.sectors == blk->config.sectors)
		return;
	dev_info(&pdev->dev, "%s: %llu -> %llu sectors\n", blk->disk->disk_name,
		 blk->config.sectors, config.sectors);
	blk->config.sectors = config.sectors;
	set_capacity_and_notify(blk->disk, config.sectors);
}

/*
 * No request enters or is in flight afterwards; those that come wait. drain: what
 * is in flight is done once, rather than again after the resume.
 */
static void pvk_blk_suspend_io(struct pvk_blk *blk, bool drain)
{
	mutex_lock(&blk->lock);
	if (blk->state == PVK_BLK_RUNNING) {
		blk_mq_quiesce_queue(blk->disk->queue);
		if (drain)
			pvk_blk_drain(blk);
		WRITE_ONCE(blk->state, PVK_BLK_STOPPED);
		pvk_blk_stop(blk);
	}
	mutex_unlock(&blk->lock);
}

static void pvk_blk_shutdown(struct pvk_device *pdev)
{
	pvk_blk_suspend_io(pvk_get_drvdata(pdev), false);
}

static int pvk_blk_freeze(struct pvk_device *pdev)
{
	pvk_blk_suspend_io(pvk_get_drvdata(pdev), true);
	return 0;
}

static int pvk_blk_restore(struct pvk_device *pdev)
{
	struct pvk_blk *blk = pvk_get_drvdata(pdev);
	int ret = 0;

	mutex_lock(&blk->lock);
	if (blk->state == PVK_BLK_STOPPED) {
		/* A host that started anew shows the counterpart, which this system let go. */
		ret = pvk_unplug(pdev);
		if (!ret)
			ret = pvk_blk_start(blk);
		WRITE_ONCE(blk->state, ret ? PVK_BLK_DEAD : PVK_BLK_RUNNING);
		blk_mq_unquiesce_queue(blk->disk->queue);
		blk_mq_kick_requeue_list(blk->disk->queue);
	}
	mutex_unlock(&blk->lock);
	return ret;
}

static struct pvk_driver driver = {
	.driver.name	= "pvk_blk",
	/* whatever async_probe says: counterpart.c waits for all that is asynchronous */
	.driver.probe_type = PROBE_FORCE_SYNCHRONOUS,
	.type		= PVK_DEV_BLK,
	.probe		= pvk_blk_probe,
	.withdraw	= pvk_blk_withdraw,
	.remove		= pvk_blk_remove,
	.recover	= pvk_blk_recover,
	.changed	= pvk_blk_changed,
	.shutdown	= pvk_blk_shutdown,
	.freeze		= pvk_blk_freeze,
	.restore	= pvk_blk_restore,
};

static int __init pvk_blk_init(void)
{
	int ret;

	pvk_blk_wq = alloc_workqueue("pvk_blk", WQ_MEM_RECLAIM, 0);
	if (!pvk_blk_wq)
		return -ENOMEM;
	driver.wq = pvk_blk_wq;
	ret = pvk_driver_register(&driver);
	if (ret)
		destroy_workqueue(pvk_blk_wq);
	return ret;
}

static void __exit pvk_blk_exit(void)
{
	pvk_driver_unregister(&driver);
	destroy_workqueue(pvk_blk_wq);
	ida_destroy(&letters);
}

module_init(pvk_blk_init);
module_exit(pvk_blk_exit);

MODULE_ALIAS("pvk:t1");		/* PVK_DEV_BLK */
MODULE_SOFTDEP("pre: pvk_core");
MODULE_DESCRIPTION("pvkit block driver");
MODULE_AUTHOR("The pvkit authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(PVK_RELEASE);
