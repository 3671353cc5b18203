/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 82540EM, transmission (SDM 3.3 to 3.5): legacy, context and data descriptors,
 * checksum insertion, TCP segmentation and VLAN tags. The back end sums and
 * cuts; here the frame is made what it wants: the headers, which the chip's
 * driver leaves half filled, are completed in a private copy.
 *
 * On the worker. A round fetches at most ROUND descriptors with the lock held,
 * then sends without it; a TDT write only asks for a round. Descriptors are
 * completed in their order, when the back end is done with the frame: TDH is
 * the oldest whose memory may still be read. Descriptors that make no frame
 * (contexts, nonsense) are completed like others. The delays of TIDV and TADV
 * are taken as over when a frame is done; ITR bounds the interrupts.
 */
#include "e1000.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../leak.h"

#define ROUND		128u	/* descriptors */
#define BATCH		16u	/* descriptors read at once */

/* Descriptors (SDM 3.3.3, 3.3.6, 3.3.7): the upper 8 bytes as two words */
#define TXD_LENGTH(lower, extended) ((lower) & ((extended) ? 0xfffffu : 0xffffu))
#define TXD_TYPE(lower)	((lower) >> 20 & 0xf)	/* of extended ones */
#define TYPE_CONTEXT	0
#define TYPE_DATA	1
#define TXD_EOP		(1u << 24)
#define TXD_IFCS	(1u << 25)
#define TXD_IC		(1u << 26)	/* legacy: insert checksum */
#define TXD_TSE		(1u << 26)	/* extended */
#define TXD_RS		(1u << 27)
#define TXD_RPS		(1u << 28)
#define TXD_DEXT	(1u << 29)
#define TXD_VLE		(1u << 30)
#define TXD_POPTS(upper) ((upper) >> 8 & 0xff)
#define POPTS_IXSM	0x01u
#define POPTS_TXSM	0x02u
#define TXD_CSO(lower)	((lower) >> 16 & 0xff)	/* legacy */
#define TXD_CSS(upper)	((upper) >> 8 & 0xff)
#define TXD_SPECIAL(upper) ((upper) >> 16)
#define TXD_STATUS	12	/* byte of the descriptor */
#define TXD_DD		0x01u
/* of a context */
#define TUCMD_TCP	(1u << 24)
#define TUCMD_IP	(1u << 25)	/* IPv4 */

#define IP4_LENGTH	2	/* bytes into the header */
#define IP6_LENGTH	4
#define IP6_HEADER	40u
#define UDP_LENGTH	4

struct desc {
	uint64_t address;
	uint32_t lower, upper;
};

_Static_assert(sizeof(struct desc) == E1000_DESC, "a descriptor");

static struct e1000_tx *slot_at(struct hs_e1000 *nic, unsigned int n)
{
	return &nic->tx[(nic->tx_oldest + n) % E1000_TX_SLOTS];
}

/* A slot behind all others, or NULL: done() frees some. */
static struct e1000_tx *slot_get(struct hs_e1000 *nic, uint32_t first)
{
	struct e1000_tx *tx;

	if (nic->tx_used == E1000_TX_SLOTS)
		return NULL;
	tx = slot_at(nic, nic->tx_used++);
	tx->nic = nic;
	tx->generation = nic->generation;
	tx->ring = e1000_ring_base(nic, R_TDBAL);
	tx->ring_count = e1000_ring_count(nic, R_TDLEN);
	tx->first = first;
	tx->descs = 0;
	tx->send = tx->finished = false;
	memset(tx->report, 0, sizeof(tx->report));
	memset(&tx->net.meta, 0, sizeof(tx->net.meta));
	hs_stale(tx->head, sizeof(tx->head));
	return tx;
}

/* ---- completion ---- */

