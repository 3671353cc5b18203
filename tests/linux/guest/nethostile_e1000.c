// SPDX-License-Identifier: BSD-2-Clause
/*
 * The 82540EM, misused by its registers and rings, which sysfs maps; see
 * nethostile.h. Sections: Intel's software developer's manual (SDM).
 *
 * A round: after a reset, rings in order with good and bad descriptors: all are
 * completed in bounded time, what is received is whole; then registers are
 * written at random while the rings are full of rubbish.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nethostile.h"

#define MMIO_SIZE	0x20000u
#define TX_COUNT	1024u
#define RX_COUNT	16u
#define RX_RING		0x10000u		/* into the area */
#define RX_SLOT		0x4000u

/* Registers (SDM 13.2) */
enum {
	CTRL = 0x0000, RCTL = 0x0100, TCTL = 0x0400, RDBAL = 0x2800, RDBAH = 0x2804, RDLEN = 0x2808,
	RDH = 0x2810, RDT = 0x2818, TDBAL = 0x3800, TDBAH = 0x3804, TDLEN = 0x3808, TDH = 0x3810,
	TDT = 0x3818,
};

#define CTRL_RST	(1u << 26)

/* Descriptors (SDM 3.2.3, 3.3) */
#define TXD_EOP		(1u << 24)
#define TXD_IFCS	(1u << 25)
#define TXD_IC		(1u << 26)	/* legacy */
#define TXD_TSE		(1u << 26)	/* extended */
#define TXD_RS		(1u << 27)
#define TXD_DATA	(1u << 20)
#define TXD_DEXT	(1u << 29)
#define TXD_VLE		(1u << 30)
#define TUCMD_TCP	(1u << 24)
#define TUCMD_IP	(1u << 25)
#define POPTS_SUMS	(3u << 8)
#define DD		1u
#define EOP		2u

struct desc {
	uint64_t address;
	uint32_t lower, upper;
};

static volatile uint32_t *bar;
static uint16_t port;		/* of the I/O BAR: IOADDR, IODATA */
static int config;		/* PCI configuration space */
static uint32_t number, filled, tail;
static uint64_t received;

static void out(uint32_t reg, uint32_t value)
{
	/* The same registers by the other way in (SDM 13.2.2). */
	if (below(8)) {
		bar[reg / 4] = value;
	} else {
		outl(reg, port);
		outl(value, port + 4);
	}
}

static void command(uint16_t value)
{
	(void)!pwrite(config, &value, sizeof(value), 4);
}

static int open_device(const char *device)
{
	uint32_t io = 0;
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", device);
	config = open(path, O_RDWR | O_CLOEXEC);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0", device);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		bar = mmap(NULL, MMIO_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (config < 0 || fd < 0 || bar == MAP_FAILED || iopl(3) ||
	    pread(config, &io, 4, 0x18) != 4) {
		perror("nethostile: the card cannot be mapped");
		return 1;
	}
	port = (uint16_t)(io & ~3u);
	command(0x0007);
	return 0;
}

/* ---- sending ---- */

static void add(uint64_t address, uint32_t lower, uint32_t upper)
{
	struct desc *d = (struct desc *)(void *)(area + RINGS) + tail;

	*d = (struct desc){ address, lower, upper };
	tail = (tail + 1) % TX_COUNT;
}

/*
 * Where a sum may be put, at random, but not into the marks by which the other end
 * judges the frame (addresses, type): it would take what it cannot read for a fault.
 */
static uint32_t sum_place(void)
{
	uint32_t at = below(256);

	return at >= 5 && at < 14 ? at + 9 : at;
}

static void context(bool six, bool tcp, uint32_t header, uint32_t payload, uint32_t mss, bool odd,
		    bool tse)
{
	uint32_t l3 = six ? 40 : 20, tucso = 14 + l3 + (tcp ? 16 : 6), tucss = 14 + l3;
	uint32_t ipcse = 14 + l3 - 1, ipcso = 14 + 10, ipcss = 14, tucse = 0;

	if (odd) {
		switch (below(7)) {
		case 0:
			header = below(256);
			break;
		case 1:
			payload = below(1u << 20);
			break;
		case 2:
			mss = below(20);
			break;
		case 3:
			tucso = sum_place();
			break;
		case 4:
			tucss = below(256);
			break;
		case 5:
			ipcso = sum_place();
			break;
		default:
			tucse = below(below(2) ? 65536 : 200);
			break;
		}
	}
	add(ipcss | ipcso << 8 | ipcse << 16 | (uint64_t)(tucss | tucso << 8 | tucse << 16) << 32,
	    (payload & 0xfffff) | TXD_DEXT | (tcp ? TUCMD_TCP : 0) | (six ? 0 : TUCMD_IP) |
	    (tse ? TXD_TSE : 0) | (below(2) ? TXD_RS : 0), (header & 255) << 8 | mss << 16);
}

