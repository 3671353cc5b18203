// SPDX-License-Identifier: BSD-2-Clause
/*
 * The real-time clock (emu/rtc.c) by its registers: time in its codings, the
 * update cycle, alarm and periodic flags against a clock that the test holds,
 * interrupts against the real one.
 */
/* LINK: host-stub/emu/rtc.c host-stub/emu/acpi_pm.c host-stub/disk/disk.c host-stub/disk/disk_open.c host-stub/worker.c host-stub/mem.c host-stub/io.c host-stub/log.c host-stub/thread.c */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl -Wl,--wrap=clock_gettime */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_vm.h"

#define REG_A	10
#define REG_B	11
#define REG_C	12
#define REG_D	13
#define B_SET	0x80u
#define B_PIE	0x40u
#define B_AIE	0x20u
#define B_UIE	0x10u
#define B_BIN	0x04u
#define B_24	0x02u

/* 2031-03-09 17:45:58 UTC, a Sunday; in the future, so that the chip's thread sleeps */
#define SOME_DAY	1930844758ll

static _Atomic int64_t held_ns;		/* the clock when it is not 0 */

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);
int __real_clock_gettime(clockid_t clock, struct timespec *ts);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	int64_t now = atomic_load(&held_ns);

	if (clock != CLOCK_REALTIME || !now)
		return __real_clock_gettime(clock, ts);
	ts->tv_sec = now / 1000000000;
	ts->tv_nsec = now % 1000000000;
	return 0;
}

static void set_clock(int64_t seconds, int64_t ns)
{
	atomic_store(&held_ns, seconds * 1000000000 + ns);
}

static int power_on(void **state)
{
	(void)state;
	alarm(60);		/* a chip that holds the VM's lock for ever ends the test */
	set_clock(SOME_DAY, 0);
	return fake_create() || hs_acpi_pm_create(&fake.vm) || hs_rtc_create(&fake.vm);
}

static int power_off(void **state)
{
	(void)state;
	fake_destroy();
	alarm(0);
	return 0;
}

static uint8_t get(uint8_t reg)
{
	fake_out(HS_PORT_RTC, 1, reg);
	return (uint8_t)fake_in(HS_PORT_RTC + 1, 1);
}

static void set(uint8_t reg, uint8_t value)
{
	fake_out(HS_PORT_RTC, 1, reg);
	fake_out(HS_PORT_RTC + 1, 1, value);
}

static void assert_time(const uint8_t want[8])
{
	static const uint8_t reg[8] = { 0x32, 9, 8, 7, 6, 4, 2, 0 };

	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(get(reg[i]), want[i]);
}

static void time_in_all_codings(void **state)
{
	(void)state;
	assert_int_equal(get(REG_B), B_24);
	assert_time((const uint8_t[8]){ 0x20, 0x31, 0x03, 0x09, 1, 0x17, 0x45, 0x58 });
	set(REG_B, B_24 | B_BIN);
	assert_time((const uint8_t[8]){ 20, 31, 3, 9, 1, 17, 45, 58 });
	set(REG_B, B_BIN);
	assert_time((const uint8_t[8]){ 20, 31, 3, 9, 1, 0x80 | 5, 45, 58 });
	set(REG_B, 0);
	assert_time((const uint8_t[8]){ 0x20, 0x31, 0x03, 0x09, 1, 0x85, 0x45, 0x58 });
	/* midnight and noon are twelve */
	set_clock(SOME_DAY + 6 * 3600 + 14 * 60 + 2, 0);
	assert_time((const uint8_t[8]){ 0x20, 0x31, 0x03, 0x10, 2, 0x12, 0x00, 0x00 });
	set_clock(SOME_DAY + 18 * 3600 + 14 * 60 + 2, 0);
	assert_time((const uint8_t[8]){ 0x20, 0x31, 0x03, 0x10, 2, 0x92, 0x00, 0x00 });
}

