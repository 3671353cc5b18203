/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network back end: the one page that the emulated and the pvkit model share.
 *
 * A struct hs_net is where a NIC's frames go and come from: a TAP, or a socket
 * whose other end is another VM, passt, or our own user-mode network process
 * (net_user.c). It has one or more queues, each with a descriptor and a worker
 * thread of its own (worker.h). Frames are Ethernet frames without preamble
 * and FCS. Offloads are stated with each frame; where the descriptor's other
 * end knows none (no vnet header), net_soft.c sums and cuts here, so a model
 * may ask for any in any case.
 *
 * Exactly one model, or none, is attached at a time. What arrives meanwhile
 * waits in the descriptor. Nothing that the other end does blocks a worker: a
 * frame that it does not take within HS_NET_STUCK_NS is dropped and counted.
 */
#ifndef HS_BACKEND_NET_H
#define HS_BACKEND_NET_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/uio.h>

#include "../hs.h"
#include "../inflight.h"

struct hs_net;
struct hs_worker;

#define HS_NET_MAX_FRAME	PVK_NET_MAX_FRAME
#define HS_NET_MIN_FRAME	14u
#define HS_NET_IOV		33u	/* of a frame to send */
#define HS_NET_STUCK_NS		200000000u

/* Offloads, for rx_offloads: what a model can take in received frames */
#define HS_NET_CSUM	(1u << 0)
#define HS_NET_TSO4	(1u << 1)
#define HS_NET_TSO6	(1u << 2)
#define HS_NET_USO	(1u << 3)
#define HS_NET_ECN	(1u << 4)

/* What is known of a frame besides its bytes. All zero: nothing to do. */
struct hs_net_meta {
	uint8_t gso;		/* enum pvk_net_gso */
	bool ecn;
	bool csum;		/* the sum from csum_start on belongs at csum_start + csum_offset */
	bool valid;		/* received frames only: the checksum was verified */
	uint16_t gso_size;	/* payload bytes per piece */
	uint16_t hdr_len;	/* bytes up to the payload; 0 in received frames: unknown */
	uint16_t csum_start;	/* bytes into the frame */
	uint16_t csum_offset;
};

/*
 * A frame to send. Owned by the sender from before hs_net_send() until done();
 * so are iov and the memory it points to, which is read once. The back end
 * checks nothing but what hs_net_check() does, which the sender calls before.
 */
struct hs_net_tx {
	struct hs_request *request;	/* the device model's (inflight.h) */
	struct hs_net_meta meta;
	uint32_t length;		/* sum of the iov's; HS_NET_MIN_FRAME .. HS_NET_MAX_FRAME */
	unsigned int iovcnt;		/* 1 .. HS_NET_IOV */
	struct iovec *iov;
	/*
	 * On the queue's worker, never from within hs_net_send(). 0; -EIO: dropped.
	 * With the lock of the request's owner; not when that has forgotten it.
	 */
	void (*done)(struct hs_net_tx *tx, int status);
	struct hs_net_tx *next;		/* private to the back end */
	uint64_t since;			/* private to the back end */
};

/* Gives a frame back to its device model, which may have forgotten it. For back ends. */
static inline void hs_net_tx_back(struct hs_net_tx *tx, int status)
{
	struct hs_request *request = tx->request;

	if (hs_inflight_enter(request))
		tx->done(tx, status);
	hs_inflight_leave(request);
}

/*
 * One side of a NIC in the guest. Owned by the device model; attached by
 * hs_net_attach(). Callbacks run on the queue's worker, link() on queue 0's.
 */
struct hs_net_model {
	/*
	 * A frame came in; it is the back end's memory, which nobody else
	 * changes. True: taken, or not wanted. False: no room; the frame is
	 * offered again after hs_net_ready(), and nothing is read until then.
	 */
	bool (*receive)(struct hs_net_model *model, unsigned int queue,
			const struct hs_net_meta *meta, const uint8_t *frame, uint32_t length);
	/* after the last receive() of a batch: time to tell the guest; may be NULL */
	void (*received)(struct hs_net_model *model, unsigned int queue);
	void (*link)(struct hs_net_model *model, bool up);	/* may be NULL */
	unsigned int queues; /* how many of the back end's it serves, from 0 on; the others rest */
	uint32_t rx_offloads;	/* HS_NET_* at the beginning */
};

