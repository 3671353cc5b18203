/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 82540EM, reception (SDM 3.2): address and VLAN filters, the descriptor ring
 * with buffers of all sizes, checksum status.
 *
 * On the worker, a frame at a time; the lock is held while it is copied. A
 * frame for which there are no descriptors is refused; the back end keeps it,
 * and offers it again after the guest has moved RDT. Interrupts are asked for
 * after the batch; the delays of RDTR and RADV are taken as over then.
 *
 * The FCS that a driver gets behind the frame unless RCTL.SECRC is set is four
 * zeroes: Linux cuts it off unseen, and nobody is served by computing it. The
 * packet checksum of the descriptor is 0 for the same reason; what stock
 * drivers use is the status (IPCS, TCPCS), which is true.
 */
#include "e1000.h"

#include "../leak.h"
#include "../util.h"

#include <string.h>

/* Receive descriptor (SDM 3.2.3) */
#define RXD_DD		0x01u
#define RXD_EOP		0x02u
#define RXD_IXSM	0x04u
#define RXD_VP		0x08u
#define RXD_TCPCS	0x20u
#define RXD_IPCS	0x40u
#define RXD_PIF		0x80u
#define RXD_TCPE	0x20u	/* errors */
#define RXD_IPE		0x40u
#define RXD_LENGTH	8	/* bytes into the descriptor: length, checksum */
#define RXD_STATUS	12	/* status, errors, special */

#define MAX_STANDARD	1522u	/* bytes with FCS, without RCTL.LPE (SDM 13.4.22) */
#define MAX_LONG	16384u

#define ETHERTYPE_IP4	0x0800u
#define ETHERTYPE_IP6	0x86ddu
#define PROTO_TCP	6
#define PROTO_UDP	17

/* A received frame as it is to be in the guest's memory. */
struct frame {
	const uint8_t *head;	/* 12 bytes: the addresses */
	const uint8_t *rest;	/* what follows them, without a tag that is stripped */
	uint32_t rest_len;
	uint32_t total;		/* with padding and FCS */
	uint8_t status, errors;
	uint16_t special;
};

/* ---- filters (SDM 3.2.1, 13.5.1) ---- */

static bool exact_match(struct hs_e1000 *nic, const uint8_t *to)
{
	uint32_t low = to[0] | (uint32_t)to[1] << 8 | (uint32_t)to[2] << 16 | (uint32_t)to[3] << 24;
	uint32_t high = to[4] | (uint32_t)to[5] << 8;

	for (unsigned int i = 0; i < 16; i++) {
		uint32_t rah = *e1000_reg(nic, R_RA + 8 * i + 4);

		/* Address select 0: the destination. */
		if (rah & RAH_AV && !(rah & 0x30000u) && (rah & 0xffffu) == high &&
		    *e1000_reg(nic, R_RA + 8 * i) == low)
			return true;
	}
	return false;
}

static bool multicast_match(struct hs_e1000 *nic, const uint8_t *to)
{
	static const uint8_t shift[] = { 4, 3, 2, 0 };
	uint32_t hash = (to[4] | (uint32_t)to[5] << 8) >> shift[RCTL_MO(*e1000_reg(nic, R_RCTL))];

	hash &= 0xfffu;
	return *e1000_reg(nic, R_MTA + 4 * (hash >> 5)) >> (hash & 31) & 1;
}

/* *inexact: only the hash let it pass. */
static bool address_wanted(struct hs_e1000 *nic, const uint8_t *to, bool *inexact)
{
	uint32_t rctl = *e1000_reg(nic, R_RCTL);

	if (exact_match(nic, to))
		return true;
	if (!(to[0] & 1))
		return rctl & RCTL_UPE;
	if (!memcmp(to, "\xff\xff\xff\xff\xff\xff", E1000_ETH_ADDR) && rctl & RCTL_BAM)
		return true;
	if (rctl & RCTL_MPE)
		return true;
	*inexact = true;
	return multicast_match(nic, to);
}

