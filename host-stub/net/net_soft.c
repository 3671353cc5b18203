// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a NIC's hardware does to frames, in software: Internet checksums (RFC
 * 1071) and cutting of large TCP and UDP packets. Pure functions over private
 * memory: callers copy a frame first, everything here is about the copy.
 *
 * Known: Ethernet with at most one tag, IPv4 with options, IPv6 with
 * hop-by-hop and destination options. An IPv6 routing header changes what the
 * checksum covers, a fragment cannot be cut: both are refused. So are headers whose
 * copies, one for each piece, would be many times the frame.
 */
#include <errno.h>
#include <string.h>

#include "net_priv.h"
#include "../util.h"

#define ETH_LEN		14u
#define TAG_LEN		4u
#define TYPE_IP4	0x0800u
#define TYPE_IP6	0x86ddu
#define TYPE_TAG	0x8100u		/* 802.1Q */
#define TYPE_STAG	0x88a8u		/* 802.1ad */
#define PROTO_HOP	0u
#define PROTO_TCP	6u
#define PROTO_UDP	17u
#define PROTO_DEST	60u
#define IP6_EXTENSIONS	8u		/* most that are looked at */
#define TCP_SUM		16u		/* offset of the checksum (RFC 9293, 3.1) */
#define TCP_FLAGS	13u
#define TCP_FIN		0x01u
#define TCP_PSH		0x08u
#define TCP_CWR		0x80u
#define UDP_SUM		6u		/* RFC 768 */
#define UDP_LEN		8u

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffffu) + (sum >> 16);
	return (uint16_t)sum;
}

uint16_t hs_net_checksum(const uint8_t *data, uint32_t len, uint32_t sum)
{
	uint64_t acc = 0, word;
	uint8_t last[2] = { 0, 0 };
	uint16_t half;

	/* In the host's byte order: RFC 1071, 2(B). A carry is worth 1 wherever it is. */
	for (; len >= 8; data += 8, len -= 8) {
		memcpy(&word, data, 8);
		acc += word;
		acc += acc < word;
	}
	acc = (acc & 0xffffffffu) + (acc >> 32);
	for (; len >= 2; data += 2, len -= 2) {
		memcpy(&half, data, 2);
		acc += half;
	}
	if (len) {
		last[0] = data[0];
		memcpy(&half, last, 2);
		acc += half;
	}
	half = fold(acc);
	memcpy(last, &half, 2);
	return fold((uint64_t)hs_get_be16(last) + sum);
}

/* 0 or -EINVAL; hdr_len only when it is known. */
int hs_net_check_frame(const struct hs_net_meta *meta, uint32_t length)
{
	uint32_t field = (uint32_t)meta->csum_start + meta->csum_offset + 2;

	if (length < HS_NET_MIN_FRAME || length > HS_NET_MAX_FRAME)
		return -EINVAL;
	if (meta->csum && (meta->csum_start < ETH_LEN || field > length))
		return -EINVAL;
	if (meta->gso == PVK_NET_GSO_NONE)
		return 0;
	if (meta->gso > PVK_NET_GSO_UDP || !meta->csum || meta->gso_size < HS_NET_MIN_GSO)
		return -EINVAL;
	if (meta->hdr_len && (meta->hdr_len < field || meta->hdr_len >= length))
		return -EINVAL;
	return 0;
}

int hs_net_check(const struct hs_net_meta *meta, uint32_t length)
{
	if (meta->gso != PVK_NET_GSO_NONE && !meta->hdr_len)
		return -EINVAL;
	return hs_net_check_frame(meta, length);
}

int hs_net_fill_csum(const struct hs_net_meta *meta, uint8_t *frame, uint32_t length)
{
	uint16_t sum;

	if (!meta->csum)
		return 0;
	if (hs_net_check_frame(meta, length) < 0)
		return -EINVAL;
	/* The field holds the pseudo header's sum; 0 on the wire would mean "none" in UDP. */
	sum = (uint16_t)~hs_net_checksum(frame + meta->csum_start, length - meta->csum_start, 0);
	hs_put_be16(frame + meta->csum_start + meta->csum_offset, sum ? sum : 0xffffu);
	return 0;
}

/* Where the transport header begins and what it is. 0 or -EINVAL. */
static int find_transport(struct hs_net_segmenter *c, const uint8_t *frame, uint32_t length,
			  uint8_t *proto)
{
	uint32_t at = ETH_LEN, header;
	uint16_t type;

	if (length < ETH_LEN + TAG_LEN)
		return -EINVAL;
	type = hs_get_be16(frame + 12);
	if (type == TYPE_TAG || type == TYPE_STAG) {
		type = hs_get_be16(frame + 16);
		at += TAG_LEN;
	}
	c->ip = at;
	if (type == TYPE_IP4) {
		if (length < at + 20 || frame[at] >> 4 != 4)
			return -EINVAL;
		header = (frame[at] & 15u) * 4;
		/* More-fragments flag or an offset: not a whole packet (RFC 791, 3.1) */
		if (header < 20 || length < at + header || hs_get_be16(frame + at + 6) & 0x3fffu)
			return -EINVAL;
		*proto = frame[at + 9];
		c->transport = at + header;
		return 0;
	}
	if (type != TYPE_IP6 || length < at + 40 || frame[at] >> 4 != 6)
		return -EINVAL;
	c->ip6 = true;
	*proto = frame[at + 6];
	at += 40;
	for (unsigned int i = 0; *proto == PROTO_HOP || *proto == PROTO_DEST; i++) {
		if (i == IP6_EXTENSIONS || length < at + 8)
			return -EINVAL;
		*proto = frame[at];
		at += (frame[at + 1] + 1u) * 8;
	}
	c->transport = at;
	return 0;
}

