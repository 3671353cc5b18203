// SPDX-License-Identifier: BSD-2-Clause
/*
 * The porting library: devices and queues of a pvkit host. Values that the host
 * says are checked before anything is indexed, sized or shifted by them; what this
 * version does not know (a type, a kind of counterpart) passes and is left alone.
 */
#include "bus.h"

#define MOST_DEVICES	256u
#define MOST_QUEUES	4096u
#define MOST_CONFIG	PVP_PAGE

int pvp_bus_devices(struct pvp_host *host)
{
	struct pvk_bus_info info = { .size = sizeof(info) };
	int ret = pvp_call_struct(host, PVK_CALL_BUS_INFO, 0, 0, &info, sizeof(info));

	if (ret)
		return ret < 0 ? ret : -PVK_EIO;
	return info.devices <= MOST_DEVICES ? (int)info.devices : -PVK_EIO;
}

static int info_ok(const struct pvk_dev_info *i)
{
	if (!i->type || i->state > PVK_DEV_RESETTING || i->accepted & ~i->features)
		return 0;
	if (i->model != PVK_MODEL_PVKIT && (i->model != PVK_MODEL_EMULATED || !i->counterpart))
		return 0;
	return i->max_queues && i->max_queues <= MOST_QUEUES &&
	       i->max_entries >= PVK_RING_MIN_ENTRIES && i->max_entries <= PVK_RING_MAX_ENTRIES &&
	       i->config_size <= MOST_CONFIG;
}

int pvp_bus_info(struct pvp_host *host, __u32 index, struct pvk_dev_info *info)
{
	const __u64 lead = index;
	int ret;

	*info = (struct pvk_dev_info){ .size = sizeof(*info) };
	ret = pvp_call_struct(host, PVK_CALL_DEV_INFO, &lead, 1, info, sizeof(*info));
	if (ret)
		return ret < 0 ? ret : -PVK_EIO;
	return info_ok(info) ? 0 : -PVK_EIO;
}

static int find(struct pvp_device *device, struct pvp_host *host, __u32 type, __u32 n)
{
	int devices = pvp_bus_devices(host), index, ret;

	for (index = 0; index < devices; index++) {
		ret = pvp_bus_info(host, (__u32)index, &device->info);
		if (ret)
			return ret;
		if (device->info.type == type && !n--)
			return 0;
	}
	return devices < 0 ? devices : -PVK_ENOENT;
}

int pvp_device_open(struct pvp_device *device, struct pvp_host *host, __u32 type, __u32 n,
		    __u64 wanted)
{
	__u64 id;
	int ret;

	*device = (struct pvp_device){ .host = host };
	ret = find(device, host, type, n);
	if (ret)
		return ret;
	id = device->info.id;
	ret = pvp_call(host, PVK_CALL_DEV_RESET, id, 0, 0, 0);
	if (ret)
		return ret < 0 ? ret : -PVK_EIO;
	if (host->active & PVK_FEAT_UNPLUG) {
		ret = pvp_call(host, PVK_CALL_UNPLUG, id, 0, 0, 0);
		if (ret)
			return ret < 0 ? ret : -PVK_EIO;
		device->taken = device->info.counterpart != PVK_COUNTERPART_NONE;
	} else if (device->info.model != PVK_MODEL_PVKIT) {
		return -PVK_EBUSY;
	}
	device->accepted = device->info.features & wanted;
	device->open = 1;
	ret = pvp_call(host, PVK_CALL_DEV_ACCEPT, id, device->accepted, 0, 0);
	if (ret) {
		(void)pvp_device_close(device);
		return ret < 0 ? ret : -PVK_EIO;
	}
	return 0;
}

int pvp_device_config(struct pvp_device *device, void *config, __u32 size)
{
	struct pvp_host *host = device->host;
	const __u64 lead = device->info.id;
	__u8 *bytes = config;
	__u32 i;
	int ret;

	/* Zeroes, where an older host says less. */
	for (i = 0; i < size; i++)
		bytes[i] = 0;
	ret = pvp_call_struct(host, PVK_CALL_DEV_CONFIG, &lead, 1, config, size);
	return ret <= (int)size ? ret : -PVK_EIO;
}

int pvp_device_start(struct pvp_device *device)
{
	int ret = pvp_call(device->host, PVK_CALL_DEV_START, device->info.id, 0, 0, 0);

	return ret > 0 ? -PVK_EIO : ret;
}

