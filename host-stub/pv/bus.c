// SPDX-License-Identifier: BSD-2-Clause
/*
 * The bus (abi/bus.h): devices, their states, queues and models. All calls run
 * under pv->lock. What differs by type is behind struct hs_pv_dev_ops. A
 * running device's queues belong to workers of its back end, and change hands
 * by hs_worker_call(), which waits for one round of the worker: that is
 * bounded, since a round is.
 *
 * A device's id is its index + 1, so that a guest that mixes them up notices.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "pv_priv.h"

static struct hs_pv_dev *bus_find(struct hs_pv *pv, uint64_t id)
{
	return id && id <= pv->devices ? pv->dev[id - 1] : NULL;
}

static uint32_t state_of(struct hs_pv_dev *dev)
{
	return atomic_load(&dev->state);
}

void hs_pv_dev_changed(struct hs_pv_dev *dev)
{
	uint32_t channel;

	atomic_fetch_add(&dev->generation, 1);
	atomic_fetch_add(&dev->pv->generation, 1);
	channel = atomic_load(&dev->pv->notify);
	if (channel != PVK_CHANNEL_NONE)
		hs_irq_msi_raise(dev->pv->vm->irq, channel);
}

static enum hs_log_source log_of(const struct hs_pv_dev *dev)
{
	return hs_log_nth(dev->ops->type == PVK_DEV_NET ? HS_LOG_NIC : HS_LOG_DISK, dev->number);
}

void hs_pv_dev_broken(struct hs_pv_dev *dev, const char *what)
{
	uint32_t running = PVK_DEV_RUNNING;

	if (!atomic_compare_exchange_strong(&dev->state, &running, PVK_DEV_NEEDS_RESET))
		return;
	hs_guest_error(log_of(dev), "%s %u: %s: the device waits for its reset", dev->ops->name,
		       dev->number, what);
	hs_pv_dev_changed(dev);
}

/* ---- enumeration ---- */

int64_t hs_pv_bus_info(struct hs_pv *pv, const uint64_t arg[4])
{
	struct pvk_bus_info info;
	int ret = hs_pv_struct_in(pv, arg[0], arg[1], &info, sizeof(info));

	if (ret < 0)
		return ret;
	info.devices = pv->devices;
	info.generation = atomic_load(&pv->generation);
	info.reserved = 0;
	hs_pv_struct_out(pv, arg[0], arg[1], &info, sizeof(info));
	return 0;
}

int64_t hs_pv_bus_notify(struct hs_pv *pv, const uint64_t arg[4])
{
	if (arg[0] >= HS_PV_CHANNELS && arg[0] != PVK_CHANNEL_NONE)
		return -PVK_EINVAL;
	atomic_store(&pv->notify, (uint32_t)arg[0]);
	return 0;
}

int64_t hs_pv_dev_info(struct hs_pv *pv, const uint64_t arg[4])
{
	struct pvk_dev_info in, out = { 0 };
	struct hs_pv_dev *dev;
	int ret = hs_pv_struct_in(pv, arg[1], arg[2], &in, sizeof(in));

	if (ret < 0)
		return ret;
	if (arg[0] >= pv->devices)
		return -PVK_ENOENT;
	dev = pv->dev[arg[0]];
	out.size = in.size;
	out.id = dev->id;
	out.type = dev->ops->type;
	/* Before the state: a change meanwhile shows as a newer generation later. */
	out.generation = atomic_load(&dev->generation);
	out.state = state_of(dev);
	out.features = dev->features;
	out.accepted = dev->accepted;
	out.model = dev->model;
	out.counterpart = dev->has_counterpart ? dev->ops->counterpart : PVK_COUNTERPART_NONE;
	out.counterpart_location = dev->has_counterpart ? dev->ops->counterpart_location(dev) : 0;
	out.max_queues = pv->max_queues;
	out.max_entries = dev->ops->max_entries;
	out.config_size = dev->ops->config_size;
	hs_pv_struct_out(pv, arg[1], arg[2], &out, sizeof(out));
	return 0;
}

