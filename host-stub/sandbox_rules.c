/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which system calls stay, for which kinds of thread, with which arguments, and
 * why (rules.h). Tests run with the filters on.
 *
 * The main thread's column is also that of a thread that begins: it inherits the
 * filter of the whole process and narrows itself (thread.h) when it runs. All
 * threads share one memory, so who has taken over one can in time make another
 * one act: the column of the whole process is what holds; the others are in
 * the way.
 */
#include "sandbox_rules.h"

#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "rules.h"

/* Kinds of thread, as bits */
#define M	(1u << HS_THREAD_MAIN)		/* and any thread that begins */
#define V	(1u << HS_THREAD_VCPU)
#define D	(1u << HS_THREAD_DISK)
#define N	(1u << HS_THREAD_NIC)
#define C	(1u << HS_THREAD_CONSOLE)
#define K	(1u << HS_THREAD_CLOCK)
#define W	(1u << HS_THREAD_WRITER)
#define G	(1u << HS_THREAD_GDB)
#define ALL	HS_RULES_ALL			/* the trace's thread (trace.c) needs no more */

/* What the C library starts a thread with; musl adds CLONE_DETACHED, which does nothing. */
#define THREAD_FLAGS	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SIGHAND | \
			 CLONE_THREAD | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)
#define MAP_NOT		(MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_GROWSDOWN)

#define REQUEST(request)	{ HS_IS(1, request) }

