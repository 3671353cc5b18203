// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvkit network driver: a net_device per PVK_DEV_NET device.
 *
 * See net.h for the parts and docs/driver-net.md for what a user sees.
 */
#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "net.h"

#define DEFAULT_ENTRIES	256u

/* ---- what is told to the device at run time ---- */

/* With the address lock. What does not fit the list is let through in bulk. */
int pvk_net_send_rx_mode(struct pvk_net *net)
{
	struct net_device *dev = net->dev;
	struct pvk_net_rx_mode mode = { .size = sizeof(mode) };
	u32 most = net->config.max_addresses;
	struct netdev_hw_addr *ha;
	u32 n = 0;

	if (!(net->features & PVK_NET_F_RX_MODE))
		return 0;
	if (dev->flags & IFF_PROMISC || netdev_uc_count(dev) > most)
		mode.flags |= PVK_NET_RX_PROMISC;
	else
		netdev_for_each_uc_addr(ha, dev)
			ether_addr_copy(mode.address[n++], ha->addr);
	if (dev->flags & IFF_ALLMULTI || netdev_mc_count(dev) > most - n)
		mode.flags |= PVK_NET_RX_ALLMULTI;
	else
		netdev_for_each_mc_addr(ha, dev)
			ether_addr_copy(mode.address[n++], ha->addr);
	mode.addresses = n;
	ether_addr_copy(mode.mac, dev->dev_addr);
	return pvk_dev_control(net->pdev, PVK_NET_CTL_RX_MODE, &mode, sizeof(mode));
}

/* None with a program of XDP's attached. */
int pvk_net_send_offloads(struct pvk_net *net, netdev_features_t features)
{
	struct pvk_net_offloads off = { .size = sizeof(off) };

	if (!(net->features & PVK_NET_F_RX_OFFLOADS))
		return 0;
	if (!net->setup.prog && features & NETIF_F_RXCSUM)
		off.features |= net->features & PVK_NET_F_RX_CSUM;
	if (off.features && features & NETIF_F_GRO_HW)
		off.features |= net->features & PVK_NET_F_RX_GSO;
	return pvk_dev_control(net->pdev, PVK_NET_CTL_OFFLOADS, &off, sizeof(off));
}

int pvk_net_send_rss(struct pvk_net *net, const struct pvk_net_rss *rss)
{
	if (!(net->features & PVK_NET_F_RSS))
		return 0;
	return pvk_dev_control(net->pdev, PVK_NET_CTL_RSS, rss, sizeof(*rss));
}

void pvk_net_show_link(struct pvk_net *net)
{
	if (net->config.link && net->state == PVK_NET_RUNNING)
		netif_carrier_on(net->dev);
	else
		netif_carrier_off(net->dev);
}

/* ---- operations of the net_device ---- */

static int pvk_net_open(struct net_device *dev)
{
	return pvk_net_up(netdev_priv(dev));
}

static int pvk_net_stop(struct net_device *dev)
{
	pvk_net_down(netdev_priv(dev));
	return 0;
}

/* With the address lock, not with RTNL on all ways here. */
static void pvk_net_set_rx_mode(struct net_device *dev)
{
	struct pvk_net *net = netdev_priv(dev);
	int ret;

	/* A device that is just being started is told by bring_up(). */
	if (READ_ONCE(net->state) != PVK_NET_RUNNING)
		return;
	ret = pvk_net_send_rx_mode(net);
	if (ret && ret != -EPROTO && net_ratelimit())
		netdev_warn(dev, "the filter of addresses was not changed: error %d\n", -ret);
}

static int pvk_net_set_mac_address(struct net_device *dev, void *p)
{
	struct pvk_net *net = netdev_priv(dev);
	struct sockaddr *addr = p;
	u8 old[ETH_ALEN];
	int ret;

	ret = eth_prepare_mac_addr_change(dev, p);
	if (ret)
		return ret;
	ether_addr_copy(old, dev->dev_addr);
	netif_addr_lock_bh(dev);
	eth_hw_addr_set(dev, addr->sa_data);
	if (net->state == PVK_NET_RUNNING)
		ret = pvk_net_send_rx_mode(net);
	if (ret)
		eth_hw_addr_set(dev, old);
	netif_addr_unlock_bh(dev);
	return ret;
}

