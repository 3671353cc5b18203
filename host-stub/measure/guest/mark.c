// SPDX-License-Identifier: BSD-2-Clause
/*
 * mark N - writes the byte N to the mark port, then waits 20 ms.
 *
 * The host notes time, CPU time and all counters at the write (emu/emu.h,
 * HS_PORT_MARK). Where a host has no such port the write changes nothing, but
 * is still an exit that a tracer on the host can see. The wait is for such a
 * tracer: it reads the counters a little after the write, while the guest
 * does nothing that would count.
 *
 * Neither C library nor start files: it starts often, in guests where every
 * page fault is slow. Build: gcc -static -nostdlib -ffreestanding.
 * Exit status: 0; 1 when the kernel refuses the port; 2 when N is no byte.
 */

#include "bare.h"

#define SETTLE_NS	20000000

/* The program from its stack as the kernel made it: argc, argv[0], argv[1] ... */
__attribute__((noreturn, used)) void mark_main(const long *stack);

void mark_main(const long *stack)
{
	long settle[2] = { 0, SETTLE_NS };
	long status = 2;
	unsigned int value = 0;
	const char *text;

	if (stack[0] == 2) {
		text = (const char *)stack[2];
		status = *text ? 0 : 2;
		for (; *text && !status; text++) {
			if (*text < '0' || *text > '9' || value > 255)
				status = 2;
			value = value * 10 + (unsigned int)(*text - '0');
		}
		if (value > 255)
			status = 2;
	}
	if (!status) {
		status = out((unsigned char)value);
		call(NR_NANOSLEEP, (long)settle, 0, 0, 0);
	}
	for (;;)
		call(NR_EXIT, status, 0, 0, 0);
}

__asm__(".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call mark_main\n");