int64_t hs_pv_dev_config(struct hs_pv *pv, const uint64_t arg[4])
{
	struct hs_pv_dev *dev = bus_find(pv, arg[0]);
	uint64_t config[HS_PV_CONFIG / 8] = { 0 };
	uint32_t size;
	int ret;

	if (!dev)
		return -PVK_ENOENT;
	ret = hs_pv_struct_check(pv, arg[1], arg[2]);
	if (ret < 0)
		return ret;
	size = dev->ops->config_size;
	dev->ops->config(dev, config);
	hs_pv_struct_out(pv, arg[1], arg[2], config, size);
	return (int64_t)(arg[2] < size ? arg[2] : size);
}

int64_t hs_pv_dev_control(struct hs_pv *pv, const uint64_t arg[4])
{
	struct hs_pv_dev *dev = bus_find(pv, arg[0]);
	uint32_t state;

	if (!dev)
		return -PVK_ENOENT;
	if (!dev->ops->control)
		return -PVK_ENOSYS;
	state = state_of(dev);
	if (state != PVK_DEV_SETUP && state != PVK_DEV_RUNNING)
		return -PVK_EPROTO;
	return dev->ops->control(dev, arg);
}

/* ---- queues ---- */

static void queue_destroy(struct hs_pv_queue *q)
{
	if (q->ops->destroy)
		q->ops->destroy(q);
	free(q->requests);
	free(q);
}

static void queue_free(struct hs_pv_dev *dev, uint32_t index)
{
	struct hs_pv_queue *q = dev->queue[index];

	if (!q)
		return;
	hs_doorbell_unbind(dev->pv->vm, q->doorbell, q->source.eventfd);
	close(q->source.eventfd);
	queue_destroy(q);
	dev->queue[index] = NULL;
}

static void queues_free(struct hs_pv_dev *dev)
{
	for (uint32_t i = 0; i < HS_PV_QUEUES; i++)
		queue_free(dev, i);
}

static unsigned int in_flight(struct hs_pv_dev *dev)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < HS_PV_QUEUES; i++)
		if (dev->queue[i])
			n += hs_inflight_count(&dev->queue[i]->inflight);
	return n;
}

static bool entries_ok(const struct hs_pv_dev *dev, uint32_t entries)
{
	return entries >= PVK_RING_MIN_ENTRIES && entries <= dev->ops->max_entries &&
	       !(entries & (entries - 1));
}

/* len bytes of guest RAM at an aligned address, or NULL. */
static void *ring_memory(struct hs_pv *pv, uint64_t gpa, uint64_t len, uint32_t align)
{
	return gpa & (align - 1) ? NULL : hs_mem_at(pv->vm->mem, gpa, len);
}

int64_t hs_pv_queue_setup(struct hs_pv *pv, const uint64_t arg[4])
{
	const struct hs_pv_queue_ops *ops;
	struct pvk_queue_setup s;
	struct hs_pv_dev *dev;
	struct hs_pv_queue *q;
	int64_t ret = hs_pv_struct_in(pv, arg[0], arg[1], &s, sizeof(s));

	if (ret < 0)
		return ret;
	dev = bus_find(pv, s.device);
	if (!dev)
		return -PVK_ENOENT;
	if (state_of(dev) != PVK_DEV_SETUP)
		return -PVK_EPROTO;
	if (s.queue >= pv->max_queues || !entries_ok(dev, s.entries))
		return -PVK_EINVAL;
	if (dev->queue[s.queue])
		return -PVK_EPROTO;
	if (s.channel != PVK_CHANNEL_NONE) {
		if (s.channel >= HS_PV_CHANNELS)
			return -PVK_EINVAL;
		if (!(pv->active & PVK_FEAT_EVENT))
			return -PVK_EPERM;
	}

	ops = dev->ops->queue_ops(s.queue);
	q = calloc(1, ops->size);
	if (!q)
		return -PVK_EIO;
	q->sq_slots = ring_memory(pv, s.sq_gpa, s.entries * sizeof(struct pvk_sqe), PVK_RING_ALIGN);
	q->cq_slots = ring_memory(pv, s.cq_gpa, s.entries * sizeof(struct pvk_cqe), PVK_RING_ALIGN);
	q->ctl = ring_memory(pv, s.ctl_gpa, sizeof(struct pvk_ring_ctl), PVK_RING_CTL_ALIGN);
	ret = -PVK_EFAULT;
	if (!q->sq_slots || !q->cq_slots || !q->ctl)
		goto err_free;
	q->ops = ops;
	q->dev = dev;
	q->index = s.queue;
	q->entries = s.entries;
	q->channel = s.channel;
	q->doorbell = dev->id << 8 | s.queue;
	ret = -PVK_EIO;
	if (ops->create(q) < 0)
		goto err_free;
	if (ops->req_size && hs_pv_req_pool(q) < 0)
		goto err_destroy;
	/* Blocking: io_uring waits on it, and only that reads it. */
	q->source.eventfd = eventfd(0, EFD_CLOEXEC);
	if (q->source.eventfd < 0)
		goto err_destroy;
	if (hs_doorbell_bind(pv->vm, q->doorbell, q->source.eventfd) < 0)
		goto err_close;
	dev->queue[s.queue] = q;
	s.doorbell = q->doorbell;
	hs_pv_struct_out(pv, arg[0], arg[1], &s, sizeof(s));
	return 0;

err_close:
	close(q->source.eventfd);
err_destroy:
	queue_destroy(q);
	return ret;
err_free:
	free(q);
	return ret;
}

