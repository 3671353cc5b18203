/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the network device (abi/net.h):
 *
 *   pv_net.c      the device: features, config, pairs and workers, controls
 *   pv_net_tx.c   transmit queues
 *   pv_net_rx.c   receive queues: which frame goes where, and into which buffers
 *   pv_net_rss.c  the hash that spreads frames over pairs
 *
 * Pairs and workers. The pairs that were set up, in the order of their index,
 * take the back end's queues in turn; a pair belongs to the worker of its
 * back-end queue, which alone touches it while the device runs.
 */
#ifndef HS_DEV_PV_NET_H
#define HS_DEV_PV_NET_H

#include "../net/net.h"
#include "device.h"

#define HS_PV_PAIRS	(HS_PV_QUEUES / 2)
#define HS_PV_RSS_INPUT	36u	/* bytes hashed at most: two IPv6 addresses, two ports */

struct hs_pv_net_counters {
	struct hs_pv_counters common;	/* first */
	_Atomic uint64_t frames, bytes, segments;
	_Atomic uint64_t no_buffer;	/* receive: times that a frame had to wait for one */
	_Atomic uint64_t filtered;	/* receive: frames the guest did not ask for */
	_Atomic uint64_t dropped;	/* receive: frames no buffers could hold, wrong offload */
};

/* pv_net_rss.c */
struct hs_pv_net_rss {
	uint32_t types;			/* PVK_NET_RSS_* */
	uint8_t table[PVK_NET_RSS_TABLE];	/* pairs */
	/* [i][v]: what the value v of the input's half-byte number i adds to the hash */
	uint32_t part[HS_PV_RSS_INPUT * 2][16];
};

void hs_pv_net_rss_key(struct hs_pv_net_rss *rss, const uint8_t key[PVK_NET_RSS_KEY]);
/* False: a frame of none of the types. */
bool hs_pv_net_rss_hash(const struct hs_pv_net_rss *rss, const uint8_t *frame, uint32_t length,
			uint32_t *hash);

/* What the guest set by controls, or the host for it. Never changed while workers see it. */
struct hs_pv_net_steer {
	bool filter;			/* mode counts */
	bool rss_set;			/* by the guest: DEV_START leaves it alone */
	struct pvk_net_rx_mode mode;
	uint64_t offloads;		/* PVK_NET_F_RX_OFFLOADS in force */
	struct hs_pv_net_rss rss;
};

struct hs_pv_net_buffer {
	uint8_t *at;			/* guest memory */
	uint32_t len;			/* 0 with a bad entry */
	int32_t status;			/* below 0: the entry is bad, and waits for its turn */
	uint16_t id;
	uint8_t op;
};

struct hs_pv_net_rx {
	struct hs_pv_queue q;		/* first */
	struct hs_pv_net *net;		/* fixed */
	struct hs_pv_net_counters *counters;	/* fixed */
	uint8_t *scratch;		/* fixed: HS_NET_MAX_FRAME bytes */
	/* Buffers read from the ring and not answered: a ring of `entries` of them */
	struct hs_pv_net_buffer *held;
	uint32_t first, count;
	uint32_t room;			/* bytes of them all */
	uint32_t needed;		/* bytes a frame waits for; 0: none waits */
	unsigned int backend;		/* queue of the back end */
};

struct hs_pv_net_tx {
	struct hs_pv_queue q;		/* first */
	struct hs_pv_net *net;		/* fixed */
	struct hs_pv_net_counters *counters;	/* fixed */
	unsigned int backend;		/* queue of the back end */
};

struct hs_pv_net {
	struct hs_pv_dev dev;		/* first */
	struct hs_net_model model;
	struct hs_net *net;
	struct hs_net_info info;
	atomic_bool link;		/* as the guest was last told */
	unsigned int serving;		/* back-end queues in use; 0: not started */
	/* The pairs there are, in order; fixed while started */
	struct hs_pv_net_rx *rx[HS_PV_PAIRS];
	struct hs_pv_net_tx *tx[HS_PV_PAIRS];
	unsigned int pairs;
	uint8_t key[PVK_NET_RSS_KEY];	/* the host's */
	struct hs_pv_net_steer steers[2];
	_Atomic(struct hs_pv_net_steer *) steer;	/* one of them: what counts */
	struct hs_pv_net_counters counters[HS_PV_QUEUES];
};

extern const struct hs_pv_queue_ops hs_pv_net_rx_ops;
extern const struct hs_pv_queue_ops hs_pv_net_tx_ops;

/* pv_net_rx.c: the model's */
bool hs_pv_net_receive(struct hs_net_model *model, unsigned int queue,
		       const struct hs_net_meta *meta, const uint8_t *frame, uint32_t length);
void hs_pv_net_received(struct hs_net_model *model, unsigned int queue);
/* On the worker: whatever a frame waited for, it may look again. */
void hs_pv_net_rx_again(struct hs_pv_net_rx *rx);

#endif /* HS_DEV_PV_NET_H */
