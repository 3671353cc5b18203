// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the user can read and set with ethtool(8). All under RTNL.
 */
#include <linux/ethtool.h>

#include "net.h"

/* ---- statistics ---- */

enum source {
	TX_STAT,	/* offset in struct pvk_net_tx_stats */
	RX_STAT,	/* in struct pvk_net_rx_stats */
	TX_QUEUE,	/* in struct pvk_queue */
	RX_QUEUE,
};

struct counter {
	const char *name;
	enum source source;
	size_t offset;
};

#define TX(field)	{ "tx_" #field, TX_STAT, offsetof(struct pvk_net_tx_stats, field) }
#define RX(field)	{ "rx_" #field, RX_STAT, offsetof(struct pvk_net_rx_stats, field) }

/* Of each pair; names are "pN_" and this. Documented in docs/driver-net.md. */
static const struct counter counters[] = {
	RX(packets), RX(bytes), RX(dropped), RX(errors), RX(csum_valid), RX(csum_partial),
	RX(gso), RX(copied), RX(alloc_failed), RX(xdp_pass), RX(xdp_drop), RX(xdp_tx),
	RX(xdp_redirect), RX(xdp_aborted),
	{ "rx_doorbells", RX_QUEUE, offsetof(struct pvk_queue, rung) },
	{ "rx_doorbells_saved", RX_QUEUE, offsetof(struct pvk_queue, suppressed) },
	TX(packets), TX(bytes), TX(dropped), TX(errors), TX(csum), TX(gso), TX(linearized),
	TX(xdp_tx), TX(xdp_xmit), TX(xdp_full), TX(stops),
	{ "tx_doorbells", TX_QUEUE, offsetof(struct pvk_queue, rung) },
	{ "tx_doorbells_saved", TX_QUEUE, offsetof(struct pvk_queue, suppressed) },
	{ "events", RX_QUEUE, offsetof(struct pvk_queue, events) },
};

static const char * const totals[] = { "resets", "malformed" };

static u64 pvk_net_read_stat(const struct u64_stats_sync *syncp, const void *stats, size_t offset)
{
	const u64_stats_t *stat = stats + offset;
	unsigned int start;
	u64 value;

	do {
		start = u64_stats_fetch_begin(syncp);
		value = u64_stats_read(stat);
	} while (u64_stats_fetch_retry(syncp, start));
	return value;
}

static u64 pvk_net_read_counter(const struct pvk_net_pair *pair, const struct counter *c)
{
	const void *q = c->source == TX_QUEUE ? pair->tx.q : pair->rx.q;

	switch (c->source) {
	case TX_STAT:
		return pvk_net_read_stat(&pair->tx.syncp, &pair->tx.stats, c->offset);
	case RX_STAT:
		return pvk_net_read_stat(&pair->rx.syncp, &pair->rx.stats, c->offset);
	default:
		return READ_ONCE(*(const u64 *)(q + c->offset));
	}
}

static int pvk_net_get_sset_count(struct net_device *dev, int set)
{
	const struct pvk_net *net = netdev_priv(dev);

	if (set != ETH_SS_STATS)
		return -EOPNOTSUPP;
	return ARRAY_SIZE(totals) + net->setup.pairs * ARRAY_SIZE(counters);
}

static void pvk_net_get_strings(struct net_device *dev, u32 set, u8 *data)
{
	const struct pvk_net *net = netdev_priv(dev);
	u32 i, k;

	if (set != ETH_SS_STATS)
		return;
	for (k = 0; k < ARRAY_SIZE(totals); k++, data += ETH_GSTRING_LEN)
		strscpy((char *)data, totals[k], ETH_GSTRING_LEN);
	for (i = 0; i < net->setup.pairs; i++)
		for (k = 0; k < ARRAY_SIZE(counters); k++, data += ETH_GSTRING_LEN)
			snprintf((char *)data, ETH_GSTRING_LEN, "p%u_%s", i, counters[k].name);
}

static void pvk_net_get_ethtool_stats(struct net_device *dev, struct ethtool_stats *stats,
				      u64 *data)
{
	struct pvk_net *net = netdev_priv(dev);
	u32 i, k;

	*data++ = net->resets;
	*data++ = atomic64_read(&net->malformed);
	for (i = 0; i < net->setup.pairs; i++)
		for (k = 0; k < ARRAY_SIZE(counters); k++)
			*data++ = pvk_net_read_counter(&net->pairs[i], &counters[k]);
}

/* ---- driver and link ---- */

static void pvk_net_get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	const struct pvk_net *net = netdev_priv(dev);

	strscpy(info->driver, "pvk_net", sizeof(info->driver));
	strscpy(info->bus_info, dev_name(&net->pdev->dev), sizeof(info->bus_info));
}

