/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Port and memory-mapped I/O: regions, their registers, and the statistics of
 * every access by device register.
 *
 * A chip owns its struct hs_region (static life until hs_io_remove()) and
 * describes its registers in a table; an access that no register covers is
 * counted under "other". Unclaimed addresses read as all ones and ignore
 * writes, and are counted too.
 */
#ifndef HS_IO_H
#define HS_IO_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum hs_space { HS_PIO, HS_MMIO };

#define HS_REG_R	1u
#define HS_REG_W	2u
#define HS_REG_RW	3u

struct hs_reg {
	uint16_t offset;	/* from the region's base */
	uint16_t size;		/* bytes it covers */
	uint8_t access;		/* HS_REG_*; others: reads 0 / write ignored, counted */
	const char *name;	/* as in the chip's data sheet */
};

#define HS_IO_MAX_REGS	96

struct hs_region {
	const char *device;	/* for the statistics: "uart", "ide0" ... */
	enum hs_space space;
	uint64_t base;
	uint64_t len;
	const struct hs_reg *regs;
	unsigned int nregs;	/* <= HS_IO_MAX_REGS */
	bool unlocked;		/* handlers take care of themselves, vm->lock not held; see below */
	/* size is 1, 2, 4 or 8; an access never crosses the region's end */
	uint64_t (*read)(void *opaque, uint64_t offset, unsigned int size);
	void (*write)(void *opaque, uint64_t offset, unsigned int size, uint64_t value);
	void *opaque;
	/* accounts, written by io.c (relaxed atomics): [register or nregs][is write] */
	uint64_t count[HS_IO_MAX_REGS + 1][2];
	struct hs_region *next;
};

struct hs_io;

int hs_io_create(struct hs_io **out, pthread_mutex_t *lock);
void hs_io_destroy(struct hs_io *io);

/* Times how long the lock is held by accesses. Before vCPUs run. */
struct hs_hold;
void hs_io_measure(struct hs_io *io, struct hs_hold *hold);

/* -EBUSY when it overlaps another region. Call with the lock held or before vCPUs run. */
int hs_io_add(struct hs_io *io, struct hs_region *region);
/*
 * The same. Never waits: an access to an unlocked region that began before may still be in
 * its handler, which has to find out by itself; the region stays in memory until all
 * vCPU threads have ended.
 */
void hs_io_remove(struct hs_io *io, struct hs_region *region);

/* From a vCPU thread, lock not held. count > 1: a string instruction, data packed. */
void hs_io_dispatch(struct hs_io *io, enum hs_space space, uint64_t address, bool write,
		    unsigned int size, void *data, uint32_t count);

/* The statistics as the JSON value of "registers": see docs/measure.md. */
void hs_io_json(struct hs_io *io, FILE *out);

#endif /* HS_IO_H */
