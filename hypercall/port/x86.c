// SPDX-License-Identifier: BSD-2-Clause
/*
 * The ready-made half of os.h, for code in ring 0 of x86, 32 and 64 bits. Each
 * function is one instruction and what it wants around it. No state.
 */
#include "os.h"
#include "../detect/stack.h"

void pvp_os_cpuid(__u32 leaf, struct pvk_cpuid_regs *out)
{
	__asm__ volatile("cpuid"
			 : "=a"(out->eax), "=b"(out->ebx), "=c"(out->ecx), "=d"(out->edx)
			 : "a"(leaf), "c"(0));
}

__u64 pvp_os_rdmsr(__u32 msr)
{
	__u32 low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return (__u64)high << 32 | low;
}

void pvp_os_wrmsr(__u32 msr, __u64 value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((__u32)value), "d"((__u32)(value >> 32))
			 : "memory");
}

/*
 * LFENCE orders RDTSC behind loads (Intel SDM vol. 2B, RDTSC; AMD APM vol. 3: with
 * DE_CFG[1], which hypervisors set). It is SSE2's, which x86-64 always has; on 32
 * bits CPUID is what orders without it, and costs an exit: an interrupt return
 * would do as well. A locked instruction orders on every x86 that has a TSC.
 */
__u64 pvp_os_rdtsc(void)
{
	__u32 low, high;

#ifdef __x86_64__
	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
#else
	__asm__ volatile("lock; addl $0, (%%esp); rdtsc" : "=a"(low), "=d"(high) : : "memory", "cc");
#endif
	return (__u64)high << 32 | low;
}

void pvp_os_out32(__u16 port, __u32 value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "d"(port) : "memory");
}

__s64 pvp_os_port_call(__u16 port, __u32 number, const __u64 arg[4])
{
#ifdef __x86_64__
	__s64 status;

	__asm__ volatile("outl %%eax, %%dx" : "=a"(status)
			 : "a"((__u64)number), "d"(port), "b"(arg[0]), "c"(arg[1]), "S"(arg[2]),
			   "D"(arg[3])
			 : "memory");
#else
	__s32 status;

	__asm__ volatile("outl %%eax, %%dx" : "=a"(status)
			 : "a"(number), "d"(port), "b"((__u32)arg[0]), "c"((__u32)arg[1]),
			   "S"((__u32)arg[2]), "D"((__u32)arg[3])
			 : "memory");
#endif
	return status;
}

void pvp_os_hypercall(__u32 insn, const void *page, struct pvp_regs *regs)
{
#ifdef __x86_64__
	register __u64 r8 __asm__("r8") = regs->r8;
	register __u64 r10 __asm__("r10") = regs->r10;

	/* The red zone is not ours to step over: the library is built without one. */
#define PVP_CALL(code) \
	__asm__ volatile(code \
			 : "+a"(regs->ax), "+b"(regs->bx), "+c"(regs->cx), "+d"(regs->dx), \
			   "+S"(regs->si), "+D"(regs->di), "+r"(r8), "+r"(r10) \
			 : "r"(page) : "r9", "r11", "memory", "cc")
	if (page)
		PVP_CALL("call *%8");
	else if (insn == PVK_INSN_VMMCALL)
		PVP_CALL("vmmcall");
	else
		PVP_CALL("vmcall");
	regs->r8 = r8;
	regs->r10 = r10;
#else
	__u32 ax = (__u32)regs->ax, bx = (__u32)regs->bx, cx = (__u32)regs->cx;
	__u32 dx = (__u32)regs->dx, si = (__u32)regs->si, di = (__u32)regs->di;

#define PVP_CALL(code) \
	__asm__ volatile(code \
			 : "+a"(ax), "+b"(bx), "+c"(cx), "+d"(dx), "+S"(si), "+D"(di) \
			 : "m"(page) : "memory", "cc")
	if (page)
		PVP_CALL("call *%6");
	else if (insn == PVK_INSN_VMMCALL)
		PVP_CALL("vmmcall");
	else
		PVP_CALL("vmcall");
	regs->ax = ax;
	regs->bx = bx;
	regs->cx = cx;
	regs->dx = dx;
	regs->si = si;
	regs->di = di;
#endif
#undef PVP_CALL
}

void pvp_os_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}

void pvp_os_lock(struct pvp_lock *lock)
{
	while (__atomic_exchange_n(&lock->word, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&lock->word, __ATOMIC_RELAXED))
			pvp_os_relax();
}

void pvp_os_unlock(struct pvp_lock *lock)
{
	__atomic_store_n(&lock->word, 0, __ATOMIC_RELEASE);
}
