/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit-vm: the main thread. It opens everything, gives up rights, builds the
 * VM, then waits for one of: a stop request (vCPUs, chips), a signal, the time
 * limit. A reboot builds the next VM in the same process.
 *
 * Signals come through a signalfd, so no handler runs: SIGTERM asks the guest
 * to switch off, a second one or SIGINT ends at once, SIGHUP looks at the
 * disks' sizes again, SIGUSR2 unplugs the NICs' cables and plugs them in again,
 * SIGCONT tells the guest that it stood still.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "disk/disk.h"
#include "net/net.h"
#include "accounts.h"
#include "worker.h"
#include "pv/pv.h"
#include "console.h"
#include "control.h"
#include "emu/emu.h"
#include "gdb/gdb.h"
#include "jail.h"
#include "live.h"
#include "options.h"
#include "reboots.h"
#include "output.h"
#include "sandbox.h"
#include "stats.h"
#include "trace.h"
#include "vm.h"
#include "writer.h"

#define OWN_FDS		4u	/* that wait_for_stop() waits for, beside the control socket's */

/* A worker polls for as long as 40 exits take, and coalesces completions for 8 */
#define POLL_EXITS	40u
#define POLL_MOST	5000000u	/* ns */
#define COALESCE_EXITS	8u
#define COALESCE_MOST	500000u		/* ns */

/*
 * What the end waits for readers: so long in all while nothing is read, and so long
 * if they do read; only the former when the user asked for the end.
 */
#define END_IDLE_NS	400000000u
#define END_NS		10000000000u
#define MESSAGES	65536u		/* bytes of messages that may wait */

struct host {
	struct hs_host hs;
	int signal_fd;
	int timer_fd;		/* -1: no limit */
	int clock_fd;		/* readable when the host's clock was set */
	struct hs_accounts accounts;
	struct hs_reboots reboots;
	struct hs_gdb *gdb;	/* NULL: without --gdb */
	bool asked;		/* the guest was asked to switch off */
	bool unplugged;		/* the NICs' links are down by SIGUSR2 */
	int signal;		/* that ended it */
	bool timeout;		/* so did the time limit */
	uint32_t code;		/* with which the guest switched off, or wrote to the debug port */
};

/* "vmx" or "svm" among the CPU's flags, or KVM's module for one loaded. */
static bool has_hardware(void)
{
	char line[8192];
	bool found = false;
	FILE *f;

	if (!access("/sys/module/kvm_intel", F_OK) || !access("/sys/module/kvm_amd", F_OK))
		return true;
	f = fopen("/proc/cpuinfo", "re");
	if (!f)
		return true;		/* unknown: KVM will tell */
	while (!found && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "flags", 5))
			continue;
		found = strstr(line, " vmx") || strstr(line, " svm");
		break;
	}
	fclose(f);
	return found;
}

/* 0, or the exit status with the line printed. */
static int open_kvm(struct host *host)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		hs_error("/dev/kvm: not there: load kvm_intel or kvm_amd, or run under host-stub/rig/box");
	else if (fd < 0 && (errno == EACCES || errno == EPERM))
		hs_error("/dev/kvm: no permission: join its group (kvm)");
	else if (fd < 0)
		hs_error("/dev/kvm: %s", strerror(errno));
	if (fd < 0)
		return HS_EXIT_KVM;
	host->hs.kvm_fd = fd;
	if (hs_kvm_check(fd) < 0)
		return HS_EXIT_KVM;
	if (!host->hs.config->force && !has_hardware()) {
		hs_error("/dev/kvm: no VMX or SVM behind it (no CPU flag, no kvm_intel or kvm_amd): run under host-stub/rig/box, or --force to try");
		return HS_EXIT_NO_HARDWARE;
	}
	return hs_probe(fd, &host->hs.probe) < 0 ? HS_EXIT_KVM : 0;
}

