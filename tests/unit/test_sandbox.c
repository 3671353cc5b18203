// SPDX-License-Identifier: BSD-2-Clause
/*
 * What can a taken-over thread of the stub still call? Each case is a process of
 * its own that loads the real filters (the process's, then the kind's), makes one
 * call, and is looked at: did it return, was it refused, was it killed?
 */
/* MSAN: no: libseccomp is not instrumented */
/* LINK: host-stub/sandbox_rules.c host-stub/rules.c */
/* LIBS: -lseccomp */
#include "filtered.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "host-stub/sandbox_rules.h"

#define M	(1u << HS_THREAD_MAIN)
#define V	(1u << HS_THREAD_VCPU)
#define D	(1u << HS_THREAD_DISK)
#define N	(1u << HS_THREAD_NIC)
#define C	(1u << HS_THREAD_CONSOLE)
#define K	(1u << HS_THREAD_CLOCK)
#define W	(1u << HS_THREAD_WRITER)
#define G	(1u << HS_THREAD_GDB)
#define ALL	HS_RULES_ALL
#define WORKERS	(D | N)
#define NEEDS	(HS_NEEDS_CAP | HS_NEEDS_TAP | HS_NEEDS_PC | HS_NEEDS_STATS | HS_NEEDS_TTY | \
		 HS_NEEDS_CONTROL | HS_NEEDS_GDB)

/* glibc's flags of a thread */
#define THREAD                                                                              \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SIGHAND | CLONE_THREAD | \
	 CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

static const char * const kind_name[HS_THREADS] = {
	"main", "vCPU", "disk", "NIC", "console", "clock", "writer", "trace", "debugger",
};

/* Programs, built once for each set of needs: [HS_THREADS] is the process's. */
static const struct sock_fprog *programs(unsigned int needs)
{
	static struct sock_fprog built[NEEDS + 1][HS_THREADS + 1];

	if (!built[needs][0].filter) {
		for (unsigned int i = 0; i < HS_THREADS; i++)
			assert_int_equal(hs_rules_build(1u << i, needs, getpid(), &built[needs][i]),
					 0);
		assert_int_equal(hs_rules_build(ALL, needs, getpid(), &built[needs][HS_THREADS]),
				 0);
	}
	return built[needs];
}

static void expect(unsigned int kind, unsigned int needs, const char *what, long call,
		   const long arg[6], enum outcome wanted)
{
	const struct sock_fprog *built = programs(needs);
	const struct sock_fprog *const both[2] = { &built[HS_THREADS], &built[kind] };
	enum outcome got = filtered(both, call, arg);

	if (got != wanted)
		print_error("%s thread: %s: outcome %d, %d is right\n", kind_name[kind], what, got,
			    wanted);
	assert_int_equal(got, wanted);
}

