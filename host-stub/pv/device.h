/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device on the pvkit bus: a struct hs_pv_dev with its type's data behind it, and a
 * table of what the type does. What a worker and a call both touch is atomic or handed over
 * by hs_worker_call(); everything else belongs to whoever holds pv->lock.
 */
#ifndef HS_PV_DEVICE_H
#define HS_PV_DEVICE_H

#include <stdio.h>

#include "queue.h"

struct hs_pv;

#define HS_PV_CONFIG		128u	/* largest config of a device, bytes */

/* What a type of device does. Calls come under pv->lock, from a vCPU's thread. */
struct hs_pv_dev_ops {
	uint32_t type;			/* enum pvk_dev_type */
	const char *name;		/* for messages and statistics */
	uint32_t max_entries;
	uint32_t config_size;		/* <= HS_PV_CONFIG */
	void (*config)(struct hs_pv_dev *dev, void *config);
	/* PVK_CALL_DEV_CONTROL, in state SETUP or RUNNING; NULL: no such operation */
	int64_t (*control)(struct hs_pv_dev *dev, const uint64_t arg[4]);
	const struct hs_pv_queue_ops *(*queue_ops)(uint32_t index);
	void (*accepted)(struct hs_pv_dev *dev);	/* DEV_ACCEPT came; may be NULL */
	/* Starts the queues there are; state is RUNNING. 0, or -PVK_E* with all undone. */
	int (*start)(struct hs_pv_dev *dev);
	/* From here on no entry is taken and no answer given; what is in flight may be. */
	void (*stop)(struct hs_pv_dev *dev);
	void (*forget)(struct hs_pv_dev *dev);	/* queues are gone: ends a reset; may be NULL */
	uint32_t counterpart;			/* enum pvk_counterpart, of those that have one */
	uint32_t (*counterpart_location)(const struct hs_pv_dev *dev);
	/* vm->lock is not held. 0 or -EBUSY */
	int (*unplug)(struct hs_pv_dev *dev);
	void (*replug)(struct hs_pv_dev *dev);
	void (*json)(struct hs_pv_dev *dev, FILE *out);	/* members, from worker(s) on */
	void (*detach)(struct hs_pv_dev *dev);	/* no more news from the back end; may be NULL */
};

/* The part that all types share; the first member of theirs. */
struct hs_pv_dev {
	struct hs_pv *pv;
	struct hs_vm *vm;
	uint32_t max_queues;		/* that a guest may set up */
	const struct hs_pv_dev_ops *ops;
	uint32_t id;
	unsigned int number;		/* of the disk or NIC, in the config's order */
	bool has_counterpart;
	enum pvk_model model;
	uint64_t features, accepted;
	_Atomic uint32_t state;		/* the worker: RUNNING -> NEEDS_RESET only */
	_Atomic uint32_t generation;
	struct hs_pv_queue *queue[HS_PV_QUEUES];
	uint64_t resets;
};

/*
 * Structures by the rules of abi/call.h. _in copies what both sides know and
 * zeroes the rest of `to` (known bytes): 0; -PVK_EFAULT (address); -PVK_EINVAL
 * (size out of range, smaller than least, or not what the first field says).
 * _out writes back what both know, zero behind it. The address was checked by _in.
 */
int hs_pv_struct_in(struct hs_pv *pv, uint64_t gpa, uint64_t size, void *to, uint32_t known);
void hs_pv_struct_out(struct hs_pv *pv, uint64_t gpa, uint64_t size, const void *from,
		      uint32_t known);
/* The address rule alone: 0, -PVK_EFAULT, -PVK_EINVAL (size). */
int hs_pv_struct_check(struct hs_pv *pv, uint64_t gpa, uint64_t size);

/* Something of the device changed by the host's doing. Any thread, no lock. */
void hs_pv_dev_changed(struct hs_pv_dev *dev);
/* A queue's guest broke the rules: NEEDS_RESET. The worker's thread. */
void hs_pv_dev_broken(struct hs_pv_dev *dev, const char *what);

/*
 * A zeroed device of `size` bytes, of a disk or NIC with these models, on the
 * bus; or NULL. hs_pv_bus_destroy() frees it.
 */
void *hs_pv_dev_new(struct hs_pv *pv, const struct hs_pv_dev_ops *ops, size_t size,
		    unsigned int number, enum hs_models models);

/* pv_stats.c: a worker as a JSON value, and the counters of any queue as members */
void hs_pv_json_worker(FILE *out, struct hs_worker *worker);
void hs_pv_json_counters(FILE *out, struct hs_pv_counters *c);

/* pv_blk.c: the device of disk n. 0 or -ENOMEM. */
int hs_pv_blk_create(struct hs_pv *pv, struct hs_vm *vm, unsigned int n);

/* pv_net.c: the device of NIC n. 0 or -ENOMEM. */
int hs_pv_net_create(struct hs_pv *pv, struct hs_vm *vm, unsigned int n);

#endif /* HS_PV_DEVICE_H */
