// SPDX-License-Identifier: BSD-2-Clause
/* See hostile.h. The core module must not be loaded: there is one session. */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hypercall/ring.h"
#include "raw.h"

#define PAGES	8u
#define PAGE	4096u

static struct raw_host host;
static uint8_t *page[PAGES];	/* each on its own page, locked */
static uint64_t gpa[PAGES];
static uint64_t state;

static uint64_t rnd(void)
{
	return raw_random(&state);
}

static uint32_t below(uint32_t n)
{
	return (uint32_t)(rnd() % n);
}

static int64_t call(uint32_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	return raw_call(&host, nr, a0, a1, a2, a3);
}

static int begin(uint64_t seed)
{
	int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	unsigned int i;

	state = seed;
	if (!raw_find(&host)) {
		fprintf(stderr, "tool: no pvkit host\n");
		return 1;
	}
	if (map < 0 || iopl(3)) {
		fprintf(stderr, "tool: needs root: %s\n", strerror(errno));
		return 1;
	}
	for (i = 0; i < PAGES; i++) {
		uint64_t entry = 0;

		page[i] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
		if (page[i] == MAP_FAILED)
			return 1;
		memset(page[i], 0, PAGE);
		if (pread(map, &entry, 8, (off_t)((uintptr_t)page[i] / PAGE * 8)) != 8 ||
		    !(entry >> 63))
			return 1;
		gpa[i] = (entry & ((1ull << 55) - 1)) * PAGE;
	}
	close(map);
	return 0;
}

int hostile_leaves(void)
{
	char sig[13] = "";
	uint32_t r[4], i;

	__cpuid(0x40000000u, r[0], r[1], r[2], r[3]);
	memcpy(sig, &r[1], 12);
	printf("first=%s\n", sig);
	if (!raw_find(&host)) {
		printf("pvkit=none\n");
		return 0;
	}
	printf("pvkit=0x%x\n", host.base);
	for (i = 0; i <= PVK_CPUID_MAX; i++) {
		__cpuid(host.base + i, r[0], r[1], r[2], r[3]);
		printf("leaf%u=%08x,%08x,%08x,%08x\n", i, r[0], r[1], r[2], r[3]);
	}
	return 0;
}

/* An address: in a page of ours, or where there is no RAM, or misaligned. */
static uint64_t some_address(void)
{
	static const uint64_t nowhere[] = {
		0xa0000, 0xc0000000, 0xfec00000, 0xfee00000, 0xfffffff8, 1ull << 40,
		1ull << 51, 1ull << 52, 1ull << 63, ~0ull, ~7ull, ~0xfffull,
	};

	switch (below(4)) {
	case 0:
		return nowhere[below(sizeof(nowhere) / sizeof(nowhere[0]))];
	case 1:
		return gpa[below(PAGES)] + below(PAGE / 2);
	default:
		return gpa[below(PAGES)] + 8ull * below(PAGE / 16);
	}
}

/* A size that, from some_address(), stays in the page; or one too large for any structure. */
static uint64_t some_size(void)
{
	switch (below(6)) {
	case 0:
		return rnd() | 1ull << 32;
	case 1:
		return 0;
	default:
		return below(PAGE / 2);
	}
}

static bool known(int64_t status)
{
	static const int errors[] = {
		PVK_EPERM,  PVK_ENOENT, PVK_EIO,     PVK_EAGAIN,   PVK_EFAULT,
		PVK_EBUSY,  PVK_EINVAL, PVK_ENOSPC,  PVK_EROFS,	   PVK_ERANGE,
		PVK_ENOSYS, PVK_EPROTO, PVK_ENOTSUP, PVK_EVERSION,
	};
	size_t i;

	if (status >= 0)
		return status <= 65536;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (status == -errors[i])
			return true;
	return false;
}

static int64_t negotiate(uint64_t accept)
{
	struct pvk_negotiate n = { .size = sizeof(n),
				   .version = PVK_ABI_VERSION,
				   .accept = accept };
	int64_t status;
	int i;

	for (i = 0; i < 100000; i++) {
		memcpy(page[0], &n, sizeof(n));
		status = call(PVK_CALL_NEGOTIATE, gpa[0], sizeof(n), 0, 0);
		if (status != -PVK_EAGAIN)
			break;
	}
	return status;
}

static uint64_t offered(void)
{
	return raw_offered(&host);
}