/* Writes status back where it is wanted. True: somewhere it was. Lock held. */
static bool report(struct hs_e1000 *nic, struct e1000_tx *tx)
{
	bool any = false;

	for (uint32_t i = 0; i < tx->descs; i++) {
		uint64_t index = (tx->first + i) % tx->ring_count;
		uint8_t *status;

		if (!(tx->report[i / 64] >> i % 64 & 1))
			continue;
		any = true;
		status = hs_mem_at(nic->vm->mem, tx->ring + index * E1000_DESC + TXD_STATUS, 1);
		/* After the frame was read, and at once. */
		if (status)
			__atomic_store_n(status, TXD_DD, __ATOMIC_RELEASE);
	}
	return any;
}

void e1000_tx_retire(struct hs_e1000 *nic)
{
	uint32_t causes = 0;

	while (nic->tx_used && slot_at(nic, 0)->finished) {
		struct e1000_tx *tx = slot_at(nic, 0);

		if (tx->generation == nic->generation && !e1000_master(nic))
			break;	/* it is told when it may be */
		nic->tx_oldest = (nic->tx_oldest + 1) % E1000_TX_SLOTS;
		nic->tx_used--;
		if (tx->generation != nic->generation)
			continue;
		if (report(nic, tx))
			causes |= ICR_TXDW;
		*e1000_reg(nic, R_TDH) = (tx->first + tx->descs) % tx->ring_count;
		if (*e1000_reg(nic, R_TDH) == *e1000_reg(nic, R_TDT))
			causes |= ICR_TXQE;
	}
	if (causes)
		e1000_cause(nic, causes);
}

static void count_sent(struct hs_e1000 *nic, const struct e1000_tx *tx)
{
	const uint8_t *to = tx->head;
	uint32_t length = tx->net.length + E1000_FCS;

	/* A large packet counts as one: who cuts it does so elsewhere. */
	e1000_count(nic, S_GPTC);
	e1000_count(nic, S_TPT);
	e1000_count64(nic, S_GOTCL, length);
	e1000_count64(nic, S_TOTL, length);
	e1000_count_length(nic, S_PTC64, length);
	if (tx->net.meta.gso)
		e1000_count(nic, S_TSCTC);
	if (!memcmp(to, "\xff\xff\xff\xff\xff\xff", E1000_ETH_ADDR))
		e1000_count(nic, S_BPTC);
	else if (to[0] & 1)
		e1000_count(nic, S_MPTC);
}

static void sent(struct hs_net_tx *net, int status)
{
	struct e1000_tx *tx = (struct e1000_tx *)net;
	struct hs_e1000 *nic = tx->nic;

	pthread_mutex_lock(&nic->lock);
	tx->finished = true;
	if (nic->bounce_user == tx)
		nic->bounce_user = NULL;
	if (!status && tx->generation == nic->generation)
		count_sent(nic, tx);
	e1000_tx_retire(nic);
	nic->tx_in_flight--;
	pthread_cond_broadcast(&nic->quiet);
	e1000_tx_kick(nic);
	pthread_mutex_unlock(&nic->lock);
}

/* ---- a frame made of its pieces ---- */

static void load_context(struct hs_e1000 *nic, const struct desc *d)
{
	struct e1000_context *c = d->lower & TXD_TSE ? &nic->tso_context : &nic->csum_context;

	*c = (struct e1000_context){
		.ipcss = (uint8_t)d->address, .ipcso = (uint8_t)(d->address >> 8),
		.ipcse = (uint16_t)(d->address >> 16),
		.tucss = (uint8_t)(d->address >> 32), .tucso = (uint8_t)(d->address >> 40),
		.tucse = (uint16_t)(d->address >> 48),
		.paylen = d->lower & 0xfffffu, .hdrlen = (uint8_t)(d->upper >> 8),
		.mss = (uint16_t)(d->upper >> 16),
		.tcp = d->lower & TUCMD_TCP, .ip4 = d->lower & TUCMD_IP,
	};
}

/* Takes n bytes off the front of the pieces, to `to`. There are as many. */
static void take_front(struct e1000_assembly *a, uint8_t *to, uint32_t n)
{
	unsigned int used = 0;

	for (struct iovec *p = a->piece; n; p++) {
		uint32_t part = p->iov_len < n ? (uint32_t)p->iov_len : n;

		memcpy(to, p->iov_base, part);
		to += part;
		n -= part;
		p->iov_base = (uint8_t *)p->iov_base + part;
		p->iov_len -= part;
		used += !p->iov_len;
	}
	a->pieces -= used;
	memmove(a->piece, a->piece + used, a->pieces * sizeof(a->piece[0]));
}

