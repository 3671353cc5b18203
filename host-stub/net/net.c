// SPDX-License-Identifier: BSD-2-Clause
/*
 * Network back end: life, attaching, link and accounts; see net.h. What moves
 * frames is in net_rx.c and net_tx.c, which run in the hook of each queue's
 * worker; net_priv.h tells how.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "net_priv.h"
#include "../json.h"
#include "../util.h"

#define CLOSE_STEP_NS	1000000
#define CLOSE_STEPS	1000u		/* HS_NET_STUCK_NS is 200 of them */

static const char * const kind_name[] = {
	[HS_NIC_TAP] = "tap", [HS_NIC_USER] = "user", [HS_NIC_STREAM] = "stream",
	[HS_NIC_DGRAM] = "dgram",
};

/* ---- the link ---- */

bool hs_net_link(struct hs_net *net)
{
	return atomic_load(&net->peer_up) && atomic_load(&net->user_up);
}

/* Queue 0's worker: tells the model, if it does not know. */
static void notify_link(struct hs_net *net)
{
	struct hs_net_model *model = net->queue[0].model;
	bool up = hs_net_link(net);

	if (!model || up == net->notified_up)
		return;
	net->notified_up = up;
	if (model->link)
		model->link(model, up);
}

static void link_work(struct hs_work *work)
{
	notify_link(hs_container_of(work, struct hs_net, link_work));
}

void hs_net_peer(struct hs_net *net, bool up)
{
	if (atomic_exchange(&net->peer_up, up) != up)
		hs_worker_post(net->queue[0].worker, &net->link_work);
}

struct link_call {
	struct hs_net_queue *q;
	bool up;
};

static void set_link(void *arg)
{
	struct link_call *call = arg;

	call->q->user_up = call->up;
	if (!call->q->index)
		notify_link(call->q->net);
}

void hs_net_set_link(struct hs_net *net, bool up)
{
	atomic_store(&net->user_up, up);
	hs_debug(hs_log_nth(HS_LOG_PEER, net->number), "nic %u: the user %s the link", net->number,
		 up ? "plugs" : "unplugs");
	for (unsigned int i = 0; i < net->queues; i++) {
		struct link_call call = { .q = &net->queue[i], .up = up };

		hs_worker_call(net->queue[i].worker, set_link, &call);
	}
}

/* ---- attaching ---- */

struct attach_call {
	struct hs_net_queue *q;
	struct hs_net_model *model;
};

static void set_model(void *arg)
{
	struct attach_call *call = arg;
	struct hs_net_queue *q = call->q;
	struct hs_net_model *model = call->model;

	q->model = model && q->index < model->queues ? model : NULL;
	q->rx.piece = 0;	/* a frame begun is the next model's from its beginning */
	atomic_store(&q->rx.stalled, false);
	if (model)
		q->rx_offloads = model->rx_offloads;
	if (!q->index)
		q->net->notified_up = hs_net_link(q->net);
}

void hs_net_attach(struct hs_net *net, struct hs_net_model *model)
{
	struct attach_call call = { .model = model };

	if (model && net->kind == HS_NIC_TAP) {
		hs_net_tap_offloads(net, model->rx_offloads);
		hs_net_tap_queues(net, model->queues);
	}
	for (unsigned int i = 0; i < net->queues; i++) {
		call.q = &net->queue[i];
		hs_worker_call(net->queue[i].worker, set_model, &call);
	}
}

struct offloads_call {
	struct hs_net_queue *q;
	uint32_t offloads;
};

static void net_set_offloads(void *arg)
{
	struct offloads_call *call = arg;

	call->q->rx_offloads = call->offloads;
}

