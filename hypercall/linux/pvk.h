/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pvkit for Linux guests: the interface for drivers of pvkit devices.
 *
 * The core module (pvk_core.ko) finds the host, negotiates, and registers one struct pvk_device
 * for each device of the bus. A driver binds by device type. Its calls are, in this order:
 *
 *	probe:    pvk_dev_config()              read the configuration
 *	          pvk_queues_alloc()            memory and interrupts
 *	          pvk_unplug()                  if there is an emulated counterpart
 *	          pvk_dev_accept()              RESET -> SETUP
 *	          pvk_queues_setup()            give the rings to the host
 *	          pvk_dev_start()               SETUP -> RUNNING
 *	recovery: pvk_dev_reset(), then again from pvk_dev_accept() on; the queues keep their
 *	          memory and interrupts. pvk_dev_fault() requests a recovery
 *
 * The core takes a device apart in one order (pvk_bus_remove()):
 *
 *	withdraw: the driver's users let go; recovery still works
 *	retire:   recovery has ended and cannot start again, the host is told to stop, no interrupt
 *	          handler runs any more (pvk_dev_retire())
 *	remove:   the driver frees its own resources and replugs the counterpart (pvk_replug())
 *	then the core frees the queues
 *
 * A probe that fails calls pvk_dev_retire() before it frees anything. Each wait for the host has a
 * limit. A host that refuses to stop, or does not answer, counts as stopped by force: the core and
 * the driver believe nothing of the device any more, and keep the memory that the host may still
 * write to for ever (@leaked).
 *
 * Unless its comment says otherwise a function must be called from process context, may sleep, and
 * if it returns int returns 0 or a Linux -errno. The core has checked the host's answers against
 * the ABI before a driver sees them. It has not checked completions: the driver does this. A
 * driver reads shared memory only through pvk_cq_get() (ring.h).
 */
#ifndef PVK_LINUX_PVK_H
#define PVK_LINUX_PVK_H

#include <linux/cpumask.h>
#include <linux/device.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "../abi/pvk.h"
#include "../ring.h"

struct pvk_device;

/**
 * struct pvk_queue - one submission and one completion ring
 * @sq: producer's cursor, for pvk_sq_put() under the driver's lock
 * @cq: consumer's cursor, for pvk_cq_get(), pvk_ring_arm() and pvk_ring_disarm() from one context
 *	at a time
 * @pdev: the device
 * @index: number of the queue, 0 .. pdev->nr_queues - 1
 * @entries: of each ring, a power of two; the driver keeps at most this many requests unanswered
 * @irq: Linux interrupt of the completions, 0 for a polled queue; the queues of a group share it
 * @affinity: the CPUs that this queue's group serves. The masks of all groups with an interrupt are
 *	disjoint and cover all possible CPUs; so do the masks of all polled groups. Suitable for
 *	blk-mq's map_queues.
 * @priv: for the driver
 * @rung: doorbells rung (each an exit, or an ioeventfd on the host)
 * @suppressed: doorbells not rung because the host had not asked
 * @events: interrupts received, counted in the group's first queue
 *
 * The counters are for diagnosis. The driver writes @rung and @suppressed under its submission
 * lock, the core's interrupt handler @events.
 */
struct pvk_queue {
	struct pvk_ring sq;
	struct pvk_ring cq;
	struct pvk_device *pdev;
	u32 index;
	u32 entries;
	unsigned int irq;
	const struct cpumask *affinity;
	void *priv;
	u64 rung;
	u64 suppressed;
	u64 events;

	/* private: for the core */
	bool live;		/* between pvk_queues_setup() and pvk_dev_reset() */
	bool irq_requested;
	u16 doorbell_port;
	u32 doorbell;
	u32 channel;
	void *mem;
	size_t mem_size;
	cpumask_var_t mask;
	irq_handler_t handler;
	char name[32];
};

/**
 * struct pvk_device - a device on the pvkit bus
 * @dev: its struct device; drvdata belongs to the driver (pvk_set_drvdata())
 * @id: names the device in calls
 * @type: enum pvk_dev_type
 * @info: the last answer of PVK_CALL_DEV_INFO, checked; the fields are those of the ABI.
 *	@info.features are the offered features, @info.max_queues is at least 1. The core writes it
 *	under the device lock: in pvk_dev_refresh(), and before it calls changed(). id, type,
 *	counterpart, max_* and config_size never change.
 * @accepted: device features of the last pvk_dev_accept()
 * @leaked: the host did not stop when it was told to. It may still write to the rings, and read and
 *	write the memory of requests. The core leaks the rings on purpose; the driver must not
 *	reuse the rest
 * @nr_queues: number of @queues, a multiple of @group
 * @group: number of neighbouring queues that share an interrupt
 * @queues: from pvk_queues_alloc(), which owns them; NULL before
 */
