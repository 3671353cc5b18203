// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulated counterpart of a disk: an IDE drive at a PCI function, channel and
 * drive number, which libata shows as a SCSI device
 *
 *	PCI function / ata port / SCSI host / target (0, drive) / lun 0
 *
 * It is taken over only when nobody uses it: it must be open nowhere (neither
 * mounted, nor part of an array, nor read by a program), which is made sure by
 * opening it exclusively. Then the SCSI device is removed. libata lets go of the
 * drive behind that, in its error handler: it puts the drive into standby, which
 * the drive must be there to answer. Only after that the host is asked to take it
 * away; so the disk is never there twice, and no command is left without answer.
 *
 * The PCI function's device lock is held meanwhile, so that no driver starts
 * or stops driving it halfway.
 */
#include <linux/async.h>
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/libata.h>
#include <linux/pci.h>
#include <scsi/scsi_device.h>
#include <scsi/scsi_host.h>
#include <scsi/scsi_transport.h>

#include "blk.h"

#define SETTLE_MS	3000	/* for those who look at a new disk in passing (udev) */
#define LET_GO_MS	30000	/* for libata: its error handler gives a drive that much */
#define STEP_MS		50

static struct pci_dev *pvk_blk_counterpart_function(struct pvk_device *pdev)
{
	u32 bdf = PVK_COUNTERPART_BDF(pdev->info.counterpart_location);

	return pci_get_domain_bus_and_slot(0, bdf >> 8, bdf & 0xff);
}

struct port_search {
	u32 channel;
	struct Scsi_Host *shost;	/* with a reference */
};

/* A child of an ata port: is it the SCSI host of the channel? */
static int pvk_blk_match_host(struct device *dev, void *data)
{
	struct port_search *search = data;
	struct Scsi_Host *shost;
	struct ata_port *ap;

	if (!scsi_is_host_device(dev))
		return 0;
	shost = dev_to_shost(dev);
	ap = ata_shost_to_port(shost);
	if (!ap || ap->scsi_host != shost || ap->port_no != search->channel)
		return 0;
	search->shost = scsi_host_get(shost);
	return 1;
}

/* A child of the PCI function: is it an ata port with that host? */
static int pvk_blk_match_port(struct device *dev, void *data)
{
	if (strncmp(dev_name(dev), "ata", 3))
		return 0;
	return device_for_each_child(dev, data, pvk_blk_match_host);
}

/* The SCSI host of the counterpart's channel, with a reference, or NULL. */
static struct Scsi_Host *pvk_blk_counterpart_host(struct pvk_device *pdev, struct pci_dev *function)
{
	struct port_search search = {
		.channel = PVK_COUNTERPART_IDE_CHANNEL(pdev->info.counterpart_location),
	};

	device_for_each_child(&function->dev, &search, pvk_blk_match_port);
	return search.shost;
}

struct counterpart_disk {
	dev_t number;		/* 0: there is none */
	char name[DISK_NAME_LEN];
};

static int pvk_blk_match_disk(struct device *dev, void *data)
{
	struct counterpart_disk *disk = data;

	if (!dev->class || strcmp(dev->class->name, "block"))
		return 0;
	disk->number = dev->devt;
	strscpy(disk->name, dev_name(dev), sizeof(disk->name));
	return 1;
}

/*
 * Opens the disk when nobody else has it open. -EBUSY: somebody has, still
 * after SETTLE_MS; others of the open (it has just gone).
 */
static struct pvk_bdev_handle *pvk_blk_claim(dev_t number, void *holder)
{
	struct pvk_bdev_handle *bdev = ERR_PTR(-EBUSY);
	unsigned int waited;

	for (waited = 0; waited < SETTLE_MS; waited += STEP_MS) {
		bdev = pvk_bdev_open(number, holder);
		if (!IS_ERR(bdev)) {
			if (disk_openers(pvk_bdev(bdev)->bd_disk) <= 1)
				return bdev;
			pvk_bdev_close(bdev, holder);
			bdev = ERR_PTR(-EBUSY);
		} else if (PTR_ERR(bdev) != -EBUSY) {
			return bdev;
		}
		msleep(STEP_MS);
	}
	return bdev;
}

/* Removes the SCSI device if it is idle. 0 or -errno. */
static int pvk_blk_remove_device(struct pvk_device *pdev, struct scsi_device *sdev)
{
	struct counterpart_disk disk = { 0 };
	struct pvk_bdev_handle *bdev;

	device_for_each_child(&sdev->sdev_gendev, &disk, pvk_blk_match_disk);
	/* No disk of it: no driver for disks is loaded yet. */
	if (!disk.number) {
		scsi_remove_device(sdev);
		return 0;
	}
	bdev = pvk_blk_claim(disk.number, pdev);
	if (IS_ERR(bdev)) {
		dev_warn(&pdev->dev,
			 "the disk is in use as %s (mounted or open): left on its emulated model; when it is idle: echo %s >/sys/bus/pvk/drivers/pvk_blk/bind\n",
			 disk.name, dev_name(&pdev->dev));
		return PTR_ERR(bdev);
	}
	sync_blockdev(pvk_bdev(bdev));
	scsi_remove_device(sdev);
	pvk_bdev_close(bdev, pdev);
	return 0;
}

