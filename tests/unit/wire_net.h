/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network back end for the tests and the fuzzer of the emulated NIC: a real
 * worker, one queue; what is sent is kept here, what is received is given by
 * the test. net/net_soft.c is the real one. One NIC per process (`wire`).
 */
#ifndef TESTS_WIRE_NET_H
#define TESTS_WIRE_NET_H

#include "fake_vm.h"
#include "host-stub/net/net.h"
#include "host-stub/worker_io.h"

#define WIRE_FRAMES	64u

struct wire_frame {
	struct hs_net_meta meta;
	uint32_t length;
	uint8_t bytes[HS_NET_MAX_FRAME];
};

struct hs_net {
	struct hs_worker *worker;
	struct hs_net_model *model;
	struct hs_net_info info;
	atomic_bool link;
	atomic_bool hold;		/* frames are kept from being done */
	atomic_int status;		/* what they end with */
	struct hs_net_tx *first, **last;	/* the worker's */
	struct hs_work finish;
	atomic_uint sent, done, readied;
	struct wire_frame *frame;	/* WIRE_FRAMES of them: number n is at n % WIRE_FRAMES */
};

static struct hs_net wire;
static struct hs_net *wire_list[HS_MAX_NICS];

static void wire_finish_first(void *arg)
{
	struct hs_net_tx *tx = wire.first;

	(void)arg;
	wire.first = tx->next;
	if (!wire.first)
		wire.last = &wire.first;
	atomic_fetch_add(&wire.done, 1);
	hs_net_tx_back(tx, atomic_load(&wire.status));
}

static void wire_finish(struct hs_work *work)
{
	(void)work;
	while (wire.first && !atomic_load(&wire.hold))
		wire_finish_first(NULL);
}

void hs_net_send(struct hs_net *net, unsigned int queue, struct hs_net_tx *tx)
{
	struct wire_frame *f = &net->frame[atomic_load(&net->sent) % WIRE_FRAMES];
	uint32_t at = 0;

	if (queue || hs_net_check(&tx->meta, tx->length) || !tx->iovcnt ||
	    tx->iovcnt > HS_NET_IOV || !hs_worker_is_self(net->worker)) {
		fprintf(stderr, "hs_net_send: not as the back end's page says\n");
		abort();
	}
	f->meta = tx->meta;
	f->length = tx->length;
	for (unsigned int i = 0; i < tx->iovcnt; i++) {
		if (!tx->iov[i].iov_len || tx->iov[i].iov_len > tx->length - at) {
			fprintf(stderr, "hs_net_send: pieces and length differ\n");
			abort();
		}
		memcpy(f->bytes + at, tx->iov[i].iov_base, tx->iov[i].iov_len);
		at += (uint32_t)tx->iov[i].iov_len;
	}
	if (at != tx->length) {
		fprintf(stderr, "hs_net_send: pieces are less than the length\n");
		abort();
	}
	tx->next = NULL;
	*net->last = tx;
	net->last = &tx->next;
	atomic_fetch_add(&net->sent, 1);
	hs_worker_post(net->worker, &net->finish);
}

void hs_net_ready(struct hs_net *net, unsigned int queue)
{
	(void)queue;
	atomic_fetch_add(&net->readied, 1);
}

void hs_net_info(struct hs_net *net, struct hs_net_info *info)
{
	*info = net->info;
}

bool hs_net_link(struct hs_net *net)
{
	return atomic_load(&net->link);
}

struct hs_worker *hs_net_worker(struct hs_net *net, unsigned int queue)
{
	(void)queue;
	return net->worker;
}

static void wire_set_model(void *arg)
{
	wire.model = arg;
}

void hs_net_attach(struct hs_net *net, struct hs_net_model *model)
{
	hs_worker_call(net->worker, wire_set_model, model);
}

/* ---- the test's side ---- */

struct wire_in {
	struct hs_net_meta meta;
	const uint8_t *bytes;
	uint32_t length;
	unsigned int times, taken;
};

static void wire_deliver(void *arg)
{
	struct wire_in *in = arg;

	if (!wire.model)
		return;
	while (in->taken < in->times &&
	       wire.model->receive(wire.model, 0, &in->meta, in->bytes, in->length))
		in->taken++;
	wire.model->received(wire.model, 0);
}

/* Of those that are held the oldest is done. */
static inline void wire_release_first(void)
{
	hs_worker_call(wire.worker, wire_finish_first, NULL);
}

/* A batch of `times` copies of one frame comes in; how many were taken. */
static inline unsigned int wire_receive(const uint8_t *bytes, uint32_t length,
					unsigned int times, bool valid)
{
	struct wire_in in = { .bytes = bytes, .length = length, .times = times,
			      .meta.valid = valid };

	hs_worker_call(wire.worker, wire_deliver, &in);
	return in.taken;
}

static void wire_notify_link(void *arg)
{
	(void)arg;
	if (wire.model)
		wire.model->link(wire.model, atomic_load(&wire.link));
}

static inline void wire_set_link(bool up)
{
	atomic_store(&wire.link, up);
	hs_worker_call(wire.worker, wire_notify_link, NULL);
}

static inline void wire_release(void)
{
	atomic_store(&wire.hold, false);
	hs_worker_post(wire.worker, &wire.finish);
}

static void wire_nothing(void *arg)
{
	(void)arg;
}

/* All that was asked of the worker so far has happened, and what that asked for. */
static inline void wire_settle(void)
{
	for (unsigned int i = 0; i < 8; i++)
		hs_worker_call(wire.worker, wire_nothing, NULL);
}

/* After fake_create(). 0 or -errno. */
static inline int wire_create(void)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

	memset(&wire, 0, sizeof(wire));
	wire.last = &wire.first;
	wire.finish.fn = wire_finish;
	wire.frame = calloc(WIRE_FRAMES, sizeof(wire.frame[0]));
	if (!wire.frame)
		return -ENOMEM;
	memcpy(wire.info.mac, mac, sizeof(mac));
	wire.info.queues = 1;
	atomic_store(&wire.link, true);
	wire_list[0] = &wire;
	fake.vm.net = wire_list;
	fake.config.nics = 1;
	return hs_worker_create(&wire.worker, "wire", HS_WORKER_NIC, 20000);
}

/* After fake_destroy(). */
static inline void wire_destroy(void)
{
	hs_worker_destroy(wire.worker);
	free(wire.frame);
}

#endif /* TESTS_WIRE_NET_H */
