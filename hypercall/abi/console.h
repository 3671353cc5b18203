/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit ABI: the console (PVK_FEAT_CONSOLE): two byte rings in guest memory.
 *
 * The guest hands over one piece of zeroed memory: struct pvk_console, then the
 * output ring (out_bytes), then the input ring (in_bytes). Bytes are numbered
 * 0, 1, 2 ... modulo 2^32; byte n lives at n mod the size of its ring. For
 * output the guest is the producer, for input the host. A producer stores
 * bytes, then head (release); a consumer reads head (acquire), takes the bytes,
 * then stores tail (release). head - tail is never more than the ring's size;
 * a host that sees more takes nothing until the guest sets the console up anew.
 *
 * Waking is by number, as with the rings of ring.h: to sleep a consumer stores
 * in its wake word the number of the byte whose arrival it wants to be told
 * of, issues a full barrier, and looks at head once more. A producer that
 * moved head from `old` to `new` issues a full barrier and tells when
 * new - wake - 1 < new - old (unsigned 32-bit). The host is told by a doorbell (`doorbell` to
 * the doorbell port), the guest by PVK_CHANNEL_CONSOLE (event.h). A host that is
 * awake polls for a while, so that a guest that talks much seldom rings.
 *
 * A guest whose output ring is full makes PVK_CALL_CONSOLE_FLUSH, or waits for
 * out_tail, or drops; the host loses nothing that it has taken.
 */
#ifndef PVK_ABI_CONSOLE_H
#define PVK_ABI_CONSOLE_H

#include "types.h"

#define PVK_CONSOLE_MIN		256u		/* bytes of a ring, power of two */
#define PVK_CONSOLE_MAX		1048576u

struct pvk_console {
	/* written by the guest */
	__u32 out_head;		/* bytes put */
	__u32 in_tail;		/* bytes taken */
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
 * PVK_CALL_CONSOLE_SETUP; a second one replaces the first, whose ring is drained
 * before. gpa = 0 (and no sizes): the console ends, drained.
 *   -PVK_EINVAL  a size is no power of two or out of range
 *   -PVK_EFAULT  gpa is not a multiple of 64, or not all in RAM
 *   -PVK_EAGAIN  the old ring is not yet drained: repeat
 *
 * PVK_CALL_CONSOLE_FLUSH () returns 0 when all that was put before the call is
 * taken, -PVK_EAGAIN when some of it is (repeat), -PVK_EPROTO when none is set up.
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
