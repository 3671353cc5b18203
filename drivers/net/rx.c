// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receive: each buffer is a page of a page_pool, with room for headers before
 * it and for the skb_shared_info behind, so that it becomes the head of an skb
 * as it is. The id of a buffer is its place in the ring; buffers are answered
 * in order, so that the id of each completion is known beforehand.
 *
 * A frame may come in several buffers: the first is the head, the others are
 * fragments. Between them rx->so_far is not 0, and rx->skb is what is there,
 * or NULL when the frame is being dropped.
 *
 * Everything here is done by the owner of the NAPI instance.
 */
#include <linux/etherdevice.h>

#include "net.h"

void pvk_net_rx_begin(struct pvk_net_rx *rx, struct pvk_net_mem *mem)
{
	/* The largest frame has to fit one skb: a head and fragments. */
	BUILD_BUG_ON(pvk_net_rx_room(pvk_net_headroom(false)) * (MAX_SKB_FRAGS + 1) <
		     PVK_NET_MAX_FRAME);
	rx->mem = mem;
	rx->headroom = pvk_net_headroom(rx->pair->net->setup.prog);
	rx->room = pvk_net_rx_room(rx->headroom);
	rx->broken = false;
	rx->in_flight = 0;
	rx->taken = 0;
	rx->sent_before = 0;	/* as pvk_queues_setup() leaves it */
	rx->skb = NULL;
	rx->so_far = 0;
}

/* ---- buffers ---- */

u32 pvk_net_rx_fill(struct pvk_net_rx *rx, gfp_t gfp)
{
	struct pvk_queue *q = rx->q;
	u32 old = q->sq.next;
	u32 n = 0;

	for (; rx->in_flight < q->entries; n++) {
		struct page *page = page_pool_alloc_pages(rx->mem->pool, gfp);
		struct pvk_net_rx_sqe e = { .op = PVK_NET_RX };
		union pvk_sqe_words words;

		if (!page) {
			pvk_net_count(rx, alloc_failed, 1);
			schedule_delayed_work(&rx->pair->refill, HZ / 20);
			break;
		}
		e.id = q->sq.next & q->sq.mask;
		e.seg.gpa = page_to_phys(page) + rx->headroom;
		e.seg.len = rx->room;
		rx->mem->page[e.id] = page;
		rx->in_flight++;
		BUILD_BUG_ON(sizeof(e) != sizeof(words));
		memcpy(&words, &e, sizeof(words));
		pvk_sq_put(&q->sq, &words);
	}
	if (n)
		pvk_queue_kick(q, old);
	return n;
}

/* In batches: the doorbell and its barrier cost more than some free entries. */
static void pvk_net_rx_refill(struct pvk_net_rx *rx)
{
	u32 entries = rx->q->entries;

	if (entries - rx->in_flight >= max(entries / 8, 1u))
		pvk_net_rx_fill(rx, GFP_ATOMIC | __GFP_NOWARN);
}

static void pvk_net_recycle(struct pvk_net_rx *rx, struct page *page)
{
	page_pool_recycle_direct(rx->mem->pool, page);
}

/* ---- frames ---- */

