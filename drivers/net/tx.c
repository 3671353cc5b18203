// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transmit: one entry per frame, named by the number of a slot, which holds
 * what is to be freed when it is done, and memory for a list of segments.
 *
 * Everything here is under the lock of the netdev_queue: both rings, the slots
 * and the counters. Completions are taken in passing by whoever sends, and by
 * NAPI. An interrupt is asked for by number, for a completion that is some way
 * off (check.h), and there is always one asked for: sockets and byte queue
 * limits wait for what is in flight.
 */
#include <linux/if_vlan.h>
#include <linux/ipv6.h>
#include <linux/ip.h>
#include <linux/nospec.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/sock.h>

#include "net.h"

/*
 * A TCP socket has 2^-n seconds of its rate in the device, instead of 2^-10 (1 MB
 * at most): who waits for completions is told of many at once, so that few would
 * leave the host without work until the next interrupt. It is the socket's, not ours,
 * but nothing of a device's says as much: byte queue limits count what the driver
 * has, and a user's tcp_limit_output_bytes is for all devices. Wireless drivers do
 * the same through the same function, for the same reason. What speaks against it:
 * the socket keeps it when its route moves to another device, it adds to the delay
 * behind a slow link, and no driver of a wired NIC does it. What it is worth stands in
 * docs/driver-net.md: without this one line everything works, with more exits.
 */
#define PACING_SHIFT	8

static struct pvk_seg *pvk_net_list_of(struct pvk_net_tx *tx, u16 id)
{
	return tx->mem->lists[id / PVK_NET_LISTS_PER_PAGE] +
	       id % PVK_NET_LISTS_PER_PAGE * PVK_NET_LIST_BYTES;
}

/* ---- slots ---- */

void pvk_net_tx_begin(struct pvk_net_tx *tx, struct pvk_net_mem *mem)
{
	u32 i;

	for (i = 0; i < mem->tx_entries; i++)
		mem->slot[i].next_free = i + 1;
	tx->mem = mem;
	tx->kicked = 0;
	tx->wake = 0;		/* as pvk_queues_setup() leaves it */
	tx->in_flight = 0;
	tx->bytes = 0;
	tx->xdp = 0;
	memset(&tx->watch, 0, sizeof(tx->watch));
	tx->polled = false;
	tx->first_free = 0;
}

/* There is one: in_flight is less than the entries. */
static u16 pvk_net_slot_get(struct pvk_net_tx *tx, enum pvk_net_kind kind, void *ptr, u32 bytes)
{
	u16 id = tx->first_free;
	struct pvk_net_tx_slot *slot = &tx->mem->slot[id];

	tx->first_free = slot->next_free;
	tx->in_flight++;
	tx->bytes += bytes;
	tx->xdp += kind == PVK_NET_XDP;
	slot->kind = kind;
	slot->ptr = ptr;
	slot->bytes = bytes;
	return id;
}

/* The content of the slot is the caller's from here. */
static void pvk_net_slot_put(struct pvk_net_tx *tx, u16 id)
{
	struct pvk_net_tx_slot *slot = &tx->mem->slot[id];
	bool xdp = slot->kind == PVK_NET_XDP;

	slot->kind = PVK_NET_FREE;
	slot->ptr = NULL;
	slot->next_free = tx->first_free;
	tx->first_free = id;
	tx->in_flight--;
	tx->bytes -= slot->bytes;
	tx->xdp -= xdp;
	WARN_ON_ONCE(!tx->in_flight && (tx->bytes || tx->xdp));
}

/* ---- completions ---- */

struct reaped {
	u32 packets, bytes;		/* for byte queue limits: of skbs only */
	u32 sent, sent_bytes, errors;
};

static void pvk_net_reap_one(struct pvk_net_tx *tx, const struct pvk_cqe *e, struct reaped *done,
			     int budget)
{
	struct pvk_net_tx_slot slot = tx->mem->slot[e->id];

	pvk_net_slot_put(tx, e->id);
	if (e->status < 0) {
		done->errors++;
	} else {
		done->sent++;
		done->sent_bytes += slot.bytes;
	}
	if (slot.kind == PVK_NET_XDP) {
		xdp_return_frame(slot.ptr);
		return;
	}
	done->packets++;
	done->bytes += slot.bytes;
	if (e->status < 0)
		dev_kfree_skb_any(slot.ptr);
	else
		napi_consume_skb(slot.ptr, budget);
}

/* Is there room enough to wake a queue that was full? */
static bool pvk_net_roomy(const struct pvk_net_tx *tx)
{
	return tx->q->entries - tx->in_flight >= max(tx->q->entries / 4, 1u);
}

