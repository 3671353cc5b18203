// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device bus (abi/bus.h) as a Linux bus: enumeration by calls, matching by
 * device type, and the host's notification of changes.
 *
 * A notification only says that something changed: a work item reads the bus
 * and the devices again and calls the drivers of those whose generation moved.
 * It runs on the freezable workqueue, so never during suspend.
 */
#include <linux/interrupt.h>
#include <linux/mutex.h>
#include <linux/pm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "core.h"

#define RESCANS		8	/* of a bus that changes while it is read */

static void pvk_rescan(struct work_struct *work);
static DECLARE_WORK(rescan_work, pvk_rescan);
static DEFINE_MUTEX(rescan_lock);	/* the work against the first enumeration */
static struct pvk_irq notify_irq = { .channel = PVK_CHANNEL_NONE };
static u32 known_generation;
static u32 known_devices;	/* indexes that were looked at */

u32 pvk_bus_generation(void)
{
	return READ_ONCE(known_generation);
}

static int pvk_read_bus_info(struct pvk_bus_info *info)
{
	int ret;

	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	ret = pvk_call_struct(PVK_CALL_BUS_INFO, info, sizeof(*info), 1000);
	if (ret < 0)
		return ret;
	ret = pvk_check_bus_info(info);
	if (ret)
		atomic64_inc(&pvk_host.malformed);
	return ret;
}

static void pvk_device_release(struct device *dev)
{
	kfree(to_pvk_device(dev));
}

static int pvk_has_id(struct device *dev, const void *id)
{
	return to_pvk_device(dev)->id == *(const u32 *)id;
}

/* Is there a device with this id? Asked before sysfs would, which shows a stack trace. */
static bool pvk_id_taken(u32 id)
{
	struct device *dev = bus_find_device(&pvk_bus, NULL, &id, pvk_has_id);

	put_device(dev);
	return dev;
}

/* 0; -EEXIST when another index has the same id; -errno */
static int pvk_add_device(u32 index)
{
	struct pvk_device *pdev = kzalloc(sizeof(*pdev), GFP_KERNEL);
	int ret;

	if (!pdev)
		return -ENOMEM;
	ret = pvk_dev_read_info(index, &pdev->info);
	if (!ret && pvk_id_taken(pdev->info.id))
		ret = -EEXIST;
	if (ret) {
		kfree(pdev);
		return ret;
	}
	pdev->index = index;
	pdev->id = pdev->info.id;
	pdev->type = pdev->info.type;
	pdev->seen_generation = pdev->info.generation;
	pvk_dev_init(pdev);
	device_initialize(&pdev->dev);
	pdev->dev.bus = &pvk_bus;
	pdev->dev.parent = pvk_host.dev;
	pdev->dev.release = pvk_device_release;
	ret = dev_set_name(&pdev->dev, "pvk%u", pdev->id);
	if (!ret)
		ret = device_add(&pdev->dev);
	if (ret)
		put_device(&pdev->dev);
	return ret;
}

/* Devices that were not there before; one that is wrong is left out. */
static void pvk_add_devices(u32 devices)
{
	for (; known_devices < devices; known_devices++) {
		int ret = pvk_add_device(known_devices);

		if (ret)
			dev_err(pvk_host.dev, "device %u is left out: error %d\n",
				known_devices, -ret);
	}
}

static int pvk_look_again(struct device *dev, void *unused)
{
	struct pvk_device *pdev = to_pvk_device(dev);

	device_lock(dev);
	if (!pdev->down && !pvk_dev_refresh(pdev) &&
	    pdev->info.generation != pdev->seen_generation) {
		pdev->seen_generation = pdev->info.generation;
		if (dev->driver && to_pvk_driver(dev->driver)->changed)
			to_pvk_driver(dev->driver)->changed(pdev);
		sysfs_notify(&dev->kobj, NULL, "state");
	}
	device_unlock(dev);
	return 0;
}

