/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit ABI: power-off, reboot and panic with a reason (PVK_FEAT_POWER).
 *
 * PVK_CALL_POWER says what the guest is about to do, and why. OFF and REBOOT end the VM: the call
 * returns 0, the caller halts, and soon after no CPU runs any more. The first such call counts;
 * later ones return 0 and change nothing. The text is for a human. The host prints it, and replaces
 * everything that is not a printable ASCII character. It drains the console's ring before
 * (console.h).
 *
 * The host requests a shutdown by raising PVK_CHANNEL_POWER (event.h). A guest that bound this
 * channel calls PVK_CALL_POWER_REQUEST to learn what is wanted, and does it in its own time.
 * Binding the channel is the promise to react.
 */
#ifndef PVK_ABI_POWER_H
#define PVK_ABI_POWER_H

#include "types.h"

#define PVK_POWER_TEXT		232u	/* bytes of text */

enum pvk_power_op {
	PVK_POWER_NONE = 0,	/* only as an answer of PVK_CALL_POWER_REQUEST */
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
	__u32 code;		/* IN: the guest's own exit code, or 0; the host reports it */
	__u32 length;		/* IN: bytes of text, without a terminating zero */
	__u32 reserved;		/* IN: 0 */
	__u8 text[PVK_POWER_TEXT];	/* IN */
};

/*
 * PANIC only: the guest goes on by itself (it has a crash kernel, or will reboot). The host notes
 * the panic and does not end the VM.
 */
#define PVK_POWER_GOES_ON	(1u << 0)

PVK_ASSERT_SIZE(struct pvk_power, 256);
PVK_ASSERT_OFFSET(struct pvk_power, text, 24);

#endif /* PVK_ABI_POWER_H */