/* What a guest may know of a NIC. */
struct hs_net_info {
	uint8_t mac[6];
	uint32_t mtu;		/* to begin with */
	uint32_t max_mtu;	/* 1500 .. PVK_NET_MAX_MTU */
	unsigned int queues;	/* of the back end, >= 1 */
	uint32_t offloads;	/* HS_NET_* that the other end does for us */
	uint32_t speed;		/* Mbit/s, 0: unknown */
};

/* Counters, one writer each (the queue's worker). */
struct hs_net_stats {
	uint64_t tx_frames, tx_bytes, tx_dropped;
	uint64_t rx_frames, rx_bytes, rx_dropped;	/* dropped: oversized, runt, bad header */
	uint64_t tx_pieces;	/* frames that net_soft.c made of large ones */
	uint64_t batches;	/* system calls that carried frames */
};

/*
 * Opens what config names; `number` is the NIC's, for names of threads. Before the
 * jail: nothing is opened later. 0 or -errno, with the line printed.
 */
int hs_net_prepare(struct hs_net **out, const struct hs_nic_config *config, unsigned int number);
/* Starts the workers, before a device is attached. 0 or -errno, said; then only hs_net_close(). */
int hs_net_start(struct hs_net *net, uint64_t poll_ns);
/* Both in one. */
int hs_net_open(struct hs_net **out, const struct hs_nic_config *config, unsigned int number,
		uint64_t poll_ns);
void hs_net_close(struct hs_net *net);		/* no model attached */

/*
 * Starts the process of a user-mode network (HS_NIC_USER). Called before the
 * first thread exists. *fd: what config->fd[0] must be at hs_net_open(), with
 * fds 1. The process ends when that is closed or the caller's thread ends.
 * `host` says what jail it is in (jail.h). 0 or -errno, with the line printed.
 */
int hs_net_user_fork(const struct hs_nic_config *config, const struct hs_config *host, int *fd);

void hs_net_info(struct hs_net *net, struct hs_net_info *info);
bool hs_net_link(struct hs_net *net);		/* now; any thread */
void hs_net_stats(struct hs_net *net, unsigned int queue, struct hs_net_stats *stats);
struct hs_worker *hs_net_worker(struct hs_net *net, unsigned int queue);

/*
 * Makes model the one that receives, or NULL for none. Any thread but a worker;
 * when it returns no callback of the former model runs or will run, but done()
 * of frames it sent. link() is not called for the state that is: ask hs_net_link().
 */
void hs_net_attach(struct hs_net *net, struct hs_net_model *model);

/* From here on received frames use no other offloads than these. Any thread but a worker. */
void hs_net_rx_offloads(struct hs_net *net, uint32_t offloads);

/* The link as the user set it (hs_net_set_link), for tests and SIGUSR2. Any thread but a worker. */
void hs_net_set_link(struct hs_net *net, bool up);

/* On the queue's worker, with a model attached or draining. */
void hs_net_send(struct hs_net *net, unsigned int queue, struct hs_net_tx *tx);
void hs_net_ready(struct hs_net *net, unsigned int queue);

/*
 * Is meta possible for a frame of this length? 0 or -EINVAL. csum and gso
 * fields must lie inside the frame; gso needs csum, gso_size and hdr_len.
 * Content is not looked at: net_soft.c does, and drops what does not fit.
 */
int hs_net_check(const struct hs_net_meta *meta, uint32_t length);

/* net_soft.c: pure functions over private memory */

/* Internet checksum (RFC 1071) of len bytes, beginning with sum; folded, not inverted. */
uint16_t hs_net_checksum(const uint8_t *data, uint32_t len, uint32_t sum);
/* Fills the checksum in that meta asks for. 0 or -EINVAL. */
int hs_net_fill_csum(const struct hs_net_meta *meta, uint8_t *frame, uint32_t length);
/*
 * Cuts a large frame and hands each piece, headers and checksums complete, to
 * emit(); stops when that returns < 0. piece is emit's until it returns.
 * Number of pieces, or -EINVAL: the headers are not what gso says.
 */
int hs_net_segment(const struct hs_net_meta *meta, const uint8_t *frame, uint32_t length,
	       int (*emit)(void *arg, const uint8_t *piece, uint32_t length), void *arg);

/* The statistics of a back end as JSON members, without braces (docs/stub.md). */
void hs_net_json(struct hs_net *net, FILE *out);

#endif /* HS_BACKEND_NET_H */
