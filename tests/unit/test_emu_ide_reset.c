// SPDX-License-Identifier: BSD-2-Clause
/*
 * Resets of the emulated IDE (emu/ide.c), and commands that are with the back
 * end meanwhile: a channel that is being reset takes nothing, a reset is over
 * when nothing of before is in flight any more, and what comes back late
 * neither changes a register nor shows the guest a byte.
 */
/* LINK: host-stub/emu/ide.c host-stub/emu/ide_cmd.c host-stub/emu/pci.c host-stub/disk/disk.c host-stub/disk/disk_open.c host-stub/worker.c host-stub/mem.c host-stub/io.c host-stub/log.c */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl -Wl,--wrap=hs_blk_submit */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hold_blk.h"
#include "ide_guest.h"

#define SECTORS		2048u		/* of either disk */
#define BUFFER		0x400000u
#define READY		(ST_DRDY | 0x10)

static int power_on(void **state)
{
	(void)state;
	atomic_store(&hold.status, 0);
	atomic_store(&hold.seen, 0);
	if (!fake_disk(0, SECTORS * 512, HS_MODELS_BOTH) ||
	    !fake_disk(1, SECTORS * 512, HS_MODELS_BOTH))
		return -1;
	if (fake_create() || hs_pci_create(&fake.vm) || hs_ide_create(&fake.vm))
		return -1;
	return 0;
}

static int power_off(void **state)
{
	(void)state;
	hold_release();
	fake_destroy();
	return 0;
}

static void assert_signature(void)
{
	assert_int_equal(ide_alt(), READY);
	assert_int_equal(ide_in(R_ERROR), 1);
	assert_int_equal(ide_in(R_COUNT), 1);
	assert_int_equal(ide_in(R_LOW), 1);
	assert_int_equal(ide_in(R_MID), 0);
	assert_int_equal(ide_in(R_HIGH), 0);
}

/* The bus master runs, for a READ DMA of up to `bytes` that will not touch other memory. */
static void bm_start(uint32_t bytes)
{
	ide_prd(0, BUFFER, bytes, true);
	bm_out(0, 1, 0);
	bm_prepare(true);
	bm_out(0, 1, BM_START | BM_READ);
}

/* What the data register has, which is nothing but zeroes when no block is there. */
static void assert_no_data(void)
{
	uint32_t words[2048] = { 0 };

	hs_io_dispatch(fake.vm.io, HS_PIO, HS_PORT_IDE0, false, 4, words, 2048);
	for (unsigned int i = 0; i < 2048; i++)
		assert_int_equal(words[i], 0);
}

/* ---- while it is being reset ---- */

static void channel_in_reset_takes_nothing(void **state)
{
	static const uint8_t commands[] = { 0x20, 0x30, 0xc8, 0xca, 0xe7, 0xec, 0x90, 0xef };

	(void)state;
	bm_start(512);
	ide_control(CTL_SRST);
	for (unsigned int i = 0; i < sizeof(commands); i++) {
		ide_start28(1, commands[i], 0x123456, 1);
		assert_int_equal(ide_alt(), ST_BSY);
		assert_no_data();
		fake_out(HS_PORT_IDE0, 2, 0xffff);
	}
	assert_int_equal(hold.seen, 0);
	assert_int_equal(fake.irq.edges[HS_IRQ_IDE0], 0);
	ide_control(0);
	assert_signature();
	assert_int_equal(ide_in(R_DEVICE) & 0x10, 0);
}

/*
 * The sequence that showed a guest memory of the host: a command given under
 * SRST, the end of the reset, a command that fails; then the first one's end.
 */
static void command_under_reset_never_comes_back(void **state)
{
	static const uint8_t after[] = { 0x20, 0x40, 0xc4 };

	(void)state;
	assert_int_equal(ide_simple(0, 0xc6, 0, 16) & ST_ERR, 0);
	for (unsigned int i = 0; i < sizeof(after); i++) {
		/* A block that nobody reads: the channel has a length and a place in it. */
		ide_select(0);
		ide_out(R_STATUS, 0xec);
		assert_int_equal(ide_alt() & ST_DRQ, ST_DRQ);
		atomic_store(&hold.on, true);
		ide_control(CTL_SRST);
		bm_start(512);
		ide_start28(0, 0xc8, 0, 1);
		ide_control(0);
		ide_start28(0, after[i], SECTORS, 16);
		hold_release();
		for (unsigned int n = 0; n < 40; n++) {
			assert_no_data();
			nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
		}
		assert_int_equal(ide_alt() & (ST_DRQ | ST_ERR), ST_ERR);
		assert_int_equal(ide_in(R_ERROR), ER_IDNF);
		assert_int_equal(hold.seen, 0);
	}
}

