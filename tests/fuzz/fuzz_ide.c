// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fuzzer of the emulated IDE: an input is a series of port accesses (task
 * file, bus master, PCI), PRD entries, resets and pauses, with unplug and replug
 * in between.
 * Whatever they are: the stub survives, and a reset gives back a drive that
 * identifies itself.
 */
/* LINK: host-stub/emu/ide.c host-stub/emu/ide_cmd.c host-stub/emu/pci.c host-stub/disk/disk.c host-stub/disk/disk_open.c host-stub/worker.c host-stub/mem.c host-stub/io.c host-stub/log.c */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl */
#include "fuzz.h"
#include "tests/unit/ide_guest.h"

#define DISK	(1ull << 20)

static void nothing(void *arg)
{
	(void)arg;
}

/* What is in flight comes back, whether or not a drive waits for it. */
static void come_back(void)
{
	for (unsigned int i = 0; i < 8; i++)
		hs_worker_call(hs_blk_worker(fake.blk[i & 1]), nothing, NULL);
}

/* Gives the back end a moment; a drive that hangs until its reset is left hanging. */
static void settle(void)
{
	static const struct timespec moment = { .tv_nsec = 20000 };

	for (unsigned int i = 0; i < 20 && ide_alt() & ST_BSY; i++)
		nanosleep(&moment, NULL);
}

/* A whole command that is nearly right; with 0x80 also under SRST. */
static void command(struct input *in)
{
	static const uint8_t opcodes[] = {
		0x20, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x39, 0x3d, 0x40, 0x42, 0x90, 0x91, 0xc4,
		0xc5, 0xc6, 0xc8, 0xca, 0xe5, 0xe7, 0xea, 0xec, 0xef, 0x00,
	};
	uint8_t kind = (uint8_t)take(in, 1), opcode = opcodes[take(in, 1) % sizeof(opcodes)];
	uint32_t lba = (uint32_t)take(in, 2) % (DISK / 512 + 4), count = (uint32_t)take(in, 1);

	if (!(kind & 0x80))
		ide_control(0);
	if (kind & 1)
		ide_start48(kind >> 1 & 1, opcode, lba, (uint16_t)count);
	else
		ide_start28(kind >> 1 & 1, opcode, lba, (uint8_t)count);
	if (kind & 4)
		bm_out(0, 1, BM_START | (kind & 8));
	if (kind & 0x10)
		settle();
	if (kind & 0x20) {
		uint16_t words[512] = { 0 };
		uint32_t n = 1 + (uint32_t)take(in, 1) * 2;

		hs_io_dispatch(fake.vm.io, HS_PIO, HS_PORT_IDE0, kind & 0x40, 2, words,
			       n > 512 ? 512 : n);
	}
}

static void touch(struct input *in)
{
	static const uint16_t bases[] = { HS_PORT_IDE0, HS_PORT_IDE0_CTL, HS_PORT_IDE1,
					  HS_PORT_IDE1_CTL, HS_PORT_BMDMA, HS_PORT_PCI_CONFIG };
	uint8_t what = (uint8_t)take(in, 1), sizes[] = { 1, 1, 2, 4 };
	uint16_t port = (uint16_t)(bases[what % 6] + take(in, 1) % 16);
	unsigned int size = sizes[what >> 6];

	if (what & 0x20)
		fake_out(port, size, (uint32_t)take(in, size));
	else
		(void)fake_in(port, size);
}

/* As after power-on, whatever it was. */
static void recover(void)
{
	uint16_t id[256];

	/* where the bus master was, and I/O on */
	fake_out(HS_PORT_PCI_CONFIG, 4, 0x80000000u | HS_PCI_IDE << 8 | 0x20);
	fake_out(HS_PORT_PCI_CONFIG + 4, 4, HS_PORT_BMDMA);
	fake_out(HS_PORT_PCI_CONFIG, 4, 0x80000000u | HS_PCI_IDE << 8 | 0x04);
	fake_out(HS_PORT_PCI_CONFIG + 4, 2, 0x05);
	bm_out(0, 1, 0);
	bm_out(2, 1, BM_ERROR | BM_IRQ);
	ide_control(CTL_SRST);
	ide_control(0);
	/* orphaned requests come back in bounded time */
	for (unsigned int n = 0; n < 2; n++) {
		MUST(FAKE_UNTIL(ide_detach(n) == 0));
		ide_attach(n);
	}
	for (unsigned int n = 0; n < 2; n++) {
		ide_select(n);
		ide_out(R_STATUS, 0xec);
		MUST(ide_pio_in(id, 512, 512, 2) == 0x50);
		MUST(id[60] == DISK / 512 && id[100] == DISK / 512);
	}
}

static void power_on(void)
{
	MUST(fake_disk(0, DISK, HS_MODELS_BOTH) && fake_disk(1, DISK, HS_MODELS_BOTH));
	fake.config.disk[1].read_only = true;
	fuzz_power_on();
	MUST(hs_pci_create(&fake.vm) == 0 && hs_ide_create(&fake.vm) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (!fake.vm.ide) {
		setenv("TMPDIR", "/dev/shm", 0);	/* a flush costs nothing there */
		power_on();
		recover();
		fake_destroy();
		power_on();	/* what went leaves nothing behind */
	}
	memset(fake_ram(IDE_PRD, 1024), 0, 1024);
	bm_out(4, 4, (uint32_t)IDE_PRD);
	while (in.left) {
		uint8_t what = (uint8_t)take(&in, 1);

		switch (what & 7) {
		case 0:
		case 1:
			command(&in);
			break;
		case 2:
			ide_prd(what >> 3,
				(uint32_t)(what & 0x80 ? take(&in, 4) : 0x400000 + take(&in, 2)),
				(uint32_t)take(&in, 2), take(&in, 1) & 1);
			break;
		case 3:
			if (ide_detach(what >> 3 & 1) == 0 && !(what & 0x40))
				ide_attach(what >> 3 & 1);
			break;
		case 4:
			settle();
			if (what & 8)
				come_back();
			break;
		case 5:
			ide_control(what & 8 ? CTL_SRST : 0);
			break;
		default:
			touch(&in);
		}
	}
	recover();
	return 0;
}
