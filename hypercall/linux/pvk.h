/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pvkit for Linux guests: what a driver of a pvkit device uses.
 *
 * The core module (pvk_core.ko) finds the host, negotiates, and registers one
 * struct pvk_device per device of the bus. A driver is bound by device type;
 * its life with a device is
 *
 *	probe:    pvk_dev_config()              what the device is like
 *	          pvk_queues_alloc()            memory and interrupts
 *	          pvk_unplug()               when there is an emulated counterpart
 *	          pvk_dev_accept()              RESET -> SETUP
 *	          pvk_queues_setup()            hands the rings to the host
 *	          pvk_dev_start()               SETUP -> RUNNING
 *	recovery: pvk_dev_reset(), then again from pvk_dev_accept(); the queues
 *	          keep their memory and interrupts. pvk_dev_fault() asks for it
 *
 * A device is taken apart in one order, which is the core's (bus_remove()):
 *
 *	withdraw: the driver's users let go; recovery still works
 *	retire:   no recovery is under way or will be, the host is told to stop,
 *	          no interrupt handler runs or will (pvk_dev_retire())
 *	remove:   the driver frees what is its own, and gives the counterpart back
 *	          (pvk_replug())
 *	the core frees the queues
 *
 * A probe that fails calls pvk_dev_retire() before it frees. Each wait for the
 * host has an end. A host that refuses to stop, or does not answer, counts as
 * stopped by force: nothing of the device is believed any more, and what the
 * host may still write to is kept from others for ever (@leaked).
 *
 * Every function here is callable from process context and may sleep, unless
 * it says otherwise. Functions that return int return 0 (or what they say) or
 * a Linux -errno. What the host answered has been checked against the ABI
 * before a driver sees it; contents of completions have not: those are the
 * driver's to check. A driver never reads shared memory but through
 * pvk_cq_get() (ring.h).
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
 * @sq: producer's cursor; use with pvk_sq_put() under the driver's lock
 * @cq: consumer's cursor; use with pvk_cq_get(), pvk_ring_arm(),
 *	pvk_ring_disarm() from one context at a time
 * @pdev: the device
 * @index: number of the queue, 0 .. pdev->nr_queues - 1
 * @entries: of each ring, power of two; at most so many requests may be
 *	unanswered at any time: the driver counts
 * @irq: Linux interrupt of the completions, 0 for a polled queue; all queues of
 *	a group have the same
 * @affinity: the CPUs that this queue's group serves; the masks of all groups
 *	with an interrupt are disjoint and cover all possible CPUs, and so do
 *	the masks of all polled ones. Fit for blk-mq's map_queues.
 * @priv: the driver's
 * @rung: doorbells rung (an exit, or an ioeventfd on the host)
 * @suppressed: doorbells that the host had not asked for
 * @events: interrupts received, counted in the group's first queue
 *
 * The counters are for diagnosis: @rung and @suppressed are written under the
 * driver's submission lock, @events by the interrupt handler.
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

	/* private: the core's */
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
 * @dev: its struct device; drvdata is the driver's (pvk_set_drvdata())
 * @id: names the device in calls
 * @type: enum pvk_dev_type
 * @info: the last answer of PVK_CALL_DEV_INFO, checked. @info.features are the
 *	offered device features, @info.max_queues (at least 1),
 *	@info.max_entries, @info.model, @info.counterpart and @info.counterpart_location are
 *	what the ABI says. Rewritten by pvk_dev_refresh() and before changed()
 *	is called, under the device lock; id, type, counterpart, max_* and config_size
 *	never change.
 * @accepted: device features passed to the last pvk_dev_accept()
 * @leaked: the host did not stop when it was told to: it may still write to the
 *	rings, and read and write the memory of requests. The rings are leaked on
 *	purpose; the driver keeps the rest from being used again
 * @nr_queues: number of @queues, a multiple of @group
 * @group: neighbouring queues that share an interrupt
 * @queues: from pvk_queues_alloc(), NULL before
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

	/* private: the core's */
	struct mutex queues_lock;	/* queues against those who look at them */
	u32 index;
	u32 seen_generation;
	bool down;		/* shut down or frozen: changed() is not called */
	bool stopped;		/* since a reset, also by force, to the next accept */
	bool recovers;		/* pvk_dev_fault() is heard; under fault_lock */
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
 * @driver: .name is set by the driver, the rest by registration
 * @type: enum pvk_dev_type
 * @probe: binds a device; it is in state RESET
 * @withdraw: optional; the first half of undoing @probe: no user starts a request
 *	afterwards, and none is in flight. @recover may run meanwhile.
 * @remove: the second half. The device is retired: the driver's handler and
 *	@recover do not run any more, and the host is not to be believed.
 * @recover: optional; something is wrong with the device (pvk_dev_fault()): reset
 *	it and go on. Called from a work item without the device lock, one at a time,
 *	never while the device is retired, shut down or frozen.
 * @wq: where @recover runs; NULL: the system's workqueue
 * @changed: optional; something about the device changed by the host's doing:
 *	size, configuration, or state (@info.state is PVK_DEV_NEEDS_RESET after
 *	a violation or the loss of the back end). Called from a work item with
 *	the device lock held, after @info was read again.
 * @shutdown: optional; reboot, power-off or kexec: stop using the device, as
 *	nothing may reach guest memory afterwards. Without it the core resets
 *	the device. The counterpart comes back by the LEAVE that follows. @recover does not
 *	run any more.
 * @freeze: optional; suspend or hibernation: wait for or stop all requests and
 *	call pvk_dev_reset(). Without it the device is only reset. @recover does not
 *	run until @restore has returned.
 * @restore: optional; the way back: the device is in state RESET, possibly on
 *	a host that has started anew (its model is EMULATED again); go on from
 *	pvk_unplug() and pvk_dev_accept().
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

