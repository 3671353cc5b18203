/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The information page (abi/info.h): built at power-on, when all vCPUs are as
 * the guest will find them; its clock is rewritten when time made a jump.
 */
#ifndef HS_DEV_INFO_H
#define HS_DEV_INFO_H

#include "../hs.h"

#define HS_INFO_BIT(tag)	(1u << (tag))	/* of config.info */
#define HS_INFO_ALL		0x7eu

/* Writes the page into RAM. 0 or -errno, with the line printed. */
int hs_info_create(struct hs_vm *vm);

/*
 * Rewrites the clock, and raises its channel. On the thread of vCPU 0, or while
 * none runs.
 */
void hs_info_clock(struct hs_vm *vm);

#endif /* HS_DEV_INFO_H */
