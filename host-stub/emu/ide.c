/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PIIX4 IDE controller (82371AB data sheet, 5) in legacy mode: two channels of
 * two drives, task files, bus master, and the unplug of a drive for its pvkit
 * device. Commands are in ide_cmd.c.
 *
 * An absent drive reads as zeroes beside a present one; an empty channel reads
 * as a floating bus. A completion arrives on a worker's thread with vm->lock.
 *
 * A reset (SRST) makes the channel forget its request (inflight.h) and lasts
 * until that is back: BSY stays set, as ATA lets it for 31 s, and nothing that
 * the guest writes is taken. So when a guest sees the end of a reset, no byte
 * of before is on its way to its memory or to the disk.
 */
#include "ide.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "../irq.h"
#include "../leak.h"
#include "emu.h"
#include "pci.h"
#include "../util.h"

#define BM_CMD_START	0x01u
#define BM_CMD_READ	0x08u
#define BM_ST_ACTIVE	0x01u
#define BM_ST_ERROR	0x02u
#define BM_ST_IRQ	0x04u
#define BM_ST_CAPABLE	0x60u

#define CTL_NIEN	0x02u
#define CTL_SRST	0x04u
#define CTL_HOB		0x80u

enum { DATA, ERROR_FEATURE, COUNT, LBA_LOW, LBA_MID, LBA_HIGH, DEVICE, STATUS_COMMAND };

struct hs_ide {
	struct hs_chip chip;
	struct hs_vm *vm;
	struct ide_channel channel[2];
	struct hs_pci_function pci;
	struct hs_region bm_region;
};

static const struct hs_reg command_regs[] = {
	{ 0, 1, HS_REG_RW, "DATA" },	{ 1, 1, HS_REG_RW, "ERROR/FEATURE" },
	{ 2, 1, HS_REG_RW, "COUNT" },	{ 3, 1, HS_REG_RW, "LBA_LOW" },
	{ 4, 1, HS_REG_RW, "LBA_MID" },	{ 5, 1, HS_REG_RW, "LBA_HIGH" },
	{ 6, 1, HS_REG_RW, "DEVICE" },	{ 7, 1, HS_REG_RW, "STATUS/CMD" },
};

static const struct hs_reg control_regs[] = { { 0, 1, HS_REG_RW, "ALTSTATUS/CTL" } };

static const struct hs_reg bm_regs[] = {
	{ 0, 1, HS_REG_RW, "BMICP" },	{ 2, 1, HS_REG_RW, "BMISP" },
	{ 4, 4, HS_REG_RW, "BMIDTPP" },	{ 8, 1, HS_REG_RW, "BMICS" },
	{ 10, 1, HS_REG_RW, "BMISS" },	{ 12, 4, HS_REG_RW, "BMIDTPS" },
};

struct hs_vm *ide_vm(struct ide_channel *c)
{
	return c->ide->vm;
}

/* ---- interrupt ---- */

static void update_line(struct ide_channel *c)
{
	hs_irq_line(c->ide->vm->irq, c->number ? HS_IRQ_IDE1 : HS_IRQ_IDE0,
		    c->interrupt && !(c->control & CTL_NIEN));
}

void ide_interrupt(struct ide_channel *c)
{
	c->interrupt = true;
	c->bm_status |= BM_ST_IRQ;
	update_line(c);
}

static void clear_interrupt(struct ide_channel *c)
{
	if (c->interrupt) {
		c->interrupt = false;
		update_line(c);
	}
}

void ide_finish(struct ide_channel *c, uint8_t error)
{
	c->phase = IDE_IDLE;
	c->error = error;
	c->status = (uint8_t)(ATA_READY | (error ? ATA_ERR : 0));
	c->bm_status &= (uint8_t)~BM_ST_ACTIVE;
	ide_interrupt(c);
}

/* ---- back-end requests ---- */

static void op_done(struct hs_blk_req *req, int status)
{
	struct ide_op *op = (struct ide_op *)req;
	struct hs_hold *hold = &ide_vm(op->channel)->hold;

	/* vm->lock is held: inflight.h took it */
	hs_hold_begin(hold);
	ide_op_done(op, status);
	hs_hold_end(hold);
}

struct ide_op *ide_op_get(struct ide_channel *c)
{
	if (!hs_inflight_get(&c->inflight))
		return NULL;
	hs_stale(c->op.bounce, sizeof(c->op.bounce));
	return &c->op;
}

void ide_op_submit(struct ide_op *op)
{
	hs_blk_submit(ide_selected(op->channel)->blk, &op->req);
}

/* ---- task file ---- */

void ide_signature(struct ide_channel *c)
{
	c->device &= 0x10;
	c->error = 0x01;	/* diagnostics passed */
	c->count[0] = 1;
	c->lba_low[0] = 1;
	c->lba_mid[0] = c->lba_high[0] = 0;
	c->phase = IDE_IDLE;
	c->status = ATA_READY;
}

