/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI bus 0 behind configuration mechanism 1 (PCI Local Bus 3.0, 3.2.2.3.2):
 * a function is 256 bytes of configuration space, a write mask and I/O BARs.
 */
#ifndef HS_EMU_PCI_H
#define HS_EMU_PCI_H

#include "../hs.h"
#include "../io.h"

struct hs_pci_function {
	uint8_t devfn;
	uint8_t config[256];	/* power-on values, then current */
	uint8_t writable[256];	/* bit mask; BARs are handled apart */
	struct hs_region *bar[6];	/* I/O BARs: region moved as programmed, or NULL */
	bool mapped[6];			/* pci.c's: the region is there now */
	/* after a write to configuration space; may be NULL; vm->lock held */
	void (*written)(struct hs_pci_function *f, uint8_t offset, unsigned int size);
	struct hs_pci_function *next;
};

/* The function stays the caller's; regions of BARs are added when I/O decoding is on. */
int hs_pci_add(struct hs_vm *vm, struct hs_pci_function *f);

#endif /* HS_EMU_PCI_H */