struct pvk_device {
	struct device dev;
	u32 id;
	u32 type;
	struct pvk_dev_info info;
	u64 accepted;
	bool leaked;
	u32 nr_queues;
	u32 group;
	struct pvk_queue *queues;

	/* private: for the core */
	struct mutex queues_lock;	/* protects queues against readers of sysfs */
	u32 index;
	u32 seen_generation;
	bool down;		/* shut down or frozen: changed() is not called */
	bool stopped;		/* from a reset, also by force, to the next accept */
	bool recovers;		/* pvk_dev_fault() has an effect; under fault_lock */
	spinlock_t fault_lock;
	struct work_struct recover_work;
};

#define to_pvk_device(d)	container_of(d, struct pvk_device, dev)

static inline void *pvk_get_drvdata(struct pvk_device *pdev)
{
	return dev_get_drvdata(&pdev->dev);
}

static inline void pvk_set_drvdata(struct pvk_device *pdev, void *data)
{
	dev_set_drvdata(&pdev->dev, data);
}

/**
 * struct pvk_driver - driver of one type of device
 * @driver: the driver sets .name, registration the rest
 * @type: enum pvk_dev_type
 * @probe: binds a device; it is in state RESET
 * @withdraw: optional; first half of undoing @probe. Afterwards no user starts a request and none
 *	is in flight. @recover may run meanwhile.
 * @remove: second half. The device is retired: the driver's handler and @recover do not run any
 *	more, and nothing from the host is to be believed.
 * @recover: optional; called after pvk_dev_fault(): reset the device and go on. The core calls it
 *	from a work item without the device lock, once at a time, and never while the device is
 *	retired, shut down or frozen.
 * @wq: workqueue of @recover; NULL: the system's
 * @changed: optional; the host changed the device: size, configuration, or state (@info.state is
 *	PVK_DEV_NEEDS_RESET after a violation or the loss of the back end). The core calls it from a
 *	work item with the device lock held, after it read @info again.
 * @shutdown: optional; reboot, power-off or kexec: stop using the device, so that nothing reaches
 *	guest memory afterwards. Without it the core resets the device. The LEAVE that follows
 *	replugs the counterpart. @recover does not run any more.
 * @freeze: optional; suspend or hibernation: wait for all requests or stop them, and call
 *	pvk_dev_reset(). Without it the core only resets the device. @recover does not run until
 *	@restore has returned.
 * @restore: optional; the way back. The device is in state RESET, possibly on a host that has
 *	started again (its model is EMULATED again). Go on from pvk_unplug() and pvk_dev_accept().
 *
 * MODULE_ALIAS("pvk:t1") (1 = PVK_DEV_BLK) makes udev load the driver.
 */
struct pvk_driver {
	struct device_driver driver;
	u32 type;
	struct workqueue_struct *wq;
	int (*probe)(struct pvk_device *pdev);
	void (*withdraw)(struct pvk_device *pdev);
	void (*remove)(struct pvk_device *pdev);
	void (*recover)(struct pvk_device *pdev);
	void (*changed)(struct pvk_device *pdev);
	void (*shutdown)(struct pvk_device *pdev);
	int (*freeze)(struct pvk_device *pdev);
	int (*restore)(struct pvk_device *pdev);
};

#define to_pvk_driver(d)	container_of(d, struct pvk_driver, driver)

/* Registers a driver; 0, or -errno of driver_register(). Use the macros below. */
int __pvk_driver_register(struct pvk_driver *drv, struct module *owner,
			  const char *mod_name);
void pvk_driver_unregister(struct pvk_driver *drv);

#define pvk_driver_register(drv) \
	__pvk_driver_register(drv, THIS_MODULE, KBUILD_MODNAME)
#define module_pvk_driver(drv) \
	module_driver(drv, pvk_driver_register, pvk_driver_unregister)

/**
 * pvk_features() - features of the session that are in force (PVK_FEAT_*)
 *
 * Any context. A driver may rely on PVK_FEAT_BUS and asks for the others. Without PVK_FEAT_EVENT
 * pvk_queues_alloc() fails with -EOPNOTSUPP if the driver wants interrupts; without
 * PVK_FEAT_UNPLUG pvk_unplug() does.
 */
u64 pvk_features(void);

