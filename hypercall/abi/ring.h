/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit ABI: the ring. A queue is a submission ring (64-byte entries from guest to host), a
 * completion ring (16-byte entries from host to guest) and a control block of two cache lines.
 *
 * Both rings have the same number of entries, a power of two. The producer numbers its entries
 * 0, 1, 2 ... modulo 2^32; entry n is in slot n mod entries. Its phase bit is 1 on the first pass
 * over the ring, 0 on the second, and so on. The guest provides zeroed memory, so an entry is new
 * exactly if its phase bit is the expected one for its number. The producer writes word 0, the
 * 8-byte word with the phase bit, last and with release semantics. The consumer reads it first,
 * with acquire semantics, and copies the entry once.
 *
 * There are no head and tail words. The guest has at most `entries` unanswered requests, which it
 * counts itself, and the host answers every request exactly once. Hence a slot is free when it is
 * written, in both rings:
 *  - submission: the host reads in order and answers only what it read, so
 *    (written - read) <= (written - answered) <= entries;
 *  - completion: (answered - consumed) <= (written - consumed) <= entries.
 * If a guest exceeds this, its device goes to PVK_DEV_NEEDS_RESET; nothing else is affected.
 *
 * Waking. The consumer stores in its wake word the number of the entry of which it wants to be
 * notified. The guest notifies by a doorbell, the host by an event. A producer that published
 * entries old .. new-1 notifies if wake is among them, that is if
 * new - wake - 1 < new - old (unsigned 32-bit). A consumer that polls leaves the word behind and is
 * not notified. To sleep, a consumer stores the number of an entry that it expects, issues a full
 * barrier and looks once more. A producer publishes, issues a full barrier and reads the word. A
 * wrong wake word only changes how often its owner is notified.
 *
 * The host always asks for the next entry. The guest may ask for a later one, ahead by less than
 * the number of entries, to get one interrupt for several completions. The host then interrupts
 * also when it has put some completions and adds none for a short while (it chooses how long, about
 * the cost of some exits), or before it sleeps.
 */
#ifndef PVK_ABI_RING_H
#define PVK_ABI_RING_H

#include "types.h"

#define PVK_RING_MIN_ENTRIES	2u
#define PVK_RING_MAX_ENTRIES	1024u	/* of the ABI; a host may allow less */
#define PVK_RING_ALIGN		4096u	/* of either ring, in bytes */

/* flags of both kinds of entry: bit 0 belongs to the ring, the others to the operation */
#define PVK_ENTRY_PHASE		0x01u
#define PVK_PHASE_SHIFT		24	/* place of the phase bit in word 0 */

/* Submission entry; data[] is laid out by the device type (blk.h ...) */
struct pvk_sqe {
	__u16 id;		/* chosen by the guest, echoed in the completion */
	__u8 op;
	__u8 flags;		/* PVK_ENTRY_PHASE | flags of the operation */
	__u32 word;		/* laid out by the device type */
	__u64 data[7];
};

/* Completion entry */
struct pvk_cqe {
	__u16 id;		/* of the request */
	__u8 op;		/* of the request */
	__u8 flags;		/* PVK_ENTRY_PHASE */
	__s32 status;		/* PVK_OK or -PVK_E* */
	__u64 value;		/* result, laid out by the device type */
};

PVK_ASSERT_SIZE(struct pvk_sqe, 64);
PVK_ASSERT_OFFSET(struct pvk_sqe, flags, 3);
PVK_ASSERT_OFFSET(struct pvk_sqe, data, 8);
PVK_ASSERT_SIZE(struct pvk_cqe, 16);
PVK_ASSERT_OFFSET(struct pvk_cqe, flags, 3);
PVK_ASSERT_OFFSET(struct pvk_cqe, value, 8);

/* Control block, 128-byte aligned. Each side writes one cache line. */
struct pvk_ring_ctl {
	__u32 sq_wake;		/* host: number of the submission it waits for */
	__u32 host_reserved[15];
	__u32 cq_wake;		/* guest: number of the completion it waits for */
	__u32 guest_reserved[15];
};

#define PVK_RING_CTL_ALIGN	128u

PVK_ASSERT_SIZE(struct pvk_ring_ctl, 128);
PVK_ASSERT_OFFSET(struct pvk_ring_ctl, cq_wake, 64);

/* Segment: one piece of guest memory in a request */
struct pvk_seg {
	__u64 gpa;		/* guest-physical address */
	__u32 len;		/* bytes, at least 1 */
	__u32 reserved;		/* 0 */
};

PVK_ASSERT_SIZE(struct pvk_seg, 16);

#endif /* PVK_ABI_RING_H */
