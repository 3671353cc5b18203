/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The porting library: what an operating system supplies, all of it. With
 * these functions it becomes a guest of pvkit, KVM, Hyper-V and Xen hosts.
 * docs/porting.md walks through a port.
 *
 * The first group has to be written for each system. The second is done in
 * x86.c for anything that runs in ring 0; who has his own leaves that file out.
 * Beside these only memcpy() and memset() are called, by the compiler's own
 * decision. No allocation happens but where a head says so; nothing sleeps; a
 * function may be called on any CPU, also with interrupts off, unless its head
 * says otherwise. tests/unit/fake_os.h is a strict implementation for tests.
 *
 * All return values are 0 or positive for success, -PVK_E* or -PVP_E* else.
 */
#ifndef PVP_OS_H
#define PVP_OS_H

#include "../abi/pvk.h"
#include "../detect/cpuid.h"

/* Beside the error numbers of abi/call.h; they equal Linux's */
#define PVP_ENOMEM	12	/* the OS gave no memory */
#define PVP_ETIME	62	/* the host did not answer in time */

#define PVP_PAGE	4096u
#define PVP_NO_GPA	(~0ull)

/* ---- each system's own ---- */

/*
 * Memory for sharing with the host: `bytes` (a multiple of PVP_PAGE), page aligned,
 * zeroed, contiguous in guest-physical memory, write-back cached; its physical
 * address to *gpa. NULL: none. It stays where it is until it is freed.
 */
void *pvp_os_alloc(__u32 bytes, __u64 *gpa);

/* Takes back what pvp_os_alloc() gave, with the same size. Called once for each. */
void pvp_os_free(void *memory, __u32 bytes);

/*
 * A view of guest-physical memory that the host filled (gpa and bytes are
 * multiples of PVP_PAGE): readable, writable, cached. NULL: it cannot be had.
 */
void *pvp_os_map(__u64 gpa, __u32 bytes);
void pvp_os_unmap(void *view, __u32 bytes);

/*
 * The guest-physical address of a buffer that the caller of this library owns;
 * PVP_NO_GPA when it is not contiguous there or no memory.
 */
__u64 pvp_os_gpa(const void *buffer, __u32 bytes);

/*
 * A page with code in it, as pvp_os_alloc() gives one, that can be executed; for
 * Hyper-V's hypercall page. A system that has no such page returns NULL, and
 * does without Hyper-V's calls. Given back by pvp_os_free().
 */
void *pvp_os_alloc_code(__u64 *gpa);

/* A line for a human, without a line end; value belongs to it (an error, an id). */
void pvp_os_log(const char *text, __s64 value);

/* ---- ready-made in x86.c ---- */

/* CPUID with EAX = leaf, ECX = 0 */
void pvp_os_cpuid(__u32 leaf, struct pvk_cpuid_regs *out);

/* RDMSR, WRMSR: only of registers that an interface found offers. */
__u64 pvp_os_rdmsr(__u32 msr);
void pvp_os_wrmsr(__u32 msr, __u64 value);

/* RDTSC, not before the loads that stand before it */
__u64 pvp_os_rdtsc(void);

/* OUT of 32 bits */
void pvp_os_out32(__u16 port, __u32 value);

/* A call by port (abi/call.h): registers in, RAX out, sign-extended from 32 bits
 * by a 32-bit guest.
 */
__s64 pvp_os_port_call(__u16 port, __u32 number, const __u64 arg[4]);

/* Registers of a hypercall; a 32-bit guest has no r8, r10, and low halves only. */
struct pvp_regs {
	__u64 ax, bx, cx, dx, si, di, r8, r10;
};

/*
 * Executes VMCALL or VMMCALL (enum pvk_insn of detect/stack.h), or calls the
 * code at `page` when that is not NULL; what the registers are then, to *regs.
 */
void pvp_os_hypercall(__u32 insn, const void *page, struct pvp_regs *regs);

/* PAUSE, in a loop that waits for the host */
void pvp_os_relax(void);

/* A lock; all zero is a free one */
struct pvp_lock {
	__u32 word;		/* the OS may use both as it likes */
	__u32 reserved;
};

/* Not recursive; a lock of this library is never held while another is taken. */
void pvp_os_lock(struct pvp_lock *lock);
void pvp_os_unlock(struct pvp_lock *lock);

#endif /* PVP_OS_H */
