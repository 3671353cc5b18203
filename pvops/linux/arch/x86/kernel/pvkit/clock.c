// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clocks from the information page: the TSC's and the local APIC timer's
 * frequency instead of calibration, the time of day instead of the RTC, and
 * the time of day again after the host was paused or its clock set.
 *
 * KVM's clock, where the host shows it, stays the clock of the scheduler and a
 * clock source; what is set here wins over what kvmclock_init() has set, as
 * reading memory costs no exit.
 */
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/sched/clock.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include <asm/apic.h>
#include <asm/cpufeature.h>
#include <asm/tsc.h>
#include <asm/x86_init.h>

#include <asm/pvkit/abi/event.h>

#include "pvkit.h"
#include "table.h"

#define READ_TRIES	1000u	/* a rewrite by the host takes well below a microsecond */
#define STEP_NS		(50 * NSEC_PER_MSEC)	/* less is left to NTP and its like */

/* The section in the page, where the host rewrites it; the copy until it is mapped. */
static const struct pvk_info_clock *live __ro_after_init;
static u32 tsc_khz_told __ro_after_init;

/*
 * The time of day by the host. A host that never stops writing gives what was
 * read last: its time is its own affair.
 */
static void get_wallclock(struct timespec64 *ts)
{
	u32 generation, nsec;
	unsigned int tries = 0;
	u64 tsc, sec, delta, now;

	do {
		generation = READ_ONCE(live->generation);
		virt_rmb();	/* the values after the generation */
		tsc = READ_ONCE(live->tsc);
		sec = READ_ONCE(live->sec);
		nsec = READ_ONCE(live->nsec);
		virt_rmb();	/* and once more behind them */
	} while ((generation & 1 || generation != READ_ONCE(live->generation)) &&
		 ++tries < READ_TRIES);

	now = rdtsc_ordered();
	delta = now > tsc ? pvkit_ticks_to_ns(now - tsc, tsc_khz_told) : 0;
	delta += nsec % NSEC_PER_SEC;
	ts->tv_sec = (sec & (BIT_ULL(40) - 1)) + div64_u64_rem(delta, NSEC_PER_SEC, &now);
	ts->tv_nsec = now;
}

static int set_wallclock(const struct timespec64 *ts)
{
	return -ENODEV;
}

static unsigned long get_khz(void)
{
	return tsc_khz_told;
}

/* After KVM's init_platform(), before tsc_early_init(). */
void __init pvkit_clock_init(void)
{
	const struct pvk_info_clock *c = pvkit_info(PVK_INFO_CLOCK);

	if (!c || !pvkit_khz_ok(c->tsc_khz))
		return;
	live = c;
	tsc_khz_told = c->tsc_khz;
	setup_force_cpu_cap(X86_FEATURE_TSC_KNOWN_FREQ);
	x86_platform.calibrate_tsc = get_khz;
	x86_platform.calibrate_cpu = get_khz;
	x86_platform.get_wallclock = get_wallclock;
	x86_platform.set_wallclock = set_wallclock;

	/* No watchdog, and no comparison of the CPUs' counters, for one that cannot drift */
	if (c->flags & PVK_CLOCK_TSC_STABLE) {
		setup_force_cpu_cap(X86_FEATURE_CONSTANT_TSC);
		setup_force_cpu_cap(X86_FEATURE_NONSTOP_TSC);
		setup_force_cpu_cap(X86_FEATURE_TSC_RELIABLE);
	}
	if (pvkit_khz_ok(c->apic_khz))
		lapic_timer_period = div_u64((u64)c->apic_khz * 1000, HZ);
}

/* The host was away, or its clock was set: be right at once, if it matters. */
static void clock_work(struct work_struct *work)
{
	struct timespec64 host;
	s64 off;

	get_wallclock(&host);
	off = timespec64_to_ns(&host) - ktime_get_real_ns();
	if (off > -STEP_NS && off < STEP_NS)
		return;
	if (do_settimeofday64(&host))
		pr_warn("pvkit: the host's time of day is not valid\n");
	else
		pr_info("pvkit: time of day moved by %lld ms, to the host's\n",
			div_s64(off, NSEC_PER_MSEC));
}

static DECLARE_WORK(work, clock_work);

static irqreturn_t clock_irq(int irq, void *data)
{
	schedule_work(&work);
	return IRQ_HANDLED;
}

static int __init clock_late_init(void)
{
	u64 gpa = pvkit_info_gpa(PVK_INFO_CLOCK);
	void *map;
	int irq;

	if (!live)
		return 0;
	map = memremap(gpa, sizeof(*live), MEMREMAP_WB);
	if (!map)
		return -ENOMEM;
	live = map;
	irq = pvkit_channel_irq(PVK_CHANNEL_CLOCK);
	if (irq < 0)
		return 0;
	return request_irq(irq, clock_irq, 0, "pvkit-clock", NULL);
}
late_initcall(clock_late_init);
