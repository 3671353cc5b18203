/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernels that the network driver builds for, 5.10 to
 * 6.12, as hypercall/linux/compat.h does for the core.
 */
#ifndef PVK_NET_COMPAT_H
#define PVK_NET_COMPAT_H

#include <linux/bpf_trace.h>
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/netdevice.h>
#include <net/xdp.h>

#include "../../hypercall/linux/compat.h"

/* 6.6: the header of page pools was split */
#if PVK_KERNEL_FROM(6, 6)
#include <net/page_pool/helpers.h>
#else
#include <net/page_pool.h>
#endif

/* 6.1: the weight of a NAPI instance is no argument any more */
static inline void pvk_napi_add(struct net_device *dev, struct napi_struct *napi,
				int (*poll)(struct napi_struct *, int))
{
#if PVK_KERNEL_FROM(6, 1)
	netif_napi_add(dev, napi, poll);
#else
	netif_napi_add(dev, napi, poll, NAPI_POLL_WEIGHT);
#endif
}

/* 5.15: an address is set by a function, since it is also in a tree */
static inline void pvk_hw_addr_set(struct net_device *dev, const u8 *mac)
{
#if PVK_KERNEL_FROM(5, 15)
	eth_hw_addr_set(dev, mac);
#else
	ether_addr_copy(dev->dev_addr, mac);
#endif
}

/*
 * 5.15: pages of a pool come back from the stack; before, the pool let go of
 * them when they went there. skb takes the page over as its head or a fragment.
 */
static inline void pvk_rx_hand_over(struct sk_buff *skb, struct page_pool *pool,
				    struct page *page)
{
#if PVK_KERNEL_FROM(5, 15)
	skb_mark_for_recycle(skb);
#else
	page_pool_release_page(pool, page);
#endif
}

static inline struct sk_buff *pvk_build_skb(void *data, unsigned int size)
{
#if PVK_KERNEL_FROM(5, 15)
	return napi_build_skb(data, size);
#else
	return build_skb(data, size);
#endif
}

/* 5.11: receive queues know the NAPI instance that serves them */
static inline int pvk_rxq_reg(struct xdp_rxq_info *rxq, struct net_device *dev, u32 index,
			      struct napi_struct *napi)
{
#if PVK_KERNEL_FROM(5, 11)
	return xdp_rxq_info_reg(rxq, dev, index, napi->napi_id);
#else
	return xdp_rxq_info_reg(rxq, dev, index);
#endif
}

/* 5.12: functions that set up a buffer */
static inline void pvk_xdp_prepare(struct xdp_buff *xdp, struct xdp_rxq_info *rxq, void *start,
				   u32 frame_size, u32 headroom, u32 length)
{
#if PVK_KERNEL_FROM(5, 12)
	xdp_init_buff(xdp, frame_size, rxq);
	xdp_prepare_buff(xdp, start, headroom, length, true);
#else
	xdp->frame_sz = frame_size;
	xdp->rxq = rxq;
	xdp->data_hard_start = start;
	xdp->data = start + headroom;
	xdp->data_meta = xdp->data;
	xdp->data_end = xdp->data + length;
#endif
}

/* 5.17: the warning names device and program */
static inline void pvk_xdp_warn_action(struct net_device *dev, struct bpf_prog *prog, u32 action)
{
#if PVK_KERNEL_FROM(5, 17)
	bpf_warn_invalid_xdp_action(dev, prog, action);
#else
	bpf_warn_invalid_xdp_action(action);
#endif
}

/* 5.18: frames of several buffers, which are not sent */
static inline bool pvk_xdp_is_linear(struct xdp_frame *frame)
{
#if PVK_KERNEL_FROM(5, 18)
	return !xdp_frame_has_frags(frame);
#else
	return true;
#endif
}

/* 5.13: whoever called ndo_xdp_xmit frees what was not sent */
#if !PVK_KERNEL_FROM(5, 13)
#define PVK_XDP_XMIT_FREES	1
#endif

/* 6.3: what a device can do for XDP is stated */
static inline void pvk_xdp_announce(struct net_device *dev)
{
#if PVK_KERNEL_FROM(6, 3)
	dev->xdp_features = NETDEV_XDP_ACT_BASIC | NETDEV_XDP_ACT_REDIRECT |
			    NETDEV_XDP_ACT_NDO_XMIT;
#endif
}

/* 5.15 and 5.17: more arguments, which are not used here */
#if PVK_KERNEL_FROM(5, 15)
#define PVK_COALESCE_ARGS							\
	struct net_device *dev, struct ethtool_coalesce *c,			\
	struct kernel_ethtool_coalesce *kernel, struct netlink_ext_ack *extack
#else
#define PVK_COALESCE_ARGS							\
	struct net_device *dev, struct ethtool_coalesce *c
#endif
#if PVK_KERNEL_FROM(5, 17)
#define PVK_RING_ARGS							\
	struct net_device *dev, struct ethtool_ringparam *ring,			\
	struct kernel_ethtool_ringparam *kernel, struct netlink_ext_ack *extack
#else
#define PVK_RING_ARGS							\
	struct net_device *dev, struct ethtool_ringparam *ring
#endif

/* 6.8: table, key and function of RSS in a structure */
#if PVK_KERNEL_FROM(6, 8)
#define PVK_RXFH_PARAM		1
#endif

#endif /* PVK_NET_COMPAT_H */