/* Eventfd, signalfd, timer, accounts. 0 or the exit status, said. */
static int open_own(struct host *host)
{
	const struct hs_config *config = host->hs.config;
	struct itimerspec limit = { .it_value = { .tv_sec = config->seconds } };
	struct itimerspec never = { .it_value = { .tv_sec = INT32_MAX } };
	sigset_t set;

	tzset();	/* reads a file: later that would end the process (sandbox.c) */
	host->hs.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGCONT);
	sigaddset(&set, SIGUSR1);	/* the kick: vCPU threads let it in */
	sigaddset(&set, SIGPIPE);	/* a console that is closed is an error of write(2) */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	hs_vcpu_init_signal();
	hs_writer_init_signal();
	sigdelset(&set, SIGUSR1);
	sigdelset(&set, SIGPIPE);
	host->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (config->seconds) {
		host->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
		if (host->timer_fd >= 0)
			timerfd_settime(host->timer_fd, 0, &limit, NULL);
	}
	/* Also after a suspend of this machine: its clock is set then. */
	host->clock_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (host->clock_fd >= 0)
		timerfd_settime(host->clock_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never,
				NULL);
	if (host->hs.stop_fd < 0 || host->signal_fd < 0 || host->clock_fd < 0 ||
	    (config->seconds && host->timer_fd < 0)) {
		hs_error("cannot make event descriptors: %s", strerror(errno));
		return HS_EXIT_HOST;
	}
	if (config->stats) {
		host->accounts.fd = hs_output_open("--stats", config->stats, O_WRONLY);
		if (host->accounts.fd < 0)
			return HS_EXIT_HOST;
	}
	if (config->control && hs_control_prepare(config->control) < 0)
		return HS_EXIT_HOST;
	if (config->trace && hs_trace_prepare(config->trace, config->trace_limit) < 0)
		return HS_EXIT_HOST;
	return 0;
}

/*
 * How long to poll and to gather where nobody said: in proportion to an exit,
 * within what is sane anywhere.
 */
static void choose_times(struct hs_config *config, uint64_t exit_ns)
{
	if (!exit_ns)
		exit_ns = 2000;
	if (config->poll_ns == HS_TIME_AUTO)
		config->poll_ns = exit_ns * POLL_EXITS < POLL_MOST ? exit_ns * POLL_EXITS
								   : POLL_MOST;
	if (config->coalesce_ns == HS_TIME_AUTO)
		config->coalesce_ns = exit_ns * COALESCE_EXITS < COALESCE_MOST ?
				    exit_ns * COALESCE_EXITS : COALESCE_MOST;
}

static int open_disks(struct host *host)
{
	const struct hs_config *config = host->hs.config;

	for (unsigned int i = 0; i < config->disks; i++)
		if (hs_blk_prepare(&host->hs.blk[i], &config->disk[i]) < 0)
			return HS_EXIT_DISK;
	return 0;
}

/* The process of a user-mode network, while there is one thread only. */
static int fork_networks(struct hs_config *config)
{
	for (unsigned int i = 0; i < config->nics; i++) {
		struct hs_nic_config *nic = &config->nic[i];

		if (nic->kind != HS_NIC_USER)
			continue;
		if (hs_net_user_fork(nic, config, &nic->fd[0]) < 0)
			return HS_EXIT_NIC;
		nic->fds = 1;
	}
	return 0;
}

static int open_nics(struct host *host)
{
	const struct hs_config *config = host->hs.config;

	for (unsigned int i = 0; i < config->nics; i++)
		if (hs_net_prepare(&host->hs.net[i], &config->nic[i], i) < 0)
			return HS_EXIT_NIC;
	return 0;
}

/* Their threads, which have the rights that are left. */
static int start_workers(struct host *host)
{
	const struct hs_config *config = host->hs.config;

	for (unsigned int i = 0; i < config->disks; i++)
		if (hs_blk_start(host->hs.blk[i], config->poll_ns) < 0)
			return HS_EXIT_DISK;
	for (unsigned int i = 0; i < config->nics; i++)
		if (hs_net_start(host->hs.net[i], config->poll_ns) < 0)
			return HS_EXIT_NIC;
	return 0;
}