/**
 * pvk_dev_refresh() - reads pdev->info again
 *
 * The caller holds the device lock, as probe, remove, changed, freeze and restore do.
 * Returns 0; -ENODEV without a session; -EIO if the host's answer breaks the ABI (pdev->info is
 * unchanged then).
 */
int pvk_dev_refresh(struct pvk_device *pdev);

/**
 * pvk_dev_config() - reads the configuration of the device
 * @buf: the caller's, any kernel memory; all @size bytes are written, with zeroes behind what the
 *	host knows
 * @size: bytes
 *
 * Returns the number of bytes that the host wrote (0 .. @size), or -errno. The content comes from
 * the host unchecked: check it.
 */
int pvk_dev_config(struct pvk_device *pdev, void *buf, size_t size);

/**
 * pvk_dev_accept() - states the device features that the driver will use
 * @features: a subset of pdev->info.features
 *
 * State RESET -> SETUP. Returns 0; -EINVAL (not offered); -EPROTO (not in RESET).
 */
int pvk_dev_accept(struct pvk_device *pdev, u64 features);

/**
 * pvk_dev_start() - state SETUP -> RUNNING
 *
 * Returns 0; -EBUSY while the emulated model is present (call pvk_unplug() first); -EPROTO (not in
 * SETUP, or queues are missing).
 */
int pvk_dev_start(struct pvk_device *pdev);

/**
 * pvk_dev_reset() - any state -> RESET; may wait for requests in flight
 *
 * Returns 0: the host does not touch the device's memory, does not raise its events, and has
 * forgotten its queues. Interrupt handlers have finished. Requests without an answer will never get
 * one. Consume what is in the completion rings before pvk_queues_setup() or pvk_queues_free(), and
 * fail or requeue the rest. Without a session (-ENODEV) it also returns 0.
 *
 * Returns -ETIMEDOUT if the host did not finish within 60 s (1 s after it missed that once), or the
 * error by which the host refused: the device counts as stopped by force. Handlers have finished
 * and will not be called, as above. Do not look at completions. Do not touch the memory of the
 * queues and of requests in flight (pdev->leaked; pvk_queues_free() leaks it on purpose).
 */
int pvk_dev_reset(struct pvk_device *pdev);

/**
 * pvk_dev_fault() - something is wrong with the device: request a call of @recover
 *
 * Any context. Returns true if @recover will run; false, without effect, if the device is retired,
 * shut down or frozen, or its probe has not ended.
 */
bool pvk_dev_fault(struct pvk_device *pdev);

/**
 * pvk_dev_retire() - takes the device out of service for good, whatever the host answers
 *
 * In this order: @recover has finished and is not called again; the device is reset, if need be by
 * force; the interrupts of its queues are freed. The driver may still look at the queues;
 * pvk_queues_free() frees them. Call it in a probe that fails after pvk_queues_setup(); in all
 * other cases the core calls it.
 */
void pvk_dev_retire(struct pvk_device *pdev);

/**
 * pvk_dev_control() - a control operation that the device's type defines (net.h)
 * @op: number of the operation
 * @buf: its structure; the caller's, any kernel memory
 * @size: bytes of @buf, at most a page
 *
 * Any context. State SETUP or RUNNING. Returns 0; -ENOMEM; -EMSGSIZE (the host takes no structure
 * of that size); -EPROTO; -EINVAL, -EOPNOTSUPP, -ENOSYS of the host.
 */
int pvk_dev_control(struct pvk_device *pdev, u32 op, const void *buf, size_t size);

/**
 * pvk_unplug() - removes the emulated counterpart and brings the pvkit model
 *
 * The device is in RESET. Before, the driver made the operating system let go of the counterpart at
 * pdev->info.counterpart_location. Returns 0, also without a counterpart or if it is unplugged
 * already; -EBUSY while the counterpart executes a command; -EOPNOTSUPP if PVK_FEAT_UNPLUG is not
 * in force and the emulated model is present. pdev->info.model is up to date afterwards.
 */
int pvk_unplug(struct pvk_device *pdev);

/**
 * pvk_replug() - brings the emulated counterpart back; the caller then probes its place
 *
 * The device is in RESET. Returns 0; -ENOENT without a counterpart; -EOPNOTSUPP as above.
 */
int pvk_replug(struct pvk_device *pdev);

/* Largest number of queues that share an interrupt */
#define PVK_MAX_GROUP	2u

