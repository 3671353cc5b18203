/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network back ends for the tests and fuzzers of the PV network device: real
 * workers, and in place of a TAP a list. What is sent comes back, or is kept
 * until the test lets it go; what the test injects is received. A file that
 * includes this links host-stub/net/net_soft.c, and no other of its kind.
 */
#ifndef TESTS_FAKE_NET_H
#define TESTS_FAKE_NET_H

#include <stddef.h>

#include "fake_vm.h"
#include "host-stub/net/net.h"
#include "host-stub/worker_io.h"

#define FAKE_NET_BATCH	16u

enum fake_net_mode {
	FAKE_NET_LOOP,		/* frames sent are received, on the same queue */
	FAKE_NET_HOLD,		/* kept, unanswered */
	FAKE_NET_SINK,		/* answered and gone */
	FAKE_NET_FAIL,		/* answered with -EIO */
};

struct fake_frame {
	struct fake_frame *next;
	struct hs_net_meta meta;
	uint32_t length;
	uint8_t data[];
};

struct fake_net_queue {
	struct hs_hook hook;	/* first */
	struct hs_net *net;
	unsigned int index;
	struct hs_worker *worker;
	struct hs_net_model *model;
	bool stalled;
	struct hs_net_tx *tx, **tx_last;
	pthread_mutex_t lock;	/* the two below */
	struct fake_frame *in, **in_last;
	atomic_uint sent, held, waiting, offered;	/* offered: calls of receive() */
	atomic_uint rounds;	/* of the hook, that have ended */
};

struct hs_net {
	struct hs_net_info info;
	atomic_bool up;
	atomic_int mode;
	_Atomic uint32_t rx_offloads;
	atomic_uint attached;	/* queues the model serves */
	struct fake_net_queue queue[HS_MAX_NIC_QUEUES];
};

static struct hs_net *fake_nets[HS_MAX_NICS];
static int fake_e1000[HS_MAX_NICS];	/* present */

static inline void fake_net_put(struct fake_net_queue *q, const struct hs_net_meta *meta,
				const struct iovec *iov, unsigned int iovcnt, uint32_t length)
{
	struct fake_frame *f = calloc(1, sizeof(*f) + length);
	uint32_t at = 0;

	if (!f)
		abort();
	f->meta = *meta;
	f->length = length;
	for (unsigned int i = 0; i < iovcnt; i++) {
		memcpy(f->data + at, iov[i].iov_base, iov[i].iov_len);
		at += (uint32_t)iov[i].iov_len;
	}
	pthread_mutex_lock(&q->lock);
	*q->in_last = f;
	q->in_last = &f->next;
	pthread_mutex_unlock(&q->lock);
	atomic_fetch_add(&q->waiting, 1);
}

static inline bool fake_net_send_some(struct fake_net_queue *q)
{
	int mode = atomic_load(&q->net->mode);
	unsigned int n;

	for (n = 0; n < FAKE_NET_BATCH && q->tx && mode != FAKE_NET_HOLD; n++) {
		struct hs_net_tx *tx = q->tx;

		q->tx = tx->next;
		if (!q->tx)
			q->tx_last = &q->tx;
		if (mode == FAKE_NET_LOOP && q->model) {
			/* as a TAP would give it back to its own machine */
			tx->meta.hdr_len = 0;
			fake_net_put(q, &tx->meta, tx->iov, tx->iovcnt, tx->length);
		}
		atomic_fetch_sub(&q->held, 1);
		atomic_fetch_add(&q->sent, 1);
		hs_net_tx_back(tx, mode == FAKE_NET_FAIL ? -EIO : 0);
	}
	return n;
}