/* Takes n bytes off the end. There are as many. */
static void drop_end(struct e1000_assembly *a, uint32_t n)
{
	while (n) {
		struct iovec *p = &a->piece[a->pieces - 1];
		uint32_t part = p->iov_len < n ? (uint32_t)p->iov_len : n;

		p->iov_len -= part;
		n -= part;
		a->pieces -= !p->iov_len;
	}
}

/* Fills in the sum of bytes start .. end - 1 of the private copy. 0 or -EINVAL. */
static int sum_here(uint8_t *frame, uint32_t length, uint32_t start, uint32_t end, uint32_t at)
{
	uint16_t sum;

	if (start >= end || end > length || at + 2 > length)
		return -EINVAL;
	sum = (uint16_t)~hs_net_sum(frame + start, end - start, 0);
	e1000_put_be16(frame + at, sum);
	return 0;
}

/*
 * A large packet (SDM 3.5): lengths in the headers are what the whole has, its
 * pseudo header's sum counts the length, as the back end expects.
 */
static int segment(const struct e1000_context *c, struct e1000_tx *tx, uint32_t length)
{
	struct hs_net_meta *meta = &tx->net.meta;
	uint8_t *head = tx->head;
	uint32_t l4, sum, l4_bytes = c->tcp ? 20 : 8;

	if (!c->mss || length != (uint32_t)c->hdrlen + c->paylen || c->ipcss >= c->tucss ||
	    c->tucss + l4_bytes > c->hdrlen || c->tucso < c->tucss ||
	    c->tucso + 2u > c->hdrlen || length <= c->hdrlen)
		return -EINVAL;
	l4 = length - c->tucss;
	if (length - c->ipcss > UINT16_MAX)
		return -EINVAL;
	if (c->ip4) {
		if (c->ipcso + 2u > c->hdrlen || c->ipcss + 20u > c->tucss)
			return -EINVAL;
		e1000_put_be16(head + c->ipcss + IP4_LENGTH, length - c->ipcss);
	} else {
		if (c->ipcss + IP6_HEADER > c->tucss)
			return -EINVAL;
		e1000_put_be16(head + c->ipcss + IP6_LENGTH, length - c->ipcss - IP6_HEADER);
	}
	if (!c->tcp)
		e1000_put_be16(head + c->tucss + UDP_LENGTH, l4);
	sum = e1000_be16(head + c->tucso) + l4;
	e1000_put_be16(head + c->tucso, (sum & 0xffff) + (sum >> 16));
	meta->csum = true;
	meta->csum_start = c->tucss;
	meta->csum_offset = (uint16_t)(c->tucso - c->tucss);
	if (c->paylen > c->mss) {
		meta->gso = !c->tcp ? PVK_NET_GSO_UDP :
			    c->ip4 ? PVK_NET_GSO_TCP4 : PVK_NET_GSO_TCP6;
		meta->gso_size = c->mss;
		meta->hdr_len = c->hdrlen;
	}
	return 0;
}

/*
 * The whole frame in private memory: it has too many pieces, or is summed here.
 * take() saw to it that the buffer is free. 0 or -ENOMEM.
 */
static int linearize(struct hs_e1000 *nic, struct e1000_tx *tx, uint32_t head)
{
	struct e1000_assembly *a = &nic->assembly;
	uint32_t rest = a->length - head;

	if (!nic->bounce)
		nic->bounce = calloc(1, E1000_TX_BOUNCE);
	if (!nic->bounce)
		return -ENOMEM;
	hs_stale(nic->bounce, E1000_TX_BOUNCE);
	memcpy(nic->bounce, tx->head, head);
	take_front(a, nic->bounce + head, rest);
	a->piece[0] = (struct iovec){ nic->bounce, a->length };
	a->pieces = 1;
	nic->bounce_user = tx;
	return 0;
}

