/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The minimal OS: what its few files share. glue.c is what the porting library
 * asks for; cpus.c the second CPU; ping.c ARP and ICMP; main.c the rest.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include "../blk.h"
#include "../clock.h"
#include "../console.h"
#include "../net.h"
#include "../power.h"

#define OS_CPUS		8u
#define OS_STACK	8192u	/* start.S knows it, too */
#define OS_DEBUG_EXIT	0xf4u	/* QEMU: -device isa-debug-exit; pvkit-vm: --debug-exit */

/* main.c */
extern struct pvp_host host;
extern struct pvp_console console;
extern struct pvp_hv hv;
extern struct pvp_info info;
extern struct pvp_clock clock;
extern struct pvp_cpu cpu[OS_CPUS];
void say(const char *text);
void say_number(__u64 value);
int word(const char *name, __u32 *value);	/* of the command line */

/* glue.c */
void console_bytes(const char *text, __u32 length);
void out8(__u16 port, __u8 value);
__u8 in8(__u16 port);

/* cpus.c */
void interrupts_init(void);	/* on each CPU: its local APIC, the table of gates */
void wait_for_interrupt(void);	/* off, once on and halted, off again */
void cpus_run(void);		/* starts a second CPU, and checks the clock on both */
void os_ap(__u32 number);
void os_interrupt(void);	/* from start.S, on any CPU */
void spin_ms(__u32 ms);

/* ping.c */
void ping(__u32 count);

#endif /* KERNEL_H */