/* tag: of a frame that has one. */
static bool vlan_wanted(struct hs_e1000 *nic, uint16_t tag)
{
	uint32_t rctl = *e1000_reg(nic, R_RCTL);
	uint32_t id = tag & 0xfffu;

	if (!(rctl & RCTL_VFE))
		return true;
	if (rctl & RCTL_CFIEN && (tag >> 12 & 1) != (rctl & RCTL_CFI ? 1 : 0))
		return false;
	return *e1000_reg(nic, R_VFTA + 4 * (id >> 5)) >> (id & 31) & 1;
}

/* ---- checksums (SDM 3.2.9) ---- */

/* TCP or UDP, `len` bytes at l4; pseudo: the sum of the addresses. */
static void check_l4(struct frame *f, const uint8_t *l4, uint32_t len, uint8_t proto,
		     uint32_t pseudo)
{
	if (proto == PROTO_UDP ? len < 8 : proto != PROTO_TCP || len < 20)
		return;
	if (proto == PROTO_UDP && !l4[6] && !l4[7])
		return;		/* the sender made none */
	pseudo += proto + len;
	pseudo = (pseudo & 0xffffu) + (pseudo >> 16);
	f->status |= RXD_TCPCS;
	if (hs_net_checksum(l4, len, pseudo) != 0xffffu)
		f->errors |= RXD_TCPE;
}

static void check_ip4(struct hs_e1000 *nic, struct frame *f, const uint8_t *ip, uint32_t len,
		      bool valid)
{
	uint32_t rxcsum = *e1000_reg(nic, R_RXCSUM);
	uint32_t header, total;

	if (len < 20 || ip[0] >> 4 != 4)
		return;
	header = (ip[0] & 0xfu) * 4;
	total = e1000_be16(ip + 2);
	if (header < 20 || header > len || total < header || total > len)
		return;
	if (rxcsum & RXCSUM_IPOFL) {
		f->status |= RXD_IPCS;
		if (hs_net_checksum(ip, header, 0) != 0xffffu)
			f->errors |= RXD_IPE;
	}
	/* Of a fragment there is nothing to say. */
	if (!(rxcsum & RXCSUM_TUOFL) || e1000_be16(ip + 6) & 0x3fffu)
		return;
	if (valid)
		f->status |= RXD_TCPCS;
	else
		check_l4(f, ip + header, total - header, ip[9], hs_net_checksum(ip + 12, 8, 0));
}

static void check_ip6(struct hs_e1000 *nic, struct frame *f, const uint8_t *ip, uint32_t len,
		      bool valid)
{
	uint32_t payload;

	if (!(*e1000_reg(nic, R_RXCSUM) & RXCSUM_TUOFL) || len < 40 || ip[0] >> 4 != 6)
		return;
	payload = e1000_be16(ip + 4);
	if (payload > len - 40)
		return;
	if (valid)
		f->status |= RXD_TCPCS;
	else	/* with extension headers it is none of both protocols */
		check_l4(f, ip + 40, payload, ip[6], hs_net_checksum(ip + 8, 32, 0));
}

/* type: what follows the addresses, and a tag that was stripped, `len` bytes of it */
static void e1000_rx_check(struct hs_e1000 *nic, struct frame *f, const uint8_t *type, uint32_t len,
		  bool valid)
{
	uint16_t ethertype;

	if (len >= 2 + E1000_TAG && e1000_be16(type) == *e1000_reg(nic, R_VET)) {
		type += E1000_TAG;
		len -= E1000_TAG;
	}
	if (len < 2)
		return;
	ethertype = e1000_be16(type);
	if (ethertype == ETHERTYPE_IP4)
		check_ip4(nic, f, type + 2, len - 2, valid);
	else if (ethertype == ETHERTYPE_IP6)
		check_ip6(nic, f, type + 2, len - 2, valid);
	if (!(f->status & (RXD_IPCS | RXD_TCPCS)))
		f->status |= RXD_IXSM;
}

/* ---- the ring ---- */

static uint32_t buffer_bytes(struct hs_e1000 *nic)
{
	uint32_t rctl = *e1000_reg(nic, R_RCTL);
	uint32_t bytes = 2048u >> RCTL_BSIZE(rctl);

	if (rctl & RCTL_BSEX && RCTL_BSIZE(rctl))	/* 16, 8, 4 KiB; with 0 reserved */
		bytes *= 16;
	return bytes;
}