static void on_signal(struct host *host, struct hs_vm *vm)
{
	struct signalfd_siginfo info;

	while (read(host->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			for (unsigned int i = 0; i < host->hs.config->disks; i++)
				hs_blk_check_size(host->hs.blk[i]);
		} else if (info.ssi_signo == SIGUSR2) {
			host->unplugged = !host->unplugged;
			for (unsigned int i = 0; i < host->hs.config->nics; i++)
				hs_net_set_link(host->hs.net[i], !host->unplugged);
		} else if (info.ssi_signo == SIGCONT) {
			hs_vm_notify_clocks(vm);
		} else if (info.ssi_signo == SIGTERM && !host->asked) {
			host->asked = true;
			host->signal = SIGTERM;
			hs_live_ask_power_off(vm);
		} else {
			host->signal = (int)info.ssi_signo;
			hs_vm_stop(vm, HS_STOP_SIGNAL);
		}
	}
}

/* For the control socket: the VM that runs. */
struct live {
	struct hs_live live;
	struct host *host;
};

static void running_stats(struct hs_live *live, FILE *out)
{
	struct host *host = ((struct live *)live)->host;

	hs_accounts_print(&host->accounts, &host->hs, out, live->vm);
}

/* Until somebody stops the VM. */
static void wait_for_stop(struct host *host, struct hs_vm *vm)
{
	struct pollfd fds[OWN_FDS + HS_CONTROL_FDS] = {
		{ .fd = host->hs.stop_fd, .events = POLLIN },
		{ .fd = host->signal_fd, .events = POLLIN },
		{ .fd = host->timer_fd, .events = POLLIN },	/* -1 is ignored */
		{ .fd = host->clock_fd, .events = POLLIN },
	};
	struct live live = { { .vm = vm, .boot = host->hs.boot, .stats = running_stats }, host };
	uint64_t expired;

	while (hs_vm_stopped(vm) == HS_STOP_NONE) {
		hs_control_poll(fds + OWN_FDS);
		if (poll(fds, OWN_FDS + HS_CONTROL_FDS, -1) < 0 && errno != EINTR) {
			hs_error("poll: %s", strerror(errno));
			hs_vm_stop(vm, HS_STOP_ERROR);
		}
		if (fds[1].revents)
			on_signal(host, vm);
		if (fds[2].revents) {
			host->timeout = true;
			hs_vm_stop(vm, HS_STOP_TIMEOUT);
		}
		/* ECANCELED: it was set */
		if (fds[3].revents && read(host->clock_fd, &expired, sizeof(expired)) < 0 &&
		    errno == ECANCELED)
			hs_vm_notify_clocks(vm);
		hs_control_serve(fds + OWN_FDS, hs_live_answer, &live.live);
	}
}

/* One boot. *why tells how it ended; 0 or -errno, said. */
static int power_on(struct host *host, enum hs_stop *why)
{
	struct hs_vm *vm;
	int ret;

	hs_reboots_begin(&host->reboots, hs_now());
	host->hs.boot = host->reboots.boots;
	hs_trace(HS_TRACE_BOOT, 0, NULL, host->hs.boot);
	hs_debug(HS_LOG_POWER, "boot %u begins", host->hs.boot);
	ret = hs_vm_create(&vm, &host->hs);
	if (ret < 0)
		return ret;
	ret = hs_gdb_boot_prepare(host->gdb, vm);
	if (!ret)
		ret = hs_vm_start(vm);
	if (!ret) {
		hs_gdb_boot_begin(host->gdb, vm);
		wait_for_stop(host, vm);
		hs_vm_join(vm);
		*why = hs_vm_stopped(vm);
		hs_trace(HS_TRACE_STOP, 0, hs_stats_stop_name(*why), host->hs.boot);
		hs_debug(HS_LOG_POWER, "boot %u ended: %s", host->hs.boot, hs_stats_stop_name(*why));
		host->code = *why == HS_STOP_DEBUG_EXIT ? vm->exit_value :
			     vm->last_words.op == PVK_POWER_OFF ? vm->last_words.code : 0;
		hs_accounts_keep(&host->accounts, vm);
	}
	hs_gdb_boot_end(host->gdb);
	hs_vm_destroy(vm);
	return ret;
}