/* ---- what is in flight when a reset comes ---- */

static void reset_lasts_until_nothing_is_in_flight(void **state)
{
	static const uint8_t commands[] = { 0x20, 0x30, 0xc8, 0xe7 };
	uint8_t sector[512] = { 0 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(commands); i++) {
		atomic_store(&hold.on, true);
		bm_start(512);
		ide_start28(0, commands[i], i, 1);
		if (commands[i] == 0x30)
			hs_io_dispatch(fake.vm.io, HS_PIO, HS_PORT_IDE0, true, 2, sector, 256);
		assert_int_equal(hold.held, 1);
		for (unsigned int round = 0; round < 3; round++) {
			ide_control(CTL_SRST);
			assert_int_equal(ide_alt(), ST_BSY);
			ide_control(0);
			assert_int_equal(ide_alt(), ST_BSY);
		}
		/* still the drive's: nothing is taken, so one request is all there ever is */
		ide_start28(0, 0x20, 5, 1);
		ide_start28(1, 0xec, 5, 1);
		assert_no_data();
		assert_int_equal(ide_alt(), ST_BSY);
		assert_int_equal(hold.held, 1);
		assert_int_equal(ide_detach(0), -EBUSY);
		assert_int_equal(ide_detach(1), -EBUSY);
		fake.irq.edges[HS_IRQ_IDE0] = 0;
		hold_release();
		assert_int_equal(ide_wait(), READY);
		assert_signature();
		assert_int_equal(fake.irq.edges[HS_IRQ_IDE0], 0);
		assert_no_data();
		assert_int_equal(ide_detach(0), 0);
		ide_attach(0);
	}
}

/* The request comes back while SRST is set: the signature waits for its end. */
static void request_comes_back_under_reset(void **state)
{
	(void)state;
	atomic_store(&hold.on, true);
	ide_start28(0, 0x20, 0, 1);
	ide_control(CTL_SRST);
	hold_release();
	for (unsigned int i = 0; i < 40; i++) {
		assert_int_equal(ide_detach(0), -EBUSY);
		assert_int_equal(ide_detach(1), -EBUSY);
		assert_int_equal(ide_alt(), ST_BSY);
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	}
	ide_control(0);
	assert_int_equal(ide_wait(), READY);
	assert_signature();
}

static void stopped_bus_master_hangs_until_reset(void **state)
{
	(void)state;
	atomic_store(&hold.on, true);
	bm_start(512);
	ide_start28(0, 0xc8, 0, 1);
	bm_out(0, 1, BM_READ);
	fake.irq.edges[HS_IRQ_IDE0] = 0;
	hold_release();
	assert_true(FAKE_UNTIL(hold.held == 0));
	/* Nothing that the guest could see tells it of the end. */
	ide_start28(0, 0x20, SECTORS, 1);
	assert_no_data();
	assert_int_equal(ide_alt() & ST_BSY, ST_BSY);
	assert_int_equal(fake.irq.edges[HS_IRQ_IDE0], 0);
	ide_control(CTL_SRST);
	ide_control(0);
	assert_int_equal(ide_wait(), READY);
	assert_signature();
	bm_start(512);
	ide_start28(0, 0xc8, 0, 1);
	assert_true(FAKE_UNTIL(bm_status() & BM_IRQ));
	assert_int_equal(ide_wait(), READY);
}

/* DEVICE RESET is no command of a disk, EXECUTE DIAGNOSTIC none of a busy one. */
static void commands_that_reset(void **state)
{
	(void)state;
	assert_int_equal(ide_simple(0, 0x08, 0, 0) & ST_ERR, ST_ERR);
	atomic_store(&hold.on, true);
	ide_start28(0, 0x20, 0, 1);
	ide_out(R_STATUS, 0x08);
	ide_out(R_STATUS, 0x90);
	assert_int_equal(ide_alt() & ST_BSY, ST_BSY);
	hold_release();
	assert_int_equal(ide_wait() & ST_DRQ, ST_DRQ);
	ide_control(CTL_SRST);
	ide_control(0);
	ide_out(R_STATUS, 0x90);
	assert_signature();
}

