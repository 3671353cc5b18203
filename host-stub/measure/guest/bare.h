/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls and the mark, for programs of guests with neither C library nor
 * start files: such a program is small, and starts with few page faults.
 */
#ifndef BARE_H
#define BARE_H

#include "../../emu/emu.h"

#define NR_WRITE	1
#define NR_OPEN		2
#define NR_PWRITE64	18
#define NR_NANOSLEEP	35
#define NR_EXIT		60
#define NR_UNLINK	87
#define NR_MKNOD	133
#define NR_REBOOT	169

#define FLAG_WRITE	1		/* O_WRONLY */
#define NODE_MODE	0020600		/* S_IFCHR, for its owner */
#define NODE_PORT	0x104		/* 1:4, /dev/port */

/* A system call of up to four arguments: what the kernel returns. */
static inline long call(long number, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return result;
}

/*
 * Writes a byte to the mark port: 0, or not 0 when the kernel refuses. Goes
 * through the kernel's /dev/port, of which it makes a node of its own: an OUT in
 * user mode needs ioperm(2), and the I/O permission bitmap does not work in
 * every emulated guest of a guest (docs/measure.md, "Marks").
 */
static inline int out(unsigned char value)
{
	static const char node[] = "/mark.port";
	long fd;
	long done;

	call(NR_MKNOD, (long)node, NODE_MODE, NODE_PORT, 0);
	fd = call(NR_OPEN, (long)node, FLAG_WRITE, 0, 0);
	call(NR_UNLINK, (long)node, 0, 0, 0);
	if (fd < 0)
		return 1;
	done = call(NR_PWRITE64, fd, (long)&value, 1, HS_PORT_MARK);
	return done != 1;
}

#endif /* BARE_H */