static int pvk_net_get_link_ksettings(struct net_device *dev,
				      struct ethtool_link_ksettings *settings)
{
	const struct pvk_net *net = netdev_priv(dev);
	bool up = netif_carrier_ok(dev);

	ethtool_link_ksettings_zero_link_mode(settings, supported);
	ethtool_link_ksettings_zero_link_mode(settings, advertising);
	settings->base.port = PORT_OTHER;
	settings->base.autoneg = AUTONEG_DISABLE;
	settings->base.speed = up && net->config.speed ? net->config.speed : SPEED_UNKNOWN;
	settings->base.duplex = up ? DUPLEX_FULL : DUPLEX_UNKNOWN;
	return 0;
}

/* ---- queues, rings, interrupts ---- */

static void pvk_net_get_channels(struct net_device *dev, struct ethtool_channels *channels)
{
	const struct pvk_net *net = netdev_priv(dev);

	channels->max_combined = net->max_pairs;
	channels->combined_count = net->setup.pairs;
}

static int pvk_net_set_channels(struct net_device *dev, struct ethtool_channels *channels)
{
	struct pvk_net *net = netdev_priv(dev);
	struct pvk_net_setup want = net->setup;

	want.pairs = channels->combined_count;
	if (!want.pairs || want.pairs > net->max_pairs)
		return -EINVAL;
	return want.pairs == net->setup.pairs ? 0 : pvk_net_reconfigure(net, &want);
}

static void pvk_net_get_ringparam(struct net_device *dev, struct ethtool_ringparam *ring,
				  struct kernel_ethtool_ringparam *kernel,
				  struct netlink_ext_ack *extack)
{
	const struct pvk_net *net = netdev_priv(dev);

	ring->rx_max_pending = net->pdev->info.max_entries;
	ring->tx_max_pending = net->pdev->info.max_entries;
	ring->rx_pending = net->setup.entries[0];
	ring->tx_pending = net->setup.entries[1];
}

/* Rounded down to what a ring can have. */
static int pvk_net_set_ringparam(struct net_device *dev, struct ethtool_ringparam *ring,
				 struct kernel_ethtool_ringparam *kernel,
				 struct netlink_ext_ack *extack)
{
	struct pvk_net *net = netdev_priv(dev);
	struct pvk_net_setup want = net->setup;
	u32 most = net->pdev->info.max_entries;

	if (ring->rx_mini_pending || ring->rx_jumbo_pending)
		return -EINVAL;
	want.entries[0] = pvk_net_ring_entries(ring->rx_pending, PVK_NET_MIN_ENTRIES, most);
	want.entries[1] = pvk_net_ring_entries(ring->tx_pending, PVK_NET_MIN_ENTRIES, most);
	if (!memcmp(want.entries, net->setup.entries, sizeof(want.entries)))
		return 0;
	return pvk_net_reconfigure(net, &want);
}

static int pvk_net_get_coalesce(struct net_device *dev, struct ethtool_coalesce *c,
				struct kernel_ethtool_coalesce *kernel,
				struct netlink_ext_ack *extack)
{
	const struct pvk_net *net = netdev_priv(dev);

	c->use_adaptive_rx_coalesce = !net->rx_frames;
	c->use_adaptive_tx_coalesce = !net->tx_frames;
	c->rx_max_coalesced_frames = net->rx_frames ? net->rx_frames : PVK_NET_FRAMES_DEFAULT;
	c->tx_max_coalesced_frames = net->tx_frames ? net->tx_frames : PVK_NET_FRAMES_DEFAULT;
	return 0;
}

/* How long a host waits for more is the host's to say: there are no usecs. */
static int pvk_net_set_coalesce(struct net_device *dev, struct ethtool_coalesce *c,
				struct kernel_ethtool_coalesce *kernel,
				struct netlink_ext_ack *extack)
{
	struct pvk_net *net = netdev_priv(dev);
	struct ethtool_coalesce was;

	pvk_net_get_coalesce(dev, &was, kernel, extack);
	/* What is asked for is done, or refused. */
	if ((c->use_adaptive_rx_coalesce &&
	     c->rx_max_coalesced_frames != was.rx_max_coalesced_frames) ||
	    (c->use_adaptive_tx_coalesce &&
	     c->tx_max_coalesced_frames != was.tx_max_coalesced_frames)) {
		NL_SET_ERR_MSG_MOD(extack, "rx-frames and tx-frames need adaptive-rx and -tx off");
		return -EINVAL;
	}
	if (!c->rx_max_coalesced_frames || !c->tx_max_coalesced_frames) {
		NL_SET_ERR_MSG_MOD(extack, "rx-frames and tx-frames are at least 1");
		return -EINVAL;
	}
	WRITE_ONCE(net->rx_frames, c->use_adaptive_rx_coalesce ? 0 : c->rx_max_coalesced_frames);
	WRITE_ONCE(net->tx_frames, c->use_adaptive_tx_coalesce ? 0 : c->tx_max_coalesced_frames);
	return 0;
}