static int pvk_net_change_mtu(struct net_device *dev, int mtu)
{
	struct pvk_net *net = netdev_priv(dev);

	if (net->setup.prog && mtu > (int)pvk_net_xdp_max_mtu()) {
		netdev_warn(dev, "an MTU above %u does not go with XDP\n", pvk_net_xdp_max_mtu());
		return -EINVAL;
	}
	/* A frame takes as many buffers as it needs: the rings stay. */
	WRITE_ONCE(dev->mtu, mtu);
	return 0;
}

static netdev_features_t pvk_net_fix_features(struct net_device *dev, netdev_features_t features)
{
	struct pvk_net *net = netdev_priv(dev);

	if (net->setup.prog)
		features &= ~NETIF_F_RXCSUM;
	if (!(features & NETIF_F_RXCSUM))
		features &= ~NETIF_F_GRO_HW;
	return features;
}

static int pvk_net_set_features(struct net_device *dev, netdev_features_t features)
{
	struct pvk_net *net = netdev_priv(dev);

	if (!((dev->features ^ features) & (NETIF_F_RXCSUM | NETIF_F_GRO_HW)) ||
	    net->state != PVK_NET_RUNNING)
		return 0;
	return pvk_net_send_offloads(net, features);
}

static void pvk_net_add_tx_stats(struct rtnl_link_stats64 *s, struct pvk_net_tx *tx)
{
	u64 packets, bytes, dropped, errors;
	unsigned int start;

	do {
		start = u64_stats_fetch_begin(&tx->syncp);
		packets = u64_stats_read(&tx->stats.packets);
		bytes = u64_stats_read(&tx->stats.bytes);
		dropped = u64_stats_read(&tx->stats.dropped);
		errors = u64_stats_read(&tx->stats.errors);
	} while (u64_stats_fetch_retry(&tx->syncp, start));
	s->tx_packets += packets;
	s->tx_bytes += bytes;
	s->tx_dropped += dropped;
	s->tx_errors += errors;
}

static void pvk_net_add_rx_stats(struct rtnl_link_stats64 *s, struct pvk_net_rx *rx)
{
	u64 packets, bytes, dropped, errors;
	unsigned int start;

	do {
		start = u64_stats_fetch_begin(&rx->syncp);
		packets = u64_stats_read(&rx->stats.packets);
		bytes = u64_stats_read(&rx->stats.bytes);
		dropped = u64_stats_read(&rx->stats.dropped);
		errors = u64_stats_read(&rx->stats.errors);
	} while (u64_stats_fetch_retry(&rx->syncp, start));
	s->rx_packets += packets;
	s->rx_bytes += bytes;
	s->rx_dropped += dropped;
	s->rx_errors += errors;
}

static void pvk_net_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *s)
{
	struct pvk_net *net = netdev_priv(dev);
	u32 i;

	for (i = 0; i < net->max_pairs; i++) {
		pvk_net_add_tx_stats(s, &net->pairs[i].tx);
		pvk_net_add_rx_stats(s, &net->pairs[i].rx);
	}
}

static const struct net_device_ops netdev_ops = {
	.ndo_open		= pvk_net_open,
	.ndo_stop		= pvk_net_stop,
	.ndo_start_xmit		= pvk_net_xmit,
	.ndo_set_rx_mode	= pvk_net_set_rx_mode,
	.ndo_set_mac_address	= pvk_net_set_mac_address,
	.ndo_validate_addr	= eth_validate_addr,
	.ndo_change_mtu		= pvk_net_change_mtu,
	.ndo_fix_features	= pvk_net_fix_features,
	.ndo_features_check	= pvk_net_features_check,
	.ndo_set_features	= pvk_net_set_features,
	.ndo_get_stats64	= pvk_net_get_stats64,
	.ndo_tx_timeout		= pvk_net_tx_timeout,
	.ndo_bpf		= pvk_net_bpf,
	.ndo_xdp_xmit		= pvk_net_xdp_xmit,
};

/* ---- interrupts and NAPI ---- */

/* Hard interrupt; the queue is the receive queue of a pair. */
static irqreturn_t pvk_net_interrupt(int irq, void *data)
{
	struct pvk_queue *q = data;
	struct pvk_net_pair *pair = q->priv;

	if (napi_schedule_prep(&pair->napi)) {
		/* The receive ring is the poll's from here, which is this one's. */
		pvk_ring_disarm(&q->cq);
		__napi_schedule(&pair->napi);
	}
	return IRQ_HANDLED;
}

