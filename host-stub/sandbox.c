/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Giving up rights: see sandbox.h. A guest that takes the stub over finds a
 * process whose system calls open nothing, start no process, run no new code and
 * signal nobody else: it has the descriptors that are open, and the calls of
 * sandbox_rules.c. What goes by io_uring, a filter does not see: each worker's
 * ring takes no operations but those of its back end, none of which names a file
 * or an address (worker.c).
 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "disk/disk.h"
#include "net/net.h"
#include "worker.h"
#include "rules.h"
#include "sandbox.h"
#include "sandbox_rules.h"
#include "thread.h"

/* Of the calling thread, and of those that it starts. */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2];

	memset(none, 0, sizeof(none));
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return -errno;
	return syscall(SYS_capset, &head, none) < 0 ? -errno : 0;
}

int hs_sandbox_drop(void)
{
	int ret = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		ret = -errno;
		hs_error("sandbox: no_new_privs: %s", strerror(-ret));
		return ret;
	}
	if (!geteuid() && setgroups(0, NULL) < 0 && errno != EPERM) {
		ret = -errno;
		hs_error("sandbox: supplementary groups: %s", strerror(-ret));
		return ret;
	}
	ret = drop_capabilities();
	if (ret < 0)
		hs_error("sandbox: capabilities: %s", strerror(-ret));
	return ret;
}

/* The filters, once: a thread that begins later only loads its own. */
static int build(const struct hs_config *config, struct sock_fprog *all)
{
	static struct sock_fprog own[HS_THREADS];
	unsigned int needs = hs_rules_needs(config);
	pid_t self = getpid();
	int ret;

	ret = hs_rules_build(HS_RULES_ALL, needs, self, all);
	for (unsigned int i = 0; i < HS_THREADS && !ret; i++)
		ret = hs_rules_build(1u << i, needs, self, &own[i]);
	if (!ret)
		hs_thread_filters(own);
	return ret;
}

static void *sandbox_nothing(void *arg)
{
	return arg;
}

/* The C library's first thread has it set handlers of signals, which no filter allows. */
static int first_thread(void)
{
	pthread_t thread;
	int ret = -pthread_create(&thread, NULL, sandbox_nothing, NULL);

	return ret ? ret : -pthread_join(thread, NULL);
}

static void narrow_worker(void *arg)
{
	hs_thread_narrow(*(const enum hs_thread *)arg);
}

static void narrow_workers(const struct hs_host *host)
{
	enum hs_thread disk = HS_THREAD_DISK, nic = HS_THREAD_NIC;

	for (unsigned int i = 0; i < host->config->disks; i++)
		hs_worker_call(hs_blk_worker(host->blk[i]), narrow_worker, &disk);
	for (unsigned int i = 0; i < host->config->nics; i++) {
		struct hs_net_info info;

		hs_net_info(host->net[i], &info);
		for (unsigned int q = 0; q < info.queues; q++)
			hs_worker_call(hs_net_worker(host->net[i], q), narrow_worker, &nic);
	}
}

int hs_sandbox_enter(const struct hs_host *host)
{
	struct sock_fprog all;
	int ret;

	if (HS_SANITIZED) {
		hs_note("built with a sanitizer: no system call filter (its runtime needs many more)");
		return 0;
	}
	ret = first_thread();
	if (!ret)
		ret = build(host->config, &all);
	/* A thread that cannot be given the filter has its id returned. */
	if (!ret && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
			    &all) != 0)
		ret = errno ? -errno : -EBUSY;
	if (ret < 0) {
		hs_error("sandbox: seccomp: %s: --no-sandbox goes without", strerror(-ret));
		return ret;
	}
	narrow_workers(host);
	return 0;
}
