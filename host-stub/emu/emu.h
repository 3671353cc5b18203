/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The emulated machine: an i440FX-like PC, as far as stock drivers look.
 * Every chip registers its regions, its hs_chip and its lines at creation.
 * All return 0 or -errno (with the line printed).
 */
#ifndef HS_EMU_H
#define HS_EMU_H

#include "../hs.h"

/* Where things are; ACPI's ASL and the chips share these numbers. */
#define HS_PORT_UART		0x3f8
#define HS_IRQ_UART		4
#define HS_PORT_RTC		0x70
#define HS_IRQ_RTC		8
#define HS_CMOS_CENTURY		0x32	/* the FADT names it */
#define HS_PORT_I8042		0x60
#define HS_PORT_PCI_CONFIG	0xcf8
#define HS_PORT_IDE0		0x1f0
#define HS_PORT_IDE0_CTL	0x3f6
#define HS_PORT_IDE1		0x170
#define HS_PORT_IDE1_CTL	0x376
#define HS_IRQ_IDE0		14
#define HS_IRQ_IDE1		15
#define HS_PORT_BMDMA		0xc000	/* BAR4 at power-on; the guest may move it */
#define HS_PORT_PM1_EVT		0x600	/* ACPI PM1a event block, 4 bytes */
#define HS_PORT_PM1_CNT		0x604	/* ACPI PM1a control block, 2 bytes */
#define HS_PORT_GPE0		0x60c	/* ACPI GPE0 block, 4 bytes: no event is wired to it */
#define HS_PORT_RESET		0xcf9	/* FADT reset register; value HS_RESET_VALUE */
#define HS_RESET_VALUE		0x06
#define HS_IRQ_SCI		9
#define HS_PORT_PVK_CALL	0x700	/* 4 bytes; PVK_CPUID_TRANSFER tells the guest */
#define HS_PORT_PVK_DOORBELL	0x704	/* 4 bytes, ioeventfds by value */
#define HS_PORT_MARK		0x708	/* 1 byte, write: a mark in the statistics (stats.h) */

/* PCI device/function numbers on bus 0 */
#define HS_PCI_HOST_BRIDGE	(0x00 << 3 | 0)
#define HS_PCI_ISA_BRIDGE	(0x01 << 3 | 0)
#define HS_PCI_IDE		(0x01 << 3 | 1)
#define HS_PCI_NIC(n)		((0x02 + (n)) << 3 | 0)

/* INTA of HS_PCI_NIC(n), by boot/dsdt.asl's _PRT: level-triggered, a wire for each */
#define HS_IRQ_NIC(n)		(20 + (n))
#define HS_IRQ_NIC_PIC		11	/* shared by all where the guest uses the 8259s */
#define HS_MMIO_NIC(n)		(0xfea00000u + (n) * 0x20000u)	/* BAR0 at power-on, 128 KiB */
#define HS_PORT_NIC(n)		(0xc040u + (n) * 0x40u)		/* BAR2 at power-on, 64 bytes */

int hs_uart_create(struct hs_vm *vm);		/* console as config->console says */
int hs_rtc_create(struct hs_vm *vm);
int hs_i8042_create(struct hs_vm *vm);		/* reset pulse -> hs_vm_stop(REBOOT) */
int hs_pci_create(struct hs_vm *vm);		/* mechanism 1, host and ISA bridge */
int hs_ide_create(struct hs_vm *vm);		/* PIIX IDE with the config's disks */
int hs_e1000_create(struct hs_vm *vm);		/* an 82540EM per NIC with an emulated model */
int hs_debug_exit_create(struct hs_vm *vm);	/* port config->debug_exit */
int hs_acpi_pm_create(struct hs_vm *vm);	/* PM1, S5, reset register, power button */

/* Presses the power button (SCI); from the main thread on SIGTERM. */
void hs_acpi_power_button(struct hs_vm *vm);
/* The clock's alarm, which wakes a guest that sleeps (fixed event). vm->lock held. */
void hs_acpi_rtc_alarm(struct hs_vm *vm);

/*
 * The IDE model of disk n (config order; n/2 is the channel, n%2 the drive).
 * detach: -EBUSY while a command is in flight there; on 0 the drive is gone
 * as if it had been pulled. attach: it is there again, as after power-on.
 * Called with vm->lock held.
 */
int hs_ide_detach(struct hs_vm *vm, unsigned int n);
void hs_ide_attach(struct hs_vm *vm, unsigned int n);
uint32_t hs_ide_location(unsigned int n);	/* PVK_COUNTERPART_IDE() */

/*
 * The emulated model of NIC n (config order). detach: waits for frames that are
 * being sent; the function is gone from its slot as if it had been pulled, and
 * its model off the back end. attach: there again, as after power-on.
 * vm->lock is not held: they take it, and wait without it. One at a time (pv->lock).
 */
void hs_e1000_detach(struct hs_vm *vm, unsigned int n);
void hs_e1000_attach(struct hs_vm *vm, unsigned int n);

#endif /* HS_EMU_H */
