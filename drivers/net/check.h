/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the network driver demands of the host, and the arithmetic of its
 * interrupts: pure functions over private copies, in a header so that the
 * KUnit suite compiles the very code that the driver uses.
 *
 * Two kinds of wrong: a completion that the ABI does not allow (-EIO: the host
 * is broken, the device is reset), and a frame that does not hold what is said
 * of it (-EINVAL: somebody sent it so, it is dropped).
 */
#ifndef PVK_NET_CHECK_H
#define PVK_NET_CHECK_H

#include <linux/errno.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/types.h>

#include "../../hypercall/abi/pvk.h"
#include "../../hypercall/ring.h"

#define PVK_NET_F_TX_GSO	(PVK_NET_F_TSO4 | PVK_NET_F_TSO6 | PVK_NET_F_USO)
#define PVK_NET_F_RX_GSO	(PVK_NET_F_RX_TSO4 | PVK_NET_F_RX_TSO6 | PVK_NET_F_RX_USO)
#define PVK_NET_KNOWN_FEATURES \
	(PVK_NET_F_CSUM | PVK_NET_F_TX_GSO | PVK_NET_F_RX_OFFLOADS | PVK_NET_F_RSS | \
	 PVK_NET_F_RX_MODE)
#define PVK_NET_RSS_KNOWN \
	(PVK_NET_RSS_IP4 | PVK_NET_RSS_TCP4 | PVK_NET_RSS_UDP4 | PVK_NET_RSS_IP6 | \
	 PVK_NET_RSS_TCP6 | PVK_NET_RSS_UDP6)

/* Of those offered; large packets need checksums that are left to others. */
static inline u64 pvk_net_choose_features(u64 offered)
{
	u64 f = offered & PVK_NET_KNOWN_FEATURES;

	if (!(f & PVK_NET_F_CSUM))
		f &= ~PVK_NET_F_TX_GSO;
	if (!(f & PVK_NET_F_RX_CSUM))
		f &= ~PVK_NET_F_RX_GSO;
	return f;
}

/*
 * Makes a configuration usable: 0, or -EIO for one that no device can have.
 * Hints, and what belongs to a feature that was not accepted, are corrected.
 */
static inline int pvk_net_check_config(struct pvk_net_config *c, u64 features)
{
	u8 any = 0;
	u32 i;

	for (i = 0; i < sizeof(c->mac); i++)
		any |= c->mac[i];
	if (!any || c->mac[0] & 1)
		return -EIO;
	if (c->max_mtu < PVK_NET_MIN_MTU || c->max_mtu > PVK_NET_MAX_MTU ||
	    c->mtu < PVK_NET_MIN_MTU || c->mtu > c->max_mtu)
		return -EIO;
	if (!c->max_segs || c->max_segs > PVK_NET_MAX_SEGS)
		return -EIO;

	c->link = !!c->link;
	if (c->speed > INT_MAX)
		c->speed = 0;
	c->rss_types &= features & PVK_NET_F_RSS ? PVK_NET_RSS_KNOWN : 0;
	c->max_addresses = features & PVK_NET_F_RX_MODE ?
			   min(c->max_addresses, PVK_NET_ADDRESSES) : 0;
	return 0;
}

/*
 * A completion of a transmit queue. in_flight: an entry with that id is; asked
 * only when the id is in range. 0 or -EIO.
 */
static inline int pvk_net_check_tx(const struct pvk_cqe *e, bool in_flight)
{
	if (!in_flight || e->op != PVK_NET_TX || e->flags & ~PVK_ENTRY_PHASE)
		return -EIO;
	return e->status > 0 || e->value ? -EIO : 0;
}