int pvp_device_close(struct pvp_device *device)
{
	int ret;

	if (!device->open)
		return 0;
	ret = pvp_call(device->host, PVK_CALL_DEV_RESET, device->info.id, 0, 0, 0);
	if (ret)
		return ret < 0 ? ret : -PVK_EIO;
	if (device->taken)
		(void)pvp_call(device->host, PVK_CALL_REPLUG, device->info.id, 0, 0, 0);
	device->open = 0;
	return 0;
}

static __u32 pages(__u32 bytes)
{
	return (bytes + PVP_PAGE - 1) & ~(PVP_PAGE - 1);
}

int pvp_queue_setup(struct pvp_queue *queue, struct pvp_device *device, __u32 index,
		    __u32 entries, __u32 channel)
{
	struct pvk_queue_setup s = {
		.size = sizeof(s), .device = device->info.id, .queue = index, .channel = channel,
	};
	__u32 sq, cq, most = device->info.max_entries;
	struct pvk_ring_ctl *ctl;
	int ret;

	*queue = (struct pvp_queue){ .device = device };
	if (entries < PVK_RING_MIN_ENTRIES || entries & (entries - 1) ||
	    index >= device->info.max_queues)
		return -PVK_EINVAL;
	if (most > device->host->offer.ring_entries)
		most = device->host->offer.ring_entries;
	while (entries > most)
		entries >>= 1;
	if (entries < PVK_RING_MIN_ENTRIES)
		return -PVK_EIO;
	sq = pages(entries * (__u32)sizeof(struct pvk_sqe));
	cq = pages(entries * (__u32)sizeof(struct pvk_cqe));
	queue->bytes = sq + cq + PVP_PAGE;
	queue->memory = pvp_os_alloc(queue->bytes, &queue->gpa);
	if (!queue->memory)
		return -PVP_ENOMEM;
	s.entries = entries;
	s.sq_gpa = queue->gpa;
	s.cq_gpa = queue->gpa + sq;
	s.ctl_gpa = queue->gpa + sq + cq;
	ctl = (void *)((__u8 *)queue->memory + sq + cq);
	ret = pvp_call_struct(device->host, PVK_CALL_QUEUE_SETUP, 0, 0, &s, sizeof(s));
	if (ret) {
		/* Refused: the host does not know of the memory. */
		pvp_os_free(queue->memory, queue->bytes);
		queue->memory = 0;
		return ret < 0 ? ret : -PVK_EIO;
	}
	queue->entries = entries;
	queue->doorbell = s.doorbell;
	pvk_ring_init(&queue->sq, queue->memory, &ctl->sq_wake, entries);
	pvk_ring_init(&queue->cq, (__u8 *)queue->memory + sq, &ctl->cq_wake, entries);
	pvk_ring_disarm(&queue->cq);
	return 0;
}

void pvp_queue_free(struct pvp_queue *queue)
{
	/* While the device is open the host may write there: better lost than shared. */
	if (queue->memory && !queue->device->open)
		pvp_os_free(queue->memory, queue->bytes);
	queue->memory = 0;
	queue->entries = 0;
	queue->broken = 1;		/* for whoever uses it still */
}

void pvp_queue_put(struct pvp_queue *queue, const union pvk_sqe_words *entry)
{
	pvk_sq_put(&queue->sq, entry);
	queue->used++;
}

void pvp_queue_kick(struct pvp_queue *queue)
{
	if (queue->told != queue->sq.next && pvk_ring_must_wake(&queue->sq, queue->told))
		pvp_ring(queue->device->host, queue->doorbell);
	queue->told = queue->sq.next;
}

int pvp_queue_get(struct pvp_queue *queue, struct pvk_cqe *answer)
{
	union pvk_cqe_words words;

	if (queue->broken)
		return -PVK_EIO;
	if (!pvk_cq_get(&queue->cq, &words))
		return 0;
	if (!queue->used)
		return pvp_queue_break(queue, "pvkit: an answer to nothing");
	queue->used--;
	*answer = words.cqe;
	return 1;
}

int pvp_queue_arm(struct pvp_queue *queue)
{
	pvk_ring_arm(&queue->cq, 0);
	return pvk_cq_pending(&queue->cq);
}

int pvp_queue_break(struct pvp_queue *queue, const char *why)
{
	if (!queue->broken)
		pvp_os_log(why, queue->device->info.id);
	queue->broken = 1;
	return -PVK_EIO;
}