/* The frame's bytes, cut into descriptors; bad: one of them is spoilt. */
static void pieces(uint32_t at, uint32_t length, uint32_t flags, uint32_t upper, bool bad)
{
	uint32_t most = flags & TXD_DEXT ? 16384 : 8192, spoilt = bad ? below(3) : 3;
	uint32_t last = TXD_EOP | TXD_IFCS | TXD_RS;

	for (uint32_t n = 0; length; n++) {
		uint32_t part = below(2) ? 1 + below(200) : 1 + below(most);
		uint64_t gpa = area_gpa + at;

		part = part < length && n < 200 ? part : length;
		at += part;
		length -= part;
		if (below(16) == 0)
			add(area_gpa + FRAMES, flags, upper);	/* an empty one */
		if (n == spoilt || (bad && !length))
			gpa = nowhere();
		add(gpa, flags | part | (length ? 0 : last), upper);
	}
}

/* One frame at `at`, good or bad; at most `most` bytes. */
static void one_frame(uint32_t at, uint32_t most)
{
	uint32_t length = frame_length(most), header, mss = 64 + below(2000);
	bool six = below(2), tcp = below(2), odd = below(2), tse = below(2);

	switch (below(8)) {
	case 0:			/* out of RAM, by one piece at least */
		frame_make(area + at, number++, length, 0);
		pieces(at, length, below(2) ? TXD_DEXT | TXD_DATA : 0, 0, true);
		break;
	case 1:			/* too short, too long */
		if (below(2)) {
			frame_make(area + at, number++, 14, 0);
			pieces(at, 1 + below(13), 0, 0, false);
			break;
		}
		memset(area + at, 0x33, 2000);
		for (unsigned int i = 0; i < 40; i++)
			add(area_gpa + at, 2000, 0);
		add(area_gpa + at, 2000 | TXD_EOP | TXD_IFCS | TXD_RS, 0);
		break;
	case 2:			/* two kinds in one frame; a kind that is none */
		memset(area + at, 0x33, 2000);
		add(area_gpa + at, 500, 0);
		add(area_gpa + at, 500 | TXD_DEXT | (2 + below(14)) << 20, 0);
		odd = below(2);
		add(area_gpa + at, 500 | TXD_EOP | TXD_IFCS | TXD_RS | (odd ? TXD_DEXT : 0), 0);
		break;
	case 3:			/* sums where there is nothing to sum */
		frame_make(area + at, number++, length, SUMMED);
		pieces(at, length, TXD_IC | sum_place() << 16, below(256) << 8, false);
		break;
	case 4:
	case 5:			/* sums and segmentation, by the book or not quite */
		header = 14 + (six ? 40u : 20u) + (tcp ? 20u : 8u);
		if (length < header + 300)
			length = header + 300;
		frame_make(area + at, number++, length, tse ? header : SUMMED);
		frame_headers(area + at, length, six, tcp);
		context(six, tcp, header, length - header, mss, odd, tse);
		pieces(at, length, TXD_DEXT | TXD_DATA | (tse ? TXD_TSE : 0), POPTS_SUMS, false);
		break;
	default:		/* nothing special */
		frame_make(area + at, number++, length, 0);
		pieces(at, length, below(2) ? TXD_DEXT | TXD_DATA : 0, 0, false);
		break;
	}
}

static bool all_sent(void)
{
	double end = seconds() + 20;

	out(TDT, tail);
	while (bar[TDH / 4] != tail && seconds() < end)
		usleep(500);
	if (bar[TDH / 4] == tail)
		return true;
	fprintf(stderr, "nethostile: the card does not go on: TDH %u, TDT %u\n", bar[TDH / 4],
		tail);
	return false;
}