static void pvk_rescan(struct work_struct *work)
{
	struct pvk_bus_info info;
	unsigned int i;

	mutex_lock(&rescan_lock);
	/* The generation is read before the devices: no change gets lost. */
	for (i = 0; i < RESCANS && !pvk_read_bus_info(&info); i++) {
		if (i && info.generation == known_generation)
			break;
		WRITE_ONCE(known_generation, info.generation);
		bus_for_each_dev(&pvk_bus, NULL, NULL, pvk_look_again);
		pvk_add_devices(info.devices);
	}
	mutex_unlock(&rescan_lock);
}

static irqreturn_t pvk_notified(int irq, void *unused)
{
	queue_work(system_freezable_wq, &rescan_work);
	return IRQ_HANDLED;
}

static int pvk_notify_on(void)
{
	int ret = pvk_call(PVK_CALL_BUS_NOTIFY, notify_irq.channel, 0, 0, 0);

	return ret > 0 ? 0 : ret;
}

/* Pairs with pvk_notify_free(). */
static int pvk_notify_alloc(void)
{
	int ret = pvk_irq_alloc(&notify_irq, NULL, false);

	if (ret)
		return ret;
	ret = pvk_irq_request(&notify_irq, pvk_notified, "pvk-bus", &notify_irq);
	if (ret)
		goto irq;
	ret = pvk_notify_on();
	if (ret)
		goto handler;
	return 0;

handler:
	free_irq(notify_irq.irq, &notify_irq);
irq:
	pvk_irq_free(&notify_irq);
	return ret;
}

static void pvk_notify_free(void)
{
	if (!notify_irq.irq)
		return;
	pvk_call(PVK_CALL_BUS_NOTIFY, PVK_CHANNEL_NONE, 0, 0, 0);
	free_irq(notify_irq.irq, &notify_irq);
	pvk_irq_free(&notify_irq);
}

/* Enumerates; 0 or -errno with a message. Pairs with pvk_bus_stop(). */
int pvk_bus_start(void)
{
	struct pvk_bus_info info;
	int ret;

	known_devices = 0;
	ret = pvk_read_bus_info(&info);
	if (ret) {
		dev_err(pvk_host.dev, "the bus cannot be read: error %d\n", -ret);
		return ret;
	}
	if (pvk_has(PVK_FEAT_EVENT)) {
		ret = pvk_notify_alloc();
		if (ret)
			dev_warn(pvk_host.dev,
				 "no notification of changes on the bus: error %d\n", -ret);
	}
	/* by the work's own code; a change from now on queues the work */
	pvk_rescan(NULL);
	return 0;
}

static int pvk_remove_device(struct device *dev, void *unused)
{
	device_unregister(dev);
	return 0;
}

/* Also where pvk_bus_start() was not called. */
void pvk_bus_stop(void)
{
	pvk_notify_free();
	cancel_work_sync(&rescan_work);
	device_for_each_child_reverse(pvk_host.dev, NULL, pvk_remove_device);
	known_devices = 0;
}

/* No notification and no work from here to pvk_bus_resume(), or to the end. */
void pvk_bus_quiesce(void)
{
	if (notify_irq.irq)
		pvk_call(PVK_CALL_BUS_NOTIFY, PVK_CHANNEL_NONE, 0, 0, 0);
	if (notify_irq.irq)
		synchronize_irq(notify_irq.irq);
	cancel_work_sync(&rescan_work);
}

/* In a new session; the devices follow by themselves. 0 or -errno. */
int pvk_bus_resume(void)
{
	int ret = 0;

	if (!pvk_has(PVK_FEAT_BUS))
		return 0;
	if (notify_irq.irq)
		ret = pvk_notify_on();
	queue_work(system_freezable_wq, &rescan_work);
	return ret;
}

static int pvk_bus_match(struct device *dev, PVK_CONST_DRIVER struct device_driver *drv)
{
	return to_pvk_device(dev)->type == to_pvk_driver(drv)->type;
}

static int pvk_bus_uevent(PVK_CONST_UEVENT struct device *dev, struct kobj_uevent_env *env)
{
	return add_uevent_var(env, "MODALIAS=pvk:t%u", to_pvk_device(dev)->type);
}

