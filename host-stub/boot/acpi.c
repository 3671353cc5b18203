/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables (ACPI 6.4, chapter 5.2), written into guest RAM at
 * HS_BOOT_RSDP: RSDP, XSDT, FADT, FACS, MADT, the DSDT, and the SSDT of the
 * pvkit device when config->pv_offer says that there is something to find.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../emu/emu.h"
#include "boot.h"

struct sdt {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

struct rsdp {
	char signature[8];
	uint8_t checksum;		/* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t checksum_all;
	uint8_t reserved[3];
} __attribute__((packed));

struct gas {
	uint8_t space;			/* 1: I/O */
	uint8_t bits;
	uint8_t bit_offset;
	uint8_t access;			/* 1 byte, 2 word, 3 dword */
	uint64_t address;
} __attribute__((packed));

struct fadt {
	struct sdt sdt;
	uint32_t facs;
	uint32_t dsdt;
	uint8_t reserved0;
	uint8_t profile;
	uint16_t sci;
	uint32_t smi_command;
	uint8_t acpi_enable, acpi_disable, s4bios, pstate;
	uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control;
	uint32_t pm2_control, pm_timer, gpe0, gpe1;
	uint8_t pm1_event_len, pm1_control_len, pm2_control_len, pm_timer_len;
	uint8_t gpe0_len, gpe1_len, gpe1_base, cst;
	uint16_t c2_latency, c3_latency, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_flags;
	uint8_t reserved1;
	uint32_t flags;
	struct gas reset;
	uint8_t reset_value;
	uint16_t arm_flags;
	uint8_t minor;
	uint64_t x_facs, x_dsdt;
	struct gas x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control;
	struct gas x_pm2_control, x_pm_timer, x_gpe0, x_gpe1;
	struct gas sleep_control, sleep_status;
	uint64_t hypervisor;
} __attribute__((packed));

struct facs {
	char signature[4];
	uint32_t length;
	uint32_t hardware;
	uint32_t waking_vector;
	uint32_t lock;
	uint32_t flags;
	uint64_t x_waking_vector;
	uint8_t version;
	uint8_t reserved[31];
} __attribute__((packed));

struct madt_cpu {
	uint8_t type, length, uid, apic;
	uint32_t flags;
} __attribute__((packed));

struct madt_ioapic {
	uint8_t type, length, id, reserved;
	uint32_t address, gsi;
} __attribute__((packed));

struct madt_override {
	uint8_t type, length, bus, source;
	uint32_t gsi;
	uint16_t flags;
} __attribute__((packed));

struct madt_nmi {
	uint8_t type, length, uid;
	uint16_t flags;
	uint8_t lint;
} __attribute__((packed));

struct madt {
	struct sdt sdt;
	uint32_t lapic;
	uint32_t flags;
	struct madt_ioapic ioapic;
	struct madt_override timer, sci;
	struct madt_nmi nmi;
	struct madt_cpu cpu[HS_MAX_VCPUS];
} __attribute__((packed));

_Static_assert(sizeof(struct sdt) == 36, "ACPI table header");
_Static_assert(sizeof(struct rsdp) == 36, "RSDP");
_Static_assert(sizeof(struct fadt) == 276, "FADT revision 6");
_Static_assert(sizeof(struct facs) == 64, "FACS");

#define FADT_WBINVD		(1u << 0)
#define FADT_PROC_C1		(1u << 2)
#define FADT_NO_SLEEP_BUTTON	(1u << 5)
#define FADT_RESET_SUPPORTED	(1u << 10)
#define FADT_BOOT_LEGACY	(1u << 0)
#define FADT_BOOT_8042		(1u << 1)
#define FADT_BOOT_NO_VGA	(1u << 2)

#define MADT_PCAT		1u
#define MPS_EDGE_HIGH		0x05u
#define MPS_LEVEL_HIGH		0x0du


static uint8_t sum(const void *data, size_t bytes)
{
	const uint8_t *p = data;
	uint8_t s = 0;

	while (bytes--)
		s = (uint8_t)(s + *p++);
	return (uint8_t)-s;
}

static void head(struct sdt *sdt, const char *signature, uint8_t revision, size_t length)
{
	memcpy(sdt->signature, signature, 4);
	sdt->length = (uint32_t)length;
	sdt->revision = revision;
	memcpy(sdt->oem_id, "PVKIT ", 6);
	memcpy(sdt->oem_table_id, "PVKITVM ", 8);
	sdt->oem_revision = 1;
	memcpy(sdt->creator_id, "PVKT", 4);
	sdt->creator_revision = 1;
}

/* Appends a table at *at, 64-byte aligned; gives its address. 0 or -EFAULT. */
static int acpi_put(struct hs_mem *mem, hs_gpa *at, const void *table, size_t bytes,
		    hs_gpa *address)
{
	hs_gpa gpa = (*at + 63) & ~63ull;

	if (gpa + bytes > HS_BOOT_LOW_END)
		return -EFAULT;
	*address = gpa;
	*at = gpa + bytes;
	return hs_mem_write(mem, gpa, table, bytes);
}

static struct gas port(uint16_t address, uint8_t bits)
{
	struct gas gas = { .space = 1, .bits = bits, .address = address };