static void time_that_was_set_goes_on(void **state)
{
	(void)state;
	set(REG_B, B_24 | B_SET);
	assert_time((const uint8_t[8]){ 0x20, 0x31, 0x03, 0x09, 1, 0x17, 0x45, 0x58 });
	set_clock(SOME_DAY + 100, 0);	/* stands still meanwhile */
	assert_time((const uint8_t[8]){ 0x20, 0x31, 0x03, 0x09, 1, 0x17, 0x45, 0x58 });
	set(0x32, 0x19);
	set(9, 0x99);
	set(8, 0x12);
	set(7, 0x31);
	set(4, 0x23);
	set(2, 0x59);
	set(0, 0x59);
	set(REG_B, B_24);
	assert_time((const uint8_t[8]){ 0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x59 });
	set_clock(SOME_DAY + 101, 0);
	assert_time((const uint8_t[8]){ 0x20, 0x00, 0x01, 0x01, 7, 0x00, 0x00, 0x00 });
	/* one register alone, without SET */
	set(4, 0x11);
	assert_time((const uint8_t[8]){ 0x20, 0x00, 0x01, 0x01, 7, 0x11, 0x00, 0x00 });
	/* in hours of twelve */
	set(REG_B, 0);
	set(4, 0x91);
	assert_int_equal(get(4), 0x91);
	set(REG_B, B_24);
	assert_int_equal(get(4), 0x23);
}

static void nonsense_does_no_harm(void **state)
{
	(void)state;
	for (unsigned int mode = 0; mode < 8; mode++) {
		for (unsigned int value = 0; value < 256; value += 51) {
			set(REG_B, (uint8_t)(mode << 1 | B_SET));
			for (uint8_t reg = 0; reg < 10; reg++)
				set(reg, (uint8_t)value);
			set(0x32, (uint8_t)value);
			set(REG_B, (uint8_t)(mode << 1));
			for (uint8_t reg = 0; reg < 14; reg++)
				(void)get(reg);
		}
	}
	/* 128 bytes: bit 7 of the index is no address */
	set(0x40, 0xa5);
	assert_int_equal(get(0xc0), 0xa5);
	assert_int_equal(fake_in(HS_PORT_RTC, 1), 0xff);
}

static void update_in_progress(void **state)
{
	(void)state;
	assert_int_equal(get(REG_A), 0x26);
	assert_int_equal(get(REG_D), 0x80);
	set_clock(SOME_DAY, 997000000);
	assert_int_equal(get(REG_A) & 0x80, 0);
	set_clock(SOME_DAY, 998000000);
	assert_int_equal(get(REG_A) & 0x80, 0x80);
	set_clock(SOME_DAY, 999999999);
	assert_int_equal(get(REG_A) & 0x80, 0x80);
	set_clock(SOME_DAY + 1, 0);
	assert_int_equal(get(REG_A) & 0x80, 0);
	set(REG_B, B_24 | B_SET);
	set_clock(SOME_DAY + 1, 999000000);
	assert_int_equal(get(REG_A) & 0x80, 0);
	set(REG_A, 0xff);	/* UIP is read-only */
	assert_int_equal(get(REG_A), 0x7f);
}

static void flags_are_set_and_read_once(void **state)
{
	(void)state;
	set(REG_A, 0x20);	/* no periodic interrupt */
	(void)get(REG_C);
	assert_int_equal(get(REG_C), 0);
	set(1, 0x05);		/* alarm at 17:46:05 */
	set(3, 0x46);
	set(5, 0x17);
	set_clock(SOME_DAY + 6, 0);
	assert_int_equal(get(REG_C), B_UIE);
	assert_int_equal(get(REG_C), 0);
	set_clock(SOME_DAY + 7, 0);
	assert_int_equal(get(REG_C), B_UIE | B_AIE);
	set_clock(SOME_DAY + 8, 0);
	assert_int_equal(get(REG_C), B_UIE);
	/* any hour, any minute */
	set(3, 0xff);
	set(5, 0xc0);
	set_clock(SOME_DAY + 7 + 3600 + 60, 0);
	assert_int_equal(get(REG_C), B_UIE | B_AIE);
	set(REG_C, 0xff);	/* read-only */
	assert_int_equal(get(REG_C), 0);
	assert_int_equal(fake.irq.edges[HS_IRQ_RTC], 0);
}

