/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit ABI: network device (PVK_DEV_NET).
 *
 * Queues come in pairs: queue 2k receives, queue 2k+1 transmits. Set up both queues of a pair or
 * neither; pair 0 is always needed. Both queues of a pair may name the same event channel. Frames
 * are Ethernet frames without preamble and FCS, with their 802.1Q and 802.1ad tags.
 *
 * Transmit: one entry is one frame, or with a GSO type one large packet that the host, or whoever
 * is behind it, segments. Each entry gets one completion, with value 0.
 *
 * Receive: one entry is one buffer. The host fills buffers in the order in which they were put. A
 * frame that needs several takes consecutive ones; all of its completions but the last carry
 * PVK_NET_MORE, and all of its buffers but the last are full. The value of the first completion
 * describes the frame (PVK_NET_RX_VALUE()); the others have only the length. A buffer is answered
 * only with a frame in it, or with an error.
 *
 * Completion status; an error concerns only its own entry:
 *   PVK_OK
 *   -PVK_EINVAL   a reserved field is set, or flag, length or offload is wrong
 *   -PVK_EFAULT   a segment is outside RAM
 *   -PVK_ENOSYS   unknown operation
 *   -PVK_ENOTSUP  the feature was not accepted
 *   -PVK_EIO      the frame could not be sent
 */
#ifndef PVK_ABI_NET_H
#define PVK_ABI_NET_H

#include "ring.h"

enum pvk_net_op {
	PVK_NET_RX = 1,		/* receive queues only */
	PVK_NET_TX = 2,		/* transmit queues only */
};

/* flags of a transmit entry */
#define PVK_NET_CSUM		0x02u	/* fill in the checksum; PVK_NET_F_CSUM */
#define PVK_NET_ECN		0x04u	/* TCP: set CWR in the first segment only */

/* flags of a receive completion */
#define PVK_NET_MORE		0x02u	/* the frame continues in the next completion */

enum pvk_net_gso {
	PVK_NET_GSO_NONE = 0,
	PVK_NET_GSO_TCP4 = 1,	/* PVK_NET_F_TSO4, with PVK_NET_CSUM */
	PVK_NET_GSO_TCP6 = 2,	/* PVK_NET_F_TSO6, with PVK_NET_CSUM */
	PVK_NET_GSO_UDP = 3,	/* PVK_NET_F_USO: segmented into UDP datagrams; with PVK_NET_CSUM */
};

/*
 * Device features. The host segments large IPv6 packets behind hop-by-hop and destination
 * options. It may answer one with a routing header by -PVK_EIO; the guest then segments it.
 */
#define PVK_NET_F_CSUM		(1ull << 0)	/* transmit: host fills in checksums */
#define PVK_NET_F_TSO4		(1ull << 1)
#define PVK_NET_F_TSO6		(1ull << 2)
#define PVK_NET_F_USO		(1ull << 3)
#define PVK_NET_F_RX_CSUM	(1ull << 4)	/* receive: checksums may be partial or verified */
#define PVK_NET_F_RX_TSO4	(1ull << 5)	/* receive: large packets, as for transmit */
#define PVK_NET_F_RX_TSO6	(1ull << 6)
#define PVK_NET_F_RX_USO	(1ull << 7)
#define PVK_NET_F_RSS		(1ull << 8)	/* PVK_NET_CTL_RSS */
#define PVK_NET_F_RX_MODE	(1ull << 9)	/* PVK_NET_CTL_RX_MODE; else all frames pass */

#define PVK_NET_F_RX_OFFLOADS	(PVK_NET_F_RX_CSUM | PVK_NET_F_RX_TSO4 | \
				 PVK_NET_F_RX_TSO6 | PVK_NET_F_RX_USO)

#define PVK_NET_INLINE_SEGS	2u
#define PVK_NET_MAX_SEGS	32u	/* of a transmit entry */
#define PVK_NET_MAX_FRAME	65550u	/* bytes: 64 KiB - 1 of IP, Ethernet header, one tag */
#define PVK_NET_MIN_FRAME	14u	/* bytes of a transmitted frame */
#define PVK_NET_MIN_GSO		16u	/* smallest gso_size to send; bounds the segments */
#define PVK_NET_MIN_BUFFER	64u	/* bytes of a receive buffer */
#define PVK_NET_MAX_BUFFER	65535u
#define PVK_NET_MIN_MTU		68u
#define PVK_NET_MAX_MTU		9000u

