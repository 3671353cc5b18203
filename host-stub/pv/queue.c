// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the queues of all devices share: a source of its worker that hands
 * entries to its kind's serve(), and answers. All of it on the worker, without
 * a lock and without allocation.
 *
 * Telling the guest: answers are put as they come, and the wake word is looked
 * at once per round of the worker, for all of them. So one event serves many.
 * A guest that asked for a later answer is told of those there are when for
 * config->coalesce_ns (some queues: a multiple of it) none was added and the worker
 * found nothing else to do, and before the worker sleeps (abi/ring.h). Beside
 * other work they wait longer, but not without end: most likely there will be more.
 */
#include "../leak.h"
#include "../liar.h"
#include "device.h"

#define BUSY_COALESCE	16u	/* times coalesce_ns, of a worker that always has something to do */

/* ---- answers ---- */

void hs_pv_queue_answer(struct hs_pv_queue *q, uint16_t id, uint8_t op, uint8_t flags, int status,
			uint64_t value)
{
	union pvk_cqe_words e = { .cqe = { .id = id, .op = op, .flags = flags, .status = status,
					   .value = value } };

	if (status < 0)
		hs_pv_add(&q->counters->errors, 1);
	hs_leaves(&e, sizeof(e));
	if (!hs_liar_answer(q, &e))
		pvk_cq_put(&q->cq, &e);
}

static void raise_event(struct hs_pv_queue *q)
{
	hs_irq_msi_raise(q->dev->vm->irq, q->channel);
	hs_pv_add(&q->counters->events_raised, 1);
	q->told = q->cq.next;
}

void hs_pv_queue_notify(struct hs_pv_queue *q)
{
	if (q->cq.next == q->looked)
		return;
	if (q->channel == PVK_CHANNEL_NONE) {
		q->told = q->cq.next;
	} else if (pvk_ring_must_wake(&q->cq, q->looked)) {
		raise_event(q);
	} else {
		q->put_at = hs_now();
		hs_pv_add(&q->counters->events_suppressed, 1);
	}
	q->looked = q->cq.next;
}

/* Have answers waited long enough for more to come? */
static bool waited(const struct hs_pv_queue *q)
{
	uint64_t gather = q->dev->vm->config->coalesce_ns;
	uint64_t wait = gather * (q->ops->coalesce_times ? q->ops->coalesce_times : 1);
	uint64_t idle = hs_worker_idle_since(q->worker), now = hs_now();

	if (now - q->put_at < wait)
		return false;
	return (idle && now - idle >= wait) || now - q->put_at >= BUSY_COALESCE * gather;
}

/* Tells it of answers of which it wanted to hear later. */
static void notify_late(struct hs_pv_queue *q)
{
	if (pvk_ring_wakes_later(&q->cq))
		raise_event(q);
	else
		q->told = q->cq.next;	/* it polls, and needs no telling */
}

/* ---- entries ---- */

bool hs_pv_queue_running(const struct hs_pv_queue *q)
{
	return atomic_load_explicit(&q->dev->state, memory_order_relaxed) == PVK_DEV_RUNNING;
}

bool hs_pv_queue_get(struct hs_pv_queue *q, bool room, union pvk_sqe_words *words)
{
	if (room)
		return pvk_sq_get(&q->sq, words);
	if (pvk_sq_pending(&q->sq))
		hs_pv_dev_broken(q->dev, "more requests than its ring has entries");
	return false;
}

/* ---- the source ---- */

static bool poll(struct hs_source *source)
{
	struct hs_pv_queue *q = (struct hs_pv_queue *)source;

	if (source->rings) {
		hs_pv_add(&q->counters->doorbells, source->rings);
		source->rings = 0;
	}
	hs_pv_queue_notify(q);
	if (!hs_pv_queue_running(q))
		return false;
	if (!q->ops->serve(q)) {
		if (q->cq.next != q->told && waited(q))
			notify_late(q);
		return false;
	}
	hs_pv_add(&q->counters->polls_found, 1);
	hs_pv_queue_notify(q);
	return true;
}

static bool arm(struct hs_source *source)
{
	struct hs_pv_queue *q = (struct hs_pv_queue *)source;

	if (!hs_pv_queue_running(q))
		return false;
	if (q->cq.next != q->told)
		notify_late(q);
	if (q->ops->hungry && !q->ops->hungry(q))
		return false;
	q->armed = true;
	pvk_ring_arm(&q->sq, 0);
	return pvk_sq_pending(&q->sq);
}

static void disarm(struct hs_source *source)
{
	struct hs_pv_queue *q = (struct hs_pv_queue *)source;

	if (q->armed && hs_pv_queue_running(q))
		pvk_ring_disarm(&q->sq);
	q->armed = false;
}

int hs_pv_queue_start(struct hs_pv_queue *q, struct hs_worker *worker)
{
	int ret;

	pvk_ring_init(&q->sq, q->sq_slots, &q->ctl->sq_wake, q->entries);
	pvk_ring_init(&q->cq, q->cq_slots, &q->ctl->cq_wake, q->entries);
	q->looked = 0;
	q->told = 0;
	q->armed = false;
	q->source.poll = poll;
	q->source.arm = arm;
	q->source.disarm = disarm;
	ret = hs_worker_add(worker, &q->source);
	if (ret < 0)
		return ret;
	q->worker = worker;
	q->live = true;
	/* The zeroes of the guest ask for a doorbell that nobody waits for. */
	if (q->ops->hungry)
		pvk_ring_disarm(&q->sq);
	return 0;
}

void hs_pv_queue_stop(struct hs_pv_queue *q)
{
	if (!q->worker)
		return;
	q->live = false;
	hs_inflight_forget(&q->inflight);
	hs_worker_remove(q->worker, &q->source);
	q->worker = NULL;
}
