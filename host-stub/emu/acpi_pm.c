/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI power management, fixed hardware (ACPI 6.4, 4.8.3): PM1 event block
 * (status, enable), PM1 control block, power button, the clock's alarm, reset register, and a GPE0
 * block to which nothing is wired. The SCI is a level: high while a status bit is set that is
 * enabled.
 *
 * The guest writes all of it. SLP_EN with SLP_TYP 5 (\_S5 in boot/dsdt.asl) ends
 * the VM; other sleep states do not exist and the write is ignored.
 */
#include <errno.h>
#include <stdlib.h>

#include "../io.h"
#include "../irq.h"
#include "emu.h"

/* PM1 status and enable, ACPI 6.4, tables 4.11 and 4.12 */
#define PM1_GBL		(1u << 5)
#define PM1_PWRBTN	(1u << 8)
#define PM1_SLPBTN	(1u << 9)
#define PM1_RTC		(1u << 10)
#define PM1_WAK		(1u << 15)
#define PM1_STATUS_BITS	(1u << 0 | 1u << 4 | PM1_GBL | PM1_PWRBTN | PM1_SLPBTN | PM1_RTC | PM1_WAK)
#define PM1_ENABLE_BITS	(1u << 0 | PM1_GBL | PM1_PWRBTN | PM1_SLPBTN | PM1_RTC)

/* PM1 control, table 4.13 */
#define PM1_SCI_EN	(1u << 0)
#define PM1_SLP_TYP(v)	((v) >> 10 & 7u)
#define PM1_SLP_EN	(1u << 13)
#define SLP_TYP_S5	5u

struct acpi_pm {
	struct hs_chip chip;
	struct hs_vm *vm;
	uint16_t status, enable, control, gpe_enable;
	struct hs_region event_region, control_region, gpe_region;
};

static const struct hs_reg event_regs[] = {
	{ 0, 2, HS_REG_RW, "PM1_STS" },
	{ 2, 2, HS_REG_RW, "PM1_EN" },
};

static const struct hs_reg control_regs[] = {
	{ 0, 2, HS_REG_RW, "PM1_CNT" },
};

static const struct hs_reg gpe_regs[] = {
	{ 0, 2, HS_REG_RW, "GPE0_STS" },
	{ 2, 2, HS_REG_RW, "GPE0_EN" },
};

static void update_sci(struct acpi_pm *pm)
{
	hs_irq_line(pm->vm->irq, HS_IRQ_SCI, (pm->status & pm->enable) != 0);
}

static uint64_t event_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct acpi_pm *pm = opaque;
	uint32_t both = pm->status | (uint32_t)pm->enable << 16;

	(void)size;		/* hs_io takes as many bytes as it needs */
	return both >> (8 * offset);
}

static void event_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct acpi_pm *pm = opaque;
	uint32_t mask = (uint32_t)(size >= 4 ? 0xffffffffu : (1u << (8 * size)) - 1)
			<< (8 * offset);
	uint32_t bits = (uint32_t)value << (8 * offset) & mask;

	pm->status &= (uint16_t)~bits;		/* write one to clear */
	if (mask >> 16)
		pm->enable = (uint16_t)((pm->enable & ~(mask >> 16)) | bits >> 16) &
			     PM1_ENABLE_BITS;
	update_sci(pm);
}

static uint64_t acpi_pm_control_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct acpi_pm *pm = opaque;

	(void)size;
	return (uint32_t)(pm->control | PM1_SCI_EN) >> (8 * offset);
}

static void acpi_pm_control_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct acpi_pm *pm = opaque;
	uint32_t mask = (uint32_t)(size >= 2 ? 0xffffu : 0xffu) << (8 * offset);
	uint32_t bits = (pm->control & ~mask) | ((uint32_t)value << (8 * offset) & mask);

	/* SLP_EN is write-only and SCI_EN always set: ACPI mode is the only one. */
	pm->control = (uint16_t)(bits & ~(PM1_SLP_EN | PM1_SCI_EN));
	if (bits & PM1_SLP_EN) {
		if (PM1_SLP_TYP(bits) == SLP_TYP_S5)
			hs_vm_stop(pm->vm, HS_STOP_POWEROFF);
		else
			hs_guest_error(HS_LOG_ACPI, "sleep type %u does not exist",
				       PM1_SLP_TYP(bits));
	}
}