/* Frames that the pair is sending: given to the host since the last look, or not known done. */
static u32 pvk_net_sending(const struct pvk_net_pair *pair)
{
	return max(READ_ONCE(pair->tx.q->sq.next) - pair->rx.sent_before,
		   READ_ONCE(pair->tx.in_flight));
}

static int pvk_net_poll(struct napi_struct *napi, int budget)
{
	struct pvk_net_pair *pair = container_of(napi, struct pvk_net_pair, napi);
	struct pvk_net_rx *rx = &pair->rx;
	struct pvk_ring *cq = &rx->q->cq;
	int frames;
	u32 more;

	pvk_net_tx_poll(&pair->tx, budget);
	if (!budget)
		return 0;	/* netpoll: transmit only */
	frames = pvk_net_rx_poll(rx, budget);
	if (frames >= budget)
		return budget;
	if (rx->broken) {
		napi_complete_done(napi, frames);
		return frames;
	}
	/*
	 * Armed and looked at once more before the instance is let go: after
	 * that another CPU may own the ring. An event between the two is seen
	 * by napi_complete_done().
	 */
	more = pvk_net_rx_more(rx->taken, rx->in_flight, READ_ONCE(pair->net->rx_frames),
			       pvk_net_sending(pair));
	pvk_ring_arm(cq, more);
	if (pvk_cq_pending(cq)) {
		pvk_ring_disarm(cq);
		return budget;
	}
	rx->taken = 0;
	rx->sent_before = READ_ONCE(pair->tx.q->sq.next);
	napi_complete_done(napi, frames);
	return frames;
}

/* The host has no or few buffers, as there was no memory for more. */
static void pvk_net_refill(struct work_struct *work)
{
	struct pvk_net_pair *pair = container_of(to_delayed_work(work), struct pvk_net_pair,
						 refill);

	local_bh_disable();
	napi_schedule(&pair->napi);
	local_bh_enable();
}

/* ---- life with a device ---- */

static void pvk_net_set_offered_features(struct pvk_net *net)
{
	struct net_device *dev = net->dev;
	netdev_features_t f = 0;

	if (net->config.max_segs > 1)
		f |= NETIF_F_SG;
	if (net->features & PVK_NET_F_CSUM)
		f |= NETIF_F_HW_CSUM;
	if (net->features & PVK_NET_F_TSO4)
		f |= NETIF_F_TSO | NETIF_F_TSO_ECN;
	if (net->features & PVK_NET_F_TSO6)
		f |= NETIF_F_TSO6;
	if (net->features & PVK_NET_F_USO)
		f |= NETIF_F_GSO_UDP_L4;
	dev->vlan_features = f | NETIF_F_HIGHDMA;
	if (net->features & PVK_NET_F_RX_CSUM)
		f |= NETIF_F_RXCSUM;
	if (net->features & PVK_NET_F_RX_GSO)
		f |= NETIF_F_GRO_HW;
	dev->hw_features = f;
	dev->features = f | NETIF_F_HIGHDMA;
	if (net->features & PVK_NET_F_RX_MODE)
		dev->priv_flags |= IFF_UNICAST_FLT;
	dev->priv_flags |= IFF_LIVE_ADDR_CHANGE;
}

static void pvk_net_init_pair(struct pvk_net *net, u32 i)
{
	struct pvk_net_pair *pair = &net->pairs[i];

	pair->net = net;
	pair->index = i;
	pair->rx.pair = pair;
	pair->rx.q = &net->pdev->queues[2 * i];
	pair->rx.q->priv = pair;
	pair->tx.pair = pair;
	pair->tx.q = &net->pdev->queues[2 * i + 1];
	pair->tx.q->priv = pair;
	pair->tx.nq = netdev_get_tx_queue(net->dev, i);
	u64_stats_init(&pair->rx.syncp);
	u64_stats_init(&pair->tx.syncp);
	INIT_DELAYED_WORK(&pair->refill, pvk_net_refill);
	netif_napi_add(net->dev, &pair->napi, pvk_net_poll);
}

