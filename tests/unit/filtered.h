/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One system call in a process of its own that has loaded real filters: did it
 * return, was it refused, was the process killed?
 */
#ifndef TEST_FILTERED_H
#define TEST_FILTERED_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define SELF (-4242) /* as an argument: the process that the filters are for, this test */
#define OTHER	(-4243)		/* another process */

/* Any error but ENOSYS is a return: what is asked is whether the kernel was reached. */
enum outcome { RETURNED, NO_SYSCALL, KILLED, OTHERWISE };

static inline void __attribute__((noreturn))
filtered_child(const struct sock_fprog *const filter[2], long call, const long arg[6])
{
	struct rlimit none = { 0, 0 };
	long a[6], ret;

	for (unsigned int i = 0; i < 6; i++)
		a[i] = arg[i] == SELF ? getppid() : arg[i] == OTHER ? getpid() : arg[i];
	setrlimit(RLIMIT_CORE, &none);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		_exit(OTHERWISE);
	for (unsigned int i = 0; i < 2 && filter[i]; i++)
		if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter[i]) < 0)
			_exit(OTHERWISE);
	ret = syscall(call, a[0], a[1], a[2], a[3], a[4], a[5]);
	syscall(SYS_exit_group, ret < 0 && errno == ENOSYS ? NO_SYSCALL : RETURNED);
	__builtin_unreachable();
}

static inline enum outcome filtered(const struct sock_fprog *const filter[2], long call,
				    const long arg[6])
{
	int status;
	pid_t pid = fork();

	if (!pid)
		filtered_child(filter, call, arg);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return KILLED;
	return WIFEXITED(status) && WEXITSTATUS(status) < KILLED ?
	       (enum outcome)WEXITSTATUS(status) : OTHERWISE;
}

#endif /* TEST_FILTERED_H */