/* Calls that no thread of any kind gets, whatever their arguments. */
static void never(void **state)
{
	static const struct {
		long call;
		const char *name;
	} calls[] = {
#define CALL(n) { SYS_##n, #n }
		CALL(open), CALL(openat), CALL(openat2), CALL(creat), CALL(open_by_handle_at),
		CALL(execve), CALL(execveat), CALL(fork), CALL(vfork),
		CALL(socket), CALL(socketpair), CALL(connect), CALL(bind), CALL(listen),
		CALL(accept), CALL(sendto), CALL(sendmsg), CALL(sendmmsg),
		CALL(recvfrom), CALL(recvmsg), CALL(setsockopt),
		CALL(ptrace), CALL(process_vm_readv), CALL(process_vm_writev), CALL(kcmp),
		CALL(kill), CALL(tkill), CALL(rt_sigqueueinfo), CALL(rt_tgsigqueueinfo),
		CALL(pidfd_open), CALL(pidfd_getfd), CALL(pidfd_send_signal),
		CALL(mount), CALL(umount2), CALL(chroot), CALL(pivot_root), CALL(setns),
		CALL(unshare), CALL(fsopen), CALL(move_mount), CALL(open_tree),
		CALL(io_uring_setup), CALL(io_uring_register), CALL(io_setup), CALL(io_submit),
		CALL(bpf), CALL(perf_event_open), CALL(userfaultfd), CALL(memfd_create),
		CALL(keyctl), CALL(add_key), CALL(request_key),
		CALL(shmget), CALL(shmat), CALL(msgget), CALL(semget), CALL(mq_open),
		CALL(personality), CALL(arch_prctl), CALL(modify_ldt), CALL(iopl), CALL(ioperm),
		CALL(prlimit64), CALL(setrlimit), CALL(capset), CALL(setuid), CALL(setresuid),
		CALL(setgid), CALL(setgroups), CALL(setsid), CALL(setpgid),
		CALL(fcntl), CALL(dup), CALL(dup2), CALL(dup3), CALL(flock),
		CALL(fallocate), CALL(truncate), CALL(pwrite64), CALL(pwritev),
		CALL(stat), CALL(lstat), CALL(fstat), CALL(newfstatat), CALL(statx), CALL(access),
		CALL(readlink), CALL(getdents64), CALL(getcwd), CALL(chdir), CALL(fchdir),
		CALL(unlink), CALL(rename), CALL(link), CALL(symlink), CALL(mkdir), CALL(mknod),
		CALL(chmod), CALL(fchmod), CALL(chown), CALL(fchown), CALL(setxattr),
		CALL(splice), CALL(tee), CALL(vmsplice), CALL(sendfile), CALL(copy_file_range),
		CALL(inotify_init1), CALL(fanotify_init), CALL(signalfd4), CALL(timerfd_create),
		CALL(timer_create), CALL(setitimer), CALL(alarm),
		CALL(init_module), CALL(finit_module), CALL(kexec_load), CALL(reboot),
		CALL(swapon), CALL(settimeofday), CALL(clock_settime), CALL(adjtimex),
		CALL(sched_setaffinity), CALL(sched_setscheduler), CALL(setpriority),
		CALL(mlock), CALL(mlockall), CALL(pkey_mprotect), CALL(remap_file_pages),
		CALL(syslog), CALL(uname), CALL(vhangup), CALL(quotactl), CALL(nfsservctl),
#undef CALL
		{ 0x40000000 | SYS_getpid, "getpid of x32" },
	};
	static const long none[6] = { -1, -1, -1, -1, -1, -1 };

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		for (unsigned int kind = 0; kind < HS_THREADS; kind++)
			expect(kind, NEEDS, calls[i].name, calls[i].call, none, KILLED);
}

struct attempt {
	const char *what;
	long call;
	long arg[6];
	unsigned int kinds;	/* those that may; all others are killed */
};

static void run_cases(const struct attempt *a, size_t n)
{
	for (; n--; a++)
		for (unsigned int kind = 0; kind < HS_THREADS; kind++)
			expect(kind, NEEDS, a->what, a->call, a->arg,
			       a->kinds & 1u << kind ? RETURNED : KILLED);
}

#define RUN(cases) run_cases(cases, sizeof(cases) / sizeof((cases)[0]))

static void signals(void **state)
{
	static const struct attempt cases[] = {
		{ "tgkill of another process", SYS_tgkill, { OTHER, OTHER, SIGUSR1 }, 0 },
		{ "tgkill of init", SYS_tgkill, { 1, 1, SIGKILL }, 0 },
		{ "tgkill of all", SYS_tgkill, { -1, -1, SIGKILL }, 0 },
		/* No such thread: the kernel was reached, which is what is asked. */
		{ "kick", SYS_tgkill, { SELF, 0, SIGUSR1 }, M | V | G },
		{ "end by the console", SYS_tgkill, { SELF, 0, SIGINT }, C },
		{ "abort", SYS_tgkill, { SELF, 0, SIGABRT }, ALL },
		{ "SIGKILL to itself", SYS_tgkill, { SELF, 0, SIGKILL }, 0 },
		{ "handler of SIGABRT", SYS_rt_sigaction, { SIGABRT, 0, 0, 8 }, ALL },
		{ "handler of SIGSEGV", SYS_rt_sigaction, { SIGSEGV, 0, 0, 8 }, 0 },
		{ "handler of SIGSYS", SYS_rt_sigaction, { SIGSYS, 0, 0, 8 }, 0 },
	};

	(void)state;
	RUN(cases);
}

