// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues of a device: memory, interrupts, and handing them to the host.
 *
 * One block of memory per queue, physically linear: the submission ring at a
 * page boundary, the completion ring at the next one, the control block behind
 * it on lines of its own. Memory and interrupts outlive resets of the device;
 * cursors do not.
 */
#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "core.h"

static size_t pvk_sq_bytes(u32 entries)
{
	return ALIGN((size_t)entries * sizeof(struct pvk_sqe), PVK_RING_ALIGN);
}

static size_t pvk_ctl_offset(u32 entries)
{
	return pvk_sq_bytes(entries) +
	       ALIGN((size_t)entries * sizeof(struct pvk_cqe), PVK_RING_CTL_ALIGN);
}

static size_t pvk_queue_bytes(u32 entries)
{
	return PAGE_ALIGN(pvk_ctl_offset(entries) + sizeof(struct pvk_ring_ctl));
}

/* Zeroed rings, cursors at 0; live and armed when the host is told next. */
static void pvk_queue_rewind(struct pvk_queue *q)
{
	struct pvk_ring_ctl *ctl = q->mem + pvk_ctl_offset(q->entries);

	memset(q->mem, 0, q->mem_size);
	pvk_ring_init(&q->sq, q->mem, &ctl->sq_wake, q->entries);
	pvk_ring_init(&q->cq, q->mem + pvk_sq_bytes(q->entries), &ctl->cq_wake, q->entries);
	if (q->irq)
		pvk_ring_arm(&q->cq, 0);
	else
		pvk_ring_disarm(&q->cq);
}

/* data: the first queue of the group */
static irqreturn_t pvk_queue_interrupt(int irq, void *data)
{
	struct pvk_queue *q = data;

	q->events++;
	/* Raised before a reset, delivered after it: once. More of that is a storm. */
	if (!READ_ONCE(q->live))
		return IRQ_NONE;
	return q->handler(irq, q);
}

/*
 * Deals the possible CPUs out to nr groups: present ones in neighbouring
 * sets, so that siblings share a queue, then the rest in turn. The mask of a
 * group is its first queue's.
 */
static void pvk_deal_cpus(struct pvk_queue *queues, u32 nr, u32 group)
{
	unsigned int present = num_present_cpus();
	unsigned int k = 0;
	unsigned int cpu;

	for_each_present_cpu(cpu)
		cpumask_set_cpu(cpu, queues[(u64)k++ * nr / present * group].mask);
	for_each_possible_cpu(cpu) {
		if (!cpu_present(cpu))
			cpumask_set_cpu(cpu, queues[k++ % nr * group].mask);
	}
}

/* q: first of its group. Pairs with pvk_group_alloc_irq(). */
static void pvk_group_free_irq(struct pvk_queue *q)
{
	struct pvk_irq irq = { .irq = q->irq, .channel = q->channel };
	u32 i;

	if (!q->irq)
		return;
	if (q->irq_requested)
		free_irq(q->irq, q);
	q->irq_requested = false;
	pvk_irq_free(&irq);
	for (i = 0; i < q->pdev->group; i++) {
		q[i].irq = 0;
		q[i].channel = PVK_CHANNEL_NONE;
	}
}

static int pvk_group_alloc_irq(struct pvk_queue *q, bool managed)
{
	struct pvk_irq irq;
	int ret = pvk_irq_alloc(&irq, q->mask, managed && pvk_managed_irqs);
	u32 i;

	if (ret)
		return ret;
	for (i = 0; i < q->pdev->group; i++) {
		q[i].irq = irq.irq;
		q[i].channel = irq.channel;
	}
	snprintf(q->name, sizeof(q->name), "%s-q%u", dev_name(&q->pdev->dev), q->index);
	ret = pvk_irq_request(&irq, pvk_queue_interrupt, q->name, q);
	if (ret) {
		pvk_group_free_irq(q);
		return ret;
	}
	q->irq_requested = true;
	return 0;
}

static void *pvk_queue_rings_alloc(u32 entries)
{
	return alloc_pages_exact(pvk_queue_bytes(entries), GFP_KERNEL | __GFP_ZERO);
}

static int pvk_queue_alloc_memory(struct pvk_queue *q, u32 entries)
{
	q->entries = entries;
	q->mem_size = pvk_queue_bytes(entries);
	q->mem = pvk_queue_rings_alloc(entries);
	return q->mem ? 0 : -ENOMEM;
}