/* Queues with interrupts, and a pair for each two. 0 or -errno. */
static int pvk_net_alloc_pairs(struct pvk_net *net)
{
	struct pvk_device *pdev = net->pdev;
	u32 entries = pvk_net_ring_entries(DEFAULT_ENTRIES, PVK_NET_MIN_ENTRIES,
					   pdev->info.max_entries);
	struct pvk_queues_plan plan = {
		.nr = net->dev->num_tx_queues,
		.group = 2,
		.entries = { entries, entries },
		.handler = pvk_net_interrupt,
	};
	u32 i;
	int ret;

	ret = pvk_queues_alloc(pdev, &plan);
	if (ret)
		return ret;
	net->max_pairs = pdev->nr_queues / 2;
	net->setup.pairs = net->max_pairs;
	net->setup.entries[0] = entries;
	net->setup.entries[1] = entries;
	net->pairs = kvcalloc(net->max_pairs, sizeof(*net->pairs), GFP_KERNEL);
	if (!net->pairs) {
		pvk_queues_free(pdev);
		return -ENOMEM;
	}
	for (i = 0; i < net->max_pairs; i++)
		pvk_net_init_pair(net, i);
	return 0;
}

/* Before free_netdev(), or with it: no NAPI instance is enabled. */
static void pvk_net_free_pairs(struct pvk_net *net)
{
	u32 i;

	for (i = 0; i < net->max_pairs; i++)
		netif_napi_del(&net->pairs[i].napi);
	pvk_queues_free(net->pdev);
	kvfree(net->pairs);
	net->pairs = NULL;
	net->max_pairs = 0;
}

/* -ENODEV with a message when the device is less than the driver needs. */
static int pvk_net_check_limits(struct pvk_device *pdev)
{
	if (pdev->info.max_queues >= 2 && pdev->info.max_entries >= PVK_NET_MIN_ENTRIES)
		return 0;
	dev_err(&pdev->dev, "too small: %u queues of %u entries, needed are 2 of %u\n",
		pdev->info.max_queues, pdev->info.max_entries, PVK_NET_MIN_ENTRIES);
	return -ENODEV;
}

static struct net_device *pvk_net_make_netdev(struct pvk_device *pdev)
{
	u32 pairs = min(pdev->info.max_queues / 2, num_present_cpus());
	struct net_device *dev = alloc_etherdev_mqs(sizeof(struct pvk_net), pairs, pairs);
	struct pvk_net *net;

	if (!dev)
		return NULL;
	SET_NETDEV_DEV(dev, &pdev->dev);
	net = netdev_priv(dev);
	net->pdev = pdev;
	net->dev = dev;
	net->features = pvk_net_choose_features(pdev->info.features);
	INIT_DELAYED_WORK(&net->watch, pvk_net_watch_work);
	return dev;
}

static void pvk_net_dress_netdev(struct pvk_net *net)
{
	struct net_device *dev = net->dev;

	dev->netdev_ops = &netdev_ops;
	dev->ethtool_ops = &pvk_net_ethtool_ops;
	dev->watchdog_timeo = PVK_NET_TIMEOUT;
	dev->min_mtu = PVK_NET_MIN_MTU;
	dev->max_mtu = net->config.max_mtu;
	dev->mtu = net->config.mtu;
	eth_hw_addr_set(dev, net->config.mac);
	pvk_net_set_offered_features(net);
	pvk_xdp_announce(dev);
	netif_carrier_off(dev);
	net->rss.size = sizeof(net->rss);
	net->rss.types = net->config.rss_types;
	netdev_rss_key_fill(net->rss.key, sizeof(net->rss.key));
}

/* As many queues as there are interrupts for; before it is registered. */
static int pvk_net_first_setup(struct pvk_net *net)
{
	int ret;

	pvk_net_spread(net->rss.table, net->max_pairs);
	rtnl_lock();
	ret = netif_set_real_num_queues(net->dev, net->max_pairs, net->max_pairs);
	rtnl_unlock();
	return ret;
}