static void processes(void **state)
{
	static const struct attempt cases[] = {
		/* Refused by the kernel: such a TLS there is not. */
		{ "clone of a thread", SYS_clone, { THREAD, 0, 0, 0, -1 }, M },
		{ "clone like fork", SYS_clone, { SIGCHLD }, 0 },
		{ "clone like vfork", SYS_clone, { CLONE_VM | CLONE_VFORK | SIGCHLD }, 0 },
		{ "clone, user namespace", SYS_clone, { CLONE_NEWUSER | SIGCHLD }, 0 },
		{ "clone, network namespace", SYS_clone, { CLONE_NEWNET | SIGCHLD }, 0 },
		{ "clone, a thread and a namespace", SYS_clone, { THREAD | CLONE_NEWIPC }, 0 },
		{ "clone, no CLONE_THREAD", SYS_clone, { THREAD & ~CLONE_THREAD }, 0 },
		{ "clone, traced", SYS_clone, { THREAD | CLONE_PTRACE }, 0 },
		{ "clone, high bits", SYS_clone, { THREAD | 1l << 32 }, 0 },
		{ "prctl PR_SET_DUMPABLE", SYS_prctl, { PR_SET_DUMPABLE, 1 }, 0 },
		{ "prctl PR_SET_PTRACER", SYS_prctl, { PR_SET_PTRACER, -1 }, 0 },
		{ "prctl PR_SET_MM", SYS_prctl, { PR_SET_MM }, 0 },
		{ "prctl PR_SET_SECCOMP", SYS_prctl, { PR_SET_SECCOMP, 2, 0 }, 0 },
		{ "prctl PR_SET_NAME", SYS_prctl, { PR_SET_NAME, 0 }, M },
		{ "seccomp, strict mode", SYS_seccomp, { SECCOMP_SET_MODE_STRICT }, 0 },
		{ "seccomp, a listener", SYS_seccomp,
		  { SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER }, 0 },
		{ "seccomp, narrower", SYS_seccomp, { SECCOMP_SET_MODE_FILTER, 0, 0 }, M },
	};

	(void)state;
	RUN(cases);
}

/* clone3's flags are in memory: where threads begin it does not exist, else it kills. */
static void clone3_is_absent(void **state)
{
	static const long arg[6] = { 0, 88 };

	(void)state;
	for (unsigned int kind = 0; kind < HS_THREADS; kind++)
		expect(kind, NEEDS, "clone3", SYS_clone3, arg,
		       kind == HS_THREAD_MAIN ? NO_SYSCALL : KILLED);
}

#define ANONYMOUS	(MAP_PRIVATE | MAP_ANONYMOUS)

static void memory(void **state)
{
	static const struct attempt cases[] = {
		{ "mmap", SYS_mmap, { 0, 4096, PROT_READ | PROT_WRITE, ANONYMOUS, -1, 0 }, ALL },
		{ "mmap of a stack", SYS_mmap,
		  { 0, 65536, PROT_NONE, ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0 }, ALL },
		{ "mmap, executable", SYS_mmap,
		  { 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, ANONYMOUS, -1, 0 }, 0 },
		{ "mmap, only executable", SYS_mmap, { 0, 4096, PROT_EXEC, ANONYMOUS, -1, 0 }, 0 },
		{ "mmap over what is there", SYS_mmap,
		  { 4096, 4096, PROT_READ, ANONYMOUS | MAP_FIXED, -1, 0 }, 0 },
		{ "mprotect", SYS_mprotect, { 0, 0, PROT_READ | PROT_WRITE }, M },
		{ "mprotect, executable", SYS_mprotect, { 0, 0, PROT_READ | PROT_EXEC }, 0 },
		{ "mremap", SYS_mremap, { 0, 0, 0, MREMAP_MAYMOVE }, ALL },
		{ "mremap to a place", SYS_mremap, { 0, 0, 0, MREMAP_MAYMOVE | MREMAP_FIXED }, 0 },
		{ "madvise, away", SYS_madvise, { 0, 0, MADV_DONTNEED }, ALL },
		{ "madvise, huge pages", SYS_madvise, { 0, 0, MADV_HUGEPAGE }, M },
		{ "madvise, no huge pages", SYS_madvise, { 0, 0, MADV_NOHUGEPAGE }, M },
		{ "madvise, not in dumps", SYS_madvise, { 0, 0, MADV_DONTDUMP }, M },
		{ "madvise, now", SYS_madvise, { 0, 0, MADV_POPULATE_WRITE }, M },
		{ "munmap", SYS_munmap, { 0, 0 }, ALL },
		{ "brk", SYS_brk, { 0 }, ALL },
		{ "sysinfo", SYS_sysinfo, { 0 }, M },
		{ "madvise, merge with others", SYS_madvise, { 0, 0, MADV_MERGEABLE }, 0 },
		{ "madvise, for children", SYS_madvise, { 0, 0, MADV_DOFORK }, 0 },
	};

	(void)state;
	RUN(cases);
}

