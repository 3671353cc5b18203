/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kinds of thread. Each may do less than the process as a whole: sandbox.c
 * has a system call filter for each kind, and a thread puts on its own one.
 */
#ifndef HS_THREAD_H
#define HS_THREAD_H

#include <linux/filter.h>

enum hs_thread {
	HS_THREAD_MAIN,
	HS_THREAD_VCPU,
	HS_THREAD_DISK,		/* worker of a disk */
	HS_THREAD_NIC,		/* worker of a queue of a NIC's back end */
	HS_THREAD_CONSOLE,
	HS_THREAD_CLOCK,	/* of the clock chip (emu/rtc.c) */
	HS_THREAD_WRITER,	/* of output that somebody may not read (writer.c) */
	HS_THREAD_TRACE,	/* that makes text of events (trace.c) */
	HS_THREAD_GDB,		/* of a debugger's connection (gdb/gdb.c) */
	HS_THREADS,
};

/*
 * The calling thread is of that kind from here on, and can make no other
 * system calls than such a one needs. Once per thread, before it serves a guest.
 * Without effect as long as no filters were installed. A failure ends the
 * process: a thread must not run with more rights than it is thought to have.
 */
void hs_thread_narrow(enum hs_thread kind);

/* What hs_thread_narrow() loads from now on; [HS_THREADS], read-only memory that stays. */
void hs_thread_filters(const struct sock_fprog *filters);

#endif /* HS_THREAD_H */
