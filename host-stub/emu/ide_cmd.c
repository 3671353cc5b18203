/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands of an IDE disk (ATA/ATAPI-7 vol. 1, clause 6): a table from opcode
 * to handler. Data commands become back-end requests; everything else ends
 * at once. What is not in the table is aborted.
 *
 * Errors: beyond the end IDNF, write to a read-only disk ABRT, failure of the
 * back end UNC (which Linux reports as a medium error and does not repeat).
 */
#include <errno.h>
#include <string.h>

#include "../leak.h"
#include "../mem.h"
#include "ide.h"
#include "../util.h"

#define PRD_END		0x80000000u
#define PRD_MAX		8192u	/* entries looked at: a table is at most 64 KiB */
#define BM_ACTIVE	0x01u
#define BM_ERROR	0x02u
#define BM_TO_MEMORY	0x08u	/* command register */

#define LBA_BIT		0x40u	/* device register */

/* ---- what the disk is ---- */

static void put_word(uint8_t *id, unsigned int word, uint16_t value)
{
	id[2 * word] = (uint8_t)value;
	id[2 * word + 1] = (uint8_t)(value >> 8);
}

/* ATA strings: space padded, the bytes of each word swapped */
static void put_string(uint8_t *id, unsigned int word, unsigned int words, const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < 2 * words; i++)
		id[2 * word + (i ^ 1)] = (uint8_t)(i < len ? s[i] : ' ');
}

static void ide_cmd_identify(const struct ide_drive *d, uint8_t *id)
{
	uint64_t n = d->sectors;
	uint32_t lba28 = n > 0x0fffffff ? 0x0fffffff : (uint32_t)n;
	uint64_t cylinders = n / (16 * 63);
	uint16_t c = cylinders > 16383 ? 16383 : (uint16_t)cylinders;
	uint32_t chs = c * 16u * 63u;
	unsigned int ratio = 0;

	while ((d->info.logical_block << ratio) < d->info.physical_block)
		ratio++;
	memset(id, 0, ATA_SECTOR);
	put_word(id, 0, 0x0040);	/* fixed disk */
	put_word(id, 1, c);
	put_word(id, 3, 16);
	put_word(id, 6, 63);
	put_string(id, 10, 10, d->info.serial);
	put_string(id, 23, 4, "1.0");
	put_string(id, 27, 20, "pvkit disk");
	put_word(id, 47, 0x8000 | IDE_MAX_MULTIPLE);
	put_word(id, 49, 0x0f00);	/* IORDY, LBA, DMA */
	put_word(id, 50, 0x4000);
	put_word(id, 53, 0x0007);
	put_word(id, 54, c);
	put_word(id, 55, 16);
	put_word(id, 56, 63);
	put_word(id, 57, (uint16_t)chs);
	put_word(id, 58, (uint16_t)(chs >> 16));
	if (d->multiple)
		put_word(id, 59, (uint16_t)(0x0100 | d->multiple));
	put_word(id, 60, (uint16_t)lba28);
	put_word(id, 61, (uint16_t)(lba28 >> 16));
	put_word(id, 63, (uint16_t)(0x0007 | ((d->transfer_mode & 0xf8u) == 0x20 ?
					      0x100u << (d->transfer_mode & 7u) : 0)));
	put_word(id, 64, 0x0003);
	for (unsigned int w = 65; w <= 68; w++)
		put_word(id, w, 120);
	put_word(id, 80, 0x00f0);	/* ATA/ATAPI-4 to 7 */
	put_word(id, 82, 0x4020);	/* NOP, write cache */
	put_word(id, 83, 0x7400);	/* FLUSH CACHE EXT, FLUSH CACHE, 48 bit */
	put_word(id, 84, 0x4040);	/* WRITE DMA FUA EXT */
	put_word(id, 85, (uint16_t)(0x4000 | (d->write_cache ? 0x0020 : 0)));
	put_word(id, 86, 0x3400);
	put_word(id, 87, 0x4040);
	put_word(id, 88, (uint16_t)(0x003f | ((d->transfer_mode & 0xf8u) == 0x40 ?
					      0x100u << (d->transfer_mode & 7u) : 0)));
	put_word(id, 93, 0x600b);	/* 80-conductor cable, device 0 */
	for (unsigned int i = 0; i < 4; i++)
		put_word(id, 100 + i, (uint16_t)(n >> 16 * i));
	put_word(id, 106, (uint16_t)(0x4000 | (ratio ? 0x2000 | ratio : 0)));
	put_word(id, 217, 0x0001);	/* no rotation */
}

/* ---- address and length ---- */

