// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fuzzer of the porting library: a host that says anything. CPUID is right as far
 * as a pvkit host is found; answers of calls, structures, rings, pages, clocks are
 * the input's. Whatever it is: nothing is touched that is not the guest's to touch
 * (ASan, the strict OS), frames and lengths stay inside their buffers, every call
 * ends, and what the host let go of is given back.
 */
/* LINK: hypercall/port/host.c hypercall/port/bus.c hypercall/port/blk.c hypercall/port/net.c hypercall/port/console.c hypercall/port/power.c hypercall/port/info.c hypercall/port/hv.c hypercall/port/cpu.c hypercall/port/clock.c hypercall/detect/stack.c hypercall/detect/tables.c */
/* LIBS: */
#include "must.h"
#include "tests/unit/fake_os.h"

#include "hypercall/port/blk.h"
#include "hypercall/port/clock.h"
#include "hypercall/port/console.h"
#include "hypercall/port/net.h"
#include "hypercall/port/power.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GPA	0x10000000ull
#define BYTES	(4u << 20)
#define TIMEOUT	100000u		/* cycles: a hundred polls */

static uint8_t ram[BYTES] __attribute__((aligned(4096)));
static const uint8_t *at;
static size_t left;
static unsigned int calls;
static bool honest;		/* ends of sessions and devices work */

static uint64_t take(unsigned int n)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < n && left; i++, left--)
		value |= (uint64_t)*at++ << 8 * i;
	return value;
}

/* Sometimes what the contract wants, sometimes anything. */
static uint32_t number(uint32_t right)
{
	return take(1) & 7 ? right : (uint32_t)take(4);
}

static void cpuid(uint32_t leaf, struct pvk_cpuid_regs *r)
{
	switch (leaf) {
	case 1:
		r->ecx = PVK_CPUID_HYPERVISOR;
		break;
	case 0x40000000:
		*r = (struct pvk_cpuid_regs){ 0x40000005, PVK_SIGNATURE_EBX, PVK_SIGNATURE_ECX,
					      PVK_SIGNATURE_EDX };
		break;
	case 0x40000001:
		*r = (struct pvk_cpuid_regs){ number(PVK_ABI_VERSION), number(PVK_VERSION(1, 0)), 0,
					     0};
		break;
	case 0x40000002:
		*r = (struct pvk_cpuid_regs){ number(15), 0, 0, number(31) };
		break;
	case 0x40000003:
		*r = (struct pvk_cpuid_regs){ number(1), number(0x500), number(0x504), 0 };
		break;
	case 0x40000004:
		*r = (struct pvk_cpuid_regs){ number(64), number(1024), number(64), number(4096) };
		break;
	case 0x40000005:
		*r = (struct pvk_cpuid_regs){ number(GPA + BYTES - 8192), 0, number(4096), 0 };
		break;
	default:
		*r = (struct pvk_cpuid_regs){ (uint32_t)take(1), (uint32_t)take(1), 0, 0 };
	}
}

static uint64_t rdmsr(uint32_t msr)
{
	(void)msr;
	return take(8);
}

static void wrmsr(uint32_t msr, uint64_t value)
{
	(void)msr;
	(void)value;
}

static void hypercall(uint32_t insn, const void *page, struct pvp_regs *regs)
{
	(void)insn;
	(void)page;
	regs->ax = take(1) & 1 ? 0 : take(8);
}

static void doorbell(uint16_t port, uint32_t value)
{
	(void)port;
	(void)value;
}

/* Spoils some of what is shared at the moment. */
static void spoil(void)
{
	unsigned int n = (unsigned int)take(1);

	while (n-- && left) {
		unsigned int i = fake_os.pieces ? (unsigned int)take(1) % fake_os.pieces : 0;
		uint32_t where = (uint32_t)take(2);

		if (!fake_os.pieces || !fake_os.piece[i].live)
			continue;
		fake_os.piece[i].at[where % fake_os.piece[i].bytes] = (uint8_t)take(1);
	}
}

