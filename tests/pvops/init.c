// SPDX-License-Identifier: BSD-2-Clause
/*
 * The /init of the guests whose boots are counted: writes mark 1 to the mark port
 * (emu/emu.h, HS_PORT_MARK), says so on the console, and ends the machine.
 * What stands before the mark is the boot; nothing here is in the figures.
 *
 * Behind "--" on the kernel's command line: "reboot" ends by a reboot (for a
 * machine that cannot switch off), "panic" by a panic; else it switches off.
 *
 * Neither C library nor start files. Build: gcc -static -nostdlib -ffreestanding.
 */

#include "../../host-stub/emu/emu.h"

#define NR_WRITE	1
#define NR_OPEN		2
#define NR_PWRITE64	18
#define NR_NANOSLEEP	35
#define NR_EXIT		60
#define NR_MKNOD	133
#define NR_REBOOT	169

#define MAGIC1		0xfee1deadl
#define MAGIC2		672274793l
#define CMD_OFF		0x4321fedcl
#define CMD_RESTART	0x01234567l

#define FLAG_RDWR	2
#define NODE_MODE	0020600		/* S_IFCHR, for its owner */
#define NODE_PORT	0x104		/* 1:4, /dev/port */
#define NODE_CONSOLE	0x501		/* 5:1, /dev/console */
#define SETTLE_S	1		/* for a tracer that reads its counters */

static long call(long number, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return result;
}

void begin(const char *const *stack);

void begin(const char *const *stack)
{
	static const char said[] = "PVK-INIT\n";
	const long wait[2] = { SETTLE_S, 0 };
	const char *how = (long)stack[0] > 1 ? stack[2] : "";
	unsigned char mark = 1;
	long fd;

	call(NR_MKNOD, (long)"/port", NODE_MODE, NODE_PORT, 0);
	fd = call(NR_OPEN, (long)"/port", FLAG_RDWR, 0, 0);
	call(NR_PWRITE64, fd, (long)&mark, 1, HS_PORT_MARK);
	call(NR_NANOSLEEP, (long)wait, 0, 0, 0);
	call(NR_MKNOD, (long)"/console", NODE_MODE, NODE_CONSOLE, 0);
	fd = call(NR_OPEN, (long)"/console", FLAG_RDWR, 0, 0);
	call(NR_WRITE, fd, (long)said, sizeof(said) - 1, 0);
	if (how[0] == 'p')
		call(NR_EXIT, 7, 0, 0, 0);
	call(NR_REBOOT, MAGIC1, MAGIC2, how[0] == 'r' ? CMD_RESTART : CMD_OFF, 0);
	for (;;)
		call(NR_NANOSLEEP, (long)wait, 0, 0, 0);
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n");
