// SPDX-License-Identifier: BSD-2-Clause
/*
 * The loads of net.c. Contract: net_load.h; the protocol: net.c.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include "net_load.h"

#define CHUNK		65536	/* bytes of a write or read of a stream */
#define SINK		(256 << 10)	/* bytes for which the end of a stream wakes up */
#define PAYLOAD		18	/* with UDP, IPv4, Ethernet header and FCS: 64 bytes */
#define BATCH		32	/* datagrams of a system call */
#define WINDOW		256	/* datagrams on their way; a ring of e1000 holds as many */
#define ACK_EVERY	64
#define STALL_MS	300	/* more than a busy host sleeps, less than a round */
#define COALESCE_US	1000	/* how long the host lets datagrams gather: a few tens, of WINDOW */
#define DRAIN_MS	200	/* what has not come by then after the sender's end is lost */

/* --- streams ------------------------------------------------------------------- */

static char chunk[CHUNK];

/* Sends until ns have passed, then says that no more comes. */
static int send_for(int fd, uint64_t ns)
{
	uint64_t end = net_now() + ns;
	int err;

	do {
		err = net_put(fd, chunk, sizeof(chunk));
		if (err)
			return err;
	} while (net_now() < end);
	return shutdown(fd, SHUT_WR) ? -errno : 0;
}

/*
 * Reads until the other end says that no more comes. flags: 0, or MSG_TRUNC, by
 * which what came is counted and dropped without a copy (tcp(7)).
 */
static int read_all(int fd, uint64_t *bytes, int flags)
{
	ssize_t n;

	for (;;) {
		n = recv(fd, chunk, sizeof(chunk), flags);
		if (!n)
			return 0;
		if (n > 0)
			*bytes += (uint64_t)n;
		else if (errno != EINTR)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
	}
}

int net_stream_send(int control, uint64_t ns, struct net_result *result)
{
	uint64_t begin = net_now();
	struct net_total total;
	int err;

	err = send_for(control, ns);
	if (!err)
		err = net_get(control, &total, sizeof(total));
	if (err)
		return err;
	result->ns = net_now() - begin;
	result->count = total.count;
	return 0;
}

int net_stream_take(int control)
{
	struct net_total total = { 0 };
	int enough = SINK;
	int err;

	/* A sink that takes little of its CPU: it is not what is to be measured. */
	if (setsockopt(control, SOL_SOCKET, SO_RCVLOWAT, &enough, sizeof(enough)))
		return -errno;
	err = read_all(control, &total.count, MSG_TRUNC);
	return err ? err : net_put(control, &total, sizeof(total));
}

int net_stream_receive(int control, struct net_result *result)
{
	uint64_t begin = net_now();
	int err;

	result->count = 0;
	err = read_all(control, &result->count, 0);
	result->ns = net_now() - begin;
	return err;
}

int net_stream_feed(int control, uint64_t ns)
{
	return send_for(control, ns);
}

/* --- request and response -------------------------------------------------------- */

static void note(struct net_latency *latency, uint64_t ns)
{
	unsigned int shift = 0;
	unsigned int index = (unsigned int)ns;

	if (ns >= 32) {
		shift = 58 - (unsigned int)__builtin_clzll(ns);
		index = (shift + 1) * 32 + (unsigned int)(ns >> shift & 31);
	}
	latency->bucket[index]++;
	latency->total++;
}

uint64_t net_percentile(const struct net_latency *latency, unsigned int pct)
{
	uint64_t left = (latency->total * pct + 99) / 100;
	unsigned int i;

	for (i = 0; i < 64 * 32 && left; i++) {
		if (latency->bucket[i] < left) {
			left -= latency->bucket[i];
			continue;
		}
		if (i < 32)
			return i;
		/* the middle of the bucket */
		return ((uint64_t)(32 + i % 32) << (i / 32 - 1)) + ((1ull << (i / 32 - 1)) >> 1);
	}
	return 0;
}

int net_rr_ask(int control, uint64_t ns, struct net_result *result)
{
	uint64_t begin = net_now();
	uint64_t last = begin;
	struct net_total total;
	uint64_t now;
	char byte = 0;
	int err;

	memset(&result->latency, 0, sizeof(result->latency));
	do {
		err = net_put(control, &byte, 1);
		if (!err)
			err = net_get(control, &byte, 1);
		if (err)
			return err;
		now = net_now();
		note(&result->latency, now - last);
		last = now;
	} while (now - begin < ns);
	result->ns = now - begin;
	if (shutdown(control, SHUT_WR))
		return -errno;
	err = net_get(control, &total, sizeof(total));
	if (err)
		return err;
	result->count = total.count;
	return total.count == result->latency.total ? 0 : -EPROTO;
}

int net_rr_answer(int control)
{
	struct net_total total = { 0 };
	char byte;
	int err;

	for (;;) {
		err = net_get(control, &byte, 1);
		if (err == -ENODATA)
			return net_put(control, &total, sizeof(total));
		if (!err)
			err = net_put(control, &byte, 1);
		if (err)
			return err;
		total.count++;
	}
}

/* --- small datagrams --------------------------------------------------------------- */

/* A datagram, which begins with a number, and what is in front of it in a frame. */
struct datagram {
	uint8_t head[NET_HEAD];
	uint8_t payload[PAYLOAD];
};

struct batch {
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	struct datagram data[BATCH];
};

/* head: the messages are frames that begin with it; NULL: datagrams. */
static void set_up(struct batch *b, const uint8_t *head)
{
	unsigned int i;

	memset(b, 0, sizeof(*b));
	for (i = 0; i < BATCH; i++) {
		struct datagram *d = &b->data[i];

		if (head)
			memcpy(d->head, head, NET_HEAD);
		b->iov[i] = (struct iovec){
			.iov_base = head ? (void *)d : d->payload,
			.iov_len = head ? sizeof(*d) : PAYLOAD,
		};
		b->msg[i].msg_hdr.msg_iov = &b->iov[i];
		b->msg[i].msg_hdr.msg_iovlen = 1;
	}
}

