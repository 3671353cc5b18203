/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Port and memory-mapped I/O: see io.h. Ports are looked up in an array, one
 * entry per port; memory-mapped regions in a list.
 *
 * Counting: one dispatch (one exit) is one count, at the first register that
 * it touches in the direction of the access; a string instruction is one
 * dispatch. So the counts of all registers and of what is unclaimed add up to
 * the exits for I/O.
 *
 * Locking: the array and the list change with the lock held or before vCPUs
 * run. An unlocked region of ports is looked up without the lock, an unlocked
 * MMIO region with it, and the lock is let go before its handler runs. Either may be
 * moved (a BAR) or go away meanwhile: its base is read once, and its handlers
 * check under a lock of their own whether they are still meant. Handlers of all others
 * run with the lock held.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "hs.h"
#include "io.h"
#include "leak.h"

#define PORTS		65536u
#define UNCLAIMED_SHOWN	256u	/* ports listed one by one */

static struct hs_hold not_measured;

struct hs_io {
	pthread_mutex_t *lock;
	struct hs_hold *hold;		/* of it */
	_Atomic(struct hs_region *) port[PORTS];
	struct hs_region *regions;	/* both spaces */
	uint32_t unclaimed_port[PORTS][2];
	uint64_t unclaimed_mmio[2];
	uint64_t unclaimed_mmio_last;	/* address */
};

int hs_io_create(struct hs_io **out, pthread_mutex_t *lock)
{
	struct hs_io *io = calloc(1, sizeof(*io));

	if (!io)
		return -ENOMEM;
	io->lock = lock;
	io->hold = &not_measured;
	*out = io;
	return 0;
}

void hs_io_measure(struct hs_io *io, struct hs_hold *hold)
{
	io->hold = hold;
}

void hs_io_destroy(struct hs_io *io)
{
	free(io);
}

static bool overlap(const struct hs_region *a, const struct hs_region *b)
{
	if (a->space != b->space)
		return false;
	return a->base <= b->base ? b->base - a->base < a->len : a->base - b->base < b->len;
}

int hs_io_add(struct hs_io *io, struct hs_region *region)
{
	if (!region->len || region->nregs > HS_IO_MAX_REGS ||
	    region->base + region->len < region->base)
		return -EINVAL;
	if (region->space == HS_PIO && region->base + region->len > PORTS)
		return -EINVAL;
	for (struct hs_region *r = io->regions; r; r = r->next)
		if (overlap(r, region))
			return -EBUSY;
	region->next = io->regions;
	io->regions = region;
	if (region->space == HS_PIO)
		for (uint64_t p = region->base; p < region->base + region->len; p++)
			atomic_store(&io->port[p], region);
	return 0;
}

void hs_io_remove(struct hs_io *io, struct hs_region *region)
{
	struct hs_region **link = &io->regions;

	while (*link && *link != region)
		link = &(*link)->next;
	if (!*link)
		return;
	*link = region->next;
	region->next = NULL;
	if (region->space == HS_PIO)
		for (uint64_t p = region->base; p < region->base + region->len; p++)
			atomic_store(&io->port[p], NULL);
}

/* The region that holds address, or NULL. */
static struct hs_region *io_find(struct hs_io *io, enum hs_space space, uint64_t address)
{
	if (space == HS_PIO)
		return atomic_load(&io->port[address & (PORTS - 1)]);
	for (struct hs_region *r = io->regions; r; r = r->next)
		if (r->space == HS_MMIO && address >= r->base && address - r->base < r->len)
			return r;
	return NULL;
}

/*
 * Index of the register that an access at offset means, region->nregs when
 * none covers it. *allowed: whether the direction is served at all. Two
 * registers may share an offset, one for each direction.
 */
static unsigned int find_reg(const struct hs_region *region, uint64_t offset, bool write,
			     bool *allowed)
{
	unsigned int want = write ? HS_REG_W : HS_REG_R;
	unsigned int found = region->nregs;

	*allowed = true;
	for (unsigned int i = 0; i < region->nregs; i++) {
		const struct hs_reg *reg = &region->regs[i];

		if (offset < reg->offset || offset - reg->offset >= reg->size)
			continue;
		if (reg->access & want)
			return i;
		found = i;
	}
	if (found < region->nregs)
		*allowed = false;
	return found;
}

static uint64_t load(const void *data, unsigned int size)
{
	uint64_t value = 0;

	memcpy(&value, data, size);	/* little endian host, as KVM's x86 is */
	return value;
}

/* All units of one access to a region that holds each of them whole. */
static void io_serve(struct hs_region *region, uint64_t offset, bool write, unsigned int size,
		  uint8_t *data, uint32_t count)
{
	bool allowed;
	unsigned int reg = find_reg(region, offset, write, &allowed);

	__atomic_fetch_add(&region->count[reg][write], 1, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < count; i++, data += size) {
		if (write) {
			if (allowed)
				region->write(region->opaque, offset, size, load(data, size));
		} else {
			uint64_t value = allowed ? region->read(region->opaque, offset, size) : 0;

			hs_leaves(&value, size);
			memcpy(data, &value, size);
		}
	}
}

static void unclaimed(struct hs_io *io, enum hs_space space, uint64_t address, bool write,
		      unsigned int size, uint8_t *data, uint32_t count)
{
	if (space == HS_PIO) {
		__atomic_fetch_add(&io->unclaimed_port[address & (PORTS - 1)][write], 1,
				   __ATOMIC_RELAXED);
	} else {
		__atomic_fetch_add(&io->unclaimed_mmio[write], 1, __ATOMIC_RELAXED);
		__atomic_store_n(&io->unclaimed_mmio_last, address, __ATOMIC_RELAXED);
	}
	if (!write && count)
		memset(data, 0xff, (size_t)size * count);
}

