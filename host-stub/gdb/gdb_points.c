// SPDX-License-Identifier: BSD-2-Clause
/* Breakpoints and watchpoints of a debugger: see gdb_points.h. */
#include <errno.h>
#include <string.h>

#include "gdb_points.h"

static const uint8_t int3[] = { 0xcc };
static const uint8_t out[] = { 0xe6, HS_GDB_PORT };	/* out %al, $port */

_Static_assert(sizeof(out) <= HS_GDB_CODE, "room for what was there");

/* Intel SDM vol. 3, 18.2.4: DR7 */
#define DR7_EXACT	0x700u			/* LE, GE, and bit 10, which is always set */
#define DR7_GLOBAL(slot)	(2ull << 2 * (slot))
#define DR7_KIND(slot, kind)	((uint64_t)(kind) << (16 + 4 * (slot)))
#define DR7_LENGTH(slot, code)	((uint64_t)(code) << (18 + 4 * (slot)))

static const uint8_t *point_code(const struct hs_gdb_points *points)
{
	return points->by_out ? out : int3;
}

unsigned int hs_gdb_points_code(const struct hs_gdb_points *points)
{
	return points->by_out ? sizeof(out) : sizeof(int3);
}

bool hs_gdb_points_is_code(const struct hs_gdb_points *points, const uint8_t *ram)
{
	return !memcmp(ram, point_code(points), hs_gdb_points_code(points));
}

/* Is the point's instruction there still? The guest may have put something in its place. */
static bool is_in(const struct hs_gdb_points *points, const struct hs_gdb_point *p)
{
	return p->used && p->ram && hs_gdb_points_is_code(points, p->ram);
}

static bool overlaps(const struct hs_gdb_points *points, const uint8_t *ram)
{
	for (unsigned int i = 0; i < HS_GDB_POINTS; i++) {
		const struct hs_gdb_point *p = &points->point[i];

		/* At the same place, by two addresses, it is the same instruction. */
		if (p->used && p->ram && p->ram != ram &&
		    (p->ram < ram ? ram - p->ram : p->ram - ram) < hs_gdb_points_code(points))
			return true;
	}
	return false;
}

static struct hs_gdb_point *find_point(struct hs_gdb_points *points, enum hs_gdb_kind kind,
				       uint64_t address, unsigned int length)
{
	for (unsigned int i = 0; i < HS_GDB_POINTS; i++) {
		struct hs_gdb_point *p = &points->point[i];

		if (p->used && p->kind == kind && p->address == address &&
		    (kind <= HS_GDB_HARD || p->length == length))
			return p;
	}
	return NULL;
}

const struct hs_gdb_point *hs_gdb_points_in_slot(const struct hs_gdb_points *points,
						 unsigned int slot)
{
	for (unsigned int i = 0; i < HS_GDB_POINTS; i++) {
		const struct hs_gdb_point *p = &points->point[i];

		if (p->used && !p->ram && p->slot == slot)
			return p;
	}
	return NULL;
}

static int free_slot(const struct hs_gdb_points *points, unsigned int *slot)
{
	for (*slot = 0; *slot < HS_GDB_SLOTS; (*slot)++)
		if (!hs_gdb_points_in_slot(points, *slot))
			return 0;
	return -ENOSPC;
}

static bool watchable(uint64_t address, unsigned int length)
{
	return (length == 1 || length == 2 || length == 4 || length == 8) &&
	       !(address & (length - 1));
}

int hs_gdb_point_insert(struct hs_gdb_points *points, enum hs_gdb_kind kind, uint64_t address,
			unsigned int length, uint8_t *ram)
{
	struct hs_gdb_point new = {
		.used = true, .kind = kind, .address = address, .length = length,
		.ram = kind == HS_GDB_SOFT ? ram : NULL,
	};

	if (kind > HS_GDB_HARD && !watchable(address, length))
		return -EINVAL;
	if (find_point(points, kind, address, length))
		return 0;
	if (!new.ram && free_slot(points, &new.slot) < 0)
		return -ENOSPC;
	if (new.ram && overlaps(points, new.ram))
		return -EBUSY;
	for (unsigned int i = 0; i < HS_GDB_POINTS; i++) {
		if (points->point[i].used)
			continue;
		/* Two addresses of one place: the second finds what was there. */
		if (new.ram) {
			hs_gdb_points_read(points, new.ram, new.saved, hs_gdb_points_code(points));
			memcpy(new.ram, point_code(points), hs_gdb_points_code(points));
		}
		points->point[i] = new;
		return 0;
	}
	return -ENOSPC;
}

