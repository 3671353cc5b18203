/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MC146818A real-time clock and 128 bytes of CMOS (Motorola MC146818A data sheet)
 * behind ports 0x70 and 0x71. Time is the host's UTC plus what the guest
 * changed. Nothing ticks: registers are computed when read, and the thread that
 * raises IRQ 8 sleeps until the next interrupt the guest enabled, or for ever.
 *
 * The century is at 0x32, as on a PC; the FADT names it. An alarm is also ACPI's fixed event, by
 * which a kernel wakes that has suspended to idle.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../io.h"
#include "../irq.h"
#include "../thread.h"
#include "../trace.h"
#include "emu.h"
#include "../util.h"

enum { SEC, SEC_ALARM, MIN, MIN_ALARM, HOUR, HOUR_ALARM, WDAY, MDAY, MONTH, YEAR,
       REG_A, REG_B, REG_C, REG_D, CENTURY = HS_CMOS_CENTURY, CMOS_SIZE = 128 };

#define A_UIP		0x80u
#define A_POWER_ON	0x26u	/* 32.768 kHz, periodic rate 1024 Hz */
#define B_SET		0x80u
#define B_PIE		0x40u
#define B_AIE		0x20u
#define B_UIE		0x10u
#define B_BINARY	0x04u
#define B_24H		0x02u
#define C_IRQF		0x80u
#define D_VALID		0x80u

#define SECOND		1000000000ull
/* UIP rises 244 us before the update, which takes 1984 us (data sheet, "Update cycle") */
#define UIP_NS		(244000ull + 1984000ull)

struct rtc {
	struct hs_chip chip;
	struct hs_vm *vm;
	struct hs_region region;
	uint8_t index;
	uint8_t cmos[CMOS_SIZE];	/* time registers valid while B_SET */
	int64_t offset;			/* guest's time - host's time, s */
	uint64_t updated;		/* number of the second last reported by UF/AF */
	uint64_t period_mark;		/* time of the last PF, ns */
	pthread_t thread;
	pthread_cond_t changed;		/* with vm->lock */
	bool ending;
};

static const struct hs_reg rtc_regs[] = {
	{ 0, 1, HS_REG_RW, "INDEX" },
	{ 1, 1, HS_REG_RW, "DATA" },
};

static uint64_t wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

static uint8_t code(const struct rtc *r, int value)
{
	if (r->cmos[REG_B] & B_BINARY)
		return (uint8_t)value;
	return (uint8_t)(value / 10 << 4 | value % 10);
}

static int rtc_decode(const struct rtc *r, uint8_t value)
{
	if (r->cmos[REG_B] & B_BINARY)
		return value;
	return (value >> 4) * 10 + (value & 0x0f);
}

static uint8_t code_hour(const struct rtc *r, int hour)
{
	if (r->cmos[REG_B] & B_24H)
		return code(r, hour);
	return (uint8_t)(code(r, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0));
}

static int decode_hour(const struct rtc *r, uint8_t value)
{
	if (r->cmos[REG_B] & B_24H)
		return rtc_decode(r, value);
	return rtc_decode(r, value & 0x7f) % 12 + (value & 0x80 ? 12 : 0);
}

/* Puts the present time into the registers. */
static void load_time(struct rtc *r)
{
	time_t now = (time_t)((int64_t)(wall_ns() / SECOND) + r->offset);
	struct tm tm;

	if (!gmtime_r(&now, &tm))
		return;
	r->cmos[SEC] = code(r, tm.tm_sec);
	r->cmos[MIN] = code(r, tm.tm_min);
	r->cmos[HOUR] = code_hour(r, tm.tm_hour);
	r->cmos[WDAY] = code(r, tm.tm_wday + 1);
	r->cmos[MDAY] = code(r, tm.tm_mday);
	r->cmos[MONTH] = code(r, tm.tm_mon + 1);
	r->cmos[YEAR] = code(r, (tm.tm_year + 1900) % 100);
	r->cmos[CENTURY] = code(r, (tm.tm_year + 1900) / 100);
}

