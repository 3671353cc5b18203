// SPDX-License-Identifier: BSD-2-Clause
/*
 * The user-mode network: libslirp in a process of its own, so that what parses
 * a guest's packets and opens connections has no access to the VM, and the VM
 * none to the network.
 *
 * The process is forked before the stub has threads. It keeps the standard
 * descriptors and one end of a SOCK_SEQPACKET pair (a frame per message; the
 * end of one side is seen by the other), opens the forwards' ports, tells
 * through a pipe whether that worked, gives up its rights, and serves until
 * the stub's end closes. One thread; poll(2).
 *
 * Addresses: network 10.0.2.0/24, host 10.0.2.2, name server 10.0.2.3, the
 * first guest gets 10.0.2.15; IPv6 fec0::/64, host fec0::2, name server fec0::3.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <slirp/libslirp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../jail.h"
#include "../rules.h"
#include "net.h"
#include "net_user.h"

#define NETWORK		0x0a000200u
#define HOST		0x0a000202u
#define NAME_SERVER	0x0a000203u
#define FIRST_GUEST	0x0a00020fu
#define MASK		0xffffff00u
#define FRAMES		32u		/* of the guest, per turn */
#define MAX_TIMERS	16u
#define MAX_POLLS	4096u
#define MAX_WAIT_MS	1000u

struct timer {
	bool used;
	SlirpTimerCb fn;
	void *arg;
	int64_t at_ms;		/* -1: not set */
};

static struct {
	Slirp *slirp;
	int fd;
	struct pollfd poll[MAX_POLLS + 1];	/* [0]: the stub */
	unsigned int polls;
	struct timer timer[MAX_TIMERS];
	uint8_t frame[HS_NET_MAX_FRAME + 1];
	bool ended;
} user;

/* ---- what libslirp asks of its host ---- */

static int64_t clock_ns(void *opaque)
{
	(void)opaque;
	return (int64_t)hs_now();
}

