/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The porting library: a pvkit network card (abi/net.h), one pair of queues, no
 * offloads: whole Ethernet frames in and out, copied. One thread at a time for each
 * direction; the caller locks.
 */
#ifndef PVP_NET_H
#define PVP_NET_H

#include "bus.h"

#define PVP_NET_ENTRIES	32u	/* of each ring, at most; the memory below follows */
#define PVP_NET_BUFFER	2048u	/* bytes of a buffer: two a page */
#define PVP_NET_FRAME	1518u	/* longest frame: MTU 1500 and a tag */

struct pvp_net {
	struct pvp_device device;
	struct pvp_queue rx, tx;
	struct pvk_net_config config;	/* checked */
	__u8 *memory;		/* buffers: those of rx, then those of tx */
	__u64 gpa;
	__u32 tx_flight;	/* bit n: buffer n is the host's */
	__u32 rx_next;		/* number of the buffer that is filled next */
	__u32 dropped;		/* frames that were too long, or came in pieces */
	__u32 skipping;		/* in the middle of one of those */
};

/*
 * Card n, from 0, up to a running device with all its receive buffers put.
 * channel: an event's for received frames, or PVK_CHANNEL_NONE. 0; -PVK_ENOENT: no such card; what
 * pvp_device_open() and pvp_queue_setup() say.
 */
int pvp_net_open(struct pvp_net *net, struct pvp_host *host, __u32 n, __u32 channel);

/* 0; -PVK_E*: the host would not let go, and the buffers stay lost. */
int pvp_net_close(struct pvp_net *net);

/* 1: the link is up. Asks the host. */
int pvp_net_link(struct pvp_net *net);

/*
 * Sends a frame of PVK_NET_MIN_FRAME to PVP_NET_FRAME bytes, which is copied. 0;
 * -PVK_EAGAIN: all buffers are on their way; -PVK_EINVAL; -PVK_EIO: broken.
 */
int pvp_net_send(struct pvp_net *net, const void *frame, __u32 length);

/*
 * The next frame, at most `size` bytes of it: its length; 0: none is there;
 * -PVK_EIO: broken. Frames of which not all is in one buffer are dropped.
 */
int pvp_net_receive(struct pvp_net *net, void *frame, __u32 size);

/* Asks for an event at the next frame; 1: there is one already. */
int pvp_net_arm(struct pvp_net *net);

#endif /* PVP_NET_H */
