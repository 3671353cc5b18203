/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Giving up rights: see sandbox.h. A guest that takes the stub over finds a
 * process whose system calls open nothing, start nothing and talk to nobody: it has
 * the descriptors that are open, and the calls listed here. (What goes by io_uring
 * is not seen here: backend/worker.c restricts its rings.)
 *
 * A call that is not listed ends the process (SECCOMP_RET_KILL_PROCESS), so
 * what is missing shows at once; tests run with the filter on.
 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/blk.h"
#include "backend/net.h"
#include "backend/worker.h"
#include "sandbox.h"

static const struct {
	int call;
	const char *reason;
} allowed[] = {
	/* I/O on descriptors that are open */
	{ SCMP_SYS(read), "console input, eventfds, signalfd, timerfd" },
	{ SCMP_SYS(write), "console output, eventfds, messages, accounts" },
	{ SCMP_SYS(writev), "console output" },
	{ SCMP_SYS(ftruncate), "a console's file that is full begins anew" },
	{ SCMP_SYS(pread64), "kernel and initrd at a reboot; KVM's statistics" },
	{ SCMP_SYS(lseek), "accounts (stdio)" },
	{ SCMP_SYS(fstat), "stdio; size of an image (SIGHUP)" },
	{ SCMP_SYS(newfstatat), "fstat() of current C libraries" },
	{ SCMP_SYS(close), "the old VM's descriptors at a reboot" },
	{ SCMP_SYS(poll), "main thread and console wait" },
	{ SCMP_SYS(ppoll), "the same, as the C library may make it" },
	{ SCMP_SYS(fallocate), "discard and write zeroes on an image" },
	{ SCMP_SYS(fdatasync), "flush without io_uring's help" },
	{ SCMP_SYS(io_uring_enter), "disk I/O" },
	{ SCMP_SYS(eventfd2), "event channels, doorbells, stop requests of the next VM" },
	{ SCMP_SYS(timerfd_create), "the next VM's chips" },
	{ SCMP_SYS(timerfd_settime), "clock chips" },
	/* memory and threads */
	{ SCMP_SYS(mmap), "guest memory and stacks at a reboot; malloc" },
	{ SCMP_SYS(munmap), "the same" },
	{ SCMP_SYS(mremap), "realloc" },
	{ SCMP_SYS(mprotect), "stacks of threads; malloc" },
	{ SCMP_SYS(madvise), "huge pages; stacks of threads that ended" },
	{ SCMP_SYS(brk), "malloc" },
	{ SCMP_SYS(clone), "vCPU threads at a reboot" },
	{ SCMP_SYS(clone3), "the same" },
	{ SCMP_SYS(set_robust_list), "start of a thread" },
	{ SCMP_SYS(rseq), "start of a thread" },
	{ SCMP_SYS(prctl), "name of a thread" },
	{ SCMP_SYS(sched_getaffinity), "start of a thread" },
	{ SCMP_SYS(sched_yield), "locks" },
	{ SCMP_SYS(futex), "locks, joining threads" },
	{ SCMP_SYS(exit), "end of a thread" },
	{ SCMP_SYS(exit_group), "end of the process" },
	{ SCMP_SYS(getpid), "signalling a thread" },
	{ SCMP_SYS(gettid), "signalling a thread" },
	{ SCMP_SYS(tgkill), "kicking a vCPU" },
	{ SCMP_SYS(rt_sigprocmask), "start of a thread" },
	{ SCMP_SYS(rt_sigreturn), "after a kick" },
	{ SCMP_SYS(rt_sigaction), "abort() of the C library" },
	{ SCMP_SYS(restart_syscall), "a wait that was stopped and goes on" },
	/* time */
	{ SCMP_SYS(clock_gettime), "clocks, CPU times" },
	{ SCMP_SYS(clock_nanosleep), "polling workers" },
	{ SCMP_SYS(nanosleep), "polling workers" },
	{ SCMP_SYS(gettimeofday), "time of day for the clock chip" },
	{ SCMP_SYS(getrusage), "CPU time for the accounts" },
	{ SCMP_SYS(getrandom), "malloc of current C libraries" },
};