static ssize_t send_packet(const void *frame, size_t bytes, void *opaque)
{
	(void)opaque;
	/* A guest that does not read loses frames, as on any network. */
	if (send(user.fd, frame, bytes, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
	    (errno == EPIPE || errno == ECONNRESET))
		user.ended = true;
	return (ssize_t)bytes;
}

static void guest_error(const char *text, void *opaque)
{
	(void)opaque;
	hs_guest_error(HS_LOG_NIC, "user-mode network: %s", text);
}

static void *timer_new(SlirpTimerCb fn, void *arg, void *opaque)
{
	(void)opaque;
	for (unsigned int i = 0; i < MAX_TIMERS; i++) {
		struct timer *t = &user.timer[i];

		if (t->used)
			continue;
		t->used = true;
		t->fn = fn;
		t->arg = arg;
		t->at_ms = -1;
		return t;
	}
	return NULL;
}

static void timer_free(void *timer, void *opaque)
{
	struct timer *t = timer;

	(void)opaque;
	if (t)
		t->used = false;
}

static void timer_mod(void *timer, int64_t at_ms, void *opaque)
{
	struct timer *t = timer;

	(void)opaque;
	if (t)
		t->at_ms = at_ms;
}

static void poll_fd(int fd, void *opaque)
{
	(void)fd;
	(void)opaque;
}

static void notify(void *opaque)
{
	(void)opaque;		/* one thread: it is awake */
}

static const SlirpCb callbacks = {
	.send_packet = send_packet,
	.guest_error = guest_error,
	.clock_get_ns = clock_ns,
	.timer_new = timer_new,
	.timer_free = timer_free,
	.timer_mod = timer_mod,
	.register_poll_fd = poll_fd,
	.unregister_poll_fd = poll_fd,
	.notify = notify,
};

static int add_poll(int fd, int events, void *opaque)
{
	struct pollfd *p;

	(void)opaque;
	if (user.polls > MAX_POLLS)
		return -1;
	p = &user.poll[user.polls];
	p->fd = fd;
	p->revents = 0;
	p->events = (short)((events & SLIRP_POLL_IN ? POLLIN : 0) |
			    (events & SLIRP_POLL_OUT ? POLLOUT : 0) |
			    (events & SLIRP_POLL_PRI ? POLLPRI : 0));
	return (int)user.polls++;
}

static int get_revents(int index, void *opaque)
{
	short r;

	(void)opaque;
	if (index <= 0 || (unsigned int)index >= user.polls)
		return 0;
	r = user.poll[index].revents;
	return (r & POLLIN ? SLIRP_POLL_IN : 0) | (r & POLLOUT ? SLIRP_POLL_OUT : 0) |
	       (r & POLLPRI ? SLIRP_POLL_PRI : 0) | (r & POLLERR ? SLIRP_POLL_ERR : 0) |
	       (r & POLLHUP ? SLIRP_POLL_HUP : 0);
}

/* ---- forwards ---- */

/* "[ADDRESS]:PORT" up to `end`; no address: `otherwise`. */
static bool read_end(const char *from, const char *end, uint32_t otherwise, struct in_addr *address,
		     int *port)
{
	char text[64], *colon, *rest;
	size_t length = (size_t)(end - from);
	long n;

	if (length >= sizeof(text))
		return false;
	memcpy(text, from, length);
	text[length] = 0;
	colon = strrchr(text, ':');
	if (!colon)
		return false;
	*colon = 0;
	address->s_addr = htonl(otherwise);
	if (*text && inet_pton(AF_INET, text, address) != 1)
		return false;
	errno = 0;
	n = strtol(colon + 1, &rest, 10);
	*port = (int)n;
	return colon[1] && !*rest && !errno && n >= 1 && n <= 65535;
}

static int add_forward(const char *text)
{
	bool udp = !strncmp(text, "udp:", 4);
	const char *dash = strchr(text, '-');
	struct in_addr host, guest;
	int host_port, guest_port, ret;

	if ((!udp && strncmp(text, "tcp:", 4)) || !dash ||
	    !read_end(text + 4, dash, INADDR_ANY, &host, &host_port) ||
	    !read_end(dash + 1, text + strlen(text), FIRST_GUEST, &guest, &guest_port)) {
		hs_error("forward %s: give tcp|udp:[HOSTADDRESS]:PORT-[GUESTADDRESS]:PORT", text);
		return -EINVAL;
	}
	errno = 0;
	if (slirp_add_hostfwd(user.slirp, udp, host, host_port, guest, guest_port) == 0)
		return 0;
	ret = errno ? -errno : -EADDRINUSE;
	hs_error("forward %s: port %d of the host cannot be had: %s: give another", text, host_port,
		 strerror(-ret));
	return ret;
}

/* ---- rights ---- */

/* Sockets yes; writing files, starting programs, tracing, being traced, io_uring: no. */
static int drop_rights(const struct hs_config *host)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2];
	struct sock_fprog filter;
	int ret;

	memset(none, 0, sizeof(none));
	ret = hs_jail_enter_network(host);
	if (ret < 0)
		return ret;
	/*
	 * The change of user or namespace has taken the first of these back. Not dumpable: others
	 * of this user cannot look into it.
	 */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_capset, &head, none) < 0)
		return -errno;
	ret = hs_net_user_filter(&filter, HS_SANITIZED);
	if (!ret && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0)
		ret = -errno;
	return ret;
}

/* ---- the process ---- */

static void take_frames(void)
{
	for (unsigned int i = 0; i < FRAMES && !user.ended; i++) {
		ssize_t n = recv(user.fd, user.frame, sizeof(user.frame), MSG_DONTWAIT);

		if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
			user.ended = true;
		if (n <= 0)
			return;
		/* What is shorter or longer is no frame: libslirp has not to see it. */
		if (n >= (ssize_t)HS_NET_MIN_FRAME && n <= (ssize_t)HS_NET_MAX_FRAME)
			slirp_input(user.slirp, user.frame, (int)n);
	}
}

static void run_timers(void)
{
	int64_t now = (int64_t)(hs_now() / 1000000);

	for (unsigned int i = 0; i < MAX_TIMERS; i++) {
		struct timer *t = &user.timer[i];

		if (!t->used || t->at_ms < 0 || t->at_ms > now)
			continue;
		t->at_ms = -1;
		t->fn(t->arg);
	}
}

static void net_user_serve(void)
{
	while (!user.ended) {
		int64_t now = (int64_t)(hs_now() / 1000000);
		uint32_t wait = MAX_WAIT_MS;
		int n;

		for (unsigned int i = 0; i < MAX_TIMERS; i++) {
			const struct timer *t = &user.timer[i];

			if (t->used && t->at_ms >= 0 && t->at_ms - now < (int64_t)wait)
				wait = t->at_ms > now ? (uint32_t)(t->at_ms - now) : 0;
		}
		user.poll[0].fd = user.fd;
		user.poll[0].events = POLLIN;
		user.poll[0].revents = 0;
		user.polls = 1;
		slirp_pollfds_fill(user.slirp, &wait, add_poll, NULL);
		n = poll(user.poll, user.polls, (int)(wait < MAX_WAIT_MS ? wait : MAX_WAIT_MS));
		slirp_pollfds_poll(user.slirp, n < 0, get_revents, NULL);
		run_timers();
		if (n > 0 && user.poll[0].revents)
			take_frames();
	}
}

