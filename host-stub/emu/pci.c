/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI configuration mechanism 1 (PCI Local Bus 3.0, 3.2.2.3.2) for bus 0, with
 * an i440FX host bridge and a PIIX4 ISA bridge that only identify themselves.
 *
 * The guest writes the address register and, through it, the writable bits of
 * each function. I/O BARs move their region when the guest moves them, and
 * exist only while the command register's I/O bit is on.
 */
#include "pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "emu.h"

#define ADDRESS_ENABLE	0x80000000u
#define COMMAND		0x04
#define COMMAND_IO	0x01u
#define BAR0		0x10
#define BAR_IO		0x01u
#define RESET_HARD	0x02u
#define RESET_CPU	0x04u

struct hs_pci {
	struct hs_chip chip;
	struct hs_vm *vm;
	struct hs_region region;
	uint32_t address;
	uint8_t reset_control;
	struct hs_pci_function *functions;
	struct hs_pci_function host, isa;
};

static const struct hs_reg pci_regs[] = {
	{ 0, 4, HS_REG_RW, "CONFIG_ADDRESS" },
	{ 1, 1, HS_REG_RW, "RST_CNT" },
	{ 4, 4, HS_REG_RW, "CONFIG_DATA" },
};

static uint32_t config_get(const struct hs_pci_function *f, unsigned int at)
{
	return f->config[at] | (uint32_t)f->config[at + 1] << 8 |
	       (uint32_t)f->config[at + 2] << 16 | (uint32_t)f->config[at + 3] << 24;
}

static void config_set(struct hs_pci_function *f, unsigned int at, uint32_t value)
{
	for (unsigned int i = 0; i < 4; i++)
		f->config[at + i] = (uint8_t)(value >> 8 * i);
}

/* Makes the regions of the BARs follow what is programmed. vm->lock held. */
static void update_bars(struct hs_vm *vm, struct hs_pci_function *f)
{
	bool on = f->config[COMMAND] & COMMAND_IO;

	for (unsigned int i = 0; i < 6; i++) {
		struct hs_region *r = f->bar[i];
		uint64_t base;

		if (!r)
			continue;
		base = config_get(f, BAR0 + 4 * i) & 0xfffcu;
		if (f->mapped[i] && on && r->base == base)
			continue;
		if (f->mapped[i])
			hs_io_remove(vm->io, r);
		f->mapped[i] = false;
		if (!on || !base)
			continue;
		r->base = base;
		/* where another chip already is, the BAR stays invisible */
		f->mapped[i] = hs_io_add(vm->io, r) == 0;
	}
}

static struct hs_pci_function *selected(struct hs_pci *pci)
{
	struct hs_pci_function *f;

	if (!(pci->address & ADDRESS_ENABLE) || (pci->address >> 16 & 0xffu))
		return NULL;
	for (f = pci->functions; f; f = f->next)
		if (f->devfn == (pci->address >> 8 & 0xffu))
			return f;
	return NULL;
}

static uint64_t ones(unsigned int size)
{
	return size >= 8 ? ~0ull : (1ull << 8 * size) - 1;
}

/*
 * Reset control register (PIIX4 data sheet, RC at 0xcf9): a byte in the middle
 * of CONFIG_ADDRESS. Bit 2 going up resets the machine.
 */
static void reset_control(struct hs_pci *pci, uint8_t value)
{
	if (value & ~pci->reset_control & RESET_CPU)
		hs_vm_stop(pci->vm, HS_STOP_REBOOT);
	pci->reset_control = value & (RESET_CPU | RESET_HARD);
}

static uint64_t pci_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct hs_pci *pci = opaque;
	struct hs_pci_function *f;
	unsigned int at;
	uint64_t value = 0;

	if (offset < 4)
		return offset == 0 && size == 4 ? pci->address :
		       offset == 1 && size == 1 ? pci->reset_control : ones(size);
	f = selected(pci);
	at = (pci->address & 0xfcu) + (unsigned int)(offset - 4);
	if (!f || size > 4)
		return ones(size);
	for (unsigned int i = 0; i < size && at + i < 256; i++)
		value |= (uint64_t)f->config[at + i] << 8 * i;
	return value;
}

