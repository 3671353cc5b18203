/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 82540EM, transmission (SDM 3.3, 3.4): the ring, from fetching to write-back. What frames
 * are made of its descriptors: e1000_frame.c.
 *
 * On the worker. A round fetches at most ROUND descriptors with the lock held,
 * then sends without it; a TDT write only asks for a round. A frame is a request in
 * flight (inflight.h) from its last descriptor on. Descriptors are completed in their order
 * (tx_done), when the back end is done with the frame: TDH is the oldest whose memory may still
 * be read. Descriptors that make no frame (contexts, nonsense) are completed like others. A
 * reset, an unplug and another ring forget all of it. The delays of TIDV and TADV are taken as
 * over when a frame is done; ITR bounds the interrupts.
 */
#include "e1000_tx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../leak.h"
#include "../util.h"

#define ROUND		128u	/* descriptors */
#define BATCH		16u	/* descriptors read at once */

/* Frames of a round, to be sent without the lock */
struct ready {
	struct e1000_tx *tx[E1000_TX_SLOTS];
	unsigned int n;
};

static struct e1000_done *done_at(struct hs_e1000 *nic, unsigned int n)
{
	return &nic->tx_done[(nic->tx_oldest + n) % E1000_TX_SLOTS];
}

/* One behind all others, for descriptors from `first` on, or NULL: e1000_tx_sent() frees some. */
static struct e1000_done *done_get(struct hs_e1000 *nic, uint32_t first)
{
	struct e1000_done *of;

	if (nic->tx_used == E1000_TX_SLOTS)
		return NULL;
	of = done_at(nic, nic->tx_used++);
	*of = (struct e1000_done){ .first = first };
	return of;
}

/* ---- completion ---- */

/* Writes status back where it is wanted. True: somewhere it was. Lock held. */
static bool e1000_tx_report(struct hs_e1000 *nic, const struct e1000_done *of)
{
	hs_gpa ring = e1000_ring_base(nic, R_TDBAL);
	bool any = false;

	for (uint32_t i = 0; i < of->descs; i++) {
		uint64_t index = (of->first + i) % e1000_ring_count(nic, R_TDLEN);
		uint8_t *status;

		if (!(of->report[i / 64] >> i % 64 & 1))
			continue;
		any = true;
		status = hs_mem_at(nic->vm->mem, ring + index * E1000_DESC + TXD_STATUS, 1);
		/* After the frame was read, and at once. */
		if (status)
			__atomic_store_n(status, TXD_DD, __ATOMIC_RELEASE);
	}
	return any;
}