int hostile_calls(uint64_t seed, uint64_t count)
{
	static const uint32_t numbers[] = {
		0x00, 0x01, 0x02, 0x03, 0x10, 0x11, 0x12, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25,
		0x26, 0x28, 0x30, 0x31,
	};
	uint64_t n, refused = 0;
	unsigned int i;

	if (begin(seed))
		return 1;
	for (n = 0; n < count; n++) {
		uint32_t nr = below(8) ? numbers[below(sizeof(numbers) / sizeof(numbers[0]))] :
					 (uint32_t)rnd();
		uint64_t arg[4];
		int64_t status;

		if (n % 64 == 0 && negotiate(offered()) && n == 0) {
			fprintf(stderr, "tool: the host refuses to negotiate\n");
			return 1;
		}
		for (i = 0; i < PAGES; i++) {
			uint32_t *words = (uint32_t *)(void *)page[i];
			unsigned int k;

			for (k = 0; k < PAGE / 4 && below(4) == 0; k++)
				words[k] = below(3) ? below(64) : (uint32_t)rnd();
		}
		/* Bound rings and queues would be memory that is not ours any more. */
		for (i = 0; i < 4; i++)
			arg[i] = below(3) ? some_address() : below(2) ? below(8) : some_size();
		if (below(2))
			arg[1] = some_size();
		/* The host writes into each entry of a batch: they must be ours. */
		if (nr == PVK_CALL_BATCH) {
			arg[0] = below(4) ? gpa[below(PAGES)] : 1ull << 40;
			arg[1] = below(4) ? below(PAGE / 64 + 1) : 65537ull + below(64);
			arg[2] = below(PAGE / 64 + 16);
		}
		status = call(nr, arg[0], arg[1], arg[2], arg[3]);
		if (!known(status)) {
			fprintf(stderr, "tool: call 0x%x(0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64
				", 0x%" PRIx64 ") returned %" PRId64 "\n", nr, arg[0], arg[1],
				arg[2], arg[3], status);
			return 1;
		}
		refused += status < 0;
	}
	while (call(PVK_CALL_LEAVE, 0, 0, 0, 0) == -PVK_EAGAIN)
		;
	printf("%" PRIu64 " calls, %" PRIu64 " refused\n", count, refused);
	if (call(PVK_CALL_NOP, 0, 0, 0, 0) || !refused)
		return 1;
	return negotiate(offered()) ? 1 : 0;
}

static uint32_t device;		/* id of the first device, which is what is misused */

/* The state of the first device, or -1. */
static int device_state(void)
{
	struct pvk_dev_info info = { .size = sizeof(info) };

	memcpy(page[0], &info, sizeof(info));
	if (call(PVK_CALL_DEV_INFO, 0, gpa[0], sizeof(info), 0))
		return -1;
	memcpy(&info, page[0], sizeof(info));
	device = info.id;
	return (int)info.state;
}

static int64_t reset(void)
{
	int64_t status;

	do {
		status = call(PVK_CALL_DEV_RESET, device, 0, 0, 0);
	} while (status == -PVK_EAGAIN);
	return status;
}

/* The device with one polled queue of 16 entries: rings in pages 1, 2, control in 3. */
static int64_t start(uint32_t *bell)
{
	struct pvk_queue_setup q = {
		.size = sizeof(q),
		.device = device,
		.entries = 16,
		.sq_gpa = gpa[1],
		.cq_gpa = gpa[2],
		.ctl_gpa = gpa[3],
		.channel = PVK_CHANNEL_NONE,
	};
	int64_t status = call(PVK_CALL_DEV_ACCEPT, device, 0, 0, 0);

	if (status)
		return status;
	memset(page[1], 0, PAGE);
	memset(page[2], 0, PAGE);
	memset(page[3], 0, PAGE);
	memcpy(page[0], &q, sizeof(q));
	status = call(PVK_CALL_QUEUE_SETUP, gpa[0], sizeof(q), 0, 0);
	if (status)
		return status;
	memcpy(&q, page[0], sizeof(q));
	*bell = q.doorbell;
	return call(PVK_CALL_DEV_START, device, 0, 0, 0);
}