static inline bool fake_net_receive_some(struct fake_net_queue *q)
{
	unsigned int n;

	for (n = 0; n < FAKE_NET_BATCH && q->model && !q->stalled; n++) {
		struct fake_frame *f;
		bool taken;

		pthread_mutex_lock(&q->lock);
		f = q->in;
		pthread_mutex_unlock(&q->lock);
		if (!f)
			break;
		taken = q->model->receive(q->model, q->index, &f->meta, f->data, f->length);
		atomic_fetch_add(&q->offered, 1);
		if (!taken) {
			q->stalled = true;
			break;
		}
		pthread_mutex_lock(&q->lock);
		q->in = f->next;
		if (!q->in)
			q->in_last = &q->in;
		pthread_mutex_unlock(&q->lock);
		atomic_fetch_sub(&q->waiting, 1);
		free(f);
	}
	if (n && q->model->received)
		q->model->received(q->model, q->index);
	return n;
}

static inline bool fake_net_round(struct hs_hook *hook)
{
	struct fake_net_queue *q = (struct fake_net_queue *)hook;
	bool work = fake_net_send_some(q);

	work |= fake_net_receive_some(q);
	atomic_fetch_add(&q->rounds, 1);
	return work;
}

static inline void fake_net_hook(void *arg)
{
	struct fake_net_queue *q = arg;

	hs_worker_set_hook(q->worker, &q->hook);
}

/* NIC n of the config with a back end of so many queues, which can do offloads. */
static inline bool fake_nic(unsigned int n, unsigned int queues, uint32_t offloads,
			    enum hs_models models)
{
	struct hs_net *net = calloc(1, sizeof(*net));

	if (!net)
		return false;
	net->info = (struct hs_net_info){ .mac = { 0x52, 0x54, 0, 0, 0, (uint8_t)n }, .mtu = 1500,
					  .max_mtu = 9000, .queues = queues, .offloads = offloads,
					  .speed = 10000 };
	atomic_store(&net->up, true);
	for (unsigned int i = 0; i < queues; i++) {
		struct fake_net_queue *q = &net->queue[i];

		q->hook.round = fake_net_round;
		q->net = net;
		q->index = i;
		q->tx_last = &q->tx;
		q->in_last = &q->in;
		pthread_mutex_init(&q->lock, NULL);
		if (hs_worker_create(&q->worker, "fake-net", HS_WORKER_NIC, 20000) < 0)
			return false;
		hs_worker_call(q->worker, fake_net_hook, q);
	}
	fake_nets[n] = net;
	fake_e1000[n] = models != HS_MODELS_PVKIT;
	fake.config.nic[n].models = models;
	if (fake.config.nics <= n)
		fake.config.nics = n + 1;
	return true;
}

/* Without a model attached: drops the frames that wait. */
static inline void fake_net_forget(unsigned int n)
{
	for (unsigned int i = 0; i < fake_nets[n]->info.queues; i++) {
		struct fake_net_queue *q = &fake_nets[n]->queue[i];

		pthread_mutex_lock(&q->lock);
		while (q->in) {
			struct fake_frame *f = q->in;

			q->in = f->next;
			free(f);
		}
		q->in_last = &q->in;
		pthread_mutex_unlock(&q->lock);
		atomic_store(&q->waiting, 0);
	}
}

/* After fake_destroy(). */
static inline void fake_nics_close(void)
{
	for (unsigned int n = 0; n < HS_MAX_NICS; n++) {
		if (fake_nets[n])
			fake_net_forget(n);
		for (unsigned int i = 0; fake_nets[n] && i < fake_nets[n]->info.queues; i++) {
			struct fake_net_queue *q = &fake_nets[n]->queue[i];

			hs_worker_destroy(q->worker);
			pthread_mutex_destroy(&q->lock);
		}
		free(fake_nets[n]);
		fake_nets[n] = NULL;
	}
}

static inline void fake_net_nothing(void *arg)
{
	(void)arg;
}