/* Takes the registers as the present time; nonsense is normalised by timegm(). */
static void store_time(struct rtc *r)
{
	struct tm tm = {
		.tm_sec = rtc_decode(r, r->cmos[SEC]),
		.tm_min = rtc_decode(r, r->cmos[MIN]),
		.tm_hour = decode_hour(r, r->cmos[HOUR]),
		.tm_mday = rtc_decode(r, r->cmos[MDAY]),
		.tm_mon = rtc_decode(r, r->cmos[MONTH]) - 1,
		.tm_year =
			rtc_decode(r, r->cmos[CENTURY]) * 100 + rtc_decode(r, r->cmos[YEAR]) - 1900,
	};

	r->offset = (int64_t)timegm(&tm) - (int64_t)(wall_ns() / SECOND);
}

static bool is_time(uint8_t index)
{
	return index == SEC || index == MIN || index == HOUR ||
	       (index >= WDAY && index <= YEAR) || index == CENTURY;
}

/* Length of the periodic interrupt in ns, 0 for none (data sheet, table 5). */
static uint64_t period_ns(const struct rtc *r)
{
	unsigned int rate = r->cmos[REG_A] & 0x0fu;

	if (!rate)
		return 0;
	if (rate <= 2)
		rate += 7;
	return (SECOND << (rate - 1)) / 32768;
}

static bool alarm_matches(struct rtc *r)
{
	static const uint8_t pair[3][2] = {
		{ SEC, SEC_ALARM }, { MIN, MIN_ALARM }, { HOUR, HOUR_ALARM },
	};

	load_time(r);
	for (unsigned int i = 0; i < 3; i++) {
		uint8_t want = r->cmos[pair[i][1]];

		/* the two top bits set mean "any" */
		if ((want & 0xc0u) != 0xc0u && want != r->cmos[pair[i][0]])
			return false;
	}
	return true;
}

/* Sets the flags of what has happened by now, and the line. vm->lock held. */
static void advance(struct rtc *r)
{
	uint64_t now = wall_ns(), second = now / SECOND, period = period_ns(r);
	uint8_t b = r->cmos[REG_B];

	if (second != r->updated && !(b & B_SET)) {
		r->updated = second;
		r->cmos[REG_C] |= B_UIE;
		if (alarm_matches(r)) {
			r->cmos[REG_C] |= B_AIE;
			if (b & B_AIE)
				hs_acpi_rtc_alarm(r->vm);
		}
	}
	if (period && now - r->period_mark >= period) {
		r->period_mark = now;
		r->cmos[REG_C] |= B_PIE;
	}
	if (r->cmos[REG_C] & b & (B_PIE | B_AIE | B_UIE))
		r->cmos[REG_C] |= C_IRQF;
	hs_irq_line(r->vm->irq, HS_IRQ_RTC, !!(r->cmos[REG_C] & C_IRQF));
}

/* When the next interrupt that is enabled may be due, ns; 0: never, as things are. */
static uint64_t next_interrupt(const struct rtc *r)
{
	uint64_t next = 0, period = period_ns(r);
	uint8_t b = r->cmos[REG_B];

	if (r->cmos[REG_C] & C_IRQF)	/* one was not read yet */
		return 0;
	/* No updates while SET: a second that is over must not be waited for. */
	if (b & (B_AIE | B_UIE) && !(b & B_SET))
		next = (r->updated + 1) * SECOND;
	if (b & B_PIE && period && (!next || r->period_mark + period < next))
		next = r->period_mark + period;
	return next;
}

/* vm->lock held, but not meanwhile. until: NULL, or of CLOCK_REALTIME. */
static void wait_changed(struct rtc *r, const struct timespec *until)
{
	hs_hold_end(&r->vm->hold);
	if (until)
		pthread_cond_timedwait(&r->changed, &r->vm->lock, until);
	else
		pthread_cond_wait(&r->changed, &r->vm->lock);
	hs_hold_begin(&r->vm->hold);
}

static void *rtc_thread(void *arg)
{
	struct rtc *r = arg;

	hs_trace_thread("clock");
	hs_thread_narrow(HS_THREAD_CLOCK);
	hs_vm_lock(r->vm);
	while (!r->ending) {
		uint64_t next = next_interrupt(r);

		if (!next) {
			wait_changed(r, NULL);
			continue;
		}
		if (next > wall_ns()) {
			struct timespec ts = { .tv_sec = (time_t)(next / SECOND),
					       .tv_nsec = (long)(next % SECOND) };

			wait_changed(r, &ts);
		}
		if (!r->ending)
			advance(r);
	}
	hs_vm_unlock(r->vm);
	return NULL;
}

