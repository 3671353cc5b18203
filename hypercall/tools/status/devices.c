// SPDX-License-Identifier: BSD-2-Clause
/*
 * Devices: paravirtual ones and their drivers, and the disks and network cards that
 * go by a slow form. The id that a row's pattern is for, by bus:
 *   pci     VENDOR:DEVICE, in hex	virtio  the number of the kind, in hex
 *   xen     its devtype		vmbus   its class's GUID
 *   pvk     its type
 *   acpi    its hardware id
 * Rows of "feature" are for the modules that rules of features.c name.
 */
#include <fnmatch.h>
#include <string.h>

#include "judge.h"

#define COUNT(table)	(sizeof(table) / sizeof((table)[0]))

#define PV(bus_, id_, title_, module_, config_) \
	{ bus_, id_, title_, module_, config_, PARAVIRTUAL }
#define WAY(bus_, id_, title_, module_, config_) \
	{ bus_, id_, title_, module_, config_, TRANSPORT }
#define OLD(id_, title_)	{ "pci", id_, title_, NULL, NULL, SLOW }

const struct device_row device_table[] = {
	/* virtio: its specification 1.2, section 5 */
	WAY("pci", "1af4:10[0-7]?", "virtio by PCI", "virtio_pci", "VIRTIO_PCI"),
	WAY("acpi", "LNRO0005", "virtio by MMIO", "virtio_mmio", "VIRTIO_MMIO"),
	PV("virtio", "0001", "virtio network card", "virtio_net", "VIRTIO_NET"),
	PV("virtio", "0002", "virtio disk", "virtio_blk", "VIRTIO_BLK"),
	PV("virtio", "0003", "virtio console", "virtio_console", "VIRTIO_CONSOLE"),
	PV("virtio", "0004", "virtio entropy", "virtio_rng", "HW_RANDOM_VIRTIO"),
	PV("virtio", "0005", "virtio balloon", "virtio_balloon", "VIRTIO_BALLOON"),
	PV("virtio", "0008", "virtio SCSI", "virtio_scsi", "SCSI_VIRTIO"),
	PV("virtio", "0009", "virtio 9P", "9pnet_virtio", "NET_9P_VIRTIO"),
	PV("virtio", "0010", "virtio graphics", "virtio_gpu", "DRM_VIRTIO_GPU"),
	PV("virtio", "0012", "virtio input", "virtio_input", "VIRTIO_INPUT"),
	PV("virtio", "0013", "virtio socket", "vmw_vsock_virtio_transport", "VIRTIO_VSOCKETS"),
	PV("virtio", "0014", "virtio crypto", "virtio_crypto", "CRYPTO_DEV_VIRTIO"),
	PV("virtio", "0017", "virtio IOMMU", "virtio_iommu", "VIRTIO_IOMMU"),
	PV("virtio", "0018", "virtio memory", "virtio_mem", "VIRTIO_MEM"),
	PV("virtio", "001a", "virtio file system", "virtiofs", "VIRTIO_FS"),
	PV("virtio", "001b", "virtio persistent memory", "virtio_pmem", "VIRTIO_PMEM"),
	/* Xen: xenbus */
	PV("xen", "vbd", "Xen disk", "xen_blkfront", "XEN_BLKDEV_FRONTEND"),
	PV("xen", "vif", "Xen network card", "xen_netfront", "XEN_NETDEV_FRONTEND"),
	PV("xen", "vscsi", "Xen SCSI", "xen_scsifront", "XEN_SCSI_FRONTEND"),
	PV("xen", "pci", "Xen PCI", "xen_pcifront", "XEN_PCIDEV_FRONTEND"),
	/* Hyper-V: Linux, include/linux/hyperv.h */
	WAY("feature", "hyperv.vmbus", "VMBus", "hv_vmbus", "HYPERV"),
	PV("vmbus", "f8615163-*", "Hyper-V network card", "hv_netvsc", "HYPERV_NET"),
	PV("vmbus", "ba6163d9-*", "Hyper-V SCSI", "hv_storvsc", "HYPERV_STORAGE"),
	PV("vmbus", "32412632-*", "Hyper-V IDE disk", "hv_storvsc", "HYPERV_STORAGE"),
	PV("vmbus", "57164f39-*", "Hyper-V heartbeat", "hv_utils", "HYPERV_UTILS"),
	PV("vmbus", "9527e630-*", "Hyper-V time", "hv_utils", "HYPERV_UTILS"),
	PV("vmbus", "0e0b6031-*", "Hyper-V shutdown", "hv_utils", "HYPERV_UTILS"),
	PV("vmbus", "525074dc-*", "Hyper-V memory", "hv_balloon", "HYPERV_BALLOON"),
	PV("vmbus", "f912ad6d-*", "Hyper-V keyboard", "hyperv_keyboard", "HYPERV_KEYBOARD"),
	PV("vmbus", "da0a7802-*", "Hyper-V graphics", "hyperv_drm", "DRM_HYPERV"),
	PV("vmbus", "44c4f61d-*", "Hyper-V PCI", "pci_hyperv", "PCI_HYPERV"),
	/* VMware: Linux, include/linux/pci_ids.h and the drivers */
	PV("pci", "15ad:07b0", "VMware network card", "vmxnet3", "VMXNET3"),
	PV("pci", "15ad:07c0", "VMware SCSI", "vmw_pvscsi", "VMWARE_PVSCSI"),
	PV("pci", "15ad:0740", "VMware communication", "vmw_vmci", "VMWARE_VMCI"),
	PV("pci", "15ad:0405", "VMware graphics", "vmwgfx", "DRM_VMWGFX"),
	/* clouds */
	PV("pci", "1d0f:ec2[01]", "EC2 network card", "ena", "ENA_ETHERNET"),
	PV("pci", "1ae0:0042", "GCE network card", "gve", "GVE"),
	/* pvkit: hypercall/abi/bus.h */
	WAY("feature", "pvkit.bus", "pvkit bus", "pvk_core", NULL),
	PV("pvk", "blk", "pvkit disk", "pvk_blk", NULL),
	PV("pvk", "net", "pvkit network card", "pvk_net", NULL),
	/* what hypervisors emulate */
	OLD("8086:7010", "PIIX3 IDE"),
	OLD("8086:7111", "PIIX4 IDE"),
	OLD("8086:7199", "PIIX4 IDE"),
	OLD("8086:2922", "ICH9 AHCI"),
	OLD("8086:2829", "ICH8 AHCI"),
	OLD("15ad:07e0", "VMware AHCI"),
	OLD("1000:0012", "LSI 53C895A"),
	OLD("1000:0030", "LSI 53C1030"),
	OLD("1000:0054", "LSI SAS1068"),
	OLD("104b:1040", "BusLogic"),
	OLD("8086:100[4ef]", "Intel e1000"),
	OLD("8086:10d3", "Intel e1000e"),
	OLD("10ec:8139", "Realtek 8139"),
	OLD("10ec:8029", "NE2000"),
	OLD("1022:2000", "AMD PCnet"),
	OLD("1011:00[01]9", "DEC Tulip"),
};

