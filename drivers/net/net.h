/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PV network driver, seen whole: see docs/driver-net.md.
 *
 *   main.c     probe, remove, the net_device's operations, power management
 *   reset.c    device into service, out of it, back after a fault, and with
 *              other queues, rings or buffers
 *   tx.c       frames into the transmit ring, and what comes of them
 *   rx.c       buffers into the receive ring, frames out of it
 *   xdp.c      programs on received frames, frames of other devices
 *   ethtool.c  what the user can read and set
 *   counterpart.c     taking a NIC from its emulated model and giving it back
 *   check.h    what is demanded of the host (pure)
 *   compat.h   differences between kernels
 *
 * A pair is a receive and a transmit queue on one interrupt, with one NAPI
 * instance. The receive side belongs to whoever owns the NAPI instance; the
 * transmit side, both of its rings, is under the lock of its netdev_queue.
 * RTNL orders all changes of state: up, down, reset, reconfiguration. The
 * device lock of the bus may be held outside RTNL, never be taken inside.
 */
#ifndef PVK_NET_H
#define PVK_NET_H

#include <linux/netdevice.h>
#include <linux/u64_stats_sync.h>
#include <linux/workqueue.h>

#include "../../hypercall/linux/pvk.h"
#include "check.h"
#include "compat.h"

/* Faults without a good completion between them, after which the device is dead */
#define PVK_NET_MAX_FAULTS	8u

#define PVK_NET_COPYBREAK	256u	/* frames up to here are copied, the page stays */
#define PVK_NET_FRAMES_DEFAULT	32u	/* coalescing, once it is not adaptive */
/* Between looks at the transmit queues: unanswered for 5 to 7.5 s, they are stalled */
#define PVK_NET_WATCH		(5 * HZ / 2)
/* The kernel's own limit for a stopped queue: only for what those looks do not see */
#define PVK_NET_TIMEOUT		(10 * HZ)

#define PVK_NET_MIN_ENTRIES	32u	/* of a ring: the largest frame takes 18 buffers */

enum pvk_net_state {
	PVK_NET_STOPPED,	/* down, frozen, shut down: the device is in RESET */
	PVK_NET_RUNNING,
	PVK_NET_DEAD,		/* up, but given up: nothing goes through */
};

/* ---- memory of a pair while it is in service ---- */

enum pvk_net_kind {
	PVK_NET_FREE = 0,
	PVK_NET_SKB,
	PVK_NET_XDP,
};

/* What is in flight under an id of a transmit queue. */
struct pvk_net_tx_slot {
	void *ptr;		/* sk_buff or xdp_frame, by kind */
	u32 bytes;
	u16 next_free;		/* of a free one */
	u8 kind;
};

#define PVK_NET_LIST_BYTES	(PVK_NET_MAX_SEGS * sizeof(struct pvk_seg))
#define PVK_NET_LISTS_PER_PAGE	(PAGE_SIZE / PVK_NET_LIST_BYTES)

struct pvk_net_mem {
	u32 tx_entries;
	u32 rx_entries;
	struct pvk_net_tx_slot *slot;	/* tx_entries */
	void **lists;			/* pages with a list of segments for each slot */
	u32 nr_lists;
	struct page **page;		/* rx_entries: buffers that the host has, by id */
	struct page_pool *pool;
	struct xdp_rxq_info rxq;
};

/* ---- counters ---- */

struct pvk_net_tx_stats {
	u64_stats_t packets, bytes;
	u64_stats_t dropped;		/* refused here, or by a reset */
	u64_stats_t errors;		/* the host could not send them */
	u64_stats_t csum, gso, linearized;
	u64_stats_t xdp_tx, xdp_xmit, xdp_full;
	u64_stats_t stops;		/* the ring was full */
};

struct pvk_net_rx_stats {
	u64_stats_t packets, bytes;
	u64_stats_t dropped;		/* no memory for the skb, or with XDP too large */
	u64_stats_t errors;		/* the host said so, or the frame is not as described */
	u64_stats_t csum_valid, csum_partial, gso, copied;
	u64_stats_t alloc_failed;	/* of buffers */
	u64_stats_t xdp_pass, xdp_drop, xdp_tx, xdp_redirect, xdp_aborted;
};

/* ---- a pair ---- */