/* Behind the addresses of the copied head, `*head` bytes. */
static void insert_tag(struct hs_e1000 *nic, struct e1000_tx *tx, uint32_t *head, uint16_t tag)
{
	uint8_t *at = tx->head + 2 * E1000_ETH_ADDR;
	struct hs_net_meta *meta = &tx->net.meta;

	memmove(at + E1000_TAG, at, *head - 2 * E1000_ETH_ADDR);
	e1000_put_be16(at, *e1000_reg(nic, R_VET));
	e1000_put_be16(at + 2, tag);
	*head += E1000_TAG;
	if (meta->csum)
		meta->csum_start += E1000_TAG;
	if (meta->gso)
		meta->hdr_len += E1000_TAG;
}

/*
 * The frame is whole; `last` is the descriptor with EOP. Makes tx->net of it.
 * 0, -EINVAL: nothing to send, or -ENOMEM.
 */
static int finish_frame(struct hs_e1000 *nic, const struct desc *last)
{
	struct e1000_assembly *a = &nic->assembly;
	const struct e1000_context *c = a->tse ? &nic->tso_context : &nic->csum_context;
	struct e1000_tx *tx = a->tx;
	struct hs_net_meta *meta = &tx->net.meta;
	bool tag = last->lower & TXD_VLE && *e1000_reg(nic, R_CTRL) & CTRL_VME;
	uint32_t head, pad = 0, tucse = 0;
	unsigned int n = 0;
	int ret;

	if (!(last->lower & TXD_IFCS)) {	/* the driver gave the FCS, which nobody here needs */
		if (a->length < HS_NET_MIN_FRAME + E1000_FCS)
			return -EINVAL;
		drop_end(a, E1000_FCS);
		a->length -= E1000_FCS;
	}
	if (a->length < HS_NET_MIN_FRAME)
		return -EINVAL;
	head = a->length < 256 ? a->length : 256;
	take_front(a, tx->head, head);
	if (a->tse) {
		ret = segment(c, tx, a->length);
		if (ret)
			return ret;
	} else if (a->extended && a->popts & POPTS_TXSM) {
		if (c->tucso < c->tucss || c->tucss >= a->length)
			return -EINVAL;
		if (c->tucse && c->tucse + 1u < a->length) {
			tucse = c->tucse + 1u;
		} else {
			meta->csum = true;
			meta->csum_start = c->tucss;
			meta->csum_offset = (uint16_t)(c->tucso - c->tucss);
		}
	} else if (!a->extended && last->lower & TXD_IC) {
		if (TXD_CSO(last->lower) < TXD_CSS(last->upper) ||
		    TXD_CSS(last->upper) >= a->length)
			return -EINVAL;
		meta->csum = true;
		meta->csum_start = (uint16_t)TXD_CSS(last->upper);
		meta->csum_offset = (uint16_t)(TXD_CSO(last->lower) - TXD_CSS(last->upper));
	}
	if (a->extended && a->popts & POPTS_IXSM && (!a->tse || c->ip4)) {
		uint32_t end = c->ipcse ? c->ipcse + 1u : a->length;

		/* The field counts as what it holds: drivers put a zero there. */
		ret = sum_here(tx->head, head, c->ipcss, end, c->ipcso);
		if (ret)
			return ret;
	}
	if (tucse || a->pieces + 2 > HS_NET_IOV) {
		ret = linearize(nic, tx, head);
		if (ret)
			return ret;
		if (tucse) {
			ret = sum_here(nic->bounce, a->length, c->tucss, tucse, c->tucso);
			if (ret)
				return ret;
		}
		/* The head goes its own way again: a tag may come. */
		memcpy(tx->head, nic->bounce, head);
		a->piece[0].iov_base = nic->bounce + head;
		a->piece[0].iov_len -= head;
		a->pieces = a->piece[0].iov_len ? 1 : 0;
	}
	if (tag) {
		insert_tag(nic, tx, &head, (uint16_t)TXD_SPECIAL(last->upper));
		a->length += E1000_TAG;
	}
	/* Only a frame that is in the head as a whole is that short. */
	if (*e1000_reg(nic, R_TCTL) & TCTL_PSP && a->length < E1000_MIN_FRAME) {
		pad = E1000_MIN_FRAME - a->length;
		memset(tx->head + head, 0, pad);
		head += pad;
		a->length += pad;
	}
	tx->iov[n++] = (struct iovec){ tx->head, head };
	for (unsigned int i = 0; i < a->pieces; i++)
		tx->iov[n++] = a->piece[i];
	tx->net.iov = tx->iov;
	tx->net.iovcnt = n;
	tx->net.length = a->length;
	tx->net.done = sent;
	return hs_net_check(meta, a->length);
}

