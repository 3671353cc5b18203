/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver of the emulated IDE for tests: commands by their registers (ATA/
 * ATAPI-7 vol. 1) and the bus master (82371AB data sheet, 5.2). Channel 0.
 */
#ifndef TESTS_IDE_GUEST_H
#define TESTS_IDE_GUEST_H

#include "fake_vm.h"

enum { R_DATA, R_ERROR, R_COUNT, R_LOW, R_MID, R_HIGH, R_DEVICE, R_STATUS };

#define ST_BSY		0x80u
#define ST_DRDY		0x40u
#define ST_DRQ		0x08u
#define ST_ERR		0x01u
#define ER_UNC		0x40u
#define ER_IDNF		0x10u
#define ER_ABRT		0x04u
#define CTL_NIEN	0x02u
#define CTL_SRST	0x04u
#define CTL_HOB		0x80u
#define BM_START	0x01u
#define BM_READ		0x08u	/* the disk is read: to memory */
#define BM_ACTIVE	0x01u
#define BM_ERROR	0x02u
#define BM_IRQ		0x04u
#define PRD_EOT		0x80000000u

#define IDE_PRD		0x380000ull	/* where the tables are made: apart from PV_RINGS */

static inline uint8_t ide_in(unsigned int reg)
{
	return (uint8_t)fake_in((uint16_t)(HS_PORT_IDE0 + reg), 1);
}

static inline void ide_out(unsigned int reg, uint8_t value)
{
	fake_out((uint16_t)(HS_PORT_IDE0 + reg), 1, value);
}

static inline uint8_t ide_alt(void)
{
	return (uint8_t)fake_in(HS_PORT_IDE0_CTL, 1);
}

static inline void ide_control(uint8_t value)
{
	fake_out(HS_PORT_IDE0_CTL, 1, value);
}

/* Waits for the end of BSY without touching the interrupt; the status. */
static inline uint8_t ide_wait(void)
{
	(void)FAKE_UNTIL(!(ide_alt() & ST_BSY));
	return ide_alt();
}

static inline void ide_select(unsigned int drive)
{
	ide_out(R_DEVICE, (uint8_t)(0xe0 | drive << 4));
}

/* Task file of a 28-bit command; count 0 means 256. */
static inline void ide_start28(unsigned int drive, uint8_t command, uint32_t lba, uint8_t count)
{
	ide_out(R_DEVICE, (uint8_t)(0xe0 | drive << 4 | (lba >> 24 & 0x0f)));
	ide_out(R_COUNT, count);
	ide_out(R_LOW, (uint8_t)lba);
	ide_out(R_MID, (uint8_t)(lba >> 8));
	ide_out(R_HIGH, (uint8_t)(lba >> 16));
	ide_out(R_STATUS, command);
}

/* Task file of a 48-bit command: previous content first; count 0 means 65536. */
static inline void ide_start48(unsigned int drive, uint8_t command, uint64_t lba, uint16_t count)
{
	ide_out(R_DEVICE, (uint8_t)(0xe0 | drive << 4));
	for (unsigned int previous = 2; previous-- > 0;) {
		ide_out(R_COUNT, (uint8_t)(count >> 8 * previous));
		ide_out(R_LOW, (uint8_t)(lba >> (previous ? 24 : 0)));
		ide_out(R_MID, (uint8_t)(lba >> (previous ? 32 : 8)));
		ide_out(R_HIGH, (uint8_t)(lba >> (previous ? 40 : 16)));
	}
	ide_out(R_STATUS, command);
}

static inline void ide_start(bool ext, unsigned int drive, uint8_t command, uint64_t lba,
			     uint32_t count)
{
	if (ext)
		ide_start48(drive, command, lba, (uint16_t)count);
	else
		ide_start28(drive, command, (uint32_t)lba, (uint8_t)count);
}

/* A command without data: its final status. */
static inline uint8_t ide_simple(unsigned int drive, uint8_t command, uint8_t feature,
				 uint8_t count)
{
	ide_select(drive);
	ide_out(R_ERROR, feature);
	ide_out(R_COUNT, count);
	ide_out(R_STATUS, command);
	return ide_wait();
}

/* Reads or writes blocks of data through the data register, `size` bytes an access. */
static inline uint8_t ide_pio_in(void *to, uint32_t bytes, uint32_t block, unsigned int size)
{
	uint8_t *p = to, status = ide_wait();

	while (bytes && status & ST_DRQ) {
		uint32_t n = bytes < block ? bytes : block;

		for (uint32_t i = 0; i < n; i += size) {
			uint32_t value = fake_in(HS_PORT_IDE0, size);

			memcpy(p + i, &value, size);
		}
		p += n;
		bytes -= n;
		status = ide_wait();
	}
	return status;
}

static inline uint8_t ide_pio_out(const void *from, uint32_t bytes, uint32_t block,
				  unsigned int size)
{
	const uint8_t *p = from;
	uint8_t status = ide_wait();

	while (bytes && status & ST_DRQ) {
		uint32_t n = bytes < block ? bytes : block;

		for (uint32_t i = 0; i < n; i += size) {
			uint32_t value = 0;

			memcpy(&value, p + i, size);
			fake_out(HS_PORT_IDE0, size, value);
		}
		p += n;
		bytes -= n;
		status = ide_wait();
	}
	return status;
}

/* One entry of the PRD table; len 65536 is written as 0. */
static inline void ide_prd(unsigned int n, uint32_t gpa, uint32_t len, bool last)
{
	uint32_t entry[2] = { gpa, (len & 0xffffu) | (last ? PRD_EOT : 0) };

	memcpy(fake_ram(IDE_PRD + 8ull * n, 8), entry, 8);
}

static inline void bm_out(unsigned int reg, unsigned int size, uint32_t value)
{
	fake_out((uint16_t)(HS_PORT_BMDMA + reg), size, value);
}

static inline uint8_t bm_status(void)
{
	return (uint8_t)fake_in(HS_PORT_BMDMA + 2, 1);
}

/* Sets the bus master up, for ide_start() to follow. */
static inline void bm_prepare(bool to_memory)
{
	bm_out(4, 4, (uint32_t)IDE_PRD);
	bm_out(0, 1, to_memory ? BM_READ : 0);
	bm_out(2, 1, BM_ERROR | BM_IRQ);
}

/* Starts it, waits, stops it as a driver does: the drive's status. */
static inline uint8_t bm_run(bool to_memory)
{
	uint8_t status;

	bm_out(0, 1, BM_START | (to_memory ? BM_READ : 0));
	(void)FAKE_UNTIL(bm_status() & (BM_IRQ | BM_ERROR));
	bm_out(0, 1, to_memory ? BM_READ : 0);
	status = ide_wait();
	return status;
}

/* What a driver of the paravirtual model has the host do: takes the drive away, gives it back. */
static inline int ide_detach(unsigned int n)
{
	int ret;

	pthread_mutex_lock(&fake.vm.lock);
	ret = hs_ide_detach(&fake.vm, n);
	pthread_mutex_unlock(&fake.vm.lock);
	return ret;
}

static inline void ide_attach(unsigned int n)
{
	pthread_mutex_lock(&fake.vm.lock);
	hs_ide_attach(&fake.vm, n);
	pthread_mutex_unlock(&fake.vm.lock);
}

#endif /* TESTS_IDE_GUEST_H */
