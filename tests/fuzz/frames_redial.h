/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process of net_redial.c for fuzz_frames.c, played: its fork() returns here, once
 * as the process, which lives through a series of requests, and once as the one that made
 * it. Any of its calls may fail. It has given up all rights when it is asked anything, makes
 * no call then that its filter would not allow, and connects its own socket to the one peer.
 *
 * Links with -Wl,--wrap= of what is wrapped here.
 */
#ifndef TESTS_FUZZ_FRAMES_REDIAL_H
#define TESTS_FUZZ_FRAMES_REDIAL_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "host-stub/net/net_priv.h"
#include "input.h"

#define REDIAL_PID	4711
#define REDIAL_FD	100	/* and more: what it got by F_DUPFD */

static struct {
	uint8_t trouble;		/* the nth call fails: low half the process's, 0 none */
	struct input *in;		/* what the process is asked; NULL: nothing */
	jmp_buf ended;
	bool playing, inside;		/* the process is to be played; it runs */
	bool closed, no_new_privs, no_caps, filtered;
	unsigned int left;		/* calls until one fails; 0: none does */
	int duplicates, mine;		/* F_DUPFD's; those that lie at 0 .. 2 */
	const struct sockaddr_un *peer;
	int pipe[2][2];			/* those of the stub: requests, alive */
	unsigned int pipes;
	int requests, alive;		/* the process's ends, or -1: there is none */
	bool interrupted;		/* who waited for its end */
} redial = { .requests = -1, .alive = -1 };

static bool redial_fails(void)
{
	return redial.left && !--redial.left;
}

static int redial_result(int value, int error)
{
	if (!redial_fails())
		return value;
	errno = error;
	return -1;
}

static void redial_ended(int status) __attribute__((noreturn));

static void redial_ended(int status)
{
	MUST(redial.inside && (status == 1 ? !redial.filtered : !status));
	redial.inside = false;
	longjmp(redial.ended, 1);
}

/* ---- the kernel ---- */

pid_t __wrap_fork(void);
int __wrap_pipe2(int fd[2], int flags);
int __real_pipe2(int fd[2], int flags);
int __wrap_fcntl(int fd, int command, ...);
int __real_fcntl(int fd, int command, ...);
int __wrap_dup2(int from, int to);
int __wrap_prctl(int option, ...);
pid_t __wrap_getppid(void);
long __wrap_syscall(long number, ...);
ssize_t __wrap_read(int fd, void *to, size_t bytes);
ssize_t __real_read(int fd, void *to, size_t bytes);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t bytes);
int __real_connect(int fd, const struct sockaddr *to, socklen_t bytes);
void __wrap__exit(int status) __attribute__((noreturn));

pid_t __wrap_fork(void)
{
	if (redial.playing) {
		redial.inside = true;
		redial.left = redial.trouble & 0xf;
		return 0;
	}
	if (redial_fails()) {
		errno = EAGAIN;
		return -1;
	}
	redial.requests = dup(redial.pipe[0][0]);
	redial.alive = dup(redial.pipe[1][1]);
	MUST(redial.requests >= 0 && redial.alive >= 0);
	return REDIAL_PID;
}

int __wrap_pipe2(int fd[2], int flags)
{
	int ret;

	if (redial_fails()) {
		errno = EMFILE;
		return -1;
	}
	ret = __real_pipe2(fd, flags);
	MUST(ret == 0 && redial.pipes < 2 && flags & O_CLOEXEC);
	memcpy(redial.pipe[redial.pipes++], fd, sizeof(redial.pipe[0]));
	return 0;
}

int __wrap_fcntl(int fd, int command, ...)
{
	va_list args;
	long arg;

	va_start(args, command);
	arg = va_arg(args, long);
	va_end(args);
	if (redial.inside) {
		MUST(!redial.filtered && command == F_DUPFD && arg > 2 && fd >= 0);
		return redial_result(REDIAL_FD + redial.duplicates++, EMFILE);
	}
	if (redial_fails()) {
		errno = EBADF;
		return -1;
	}
	return __real_fcntl(fd, command, arg);
}

int __wrap_dup2(int from, int to)
{
	MUST(redial.inside && !redial.filtered && to == redial.mine);
	if (from < 0) {
		errno = EBADF;
		return -1;
	}
	/* In the order in which they were duplicated: none overwrites another. */
	MUST(from == REDIAL_FD + to);
	redial.mine++;
	return redial_result(to, EBUSY);
}

int __wrap_prctl(int option, ...)
{
	if (!redial.inside)
		return 0;	/* the coverage's, at the end */
	MUST(!redial.filtered);
	redial.no_new_privs |= option == PR_SET_NO_NEW_PRIVS;
	return redial_result(0, EPERM);
}

