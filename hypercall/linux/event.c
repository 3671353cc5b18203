// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event channels (abi/event.h) as Linux interrupts: a domain of our own on top
 * of x86's vector domain, which allocates vectors and composes the message;
 * binding a channel gives that message to the host.
 *
 * Moving an interrupt is one call that takes effect at once: the event arrives
 * at the old or at the new place, and the vector domain keeps the old vector
 * until the first interrupt at the new one. So there is nothing to mask: a
 * masked edge would be lost, whereas Linux's software masking keeps it.
 *
 * The chip's callbacks run under the descriptor's raw lock with interrupts
 * off; they call the host at most once and do not sleep. When the host does not
 * bind then, be it busy or not willing, the vector has moved already: a work item
 * asks it again until the channel follows. Events arrive at the old place
 * meanwhile, which the vector domain keeps for as long.
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/msi.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include <asm/hw_irq.h>
#include <asm/irqdomain.h>

#include "core.h"

struct channel {
	bool used;		/* belongs to an interrupt; under alloc_lock */
	bool bound;		/* by us; under bind_lock, as what follows */
	bool settled;		/* the host has this message */
	int error;		/* the host does not take it */
	u64 msi_address;
	u32 msi_data;
};

struct alloc_arg {
	struct irq_alloc_info info;
	u32 channel;
};

static struct channel *channels;
static u32 nr_channels;
static struct fwnode_handle *fwnode;
static struct irq_domain *domain;
static DEFINE_MUTEX(alloc_lock);

/* Protects bound and message of all channels, and the structure of the call. */
static DEFINE_RAW_SPINLOCK(bind_lock);
static struct pvk_event_bind *bind_buf;

#define SETTLE_MS	1000u	/* given to a host that does not bind at once */

static void pvk_settle(struct work_struct *work);
static DECLARE_WORK(settle_work, pvk_settle);

/* bind_lock held. One call: 0 or -errno; -ENODEV between sessions, when it is only remembered. */
static int pvk_bind_locked(u32 n)
{
	int ret;

	memset(bind_buf, 0, sizeof(*bind_buf));
	bind_buf->size = sizeof(*bind_buf);
	bind_buf->channel = n;
	bind_buf->msi_address = channels[n].msi_address;
	bind_buf->msi_data = channels[n].msi_data;
	ret = pvk_call(PVK_CALL_EVENT_BIND, virt_to_phys(bind_buf), sizeof(*bind_buf), 0, 0);
	channels[n].settled = ret >= 0;
	return min(ret, 0);
}

/* Asks once more where it is needed. 0, also when it is not; -errno. */
static int pvk_settle_one(u32 n)
{
	unsigned long flags;
	int ret = 0;

	raw_spin_lock_irqsave(&bind_lock, flags);
	if (channels[n].bound && !channels[n].settled)
		ret = pvk_bind_locked(n);
	channels[n].error = ret == -ENODEV ? 0 : ret;
	raw_spin_unlock_irqrestore(&bind_lock, flags);
	return ret;
}

/* Until the host has all messages, or does not take one for SETTLE_MS. */
static void pvk_settle(struct work_struct *work)
{
	u32 n;

	for (n = 0; n < nr_channels; n++) {
		unsigned long end = jiffies + msecs_to_jiffies(SETTLE_MS);
		int ret;

		while ((ret = pvk_settle_one(n)) && ret != -ENODEV && time_before(jiffies, end))
			usleep_range(1000, 2000);
		if (ret && ret != -ENODEV)
			dev_err_ratelimited(pvk_host.dev,
					    "event channel %u cannot be bound: error %d; reload the driver of its device\n",
					    n, -ret);
	}
}

/*
 * Composes the message of an interrupt that has a vector, and binds its
 * channel to it, later if not now. Between sessions the message is only
 * remembered.
 */
static void pvk_bind(struct irq_data *data)
{
	struct irq_data *parent = data->parent_data;
	u32 n = irqd_to_hwirq(data);
	struct msi_msg msg = {};
	unsigned long flags;
	int ret;

	parent->chip->irq_compose_msi_msg(parent, &msg);
	raw_spin_lock_irqsave(&bind_lock, flags);
	channels[n].msi_address = (u64)msg.address_hi << 32 | msg.address_lo;
	channels[n].msi_data = msg.data;
	channels[n].bound = true;
	channels[n].error = 0;
	ret = pvk_bind_locked(n);
	raw_spin_unlock_irqrestore(&bind_lock, flags);
	if (ret && ret != -ENODEV)
		queue_work(system_wq, &settle_work);
}

static int pvk_set_affinity(struct irq_data *data, const struct cpumask *mask, bool force)
{
	int ret = irq_chip_set_affinity_parent(data, mask, force);

	if (ret >= 0 && ret != IRQ_SET_MASK_OK_DONE && irqd_is_activated(data))
		pvk_bind(data);
	return ret;
}

/* Software masking does it; the callbacks stand for what genirq demands. */
static void pvk_nothing(struct irq_data *data)
{
}

static struct irq_chip chip = {
	.name			= "pvkit",
	.irq_ack		= irq_chip_ack_parent,
	.irq_mask		= pvk_nothing,
	.irq_unmask		= pvk_nothing,
	.irq_set_affinity	= pvk_set_affinity,
	.irq_retrigger		= irq_chip_retrigger_hierarchy,
	.flags			= IRQCHIP_SKIP_SET_WAKE,
};

static int pvk_domain_alloc(struct irq_domain *d, unsigned int virq, unsigned int nr, void *arg)
{
	struct alloc_arg *a = arg;
	int ret;

	if (nr != 1)
		return -EINVAL;
	ret = irq_domain_alloc_irqs_parent(d, virq, 1, &a->info);
	if (ret < 0)
		return ret;
	irq_domain_set_info(d, virq, a->channel, &chip, NULL, handle_edge_irq, NULL, "edge");
	return 0;
}

