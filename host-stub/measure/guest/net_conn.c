// SPDX-License-Identifier: BSD-2-Clause
/*
 * Connections of net.c: the control connection, its messages, the UDP socket.
 * Contract: net_load.h.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "net_load.h"

#define CONNECT_MS	1000
#define UDP_BUFFER	(4 << 20)	/* holds many windows: what is lost was lost on the way */

uint64_t net_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int parse(const char *address, struct sockaddr_in *to)
{
	memset(to, 0, sizeof(*to));
	to->sin_family = AF_INET;
	to->sin_port = htons(NET_PORT);
	return inet_pton(AF_INET, address, &to->sin_addr) == 1 ? 0 : -EINVAL;
}

/* No delay of small segments, and no waiting for ever. */
static int prepare(int fd)
{
	struct timeval dead = { .tv_sec = NET_DEAD_S };
	int on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &dead, sizeof(dead)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &dead, sizeof(dead)))
		return -errno;
	return 0;
}

int net_listen(const char *address)
{
	struct sockaddr_in at;
	int on = 1;
	int err;
	int fd;

	err = parse(address, &at);
	if (err)
		return err;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 4)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int net_accept(int listener)
{
	int fd;
	int err;

	do {
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	} while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (fd < 0)
		return -errno;
	err = prepare(fd);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

/* What became of a connect() that was begun: 0 or -errno. */
static int connected(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(int);
	int err = 0;

	if (poll(&p, 1, CONNECT_MS) != 1)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size))
		return -errno;
	return -err;
}

int net_connect(const char *address)
{
	struct timeval brief = { .tv_sec = CONNECT_MS / 1000 };
	struct sockaddr_in to;
	int err;
	int fd;

	err = parse(address, &to);
	if (err)
		return err;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* connect() gives up after the time limit for sending */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &brief, sizeof(brief)))
		err = -errno;
	else if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err = errno == EINPROGRESS ? connected(fd) : -errno;
	if (!err)
		err = prepare(fd);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

int net_udp_socket(int control, uint32_t *port)
{
	struct sockaddr_in at;
	socklen_t size = sizeof(at);
	int buffer = UDP_BUFFER;
	int err;
	int fd;

	if (getsockname(control, (struct sockaddr *)&at, &size))
		return -errno;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	at.sin_port = 0;
	/* as large as the system allows, forced where we may */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)))
		goto fail;
	size = sizeof(at);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    getsockname(fd, (struct sockaddr *)&at, &size))
		goto fail;
	*port = at.sin_port;
	return fd;
fail:
	err = -errno;
	close(fd);
	return err;
}

int net_udp_connect(int udp, int control, uint32_t port)
{
	struct sockaddr_in to;
	socklen_t size = sizeof(to);

	if (getpeername(control, (struct sockaddr *)&to, &size))
		return -errno;
	to.sin_port = (in_port_t)port;
	return connect(udp, (struct sockaddr *)&to, sizeof(to)) ? -errno : 0;
}

int net_put(int fd, const void *data, size_t size)
{
	const char *from = data;
	ssize_t n;

	while (size) {
		n = send(fd, from, size, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		from += n;
		size -= (size_t)n;
	}
	return 0;
}

int net_get(int fd, void *data, size_t size)
{
	char *to = data;
	size_t have = 0;
	ssize_t n;

	while (have < size) {
		n = recv(fd, to + have, size - have, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (!n)
			return have ? -EPIPE : -ENODATA;
		have += (size_t)n;
	}
	return 0;
}