const unsigned int device_count = COUNT(device_table);

static const struct device_row *row_of(const char *bus, const char *id)
{
	for (unsigned int i = 0; i < device_count; i++)
		if (!strcmp(device_table[i].bus, bus) && !fnmatch(device_table[i].id, id, 0))
			return &device_table[i];
	return NULL;
}

static const char *base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The driver's name of a device in /sys/bus, or NULL */
static const char *driver_of(const struct status *r, const char *bus, const char *device)
{
	char path[SNAP_PATH];
	const char *link;

	snprintf(path, sizeof(path), "/sys/bus/%s/devices/%s/driver", bus, device);
	link = snap_link(r->snap, path);
	return link ? base(link) : NULL;
}

static void id_part(const struct status *r, const char *bus, const char *device, const char *file,
		    char *text, size_t size)
{
	char path[SNAP_PATH], *x;

	snprintf(path, sizeof(path), "/sys/bus/%s/devices/%s/%s", bus, device, file);
	look_line(r->snap, path, text, size);
	if (!strncmp(text, "0x", 2))
		memmove(text, text + 2, strlen(text + 2) + 1);
	x = text + (*text == '{');
	memmove(text, x, strlen(x) + 1);
	text[strcspn(text, "}")] = 0;
}

/* Where a bus has its ids */
static const struct {
	const char *bus, *file, *file2;
} id_file[] = {
	{ "pci", "vendor", "device" },
	{ "virtio", "device", NULL },
	{ "xen", "devtype", NULL },
	{ "vmbus", "class_id", NULL },
	{ "pvk", "type", NULL },
	{ "acpi", "hid", NULL },
};