struct pvk_net_tx {
	struct pvk_net_pair *pair;
	struct pvk_queue *q;
	struct netdev_queue *nq;	/* its lock is that of all here */
	struct pvk_net_mem *mem;
	bool live;			/* in service: entries may be put */
	bool polled;			/* by the kernel's time limit, no completion since */
	u32 kicked;			/* q->sq.next when the host was last told */
	u32 wake;			/* number of the completion that was asked for */
	u32 in_flight;
	u32 bytes;			/* of those in flight */
	u32 xdp;			/* those that are XDP's */
	struct pvk_net_watch watch;
	u16 first_free;
	struct u64_stats_sync syncp;
	struct pvk_net_tx_stats stats;
};

struct pvk_net_rx {
	struct pvk_net_pair *pair;
	struct pvk_queue *q;
	struct pvk_net_mem *mem;
	bool broken;			/* the host broke the ABI here; no more is taken */
	u32 headroom;
	u32 room;			/* bytes of a buffer */
	u32 in_flight;
	u32 taken;			/* completions since the last interrupt */
	u32 sent_before;		/* the pair's tx.q->sq.next at that time */
	struct sk_buff *skb;		/* a frame of which not all has come */
	u32 so_far;			/* its bytes, also where they are dropped */
	struct u64_stats_sync syncp;
	struct pvk_net_rx_stats stats;
};

struct pvk_net_pair {
	struct pvk_net *net;
	u32 index;
	struct napi_struct napi;
	struct delayed_work refill;	/* when there was no memory for buffers */
	struct pvk_net_tx tx ____cacheline_aligned_in_smp;
	struct pvk_net_rx rx ____cacheline_aligned_in_smp;
};

/* What pvk_net_reconfigure() can change. */
struct pvk_net_setup {
	u32 pairs;
	u32 entries[2];			/* receive, transmit */
	struct bpf_prog *prog;		/* the reference of whoever holds the setup */
};

struct pvk_net {
	struct pvk_device *pdev;
	struct net_device *dev;
	struct pvk_net_config config;	/* checked */
	u64 features;			/* accepted */
	u32 max_pairs;			/* that have an interrupt */
	struct pvk_net_pair *pairs;
	struct pvk_net_mem *mem;	/* of setup.pairs, while in service */
	struct pvk_net_setup setup;	/* under RTNL; prog is read by NAPI from xdp_prog */
	struct bpf_prog __rcu *xdp_prog;
	struct pvk_net_rss rss;
	u32 rx_frames;			/* coalescing, 0: adaptive */
	u32 tx_frames;
	enum pvk_net_state state;
	bool away;			/* frozen, shut down or removed: stays out of service */
	bool stuck;			/* by a time limit; said, and a reset is to come */
	bool link;
	struct delayed_work watch;	/* while in service */
	atomic_t faults;		/* since a completion was last good */
	u64 resets;
	atomic64_t malformed;		/* completions that broke the ABI */
};

static inline struct pvk_net_tx *pvk_net_tx_of(struct pvk_net *net, u32 index)
{
	return &net->pairs[index].tx;
}

#define pvk_net_count(side, field, n)				\
do {								\
	typeof(side) __s = (side);				\
								\
	u64_stats_update_begin(&__s->syncp);			\
	u64_stats_add(&__s->stats.field, n);			\
	u64_stats_update_end(&__s->syncp);			\
} while (0)

/* A good completion after faults: they did not count. */
static inline void pvk_net_progress(struct pvk_net *net)
{
	if (unlikely(atomic_read(&net->faults)))
		atomic_set(&net->faults, 0);
}

/* main.c; RTNL. With the device in service: the filter as net_device has it. */
void pvk_net_show_link(struct pvk_net *net);
int pvk_net_send_rx_mode(struct pvk_net *net);
int pvk_net_send_offloads(struct pvk_net *net, netdev_features_t features);
int pvk_net_send_rss(struct pvk_net *net, const struct pvk_net_rss *rss);

/*
 * reset.c. up: RESET -> RUNNING, 0 or -errno (the device is reset then). down:
 * the way back. reconfigure: -errno leaves everything as it was. All under RTNL.
 */
