/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The connections and loads of net.c: what each end does, a function each.
 *
 * net.c decides what is done; net_conn.c opens connections and frames messages,
 * net_frames.c is the way past the host's UDP; net_load.c is the load. Both ends
 * are the same program on the same architecture, so the structures below go over
 * the control connection as they are. All functions return 0 or a descriptor, or
 * -errno and print nothing; times are ns of CLOCK_MONOTONIC. Loads end by
 * themselves when the other end is silent for NET_DEAD_S seconds, with -ETIMEDOUT.
 */
#ifndef NET_LOAD_H
#define NET_LOAD_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define NET_PORT	7077
#define NET_MOST_NS	3600000000000ull
#define NET_DEAD_S	20
#define NET_HEAD	42	/* bytes of Ethernet, IPv4 and UDP in front of a datagram */

enum net_job {
	NET_STREAM_OUT,
	NET_STREAM_IN,
	NET_RR,
	NET_UDP_OUT,
	NET_UDP_IN,
	NET_JOBS,
};

/* guest to host: what is wanted */
struct net_request {
	uint32_t job;		/* enum net_job */
	uint32_t port;		/* the guest's, of UDP; network byte order */
	uint64_t ns;		/* length of the load */
};

/* host to guest: go on when you like */
struct net_ready {
	uint32_t port;		/* the host's, of UDP; network byte order */
	uint32_t reserved;	/* 0 */
};

/* either way, at the end of a load */
struct net_total {
	uint64_t count;		/* bytes, transactions or datagrams; of the end that sends this */
};

/* Times in buckets of 1/32 of their power of two, so within 3 percent. */
struct net_latency {
	uint64_t bucket[64 * 32];
	uint64_t total;
};

struct net_result {
	uint64_t ns;		/* how long the load took */
	uint64_t count;		/* bytes, transactions or datagrams at the receiver */
	uint64_t sent;		/* datagrams at the sender */
	uint64_t stalls;	/* times that a window was given up; of this end's sender */
	struct net_latency latency;	/* rr only */
};

uint64_t net_now(void);
/* The time in ns that pct percent of the samples do not exceed; 0 without samples. */
uint64_t net_percentile(const struct net_latency *latency, unsigned int pct);

/* net_conn.c */
int net_listen(const char *address);
int net_accept(int listener);
int net_connect(const char *address);
/* A UDP socket on the control's own address; *port is its port. */
int net_udp_socket(int control, uint32_t *port);
/* Joins it to the control's peer at that port. */
int net_udp_connect(int udp, int control, uint32_t port);
/* All of it: 0, -errno; get: -ENODATA at an orderly end before the first byte. */
int net_put(int fd, const void *data, size_t size);
int net_get(int fd, void *data, size_t size);

/*
 * net_frames.c: a packet socket on the device of a connected UDP socket, past the queueing
 * discipline, for frames as that would send; and what stands in front of `payload` bytes.
 * Needs CAP_NET_RAW. -EOPNOTSUPP: it is the loopback; -ENXIO: the peer's Ethernet address
 * is not known.
 */
int net_frames_open(int udp, uint32_t payload, uint8_t to[NET_HEAD]);

/* net_load.c. The guest's end: result is complete at return. */
int net_stream_send(int control, uint64_t ns, struct net_result *result);
int net_stream_receive(int control, struct net_result *result);
int net_rr_ask(int control, uint64_t ns, struct net_result *result);
int net_udp_send(int udp, int control, uint64_t ns, struct net_result *result);
int net_udp_receive(int udp, int control, struct net_result *result);
/* The host's end of each, in the same order. */
int net_stream_take(int control);
int net_stream_feed(int control, uint64_t ns);
int net_rr_answer(int control);
int net_udp_count(int udp, int control);
int net_udp_feed(int udp, int control, uint64_t ns, struct net_result *result);

#endif /* NET_LOAD_H */
