/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the network back end.
 *
 *	net.c		life, attach, offloads, link, accounts
 *	net_rx.c	from the descriptor to the model
 *	net_tx.c	from hs_net_send() to the descriptor
 *	net_build.c	batches of what is to be sent
 *	net_tap.c	opening a TAP; the header that it puts in front of frames
 *	net_socket.c	opening sockets; listening, accepting, disconnecting
 *	net_user.c	the user-mode network's process
 *	net_soft.c	checksums and cutting
 *
 * A struct hs_net_queue belongs to its worker. What other threads read of it
 * or of struct hs_net is atomic; what they write goes through hs_worker_call().
 *
 * Receiving: up to HS_NET_READS reads are in the io_uring as a chain of hard
 * links, so they run one after the other and frames stay in order. The one
 * that finds nothing waits in the kernel's poll and is the wake-up; those
 * behind it wait for it. (O_NONBLOCK does not make a read end at once where
 * io_uring can poll the file, and RWF_NOWAIT is refused by TAPs before Linux
 * 6.4, so reads that end with EAGAIN and a poll of our own are no choice.)
 *
 * Sending: a batch of up to HS_NET_UNITS units (a frame, or a piece that
 * net_soft.c cut) is issued at once; nothing is added until it is over. Sockets
 * are told MSG_DONTWAIT, and a failed unit cancels those linked behind it, so
 * what the other end does not take waits here, in order.
 */
#ifndef HS_BACKEND_NET_PRIV_H
#define HS_BACKEND_NET_PRIV_H

#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "net.h"
#include "../worker_io.h"

#define HS_NET_READS	32u	/* of a chain */
#define HS_NET_UNITS	64u	/* of a batch */
#define HS_NET_MIN_GSO	PVK_NET_MIN_GSO
#define HS_NET_MAX_HEADER 512u /* bytes in front of the payload, of a packet that is cut here */
#define HS_NET_MAX_HEADERS	(1u << 20)	/* the same, of all its pieces */
#define HS_NET_VNET_LEN	12u	/* struct virtio_net_hdr of virtio 1.x, 5.1.6 */
#define HS_NET_PREFIX	4u	/* a stream's length, big-endian */
#define HS_NET_RX_BYTES	(HS_NET_MAX_FRAME + HS_NET_VNET_LEN + 1u)	/* too long shows */
#define HS_NET_RX_SLOT	69632u		/* HS_NET_RX_BYTES in whole pages */
#define HS_NET_STREAM_BYTES	(4u * HS_NET_RX_SLOT)
#define HS_NET_ARENA	(4u * HS_NET_RX_SLOT)	/* copies of frames, and pieces */
#define HS_NET_ERRORS	64u	/* reads that fail in a row: the descriptor is of no use any more */

enum hs_net_framing {
	HS_NET_VNET,		/* a frame per read and write, the virtio header in front */
	HS_NET_PACKET,		/* a frame per message */
	HS_NET_LENGTH,		/* a stream, lengths in front */
};

/* One frame being cut; borrows the frame. */
struct hs_net_segmenter {
	const uint8_t *frame;
	uint32_t ip, transport, header, payload;	/* offsets, and bytes */
	uint32_t size;
	unsigned int pieces;
	bool tcp, ip6;
};

/* An operation in the io_uring, and whose it is. */
struct hs_net_io {
	struct hs_worker_io io;		/* first */
	struct hs_net_queue *queue;
	unsigned int n;
	int res;
	bool busy;
};

/* What goes out as one. */
struct hs_net_unit {
	struct hs_net_io io;		/* first */
	struct hs_net_tx *tx;
	struct iovec *iov;		/* of the batch */
	unsigned int iovcnt;
	uint32_t length;		/* with what stands in front */
	bool last;			/* of tx */
	uint8_t front[HS_NET_VNET_LEN];
};

struct hs_net_rx {
	uint8_t *memory;
	struct hs_net_io read[HS_NET_READS];	/* of a stream: the first */
	unsigned int count, ended, next;	/* of the chain: issued, ended, offered */
	unsigned int errors;			/* in a row */
	unsigned int piece;			/* of the frame that is offered, cut by us */
	uint32_t begin, end;			/* stream: unread bytes in memory */
	uint8_t *soft;				/* a piece, or a frame's copy */
	atomic_bool stalled;			/* the model had no room */
	struct hs_work ready;			/* hs_net_ready() */
};

struct hs_net_txq {
	struct hs_net_tx *first, **last;	/* not begun */
	struct hs_net_unit unit[HS_NET_UNITS];
	unsigned int count, begun, ended;	/* of the batch: units, issued, ended */
	unsigned int in_flight;
	struct iovec iov[HS_NET_UNITS * (HS_NET_IOV + 1)];
	unsigned int iovs;
	uint8_t *arena;
	uint32_t arena_used;
	uint8_t *large;				/* the frame being cut */
	struct hs_net_segmenter cutter;
	struct hs_net_tx *cutting;		/* NULL: none */
	unsigned int piece;			/* the next one of it */
	bool failed;				/* a piece of the present frame was dropped */
	uint32_t sent;				/* stream: bytes of the first unit that are gone */
	uint8_t *rest;				/* stream: of a frame whose sender has its answer */
	uint32_t rest_at, rest_end;
	bool blocked;				/* until POLLOUT or the limit */
	int stream_res;				/* of the last write to a stream */
	struct hs_net_io writable, timer;
	struct __kernel_timespec limit;
};

