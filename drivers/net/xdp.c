// SPDX-License-Identifier: GPL-2.0-only
/*
 * XDP: programs on received frames, and frames that other devices redirect
 * here. Frames go into the transmit rings of the pairs, under the same lock as
 * the stack's, and are not accounted to byte queue limits.
 *
 * A program sees whole frames of one buffer with complete checksums: while one
 * is attached, the host leaves no checksum open, merges nothing (no receive
 * offload is on), and buffers have the headroom that programs expect.
 */
#include <linux/bpf.h>
#include <linux/bpf_trace.h>
#include <linux/if_vlan.h>

#include "net.h"

u32 pvk_net_xdp_max_mtu(void)
{
	return pvk_net_rx_room(pvk_net_headroom(true)) - ETH_HLEN - VLAN_HLEN;
}

/* Back by the way it came. True when it is on the ring. */
static bool pvk_net_send_back(struct pvk_net_rx *rx, struct xdp_buff *xdp)
{
	struct xdp_frame *frame = xdp_convert_buff_to_frame(xdp);
	struct pvk_net_tx *tx = &rx->pair->tx;
	bool sent = false;

	if (!frame)
		return false;	/* the page is still the caller's */
	__netif_tx_lock(tx->nq, smp_processor_id());
	if (frame->len >= PVK_NET_MIN_FRAME && pvk_net_tx_room(tx, 0)) {
		pvk_net_tx_xdp(tx, frame);
		pvk_net_count(tx, xdp_tx, 1);
		sent = true;
	} else {
		pvk_net_count(tx, xdp_full, 1);
	}
	__netif_tx_unlock(tx->nq);
	return sent;
}

bool pvk_net_xdp_run(struct pvk_net_rx *rx, struct bpf_prog *prog, struct page *page,
		     struct xdp_buff *xdp, u32 length, u32 *did)
{
	struct net_device *dev = rx->pair->net->dev;
	u32 action;

	pvk_net_rx_buff(rx, xdp, page, length);
	action = bpf_prog_run_xdp(prog, xdp);
	switch (action) {
	case XDP_PASS:
		pvk_net_count(rx, xdp_pass, 1);
		return true;
	case XDP_TX:
		if (!pvk_net_send_back(rx, xdp))
			break;
		pvk_net_count(rx, xdp_tx, 1);
		*did |= PVK_XDP_DID_TX;
		return false;
	case XDP_REDIRECT:
		if (xdp_do_redirect(dev, xdp, prog))
			break;
		pvk_net_count(rx, xdp_redirect, 1);
		*did |= PVK_XDP_DID_REDIRECT;
		return false;
	case XDP_DROP:
		pvk_net_count(rx, xdp_drop, 1);
		page_pool_recycle_direct(rx->mem->pool, page);
		return false;
	default:
		bpf_warn_invalid_xdp_action(dev, prog, action);
		break;
	case XDP_ABORTED:
		break;
	}
	trace_xdp_exception(dev, prog, action);
	pvk_net_count(rx, xdp_aborted, 1);
	page_pool_recycle_direct(rx->mem->pool, page);
	return false;
}

/* At the end of a poll, with rcu_read_lock(). */
void pvk_net_xdp_flush(struct pvk_net_rx *rx, u32 did)
{
	struct pvk_net_tx *tx = &rx->pair->tx;

	if (did & PVK_XDP_DID_REDIRECT)
		xdp_do_flush();
	if (did & PVK_XDP_DID_TX) {
		__netif_tx_lock(tx->nq, smp_processor_id());
		pvk_net_tx_end(tx);
		__netif_tx_unlock(tx->nq);
	}
}

/*
 * Frames of other devices, in softirq context: number of those sent, or -errno.
 * Those that were not sent are the caller's.
 */
int pvk_net_xdp_xmit(struct net_device *dev, int n, struct xdp_frame **frames, u32 flags)
{
	struct pvk_net *net = netdev_priv(dev);
	int cpu = smp_processor_id();
	struct pvk_net_tx *tx = pvk_net_tx_of(net, cpu % READ_ONCE(net->setup.pairs));
	int sent = 0;

	if (flags & ~XDP_XMIT_FLAGS_MASK)
		return -EINVAL;
	__netif_tx_lock(tx->nq, cpu);
	if (!tx->live) {
		__netif_tx_unlock(tx->nq);
		return -ENETDOWN;
	}
	while (sent < n && !xdp_frame_has_frags(frames[sent]) &&
	       frames[sent]->len >= PVK_NET_MIN_FRAME && pvk_net_tx_room(tx, 0))
		pvk_net_tx_xdp(tx, frames[sent++]);
	pvk_net_count(tx, xdp_xmit, sent);
	if (sent < n)
		pvk_net_count(tx, xdp_full, n - sent);
	if (flags & XDP_XMIT_FLUSH)
		pvk_net_tx_end(tx);
	__netif_tx_unlock(tx->nq);
	return sent;
}

/* Attaches, replaces or detaches (NULL); the reference is the driver's on success. */
static int pvk_net_set_prog(struct net_device *dev, struct bpf_prog *prog,
			    struct netlink_ext_ack *extack)
{
	struct pvk_net *net = netdev_priv(dev);
	struct bpf_prog *old = net->setup.prog;
	struct pvk_net_setup want = net->setup;
	int ret = 0;

	if (prog && dev->mtu > pvk_net_xdp_max_mtu()) {
		NL_SET_ERR_MSG_MOD(extack, "MTU too large for XDP: a frame must fit one page");
		return -EOPNOTSUPP;
	}
	want.prog = prog;
	if (!prog == !old) {
		net->setup.prog = prog;
		rcu_assign_pointer(net->xdp_prog, prog);
	} else {
		ret = pvk_net_reconfigure(net, &want);
	}
	if (ret) {
		NL_SET_ERR_MSG_MOD(extack, "the device cannot be set up anew");
		return ret;
	}
	if (old)
		bpf_prog_put(old);
	if (!prog != !old)
		netdev_update_features(dev);
	return 0;
}

int pvk_net_bpf(struct net_device *dev, struct netdev_bpf *bpf)
{
	switch (bpf->command) {
	case XDP_SETUP_PROG:
		return pvk_net_set_prog(dev, bpf->prog, bpf->extack);
	default:
		return -EINVAL;
	}
}