pid_t __wrap_getppid(void)
{
	MUST(redial.inside && !redial.filtered);
	return redial_fails() ? 1 : getpid();
}

long __wrap_syscall(long number, ...)
{
	long arg[2];
	va_list args;

	va_start(args, number);
	arg[0] = va_arg(args, long);
	arg[1] = va_arg(args, long);
	va_end(args);
	MUST(redial.inside && (number == SYS_exit_group || !redial.filtered));
	switch (number) {
	case SYS_exit_group:
		redial_ended((int)arg[0]);
	case SYS_close_range:
		MUST((unsigned int)arg[0] == 3 && (unsigned int)arg[1] == ~0u);
		redial.closed = true;
		break;
	case SYS_capset:
		redial.no_caps = true;
		break;
	case SYS_seccomp:
		MUST(redial.no_new_privs);
		/* From here on nothing else comes that could fail. */
		if (redial_fails())
			return -1;
		redial.filtered = true;
		return 0;
	default:
		MUST(!"a call that the process has no use for");
	}
	return redial_result(0, EPERM);
}

/* It is there no more: ended by itself, or killed. Who writes to it is told so. */
static void redial_gone(void)
{
	if (redial.alive < 0)
		return;
	close(redial.requests);
	close(redial.alive);
	redial.requests = -1;
	redial.alive = -1;
}

/* What it waits for: a request, a signal, an error, or the stub's end. */
static ssize_t redial_asked(int fd, uint8_t *to, size_t bytes)
{
	MUST(redial.mine == 3 && redial.closed && redial.no_caps && redial.filtered);
	MUST(fd == 0 && bytes == 1);
	*to = 0;
	if (!redial.in || !redial.in->left)
		return 0;
	switch (take(redial.in, 1) & 7) {
	case 0:
		return 0;
	case 1:
		errno = EIO;
		return -1;
	case 2:
		errno = EINTR;
		return -1;
	default:
		return 1;
	}
}

ssize_t __wrap_read(int fd, void *to, size_t bytes)
{
	char request[64];
	ssize_t n;

	if (redial.inside)
		return redial_asked(fd, to, bytes);
	if (redial.alive < 0 || fd != redial.pipe[1][0])
		return __real_read(fd, to, bytes);
	/* Its end is waited for: so the stub has let go of the other pipe. */
	redial.interrupted = !redial.interrupted;
	if (redial.interrupted) {
		errno = EINTR;
		return -1;
	}
	MUST(__real_fcntl(redial.requests, F_SETFL, O_NONBLOCK) == 0);
	do
		n = __real_read(redial.requests, request, sizeof(request));
	while (n > 0);
	MUST(n == 0);
	redial_gone();
	return __real_read(fd, to, bytes);
}

int __wrap_connect(int fd, const struct sockaddr *to, socklen_t bytes)
{
	if (!redial.inside)
		return __real_connect(fd, to, bytes);
	MUST(fd == 1 && bytes == sizeof(*redial.peer) && !memcmp(to, redial.peer, bytes));
	errno = ECONNREFUSED;
	return -1;
}

void __wrap__exit(int status)
{
	redial_ended(status);
}

/* ---- the process, and who makes it ---- */

int __wrap_hs_net_redial_begin(struct hs_net *net, int socket, const struct sockaddr_un *to);
int __real_hs_net_redial_begin(struct hs_net *net, int socket, const struct sockaddr_un *to);

int __wrap_hs_net_redial_begin(struct hs_net *net, int socket, const struct sockaddr_un *to)
{
	int ret;

	MUST(socket >= 0 && to->sun_family == AF_UNIX && redial.alive < 0);
	redial.peer = to;
	redial.playing = true;
	redial.pipes = 0;
	redial.duplicates = 0;
	redial.mine = 0;
	redial.closed = redial.no_new_privs = redial.no_caps = redial.filtered = false;
	redial.left = 0;
	if (!setjmp(redial.ended)) {
		(void)__real_hs_net_redial_begin(net, socket, to);
		MUST(!"a process that returned");
	}
	for (unsigned int i = 0; i < 2; i++) {
		close(redial.pipe[i][0]);
		close(redial.pipe[i][1]);
	}
	redial.playing = false;
	redial.pipes = 0;
	redial.left = redial.trouble >> 4;
	ret = __real_hs_net_redial_begin(net, socket, to);
	MUST(!ret == (redial.alive >= 0));
	redial.left = 0;
	return ret;
}

#endif /* TESTS_FUZZ_FRAMES_REDIAL_H */
