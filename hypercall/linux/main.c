// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvk_core: finds the host, opens the session, and brings the bus up.
 *
 * The module declines to load, saying why in one line, where there is no
 * pvkit host. Where there is one, it binds to the platform device of ACPI id
 * PVK_ACPI_HID (by which udev loads it), or to one that it makes itself when
 * the guest runs without ACPI.
 *
 * The session is closed by LEAVE on every orderly way out: unbind, unload,
 * reboot, power-off, kexec, suspend and hibernation. A kernel that was started
 * after a crash opens a new session, which ends the old one (abi/call.h).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/acpi.h>
#include <linux/cc_platform.h>
#include <linux/ioport.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pm.h>
#include <linux/processor.h>
#include <linux/slab.h>

#include "../detect/stack.h"
#include "core.h"

struct pvk_host pvk_host;

static unsigned long long features = ~0ull;
module_param(features, ullong, 0444);
MODULE_PARM_DESC(features, "mask of features to accept: 1 event, 2 bus, 4 batch, 8 unplug (default: all)");

bool pvk_managed_irqs = true;
module_param_named(managed_irqs, pvk_managed_irqs, bool, 0444);
MODULE_PARM_DESC(managed_irqs, "interrupts of disks' queues go with their CPUs; 0: the user may move them, as those of NICs (default: 1)");

static struct platform_device *own_device;

static void pvk_guest_cpuid(void *context, __u32 leaf, struct pvk_cpuid_regs *r)
{
	cpuid_count(leaf, 0, &r->eax, &r->ebx, &r->ecx, &r->edx);
}

/* Says who is there instead; seen is the signature at 0x40000000. */
static void pvk_say_other(const char *seen)
{
	const struct pvk_machine machine = { .cpuid = pvk_guest_cpuid };
	struct pvk_stack *stack = kzalloc(sizeof(*stack), GFP_KERNEL);
	const char *name = pvk_hv_name[PVK_HV_UNKNOWN].name;

	if (stack) {
		pvk_stack_detect(&machine, stack);
		name = pvk_hv_name[stack->layer[0].hv].name;
	}
	pr_info("no host: the hypervisor is %s ('%s'), without pvkit's leaves\n", name, seen);
	kfree(stack);
}

/* 0 or -ENODEV, with one line that says why. */
static int pvk_find_host(void)
{
	struct pvk_offer *o = &pvk_host.offer;
	enum pvk_detect_result found = pvk_detect(pvk_guest_cpuid, NULL, o);

	switch (found) {
	case PVK_DETECT_OK:
		if (!cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT))
			return 0;
		pr_info("not used: the memory of this guest is encrypted, its host cannot read it\n");
		break;
	case PVK_DETECT_BARE:
		pr_info("no host: not in a virtual machine (no hypervisor bit in CPUID)\n");
		break;
	case PVK_DETECT_OTHER:
		pvk_say_other(o->seen);
		break;
	case PVK_DETECT_SHORT:
		pr_info("no host: CPUID 0x%x has the signature but too few leaves\n", o->base);
		break;
	case PVK_DETECT_VERSION:
		pr_info("not used: the host's ABI is %u.%u (accepts from %u.%u), this module's %u.%u\n",
			PVK_VERSION_MAJOR(o->version), PVK_VERSION_MINOR(o->version),
			PVK_VERSION_MAJOR(o->oldest), PVK_VERSION_MINOR(o->oldest),
			PVK_VERSION_MAJOR(PVK_ABI_VERSION), PVK_VERSION_MINOR(PVK_ABI_VERSION));
		break;
	case PVK_DETECT_TRANSFER:
		pr_info("not used: no transfer that this module knows (mask 0x%x, ports 0x%x 0x%x)\n",
			o->transfer, o->call_port, o->doorbell_port);
		break;
	case PVK_DETECT_LIMITS:
		pr_info("not used: the host takes structures of %u bytes, %u are needed\n",
			o->struct_size, PVK_STRUCT_LEAST);
		break;
	}
	o->transfer = 0;	/* nothing is executed that was not offered */
	return -ENODEV;
}

/* NEGOTIATE; pairs with pvk_session_close(). 0 or -errno, with a message. */
static int pvk_session_open(struct device *dev)
{
	struct pvk_negotiate n = {
		.size = sizeof(n),
		.version = PVK_ABI_VERSION,
		.accept = pvk_choose_features(pvk_host.offer.features, features),
	};
	u64 accept = n.accept;
	int ret;

	ret = pvk_call_struct(PVK_CALL_NEGOTIATE, &n, sizeof(n), PVK_WAIT_MS);
	if (ret == -EPROTONOSUPPORT) {
		dev_err(dev, "the host refuses ABI %u.%u, its own is %u.%u; install a module that fits\n",
			PVK_VERSION_MAJOR(PVK_ABI_VERSION), PVK_VERSION_MINOR(PVK_ABI_VERSION),
			PVK_VERSION_MAJOR(n.version), PVK_VERSION_MINOR(n.version));
		return ret;
	}
	if (ret >= 0)
		ret = pvk_check_negotiate(&n, accept);
	if (ret < 0) {
		dev_err(dev, "negotiation of features 0x%llx failed: error %d\n", accept, -ret);
		return ret;
	}
	pvk_host.version = n.version;
	pvk_host.accepted = accept;
	WRITE_ONCE(pvk_host.active, n.active);
	WRITE_ONCE(pvk_host.open, true);
	return 0;
}

