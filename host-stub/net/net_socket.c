// SPDX-License-Identifier: BSD-2-Clause
/*
 * Sockets as a NIC's other end: Unix streams (as client or server), Unix
 * datagrams, and the pair to the user-mode network's process.
 *
 * Under the sandbox nothing is opened or connected by system call. What a
 * server must do while the VM runs (accept, shut down) are operations of the
 * worker's io_uring, on descriptors that were opened before; a datagram peer that
 * went and came back is reached again by a process of its own (net_redial.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net_priv.h"

#define BUFFER		(1 << 20)	/* bytes; the kernel's limit may be lower */
#define CONNECT_NS	200000000u	/* between attempts to reach a datagram peer */

static int set_address(struct hs_net *net, struct sockaddr_un *to, const char *path)
{
	size_t length = strlen(path);

	memset(to, 0, sizeof(*to));
	if (!length || length >= sizeof(to->sun_path)) {
		hs_error("%s: a socket's path has 1 to %zu characters: '%s'", net->name,
			 sizeof(to->sun_path) - 1, path);
		return -EINVAL;
	}
	to->sun_family = AF_UNIX;
	memcpy(to->sun_path, path, length);
	return 0;
}

static int new_socket(struct hs_net *net, int type, int *fd)
{
	int ret;

	*fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (*fd >= 0)
		return 0;
	ret = -errno;
	hs_error("%s: no socket: %s", net->name, strerror(-ret));
	return ret;
}

/* Binds; a socket file that nobody serves any more is replaced. */
static int bind_to(struct hs_net *net, int fd, int type, const struct sockaddr_un *to)
{
	const struct sockaddr *address = (const void *)to;
	struct stat st;
	int probe, ret;

	if (bind(fd, address, sizeof(*to)) == 0)
		return 0;
	ret = -errno;
	if (ret != -EADDRINUSE || lstat(to->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		hs_error("%s: %s: %s", net->name, to->sun_path,
			 ret == -EADDRINUSE ? "is there and no socket" : strerror(-ret));
		return ret;
	}
	ret = new_socket(net, type | SOCK_NONBLOCK, &probe);
	if (ret < 0)
		return ret;
	ret = connect(probe, address, sizeof(*to)) < 0 ? -errno : 0;
	close(probe);
	if (ret != -ECONNREFUSED) {
		hs_error("%s: %s: another process serves it: end that one, or give another path",
			 net->name, to->sun_path);
		return -EADDRINUSE;
	}
	if (unlink(to->sun_path) == 0 && bind(fd, address, sizeof(*to)) == 0)
		return 0;
	ret = -errno;
	hs_error("%s: %s: left by another process and cannot be replaced: %s", net->name,
		 to->sun_path, strerror(-ret));
	return ret;
}

/* Makes a descriptor fit: non-blocking, with room for the largest frames. */
static int prepare(struct hs_net *net, int fd)
{
	int flags = fcntl(fd, F_GETFL), bytes = BUFFER, ret;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		ret = -errno;
		hs_error("%s: descriptor %d: %s", net->name, fd, strerror(-ret));
		return ret;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return 0;
}

static int net_socket_take_given(struct hs_net *net, const struct hs_nic_config *config)
{
	bool stream = net->framing == HS_NET_LENGTH;
	socklen_t size = sizeof(int);
	int fd = config->fd[0], type = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
	    (stream ? type != SOCK_STREAM : type != SOCK_DGRAM && type != SOCK_SEQPACKET)) {
		hs_error("%s: descriptor %d is no %s socket", net->name, fd,
			 stream ? "stream" : "datagram");
		return -EINVAL;
	}
	if (config->fds > 1) {
		hs_error("%s: one descriptor is needed, %u are given", net->name, config->fds);
		return -EINVAL;
	}
	net->queue[0].fd = fd;
	net->seqpacket = type == SOCK_SEQPACKET;
	return prepare(net, fd);
}