/* Takes what completions there are. True when there were any. */
static bool pvk_net_reap(struct pvk_net_tx *tx, int budget)
{
	struct pvk_net *net = tx->pair->net;
	union pvk_cqe_words words;
	struct reaped done = { 0 };

	/* netpoll, that is printk() from anywhere: no place to give back XDP's pages. */
	if (unlikely(tx->xdp && irqs_disabled())) {
		if (tx->live)
			napi_schedule(&tx->pair->napi);
		return false;
	}
	while (tx->live && pvk_cq_get(&tx->q->cq, &words)) {
		struct pvk_cqe *e = &words.cqe;
		bool in_flight = false;

		if (e->id < tx->q->entries) {
			e->id = array_index_nospec(e->id, tx->q->entries);
			in_flight = tx->mem->slot[e->id].kind != PVK_NET_FREE;
		}
		if (pvk_net_check_tx(e, in_flight)) {
			tx->live = false;
			netif_tx_stop_queue(tx->nq);
			pvk_net_malformed(net, tx->q, e);
			break;
		}
		pvk_net_reap_one(tx, e, &done, budget);
	}
	if (!done.sent && !done.errors)
		return false;
	tx->polled = false;
	pvk_net_progress(net);
	u64_stats_update_begin(&tx->syncp);
	u64_stats_add(&tx->stats.packets, done.sent);
	u64_stats_add(&tx->stats.bytes, done.sent_bytes);
	u64_stats_add(&tx->stats.errors, done.errors);
	u64_stats_update_end(&tx->syncp);
	netdev_tx_completed_queue(tx->nq, done.packets, done.bytes);
	if (tx->live && netif_tx_queue_stopped(tx->nq) && pvk_net_roomy(tx))
		netif_tx_wake_queue(tx->nq);
	return true;
}

/*
 * Makes sure that an interrupt is asked for that comes in time. Who keeps
 * sending takes completions in passing: so the one that interrupts is moved
 * ahead before the host gets there.
 */
static void pvk_net_arm(struct pvk_net_tx *tx, int budget)
{
	struct pvk_ring *cq = &tx->q->cq;

	while (tx->live && tx->in_flight) {
		bool stopped = netif_xmit_stopped(tx->nq);
		u32 ahead = tx->wake - cq->next;
		u32 more = pvk_net_tx_more(tx->in_flight, tx->bytes, tx->q->entries,
					   READ_ONCE(tx->pair->net->tx_frames), stopped);

		/* A sender that waits is not told by one that is not in flight. */
		if (pvk_net_armed(tx->wake, cq->next, tx->q->entries) &&
		    (stopped ? ahead < tx->in_flight : ahead >= more / 2))
			return;
		tx->wake = cq->next + more;
		pvk_ring_arm(cq, more);
		if (!pvk_cq_pending(cq) || !pvk_net_reap(tx, budget))
			return;
	}
}

void pvk_net_tx_poll(struct pvk_net_tx *tx, int budget)
{
	/* netpoll: whoever it interrupted may have the lock */
	if (!budget) {
		if (!__netif_tx_trylock(tx->nq))
			return;
	} else {
		__netif_tx_lock(tx->nq, smp_processor_id());
	}
	pvk_net_reap(tx, budget);
	pvk_net_arm(tx, budget);
	__netif_tx_unlock(tx->nq);
}

bool pvk_net_tx_stalled(struct pvk_net_tx *tx)
{
	const struct pvk_ring *cq = &tx->q->cq;
	bool stalled = false;

	__netif_tx_lock_bh(tx->nq);
	if (tx->live)
		stalled = pvk_net_stalled(&tx->watch, cq->next,
					  tx->in_flight && !pvk_cq_pending(cq));
	__netif_tx_unlock_bh(tx->nq);
	return stalled;
}

bool pvk_net_tx_missed(struct pvk_net_tx *tx)
{
	bool missed;

	__netif_tx_lock(tx->nq, smp_processor_id());
	missed = tx->live && !tx->polled && pvk_cq_pending(&tx->q->cq);
	if (missed) {
		tx->polled = true;
		napi_schedule(&tx->pair->napi);
	}
	__netif_tx_unlock(tx->nq);
	return missed;
}

/* ---- sending ---- */

/* The doorbell. */
static void pvk_net_kick(struct pvk_net_tx *tx)
{
	if (tx->kicked == tx->q->sq.next)
		return;
	pvk_queue_kick(tx->q, tx->kicked);
	tx->kicked = tx->q->sq.next;
}