/* gso of a completion against the features accepted; 0 or -EIO */
static inline int pvk_net_check_rx_gso(u64 value, u64 features)
{
	u64 need;

	switch (PVK_NET_RX_GSO(value)) {
	case PVK_NET_GSO_NONE:
		return PVK_NET_RX_GSO_SIZE(value) || value & PVK_NET_RX_ECN ? -EIO : 0;
	case PVK_NET_GSO_TCP4:
		need = PVK_NET_F_RX_TSO4;
		break;
	case PVK_NET_GSO_TCP6:
		need = PVK_NET_F_RX_TSO6;
		break;
	case PVK_NET_GSO_UDP:
		need = PVK_NET_F_RX_USO;
		if (value & PVK_NET_RX_ECN)
			return -EIO;
		break;
	default:
		return -EIO;
	}
	if (!(features & need) || !PVK_NET_RX_GSO_SIZE(value))
		return -EIO;
	return value & PVK_NET_RX_PARTIAL ? 0 : -EIO;
}

/**
 * struct pvk_net_rx_expect - what the next receive completion must fit
 * @id: of the buffer that is the next to be filled
 * @room: bytes of each buffer
 * @so_far: bytes of the frame in buffers before this one, 0: it begins here
 * @features: accepted
 */
struct pvk_net_rx_expect {
	u16 id;
	u32 room;
	u32 so_far;
	u64 features;
};

/*
 * A completion of a receive queue, with buffers in flight: 0 or -EIO. An error
 * (status < 0) is one that the ABI allows; then value says nothing.
 */
static inline int pvk_net_check_rx(const struct pvk_cqe *e, const struct pvk_net_rx_expect *x)
{
	u32 length = PVK_NET_RX_LENGTH(e->value);
	u32 start = PVK_NET_RX_CSUM_START(e->value);
	u32 offset = PVK_NET_RX_CSUM_OFFSET(e->value);

	if (e->op != PVK_NET_RX || e->id != x->id || e->status > 0 ||
	    e->flags & ~(PVK_ENTRY_PHASE | PVK_NET_MORE))
		return -EIO;
	if (e->status < 0)
		return 0;
	if (!length || length > x->room || length > PVK_NET_MAX_FRAME - x->so_far)
		return -EIO;
	if (e->flags & PVK_NET_MORE && length != x->room)
		return -EIO;
	if (x->so_far)
		return e->value == length ? 0 : -EIO;

	if (e->value & PVK_NET_RX_RESERVED)
		return -EIO;
	if (e->value & (PVK_NET_RX_PARTIAL | PVK_NET_RX_VALID) &&
	    !(x->features & PVK_NET_F_RX_CSUM))
		return -EIO;
	if (!(e->value & PVK_NET_RX_PARTIAL)) {
		if (start || offset)
			return -EIO;
	} else if (start < ETH_HLEN || start + offset + sizeof(__sum16) > length) {
		return -EIO;	/* it is the first buffer's, whoever sent the frame */
	}
	return pvk_net_check_rx_gso(e->value, x->features);
}

/* Place of a checksum in its header */
#define PVK_NET_TCP_CSUM	16u
#define PVK_NET_UDP_CSUM	6u

/*
 * The headers of a large packet, of which len bytes are there, against what its
 * completion (checked) says: 0, or -EINVAL for a frame to drop. What passes has
 * the network protocol, and at csum_start a transport header in full.
 */
static inline int pvk_net_check_headers(const u8 *frame, u32 len, u64 value)
{
	u32 gso = PVK_NET_RX_GSO(value);
	u32 start = PVK_NET_RX_CSUM_START(value);
	u32 offset = PVK_NET_RX_CSUM_OFFSET(value);
	u32 l3 = ETH_HLEN;
	u32 proto, header;
	bool v6;

	if (gso == PVK_NET_GSO_NONE)
		return 0;
	if (len < l3 + 4)
		return -EINVAL;
	proto = frame[12] << 8 | frame[13];
	if (proto == ETH_P_8021Q || proto == ETH_P_8021AD) {
		proto = frame[16] << 8 | frame[17];
		l3 += 4;
	}
	v6 = proto == ETH_P_IPV6;
	if (!v6 && proto != ETH_P_IP)
		return -EINVAL;
	if ((gso == PVK_NET_GSO_TCP4 && v6) || (gso == PVK_NET_GSO_TCP6 && !v6))
		return -EINVAL;
	header = v6 ? 40 : 20;
	if (len < l3 + header || frame[l3] >> 4 != (v6 ? 6 : 4))
		return -EINVAL;
	if (v6) {
		/* extension headers may stand between */
		if (start < l3 + header)
			return -EINVAL;
	} else {
		header = (frame[l3] & 15) * 4;
		if (header < 20 || start != l3 + header)
			return -EINVAL;
		if (frame[l3 + 9] != (gso == PVK_NET_GSO_UDP ? IPPROTO_UDP : IPPROTO_TCP))
			return -EINVAL;
	}
	if (gso == PVK_NET_GSO_UDP)
		return offset == PVK_NET_UDP_CSUM && start + 8 <= len ? 0 : -EINVAL;
	if (offset != PVK_NET_TCP_CSUM || start + 20 > len)
		return -EINVAL;
	header = (frame[start + 12] >> 4) * 4;
	return header >= 20 && start + header <= len ? 0 : -EINVAL;
}

