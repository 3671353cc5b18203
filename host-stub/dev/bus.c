// SPDX-License-Identifier: BSD-2-Clause
/*
 * The bus (abi/bus.h): devices, their states, queues and faces. All calls run
 * under pv->lock. A running device's queues belong to the disk's worker, and
 * change hands by hs_worker_call(), which waits for one round of the worker:
 * that is bounded, since a round is.
 *
 * A device's id is its index + 1, so that a guest that mixes them up notices.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "../emu/emu.h"
#include "pv_priv.h"

static struct hs_pv_dev *find(struct hs_pv *pv, uint64_t id)
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
		hs_irq_message_raise(dev->pv->vm->irq, channel);
}

void hs_pv_dev_broken(struct hs_pv_dev *dev, const char *what)
{
	uint32_t running = PVK_DEV_RUNNING;

	if (!atomic_compare_exchange_strong(&dev->state, &running, PVK_DEV_NEEDS_RESET))
		return;
	hs_guest_error("disk %u: %s: the device waits for its reset", dev->disk, what);
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
	out.type = PVK_DEV_BLK;
	/* Before the state: a change meanwhile shows as a newer generation later. */
	out.generation = atomic_load(&dev->generation);
	out.state = state_of(dev);
	out.features = dev->features;
	out.accepted = dev->accepted;
	out.face = dev->face;
	out.twin = dev->has_twin ? PVK_TWIN_PCI_IDE : PVK_TWIN_NONE;
	out.twin_location = dev->has_twin ? hs_ide_location(dev->disk) : 0;
	out.max_queues = pv->max_queues;
	out.max_entries = HS_PV_ENTRIES;
	out.config_size = sizeof(struct pvk_blk_config);
	hs_pv_struct_out(pv, arg[1], arg[2], &out, sizeof(out));
	return 0;
}

int64_t hs_pv_dev_config(struct hs_pv *pv, const uint64_t arg[4])
{
	struct hs_pv_dev *dev = find(pv, arg[0]);
	struct pvk_blk_config config;
	int ret;

	if (!dev)
		return -PVK_ENOENT;
	ret = hs_pv_struct_check(pv, arg[1], arg[2]);
	if (ret < 0)
		return ret;
	hs_pv_blk_config(dev, &config);
	hs_pv_struct_out(pv, arg[1], arg[2], &config, sizeof(config));
	return (int64_t)(arg[2] < sizeof(config) ? arg[2] : sizeof(config));
}

/* ---- queues ---- */

static void queue_free(struct hs_pv_dev *dev, uint32_t index)
{
	struct hs_pv_queue *q = dev->queue[index];

	if (!q)
		return;
	hs_doorbell_unbind(dev->pv->vm, q->doorbell, q->source.eventfd);
	close(q->source.eventfd);
	hs_pv_blk_queue_destroy(q);
	free(q);
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
			n += atomic_load(&dev->queue[i]->in_flight);
	return n;
}

static bool entries_ok(uint32_t entries)
{
	return entries >= PVK_RING_MIN_ENTRIES && entries <= HS_PV_ENTRIES &&
	       !(entries & (entries - 1));
}

/* len bytes of guest RAM at an aligned address, or NULL. */
static void *ring_memory(struct hs_pv *pv, uint64_t gpa, uint64_t len, uint32_t align)
{
	return gpa & (align - 1) ? NULL : hs_mem_at(pv->vm->mem, gpa, len);
}