void e1000_tx_retire(struct hs_e1000 *nic)
{
	uint32_t causes = 0;

	/* Who is no bus master is told when it is one. */
	while (nic->tx_used && done_at(nic, 0)->finished && e1000_master(nic)) {
		struct e1000_done *of = done_at(nic, 0);

		nic->tx_oldest = (nic->tx_oldest + 1) % E1000_TX_SLOTS;
		nic->tx_used--;
		if (e1000_tx_report(nic, of))
			causes |= ICR_TXDW;
		*e1000_reg(nic, R_TDH) = (of->first + of->descs) % e1000_ring_count(nic, R_TDLEN);
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

/* With the lock; not of a frame that was forgotten. */
static void e1000_tx_sent(struct hs_net_tx *net, int status)
{
	struct e1000_tx *tx = (struct e1000_tx *)net;
	struct hs_e1000 *nic = tx->nic;

	tx->of->finished = true;
	if (nic->bounce_user == tx)
		nic->bounce_user = NULL;
	if (!status)
		count_sent(nic, tx);
	e1000_tx_retire(nic);
	e1000_tx_kick(nic);
}

/* Forgotten frames were the last in flight: what they had is free. */
static void e1000_tx_drained(struct hs_inflight *f)
{
	struct hs_e1000 *nic = hs_container_of(f, struct hs_e1000, tx_flight);

	nic->bounce_user = NULL;
	e1000_tx_kick(nic);
}

void e1000_tx_forget(struct hs_e1000 *nic)
{
	hs_inflight_forget(&nic->tx_flight);
	nic->tx_used = 0;
	nic->tx_fetch = *e1000_reg(nic, R_TDH);
	nic->assembly.of = NULL;
	nic->assembly.drop = false;
	memset(&nic->csum_context, 0, sizeof(nic->csum_context));
	memset(&nic->tso_context, 0, sizeof(nic->tso_context));
}

/* ---- descriptors ---- */

/* The frame that is to be sent for the descriptors. There is one: e1000_tx_take() looked. */
static struct e1000_tx *tx_get(struct hs_e1000 *nic, struct e1000_done *of)
{
	struct hs_request *request = hs_inflight_get(&nic->tx_flight);
	struct e1000_tx *tx = hs_container_of(request, struct e1000_tx, request);

	tx->of = of;
	tx->net.done = e1000_tx_sent;
	memset(&tx->net.meta, 0, sizeof(tx->net.meta));
	hs_stale(tx->head, sizeof(tx->head));
	return tx;
}

/* What the frame's last descriptor needs is free. */
static bool may_end(const struct hs_e1000 *nic)
{
	return nic->tx_flight.pool && !(e1000_frame_may_bounce(nic) && nic->bounce_user);
}

/* The frame's last descriptor: it is ready to be sent, or dropped. */
static void end_frame(struct hs_e1000 *nic, const struct e1000_desc *last, struct ready *ready)
{
	struct e1000_assembly *a = &nic->assembly;
	struct e1000_tx *tx;

	if (a->drop) {
		a->of->finished = true;
	} else {
		tx = tx_get(nic, a->of);
		if (!e1000_frame_end(nic, tx, last)) {
			ready->tx[ready->n++] = tx;
		} else {
			a->of->finished = true;
			if (nic->bounce_user == tx)
				nic->bounce_user = NULL;
			hs_inflight_put(&tx->request);
		}
	}
	a->of = NULL;
	a->drop = false;
}

/*
 * One descriptor, number `index` of the ring. True: taken. False: something that it
 * needs is not free; a later round tries again. Lock held.
 */
static bool e1000_tx_take(struct hs_e1000 *nic, const struct e1000_desc *d, uint32_t index,
		 struct ready *ready)
{
	struct e1000_assembly *a = &nic->assembly;
	bool extended = d->lower & TXD_DEXT;
	bool context = extended && TXD_TYPE(d->lower) == TYPE_CONTEXT;
	bool first = !a->of;

	if (d->lower & TXD_EOP && !may_end(nic))
		return false;
	if (first) {
		/* Between frames, or in the middle of one that is being dropped. */
		a->of = done_get(nic, index);
		if (!a->of)
			return false;
		a->pieces = 0;
		a->length = 0;
	}
	if (d->lower & (TXD_RS | TXD_RPS))
		a->of->report[a->of->descs / 64] |= 1ull << a->of->descs % 64;
	a->of->descs++;
	if (context) {
		e1000_frame_context(nic, d);
		/* In the middle of a frame it belongs to that one's descriptors. */
		if (!first)
			goto bound;
		a->of->finished = true;
		a->of = NULL;
		return true;
	}
	if (first && !a->drop) {
		a->extended = extended;
		a->tse = extended && d->lower & TXD_TSE;
		a->popts = extended ? (uint8_t)TXD_POPTS(d->upper) : 0;
	}
	if (!a->drop && ((extended && TXD_TYPE(d->lower) != TYPE_DATA) || extended != a->extended ||
			 !e1000_frame_piece(nic, d->address, TXD_LENGTH(d->lower, extended))))
		a->drop = true;
	if (d->lower & TXD_EOP) {
		end_frame(nic, d, ready);
		return true;
	}
bound:
	/* Endless: what is there is completed, the rest up to EOP dropped. */
	if (a->of->descs == E1000_TX_DESCS)
		a->drop = true;
	if (a->drop) {
		a->of->finished = true;
		a->of = NULL;
	}
	return true;
}

/* ---- rounds ---- */

/* Fetches; the number of descriptors taken. Lock held. */
static uint32_t e1000_tx_fetch(struct hs_e1000 *nic, struct ready *ready)
{
	uint32_t count = e1000_ring_count(nic, R_TDLEN), tail = *e1000_reg(nic, R_TDT);
	hs_gpa base = e1000_ring_base(nic, R_TDBAL);
	struct e1000_desc batch[BATCH];
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
			if (!e1000_tx_take(nic, &batch[i], nic->tx_fetch, ready))
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
	struct hs_e1000 *nic = hs_container_of(work, struct hs_e1000, tx_work);
	struct ready ready = { .n = 0 };
	uint32_t taken = 0;

	pthread_mutex_lock(&nic->lock);
	e1000_tx_retire(nic);
	if (may_fetch(nic))
		taken = e1000_tx_fetch(nic, &ready);
	e1000_tx_retire(nic);
	if (taken)	/* if none could be, e1000_tx_sent() or the guest asks for the next round */
		e1000_tx_kick(nic);
	pthread_mutex_unlock(&nic->lock);
	for (unsigned int i = 0; i < ready.n; i++) {
		struct hs_net_tx *net = &ready.tx[i]->net;

		hs_leaves_iov(net->iov, net->iovcnt);
		hs_net_send(nic->net, 0, net);
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
	if (!nic->tx)
		return -ENOMEM;
	hs_inflight_init(&nic->tx_flight, &nic->lock);
	nic->tx_flight.drained = e1000_tx_drained;
	for (unsigned int i = 0; i < E1000_TX_SLOTS; i++) {
		nic->tx[i].nic = nic;
		nic->tx[i].net.request = &nic->tx[i].request;
		hs_inflight_add(&nic->tx_flight, &nic->tx[i].request);
	}
	return 0;
}

void e1000_tx_free(struct hs_e1000 *nic)
{
	if (nic->tx)
		hs_inflight_destroy(&nic->tx_flight);
	free(nic->bounce);
	free(nic->tx);
}
