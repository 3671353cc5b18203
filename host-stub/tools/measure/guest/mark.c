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
 * The write goes through the kernel's /dev/port, of which it makes a node of its
 * own: an OUT in user mode needs ioperm(2), and the I/O permission bitmap does
 * not work in every emulated guest of a guest (docs/MEASURE.md, "Marks").
 *
 * Neither C library nor start files: it starts often, in guests where every
 * page fault is slow. Build: gcc -static -nostdlib -ffreestanding.
 * Exit status: 0; 1 when the kernel refuses the port; 2 when N is no byte.
 */

#include "../../../emu/emu.h"

#define NR_OPEN		2
#define NR_PWRITE64	18
#define NR_NANOSLEEP	35
#define NR_EXIT		60
#define NR_UNLINK	87
#define NR_MKNOD	133

#define FLAG_WRITE	1		/* O_WRONLY */
#define NODE_MODE	0020600		/* S_IFCHR, for its owner */
#define NODE_NUMBER	0x104		/* 1:4, /dev/port */

#define SETTLE_NS	20000000

/* A system call of up to four arguments: what the kernel returns. */
static long call(long number, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return result;
}

/* Writes a byte to the mark port: 0, or not 0 when the kernel refuses. */
static int out(unsigned char value)
{
	static const char node[] = "/mark.port";
	long fd;
	long done;

	call(NR_MKNOD, (long)node, NODE_MODE, NODE_NUMBER, 0);
	fd = call(NR_OPEN, (long)node, FLAG_WRITE, 0, 0);
	call(NR_UNLINK, (long)node, 0, 0, 0);
	if (fd < 0)
		return 1;
	done = call(NR_PWRITE64, fd, (long)&value, 1, HS_PORT_MARK);
	return done != 1;
}

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
