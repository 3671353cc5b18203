/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread's own filter: see thread.h. Apart from sandbox.c, so that chips and
 * console can be tested without the list of system calls and its library.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hs.h"
#include "thread.h"
#include "vm.h"

static _Atomic(const struct sock_fprog *) installed;

void hs_thread_filters(const struct sock_fprog *filters)
{
	atomic_store(&installed, filters);
}

void hs_thread_narrow(enum hs_thread kind)
{
	const struct sock_fprog *filters = atomic_load(&installed);

	if (!filters || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filters[kind]) == 0)
		return;
	hs_error("sandbox: a thread's own filter: %s", strerror(errno));
	_exit(HS_EXIT_HOST);
}
