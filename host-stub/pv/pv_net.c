// SPDX-License-Identifier: BSD-2-Clause
/*
 * The network device (abi/net.h): what it offers, its pairs of queues on the
 * workers of the back end, and its controls. pv_net.h tells the files and who
 * may touch what.
 *
 * Controls. What they set is in one of two copies; the other one is filled,
 * becomes the one that counts, and no worker looks at the former any more
 * when each has been called once (hs_worker_call).
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "../emu/emu.h"
#include "pv_net.h"
#include "../util.h"

#define RSS_TYPES	(PVK_NET_RSS_IP4 | PVK_NET_RSS_TCP4 | PVK_NET_RSS_UDP4 | \
			 PVK_NET_RSS_IP6 | PVK_NET_RSS_TCP6 | PVK_NET_RSS_UDP6)

static struct hs_pv_net *net_of(struct hs_pv_dev *dev)
{
	return (struct hs_pv_net *)dev;
}

/* ---- what the device is ---- */

static uint64_t pv_net_offered(const struct hs_net_info *info, uint32_t max_queues)
{
	/* What the other end does not do of these, the back end does. */
	uint64_t features = PVK_NET_F_CSUM | PVK_NET_F_TSO4 | PVK_NET_F_TSO6 | PVK_NET_F_USO |
			    PVK_NET_F_RX_MODE;

	if (info->offloads & HS_NET_CSUM) {
		features |= PVK_NET_F_RX_CSUM;
		if (info->offloads & HS_NET_TSO4)
			features |= PVK_NET_F_RX_TSO4;
		if (info->offloads & HS_NET_TSO6)
			features |= PVK_NET_F_RX_TSO6;
		if (info->offloads & HS_NET_USO)
			features |= PVK_NET_F_RX_USO;
	}
	/* With several queues it is the other end that spreads frames over them. */
	if (info->queues == 1 && max_queues > 2)
		features |= PVK_NET_F_RSS;
	return features;
}

/* The back end's words for PVK_NET_F_RX_OFFLOADS: none but with the checksum's. */
static uint32_t backend_offloads(const struct hs_pv_net *net, uint64_t features)
{
	uint32_t offloads = HS_NET_CSUM;

	if (!(features & PVK_NET_F_RX_CSUM))
		return 0;
	if (features & PVK_NET_F_RX_TSO4)
		offloads |= HS_NET_TSO4 | HS_NET_ECN;
	if (features & PVK_NET_F_RX_TSO6)
		offloads |= HS_NET_TSO6 | HS_NET_ECN;
	if (features & PVK_NET_F_RX_USO)
		offloads |= HS_NET_USO;
	return offloads & net->info.offloads;
}

static void net_config(struct hs_pv_dev *dev, void *to)
{
	struct hs_pv_net *net = net_of(dev);
	struct pvk_net_config *config = to;

	memset(config, 0, sizeof(*config));
	config->size = sizeof(*config);
	/* Before the link: a change meanwhile shows as a newer generation later. */
	config->generation = atomic_load(&dev->generation);
	memcpy(config->mac, net->info.mac, sizeof(config->mac));
	config->link = hs_net_link(net->net);
	config->mtu = net->info.mtu;
	config->max_mtu = net->info.max_mtu;
	config->speed = net->info.speed;
	config->max_segs = PVK_NET_MAX_SEGS;
	config->rss_types = dev->features & PVK_NET_F_RSS ? RSS_TYPES : 0;
	config->max_addresses = PVK_NET_ADDRESSES;
}

/* Queue 0's worker. */
static void link_changed(struct hs_net_model *model, bool up)
{
	struct hs_pv_net *net = hs_container_of(model, struct hs_pv_net, model);

	atomic_store(&net->link, up);
	hs_pv_dev_changed(&net->dev);
}

/* ---- controls ---- */

/* The copy that does not count: as the other, to be changed and published. */
static struct hs_pv_net_steer *steer_copy(struct hs_pv_net *net)
{
	struct hs_pv_net_steer *now = atomic_load(&net->steer);
	struct hs_pv_net_steer *other = &net->steers[now == &net->steers[0]];

	*other = *now;
	return other;
}

