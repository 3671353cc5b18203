/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside of pvk_core.ko: what its files share. Drivers use pvk.h only.
 *
 * main.c  detection, module, platform device, session (NEGOTIATE, LEAVE)
 * transfer.c one call: registers
 * call.c  structures, batches, repeated calls
 * event.c event channels as an interrupt domain
 * bus.c   the bus: enumeration, matching, notification, power management
 * device.c calls on one device
 * queue.c memory, interrupts and set-up of rings
 * sysfs.c what the user can see
 */
#ifndef PVK_LINUX_CORE_H
#define PVK_LINUX_CORE_H

#include <linux/atomic.h>
#include <linux/device.h>
#include <linux/types.h>

#include "check.h"
#include "compat.h"
#include "pvk.h"

/*
 * The one host of this guest. offer is written at module load and constant
 * from then on; the rest is written by main.c, with no device on the bus.
 */
struct pvk_host {
	struct pvk_offer offer;
	struct device *dev;	/* the platform device, NULL when not bound */
	bool open;		/* a session is: calls other than NOP are served */
	bool overdue;		/* a call that waits took too long: others are not given that */
	u64 accepted;
	u64 active;
	u32 version;		/* that the host named in NEGOTIATE */
	atomic64_t calls;
	atomic64_t repeats;	/* calls repeated after -PVK_EAGAIN */
	atomic64_t malformed;	/* answers that check.h refused */
};

extern struct pvk_host pvk_host;
extern bool pvk_managed_irqs;

static inline bool pvk_has(u64 feature)
{
	return READ_ONCE(pvk_host.active) & feature;
}

/* transfer.c */
int pvk_call(u32 nr, u64 a0, u64 a1, u64 a2, u64 a3);

/* call.c */
#define PVK_WAIT_MS	60000u	/* for calls that drain requests in flight */
#define PVK_OVERDUE_MS	1000u	/* the same, once the host missed that */

int pvk_call_wait(u32 nr, u64 a0, unsigned int ms);
int pvk_call_struct(u32 nr, void *data, size_t size, unsigned int ms);
int pvk_call_buffer(u32 nr, u64 first, void *data, size_t size);
int pvk_batch(struct pvk_batch_entry *entries, u32 count);

/* event.c */
struct pvk_irq {
	unsigned int irq;
	u32 channel;
};

int pvk_event_init(u32 channels);
void pvk_event_exit(void);
void pvk_event_rebind(void);
u32 pvk_event_free_channels(void);
int pvk_irq_alloc(struct pvk_irq *irq, const struct cpumask *mask, bool managed);
int pvk_irq_request(const struct pvk_irq *irq, irq_handler_t handler, const char *name,
		    void *data);
void pvk_irq_free(struct pvk_irq *irq);

/* bus.c */
extern struct bus_type pvk_bus;

int pvk_bus_start(void);
void pvk_bus_stop(void);
void pvk_bus_quiesce(void);
int pvk_bus_resume(void);
u32 pvk_bus_generation(void);

/* device.c */
int pvk_dev_read_info(u32 index, struct pvk_dev_info *info);
void pvk_dev_init(struct pvk_device *pdev);
void pvk_recovery_on(struct pvk_device *pdev);
void pvk_recovery_off(struct pvk_device *pdev);

/* queue.c */
void pvk_queues_deafen(struct pvk_device *pdev);
void pvk_queues_silence(struct pvk_device *pdev);

/* sysfs.c */
extern const struct attribute_group *pvk_bus_groups[];
extern const struct attribute_group *pvk_dev_groups[];
extern const struct attribute_group *pvk_host_groups[];

#endif /* PVK_LINUX_CORE_H */
