// SPDX-License-Identifier: BSD-2-Clause
/*
 * Intel MP tables (MultiProcessor Specification 1.4, chapter 4), for kernels
 * that know no ACPI: the floating pointer in the EBDA's first KiB, the
 * configuration table behind it. They say what the MADT and the _PRT say.
 */
#include <errno.h>
#include <string.h>

#include "../emu/emu.h"
#include "boot.h"

#define TABLE_MOST	992u		/* up to the end of the EBDA */
#define IOAPIC_ID	0u		/* that of KVM's chip, and the MADT's */
#define APIC_VERSION	0x14

#define BUS_PCI		0
#define BUS_ISA		1
#define ENABLED		1
#define BOOT_CPU	2

enum { CPU = 0, BUS = 1, IOAPIC = 2, IO_INTERRUPT = 3, LOCAL_INTERRUPT = 4 };
enum { INT = 0, NMI = 1, EXTINT = 3 };
#define CONFORMS	0
#define LOW_LEVEL	0xf

struct pointer {
	char signature[4];
	uint32_t table;
	uint8_t paragraphs, revision, checksum, feature[5];
} __attribute__((packed));

struct head {
	char signature[4];
	uint16_t length;
	uint8_t revision, checksum;
	char oem[8], product[12];
	uint32_t oem_table;
	uint16_t oem_size, entries;
	uint32_t lapic;
	uint16_t extended_length;
	uint8_t extended_checksum, reserved;
} __attribute__((packed));

struct cpu {
	uint8_t type, apic_id, version, flags;
	uint32_t signature, features, reserved[2];
} __attribute__((packed));

struct bus {
	uint8_t type, id;
	char name[6];
} __attribute__((packed));

struct ioapic {
	uint8_t type, id, version, flags;
	uint32_t address;
} __attribute__((packed));

struct interrupt {
	uint8_t type, kind;
	uint16_t flags;
	uint8_t bus, irq, apic, pin;
} __attribute__((packed));

struct table {
	_Alignas(8) uint8_t bytes[TABLE_MOST];
	uint16_t length, entries;
};

_Static_assert(HS_BOOT_MP + sizeof(struct pointer) + TABLE_MOST <=
	       HS_BOOT_EBDA + HS_BOOT_EBDA_KIB * 1024, "they end with the EBDA");
_Static_assert(sizeof(struct head) + HS_MAX_VCPUS * sizeof(struct cpu) + 2 * sizeof(struct bus) +
			       sizeof(struct ioapic) +
			       (15 + HS_MAX_NICS + 2) * sizeof(struct interrupt) <=
		       TABLE_MOST,
	       "all entries fit");

static void mptable_add(struct table *t, const void *entry, size_t bytes)
{
	memcpy(t->bytes + t->length, entry, bytes);
	t->length = (uint16_t)(t->length + bytes);
	t->entries++;
}

static void add_interrupt(struct table *t, uint8_t type, uint8_t kind, uint16_t flags, uint8_t bus,
			  uint8_t irq, uint8_t apic, uint8_t pin)
{
	struct interrupt i = { type, kind, flags, bus, irq, apic, pin };

	mptable_add(t, &i, sizeof(i));
}

static uint8_t checksum(const void *data, size_t bytes)
{
	const uint8_t *p = data;
	uint8_t sum = 0;

	while (bytes--)
		sum = (uint8_t)(sum + *p++);
	return (uint8_t)-sum;
}

/* Lines of ISA as irq.c has them, and INTA of the NICs */
static void add_lines(struct table *t)
{
	for (uint8_t irq = 0; irq < 16; irq++) {
		if (irq == 2)
			continue;
		add_interrupt(t, IO_INTERRUPT, INT, irq == HS_IRQ_SCI ? LOW_LEVEL : CONFORMS,
			      BUS_ISA, irq, IOAPIC_ID, irq ? irq : 2);
	}
	for (unsigned int n = 0; n < HS_MAX_NICS; n++)
		add_interrupt(t, IO_INTERRUPT, INT, LOW_LEVEL, BUS_PCI,
			      (uint8_t)(HS_PCI_NIC(n) >> 3 << 2), IOAPIC_ID,
			      (uint8_t)HS_IRQ_NIC(n));
	add_interrupt(t, LOCAL_INTERRUPT, EXTINT, CONFORMS, BUS_ISA, 0, 0xff, 0);
	add_interrupt(t, LOCAL_INTERRUPT, NMI, CONFORMS, BUS_ISA, 0, 0xff, 1);
}

int hs_mp_table(struct hs_vm *vm)
{
	static const struct bus buses[] = { { BUS, BUS_PCI, "PCI   " }, { BUS, BUS_ISA, "ISA   " } };
	struct ioapic ioapic = { IOAPIC, IOAPIC_ID, 0x11, ENABLED, HS_MMIO_IOAPIC };
	struct pointer pointer = {
		.signature = "_MP_", .table = HS_BOOT_MP + sizeof(pointer), .paragraphs = 1,
		.revision = 4,
	};
	struct head head = {
		.signature = "PCMP", .revision = 4, .oem = "PVKIT   ", .product = "PVKIT-VM    ",
		.lapic = HS_MMIO_LAPIC,
	};
	struct table t = { .length = sizeof(head) };
	int ret;

	for (unsigned int i = 0; i < vm->config->vcpus; i++) {
		struct cpu cpu = { CPU, (uint8_t)i, APIC_VERSION,
				   (uint8_t)(ENABLED | (i ? 0 : BOOT_CPU)), 0x600, 0x201, { 0 } };

		mptable_add(&t, &cpu, sizeof(cpu));
	}
	mptable_add(&t, &buses[0], sizeof(buses[0]));
	mptable_add(&t, &buses[1], sizeof(buses[1]));
	mptable_add(&t, &ioapic, sizeof(ioapic));
	add_lines(&t);
	head.length = t.length;
	head.entries = t.entries;
	memcpy(t.bytes, &head, sizeof(head));
	head.checksum = checksum(t.bytes, t.length);
	memcpy(t.bytes, &head, sizeof(head));
	pointer.checksum = checksum(&pointer, sizeof(pointer));
	ret = hs_mem_write(vm->mem, HS_BOOT_MP, &pointer, sizeof(pointer));
	if (!ret)
		ret = hs_mem_write(vm->mem, HS_BOOT_MP + sizeof(pointer), t.bytes, t.length);
	return ret;
}