bool pvk_net_tx_room(struct pvk_net_tx *tx, int budget)
{
	/* Out of service the rings may be on their way out, too. */
	if (!tx->live)
		return false;
	if (pvk_cq_pending(&tx->q->cq))
		pvk_net_reap(tx, budget);
	return tx->live && tx->in_flight < tx->q->entries;
}

void pvk_net_tx_end(struct pvk_net_tx *tx)
{
	if (!tx->live)
		return;
	pvk_net_kick(tx);
	pvk_net_arm(tx, 0);
}

static void pvk_net_put_entry(struct pvk_net_tx *tx, const struct pvk_net_tx_sqe *e)
{
	union pvk_sqe_words words;

	BUILD_BUG_ON(sizeof(*e) != sizeof(words));
	memcpy(&words, e, sizeof(words));
	pvk_sq_put(&tx->q->sq, &words);
}

static void pvk_net_add_seg(struct pvk_seg *seg, u64 gpa, u32 len)
{
	seg->gpa = gpa;
	seg->len = len;
	seg->reserved = 0;
}

/* Guest-physical pieces of a frame, at most max_segs; their number. */
static u32 pvk_net_map_skb(const struct sk_buff *skb, struct pvk_seg *list)
{
	u32 n = 0;
	u32 i;

	if (skb_headlen(skb))
		pvk_net_add_seg(&list[n++], virt_to_phys(skb->data), skb_headlen(skb));
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];

		pvk_net_add_seg(&list[n++], page_to_phys(skb_frag_page(frag)) + skb_frag_off(frag),
				skb_frag_size(frag));
	}
	return n;
}

/* What is asked of the host for this frame; 0 or -EINVAL. */
static int pvk_net_encode_offloads(struct pvk_net_tx *tx, const struct sk_buff *skb,
				   struct pvk_net_tx_sqe *e)
{
	const struct skb_shared_info *info = skb_shinfo(skb);

	if (skb->ip_summed == CHECKSUM_PARTIAL) {
		e->flags |= PVK_NET_CSUM;
		e->csum_start = skb_checksum_start_offset(skb);
		e->csum_offset = skb->csum_offset;
		pvk_net_count(tx, csum, 1);
	}
	if (!skb_is_gso(skb))
		return 0;
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return -EINVAL;
	e->gso_size = info->gso_size;
	if (info->gso_type & SKB_GSO_TCPV4)
		e->gso = PVK_NET_GSO_TCP4;
	else if (info->gso_type & SKB_GSO_TCPV6)
		e->gso = PVK_NET_GSO_TCP6;
	else if (info->gso_type & SKB_GSO_UDP_L4)
		e->gso = PVK_NET_GSO_UDP;
	else
		return -EINVAL;
	if (e->gso == PVK_NET_GSO_UDP)
		e->hdr_len = skb_transport_offset(skb) + sizeof(struct udphdr);
	else
		e->hdr_len = skb_transport_offset(skb) + tcp_hdrlen(skb);
	if (info->gso_type & SKB_GSO_TCP_ECN)
		e->flags |= PVK_NET_ECN;
	pvk_net_count(tx, gso, 1);
	return 0;
}

/* 0: it is on the ring; -errno: it cannot be sent, and is still the caller's. */
static int pvk_net_send_skb(struct pvk_net_tx *tx, struct sk_buff *skb)
{
	u32 max_segs = tx->pair->net->config.max_segs;
	struct pvk_net_tx_sqe e = { .op = PVK_NET_TX, .length = skb->len };
	struct pvk_seg *list;
	u32 pieces;
	int ret;

	if (skb->len < PVK_NET_MIN_FRAME || skb->len > PVK_NET_MAX_FRAME)
		return -EINVAL;
	pieces = skb_shinfo(skb)->nr_frags + !!skb_headlen(skb);
	if (pieces > max_segs) {
		ret = skb_linearize(skb);
		if (ret)
			return ret;
		pvk_net_count(tx, linearized, 1);
	}
	ret = pvk_net_encode_offloads(tx, skb, &e);
	if (ret)
		return ret;
	e.id = pvk_net_slot_get(tx, PVK_NET_SKB, skb, skb->len);
	pieces = skb_shinfo(skb)->nr_frags + !!skb_headlen(skb);
	list = pieces > PVK_NET_INLINE_SEGS ? pvk_net_list_of(tx, e.id) : e.seg;
	e.nsegs = pvk_net_map_skb(skb, list);
	if (list != e.seg)
		e.list_gpa = virt_to_phys(list);
	sk_pacing_shift_update(skb->sk, PACING_SHIFT);
	skb_tx_timestamp(skb);
	pvk_net_put_entry(tx, &e);
	return 0;
}