/**
 * struct pvk_queues_plan - a request to pvk_queues_alloc()
 * @nr: groups of queues with an interrupt, spread over the possible CPUs (0 is allowed)
 * @nr_polled: groups without an interrupt; they follow those with one
 * @group: queues per group, 1 .. PVK_MAX_GROUP: one if all queues of the device are alike, two if
 *	they come in pairs (receive, transmit)
 * @entries: of each ring, by the queue's place in its group; powers of two,
 *	2 .. pdev->info.max_entries
 * @managed: the kernel shuts an interrupt down when the last of its CPUs goes offline; for users
 *	whose queues then have nothing to do (blk-mq). If false the kernel moves it to another CPU.
 * @handler: called in hard interrupt context with the group's first struct pvk_queue as data. The
 *	core counts the event before. It runs only between pvk_queues_setup() and the end of
 *	pvk_dev_reset(). Unused if @nr is 0.
 */
struct pvk_queues_plan {
	u32 nr;
	u32 nr_polled;
	u32 group;
	u32 entries[PVK_MAX_GROUP];
	bool managed;
	irq_handler_t handler;
};

/**
 * pvk_queues_alloc() - allocates memory, event channels and interrupts of the queues
 * @plan: read during the call only
 *
 * There are at most as many groups of either kind as CPUs are present. There are fewer with an
 * interrupt if event channels or vectors run out, but at least 1 unless @plan->nr is 0.
 * pdev->nr_queues says how many queues there are, q->irq != 0 which of them have an interrupt.
 * Returns 0; -EINVAL (0 queues, more than pdev->info.max_queues, wrong entries); -ENOMEM; -ENOSPC
 * (no channel left); -EOPNOTSUPP (PVK_FEAT_EVENT not in force).
 */
int pvk_queues_alloc(struct pvk_device *pdev, const struct pvk_queues_plan *plan);

/**
 * struct pvk_rings - memory for the rings of all queues of a device; no queue uses it
 * @entries: by the queue's place in its group, as in struct pvk_queues_plan
 * @nr: pdev->nr_queues
 * @group: pdev->group
 * @mem: of each queue
 */
struct pvk_rings {
	u32 entries[PVK_MAX_GROUP];
	u32 nr, group;
	void *mem[];
};

/**
 * pvk_rings_alloc() - allocates rings of another size, for pvk_rings_swap()
 * @entries: as in struct pvk_queues_plan
 *
 * After pvk_queues_alloc(), in any state. Returns the rings, which the caller frees by
 * pvk_rings_free(), or an ERR_PTR(): -EINVAL (wrong entries); -ENOMEM.
 */
struct pvk_rings *pvk_rings_alloc(struct pvk_device *pdev, const u32 *entries);

/**
 * pvk_rings_swap() - exchanges rings with those that the queues have
 * @rings: of this device; if it returns 0 they hold what the queues had before
 *
 * The device is in RESET, and the completion rings are consumed. The caller keeps other users away
 * from the queues. Call it again to undo it. Returns 0; -EBUSY: a host that did not reset may
 * still use the rings.
 */
int pvk_rings_swap(struct pvk_device *pdev, struct pvk_rings *rings);

/* pvk_rings_free() - frees rings that no queue uses; NULL is allowed */
void pvk_rings_free(struct pvk_rings *rings);

/**
 * pvk_queues_setup() - gives queues to the host
 * @nr: how many, from the first one on; whole groups
 *
 * State SETUP. Zeroes the rings, sets both cursors to 0, and tells the host. The completion wake
 * word asks for the first completion if the queue has an interrupt, and for none if it is polled.
 * Returns 0; -EPROTO; -EIO (the host broke the ABI); -EBUSY (a host that did not reset may still
 * use the rings); or the host's error. On an error call pvk_dev_reset().
 */
int pvk_queues_setup(struct pvk_device *pdev, u32 nr);

/**
 * pvk_queues_free() - frees what pvk_queues_alloc() allocated
 *
 * After pvk_dev_retire() or pvk_dev_reset(), or before pvk_queues_setup(). No-op without queues.
 */
void pvk_queues_free(struct pvk_device *pdev);

/* Rings the doorbell of the queue. Any context. Use pvk_queue_kick(). */
void pvk_queue_ring(struct pvk_queue *q);

/**
 * pvk_queue_kick() - notifies the host of new submissions if it asked for that
 * @old: q->sq.next before the first pvk_sq_put() since the last kick
 *
 * Any context, under the lock that serialises pvk_sq_put() on this queue. Returns true if it rang
 * the doorbell.
 */
static inline bool pvk_queue_kick(struct pvk_queue *q, u32 old)
{
	if (!pvk_ring_must_wake(&q->sq, old)) {
		q->suppressed++;
		return false;
	}
	q->rung++;
	pvk_queue_ring(q);
	return true;
}

#endif /* PVK_LINUX_PVK_H */