/* Layout of struct pvk_sqe for transmission */
struct pvk_net_tx_sqe {
	__u16 id;
	__u8 op;		/* PVK_NET_TX */
	__u8 flags;		/* PVK_ENTRY_PHASE | PVK_NET_CSUM | PVK_NET_ECN */
	__u16 nsegs;		/* 1 .. PVK_NET_MAX_SEGS */
	__u8 gso;		/* enum pvk_net_gso */
	__u8 reserved;		/* 0 */
	__u32 length;		/* bytes; the segments' lengths add up to it */
	__u16 gso_size;		/* payload bytes of a segment, >= PVK_NET_MIN_GSO; 0 without GSO */
	__u16 hdr_len;		/* bytes of all headers before the payload; 0 without GSO */
	__u16 csum_start;	/* byte of the frame where the sum begins; 0 without CSUM */
	__u16 csum_offset;	/* place of the checksum field, from csum_start; 0 without CSUM */
	__u32 reserved2;	/* 0 */
	__u64 list_gpa;		/* nsegs > 2: array of nsegs struct pvk_seg, 16-byte
				 * aligned, inside one page; else 0
				 */
	struct pvk_seg seg[PVK_NET_INLINE_SEGS];	/* nsegs <= 2 */
};

PVK_ASSERT_SIZE(struct pvk_net_tx_sqe, 64);
PVK_ASSERT_OFFSET(struct pvk_net_tx_sqe, length, 8);
PVK_ASSERT_OFFSET(struct pvk_net_tx_sqe, csum_start, 16);
PVK_ASSERT_OFFSET(struct pvk_net_tx_sqe, list_gpa, 24);
PVK_ASSERT_OFFSET(struct pvk_net_tx_sqe, seg, 32);

/* Layout of struct pvk_sqe for reception */
struct pvk_net_rx_sqe {
	__u16 id;
	__u8 op;		/* PVK_NET_RX */
	__u8 flags;		/* PVK_ENTRY_PHASE */
	__u32 reserved;		/* 0 */
	struct pvk_seg seg;	/* the buffer, PVK_NET_MIN_BUFFER .. PVK_NET_MAX_BUFFER bytes */
	__u64 reserved2[5];	/* 0 */
};

PVK_ASSERT_SIZE(struct pvk_net_rx_sqe, 64);
PVK_ASSERT_OFFSET(struct pvk_net_rx_sqe, seg, 8);

/*
 * value of a receive completion:
 *   bits 15..0   length: bytes of the frame in this buffer
 *   bits 31..16  gso_size
 *   bits 34..32  gso, enum pvk_net_gso
 *   bit  35      PVK_NET_RX_PARTIAL: a sender on the same host left the checksum partial;
 *                csum_start and csum_offset say where its field is, within this first buffer
 *   bit  36      PVK_NET_RX_VALID: the host verified the outermost checksum
 *   bit  37      PVK_NET_RX_ECN, with gso of TCP
 *   bits 39..38  0
 *   bits 55..40  csum_start
 *   bits 63..56  csum_offset
 */
#define PVK_NET_RX_PARTIAL	(1ull << 35)
#define PVK_NET_RX_VALID	(1ull << 36)
#define PVK_NET_RX_ECN		(1ull << 37)
#define PVK_NET_RX_RESERVED	(3ull << 38)
#define PVK_NET_RX_VALUE(length, gso_size, gso, flags, start, offset) \
	((__u64)(length) | (__u64)(gso_size) << 16 | (__u64)(gso) << 32 | (flags) | \
	 (__u64)(start) << 40 | (__u64)(offset) << 56)
#define PVK_NET_RX_LENGTH(value)	((__u32)((value) & 0xffffu))
#define PVK_NET_RX_GSO_SIZE(value)	((__u32)((value) >> 16 & 0xffffu))
#define PVK_NET_RX_GSO(value)		((__u32)((value) >> 32 & 7u))
#define PVK_NET_RX_CSUM_START(value)	((__u32)((value) >> 40 & 0xffffu))
#define PVK_NET_RX_CSUM_OFFSET(value)	((__u32)((value) >> 56))

/*
 * PVK_CALL_DEV_CONFIG of a network device, all OUT. If link changes, the device's generation
 * changes too.
 */