void hs_net_rx_offloads(struct hs_net *net, uint32_t offloads)
{
	struct offloads_call call = { .offloads = offloads };

	if (net->kind == HS_NIC_TAP)
		hs_net_tap_offloads(net, offloads);
	/* What the TAP had queued before is cut and summed by net_rx.c. */
	for (unsigned int i = 0; i < net->queues; i++) {
		call.q = &net->queue[i];
		hs_worker_call(net->queue[i].worker, net_set_offloads, &call);
	}
}

/* ---- accounts ---- */

void hs_net_info(struct hs_net *net, struct hs_net_info *info)
{
	*info = net->info;
}

struct hs_worker *hs_net_worker(struct hs_net *net, unsigned int queue)
{
	return net->queue[queue].worker;
}

void hs_net_stats(struct hs_net *net, unsigned int queue, struct hs_net_stats *stats)
{
	struct hs_net_queue *q = &net->queue[queue];

#define LOAD(name) (stats->name = atomic_load_explicit(&q->stat.name, memory_order_relaxed))
	LOAD(tx_frames);
	LOAD(tx_bytes);
	LOAD(tx_dropped);
	LOAD(rx_frames);
	LOAD(rx_bytes);
	LOAD(rx_dropped);
	LOAD(tx_pieces);
	LOAD(batches);
#undef LOAD
}

void hs_net_json(struct hs_net *net, FILE *out)
{
	struct hs_net_stats s;

	fprintf(out, "\"kind\": \"%s\", \"name\": ", kind_name[net->kind]);
	hs_json_string(out, net->name);
	fprintf(out, ", \"link\": %s, \"queues\": [", hs_net_link(net) ? "true" : "false");
	for (unsigned int i = 0; i < net->queues; i++) {
		hs_net_stats(net, i, &s);
		fprintf(out, "%s{\"tx_frames\": %llu, \"tx_bytes\": %llu, \"tx_dropped\": %llu, "
			"\"rx_frames\": %llu, \"rx_bytes\": %llu, \"rx_dropped\": %llu, "
			"\"tx_pieces\": %llu, \"batches\": %llu}", i ? ", " : "",
			(unsigned long long)s.tx_frames, (unsigned long long)s.tx_bytes,
			(unsigned long long)s.tx_dropped, (unsigned long long)s.rx_frames,
			(unsigned long long)s.rx_bytes, (unsigned long long)s.rx_dropped,
			(unsigned long long)s.tx_pieces, (unsigned long long)s.batches);
	}
	fputs("]", out);
}

/* ---- life ---- */

static bool net_hook_round(struct hs_hook *hook)
{
	struct hs_net_queue *q = hs_container_of(hook, struct hs_net_queue, hook);
	bool work;

	work = hs_net_rx_round(q);
	work |= hs_net_tx_round(q);
	if (q->net->kind != HS_NIC_TAP)
		work |= hs_net_socket_round(q->net);
	return work;
}

static void net_set_hook(void *arg)
{
	struct hs_net_queue *q = arg;

	hs_worker_set_hook(q->worker, &q->hook);
}

static int name_it(struct hs_net *net, const struct hs_nic_config *config, unsigned int number)
{
	int ret;

	if (config->name)
		ret = asprintf(&net->name, "nic %u (%s %s)", number, kind_name[config->kind],
			       config->name);
	else
		ret = asprintf(&net->name, "nic %u (%s)", number, kind_name[config->kind]);
	if (ret >= 0)
		return 0;
	net->name = NULL;
	return -ENOMEM;
}

static int open_queue(struct hs_net_queue *q, unsigned int number, uint64_t poll_ns)
{
	char name[32];
	int ret;

	ret = hs_net_rx_init(q);
	if (ret < 0)
		return ret;
	ret = hs_net_tx_init(q);
	if (ret < 0)
		goto err_rx;
	if (q->index)
		snprintf(name, sizeof(name), "net%u-%u", number % 100, q->index);
	else
		snprintf(name, sizeof(name), "net%u", number % 100);
	q->hook.round = net_hook_round;
	q->user_up = true;
	ret = hs_worker_create(&q->worker, name, HS_WORKER_NIC, poll_ns);
	if (ret < 0)
		goto err_tx;
	return 0;

err_tx:
	hs_net_tx_fini(q);
err_rx:
	hs_net_rx_fini(q);
	return ret;
}

