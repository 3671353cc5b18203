/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The porting library: devices of a pvkit host, and their queues.
 *
 * One thread at a time uses a device or a queue; the caller locks. A request that
 * was submitted is answered once, or the device is closed: until then its memory
 * belongs to the host. A host that breaks the ring's rules is not served any
 * further: the queue is `broken`, every call says -PVK_EIO, and closing the
 * device is what is left.
 */
#ifndef PVP_BUS_H
#define PVP_BUS_H

#include "host.h"
#include "../ring.h"

struct pvp_device {
	struct pvp_host *host;
	struct pvk_dev_info info;	/* a checked copy, as of opening */
	__u64 accepted;			/* features in force */
	__u8 taken;			/* the pvkit model was taken from the counterpart */
	__u8 open;
	__u8 reserved[6];
};

struct pvp_queue {
	struct pvp_device *device;
	struct pvk_ring sq, cq;
	void *memory;		/* of the rings and the control block */
	__u64 gpa;
	__u32 bytes;
	__u32 entries;
	__u32 used;		/* requests unanswered */
	__u32 told;		/* number of the first submission the host was not told of */
	__u32 doorbell;
	__u32 broken;
};

/* Devices there are, or -PVK_E*. */
int pvp_bus_devices(struct pvp_host *host);

/* What the host says of the device with this index; checked. 0 or -PVK_E*. */
int pvp_bus_info(struct pvp_host *host, __u32 index, struct pvk_dev_info *info);

/*
 * The n-th device (from 0) of a type: reset, its pvkit model taken, those of the
 * features `wanted` accepted that it offers. Then queues are set up, then it is
 * started. Nobody may use the emulated counterpart, whose place is info.counterpart_location.
 * 0; -PVK_ENOENT: no such device; -PVK_EBUSY: the counterpart is in use; -PVK_EIO: the
 * host's description of it cannot be right; other -PVK_E*.
 */
int pvp_device_open(struct pvp_device *device, struct pvp_host *host, __u32 type, __u32 n,
		    __u64 wanted);

/* Copies the configuration, at most `size` bytes; the bytes there were, or -PVK_E*. */
int pvp_device_config(struct pvp_device *device, void *config, __u32 size);

int pvp_device_start(struct pvp_device *device);

/*
 * The host touches none of its memory any more: 0. Else (-PVK_E*) it may, and the
 * queues' memory must not be freed: pvp_queue_free() leaves it alone then. The
 * emulated model is given back.
 */
int pvp_device_close(struct pvp_device *device);

/*
 * A queue with so many entries (a power of two, no more than the device has; it is
 * lowered to that). channel: an event's, or PVK_CHANNEL_NONE to poll.
 * 0; -PVK_EINVAL; -PVP_ENOMEM; other -PVK_E*.
 */
int pvp_queue_setup(struct pvp_queue *queue, struct pvp_device *device, __u32 index,
		    __u32 entries, __u32 channel);

/* After the device was closed. */
void pvp_queue_free(struct pvp_queue *queue);

/* Entries that can still be put */
static inline __u32 pvp_queue_room(const struct pvp_queue *queue)
{
	return queue->broken ? 0 : queue->entries - queue->used;
}

/* Puts an entry for which there is room; the host is told by pvp_queue_kick(). */
void pvp_queue_put(struct pvp_queue *queue, const union pvk_sqe_words *entry);
void pvp_queue_kick(struct pvp_queue *queue);

/*
 * The next answer, checked to be one that can be: 1; 0: none yet; -PVK_EIO: broken.
 * Whether it is of a request in flight is the caller's to ask; else pvp_queue_break().
 */
int pvp_queue_get(struct pvp_queue *queue, struct pvk_cqe *answer);

/* Asks for an event at the next answer; 1: there is one already, look first. */
int pvp_queue_arm(struct pvp_queue *queue);

/* The host broke the rules. */
int pvp_queue_break(struct pvp_queue *queue, const char *why);

/* 1 when `cycles` of the TSC have passed since `start`. */
static inline int pvp_late(__u64 start, __u64 cycles)
{
	return pvp_os_rdtsc() - start > cycles;
}

#endif /* PVP_BUS_H */