/* Registers; -errno of driver_register(). Use the macros below. */
int __pvk_driver_register(struct pvk_driver *drv, struct module *owner,
			  const char *mod_name);
void pvk_driver_unregister(struct pvk_driver *drv);

#define pvk_driver_register(drv) \
	__pvk_driver_register(drv, THIS_MODULE, KBUILD_MODNAME)
#define module_pvk_driver(drv) \
	module_driver(drv, pvk_driver_register, pvk_driver_unregister)

/**
 * pvk_features() - features of the session in force (PVK_FEAT_*)
 *
 * Any context. A driver may rely on PVK_FEAT_BUS; it asks for the others:
 * without PVK_FEAT_EVENT pvk_queues_alloc() fails with -EOPNOTSUPP when
 * interrupts are wanted, without PVK_FEAT_UNPLUG pvk_unplug() does.
 */
u64 pvk_features(void);

/**
 * pvk_dev_refresh() - reads pdev->info again
 *
 * Caller holds the device lock, as probe, remove, changed, freeze and restore
 * do. 0; -ENODEV when there is no session; -EIO when the host's answer breaks
 * the ABI (pdev->info is unchanged then).
 */
int pvk_dev_refresh(struct pvk_device *pdev);

/**
 * pvk_dev_config() - reads the configuration of the device
 * @buf: any kernel memory; all @size bytes are written, with zeroes behind what
 *	the host knows
 *
 * Returns the bytes the host wrote (0 .. @size), or -errno. The content is the
 * host's word: check it.
 */
int pvk_dev_config(struct pvk_device *pdev, void *buf, size_t size);

/**
 * pvk_dev_accept() - states the device features that will be used
 * @features: subset of pdev->info.features
 *
 * State RESET -> SETUP. 0; -EINVAL (not offered); -EPROTO (not in RESET).
 */
int pvk_dev_accept(struct pvk_device *pdev, u64 features);

/**
 * pvk_dev_start() - state SETUP -> RUNNING
 *
 * 0; -EBUSY while the emulated model is on (pvk_unplug() first); -EPROTO.
 */
int pvk_dev_start(struct pvk_device *pdev);

/**
 * pvk_dev_reset() - any state -> RESET; may wait for requests in flight
 *
 * After 0 the host touches none of the device's memory, raises none of its
 * events, and has forgotten its queues. Interrupt handlers have finished.
 * Requests that were not answered until then never will be: the driver
 * consumes what is in the completion rings before pvk_queues_setup() or
 * pvk_queues_free(), and fails or requeues the rest.
 * -ENODEV without a session is treated as success.
 *
 * -ETIMEDOUT when the host did not get there within 60 s (1 s after it missed
 * that once), or what it refused with: the device counts as stopped by force.
 * Handlers have finished and will not be called, as above. Completions are not to
 * be looked at; the memory of the queues and of requests in flight must be left
 * alone (pdev->leaked; pvk_queues_free() leaks it on purpose).
 */
int pvk_dev_reset(struct pvk_device *pdev);

/**
 * pvk_dev_fault() - something is wrong with the device: has @recover called
 *
 * Any context. Nothing happens where the device is retired, shut down or frozen, or
 * its probe has not ended: false.
 */
bool pvk_dev_fault(struct pvk_device *pdev);

/**
 * pvk_dev_retire() - out of service for good, whatever the host says
 *
 * In this order: @recover has finished and is not called again; the device is
 * reset, if need be by force; the interrupts of its queues are freed. The queues
 * stay for the driver to look at, and are freed by pvk_queues_free(). For probes
 * that fail behind pvk_queues_setup(); else the core calls it.
 */
void pvk_dev_retire(struct pvk_device *pdev);

/**
 * pvk_dev_control() - has the device do what its type defines for that (net.h)
 * @op: number of the operation
 * @buf: its structure, any kernel memory; at most a page
 *
 * Any context. State SETUP or RUNNING. 0; -ENOMEM; -EMSGSIZE (the host takes no
 * structure of that size); -EPROTO; -EINVAL, -EOPNOTSUPP, -ENOSYS of the host.
 */