int pvk_net_up(struct pvk_net *net);
void pvk_net_down(struct pvk_net *net);
int pvk_net_reconfigure(struct pvk_net *net, const struct pvk_net_setup *want);
void pvk_net_set_xps(struct pvk_net *net);	/* as net->setup has pairs; registered */
void pvk_net_recover(struct pvk_device *pdev);
/* The host must answer what is sent, also where nobody waits for room. */
void pvk_net_watch_work(struct work_struct *work);
/* The kernel's watchdog, in softirq: a queue is stopped for long. */
void pvk_net_tx_timeout(struct net_device *dev, unsigned int index);
/* The host broke the ABI in a completion of that queue: said, counted, reset. */
void pvk_net_malformed(struct pvk_net *net, const struct pvk_queue *q, const struct pvk_cqe *e);
int pvk_net_read_config(struct pvk_net *net, struct pvk_net_config *config);

/*
 * tx.c; with the lock of the queue. room: may an entry be put? Completions are
 * taken for it. end: the doorbell and the interrupt, after a burst of frames.
 */
netdev_tx_t pvk_net_xmit(struct sk_buff *skb, struct net_device *dev);
netdev_features_t pvk_net_features_check(struct sk_buff *skb, struct net_device *dev,
					 netdev_features_t features);
bool pvk_net_tx_room(struct pvk_net_tx *tx, int budget);
void pvk_net_tx_xdp(struct pvk_net_tx *tx, struct xdp_frame *frame);
void pvk_net_tx_end(struct pvk_net_tx *tx);
void pvk_net_tx_poll(struct pvk_net_tx *tx, int budget);	/* takes the lock */
bool pvk_net_tx_stalled(struct pvk_net_tx *tx);	/* a look each PVK_NET_WATCH; takes the lock */
/* Completions are there that no event told of: NAPI takes them. Once; takes the lock. */
bool pvk_net_tx_missed(struct pvk_net_tx *tx);
void pvk_net_tx_begin(struct pvk_net_tx *tx, struct pvk_net_mem *mem);
void pvk_net_tx_drop_all(struct pvk_net_tx *tx);

/* rx.c; as the owner of the NAPI instance. fill: number of buffers put. */
int pvk_net_rx_poll(struct pvk_net_rx *rx, int budget);
u32 pvk_net_rx_fill(struct pvk_net_rx *rx, gfp_t gfp);
void pvk_net_rx_begin(struct pvk_net_rx *rx, struct pvk_net_mem *mem);
void pvk_net_rx_drop_all(struct pvk_net_rx *rx);

static inline u32 pvk_net_rx_room(u32 headroom)
{
	return PAGE_SIZE - headroom - SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
}

/* The page as XDP sees it: `length` bytes behind the headroom. */
static inline void pvk_net_rx_buff(struct pvk_net_rx *rx, struct xdp_buff *xdp, struct page *page,
				   u32 length)
{
	xdp_init_buff(xdp, PAGE_SIZE, &rx->mem->rxq);
	xdp_prepare_buff(xdp, page_address(page), rx->headroom, length, true);
}

static inline u32 pvk_net_headroom(bool xdp)
{
	return xdp ? XDP_PACKET_HEADROOM : NET_SKB_PAD + NET_IP_ALIGN;
}

/* xdp.c */
#define PVK_XDP_DID_TX		1u
#define PVK_XDP_DID_REDIRECT	2u

/*
 * Runs prog on a frame of one buffer: true when it goes on to the stack, with
 * place, length and metadata in *xdp; else page is taken care of.
 */
bool pvk_net_xdp_run(struct pvk_net_rx *rx, struct bpf_prog *prog, struct page *page,
		     struct xdp_buff *xdp, u32 length, u32 *did);
void pvk_net_xdp_flush(struct pvk_net_rx *rx, u32 did);
int pvk_net_xdp_xmit(struct net_device *dev, int n, struct xdp_frame **frames, u32 flags);
int pvk_net_bpf(struct net_device *dev, struct netdev_bpf *bpf);
u32 pvk_net_xdp_max_mtu(void);

/* ethtool.c */
extern const struct ethtool_ops pvk_net_ethtool_ops;

/*
 * counterpart.c. release: makes the system let go of the emulated counterpart, and takes its
 * model away: 0 (also when there is none); -EBUSY: in use, said in the log.
 * adopt: has the system look for the counterpart again.
 */
#if IS_ENABLED(CONFIG_PCI)
int pvk_net_counterpart_release(struct pvk_device *pdev);
void pvk_net_counterpart_adopt(struct pvk_device *pdev);
#else
static inline int pvk_net_counterpart_release(struct pvk_device *pdev)
{
	return pvk_unplug(pdev);
}

static inline void pvk_net_counterpart_adopt(struct pvk_device *pdev)
{
}
#endif

#endif /* PVK_NET_H */
