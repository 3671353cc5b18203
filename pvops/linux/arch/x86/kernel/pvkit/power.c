// SPDX-License-Identifier: GPL-2.0-only
/*
 * Power-off, reboot and panic by a call, with the reason told; the host's
 * request for a shutdown; and the end of the platform's session before another
 * kernel starts.
 */
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/kernel.h>
#include <linux/kexec.h>
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/pm.h>
#include <linux/reboot.h>
#include <linux/string.h>
#include <linux/version.h>
#include <linux/workqueue.h>

#include <asm/page.h>
#include <asm/reboot.h>

#include <asm/pvkit/abi/call.h>
#include <asm/pvkit/abi/event.h>
#include <asm/pvkit/abi/power.h>

#include "pvkit.h"

#define LEAVE_TRIES	1000000u

/* machine_ops.crash_shutdown: since 6.9 a kernel may have kexec without it. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#define HAS_CRASH	IS_ENABLED(CONFIG_CRASH_DUMP)
#else
#define HAS_CRASH	IS_ENABLED(CONFIG_KEXEC_CORE)
#endif

static struct pvk_power power __aligned(8);
static struct machine_ops before __ro_after_init;

/*
 * Tells the host what is about to happen. Without a lock: panic() lets one CPU in,
 * and the others are stopped for all else; one that was stopped in here must not
 * keep the last one from saying what it has to say.
 */
static void tell(u32 op, u32 flags, const char *text)
{
	memset(&power, 0, sizeof(power));
	power.size = sizeof(power);
	power.op = op;
	power.flags = flags;
	power.length = text ? strnlen(text, PVK_POWER_TEXT) : 0;
	memcpy(power.text, text ?: "", power.length);
	pvkit_call(PVK_CALL_POWER, __pa_symbol(&power), sizeof(power), 0, 0);
}

static int power_off(struct sys_off_data *data)
{
	tell(PVK_POWER_OFF, 0, NULL);
	return NOTIFY_DONE;
}

static void restart_by_call(void)
{
	tell(PVK_POWER_REBOOT, 0, NULL);
	before.emergency_restart();	/* the host did not do it */
}

/* After the kernel's own words: nothing that it wants to say is behind this. */
static int on_panic(struct notifier_block *nb, unsigned long code, void *text)
{
	tell(PVK_POWER_PANIC, panic_timeout ? PVK_POWER_GOES_ON : 0, text);
	return NOTIFY_DONE;
}

static struct notifier_block panic_block = {
	.notifier_call = on_panic,
	.priority = INT_MIN,
};

#ifdef CONFIG_KEXEC_CORE
/* The host must not write to memory that will be another kernel's. */
static void leave(void)
{
	unsigned int i;

	for (i = 0; i < LEAVE_TRIES; i++) {
		if (pvkit_call(PVK_CALL_PLATFORM_LEAVE, 0, 0, 0, 0) != -PVK_EAGAIN)
			break;
		cpu_relax();
	}
}

static void shutdown(void)
{
	before.shutdown();
	if (kexec_in_progress)
		leave();
}
#endif

#if HAS_CRASH
static void crash_shutdown(struct pt_regs *regs)
{
	before.crash_shutdown(regs);
	if (pvkit_features() & PVK_FEAT_POWER)
		tell(PVK_POWER_PANIC, PVK_POWER_GOES_ON, "crash kernel starts");
	leave();
}
#endif

/* As part of guest_late_init(), after KVM's, which has its own crash_shutdown(). */
void __init pvkit_power_init(void)
{
	if (!pvkit_features())
		return;
	before = machine_ops;
#ifdef CONFIG_KEXEC_CORE
	machine_ops.shutdown = shutdown;
#endif
#if HAS_CRASH
	machine_ops.crash_shutdown = crash_shutdown;
#endif
	if (!(pvkit_features() & PVK_FEAT_POWER))
		return;
	machine_ops.emergency_restart = restart_by_call;
	atomic_notifier_chain_register(&panic_notifier_list, &panic_block);
}

/* What the host asks for is done as if a user had asked. */
static void request_work(struct work_struct *work)
{
	switch (pvkit_call(PVK_CALL_POWER_REQUEST, 0, 0, 0, 0)) {
	case PVK_POWER_OFF:
		orderly_poweroff(true);
		break;
	case PVK_POWER_REBOOT:
		orderly_reboot();
		break;
	}
}

static DECLARE_WORK(work, request_work);

static irqreturn_t request_irq_handler(int irq, void *data)
{
	schedule_work(&work);
	return IRQ_HANDLED;
}

static int __init power_late_init(void)
{
	int irq, ret;

	if (!(pvkit_features() & PVK_FEAT_POWER))
		return 0;
	ret = PTR_ERR_OR_ZERO(register_sys_off_handler(SYS_OFF_MODE_POWER_OFF,
						       SYS_OFF_PRIO_FIRMWARE, power_off, NULL));
	if (ret)
		return ret;
	irq = pvkit_channel_irq(PVK_CHANNEL_POWER);
	if (irq < 0)
		return irq;
	return request_irq(irq, request_irq_handler, 0, "pvkit-power", NULL);
}
device_initcall(power_late_init);
