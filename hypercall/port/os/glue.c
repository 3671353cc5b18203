// SPDX-License-Identifier: BSD-2-Clause
/*
 * The minimal OS: the first half of hypercall/port/os.h; the second is x86.c.
 * Memory below 4 GiB is mapped one to one and executable, so an address is its own
 * physical one. Memory comes from a fixed pool, and a free list of one piece is all
 * that such a system needs of a free().
 */
#include "kernel.h"

#define POOL	(512u * 1024)

static __u8 pool[POOL] __attribute__((aligned(4096)));
static __u32 used;

void *pvp_os_alloc(__u32 bytes, __u64 *gpa)
{
	__u8 *at = pool + used;
	__u32 i;

	if (bytes > POOL - used)
		return 0;
	used += bytes;
	for (i = 0; i < bytes; i++)	/* it may have been freed before */
		at[i] = 0;
	*gpa = (__UINTPTR_TYPE__)at;
	return at;
}

void pvp_os_free(void *memory, __u32 bytes)
{
	if ((__u8 *)memory + bytes == pool + used)
		used -= bytes;		/* the last one: else it stays lost */
}

void *pvp_os_alloc_code(__u64 *gpa)
{
	return pvp_os_alloc(PVP_PAGE, gpa);
}

void *pvp_os_map(__u64 gpa, __u32 bytes)
{
	const __u64 end = 0x100000000ull;

	return gpa < end && bytes <= end - gpa ? (void *)(__UINTPTR_TYPE__)gpa : 0;
}

void pvp_os_unmap(void *view, __u32 bytes)
{
	(void)view;
	(void)bytes;
}

__u64 pvp_os_gpa(const void *buffer, __u32 bytes)
{
	(void)bytes;
	return (__UINTPTR_TYPE__)buffer;
}

void pvp_os_log(const char *text, __s64 value)
{
	say(text);
	say(value < 0 ? ": -" : ": ");
	say_number((__u64)(value < 0 ? -value : value));
	say("\n");
}

/* What compilers call by themselves */
void *memset(void *to, int value, __SIZE_TYPE__ bytes);
void *memcpy(void *to, const void *from, __SIZE_TYPE__ bytes);

void *memset(void *to, int value, __SIZE_TYPE__ bytes)
{
	volatile __u8 *t = to;

	while (bytes--)
		*t++ = (__u8)value;
	return to;
}

void *memcpy(void *to, const void *from, __SIZE_TYPE__ bytes)
{
	volatile __u8 *t = to;
	const __u8 *f = from;

	while (bytes--)
		*t++ = *f++;
	return to;
}

/* ---- the console: pvkit's if there is one, else a PC's UART ---- */

void out8(__u16 port, __u8 value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "d"(port) : "memory");
}

__u8 in8(__u16 port)
{
	__u8 value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "d"(port) : "memory");
	return value;
}

void console_bytes(const char *text, __u32 length)
{
	__u32 i, wait;

	if (console.shared) {
		pvp_console_put(&console, text, length);
		return;
	}
	for (i = 0; i < length; i++) {
		for (wait = 0; wait < 10000 && !(in8(0x3fd) & 0x20); wait++)
			pvp_os_relax();
		out8(0x3f8, (__u8)text[i]);
	}
}