/* Bytes from .. from + len - 1 of the frame. */
static void copy(const struct frame *f, uint8_t *to, uint32_t from, uint32_t len)
{
	const uint32_t addresses = 2 * E1000_ETH_ADDR, bytes = len;
	const uint8_t *begin = to;
	uint32_t n;

	if (from < addresses) {
		n = addresses - from < len ? addresses - from : len;
		memcpy(to, f->head + from, n);
		to += n;
		from += n;
		len -= n;
	}
	if (len && from - addresses < f->rest_len) {
		n = f->rest_len - (from - addresses);
		n = n < len ? n : len;
		memcpy(to, f->rest + (from - addresses), n);
		to += n;
		len -= n;
	}
	memset(to, 0, len);	/* padding, FCS */
	hs_leaves(begin, bytes);
}

/* One buffer; false: the ring is not in RAM. */
static bool fill(struct hs_e1000 *nic, const struct frame *f, hs_gpa desc, uint32_t from,
		 uint32_t len)
{
	uint8_t *d = hs_mem_at(nic->vm->mem, desc, E1000_DESC);
	uint32_t status = RXD_DD, first = len;
	uint64_t address;
	uint8_t *to;

	if (!d)
		return false;
	memcpy(&address, d, sizeof(address));
	to = hs_mem_at(nic->vm->mem, address, len);
	if (to)		/* else as on the bus, where nobody answers */
		copy(f, to, from, len);
	status |= f->status;
	if (from + len == f->total)
		status |= RXD_EOP;
	status |= (uint32_t)f->errors << 8 | (uint32_t)f->special << 16;
	memcpy(d + RXD_LENGTH, &first, sizeof(first));
	/* DD comes last: what it stands for is there. RDBAL is 16-byte aligned. */
	__atomic_store_n((uint32_t *)(void *)(d + RXD_STATUS), status, __ATOMIC_RELEASE);
	return true;
}

/* Descriptors left, of a ring of `count`. */
static uint32_t e1000_rx_room(struct hs_e1000 *nic, uint32_t count)
{
	uint32_t head = *e1000_reg(nic, R_RDH), tail = *e1000_reg(nic, R_RDT);

	if (head >= count || tail >= count)
		return 0;
	return tail >= head ? tail - head : count - head + tail;
}

/* Writes the frame into the ring. False: no room now. Lock held. */
static bool e1000_rx_deliver(struct hs_e1000 *nic, const struct frame *f)
{
	uint32_t count = e1000_ring_count(nic, R_RDLEN), bytes = buffer_bytes(nic);
	uint32_t need = (f->total + bytes - 1) / bytes;
	hs_gpa base = e1000_ring_base(nic, R_RDBAL);
	uint32_t *head = e1000_reg(nic, R_RDH);

	if (count && need >= count) {
		e1000_count(nic, S_MPC);	/* no ring of this length ever holds it */
		return true;
	}
	if (e1000_rx_room(nic, count) < need) {
		e1000_count(nic, S_RNBC);
		nic->rx_stalled = true;
		return false;
	}
	for (uint32_t at = 0; at < f->total; at += bytes) {
		uint32_t len = f->total - at < bytes ? f->total - at : bytes;

		if (!fill(nic, f, base + (hs_gpa)*head * E1000_DESC, at, len)) {
			hs_guest_error(hs_log_nth(HS_LOG_NIC, nic->number),
				       "e1000: receive ring outside RAM");
			e1000_count(nic, S_MPC);
			return true;
		}
		*head = (*head + 1) % count;
	}
	nic->rx_notified = true;
	return true;
}

static void count_received(struct hs_e1000 *nic, const struct frame *f)
{
	uint32_t on_wire = f->total + (*e1000_reg(nic, R_RCTL) & RCTL_SECRC ? E1000_FCS : 0);

	e1000_count(nic, S_GPRC);
	e1000_count64(nic, S_GORCL, on_wire);
	e1000_count_length(nic, S_PRC64, on_wire);
	if (!memcmp(f->head, "\xff\xff\xff\xff\xff\xff", E1000_ETH_ADDR))
		e1000_count(nic, S_BPRC);
	else if (f->head[0] & 1)
		e1000_count(nic, S_MPRC);
}