static const struct hs_rule rules[] = {
	/* I/O on descriptors that are open. What goes by io_uring is not seen here: worker.c */
	{ SCMP_SYS(read), M | C | G, {}, 0, "signalfd, timerfd, console input, eventfds, a debugger" },
	{ SCMP_SYS(write), ALL, {}, 0, "console output, eventfds, messages, statistics" },
	{ SCMP_SYS(writev), ALL, {}, 0, "last words of the C library" },
	{ SCMP_SYS(pread64), M, {}, 0, "kernel and initrd at a reboot" },
	{ SCMP_SYS(pread64), V, {}, HS_NEEDS_STATS, "KVM's statistics at a mark" },
	{ SCMP_SYS(pread64), W, {}, 0, "a console's file that is full moves over" },
	{ SCMP_SYS(ftruncate), W, { HS_IS(1, 0) }, 0, "the same: it begins anew" },
	{ SCMP_SYS(lseek), M | D, {}, 0, "size of an image (SIGHUP); is an output a file" },
	{ SCMP_SYS(close), M | V | D | N | G, {}, 0, "queues, connections, the old VM" },
	{ SCMP_SYS(poll), ALL, {}, 0, "waits; whether a message would block" },
	{ SCMP_SYS(ppoll), ALL, {}, 0, "the same, as the C library may make it" },
	{ SCMP_SYS(io_uring_enter), D | N, {}, 0, "disks and NICs" },
	{ SCMP_SYS(accept4), G, { HS_IS(3, SOCK_CLOEXEC | SOCK_NONBLOCK) }, HS_NEEDS_GDB,
	  "a debugger connects" },
	{ SCMP_SYS(eventfd2), M | V, {}, 0, "event channels, doorbells" },
	{ SCMP_SYS(accept4), M, { HS_IS(3, SOCK_CLOEXEC | SOCK_NONBLOCK) }, HS_NEEDS_CONTROL,
	  "clients of the control socket" },
	/* memory */
	{ SCMP_SYS(mmap), ALL, { HS_ONLY(2, PROT_READ | PROT_WRITE), HS_NONE_OF(3, MAP_NOT) }, 0,
	  "malloc; guest memory and stacks at a reboot" },
	{ SCMP_SYS(munmap), ALL, {}, 0, "the same" },
	{ SCMP_SYS(mremap), ALL, { HS_ONLY(3, MREMAP_MAYMOVE) }, 0, "realloc" },
	{ SCMP_SYS(mprotect), M, { HS_ONLY(2, PROT_READ | PROT_WRITE) }, 0, "stacks of threads" },
	{ SCMP_SYS(brk), ALL, {}, 0, "malloc" },
	{ SCMP_SYS(madvise), ALL, { HS_IS(2, MADV_DONTNEED) }, 0,
	  "unused guest memory; the stack of a thread that ends" },
	{ SCMP_SYS(madvise), M, { HS_IS(2, MADV_HUGEPAGE) }, 0, "guest memory at a reboot" },
	{ SCMP_SYS(madvise), M, { HS_IS(2, MADV_NOHUGEPAGE) }, 0, "the same" },
	{ SCMP_SYS(madvise), M, { HS_IS(2, MADV_DONTDUMP) }, 0, "the same" },
	{ SCMP_SYS(madvise), M, { HS_IS(2, MADV_POPULATE_WRITE) }, 0, "the same, --prefault" },
	{ SCMP_SYS(sysinfo), M, {}, 0, "qsort() of the C library: how much memory there is" },
	/* threads. clone3 hides its flags in memory: the C library is told to use clone */
	{ SCMP_SYS(clone), M, { HS_BITS(0, ~(uint64_t)CLONE_DETACHED, THREAD_FLAGS) }, 0,
	  "threads of vCPUs and of the clock chip at a reboot" },
	{ SCMP_SYS(clone3), M | HS_RULE_ABSENT, {}, 0, "the same" },
	{ SCMP_SYS(seccomp), M, { HS_IS(0, SECCOMP_SET_MODE_FILTER), HS_IS(1, 0) }, 0,
	  "a thread gives up what its kind does not need" },
	{ SCMP_SYS(set_robust_list), M, {}, 0, "start of a thread" },
	{ SCMP_SYS(rseq), M, {}, 0, "start of a thread" },
	{ SCMP_SYS(prctl), M, { HS_IS(0, PR_SET_NAME) }, 0, "name of a thread" },
	{ SCMP_SYS(sched_getaffinity), M, {}, 0, "start of a thread" },
	{ SCMP_SYS(rt_sigprocmask), ALL, {}, 0, "start, signalling and end of a thread" },
	{ SCMP_SYS(sched_yield), ALL, {}, 0, "locks, polling workers" },
	{ SCMP_SYS(futex), ALL, {}, 0, "locks, joining threads" },
	{ SCMP_SYS(exit), ALL, {}, 0, "end of a thread" },
	{ SCMP_SYS(exit_group), ALL, {}, 0, "end of the process" },
	/* signals: within the process */
	{ SCMP_SYS(getpid), ALL, {}, 0, "signalling a thread" },
	{ SCMP_SYS(gettid), ALL, {}, 0, "the same" },
	{ SCMP_SYS(tgkill), M | V | G, { HS_SELF(0), HS_IS(2, SIGUSR1) }, 0, "kicking a thread" },
	{ SCMP_SYS(tgkill), C, { HS_SELF(0), HS_IS(2, SIGINT) }, 0, "Ctrl-A x" },
	{ SCMP_SYS(tgkill), ALL, { HS_SELF(0), HS_IS(2, SIGABRT) }, 0, "abort() of the C library" },
	{ SCMP_SYS(rt_sigaction), ALL, { HS_IS(0, SIGABRT) }, 0, "the same" },
	{ SCMP_SYS(rt_sigreturn), M | V | C | W, {}, 0, "after a kick" },
	{ SCMP_SYS(restart_syscall), ALL, {}, 0, "a wait that was stopped and goes on" },
	/* time */
	{ SCMP_SYS(clock_gettime), ALL, {}, 0, "clocks, CPU times" },
	{ SCMP_SYS(gettimeofday), ALL, {}, 0, "time of day for the clock chip" },
	{ SCMP_SYS(clock_nanosleep), M | V | D | N, {}, 0, "short waits" },
	{ SCMP_SYS(nanosleep), M | V | D | N, {}, 0, "the same" },
	{ SCMP_SYS(getrusage), M | V, {}, 0, "CPU time for the statistics" },
	{ SCMP_SYS(getrandom), ALL, {}, 0, "seeds for the guest; malloc of current C libraries" },
	/* KVM's descriptors are open, so what is not listed would be in reach. */
	{ SCMP_SYS(ioctl), V, REQUEST(KVM_RUN), 0, "the guest" },
	{ SCMP_SYS(ioctl), ALL, REQUEST(KVM_IRQ_LINE), HS_NEEDS_PC, "interrupt lines" },
	{ SCMP_SYS(ioctl), M | V, REQUEST(KVM_IRQFD), 0, "event channels" },
	{ SCMP_SYS(ioctl), M | V, REQUEST(KVM_IOEVENTFD), 0, "doorbells" },
	{ SCMP_SYS(ioctl), M | V, REQUEST(KVM_SET_GSI_ROUTING), 0, "event channels" },
	{ SCMP_SYS(ioctl), M, REQUEST(KVM_CHECK_EXTENSION), 0, "a reboot builds a new VM" },
	{ SCMP_SYS(ioctl), M, REQUEST(KVM_CREATE_VM), 0, "reboot" },
	{ SCMP_SYS(ioctl), M, REQUEST(KVM_SET_IDENTITY_MAP_ADDR), 0, "reboot" },
	{ SCMP_SYS(ioctl), M, REQUEST(KVM_SET_TSS_ADDR), 0, "reboot" },
	{ SCMP_SYS(ioctl), M, REQUEST(KVM_CREATE_IRQCHIP), HS_NEEDS_PC, "reboot" },
	{ SCMP_SYS(ioctl), M, REQUEST(KVM_CREATE_PIT2), HS_NEEDS_PC, "reboot" },
	{ SCMP_SYS(ioctl), M, REQUEST(KVM_SET_USER_MEMORY_REGION), 0, "reboot" },
	{ SCMP_SYS(ioctl), M, REQUEST(KVM_CREATE_VCPU), 0, "reboot" },
	{ SCMP_SYS(ioctl), M, REQUEST(KVM_GET_VCPU_MMAP_SIZE), 0, "reboot" },
	{ SCMP_SYS(ioctl), M, REQUEST(KVM_GET_SUPPORTED_CPUID), 0, "reboot" },
	{ SCMP_SYS(ioctl), M, REQUEST(KVM_SET_CPUID2), 0, "reboot" },
	/* Which capability stands in memory, where a filter cannot look: so only where needed. */
	{ SCMP_SYS(ioctl), M, REQUEST(KVM_ENABLE_CAP), HS_NEEDS_CAP,
	  "reboot: minimal machine, --kvm-mask" },
	{ SCMP_SYS(ioctl), M, REQUEST(KVM_SET_MSRS), 0,
	  "reboot, and is there a PMU: the information page" },
	{ SCMP_SYS(ioctl), M, REQUEST(KVM_GET_LAPIC), 0, "reboot" },
	{ SCMP_SYS(ioctl), M | V, REQUEST(KVM_SET_LAPIC), 0,
	  "reboot; a CPU that is started by call" },
	{ SCMP_SYS(ioctl), M | V, REQUEST(KVM_GET_SREGS), 0, "the same" },
	{ SCMP_SYS(ioctl), M | V, REQUEST(KVM_SET_SREGS), 0, "the same" },
	{ SCMP_SYS(ioctl), M | V, REQUEST(KVM_SET_REGS), 0, "the same" },
	{ SCMP_SYS(ioctl), M | V, REQUEST(KVM_SET_VCPU_EVENTS), 0,
	  "a CPU that is started by call" },
	{ SCMP_SYS(ioctl), V, REQUEST(KVM_GET_VCPU_EVENTS), 0,
	  "a guest that died: the exception that was being delivered" },
	{ SCMP_SYS(ioctl), M | V, REQUEST(KVM_SET_MP_STATE), 0, "the same" },
	{ SCMP_SYS(ioctl), V, REQUEST(KVM_KVMCLOCK_CTRL), 0, "the VM stood still" },
	{ SCMP_SYS(ioctl), M | V, REQUEST(KVM_GET_MSRS), 0,
	  "the VM stood still: its TSC; information page at a reboot" },
	{ SCMP_SYS(ioctl), M | V, REQUEST(KVM_GET_TSC_KHZ), 0, "information page" },
	{ SCMP_SYS(ioctl), M, REQUEST(KVM_GET_STATS_FD), HS_NEEDS_STATS, "reboot" },
	/* Of vCPUs that are parked (gdb/gdb_vcpu.c) */
	{ SCMP_SYS(ioctl), G, REQUEST(KVM_SET_GUEST_DEBUG), HS_NEEDS_GDB, "breakpoints, steps" },
	{ SCMP_SYS(ioctl), G, REQUEST(KVM_TRANSLATE), HS_NEEDS_GDB, "a debugger reads memory" },
	{ SCMP_SYS(ioctl), G, REQUEST(KVM_GET_REGS), HS_NEEDS_GDB, "registers" },
	{ SCMP_SYS(ioctl), G, REQUEST(KVM_SET_REGS), HS_NEEDS_GDB, "registers" },
	{ SCMP_SYS(ioctl), G, REQUEST(KVM_GET_SREGS), HS_NEEDS_GDB, "registers" },
	{ SCMP_SYS(ioctl), G, REQUEST(KVM_SET_SREGS), HS_NEEDS_GDB, "registers" },
	{ SCMP_SYS(ioctl), G, REQUEST(KVM_GET_FPU), HS_NEEDS_GDB, "registers" },
	{ SCMP_SYS(ioctl), G, REQUEST(KVM_SET_FPU), HS_NEEDS_GDB, "registers" },
	{ SCMP_SYS(ioctl), G, REQUEST(KVM_GET_MSRS), HS_NEEDS_GDB, "registers: k_gs_base" },
	{ SCMP_SYS(ioctl), G, REQUEST(KVM_GET_XSAVE), HS_NEEDS_GDB, "registers: mxcsr" },
	{ SCMP_SYS(ioctl), G, REQUEST(KVM_GET_DEBUGREGS), HS_NEEDS_GDB, "the guest's own #DB" },
	{ SCMP_SYS(ioctl), G, REQUEST(KVM_SET_DEBUGREGS), HS_NEEDS_GDB, "the same" },
	{ SCMP_SYS(ioctl), M | V | N, REQUEST(TUNSETOFFLOAD), HS_NEEDS_TAP,
	  "what the attached device can take" },
	{ SCMP_SYS(ioctl), M | V | N, REQUEST(TUNSETQUEUE), HS_NEEDS_TAP,
	  "queues that the device does not serve" },
	{ SCMP_SYS(ioctl), M, REQUEST(TCSETS), HS_NEEDS_TTY, "the terminal's mode is put back" },
	{ SCMP_SYS(ioctl), M, REQUEST(TCGETS), HS_NEEDS_TTY,
	  "the same, as the C library may look whether it took" },
};

unsigned int hs_rules_needs(const struct hs_config *config)
{
	unsigned int needs = 0;

	if (config->machine == HS_MACHINE_PC)
		needs |= HS_NEEDS_PC;
	else
		needs |= HS_NEEDS_CAP;
	if (config->kvm_mask)
		needs |= HS_NEEDS_CAP;
	if (hs_config_counts(config))
		needs |= HS_NEEDS_STATS;
	if (config->control)
		needs |= HS_NEEDS_CONTROL;
	if (config->gdb)
		needs |= HS_NEEDS_GDB;
	if (!strcmp(config->console, "stdio") && isatty(STDIN_FILENO))
		needs |= HS_NEEDS_TTY;
	for (unsigned int i = 0; i < config->nics; i++)
		if (config->nic[i].kind == HS_NIC_TAP)
			needs |= HS_NEEDS_TAP;
	return needs;
}

int hs_rules_build(unsigned int kinds, unsigned int needs, pid_t self, struct sock_fprog *program)
{
	return hs_rules_program(rules, sizeof(rules) / sizeof(rules[0]), kinds, needs, self,
				program);
}
