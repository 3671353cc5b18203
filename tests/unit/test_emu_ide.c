// SPDX-License-Identifier: BSD-2-Clause
/*
 * The emulated IDE (emu/ide.c, emu/ide_cmd.c) by its registers, as a driver
 * uses it and as none should. Disk 0 is larger than 28 bits can address, disk 1
 * is small and read-only, the second channel is empty. Resets, and what is in
 * flight meanwhile: test_emu_ide_reset.c.
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

#define LARGE	(160ull << 30)
#define SMALL	(1ull << 20)
#define HIGH	0x12345678ull	/* a sector that needs 48 bits */
#define BUFFER	0x400000u

static int power_on(void **state)
{
	(void)state;
	atomic_store(&hold.status, 0);
	if (!fake_disk(0, LARGE, HS_MODELS_BOTH) || !fake_disk(1, SMALL, HS_MODELS_EMULATED))
		return -1;
	fake.config.disk[1].read_only = true;
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

static void fill(void *at, uint32_t len, uint32_t seed)
{
	uint8_t *p = at;

	for (uint32_t i = 0; i < len; i++)
		p[i] = (uint8_t)((i + seed) * 2654435761u >> 13);
}

static void assert_signature(void)
{
	assert_int_equal(ide_alt(), ST_DRDY | 0x10);
	assert_int_equal(ide_in(R_ERROR), 1);
	assert_int_equal(ide_in(R_COUNT), 1);
	assert_int_equal(ide_in(R_LOW), 1);
	assert_int_equal(ide_in(R_MID), 0);
	assert_int_equal(ide_in(R_HIGH), 0);
}

/* ---- what is there ---- */

static void signature_after_power_on_and_reset(void **state)
{
	(void)state;
	assert_signature();
	ide_start28(0, 0x20, 5, 3);
	(void)ide_wait();
	ide_control(CTL_SRST);
	assert_int_equal(ide_alt(), ST_BSY);
	ide_control(0);
	(void)ide_wait();
	assert_signature();
	assert_int_equal(ide_in(R_DEVICE) & 0x10, 0);
	ide_out(R_STATUS, 0x90);	/* diagnostics */
	(void)ide_wait();
	assert_signature();
}

static void empty_channel_floats(void **state)
{
	(void)state;
	for (unsigned int reg = 0; reg < 8; reg++)
		assert_int_equal(fake_in((uint16_t)(HS_PORT_IDE1 + reg), 1), 0xff);
	assert_int_equal(fake_in(HS_PORT_IDE1_CTL, 1), 0xff);
	fake_out(HS_PORT_IDE1 + R_STATUS, 1, 0xec);
	assert_int_equal(fake_in(HS_PORT_IDE1 + R_STATUS, 1), 0xff);
	assert_int_equal(fake.irq.edges[HS_IRQ_IDE1], 0);
}

static void identify(unsigned int drive, uint16_t id[256], unsigned int size)
{
	ide_select(drive);
	ide_out(R_STATUS, 0xec);
	assert_int_equal(ide_alt() & (ST_BSY | ST_DRQ), ST_DRQ);
	assert_int_equal(ide_pio_in(id, 512, 512, size), ST_DRDY | 0x10);
}

static void identify_says_what_the_disk_is(void **state)
{
	uint16_t id[256], again[256];
	char text[21] = { 0 };

	(void)state;
	identify(0, id, 2);
	identify(0, again, 4);
	assert_memory_equal(id, again, 512);
	assert_int_equal(id[0] & 0x8000, 0);
	assert_int_equal(id[47] & 0xff, 16);
	assert_int_equal(id[49] & 0x0300, 0x0300);
	assert_int_equal(id[60] | (uint32_t)id[61] << 16, 0x0fffffff);
	assert_int_equal(id[83] & 0xc400, 0x4400);
	assert_int_equal(id[100] | (uint64_t)id[101] << 16 | (uint64_t)id[102] << 32, LARGE / 512);
	for (unsigned int i = 0; i < 10; i++) {
		text[2 * i] = (char)(id[10 + i] >> 8);
		text[2 * i + 1] = (char)id[10 + i];
	}
	assert_string_equal(text, "serial-0            ");
	identify(1, id, 2);
	assert_int_equal(id[60] | (uint32_t)id[61] << 16, SMALL / 512);
	assert_int_equal(id[100] | (uint32_t)id[101] << 16, SMALL / 512);
	/* what was set shows: UDMA 4, READ MULTIPLE of 8, no write cache */
	assert_int_equal(ide_simple(0, 0xef, 0x03, 0x44) & ST_ERR, 0);
	assert_int_equal(ide_simple(0, 0xc6, 0, 8) & ST_ERR, 0);
	assert_int_equal(ide_simple(0, 0xef, 0x82, 0) & ST_ERR, 0);
	identify(0, id, 2);
	assert_int_equal(id[88] >> 8, 0x10);
	assert_int_equal(id[59], 0x0108);
	assert_int_equal(id[85] & 0x20, 0);
}

/* ---- data ---- */

static void pio_round_trips(void **state)
{
	static const struct {
		uint8_t write, read;
		bool ext;
		uint32_t count, block;	/* sectors */
	} cases[] = {
		{ 0x30, 0x20, false, 1, 1 }, { 0x31, 0x21, false, 5, 1 },
		{ 0x30, 0x20, false, 256, 1 }, { 0x34, 0x24, true, 300, 1 },
		{ 0xc5, 0xc4, false, 1, 4 }, { 0xc5, 0xc4, false, 11, 4 },
		{ 0x39, 0x29, true, 33, 4 },
	};
	static uint8_t out[300 * 512], in[300 * 512];

	(void)state;
	assert_int_equal(ide_simple(0, 0xc6, 0, 4) & ST_ERR, 0);
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t lba = cases[i].ext ? HIGH : 0x0234567;
		uint32_t bytes = cases[i].count * 512, block = cases[i].block * 512;
		unsigned int size = i & 1 ? 4 : 2;

		fill(out, bytes, i);
		memset(in, 0, bytes);
		ide_start(cases[i].ext, 0, cases[i].write, lba, cases[i].count);
		assert_int_equal(ide_pio_out(out, bytes, block, size), ST_DRDY | 0x10);
		ide_start(cases[i].ext, 0, cases[i].read, lba, cases[i].count);
		assert_int_equal(ide_pio_in(in, bytes, block, size), ST_DRDY | 0x10);
		assert_memory_equal(in, out, bytes);
	}
}