/* Adds a descriptor's buffer to the frame; false: the frame is none. */
static bool add_piece(struct hs_e1000 *nic, hs_gpa gpa, uint32_t length)
{
	struct e1000_assembly *a = &nic->assembly;
	uint8_t *at;

	if (!length)
		return true;
	if (a->length + length > HS_NET_MAX_FRAME - E1000_TAG + E1000_FCS)
		return false;
	at = hs_mem_at(nic->vm->mem, gpa, length);
	if (!at)
		return false;
	a->length += length;
	if (a->pieces) {
		struct iovec *p = &a->piece[a->pieces - 1];

		if ((uint8_t *)p->iov_base + p->iov_len == at) {
			p->iov_len += length;
			return true;
		}
	}
	a->piece[a->pieces++] = (struct iovec){ at, length };
	return true;
}

/* May the frame that ends with the next descriptor need the bounce buffer? */
static bool may_bounce(const struct hs_e1000 *nic)
{
	const struct e1000_assembly *a = &nic->assembly;

	return nic->csum_context.tucse || (a->tx && a->pieces + 3 > HS_NET_IOV);
}

/*
 * One descriptor, number `index` of the ring. True: taken. False: no slot or
 * bounce buffer is free; a later round tries again. Lock held.
 */
static bool take(struct hs_e1000 *nic, const struct desc *d, uint32_t index)
{
	struct e1000_assembly *a = &nic->assembly;
	bool extended = d->lower & TXD_DEXT;
	bool context = extended && TXD_TYPE(d->lower) == TYPE_CONTEXT;
	bool first = !a->tx;
	int ret;

	if (d->lower & TXD_EOP && may_bounce(nic) && nic->bounce_user)
		return false;
	if (first) {
		/* Between frames, or in the middle of one that is being dropped. */
		a->tx = slot_get(nic, index);
		if (!a->tx)
			return false;
		a->pieces = 0;
		a->length = 0;
	}
	if (d->lower & (TXD_RS | TXD_RPS))
		a->tx->report[a->tx->descs / 64] |= 1ull << a->tx->descs % 64;
	a->tx->descs++;
	if (context) {
		load_context(nic, d);
		/* In the middle of a frame it belongs to that one's descriptors. */
		if (!first)
			goto bound;
		a->tx->finished = true;
		a->tx = NULL;
		return true;
	}
	if (first && !a->drop) {
		a->extended = extended;
		a->tse = extended && d->lower & TXD_TSE;
		a->popts = extended ? (uint8_t)TXD_POPTS(d->upper) : 0;
	}
	if (!a->drop && ((extended && TXD_TYPE(d->lower) != TYPE_DATA) || extended != a->extended ||
			 !add_piece(nic, d->address, TXD_LENGTH(d->lower, extended))))
		a->drop = true;
	if (d->lower & TXD_EOP) {
		ret = a->drop ? -EINVAL : finish_frame(nic, d);
		if (ret && nic->bounce_user == a->tx)
			nic->bounce_user = NULL;
		if (ret)
			a->tx->finished = true;
		else
			a->tx->send = true;
		a->tx = NULL;
		a->drop = false;
		return true;
	}
bound:
	/* Endless: what is there is completed, the rest up to EOP dropped. */
	if (a->tx->descs == E1000_TX_DESCS)
		a->drop = true;
	if (a->drop) {
		a->tx->finished = true;
		a->tx = NULL;
	}
	return true;
}