/* The array, with masks but without interrupts and memory; 0 or -ENOMEM */
static int pvk_queues_prepare(struct pvk_device *pdev, const struct pvk_queues_plan *plan, u32 nr)
{
	u32 total = (nr + plan->nr_polled) * plan->group;
	u32 i;

	pdev->queues = kvcalloc(total, sizeof(*pdev->queues), GFP_KERNEL);
	if (!pdev->queues)
		return -ENOMEM;
	pdev->nr_queues = total;
	pdev->group = plan->group;
	for (i = 0; i < pdev->nr_queues; i++) {
		struct pvk_queue *q = &pdev->queues[i];

		q->pdev = pdev;
		q->index = i;
		q->channel = PVK_CHANNEL_NONE;
		q->doorbell_port = pvk_host.offer.doorbell_port;
		/* Only the first one of a group is used. Undone by pvk_queues_free(). */
		if (!zalloc_cpumask_var(&q->mask, GFP_KERNEL))
			return -ENOMEM;
		q->affinity = pdev->queues[i - i % plan->group].mask;
	}
	if (nr)
		pvk_deal_cpus(pdev->queues, nr, plan->group);
	if (plan->nr_polled)
		pvk_deal_cpus(pdev->queues + nr * plan->group, plan->nr_polled, plan->group);
	return 0;
}

/* With queues_lock; on an error the caller frees. */
static int pvk_queues_try(struct pvk_device *pdev, const struct pvk_queues_plan *plan, u32 nr)
{
	int ret = pvk_queues_prepare(pdev, plan, nr);
	u32 i;

	for (i = 0; !ret && i < pdev->nr_queues; i++) {
		pdev->queues[i].handler = plan->handler;
		ret = pvk_queue_alloc_memory(&pdev->queues[i], plan->entries[i % plan->group]);
	}
	for (i = 0; !ret && i < nr; i++)
		ret = pvk_group_alloc_irq(&pdev->queues[i * plan->group], plan->managed);
	return ret;
}

static int pvk_queues_make(struct pvk_device *pdev, const struct pvk_queues_plan *plan, u32 nr)
{
	int ret;

	mutex_lock(&pdev->queues_lock);
	ret = pvk_queues_try(pdev, plan, nr);
	mutex_unlock(&pdev->queues_lock);
	if (ret)
		pvk_queues_free(pdev);
	return ret;
}

static int pvk_check_all_entries(struct pvk_device *pdev, const u32 *entries, u32 group)
{
	int ret = 0;
	u32 i;

	for (i = 0; !ret && i < group; i++)
		ret = pvk_check_entries(entries[i], pdev->info.max_entries);
	return ret;
}

int pvk_queues_alloc(struct pvk_device *pdev, const struct pvk_queues_plan *plan)
{
	u32 most, cpus = num_present_cpus();
	struct pvk_queues_plan p = *plan;
	u32 nr = p.nr;
	int ret;

	if (pdev->queues || !p.group || p.group > PVK_MAX_GROUP)
		return -EINVAL;
	most = pdev->info.max_queues / p.group;
	if ((!nr && !p.nr_polled) || (nr && !p.handler) || nr > most || p.nr_polled > most - nr)
		return -EINVAL;
	ret = pvk_check_all_entries(pdev, p.entries, p.group);
	if (ret)
		return ret;
	p.nr_polled = min(p.nr_polled, cpus);
	if (!nr)
		return pvk_queues_make(pdev, &p, 0);

	if (!pvk_has(PVK_FEAT_EVENT))
		return -EOPNOTSUPP;
	nr = min3(nr, cpus, pvk_event_free_channels());
	ret = -ENOSPC;
	/* fewer when the vectors of some CPU are exhausted */
	for (; nr && ret == -ENOSPC; nr /= 2)
		ret = pvk_queues_make(pdev, &p, nr);
	return ret;
}
EXPORT_SYMBOL_GPL(pvk_queues_alloc);

struct pvk_rings *pvk_rings_alloc(struct pvk_device *pdev, const u32 *entries)
{
	struct pvk_rings *rings;
	int ret = pvk_check_all_entries(pdev, entries, pdev->group);
	u32 i;

	if (ret)
		return ERR_PTR(ret);
	rings = kvzalloc(struct_size(rings, mem, pdev->nr_queues), GFP_KERNEL);
	if (!rings)
		return ERR_PTR(-ENOMEM);
	rings->nr = pdev->nr_queues;
	rings->group = pdev->group;
	memcpy(rings->entries, entries, pdev->group * sizeof(*entries));
	for (i = 0; i < rings->nr; i++) {
		rings->mem[i] = pvk_queue_rings_alloc(entries[i % pdev->group]);
		if (!rings->mem[i]) {
			pvk_rings_free(rings);
			return ERR_PTR(-ENOMEM);
		}
	}
	return rings;
}
EXPORT_SYMBOL_GPL(pvk_rings_alloc);

