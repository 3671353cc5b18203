/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is below the network back end, for fuzz_frames.c: a kernel that the input plays,
 * with its TAPs and operations, and the other end, which takes frames and sends some.
 * What arrives there is looked at: frames of a pattern as they were, in order, none torn.
 */
#ifndef TESTS_FUZZ_FRAMES_KERNEL_H
#define TESTS_FUZZ_FRAMES_KERNEL_H

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "frames.h"
#include "host-stub/net/net_priv.h"
#include "step_worker.h"

#define PIPE		300000u	/* bytes, and messages, that wait to be read */
#define MESSAGES	64u

static enum hs_nic_kind kind;

/* ---- the kernel: TAPs ---- */

static struct {
	uint8_t broken;			/* bits of enum: calls that fail */
	bool multi_queue;
} tap;

enum { TAP_GET = 1, TAP_SET = 2, TAP_HEADER = 4, TAP_OFFLOAD = 8, TAP_QUEUE = 16, TAP_BUSY = 32,
       TAP_PLAIN = 64, TAP_OPEN = 128 };

int __wrap_open(const char *path, int flags, ...);
int __real_open(const char *path, int flags, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_nanosleep(const struct timespec *wait, struct timespec *left);

int __wrap_open(const char *path, int flags, ...)
{
	if (strcmp(path, "/dev/net/tun"))
		return __real_open(path, flags);
	if (tap.broken & TAP_OPEN) {
		errno = tap.broken & TAP_BUSY ? EACCES : ENOENT;
		return -1;
	}
	return __real_open("/dev/null", O_RDWR | O_CLOEXEC);
}

static int tap_ioctl(unsigned long request, void *arg)
{
	struct ifreq *ifr = arg;
	static const struct {
		unsigned long request;
		uint8_t broken;
	} calls[] = {
		{ TUNGETIFF, TAP_GET }, { TUNSETVNETHDRSZ, TAP_HEADER }, { TUNSETQUEUE, TAP_QUEUE },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].request == request && tap.broken & calls[i].broken)
			return -EBADFD;
	if (request == TUNGETIFF)
		ifr->ifr_flags =
			(short)(IFF_TAP | IFF_NO_PI | (tap.broken & TAP_PLAIN ? 0 : IFF_VNET_HDR) |
				(tap.multi_queue ? IFF_MULTI_QUEUE : 0));
	if (request == TUNSETIFF && tap.broken & TAP_SET)
		return tap.broken & TAP_BUSY ? -EBUSY : tap.broken & TAP_PLAIN ? -ENODEV : -EPERM;
	if (request == TUNSETIFF && tap.multi_queue != !!(ifr->ifr_flags & IFF_MULTI_QUEUE))
		return -EINVAL;
	/* before 6.2 there was no segmentation of UDP, and a broken one refuses all */
	if (request == TUNSETOFFLOAD && tap.broken & TAP_OFFLOAD)
		return (unsigned long)arg & 0x60 || tap.broken & TAP_BUSY ? -EINVAL : 0;
	return 0;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;
	int ret;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (_IOC_TYPE(request) != 'T')
		return __real_ioctl(fd, request, arg);
	ret = tap_ioctl(request, arg);
	if (!ret)
		return 0;
	errno = -ret;
	return -1;
}

/* ---- the other end: what it has sent, and what it gets ---- */

static struct {
	uint8_t bytes[PIPE];
	uint32_t from, to;
	uint32_t length[MESSAGES];	/* of messages, one behind the other */
	unsigned int messages;
	bool honest;			/* all of what it sent on this connection was right */
	uint32_t next;			/* number of the next frame */
} sender;

static struct {
	uint8_t frame[HS_NET_MAX_FRAME + 4];
	uint32_t have; /* of a stream: bytes of the present frame, with its prefix */
	uint32_t last;			/* number of the last frame, + 1 */
} receiver;

static void got_frame(const uint8_t *frame, uint32_t length)
{
	uint32_t n;

	MUST(length >= HS_NET_MIN_FRAME && length <= HS_NET_MAX_FRAME);
	if (!frame_is_pattern(frame, length, &n))
		return;
	/* A TAP has several queues, and takes what is written at once. */
	MUST(kind == HS_NIC_TAP || n >= receiver.last);
	receiver.last = n + 1;
}

