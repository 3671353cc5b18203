// SPDX-License-Identifier: BSD-2-Clause
/*
 * A port for guests of tests: what is written there ends the VM, and becomes
 * its exit status as with QEMU's isa-debug-exit, 2 * value + 1.
 */
#include <errno.h>
#include <stdlib.h>

#include "../io.h"
#include "emu.h"

struct debug_exit {
	struct hs_chip chip;		/* first */
	struct hs_vm *vm;
	struct hs_region region;
};

static uint64_t port_read(void *opaque, uint64_t offset, unsigned int size)
{
	(void)opaque;
	(void)offset;
	(void)size;
	return 0;
}

static void port_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct debug_exit *d = opaque;

	(void)offset;
	(void)size;
	d->vm->exit_value = (uint32_t)value;
	hs_vm_stop(d->vm, HS_STOP_DEBUG_EXIT);
}

static void debug_exit_reset(struct hs_chip *chip)
{
	(void)chip;	/* has no state */
}

static void debug_exit_destroy(struct hs_chip *chip)
{
	struct debug_exit *d = (struct debug_exit *)chip;

	hs_io_remove(d->vm->io, &d->region);
	free(d);
}

int hs_debug_exit_create(struct hs_vm *vm)
{
	static const struct hs_reg regs[] = { { 0, 1, HS_REG_RW, "EXIT" } };
	struct debug_exit *d = calloc(1, sizeof(*d));
	int ret;

	if (!d)
		return -ENOMEM;
	d->vm = vm;
	d->chip = (struct hs_chip){ .name = "debug-exit", .reset = debug_exit_reset,
				    .destroy = debug_exit_destroy };
	d->region = (struct hs_region){
		.device = "debug-exit", .space = HS_PIO, .base = vm->config->debug_exit, .len = 1,
		.regs = regs, .nregs = 1, .read = port_read, .write = port_write, .opaque = d,
	};
	ret = hs_io_add(vm->io, &d->region);
	if (ret < 0) {
		hs_error("--debug-exit: port 0x%x is taken by a chip", vm->config->debug_exit);
		free(d);
		return ret;
	}
	hs_chip_add(vm, &d->chip);
	return 0;
}