struct pvk_net_config {
	__u32 size;		/* sizeof(struct pvk_net_config) as the host knows it */
	__u32 generation;	/* of the device, at the time of reading */
	__u8 mac[6];		/* unicast */
	__u16 link;		/* 1: up, 0: down */
	__u32 mtu;		/* initial, PVK_NET_MIN_MTU .. max_mtu */
	__u32 max_mtu;		/* bytes, <= PVK_NET_MAX_MTU */
	__u32 speed;		/* Mbit/s; 0: unknown */
	__u32 max_segs;		/* per transmit entry, 1 .. PVK_NET_MAX_SEGS */
	__u32 rss_types;	/* PVK_NET_RSS_* that the host can hash; 0 without the feature */
	__u32 max_addresses;	/* of PVK_NET_CTL_RX_MODE, <= PVK_NET_ADDRESSES */
	__u32 reserved[2];	/* 0 */
};

PVK_ASSERT_SIZE(struct pvk_net_config, 48);
PVK_ASSERT_OFFSET(struct pvk_net_config, mac, 8);
PVK_ASSERT_OFFSET(struct pvk_net_config, mtu, 16);

/*
 * PVK_CALL_DEV_CONTROL of a network device, in state SETUP or RUNNING. All fields are IN.
 * DEV_RESET restores the initial settings: own address and broadcast pass, all accepted receive
 * offloads are on, and frames spread evenly over the pairs, by a key of the host.
 *   -PVK_EINVAL   a value is out of range
 *   -PVK_ENOTSUP  the feature was not accepted
 *   -PVK_ENOSYS   unknown op
 */
enum pvk_net_ctl {
	PVK_NET_CTL_RX_MODE = 1,	/* struct pvk_net_rx_mode */
	PVK_NET_CTL_OFFLOADS = 2,	/* struct pvk_net_offloads */
	PVK_NET_CTL_RSS = 3,		/* struct pvk_net_rss */
};

#define PVK_NET_ADDRESSES	64u

#define PVK_NET_RX_PROMISC	(1u << 0)	/* all frames */
#define PVK_NET_RX_ALLMULTI	(1u << 1)	/* all group addresses */

struct pvk_net_rx_mode {
	__u32 size;		/* sizeof(struct pvk_net_rx_mode) */
	__u32 flags;		/* PVK_NET_RX_PROMISC, PVK_NET_RX_ALLMULTI */
	__u8 mac[6];		/* own address, unicast */
	__u16 addresses;	/* 0 .. PVK_NET_ADDRESSES: number of further ones that pass */
	__u8 address[PVK_NET_ADDRESSES][6];	/* unicast or group */
};

PVK_ASSERT_SIZE(struct pvk_net_rx_mode, 400);
PVK_ASSERT_OFFSET(struct pvk_net_rx_mode, address, 16);

struct pvk_net_offloads {
	__u32 size;		/* sizeof(struct pvk_net_offloads) */
	__u32 reserved;		/* 0 */
	__u64 features;		/* a subset of the accepted PVK_NET_F_RX_OFFLOADS */
};

PVK_ASSERT_SIZE(struct pvk_net_offloads, 16);

/* Hash inputs, as in "Receive Side Scaling", Microsoft; the function is Toeplitz */
#define PVK_NET_RSS_IP4		(1u << 0)
#define PVK_NET_RSS_TCP4	(1u << 1)
#define PVK_NET_RSS_UDP4	(1u << 2)
#define PVK_NET_RSS_IP6		(1u << 3)
#define PVK_NET_RSS_TCP6	(1u << 4)
#define PVK_NET_RSS_UDP6	(1u << 5)

#define PVK_NET_RSS_KEY		40u	/* bytes */
#define PVK_NET_RSS_TABLE	128u	/* entries */

struct pvk_net_rss {
	__u32 size;		/* sizeof(struct pvk_net_rss) */
	__u32 types;		/* PVK_NET_RSS_*; other frames go to pair 0 */
	__u8 key[PVK_NET_RSS_KEY];
	__u16 table[PVK_NET_RSS_TABLE];	/* pair of a frame: table[hash % 128]; only pairs in use */
};

PVK_ASSERT_SIZE(struct pvk_net_rss, 304);
PVK_ASSERT_OFFSET(struct pvk_net_rss, key, 8);
PVK_ASSERT_OFFSET(struct pvk_net_rss, table, 48);

#endif /* PVK_ABI_NET_H */
