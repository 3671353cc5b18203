/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit ABI: memory that the guest does not use (PVK_FEAT_MEM).
 *
 * PVK_CALL_MEM_REPORT gives the host leave to take the memory behind blocks of
 * guest RAM. Their contents are lost at once: the guest later reads zeroes or
 * what was there, and may use them again without asking.
 */
#ifndef PVK_ABI_MEM_H
#define PVK_ABI_MEM_H

#include "types.h"

/*
 * PVK_CALL_MEM_REPORT (array of __u64, count): an entry is a guest-physical
 * address, aligned to the block's size, with the block's order (4096 << order
 * bytes, order <= PVK_MEM_ORDER_MAX) in the low bits. Returns how many entries
 * it served; less than count when the time of a call was over: repeat with the rest.
 *   -PVK_EINVAL  count is 0 or above PVK_MEM_REPORT_MAX, or an order is too large;
 *                entries before a bad one may have been served
 *   -PVK_EFAULT  the array, or a block, is misaligned or not in RAM
 */
#define PVK_MEM_REPORT_MAX	64u
#define PVK_MEM_ORDER_MAX	13u	/* 32 MiB */
#define PVK_MEM_ORDER(entry)	((entry) & 0xfffu)
#define PVK_MEM_ADDRESS(entry)	((entry) & ~0xfffull)

#endif /* PVK_ABI_MEM_H */