struct worker_call {
	struct hs_pv_net *net;
	unsigned int queue;	/* of the back end */
	int ret;
};

/* A frame that waits for a buffer may be another pair's now, or nobody's. */
static void look_again(void *arg)
{
	struct worker_call *call = arg;

	for (unsigned int i = call->queue; i < call->net->pairs; i += call->net->serving)
		hs_pv_net_rx_again(call->net->rx[i]);
}

/* fn on each worker that serves the device, one after the other. */
static int on_workers(struct hs_pv_net *net, void (*fn)(void *arg))
{
	struct worker_call call = { .net = net };

	for (; call.queue < net->serving && !call.ret; call.queue++)
		hs_worker_call(hs_net_worker(net->net, call.queue), fn, &call);
	return call.ret;
}

static void publish(struct hs_pv_net *net, struct hs_pv_net_steer *steer)
{
	atomic_store(&net->steer, steer);
	on_workers(net, look_again);
}

static int64_t control_rx_mode(struct hs_pv_net *net, const struct pvk_net_rx_mode *mode)
{
	struct hs_pv_net_steer *steer;

	if (mode->flags & ~(PVK_NET_RX_PROMISC | PVK_NET_RX_ALLMULTI) || mode->mac[0] & 1 ||
	    mode->addresses > PVK_NET_ADDRESSES)
		return -PVK_EINVAL;
	steer = steer_copy(net);
	steer->mode = *mode;
	publish(net, steer);
	return 0;
}

static int64_t control_offloads(struct hs_pv_net *net, const struct pvk_net_offloads *offloads)
{
	struct hs_pv_net_steer *steer;
	uint64_t old;

	if (offloads->reserved || offloads->features & ~PVK_NET_F_RX_OFFLOADS)
		return -PVK_EINVAL;
	if (offloads->features & ~net->dev.accepted)
		return -PVK_ENOTSUP;
	steer = steer_copy(net);
	old = steer->offloads;
	steer->offloads = offloads->features;
	/* First none comes that the guest is to be spared, then what it is to have. */
	if (net->serving)
		hs_net_rx_offloads(net->net, backend_offloads(net, old & offloads->features));
	publish(net, steer);
	if (net->serving && offloads->features & ~old)
		hs_net_rx_offloads(net->net, backend_offloads(net, offloads->features));
	return 0;
}

static bool pair_is_set_up(const struct hs_pv_net *net, unsigned int pair)
{
	return pair < HS_PV_PAIRS && net->dev.queue[2 * pair] && net->dev.queue[2 * pair + 1];
}

static int64_t control_rss(struct hs_pv_net *net, const struct pvk_net_rss *rss)
{
	struct hs_pv_net_steer *steer;

	if (rss->types & ~RSS_TYPES)
		return -PVK_EINVAL;
	for (unsigned int i = 0; i < PVK_NET_RSS_TABLE; i++)
		if (!pair_is_set_up(net, rss->table[i]))
			return -PVK_EINVAL;
	steer = steer_copy(net);
	steer->rss_set = true;
	steer->rss.types = rss->types;
	hs_pv_net_rss_key(&steer->rss, rss->key);
	for (unsigned int i = 0; i < PVK_NET_RSS_TABLE; i++)
		steer->rss.table[i] = (uint8_t)rss->table[i];
	publish(net, steer);
	return 0;
}

static int64_t net_control(struct hs_pv_dev *dev, const uint64_t arg[4])
{
	static const struct {
		uint32_t size;
		uint64_t feature;
	} ops[] = {
		[PVK_NET_CTL_RX_MODE] = { sizeof(struct pvk_net_rx_mode), PVK_NET_F_RX_MODE },
		[PVK_NET_CTL_OFFLOADS] = { sizeof(struct pvk_net_offloads), 0 },
		[PVK_NET_CTL_RSS] = { sizeof(struct pvk_net_rss), PVK_NET_F_RSS },
	};
	union {
		struct pvk_net_rx_mode mode;
		struct pvk_net_offloads offloads;
		struct pvk_net_rss rss;
	} u;
	int ret;

	if (arg[1] >= HS_COUNT(ops) || !ops[arg[1]].size)
		return -PVK_ENOSYS;
	if (ops[arg[1]].feature & ~dev->accepted)
		return -PVK_ENOTSUP;
	ret = hs_pv_struct_in(dev->pv, arg[2], arg[3], &u, ops[arg[1]].size);
	if (ret < 0)
		return ret;
	switch (arg[1]) {
	case PVK_NET_CTL_RX_MODE:
		return control_rx_mode(net_of(dev), &u.mode);
	case PVK_NET_CTL_OFFLOADS:
		return control_offloads(net_of(dev), &u.offloads);
	default:
		return control_rss(net_of(dev), &u.rss);
	}
}