static bool pvk_blk_at_work(struct Scsi_Host *shost, u32 drive)
{
	struct ata_port *ap = ata_shost_to_port(shost);
	unsigned long flags;
	bool busy;

	spin_lock_irqsave(ap->lock, flags);
	busy = ap->pflags & (ATA_PFLAG_EH_PENDING | ATA_PFLAG_EH_IN_PROGRESS) ||
	       (drive < ATA_MAX_DEVICES && ap->link.device[drive].flags & ATA_DFLAG_DETACH);
	spin_unlock_irqrestore(ap->lock, flags);
	return busy || scsi_host_in_recovery(shost);
}

/*
 * Until libata's error handler has let go of the drive, whose SCSI device was
 * removed. -EBUSY: it has not, at the end of the time.
 */
static int pvk_blk_let_go(struct Scsi_Host *shost, u32 drive)
{
	unsigned int waited;

	for (waited = 0; pvk_blk_at_work(shost, drive); waited += STEP_MS) {
		if (waited >= LET_GO_MS)
			return -EBUSY;
		msleep(STEP_MS);
	}
	return 0;
}

/* Is a disk of the drive there, and has its name? */
static bool pvk_blk_disk_there(struct Scsi_Host *shost, u32 drive)
{
	struct scsi_device *sdev = scsi_device_lookup(shost, 0, drive, 0);
	struct counterpart_disk disk = { 0 };

	if (!sdev)
		return false;
	device_for_each_child(&sdev->sdev_gendev, &disk, pvk_blk_match_disk);
	scsi_device_put(sdev);
	return disk.number;
}

/*
 * Has libata look for the drive. It comes by itself, a moment later, and is waited
 * for, so that disks that come back one after the other get their names in that
 * order.
 */
static void pvk_blk_rescan(struct pvk_device *pdev, struct Scsi_Host *shost)
{
	u32 drive = PVK_COUNTERPART_IDE_DRIVE(pdev->info.counterpart_location);
	unsigned int waited;

	if (!shost->transportt || !shost->transportt->user_scan)
		return;
	shost->transportt->user_scan(shost, 0, drive, 0);
	for (waited = 0; !pvk_blk_disk_there(shost, drive) && waited < SETTLE_MS; waited += STEP_MS)
		msleep(STEP_MS);
}

/* The model, after the system let go: a command of libata's may be under way. */
static int pvk_blk_unplug_counterpart(struct pvk_device *pdev)
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

/* With the lock of the PCI function. */
static int pvk_blk_release_from(struct pvk_device *pdev, struct pci_dev *function)
{
	u32 drive = PVK_COUNTERPART_IDE_DRIVE(pdev->info.counterpart_location);
	struct scsi_device *sdev;
	struct Scsi_Host *shost;
	int ret = 0;

	if (!function->driver)
		return pvk_blk_unplug_counterpart(pdev);
	/*
	 * What was found is scanned by work that runs behind the driver's probe. This
	 * probe is no such work (PROBE_FORCE_SYNCHRONOUS): it would wait for itself.
	 */
	async_synchronize_full();
	shost = pvk_blk_counterpart_host(pdev, function);
	if (!shost) {
		dev_warn(&pdev->dev,
			 "the counterpart's controller %s belongs to '%s', which cannot be asked to let go: left on its emulated model\n",
			 pci_name(function), function->driver->name);
		return -EBUSY;
	}
	sdev = scsi_device_lookup(shost, 0, drive, 0);
	if (sdev) {
		ret = pvk_blk_remove_device(pdev, sdev);
		scsi_device_put(sdev);
	}
	if (!ret) {
		ret = pvk_blk_let_go(shost, drive);
		if (!ret)
			ret = pvk_blk_unplug_counterpart(pdev);
		if (ret && sdev) {
			dev_warn(&pdev->dev, "the drive or the host keeps the emulated model on: error %d\n",
				 -ret);
			pvk_blk_rescan(pdev, shost);
		}
	}
	scsi_host_put(shost);
	return ret;
}

int pvk_counterpart_release(struct pvk_device *pdev)
{
	struct pci_dev *function;
	int ret;

	if (pdev->info.counterpart == PVK_COUNTERPART_NONE || pdev->info.model == PVK_MODEL_PVKIT)
		return 0;
	if (!(pvk_features() & PVK_FEAT_UNPLUG)) {
		dev_info(&pdev->dev, "left on its emulated model: unplug is not in force\n");
		return -EOPNOTSUPP;
	}
	function = pdev->info.counterpart == PVK_COUNTERPART_PCI_IDE
			   ? pvk_blk_counterpart_function(pdev)
			   : NULL;
	if (!function)
		return pvk_blk_unplug_counterpart(pdev);
	device_lock(&function->dev);
	ret = pvk_blk_release_from(pdev, function);
	device_unlock(&function->dev);
	pci_dev_put(function);
	return ret;
}

void pvk_counterpart_adopt(struct pvk_device *pdev)
{
	struct pci_dev *function = pvk_blk_counterpart_function(pdev);
	struct Scsi_Host *shost = NULL;

	if (!function)
		return;
	device_lock(&function->dev);
	if (function->driver)
		shost = pvk_blk_counterpart_host(pdev, function);
	if (shost) {
		pvk_blk_rescan(pdev, shost);
		scsi_host_put(shost);
	}
	device_unlock(&function->dev);
	pci_dev_put(function);
}