/* The IN part of structures is known; what comes back is mostly plausible. */
static int64_t port_call(uint16_t port, uint32_t call, const uint64_t *arg)
{
	uint8_t *s = fake_os.piece[0].at;

	(void)port;
	MUST(++calls < 3000000);
	if (honest && (call == PVK_CALL_DEV_RESET || call == PVK_CALL_LEAVE ||
		       call == PVK_CALL_PLATFORM_LEAVE || call == PVK_CALL_CONSOLE_SETUP))
		return 0;
	switch (call) {
	case PVK_CALL_NEGOTIATE:
	case PVK_CALL_PLATFORM_NEGOTIATE:
		((struct pvk_negotiate *)(void *)s)->active =
			take(1) & 15 ? ((struct pvk_negotiate *)(void *)s)->accept : take(8);
		break;
	case PVK_CALL_BUS_INFO:
		((struct pvk_bus_info *)(void *)s)->devices = number(2);
		break;
	case PVK_CALL_DEV_INFO:
		*(struct pvk_dev_info *)(void *)s = (struct pvk_dev_info){
			.size = 64, .id = number(1), .type = number((uint32_t)arg[0] + 1),
			.features = number(15), .model = number(PVK_MODEL_PVKIT),
			.max_queues = number(2), .max_entries = number(16),
			.config_size = number(72),
		};
		break;
	case PVK_CALL_DEV_CONFIG:
		if (take(1) & 1) {
			*(struct pvk_blk_config *)(void *)s = (struct pvk_blk_config){
				.size = 72, .sectors = number(4096), .logical_block = number(512),
				.physical_block = 512, .max_segs = 2, .max_bytes = number(65536),
				.max_discard_sectors = number(99), .max_zeroes_sectors = number(9),
			};
		}
		break;
	}
	if (take(1) & 3)
		return 0;
	spoil();
	return take(1) & 1 ? (int64_t)take(8) : -(int64_t)(take(1) % 120);
}

static void relax(void)
{
	if (left)
		spoil();
}

/* An answer, as good as the input has it, into a queue. */
static void answer(struct pvp_queue *queue)
{
	struct pvk_ring host_side = queue->cq;
	union pvk_cqe_words e = { .cqe = { .id = (uint16_t)number((uint32_t)take(1) & 31),
					 .op = (uint8_t)number((uint32_t)take(1) % 6),
					 .flags = (uint8_t)take(1),
					 .status = (int32_t) - (uint32_t)number(0),
					 .value = take(1) & 1 ? take(2) : take(8)}};

	if (queue->memory && queue->entries)
		pvk_cq_put(&host_side, &e);
}

static void disk(struct pvp_host *host)
{
	static struct pvp_blk blk;
	uint32_t n = ~0u;
	int status = 1;
	__u64 gpa;
	void *p;

	if (pvp_blk_open(&blk, host, 0, PVK_CHANNEL_NONE))
		return;
	p = pvp_os_alloc(8192, &gpa);
	for (unsigned int i = 0; i < 40 && left; i++) {
		(void)pvp_blk_submit(&blk, (uint8_t)(take(1) % 7), 0, take(2), number(512), gpa);
		pvp_blk_kick(&blk);
		answer(&blk.queue);
		if (pvp_blk_poll(&blk, &n, &status) == 1)
			MUST(n < PVP_BLK_ENTRIES && status <= 0);
		MUST(blk.queue.used <= blk.queue.entries);
	}
	(void)pvp_blk_do(&blk, PVK_BLK_READ, 0, p, 8192, TIMEOUT);
	honest = true;
	MUST(pvp_blk_close(&blk) == 0);
	honest = false;
	pvp_os_free(p, 8192);
}

static void card(struct pvp_host *host)
{
	static struct pvp_net net;
	uint8_t frame[PVP_NET_FRAME] = { 0 };
	int ret;

	if (pvp_net_open(&net, host, 0, PVK_CHANNEL_NONE))
		return;
	for (unsigned int i = 0; i < 60 && left; i++) {
		(void)pvp_net_send(&net, frame, (uint32_t)take(2));
		answer(take(1) & 1 ? &net.tx : &net.rx);
		ret = pvp_net_receive(&net, frame, sizeof(frame));
		MUST(ret <= (int)PVP_NET_BUFFER);
	}
	(void)pvp_net_link(&net);
	honest = true;
	MUST(pvp_net_close(&net) == 0);
	honest = false;
}

static void console(struct pvp_host *host)
{
	static struct pvp_console con;
	uint8_t text[300] = { 0 };

	if (pvp_console_open(&con, host))
		return;
	for (unsigned int i = 0; i < 20 && left; i++) {
		spoil();
		pvp_console_put(&con, text, (uint32_t)take(1));
		MUST(pvp_console_get(&con, text, sizeof(text)) <= PVP_CONSOLE_IN);
	}
	honest = true;
	pvp_console_close(&con);
	honest = false;
}