int64_t hs_pv_queue_setup(struct hs_pv *pv, const uint64_t arg[4])
{
	struct pvk_queue_setup s;
	struct hs_pv_dev *dev;
	struct hs_pv_queue *q;
	int64_t ret = hs_pv_struct_in(pv, arg[0], arg[1], &s, sizeof(s));

	if (ret < 0)
		return ret;
	dev = find(pv, s.device);
	if (!dev)
		return -PVK_ENOENT;
	if (state_of(dev) != PVK_DEV_SETUP)
		return -PVK_EPROTO;
	if (s.queue >= pv->max_queues || !entries_ok(s.entries))
		return -PVK_EINVAL;
	if (dev->queue[s.queue])
		return -PVK_EPROTO;
	if (s.channel != PVK_CHANNEL_NONE) {
		if (s.channel >= HS_PV_CHANNELS)
			return -PVK_EINVAL;
		if (!(pv->active & PVK_FEAT_EVENT))
			return -PVK_EPERM;
	}

	q = calloc(1, sizeof(*q));
	if (!q)
		return -PVK_EIO;
	q->sq_slots = ring_memory(pv, s.sq_gpa, s.entries * sizeof(struct pvk_sqe), PVK_RING_ALIGN);
	q->cq_slots = ring_memory(pv, s.cq_gpa, s.entries * sizeof(struct pvk_cqe), PVK_RING_ALIGN);
	q->ctl = ring_memory(pv, s.ctl_gpa, sizeof(struct pvk_ring_ctl), PVK_RING_CTL_ALIGN);
	ret = -PVK_EFAULT;
	if (!q->sq_slots || !q->cq_slots || !q->ctl)
		goto err_free;
	q->dev = dev;
	q->counters = &dev->counters[s.queue];
	q->index = s.queue;
	q->entries = s.entries;
	q->channel = s.channel;
	q->doorbell = dev->id << 8 | s.queue;
	ret = -PVK_EIO;
	if (hs_pv_blk_queue_create(q) < 0)
		goto err_free;
	/* Blocking: io_uring waits on it, and only that reads it. */
	q->source.eventfd = eventfd(0, EFD_CLOEXEC);
	if (q->source.eventfd < 0)
		goto err_pool;
	if (hs_doorbell_bind(pv->vm, q->doorbell, q->source.eventfd) < 0)
		goto err_close;
	dev->queue[s.queue] = q;
	s.doorbell = q->doorbell;
	hs_pv_struct_out(pv, arg[0], arg[1], &s, sizeof(s));
	return 0;

err_close:
	close(q->source.eventfd);
err_pool:
	hs_pv_blk_queue_destroy(q);
err_free:
	free(q);
	return ret;
}

/* ---- states ---- */

int64_t hs_pv_dev_accept(struct hs_pv *pv, const uint64_t arg[4])
{
	struct hs_pv_dev *dev = find(pv, arg[0]);

	if (!dev)
		return -PVK_ENOENT;
	if (state_of(dev) != PVK_DEV_RESET)
		return -PVK_EPROTO;
	if (arg[1] & ~dev->features)
		return -PVK_EINVAL;
	dev->accepted = arg[1];
	atomic_store(&dev->state, PVK_DEV_SETUP);
	return 0;
}

struct start_call {
	struct hs_pv_dev *dev;
	int ret;
};

static void stop_queues(void *arg)
{
	struct hs_pv_dev *dev = arg;

	for (uint32_t i = 0; i < HS_PV_QUEUES; i++)
		if (dev->queue[i])
			hs_pv_blk_queue_stop(dev->queue[i]);
}

static void start_queues(void *arg)
{
	struct start_call *call = arg;

	atomic_store(&call->dev->state, PVK_DEV_RUNNING);
	for (uint32_t i = 0; i < HS_PV_QUEUES && !call->ret; i++)
		if (call->dev->queue[i])
			call->ret = hs_pv_blk_queue_start(call->dev->queue[i]);
	if (call->ret < 0) {
		stop_queues(call->dev);
		atomic_store(&call->dev->state, PVK_DEV_SETUP);
	}
}

int64_t hs_pv_dev_start(struct hs_pv *pv, const uint64_t arg[4])
{
	struct start_call call = { .dev = find(pv, arg[0]) };

	if (!call.dev)
		return -PVK_ENOENT;
	if (state_of(call.dev) != PVK_DEV_SETUP)
		return -PVK_EPROTO;
	if (call.dev->face != PVK_FACE_PVKIT)
		return -PVK_EBUSY;
	hs_worker_call(hs_blk_worker(call.dev->blk), start_queues, &call);
	return call.ret < 0 ? -PVK_EIO : 0;
}