static int open_stream(struct hs_net *net, const struct hs_nic_config *config)
{
	struct sockaddr_un to;
	int ret, *fd = config->listen ? &net->listen_fd : &net->queue[0].fd;

	ret = set_address(net, &to, config->name);
	if (ret < 0)
		return ret;
	ret = new_socket(net, SOCK_STREAM, fd);
	if (ret < 0)
		return ret;
	if (!config->listen) {
		ret = prepare(net, *fd);
		if (ret < 0)
			return ret;
		if (connect(*fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
			ret = -errno;
			hs_error("%s: no connection: %s: start who listens there first, or give listen",
				 net->name, strerror(-ret));
		}
		return ret;
	}
	/* Blocking: an accept in the io_uring is to wait. */
	ret = bind_to(net, *fd, SOCK_STREAM, &to);
	if (!ret && listen(*fd, 1) < 0) {
		ret = -errno;
		hs_error("%s: cannot listen: %s", net->name, strerror(-ret));
	}
	return ret;
}

static int open_dgram(struct hs_net *net, const struct hs_nic_config *config)
{
	struct sockaddr_un to, peer;
	int ret, *fd = &net->queue[0].fd;

	if (!config->peer) {
		hs_error("%s: the peer's path is missing", net->name);
		return -EINVAL;
	}
	ret = set_address(net, &to, config->name);
	if (!ret)
		ret = set_address(net, &peer, config->peer);
	if (!ret)
		ret = new_socket(net, SOCK_DGRAM, fd);
	if (!ret)
		ret = bind_to(net, *fd, SOCK_DGRAM, &to);
	if (!ret)
		ret = prepare(net, *fd);
	/* A peer that is not there yet is found when the first frame goes out. */
	if (!ret)
		(void)connect(*fd, (struct sockaddr *)&peer, sizeof(peer));
	return ret ? ret : hs_net_redial_begin(net, *fd, &peer);
}

static void accepted(struct hs_worker_io *io, int res);
static void shut_done(struct hs_worker_io *io, int res);

int hs_net_socket_open(struct hs_net *net, const struct hs_nic_config *config)
{
	int ret;

	net->queues = 1;
	net->framing = config->kind == HS_NIC_STREAM ? HS_NET_LENGTH : HS_NET_PACKET;
	net->accept.io.done = accepted;
	net->shut.io.done = shut_done;
	net->accept.queue = &net->queue[0];
	net->shut.queue = &net->queue[0];
	if (config->fds) {
		ret = net_socket_take_given(net, config);
	} else if (!config->name) {
		hs_error("%s: neither a path nor a descriptor", net->name);
		ret = -EINVAL;
	} else if (config->kind == HS_NIC_STREAM) {
		ret = open_stream(net, config);
	} else {
		ret = open_dgram(net, config);
	}
	if (ret < 0)
		return ret;
	/* The user-mode network cuts nothing for us, and takes no more than its MTU. */
	if (config->kind == HS_NIC_USER)
		net->info.max_mtu = net->info.mtu > 1500 ? net->info.mtu : 1500;
	atomic_store(&net->peer_up, net->queue[0].fd >= 0);
	return 0;
}

/* ---- while the VM runs: on queue 0's worker ---- */

static void accepted(struct hs_worker_io *io, int res)
{
	struct hs_net *net = ((struct hs_net_io *)io)->queue->net;

	net->accept.busy = false;
	if (res < 0) {
		if (++net->accept_errors == HS_NET_ERRORS)
			hs_note_from(hs_log_nth(HS_LOG_PEER, net->number),
				     "%s: no connection can be accepted (%s): the link stays down",
				     net->name, strerror(-res));
		return;
	}
	net->accept_errors = 0;
	hs_net_rx_restart(&net->queue[0]);
	hs_net_tx_restart(&net->queue[0]);
	net->queue[0].fd = res;
	hs_net_peer(net, true);
}

static void shut_done(struct hs_worker_io *io, int res)
{
	struct hs_net *net = ((struct hs_net_io *)io)->queue->net;

	/* Any result: a peer that is gone is as good. */
	(void)res;
	net->shut.busy = false;
	net->shut_done = true;
}

void hs_net_socket_leave(struct hs_net_queue *q, const char *why)
{
	struct hs_net *net = q->net;

	if (net->leaving || q->fd < 0)
		return;
	net->leaving = true;
	net->shut_done = false;
	hs_note_from(hs_log_nth(HS_LOG_PEER, net->number), "%s: %s: the link is down%s", net->name, why,
		     net->listen_fd >= 0 ? " until somebody connects" : "");
	hs_net_peer(net, false);
}

void hs_net_socket_lost(struct hs_net_queue *q)
{
	struct hs_net *net = q->net;
	uint64_t now = hs_now();

	if (now < net->redial_at)
		return;
	net->redial_at = now + CONNECT_NS;
	hs_net_redial(net);
}

/* Has the connection shut down, and waits until no operation uses it. True: try again. */
static bool leave_round(struct hs_net *net)
{
	struct hs_net_queue *q = &net->queue[0];
	struct io_uring_sqe *sqe;

	if (!net->shut_done) {
		if (net->shut.busy)
			return false;
		sqe = hs_worker_sqe(q->worker, &net->shut.io);
		if (!sqe)
			return true;
		sqe->opcode = IORING_OP_SHUTDOWN;
		sqe->fd = q->fd;
		sqe->len = SHUT_RDWR;
		net->shut.busy = true;
		return false;
	}
	if (q->rx.read[0].busy || q->tx.in_flight || q->tx.writable.busy)
		return false;
	hs_net_tx_restart(q);
	hs_net_rx_restart(q);
	close(q->fd);
	q->fd = -1;
	net->leaving = false;
	return true;
}

bool hs_net_socket_round(struct hs_net *net)
{
	struct io_uring_sqe *sqe;

	if (net->leaving)
		return leave_round(net);
	if (net->listen_fd < 0 || net->queue[0].fd >= 0 || net->accept.busy ||
	    net->accept_errors >= HS_NET_ERRORS)
		return false;
	sqe = hs_worker_sqe(net->queue[0].worker, &net->accept.io);
	if (!sqe)
		return true;
	sqe->opcode = IORING_OP_ACCEPT;
	sqe->fd = net->listen_fd;
	sqe->accept_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
	net->accept.busy = true;
	return false;
}
