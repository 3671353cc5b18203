/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of the network back end on a pair of sockets: set-up and end of a
 * test, frames from and to the other end. As net_peer.h: everything is static,
 * one program a test.
 */
#ifndef TESTS_NET_PAIR_H
#define TESTS_NET_PAIR_H

#include "net_peer.h"

static struct hs_net *net;
static int own;			/* the back end's */
static int other = -1;		/* the other end; -1: none */
static struct peer_model model;
static uint8_t buffer[HS_NET_MAX_FRAME + 16];

static inline int begin_kind(enum hs_nic_kind kind, int type)
{
	struct hs_nic_config config = { .kind = kind, .fds = 1, .mtu = 1500,
					.mac = { 2, 0, 0, 0, 0, 1 } };
	int pair[2];

	if (socketpair(AF_UNIX, type, 0, pair) < 0)
		return -1;
	other = pair[1];
	own = pair[0];
	config.fd[0] = pair[0];
	model_init(&model);
	sends_free();
	return hs_net_open(&net, &config, 0, 50000);
}

static inline int begin_dgram(void **state)
{
	(void)state;
	return begin_kind(HS_NIC_DGRAM, SOCK_DGRAM);
}

static inline int begin_stream(void **state)
{
	(void)state;
	return begin_kind(HS_NIC_STREAM, SOCK_STREAM);
}

static inline int begin_user(void **state)
{
	(void)state;
	return begin_kind(HS_NIC_USER, SOCK_SEQPACKET);
}

static inline int end(void **state)
{
	(void)state;
	if (net) {
		hs_net_attach(net, NULL);
		hs_net_close(net);
	}
	net = NULL;
	if (other >= 0)
		close(other);
	other = -1;
	sends_free();
	return 0;
}

static inline bool is_stream(void)
{
	int type;
	socklen_t size = sizeof(type);

	return !getsockopt(other, SOL_SOCKET, SO_TYPE, &type, &size) && type == SOCK_STREAM;
}

static inline void write_all(const void *at, size_t bytes)
{
	const uint8_t *from = at;

	while (bytes) {
		ssize_t n = send(other, from, bytes, MSG_NOSIGNAL);

		assert_true(n > 0);
		from += n;
		bytes -= (size_t)n;
	}
}

static inline void put_prefix(uint8_t *at, uint32_t length)
{
	at[0] = (uint8_t)(length >> 24);
	at[1] = (uint8_t)(length >> 16);
	at[2] = (uint8_t)(length >> 8);
	at[3] = (uint8_t)length;
}

static inline void peer_sends(uint32_t n)
{
	uint32_t length = length_of(n);

	put_prefix(buffer, length);
	pattern(buffer + 4, n, length);
	if (is_stream())
		write_all(buffer, length + 4);
	else
		assert_int_equal(send(other, buffer + 4, length, 0), length);
}

static inline void read_all(uint8_t *at, size_t bytes)
{
	while (bytes) {
		struct pollfd p = { .fd = other, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&p, 1, 10000), 1);
		n = read(other, at, bytes);
		assert_true(n > 0);
		at += n;
		bytes -= (size_t)n;
	}
}

/* The next frame at the other end; its length. */
static inline uint32_t peer_takes(void)
{
	if (is_stream()) {
		uint32_t length;

		read_all(buffer, 4);
		length = (uint32_t)buffer[0] << 24 | (uint32_t)buffer[1] << 16 |
			 (uint32_t)buffer[2] << 8 | buffer[3];
		assert_true(length <= HS_NET_MAX_FRAME);
		read_all(buffer, length);
		return length;
	}
	for (;;) {
		struct pollfd p = { .fd = other, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&p, 1, 10000), 1);
		n = recv(other, buffer, sizeof(buffer), 0);
		assert_true(n >= 0);
		return (uint32_t)n;
	}
}

#endif /* TESTS_NET_PAIR_H */