/* ---- RSS ---- */

static bool pvk_net_has_rss(const struct pvk_net *net)
{
	return net->features & PVK_NET_F_RSS;
}

/* The new state, for the host and then for us; 0 or -errno. */
static int pvk_net_use_rss(struct pvk_net *net, const struct pvk_net_rss *rss)
{
	int ret = 0;

	if (net->state == PVK_NET_RUNNING)
		ret = pvk_net_send_rss(net, rss);
	if (!ret)
		net->rss = *rss;
	return ret;
}

static u32 pvk_net_get_rxfh_key_size(struct net_device *dev)
{
	return pvk_net_has_rss(netdev_priv(dev)) ? PVK_NET_RSS_KEY : 0;
}

static u32 pvk_net_get_rxfh_indir_size(struct net_device *dev)
{
	return pvk_net_has_rss(netdev_priv(dev)) ? PVK_NET_RSS_TABLE : 0;
}

static int pvk_net_read_rss(const struct pvk_net *net, u32 *indir, u8 *key)
{
	u32 i;

	if (!pvk_net_has_rss(net))
		return -EOPNOTSUPP;
	for (i = 0; indir && i < PVK_NET_RSS_TABLE; i++)
		indir[i] = net->rss.table[i];
	if (key)
		memcpy(key, net->rss.key, PVK_NET_RSS_KEY);
	return 0;
}

static int pvk_net_write_rss(struct pvk_net *net, const u32 *indir, const u8 *key, u8 hfunc)
{
	struct pvk_net_rss rss = net->rss;
	u32 i;

	if (!pvk_net_has_rss(net) || (hfunc != ETH_RSS_HASH_NO_CHANGE && hfunc != ETH_RSS_HASH_TOP))
		return -EOPNOTSUPP;
	for (i = 0; indir && i < PVK_NET_RSS_TABLE; i++) {
		if (indir[i] >= net->setup.pairs)
			return -EINVAL;
		rss.table[i] = indir[i];
	}
	if (key)
		memcpy(rss.key, key, PVK_NET_RSS_KEY);
	return pvk_net_use_rss(net, &rss);
}

#ifdef PVK_RXFH_PARAM
static int pvk_net_get_rxfh(struct net_device *dev, struct ethtool_rxfh_param *param)
{
	param->hfunc = ETH_RSS_HASH_TOP;
	return pvk_net_read_rss(netdev_priv(dev), param->indir, param->key);
}

static int pvk_net_set_rxfh(struct net_device *dev, struct ethtool_rxfh_param *param,
			    struct netlink_ext_ack *extack)
{
	return pvk_net_write_rss(netdev_priv(dev), param->indir, param->key, param->hfunc);
}
#else
static int pvk_net_get_rxfh(struct net_device *dev, u32 *indir, u8 *key, u8 *hfunc)
{
	if (hfunc)
		*hfunc = ETH_RSS_HASH_TOP;
	return pvk_net_read_rss(netdev_priv(dev), indir, key);
}

static int pvk_net_set_rxfh(struct net_device *dev, const u32 *indir, const u8 *key, const u8 hfunc)
{
	return pvk_net_write_rss(netdev_priv(dev), indir, key, hfunc);
}
#endif

/* The types of hash that a kind of flow may use: by address, and by port, too. */
static void pvk_net_flow_types(u32 flow, u32 *by_address, u32 *by_port)
{
	*by_address = 0;
	*by_port = 0;
	switch (flow) {
	case TCP_V4_FLOW:
		*by_port = PVK_NET_RSS_TCP4;
		*by_address = PVK_NET_RSS_IP4;
		break;
	case UDP_V4_FLOW:
		*by_port = PVK_NET_RSS_UDP4;
		fallthrough;
	case IPV4_FLOW:
		*by_address = PVK_NET_RSS_IP4;
		break;
	case TCP_V6_FLOW:
		*by_port = PVK_NET_RSS_TCP6;
		*by_address = PVK_NET_RSS_IP6;
		break;
	case UDP_V6_FLOW:
		*by_port = PVK_NET_RSS_UDP6;
		fallthrough;
	case IPV6_FLOW:
		*by_address = PVK_NET_RSS_IP6;
		break;
	}
}

#define BY_ADDRESS	((u64)(RXH_IP_SRC | RXH_IP_DST))
#define BY_PORT		(BY_ADDRESS | RXH_L4_B_0_1 | RXH_L4_B_2_3)

