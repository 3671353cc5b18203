/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit ABI: the bus, device states, and unplug between models.
 *
 * The guest enumerates devices by index 0 .. devices-1. A device keeps its id for the life of
 * the VM. The guest changes a device's state by calls; the host only where the figure says so:
 *
 *              DEV_ACCEPT          DEV_START
 *     RESET ---------------> SETUP ----------> RUNNING
 *       ^                 (QUEUE_SETUP)           |  host: protocol violation
 *       |                                         v  or back end lost
 *       +---- RESETTING <---- DEV_RESET ---- NEEDS_RESET
 *                       (DEV_RESET is allowed in every state)
 *
 * A device is in RESETTING while requests in flight drain; DEV_RESET returns -PVK_EAGAIN then.
 * Once DEV_RESET returned 0 the host does not touch the device's memory, does not raise its
 * events, and has forgotten its queues. In NEEDS_RESET the host takes no further request; it may
 * or may not answer those in flight.
 *
 * Models. A disk or NIC has one back end and up to two models. Exactly one model is present at a
 * time:
 *
 *                       UNPLUG (device RESET, counterpart idle)
 *     PVK_MODEL_EMULATED ---------------------------------> PVK_MODEL_PVKIT
 *            ^                                                   |
 *            +---------------------------------------------------+
 *               REPLUG (device RESET), LEAVE, NEGOTIATE, VM reset
 *
 * Keep this order, so that the guest never sees a disk twice. To unplug: the operating system
 * lets go of the emulated counterpart (at `counterpart_location`); UNPLUG makes the host remove it
 * (-PVK_EBUSY while a command is in flight there); then set up the pvkit model. To replug:
 * DEV_RESET, REPLUG, then probe the counterpart's place again. DEV_START returns -PVK_EBUSY while
 * the model is EMULATED. A device without a counterpart is always PVK_MODEL_PVKIT: UNPLUG
 * succeeds, REPLUG returns -PVK_ENOENT.
 */
#ifndef PVK_ABI_BUS_H
#define PVK_ABI_BUS_H

#include "types.h"

enum pvk_dev_type {
	PVK_DEV_BLK = 1,
	PVK_DEV_NET = 2,
};

enum pvk_dev_state {
	PVK_DEV_RESET = 0,
	PVK_DEV_SETUP = 1,
	PVK_DEV_RUNNING = 2,
	PVK_DEV_NEEDS_RESET = 3,
	PVK_DEV_RESETTING = 4,
};

enum pvk_model {
	PVK_MODEL_EMULATED = 1,
	PVK_MODEL_PVKIT = 2,
};

enum pvk_counterpart {
	PVK_COUNTERPART_NONE = 0,
	PVK_COUNTERPART_PCI_IDE = 1,	/* location: PVK_COUNTERPART_IDE() */
	PVK_COUNTERPART_PCI_NIC = 2,	/* location: bdf << 16 */
};

/* bdf = bus << 8 | device << 3 | function */
#define PVK_COUNTERPART_IDE(bdf, channel, drive) \
	(((__u32)(bdf) << 16) | ((__u32)(channel) << 8) | (drive))
#define PVK_COUNTERPART_BDF(location)		((location) >> 16)
#define PVK_COUNTERPART_IDE_CHANNEL(location)	(((location) >> 8) & 0xffu)
#define PVK_COUNTERPART_IDE_DRIVE(location)	((location) & 0xffu)

/* PVK_CALL_BUS_INFO */
struct pvk_bus_info {
	__u32 size;		/* IN: sizeof(struct pvk_bus_info) */
	__u32 devices;		/* OUT: number of devices */
	__u32 generation;	/* OUT: changes when the host changes the info, config or
				 * state of any device; the host then also raises the
				 * channel of PVK_CALL_BUS_NOTIFY
				 */
	__u32 reserved;		/* OUT: 0 */
};

PVK_ASSERT_SIZE(struct pvk_bus_info, 16);

/* PVK_CALL_DEV_INFO; -PVK_ENOENT when index >= devices */
struct pvk_dev_info {
	__u32 size;		/* IN: sizeof(struct pvk_dev_info) */
	__u32 id;		/* OUT: names the device in all other calls */
	__u32 type;		/* OUT: enum pvk_dev_type */
	__u32 state;		/* OUT: enum pvk_dev_state */
	__u64 features;		/* OUT: offered features, by type (blk.h ...) */
	__u64 accepted;		/* OUT: features of the last PVK_CALL_DEV_ACCEPT */
	__u32 model;		/* OUT: enum pvk_model */
	__u32 counterpart;		/* OUT: enum pvk_counterpart */
	__u32 counterpart_location;	/* OUT */
	__u32 generation;	/* OUT: as in pvk_bus_info, but of this device */
	__u32 max_queues;	/* OUT */
	__u32 max_entries;	/* OUT: most entries of each of its rings */
	__u32 config_size;	/* OUT: bytes that PVK_CALL_DEV_CONFIG returns */
	__u32 reserved;		/* OUT: 0 */
};

PVK_ASSERT_SIZE(struct pvk_dev_info, 64);
PVK_ASSERT_OFFSET(struct pvk_dev_info, features, 16);
PVK_ASSERT_OFFSET(struct pvk_dev_info, model, 32);

/*
 * PVK_CALL_QUEUE_SETUP is allowed in state SETUP, once per queue between two resets. The guest
 * chooses the order, and may leave queues out.
 *   -PVK_EINVAL  no such queue, or entries is no power of two or out of range
 *   -PVK_EFAULT  a ring or the control block is misaligned or outside RAM
 */
struct pvk_queue_setup {
	__u32 size;		/* IN: sizeof(struct pvk_queue_setup) */
	__u32 device;		/* IN: id */
	__u32 queue;		/* IN: 0 .. max_queues-1 */
	__u32 entries;		/* IN: of each ring, power of two */
	__u64 sq_gpa;		/* IN: entries * 64 bytes, PVK_RING_ALIGN, zeroed */
	__u64 cq_gpa;		/* IN: entries * 16 bytes, PVK_RING_ALIGN, zeroed */
	__u64 ctl_gpa;		/* IN: struct pvk_ring_ctl, PVK_RING_CTL_ALIGN, zeroed */
	__u32 channel;		/* IN: for completions; PVK_CHANNEL_NONE if the guest polls */
	__u32 doorbell;		/* OUT: the value to write to the doorbell port */
};

PVK_ASSERT_SIZE(struct pvk_queue_setup, 48);
PVK_ASSERT_OFFSET(struct pvk_queue_setup, sq_gpa, 16);

#endif /* PVK_ABI_BUS_H */
