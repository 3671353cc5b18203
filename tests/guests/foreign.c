/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel of nobody: a flat 32-bit program that images.py puts into files of every kind
 * (ELF, Multiboot, packed). It says by COM1 what a loader and a PC's firmware have left for it,
 * does what words of its command line tell, and ends the VM by port 0xf4.
 *
 *   at=HEX       says the 32 bits that lie there
 *   reset        resets the machine by port 0xcf9
 *   triple       a triple fault: an invalid instruction without an IDT
 *   jump=HEX     goes there
 */
#include <stdint.h>

struct entry {
	uint32_t eax, ebx, cs, ds, ss;
};

void foreign_main(const struct entry *e);

/* At the image's first byte: what the loader left is saved before it is lost. */
__asm__(".section .entry, \"ax\"\n"
	"	mov $stack_top, %esp\n"
	"	xor %ecx, %ecx\n"
	"	mov %ss, %cx; push %ecx\n"
	"	mov %ds, %cx; push %ecx\n"
	"	mov %cs, %cx; push %ecx\n"
	"	push %ebx\n"
	"	push %eax\n"
	"	push %esp\n"
	"	call foreign_main\n"
	"1:	hlt; jmp 1b\n"
	".previous\n"
	".bss\n"
	"	.balign 16\n"
	"	.skip 8192\n"
	"stack_top:\n"
	".previous\n");

static void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static void put(char c)
{
	out8(0x3f8, (uint8_t)c);
}

static void say(const char *s)
{
	while (*s)
		put(*s++);
}

static void say_value(const char *name, uint32_t v)
{
	say(name);
	put(' ');
	for (int shift = 28; shift >= 0; shift -= 4)
		if (v >> shift || !shift)
			put("0123456789abcdef"[v >> shift & 15]);
	put('\n');
}

/* What lies at an address, the first 4 KiB included, of which C knows nothing. */
static const volatile uint8_t *at(uint32_t address)
{
	uint32_t hidden = address;

	__asm__("" : "+r"(hidden));
	return (const volatile uint8_t *)hidden;
}

static uint32_t at16(uint32_t a)
{
	return at(a)[0] | (uint32_t)at(a)[1] << 8;
}

static uint32_t at32(uint32_t a)
{
	return at16(a) | at16(a + 2) << 16;
}

static int same(uint32_t a, const char *text)
{
	for (uint32_t i = 0; text[i]; i++)
		if (at(a)[i] != (uint8_t)text[i])
			return 0;
	return 1;
}

/* A structure on a 16-byte boundary, its bytes' sum 0; or 0. */
static uint32_t find(uint32_t from, uint32_t bytes, const char *text, uint32_t length)
{
	for (uint32_t a = from; a + 16 <= from + bytes; a += 16) {
		uint8_t sum = 0;

		if (!same(a, text))
			continue;
		for (uint32_t i = 0; i < length; i++)
			sum = (uint8_t)(sum + at(a)[i]);
		if (!sum)
			return a;
	}
	return 0;
}

/* MultiProcessor Specification 1.4, chapter 4: in which order it is looked for */
static uint32_t find_mp(void)
{
	uint32_t ebda = at16(0x40e) << 4, base = at16(0x413) << 10, found = 0;

	if (ebda)
		found = find(ebda, 1024, "_MP_", 16);
	else if (base)
		found = find(base - 1024, 1024, "_MP_", 16);
	return found ? found : find(0xf0000, 0x10000, "_MP_", 16);
}

static void say_mp(void)
{
	static const uint8_t bytes[] = { 20, 8, 8, 8, 8 };
	uint32_t mp = find_mp(), table, entry;

	say_value("mp", mp != 0);
	if (!mp)
		return;
	table = at32(mp + 4);
	entry = table + 44;
	for (uint32_t n = at16(table + 34); n; n--) {
		uint32_t type = *at(entry);

		if (type == 2)
			say_value("mp_ioapic", at(entry)[1]);
		if (type == 3 && at(entry)[6] != 0xff && at(entry)[5] == 0)
			say_value("mp_line_to", at(entry)[6]);
		if (type > 4)
			break;
		entry += bytes[type];
	}
}

static void say_madt(void)
{
	uint32_t rsdp = find(0xe0000, 0x20000, "RSD PTR ", 20), list, step, madt = 0;

	if (!rsdp)
		return;
	step = at(rsdp)[15] >= 2 ? 8 : 4;
	list = at32(rsdp + (step == 8 ? 24 : 16));
	for (uint32_t a = list + 36; a < list + at32(list + 4); a += step)
		if (same(at32(a), "APIC"))
			madt = at32(a);
	if (!madt)
		return;
	for (uint32_t a = madt + 44; a < madt + at32(madt + 4); a += at(a)[1])
		if (at(a)[0] == 1)
			say_value("madt_ioapic", at(a)[2]);
}

static uint32_t ioapic_id(void)
{
	*(volatile uint32_t *)0xfec00000 = 0;
	return *(volatile uint32_t *)0xfec00010 >> 24;
}

static uint32_t hex(const char *s)
{
	uint32_t v = 0;

	for (; (*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'f'); s++)
		v = v << 4 | (uint32_t)(*s <= '9' ? *s - '0' : *s - 'a' + 10);
	return v;
}

static void obey(const char *c)
{
	for (; *c; c++) {
		if (c[-1] != ' ')
			continue;
		if (same((uint32_t)c, "at="))
			say_value("there", at32(hex(c + 3)));
		if (same((uint32_t)c, "reset"))
			out8(0xcf9, 6);
		if (same((uint32_t)c, "triple"))
			__asm__ volatile("lidt %0; ud2" : : "m"(*(const char (*)[6])"\0\0\0\0\0"));
		if (same((uint32_t)c, "jump="))
			((void (*)(void))hex(c + 5))();
	}
}

void foreign_main(const struct entry *e)
{
	say("hello\n");
	say_value("magic", e->eax);
	say_value("cs", e->cs);
	say_value("ds", e->ds);
	say_value("ss", e->ss);
	/* As a kernel does that keeps its loader's segments: from the GDT, again */
	__asm__ volatile("push %%cs; push $1f; lret\n1: mov %%ds, %%eax; mov %%eax, %%ds" : : : "eax");
	say("segments hold\n");
	say_value("com1", at16(0x400));
	say_value("com2", at16(0x402));
	say_value("ebda", at16(0x40e));
	say_value("equipment", at16(0x410));
	say_value("base", at16(0x413));
	say_value("ebda_kib", at(at16(0x40e) << 4)[0]);
	say_value("chip_ioapic", ioapic_id());
	say_mp();
	say_madt();
	if (e->eax == 0x2badb002) {
		const char *cmdline = (const char *)at32(e->ebx + 16);

		say_value("flags", at32(e->ebx));
		say("cmdline ");
		say(cmdline);
		put('\n');
		if (*cmdline)
			obey(cmdline + 1);
	}
	say("end\n");
	out8(0xf4, 0);
}