/* LEAVE; without a session nothing happens. May wait for requests in flight. */
static void pvk_session_close(struct device *dev)
{
	int ret;

	if (!pvk_host.open)
		return;
	ret = pvk_call_wait(PVK_CALL_LEAVE, 0, PVK_WAIT_MS);
	if (ret < 0)
		dev_warn(dev, "the host does not end the session: error %d\n", -ret);
	WRITE_ONCE(pvk_host.open, false);
	WRITE_ONCE(pvk_host.active, 0);
	pvk_host.accepted = 0;
}

/*
 * Reserves the two ports, inside the resource that ACPI described if it did.
 * The ports that are used are those of CPUID.
 */
static int pvk_reserve_ports(struct device *dev)
{
	u32 port[2] = { pvk_host.offer.call_port, pvk_host.offer.doorbell_port };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(port); i++) {
		if (!devm_request_region(dev, port[i], 4, "pvkit")) {
			dev_err(dev, "I/O ports 0x%x to 0x%x are in use by another driver, see /proc/ioports\n",
				port[i], port[i] + 3);
			return -EBUSY;
		}
	}
	return 0;
}

static int pvk_core_probe(struct platform_device *platform)
{
	struct device *dev = &platform->dev;
	int ret;

	if (pvk_host.dev)
		return -EBUSY;	/* a second description of the one host */
	ret = pvk_reserve_ports(dev);
	if (ret)
		return ret;
	ret = pvk_session_open(dev);
	if (ret)
		return ret;
	pvk_host.dev = dev;
	if (pvk_has(PVK_FEAT_EVENT)) {
		ret = pvk_event_init(pvk_host.offer.channels);
		if (ret) {
			dev_err(dev, "no event channels: error %d\n", -ret);
			goto close;
		}
	}
	dev_info(dev, "host found at CPUID 0x%x, ABI %u.%u, features 0x%llx of 0x%llx\n",
		 pvk_host.offer.base, PVK_VERSION_MAJOR(pvk_host.version),
		 PVK_VERSION_MINOR(pvk_host.version), pvk_host.active,
		 pvk_host.offer.features);
	if (pvk_has(PVK_FEAT_BUS)) {
		ret = pvk_bus_start();
		if (ret)
			goto event;
	}
	return 0;

event:
	pvk_event_exit();
close:
	pvk_session_close(dev);
	pvk_host.dev = NULL;
	return ret;
}

static PVK_PLATFORM_REMOVE_TYPE pvk_core_remove(struct platform_device *platform)
{
	pvk_bus_stop();
	pvk_event_exit();
	pvk_session_close(&platform->dev);
	pvk_host.dev = NULL;
	return PVK_PLATFORM_REMOVED;
}

/* The devices of the bus were shut down before. */
static void pvk_core_shutdown(struct platform_device *platform)
{
	pvk_bus_quiesce();
	pvk_session_close(&platform->dev);
}

static int pvk_core_suspend(struct device *dev)
{
	pvk_bus_quiesce();
	pvk_session_close(dev);
	return 0;
}

static int pvk_core_resume(struct device *dev)
{
	int ret = pvk_session_open(dev);

	if (ret)
		return ret;
	if (pvk_has(PVK_FEAT_EVENT))
		pvk_event_rebind();
	return pvk_bus_resume();
}

static const struct dev_pm_ops core_pm = {
	.suspend	= pvk_core_suspend,
	.resume		= pvk_core_resume,
	.freeze		= pvk_core_suspend,
	.thaw		= pvk_core_resume,
	.poweroff	= pvk_core_suspend,
	.restore	= pvk_core_resume,
};

static const struct acpi_device_id core_ids[] = {
	{ PVK_ACPI_HID, 0 },
	{ }
};
MODULE_DEVICE_TABLE(acpi, core_ids);

static struct platform_driver core_driver = {
	.probe		= pvk_core_probe,
	.remove		= pvk_core_remove,
	.shutdown	= pvk_core_shutdown,
	.driver = {
		.name			= "pvkit",
		.acpi_match_table	= core_ids,
		.dev_groups		= pvk_host_groups,
		.pm			= &core_pm,
		.probe_type		= PROBE_FORCE_SYNCHRONOUS,
	},
};

static int __init pvk_core_init(void)
{
	int ret = pvk_find_host();

	if (ret)
		return ret;
	ret = bus_register(&pvk_bus);
	if (ret)
		return ret;
	ret = platform_driver_register(&core_driver);
	if (ret)
		goto bus;
	if (acpi_disabled || !acpi_dev_present(PVK_ACPI_HID, NULL, -1)) {
		own_device = platform_device_register_simple("pvkit", PLATFORM_DEVID_NONE, NULL, 0);
		if (IS_ERR(own_device)) {
			ret = PTR_ERR(own_device);
			goto driver;
		}
	}
	if (!pvk_host.dev) {
		pr_err("the host was found, but no session could be opened\n");
		ret = -ENODEV;
		goto device;
	}
	return 0;

device:
	platform_device_unregister(own_device);
driver:
	platform_driver_unregister(&core_driver);
bus:
	bus_unregister(&pvk_bus);
	return ret;
}

static void __exit pvk_core_exit(void)
{
	platform_device_unregister(own_device);
	platform_driver_unregister(&core_driver);
	bus_unregister(&pvk_bus);
}

module_init(pvk_core_init);
module_exit(pvk_core_exit);

MODULE_DESCRIPTION("pvkit guest core: detection, negotiation, calls, events, device bus");
MODULE_AUTHOR("The pvkit authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(PVK_RELEASE);
