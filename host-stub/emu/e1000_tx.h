/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 82540EM, transmission: what e1000_tx.c and e1000_frame.c share, descriptors and the
 * frame that is made of them.
 */
#ifndef HS_EMU_E1000_TX_H
#define HS_EMU_E1000_TX_H

#include "e1000.h"

/* Descriptors (SDM 3.3.3, 3.3.6, 3.3.7): the upper 8 bytes as two words */
#define TXD_LENGTH(lower, extended) ((lower) & ((extended) ? 0xfffffu : 0xffffu))
#define TXD_TYPE(lower)	((lower) >> 20 & 0xf)	/* of extended ones */
#define TYPE_CONTEXT	0
#define TYPE_DATA	1
#define TXD_EOP		(1u << 24)
#define TXD_IFCS	(1u << 25)
#define TXD_IC		(1u << 26)	/* legacy: insert checksum */
#define TXD_TSE		(1u << 26)	/* extended */
#define TXD_RS		(1u << 27)
#define TXD_RPS		(1u << 28)
#define TXD_DEXT	(1u << 29)
#define TXD_VLE		(1u << 30)
#define TXD_POPTS(upper) ((upper) >> 8 & 0xff)
#define POPTS_IXSM	0x01u
#define POPTS_TXSM	0x02u
#define TXD_CSO(lower)	((lower) >> 16 & 0xff)	/* legacy */
#define TXD_CSS(upper)	((upper) >> 8 & 0xff)
#define TXD_SPECIAL(upper) ((upper) >> 16)
#define TXD_STATUS	12	/* byte of the descriptor */
#define TXD_DD		0x01u
/* of a context */
#define TUCMD_TCP	(1u << 24)
#define TUCMD_IP	(1u << 25)	/* IPv4 */

struct e1000_desc {
	uint64_t address;
	uint32_t lower, upper;
};

_Static_assert(sizeof(struct e1000_desc) == E1000_DESC, "a descriptor");

/* ---- e1000_frame.c; nic->lock held ---- */

void e1000_frame_context(struct hs_e1000 *nic, const struct e1000_desc *d);
/* Adds a descriptor's buffer to the frame; false: the frame is none. */
bool e1000_frame_piece(struct hs_e1000 *nic, hs_gpa gpa, uint32_t length);
/* May the frame that ends with the next descriptor need the bounce buffer? */
bool e1000_frame_may_bounce(const struct hs_e1000 *nic);
/*
 * The frame is whole; `last` is the descriptor with EOP. Makes tx->net of it.
 * 0, -EINVAL: nothing to send, or -ENOMEM.
 */
int e1000_frame_end(struct hs_e1000 *nic, struct e1000_tx *tx, const struct e1000_desc *last);

#endif /* HS_EMU_E1000_TX_H */
