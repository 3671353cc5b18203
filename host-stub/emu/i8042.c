/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * i8042 keyboard controller with nothing plugged in (IBM PC/AT Technical
 * Reference, "Keyboard Controller"; ports 0x60 and 0x64): self test, command
 * byte, interface tests, output port. A kernel finds the controller, no
 * keyboard and no mouse, without waiting for time-outs: both interfaces answer
 * that their clock line is stuck. Pulsing output bit 0 resets the machine.
 */
#include <errno.h>
#include <stdlib.h>

#include "../io.h"
#include "emu.h"

#define STATUS_OBF	0x01u	/* output buffer full: the host has an answer */
#define STATUS_SYS	0x04u	/* self test passed */
#define STATUS_CMD	0x08u	/* the last write went to 0x64 */
#define STATUS_AUX	0x20u	/* the answer is of the second interface */
#define STATUS_TIMEOUT	0x40u
#define STATUS_UNLOCKED	0x10u

#define CTR_SYS		0x04u
#define CTR_KBDDIS	0x10u
#define CTR_AUXDIS	0x20u

#define NO_DEVICE	0xfeu	/* what the controller reports with TIMEOUT */

struct i8042 {
	struct hs_chip chip;
	struct hs_vm *vm;
	struct hs_region data_region, command_region;
	uint8_t status, command, ctr, outport, answer;
};

static const struct hs_reg data_regs[] = { { 0, 1, HS_REG_RW, "DATA" } };
static const struct hs_reg command_regs[] = { { 0, 1, HS_REG_RW, "STATUS/CMD" } };

static void answer(struct i8042 *k, uint8_t value, uint8_t flags)
{
	k->answer = value;
	k->status = (uint8_t)((k->status & ~(STATUS_AUX | STATUS_TIMEOUT)) | STATUS_OBF | flags);
}

static uint64_t i8042_data_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct i8042 *k = opaque;

	(void)offset;
	(void)size;
	k->status &= (uint8_t)~(STATUS_OBF | STATUS_AUX | STATUS_TIMEOUT);
	return k->answer;
}

static void i8042_data_write(void *opaque, uint64_t offset, unsigned int size, uint64_t wide)
{
	struct i8042 *k = opaque;
	uint8_t value = (uint8_t)wide;

	(void)offset;
	(void)size;
	k->status &= (uint8_t)~STATUS_CMD;
	switch (k->command) {
	case 0x60:
		k->ctr = value;
		break;
	case 0xd1:
		k->outport = value;
		if (!(value & 0x01u))
			hs_vm_stop(k->vm, HS_STOP_REBOOT);
		break;
	case 0xd2:
		answer(k, value, 0);
		break;
	case 0xd3:	/* loop back through the second interface: there is none */
	case 0xd4:
		answer(k, NO_DEVICE, STATUS_AUX | STATUS_TIMEOUT);
		break;
	default:	/* to the keyboard, which is not there */
		answer(k, NO_DEVICE, STATUS_TIMEOUT);
		break;
	}
	k->command = 0;
}

static uint64_t i8042_command_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct i8042 *k = opaque;

	(void)offset;
	(void)size;
	return k->status;
}

static void i8042_command_write(void *opaque, uint64_t offset, unsigned int size, uint64_t wide)
{
	struct i8042 *k = opaque;
	uint8_t value = (uint8_t)wide;

	(void)offset;
	(void)size;
	k->status |= STATUS_CMD;
	k->command = 0;
	switch (value) {
	case 0x20:
		answer(k, k->ctr, 0);
		break;
	case 0x60:
	case 0xd1:
	case 0xd2:
	case 0xd3:
	case 0xd4:
		k->command = value;	/* takes the next byte on 0x60 */
		break;
	case 0xa7:
		k->ctr |= CTR_AUXDIS;
		break;
	case 0xa8:
		k->ctr &= (uint8_t)~CTR_AUXDIS;
		break;
	case 0xa9:
	case 0xab:
		answer(k, 0x01, 0);	/* clock line stuck low */
		break;
	case 0xaa:
		k->status |= STATUS_SYS;
		answer(k, 0x55, 0);
		break;
	case 0xad:
		k->ctr |= CTR_KBDDIS;
		break;
	case 0xae:
		k->ctr &= (uint8_t)~CTR_KBDDIS;
		break;
	case 0xd0:
		answer(k, k->outport, 0);
		break;
	default:
		/* 0xf0..0xff pulse the output bits that are 0 in the low nibble */
		if (value >= 0xf0 && !(value & 0x01u))
			hs_vm_stop(k->vm, HS_STOP_REBOOT);
		break;
	}
}

static void i8042_reset(struct hs_chip *chip)
{
	struct i8042 *k = (struct i8042 *)chip;

	k->status = STATUS_SYS | STATUS_UNLOCKED;
	k->ctr = CTR_SYS | CTR_KBDDIS | CTR_AUXDIS;
	k->outport = 0x03;	/* reset line high, A20 on */
	k->command = 0;
	k->answer = 0;
}

static void i8042_destroy(struct hs_chip *chip)
{
	struct i8042 *k = (struct i8042 *)chip;

	hs_io_remove(k->vm->io, &k->command_region);
	hs_io_remove(k->vm->io, &k->data_region);
	free(k);
}

int hs_i8042_create(struct hs_vm *vm)
{
	struct i8042 *k = calloc(1, sizeof(*k));
	int ret;

	if (!k)
		return -ENOMEM;
	k->vm = vm;
	k->chip = (struct hs_chip){ .name = "i8042", .reset = i8042_reset, .destroy = i8042_destroy };
	k->data_region = (struct hs_region){
		.device = "i8042",
		.space = HS_PIO,
		.base = HS_PORT_I8042,
		.len = 1,
		.regs = data_regs,
		.nregs = 1,
		.read = i8042_data_read,
		.write = i8042_data_write,
		.opaque = k,
	};
	k->command_region = (struct hs_region){
		.device = "i8042",
		.space = HS_PIO,
		.base = HS_PORT_I8042 + 4,
		.len = 1,
		.regs = command_regs,
		.nregs = 1,
		.read = i8042_command_read,
		.write = i8042_command_write,
		.opaque = k,
	};
	ret = hs_io_add(vm->io, &k->data_region);
	if (ret)
		goto free;
	ret = hs_io_add(vm->io, &k->command_region);
	if (ret)
		goto data;
	i8042_reset(&k->chip);
	hs_chip_add(vm, &k->chip);
	return 0;

data:
	hs_io_remove(vm->io, &k->data_region);
free:
	free(k);
	return ret;
}
