/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PV block driver, seen whole: see docs/driver-blk.md.
 *
 *   main.c     probe, remove, limits, sysfs, power management
 *   request.c  blk-mq's side of the rings: submit, complete, poll, time out
 *   reset.c    device into service, out of it, and back after a fault
 *   counterpart.c     taking a disk from libata and giving it back
 *   check.h    what is demanded of the host (pure)
 *   compat.h   differences between kernels
 *
 * Locks: a queue's sq_lock orders what is put into the submission ring, its
 * cq_lock what is taken out of the completion ring; neither is held with the
 * other, nor when a request is ended. blk->lock (mutex) orders changes of state;
 * the device lock of the bus may be held outside it, never inside.
 */
#ifndef PVK_BLK_H
#define PVK_BLK_H

#include <linux/blk-mq.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "../../hypercall/linux/pvk.h"
#include "check.h"
#include "compat.h"

/* Breaches of the ABI, or resets that did not help, after which a disk is dead */
#define PVK_BLK_MAX_FAULTS	8u
/* Resets after which a request fails, whatever else is answered between them */
#define PVK_BLK_MAX_TRIES	32u

enum pvk_blk_state {
	PVK_BLK_STOPPED,	/* probing, frozen, shut down: nothing is submitted */
	PVK_BLK_RUNNING,
	PVK_BLK_RESETTING,
	PVK_BLK_DEAD,		/* every request fails */
};

/* Per request, in blk-mq's own memory */
struct pvk_blk_cmd {
	struct pvk_seg *list;	/* page of segments, or NULL */
	struct request *next;	/* of those that are to be ended */
	blk_status_t status;
	bool late;		/* it timed out once */
	u8 tries;		/* resets that it was in flight in, unanswered */
};

/* What is in flight under an id. Written by submission, taken by completion. */
struct pvk_blk_slot {
	struct request *rq;
	u8 op;
};

struct pvk_blk_queue {
	struct pvk_blk *blk;
	struct pvk_queue *q;
	spinlock_t sq_lock;	/* submission ring, kicked */
	u32 kicked;		/* q->sq.next when the host was last told */
	spinlock_t cq_lock;	/* completion ring, broken, ahead, told */
	u32 ahead;		/* completions to let pass before the next interrupt */
	u32 told;		/* q->cq.next at the last interrupt */
	struct work_struct more;	/* what one look left */
	bool broken;		/* out of service, or the host broke the ABI: nothing is taken */
	struct pvk_blk_slot *slot;	/* by id, q->entries of them */
};

struct pvk_blk {
	struct pvk_device *pdev;
	struct gendisk *disk;
	struct blk_mq_tag_set tags;
	struct pvk_blk_config config;	/* checked */
	u64 features;			/* accepted */
	u32 nr_irq;			/* queues with an interrupt, first */
	u32 nr_poll;			/* queues without, behind them */
	struct pvk_blk_queue *queues;
	mempool_t *lists;		/* pages for lists of segments */
	int index;			/* letter of the name */
	struct mutex lock;		/* state and its changes */
	enum pvk_blk_state state;
	unsigned long faults;		/* since a request last completed */
	u64 resets;			/* done because something was wrong */
	atomic64_t malformed;		/* completions that broke the ABI */
	atomic64_t missed_events;	/* times that a time-out found what no event had told */
};

extern struct workqueue_struct *pvk_blk_wq;

/* request.c */
extern const struct blk_mq_ops pvk_blk_mq_ops;
irqreturn_t pvk_blk_interrupt(int irq, void *data);
void pvk_blk_more(struct work_struct *work);
/* Takes completions, a ring's number at most, and ends their requests. Their number. */
u32 pvk_blk_reap(struct pvk_blk_queue *bq, struct io_comp_batch *iob);
/*
 * Requests in flight go back to blk-mq; the host is out of the game. Their memory
 * is kept from others where it was stopped by force.
 */
void pvk_blk_requeue_all(struct pvk_blk *blk);

/*
 * reset.c: call with blk->lock. start: RESET -> RUNNING, 0 or -errno (the
 * device is reset then). stop: the queue is quiesced; resets the device and takes
 * what was answered; -errno: by force. What was not answered goes back to blk-mq.
 */
int pvk_blk_start(struct pvk_blk *blk);
int pvk_blk_stop(struct pvk_blk *blk);
/* Waits until nothing is in flight, no longer than two time-outs. The queue is quiesced. */
void pvk_blk_drain(struct pvk_blk *blk);
void pvk_blk_recover(struct pvk_device *pdev);
/* Reads the configuration; 0 or -errno with *config untouched. */
int pvk_blk_read_config(struct pvk_blk *blk, struct pvk_blk_config *config);

/*
 * counterpart.c. release: makes the system let go of the emulated counterpart, and takes
 * its model away: 0 (also when there is none); -EBUSY: in use, said in the log.
 * adopt: has the system look for the counterpart again.
 */
#if IS_ENABLED(CONFIG_SCSI)
int pvk_counterpart_release(struct pvk_device *pdev);
void pvk_counterpart_adopt(struct pvk_device *pdev);
#else
static inline int pvk_counterpart_release(struct pvk_device *pdev)
{
	return pvk_unplug(pdev);
}

static inline void pvk_counterpart_adopt(struct pvk_device *pdev)
{
}
#endif

#endif /* PVK_BLK_H */