/* ---- queues ---- */

static const struct hs_pv_queue_ops *pv_net_queue_ops(uint32_t index)
{
	return index & 1 ? &hs_pv_net_tx_ops : &hs_pv_net_rx_ops;
}

/* Finds the pairs there are. False: half a pair, or no pair 0. */
static bool find_pairs(struct hs_pv_net *net)
{
	net->pairs = 0;
	for (unsigned int k = 0; k < HS_PV_PAIRS; k++) {
		struct hs_pv_queue *rx = net->dev.queue[2 * k], *tx = net->dev.queue[2 * k + 1];

		if (!rx != !tx || (!k && !rx))
			return false;
		if (!rx)
			continue;
		net->rx[net->pairs] = (struct hs_pv_net_rx *)rx;
		net->tx[net->pairs++] = (struct hs_pv_net_tx *)tx;
	}
	return true;
}

static void stop_worker(void *arg)
{
	struct worker_call *call = arg;

	for (unsigned int i = call->queue; i < call->net->pairs; i += call->net->serving) {
		hs_pv_queue_stop(&call->net->rx[i]->q);
		hs_pv_queue_stop(&call->net->tx[i]->q);
	}
}

static void start_worker(void *arg)
{
	struct worker_call *call = arg;
	struct hs_pv_net *net = call->net;
	struct hs_worker *worker = hs_net_worker(net->net, call->queue);

	for (unsigned int i = call->queue; i < net->pairs; i += net->serving) {
		net->rx[i]->backend = call->queue;
		net->tx[i]->backend = call->queue;
		call->ret = hs_pv_queue_start(&net->rx[i]->q, worker);
		if (!call->ret)
			call->ret = hs_pv_queue_start(&net->tx[i]->q, worker);
		if (call->ret < 0)
			return;
	}
	/* The model was there before the queues were, and may have said no. */
	hs_net_ready(net->net, call->queue);
}

static void net_stop(struct hs_pv_dev *dev)
{
	struct hs_pv_net *net = net_of(dev);

	hs_net_attach(net->net, NULL);
	on_workers(net, stop_worker);
	net->serving = 0;
}

/* What the guest left open: an even table over the pairs, and which offloads. */
static void complete_steer(struct hs_pv_net *net)
{
	struct hs_pv_net_steer *steer = steer_copy(net);

	if (!steer->rss_set)
		for (unsigned int i = 0; i < PVK_NET_RSS_TABLE; i++)
			steer->rss.table[i] = (uint8_t)(net->rx[i % net->pairs]->q.index / 2);
	atomic_store(&net->steer, steer);
	net->model.rx_offloads = backend_offloads(net, steer->offloads);
}

static int net_start(struct hs_pv_dev *dev)
{
	struct hs_pv_net *net = net_of(dev);
	bool up;

	if (!find_pairs(net))
		return -PVK_EPROTO;
	complete_steer(net);
	net->serving = net->pairs < net->info.queues ? net->pairs : net->info.queues;
	net->model.queues = net->serving;
	/* The model first: queues send as soon as they run. */
	hs_net_attach(net->net, &net->model);
	/* Without a model nobody told of the link. */
	up = hs_net_link(net->net);
	if (atomic_exchange(&net->link, up) != up)
		hs_pv_dev_changed(dev);
	if (on_workers(net, start_worker) < 0) {
		net_stop(dev);
		return -PVK_EIO;
	}
	return 0;
}

/* ---- the device ---- */