/* Of the command that was under way nothing is left but its request. */
static void reset_begin(struct ide_channel *c)
{
	hs_inflight_forget(&c->inflight);
	c->phase = IDE_RESET;
	c->left = c->at = c->filled = 0;
	hs_stale(c->buffer, sizeof(c->buffer));
	c->bm_status &= (uint8_t)~BM_ST_ACTIVE;
	c->interrupt = false;
	c->status = ATA_BSY;
	hs_debug(hs_log_nth(HS_LOG_DISK, 2 * c->number), "IDE channel %u: is being reset", c->number);
}

/* The reset is over when SRST is clear and the request is back. */
static void reset_end(struct ide_channel *c)
{
	if (c->phase != IDE_RESET || c->control & CTL_SRST || hs_inflight_count(&c->inflight))
		return;
	c->device = 0;
	ide_signature(c);
}

static void ide_drained(struct hs_inflight *f)
{
	reset_end(hs_container_of(f, struct ide_channel, inflight));
}

static bool empty(const struct ide_channel *c)
{
	return !c->drive[0].present && !c->drive[1].present;
}

/* Two bytes of the buffer, or four; the guest's word goes as far as the block does. */
static uint64_t ide_data_read(struct ide_channel *c, unsigned int size)
{
	uint64_t value = 0;

	if (c->phase != IDE_PIO_IN)
		return 0;
	for (unsigned int i = 0; i < size && c->at < c->filled; i++)
		value |= (uint64_t)c->buffer[c->at++] << 8 * i;
	if (c->at == c->filled)
		ide_pio_in_done(c);
	return value;
}

static void ide_data_write(struct ide_channel *c, unsigned int size, uint64_t value)
{
	if (c->phase != IDE_PIO_OUT)
		return;
	for (unsigned int i = 0; i < size && c->at < c->filled; i++)
		c->buffer[c->at++] = (uint8_t)(value >> 8 * i);
	if (c->at == c->filled)
		ide_pio_out_done(c);
}

static uint64_t ide_command_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct ide_channel *c = opaque;
	unsigned int hob = c->control & CTL_HOB ? 1 : 0;

	if (empty(c))
		return ~0ull;
	if (offset == DEVICE)
		return c->device | 0xa0u;
	if (!ide_selected(c)->present)
		return 0;
	switch (offset) {
	case DATA:
		return ide_data_read(c, size);
	case ERROR_FEATURE:
		return c->error;
	case COUNT:
		return c->count[hob];
	case LBA_LOW:
		return c->lba_low[hob];
	case LBA_MID:
		return c->lba_mid[hob];
	case LBA_HIGH:
		return c->lba_high[hob];
	default:
		clear_interrupt(c);
		return c->status;
	}
}

static void shift_in(uint8_t reg[2], uint8_t value)
{
	reg[1] = reg[0];
	reg[0] = value;
}

static void ide_command_write(void *opaque, uint64_t offset, unsigned int size, uint64_t wide)
{
	struct ide_channel *c = opaque;
	uint8_t value = (uint8_t)wide;

	if (offset == DATA) {
		if (ide_selected(c)->present)
			ide_data_write(c, size, wide);
		return;
	}
	c->control &= (uint8_t)~CTL_HOB; /* any write ends the look at the previous content */
	if (c->phase != IDE_IDLE)
		return;		/* the task file belongs to the drive now */
	switch (offset) {
	case ERROR_FEATURE:
		shift_in(c->feature, value);
		break;
	case COUNT:
		shift_in(c->count, value);
		break;
	case LBA_LOW:
		shift_in(c->lba_low, value);
		break;
	case LBA_MID:
		shift_in(c->lba_mid, value);
		break;
	case LBA_HIGH:
		shift_in(c->lba_high, value);
		break;
	case DEVICE:
		c->device = value;
		if (ide_selected(c)->present && !(c->status & ATA_ERR))
			c->status = ATA_READY;
		break;
	case STATUS_COMMAND:
		clear_interrupt(c);
		if (ide_selected(c)->present)
			ide_command(c, value);
		break;
	}
}

static uint64_t ide_control_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct ide_channel *c = opaque;

	(void)offset;
	(void)size;
	if (empty(c))
		return ~0ull;
	return ide_selected(c)->present ? c->status : 0;
}

static void ide_control_write(void *opaque, uint64_t offset, unsigned int size, uint64_t wide)
{
	struct ide_channel *c = opaque;
	uint8_t value = (uint8_t)wide;

	(void)offset;
	(void)size;
	if (value & (uint8_t)~c->control & CTL_SRST)
		reset_begin(c);
	c->control = value & (CTL_NIEN | CTL_SRST | CTL_HOB);
	reset_end(c);
	update_line(c);
}