static int pvk_net_probe(struct pvk_device *pdev)
{
	struct net_device *dev;
	struct pvk_net *net;
	int ret;

	ret = pvk_net_check_limits(pdev);
	if (ret)
		return ret;
	dev = pvk_net_make_netdev(pdev);
	if (!dev)
		return -ENOMEM;
	net = netdev_priv(dev);
	pvk_set_drvdata(pdev, net);
	/* Before the counterpart is touched: a device that cannot work leaves it alone. */
	ret = pvk_net_read_config(net, &net->config);
	if (ret)
		goto err_free;
	ret = pvk_net_alloc_pairs(net);
	if (ret)
		goto err_free;
	pvk_net_dress_netdev(net);
	ret = pvk_net_first_setup(net);
	if (ret)
		goto err_pairs;
	ret = pvk_net_counterpart_release(pdev);
	if (ret)
		goto err_pairs;
	ret = register_netdev(dev);
	if (ret)
		goto err_counterpart;
	rtnl_lock();
	pvk_net_set_xps(net);
	rtnl_unlock();
	dev_info(&pdev->dev, "%s: address %pM, %u pairs of queues%s\n", dev->name, dev->dev_addr,
		 net->max_pairs,
		 pdev->info.counterpart ? ", in place of its emulated model" : "");
	return 0;

err_counterpart:
	pvk_dev_retire(pdev);
	if (!pvk_replug(pdev))
		pvk_net_counterpart_adopt(pdev);
err_pairs:
	pvk_net_free_pairs(net);
err_free:
	free_netdev(dev);
	return ret;
}

/* Sets it down; detaches XDP. */
static void pvk_net_withdraw(struct pvk_device *pdev)
{
	struct pvk_net *net = pvk_get_drvdata(pdev);

	unregister_netdev(net->dev);
}

static void pvk_net_remove(struct pvk_device *pdev)
{
	struct pvk_net *net = pvk_get_drvdata(pdev);

	pvk_net_free_pairs(net);
	if (!pvk_replug(pdev))
		pvk_net_counterpart_adopt(pdev);
	free_netdev(net->dev);
}

/* With the device lock: the host changed link or state. */
static void pvk_net_changed(struct pvk_device *pdev)
{
	struct pvk_net *net = pvk_get_drvdata(pdev);
	struct pvk_net_config config;

	if (pdev->info.state == PVK_DEV_NEEDS_RESET) {
		dev_warn_ratelimited(&pdev->dev, "%s: the host asks for a reset\n",
				     net->dev->name);
		pvk_dev_fault(pdev);
		return;
	}
	if (pvk_net_read_config(net, &config))
		return;
	rtnl_lock();
	net->config.speed = config.speed;
	if (net->config.link != config.link) {
		net->config.link = config.link;
		if (net_ratelimit())
			netdev_info(net->dev, "link is %s\n", config.link ? "up" : "down");
	}
	/* A dead device stays without. */
	pvk_net_show_link(net);
	rtnl_unlock();
}

/* No frame comes or goes afterwards, and the device is in RESET. */
static void pvk_net_put_away(struct pvk_net *net)
{
	rtnl_lock();
	if (!net->away) {
		net->away = true;
		netif_device_detach(net->dev);
		if (netif_running(net->dev))
			pvk_net_down(net);
	}
	rtnl_unlock();
}

static void pvk_net_shutdown(struct pvk_device *pdev)
{
	pvk_net_put_away(pvk_get_drvdata(pdev));
}

static int pvk_net_freeze(struct pvk_device *pdev)
{
	pvk_net_put_away(pvk_get_drvdata(pdev));
	return 0;
}

static int pvk_net_restore(struct pvk_device *pdev)
{
	struct pvk_net *net = pvk_get_drvdata(pdev);
	struct pvk_net_config config;
	int ret;

	rtnl_lock();
	/* A host that started anew shows the counterpart, which this system let go. */
	ret = pvk_unplug(pdev);
	if (!ret && !pvk_net_read_config(net, &config)) {
		net->config.link = config.link;
		net->config.speed = config.speed;
	}
	net->away = false;
	if (!ret && netif_running(net->dev))
		ret = pvk_net_up(net);
	/* Where that failed, the interface is up without a carrier. */
	netif_device_attach(net->dev);
	rtnl_unlock();
	return ret;
}

static struct pvk_driver net_driver = {
	.driver.name	= "pvk_net",
	.type		= PVK_DEV_NET,
	.probe		= pvk_net_probe,
	.withdraw	= pvk_net_withdraw,
	.remove		= pvk_net_remove,
	.recover	= pvk_net_recover,
	.changed	= pvk_net_changed,
	.shutdown	= pvk_net_shutdown,
	.freeze		= pvk_net_freeze,
	.restore	= pvk_net_restore,
};

module_pvk_driver(net_driver);

MODULE_ALIAS("pvk:t2");		/* PVK_DEV_NET */
MODULE_SOFTDEP("pre: pvk_core");
MODULE_DESCRIPTION("pvkit network driver");
MODULE_AUTHOR("The pvkit authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(PVK_RELEASE);
