/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI configuration mechanism 1 (PCI Local Bus 3.0, 3.2.2.3.2) for bus 0, with
 * an i440FX host bridge and a PIIX4 ISA bridge that identify themselves and
 * route interrupts.
 *
 * The guest writes the address register and, through it, the writable bits of
 * each function. BARs move their region when the guest moves them, and exist
 * only while the command register lets the function decode that space.
 *
 * Interrupts: INTA of NIC n has the IOAPIC's wire HS_IRQ_NIC(n) for itself, and
 * is PIRQ n of the ISA bridge, whose route control register (82371AB data
 * sheet, 4.1.10) brings it to the 8259s or, bit 7, does not. As a BIOS leaves
 * it, all go to HS_IRQ_NIC_PIC; _PIC of boot/dsdt.asl turns that off for a
 * guest that uses the IOAPIC, which saves a system call per change.
 */
#include "pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../irq.h"
#include "emu.h"
#include "../util.h"

#define ADDRESS_ENABLE	0x80000000u
#define BAR_IO		0x01u
#define PIRQRC		0x60	/* .. 0x63 of the ISA bridge */
#define PIRQRC_OFF	0x80u
#define PIRQRC_IRQ	0x0fu
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
	pthread_mutex_t lines;		/* the two below; taken last */
	bool level[HS_MAX_NICS];	/* INTA of NIC n */
	bool pic_level;			/* HS_IRQ_NIC_PIC */
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

/* A byte at a time, so that hs_pci_command() may look at any moment. */
static void config_put(struct hs_pci_function *f, unsigned int at, uint8_t value)
{
	__atomic_store_n(&f->config[at], value, __ATOMIC_RELAXED);
}

static void config_set(struct hs_pci_function *f, unsigned int at, uint32_t value)
{
	for (unsigned int i = 0; i < 4; i++)
		config_put(f, at + i, (uint8_t)(value >> 8 * i));
}

uint16_t hs_pci_command(const struct hs_pci_function *f)
{
	return (uint16_t)(__atomic_load_n(&f->config[PCI_COMMAND], __ATOMIC_RELAXED) |
			  __atomic_load_n(&f->config[PCI_COMMAND + 1], __ATOMIC_RELAXED) << 8);
}

/* ---- interrupts ---- */

/* The 8259s' input as PIRQRC and the functions have it. pci->lines held. */
static void update_pic(struct hs_pci *pci)
{
	bool level = false;

	for (unsigned int n = 0; n < HS_MAX_NICS; n++) {
		uint8_t route = __atomic_load_n(&pci->isa.config[PIRQRC + n], __ATOMIC_RELAXED);

		if (!(route & PIRQRC_OFF) && (route & PIRQRC_IRQ) == HS_IRQ_NIC_PIC)
			level |= pci->level[n];
	}
	if (level == pci->pic_level)
		return;
	pci->pic_level = level;
	hs_irq_line(pci->vm->irq, HS_IRQ_NIC_PIC, level);
}

void hs_pci_intx(struct hs_vm *vm, struct hs_pci_function *f, bool asked, bool off)
{
	struct hs_pci *pci = vm->pci;
	unsigned int n = (unsigned int)(f->devfn - HS_PCI_NIC(0)) >> 3;
	bool level = asked && !off;

	if (f->devfn < HS_PCI_NIC(0) || n >= HS_MAX_NICS)
		return;
	__atomic_store_n(&f->intx, asked, __ATOMIC_RELAXED);
	pthread_mutex_lock(&pci->lines);
	if (level != pci->level[n]) {
		pci->level[n] = level;
		hs_irq_line(vm->irq, HS_IRQ_NIC(n), level);
		update_pic(pci);
	}
	pthread_mutex_unlock(&pci->lines);
}

/* ISA bridge: the guest changed a route. */
static void isa_written(struct hs_pci_function *f, uint8_t offset, unsigned int size)
{
	struct hs_pci *pci = hs_container_of(f, struct hs_pci, isa);

	(void)offset;
	(void)size;
	pthread_mutex_lock(&pci->lines);
	update_pic(pci);
	pthread_mutex_unlock(&pci->lines);
}

/* ---- BARs ---- */

static bool decodes(const struct hs_pci_function *f, const struct hs_region *r)
{
	return f->config[PCI_COMMAND] &
	       (r->space == HS_PIO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY);
}