static uint64_t address(const struct ide_channel *c, bool ext)
{
	uint64_t lba = c->lba_low[0] | (uint64_t)c->lba_mid[0] << 8 |
		       (uint64_t)c->lba_high[0] << 16;

	if (ext)
		return lba | (uint64_t)c->lba_low[1] << 24 | (uint64_t)c->lba_mid[1] << 32 |
		       (uint64_t)c->lba_high[1] << 40;
	if (c->device & LBA_BIT)
		return lba | (uint64_t)(c->device & 0x0fu) << 24;
	/* cylinder, head, sector; sector 0 does not exist */
	if (!c->lba_low[0])
		return ~0ull;
	return ((uint64_t)(c->lba_mid[0] | c->lba_high[0] << 8) * 16 + (c->device & 0x0fu)) * 63 +
	       c->lba_low[0] - 1;
}

static uint32_t sector_count(const struct ide_channel *c, bool ext)
{
	if (ext) {
		uint32_t n = c->count[0] | (uint32_t)c->count[1] << 8;

		return n ? n : 65536;
	}
	return c->count[0] ? c->count[0] : 256;
}

/* 0, or the error register: the task file's extent is not inside the drive. */
static uint8_t extent(struct ide_channel *c, bool ext, uint64_t *lba, uint32_t *count)
{
	const struct ide_drive *d = ide_selected(c);

	*lba = address(c, ext);
	*count = sector_count(c, ext);
	return *lba >= d->sectors || *count > d->sectors - *lba ? ATA_IDNF : 0;
}

/* ---- DMA ---- */

/*
 * Reads the PRD table once and builds the iovec for `bytes`; 0, or -EFAULT
 * (table or buffer outside RAM, table too short or too fragmented).
 */
static int ide_cmd_gather(struct ide_channel *c, struct ide_op *op, uint64_t bytes)
{
	const struct hs_mem *mem = ide_vm(c)->mem;
	unsigned int n = 0;

	for (unsigned int i = 0; i < PRD_MAX && bytes; i++) {
		uint32_t prd[2];
		uint64_t len;
		uint8_t *p;

		if (hs_mem_read(mem, c->bm_table + 8ull * i, prd, sizeof(prd)))
			return -EFAULT;
		len = prd[1] & 0xfffeu;
		if (!len)
			len = 65536;
		if (len > bytes)
			len = bytes;
		p = hs_mem_at(mem, prd[0] & ~1u, len);
		if (!p)
			return -EFAULT;
		bytes -= len;
		if (n && (uint8_t *)op->iov[n - 1].iov_base + op->iov[n - 1].iov_len == p) {
			op->iov[n - 1].iov_len += len;
		} else {
			if (n == IDE_MAX_IOV)
				return -EFAULT;
			op->iov[n++] = (struct iovec){ .iov_base = p, .iov_len = len };
		}
		if (prd[1] & PRD_END)
			break;
	}
	op->req.iov = op->iov;
	op->req.iovcnt = n;
	return bytes ? -EFAULT : 0;
}

static void ide_cmd_submit(struct ide_channel *c, struct ide_op *op, enum hs_blk_op kind,
			   uint64_t sectors)
{
	op->req.op = kind;
	op->req.flags = c->fua ? HS_BLK_FUA : 0;
	op->req.offset = c->lba * ATA_SECTOR;
	op->req.length = sectors * ATA_SECTOR;
	c->phase = IDE_BACKEND;
	c->status = ATA_BSY | ATA_READY;
	ide_op_submit(op);
}

void ide_dma_start(struct ide_channel *c)
{
	bool to_memory = c->bm_command & BM_TO_MEMORY;
	struct ide_op *op;

	if (to_memory == c->is_write) {	/* the directions contradict: nothing would move */
		c->bm_status |= BM_ERROR;
		return;
	}
	op = ide_op_get(c);
	if (!op) {
		ide_finish(c, ATA_ABRT);
		return;
	}
	if (ide_cmd_gather(c, op, (uint64_t)c->left * ATA_SECTOR)) {
		hs_inflight_put(&op->request);
		c->bm_status |= BM_ERROR;
		ide_finish(c, ATA_ABRT);
		return;
	}
	ide_cmd_submit(c, op, c->is_write ? HS_BLK_WRITE : HS_BLK_READ, c->left);
}

/* ---- PIO ---- */

/* Sectors of the next block. */
static uint32_t pio_block(const struct ide_channel *c)
{
	return c->left < c->block ? c->left : c->block;
}

/* The buffer has `bytes`, that the guest reads or will have written. */
static void pio_buffer(struct ide_channel *c, enum ide_phase phase, uint32_t bytes)
{
	c->at = 0;
	c->filled = bytes;
	if (phase == IDE_PIO_OUT)
		hs_stale(c->buffer, sizeof(c->buffer));
	c->phase = phase;
	c->status = ATA_READY | ATA_DRQ;
}