/* As after power-on: see struct pvk_net_rx_mode and what is around it. */
static void net_forget(struct hs_pv_dev *dev)
{
	struct hs_pv_net *net = net_of(dev);
	struct hs_pv_net_steer *steer = &net->steers[0];

	memset(steer, 0, sizeof(*steer));
	memcpy(steer->mode.mac, net->info.mac, sizeof(steer->mode.mac));
	steer->rss.types = RSS_TYPES;
	hs_pv_net_rss_key(&steer->rss, net->key);
	atomic_store(&net->steer, steer);
	net->pairs = 0;
}

static void net_accepted(struct hs_pv_dev *dev)
{
	struct hs_pv_net_steer *steer = atomic_load(&net_of(dev)->steer);

	steer->filter = dev->accepted & PVK_NET_F_RX_MODE;
	steer->offloads = dev->accepted & PVK_NET_F_RX_OFFLOADS;
}

static uint32_t pv_net_counterpart_location(const struct hs_pv_dev *dev)
{
	return (uint32_t)HS_PCI_NIC(dev->number) << 16;
}

static int pv_net_unplug(struct hs_pv_dev *dev)
{
	hs_e1000_detach(dev->vm, dev->number);
	return 0;
}

static void pv_net_replug(struct hs_pv_dev *dev)
{
	hs_e1000_attach(dev->vm, dev->number);
}

static void half_json(FILE *out, struct hs_pv_net_counters *c)
{
	fprintf(out, "{\"frames\": %llu, \"bytes\": %llu, \"segments\": %llu, ",
		hs_pv_get(&c->frames), hs_pv_get(&c->bytes), hs_pv_get(&c->segments));
	hs_pv_json_counters(out, &c->common);
}

static void net_json(struct hs_pv_dev *dev, FILE *out)
{
	struct hs_pv_net *net = net_of(dev);

	fprintf(out, "\"workers\": [");
	for (unsigned int i = 0; i < net->info.queues; i++) {
		fprintf(out, "%s", i ? ", " : "");
		hs_pv_json_worker(out, hs_net_worker(net->net, i));
	}
	fprintf(out, "], \"pairs\": [");
	for (unsigned int k = 0; k < dev->max_queues / 2; k++) {
		struct hs_pv_net_counters *rx = &net->counters[2 * k];

		fprintf(out, "%s{\"pair\": %u, \"rx\": ", k ? ", " : "", k);
		half_json(out, rx);
		fprintf(out, ", \"no_buffer\": %llu, \"filtered\": %llu, \"dropped\": %llu}, \"tx\": ",
			hs_pv_get(&rx->no_buffer), hs_pv_get(&rx->filtered),
			hs_pv_get(&rx->dropped));
		half_json(out, &net->counters[2 * k + 1]);
		fprintf(out, "}}");
	}
	fprintf(out, "]");
}

static const struct hs_pv_dev_ops ops = {
	.type = PVK_DEV_NET,
	.name = "nic",
	.max_entries = PVK_RING_MAX_ENTRIES,
	.config_size = sizeof(struct pvk_net_config),
	.config = net_config,
	.control = net_control,
	.queue_ops = pv_net_queue_ops,
	.accepted = net_accepted,
	.start = net_start,
	.stop = net_stop,
	.forget = net_forget,
	.counterpart = PVK_COUNTERPART_PCI_NIC,
	.counterpart_location = pv_net_counterpart_location,
	.unplug = pv_net_unplug,
	.replug = pv_net_replug,
	.json = net_json,
};

int hs_pv_net_create(struct hs_pv *pv, struct hs_vm *vm, unsigned int n)
{
	struct hs_pv_net *net =
		hs_pv_dev_new(pv, &ops, sizeof(*net), n, vm->config->nic[n].models);

	if (!net)
		return -ENOMEM;
	net->net = vm->net[n];
	net->model.receive = hs_pv_net_receive;
	net->model.received = hs_pv_net_received;
	net->model.link = link_changed;
	hs_net_info(net->net, &net->info);
	atomic_store(&net->link, hs_net_link(net->net));
	net->dev.features = pv_net_offered(&net->info, net->dev.max_queues);
	/* Without, the key is zero and all frames are pair 0's. */
	(void)!getrandom(net->key, sizeof(net->key), GRND_NONBLOCK);
	net_forget(&net->dev);
	return 0;
}