static const struct {
	uint32_t request;
	const char *reason;
} ioctls[] = {
	{ KVM_RUN, "the guest" },
	{ KVM_IRQ_LINE, "interrupt wires" },
	{ KVM_IRQFD, "event channels" },
	{ KVM_IOEVENTFD, "doorbells" },
	{ KVM_SET_GSI_ROUTING, "event channels" },
	{ KVM_CHECK_EXTENSION, "a reboot builds a new VM, from here on" },
	{ KVM_CREATE_VM, "reboot" },
	{ KVM_SET_IDENTITY_MAP_ADDR, "reboot" },
	{ KVM_SET_TSS_ADDR, "reboot" },
	{ KVM_CREATE_IRQCHIP, "reboot" },
	{ KVM_CREATE_PIT2, "reboot" },
	{ KVM_SET_USER_MEMORY_REGION, "reboot" },
	{ KVM_CREATE_VCPU, "reboot" },
	{ KVM_GET_VCPU_MMAP_SIZE, "reboot" },
	{ KVM_GET_SUPPORTED_CPUID, "reboot" },
	{ KVM_SET_CPUID2, "reboot" },
	{ KVM_ENABLE_CAP, "reboot: lean machine, --kvm-mask" },
	{ KVM_SET_MSRS, "reboot, and is there a PMU: the information page" },
	{ KVM_GET_LAPIC, "reboot" },
	{ KVM_SET_LAPIC, "reboot" },
	{ KVM_GET_SREGS, "reboot; a guest that died" },
	{ KVM_SET_SREGS, "reboot" },
	{ KVM_SET_REGS, "reboot" },
	{ KVM_SET_VCPU_EVENTS, "a CPU that is started by call" },
	{ KVM_GET_VCPU_EVENTS, "a guest that died: the exception that was being delivered" },
	{ KVM_SET_MP_STATE, "a CPU that is started by call" },
	{ KVM_KVMCLOCK_CTRL, "the VM stood still" },
	{ KVM_GET_MSRS, "the VM stood still: its TSC; information page at a reboot" },
	{ KVM_GET_TSC_KHZ, "information page at a reboot" },
	{ KVM_GET_STATS_FD, "reboot, --stats" },
	{ TUNSETOFFLOAD, "a TAP: what the face that is attached can take" },
	{ TUNSETQUEUE, "a TAP: queues that the face does not serve" },
	{ TCGETS, "console: stdio asks whether it is a terminal" },
	{ TCSETS, "console: the terminal's mode is put back" },
	{ TCSETSW, "the same" },
	{ TCSETSF, "the same" },
	{ BLKGETSIZE64, "size of a block device (SIGHUP)" },
	{ BLKDISCARD, "discard on a block device" },
	{ BLKZEROOUT, "write zeroes on a block device" },
};

/* Of the calling thread. */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2];

	memset(none, 0, sizeof(none));
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return -errno;
	return syscall(SYS_capset, &head, none) < 0 ? -errno : 0;
}

static void drop_on_worker(void *arg)
{
	int *ret = arg;

	*ret = drop_capabilities();
}

int hs_sandbox_drop(const struct hs_host *host)
{
	int ret = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		ret = -errno;
		hs_error("sandbox: no_new_privs: %s", strerror(-ret));
		return ret;
	}
	/* For all threads: the C library takes care of that. */
	if (!geteuid() && setgroups(0, NULL) < 0 && errno != EPERM) {
		ret = -errno;
		hs_error("sandbox: supplementary groups: %s", strerror(-ret));
		return ret;
	}
	/* Capabilities are each thread's own: so each gives them up. */
	for (unsigned int i = 0; i < host->config->disks && !ret; i++)
		hs_worker_call(hs_blk_worker(host->blk[i]), drop_on_worker, &ret);
	for (unsigned int i = 0; i < host->config->nics; i++) {
		struct hs_net_info info;

		hs_net_info(host->net[i], &info);
		for (unsigned int q = 0; q < info.queues && !ret; q++)
			hs_worker_call(hs_net_worker(host->net[i], q), drop_on_worker, &ret);
	}
	if (!ret)
		ret = drop_capabilities();
	if (ret < 0)
		hs_error("sandbox: capabilities: %s", strerror(-ret));
	return ret;
}

int hs_sandbox_enter(void)
{
	struct scmp_arg_cmp request = { .arg = 1, .op = SCMP_CMP_EQ };
	scmp_filter_ctx filter;
	int ret;

	if (HS_SANITIZED) {
		hs_note("built with a sanitizer: no system call filter (its runtime needs many more)");
		return 0;
	}
	filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	ret = filter ? 0 : -ENOMEM;
	if (!ret)
		ret = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && !ret; i++)
		ret = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, allowed[i].call, 0, NULL);
	for (size_t i = 0; i < sizeof(ioctls) / sizeof(ioctls[0]) && !ret; i++) {
		request.datum_a = ioctls[i].request;
		ret = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, &request);
	}
	if (!ret)
		ret = seccomp_load(filter);
	if (ret < 0)
		hs_error("sandbox: seccomp: %s: --no-sandbox goes without", strerror(-ret));
	if (filter)
		seccomp_release(filter);
	return ret;
}