static void submit_pio(struct ide_channel *c)
{
	struct ide_op *op = ide_op_get(c);
	uint32_t n = pio_block(c);

	if (!op) {
		ide_finish(c, ATA_ABRT);
		return;
	}
	if (c->is_write)
		memcpy(op->bounce, c->buffer, n * ATA_SECTOR);
	op->iov[0] = (struct iovec){ .iov_base = op->bounce, .iov_len = n * ATA_SECTOR };
	op->req.iov = op->iov;
	op->req.iovcnt = 1;
	ide_cmd_submit(c, op, c->is_write ? HS_BLK_WRITE : HS_BLK_READ, n);
}

void ide_pio_in_done(struct ide_channel *c)
{
	if (c->left) {
		submit_pio(c);
	} else {
		c->phase = IDE_IDLE;
		c->status = ATA_READY;
	}
}

void ide_pio_out_done(struct ide_channel *c)
{
	submit_pio(c);
}

void ide_op_done(struct ide_op *op, int status)
{
	struct ide_channel *c = op->channel;

	uint32_t bytes = (uint32_t)op->req.length;

	if (status || op->req.op == HS_BLK_FLUSH || op->iov[0].iov_base != op->bounce) {
		ide_finish(c, status ? ATA_UNC : 0);
		return;
	}
	c->lba += bytes / ATA_SECTOR;
	c->left -= bytes / ATA_SECTOR;
	if (op->req.op == HS_BLK_READ) {
		hs_stale(c->buffer, sizeof(c->buffer));
		memcpy(c->buffer, op->bounce, bytes);
		pio_buffer(c, IDE_PIO_IN, bytes);
	} else if (c->left) {
		pio_buffer(c, IDE_PIO_OUT, pio_block(c) * ATA_SECTOR);
	} else {
		ide_finish(c, 0);
		return;
	}
	ide_interrupt(c);
}

/* ---- commands ---- */

#define EXT	0x01u
#define WRITE	0x02u
#define DMA	0x04u
#define MULTI	0x08u
#define FUA	0x10u

static void cmd_transfer(struct ide_channel *c, uint8_t flags)
{
	struct ide_drive *d = ide_selected(c);
	uint32_t count;
	uint64_t lba;
	uint8_t error = extent(c, flags & EXT, &lba, &count);

	if ((flags & WRITE && d->info.read_only) || (flags & MULTI && !d->multiple))
		error = ATA_ABRT;
	if (error) {
		ide_finish(c, error);
		return;
	}
	/* From here on it is the command under way; one that fails leaves the channel alone. */
	c->lba = lba;
	c->left = count;
	c->is_write = flags & WRITE;
	c->is_dma = flags & DMA;
	c->fua = flags & FUA || (c->is_write && !d->write_cache);
	if (c->is_dma) {
		c->phase = IDE_DMA_WAIT;
		c->status = ATA_READY | ATA_DRQ;
		if (c->bm_status & BM_ACTIVE)
			ide_dma_start(c);
		return;
	}
	c->block = flags & MULTI ? d->multiple : 1;
	if (c->is_write)	/* no interrupt for the first block */
		pio_buffer(c, IDE_PIO_OUT, pio_block(c) * ATA_SECTOR);
	else
		submit_pio(c);
}

static void cmd_flush(struct ide_channel *c, uint8_t flags)
{
	struct ide_op *op = ide_op_get(c);

	(void)flags;
	if (!op) {
		ide_finish(c, ATA_ABRT);
		return;
	}
	c->lba = 0;
	c->is_dma = c->fua = false;
	op->req.iov = NULL;
	op->req.iovcnt = 0;
	ide_cmd_submit(c, op, HS_BLK_FLUSH, 0);
}

static void cmd_identify(struct ide_channel *c, uint8_t flags)
{
	(void)flags;
	hs_stale(c->buffer, sizeof(c->buffer));
	ide_cmd_identify(ide_selected(c), c->buffer);
	c->left = 0;
	pio_buffer(c, IDE_PIO_IN, ATA_SECTOR);
	ide_interrupt(c);
}

static void cmd_verify(struct ide_channel *c, uint8_t flags)
{
	uint32_t count;
	uint64_t lba;

	ide_finish(c, extent(c, flags & EXT, &lba, &count));
}