/* An alarm that is enabled is ACPI's fixed event, too, until the guest clears that. */
static void alarm_is_a_fixed_event(void **state)
{
	(void)state;
	set(REG_A, 0x20);
	fake_out(HS_PORT_PM1_EVT + 2, 2, 0x0400);	/* RTC_EN */
	set(1, 0x05);
	set(3, 0x46);
	set(5, 0x17);
	set_clock(SOME_DAY + 7, 0);
	assert_int_equal(get(REG_C), B_UIE | B_AIE);
	assert_int_equal(fake_in(HS_PORT_PM1_EVT, 2), 0);	/* not enabled */
	set(1, 0x10);
	set(REG_B, B_24 | B_AIE);
	set_clock(SOME_DAY + 11, 0);
	(void)get(REG_C);
	assert_int_equal(fake_in(HS_PORT_PM1_EVT, 2), 0);	/* a second before */
	set_clock(SOME_DAY + 12, 0);
	(void)get(REG_C);
	assert_int_equal(fake_in(HS_PORT_PM1_EVT, 2), 0x0400);
	assert_int_equal(fake.irq.wire[HS_IRQ_SCI], 1);
	fake_out(HS_PORT_PM1_EVT, 2, 0x0400);
	assert_int_equal(fake.irq.wire[HS_IRQ_SCI], 0);
}

static void periodic_rates(void **state)
{
	static const struct {
		uint8_t rate;
		uint32_t ns;
	} rates[] = {
		{ 1, 3906250 }, { 2, 7812500 }, { 3, 122070 }, { 6, 976562 }, { 10, 15625000 },
		{ 15, 500000000 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		set_clock(SOME_DAY, 0);
		set(REG_A, (uint8_t)(0x20 | rates[i].rate));
		(void)get(REG_C);
		set_clock(SOME_DAY, rates[i].ns - 1);
		assert_int_equal(get(REG_C) & B_PIE, 0);
		set_clock(SOME_DAY, rates[i].ns + 1);
		assert_int_equal(get(REG_C) & B_PIE, B_PIE);
		assert_int_equal(get(REG_C) & B_PIE, 0);
	}
}

/* ---- the real clock ---- */

static void update_interrupts(void **state)
{
	(void)state;
	set_clock(0, 0);
	set(REG_B, B_24 | B_UIE);
	assert_true(FAKE_UNTIL(fake.irq.edges[HS_IRQ_RTC] == 1));
	assert_int_equal(fake.irq.wire[HS_IRQ_RTC], 1);
	assert_int_equal(get(REG_C) & 0x90, 0x90);
	assert_int_equal(fake.irq.wire[HS_IRQ_RTC], 0);
	/* none while it is not enabled */
	set(REG_B, B_24);
	assert_int_equal(get(REG_C) & 0x80, 0);
}

static void periodic_interrupts(void **state)
{
	(void)state;
	set_clock(0, 0);
	set(REG_A, 0x29);	/* 128 Hz */
	set(REG_B, B_24 | B_PIE);
	for (unsigned int i = 1; i <= 20; i++) {
		assert_true(FAKE_UNTIL(fake.irq.edges[HS_IRQ_RTC] == i));
		assert_int_equal(get(REG_C) & 0xc0, 0xc0);
	}
}

static void set_with_interrupts_enabled_blocks_nobody(void **state)
{
	static const struct timespec over_a_second = { .tv_sec = 2, .tv_nsec = 100000000 };

	(void)state;
	set_clock(0, 0);
	set(REG_B, B_24 | B_SET | B_UIE | B_AIE);
	nanosleep(&over_a_second, NULL);
	/* takes the VM's lock: for ever, if the chip's thread keeps it */
	assert_int_equal(get(REG_B) & B_SET, B_SET);
	assert_int_equal(get(REG_C) & (B_UIE | B_AIE), 0);
	set(REG_B, B_24 | B_UIE);
	assert_true(FAKE_UNTIL(fake.irq.edges[HS_IRQ_RTC] == 1));
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, power_on, power_off)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(time_in_all_codings),
		CASE(time_that_was_set_goes_on),
		CASE(nonsense_does_no_harm),
		CASE(update_in_progress),
		CASE(flags_are_set_and_read_once),
		CASE(alarm_is_a_fixed_event),
		CASE(periodic_rates),
		CASE(update_interrupts),
		CASE(periodic_interrupts),
		CASE(set_with_interrupts_enabled_blocks_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