/* The status of descriptors that wanted one. */
static bool all_reported(void)
{
	const struct desc *d = (const void *)(area + RINGS);

	for (uint32_t i = 0; i < tail; i++)
		if (d[i].lower & TXD_RS && !(d[i].upper & DD)) {
			fprintf(stderr, "nethostile: descriptor %u (0x%08x) is not done\n", i,
				d[i].lower);
			return false;
		}
	return true;
}

static bool send_round(void)
{
	const uint32_t frames = 8, each = FRAMES_SIZE / frames - 0x400;

	for (unsigned int i = 0; i < frames && tail < TX_COUNT - 300; i++)
		one_frame(FRAMES + i * (FRAMES_SIZE / frames), each);
	return all_sent() && all_reported();
}

/* ---- receiving ---- */

static void fill_receive_ring(void)
{
	struct desc *d = (void *)(area + RX_RING);

	for (uint32_t i = 0; i < RX_COUNT; i++) {
		uint32_t at = BUFFERS + i * RX_SLOT;

		d[i] = (struct desc){ below(8) ? area_gpa + at : nowhere(), 0, 0 };
		memset(area + at, GUARD_BYTE, RX_SLOT);
	}
	filled = 0;
}

static bool complain(const char *what, const struct desc *d)
{
	fprintf(stderr, "nethostile: received: %s (0x%llx 0x%08x 0x%08x)\n", what,
		(unsigned long long)d->address, d->lower, d->upper);
	return false;
}

/* What has come is whole, and nothing is written behind it. */
static bool receive_round(uint32_t bytes)
{
	static uint8_t frame[RX_COUNT * RX_SLOT];
	double end = seconds() + 0.15;
	uint32_t length = 0;
	bool lost = false;

	while (filled < RX_COUNT - 1 && seconds() < end) {
		const struct desc *d = (const struct desc *)(void *)(area + RX_RING) + filled;
		uint32_t status = __atomic_load_n(&d->upper, __ATOMIC_ACQUIRE), at, part;

		if (!(status & DD)) {
			usleep(200);
			continue;
		}
		at = BUFFERS + filled++ * RX_SLOT;
		part = d->lower & 0xffff;
		if (!part || part > bytes || (!(status & EOP) && part != bytes))
			return complain("a length that cannot be", d);
		lost |= d->address != area_gpa + at;
		if (d->address != area_gpa + at)
			part = 0;
		for (uint32_t i = part; i < RX_SLOT; i++)
			if (area[at + i] != GUARD_BYTE)
				return complain("written behind the frame", d);
		memcpy(frame + length, area + at, part);
		length += part;
		if (!(status & EOP))
			continue;
		/* Up to 46 bytes of padding, and the FCS. */
		if (!lost && !frame_from_host(frame, length, 50))
			return complain("not as it was sent", d);
		received += !lost;
		lost = false;
		length = 0;
	}
	return true;
}

/* ---- a round's beginning ---- */

/* After a reset: rings in order; the size of receive buffers to *bytes. */
static bool start(uint32_t *bytes)
{
	static const uint32_t sizes[] = {
		0 << 16, 1 << 16, 2 << 16, 3 << 16,
		1 << 16 | 1 << 25, 2 << 16 | 1 << 25, 3 << 16 | 1 << 25,
	};
	static const uint32_t of[] = { 2048, 1024, 512, 256, 16384, 8192, 4096 };
	unsigned int k = below(7);
	double end = seconds() + 10;

	command(0x0007);
	out(CTRL, CTRL_RST);
	while ((bar[CTRL / 4] & CTRL_RST || bar[TDT / 4] || bar[RDLEN / 4]) && seconds() < end)
		usleep(200);
	if (bar[TDT / 4] || bar[RDLEN / 4] || bar[RCTL / 4]) {
		fprintf(stderr, "nethostile: the card is not reset\n");
		return false;
	}
	memset(area + RINGS, 0, RINGS_SIZE);
	tail = 0;
	fill_receive_ring();
	out(TDBAL, (uint32_t)(area_gpa + RINGS));
	out(TDBAH, 0);
	out(TDLEN, TX_COUNT * 16);
	out(RDBAL, (uint32_t)(area_gpa + RX_RING));
	out(RDBAH, 0);
	out(RDLEN, RX_COUNT * 16);
	out(RDT, RX_COUNT - 1);
	out(TCTL, 0x0000000a);			/* EN, PSP */
	out(RCTL, 0x0000803a | sizes[k]);	/* EN, UPE, MPE, LPE, BAM */
	*bytes = of[k];
	return true;
}

