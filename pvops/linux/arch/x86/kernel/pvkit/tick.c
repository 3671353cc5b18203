// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tick while the kernel boots.
 *
 * In TSC-deadline mode each tick of a busy CPU is a write to arm the next one,
 * and an exit. In periodic mode the period is written once, for all; a host
 * that tells the timer's frequency (the clock section) makes that possible
 * without calibration. The mode is the clock event core's choice: it is periodic until
 * there is a clock source fit for one-shot mode. The boot CPU is kept there
 * until the first program runs. Then all is as elsewhere: deadlines, high
 * resolution, no tick when idle.
 */
#include <linux/cache.h>
#include <linux/clockchips.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/smp.h>
#include <linux/tick.h>

#include <asm/apic.h>

#include "pvkit.h"

static struct clock_event_device *boot_tick __ro_after_init;

/* What this CPU's timer can do in addition to deadlines, before it is registered. */
void pvkit_boot_tick(struct clock_event_device *dev)
{
	if (system_state >= SYSTEM_RUNNING || !lapic_timer_period || !pvkit_info(PVK_INFO_CLOCK))
		return;
	dev->features |= CLOCK_EVT_FEAT_PERIODIC;
	if (!smp_processor_id())
		boot_tick = dev;
}

static int __init hold_tick(void)
{
	if (boot_tick)
		boot_tick->features &= ~CLOCK_EVT_FEAT_ONESHOT;
	return 0;
}
early_initcall(hold_tick);

/* The boot is over. Behind boot.c's work. */
void pvkit_tick_running(void)
{
	if (!boot_tick)
		return;
	boot_tick->features |= CLOCK_EVT_FEAT_ONESHOT;
	tick_clock_notify();
}