/* Makes the regions of the BARs follow what is programmed. vm->lock held. */
static void update_bars(struct hs_vm *vm, struct hs_pci_function *f)
{
	for (unsigned int i = 0; i < 6; i++) {
		struct hs_region *r = f->bar[i];
		uint64_t base;
		bool on;

		if (!r)
			continue;
		on = decodes(f, r);
		base = config_get(f, PCI_BAR0 + 4 * i) &
		       (r->space == HS_PIO ? 0xfffcu : 0xfffffff0u);
		if (f->mapped[i] && on && r->base == base)
			continue;
		if (f->mapped[i])
			hs_io_remove(vm->io, r);
		f->mapped[i] = false;
		if (!on || !base)
			continue;
		__atomic_store_n(&r->base, base, __ATOMIC_RELAXED);
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

static uint8_t config_read(const struct hs_pci_function *f, unsigned int at)
{
	uint8_t value = f->config[at];

	if (at == PCI_STATUS && __atomic_load_n(&f->intx, __ATOMIC_RELAXED))
		value |= PCI_STATUS_INTX;
	return value;
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
		value |= (uint64_t)config_read(f, at + i) << 8 * i;
	return value;
}

static void write_bar(struct hs_pci_function *f, unsigned int bar, uint32_t value)
{
	struct hs_region *r = f->bar[bar];

	if (!r)
		return;
	value &= ~((uint32_t)r->len - 1);	/* sizing: the bits below the length read as zero */
	config_set(f, PCI_BAR0 + 4 * bar, r->space == HS_PIO ? (value & 0xffffu) | BAR_IO : value);
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
	if (at >= PCI_BAR0 && at < PCI_BAR0 + 24) {
		unsigned int bar = (at - PCI_BAR0) / 4, shift = 8 * (at & 3u);
		uint32_t mask = (uint32_t)(ones(size) << shift);

		write_bar(f, bar, (config_get(f, PCI_BAR0 + 4 * bar) & ~mask) |
				  ((uint32_t)(value << shift) & mask));
	} else {
		for (unsigned int i = 0; i < size && at + i < 256; i++) {
			uint8_t mask = f->writable[at + i];

			config_put(f, at + i, (uint8_t)((f->config[at + i] & ~mask) |
							((value >> 8 * i) & mask)));
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
	for (struct hs_pci_function *g = vm->pci->functions; g; g = g->next)
		if (g->devfn == f->devfn)
			return -EBUSY;
	f->next = vm->pci->functions;
	vm->pci->functions = f;
	update_bars(vm, f);
	return 0;
}

void hs_pci_remove(struct hs_vm *vm, struct hs_pci_function *f)
{
	struct hs_pci_function **link = &vm->pci->functions;

	while (*link && *link != f)
		link = &(*link)->next;
	if (!*link)
		return;
	*link = f->next;
	for (unsigned int i = 0; i < 6; i++) {
		if (f->mapped[i])
			hs_io_remove(vm->io, f->bar[i]);
		f->mapped[i] = false;
	}
}

static void pci_identify(struct hs_pci_function *f, uint8_t devfn, uint32_t id, uint32_t class_rev,
		     uint8_t header)
{
	f->devfn = devfn;
	config_set(f, 0x00, id);
	config_set(f, 0x08, class_rev);
	f->config[0x0e] = header;
	f->writable[PCI_COMMAND] = 0x07;
}

/* What a BIOS leaves: all PIRQs on one input of the 8259s. */
static void reset_routes(struct hs_pci *pci)
{
	for (unsigned int n = 0; n < HS_MAX_NICS; n++)
		config_put(&pci->isa, PIRQRC + n, HS_IRQ_NIC_PIC);
	isa_written(&pci->isa, PIRQRC, HS_MAX_NICS);
}

static void pci_reset(struct hs_chip *chip)
{
	struct hs_pci *pci = (struct hs_pci *)chip;

	pci->address = 0;
	pci->reset_control = 0;
	reset_routes(pci);
}

static void pci_destroy(struct hs_chip *chip)
{
	struct hs_pci *pci = (struct hs_pci *)chip;

	hs_io_remove(pci->vm->io, &pci->region);
	pci->vm->pci = NULL;
	pthread_mutex_destroy(&pci->lines);
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
		.regs = pci_regs, .nregs = HS_COUNT(pci_regs),
		.read = pci_read, .write = pci_write, .opaque = pci,
	};
	ret = hs_io_add(vm->io, &pci->region);
	if (ret) {
		free(pci);
		return ret;
	}
	vm->pci = pci;
	pthread_mutex_init(&pci->lines, NULL);
	/* Intel 440FX and PIIX4 data sheets */
	pci_identify(&pci->host, HS_PCI_HOST_BRIDGE, 0x12378086u, 0x06000002u, 0x00);
	pci_identify(&pci->isa, HS_PCI_ISA_BRIDGE, 0x71108086u, 0x06010000u, 0x80);
	pci->isa.written = isa_written;
	for (unsigned int n = 0; n < HS_MAX_NICS; n++)
		pci->isa.writable[PIRQRC + n] = PIRQRC_OFF | PIRQRC_IRQ;
	reset_routes(pci);
	hs_pci_add(vm, &pci->host);
	hs_pci_add(vm, &pci->isa);
	hs_chip_add(vm, &pci->chip);
	return 0;
}
