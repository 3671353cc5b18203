// SPDX-License-Identifier: GPL-2.0-only
/*
 * The platform's event channels as interrupts: a domain on top of x86's vector
 * domain, which finds vectors and composes the message that a channel is bound
 * to. Binding again moves a channel, and loses nothing: so there is nothing to
 * mask, and a software-masked edge is kept by the core.
 */
#include <linux/init.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/kernel.h>
#include <linux/msi.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include <asm/hw_irq.h>
#include <asm/irqdomain.h>
#include <asm/page.h>

#include <asm/pvkit/abi/call.h>
#include <asm/pvkit/abi/event.h>

#include "pvkit.h"

#define CHANNELS	(PVK_CHANNEL_PLATFORM_END - PVK_CHANNEL_PLATFORM)

static struct irq_domain *domain __ro_after_init;
static DEFINE_RAW_SPINLOCK(bind_lock);
static struct pvk_event_bind bind_buf __aligned(8);	/* under bind_lock */
static DEFINE_MUTEX(map_lock);
static int mapped[CHANNELS];				/* under map_lock; 0: none */

/* Tells the host where the channel's interrupt goes now. Any context. */
static int bind(struct irq_data *data)
{
	struct irq_data *parent = data->parent_data;
	struct msi_msg msg = {};
	unsigned long flags;
	long ret;

	parent->chip->irq_compose_msi_msg(parent, &msg);
	raw_spin_lock_irqsave(&bind_lock, flags);
	memset(&bind_buf, 0, sizeof(bind_buf));
	bind_buf.size = sizeof(bind_buf);
	bind_buf.channel = PVK_CHANNEL_PLATFORM + irqd_to_hwirq(data);
	bind_buf.msi_address = (u64)msg.address_hi << 32 | msg.address_lo;
	bind_buf.msi_data = msg.data;
	ret = pvkit_call(PVK_CALL_EVENT_BIND, __pa_symbol(&bind_buf), sizeof(bind_buf), 0, 0);
	raw_spin_unlock_irqrestore(&bind_lock, flags);
	return ret < 0 ? ret : 0;
}

static int set_affinity(struct irq_data *data, const struct cpumask *mask, bool force)
{
	int ret = irq_chip_set_affinity_parent(data, mask, force);
	int err;

	if (ret < 0 || ret == IRQ_SET_MASK_OK_DONE || !irqd_is_activated(data))
		return ret;
	err = bind(data);
	return err ? err : ret;
}

static void nothing(struct irq_data *data)
{
}

static struct irq_chip chip = {
	.name			= "pvkit",
	.irq_ack		= irq_chip_ack_parent,
	.irq_mask		= nothing,
	.irq_unmask		= nothing,
	.irq_set_affinity	= set_affinity,
	.irq_retrigger		= irq_chip_retrigger_hierarchy,
	.flags			= IRQCHIP_SKIP_SET_WAKE,
};

static int domain_alloc(struct irq_domain *d, unsigned int virq, unsigned int nr, void *arg)
{
	struct irq_alloc_info info = {};
	int ret;

	if (nr != 1)
		return -EINVAL;
	ret = irq_domain_alloc_irqs_parent(d, virq, 1, &info);
	if (ret < 0)
		return ret;
	irq_domain_set_info(d, virq, *(u32 *)arg, &chip, NULL, handle_edge_irq, NULL, "edge");
	return 0;
}

static void domain_free(struct irq_domain *d, unsigned int virq, unsigned int nr)
{
	irq_domain_free_irqs_common(d, virq, nr);
}

static int domain_activate(struct irq_domain *d, struct irq_data *data, bool reserve)
{
	return bind(data);
}

static void domain_deactivate(struct irq_domain *d, struct irq_data *data)
{
	pvkit_call(PVK_CALL_EVENT_UNBIND, PVK_CHANNEL_PLATFORM + irqd_to_hwirq(data), 0, 0, 0);
}

static const struct irq_domain_ops domain_ops = {
	.alloc		= domain_alloc,
	.free		= domain_free,
	.activate	= domain_activate,
	.deactivate	= domain_deactivate,
};

int pvkit_channel_irq(u32 channel)
{
	u32 hwirq = channel - PVK_CHANNEL_PLATFORM;
	int irq;

	if (!domain || hwirq >= CHANNELS)
		return -ENODEV;
	mutex_lock(&map_lock);
	irq = mapped[hwirq];
	if (!irq) {
		irq = irq_domain_alloc_irqs(domain, 1, NUMA_NO_NODE, &hwirq);
		if (irq > 0)
			mapped[hwirq] = irq;
	}
	mutex_unlock(&map_lock);
	return irq;
}

static int __init irq_init(void)
{
	struct fwnode_handle *fwnode;

	if (!pvkit_features() || !x86_vector_domain)
		return 0;
	fwnode = irq_domain_alloc_named_fwnode("pvkit-platform");
	if (!fwnode)
		return -ENOMEM;
	domain = irq_domain_create_hierarchy(x86_vector_domain, 0, CHANNELS, fwnode, &domain_ops,
					     NULL);
	if (!domain) {
		irq_domain_free_fwnode(fwnode);
		return -ENOMEM;
	}
	return 0;
}
arch_initcall(irq_init);
