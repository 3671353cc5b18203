// SPDX-License-Identifier: BSD-2-Clause
/*
 * The tests' guest: a free-standing 64-bit program that says what it was given
 * (way of entry, command line, memory map, modules, pvkit's offer, information
 * page), does what words of its command line tell, and ends the VM.
 *
 *   off=N, reboot, panic, goes-on   a power call with a text
 *   triple                          a triple fault
 *   exit=N                          a byte to the debug-exit port 0xf4
 *   smp                             starts all other CPUs by call, again and again
 *   wait                            waits for a request to switch off
 *   echo                            a line of the console's input, sent back
 *   ports                           reads ports that nobody has on the minimal machine
 *   pause                           waits until the host rewrites the clock
 *   touch                           reads a byte of each 4 KiB of RAM above 4 MiB
 *   brief                           says nothing of what it was given
 *   flood=N                         N KiB of output; 0: on and on
 *
 * It speaks by the console's ring where that is offered, else by a PC's UART.
 */
#include <stddef.h>
#include <stdint.h>

#include "../../hypercall/abi/pvk.h"
#include "../../hypercall/detect.h"

enum { WAY_LINUX64 = 1, WAY_PVH = 2, WAY_MULTIBOOT = 3 };

#define OUT_BYTES	4096u
#define IN_BYTES	256u

extern uint8_t start_ap[], gdt[];
void probe_main(uint32_t way, uint64_t info);
void probe_ap(uint64_t arg);

static struct {
	struct pvk_console ctl;
	uint8_t out[OUT_BYTES], in[IN_BYTES];
} ring __attribute__((aligned(64)));

static struct pvk_offer offer;
static uint64_t accepted;
static uint32_t doorbell;
static int has_ring;
static const char *cmdline = "";

/* ---- the machine ---- */

static void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

/* RDMSR; *faulted tells of a #GP, which start.S steps over. */
extern volatile uint32_t faults;

static uint64_t rdmsr_safe(uint32_t msr, int *faulted)
{
	uint32_t low = 0, high = 0, before = faults;

	__asm__ volatile("rdmsr" : "+a"(low), "+d"(high) : "c"(msr) : "memory");
	*faulted = faults != before;
	return (uint64_t)high << 32 | low;
}

static uint64_t rdmsr(uint32_t msr)
{
	int faulted;

	return rdmsr_safe(msr, &faulted);
}

static void cpuid_count(uint32_t leaf, uint32_t index, struct pvk_cpuid_regs *r)
{
	__asm__ volatile("cpuid" : "=a"(r->eax), "=b"(r->ebx), "=c"(r->ecx), "=d"(r->edx)
			 : "a"(leaf), "c"(index));
}

static void cpuid(void *context, __u32 leaf, struct pvk_cpuid_regs *r)
{
	(void)context;
	cpuid_count(leaf, 0, r);
}

static int64_t call(uint32_t number, uint64_t a, uint64_t b, uint64_t c)
{
	int64_t status;

	__asm__ volatile("outl %%eax, %%dx" : "=a"(status)
			 : "a"(number), "d"(offer.call_port), "b"(a), "c"(b), "S"(c), "D"(0)
			 : "memory");
	return status;
}

static void relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}

/* ---- words ---- */

static uint32_t length(const char *s)
{
	uint32_t n = 0;

	while (s[n])
		n++;
	return n;
}