/* ---- states ---- */

int64_t hs_pv_dev_accept(struct hs_pv *pv, const uint64_t arg[4])
{
	struct hs_pv_dev *dev = bus_find(pv, arg[0]);

	if (!dev)
		return -PVK_ENOENT;
	if (state_of(dev) != PVK_DEV_RESET)
		return -PVK_EPROTO;
	if (arg[1] & ~dev->features)
		return -PVK_EINVAL;
	dev->accepted = arg[1];
	if (dev->ops->accepted)
		dev->ops->accepted(dev);
	atomic_store(&dev->state, PVK_DEV_SETUP);
	hs_debug(log_of(dev), "%s %u: the driver takes features 0x%llx of 0x%llx", dev->ops->name,
		 dev->number, (unsigned long long)dev->accepted, (unsigned long long)dev->features);
	return 0;
}

int64_t hs_pv_dev_start(struct hs_pv *pv, const uint64_t arg[4])
{
	struct hs_pv_dev *dev = bus_find(pv, arg[0]);
	int64_t ret;

	if (!dev)
		return -PVK_ENOENT;
	if (state_of(dev) != PVK_DEV_SETUP)
		return -PVK_EPROTO;
	if (dev->model != PVK_MODEL_PVKIT)
		return -PVK_EBUSY;
	/* First: a queue that runs already may find reason to end this. */
	atomic_store(&dev->state, PVK_DEV_RUNNING);
	ret = dev->ops->start(dev);
	if (ret < 0)
		atomic_store(&dev->state, PVK_DEV_SETUP);
	hs_debug(log_of(dev), "%s %u: start: %s", dev->ops->name, dev->number,
		 ret < 0 ? "refused" : "runs");
	return ret;
}

/* 0, or -PVK_EAGAIN while requests are in flight. */
static int64_t reset_dev(struct hs_pv_dev *dev)
{
	switch (state_of(dev)) {
	case PVK_DEV_RUNNING:
	case PVK_DEV_NEEDS_RESET:
		dev->ops->stop(dev);
		/* Now no worker has a queue that could say NEEDS_RESET. */
		atomic_store(&dev->state, PVK_DEV_RESETTING);
		break;
	default:
		break;
	}
	/* The back end writes to the guest's buffers until the last one is back. */
	if (in_flight(dev))
		return -PVK_EAGAIN;
	if (state_of(dev) != PVK_DEV_RESET) {
		dev->resets++;
		hs_debug(log_of(dev), "%s %u: was reset", dev->ops->name, dev->number);
	}
	queues_free(dev);
	if (dev->ops->forget)
		dev->ops->forget(dev);
	dev->accepted = 0;
	atomic_store(&dev->state, PVK_DEV_RESET);
	return 0;
}