struct hs_net_queue {
	struct hs_net *net;
	unsigned int index;
	int fd;				/* -1: no peer */
	struct hs_worker *worker;
	struct hs_hook hook;
	struct hs_net_model *model;	/* NULL: none, or it serves fewer queues */
	uint32_t rx_offloads;
	bool user_up;			/* this worker's copy */
	struct hs_net_rx rx;
	struct hs_net_txq tx;
	struct {
		_Atomic uint64_t tx_frames, tx_bytes, tx_dropped, rx_frames, rx_bytes, rx_dropped,
				 tx_pieces, batches;
	} stat;
};

struct hs_net {
	enum hs_nic_kind kind;
	enum hs_net_framing framing;
	char *name;			/* for messages: "nic 0 (tap pvk0)" */
	struct hs_net_info info;
	unsigned int number;		/* of the NIC */
	unsigned int queues;
	unsigned int started;		/* of the queues */
	struct hs_net_queue queue[HS_MAX_NIC_QUEUES];
	atomic_bool peer_up, user_up;
	bool notified_up;			/* queue 0's worker: what the model knows */
	struct hs_work link_work;
	bool multi_queue;		/* a TAP that can detach queues */
	bool detached[HS_MAX_NIC_QUEUES];

	/* sockets: on queue 0's worker */
	int listen_fd;			/* -1: none */
	struct hs_net_io accept, shut;
	bool seqpacket;			/* nothing read means the end */
	unsigned int accept_errors;
	int redial_fd, redial_alive;	/* of a named datagram socket (net_redial.c); -1: none */
	uint64_t redial_at;		/* hs_now() when another attempt is due */
	bool leaving;			/* the connection is being closed */
	bool shut_done;
};

/* Counters have one writer, their queue's worker. */
static inline void hs_net_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* net.c */
void hs_net_peer(struct hs_net *net, bool up);	/* any worker of it */
static inline bool hs_net_is_up(struct hs_net *net)
{
	return atomic_load_explicit(&net->peer_up, memory_order_relaxed);
}

/* net_rx.c */
int hs_net_rx_init(struct hs_net_queue *q);
void hs_net_rx_fini(struct hs_net_queue *q);
bool hs_net_rx_round(struct hs_net_queue *q);
void hs_net_rx_restart(struct hs_net_queue *q);		/* a new connection */

/* net_tx.c */
int hs_net_tx_init(struct hs_net_queue *q);
void hs_net_tx_fini(struct hs_net_queue *q);
bool hs_net_tx_round(struct hs_net_queue *q);
bool hs_net_tx_idle(const struct hs_net_queue *q);	/* no frame is here */
void hs_net_tx_restart(struct hs_net_queue *q);
/* The frame is its sender's again: 0, or -EIO when it was dropped. */
void hs_net_tx_end(struct hs_net_queue *q, struct hs_net_tx *tx, int status);

/* net_build.c: the next batch, of none or more units; nothing is in flight */
void hs_net_tx_build(struct hs_net_queue *q);

/* net_tap.c */
int hs_net_tap_open(struct hs_net *net, const struct hs_nic_config *config);
void hs_net_tap_offloads(struct hs_net *net, uint32_t offloads);
void hs_net_tap_queues(struct hs_net *net, unsigned int queues);	/* in use */

/* net_vnet.c */
void hs_net_vnet_put(uint8_t *at, const struct hs_net_meta *meta);
/* 0 or -EINVAL: not a header that a frame of this length can have */
int hs_net_vnet_get(struct hs_net_meta *meta, const uint8_t *at, uint32_t length);

/* net_socket.c */
int hs_net_socket_open(struct hs_net *net, const struct hs_nic_config *config);
bool hs_net_socket_round(struct hs_net *net);		/* queue 0's worker, as all below */
void hs_net_socket_leave(struct hs_net_queue *q, const char *why);	/* end the connection */
void hs_net_socket_lost(struct hs_net_queue *q);	/* a datagram found no receiver */

/*
 * net_redial.c: has the socket, not connected or no more, connected to its peer
 * soon. begin() forks, and is for the time before other threads serve anybody.
 */
int hs_net_redial_begin(struct hs_net *net, int socket, const struct sockaddr_un *to);
void hs_net_redial(struct hs_net *net);
void hs_net_redial_end(struct hs_net *net);	/* the socket is ours alone again */

/* net_soft.c */
int hs_net_check_frame(const struct hs_net_meta *meta, uint32_t length);
/* Number of pieces or -EINVAL. The frame must stay as it is until the last piece is made. */
int hs_net_segment_begin(struct hs_net_segmenter *c, const struct hs_net_meta *meta,
		     const uint8_t *frame, uint32_t length);
/* Makes the nth piece; room for HS_NET_MAX_FRAME bytes. Its length. */
uint32_t hs_net_segment_next(const struct hs_net_segmenter *c, unsigned int n, uint8_t *piece);

#endif /* HS_BACKEND_NET_PRIV_H */