/* ---- rounds ---- */

/* What another life of the ring left behind. Lock held. */
static void forget(struct hs_e1000 *nic)
{
	struct e1000_assembly *a = &nic->assembly;

	if (a->tx)
		a->tx->finished = true;
	a->tx = NULL;
	a->drop = false;
	memset(&nic->csum_context, 0, sizeof(nic->csum_context));
	memset(&nic->tso_context, 0, sizeof(nic->tso_context));
	nic->tx_generation = nic->generation;
}

/* Fetches; the number of descriptors taken. Lock held. */
static uint32_t fetch(struct hs_e1000 *nic)
{
	uint32_t count = e1000_ring_count(nic, R_TDLEN), tail = *e1000_reg(nic, R_TDT);
	hs_gpa base = e1000_ring_base(nic, R_TDBAL);
	struct desc batch[BATCH];
	uint32_t taken = 0;

	if (!count || tail >= count || nic->tx_fetch >= count)
		return 0;
	while (taken < ROUND && nic->tx_fetch != tail) {
		uint32_t n = (tail > nic->tx_fetch ? tail : count) - nic->tx_fetch;

		if (n > BATCH)
			n = BATCH;
		if (hs_mem_read(nic->vm->mem, base + (hs_gpa)nic->tx_fetch * E1000_DESC, batch,
				n * sizeof(batch[0])) < 0) {
			hs_guest_error(hs_log_nth(HS_LOG_NIC, nic->number),
				       "e1000: transmit ring outside RAM");
			return taken;
		}
		for (uint32_t i = 0; i < n; i++) {
			if (!take(nic, &batch[i], nic->tx_fetch))
				return taken;
			nic->tx_fetch = (nic->tx_fetch + 1) % count;
			taken++;
		}
	}
	return taken;
}

static bool may_fetch(struct hs_e1000 *nic)
{
	return e1000_master(nic) && *e1000_reg(nic, R_TCTL) & TCTL_EN && !nic->resetting;
}

static void round_of(struct hs_work *work)
{
	struct hs_e1000 *nic = (struct hs_e1000 *)((char *)work -
						   offsetof(struct hs_e1000, tx_work));
	struct e1000_tx *ready[E1000_TX_SLOTS];
	unsigned int n = 0;
	uint32_t taken = 0;

	pthread_mutex_lock(&nic->lock);
	if (nic->tx_generation != nic->generation)
		forget(nic);
	e1000_tx_retire(nic);
	if (may_fetch(nic))
		taken = fetch(nic);
	for (unsigned int i = 0; i < nic->tx_used; i++) {
		struct e1000_tx *tx = slot_at(nic, i);

		if (!tx->send)
			continue;
		tx->send = false;
		ready[n++] = tx;
		nic->tx_in_flight++;
	}
	e1000_tx_retire(nic);
	if (taken)	/* if none could be, sent() or the guest asks for the next round */
		e1000_tx_kick(nic);
	pthread_mutex_unlock(&nic->lock);
	for (unsigned int i = 0; i < n; i++) {
		hs_leaves_iov(ready[i]->net.iov, ready[i]->net.iovcnt);
		hs_net_send(nic->net, 0, &ready[i]->net);
	}
}

void e1000_tx_kick(struct hs_e1000 *nic)
{
	if (may_fetch(nic) && nic->tx_fetch != *e1000_reg(nic, R_TDT))
		hs_worker_post(nic->worker, &nic->tx_work);
}

int e1000_tx_init(struct hs_e1000 *nic)
{
	nic->tx_work.fn = round_of;
	nic->tx = calloc(E1000_TX_SLOTS, sizeof(nic->tx[0]));
	return nic->tx ? 0 : -ENOMEM;
}

void e1000_tx_free(struct hs_e1000 *nic)
{
	free(nic->bounce);
	free(nic->tx);
}