/*
 * An access that begins outside every region, or crosses a region's edge: byte
 * by byte, as the bus of a PC splits it. Counted once, where its first byte is.
 * Lock held.
 */
static void split(struct hs_io *io, enum hs_space space, uint64_t address, bool write,
		  unsigned int size, uint8_t *data, uint32_t count)
{
	struct hs_region *first = io_find(io, space, address);
	bool counted = false, allowed;

	for (uint32_t i = 0; i < count; i++) {
		for (unsigned int b = 0; b < size; b++, data++) {
			struct hs_region *r = io_find(io, space, address + b);
			uint64_t offset;
			unsigned int reg;

			if (!r) {
				if (!write)
					*data = 0xff;
				continue;
			}
			offset = address + b - r->base;
			reg = find_reg(r, offset, write, &allowed);
			if (!counted && r == first) {
				__atomic_fetch_add(&r->count[reg][write], 1, __ATOMIC_RELAXED);
				counted = true;
			}
			if (write && allowed)
				r->write(r->opaque, offset, 1, *data);
			else if (!write)
				*data = allowed ? (uint8_t)r->read(r->opaque, offset, 1) : 0;
			hs_leaves(data, 1);
		}
	}
	if (!counted)
		unclaimed(io, space, address, write, size, data, 0);
}

/* Whether the region has the whole access, and at which offset. */
static bool holds(const struct hs_region *region, uint64_t address, unsigned int size,
		  uint64_t *offset)
{
	uint64_t base = __atomic_load_n(&region->base, __ATOMIC_RELAXED);

	*offset = address - base;
	return address >= base && *offset < region->len && size <= region->len - *offset;
}

/* Whether an access touches any region at all. */
static bool touches(struct hs_io *io, enum hs_space space, uint64_t address, unsigned int size)
{
	for (unsigned int b = 0; b < size; b++)
		if (io_find(io, space, address + b))
			return true;
	return false;
}

void hs_io_dispatch(struct hs_io *io, enum hs_space space, uint64_t address, bool write,
		    unsigned int size, void *data, uint32_t count)
{
	struct hs_region *region;
	uint64_t offset;

	if (space == HS_PIO) {
		region = io_find(io, space, address);
		if (region && region->unlocked && holds(region, address, size, &offset)) {
			io_serve(region, offset, write, size, data, count);
			return;
		}
	}
	pthread_mutex_lock(io->lock);
	hs_hold_begin(io->hold);
	region = io_find(io, space, address);
	if (region && holds(region, address, size, &offset)) {
		if (region->unlocked) {
			hs_hold_end(io->hold);
			pthread_mutex_unlock(io->lock);
			io_serve(region, offset, write, size, data, count);
			return;
		}
		io_serve(region, offset, write, size, data, count);
	} else if (touches(io, space, address, size)) {
		split(io, space, address, write, size, data, count);
	} else {
		unclaimed(io, space, address, write, size, data, count);
	}
	hs_hold_end(io->hold);
	pthread_mutex_unlock(io->lock);
}

static void json_line(FILE *out, bool *first, const char *device, const char *name,
		      const char *space, uint64_t address, uint64_t reads, uint64_t writes)
{
	fprintf(out, "%s\n\t\t\t{\"device\": \"%s\", \"register\": \"%s\", \"space\": \"%s\", "
		"\"address\": %llu, \"reads\": %llu, \"writes\": %llu}", *first ? "" : ",",
		device, name, space, (unsigned long long)address, (unsigned long long)reads,
		(unsigned long long)writes);
	*first = false;
}

void hs_io_json(struct hs_io *io, FILE *out)
{
	static const char * const space_name[] = { [HS_PIO] = "pio", [HS_MMIO] = "mmio" };
	uint64_t rest[2] = { 0, 0 }, n[2];
	unsigned int shown = 0;
	bool first = true;

	pthread_mutex_lock(io->lock);
	fprintf(out, "[");
	for (struct hs_region *r = io->regions; r; r = r->next) {
		for (unsigned int i = 0; i <= r->nregs; i++) {
			for (unsigned int w = 0; w < 2; w++)
				n[w] = __atomic_load_n(&r->count[i][w], __ATOMIC_RELAXED);
			if (n[0] || n[1])
				json_line(out, &first, r->device,
					  i < r->nregs ? r->regs[i].name : "other",
					  space_name[r->space],
					  r->base + (i < r->nregs ? r->regs[i].offset : 0), n[0],
					  n[1]);
		}
	}
	for (unsigned int p = 0; p < PORTS; p++) {
		for (unsigned int w = 0; w < 2; w++)
			n[w] = __atomic_load_n(&io->unclaimed_port[p][w], __ATOMIC_RELAXED);
		if (!n[0] && !n[1])
			continue;
		if (shown++ < UNCLAIMED_SHOWN) {
			json_line(out, &first, "unclaimed", "port", "pio", p, n[0], n[1]);
		} else {
			rest[0] += n[0];
			rest[1] += n[1];
		}
	}
	if (rest[0] || rest[1])
		json_line(out, &first, "unclaimed", "more ports", "pio", 0, rest[0], rest[1]);
	if (io->unclaimed_mmio[0] || io->unclaimed_mmio[1])
		json_line(out, &first, "unclaimed", "last address", "mmio", io->unclaimed_mmio_last,
			  io->unclaimed_mmio[0], io->unclaimed_mmio[1]);
	fprintf(out, "]");
	pthread_mutex_unlock(io->lock);
}