int pvk_dev_control(struct pvk_device *pdev, u32 op, const void *buf, size_t size);

/**
 * pvk_unplug() - switches the emulated counterpart off and the pvkit model on
 *
 * Device in RESET; the driver made the operating system let go of the counterpart at
 * pdev->info.counterpart_location before. 0 (also without a counterpart, or when already
 * taken); -EBUSY while the counterpart executes a command; -EOPNOTSUPP when
 * PVK_FEAT_UNPLUG is not in force and there is a counterpart whose model is on.
 * pdev->info.model is up to date afterwards.
 */
int pvk_unplug(struct pvk_device *pdev);

/**
 * pvk_replug() - the way back; the caller then probes the counterpart's place
 *
 * Device in RESET. 0; -ENOENT without a counterpart; -EOPNOTSUPP as above.
 */
int pvk_replug(struct pvk_device *pdev);

/* Most queues that share an interrupt */
#define PVK_MAX_GROUP	2u

/**
 * struct pvk_queues_plan - what pvk_queues_alloc() is asked for
 * @nr: groups of queues with an interrupt, spread over the possible CPUs (0
 *	allowed)
 * @nr_polled: groups without; they follow those with an interrupt
 * @group: queues per group, 1 .. PVK_MAX_GROUP: one for a device whose queues
 *	are alike, two where they come in pairs (receive, transmit)
 * @entries: of each ring, by the queue's place in its group; powers of two,
 *	2 .. pdev->info.max_entries
 * @managed: an interrupt goes with its CPUs: when the last one goes offline it
 *	is shut down, for users whose queues then have nothing to do (blk-mq). Else
 *	the kernel moves it to another CPU.
 * @handler: called with the group's first struct pvk_queue as data, in hard
 *	interrupt context; the core counts the event before. It runs only between
 *	pvk_queues_setup() and the end of pvk_dev_reset(). Unused when @nr is 0.
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
 * pvk_queues_alloc() - memory, event channels and interrupts of the queues
 *
 * There are at most as many groups of either kind as CPUs are present, and
 * fewer with an interrupt when event channels or vectors run out (never fewer
 * than 1 when @plan->nr is not 0): pdev->nr_queues tells how many queues there
 * are, and q->irq != 0 which of them have an interrupt.
 * 0; -EINVAL (0 queues, more than pdev->info.max_queues, entries); -ENOMEM;
 * -ENOSPC (no channel left); -EOPNOTSUPP (PVK_FEAT_EVENT not in force).
 */
int pvk_queues_alloc(struct pvk_device *pdev, const struct pvk_queues_plan *plan);

/**
 * struct pvk_rings - memory for the rings of all queues of a device, not in use
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
 * pvk_rings_alloc() - rings of another size, for pvk_rings_swap()
 *
 * After pvk_queues_alloc(), in any state. The rings, for pvk_rings_free(), or an
 * ERR_PTR(): -EINVAL (entries); -ENOMEM.
 */
struct pvk_rings *pvk_rings_alloc(struct pvk_device *pdev, const u32 *entries);

/**
 * pvk_rings_swap() - puts rings in the place of those that the queues have
 * @rings: of this device; with 0 they are those that the queues had before
 *
 * Device in RESET, and what was in the completion rings is consumed. Other users
 * of the queues than the caller are kept away by it. The same again is the way
 * back. 0; -EBUSY: a host that did not reset may still use them.
 */
int pvk_rings_swap(struct pvk_device *pdev, struct pvk_rings *rings);

/* pvk_rings_free() - what no queue uses; NULL is allowed */
void pvk_rings_free(struct pvk_rings *rings);

/**
 * pvk_queues_setup() - hands queues to the host
 * @nr: how many, from the first one on; whole groups
 *
 * State SETUP. Zeroes the rings, starts both cursors at 0, and tells the host.
 * Completion wake words are armed for the first completion of queues with an
 * interrupt, disarmed for polled ones. 0; -EPROTO; -EIO (host broke the ABI);
 * -EBUSY (a host that did not reset may still use them); or what the host
 * answered; on error call pvk_dev_reset().
 */
int pvk_queues_setup(struct pvk_device *pdev, u32 nr);

/**
 * pvk_queues_free() - gives back what pvk_queues_alloc() took
 *
 * After pvk_dev_retire() or pvk_dev_reset(), or before pvk_queues_setup(). Callable
 * without queues.
 */
void pvk_queues_free(struct pvk_device *pdev);

/* Writes the doorbell of the queue; any context. Use pvk_queue_kick(). */
void pvk_queue_ring(struct pvk_queue *q);

/**
 * pvk_queue_kick() - tells the host of new submissions, when it asked for it
 * @old: q->sq.next before the first of the pvk_sq_put() since the last kick
 *
 * Any context, under the lock that serialises pvk_sq_put() on this queue.
 * Returns true when the doorbell was rung.
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