/* Takes what has come, without waiting: how many, *highest raised to their numbers; or -errno. */
static int take(int udp, struct batch *b, uint64_t *highest)
{
	uint64_t value;
	int n;
	int i;

	n = recvmmsg(udp, b->msg, BATCH, MSG_DONTWAIT, NULL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (i = 0; i < n; i++) {
		if (b->msg[i].msg_len != PAYLOAD)
			return -EPROTO;
		memcpy(&value, b->data[i].payload, sizeof(value));
		if (value > *highest)
			*highest = value;
	}
	return n;
}

/*
 * Sends datagrams until ns have passed, as frames by the packet socket `raw` with `head`,
 * or by the UDP socket when that is NULL; sent, stalls and ns of the result are set.
 */
static int send_datagrams(int udp, int raw, const uint8_t *head, uint64_t ns,
			  struct net_result *result)
{
	static struct batch out, in;
	struct pollfd p = { .fd = udp, .events = POLLIN };
	uint64_t begin = net_now();
	uint64_t next = 1;	/* number of the next one */
	uint64_t seen = 0;	/* highest that the receiver told of, or given up */
	uint64_t number;
	unsigned int room;
	unsigned int i;
	int n;

	set_up(&out, head);
	set_up(&in, NULL);
	result->stalls = 0;
	while (net_now() - begin < ns) {
		n = take(udp, &in, &seen);
		if (n < 0)
			return n;
		if (seen >= next)
			return -EPROTO;
		room = WINDOW - (unsigned int)(next - 1 - seen);
		if (room < BATCH) {
			n = poll(&p, 1, STALL_MS);
			if (n < 0 && errno != EINTR)
				return -errno;
			if (!n) {
				seen = next - 1;
				result->stalls++;
			}
			continue;
		}
		for (i = 0; i < BATCH; i++) {
			number = next + i;
			memcpy(out.data[i].payload, &number, sizeof(number));
		}
		n = sendmmsg(head ? raw : udp, out.msg, BATCH, 0);
		if (n < 0 && errno != EINTR && errno != ENOBUFS)
			return -errno;
		if (n > 0)
			next += (unsigned int)n;
	}
	result->ns = net_now() - begin;
	result->sent = next - 1;
	return 0;
}

/*
 * Counts datagrams and tells the sender of them until it says over the control
 * how many there were, then until all are there or nothing came for DRAIN_MS.
 * Who found none looks again coalesce_us after the next one came: to wake up for
 * each takes more of a CPU than to receive it.
 */
static int count_datagrams(int udp, int control, unsigned int coalesce_us,
			   struct net_result *result)
{
	static struct batch in;
	struct pollfd p[2] = {
		{ .fd = udp, .events = POLLIN },
		{ .fd = control, .events = POLLIN },
	};
	uint64_t begin = net_now();
	uint64_t highest = 0;
	uint64_t told = 0;
	char ack[PAYLOAD] = { 0 };
	struct net_total total;
	int ended = 0;
	int err;
	int n;

	set_up(&in, NULL);
	result->count = 0;
	result->ns = 0;
	while (!ended || result->count < result->sent) {
		n = take(udp, &in, &highest);
		if (n < 0)
			return n;
		if (n) {
			result->count += (unsigned int)n;
			result->ns = net_now() - begin;
			if (highest - told >= ACK_EVERY) {
				told = highest;
				memcpy(ack, &told, sizeof(told));
				/* a lost one costs the sender a stall, no more */
				(void)!send(udp, ack, sizeof(ack), MSG_DONTWAIT);
			}
			continue;
		}
		n = poll(p, ended ? 1 : 2, ended ? DRAIN_MS : NET_DEAD_S * 1000);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n && ended)
			break;
		if (!n)
			return -ETIMEDOUT;
		if (!ended && p[1].revents) {
			err = net_get(control, &total, sizeof(total));
			if (err)
				return err;
			result->sent = total.count;
			ended = 1;
		} else if (coalesce_us) {
			usleep(coalesce_us);
		}
	}
	return 0;
}

/* Tells the receiver that its sender has ended. */
static int notify_sent(int control, const struct net_result *result)
{
	struct net_total total = { .count = result->sent };

	return net_put(control, &total, sizeof(total));
}

int net_udp_feed(int udp, int control, uint64_t ns, struct net_result *result)
{
	uint8_t head[NET_HEAD];
	int raw;
	int err;

	raw = net_frames_open(udp, PAYLOAD, head);
	if (raw < 0 && raw != -EOPNOTSUPP)
		return raw;
	err = send_datagrams(udp, raw, raw < 0 ? NULL : head, ns, result);
	if (raw >= 0)
		close(raw);
	return err ? err : notify_sent(control, result);
}

int net_udp_send(int udp, int control, uint64_t ns, struct net_result *result)
{
	struct net_total total;
	int err;

	err = send_datagrams(udp, -1, NULL, ns, result);
	if (!err)
		err = notify_sent(control, result);
	if (!err)
		err = net_get(control, &total, sizeof(total));
	if (err)
		return err;
	result->count = total.count;
	return 0;
}

int net_udp_count(int udp, int control)
{
	static struct net_result result;
	struct net_total total;
	int err;

	err = count_datagrams(udp, control, COALESCE_US, &result);
	if (err)
		return err;
	total.count = result.count;
	return net_put(control, &total, sizeof(total));
}

int net_udp_receive(int udp, int control, struct net_result *result)
{
	return count_datagrams(udp, control, 0, result);
}
