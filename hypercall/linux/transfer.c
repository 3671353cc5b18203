// SPDX-License-Identifier: GPL-2.0-only
/*
 * The transfer (abi/call.h): one OUT to the call port, arguments in registers.
 * A file of its own, for which tests have another.
 */
#include <linux/compiler.h>

#include "core.h"

/*
 * One call, any context, never repeated: 0 or a result, or -errno; -EAGAIN when
 * it made progress and wants to be repeated. Without an offered transfer
 * nothing is executed.
 */
int pvk_call(u32 nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
	u64 status = nr;

	if (!(pvk_host.offer.transfer & PVK_TRANSFER_PIO))
		return -EOPNOTSUPP;
	if (nr > PVK_CALL_NEGOTIATE && !READ_ONCE(pvk_host.open))
		return -ENODEV;

	atomic64_inc(&pvk_host.calls);
	asm volatile("outl %%eax, %%dx"
		     : "+a" (status)
		     : "d" (pvk_host.offer.call_port), "b" (a0), "c" (a1), "S" (a2), "D" (a3)
		     : "memory");
	return pvk_errno((s64)status);
}