int hostile_rings(uint64_t seed, uint64_t count)
{
	uint64_t n, stopped = 0;
	uint32_t bell = 0;
	int64_t status;

	if (begin(seed))
		return 1;
	if (negotiate(offered())) {
		fprintf(stderr, "tool: the host refuses to negotiate\n");
		return 1;
	}
	status = device_state();
	if (status < 0) {
		fprintf(stderr, "tool: no device\n");
		return 1;
	}
	status = call(PVK_CALL_UNPLUG, device, 0, 0, 0);
	if (status) {
		fprintf(stderr, "tool: UNPLUG: %" PRId64 "\n", status);
		return 1;
	}
	for (n = 0; n < count; n++) {
		uint64_t *sq = (uint64_t *)(void *)page[1];
		unsigned int i, k;

		status = reset();
		if (!status)
			status = start(&bell);
		if (status) {
			fprintf(stderr, "tool: round %" PRIu64 ": %" PRId64 "\n", n, status);
			return 1;
		}
		for (i = 0; i < 16; i++) {
			struct pvk_blk_sqe e = {
				.id = (__u16)below(32), .op = (__u8)below(8),
				.flags = (__u8)(below(4) ? below(8) : rnd()),
				.nsegs = (__u16)(below(2) ? below(4) : rnd()),
				.reserved = (__u16)(below(8) ? 0 : rnd()),
				.sector = below(2) ? below(64) : rnd(),
				.length = below(2) ? 512ull * below(9) : rnd(),
				.list_gpa = below(2) ? 0 : some_address(),
			};
			uint64_t word[8];

			for (k = 0; k < 2; k++) {
				e.seg[k].gpa = some_address();
				e.seg[k].len = below(2) ? 512 : below(PAGE / 2);
			}
			e.flags |= PVK_ENTRY_PHASE;
			memcpy(word, &e, sizeof(word));
			for (k = 1; k < 8; k++)
				sq[i * 8 + k] = word[k];
			__atomic_store_n(&sq[i * 8], word[0], __ATOMIC_RELEASE);
			if (below(2))
				outl(below(8) ? bell : (uint32_t)rnd(), (uint16_t)host.bell_port);
		}
		/* Now the host's own line, the completion ring, and the entries again. */
		memset(page[3], (int)rnd(), below(PAGE));
		outl(bell, (uint16_t)host.bell_port);
		memset(page[2], (int)rnd(), below(PAGE));
		if (below(4) == 0)
			memset(page[1], (int)rnd(), PAGE);
		outl(bell, (uint16_t)host.bell_port);
		usleep(2000);
		stopped += device_state() == PVK_DEV_NEEDS_RESET;
	}
	if (reset() || device_state() != PVK_DEV_RESET) {
		fprintf(stderr, "tool: the device does not come back\n");
		return 1;
	}
	printf("%" PRIu64 " rounds, %" PRIu64 " ended with NEEDS_RESET\n", count, stopped);
	while (call(PVK_CALL_LEAVE, 0, 0, 0, 0) == -PVK_EAGAIN)
		;
	return 0;
}

int hostile_reset(void)
{
	if (begin(1))
		return 1;
	if (device_state() != PVK_DEV_RUNNING) {
		fprintf(stderr, "tool: the device does not run\n");
		return 1;
	}
	return reset() ? 1 : 0;
}

int hostile_raise(uint64_t channel, uint64_t count)
{
	if (begin(1))
		return 1;
	for (; count; count--)
		if (call(PVK_CALL_EVENT_RAISE, channel, 0, 0, 0)) {
			fprintf(stderr, "tool: the host raises no event on this channel\n");
			return 1;
		}
	return 0;
}

/*
 * Writes that are the guest's own harm and no test of the host: the RTC's
 * registers (a periodic interrupt at 8 kHz), reset control, PCI configuration
 * (the disk's BARs), and calls, which hostile_calls() makes.
 */
static bool harmful(uint16_t port, unsigned int size)
{
	static const struct {
		uint16_t first, last;
	} off[] = { { 0x71, 0x71 }, { 0xcf9, 0xcf9 }, { 0xcfc, 0xcff } };
	size_t i;

	for (i = 0; i < sizeof(off) / sizeof(off[0]); i++)
		if (port <= off[i].last && port + size > off[i].first)
			return true;
	return size == 4 && port == host.call_port;
}

int hostile_ports(uint64_t seed, uint64_t count)
{
	/* PCI configuration address, RTC index, pvkit's, and nobody's */
	static const uint16_t first[] = { 0xcf8, 0x70, 0x700, 0x704, 0x708, 0x2e8, 0x5000, 0xfff0 };
	uint64_t n;

	if (begin(seed))
		return 1;
	for (n = 0; n < count; n++) {
		uint16_t port = (uint16_t)(first[below(8)] + below(4));
		unsigned int size = 1u << below(3);

		if (below(2)) {
			if (size == 1)
				(void)inb(port);
			else if (size == 2)
				(void)inw(port);
			else
				(void)inl(port);
		} else if (!harmful(port, size)) {
			if (size == 1)
				outb((uint8_t)rnd(), port);
			else if (size == 2)
				outw((uint16_t)rnd(), port);
			else
				outl((uint32_t)rnd(), port);
		}
	}
	outb(0x0d, 0x70);
	printf("%" PRIu64 " accesses\n", count);
	return call(PVK_CALL_NOP, 0, 0, 0, 0) ? 1 : 0;
}