static u64 pvk_net_read_hash_fields(const struct pvk_net *net, u32 flow)
{
	u32 by_address, by_port;

	pvk_net_flow_types(flow, &by_address, &by_port);
	if (net->rss.types & by_port)
		return BY_PORT;
	return net->rss.types & by_address ? BY_ADDRESS : 0;
}

/* Addresses only means for TCP and UDP: as other packets of that protocol. */
static int pvk_net_write_hash_fields(struct pvk_net *net, u32 flow, u64 fields)
{
	struct pvk_net_rss rss = net->rss;
	u32 by_address, by_port;

	if (!pvk_net_has_rss(net))
		return -EOPNOTSUPP;
	pvk_net_flow_types(flow, &by_address, &by_port);
	if (!by_address)
		return -EINVAL;
	if (fields == BY_PORT && by_port) {
		rss.types |= by_port;
	} else if (fields == BY_ADDRESS) {
		rss.types &= ~by_port;
		rss.types |= by_address;
	} else {
		return -EINVAL;
	}
	if (rss.types & ~net->config.rss_types)
		return -EOPNOTSUPP;
	return pvk_net_use_rss(net, &rss);
}

#ifdef PVK_RX_RING_COUNT
static u32 pvk_net_get_rx_ring_count(struct net_device *dev)
{
	const struct pvk_net *net = netdev_priv(dev);

	return net->setup.pairs;
}
#endif

#ifdef PVK_RXFH_FIELDS
static int pvk_net_get_rxfh_fields(struct net_device *dev, struct ethtool_rxfh_fields *fields)
{
	const struct pvk_net *net = netdev_priv(dev);

	if (!pvk_net_has_rss(net))
		return -EOPNOTSUPP;
	fields->data = pvk_net_read_hash_fields(net, fields->flow_type);
	return 0;
}

static int pvk_net_set_rxfh_fields(struct net_device *dev, const struct ethtool_rxfh_fields *fields,
				   struct netlink_ext_ack *extack)
{
	return pvk_net_write_hash_fields(netdev_priv(dev), fields->flow_type, fields->data);
}
#endif

/* What newer kernels ask by operations of their own is asked here by the others. */
static int pvk_net_get_rxnfc(struct net_device *dev, struct ethtool_rxnfc *info, u32 *locations)
{
	const struct pvk_net *net = netdev_priv(dev);

	switch (info->cmd) {
	case ETHTOOL_GRXRINGS:
		info->data = net->setup.pairs;
		return 0;
	case ETHTOOL_GRXFH:
		if (!pvk_net_has_rss(net))
			return -EOPNOTSUPP;
		info->data = pvk_net_read_hash_fields(net, info->flow_type);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static int pvk_net_set_rxnfc(struct net_device *dev, struct ethtool_rxnfc *info)
{
	struct pvk_net *net = netdev_priv(dev);

	if (info->cmd != ETHTOOL_SRXFH)
		return -EOPNOTSUPP;
	return pvk_net_write_hash_fields(net, info->flow_type, info->data);
}

const struct ethtool_ops pvk_net_ethtool_ops = {
	.supported_coalesce_params = ETHTOOL_COALESCE_MAX_FRAMES | ETHTOOL_COALESCE_USE_ADAPTIVE,
	.get_drvinfo		= pvk_net_get_drvinfo,
	.get_link		= ethtool_op_get_link,
	.get_link_ksettings	= pvk_net_get_link_ksettings,
	.get_ts_info		= ethtool_op_get_ts_info,
	.get_channels		= pvk_net_get_channels,
	.set_channels		= pvk_net_set_channels,
	.get_ringparam		= pvk_net_get_ringparam,
	.set_ringparam		= pvk_net_set_ringparam,
	.get_coalesce		= pvk_net_get_coalesce,
	.set_coalesce		= pvk_net_set_coalesce,
	.get_sset_count		= pvk_net_get_sset_count,
	.get_strings		= pvk_net_get_strings,
	.get_ethtool_stats	= pvk_net_get_ethtool_stats,
	.get_rxfh_key_size	= pvk_net_get_rxfh_key_size,
	.get_rxfh_indir_size	= pvk_net_get_rxfh_indir_size,
	.get_rxfh		= pvk_net_get_rxfh,
	.set_rxfh		= pvk_net_set_rxfh,
	.get_rxnfc		= pvk_net_get_rxnfc,
	.set_rxnfc		= pvk_net_set_rxnfc,
#ifdef PVK_RX_RING_COUNT
	.get_rx_ring_count	= pvk_net_get_rx_ring_count,
#endif
#ifdef PVK_RXFH_FIELDS
	.get_rxfh_fields	= pvk_net_get_rxfh_fields,
	.set_rxfh_fields	= pvk_net_set_rxfh_fields,
#endif
};
