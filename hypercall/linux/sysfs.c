// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the user can see, all read-only; docs/modules.md fixes the format.
 *
 * /sys/bus/pvk/                       the offer of the host, and the session
 * /sys/devices/platform/PVKT0001:00/  counters of the core
 * /sys/bus/pvk/devices/pvkN/          one device
 *
 * Showing the state of a device asks the host, but never waits: when the
 * device is busy with a driver's callback, the last known answer is shown.
 */
#include <linux/device.h>
#include <linux/sysfs.h>

#include "core.h"

static const char * const feature_names[] = { "event", "bus", "batch", "unplug" };
static const char * const blk_names[] = { "flush", "discard", "write_zeroes", "read_only" };
static const char * const net_names[] = {
	"csum", "tso4", "tso6", "uso", "rx_csum", "rx_tso4", "rx_tso6", "rx_uso", "rss", "rx_mode",
};

static const char * const state_names[] = {
	[PVK_DEV_RESET] = "reset",
	[PVK_DEV_SETUP] = "setup",
	[PVK_DEV_RUNNING] = "running",
	[PVK_DEV_NEEDS_RESET] = "needs_reset",
	[PVK_DEV_RESETTING] = "resetting",
};

/* Names of the bits of mask on one line, "bitN" for those without, "none". */
static ssize_t pvk_show_bits(char *buf, u64 mask, const char * const *names, unsigned int nr)
{
	ssize_t len = 0;
	unsigned int i;

	for (i = 0; i < 64; i++) {
		if (!(mask & BIT_ULL(i)))
			continue;
		if (len)
			len += sysfs_emit_at(buf, len, " ");
		if (i < nr)
			len += sysfs_emit_at(buf, len, "%s", names[i]);
		else
			len += sysfs_emit_at(buf, len, "bit%u", i);
	}
	return len + sysfs_emit_at(buf, len, mask ? "\n" : "none\n");
}

static ssize_t pvk_show_version(char *buf, u32 version)
{
	return sysfs_emit(buf, "%u.%u\n", PVK_VERSION_MAJOR(version),
			  PVK_VERSION_MINOR(version));
}

/* The bus */

#define BUS_SHOW(name, expression)						\
static ssize_t bus_##name##_show(PVK_CONST_BUS struct bus_type *bus, char *buf)	\
{										\
	return expression;							\
}										\
static struct bus_attribute bus_attr_##name = __ATTR(name, 0444, bus_##name##_show, NULL)

#define BUS_FEATURES(name, mask) \
	BUS_SHOW(name, pvk_show_bits(buf, mask, feature_names, ARRAY_SIZE(feature_names)))

BUS_SHOW(abi_guest, pvk_show_version(buf, PVK_ABI_VERSION));
BUS_SHOW(abi_host, pvk_show_version(buf, pvk_host.offer.version));
BUS_SHOW(abi_host_oldest, pvk_show_version(buf, pvk_host.offer.oldest));
BUS_SHOW(cpuid_base, sysfs_emit(buf, "0x%x\n", pvk_host.offer.base));
BUS_SHOW(transfer, sysfs_emit(buf, "pio call=0x%x doorbell=0x%x\n",
			      pvk_host.offer.call_port, pvk_host.offer.doorbell_port));
/* Those of the devices' session; the platform's are the kernel's own affair. */
BUS_FEATURES(features_offered, pvk_host.offer.features & ~PVK_FEAT_PLATFORM);
BUS_FEATURES(features_recommended, pvk_host.offer.recommended & ~PVK_FEAT_PLATFORM);
BUS_FEATURES(features_accepted, pvk_host.accepted);
BUS_FEATURES(features_active, pvk_host.active);
BUS_SHOW(limit_channels, sysfs_emit(buf, "%u\n", pvk_host.offer.channels));
BUS_SHOW(limit_ring_entries, sysfs_emit(buf, "%u\n", pvk_host.offer.ring_entries));
BUS_SHOW(limit_batch_entries, sysfs_emit(buf, "%u\n", pvk_host.offer.batch_entries));
BUS_SHOW(limit_struct_bytes, sysfs_emit(buf, "%u\n", pvk_host.offer.struct_size));