int hs_net_segment_begin(struct hs_net_segmenter *c, const struct hs_net_meta *meta,
		     const uint8_t *frame, uint32_t length)
{
	uint32_t sum_at, largest;
	uint8_t proto;

	memset(c, 0, sizeof(*c));
	if (meta->gso == PVK_NET_GSO_NONE || hs_net_check_frame(meta, length) < 0 ||
	    find_transport(c, frame, length, &proto) < 0)
		return -EINVAL;
	if (meta->gso == PVK_NET_GSO_UDP) {
		if (proto != PROTO_UDP || length < c->transport + UDP_LEN)
			return -EINVAL;
		sum_at = UDP_SUM;
		c->header = c->transport + UDP_LEN;
	} else {
		if (proto != PROTO_TCP || c->ip6 != (meta->gso == PVK_NET_GSO_TCP6) ||
		    length < c->transport + 20 || (frame[c->transport + 12] >> 4) < 5)
			return -EINVAL;
		sum_at = TCP_SUM;
		c->header = c->transport + (frame[c->transport + 12] >> 4) * 4u;
		c->tcp = true;
	}
	if (meta->csum_start != c->transport || meta->csum_offset != sum_at ||
	    (meta->hdr_len && meta->hdr_len != c->header) || c->header >= length)
		return -EINVAL;
	c->frame = frame;
	c->payload = length - c->header;
	c->size = meta->gso_size;
	largest = c->payload < c->size ? c->payload : c->size;
	if (c->header - c->ip + largest > 65535)
		return -EINVAL;
	c->pieces = (c->payload + c->size - 1) / c->size;
	if (c->header > HS_NET_MAX_HEADER || c->pieces > HS_NET_MAX_HEADERS / c->header)
		return -EINVAL;
	return (int)c->pieces;
}

/* Of the pseudo header (RFC 9293, 3.1; RFC 8200, 8.1), unfolded. */
static uint32_t pseudo(const struct hs_net_segmenter *c, const uint8_t *piece, uint32_t bytes)
{
	uint32_t addresses = c->ip6 ? c->ip + 8 : c->ip + 12;

	return (uint32_t)hs_net_checksum(piece + addresses, c->ip6 ? 32 : 8, 0) +
	       (c->tcp ? PROTO_TCP : PROTO_UDP) + bytes;
}

uint32_t hs_net_segment_next(const struct hs_net_segmenter *c, unsigned int n, uint8_t *piece)
{
	uint32_t from = n * c->size, bytes = c->payload - from, segment;
	uint8_t *ip = piece + c->ip, *transport = piece + c->transport, *field;
	uint16_t sum;

	if (bytes > c->size)
		bytes = c->size;
	memcpy(piece, c->frame, c->header);
	memcpy(piece + c->header, c->frame + c->header + from, bytes);
	segment = c->header - c->transport + bytes;
	if (c->ip6) {
		hs_put_be16(ip + 4, c->header - c->ip - 40 + bytes);
	} else {
		hs_put_be16(ip + 2, c->header - c->ip + bytes);
		hs_put_be16(ip + 4, hs_get_be16(ip + 4) + n);
		hs_put_be16(ip + 10, 0);
		hs_put_be16(ip + 10, (uint16_t)~hs_net_checksum(ip, c->transport - c->ip, 0));
	}
	if (c->tcp) {
		hs_put_be32(transport + 4, hs_get_be32(transport + 4) + from);
		if (n + 1 < c->pieces)
			transport[TCP_FLAGS] &= (uint8_t)~(TCP_FIN | TCP_PSH);
		/* Once per window reduction (RFC 3168, 6.1.2): the first segment tells. */
		if (n)
			transport[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
		field = transport + TCP_SUM;
	} else {
		hs_put_be16(transport + 4, segment);
		field = transport + UDP_SUM;
	}
	hs_put_be16(field, 0);
	sum = (uint16_t)~hs_net_checksum(transport, segment, pseudo(c, piece, segment));
	hs_put_be16(field, sum || c->tcp ? sum : 0xffffu);
	return c->header + bytes;
}

int hs_net_segment(const struct hs_net_meta *meta, const uint8_t *frame, uint32_t length,
	       int (*emit)(void *arg, const uint8_t *piece, uint32_t length), void *arg)
{
	uint8_t piece[HS_NET_MAX_FRAME];
	struct hs_net_segmenter c;
	int ret = hs_net_segment_begin(&c, meta, frame, length);

	if (ret < 0)
		return ret;
	for (unsigned int n = 0; n < c.pieces; n++)
		if (emit(arg, piece, hs_net_segment_next(&c, n, piece)) < 0)
			return (int)n;
	return ret;
}
