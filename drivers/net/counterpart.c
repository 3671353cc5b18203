// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulated counterpart of a NIC: a PCI function of its own, driven by e1000 or by
 * nobody yet.
 *
 * It is taken over only when its interface is down, unless the user said
 * otherwise: then the function is removed as if pulled out, which makes its
 * driver let go, and only after that the host is asked to take it away. So the
 * NIC is never there twice. The way back is a scan of the function's bus.
 */
#include <linux/delay.h>
#include <linux/moduleparam.h>
#include <linux/pci.h>
#include <linux/rtnetlink.h>

#include "net.h"

static char *unplug = "idle";
module_param(unplug, charp, 0644);
MODULE_PARM_DESC(unplug, "Take a NIC from its emulated model: idle (when that interface is down, default) or always (it is set down)");

#define SETTLE_MS	3000
#define STEP_MS		50

struct search {
	char up[IFNAMSIZ];	/* name of an interface that is up, or "" */
	bool close;		/* set those down that are */
};

/* A child of the PCI function; under RTNL. */
static int pvk_net_look_at(struct device *child, void *data)
{
	struct search *search = data;
	struct net_device *dev;

	if (!child->class || strcmp(child->class->name, "net"))
		return 0;
	dev = to_net_dev(child);
	if (!(dev->flags & IFF_UP))
		return 0;
	if (search->close)
		dev_close(dev);
	else
		strscpy(search->up, dev->name, sizeof(search->up));
	return 0;
}

/* What else is there is not taken away, whatever the host says. */
static bool pvk_net_is_nic(struct pvk_device *pdev, const struct pci_dev *function)
{
	if (function->class >> 8 == PCI_CLASS_NETWORK_ETHERNET)
		return true;
	dev_err(&pdev->dev, "the host says that its emulated model is %s, which is no NIC: left alone\n",
		pci_name(function));
	return false;
}

/* 0; -EBUSY: an interface of the function is up and is to stay so. */
static int pvk_net_quiet(struct pvk_device *pdev, struct pci_dev *function)
{
	struct search search = {};

	/* Where it may be written, a parameter's text is replaced by another. */
	kernel_param_lock(THIS_MODULE);
	search.close = sysfs_streq(unplug, "always");
	kernel_param_unlock(THIS_MODULE);
	/* A driver that starts or stops driving it right now ends that first. */
	device_lock(&function->dev);
	rtnl_lock();
	device_for_each_child(&function->dev, &search, pvk_net_look_at);
	rtnl_unlock();
	device_unlock(&function->dev);
	if (!search.up[0])
		return 0;
	dev_warn(&pdev->dev,
		 "the NIC is in use as %s: left on its emulated model; when that is down: echo %s >/sys/bus/pvk/drivers/pvk_net/bind (or load pvk_net with unplug=always)\n",
		 search.up, dev_name(&pdev->dev));
	return -EBUSY;
}

/* The model, after the system let go: the counterpart may have something under way. */
static int pvk_net_unplug_counterpart(struct pvk_device *pdev)
{
	unsigned int waited;
	int ret = -EBUSY;

	for (waited = 0; ret == -EBUSY && waited < SETTLE_MS; waited += STEP_MS) {
		if (waited)
			msleep(STEP_MS);
		ret = pvk_unplug(pdev);
	}
	return ret;
}

int pvk_net_counterpart_release(struct pvk_device *pdev)
{
	u32 bdf = PVK_COUNTERPART_BDF(pdev->info.counterpart_location);
	struct pci_dev *function = NULL;
	int ret;

	if (pdev->info.counterpart == PVK_COUNTERPART_NONE || pdev->info.model == PVK_MODEL_PVKIT)
		return 0;
	if (!(pvk_features() & PVK_FEAT_UNPLUG)) {
		dev_info(&pdev->dev, "left on its emulated model: unplug is not in force\n");
		return -EOPNOTSUPP;
	}
	if (pdev->info.counterpart == PVK_COUNTERPART_PCI_NIC)
		function = pci_get_domain_bus_and_slot(0, bdf >> 8, bdf & 0xff);
	if (function) {
		ret = pvk_net_is_nic(pdev, function) ? pvk_net_quiet(pdev, function) : -ENODEV;
		if (!ret)
			pci_stop_and_remove_bus_device_locked(function);
		pci_dev_put(function);
		if (ret)
			return ret;
	}
	ret = pvk_net_unplug_counterpart(pdev);
	if (ret) {
		dev_warn(&pdev->dev, "the host keeps the emulated model on: error %d\n", -ret);
		if (function)
			pvk_net_counterpart_adopt(pdev);
	}
	return ret;
}

void pvk_net_counterpart_adopt(struct pvk_device *pdev)
{
	struct pci_bus *bus;

	if (pdev->info.counterpart != PVK_COUNTERPART_PCI_NIC)
		return;
	pci_lock_rescan_remove();
	bus = pci_find_bus(0, PVK_COUNTERPART_BDF(pdev->info.counterpart_location) >> 8);
	if (bus)
		pci_rescan_bus(bus);
	pci_unlock_rescan_remove();
}