/* ---- bus master ---- */

static uint64_t bm_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct hs_ide *ide = opaque;
	struct ide_channel *c = &ide->channel[offset >> 3 & 1];

	switch (offset & 7) {
	case 0:
		return c->bm_command;
	case 2:
		return c->bm_status;
	case 4:
		return size == 4 ? c->bm_table : ~0ull;
	default:
		return ~0ull;
	}
}

static void bm_command(struct ide_channel *c, uint8_t value)
{
	bool start = value & ~c->bm_command & BM_CMD_START;
	bool stop = ~value & c->bm_command & BM_CMD_START;

	if (!(c->bm_command & BM_CMD_START))
		c->bm_command = value & (BM_CMD_START | BM_CMD_READ);
	else
		c->bm_command = (uint8_t)((c->bm_command & BM_CMD_READ) | (value & BM_CMD_START));
	if (start) {
		c->bm_status |= BM_ST_ACTIVE;
		if (c->phase == IDE_DMA_WAIT)
			ide_dma_start(c);
	} else if (stop && c->bm_status & BM_ST_ACTIVE) {
		/* in the middle: the drive hangs until it is reset, as on the real one */
		c->bm_status &= (uint8_t)~BM_ST_ACTIVE;
		if (c->phase == IDE_BACKEND && c->is_dma)
			hs_inflight_forget(&c->inflight);
	}
}

static void bm_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct hs_ide *ide = opaque;
	struct ide_channel *c = &ide->channel[offset >> 3 & 1];
	uint8_t byte = (uint8_t)value;

	switch (offset & 7) {
	case 0:
		bm_command(c, byte);
		break;
	case 2:		/* error and interrupt are cleared by writing 1 */
		c->bm_status = (uint8_t)((c->bm_status & ~(byte & (BM_ST_ERROR | BM_ST_IRQ)) &
					  ~BM_ST_CAPABLE) | (byte & BM_ST_CAPABLE));
		break;
	case 4:
		if (size == 4)
			c->bm_table = (uint32_t)value & ~3u;
		break;
	}
}

/* ---- unplug, replug ---- */

uint32_t hs_ide_location(unsigned int n)
{
	return PVK_COUNTERPART_IDE(HS_PCI_IDE, n / 2, n % 2);
}

static void drive_reset(struct ide_drive *d)
{
	if (d->blk)
		hs_blk_info(d->blk, &d->info);
	d->sectors = d->info.bytes / ATA_SECTOR;
	d->multiple = 0;
	d->transfer_mode = 0x0c;
	d->write_cache = true;
}

int hs_ide_detach(struct hs_vm *vm, unsigned int n)
{
	struct ide_channel *c = &vm->ide->channel[n / 2];

	if (&c->drive[n % 2] == ide_selected(c) && c->phase != IDE_IDLE)
		return -EBUSY;
	/* Of either drive: nobody looks whose the request is, or the reset. */
	if (c->phase == IDE_RESET || hs_inflight_count(&c->inflight))
		return -EBUSY;
	c->drive[n % 2].present = false;
	return 0;
}

void hs_ide_attach(struct hs_vm *vm, unsigned int n)
{
	struct ide_channel *c = &vm->ide->channel[n / 2];
	bool first = empty(c);

	drive_reset(&c->drive[n % 2]);
	c->drive[n % 2].present = true;
	/* Whoever has set SRST, even of an empty channel, has to clear it first. */
	if (first && c->phase != IDE_RESET)
		ide_signature(c);
}

/* ---- life ---- */

static void ide_reset(struct hs_chip *chip)
{
	struct hs_ide *ide = (struct hs_ide *)chip;

	for (unsigned int i = 0; i < 2; i++) {
		struct ide_channel *c = &ide->channel[i];

		reset_begin(c);
		for (unsigned int d = 0; d < 2; d++) {
			drive_reset(&c->drive[d]);
			c->drive[d].present = c->drive[d].blk;
		}
		c->device = c->control = 0;
		c->bm_command = c->bm_status = 0;
		c->bm_table = 0;
		reset_end(c);
		update_line(c);
	}
}

static void remove_channels(struct hs_ide *ide, unsigned int channels)
{
	while (channels--) {
		hs_io_remove(ide->vm->io, &ide->channel[channels].control_region);
		hs_io_remove(ide->vm->io, &ide->channel[channels].command_region);
		hs_inflight_destroy(&ide->channel[channels].inflight);
	}
}

