/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit ABI: the console (PVK_FEAT_CONSOLE), two byte rings in guest memory.
 *
 * The guest gives one piece of zeroed memory: struct pvk_console, then the output ring
 * (out_bytes), then the input ring (in_bytes). Bytes are numbered 0, 1, 2 ... modulo 2^32; byte n
 * is at n mod the size of its ring. The guest produces output, the host input. A producer stores
 * bytes, then head (release). A consumer reads head (acquire), takes the bytes, then stores tail
 * (release). head - tail never exceeds the ring's size; if the host sees more, it takes nothing
 * until the guest sets the console up again.
 *
 * Notification is by number, as with the rings of ring.h. To sleep, a consumer stores in its wake
 * word the number of the byte that it waits for, issues a full barrier, and looks at head once
 * more. A producer that moved head from `old` to `new` issues a full barrier and notifies if
 * new - wake - 1 < new - old (unsigned 32-bit). The guest notifies by a doorbell (`doorbell`
 * written to the doorbell port), the host by PVK_CHANNEL_CONSOLE (event.h). A host that is awake
 * polls for a while, so a guest with much output seldom rings.
 *
 * A guest whose output ring is full calls PVK_CALL_CONSOLE_FLUSH, or waits for out_tail, or drops
 * output. The host loses no byte that it has taken.
 */
#ifndef PVK_ABI_CONSOLE_H
#define PVK_ABI_CONSOLE_H

#include "types.h"

#define PVK_CONSOLE_MIN		256u		/* bytes of a ring, a power of two */
#define PVK_CONSOLE_MAX		1048576u

struct pvk_console {
	/* written by the guest */
	__u32 out_head;		/* output bytes put */
	__u32 in_tail;		/* input bytes taken */
	__u32 in_wake;		/* number of the input byte it waits for */
	__u32 guest_reserved[29];
	/* written by the host */
	__u32 out_tail;
	__u32 in_head;
	__u32 out_wake;		/* number of the output byte it waits for */
	__u32 host_reserved[29];
};

PVK_ASSERT_SIZE(struct pvk_console, 256);
PVK_ASSERT_OFFSET(struct pvk_console, out_tail, 128);

/*
 * PVK_CALL_CONSOLE_SETUP. A second call replaces the first; the host drains the old ring before.
 * With gpa = 0 and sizes 0 the host drains the ring and the console ends.
 *   -PVK_EINVAL  a size is no power of two or out of range
 *   -PVK_EFAULT  gpa is not a multiple of 64, or not all in RAM
 *   -PVK_EAGAIN  the old ring is not yet drained: repeat
 *
 * PVK_CALL_CONSOLE_FLUSH () returns 0 if the host took all that was put before the call,
 * -PVK_EAGAIN if it took a part (repeat), -PVK_EPROTO if no console is set up.
 */
struct pvk_console_setup {
	__u32 size;		/* IN: sizeof(struct pvk_console_setup) */
	__u32 out_bytes;	/* IN: of the output ring */
	__u64 gpa;		/* IN: struct pvk_console and the rings, zeroed */
	__u32 in_bytes;		/* IN: of the input ring */
	__u32 doorbell;		/* OUT: the value to write to the doorbell port */
};

PVK_ASSERT_SIZE(struct pvk_console_setup, 24);

#endif /* PVK_ABI_CONSOLE_H */
