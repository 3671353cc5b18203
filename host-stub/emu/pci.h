/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI bus 0 behind configuration mechanism 1 (PCI Local Bus 3.0, 3.2.2.3.2):
 * a function is 256 bytes of configuration space, a write mask, BARs and INTA.
 * Functions may come and go; an empty slot reads as all ones.
 */
#ifndef HS_EMU_PCI_H
#define HS_EMU_PCI_H

#include "../hs.h"
#include "../io.h"

/* Command and status register (PCI Local Bus 3.0, 6.2.2 and 6.2.3) */
#define PCI_COMMAND		0x04
#define PCI_COMMAND_IO		0x0001u
#define PCI_COMMAND_MEMORY	0x0002u
#define PCI_COMMAND_MASTER	0x0004u
#define PCI_COMMAND_INTX_OFF	0x0400u
#define PCI_STATUS		0x06
#define PCI_STATUS_INTX		0x08u	/* asked for, whether let through or not */
#define PCI_BAR0		0x10

struct hs_pci_function {
	uint8_t devfn;
	uint8_t config[256];	/* power-on values, then current */
	uint8_t writable[256];	/* bit mask; BARs are handled apart */
	struct hs_region *bar[6];	/* region moved as programmed, or NULL; both spaces */
	bool mapped[6];			/* pci.c's: the region is there now */
	bool intx;			/* pci.c's: what hs_pci_intx() said last */
	/* after a write to configuration space; may be NULL; vm->lock held */
	void (*written)(struct hs_pci_function *f, uint8_t offset, unsigned int size);
	struct hs_pci_function *next;
};

/*
 * Puts a function into its slot, which is empty. It stays the caller's; the
 * regions of its BARs are there while I/O or memory decoding is on. 0, -EINVAL
 * (a BAR that is no power of two) or -EBUSY. vm->lock held or before vCPUs run.
 */
int hs_pci_add(struct hs_vm *vm, struct hs_pci_function *f);
/* Takes it out again, and its regions. A wire that it drives, the caller lets go before. */
void hs_pci_remove(struct hs_vm *vm, struct hs_pci_function *f);

/* The command register as the guest wrote it. Any thread. */
uint16_t hs_pci_command(const struct hs_pci_function *f);

/*
 * Drives INTA of a NIC's function: `asked` shows in the status register, the
 * lines follow unless `off`. Any thread; vm->lock may be held or not.
 */
void hs_pci_intx(struct hs_vm *vm, struct hs_pci_function *f, bool asked, bool off);

#endif /* HS_EMU_PCI_H */