static uint64_t rtc_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct rtc *r = opaque;
	uint8_t value;

	(void)size;
	if (offset == 0)
		return 0xff;	/* the index register is write-only */
	if (is_time(r->index) && !(r->cmos[REG_B] & B_SET))
		load_time(r);
	switch (r->index) {
	case REG_A:
		value = r->cmos[REG_A];
		if (!(r->cmos[REG_B] & B_SET) && wall_ns() % SECOND >= SECOND - UIP_NS)
			value |= A_UIP;
		return value;
	case REG_C:
		advance(r);
		value = r->cmos[REG_C];
		r->cmos[REG_C] = 0;
		hs_irq_line(r->vm->irq, HS_IRQ_RTC, 0);
		pthread_cond_signal(&r->changed);
		return value;
	case REG_D:
		return D_VALID;
	default:
		return r->cmos[r->index];
	}
}

static void rtc_write(void *opaque, uint64_t offset, unsigned int size, uint64_t wide)
{
	struct rtc *r = opaque;
	uint8_t value = (uint8_t)wide, before;

	(void)size;
	if (offset == 0) {
		r->index = value & 0x7fu;	/* bit 7 masks NMI, which there is none of */
		return;
	}
	switch (r->index) {
	case REG_A:
		r->cmos[REG_A] = value & 0x7fu;
		r->period_mark = wall_ns();
		break;
	case REG_B:
		before = r->cmos[REG_B];
		if ((value & B_SET) && !(before & B_SET))
			load_time(r);		/* the registers stand still from here */
		r->cmos[REG_B] = value;
		if (!(value & B_SET) && (before & B_SET))
			store_time(r);
		r->updated = wall_ns() / SECOND;
		r->period_mark = wall_ns();
		break;
	case REG_C:
	case REG_D:
		return;
	default:
		if (is_time(r->index) && !(r->cmos[REG_B] & B_SET)) {
			load_time(r);
			r->cmos[r->index] = value;
			store_time(r);
		} else {
			r->cmos[r->index] = value;
		}
		break;
	}
	pthread_cond_signal(&r->changed);
}

static void rtc_reset(struct hs_chip *chip)
{
	struct rtc *r = (struct rtc *)chip;

	memset(r->cmos, 0, sizeof(r->cmos));
	r->cmos[REG_A] = A_POWER_ON;
	r->cmos[REG_B] = B_24H;
	r->cmos[REG_D] = D_VALID;
	r->index = 0;
	r->offset = 0;
	r->updated = wall_ns() / SECOND;
	hs_irq_line(r->vm->irq, HS_IRQ_RTC, 0);
}

static void rtc_destroy(struct hs_chip *chip)
{
	struct rtc *r = (struct rtc *)chip;

	hs_vm_lock(r->vm);
	r->ending = true;
	pthread_cond_signal(&r->changed);
	hs_vm_unlock(r->vm);
	pthread_join(r->thread, NULL);
	pthread_cond_destroy(&r->changed);
	hs_io_remove(r->vm->io, &r->region);
	free(r);
}

int hs_rtc_create(struct hs_vm *vm)
{
	struct rtc *r = calloc(1, sizeof(*r));
	int ret;

	if (!r)
		return -ENOMEM;
	r->vm = vm;
	r->chip = (struct hs_chip){ .name = "rtc", .reset = rtc_reset, .destroy = rtc_destroy };
	r->region = (struct hs_region){
		.device = "rtc", .space = HS_PIO, .base = HS_PORT_RTC, .len = 2,
		.regs = rtc_regs, .nregs = HS_COUNT(rtc_regs),
		.read = rtc_read, .write = rtc_write, .opaque = r,
	};
	ret = hs_io_add(vm->io, &r->region);
	if (ret)
		goto free;
	rtc_reset(&r->chip);
	pthread_cond_init(&r->changed, NULL);
	ret = -pthread_create(&r->thread, NULL, rtc_thread, r);
	if (ret) {
		hs_error("rtc: cannot start its thread: %s; raise the limit on processes", strerror(-ret));
		goto region;
	}
	hs_chip_add(vm, &r->chip);
	return 0;

region:
	hs_io_remove(vm->io, &r->region);
	pthread_cond_destroy(&r->changed);
free:
	free(r);
	return ret;
}
