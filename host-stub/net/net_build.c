// SPDX-License-Identifier: BSD-2-Clause
/*
 * Making a batch out of the frames that wait: units, each of which goes out as
 * one. A unit is a whole frame out of the guest's memory, one that was copied to
 * be summed, or a piece of a large one. net_tx.c issues them.
 */
#include <errno.h>
#include <string.h>

#include "../leak.h"
#include "net_priv.h"

#define BUILD_STEPS	(2u * HS_NET_UNITS)	/* frames looked at per round */

static uint32_t front_of(const struct hs_net_queue *q)
{
	switch (q->net->framing) {
	case HS_NET_VNET:
		return HS_NET_VNET_LEN;
	case HS_NET_LENGTH:
		return HS_NET_PREFIX;
	default:
		return 0;
	}
}

static struct hs_net_unit *new_unit(struct hs_net_queue *q, struct hs_net_tx *tx,
				    const struct hs_net_meta *meta, uint32_t length, bool last)
{
	struct hs_net_txq *t = &q->tx;
	struct hs_net_unit *unit = &t->unit[t->count++];

	unit->tx = tx;
	unit->last = last;
	unit->iov = &t->iov[t->iovs];
	unit->iovcnt = 0;
	unit->length = front_of(q) + length;
	if (q->net->framing == HS_NET_VNET) {
		hs_net_vnet_put(unit->front, meta);
	} else {
		unit->front[0] = (uint8_t)(length >> 24);
		unit->front[1] = (uint8_t)(length >> 16);
		unit->front[2] = (uint8_t)(length >> 8);
		unit->front[3] = (uint8_t)length;
	}
	if (front_of(q)) {
		unit->iov[0].iov_base = unit->front;
		unit->iov[0].iov_len = front_of(q);
		unit->iovcnt = 1;
		t->iovs++;
	}
	return unit;
}

static void add_iov(struct hs_net_queue *q, struct hs_net_unit *unit, const struct iovec *iov)
{
	unit->iov[unit->iovcnt++] = *iov;
	q->tx.iovs++;
}

/* Room for `bytes` in the arena, or NULL; a unit's memory until the batch is over. */
static uint8_t *arena(struct hs_net_txq *t, uint32_t bytes)
{
	uint8_t *at = t->arena + t->arena_used;

	if (HS_NET_ARENA - t->arena_used < bytes)
		return NULL;
	t->arena_used += bytes;
	hs_stale(at, bytes);
	return at;
}

/* The frame as it is now: from here on the guest can change what it likes. */
static bool copy_frame(uint8_t *to, const struct hs_net_tx *tx)
{
	uint32_t at = 0;

	for (unsigned int i = 0; i < tx->iovcnt; i++) {
		if (tx->iov[i].iov_len > tx->length - at)
			return false;
		memcpy(to + at, tx->iov[i].iov_base, tx->iov[i].iov_len);
		at += (uint32_t)tx->iov[i].iov_len;
	}
	return at == tx->length;
}

static const struct hs_net_meta complete;	/* nothing left to do */

/* False: no room in the arena. */
static bool add_piece(struct hs_net_queue *q)
{
	struct hs_net_txq *t = &q->tx;
	struct iovec iov;

	iov.iov_base = arena(t, t->cutter.header + t->cutter.size);
	if (!iov.iov_base)
		return false;
	iov.iov_len = hs_net_segment_next(&t->cutter, t->piece++, iov.iov_base);
	add_iov(q, new_unit(q, t->cutting, &complete, (uint32_t)iov.iov_len,
			    t->piece == t->cutter.pieces), &iov);
	hs_net_count(&q->stat.tx_pieces, 1);
	if (t->piece == t->cutter.pieces)
		t->cutting = NULL;
	return true;
}

static void pop(struct hs_net_txq *t)
{
	t->first = t->first->next;
	if (!t->first)
		t->last = &t->first;
}

static uint32_t missing(const struct hs_net_queue *q, const struct hs_net_meta *meta)
{
	uint32_t need = meta->csum ? HS_NET_CSUM : 0;

	need |= meta->gso == PVK_NET_GSO_TCP4 ? HS_NET_TSO4 : 0;
	need |= meta->gso == PVK_NET_GSO_TCP6 ? HS_NET_TSO6 : 0;
	need |= meta->gso == PVK_NET_GSO_UDP ? HS_NET_USO : 0;
	need |= meta->gso != PVK_NET_GSO_NONE && meta->ecn ? HS_NET_ECN : 0;
	return need & ~q->net->info.offloads;
}

/* The frame at the head joins the batch, or is dropped. False: no room. */
static bool add_frame(struct hs_net_queue *q)
{
	struct hs_net_txq *t = &q->tx;
	struct hs_net_tx *tx = t->first;
	struct hs_net_unit *unit;
	struct iovec iov;
	bool ok = tx->length >= HS_NET_MIN_FRAME && tx->length <= HS_NET_MAX_FRAME &&
		  tx->iovcnt >= 1 && tx->iovcnt <= HS_NET_IOV;

	if (ok && missing(q, &tx->meta)) {
		if (tx->meta.gso != PVK_NET_GSO_NONE) {
			hs_stale(t->large, HS_NET_MAX_FRAME);
			ok = copy_frame(t->large, tx) &&
			     hs_net_segment_begin(&t->cutter, &tx->meta, t->large, tx->length) > 0;
			if (ok) {
				pop(t);
				t->cutting = tx;
				t->piece = 0;
				return true;
			}
		} else {
			uint32_t used = t->arena_used;

			iov.iov_base = arena(t, tx->length);
			iov.iov_len = tx->length;
			if (!iov.iov_base)
				return false;
			ok = copy_frame(iov.iov_base, tx) &&
			     !hs_net_fill_csum(&tx->meta, iov.iov_base, tx->length);
			if (ok) {
				add_iov(q, new_unit(q, tx, &complete, tx->length, true), &iov);
				pop(t);
				return true;
			}
			t->arena_used = used;
		}
	}
	pop(t);
	if (!ok) {
		hs_net_tx_end(q, tx, -EIO);
		return true;
	}
	unit = new_unit(q, tx, &tx->meta, tx->length, true);
	for (unsigned int i = 0; i < tx->iovcnt; i++)
		add_iov(q, unit, &tx->iov[i]);
	return true;
}

void hs_net_tx_build(struct hs_net_queue *q)
{
	struct hs_net_txq *t = &q->tx;

	t->count = 0;
	/* If no frame is any good there is no batch, and the last one must not end twice. */
	t->begun = 0;
	t->ended = 0;
	t->iovs = 0;
	t->arena_used = 0;
	t->sent = 0;
	for (unsigned int i = 0; i < BUILD_STEPS && t->count < HS_NET_UNITS; i++) {
		if (t->cutting) {
			if (!add_piece(q))
				return;
		} else if (!t->first || !add_frame(q)) {
			return;
		}
	}
}
