// SPDX-License-Identifier: BSD-2-Clause
/*
 * Reaching a datagram peer again. The peer has a path, may end and come back, and
 * is another socket then; but a process that may connect to paths may connect to
 * any. So a process of its own does that and nothing else: it is forked before
 * anything runs, shares the socket, knows the one address, and connects the
 * socket to it whenever a byte comes. Its filter has no call but that, read and exit.
 *
 * It ends with the stub: when the pipe of requests is closed, and by the kernel
 * when the stub is killed. Its end is seen on a second pipe, behind the
 * socket's, so that after hs_net_redial_end() the socket's path is free.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "net_priv.h"
#include "../util.h"

/* Descriptors of the process; closed in this order at its end */
enum { REQUESTS, SOCKET, ALIVE, FIRST_FREE };

#define ALLOW(call)	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), \
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define LOAD(field)	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))

static struct sock_filter program[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	LOAD(nr),
	ALLOW(SYS_read),
	ALLOW(SYS_connect),
	ALLOW(SYS_restart_syscall),
	ALLOW(SYS_exit_group),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};

/* Only calls of the kernel: there may be threads, whose locks this process does not have. */
static void __attribute__((noreturn)) child(int requests, int socket, int alive,
					    const struct sockaddr_un *to, pid_t parent)
{
	struct sock_fprog filter = { HS_COUNT(program), program };
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };
	char request;
	ssize_t n;

	/* Out of the way of each other first. */
	requests = fcntl(requests, F_DUPFD, 10);
	socket = fcntl(socket, F_DUPFD, 10);
	alive = fcntl(alive, F_DUPFD, 10);
	if (dup2(requests, REQUESTS) < 0 || dup2(socket, SOCKET) < 0 || dup2(alive, ALIVE) < 0 ||
	    syscall(SYS_close_range, (unsigned int)FIRST_FREE, ~0u, 0u) < 0 ||
	    prctl(PR_SET_NAME, "pvkit-redial", 0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_capset, &head, none) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0)
		_exit(1);
	for (;;) {
		n = read(REQUESTS, &request, 1);
		if (!n || (n < 0 && errno != EINTR))
			syscall(SYS_exit_group, 0);
		/* A peer that is still not there: the next request tries again. */
		if (n > 0)
			(void)connect(SOCKET, (const struct sockaddr *)to, sizeof(*to));
	}
}

int hs_net_redial_begin(struct hs_net *net, int socket, const struct sockaddr_un *to)
{
	int requests[2], alive[2], ret;
	pid_t self = getpid(), pid;

	if (pipe2(requests, O_CLOEXEC | O_NONBLOCK) < 0) {
		ret = -errno;
		goto err;
	}
	if (pipe2(alive, O_CLOEXEC) < 0) {
		ret = -errno;
		goto err_requests;
	}
	/* Only the stub's end does not block. */
	if (fcntl(requests[0], F_SETFL, O_RDONLY) < 0) {
		ret = -errno;
		goto err_alive;
	}
	pid = fork();
	if (pid < 0) {
		ret = -errno;
		goto err_alive;
	}
	if (!pid)
		child(requests[0], socket, alive[1], to, self);
	close(requests[0]);
	close(alive[1]);
	net->redial_fd = requests[1];
	net->redial_alive = alive[0];
	return 0;

err_alive:
	close(alive[0]);
	close(alive[1]);
err_requests:
	close(requests[0]);
	close(requests[1]);
err:
	hs_error("%s: no process that reaches its peer again: %s", net->name, strerror(-ret));
	return ret;
}

void hs_net_redial(struct hs_net *net)
{
	/* EAGAIN: thousands of requests wait. EPIPE: it is gone, and so is the peer for good. */
	if (net->redial_fd >= 0 && write(net->redial_fd, "", 1) < 0)
		return;
}

void hs_net_redial_end(struct hs_net *net)
{
	char none;

	if (net->redial_fd < 0)
		return;
	close(net->redial_fd);
	while (read(net->redial_alive, &none, 1) < 0 && errno == EINTR)
		;
	close(net->redial_alive);
	net->redial_fd = -1;
}
