/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Breakpoints and watchpoints of a debugger: an instruction in the guest's memory, and the four
 * debug registers of an x86 CPU, the same on every vCPU. The instruction is int3, where the host's
 * KVM stops at that; else an OUT to a port. No KVM, no lock: they are the debugger's
 * thread's, while no vCPU runs.
 */
#ifndef HS_GDB_POINTS_H
#define HS_GDB_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HS_GDB_POINTS	256u	/* of all kinds */
#define HS_GDB_SLOTS	4u	/* debug registers */
#define HS_GDB_CODE	2u	/* bytes of the longest instruction of a breakpoint */
#define HS_GDB_PORT	0xe3u	/* of the OUT; no chip of ours, nor of KVM's, has it */

/* Of the packets Z and z: the numbers are the protocol's. */
enum hs_gdb_kind {
	HS_GDB_SOFT = 0,
	HS_GDB_HARD = 1,
	HS_GDB_WATCH_WRITE = 2,
	HS_GDB_WATCH_ACCESS = 4,
};

struct hs_gdb_point {
	bool used;
	enum hs_gdb_kind kind;
	uint64_t address;	/* virtual */
	unsigned int length;	/* of a watchpoint: 1, 2, 4 or 8 */
	uint8_t *ram;		/* where the instruction is; NULL: in a debug register */
	uint8_t saved[HS_GDB_CODE];	/* what was there */
	unsigned int slot;	/* which debug register */
};

struct hs_gdb_points {
	struct hs_gdb_point point[HS_GDB_POINTS];
	bool by_out;		/* the instruction is HS_GDB_OUT, and not int3 */
};

/* Bytes of the instruction. */
unsigned int hs_gdb_points_code(const struct hs_gdb_points *points);

/*
 * `ram` is where a software breakpoint's instruction is to lie, or NULL if nothing is mapped there:
 * then it takes a debug register. One that is there already is as good as new.
 * 0; -EINVAL: length or alignment; -ENOSPC: no room, or no debug register is left; -EBUSY: it would
 * overlap another one.
 */
int hs_gdb_point_insert(struct hs_gdb_points *points, enum hs_gdb_kind kind, uint64_t address,
			unsigned int length, uint8_t *ram);

/* 0, also when there was none. */
int hs_gdb_point_remove(struct hs_gdb_points *points, enum hs_gdb_kind kind, uint64_t address,
			unsigned int length);

void hs_gdb_points_clear(struct hs_gdb_points *points);

/* The guest's memory is gone, and each instruction of ours with it. */
void hs_gdb_points_forget_memory(struct hs_gdb_points *points);

/* Copies guest memory at `ram` as it is without breakpoints, and to it, leaving them in. */
void hs_gdb_points_read(const struct hs_gdb_points *points, const uint8_t *ram, uint8_t *to,
			size_t len);
void hs_gdb_points_write(struct hs_gdb_points *points, uint8_t *ram, const uint8_t *from,
			 size_t len);

/* Is that our instruction, whoever put it there? ram: hs_gdb_points_code() bytes. */
bool hs_gdb_points_is_code(const struct hs_gdb_points *points, const uint8_t *ram);

/* Is there a breakpoint of ours at that place of memory, whatever address leads there? */
bool hs_gdb_points_is_at(const struct hs_gdb_points *points, const uint8_t *ram);

/* Is there an instruction of ours at that address; at any? */
bool hs_gdb_points_soft_at(const struct hs_gdb_points *points, uint64_t address);
bool hs_gdb_points_soft(const struct hs_gdb_points *points);

/* Is there a watchpoint at that address? */
bool hs_gdb_points_watches(const struct hs_gdb_points *points, uint64_t address);

/* The point in that debug register, or NULL. */
const struct hs_gdb_point *hs_gdb_points_in_slot(const struct hs_gdb_points *points,
						 unsigned int slot);

/* Fills DR0 to DR3; returns DR7, 0 if none is in use. */
uint64_t hs_gdb_points_registers(const struct hs_gdb_points *points, uint64_t dr[HS_GDB_SLOTS]);

#endif /* HS_GDB_POINTS_H */