static void write_bar(struct hs_pci_function *f, unsigned int bar, uint32_t value)
{
	struct hs_region *r = f->bar[bar];

	if (r)		/* sizing: the bits below the length read as zero */
		config_set(f, BAR0 + 4 * bar, (value & 0xffffu & ~((uint32_t)r->len - 1)) | BAR_IO);
}

static void pci_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct hs_pci *pci = opaque;
	struct hs_pci_function *f;
	unsigned int at;

	if (offset < 4) {
		if (offset == 0 && size == 4)
			pci->address = (uint32_t)value & 0x80fffffcu;
		else if (offset == HS_PORT_RESET - HS_PORT_PCI_CONFIG && size == 1)
			reset_control(pci, (uint8_t)value);
		return;
	}
	f = selected(pci);
	at = (pci->address & 0xfcu) + (unsigned int)(offset - 4);
	if (!f || size > 4)
		return;
	if (at >= BAR0 && at < BAR0 + 24) {
		unsigned int bar = (at - BAR0) / 4, shift = 8 * (at & 3u);
		uint32_t mask = (uint32_t)(ones(size) << shift);

		write_bar(f, bar, (config_get(f, BAR0 + 4 * bar) & ~mask) |
				  ((uint32_t)(value << shift) & mask));
	} else {
		for (unsigned int i = 0; i < size && at + i < 256; i++) {
			uint8_t mask = f->writable[at + i];

			f->config[at + i] = (uint8_t)((f->config[at + i] & ~mask) |
						      ((value >> 8 * i) & mask));
		}
	}
	update_bars(pci->vm, f);
	if (f->written)
		f->written(f, (uint8_t)at, size);
}

int hs_pci_add(struct hs_vm *vm, struct hs_pci_function *f)
{
	for (unsigned int i = 0; i < 6; i++)
		if (f->bar[i] && (f->bar[i]->len & (f->bar[i]->len - 1)))
			return -EINVAL;	/* a BAR is a power of two */
	f->next = vm->pci->functions;
	vm->pci->functions = f;
	update_bars(vm, f);
	return 0;
}

static void identify(struct hs_pci_function *f, uint8_t devfn, uint32_t id, uint32_t class_rev,
		     uint8_t header)
{
	f->devfn = devfn;
	config_set(f, 0x00, id);
	config_set(f, 0x08, class_rev);
	f->config[0x0e] = header;
	f->writable[COMMAND] = 0x07;
}

static void pci_reset(struct hs_chip *chip)
{
	struct hs_pci *pci = (struct hs_pci *)chip;

	pci->address = 0;
	pci->reset_control = 0;
}

static void pci_destroy(struct hs_chip *chip)
{
	struct hs_pci *pci = (struct hs_pci *)chip;

	hs_io_remove(pci->vm->io, &pci->region);
	pci->vm->pci = NULL;
	free(pci);
}

int hs_pci_create(struct hs_vm *vm)
{
	struct hs_pci *pci = calloc(1, sizeof(*pci));
	int ret;

	if (!pci)
		return -ENOMEM;
	pci->vm = vm;
	pci->chip = (struct hs_chip){ .name = "pci", .reset = pci_reset, .destroy = pci_destroy };
	pci->region = (struct hs_region){
		.device = "pci", .space = HS_PIO, .base = HS_PORT_PCI_CONFIG, .len = 8,
		.regs = pci_regs, .nregs = sizeof(pci_regs) / sizeof(pci_regs[0]),
		.read = pci_read, .write = pci_write, .opaque = pci,
	};
	ret = hs_io_add(vm->io, &pci->region);
	if (ret) {
		free(pci);
		return ret;
	}
	vm->pci = pci;
	/* Intel 440FX and PIIX4 data sheets: identification only */
	identify(&pci->host, HS_PCI_HOST_BRIDGE, 0x12378086u, 0x06000002u, 0x00);
	identify(&pci->isa, HS_PCI_ISA_BRIDGE, 0x71108086u, 0x06010000u, 0x80);
	hs_pci_add(vm, &pci->host);
	hs_pci_add(vm, &pci->isa);
	hs_chip_add(vm, &pci->chip);
	return 0;
}