static void got_bytes(const uint8_t *at, uint32_t bytes)
{
	while (bytes) {
		uint8_t *f = receiver.frame;
		uint32_t want = 4, part;

		if (receiver.have >= 4) {
			want = (uint32_t)f[0] << 24 | (uint32_t)f[1] << 16 | (uint32_t)f[2] << 8 |
			       f[3];
			MUST(want >= HS_NET_MIN_FRAME && want <= HS_NET_MAX_FRAME);
			want += 4;
		}
		part = bytes < want - receiver.have ? bytes : want - receiver.have;
		memcpy(f + receiver.have, at, part);
		receiver.have += part;
		at += part;
		bytes -= part;
		if (receiver.have > 4 && receiver.have == want) {
			got_frame(f + 4, want - 4);
			receiver.have = 0;
		}
	}
}

/* ---- the kernel: operations ---- */

static const int trouble[] = { -EAGAIN, -EINTR, -EPIPE, -ECONNRESET, -EIO, -ENOBUFS, -ECONNREFUSED,
			       -EBADFD, -ENOTCONN, -ECANCELED };

static int failure(uint8_t how)
{
	return trouble[how % (sizeof(trouble) / sizeof(trouble[0]))];
}

static bool is_stream(void)
{
	return kind == HS_NIC_STREAM;
}

/* how: 0 all there is; up to 0x7f so many bytes at most; above that a failure, or the end. */
static int do_read(const struct io_uring_sqe *sqe, uint8_t how)
{
	uint8_t *to = (uint8_t *)(uintptr_t)sqe->addr;
	uint32_t bytes = sender.to - sender.from;

	if (how >= 0xf0)
		return 0;
	if (how >= 0x80)
		return failure(how);
	if (is_stream()) {
		if (how && bytes > how)
			bytes = how;
		if (bytes > sqe->len)
			bytes = sqe->len;
		memcpy(to, sender.bytes + sender.from, bytes);
		sender.from += bytes;
		return bytes ? (int)bytes : STEP_LATER;
	}
	if (!sender.messages)
		return STEP_LATER;
	bytes = sender.length[0];
	sender.messages--;
	memmove(sender.length, sender.length + 1, sender.messages * sizeof(sender.length[0]));
	memcpy(to, sender.bytes + sender.from, bytes < sqe->len ? bytes : sqe->len);
	sender.from += bytes;
	return (int)(bytes < sqe->len ? bytes : sqe->len);
}

/* The same for what goes out: all of it is read, as the kernel does. */
static int do_send(const struct iovec *iov, size_t count, uint8_t how)
{
	static uint8_t copy[HS_NET_MAX_FRAME + 64];
	uint32_t total = 0, at = 0;

	if (how >= 0x80)
		return failure(how);
	for (size_t i = 0; i < count; i++)
		total += (uint32_t)iov[i].iov_len;
	if (is_stream()) {
		uint32_t most = how ? total * how / 128 : total;

		if (!most)
			return -EAGAIN;
		for (size_t i = 0; i < count && at < most; i++) {
			uint32_t part = (uint32_t)iov[i].iov_len;

			if (part > most - at)
				part = most - at;
			got_bytes(iov[i].iov_base, part);
			at += part;
		}
		return (int)most;
	}
	MUST(total <= HS_NET_MAX_FRAME + 12);
	for (size_t i = 0; i < count; i++) {
		memcpy(copy + at, iov[i].iov_base, iov[i].iov_len);
		at += (uint32_t)iov[i].iov_len;
	}
	if (kind == HS_NIC_TAP) {
		MUST(total >= 12 + HS_NET_MIN_FRAME);
		MUST(!(copy[0] & ~1) && !copy[10] && !copy[11] && (copy[0] || !copy[1]));
		got_frame(copy + 12, total - 12);
	} else {
		got_frame(copy, total);
	}
	return (int)total;
}

/* How the next writes to a socket end; after them all is taken. */
static struct {
	unsigned int times;
	uint8_t how;
	bool full;		/* after them nothing is taken */
} writes;

ssize_t __wrap_writev(int fd, const struct iovec *iov, int count);