static int exit_status(const struct host *host, enum hs_stop why)
{
	switch (why) {
	case HS_STOP_POWEROFF:
		return host->code ? HS_EXIT_GUEST : HS_EXIT_OK;
	case HS_STOP_REBOOT:
		return HS_EXIT_OK;
	case HS_STOP_DEBUG_EXIT:
		return (int)((host->code << 1 | 1) & 0xff);	/* QEMU's isa-debug-exit does so */
	case HS_STOP_PANIC:
		return HS_EXIT_PANIC;
	case HS_STOP_CRASH:
		return HS_EXIT_CRASH;
	case HS_STOP_SIGNAL:
		return HS_EXIT_SIGNAL + host->signal;
	case HS_STOP_KILLED:
		return HS_EXIT_SIGNAL + SIGKILL;
	case HS_STOP_TIMEOUT:
		return HS_EXIT_TIMEOUT;
	default:
		return HS_EXIT_ERROR;
	}
}

/* ---- the end: output that somebody may not read ---- */

/* Somebody asks for the end, again if a signal brought it about. */
static bool asked_to_end(void *opaque)
{
	struct host *host = opaque;
	struct signalfd_siginfo info;

	while (read(host->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			return true;
	return false;
}

/* One budget for the statistics, the console and the messages. */
static struct hs_drain_limit drain_limit_of(struct host *host)
{
	return (struct hs_drain_limit){
		.idle_ns = END_IDLE_NS,
		.until = hs_now() + (host->signal || host->timeout ? END_IDLE_NS : END_NS),
		.asked = asked_to_end, .opaque = host,
	};
}

static struct hs_writer *messages;

static bool put_message(const char *line, size_t len)
{
	return hs_writer_put_all(messages, line, len);
}

/* From here on no thread waits for who reads standard error. */
static int open_messages(void)
{
	struct hs_writer_config config = {
		.name = "messages", .fd = STDERR_FILENO, .bytes = MESSAGES,
	};
	int ret = hs_writer_open(&messages, &config);

	if (ret < 0)
		hs_error("messages: cannot start their thread: %s", strerror(-ret));
	else
		hs_log_to(put_message);
	return ret;
}

/* Gives up rights, with everything open; threads begin in between. 0 or the exit status, said. */
static int confine(struct host *host)
{
	const struct hs_config *config = host->hs.config;
	int status;

	if (hs_jail_enter(config) < 0)
		return HS_EXIT_JAIL;
	if (config->sandbox && hs_sandbox_drop() < 0)
		return HS_EXIT_HOST;
	status = start_workers(host);
	if (!status && config->sandbox && hs_sandbox_enter(&host->hs) < 0)
		status = HS_EXIT_HOST;
	/* Threads that begin from here on narrow themselves (thread.h). */
	if (!status && (open_messages() < 0 || hs_trace_open() < 0 ||
			hs_console_open(config->console) < 0 || hs_gdb_start(host->gdb) < 0))
		status = HS_EXIT_HOST;
	return status;
}

static void close_messages(struct hs_drain_limit *drain_limit)
{
	hs_log_end();
	if (!messages)
		return;
	hs_log_to(NULL);
	(void)hs_writer_close(messages, drain_limit);
}

static void close_all(struct host *host, struct hs_drain_limit *drain_limit)
{
	for (unsigned int i = host->hs.config->nics; i-- > 0;)
		if (host->hs.net[i])
			hs_net_close(host->hs.net[i]);
	for (unsigned int i = host->hs.config->disks; i-- > 0;)
		if (host->hs.blk[i])
			hs_blk_close(host->hs.blk[i]);
	hs_accounts_free(&host->accounts);
	hs_control_close();
	hs_console_end(drain_limit);
	hs_trace_close(drain_limit);
	close_messages(drain_limit);
	if (host->clock_fd >= 0)
		close(host->clock_fd);
	if (host->timer_fd >= 0)
		close(host->timer_fd);
	if (host->signal_fd >= 0)
		close(host->signal_fd);
	if (host->hs.stop_fd >= 0)
		close(host->hs.stop_fd);
	hs_kernel_close(&host->hs.kernel);
	if (host->hs.kvm_fd >= 0)
		close(host->hs.kvm_fd);
}

/* Boots until one ends for good. The exit status. */
static int main_run(struct host *host, struct hs_drain_limit *drain_limit)
{
	const struct hs_config *config = host->hs.config;
	enum hs_stop why = HS_STOP_NONE;
	bool again, loop = false;

	host->reboots.most = config->reboots;
	do {
		if (power_on(host, &why) < 0)
			return host->accounts.boots ? HS_EXIT_ERROR : HS_EXIT_HOST;
		host->asked = false;
		again = !config->no_reboot && (why == HS_STOP_REBOOT || why == HS_STOP_CRASH);
		loop = again && hs_reboots_loop(&host->reboots, hs_now());
	} while (again && !loop);
	if (loop)
		hs_error("boot loop: %u boots within %llu s, %u in all: --reboots allows more, --no-reboot ends at the first",
			 config->reboots, HS_LOOP_NS / 1000000000ull, host->accounts.boots);
	*drain_limit = drain_limit_of(host);
	if (hs_accounts_write(&host->accounts, &host->hs, drain_limit) < 0)
		return HS_EXIT_HOST;
	return loop ? HS_EXIT_LOOP : exit_status(host, why);
}

int main(int argc, char **argv)
{
	struct hs_config config;
	struct host host = {
		.hs = { .config = &config, .kvm_fd = -1, .stop_fd = -1,
			.kernel = { .fd = -1 } },
		.signal_fd = -1, .timer_fd = -1, .clock_fd = -1, .accounts.fd = -1,
	};
	struct hs_drain_limit drain_limit;
	int status;

	/* A file that may not grow is an error of write(2), not the end. */
	signal(SIGXFSZ, SIG_IGN);

	/*
	 * One heap for all threads: to shrink the heap of a thread, the C
	 * library opens a file of /proc, which ends the process (sandbox.c).
	 */
	mallopt(M_ARENA_MAX, 1);
	status = hs_options(&config, argc, argv);
	if (status >= 0)
		return status;
	status = hs_jail_cgroup(&config) < 0 ? HS_EXIT_JAIL : 0;
	if (!status)
		status = fork_networks(&config);
	if (!status)
		status = hs_kernel_open(&host.hs.kernel, &config);
	if (!status)
		status = open_kvm(&host);
	if (!status)
		status = open_own(&host);
	if (!status)
		choose_times(&config, host.hs.probe.exit_ns);
	if (!status)
		status = open_disks(&host);
	if (!status)
		status = open_nics(&host);
	hs_console_limit(config.console_limit);
	if (!status && hs_console_prepare(config.console) < 0)
		status = HS_EXIT_HOST;
	if (!status && hs_gdb_listen(&host.gdb, &host.hs) < 0)
		status = HS_EXIT_HOST;
	if (!status)
		status = confine(&host);
	drain_limit = drain_limit_of(&host);
	if (!status)
		status = main_run(&host, &drain_limit);
	hs_gdb_close(host.gdb, status);
	close_all(&host, &drain_limit);
	return status;
}