static void id_of(const struct status *r, const char *bus, const char *device, char *id,
		  size_t size)
{
	char a[64], b[16];

	id[0] = 0;
	for (size_t i = 0; i < COUNT(id_file); i++) {
		if (strcmp(id_file[i].bus, bus))
			continue;
		id_part(r, bus, device, id_file[i].file, a, sizeof(a));
		if (!id_file[i].file2) {
			snprintf(id, size, "%s", a);
			return;
		}
		id_part(r, bus, device, id_file[i].file2, b, sizeof(b));
		snprintf(id, size, "%.16s:%s", a, b);
	}
}

/* "/sys/bus/BUS/devices/DEVICE" of an entry below that; false: none */
static bool device_of(const char *path, char *bus, char *device)
{
	return sscanf(path, "/sys/bus/%31[^/]/devices/%127[^/]", bus, device) == 2;
}

/* A pvkit device whose driver is there may still go by its emulated model. */
static bool on_emulated_model(const struct status *r, const char *device)
{
	char path[SNAP_PATH], model[32];

	snprintf(path, sizeof(path), "/sys/bus/pvk/devices/%s/model", device);
	look_line(r->snap, path, model, sizeof(model));
	return !strcmp(model, "emulated");
}

static void judge_pv(struct status *r, const struct device_row *row, const char *bus,
		     const char *device)
{
	const char *driver = driver_of(r, bus, device);
	char name[64], where[SNAP_PATH];
	struct verdict *v;

	/* drivers of ACPI's devices are those of platform devices beside them */
	if (!strcmp(bus, "acpi") && look_module(r->snap, row->module, row->config, where,
						sizeof(where)) == LOOK_LOADED)
		return;
	snprintf(name, sizeof(name), "%.16s:%.40s", bus, device);
	v = verdict_add(r, name, row->title);
	verdict_evidence(v, "/sys/bus/%s/devices/%s: %s", bus, device,
			 driver ? driver : "no driver");
	if (!driver)
		verdict_module(r, v, row->module, row->config);
	else if (!strcmp(bus, "pvk") && on_emulated_model(r, device))
		verdict_set(v, UNUSED, "it goes by its emulated model, which was in use when the "
			    "driver came", "load the driver before the file system is mounted: "
			    "docs/status.md, initramfs");
	else
		verdict_set(v, IN_USE, driver, NULL);
}

/* ---- disks and network cards on slow devices ---- */

static const char *give_it_as(const struct status *r, bool disk)
{
	static const struct {
		__u8 hv;
		const char *disk, *card;
	} ways[] = {
		{ PVK_HV_VMWARE, "give it by PVSCSI", "give it as VMXNET3" },
		{ PVK_HV_HYPERV, "give it by the SCSI controller",
		  "give a network adapter, not a legacy one" },
		{ PVK_HV_XEN, "load xen_blkfront before the disk's driver",
		  "load xen_netfront before the card's driver" },
	};

	for (size_t i = 0; i < COUNT(ways); i++)
		if (r->stack.layer[0].hv == ways[i].hv)
			return disk ? ways[i].disk : ways[i].card;
	if (r->stack.platform == PVK_PLATFORM_PVKIT || report_interface(r, PVK_IF_PVKIT))
		return disk ? "have the host give it models=both, and load pvk_blk" :
		       "have the host give it models=both, and load pvk_net";
	return disk ? "have the host give it by virtio (QEMU: if=virtio, libvirt: bus='virtio')" :
	       "have the host give it by virtio (QEMU: virtio-net-pci, libvirt: model virtio)";
}

/* Does any paravirtual device of this kind ("disk", "SCSI", "network card") lack its driver? */
static const struct verdict *undriven(const struct status *r, bool disk)
{
	for (unsigned int i = 0; i < r->count; i++) {
		const struct verdict *v = &r->verdict[i];
		bool about = disk ? strstr(v->title, "disk") || strstr(v->title, "SCSI") :
			     strstr(v->title, "network") != NULL;

		if (v->state == UNUSED && strchr(v->name, ':') &&
		    (about || strstr(v->title, "virtio by")))
			return v;
	}
	return NULL;
}

