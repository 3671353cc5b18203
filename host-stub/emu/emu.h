/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The emulated machine: an i440FX-like PC, as far as stock drivers look.
 * Every chip registers its regions, its hs_chip and its lines at creation.
 * All return 0 or -errno (with the line printed).
 */
#ifndef HS_EMU_H
#define HS_EMU_H

#include "../hs.h"
#include "../layout.h"

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