/* A page that is right but for what the input changes: head, sections, what is in them. */
static void info_page(const struct pvk_offer *offer)
{
	uint32_t told = offer->info_bytes;
	uint64_t place = offer->info_gpa - GPA;	/* any page, if the input has it so */
	uint8_t *page = ram + BYTES - 8192;
	struct pvk_info *head = (void *)page;
	uint32_t offset = sizeof(*head);

	ASAN_UNPOISON_MEMORY_REGION(page, 8192);
	if (told <= BYTES && place <= BYTES - told)
		ASAN_UNPOISON_MEMORY_REGION(ram + place, told);
	for (unsigned int i = 0; i < 64 && left; i++)
		page[take(2) % 600] = (uint8_t)take(1);
	*head = (struct pvk_info){ .magic = PVK_INFO_MAGIC, .version = number(PVK_ABI_VERSION),
				   .bytes = number(4096), .sections = (uint32_t)take(1) % 8 };
	for (unsigned int i = 0; i < head->sections && offset < 4000; i++) {
		struct pvk_info_section *section = (void *)(page + offset);

		section->tag = (uint32_t)take(1) % 8;
		section->bytes = number(8 * ((uint32_t)take(1) % 16 + 1));
		offset += section->bytes & 0xff8 ? section->bytes & 0xff8 : 8;
	}
	/* behind the end that the host told nothing may be read */
	if (told < 8192 && place == BYTES - 8192)
		ASAN_POISON_MEMORY_REGION(page + told, 8192 - told);
}

static void clocks(const struct pvp_host *host)
{
	static struct pvk_stack stack;
	static struct pvp_info info;
	static struct pvp_clock clock;
	struct pvp_cpu cpu;
	struct pvp_hv hv;
	__u64 now, last = 0;
	bool page;

	memset(&stack, 0, sizeof(stack));
	stack.interfaces = 1;
	stack.interface[0].kind = (uint8_t)(PVK_IF_KVM + take(1) % 3);
	stack.interface[0].leaves = 6;
	stack.interface[0].insn = (uint8_t)(take(1) % 3);
	stack.interface[0].calling = (uint8_t)(take(1) % PVK_CALLINGS);
	for (unsigned int i = 1; i < 5; i++)
		stack.interface[0].leaf[i].eax = take(1) & 1 ? ~0u : (uint32_t)take(4);
	MUST(pvp_hv_open(&hv, &stack) == 0);
	MUST(pvp_cpu_open(&cpu, &hv) == 0);
	info_page(&host->offer);
	page = pvp_info_open(&info, &host->offer) == 0;
	if (page) {
		struct pvk_info_cpuid_entry entry;
		uint8_t seed[64];
		__u64 value;

		for (unsigned int i = 0; i < 8; i++)
			(void)pvp_info_section(&info, i);
		(void)pvp_info_apic_id(&info, pvp_info_cpus(&info) - 1);
		(void)pvp_info_cpuid(&info, 77, 77, &entry);
		(void)pvp_info_msr(&info, 77, &value);
		(void)pvp_info_absent(&info);
		(void)pvp_info_seed(&info, seed);
	}
	if (!pvp_clock_open(&clock, &hv, page ? &info : NULL, (uint32_t)take(1) % 5)) {
		pvp_clock_start(&clock, &cpu);
		for (unsigned int i = 0; i < 20 && left; i++) {
			spoil();
			now = pvp_clock_ns(&clock, &cpu);
			MUST(clock.stable || now >= last);
			last = now;
			(void)pvp_steal(&cpu, &now);
			(void)pvp_eoi(&cpu);
			(void)pvp_ipi(&cpu, 0, now, 0x40);
		}
		pvp_clock_stop(&clock, &cpu);
		if (clock.kind == PVP_CLOCK_XEN) {	/* Xen keeps the page */
			pvp_os_free(clock.page, PVP_PAGE);
			clock.page = NULL;
		}
		pvp_clock_close(&clock);
	}
	if (page)
		pvp_info_close(&info);
	pvp_cpu_close(&cpu);
	pvp_hv_close(&hv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pvp_host host;
	unsigned int what;

	at = data;
	left = size;
	calls = 0;
	honest = false;
	fake_os_create(ram, GPA, BYTES);
	fake_os.cpuid = cpuid;
	fake_os.rdmsr = rdmsr;
	fake_os.wrmsr = wrmsr;
	fake_os.hypercall = hypercall;
	fake_os.port_call = port_call;
	fake_os.out32 = doorbell;
	fake_os.relax = relax;
	what = (unsigned int)take(1);
	if (!pvp_open(&host, PVP_FEATURES)) {
		if (what & 1)
			disk(&host);
		if (what & 2)
			card(&host);
		if (what & 4)
			console(&host);
		(void)pvp_power_request(&host);
		if (what & 8)
			clocks(&host);
		honest = true;
		pvp_close(&host);
		/*
		 * A device whose opening failed half-way may keep its memory: its host did not let
		 * go.
		 */
		if (!(what & 3))
			MUST(fake_os_held() == 0);
	}
	fake_os_destroy();
	return 0;
}