/* From the test's thread: sets the mode and has the workers notice. */
static inline void fake_net_mode(unsigned int n, enum fake_net_mode mode)
{
	atomic_store(&fake_nets[n]->mode, mode);
	for (unsigned int i = 0; i < fake_nets[n]->info.queues; i++)
		hs_worker_call(fake_nets[n]->queue[i].worker, fake_net_nothing, NULL);
}

/* From the test's thread: a frame comes in, and was offered when this returns. */
static inline void fake_net_inject(unsigned int n, unsigned int queue,
				   const struct hs_net_meta *meta, const void *frame,
				   uint32_t length)
{
	static const struct hs_net_meta nothing;
	struct fake_net_queue *q = &fake_nets[n]->queue[queue];
	union {
		const void *in;
		void *base;
	} u = { .in = frame };
	struct iovec iov = { .iov_base = u.base, .iov_len = length };

	unsigned int rounds;

	fake_net_put(q, meta ? meta : &nothing, &iov, 1, length);
	/* The round that is on may be past the place where it looks. */
	rounds = atomic_load(&q->rounds);
	while (atomic_load(&q->rounds) - rounds < 2)
		hs_worker_call(q->worker, fake_net_nothing, NULL);
}

/* ---- net/net.h ---- */

void hs_net_info(struct hs_net *net, struct hs_net_info *info)
{
	*info = net->info;
}

bool hs_net_link(struct hs_net *net)
{
	return atomic_load(&net->up);
}

struct hs_worker *hs_net_worker(struct hs_net *net, unsigned int queue)
{
	return net->queue[queue].worker;
}

struct fake_net_call {
	struct fake_net_queue *q;
	struct hs_net_model *model;
};

static inline void fake_net_set_model(void *arg)
{
	struct fake_net_call *call = arg;
	bool serves = call->model && call->q->index < call->model->queues;

	call->q->model = serves ? call->model : NULL;
	call->q->stalled = false;
}

void hs_net_attach(struct hs_net *net, struct hs_net_model *model)
{
	struct fake_net_call call = { .model = model };

	atomic_store(&net->attached, model ? model->queues : 0);
	if (model)
		atomic_store(&net->rx_offloads, model->rx_offloads);
	for (unsigned int i = 0; i < net->info.queues; i++) {
		call.q = &net->queue[i];
		hs_worker_call(net->queue[i].worker, fake_net_set_model, &call);
	}
}

void hs_net_rx_offloads(struct hs_net *net, uint32_t offloads)
{
	atomic_store(&net->rx_offloads, offloads);
}

static inline void fake_net_tell_link(void *arg)
{
	struct hs_net *net = arg;

	if (net->queue[0].model)
		net->queue[0].model->link(net->queue[0].model, atomic_load(&net->up));
}

void hs_net_set_link(struct hs_net *net, bool up)
{
	atomic_store(&net->up, up);
	hs_worker_call(net->queue[0].worker, fake_net_tell_link, net);
}

void hs_net_send(struct hs_net *net, unsigned int queue, struct hs_net_tx *tx)
{
	struct fake_net_queue *q = &net->queue[queue];

	if (!hs_worker_is_self(q->worker)) {
		fprintf(stderr, "sent on another worker than the queue's\n");
		abort();
	}
	tx->next = NULL;
	*q->tx_last = tx;
	q->tx_last = &tx->next;
	atomic_fetch_add(&q->held, 1);
}

void hs_net_ready(struct hs_net *net, unsigned int queue)
{
	struct fake_net_queue *q = &net->queue[queue];

	if (!hs_worker_is_self(q->worker)) {
		fprintf(stderr, "ready on another worker than the queue's\n");
		abort();
	}
	q->stalled = false;
}

/* ---- the emulated model ---- */

void hs_e1000_detach(struct hs_vm *vm, unsigned int n)
{
	(void)vm;
	fake_e1000[n]--;
}

void hs_e1000_attach(struct hs_vm *vm, unsigned int n)
{
	(void)vm;
	fake_e1000[n]++;
}

#endif /* TESTS_FAKE_NET_H */