/* Why pvkit's form of a disk or card is not used; NULL when it is not offered */
static const struct verdict *pvkit_refused(const struct status *r)
{
	const struct verdict *bus = NULL;

	if (!report_interface(r, PVK_IF_PVKIT))
		return NULL;
	for (unsigned int i = 0; i < r->count; i++)
		if (!strcmp(r->verdict[i].name, "pvkit.bus"))
			bus = &r->verdict[i];
	return bus && bus->state == UNUSED ? bus : NULL;
}

/* Is this PCI device the emulated counterpart of a pvkit device? */
static bool has_counterpart(const struct status *r, const char *pci)
{
	const struct snap_entry *e = NULL;

	while ((e = snap_next(r->snap, "/sys/bus/pvk/devices/*/counterpart", e)) != NULL)
		if (strstr(e->text, pci))
			return true;
	return false;
}

/* link: where /sys/block/X or /sys/class/net/X leads, below /sys/devices */
static void judge_slow(struct status *r, const char *what, const char *link)
{
	bool disk = !strncmp(what, "disk:", 5);
	const char *at = strstr(link, "devices/");
	const struct device_row *row = NULL;
	const struct verdict *pvkit = pvkit_refused(r), *lacks = undriven(r, disk);
	char part[64], pci[64] = "", id[64], why[256], advice[64];
	const char *driver;
	struct verdict *v;

	/* the last PCI device on the way is the controller; one of virtio is none */
	for (at = at ? at + 8 : ""; *at; at += strcspn(at, "/"), at += *at == '/') {
		snprintf(part, sizeof(part), "%.*s", (int)strcspn(at, "/"), at);
		id_of(r, "pci", part, id, sizeof(id));
		if (strlen(id) > 1 && row_of("pci", id)) {
			row = row_of("pci", id);
			snprintf(pci, sizeof(pci), "%s", part);
		}
	}
	if (!row || row->form != SLOW)
		return;
	v = verdict_add(r, what, row->title);
	driver = driver_of(r, "pci", pci);
	verdict_evidence(v, "%s", link);
	verdict_evidence(v, "/sys/bus/pci/devices/%s: %s", pci, driver ? driver : "no driver");
	if (has_counterpart(r, pci)) {
		verdict_set(v, MOOT, "the emulated model of a pvkit device: see that", NULL);
	} else if (pvkit) {
		snprintf(why, sizeof(why), "it goes by its emulated model: %.200s", pvkit->why);
		verdict_set(v, UNUSED, why, pvkit->advice);
	} else if (lacks) {
		snprintf(why, sizeof(why), "it goes by %s; %.40s beside it has no driver",
			 row->title, lacks->name);
		snprintf(advice, sizeof(advice), "see %.40s", lacks->name);
		verdict_set(v, EMULATED, why, advice);
	} else {
		snprintf(why, sizeof(why), "the host gives it by %s only", row->title);
		verdict_set(v, r->taken == PVK_IF_XEN ? UNUSED : EMULATED, why,
			    give_it_as(r, disk));
	}
}

void judge_devices(struct status *r)
{
	const struct snap_entry *e = NULL;
	char bus[32], device[128], id[64], path[SNAP_PATH], name[64];

	for (size_t i = 0; i < COUNT(id_file); i++) {
		snprintf(path, sizeof(path), "/sys/bus/%s/devices/*/%s", id_file[i].bus,
			 id_file[i].file);
		for (e = NULL; (e = snap_next(r->snap, path, e)) != NULL;) {
			const struct device_row *row;

			if (!device_of(e->path, bus, device))
				continue;
			id_of(r, bus, device, id, sizeof(id));
			row = *id ? row_of(bus, id) : NULL;
			if (row && row->form != SLOW)
				judge_pv(r, row, bus, device);
		}
	}
	for (e = NULL; (e = snap_next(r->snap, "/sys/block/*", e)) != NULL;) {
		if (e->kind != SNAP_LINK || !strncmp(base(e->path), "sr", 2))
			continue;
		snprintf(name, sizeof(name), "disk:%.40s", base(e->path));
		judge_slow(r, name, e->text);
	}
	for (e = NULL; (e = snap_next(r->snap, "/sys/class/net/*", e)) != NULL;) {
		if (e->kind != SNAP_LINK)
			continue;
		snprintf(name, sizeof(name), "net:%.40s", base(e->path));
		judge_slow(r, name, e->text);
	}
}