int64_t hs_pv_dev_reset(struct hs_pv *pv, const uint64_t arg[4])
{
	struct hs_pv_dev *dev = bus_find(pv, arg[0]);

	return dev ? reset_dev(dev) : -PVK_ENOENT;
}

/* ---- models ---- */

int64_t hs_pv_unplug(struct hs_pv *pv, const uint64_t arg[4])
{
	struct hs_pv_dev *dev = bus_find(pv, arg[0]);
	int ret;

	if (!dev)
		return -PVK_ENOENT;
	if (state_of(dev) != PVK_DEV_RESET)
		return -PVK_EPROTO;
	if (dev->model == PVK_MODEL_PVKIT)
		return 0;
	ret = dev->ops->unplug(dev);
	hs_debug(log_of(dev), "%s %u: the emulated model is unplugged: %s", dev->ops->name,
		 dev->number, ret < 0 ? strerror(-ret) : "done");
	if (ret < 0)
		return -PVK_EBUSY;
	dev->model = PVK_MODEL_PVKIT;
	return 0;
}

static void replug_counterpart(struct hs_pv_dev *dev)
{
	if (!dev->has_counterpart || dev->model == PVK_MODEL_EMULATED)
		return;
	dev->model = PVK_MODEL_EMULATED;
	dev->ops->replug(dev);
	hs_debug(log_of(dev), "%s %u: the emulated model is back", dev->ops->name, dev->number);
}

int64_t hs_pv_replug(struct hs_pv *pv, const uint64_t arg[4])
{
	struct hs_pv_dev *dev = bus_find(pv, arg[0]);

	if (!dev || !dev->has_counterpart)
		return -PVK_ENOENT;
	if (state_of(dev) != PVK_DEV_RESET)
		return -PVK_EPROTO;
	replug_counterpart(dev);
	return 0;
}

int64_t hs_pv_bus_end(struct hs_pv *pv)
{
	int64_t ret = 0;

	/* All begin to drain now, not one after the other. */
	for (unsigned int i = 0; i < pv->devices; i++)
		if (reset_dev(pv->dev[i]) < 0)
			ret = -PVK_EAGAIN;
	for (unsigned int i = 0; !ret && i < pv->devices; i++)
		replug_counterpart(pv->dev[i]);
	return ret;
}

/* ---- life ---- */

void *hs_pv_dev_new(struct hs_pv *pv, const struct hs_pv_dev_ops *ops, size_t size,
		    unsigned int number, enum hs_models models)
{
	struct hs_pv_dev *dev = calloc(1, size);

	if (!dev)
		return NULL;
	dev->pv = pv;
	dev->vm = pv->vm;
	dev->max_queues = pv->max_queues;
	dev->ops = ops;
	dev->number = number;
	dev->has_counterpart = models == HS_MODELS_BOTH;
	dev->model = dev->has_counterpart ? PVK_MODEL_EMULATED : PVK_MODEL_PVKIT;
	pv->dev[pv->devices++] = dev;
	dev->id = pv->devices;
	return dev;
}

int hs_pv_bus_create(struct hs_pv *pv)
{
	const struct hs_config *config = pv->vm->config;
	int ret = 0;

	for (unsigned int i = 0; i < config->disks && !ret; i++)
		if (config->disk[i].models != HS_MODELS_EMULATED)
			ret = hs_pv_blk_create(pv, pv->vm, i);
	for (unsigned int i = 0; i < config->nics && !ret; i++)
		if (config->nic[i].models != HS_MODELS_EMULATED)
			ret = hs_pv_net_create(pv, pv->vm, i);
	if (ret < 0)
		hs_pv_bus_destroy(pv);
	return ret;
}

void hs_pv_bus_destroy(struct hs_pv *pv)
{
	static const struct timespec pause = { .tv_nsec = 200000 };

	while (pv->devices) {
		struct hs_pv_dev *dev = pv->dev[pv->devices - 1];

		if (dev->ops->detach)
			dev->ops->detach(dev);
		/* Guest memory goes next: nothing may be under way to it. */
		while (reset_dev(dev) < 0)
			nanosleep(&pause, NULL);
		free(dev);
		pv->dev[--pv->devices] = NULL;
	}
}