static void task_file_belongs_to_the_drive(void **state)
{
	(void)state;
	atomic_store(&hold.on, true);
	ide_start28(0, 0x20, 0x456, 1);
	assert_int_equal(ide_alt() & ST_BSY, ST_BSY);
	for (unsigned int reg = R_ERROR; reg <= R_STATUS; reg++)
		ide_out(reg, 0xff);
	assert_int_equal(ide_in(R_LOW), 0x56);
	assert_int_equal(ide_in(R_DEVICE), 0xe0);
	assert_int_equal(hold.held, 1);
	hold_release();
	assert_int_equal(ide_wait() & ST_DRQ, ST_DRQ);
}

/* ---- a command that fails leaves nothing behind ---- */

/* In the middle of a transfer of several blocks nothing else is taken, and its end is its own. */
static void failed_command_leaves_no_trace(void **state)
{
	static const uint8_t commands[] = { 0x20, 0x30, 0x40, 0xc4, 0xc8, 0xca };
	uint8_t sector[512];

	(void)state;
	for (unsigned int i = 0; i < sizeof(commands); i++) {
		ide_start28(0, commands[i], SECTORS - 1, 200);
		assert_int_equal(ide_wait() & (ST_DRQ | ST_ERR), ST_ERR);
		assert_no_data();
		/* and the bus master has nothing to do for it */
		bm_start(512);
		assert_int_equal(ide_alt() & (ST_BSY | ST_DRQ), 0);
		bm_out(0, 1, 0);
		assert_int_equal(hold.seen, 3 * i);
		ide_start28(0, 0x20, SECTORS - 3, 3);
		assert_int_equal(ide_pio_in(sector, 512, 512, 2) & (ST_DRQ | ST_ERR), ST_DRQ);
		for (unsigned int left = 2; left--;)
			(void)ide_pio_in(sector, 512, 512, 2);
		assert_int_equal(ide_alt(), READY);
		assert_no_data();
	}
}

/* ---- unplug ---- */

static void busy_drive_stays(void **state)
{
	(void)state;
	ide_start28(0, 0x30, 0, 1);		/* waits for data */
	assert_int_equal(ide_detach(0), -EBUSY);
	ide_control(CTL_SRST);
	assert_int_equal(ide_detach(0), -EBUSY);
	ide_control(0);
	bm_prepare(true);
	ide_start28(0, 0xc8, 0, 1);		/* waits for the bus master */
	assert_int_equal(ide_detach(0), -EBUSY);
	ide_control(CTL_SRST);
	ide_control(0);
	atomic_store(&hold.on, true);
	ide_start28(0, 0xe7, 0, 0);		/* with the back end */
	assert_int_equal(ide_detach(0), -EBUSY);
	hold_release();
	(void)ide_wait();
	assert_true(FAKE_UNTIL(ide_detach(0) == 0));
}

/* SRST of a channel without drives holds for the one that comes back. */
static void replug_into_a_channel_in_reset(void **state)
{
	(void)state;
	assert_int_equal(ide_detach(0), 0);
	assert_int_equal(ide_detach(1), 0);
	ide_control(CTL_SRST);
	ide_attach(0);
	assert_int_equal(ide_alt(), ST_BSY);
	ide_start28(0, 0x20, 0, 1);
	assert_int_equal(hold.seen, 0);
	assert_int_equal(ide_alt(), ST_BSY);
	assert_int_equal(ide_detach(0), -EBUSY);
	ide_control(0);
	assert_signature();
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, power_on, power_off)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(channel_in_reset_takes_nothing),
		CASE(command_under_reset_never_comes_back),
		CASE(reset_lasts_until_nothing_is_in_flight),
		CASE(request_comes_back_under_reset),
		CASE(stopped_bus_master_hangs_until_reset),
		CASE(commands_that_reset),
		CASE(task_file_belongs_to_the_drive),
		CASE(failed_command_leaves_no_trace),
		CASE(busy_drive_stays),
		CASE(replug_into_a_channel_in_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