	gas.access = bits == 8 ? 1 : bits == 16 ? 2 : 3;
	return gas;
}

static void make_fadt(struct fadt *fadt, hs_gpa facs, hs_gpa dsdt)
{
	memset(fadt, 0, sizeof(*fadt));
	head(&fadt->sdt, "FACP", 6, sizeof(*fadt));
	fadt->minor = 4;
	/* One address only: a kernel that sees both complains when they differ in form. */
	fadt->facs = (uint32_t)facs;
	fadt->dsdt = (uint32_t)dsdt;
	fadt->x_dsdt = dsdt;
	fadt->sci = HS_IRQ_SCI;
	fadt->pm1a_event = HS_PORT_PM1_EVT;
	fadt->pm1a_control = HS_PORT_PM1_CNT;
	fadt->gpe0 = HS_PORT_GPE0;
	fadt->gpe0_len = 4;
	fadt->x_gpe0 = port(HS_PORT_GPE0, 32);
	fadt->century = HS_CMOS_CENTURY;
	fadt->pm1_event_len = 4;
	fadt->pm1_control_len = 2;
	fadt->x_pm1a_event = port(HS_PORT_PM1_EVT, 32);
	fadt->x_pm1a_control = port(HS_PORT_PM1_CNT, 16);
	fadt->c2_latency = 0xffff;	/* no C2, no C3 */
	fadt->c3_latency = 0xffff;
	fadt->boot_flags = FADT_BOOT_LEGACY | FADT_BOOT_8042 | FADT_BOOT_NO_VGA;
	/*
	 * Fixed events: power button (bit 4 clear), the clock's alarm (bit 6 clear); no sleep
	 * button.
	 */
	fadt->flags = FADT_WBINVD | FADT_PROC_C1 | FADT_NO_SLEEP_BUTTON | FADT_RESET_SUPPORTED;
	fadt->reset = port(HS_PORT_RESET, 8);
	fadt->reset_value = HS_RESET_VALUE;
	fadt->sdt.checksum = sum(fadt, sizeof(*fadt));
}

/* Returns the table's length: vcpus CPUs. */
static size_t make_madt(struct madt *madt, unsigned int vcpus)
{
	size_t length = sizeof(*madt) - (HS_MAX_VCPUS - vcpus) * sizeof(madt->cpu[0]);

	memset(madt, 0, sizeof(*madt));
	head(&madt->sdt, "APIC", 5, length);
	madt->lapic = HS_MMIO_LAPIC;
	madt->flags = MADT_PCAT;
	madt->ioapic = (struct madt_ioapic){ .type = 1, .length = 12, .address = HS_MMIO_IOAPIC };
	/* irq.c lines the timer to pin 2. */
	madt->timer = (struct madt_override){ 2, 10, 0, 0, 2, MPS_EDGE_HIGH };
	madt->sci = (struct madt_override){ 2, 10, 0, HS_IRQ_SCI, HS_IRQ_SCI, MPS_LEVEL_HIGH };
	madt->nmi = (struct madt_nmi){ 4, 6, 0xff, 0, 1 };
	for (unsigned int i = 0; i < vcpus; i++)
		madt->cpu[i] = (struct madt_cpu){ 0, 8, (uint8_t)i, (uint8_t)i, 1 };
	madt->sdt.checksum = sum(madt, length);
	return length;
}

/*
 * The DSDT with the number of CPUs in it: `Name (NCPU, 0xff)`, which iasl makes NameOp, the name,
 * BytePrefix and the byte (ACPI 6.4, 20.2). The address in *gpa. 0 or -errno.
 */
static int put_dsdt(struct hs_vm *vm, hs_gpa *at, hs_gpa *gpa)
{
	static const char name[] = "\x08NCPU\x0a\xff";
	uint8_t *dsdt = malloc(hs_aml_dsdt_bytes), *found;
	int ret;

	if (!dsdt)
		return -ENOMEM;
	memcpy(dsdt, hs_aml_dsdt, hs_aml_dsdt_bytes);
	found = memmem(dsdt, hs_aml_dsdt_bytes, name, sizeof(name) - 1);
	if (found) {
		struct sdt *sdt = (struct sdt *)dsdt;

		found[sizeof(name) - 2] = (uint8_t)vm->config->vcpus;
		sdt->checksum = 0;
		sdt->checksum = sum(dsdt, hs_aml_dsdt_bytes);
	}
	ret = found ? acpi_put(vm->mem, at, dsdt, hs_aml_dsdt_bytes, gpa) : -EINVAL;
	free(dsdt);
	return ret;
}

int hs_acpi_tables(struct hs_vm *vm)
{
	struct {
		struct sdt sdt;
		uint64_t entry[3];
	} __attribute__((packed)) xsdt;
	struct facs facs = { .signature = "FACS", .length = sizeof(facs), .version = 2 };
	struct rsdp rsdp = { .signature = "RSD PTR ", .revision = 2, .length = sizeof(rsdp) };
	struct fadt fadt;
	struct madt madt;
	hs_gpa at = HS_BOOT_ACPI, facs_gpa, dsdt_gpa, gpa;
	unsigned int n = 0;
	int ret;

	ret = acpi_put(vm->mem, &at, &facs, sizeof(facs), &facs_gpa);
	if (ret < 0)
		goto full;
	ret = put_dsdt(vm, &at, &dsdt_gpa);
	if (ret < 0)
		goto full;
	make_fadt(&fadt, facs_gpa, dsdt_gpa);
	ret = acpi_put(vm->mem, &at, &fadt, sizeof(fadt), &gpa);
	if (ret < 0)
		goto full;
	memset(&xsdt, 0, sizeof(xsdt));
	xsdt.entry[n++] = gpa;
	ret = acpi_put(vm->mem, &at, &madt, make_madt(&madt, vm->config->vcpus), &gpa);
	if (ret < 0)
		goto full;
	xsdt.entry[n++] = gpa;
	if (vm->config->pv_offer) {
		ret = acpi_put(vm->mem, &at, hs_aml_pvk, hs_aml_pvk_bytes, &gpa);
		if (ret < 0)
			goto full;
		xsdt.entry[n++] = gpa;
	}
	head(&xsdt.sdt, "XSDT", 1, sizeof(xsdt.sdt) + n * sizeof(xsdt.entry[0]));
	xsdt.sdt.checksum = sum(&xsdt, xsdt.sdt.length);
	ret = acpi_put(vm->mem, &at, &xsdt, xsdt.sdt.length, &gpa);
	if (ret < 0)
		goto full;
	memcpy(rsdp.oem_id, "PVKIT ", 6);
	rsdp.xsdt = gpa;
	rsdp.checksum = sum(&rsdp, 20);
	rsdp.checksum_all = sum(&rsdp, sizeof(rsdp));
	ret = hs_mem_write(vm->mem, HS_BOOT_RSDP, &rsdp, sizeof(rsdp));
	if (!ret)
		return 0;
full:
	hs_error("ACPI tables do not fit into 0x%x..0x%x", HS_BOOT_RSDP, HS_BOOT_INFO);
	return ret;
}