/* ---- disorder ---- */

/* Rings anywhere, always with addresses that harm nobody: see nethostile.h. */
static void rubbish(void)
{
	struct desc *d = (void *)(area + RINGS);

	for (uint32_t i = 0; i < RINGS_SIZE / sizeof(*d); i++) {
		uint64_t r = rnd();
		uint32_t at = BUFFERS + (uint32_t)(r & 0x3ffff);	/* 16 KiB fit behind it */

		d[i].address = r >> 40 & 7 ? area_gpa + at : nowhere();
		d[i].lower = (uint32_t)(r >> 32 & 0xff000000) | (uint32_t)(r >> 24 & 0x100000) |
			     (uint32_t)(r >> 20 & 0x1fff);
		d[i].upper = (uint32_t)rnd();
	}
}

/* What may be written there at random; false: nothing. */
static bool harmless(uint32_t reg, uint32_t *value)
{
	switch (reg) {
	case RDBAL:
	case TDBAL:
		*value = below(8) ? (uint32_t)area_gpa + RINGS + (below(RINGS_SIZE / 2) & ~15u) :
				    (uint32_t)nowhere() | 0xc0000000u;
		return true;
	case RDBAH:
	case TDBAH:
		*value = below(8) ? 0 : (uint32_t)rnd() | 1;
		return true;
	case RDLEN:
	case TDLEN:
		*value = below(2) ? below(RINGS_SIZE / 2) & ~127u : 128u << below(12);
		return true;
	case RDH:
	case RDT:
	case TDH:
	case TDT:
		*value = below(2) ? below(64) : below(65536);
		return true;
	case RCTL:
	case TCTL:
		*value = below(4) ? (uint32_t)rnd() | 2 : (uint32_t)rnd();
		return true;
	}
	return true;
}

static void disorder(void)
{
	static const uint32_t often[] = {
		RDBAL, RDBAH, RDLEN, RDH, RDT, TDBAL, TDBAH, TDLEN, TDH, TDT, TDT, TDT, RDT, RCTL,
		TCTL,
	};

	/* Nothing that the other end would judge is left in the buffers. */
	out(RCTL, 0);
	memset(area + FRAMES, 0x33, FRAMES_SIZE);
	rubbish();
	for (unsigned int i = 0; i < 400; i++) {
		uint32_t reg = 4 * below((below(2) ? 0x5a00 : MMIO_SIZE) / 4);
		uint32_t value = (uint32_t)rnd();

		if (below(3))
			reg = often[below(sizeof(often) / sizeof(often[0]))];
		if (below(5) == 0)
			(void)(below(2) ? ((volatile uint8_t *)bar)[reg + below(4)] :
					  (uint32_t)((volatile uint64_t *)bar)[reg / 8]);
		else if (harmless(reg, &value))
			out(reg, value);
		if (below(32) == 0)
			((volatile uint8_t *)bar)[reg + below(4)] = (uint8_t)value;
		if (below(50) == 0)
			command((uint16_t)(below(2) ? 0x0003 : 0x0407));
		if (below(50) == 0)
			command(0x0007);
	}
	usleep(2000);
}

static bool rounds_of(uint64_t rounds)
{
	uint32_t bytes;

	for (uint64_t n = 0; n <= rounds; n++) {
		if (!start(&bytes) || !send_round() || !receive_round(bytes)) {
			fprintf(stderr, "nethostile: in round %llu\n", (unsigned long long)n);
			return false;
		}
		if (n < rounds && below(8))
			disorder();
	}
	return true;
}

int hostile_e1000(const char *device, uint64_t rounds)
{
	bool good;

	if (open_device(device))
		return 1;
	good = rounds_of(rounds);
	/* In any case: the rings are memory that is somebody else's after us. */
	command(0x0007);
	bar[CTRL / 4] = CTRL_RST;
	command(0x0003);
	printf("emulated %llu rounds, %llu received\n", (unsigned long long)rounds,
	       (unsigned long long)received);
	return good && received ? 0 : 1;
}