static int pvk_bus_probe(struct device *dev)
{
	struct pvk_device *pdev = to_pvk_device(dev);
	int ret = pvk_dev_refresh(pdev);

	if (!ret && (pdev->leaked || pdev->info.state != PVK_DEV_RESET))
		ret = pvk_dev_reset(pdev);
	if (!ret)
		ret = pvk_dev_refresh(pdev);
	if (ret)
		return ret;
	pdev->down = false;
	pvk_recovery_on(pdev);
	ret = to_pvk_driver(dev->driver)->probe(pdev);
	if (ret) {
		pvk_dev_retire(pdev);
		pvk_queues_free(pdev);
	}
	return ret;
}

/* The one order of taking a device apart (pvk.h). */
static void pvk_bus_remove(struct device *dev)
{
	struct pvk_device *pdev = to_pvk_device(dev);
	struct pvk_driver *drv = to_pvk_driver(dev->driver);

	if (drv->withdraw)
		drv->withdraw(pdev);
	pvk_dev_retire(pdev);
	if (drv->remove)
		drv->remove(pdev);
	pvk_queues_free(pdev);
}

static void pvk_bus_shutdown(struct device *dev)
{
	struct pvk_device *pdev = to_pvk_device(dev);

	pdev->down = true;
	if (!dev->driver)
		return;
	pvk_recovery_off(pdev);
	if (to_pvk_driver(dev->driver)->shutdown)
		to_pvk_driver(dev->driver)->shutdown(pdev);
	else
		pvk_dev_reset(pdev);
}

static int pvk_bus_freeze(struct device *dev)
{
	struct pvk_device *pdev = to_pvk_device(dev);
	int ret;

	if (!dev->driver)
		return 0;
	pvk_recovery_off(pdev);
	if (to_pvk_driver(dev->driver)->freeze)
		ret = to_pvk_driver(dev->driver)->freeze(pdev);
	else
		ret = pvk_dev_reset(pdev);
	if (!ret)
		pdev->down = true;
	else
		pvk_recovery_on(pdev);
	return ret;
}

static int pvk_bus_restore(struct device *dev)
{
	struct pvk_device *pdev = to_pvk_device(dev);
	int ret;

	if (!dev->driver)
		return 0;
	ret = pvk_dev_refresh(pdev);
	/* Stopped by force before: the new session ended that, or this tries again. */
	if (!ret && pdev->leaked)
		pvk_dev_reset(pdev);
	if (!ret && to_pvk_driver(dev->driver)->restore)
		ret = to_pvk_driver(dev->driver)->restore(pdev);
	if (!ret) {
		pdev->down = false;
		pvk_recovery_on(pdev);
	}
	return ret;
}

static const struct dev_pm_ops bus_pm = {
	.suspend	= pvk_bus_freeze,
	.resume		= pvk_bus_restore,
	.freeze		= pvk_bus_freeze,
	.thaw		= pvk_bus_restore,
	.poweroff	= pvk_bus_freeze,
	.restore	= pvk_bus_restore,
};

struct bus_type pvk_bus = {
	.name		= "pvk",
	.match		= pvk_bus_match,
	.uevent		= pvk_bus_uevent,
	.probe		= pvk_bus_probe,
	.remove		= pvk_bus_remove,
	.shutdown	= pvk_bus_shutdown,
	.pm		= &bus_pm,
	.bus_groups	= pvk_bus_groups,
	.dev_groups	= pvk_dev_groups,
};

int __pvk_driver_register(struct pvk_driver *drv, struct module *owner, const char *mod_name)
{
	if (!drv->probe || !drv->type)
		return -EINVAL;
	drv->driver.bus = &pvk_bus;
	drv->driver.owner = owner;
	drv->driver.mod_name = mod_name;
	return driver_register(&drv->driver);
}
EXPORT_SYMBOL_GPL(__pvk_driver_register);

void pvk_driver_unregister(struct pvk_driver *drv)
{
	struct device *dev;

	/* The driver core begins with the last one; counterparts get names as they come back. */
	while ((dev = driver_find_device(&drv->driver, NULL, NULL, device_match_any))) {
		device_release_driver(dev);
		put_device(dev);
	}
	driver_unregister(&drv->driver);
}
EXPORT_SYMBOL_GPL(pvk_driver_unregister);