static void close_queue(struct hs_net_queue *q)
{
	hs_worker_destroy(q->worker);
	hs_net_tx_fini(q);
	hs_net_rx_fini(q);
}

static void close_descriptors(struct hs_net *net)
{
	hs_net_redial_end(net);
	for (unsigned int i = 0; i < HS_MAX_NIC_QUEUES; i++)
		if (net->queue[i].fd >= 0)
			close(net->queue[i].fd);
	if (net->listen_fd >= 0)
		close(net->listen_fd);
}

int hs_net_prepare(struct hs_net **out, const struct hs_nic_config *config, unsigned int number)
{
	struct hs_net *net = calloc(1, sizeof(*net));
	int ret;

	if (!net)
		return -ENOMEM;
	net->kind = config->kind;
	net->number = number;
	net->listen_fd = -1;
	net->redial_fd = -1;
	net->link_work.fn = link_work;
	atomic_store(&net->user_up, true);
	for (unsigned int i = 0; i < HS_MAX_NIC_QUEUES; i++) {
		net->queue[i].net = net;
		net->queue[i].index = i;
		net->queue[i].fd = -1;
	}
	memcpy(net->info.mac, config->mac, sizeof(net->info.mac));
	net->info.mtu = config->mtu ? config->mtu : 1500;
	net->info.max_mtu = PVK_NET_MAX_MTU;
	ret = name_it(net, config, number);
	if (ret < 0)
		goto err_free;
	if (config->kind == HS_NIC_TAP)
		ret = hs_net_tap_open(net, config);
	else
		ret = hs_net_socket_open(net, config);
	if (ret < 0)
		goto err_fds;
	net->info.queues = net->queues;
	*out = net;
	return 0;

err_fds:
	close_descriptors(net);
	free(net->name);
err_free:
	free(net);
	return ret;
}

int hs_net_start(struct hs_net *net, uint64_t poll_ns)
{
	int ret;

	for (; net->started < net->queues; net->started++) {
		ret = open_queue(&net->queue[net->started], net->number, poll_ns);
		if (ret < 0)
			return ret;
	}
	for (unsigned int i = 0; i < net->queues; i++)
		hs_worker_call(net->queue[i].worker, net_set_hook, &net->queue[i]);
	return 0;
}

int hs_net_open(struct hs_net **out, const struct hs_nic_config *config, unsigned int number,
		uint64_t poll_ns)
{
	struct hs_net *net;
	int ret = hs_net_prepare(&net, config, number);

	if (ret < 0)
		return ret;
	ret = hs_net_start(net, poll_ns);
	if (ret < 0)
		hs_net_close(net);
	else
		*out = net;
	return ret;
}

struct idle_call {
	struct hs_net_queue *q;
	bool idle;
};

static void ask_idle(void *arg)
{
	struct idle_call *call = arg;

	call->idle = hs_net_tx_idle(call->q);
}

void hs_net_close(struct hs_net *net)
{
	static const struct timespec step = { .tv_nsec = CLOSE_STEP_NS };

	if (!net)
		return;
	/* Frames on their way have their answer in bounded time: HS_NET_STUCK_NS. */
	for (unsigned int i = 0; i < net->started; i++) {
		struct idle_call call = { .q = &net->queue[i] };

		for (unsigned int n = 0; n < CLOSE_STEPS; n++) {
			hs_worker_call(net->queue[i].worker, ask_idle, &call);
			if (call.idle)
				break;
			nanosleep(&step, NULL);
		}
	}
	for (unsigned int i = 0; i < net->started; i++)
		close_queue(&net->queue[i]);
	close_descriptors(net);
	free(net->name);
	free(net);
}