/* A whole DMA command with the table that is there. */
static uint8_t dma(bool ext, uint8_t command, uint64_t lba, uint32_t count, bool to_memory)
{
	bm_prepare(to_memory);
	ide_start(ext, 0, command, lba, count);
	assert_int_equal(ide_alt() & ST_BSY, 0);
	return bm_run(to_memory);
}

static void dma_round_trips(void **state)
{
	static const struct {
		uint8_t write, read;
		bool ext;
		uint32_t count;
	} cases[] = {
		{ 0xca, 0xc8, false, 1 }, { 0xcb, 0xc9, false, 77 }, { 0xca, 0xc8, false, 256 },
		{ 0x35, 0x25, true, 2 }, { 0x3d, 0x25, true, 1000 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t lba = cases[i].ext ? HIGH : 0x0345678;
		uint32_t bytes = cases[i].count * 512, n = 0;

		fill(fake_ram(BUFFER, bytes), bytes, i);
		for (uint32_t at = 0; at < bytes; at += 65536, n++)
			ide_prd(n, BUFFER + at, bytes - at < 65536 ? bytes - at : 65536,
				bytes - at <= 65536);
		assert_int_equal(dma(cases[i].ext, cases[i].write, lba, cases[i].count, false),
				 ST_DRDY | 0x10);
		assert_int_equal(bm_status() & (BM_IRQ | BM_ERROR | BM_ACTIVE), BM_IRQ);
		assert_int_equal(hold.flags & HS_BLK_FUA, cases[i].write == 0x3d ? HS_BLK_FUA : 0);
		/* back, in two pieces that lie elsewhere */
		memset(fake_ram(2 * BUFFER, 2 * bytes), 0xcc, 2 * bytes);
		if (bytes <= 65536) {
			ide_prd(0, 2 * BUFFER + bytes, bytes / 2, false);
			ide_prd(1, 2 * BUFFER, bytes - bytes / 2, true);
			assert_int_equal(
				dma(cases[i].ext, cases[i].read, lba, cases[i].count, true),
				ST_DRDY | 0x10);
			assert_memory_equal(fake_ram(2 * BUFFER + bytes, bytes / 2),
					    fake_ram(BUFFER, bytes / 2), bytes / 2);
			assert_memory_equal(fake_ram(2 * BUFFER, bytes / 2),
					    fake_ram(BUFFER + bytes / 2, bytes / 2), bytes / 2);
		} else {
			for (uint32_t k = 0; k < n; k++)
				ide_prd(k, 2 * BUFFER + k * 65536, 65536, k + 1 == n);
			assert_int_equal(
				dma(cases[i].ext, cases[i].read, lba, cases[i].count, true),
				ST_DRDY | 0x10);
			assert_memory_equal(fake_ram(2 * BUFFER, bytes), fake_ram(BUFFER, bytes),
					    bytes);
			assert_int_equal(*(uint8_t *)fake_ram(2 * BUFFER + bytes, 1), 0xcc);
		}
	}
}

static void cylinders_heads_and_sectors(void **state)
{
	uint8_t out[512], in[512];

	(void)state;
	fill(out, 512, 9);
	/* cylinder 5, head 7, sector 9 of 16 heads and 63 sectors */
	ide_start28(0, 0x30, (5 * 16 + 7) * 63 + 8, 1);
	assert_int_equal(ide_pio_out(out, 512, 512, 2) & ST_ERR, 0);
	ide_out(R_DEVICE, 0xa7);
	ide_out(R_COUNT, 1);
	ide_out(R_LOW, 9);
	ide_out(R_MID, 5);
	ide_out(R_HIGH, 0);
	ide_out(R_STATUS, 0x20);
	assert_int_equal(ide_pio_in(in, 512, 512, 2) & ST_ERR, 0);
	assert_memory_equal(in, out, 512);
	ide_out(R_LOW, 0);	/* there is no sector 0 */
	ide_out(R_STATUS, 0x20);
	assert_int_equal(ide_wait() & ST_ERR, ST_ERR);
	assert_int_equal(ide_in(R_ERROR), ER_IDNF);
}

static void previous_content_is_shown(void **state)
{
	(void)state;
	ide_select(0);
	for (unsigned int reg = R_COUNT; reg <= R_HIGH; reg++) {
		ide_out(reg, (uint8_t)(0x10 + reg));
		ide_out(reg, (uint8_t)(0x20 + reg));
	}
	for (unsigned int reg = R_COUNT; reg <= R_HIGH; reg++)
		assert_int_equal(ide_in(reg), 0x20 + reg);
	ide_control(CTL_HOB);
	for (unsigned int reg = R_COUNT; reg <= R_HIGH; reg++)
		assert_int_equal(ide_in(reg), 0x10 + reg);
	ide_select(0);		/* any write ends it */
	assert_int_equal(ide_in(R_COUNT), 0x20 + R_COUNT);
}

/* ---- interrupts ---- */

static void interrupt_is_raised_and_cleared(void **state)
{
	(void)state;
	assert_int_equal(ide_simple(0, 0xe7, 0, 0), ST_DRDY | 0x10);
	assert_int_equal(fake.irq.wire[HS_IRQ_IDE0], 1);
	assert_int_equal(bm_status() & BM_IRQ, BM_IRQ);
	(void)ide_alt();
	assert_int_equal(fake.irq.wire[HS_IRQ_IDE0], 1);
	(void)ide_in(R_STATUS);
	assert_int_equal(fake.irq.wire[HS_IRQ_IDE0], 0);
	assert_int_equal(bm_status() & BM_IRQ, BM_IRQ);
	bm_out(2, 1, BM_IRQ);
	assert_int_equal(bm_status() & BM_IRQ, 0);
	/* a new command clears an unread one; nIEN hides it */
	(void)ide_simple(0, 0xe5, 0, 0);
	assert_int_equal(ide_in(R_COUNT), 0xff);
	ide_control(CTL_NIEN);
	assert_int_equal(fake.irq.wire[HS_IRQ_IDE0], 0);
	ide_control(0);
	assert_int_equal(fake.irq.wire[HS_IRQ_IDE0], 1);
	(void)ide_in(R_STATUS);
	/* one for each block of a read, none for the first of a write */
	fake.irq.edges[HS_IRQ_IDE0] = 0;
	ide_start28(0, 0x30, 0, 2);
	assert_int_equal(ide_wait() & ST_DRQ, ST_DRQ);
	assert_int_equal(fake.irq.edges[HS_IRQ_IDE0], 0);
}

/* ---- errors ---- */

static void beyond_the_end(void **state)
{
	static const struct {
		uint8_t command;
		bool ext, dma;
	} cases[] = {
		{ 0x20, false, false }, { 0x24, true, false }, { 0x40, false, false },
		{ 0x42, true, false }, { 0xc8, false, true }, { 0x25, true, true },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static const uint32_t starts[] = { SMALL / 512 - 1, SMALL / 512, 0xfffffff };

		for (unsigned int k = 0; k < 3; k++) {
			ide_start(cases[i].ext, 1, cases[i].command, starts[k], 2);
			assert_int_equal(ide_wait() & (ST_ERR | ST_DRQ), ST_ERR);
			assert_int_equal(ide_in(R_ERROR), ER_IDNF);
		}
		/* a count of 0 means 256 or 65536: here beyond the end or just not */
		ide_start(cases[i].ext, 1, cases[i].command, SMALL / 512 - 256, 0);
		assert_int_equal(ide_wait() & ST_ERR, cases[i].ext ? ST_ERR : 0);
		ide_control(CTL_SRST);
		ide_control(0);
	}
	ide_start48(0, 0x35, LARGE / 512, 1);
	assert_int_equal(ide_wait() & ST_ERR, ST_ERR);
	ide_start48(0, 0x24, 0xffffffffffffull, 1);
	assert_int_equal(ide_wait() & ST_ERR, ST_ERR);
	assert_int_equal(ide_in(R_ERROR), ER_IDNF);
}

static void unknown_commands_are_aborted(void **state)
{
	static const uint8_t known[] = {
		0x20, 0x21, 0x24, 0x25, 0x29, 0x30, 0x31, 0x34, 0x35, 0x39, 0x3d, 0x40, 0x41, 0x42,
		0x90, 0x91, 0xc4, 0xc5, 0xc6, 0xc8, 0xc9, 0xca, 0xcb, 0xe0, 0xe1, 0xe2, 0xe3, 0xe5,
		0xe6, 0xe7, 0xea, 0xec, 0xef,
	};

	(void)state;
	for (unsigned int c = 0; c < 256; c++) {
		if (memchr(known, (int)c, sizeof(known)))
			continue;
		assert_int_equal(ide_simple(0, (uint8_t)c, 0, 0) & (ST_ERR | ST_DRQ), ST_ERR);
		assert_int_equal(ide_in(R_ERROR), ER_ABRT);
	}
	assert_int_equal(ide_simple(0, 0xe7, 0, 0) & ST_ERR, 0);
	assert_int_equal(ide_in(R_ERROR), 0);
}

static void refused_settings(void **state)
{
	static const uint8_t counts[] = { 3, 5, 17, 32, 128, 255 };
	static const uint8_t modes[] = { 0x02, 0x0d, 0x23, 0x46, 0xff };

	(void)state;
	ide_start28(0, 0xc4, 0, 1);	/* READ MULTIPLE before it was set */
	assert_int_equal(ide_wait() & (ST_ERR | ST_DRQ), ST_ERR);
	assert_int_equal(ide_in(R_ERROR), ER_ABRT);
	for (unsigned int i = 0; i < sizeof(counts); i++)
		assert_int_equal(ide_simple(0, 0xc6, 0, counts[i]) & ST_ERR, ST_ERR);
	for (unsigned int i = 0; i < sizeof(modes); i++)
		assert_int_equal(ide_simple(0, 0xef, 0x03, modes[i]) & ST_ERR, ST_ERR);
	assert_int_equal(ide_simple(0, 0xef, 0x99, 0) & ST_ERR, ST_ERR);
}

static void read_only_disk_takes_no_write(void **state)
{
	static const uint8_t writes[] = { 0x30, 0x31, 0xca, 0xcb };
	uint8_t sector[512];

	(void)state;
	for (unsigned int i = 0; i < sizeof(writes); i++) {
		ide_start28(1, writes[i], 0, 1);
		assert_int_equal(ide_wait() & (ST_ERR | ST_DRQ), ST_ERR);
		assert_int_equal(ide_in(R_ERROR), ER_ABRT);
	}
	ide_start28(1, 0x20, 0, 1);
	assert_int_equal(ide_pio_in(sector, 512, 512, 2), ST_DRDY | 0x10);
	assert_int_equal(ide_simple(1, 0xe7, 0, 0) & ST_ERR, 0);
}

static void failed_back_end_is_a_medium_error(void **state)
{
	uint8_t sector[512] = { 0 };

	(void)state;
	atomic_store(&hold.status, -EIO);
	ide_start28(0, 0x20, 0, 1);
	assert_int_equal(ide_pio_in(sector, 512, 512, 2) & (ST_ERR | ST_DRQ), ST_ERR);
	assert_int_equal(ide_in(R_ERROR), ER_UNC);
	ide_start28(0, 0x30, 0, 2);
	assert_int_equal(ide_pio_out(sector, 512, 512, 2) & (ST_ERR | ST_DRQ), ST_ERR);
	ide_prd(0, BUFFER, 512, true);
	assert_int_equal(dma(false, 0xc8, 0, 1, true) & ST_ERR, ST_ERR);
	assert_int_equal(ide_in(R_ERROR), ER_UNC);
	assert_int_equal(ide_simple(0, 0xe7, 0, 0) & ST_ERR, ST_ERR);
}

static void without_write_cache_each_write_is_stable(void **state)
{
	uint8_t sector[512] = { 0 };

	(void)state;
	for (unsigned int cached = 2; cached-- > 0;) {
		assert_int_equal(ide_simple(0, 0xef, cached ? 0x02 : 0x82, 0) & ST_ERR, 0);
		ide_start28(0, 0x30, 0, 1);
		assert_int_equal(ide_pio_out(sector, 512, 512, 2) & ST_ERR, 0);
		assert_int_equal(hold.flags, cached ? 0 : HS_BLK_FUA);
	}
}

/* ---- PRD tables ---- */

/* A read of 8 sectors with the table at `table`, that must fail before any I/O. */
static void assert_bad_table(uint64_t table)
{
	unsigned int seen = hold.seen;

	bm_prepare(true);
	bm_out(4, 4, (uint32_t)table);
	ide_start28(0, 0xc8, 0, 8);
	assert_int_equal(bm_run(true) & (ST_ERR | ST_DRQ | ST_BSY), ST_ERR);
	assert_int_equal(ide_in(R_ERROR), ER_ABRT);
	assert_int_equal(bm_status() & (BM_ERROR | BM_ACTIVE), BM_ERROR);
	assert_int_equal(hold.seen, seen);
	assert_int_equal(ide_simple(0, 0xe7, 0, 0) & ST_ERR, 0);
}

static void bad_prd_tables(void **state)
{
	uint32_t end = HS_MEM_MIN;
	uint32_t entry[2] = { BUFFER, 512 };

	(void)state;
	ide_prd(0, BUFFER, 512, true);		/* too short */
	assert_bad_table(IDE_PRD);
	ide_prd(0, end, 4096, true);		/* buffer outside RAM */
	assert_bad_table(IDE_PRD);
	ide_prd(0, end - 2048, 4096, true);	/* half of it */
	assert_bad_table(IDE_PRD);
	ide_prd(0, 0xfffff000u, 4096, true);
	assert_bad_table(IDE_PRD);
	ide_prd(0, BUFFER, 512, false);		/* the second of two */
	ide_prd(1, 0xc0000000u, 4096, true);
	assert_bad_table(IDE_PRD);
	assert_bad_table(end);			/* table outside RAM */
	assert_bad_table(0xfffffffc);
	memcpy(fake_ram(end - 8, 8), entry, 8);	/* goes on where there is no RAM */
	assert_bad_table(end - 8);
	memcpy(fake_ram(end - 4, 4), entry, 4);	/* begins there */
	assert_bad_table(end - 4);
}

static void good_prd_tables(void **state)
{
	uint8_t *data = fake_ram(BUFFER, 65536 * 2);

	(void)state;
	fill(data, 65536, 3);
	ide_prd(0, BUFFER, 65536, true);	/* written as a length of 0 */
	assert_int_equal(dma(false, 0xca, 100, 128, false), ST_DRDY | 0x10);
	/*
	 * longer than the transfer: the rest is left alone; bit 0 of address and length is not
	 * there
	 */
	memset(data + 65536, 0x77, 65536);
	ide_prd(0, BUFFER + 65536 + 1, 1025, false);
	ide_prd(1, BUFFER + 65536 + 2048, 65536 - 2048, true);
	assert_int_equal(dma(false, 0xc8, 100, 4, true), ST_DRDY | 0x10);
	assert_memory_equal(data + 65536, data, 1024);
	assert_int_equal(data[65536 + 1024], 0x77);
	assert_memory_equal(data + 65536 + 2048, data + 1024, 1024);
	assert_int_equal(data[65536 + 2048 + 1024], 0x77);
	/* 2 bytes a piece: neighbours become one, scattered ones are too many from 1025 on */
	for (unsigned int i = 0; i < 2048; i++)
		ide_prd(i, BUFFER + 65536 + 2 * i, 2, i == 2047);
	assert_int_equal(dma(false, 0xc8, 100, 8, true), ST_DRDY | 0x10);
	assert_memory_equal(data + 65536, data, 4096);
	for (unsigned int i = 0; i < 2048; i++)
		ide_prd(i, BUFFER + 65536 + 4 * i, 2, i == 2047);
	assert_bad_table(IDE_PRD);
	assert_int_equal(dma(false, 0xc8, 100, 4, true), ST_DRDY | 0x10);
	for (unsigned int i = 0; i < 1024; i++)
		assert_memory_equal(data + 65536 + 4 * i, data + 2 * i, 2);
}

static void directions_that_contradict(void **state)
{
	(void)state;
	ide_prd(0, BUFFER, 512, true);
	bm_prepare(false);
	ide_start28(0, 0xc8, 0, 1);
	bm_out(0, 1, BM_START);
	assert_int_equal(bm_status() & BM_ERROR, BM_ERROR);
	assert_int_equal(ide_alt() & ST_DRQ, ST_DRQ);
	ide_control(CTL_SRST);
	ide_control(0);
	bm_out(0, 1, 0);
	assert_int_equal(dma(false, 0xc8, 0, 1, true), ST_DRDY | 0x10);
}

static void bus_master_may_start_before_the_command(void **state)
{
	(void)state;
	ide_prd(0, BUFFER, 512, true);
	bm_prepare(true);
	bm_out(0, 1, BM_START | BM_READ);
	assert_int_equal(bm_status() & BM_ACTIVE, BM_ACTIVE);
	ide_start28(0, 0xc8, 0, 1);
	assert_true(FAKE_UNTIL(bm_status() & BM_IRQ));
	assert_int_equal(ide_wait(), ST_DRDY | 0x10);
}

/* ---- unplug, replug ---- */

static void drive_goes_and_comes_back(void **state)
{
	uint16_t id[256];

	(void)state;
	assert_int_equal(ide_simple(0, 0xc6, 0, 8) & ST_ERR, 0);
	for (unsigned int round = 0; round < 3; round++) {
		assert_int_equal(ide_detach(0), 0);
		ide_select(0);
		assert_int_equal(ide_alt(), 0);		/* beside a drive that is there */
		assert_int_equal(ide_in(R_STATUS), 0);
		ide_out(R_STATUS, 0xec);
		assert_int_equal(ide_alt(), 0);
		assert_int_equal(fake_in(HS_PORT_IDE0, 2), 0);
		identify(1, id, 2);
		assert_int_equal(ide_detach(1), 0);
		assert_int_equal(ide_alt(), 0xff);	/* nobody drives the bus */
		ide_attach(1);
		ide_attach(0);
		ide_select(0);
		identify(0, id, 2);
		assert_int_equal(id[59], 0);		/* as after power-on */
		assert_int_equal(id[100] | (uint32_t)id[101] << 16, LARGE / 512);
	}
	/* a new size shows when it comes back */
	assert_int_equal(ide_detach(0), 0);
	assert_int_equal(truncate(fake.path[0], 1 << 20), 0);
	hs_blk_check_size(fake.blk[0]);
	assert_true(FAKE_UNTIL((ide_attach(0), identify(0, id, 2), id[61] == 0)));
	assert_int_equal(id[60], 2048);
	assert_int_equal(hs_ide_location(3), PVK_COUNTERPART_IDE(HS_PCI_IDE, 1, 1));
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, power_on, power_off)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(signature_after_power_on_and_reset),
		CASE(empty_channel_floats),
		CASE(identify_says_what_the_disk_is),
		CASE(pio_round_trips),
		CASE(dma_round_trips),
		CASE(cylinders_heads_and_sectors),
		CASE(previous_content_is_shown),
		CASE(interrupt_is_raised_and_cleared),
		CASE(beyond_the_end),
		CASE(unknown_commands_are_aborted),
		CASE(refused_settings),
		CASE(read_only_disk_takes_no_write),
		CASE(failed_back_end_is_a_medium_error),
		CASE(without_write_cache_each_write_is_stable),
		CASE(bad_prd_tables),
		CASE(good_prd_tables),
		CASE(directions_that_contradict),
		CASE(bus_master_may_start_before_the_command),
		CASE(drive_goes_and_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