static void requests(void **state)
{
	static const struct attempt cases[] = {
		{ "KVM_RUN", SYS_ioctl, { -1, KVM_RUN, 0 }, V },
		{ "KVM_IRQ_LINE", SYS_ioctl, { -1, KVM_IRQ_LINE, 0 }, ALL },
		{ "KVM_CREATE_VM", SYS_ioctl, { -1, KVM_CREATE_VM, 0 }, M },
		{ "KVM_ENABLE_CAP", SYS_ioctl, { -1, KVM_ENABLE_CAP, 0 }, M },
		{ "KVM_SET_USER_MEMORY_REGION", SYS_ioctl, { -1, KVM_SET_USER_MEMORY_REGION }, M },
#define REQUEST(n) #n, SYS_ioctl, { -1, (long)(n), 0 }
		{ REQUEST(KVM_CHECK_EXTENSION), M },
		{ REQUEST(KVM_SET_IDENTITY_MAP_ADDR), M },
		{ REQUEST(KVM_SET_TSS_ADDR), M },
		{ REQUEST(KVM_CREATE_IRQCHIP), M },
		{ REQUEST(KVM_CREATE_PIT2), M },
		{ REQUEST(KVM_CREATE_VCPU), M },
		{ REQUEST(KVM_GET_VCPU_MMAP_SIZE), M },
		{ REQUEST(KVM_GET_SUPPORTED_CPUID), M },
		{ REQUEST(KVM_SET_CPUID2), M },
		{ REQUEST(KVM_SET_MSRS), M },
		{ REQUEST(KVM_GET_LAPIC), M },
		{ REQUEST(KVM_GET_STATS_FD), M },
		{ REQUEST(KVM_GET_VCPU_EVENTS), V },
		{ REQUEST(KVM_KVMCLOCK_CTRL), V },
		{ REQUEST(KVM_IRQFD), M | V },
		{ REQUEST(KVM_IOEVENTFD), M | V },
		{ REQUEST(KVM_SET_GSI_ROUTING), M | V },
		{ REQUEST(KVM_SET_LAPIC), M | V },
		{ REQUEST(KVM_GET_SREGS), M | V | G },
		{ REQUEST(KVM_SET_SREGS), M | V | G },
		{ REQUEST(KVM_SET_REGS), M | V | G },
		{ REQUEST(KVM_SET_VCPU_EVENTS), M | V },
		{ REQUEST(KVM_SET_MP_STATE), M | V },
		{ REQUEST(KVM_GET_MSRS), M | V | G },
		{ REQUEST(KVM_GET_REGS), G },
		{ REQUEST(KVM_GET_FPU), G },
		{ REQUEST(KVM_SET_FPU), G },
		{ REQUEST(KVM_TRANSLATE), G },
		{ REQUEST(KVM_GET_XSAVE), G },
		{ REQUEST(KVM_GET_DEBUGREGS), G },
		{ REQUEST(KVM_SET_DEBUGREGS), G },
		{ REQUEST(KVM_SET_GUEST_DEBUG), G },
		{ REQUEST(KVM_GET_TSC_KHZ), M | V },
		{ REQUEST(TUNSETQUEUE), M | V | N },
		{ REQUEST(TCGETS), M },
#undef REQUEST
		{ "KVM_CREATE_DEVICE", SYS_ioctl, { -1, (long)KVM_CREATE_DEVICE, 0 }, 0 },
		{ "KVM_SET_NESTED_STATE", SYS_ioctl, { -1, KVM_SET_NESTED_STATE, 0 }, 0 },
		{ "TUNSETOFFLOAD", SYS_ioctl, { -1, TUNSETOFFLOAD, 0 }, M | V | N },
		{ "TUNSETIFF", SYS_ioctl, { -1, TUNSETIFF, 0 }, 0 },
		{ "TUNSETOWNER", SYS_ioctl, { -1, TUNSETOWNER, 0 }, 0 },
		{ "TCSETS", SYS_ioctl, { -1, TCSETS, 0 }, M },
		{ "TIOCSTI: keys for the user's shell", SYS_ioctl, { 0, TIOCSTI, 0 }, 0 },
		{ "FIOASYNC", SYS_ioctl, { -1, FIOASYNC, 0 }, 0 },
		{ "BLKDISCARD", SYS_ioctl, { -1, 0x1277, 0 }, 0 },
		{ "FIFREEZE", SYS_ioctl, { -1, (long)0xc0045877, 0 }, 0 },
	};

	(void)state;
	RUN(cases);
}