ssize_t __wrap_writev(int fd, const struct iovec *iov, int count)
{
	uint8_t how = writes.times ? writes.how : 0;
	int ret;

	MUST(fd >= 0 && count > 0 && count <= 1024);
	ret = !writes.times && writes.full ? -EAGAIN : do_send(iov, (size_t)count, how);
	if (writes.times)
		writes.times--;
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

static int do_accept(uint8_t how)
{
	int pair[2];

	if (how >= 0x80)
		return failure(how);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return -EMFILE;
	close(pair[1]);
	/* another peer: nothing of the one before */
	sender.from = 0;
	sender.to = 0;
	sender.honest = true;
	receiver.have = 0;
	return pair[0];
}

static int step_execute(const struct step_op *op, uint8_t how)
{
	const struct io_uring_sqe *sqe = &op->sqe;
	const struct __kernel_timespec *limit = (const void *)(uintptr_t)sqe->addr;

	switch (sqe->opcode) {
	case IORING_OP_READ:
		return do_read(sqe, how);
	case IORING_OP_WRITEV:
		return do_send((const struct iovec *)(uintptr_t)sqe->addr, sqe->len, how);
	case IORING_OP_ACCEPT:
		return how ? do_accept(how) : STEP_LATER;
	case IORING_OP_SHUTDOWN:
		return how >= 0x80 ? failure(how) : 0;
	case IORING_OP_POLL_ADD:
		MUST(sqe->poll32_events == POLLOUT);
		return POLLOUT;
	case IORING_OP_TIMEOUT:
		return step.now - op->since >= (uint64_t)limit->tv_nsec ? -ETIME : STEP_LATER;
	}
	MUST(!"an operation that the ring would refuse");
	return -EINVAL;
}

/* hs_net_close() waits for frames on their way: so time goes on, and the kernel works. */
int __wrap_nanosleep(const struct timespec *wait, struct timespec *left)
{
	(void)left;
	step.now += (uint64_t)wait->tv_nsec;
	(void)step_all();
	return 0;
}

/* ---- what the other end sends ---- */

static uint8_t *room_for(uint32_t bytes)
{
	if (sender.from == sender.to) {
		sender.from = 0;
		sender.to = 0;
	}
	if (bytes > PIPE - sender.to || (!is_stream() && sender.messages == MESSAGES))
		return NULL;
	sender.to += bytes;
	if (!is_stream())
		sender.length[sender.messages++] = bytes;
	return sender.bytes + sender.to - bytes;
}

/* A frame; on a TAP with a header, for one that is of the pattern an empty one. */
static void peer_frame(struct input *in)
{
	static uint8_t scratch[HS_NET_MAX_FRAME + 256];
	uint8_t what = (uint8_t)take(in, 1);
	uint32_t length = frame_length(in), front = is_stream() ? 4 : kind == HS_NIC_TAP ? 12 : 0;
	struct hs_net_meta meta = { 0 };
	uint8_t *at = room_for(front + length);

	if (!at)
		return;
	if (what & 1 && frame_packet(in, scratch, length, &meta)) {
		memcpy(at + front, scratch, length);
	} else {
		frame_pattern(at + front, sender.next++, length);
		meta = (struct hs_net_meta){ 0 };
	}
	if (is_stream()) {
		for (unsigned int i = 0; i < 4; i++)
			at[i] = (uint8_t)(length >> (24 - 8 * i));
	} else if (kind == HS_NIC_TAP) {
		static const uint8_t type[] = { 0, 1, 4, 5 };

		memset(at, 0, 12);
		at[0] = meta.csum ? 1 : what & 2;
		at[1] = meta.gso <= 3 ? (uint8_t)(type[meta.gso] | (meta.ecn ? 0x80 : 0)) : 0;
		memcpy(at + 2, &meta.hdr_len, 2);
		memcpy(at + 4, &meta.gso_size, 2);
		memcpy(at + 6, &meta.csum_start, 2);
		memcpy(at + 8, &meta.csum_offset, 2);
		if (what & 4) {
			at[take(in, 1) % 12] ^= (uint8_t)take(in, 1);
			sender.honest = false;	/* a sum is filled in, somewhere */
		}
	}
}

/* Bytes as they come: half a frame, a length that is none, a datagram that is too short. */
static void peer_raw(struct input *in)
{
	uint32_t bytes = (uint32_t)take(in, 1);
	uint8_t *at;

	if (kind != HS_NIC_STREAM && bytes == 0xff)
		bytes = HS_NET_MAX_FRAME + 12 + (uint32_t)take(in, 1);
	at = room_for(bytes);
	if (!at)
		return;
	memset(at, 0, bytes);
	for (uint32_t i = 0; i < bytes && i < 16; i++)
		at[i] = (uint8_t)take(in, 1);
	sender.honest = false;
}

#endif /* TESTS_FUZZ_FRAMES_KERNEL_H */