static void ide_destroy(struct hs_chip *chip)
{
	struct hs_ide *ide = (struct hs_ide *)chip;
	struct hs_vm *vm = ide->vm;

	hs_vm_lock(vm);
	for (unsigned int i = 0; i < 2; i++)
		hs_inflight_wait(&ide->channel[i].inflight);
	hs_vm_unlock(vm);
	if (ide->pci.mapped[4])
		hs_io_remove(vm->io, &ide->bm_region);
	remove_channels(ide, 2);
	vm->ide = NULL;
	free(ide);
}

static int add_channel(struct hs_ide *ide, unsigned int n)
{
	struct ide_channel *c = &ide->channel[n];
	int ret;

	c->ide = ide;
	c->number = n;
	hs_inflight_init(&c->inflight, &ide->vm->lock);
	c->inflight.hold = &ide->vm->hold;
	c->inflight.drained = ide_drained;
	c->op.channel = c;
	c->op.req.request = &c->op.request;
	c->op.req.done = op_done;
	hs_inflight_add(&c->inflight, &c->op.request);
	c->command_region = (struct hs_region){
		.device = n ? "ide1" : "ide0", .space = HS_PIO,
		.base = n ? HS_PORT_IDE1 : HS_PORT_IDE0, .len = 8,
		.regs = command_regs, .nregs = HS_COUNT(command_regs),
		.read = ide_command_read, .write = ide_command_write, .opaque = c,
	};
	c->control_region = (struct hs_region){
		.device = n ? "ide1" : "ide0", .space = HS_PIO,
		.base = n ? HS_PORT_IDE1_CTL : HS_PORT_IDE0_CTL, .len = 1,
		.regs = control_regs, .nregs = 1,
		.read = ide_control_read, .write = ide_control_write, .opaque = c,
	};
	ret = hs_io_add(ide->vm->io, &c->command_region);
	if (ret)
		goto destroy;
	ret = hs_io_add(ide->vm->io, &c->control_region);
	if (ret)
		goto remove;
	return 0;
remove:
	hs_io_remove(ide->vm->io, &c->command_region);
destroy:
	hs_inflight_destroy(&c->inflight);
	return ret;
}

/* 82371AB, 5.1: identification, timing registers with both channels enabled */
static void init_pci(struct hs_ide *ide)
{
	static const uint8_t id[] = { 0x86, 0x80, 0x11, 0x71, [0x09] = 0x80, 0x01, 0x01 };
	struct hs_pci_function *f = &ide->pci;

	f->devfn = HS_PCI_IDE;
	for (unsigned int i = 0; i < sizeof(id); i++)
		f->config[i] = id[i];
	f->config[0x04] = 0x05;		/* I/O decode and bus master on */
	f->writable[0x04] = 0x07;
	f->config[0x06] = 0x80;
	f->config[0x07] = 0x02;
	f->config[0x20] = (HS_PORT_BMDMA & 0xff) | 1;
	f->config[0x21] = HS_PORT_BMDMA >> 8;
	f->config[0x41] = f->config[0x43] = 0x80;
	for (unsigned int i = 0x40; i <= 0x44; i++)
		f->writable[i] = 0xff;
	f->writable[0x48] = 0x0f;
	f->writable[0x4a] = f->writable[0x4b] = 0x33;
	f->bar[4] = &ide->bm_region;
}

int hs_ide_create(struct hs_vm *vm)
{
	struct hs_ide *ide = calloc(1, sizeof(*ide));
	unsigned int added = 0;
	int ret = 0;

	if (!ide)
		return -ENOMEM;
	ide->vm = vm;
	ide->chip = (struct hs_chip){ .name = "ide", .reset = ide_reset, .destroy = ide_destroy };
	for (unsigned int n = 0; n < vm->config->disks; n++) {
		struct hs_blk_info info;

		if (vm->config->disk[n].models == HS_MODELS_PVKIT)
			continue;
		hs_blk_info(vm->blk[n], &info);
		if (info.logical_block != ATA_SECTOR) {
			hs_error("disk %s: IDE has blocks of 512 bytes only; use models=pvkit or block=512",
				 vm->config->disk[n].path);
			ret = -EINVAL;
			goto free;
		}
		ide->channel[n / 2].drive[n % 2].blk = vm->blk[n];
	}
	for (; added < 2; added++) {
		ret = add_channel(ide, added);
		if (ret)
			goto channels;
	}
	ide->bm_region = (struct hs_region){
		.device = "bmdma", .space = HS_PIO, .len = 16,
		.regs = bm_regs, .nregs = HS_COUNT(bm_regs),
		.read = bm_read, .write = bm_write, .opaque = ide,
	};
	init_pci(ide);
	ret = hs_pci_add(vm, &ide->pci);
	if (ret)
		goto channels;
	vm->ide = ide;
	ide_reset(&ide->chip);
	hs_chip_add(vm, &ide->chip);
	return 0;

channels:
	remove_channels(ide, added);
free:
	free(ide);
	return ret;
}