static int start(const struct hs_nic_config *config, const struct hs_config *host)
{
	SlirpConfig c;
	int ret;

	memset(&c, 0, sizeof(c));
	c.version = SLIRP_CONFIG_VERSION_MAX;
	c.restricted = config->restricted;
	c.in_enabled = true;
	c.vnetwork.s_addr = htonl(NETWORK);
	c.vnetmask.s_addr = htonl(MASK);
	c.vhost.s_addr = htonl(HOST);
	c.vdhcp_start.s_addr = htonl(FIRST_GUEST);
	c.vnameserver.s_addr = htonl(NAME_SERVER);
	c.in6_enabled = true;
	inet_pton(AF_INET6, "fec0::", &c.vprefix_addr6);
	c.vprefix_len = 64;
	inet_pton(AF_INET6, "fec0::2", &c.vhost6);
	inet_pton(AF_INET6, "fec0::3", &c.vnameserver6);
	c.if_mtu = config->mtu ? config->mtu : 1500;
	c.if_mru = c.if_mtu;
	user.slirp = slirp_new(&c, &callbacks, NULL);
	if (!user.slirp) {
		hs_error("user-mode network: libslirp refuses to start: is mtu=%zu what you want?",
			 c.if_mtu);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < config->forwards; i++) {
		ret = add_forward(config->forward[i]);
		if (ret < 0)
			return ret;
	}
	ret = drop_rights(host);
	if (ret < 0)
		hs_error("user-mode network: rights cannot be given up: %s", strerror(-ret));
	return ret;
}

/* Closes all but the standard descriptors, fd and status, which become 3 and 4. */
static void net_user_keep(int fd, int status)
{
	int high;

	/* Out of the way of each other first. */
	high = fcntl(fd, F_DUPFD, 10);
	fd = high >= 0 ? high : fd;
	high = fcntl(status, F_DUPFD, 10);
	status = high >= 0 ? high : status;
	dup2(fd, 3);
	dup2(status, 4);
	(void)syscall(SYS_close_range, 5u, ~0u, 0u);
}

static void __attribute__((noreturn)) child(const struct hs_nic_config *config,
					    const struct hs_config *host, int fd, int status,
					    pid_t parent)
{
	sigset_t none;
	int ret;

	net_user_keep(fd, status);
	user.fd = 3;
	prctl(PR_SET_NAME, "pvkit-net", 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* The stub may have ended before that was set. */
	if (getppid() != parent)
		_exit(0);
	/* The terminal's interrupt is the stub's affair: this ends when that does. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	ret = start(config, host);
	if (write(4, &ret, sizeof(ret)) != (ssize_t)sizeof(ret) || ret < 0)
		_exit(1);
	close(4);
	net_user_serve();
	_exit(0);
}

int hs_net_user_fork(const struct hs_nic_config *config, const struct hs_config *host, int *fd)
{
	int pair[2], status[2], result, ret;
	pid_t self = getpid(), pid;
	ssize_t n;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		ret = -errno;
		goto err;
	}
	if (pipe2(status, O_CLOEXEC) < 0) {
		ret = -errno;
		goto err_pair;
	}
	pid = fork();
	if (pid < 0) {
		ret = -errno;
		goto err_pipe;
	}
	if (!pid)
		child(config, host, pair[1], status[1], self);
	close(pair[1]);
	close(status[1]);
	do
		n = read(status[0], &result, sizeof(result));
	while (n < 0 && errno == EINTR);
	close(status[0]);
	if (n == (ssize_t)sizeof(result) && !result) {
		*fd = pair[0];
		return 0;
	}
	close(pair[0]);
	/* The line is printed by the process, unless it died. */
	if (n != (ssize_t)sizeof(result)) {
		hs_error("user-mode network: its process died while it started");
		return -EIO;
	}
	return result;

err_pipe:
	close(status[0]);
	close(status[1]);
err_pair:
	close(pair[0]);
	close(pair[1]);
err:
	hs_error("user-mode network: cannot start: %s", strerror(-ret));
	return ret;
}