/* Lock held. */
static bool receive_locked(struct hs_e1000 *nic, const struct hs_net_meta *meta,
			   const uint8_t *data, uint32_t length)
{
	uint32_t rctl = *e1000_reg(nic, R_RCTL), max = rctl & RCTL_LPE ? MAX_LONG : MAX_STANDARD;
	struct frame f = { .head = data, .rest = data + 2 * E1000_ETH_ADDR,
			   .rest_len = length - 2 * E1000_ETH_ADDR };
	bool inexact = false, tagged;
	uint16_t tag = 0;
	uint32_t bytes;

	if (!e1000_master(nic) || !(rctl & RCTL_EN) || length < HS_NET_MIN_FRAME)
		return true;
	/* As behind a wire, where a frame has 64 bytes at least. */
	bytes = length < E1000_MIN_FRAME ? E1000_MIN_FRAME : length;
	tagged = f.rest_len >= 2 + E1000_TAG && e1000_be16(f.rest) == *e1000_reg(nic, R_VET);
	if (tagged)
		tag = e1000_be16(f.rest + 2);
	if (!address_wanted(nic, data, &inexact) || (tagged && !vlan_wanted(nic, tag)))
		return true;
	if (bytes + E1000_FCS > max) {
		e1000_count(nic, S_ROC);
		return true;
	}
	if (tagged && *e1000_reg(nic, R_CTRL) & CTRL_VME) {
		f.rest += E1000_TAG;
		f.rest_len -= E1000_TAG;
		bytes -= E1000_TAG;
		f.special = tag;
		f.status |= RXD_VP;
	}
	f.total = bytes + (rctl & RCTL_SECRC ? 0 : E1000_FCS);
	if (inexact)
		f.status |= RXD_PIF;
	e1000_rx_check(nic, &f, f.rest, f.rest_len, meta->valid);
	if (!e1000_rx_deliver(nic, &f))
		return false;
	count_received(nic, &f);
	return true;
}

static bool e1000_rx_receive(struct hs_net_model *model, unsigned int queue,
		    const struct hs_net_meta *meta, const uint8_t *frame, uint32_t length)
{
	struct hs_e1000 *nic = hs_container_of(model, struct hs_e1000, model);
	bool taken;

	(void)queue;
	pthread_mutex_lock(&nic->lock);
	taken = receive_locked(nic, meta, frame, length);
	if (taken && length >= HS_NET_MIN_FRAME && *e1000_reg(nic, R_RCTL) & RCTL_EN) {
		e1000_count(nic, S_TPR);
		e1000_count64(nic, S_TORL, length + E1000_FCS);
	}
	pthread_mutex_unlock(&nic->lock);
	return taken;
}

/* RCTL.RDMTS: few descriptors are left, a half, a quarter or an eighth. */
static bool below_threshold(struct hs_e1000 *nic)
{
	uint32_t count = e1000_ring_count(nic, R_RDLEN);

	return e1000_rx_room(nic, count) <= count >> (1 + RCTL_RDMTS(*e1000_reg(nic, R_RCTL)));
}

static void received(struct hs_net_model *model, unsigned int queue)
{
	struct hs_e1000 *nic = hs_container_of(model, struct hs_e1000, model);

	(void)queue;
	pthread_mutex_lock(&nic->lock);
	if (nic->rx_notified) {
		nic->rx_notified = false;
		e1000_cause(nic, ICR_RXT0 | (below_threshold(nic) ? ICR_RXDMT0 : 0));
	}
	pthread_mutex_unlock(&nic->lock);
}

/* On the worker. */
static void e1000_rx_ready(struct hs_work *work)
{
	struct hs_e1000 *nic = hs_container_of(work, struct hs_e1000, rx_work);
	bool was;

	pthread_mutex_lock(&nic->lock);
	was = nic->rx_stalled && nic->present;
	nic->rx_stalled = false;
	pthread_mutex_unlock(&nic->lock);
	if (was)
		hs_net_ready(nic->net, 0);
}

void e1000_rx_kick(struct hs_e1000 *nic)
{
	if (nic->rx_stalled)
		hs_worker_post(nic->worker, &nic->rx_work);
}

void e1000_rx_init(struct hs_e1000 *nic)
{
	nic->rx_work.fn = e1000_rx_ready;
	nic->model.receive = e1000_rx_receive;
	nic->model.received = received;
}
