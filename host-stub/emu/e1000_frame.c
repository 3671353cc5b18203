/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 82540EM, transmission: a frame made of the pieces that its descriptors name (SDM 3.3, 3.5):
 * legacy, context and data descriptors, checksum insertion, TCP segmentation and VLAN tags. The
 * back end sums and cuts; here the frame is made what it wants: the headers, which the chip's
 * driver leaves half filled, are completed in a private copy.
 */
#include "e1000_tx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../leak.h"

#define IP4_LENGTH	2	/* bytes into the header */
#define IP6_LENGTH	4
#define IP6_HEADER	40u
#define UDP_LENGTH	4

void e1000_frame_context(struct hs_e1000 *nic, const struct e1000_desc *d)
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
	sum = (uint16_t)~hs_net_checksum(frame + start, end - start, 0);
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

int e1000_frame_end(struct hs_e1000 *nic, struct e1000_tx *tx, const struct e1000_desc *last)
{
	struct e1000_assembly *a = &nic->assembly;
	const struct e1000_context *c = a->tse ? &nic->tso_context : &nic->csum_context;
	struct hs_net_meta *meta = &tx->net.meta;
	bool tag = last->lower & TXD_VLE && *e1000_reg(nic, R_CTRL) & CTRL_VME;
	uint32_t head, pad = 0, tucse = 0;
	unsigned int n = 0;
	int ret;

	if (!(last->lower & TXD_IFCS)) { /* the driver gave the FCS, which nobody here needs */
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
	return hs_net_check(meta, a->length);
}

bool e1000_frame_piece(struct hs_e1000 *nic, hs_gpa gpa, uint32_t length)
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

bool e1000_frame_may_bounce(const struct hs_e1000 *nic)
{
	const struct e1000_assembly *a = &nic->assembly;

	return nic->csum_context.tucse || (a->of && a->pieces + 3 > HS_NET_IOV);
}
