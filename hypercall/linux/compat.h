/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernels that the modules build for, 6.1 to 6.12 and
 * later, all in this place. A difference is named by what changed and in which
 * version; the sources use the newest form where a macro allows it.
 */
#ifndef PVK_LINUX_COMPAT_H
#define PVK_LINUX_COMPAT_H

#include <linux/device.h>
#include <linux/irq.h>
#include <linux/platform_device.h>
#include <linux/version.h>

#define PVK_KERNEL_FROM(major, minor) (KERNEL_VERSION(major, minor, 0) <= LINUX_VERSION_CODE)

#if !PVK_KERNEL_FROM(6, 1)
#error "pvkit needs Linux 6.1 or later"
#endif

/* 6.11: bus_type.match takes a const driver */
#if PVK_KERNEL_FROM(6, 11)
#define PVK_CONST_DRIVER	const
#else
#define PVK_CONST_DRIVER
#endif

/* 6.3: bus_type.uevent takes a const device */
#if PVK_KERNEL_FROM(6, 3)
#define PVK_CONST_UEVENT	const
#else
#define PVK_CONST_UEVENT
#endif

/* 6.4: attributes of a bus are shown with a const bus_type */
#if PVK_KERNEL_FROM(6, 4)
#define PVK_CONST_BUS		const
#else
#define PVK_CONST_BUS
#endif

/* 6.11: platform_driver.remove returns nothing; 6.3 had .remove_new for that */
#if PVK_KERNEL_FROM(6, 11)
#define PVK_PLATFORM_REMOVE_TYPE	void
#define PVK_PLATFORM_REMOVED
#else
#define PVK_PLATFORM_REMOVE_TYPE	int
#define PVK_PLATFORM_REMOVED		0
#endif

/*
 * An interrupt that may move to another CPU at once, not only from its own
 * handler: rebinding is one atomic call. 6.14 made this the default of chips.
 */
static inline void pvk_irq_moves_at_once(unsigned int virq)
{
#if !PVK_KERNEL_FROM(6, 14)
	irq_set_status_flags(virq, IRQ_MOVE_PCNTXT);
#endif
}

#endif /* PVK_LINUX_COMPAT_H */