/* 0, or -PVK_EAGAIN while requests are in flight. */
static int64_t reset_dev(struct hs_pv_dev *dev)
{
	switch (state_of(dev)) {
	case PVK_DEV_RUNNING:
	case PVK_DEV_NEEDS_RESET:
		hs_worker_call(hs_blk_worker(dev->blk), stop_queues, dev);
		/* Now the worker has no queue that could say NEEDS_RESET. */
		atomic_store(&dev->state, PVK_DEV_RESETTING);
		break;
	default:
		break;
	}
	/* The back end writes to the guest's buffers until the last one is done. */
	if (in_flight(dev))
		return -PVK_EAGAIN;
	if (state_of(dev) != PVK_DEV_RESET)
		dev->resets++;
	queues_free(dev);
	dev->accepted = 0;
	atomic_store(&dev->state, PVK_DEV_RESET);
	return 0;
}

int64_t hs_pv_dev_reset(struct hs_pv *pv, const uint64_t arg[4])
{
	struct hs_pv_dev *dev = find(pv, arg[0]);

	return dev ? reset_dev(dev) : -PVK_ENOENT;
}

/* ---- faces ---- */

int64_t hs_pv_face_take(struct hs_pv *pv, const uint64_t arg[4])
{
	struct hs_pv_dev *dev = find(pv, arg[0]);
	int ret;

	if (!dev)
		return -PVK_ENOENT;
	if (state_of(dev) != PVK_DEV_RESET)
		return -PVK_EPROTO;
	if (dev->face == PVK_FACE_PVKIT)
		return 0;
	pthread_mutex_lock(&pv->vm->lock);
	ret = hs_ide_detach(pv->vm, dev->disk);
	pthread_mutex_unlock(&pv->vm->lock);
	if (ret < 0)
		return -PVK_EBUSY;
	dev->face = PVK_FACE_PVKIT;
	return 0;
}

static void give_face(struct hs_pv_dev *dev)
{
	if (!dev->has_twin || dev->face == PVK_FACE_EMULATED)
		return;
	dev->face = PVK_FACE_EMULATED;
	pthread_mutex_lock(&dev->pv->vm->lock);
	hs_ide_attach(dev->pv->vm, dev->disk);
	pthread_mutex_unlock(&dev->pv->vm->lock);
}

int64_t hs_pv_face_give(struct hs_pv *pv, const uint64_t arg[4])
{
	struct hs_pv_dev *dev = find(pv, arg[0]);

	if (!dev || !dev->has_twin)
		return -PVK_ENOENT;
	if (state_of(dev) != PVK_DEV_RESET)
		return -PVK_EPROTO;
	give_face(dev);
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
		give_face(pv->dev[i]);
	return ret;
}

/* ---- life ---- */

static void resized(void *arg)
{
	hs_pv_dev_changed(arg);
}

static int dev_create(struct hs_pv *pv, unsigned int disk)
{
	struct hs_pv_dev *dev = calloc(1, sizeof(*dev));

	if (!dev)
		return -ENOMEM;
	dev->pv = pv;
	dev->disk = disk;
	dev->blk = pv->vm->blk[disk];
	hs_blk_info(dev->blk, &dev->info);
	hs_pv_blk_features(dev);
	dev->has_twin = pv->vm->config->disk[disk].faces == HS_FACES_BOTH;
	dev->face = dev->has_twin ? PVK_FACE_EMULATED : PVK_FACE_PVKIT;
	pv->dev[pv->devices++] = dev;
	dev->id = pv->devices;
	hs_blk_on_resize(dev->blk, resized, dev);
	return 0;
}

int hs_pv_bus_create(struct hs_pv *pv)
{
	const struct hs_config *config = pv->vm->config;

	for (unsigned int i = 0; i < config->disks; i++) {
		if (config->disk[i].faces == HS_FACES_EMULATED)
			continue;
		if (dev_create(pv, i) < 0) {
			hs_pv_bus_destroy(pv);
			return -ENOMEM;
		}
	}
	return 0;
}

void hs_pv_bus_destroy(struct hs_pv *pv)
{
	static const struct timespec pause = { .tv_nsec = 200000 };

	while (pv->devices) {
		struct hs_pv_dev *dev = pv->dev[pv->devices - 1];

		hs_blk_on_resize(dev->blk, NULL, NULL);
		/* Guest memory goes next: nothing may be under way to it. */
		while (reset_dev(dev) < 0)
			nanosleep(&pause, NULL);
		free(dev);
		pv->dev[--pv->devices] = NULL;
	}
}
