/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts into the guest, all through KVM's in-kernel PIC, IOAPIC and LAPICs;
 * on the minimal machine, which has no lines, through the LAPICs alone.
 *
 * GSI 0..23 are the lines of PIC and IOAPIC as on a PC. Message-signalled
 * interrupts take routes from a table of HS_IRQ_MSIS further GSIs; each
 * has an eventfd bound to it (irqfd), so that raising one is a write to it.
 */
#ifndef HS_IRQ_H
#define HS_IRQ_H

#include <stdbool.h>
#include <stdint.h>

#define HS_IRQ_LINES	24
#define HS_IRQ_MSIS	72	/* 64 for channels, the rest for the platform's (dev/) */

struct hs_irq;

int hs_irq_create(struct hs_irq **out, int vm_fd, bool lines);
void hs_irq_destroy(struct hs_irq *irq);

/* Drives a wire; level-triggered or edge as the guest programmed its chips. */
void hs_irq_line(struct hs_irq *irq, unsigned int gsi, int level);

/*
 * Message number n (0 .. HS_IRQ_MSIS-1): bind it to an MSI address/data
 * pair, rebind, or unbind. 0 or -errno; thread-safe. A raise while unbound is
 * dropped.
 */
int hs_irq_msi_bind(struct hs_irq *irq, unsigned int n, uint64_t address, uint32_t data);
void hs_irq_msi_unbind(struct hs_irq *irq, unsigned int n);
void hs_irq_msi_raise(struct hs_irq *irq, unsigned int n);

#endif /* HS_IRQ_H */
