/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PIIX4 IDE, seen from inside: ide.c has the registers, the bus master, unplug
 * and replug; ide_cmd.c the drives' commands. vm->lock protects all of it.
 */
#ifndef HS_EMU_IDE_H
#define HS_EMU_IDE_H

#include "../disk/disk.h"
#include "../inflight.h"
#include "../hs.h"
#include "../io.h"

/* Status and error register (ATA/ATAPI-7 vol. 1, 5.14 and 5.9) */
#define ATA_BSY		0x80u
#define ATA_DRDY	0x40u
#define ATA_DF		0x20u
#define ATA_DSC		0x10u
#define ATA_DRQ		0x08u
#define ATA_ERR		0x01u
#define ATA_READY	(ATA_DRDY | ATA_DSC)
#define ATA_UNC		0x40u
#define ATA_IDNF	0x10u
#define ATA_ABRT	0x04u

#define ATA_SECTOR		512u
#define IDE_MAX_MULTIPLE	16u
#define IDE_MAX_IOV		1024u

struct ide_channel;

/*
 * The back-end request of a command. A channel has one: commands come one after
 * another, and a reset lasts until it is back. Its buffers are guest RAM or its own.
 */
struct ide_op {
	struct hs_blk_req req;		/* first: done() gets it back */
	struct hs_request request;
	struct ide_channel *channel;
	struct iovec iov[IDE_MAX_IOV];
	uint8_t bounce[IDE_MAX_MULTIPLE * ATA_SECTOR];	/* PIO */
};

struct ide_drive {
	bool present;
	struct hs_blk *blk;		/* NULL: never anything here */
	struct hs_blk_info info;
	uint64_t sectors;
	uint8_t multiple;		/* sectors per DRQ of READ/WRITE MULTIPLE, 0: off */
	uint8_t transfer_mode;		/* SET FEATURES 03h */
	bool write_cache;
	bool asleep;
};

/* What the channel waits for. */
enum ide_phase {
	IDE_IDLE,
	IDE_DMA_WAIT,		/* command given, bus master not started */
	IDE_BACKEND,		/* a request is with the back end */
	IDE_PIO_IN,		/* the guest reads the buffer */
	IDE_PIO_OUT,		/* the guest writes the buffer */
	IDE_RESET,		/* SRST is set, or what it found is still in flight */
};

struct ide_channel {
	struct hs_ide *ide;
	unsigned int number;
	struct ide_drive drive[2];
	struct hs_region command_region, control_region;
	/* task file; [1] is what was written before ("previous content", LBA48) */
	uint8_t feature[2], count[2], lba_low[2], lba_mid[2], lba_high[2];
	uint8_t device, status, error, control;
	bool interrupt;		/* INTRQ as the drive drives it */
	enum ide_phase phase;
	/* the command under way */
	bool is_write, is_dma, fua;
	uint64_t lba;		/* of the next block */
	uint32_t left;		/* sectors not yet transferred */
	uint32_t block;		/* sectors per DRQ block */
	uint8_t buffer[IDE_MAX_MULTIPLE * ATA_SECTOR];
	uint32_t at, filled;	/* bytes, in the buffer; PIO_IN: what a request brought */
	/* bus master (82371AB data sheet, 5.2) */
	uint8_t bm_command, bm_status;
	uint32_t bm_table;
	struct hs_inflight inflight;
	struct ide_op op;
};

static inline struct ide_drive *ide_selected(struct ide_channel *c)
{
	return &c->drive[c->device >> 4 & 1];
}

/* ide.c */
struct hs_vm *ide_vm(struct ide_channel *c);
void ide_interrupt(struct ide_channel *c);	/* raises INTRQ */
void ide_finish(struct ide_channel *c, uint8_t error);	/* ends the command, with INTRQ */
void ide_signature(struct ide_channel *c);	/* registers as after a reset */
struct ide_op *ide_op_get(struct ide_channel *c);	/* NULL: it is in flight */
void ide_op_submit(struct ide_op *op);

/* ide_cmd.c */
void ide_command(struct ide_channel *c, uint8_t command);
void ide_dma_start(struct ide_channel *c);	/* phase IDE_DMA_WAIT, bus master started */
void ide_pio_in_done(struct ide_channel *c);	/* the guest read the whole buffer */
void ide_pio_out_done(struct ide_channel *c);	/* the guest filled the buffer */
void ide_op_done(struct ide_op *op, int status);	/* of the command under way */

#endif /* HS_EMU_IDE_H */
