/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU's registers as a debugger sees them: one struct, and the table that says which bytes of it
 * are which register, in the order of the protocol's numbers.
 */
#ifndef HS_GDB_REGS_H
#define HS_GDB_REGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hs_gdb_regs {
	uint64_t gpr[16];	/* rax rbx rcx rdx rsi rdi rbp rsp r8 ... r15 */
	uint64_t rip;
	uint32_t eflags;
	uint32_t segment[6];	/* selectors: cs ss ds es fs gs */
	uint8_t st[8][10];
	uint32_t fpu[8];	/* fctrl fstat ftag fiseg fioff foseg fooff fop */
	uint8_t xmm[16][16];
	uint32_t mxcsr;
	uint64_t fs_base, gs_base, k_gs_base;
	uint64_t cr0, cr2, cr3, cr4, cr8, efer;
};

struct hs_gdb_reg {
	const char *name;
	uint16_t offset, bytes;	/* in struct hs_gdb_regs */
	const char *type;	/* of the description */
	const char *feature;	/* a new one begins here, if not NULL */
	bool fixed;		/* cannot be written */
};

#define HS_GDB_REG_COUNT	66u

extern const struct hs_gdb_reg hs_gdb_reg[HS_GDB_REG_COUNT];

/* The target's description (XML), made once; its length in *len. */
const char *hs_gdb_description(size_t *len);

#endif /* HS_GDB_REGS_H */
