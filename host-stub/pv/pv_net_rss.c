// SPDX-License-Identifier: BSD-2-Clause
/*
 * Receive side scaling: which of the fields of a frame are hashed, and the
 * Toeplitz function ("Receive Side Scaling", Microsoft: "RSS Hashing Types"
 * and "RSS Hashing Functions"; the vectors of "Verifying the RSS Hash
 * Calculation" are in tests/unit/test_pv_net.c).
 *
 * The function adds, modulo 2, for each bit i of the input that is set, the
 * 32 bits of the key that begin at bit i. So what a half-byte adds depends on
 * its place and value only, and is tabled. A frame is bounded memory that
 * nobody changes, with any contents.
 */
#include <string.h>

#include "pv_net.h"

#define ETH_IP4		0x0800u
#define ETH_IP6		0x86ddu
#define ETH_VLAN	0x8100u
#define ETH_QINQ	0x88a8u
#define IP_TCP		6u
#define IP_UDP		17u

/* 32 bits of the key from bit `at` on, the first as the highest. */
static uint32_t window(const uint8_t key[PVK_NET_RSS_KEY], unsigned int at)
{
	uint32_t bits = 0;

	for (unsigned int i = at; i < at + 32; i++)
		bits = bits << 1 | (i < PVK_NET_RSS_KEY * 8 ? key[i / 8] >> (7 - i % 8) & 1u : 0);
	return bits;
}

void hs_pv_net_rss_key(struct hs_pv_net_rss *rss, const uint8_t key[PVK_NET_RSS_KEY])
{
	for (unsigned int i = 0; i < HS_PV_RSS_INPUT * 2; i++) {
		uint32_t bit[4];

		for (unsigned int b = 0; b < 4; b++)
			bit[b] = window(key, i * 4 + b);
		for (unsigned int v = 0; v < 16; v++)
			rss->part[i][v] = (v & 8 ? bit[0] : 0) ^ (v & 4 ? bit[1] : 0) ^
					  (v & 2 ? bit[2] : 0) ^ (v & 1 ? bit[3] : 0);
	}
}

static uint32_t toeplitz(const struct hs_pv_net_rss *rss, const uint8_t *input, unsigned int n)
{
	uint32_t hash = 0;

	for (unsigned int i = 0; i < n; i++)
		hash ^= rss->part[2 * i][input[i] >> 4] ^ rss->part[2 * i + 1][input[i] & 15];
	return hash;
}

static unsigned int be16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

/*
 * Addresses (bytes of both), then ports when transport, at `l4`, is there and
 * of a type to be hashed.
 */
static bool hash_ip(const struct hs_pv_net_rss *rss, const uint8_t *addresses, unsigned int bytes,
		    const uint8_t *l4, uint32_t left, uint32_t ip_type, uint32_t l4_type,
		    uint32_t *hash)
{
	uint8_t input[HS_PV_RSS_INPUT];

	memcpy(input, addresses, bytes);
	if (rss->types & l4_type && left >= 4) {
		memcpy(input + bytes, l4, 4);
		bytes += 4;
	} else if (!(rss->types & ip_type)) {
		return false;
	}
	*hash = toeplitz(rss, input, bytes);
	return true;
}

static bool hash_ip4(const struct hs_pv_net_rss *rss, const uint8_t *p, uint32_t left,
		     uint32_t *hash)
{
	uint32_t header = (p[0] & 15u) * 4, l4 = 0;

	if (p[0] >> 4 != 4 || header < 20 || header > left)
		return false;
	/* Pieces of a packet have no ports but the first: none is hashed by them. */
	if (!(be16(p + 6) & 0x3fff))
		l4 = p[9] == IP_TCP ? PVK_NET_RSS_TCP4 : p[9] == IP_UDP ? PVK_NET_RSS_UDP4 : 0;
	return hash_ip(rss, p + 12, 8, p + header, left - header, PVK_NET_RSS_IP4, l4, hash);
}

/* What has extension headers, pieces included, is hashed by its addresses. */
static bool hash_ip6(const struct hs_pv_net_rss *rss, const uint8_t *p, uint32_t left,
		     uint32_t *hash)
{
	uint32_t l4 = p[6] == IP_TCP ? PVK_NET_RSS_TCP6 : p[6] == IP_UDP ? PVK_NET_RSS_UDP6 : 0;

	if (p[0] >> 4 != 6)
		return false;
	return hash_ip(rss, p + 8, 32, p + 40, left - 40, PVK_NET_RSS_IP6, l4, hash);
}

bool hs_pv_net_rss_hash(const struct hs_pv_net_rss *rss, const uint8_t *frame, uint32_t length,
			uint32_t *hash)
{
	uint32_t at = 12;
	unsigned int type;

	if (length < at + 2)
		return false;
	type = be16(frame + at);
	for (unsigned int tags = 0; tags < 2 && (type == ETH_VLAN || type == ETH_QINQ); tags++) {
		at += 4;
		if (length < at + 2)
			return false;
		type = be16(frame + at);
	}
	at += 2;
	if (type == ETH_IP4 && length - at >= 20)
		return hash_ip4(rss, frame + at, length - at, hash);
	if (type == ETH_IP6 && length - at >= 40)
		return hash_ip6(rss, frame + at, length - at, hash);
	return false;
}