static struct attribute *bus_attrs[] = {
	&bus_attr_abi_guest.attr,
	&bus_attr_abi_host.attr,
	&bus_attr_abi_host_oldest.attr,
	&bus_attr_cpuid_base.attr,
	&bus_attr_transfer.attr,
	&bus_attr_features_offered.attr,
	&bus_attr_features_recommended.attr,
	&bus_attr_features_accepted.attr,
	&bus_attr_features_active.attr,
	&bus_attr_limit_channels.attr,
	&bus_attr_limit_ring_entries.attr,
	&bus_attr_limit_batch_entries.attr,
	&bus_attr_limit_struct_bytes.attr,
	NULL
};

static const struct attribute_group bus_group = { .attrs = bus_attrs };
const struct attribute_group *pvk_bus_groups[] = { &bus_group, NULL };

/* The platform device */

#define HOST_SHOW(name, format, value)							\
static ssize_t name##_show(struct device *dev, struct device_attribute *attr, char *buf)\
{											\
	return sysfs_emit(buf, format "\n", value);					\
}											\
static DEVICE_ATTR_RO(name)

HOST_SHOW(session, "%s", READ_ONCE(pvk_host.open) ? "open" : "closed");
HOST_SHOW(bus_generation, "%u", pvk_bus_generation());
HOST_SHOW(calls, "%lld", atomic64_read(&pvk_host.calls));
HOST_SHOW(calls_repeated, "%lld", atomic64_read(&pvk_host.repeats));
HOST_SHOW(answers_malformed, "%lld", atomic64_read(&pvk_host.malformed));
HOST_SHOW(channels_free, "%u", pvk_event_free_channels());

static struct attribute *host_attrs[] = {
	&dev_attr_session.attr,
	&dev_attr_bus_generation.attr,
	&dev_attr_calls.attr,
	&dev_attr_calls_repeated.attr,
	&dev_attr_answers_malformed.attr,
	&dev_attr_channels_free.attr,
	NULL
};

static const struct attribute_group host_group = { .attrs = host_attrs };
const struct attribute_group *pvk_host_groups[] = { &host_group, NULL };

/* Devices */

static void pvk_refresh(struct pvk_device *pdev)
{
	if (!device_trylock(&pdev->dev))
		return;
	pvk_dev_refresh(pdev);
	device_unlock(&pdev->dev);
}

#define DEV_SHOW(name)									\
static ssize_t name##_show(struct device *dev, struct device_attribute *attr, char *buf)

DEV_SHOW(id)
{
	return sysfs_emit(buf, "%u\n", to_pvk_device(dev)->id);
}
static DEVICE_ATTR_RO(id);

DEV_SHOW(type)
{
	u32 type = to_pvk_device(dev)->type;

	if (type == PVK_DEV_BLK)
		return sysfs_emit(buf, "blk\n");
	if (type == PVK_DEV_NET)
		return sysfs_emit(buf, "net\n");
	return sysfs_emit(buf, "type%u\n", type);
}
static DEVICE_ATTR_RO(type);

DEV_SHOW(modalias)
{
	return sysfs_emit(buf, "pvk:t%u\n", to_pvk_device(dev)->type);
}
static DEVICE_ATTR_RO(modalias);

DEV_SHOW(state)
{
	struct pvk_device *pdev = to_pvk_device(dev);

	pvk_refresh(pdev);
	return sysfs_emit(buf, "%s\n", state_names[READ_ONCE(pdev->info.state)]);
}
static DEVICE_ATTR_RO(state);

DEV_SHOW(model)
{
	struct pvk_device *pdev = to_pvk_device(dev);

	pvk_refresh(pdev);
	return sysfs_emit(buf, "%s\n",
			  READ_ONCE(pdev->info.model) == PVK_MODEL_PVKIT ? "pvkit" : "emulated");
}
static DEVICE_ATTR_RO(model);