/* Entries of a ring: `want` brought into range, a power of two. */
static inline u32 pvk_net_ring_entries(u32 want, u32 least, u32 most)
{
	return rounddown_pow_of_two(clamp(want, least, most));
}

/*
 * Receive: how many completions may pass before the next interrupt. taken: what
 * the last one brought, of which half may gather next time; frames: fixed by
 * the user instead, 0 for that. Never more than half of the buffers that the
 * host has (in_flight).
 *
 * sending: frames that the pair is sending. What comes in beside several is
 * mostly what acknowledges them, which the interrupt for their completion finds,
 * too: so four for each may gather. A single one may be a question, whose
 * answer is not kept waiting.
 */
static inline u32 pvk_net_rx_more(u32 taken, u32 in_flight, u32 frames, u32 sending)
{
	u32 more = max(taken / 2, sending > 1 ? sending * 4 : 0);

	return min(frames ? frames - 1 : more, in_flight / 2);
}

/* Transmit completions of small frames that gather at least, in a ring that has room */
#define PVK_NET_TX_COALESCE	32u
#define PVK_NET_SMALL		4096u	/* bytes */

/*
 * Transmit: the same. A sender that waits (stopped) is told when half of what
 * is in flight is done; otherwise seven eighths may pass, and of small frames
 * a few at least: nothing but memory waits for those, and the host tells when
 * no more come. For large ones a socket waits that may have but some in flight.
 */
static inline u32 pvk_net_tx_more(u32 in_flight, u32 bytes, u32 entries, u32 frames, bool stopped)
{
	u32 least = bytes / PVK_NET_SMALL < in_flight ? PVK_NET_TX_COALESCE : 0;
	u32 more = frames ? frames - 1 : max(in_flight * 7 / 8, least);

	if (stopped)
		return in_flight ? (in_flight - 1) / 2 : 0;
	return min(more, entries / 2);
}

/* Is a wake word that was written earlier still to come, in a ring of `entries`? */
static inline bool pvk_net_armed(u32 wake, u32 next, u32 entries)
{
	return wake - next < entries;
}

/* Looks at a transmit queue in a row without an answer, after which it is stalled */
#define PVK_NET_WATCH_LOOKS	2u

/**
 * struct pvk_net_watch - what the last look at a transmit queue saw; 0 at first
 * @next: number of the completion that was to come
 * @looks: how many looks in a row found that one awaited
 */
struct pvk_net_watch {
	u32 next;
	u32 looks;
};

/*
 * One look. next: number of the completion to come; awaited: frames are in
 * flight, and it is not there. True when no answer came for PVK_NET_WATCH_LOOKS
 * whole periods, however little is in flight.
 */
static inline bool pvk_net_stalled(struct pvk_net_watch *w, u32 next, bool awaited)
{
	if (!awaited)
		w->looks = 0;
	else if (w->looks && w->next == next)
		w->looks++;
	else
		w->looks = 1;
	w->next = next;
	return w->looks > PVK_NET_WATCH_LOOKS;
}

/* The even table: pair i for every nth entry. */
static inline void pvk_net_spread(u16 *table, u32 pairs)
{
	u32 i;

	for (i = 0; i < PVK_NET_RSS_TABLE; i++)
		table[i] = i % pairs;
}

#endif /* PVK_NET_CHECK_H */
