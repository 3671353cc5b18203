/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit ABI: power, with the reason told (PVK_FEAT_POWER).
 *
 * PVK_CALL_POWER says what the guest is about to do, and why. OFF and REBOOT
 * end the VM: the call returns 0 and the caller halts; soon after, no CPU
 * runs any more. The first such call counts: later ones return 0 and change
 * nothing. The text is for a human: the host prints it with everything
 * that is not a printable ASCII character replaced. The console's ring is
 * drained before (console.h).
 *
 * The host asks for a shutdown by raising PVK_CHANNEL_POWER (event.h); a guest
 * that bound it asks with PVK_CALL_POWER_REQUEST what is wanted, and does it in
 * its own time. Binding the channel is the promise to react.
 */
#ifndef PVK_ABI_POWER_H
#define PVK_ABI_POWER_H

#include "types.h"

#define PVK_POWER_TEXT		232u	/* bytes of text */

enum pvk_power_op {
	PVK_POWER_NONE = 0,	/* answer of PVK_CALL_POWER_REQUEST only */
	PVK_POWER_OFF = 1,
	PVK_POWER_REBOOT = 2,
	PVK_POWER_PANIC = 3,	/* the guest cannot go on */
};

/*
 * PVK_CALL_POWER
 *   -PVK_EINVAL  unknown op or flag, or length > PVK_POWER_TEXT
 */
struct pvk_power {
	__u32 size;		/* IN: sizeof(struct pvk_power) */
	__u32 op;		/* IN: enum pvk_power_op */
	__u32 flags;		/* IN: PVK_POWER_GOES_ON or 0 */
	__u32 code;		/* IN: the guest's own exit code, 0 when it has none; reported */
	__u32 length;		/* IN: bytes of text, without a terminating zero */
	__u32 reserved;		/* IN: 0 */
	__u8 text[PVK_POWER_TEXT];	/* IN */
};

/*
 * PANIC only: the guest goes on by itself (a crash kernel is loaded, or it will
 * reboot): the host notes the panic, and does not end the VM.
 */
#define PVK_POWER_GOES_ON	(1u << 0)

PVK_ASSERT_SIZE(struct pvk_power, 256);
PVK_ASSERT_OFFSET(struct pvk_power, text, 24);

#endif /* PVK_ABI_POWER_H */