static void cmd_set_multiple(struct ide_channel *c, uint8_t flags)
{
	uint8_t n = c->count[0];

	(void)flags;
	if (n > IDE_MAX_MULTIPLE || (n & (n - 1))) {
		ide_finish(c, ATA_ABRT);
		return;
	}
	ide_selected(c)->multiple = n;
	ide_finish(c, 0);
}

static void cmd_set_features(struct ide_channel *c, uint8_t flags)
{
	struct ide_drive *d = ide_selected(c);
	uint8_t mode = c->count[0];
	uint8_t error = 0;

	(void)flags;
	switch (c->feature[0]) {
	case 0x02:
		d->write_cache = true;
		break;
	case 0x82:
		d->write_cache = false;	/* from now on each write is stable when it ends */
		break;
	case 0x03:	/* PIO, multiword DMA 0..2, UDMA 0..5 */
		if (mode <= 1 || (mode >= 8 && mode <= 12) || (mode >= 0x20 && mode <= 0x22) ||
		    (mode >= 0x40 && mode <= 0x45))
			d->transfer_mode = mode;
		else
			error = ATA_ABRT;
		break;
	case 0x55: case 0xaa: case 0x66: case 0xcc:	/* read-ahead, defaults */
		break;
	default:
		error = ATA_ABRT;
	}
	ide_finish(c, error);
}

static void cmd_ok(struct ide_channel *c, uint8_t flags)
{
	(void)flags;
	ide_finish(c, 0);
}

static void cmd_check_power(struct ide_channel *c, uint8_t flags)
{
	(void)flags;
	c->count[0] = 0xff;	/* active or idle */
	ide_finish(c, 0);
}

static void cmd_abort(struct ide_channel *c, uint8_t flags)
{
	(void)flags;
	ide_finish(c, ATA_ABRT);
}

static void cmd_diagnostic(struct ide_channel *c, uint8_t flags)
{
	(void)flags;
	ide_signature(c);
	ide_interrupt(c);
}

static const struct {
	uint8_t opcode;
	uint8_t flags;
	void (*run)(struct ide_channel *c, uint8_t flags);
} commands[] = {
	{ 0x00, 0, cmd_abort },			/* NOP is always aborted */
	{ 0x20, 0, cmd_transfer },		/* READ SECTORS */
	{ 0x21, 0, cmd_transfer },
	{ 0x24, EXT, cmd_transfer },
	{ 0x25, EXT | DMA, cmd_transfer },	/* READ DMA EXT */
	{ 0x29, EXT | MULTI, cmd_transfer },
	{ 0x30, WRITE, cmd_transfer },		/* WRITE SECTORS */
	{ 0x31, WRITE, cmd_transfer },
	{ 0x34, EXT | WRITE, cmd_transfer },
	{ 0x35, EXT | WRITE | DMA, cmd_transfer },
	{ 0x39, EXT | WRITE | MULTI, cmd_transfer },
	{ 0x3d, EXT | WRITE | DMA | FUA, cmd_transfer },
	{ 0x40, 0, cmd_verify },		/* READ VERIFY SECTORS */
	{ 0x41, 0, cmd_verify },
	{ 0x42, EXT, cmd_verify },
	{ 0x90, 0, cmd_diagnostic },
	{ 0x91, 0, cmd_ok },			/* INITIALIZE DEVICE PARAMETERS */
	{ 0xc4, MULTI, cmd_transfer },
	{ 0xc5, WRITE | MULTI, cmd_transfer },
	{ 0xc6, 0, cmd_set_multiple },
	{ 0xc8, DMA, cmd_transfer },		/* READ DMA */
	{ 0xc9, DMA, cmd_transfer },
	{ 0xca, WRITE | DMA, cmd_transfer },
	{ 0xcb, WRITE | DMA, cmd_transfer },
	{ 0xe0, 0, cmd_ok },			/* STANDBY IMMEDIATE */
	{ 0xe1, 0, cmd_ok },			/* IDLE IMMEDIATE */
	{ 0xe2, 0, cmd_ok },			/* STANDBY */
	{ 0xe3, 0, cmd_ok },			/* IDLE */
	{ 0xe5, 0, cmd_check_power },
	{ 0xe6, 0, cmd_ok },			/* SLEEP; wakes by any command */
	{ 0xe7, 0, cmd_flush },
	{ 0xea, EXT, cmd_flush },
	{ 0xec, 0, cmd_identify },
	{ 0xef, 0, cmd_set_features },
};

/* The selected drive is present and idle. */
void ide_command(struct ide_channel *c, uint8_t command)
{
	c->error = 0;
	for (unsigned int i = 0; i < HS_COUNT(commands); i++) {
		if (commands[i].opcode == command) {
			commands[i].run(c, commands[i].flags);
			return;
		}
	}
	cmd_abort(c, 0);
}