/* What the completion (checked) says of the frame; 0, or -EINVAL: drop it. */
static int pvk_net_set_offloads(struct pvk_net_rx *rx, struct sk_buff *skb, u64 value)
{
	static const u32 type[] = {
		[PVK_NET_GSO_TCP4] = SKB_GSO_TCPV4,
		[PVK_NET_GSO_TCP6] = SKB_GSO_TCPV6,
		[PVK_NET_GSO_UDP] = SKB_GSO_UDP_L4,
	};
	struct skb_shared_info *info = skb_shinfo(skb);

	if (value & PVK_NET_RX_PARTIAL) {
		if (!skb_partial_csum_set(skb, PVK_NET_RX_CSUM_START(value),
					  PVK_NET_RX_CSUM_OFFSET(value)))
			return -EINVAL;
		pvk_net_count(rx, csum_partial, 1);
	} else if (value & PVK_NET_RX_VALID) {
		skb->ip_summed = CHECKSUM_UNNECESSARY;
		pvk_net_count(rx, csum_valid, 1);
	}
	if (PVK_NET_RX_GSO(value) == PVK_NET_GSO_NONE)
		return 0;
	if (pvk_net_check_headers(skb->data, skb_headlen(skb), value))
		return -EINVAL;
	/* The stack looks at it again before it is cut or sent on. */
	info->gso_type = type[PVK_NET_RX_GSO(value)] | SKB_GSO_DODGY;
	if (value & PVK_NET_RX_ECN)
		info->gso_type |= SKB_GSO_TCP_ECN;
	info->gso_size = PVK_NET_RX_GSO_SIZE(value);
	info->gso_segs = 0;
	pvk_net_count(rx, gso, 1);
	return 0;
}

/* skb with the data of the page, or a copy of it; the page is taken care of. */
static struct sk_buff *pvk_net_make_skb(struct pvk_net_rx *rx, struct page *page,
					const struct xdp_buff *xdp, bool copy)
{
	u32 length = xdp->data_end - xdp->data;
	u32 meta = xdp->data - xdp->data_meta;
	struct sk_buff *skb;

	if (copy && !meta && length <= PVK_NET_COPYBREAK) {
		skb = napi_alloc_skb(&rx->pair->napi, length);
		if (skb) {
			skb_put_data(skb, xdp->data, length);
			pvk_net_count(rx, copied, 1);
		}
		pvk_net_recycle(rx, page);
		return skb;
	}
	skb = napi_build_skb(page_address(page), PAGE_SIZE);
	if (!skb) {
		pvk_net_recycle(rx, page);
		return NULL;
	}
	skb_reserve(skb, xdp->data - xdp->data_hard_start);
	skb_put(skb, length);
	if (meta)
		skb_metadata_set(skb, meta);
	skb_mark_for_recycle(skb);
	return skb;
}

/* The first buffer of a frame: rx->skb, or NULL when it is done with. */
static void pvk_net_begin_frame(struct pvk_net_rx *rx, struct page *page, const struct pvk_cqe *e,
				struct bpf_prog *prog, u32 *did)
{
	u32 length = PVK_NET_RX_LENGTH(e->value);
	bool more = e->flags & PVK_NET_MORE;
	struct xdp_buff xdp;

	rx->skb = NULL;
	if (length < ETH_HLEN) {
		pvk_net_count(rx, errors, 1);
		pvk_net_recycle(rx, page);
		return;
	}
	if (prog) {
		if (more) {
			pvk_net_count(rx, dropped, 1);
			pvk_net_recycle(rx, page);
			return;
		}
		if (!pvk_net_xdp_run(rx, prog, page, &xdp, length, did))
			return;
		if (xdp.data_end - xdp.data < ETH_HLEN) {
			pvk_net_count(rx, errors, 1);
			pvk_net_recycle(rx, page);
			return;
		}
	} else {
		pvk_net_rx_buff(rx, &xdp, page, length);
	}
	rx->skb = pvk_net_make_skb(rx, page, &xdp, !more);
	if (!rx->skb) {
		pvk_net_count(rx, dropped, 1);
		return;
	}
	/* With a program on, nothing is left to offloads (send_offloads). */
	if (!prog && pvk_net_set_offloads(rx, rx->skb, e->value)) {
		pvk_net_count(rx, errors, 1);
		dev_kfree_skb_any(rx->skb);
		rx->skb = NULL;
	}
}

static void pvk_net_continue_frame(struct pvk_net_rx *rx, struct page *page, u32 length)
{
	struct sk_buff *skb = rx->skb;

	if (!skb) {
		pvk_net_recycle(rx, page);
		return;
	}
	if (skb_shinfo(skb)->nr_frags == MAX_SKB_FRAGS) {
		pvk_net_count(rx, dropped, 1);
		pvk_net_recycle(rx, page);
		dev_kfree_skb_any(skb);
		rx->skb = NULL;
		return;
	}
	skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, rx->headroom, length, PAGE_SIZE);
	skb_mark_for_recycle(skb);
}

