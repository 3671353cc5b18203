/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit ABI: memory that the guest does not use (PVK_FEAT_MEM).
 *
 * PVK_CALL_MEM_REPORT allows the host to take the memory behind blocks of guest RAM. Their contents
 * are lost at once: the guest later reads zeroes, or what was there. It may use the blocks again
 * without a call.
 */
#ifndef PVK_ABI_MEM_H
#define PVK_ABI_MEM_H

#include "types.h"

/*
 * PVK_CALL_MEM_REPORT (array of __u64, count). An entry is the guest-physical address of a block,
 * aligned to the block's size, with the block's order in the low bits: the block has
 * 4096 << order bytes, order <= PVK_MEM_ORDER_MAX. Returns how many entries the host served. If
 * that is less than count, the time of one call was over: repeat with the rest.
 *   -PVK_EINVAL  count is 0 or above PVK_MEM_REPORT_MAX, or an order is too large; the host
 *                may have served entries before the bad one
 *   -PVK_EFAULT  the array, or a block, is misaligned or not in RAM
 */
#define PVK_MEM_REPORT_MAX	64u
#define PVK_MEM_ORDER_MAX	13u	/* 32 MiB */
#define PVK_MEM_ORDER(entry)	((entry) & 0xfffu)
#define PVK_MEM_ADDRESS(entry)	((entry) & ~0xfffull)

#endif /* PVK_ABI_MEM_H */