netdev_tx_t pvk_net_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct pvk_net *net = netdev_priv(dev);
	struct pvk_net_tx *tx = pvk_net_tx_of(net, skb_get_queue_mapping(skb));
	bool more = netdev_xmit_more();
	u32 bytes = skb->len;

	if (!pvk_net_tx_room(tx, 0)) {
		if (!tx->live)
			goto drop;
		/* XDP's frames fill the ring without stopping the queue. */
		netif_tx_stop_queue(tx->nq);
		pvk_net_tx_end(tx);
		if (!tx->live)
			goto drop;
		return NETDEV_TX_BUSY;
	}
	if (pvk_net_send_skb(tx, skb))
		goto drop;
	if (tx->in_flight == tx->q->entries) {
		netif_tx_stop_queue(tx->nq);
		pvk_net_count(tx, stops, 1);
	}
	if (__netdev_tx_sent_queue(tx->nq, bytes, more))
		pvk_net_tx_end(tx);
	return NETDEV_TX_OK;

drop:
	pvk_net_count(tx, dropped, 1);
	dev_kfree_skb_any(skb);
	/* Those before it may wait for the bell. */
	if (!more)
		pvk_net_tx_end(tx);
	return NETDEV_TX_OK;
}

/* IPv6 with anything between its header and the transport's; not worth a look which. */
static bool pvk_net_has_extensions(const struct sk_buff *skb)
{
	struct ipv6hdr copy;
	const struct ipv6hdr *ip;

	if (vlan_get_protocol(skb) != htons(ETH_P_IPV6))
		return false;
	ip = skb_header_pointer(skb, skb_network_offset(skb), sizeof(copy), &copy);
	return ip && ip->nexthdr != IPPROTO_TCP && ip->nexthdr != IPPROTO_UDP;
}

/*
 * What of the features can be used for this frame. UDP_SEGMENT lets a user ask
 * for pieces that the host does not cut, and behind a routing header it need
 * not (abi/net.h): the kernel does.
 */
netdev_features_t pvk_net_features_check(struct sk_buff *skb, struct net_device *dev,
					 netdev_features_t features)
{
	if (skb_is_gso(skb) &&
	    (skb_shinfo(skb)->gso_size < PVK_NET_MIN_GSO || pvk_net_has_extensions(skb)))
		features &= ~NETIF_F_GSO_MASK;
	return vlan_features_check(skb, features);
}

/* After pvk_net_tx_room(); the frame is the driver's. The caller ends the burst. */
void pvk_net_tx_xdp(struct pvk_net_tx *tx, struct xdp_frame *frame)
{
	struct pvk_net_tx_sqe e = { .op = PVK_NET_TX, .length = frame->len, .nsegs = 1 };

	/* The kernel's watchdog goes by when the queue, which is the stack's, was last used. */
	txq_trans_cond_update(tx->nq);
	e.id = pvk_net_slot_get(tx, PVK_NET_XDP, frame, frame->len);
	pvk_net_add_seg(&e.seg[0], virt_to_phys(frame->data), frame->len);
	pvk_net_put_entry(tx, &e);
}

/* ---- out of service ---- */

/* Only the memory of the frame is kept: nobody is to wait for what it refers to. */
static void pvk_net_let_go(struct sk_buff *skb)
{
	skb_orphan(skb);
	skb_dst_drop(skb);
	nf_reset_ct(skb);
	skb_ext_reset(skb);
}

/*
 * After the reset of the device, not live: frees what is in flight. From a host
 * that did not reset the memory of frames is kept, so that nothing else of the
 * guest's gets onto the wire.
 */
void pvk_net_tx_drop_all(struct pvk_net_tx *tx)
{
	bool leaked = tx->pair->net->pdev->leaked;
	u32 dropped = 0;
	u32 i;

	for (i = 0; i < tx->mem->tx_entries; i++) {
		struct pvk_net_tx_slot slot = tx->mem->slot[i];

		if (slot.kind == PVK_NET_FREE)
			continue;
		pvk_net_slot_put(tx, i);
		dropped++;
		if (slot.kind == PVK_NET_XDP && !leaked)
			xdp_return_frame(slot.ptr);
		else if (slot.kind == PVK_NET_SKB && !leaked)
			dev_kfree_skb_any(slot.ptr);
		else if (slot.kind == PVK_NET_SKB)
			pvk_net_let_go(slot.ptr);
	}
	pvk_net_count(tx, dropped, dropped);
	netdev_tx_reset_queue(tx->nq);
}