static void drop_point(struct hs_gdb_points *points, struct hs_gdb_point *p)
{
	bool shared = false, in = is_in(points, p);

	p->used = false;
	for (unsigned int i = 0; i < HS_GDB_POINTS && p->ram; i++)
		shared |= points->point[i].used && points->point[i].ram == p->ram;
	if (in && !shared)
		memcpy(p->ram, p->saved, hs_gdb_points_code(points));
}

int hs_gdb_point_remove(struct hs_gdb_points *points, enum hs_gdb_kind kind, uint64_t address,
			unsigned int length)
{
	struct hs_gdb_point *p = find_point(points, kind, address, length);

	if (p)
		drop_point(points, p);
	return 0;
}

void hs_gdb_points_clear(struct hs_gdb_points *points)
{
	for (unsigned int i = 0; i < HS_GDB_POINTS; i++)
		if (points->point[i].used)
			drop_point(points, &points->point[i]);
}

void hs_gdb_points_forget_memory(struct hs_gdb_points *points)
{
	for (unsigned int i = 0; i < HS_GDB_POINTS; i++)
		if (points->point[i].ram)
			points->point[i] = (struct hs_gdb_point){ 0 };
}

void hs_gdb_points_read(const struct hs_gdb_points *points, const uint8_t *ram, uint8_t *to,
			size_t len)
{
	memcpy(to, ram, len);
	for (unsigned int i = 0; i < HS_GDB_POINTS; i++) {
		const struct hs_gdb_point *p = &points->point[i];

		if (!is_in(points, p))
			continue;
		for (unsigned int b = 0; b < hs_gdb_points_code(points); b++)
			if (p->ram + b >= ram && (size_t)(p->ram + b - ram) < len)
				to[p->ram + b - ram] = p->saved[b];
	}
}

void hs_gdb_points_write(struct hs_gdb_points *points, uint8_t *ram, const uint8_t *from,
			 size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool taken = false;

		for (unsigned int k = 0; k < HS_GDB_POINTS; k++) {
			struct hs_gdb_point *p = &points->point[k];

			if (!is_in(points, p) || ram + i < p->ram ||
			    (size_t)(ram + i - p->ram) >= hs_gdb_points_code(points))
				continue;
			p->saved[ram + i - p->ram] = from[i];
			taken = true;
		}
		if (!taken)
			ram[i] = from[i];
	}
}

bool hs_gdb_points_is_at(const struct hs_gdb_points *points, const uint8_t *ram)
{
	for (unsigned int i = 0; i < HS_GDB_POINTS; i++)
		if (points->point[i].used && points->point[i].ram == ram)
			return true;
	return false;
}

bool hs_gdb_points_watches(const struct hs_gdb_points *points, uint64_t address)
{
	for (unsigned int i = 0; i < HS_GDB_POINTS; i++) {
		const struct hs_gdb_point *p = &points->point[i];

		if (p->used && p->kind > HS_GDB_HARD && p->address == address)
			return true;
	}
	return false;
}

bool hs_gdb_points_soft_at(const struct hs_gdb_points *points, uint64_t address)
{
	for (unsigned int i = 0; i < HS_GDB_POINTS; i++) {
		const struct hs_gdb_point *p = &points->point[i];

		if (p->used && p->ram && p->address == address)
			return true;
	}
	return false;
}

bool hs_gdb_points_soft(const struct hs_gdb_points *points)
{
	for (unsigned int i = 0; i < HS_GDB_POINTS; i++)
		if (points->point[i].used && points->point[i].ram)
			return true;
	return false;
}

uint64_t hs_gdb_points_registers(const struct hs_gdb_points *points, uint64_t dr[HS_GDB_SLOTS])
{
	static const uint8_t length_code[9] = { [2] = 1, [8] = 2, [4] = 3 };
	uint64_t dr7 = 0;

	for (unsigned int slot = 0; slot < HS_GDB_SLOTS; slot++) {
		const struct hs_gdb_point *p = hs_gdb_points_in_slot(points, slot);

		dr[slot] = p ? p->address : 0;
		if (!p)
			continue;
		dr7 |= DR7_EXACT | DR7_GLOBAL(slot);
		if (p->kind <= HS_GDB_HARD)
			continue;
		dr7 |= DR7_KIND(slot, p->kind == HS_GDB_WATCH_WRITE ? 1 : 3) |
		       DR7_LENGTH(slot, length_code[p->length]);
	}
	return dr7;
}
