/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loads of load.c, a function each. Each does a fixed number of operations,
 * so that counts are per operation whatever the machine; set-up stands before
 * load_begin(), taking apart behind load_end(), and neither is counted.
 *
 * A load returns 0, or -errno and nothing was measured; load_why then says what.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdint.h>

#define LOAD_DISK	0x7fff0000	/* errno of ours: no disk, no NIC here */
#define LOAD_NIC	0x7fff0001

extern char load_why[128];

/* Marks; between them the load. */
void load_begin(void);
void load_end(void);
uint64_t load_now(void);

/* load_cpu.c; n: operations */
int load_ipi(unsigned int n);		/* calls to other CPUs at once, which sleep */
int load_tlb(unsigned int n);		/* flushes of the TLBs of CPUs that run this program */
int load_timer(unsigned int n);		/* sleeps of 100 us */
int load_clock(unsigned int n);		/* looks at the clock */
int load_wake(unsigned int n);		/* a byte to another CPU's process and back */
int load_switch(unsigned int n);	/* the same on one CPU */
int load_lock(unsigned int n);		/* a lock of the kernel that all CPUs want */
int load_fault(unsigned int n);		/* first touches of pages, taken and given back */
int load_cpuid(unsigned int n);		/* CPUID in user mode: nothing can spare its exit */

/* load_io.c */
int load_console(unsigned int n);	/* lines of 64 bytes to the console */
int load_seed(unsigned int n);		/* random bytes, once the kernel has some */
int load_block(unsigned int n);		/* reads of 4 KiB, one at a time */
int load_net(unsigned int n);		/* ARP requests to the user-mode network, one at a time */

#endif /* LOAD_H */