static void put(char c)
{
	uint32_t head = ring.ctl.out_head;

	if (!has_ring) {
		out8(0x3f8, (uint8_t)c);
		return;
	}
	while (head - __atomic_load_n(&ring.ctl.out_tail, __ATOMIC_ACQUIRE) == OUT_BYTES)
		(void)call(PVK_CALL_CONSOLE_FLUSH, 0, 0, 0);
	ring.out[head % OUT_BYTES] = (uint8_t)c;
	__atomic_store_n(&ring.ctl.out_head, head + 1, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (head + 1 - __atomic_load_n(&ring.ctl.out_wake, __ATOMIC_RELAXED) - 1 < 1)
		out32((uint16_t)offer.doorbell_port, doorbell);
}

static void say(const char *s)
{
	while (*s)
		put(*s++);
}

static void say_hex(uint64_t v)
{
	char text[17];
	int i = 16;

	text[16] = 0;
	do
		text[--i] = "0123456789abcdef"[v & 15];
	while (v >>= 4);
	say(text + i);
}

static void say_value(const char *name, uint64_t v)
{
	say(name);
	put(' ');
	say_hex(v);
	put('\n');
}

/* Is the word there? Then what follows its '=', as a number. */
static int word(const char *name, uint32_t *value)
{
	uint32_t len = length(name);

	for (const char *c = cmdline; *c; c++) {
		uint32_t i = 0;

		if (c != cmdline && c[-1] != ' ')
			continue;
		while (i < len && c[i] == name[i])
			i++;
		if (i < len || (c[i] && c[i] != ' ' && c[i] != '='))
			continue;
		for (*value = 0; c[i] == '=' || (c[i] >= '0' && c[i] <= '9'); i++)
			if (c[i] != '=')
				*value = *value * 10 + (uint32_t)(c[i] - '0');
		return 1;
	}
	return 0;
}

/* ---- what it was given ---- */

static uint32_t at32(uint64_t gpa)
{
	return *(volatile uint32_t *)gpa;
}

static uint64_t at64(uint64_t gpa)
{
	return *(volatile uint64_t *)gpa;
}

static void say_range(uint64_t start, uint64_t bytes, uint32_t type)
{
	say("ram ");
	say_hex(start);
	put(' ');
	say_hex(start + bytes);
	put(' ');
	say_hex(type);
	put('\n');
}

static void say_module(uint64_t gpa, uint64_t bytes, const char *text)
{
	say("module ");
	say_hex(bytes);
	say(" begins ");
	for (uint32_t i = 0; i < 8 && i < bytes; i++)
		put(((const char *)gpa)[i]);
	say(" text ");
	say(text);
	put('\n');
}

/* Offsets: the specifications that pvkit-vm's boot/ names */
static void given(uint32_t way, uint64_t info)
{
	if (way == WAY_LINUX64) {
		for (uint32_t i = 0; i < *(uint8_t *)(info + 0x1e8); i++)
			say_range(at64(info + 0x2d0 + i * 20), at64(info + 0x2d8 + i * 20),
				  at32(info + 0x2e0 + i * 20));
		if (at32(info + 0x21c))
			say_module(at32(info + 0x218), at32(info + 0x21c), "");
	} else if (way == WAY_PVH) {
		say_value("magic", at32(info));
		for (uint32_t i = 0; i < at32(info + 48); i++)
			say_range(at64(at64(info + 40) + i * 24),
				  at64(at64(info + 40) + 8 + i * 24),
				  at32(at64(info + 40) + 16 + i * 24));
		for (uint32_t i = 0; i < at32(info + 12); i++) {
			uint64_t m = at64(info + 16) + i * 32;

			say_module(at64(m), at64(m + 8), "");
		}
	} else {
		uint64_t map = at32(info + 48);

		for (uint64_t m = map; m < map + at32(info + 44); m += at32(m) + 4)
			say_range(at64(m + 4), at64(m + 12), at32(m + 20));
		for (uint32_t i = 0; i < at32(info + 20); i++) {
			uint64_t m = at32(info + 24) + i * 16;

			say_module(at32(m), at32(m + 4) - at32(m),
				   (const char *)(uint64_t)at32(m + 8));
		}
	}
}

static const char *cmdline_of(uint32_t way, uint64_t info)
{
	if (way == WAY_LINUX64)
		return (const char *)(uint64_t)at32(info + 0x228);
	if (way == WAY_PVH)
		return (const char *)at64(info + 24);
	return (const char *)(uint64_t)at32(info + 16);
}

/* ---- the information page ---- */

static void check_cpuid(const struct pvk_info_cpuid *t)
{
	uint32_t wrong = 0;

	for (uint32_t i = 0; i < t->count; i++) {
		const struct pvk_info_cpuid_entry *e = &t->entry[i];
		struct pvk_cpuid_regs r;

		cpuid_count(e->leaf, e->index, &r);
		if (e->flags & PVK_CPUID_CR4 && e->leaf == 1)
			r.ecx &= ~(1u << 27);
		if (e->flags & PVK_CPUID_CR4 && e->leaf == 7)
			r.ecx &= ~(1u << 4);
		if (r.eax != e->eax || r.ebx != e->ebx || r.ecx != e->ecx || r.edx != e->edx) {
			say_value("differs: leaf", e->leaf);
			say_value("  eax by", r.eax ^ e->eax);
			say_value("  ebx by", r.ebx ^ e->ebx);
			say_value("  ecx by", r.ecx ^ e->ecx);
			say_value("  edx by", r.edx ^ e->edx);
			wrong++;
		}
	}
	say_value("cpuid entries", t->count);
	say_value("cpuid wrong", wrong);
}

static void check_msrs(const struct pvk_info_msr *t)
{
	uint32_t wrong = 0, absent = 0;

	for (uint32_t i = 0; i < t->count; i++) {
		const struct pvk_info_msr_entry *e = &t->entry[i];
		int faulted, expected = !!(e->flags & PVK_MSR_ABSENT);
		uint64_t value = rdmsr_safe(e->msr, &faulted);

		absent += (uint32_t)faulted;
		if (faulted != expected || (!faulted && value != e->value)) {
			say_value(faulted ? "faults: msr" : "differs: msr", e->msr);
			say_value("  by", value ^ e->value);
			wrong++;
		}
	}
	say_value("msr entries", t->count);
	say_value("msr absent", absent);
	say_value("msr wrong", wrong);
}

static void check_clock(const struct pvk_info_clock *c)
{
	say_value("tsc_khz", c->tsc_khz);
	say_value("apic_khz", c->apic_khz);
	say_value("seconds", c->sec);
	say_value("tsc later", __builtin_ia32_rdtsc() >= c->tsc);
}

static void say_info(void)
{
	const struct pvk_info *info = (const void *)offer.info_gpa;
	const uint8_t *at = (const uint8_t *)(info + 1);

	if (!offer.info_bytes || info->magic != PVK_INFO_MAGIC) {
		say("no information page\n");
		return;
	}
	say_value("info bytes", info->bytes);
	for (uint32_t i = 0; i < info->sections; i++) {
		const struct pvk_info_section *s = (const void *)at;
		uint64_t seed = 0;

		switch (s->tag) {
		case PVK_INFO_CLOCK:
			check_clock((const void *)s);
			break;
		case PVK_INFO_ABSENT:
			say_value("absent", ((const struct pvk_info_absent *)s)->mask);
			break;
		case PVK_INFO_CPUS:
			say_value("cpus", ((const struct pvk_info_cpus *)s)->count);
			break;
		case PVK_INFO_CPUID:
			check_cpuid((const void *)s);
			break;
		case PVK_INFO_MSR:
			check_msrs((const void *)s);
			break;
		case PVK_INFO_SEED:
			for (uint32_t k = 0; k < 64; k++)
				seed = seed * 31 + ((const struct pvk_info_seed *)s)->seed[k];
			say_value("seed", seed);
			break;
		default:
			say_value("unknown section", s->tag);
		}
		at += s->bytes;
	}
	say_value("info ends", (uint64_t)(at - (const uint8_t *)info));
}

/* ---- what it is told to do ---- */

static uint8_t ap_stack[4][4096] __attribute__((aligned(16)));
static volatile uint32_t ap_ran[4];

void probe_ap(uint64_t arg)
{
	struct pvk_cpuid_regs r;

	cpuid_count(1, 0, &r);
	if (r.ebx >> 24 == (arg & 0xff) && arg >> 8 == 0xabcdef)
		__atomic_fetch_add(&ap_ran[arg & 0xff], 1, __ATOMIC_SEQ_CST);
}

static void start_cpus(uint32_t cpus)
{
	uint64_t cr3, end;
	uint32_t ran = 0;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	for (uint32_t round = 1; round <= 3; round++) {
		for (uint32_t i = 1; i < cpus; i++) {
			struct pvk_cpu_start s __attribute__((aligned(8))) = {
				.size = sizeof(s), .apic_id = i, .cs = 8, .ds = 16,
				.rip = (uint64_t)start_ap, .rsp = (uint64_t)ap_stack[i] + 4096,
				.arg = 0xabcdef00 | i, .cr3 = cr3, .gdt_base = (uint64_t)gdt,
				.gdt_limit = 23,
			};
			int64_t status;

			do
				status = call(PVK_CALL_CPU_START, (uint64_t)&s, sizeof(s), 0);
			while (status == -PVK_EAGAIN);
			if (status)
				say_value("start failed", (uint64_t)-status);
		}
		/* They run now, or soon; then they halt, and are started from that. */
		end = __builtin_ia32_rdtsc() + 20000000000ull;
		while (__builtin_ia32_rdtsc() < end) {
			for (ran = 0; ran + 1 < cpus && ap_ran[ran + 1] >= round; ran++)
				;
			if (ran + 1 == cpus)
				break;
			relax();
		}
		say_value("started", ran);
	}
}

static void power(uint32_t op, uint32_t flags, uint32_t code, const char *text)
{
	struct pvk_power p __attribute__((aligned(8))) = {
		.size = sizeof(p), .op = op, .flags = flags, .code = code, .length = length(text),
	};

	for (uint32_t i = 0; i < p.length; i++)
		p.text[i] = (uint8_t)text[i];
	say_value("power", (uint64_t)-call(PVK_CALL_POWER, (uint64_t)&p, sizeof(p), 0));
}

static int bind(uint32_t channel)
{
	struct pvk_event_bind b __attribute__((aligned(8))) = {
		.size = sizeof(b), .channel = channel, .msi_address = 0xfee00000, .msi_data = 0x40,
	};

	return call(PVK_CALL_EVENT_BIND, (uint64_t)&b, sizeof(b), 0) == 0;
}

static void echo(void)
{
	char c = 0;

	say("type\n");
	while (c != '\n') {
		uint32_t tail = ring.ctl.in_tail;

		if (__atomic_load_n(&ring.ctl.in_head, __ATOMIC_ACQUIRE) == tail) {
			relax();
			continue;
		}
		c = (char)ring.in[tail % IN_BYTES];
		__atomic_store_n(&ring.ctl.in_tail, tail + 1, __ATOMIC_RELEASE);
		put(c);
	}
}

static void read_ports(void)
{
	static const uint16_t port[] = {
		0x20, 0x21, 0x40, 0x61, 0x64, 0x71, 0x3fd, 0xcf8, 0xcfc, 0x600,
	};
	uint32_t claimed = 0;

	for (uint32_t i = 0; i < sizeof(port) / sizeof(port[0]); i++)
		if (in8(port[i]) != 0xff)
			claimed++;
	say_value("ports claimed", claimed);
}

static const struct pvk_info_clock *clock_of(void)
{
	const struct pvk_info *info = (const void *)offer.info_gpa;
	const uint8_t *at = (const uint8_t *)(info + 1);

	for (uint32_t i = 0; i < info->sections; i++) {
		const struct pvk_info_section *s = (const void *)at;

		if (s->tag == PVK_INFO_CLOCK)
			return (const void *)s;
		at += s->bytes;
	}
	return NULL;
}

static void pause_test(void)
{
	const struct pvk_info_clock *c = clock_of();
	uint32_t was = __atomic_load_n(&c->generation, __ATOMIC_ACQUIRE), now;

	say("pausing\n");
	while ((now = __atomic_load_n(&c->generation, __ATOMIC_ACQUIRE)) == was || now & 1)
		relax();
	say_value("generation by", now - was);
	say_value("resumed seconds", c->sec);
	say_value("tsc behind", __builtin_ia32_rdtsc() >= c->tsc);
}

static void touch(uint32_t mib)
{
	for (uint64_t at = 4 << 20; at < (uint64_t)mib << 20; at += 4096)
		(void)at32(at);
}

static void flood(uint32_t kib)
{
	static char line[1025];

	for (uint32_t i = 0; i < sizeof(line) - 1; i++)
		line[i] = (char)(i % 64 == 63 ? '\n' : 'f');
	for (uint32_t n = 0; !kib || n < kib; n++)
		say(line);
}

static void join(void)
{
	struct pvk_negotiate n __attribute__((aligned(8))) = {
		.size = sizeof(n), .version = PVK_ABI_VERSION,
		.accept = offer.features & PVK_FEAT_PLATFORM,
	};
	struct pvk_console_setup s __attribute__((aligned(8))) = {
		.size = sizeof(s), .out_bytes = OUT_BYTES, .in_bytes = IN_BYTES,
		.gpa = (uint64_t)&ring,
	};

	if (call(PVK_CALL_PLATFORM_NEGOTIATE, (uint64_t)&n, sizeof(n), 0))
		return;
	accepted = n.active;
	if (accepted & PVK_FEAT_CONSOLE &&
	    !call(PVK_CALL_CONSOLE_SETUP, (uint64_t)&s, sizeof(s), 0)) {
		doorbell = s.doorbell;
		has_ring = 1;
	}
}

static void say_all(uint32_t way, uint64_t info)
{
	say_value("way", way);
	say("cmdline ");
	say(cmdline);
	put('\n');
	given(way, info);
	say_value("apic base", rdmsr(0x1b));
	say_value("features", accepted);
	if (accepted & PVK_FEAT_INFO)
		say_info();
}

void probe_main(uint32_t way, uint64_t info)
{
	enum pvk_detect_result found = pvk_detect(cpuid, NULL, &offer);
	uint32_t value;

	if (found == PVK_DETECT_OK)
		join();
	cmdline = cmdline_of(way, info);
	if (!word("brief", &value))
		say_all(way, info);
	if (word("flood", &value))
		flood(value);
	if (word("ports", &value))
		read_ports();
	if (word("smp", &value))
		start_cpus(value);
	if (word("echo", &value))
		echo();
	if (word("pause", &value))
		pause_test();
	if (word("touch", &value))
		touch(value);
	if (word("wait", &value)) {
		say(bind(PVK_CHANNEL_POWER) ? "waiting\n" : "cannot wait\n");
		while (call(PVK_CALL_POWER_REQUEST, 0, 0, 0) != PVK_POWER_OFF)
			relax();
		say("asked\n");
	}
	say("end\n");
	if (word("exit", &value))
		out8(0xf4, (uint8_t)value);
	if (word("goes-on", &value))
		power(PVK_POWER_PANIC, PVK_POWER_GOES_ON, 0, "first panic");
	if (word("panic", &value))
		power(PVK_POWER_PANIC, 0, 5, "no\x07way out");
	if (word("reboot", &value))
		power(PVK_POWER_REBOOT, 0, 0, "again");
	if (word("triple", &value)) {
		static const struct {
			uint16_t limit;
			uint64_t base;
		} __attribute__((packed)) none;

		__asm__ volatile("lidt %0; ud2" : : "m"(none));
	}
	value = 0;
	(void)word("off", &value);
	power(PVK_POWER_OFF, 0, value, value ? "as told" : "");
}
