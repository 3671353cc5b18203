/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts into the guest: see irq.h. The routing table is ours: KVM's
 * default lines GSI 0 to IOAPIC pin 0, a PC (and the MADT, boot/acpi.c) lines
 * the timer to pin 2.
 *
 * Locking: irq->lock guards the table; raising takes no lock.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hs.h"
#include "irq.h"
#include "liar.h"
#include "trace.h"

#define LINE_ROUTES	(16 + 24)	/* at most: 8259s and IOAPIC */

struct msi {
	_Atomic int fd;		/* eventfd; -1 until it was bound once */
	atomic_bool bound;
	uint64_t address;
	uint32_t data;
};

struct hs_irq {
	int vm_fd;
	bool lines;
	pthread_mutex_t lock;
	struct msi msi[HS_IRQ_MSIS];
};

static void wire_route(struct kvm_irq_routing *table, uint32_t gsi, uint32_t chip, uint32_t pin)
{
	struct kvm_irq_routing_entry *e = &table->entries[table->nr++];

	e->gsi = gsi;
	e->type = KVM_IRQ_ROUTING_IRQCHIP;
	e->u.irqchip.irqchip = chip;
	e->u.irqchip.pin = pin;
}

/* Gives KVM the lines and all bound messages. Lock held. 0 or -errno. */
static int irq_update(struct hs_irq *irq)
{
	struct kvm_irq_routing *table;
	int ret = 0;

	table = calloc(1, sizeof(*table) +
		       (LINE_ROUTES + HS_IRQ_MSIS) * sizeof(table->entries[0]));
	if (!table)
		return -ENOMEM;
	for (uint32_t gsi = 0; irq->lines && gsi < 16; gsi++)
		if (gsi != 2)		/* the cascade */
			wire_route(table, gsi,
				   gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE,
				   gsi & 7);
	for (uint32_t gsi = 0; irq->lines && gsi < HS_IRQ_LINES; gsi++)
		if (gsi != 2)
			wire_route(table, gsi, KVM_IRQCHIP_IOAPIC, gsi ? gsi : 2);
	for (unsigned int i = 0; i < HS_IRQ_MSIS; i++) {
		struct msi *m = &irq->msi[i];
		struct kvm_irq_routing_entry *e;

		if (!atomic_load(&m->bound))
			continue;
		e = &table->entries[table->nr++];
		e->gsi = HS_IRQ_LINES + i;
		e->type = KVM_IRQ_ROUTING_MSI;
		e->u.msi.address_lo = (uint32_t)m->address;
		e->u.msi.address_hi = (uint32_t)(m->address >> 32);
		e->u.msi.data = m->data;
	}
	if (ioctl(irq->vm_fd, KVM_SET_GSI_ROUTING, table) < 0)
		ret = -errno;
	free(table);
	return ret;
}

int hs_irq_create(struct hs_irq **out, int vm_fd, bool lines)
{
	struct hs_irq *irq = calloc(1, sizeof(*irq));
	int ret;

	if (!irq)
		return -ENOMEM;
	irq->vm_fd = vm_fd;
	irq->lines = lines;
	pthread_mutex_init(&irq->lock, NULL);
	for (unsigned int i = 0; i < HS_IRQ_MSIS; i++)
		irq->msi[i].fd = -1;
	ret = irq_update(irq);
	if (ret < 0) {
		hs_error("interrupts: KVM refuses the routing table: %s", strerror(-ret));
		hs_irq_destroy(irq);
		return ret;
	}
	*out = irq;
	return 0;
}

void hs_irq_destroy(struct hs_irq *irq)
{
	if (!irq)
		return;
	/* Closing an eventfd unbinds its irqfd (KVM listens for the hang-up). */
	for (unsigned int i = 0; i < HS_IRQ_MSIS; i++)
		if (irq->msi[i].fd >= 0)
			close(irq->msi[i].fd);
	pthread_mutex_destroy(&irq->lock);
	free(irq);
}

void hs_irq_line(struct hs_irq *irq, unsigned int gsi, int level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level ? 1 : 0 };

	if (gsi >= HS_IRQ_LINES)
		return;
	hs_trace(HS_TRACE_LINE, 0, NULL, gsi, line.level);
	/* Cannot fail with a GSI of the table. */
	(void)ioctl(irq->vm_fd, KVM_IRQ_LINE, &line);
}

/* The first binding of a message makes its eventfd and irqfd. Lock held. */
static int message_fd(struct hs_irq *irq, unsigned int n)
{
	struct kvm_irqfd irqfd = { .gsi = HS_IRQ_LINES + n };
	int fd, ret;

	if (irq->msi[n].fd >= 0)
		return 0;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	irqfd.fd = (uint32_t)fd;
	if (ioctl(irq->vm_fd, KVM_IRQFD, &irqfd) < 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	atomic_store(&irq->msi[n].fd, fd);
	return 0;
}

int hs_irq_msi_bind(struct hs_irq *irq, unsigned int n, uint64_t address, uint32_t data)
{
	struct msi *m;
	struct msi old;
	bool was;
	int ret;

	if (n >= HS_IRQ_MSIS)
		return -EINVAL;
	pthread_mutex_lock(&irq->lock);
	m = &irq->msi[n];
	was = atomic_load(&m->bound);
	old.address = m->address;
	old.data = m->data;
	m->address = address;
	m->data = data;
	atomic_store(&m->bound, true);
	ret = irq_update(irq);
	if (!ret)
		ret = message_fd(irq, n);
	if (ret < 0) {
		atomic_store(&m->bound, was);
		m->address = old.address;
		m->data = old.data;
		(void)irq_update(irq);
	}
	pthread_mutex_unlock(&irq->lock);
	return ret;
}

void hs_irq_msi_unbind(struct hs_irq *irq, unsigned int n)
{
	if (n >= HS_IRQ_MSIS)
		return;
	pthread_mutex_lock(&irq->lock);
	if (atomic_exchange(&irq->msi[n].bound, false))
		(void)irq_update(irq);	/* fewer routes than KVM took before */
	pthread_mutex_unlock(&irq->lock);
}

void hs_irq_msi_raise(struct hs_irq *irq, unsigned int n)
{
	uint64_t one = 1;
	int fd;

	if (n >= HS_IRQ_MSIS || !atomic_load(&irq->msi[n].bound) || hs_liar_event(irq, n))
		return;
	hs_trace(HS_TRACE_MSI, 0, NULL, n);
	fd = atomic_load(&irq->msi[n].fd);
	/* EAGAIN: 2^64-2 raises are pending; the guest will hear of one. */
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return;
}