DEV_SHOW(counterpart)
{
	struct pvk_device *pdev = to_pvk_device(dev);
	u32 at = pdev->info.counterpart_location;
	u32 bdf = PVK_COUNTERPART_BDF(at);

	switch (pdev->info.counterpart) {
	case PVK_COUNTERPART_NONE:
		return sysfs_emit(buf, "none\n");
	case PVK_COUNTERPART_PCI_IDE:
		return sysfs_emit(buf, "ide 0000:%02x:%02x.%u channel %u drive %u\n", bdf >> 8,
				  (bdf >> 3) & 31, bdf & 7, PVK_COUNTERPART_IDE_CHANNEL(at),
				  PVK_COUNTERPART_IDE_DRIVE(at));
	case PVK_COUNTERPART_PCI_NIC:
		return sysfs_emit(buf, "nic 0000:%02x:%02x.%u\n", bdf >> 8, (bdf >> 3) & 31,
				  bdf & 7);
	}
	return sysfs_emit(buf, "kind%u 0x%x\n", pdev->info.counterpart, at);
}
static DEVICE_ATTR_RO(counterpart);

static ssize_t pvk_show_dev_features(struct pvk_device *pdev, char *buf, u64 mask)
{
	if (pdev->type == PVK_DEV_BLK)
		return pvk_show_bits(buf, mask, blk_names, ARRAY_SIZE(blk_names));
	if (pdev->type == PVK_DEV_NET)
		return pvk_show_bits(buf, mask, net_names, ARRAY_SIZE(net_names));
	return pvk_show_bits(buf, mask, NULL, 0);
}

DEV_SHOW(features_offered)
{
	struct pvk_device *pdev = to_pvk_device(dev);

	return pvk_show_dev_features(pdev, buf, READ_ONCE(pdev->info.features));
}
static DEVICE_ATTR_RO(features_offered);

/* what the driver asked for */
DEV_SHOW(features_accepted)
{
	struct pvk_device *pdev = to_pvk_device(dev);

	return pvk_show_dev_features(pdev, buf, READ_ONCE(pdev->accepted));
}
static DEVICE_ATTR_RO(features_accepted);

/* what the host has in force */
DEV_SHOW(features_active)
{
	struct pvk_device *pdev = to_pvk_device(dev);

	pvk_refresh(pdev);
	return pvk_show_dev_features(pdev, buf, READ_ONCE(pdev->info.accepted));
}
static DEVICE_ATTR_RO(features_active);

DEV_SHOW(limits)
{
	const struct pvk_dev_info *info = &to_pvk_device(dev)->info;

	return sysfs_emit(buf, "queues=%u entries=%u config=%u\n", info->max_queues,
			  info->max_entries, info->config_size);
}
static DEVICE_ATTR_RO(limits);

/* One line per queue, as many as fit into the page. */
DEV_SHOW(queues)
{
	struct pvk_device *pdev = to_pvk_device(dev);
	ssize_t len = 0;
	u32 i;

	mutex_lock(&pdev->queues_lock);
	for (i = 0; i < pdev->nr_queues && len < PAGE_SIZE - 256; i++) {
		const struct pvk_queue *q = &pdev->queues[i];

		len += sysfs_emit_at(buf, len, "queue=%u entries=%u irq=%u channel=%d", i,
				     q->entries, q->irq, (int)q->channel);
		len += sysfs_emit_at(buf, len, " rung=%llu suppressed=%llu events=%llu",
				     READ_ONCE(q->rung), READ_ONCE(q->suppressed),
				     READ_ONCE(q->events));
		len += sysfs_emit_at(buf, len, " submitted=%u completed=%u cpus=%*pbl\n",
				     READ_ONCE(q->sq.next), READ_ONCE(q->cq.next),
				     cpumask_pr_args(q->affinity));
	}
	mutex_unlock(&pdev->queues_lock);
	return len;
}
static DEVICE_ATTR_RO(queues);

static struct attribute *dev_attrs[] = {
	&dev_attr_id.attr,
	&dev_attr_type.attr,
	&dev_attr_modalias.attr,
	&dev_attr_state.attr,
	&dev_attr_model.attr,
	&dev_attr_counterpart.attr,
	&dev_attr_features_offered.attr,
	&dev_attr_features_accepted.attr,
	&dev_attr_features_active.attr,
	&dev_attr_limits.attr,
	&dev_attr_queues.attr,
	NULL
};

static const struct attribute_group dev_group = { .attrs = dev_attrs };
const struct attribute_group *pvk_dev_groups[] = { &dev_group, NULL };
