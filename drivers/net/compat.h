/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernels that the network driver builds for, 6.1 to
 * 6.12, as hypercall/linux/compat.h does for the core.
 */
#ifndef PVK_NET_COMPAT_H
#define PVK_NET_COMPAT_H

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

/* 6.3: what a device can do for XDP is stated */
static inline void pvk_xdp_announce(struct net_device *dev)
{
#if PVK_KERNEL_FROM(6, 3)
	dev->xdp_features = NETDEV_XDP_ACT_BASIC | NETDEV_XDP_ACT_REDIRECT |
			    NETDEV_XDP_ACT_NDO_XMIT;
#endif
}

/*
 * Kbuild looks for these in the kernel's ethtool.h: PVK_RXFH_FIELDS (6.16: fields
 * of the hash have operations of their own) and PVK_RX_RING_COUNT (6.19: the number
 * of receive rings has).
 */

/*
 * 6.8: whose a page pool is, for the statistics that netlink has. Not its NAPI
 * instance (6.4): a pool that has one may only go while that is disabled, or the kernel
 * warns (napi_assert_will_not_race()). Ours are made while their predecessors are in use,
 * and go then, too, when there is not enough memory for all of them; and the old ones
 * stay until the next are in service, for the way back.
 */
static inline void pvk_pool_belongs(struct page_pool_params *params, struct net_device *dev)
{
#if PVK_KERNEL_FROM(6, 8)
	params->netdev = dev;
#endif
}

/* 6.8: table, key and function of RSS in a structure */
#if PVK_KERNEL_FROM(6, 8)
#define PVK_RXFH_PARAM		1
#endif

#endif /* PVK_NET_COMPAT_H */