static void pvk_domain_free(struct irq_domain *d, unsigned int virq, unsigned int nr)
{
	irq_domain_free_irqs_common(d, virq, nr);
}

/* Pairs with pvk_domain_deactivate(). */
static int pvk_domain_activate(struct irq_domain *d, struct irq_data *data, bool reserve)
{
	pvk_bind(data);
	return 0;	/* pvk_irq_request() looks what became of it */
}

static void pvk_domain_deactivate(struct irq_domain *d, struct irq_data *data)
{
	u32 n = irqd_to_hwirq(data);
	unsigned long flags;

	raw_spin_lock_irqsave(&bind_lock, flags);
	channels[n].bound = false;
	pvk_call(PVK_CALL_EVENT_UNBIND, n, 0, 0, 0);
	raw_spin_unlock_irqrestore(&bind_lock, flags);
}

static const struct irq_domain_ops domain_ops = {
	.alloc		= pvk_domain_alloc,
	.free		= pvk_domain_free,
	.activate	= pvk_domain_activate,
	.deactivate	= pvk_domain_deactivate,
};

/* The domain for n channels; 0; -ENODEV without a local APIC; -ENOMEM. */
int pvk_event_init(u32 n)
{
	n = min(n, PVK_MAX_CHANNELS);
	if (!n || !x86_vector_domain)
		return -ENODEV;
	channels = kcalloc(n, sizeof(*channels), GFP_KERNEL);
	bind_buf = kzalloc(sizeof(*bind_buf), GFP_KERNEL);
	fwnode = irq_domain_alloc_named_fwnode("pvkit");
	if (!channels || !bind_buf || !fwnode)
		goto fail;
	domain = irq_domain_create_hierarchy(x86_vector_domain, 0, n, fwnode, &domain_ops, NULL);
	if (!domain)
		goto fail;
	nr_channels = n;
	return 0;

fail:
	pvk_event_exit();
	return -ENOMEM;
}

/* All interrupts were freed before. Also after a failed pvk_event_init(). */
void pvk_event_exit(void)
{
	cancel_work_sync(&settle_work);
	if (domain)
		irq_domain_remove(domain);
	domain = NULL;
	if (fwnode)
		irq_domain_free_fwnode(fwnode);
	fwnode = NULL;
	kfree(bind_buf);
	bind_buf = NULL;
	kfree(channels);
	channels = NULL;
	nr_channels = 0;
}

/* A new session knows no channel: binds those that were bound. */
void pvk_event_rebind(void)
{
	unsigned long flags;
	u32 n;

	raw_spin_lock_irqsave(&bind_lock, flags);
	for (n = 0; n < nr_channels; n++)
		channels[n].settled = false;
	raw_spin_unlock_irqrestore(&bind_lock, flags);
	queue_work(system_wq, &settle_work);
	flush_work(&settle_work);
}

/* Channels not in use; a hint, as others may take them. */
u32 pvk_event_free_channels(void)
{
	u32 n, count = 0;

	mutex_lock(&alloc_lock);
	for (n = 0; n < nr_channels; n++)
		count += !channels[n].used;
	mutex_unlock(&alloc_lock);
	return count;
}

/*
 * A channel and its interrupt, for the CPUs of mask (NULL: any). managed: the
 * kernel keeps the mask and shuts the interrupt down with its last CPU.
 * 0; -ENOSPC (no channel, no vector); -ENOMEM; -ENODEV without channels.
 */
int pvk_irq_alloc(struct pvk_irq *irq, const struct cpumask *mask, bool managed)
{
	struct irq_affinity_desc *affinity = NULL;
	struct alloc_arg arg = {};
	int ret = -ENOSPC;
	u32 n;

	if (!domain)
		return -ENODEV;
	if (mask) {
		affinity = kzalloc(sizeof(*affinity), GFP_KERNEL);
		if (!affinity)
			return -ENOMEM;
		cpumask_copy(&affinity->mask, mask);
		affinity->is_managed = managed;
	}

	mutex_lock(&alloc_lock);
	for (n = 0; n < nr_channels && channels[n].used; n++)
		;
	if (n < nr_channels) {
		arg.channel = n;
		ret = __irq_domain_alloc_irqs(domain, -1, 1, NUMA_NO_NODE, &arg, false, affinity);
	}
	if (ret > 0) {
		channels[n].used = true;
		irq->channel = n;
		irq->irq = ret;
		pvk_irq_moves_at_once(irq->irq);
		ret = 0;
	} else if (!ret) {
		ret = -ENOSPC;
	}
	mutex_unlock(&alloc_lock);
	kfree(affinity);
	return ret;
}

/*
 * A handler for it, which binds its channel. 0 or -errno: of request_irq(), or the
 * host's, when it does not bind the channel. Pairs with free_irq().
 */
int pvk_irq_request(const struct pvk_irq *irq, irq_handler_t handler, const char *name, void *data)
{
	int ret = request_irq(irq->irq, handler, 0, name, data);

	if (ret)
		return ret;
	flush_work(&settle_work);
	ret = READ_ONCE(channels[irq->channel].error);
	if (ret)
		free_irq(irq->irq, data);
	return ret;
}

/* Gives both back; the interrupt has no handler any more. */
void pvk_irq_free(struct pvk_irq *irq)
{
	irq_dispose_mapping(irq->irq);
	mutex_lock(&alloc_lock);
	channels[irq->channel].used = false;
	mutex_unlock(&alloc_lock);
	irq->irq = 0;
	irq->channel = PVK_CHANNEL_NONE;
}
