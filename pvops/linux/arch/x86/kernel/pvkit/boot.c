// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done differently only while the kernel boots, and how that ends: soon after
 * the first program runs, in a work. Initcalls are too early for it, as what
 * comes behind them, such as mark_readonly(), is as much part of the boot.
 */
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/workqueue.h>

#include "pvkit.h"

#define LOOK_AGAIN	(HZ / 10)

static void look(struct work_struct *work);
static DECLARE_DELAYED_WORK(work, look);

static void look(struct work_struct *unused)
{
	if (system_state < SYSTEM_RUNNING) {
		schedule_delayed_work(&work, LOOK_AGAIN);
		return;
	}
	pvkit_tlb_running();
	pvkit_tick_running();
}

static int __init start_to_look(void)
{
	if (pvkit_features())
		schedule_delayed_work(&work, LOOK_AGAIN);
	return 0;
}
late_initcall_sync(start_to_look);