static void pvk_net_end_frame(struct pvk_net_rx *rx)
{
	struct sk_buff *skb = rx->skb;

	rx->skb = NULL;
	rx->so_far = 0;
	if (!skb)
		return;
	u64_stats_update_begin(&rx->syncp);
	u64_stats_inc(&rx->stats.packets);
	u64_stats_add(&rx->stats.bytes, skb->len);
	u64_stats_update_end(&rx->syncp);
	skb_record_rx_queue(skb, rx->pair->index);
	skb->protocol = eth_type_trans(skb, rx->pair->net->dev);
	napi_gro_receive(&rx->pair->napi, skb);
}

/* The frame under way, if any, is lost. */
static void pvk_net_abandon_frame(struct pvk_net_rx *rx)
{
	if (rx->skb)
		dev_kfree_skb_any(rx->skb);
	rx->skb = NULL;
	rx->so_far = 0;
}

/* A completion, checked. True when a frame ended with it. */
static bool pvk_net_take_one(struct pvk_net_rx *rx, const struct pvk_cqe *e, struct bpf_prog *prog,
			     u32 *did)
{
	u32 id = (rx->q->cq.next - 1) & rx->q->cq.mask;	/* and so is e->id */
	struct page *page = rx->mem->page[id];
	u32 length = PVK_NET_RX_LENGTH(e->value);

	rx->mem->page[id] = NULL;
	rx->in_flight--;
	if (e->status < 0) {
		/* In the midst of a frame, too: that goes on in the next buffer. */
		pvk_net_count(rx, errors, 1);
		pvk_net_recycle(rx, page);
		return true;
	}
	if (!rx->so_far)
		pvk_net_begin_frame(rx, page, e, prog, did);
	else
		pvk_net_continue_frame(rx, page, length);
	rx->so_far += length;
	if (e->flags & PVK_NET_MORE)
		return false;
	pvk_net_end_frame(rx);
	return true;
}

int pvk_net_rx_poll(struct pvk_net_rx *rx, int budget)
{
	struct pvk_net *net = rx->pair->net;
	struct bpf_prog *prog;
	union pvk_cqe_words words;
	u32 did = 0, taken = 0;
	int frames = 0;

	rcu_read_lock();
	prog = rcu_dereference(net->xdp_prog);
	while (frames < budget && !rx->broken && pvk_cq_get(&rx->q->cq, &words)) {
		struct pvk_net_rx_expect expect = {
			.id = (rx->q->cq.next - 1) & rx->q->cq.mask,
			.room = rx->room,
			.so_far = rx->so_far,
			.features = net->features,
		};

		if (!rx->in_flight || pvk_net_check_rx(&words.cqe, &expect)) {
			rx->broken = true;
			pvk_net_malformed(net, rx->q, &words.cqe);
			break;
		}
		frames += pvk_net_take_one(rx, &words.cqe, prog, &did);
		taken++;
	}
	if (did)
		pvk_net_xdp_flush(rx, did);
	rcu_read_unlock();
	if (taken) {
		rx->taken += taken;
		pvk_net_progress(net);
	}
	if (!rx->broken)
		pvk_net_rx_refill(rx);
	return frames;
}

/* After the reset of the device. A host that did not reset may still write. */
void pvk_net_rx_drop_all(struct pvk_net_rx *rx)
{
	u32 i;

	pvk_net_abandon_frame(rx);
	for (i = 0; i < rx->mem->rx_entries; i++) {
		struct page *page = rx->mem->page[i];

		if (page && !rx->pair->net->pdev->leaked)
			page_pool_put_full_page(rx->mem->pool, page, false);
		rx->mem->page[i] = NULL;
	}
	rx->in_flight = 0;
}
