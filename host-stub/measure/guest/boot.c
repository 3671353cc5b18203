// SPDX-License-Identifier: BSD-2-Clause
/*
 * The /init of guests whose boots are compared: mark 1 as its first act, then
 * PVM-DONE on the console, then the end. What stands before the mark is the
 * boot; nothing here is in the figures.
 *
 * Behind "--" on the kernel's command line: "reboot" ends by a reboot, for a
 * machine that cannot switch off; else it switches off. The wait in between is
 * for a tracer that reads its counters.
 *
 * Neither C library nor start files. Build: gcc -static -nostdlib -ffreestanding.
 */

#include "bare.h"

#define MAGIC1		0xfee1deadl
#define MAGIC2		672274793l
#define CMD_OFF		0x4321fedcl
#define CMD_RESTART	0x01234567l

#define NODE_CONSOLE	0x501		/* 5:1, /dev/console */
#define SETTLE_NS	400000000
#define SETTLE_S	1		/* more, where the tracer is all there is */
#define DRAIN_NS	50000000	/* a serial port that works by interrupts */

/* The program from its stack as the kernel made it: argc, argv[0], argv[1] ... */
__attribute__((noreturn, used)) void boot_main(const long *stack);

void boot_main(const long *stack)
{
	static const char done[] = "PVM-DONE\n";
	const char *how = stack[0] > 1 ? (const char *)stack[2] : "";
	const long wait[2] = { how[0] == 'r' ? SETTLE_S : 0, SETTLE_NS };
	const long drain[2] = { 0, DRAIN_NS };
	long fd;

	out(1);
	call(NR_NANOSLEEP, (long)wait, 0, 0, 0);
	call(NR_MKNOD, (long)"/console", NODE_MODE, NODE_CONSOLE, 0);
	fd = call(NR_OPEN, (long)"/console", FLAG_WRITE, 0, 0);
	call(NR_WRITE, fd, (long)done, sizeof(done) - 1, 0);
	call(NR_NANOSLEEP, (long)drain, 0, 0, 0);
	call(NR_REBOOT, MAGIC1, MAGIC2, how[0] == 'r' ? CMD_RESTART : CMD_OFF, 0);
	for (;;)
		call(NR_NANOSLEEP, (long)wait, 0, 0, 0);
}

__asm__(".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call boot_main\n");