static void by_kind(void **state)
{
	static const struct attempt cases[] = {
		{ "read", SYS_read, { -1, 0, 0 }, M | C | G },
		{ "accept4", SYS_accept4, { -1, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK }, M | G },
		{ "accept4, as it likes", SYS_accept4, { -1, 0, 0, 0 }, 0 },
		{ "write", SYS_write, { -1, 0, 0 }, ALL },
		{ "pread64", SYS_pread64, { -1, 0, 0, 0 }, M | V | W },
		{ "ftruncate to nothing", SYS_ftruncate, { -1, 0 }, W },
		{ "ftruncate to more", SYS_ftruncate, { -1, 1l << 40 }, 0 },
		{ "lseek", SYS_lseek, { -1, 0, SEEK_END }, M | D },
		{ "close", SYS_close, { -1 }, M | V | WORKERS | G },
		{ "poll", SYS_poll, { 0, 0, 0 }, ALL },
		{ "io_uring_enter", SYS_io_uring_enter, { -1 }, WORKERS },
		{ "eventfd2", SYS_eventfd2, { 0, 0 }, M | V },
		{ "rseq", SYS_rseq, { 0, 0, 1, 0 }, M },
		{ "set_robust_list", SYS_set_robust_list, { 0, 0 }, M },
		{ "sched_getaffinity", SYS_sched_getaffinity, { 0, 0, 0 }, M },
		{ "writev", SYS_writev, { -1, 0, 0 }, ALL },
		{ "ppoll", SYS_ppoll, { 0, 0, 1 }, ALL },
		{ "futex", SYS_futex, { 0, FUTEX_WAKE, 0 }, ALL },
		{ "rt_sigprocmask", SYS_rt_sigprocmask, { 0, 0, 0, 8 }, ALL },
		{ "sched_yield", SYS_sched_yield, { 0 }, ALL },
		{ "getpid", SYS_getpid, { 0 }, ALL },
		{ "gettid", SYS_gettid, { 0 }, ALL },
		{ "clock_gettime", SYS_clock_gettime, { 0, 0 }, ALL },
		{ "gettimeofday", SYS_gettimeofday, { 0, 0 }, ALL },
		{ "getrandom", SYS_getrandom, { 0, 0, 0 }, ALL },
		{ "clock_nanosleep", SYS_clock_nanosleep, { 0, 0, 0, 0 }, M | V | WORKERS },
		{ "nanosleep", SYS_nanosleep, { 0, 0 }, M | V | WORKERS },
		{ "getrusage", SYS_getrusage, { RUSAGE_SELF, 0 }, M | V },
	};

	(void)state;
	RUN(cases);
}