int pvk_rings_swap(struct pvk_device *pdev, struct pvk_rings *rings)
{
	u32 was[PVK_MAX_GROUP];
	u32 i;

	if (pdev->leaked)
		return -EBUSY;
	mutex_lock(&pdev->queues_lock);
	for (i = 0; i < pdev->group; i++)
		was[i] = pdev->queues[i].entries;
	for (i = 0; i < rings->nr; i++) {
		struct pvk_queue *q = &pdev->queues[i];

		swap(q->mem, rings->mem[i]);
		q->entries = rings->entries[i % pdev->group];
		q->mem_size = pvk_queue_bytes(q->entries);
		pvk_queue_rewind(q);
	}
	memcpy(rings->entries, was, pdev->group * sizeof(*was));
	mutex_unlock(&pdev->queues_lock);
	return 0;
}
EXPORT_SYMBOL_GPL(pvk_rings_swap);

void pvk_rings_free(struct pvk_rings *rings)
{
	u32 i;

	for (i = 0; rings && i < rings->nr; i++) {
		if (rings->mem[i])
			free_pages_exact(rings->mem[i],
					 pvk_queue_bytes(rings->entries[i % rings->group]));
	}
	kvfree(rings);
}
EXPORT_SYMBOL_GPL(pvk_rings_free);

int pvk_queues_setup(struct pvk_device *pdev, u32 nr)
{
	struct pvk_queue_setup *setup;
	struct pvk_batch_entry *batch;
	int ret = -ENOMEM;
	u32 i;

	if (!nr || nr > pdev->nr_queues || nr % pdev->group)
		return -EINVAL;
	if (pdev->leaked)
		return -EBUSY;
	/* linear memory: the host gets the physical address of each */
	setup = kcalloc(nr, sizeof(*setup), GFP_KERNEL);
	batch = kvcalloc(nr, sizeof(*batch), GFP_KERNEL);
	if (!setup || !batch)
		goto free;

	for (i = 0; i < nr; i++) {
		struct pvk_queue *q = &pdev->queues[i];
		u64 gpa = virt_to_phys(q->mem);

		pvk_queue_rewind(q);
		setup[i].size = sizeof(*setup);
		setup[i].device = pdev->id;
		setup[i].queue = i;
		setup[i].entries = q->entries;
		setup[i].sq_gpa = gpa;
		setup[i].cq_gpa = gpa + pvk_sq_bytes(q->entries);
		setup[i].ctl_gpa = gpa + pvk_ctl_offset(q->entries);
		setup[i].channel = q->channel;
		batch[i].call = PVK_CALL_QUEUE_SETUP;
		batch[i].arg[0] = virt_to_phys(&setup[i]);
		batch[i].arg[1] = sizeof(*setup);
	}
	ret = pvk_batch(batch, nr);
	for (i = 0; !ret && i < nr; i++) {
		struct pvk_queue *q = &pdev->queues[i];

		if (batch[i].status < 0) {
			ret = batch[i].status;
			break;
		}
		q->doorbell = READ_ONCE(setup[i].doorbell);
		smp_store_release(&q->live, true);	/* after cursors and doorbell */
	}
free:
	kvfree(batch);
	kfree(setup);
	return ret;
}
EXPORT_SYMBOL_GPL(pvk_queues_setup);

/* Events are not passed on any more, and no handler is in the midst of it. */
void pvk_queues_deafen(struct pvk_device *pdev)
{
	u32 i;

	for (i = 0; i < pdev->nr_queues; i++) {
		struct pvk_queue *q = &pdev->queues[i];

		WRITE_ONCE(q->live, false);	/* read by pvk_queue_interrupt() */
		if (q->irq_requested)
			synchronize_irq(q->irq);
	}
}

/* The interrupts are freed, which unbinds their channels. Callable again. */
void pvk_queues_silence(struct pvk_device *pdev)
{
	u32 i;

	mutex_lock(&pdev->queues_lock);
	for (i = 0; i < pdev->nr_queues; i += pdev->group)
		pvk_group_free_irq(&pdev->queues[i]);
	mutex_unlock(&pdev->queues_lock);
}

void pvk_queues_free(struct pvk_device *pdev)
{
	u32 i;

	pvk_queues_silence(pdev);
	mutex_lock(&pdev->queues_lock);
	for (i = 0; i < pdev->nr_queues; i++) {
		struct pvk_queue *q = &pdev->queues[i];

		/* A host that did not reset may still write there. */
		if (q->mem && !pdev->leaked)
			free_pages_exact(q->mem, q->mem_size);
		free_cpumask_var(q->mask);
	}
	kvfree(pdev->queues);
	pdev->queues = NULL;
	pdev->nr_queues = 0;
	mutex_unlock(&pdev->queues_lock);
}
EXPORT_SYMBOL_GPL(pvk_queues_free);

void pvk_queue_ring(struct pvk_queue *q)
{
	outl(q->doorbell, q->doorbell_port);
}
EXPORT_SYMBOL_GPL(pvk_queue_ring);
