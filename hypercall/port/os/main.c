// SPDX-License-Identifier: BSD-2-Clause
/*
 * The minimal OS: one 64-bit program on hypercall/port/, the example of
 * docs/porting.md. It says what it runs on, reads a disk, starts a second CPU,
 * checks that the clock never goes back, answers pings, and switches off.
 * Words of its command line: disk (reads and writes disk 0), ping=N.
 */
#include "kernel.h"

struct pvp_host host;
struct pvp_console console;
struct pvp_hv hv;
struct pvp_info info;
struct pvp_clock clock;
struct pvp_cpu cpu[OS_CPUS];

void os_main(__u32 way, __u64 given);

static const char *cmdline = "";
static struct pvk_stack stack;

void say(const char *text)
{
	__u32 n = 0;

	while (text[n])
		n++;
	console_bytes(text, n);
}

void say_number(__u64 value)
{
	char text[21];
	__u32 i = 20;

	text[20] = 0;
	do
		text[--i] = (char)('0' + value % 10);
	while (value /= 10);
	say(text + i);
}

int word(const char *name, __u32 *value)
{
	const char *c;
	__u32 i;

	for (c = cmdline; *c; c++) {
		if (c != cmdline && c[-1] != ' ')
			continue;
		for (i = 0; name[i] && c[i] == name[i]; i++)
			;
		if (name[i] || (c[i] && c[i] != ' ' && c[i] != '='))
			continue;
		for (*value = 0; c[i] == '=' || (c[i] >= '0' && c[i] <= '9'); i++)
			if (c[i] != '=')
				*value = *value * 10 + (__u32)(c[i] - '0');
		return 1;
	}
	return 0;
}

static void cpuid(void *context, __u32 leaf, struct pvk_cpuid_regs *out)
{
	(void)context;
	pvp_os_cpuid(leaf, out);
}

/* Who is below us, and what they offer. */
static void say_stack(void)
{
	const struct pvk_machine machine = { .cpuid = cpuid };
	__u32 i;

	pvk_stack_detect(&machine, &stack);
	if (!stack.layers)
		say("runs on: nothing but the hardware\n");
	for (i = 0; i < stack.layers; i++) {
		say("runs on: ");
		say(pvk_hv_name[stack.layer[i].hv].name);
		say(", ");
		say(pvk_confidence_name[stack.layer[i].confidence].word);
		say("\n");
	}
	for (i = 0; i < stack.interfaces; i++) {
		const struct pvk_interface *f = &stack.interface[i];
		const struct pvk_feature *feature = 0;

		say("interface: ");
		say(pvk_if_name[f->kind].word);
		say(":");
		while ((feature = pvk_feature_next(f->kind, feature))) {
			if (!pvk_feature_offered(f, feature))
				continue;
			say(" ");
			say(feature->name);
		}
		say("\n");
	}
}

/* Sector 0 as text; a sector is written, and read again. */
static void use_disk(void)
{
	static __u8 sector[512] __attribute__((aligned(512)));
	static struct pvp_blk disk;
	const __u64 limit = 100000000000ull;
	__u32 i, bad = 0;
	int ret = pvp_blk_open(&disk, &host, 0, PVK_CHANNEL_NONE);

	if (ret) {
		pvp_os_log("disk: no pvkit disk, and no driver for any other", ret);
		return;
	}
	say("disk: sectors ");
	say_number(disk.config.sectors);
	ret = pvp_blk_do(&disk, PVK_BLK_READ, 0, sector, sizeof(sector), limit);
	sector[32] = 0;
	say(", begins with \"");
	say(ret ? "?" : (const char *)sector);
	say("\"\n");
	for (i = 0; i < sizeof(sector); i++)
		sector[i] = (__u8)(i * 7);
	ret = pvp_blk_do(&disk, PVK_BLK_WRITE, 1, sector, sizeof(sector), limit);
	if (!ret && disk.device.accepted & PVK_BLK_F_FLUSH)
		ret = pvp_blk_do(&disk, PVK_BLK_FLUSH, 0, 0, 0, limit);
	for (i = 0; i < sizeof(sector); i++)
		sector[i] = 0;
	if (!ret)
		ret = pvp_blk_do(&disk, PVK_BLK_READ, 1, sector, sizeof(sector), limit);
	for (i = 0; i < sizeof(sector); i++)
		bad += sector[i] != (__u8)(i * 7);
	if (ret)
		pvp_os_log("disk: error", ret);
	say(bad ? "disk: reads other than it wrote\n" : "disk: reads what it wrote\n");
	ret = pvp_blk_close(&disk);
	if (ret)
		pvp_os_log("disk: does not close", ret);
}

/* PVH: hvm_start_info.cmdline_paddr; Multiboot: information, flags bit 2, +16 */
static const char *cmdline_of(__u32 way, __u64 given)
{
	const __u8 *at = (const __u8 *)(__UINTPTR_TYPE__)given;
	__u64 gpa = way == 1 ? *(const __u64 *)(const void *)(at + 24) :
			       *(const __u32 *)(const void *)(at + 16);

	if (way == 2 && !(at[0] & 4))
		gpa = 0;
	return gpa ? (const char *)(__UINTPTR_TYPE__)gpa : "";
}

static void the_end(void)
{
	int ret;

	say("end\n");
	if (!pvp_power(&host, PVK_POWER_OFF, 0, 0, ""))
		for (;;)
			__asm__ volatile("hlt");
	/* QEMU ends with status 0x31 * 2 + 1 */
	out8(OS_DEBUG_EXIT, 0x31);
	ret = -PVK_ENOTSUP;
	pvp_os_log("nobody switches this machine off", ret);
}

void os_main(__u32 way, __u64 given)
{
	__u32 value;
	__u64 sec;
	__u32 nsec;
	int ret;

	cmdline = cmdline_of(way, given);
	ret = pvp_open(&host, PVP_FEATURES);
	if (!ret)
		(void)pvp_console_open(&console, &host);
	say(way == 1 ? "entered by PVH: " : "entered by Multiboot: ");
	say(cmdline);
	say("\n");
	if (ret)
		pvp_os_log("pvkit: no host", ret);
	else
		say("pvkit: a host\n");
	say_stack();
	(void)pvp_info_open(&info, &host.offer);
	(void)pvp_hv_open(&hv, &stack);
	if (pvp_cpu_open(&cpu[0], &hv))
		say("out of memory\n");
	value = 0;
	(void)word("clock", &value);
	ret = pvp_clock_open(&clock, &hv, &info, value);
	if (ret)
		pvp_os_log("time: no clock of a host", ret);
	pvp_clock_start(&clock, &cpu[0]);
	interrupts_init();
	if (!pvp_clock_utc(&clock, &sec, &nsec)) {
		say("time: seconds since 1970: ");
		say_number(sec);
		say("\n");
	}
	cpus_run();
	if (word("disk", &value))
		use_disk();
	if (word("ping", &value))
		ping(value);
	the_end();
}
