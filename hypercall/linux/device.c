// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls on one device, as drivers make them (pvk.h says what each returns).
 * Serialised by the device lock, which drivers hold in their callbacks.
 */
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/slab.h>

#include "core.h"

/* 0; -ENOENT beyond the last device; -EIO when the answer breaks the ABI */
int pvk_dev_read_info(u32 index, struct pvk_dev_info *info)
{
	int ret;

	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	ret = pvk_call_buffer(PVK_CALL_DEV_INFO, index, info, sizeof(*info));
	if (ret < 0)
		return ret;
	info->max_entries = min(info->max_entries, pvk_host.offer.ring_entries);
	ret = pvk_check_dev_info(info);
	if (ret)
		atomic64_inc(&pvk_host.malformed);
	return ret;
}

u64 pvk_features(void)
{
	return READ_ONCE(pvk_host.active);
}
EXPORT_SYMBOL_GPL(pvk_features);

int pvk_dev_refresh(struct pvk_device *pdev)
{
	struct pvk_dev_info info;
	int ret = pvk_dev_read_info(pdev->index, &info);

	if (ret)
		return ret;
	ret = pvk_check_dev_same(&pdev->info, &info);
	if (ret) {
		atomic64_inc(&pvk_host.malformed);
		return ret;
	}
	pdev->info = info;
	return 0;
}
EXPORT_SYMBOL_GPL(pvk_dev_refresh);

int pvk_dev_config(struct pvk_device *pdev, void *buf, size_t size)
{
	size_t part = min_t(size_t, size, pvk_host.offer.struct_size);

	memset(buf, 0, size);
	return pvk_check_written(pvk_call_buffer(PVK_CALL_DEV_CONFIG, pdev->id, buf, part),
				 part);
}
EXPORT_SYMBOL_GPL(pvk_dev_config);

int pvk_dev_accept(struct pvk_device *pdev, u64 features)
{
	int ret;

	if (features & ~pdev->info.features)
		return -EINVAL;
	pdev->stopped = false;
	ret = pvk_call(PVK_CALL_DEV_ACCEPT, pdev->id, features, 0, 0);
	if (ret < 0)
		return ret;
	pdev->accepted = features;
	return 0;
}
EXPORT_SYMBOL_GPL(pvk_dev_accept);

int pvk_dev_start(struct pvk_device *pdev)
{
	int ret = pvk_call(PVK_CALL_DEV_START, pdev->id, 0, 0, 0);

	return ret > 0 ? 0 : ret;
}
EXPORT_SYMBOL_GPL(pvk_dev_start);

int pvk_dev_reset(struct pvk_device *pdev)
{
	int ret = pvk_call_wait(PVK_CALL_DEV_RESET, pdev->id, PVK_WAIT_MS);

	/* Whoever ended the session, the host, reset the device with it. */
	if (ret == -ENODEV)
		ret = 0;
	/* Whatever the host says: the driver frees and changes things next. */
	pvk_queues_deafen(pdev);
	pdev->stopped = true;
	pdev->accepted = 0;
	if (ret < 0 && !pdev->leaked)
		dev_err(&pdev->dev,
			"the host does not reset the device: error %d; stopped by force, memory that it may write to stays reserved\n",
			-ret);
	pdev->leaked = ret < 0;
	return min(ret, 0);
}
EXPORT_SYMBOL_GPL(pvk_dev_reset);

/* ---- faults, and the end ---- */

static void pvk_recover(struct work_struct *work)
{
	struct pvk_device *pdev = container_of(work, struct pvk_device, recover_work);

	to_pvk_driver(pdev->dev.driver)->recover(pdev);
}

void pvk_dev_init(struct pvk_device *pdev)
{
	mutex_init(&pdev->queues_lock);
	spin_lock_init(&pdev->fault_lock);
	INIT_WORK(&pdev->recover_work, pvk_recover);
	pdev->stopped = true;
}

/* From here on faults are heard; the driver is bound. */
void pvk_recovery_on(struct pvk_device *pdev)
{
	spin_lock_irq(&pdev->fault_lock);
	pdev->recovers = to_pvk_driver(pdev->dev.driver)->recover;
	spin_unlock_irq(&pdev->fault_lock);
}

/* None is under way or will be. Who asks for one looks under the lock. */
void pvk_recovery_off(struct pvk_device *pdev)
{
	spin_lock_irq(&pdev->fault_lock);
	pdev->recovers = false;
	spin_unlock_irq(&pdev->fault_lock);
	cancel_work_sync(&pdev->recover_work);
}

bool pvk_dev_fault(struct pvk_device *pdev)
{
	struct workqueue_struct *wq;
	unsigned long flags;
	bool heard;

	spin_lock_irqsave(&pdev->fault_lock, flags);
	heard = pdev->recovers;
	if (heard) {
		wq = to_pvk_driver(pdev->dev.driver)->wq;
		queue_work(wq ?: system_wq, &pdev->recover_work);
	}
	spin_unlock_irqrestore(&pdev->fault_lock, flags);
	return heard;
}
EXPORT_SYMBOL_GPL(pvk_dev_fault);

void pvk_dev_retire(struct pvk_device *pdev)
{
	pvk_recovery_off(pdev);
	if (!pdev->stopped)
		pvk_dev_reset(pdev);
	pvk_queues_silence(pdev);
}
EXPORT_SYMBOL_GPL(pvk_dev_retire);

int pvk_dev_control(struct pvk_device *pdev, u32 op, const void *buf, size_t size)
{
	void *copy;
	int ret;

	if (size > min_t(size_t, pvk_host.offer.struct_size, PAGE_SIZE))
		return -EMSGSIZE;
	/* linear memory, and nothing that changes while the host reads it */
	copy = kmemdup(buf, size, GFP_ATOMIC);
	if (!copy)
		return -ENOMEM;
	ret = pvk_call(PVK_CALL_DEV_CONTROL, pdev->id, op, virt_to_phys(copy), size);
	kfree(copy);
	return ret > 0 ? 0 : ret;
}
EXPORT_SYMBOL_GPL(pvk_dev_control);

static int pvk_change_model(struct pvk_device *pdev, u32 call)
{
	int ret;

	if (!pvk_has(PVK_FEAT_UNPLUG))
		return -EOPNOTSUPP;
	ret = pvk_call_wait(call, pdev->id, 1000);
	if (ret < 0)
		return ret;
	return pvk_dev_refresh(pdev);
}

int pvk_unplug(struct pvk_device *pdev)
{
	if (pdev->info.counterpart == PVK_COUNTERPART_NONE)
		return 0;
	if (!pvk_has(PVK_FEAT_UNPLUG) && pdev->info.model == PVK_MODEL_PVKIT)
		return 0;
	return pvk_change_model(pdev, PVK_CALL_UNPLUG);
}
EXPORT_SYMBOL_GPL(pvk_unplug);

int pvk_replug(struct pvk_device *pdev)
{
	if (pdev->info.counterpart == PVK_COUNTERPART_NONE)
		return -ENOENT;
	return pvk_change_model(pdev, PVK_CALL_REPLUG);
}
EXPORT_SYMBOL_GPL(pvk_replug);