/* What a configuration does not need is not there; what it needs alone is enough. */
static void by_need(void **state)
{
	static const struct {
		const char *what;
		unsigned int kind, needs;
		long call, arg[6];
	} cases[] = {
#define REQUEST(n) SYS_ioctl, { -1, (long)(n) }
		{ "KVM_ENABLE_CAP", HS_THREAD_MAIN, HS_NEEDS_CAP, REQUEST(KVM_ENABLE_CAP) },
		{ "TUNSETOFFLOAD", HS_THREAD_MAIN, HS_NEEDS_TAP, REQUEST(TUNSETOFFLOAD) },
		{ "TUNSETQUEUE", HS_THREAD_NIC, HS_NEEDS_TAP, REQUEST(TUNSETQUEUE) },
		{ "KVM_CREATE_IRQCHIP", HS_THREAD_MAIN, HS_NEEDS_PC, REQUEST(KVM_CREATE_IRQCHIP) },
		{ "KVM_CREATE_PIT2", HS_THREAD_MAIN, HS_NEEDS_PC, REQUEST(KVM_CREATE_PIT2) },
		{ "KVM_IRQ_LINE", HS_THREAD_VCPU, HS_NEEDS_PC, REQUEST(KVM_IRQ_LINE) },
		{ "KVM_GET_STATS_FD", HS_THREAD_MAIN, HS_NEEDS_STATS, REQUEST(KVM_GET_STATS_FD) },
		{ "pread64", HS_THREAD_VCPU, HS_NEEDS_STATS, SYS_pread64, { -1 } },
		{ "KVM_SET_GUEST_DEBUG", HS_THREAD_GDB, HS_NEEDS_GDB,
		  REQUEST(KVM_SET_GUEST_DEBUG) },
		{ "KVM_TRANSLATE", HS_THREAD_GDB, HS_NEEDS_GDB, REQUEST(KVM_TRANSLATE) },
		{ "KVM_SET_REGS", HS_THREAD_GDB, HS_NEEDS_GDB, REQUEST(KVM_SET_REGS) },
		{ "accept4", HS_THREAD_GDB, HS_NEEDS_GDB, SYS_accept4,
		  { -1, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK } },
		{ "TCSETS", HS_THREAD_MAIN, HS_NEEDS_TTY, REQUEST(TCSETS) },
		{ "TCGETS", HS_THREAD_MAIN, HS_NEEDS_TTY, REQUEST(TCGETS) },
		{ "accept4", HS_THREAD_MAIN, HS_NEEDS_CONTROL, SYS_accept4,
		  { -1, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK } },
#undef REQUEST
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		expect(cases[i].kind, 0, cases[i].what, cases[i].call, cases[i].arg, KILLED);
		expect(cases[i].kind, cases[i].needs, cases[i].what, cases[i].call, cases[i].arg,
		       RETURNED);
	}
}

static void needs_of(void **state)
{
	struct hs_config config = { .machine = HS_MACHINE_PC, .console = "none" };

	(void)state;
	assert_int_equal(hs_rules_needs(&config), HS_NEEDS_PC);
	config.kvm_mask = 1;
	assert_int_equal(hs_rules_needs(&config), HS_NEEDS_PC | HS_NEEDS_CAP);
	config = (struct hs_config){ .machine = HS_MACHINE_MINIMAL, .console = "none", .stats = "x" };
	assert_int_equal(hs_rules_needs(&config), HS_NEEDS_CAP | HS_NEEDS_STATS);
	config.gdb = "1234";
	assert_int_equal(hs_rules_needs(&config), HS_NEEDS_CAP | HS_NEEDS_STATS | HS_NEEDS_GDB);
	config.nics = 1;
	config.nic[0].kind = HS_NIC_TAP;
	assert_true(hs_rules_needs(&config) & HS_NEEDS_TAP);
}

/* The programs lie where a taken-over thread cannot change what the next one loads. */
static void programs_are_read_only(void **state)
{
	struct sock_fprog program;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(hs_rules_build(ALL, NEEDS, getpid(), &program), 0);
	pid = fork();
	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		*(volatile uint16_t *)&program.filter[0].code = 0;
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(never),
		cmocka_unit_test(signals),
		cmocka_unit_test(processes),
		cmocka_unit_test(clone3_is_absent),
		cmocka_unit_test(memory),
		cmocka_unit_test(requests),
		cmocka_unit_test(by_kind),
		cmocka_unit_test(by_need),
		cmocka_unit_test(needs_of),
		cmocka_unit_test(programs_are_read_only),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