/* No event ever: the status is zero. */
static uint64_t gpe_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct acpi_pm *pm = opaque;

	(void)size;
	return (uint32_t)pm->gpe_enable << 16 >> (8 * offset);
}

static void gpe_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct acpi_pm *pm = opaque;
	uint32_t mask = (uint32_t)(size >= 4 ? 0xffffffffu : (1u << (8 * size)) - 1)
			<< (8 * offset);
	uint32_t bits = (uint32_t)value << (8 * offset) & mask;

	pm->gpe_enable = (uint16_t)((pm->gpe_enable & ~(mask >> 16)) | bits >> 16);
}

static void pm_reset(struct hs_chip *chip)
{
	struct acpi_pm *pm = (struct acpi_pm *)chip;

	pm->status = 0;
	pm->enable = 0;
	pm->control = 0;
	pm->gpe_enable = 0;
	update_sci(pm);
}

static void pm_destroy(struct hs_chip *chip)
{
	struct acpi_pm *pm = (struct acpi_pm *)chip;

	hs_io_remove(pm->vm->io, &pm->gpe_region);
	hs_io_remove(pm->vm->io, &pm->control_region);
	hs_io_remove(pm->vm->io, &pm->event_region);
	free(pm);
}

/* A fixed event happens. vm->lock held. */
static void fixed_event(struct hs_vm *vm, uint16_t bit)
{
	struct hs_chip *chip;

	for (chip = vm->chips; chip; chip = chip->next) {
		if (chip->destroy == pm_destroy) {
			struct acpi_pm *pm = (struct acpi_pm *)chip;

			pm->status |= bit;
			update_sci(pm);
		}
	}
}

void hs_acpi_power_button(struct hs_vm *vm)
{
	hs_vm_lock(vm);
	fixed_event(vm, PM1_PWRBTN);
	hs_vm_unlock(vm);
}

void hs_acpi_rtc_alarm(struct hs_vm *vm)
{
	fixed_event(vm, PM1_RTC);
}

int hs_acpi_pm_create(struct hs_vm *vm)
{
	struct acpi_pm *pm = calloc(1, sizeof(*pm));
	int ret;

	if (!pm)
		return -ENOMEM;
	pm->chip.name = "acpi-pm";
	pm->chip.reset = pm_reset;
	pm->chip.destroy = pm_destroy;
	pm->vm = vm;
	pm->event_region = (struct hs_region){
		.device = "acpi-pm", .space = HS_PIO, .base = HS_PORT_PM1_EVT, .len = 4,
		.regs = event_regs, .nregs = 2,
		.read = event_read, .write = event_write, .opaque = pm,
	};
	pm->control_region = (struct hs_region){
		.device = "acpi-pm", .space = HS_PIO, .base = HS_PORT_PM1_CNT, .len = 2,
		.regs = control_regs, .nregs = 1,
		.read = acpi_pm_control_read, .write = acpi_pm_control_write, .opaque = pm,
	};
	pm->gpe_region = (struct hs_region){
		.device = "acpi-pm", .space = HS_PIO, .base = HS_PORT_GPE0, .len = 4,
		.regs = gpe_regs, .nregs = 2,
		.read = gpe_read, .write = gpe_write, .opaque = pm,
	};
	ret = hs_io_add(vm->io, &pm->event_region);
	if (ret < 0)
		goto free_pm;
	ret = hs_io_add(vm->io, &pm->control_region);
	if (ret < 0)
		goto remove_event;
	ret = hs_io_add(vm->io, &pm->gpe_region);
	if (ret < 0)
		goto remove_control;
	hs_chip_add(vm, &pm->chip);
	return 0;
remove_control:
	hs_io_remove(vm->io, &pm->control_region);
remove_event:
	hs_io_remove(vm->io, &pm->event_region);
free_pm:
	hs_error("acpi-pm: its ports are taken by another chip");
	free(pm);
	return ret;
}
