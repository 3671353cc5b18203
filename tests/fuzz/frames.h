/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames for the fuzzers of the network: such as a pattern tells apart, and TCP or
 * UDP packets that are right but for what the input spoils.
 */
#ifndef TESTS_FUZZ_FRAMES_H
#define TESTS_FUZZ_FRAMES_H

#include <string.h>

#include "host-stub/net/net.h"
#include "input.h"

#define FRAME_ID_AT	14u	/* its number, behind the EtherType of experiments */
#define FRAME_LEAST	19u	/* that has one */

/* The nth of a length; with room for a number its bytes follow from that. */
static inline void frame_pattern(uint8_t *at, uint32_t n, uint32_t length)
{
	memset(at, (uint8_t)(n * 29 + length), length);
	if (length < FRAME_LEAST)
		return;
	memcpy(at + 12, "\x88\xb5", 2);
	memcpy(at + FRAME_ID_AT, &n, 4);
	at[length - 1] ^= (uint8_t)n;
}

/* Is it of the pattern? Its number goes to *n. Aborts when it is one and spoilt. */
static inline bool frame_is_pattern(const uint8_t *at, uint32_t length, uint32_t *n)
{
	static uint8_t want[HS_NET_MAX_FRAME];

	if (length < FRAME_LEAST || memcmp(at + 12, "\x88\xb5", 2))
		return false;
	memcpy(n, at + FRAME_ID_AT, 4);
	frame_pattern(want, *n, length);
	MUST(!memcmp(at, want, length));
	return true;
}

static inline uint32_t frame_length(struct input *in)
{
	static const uint32_t often[] = { 14, 15, 18, 60, 61, 333, 1000, 1514, 4096, 9014, 65549,
					  65550 };
	uint8_t kind = (uint8_t)take(in, 1);

	if (kind < 0xc0)
		return often[kind % (sizeof(often) / sizeof(often[0]))];
	return HS_NET_MIN_FRAME + (uint32_t)take(in, 2) % (HS_NET_MAX_FRAME - 13);
}

/*
 * A TCP or UDP packet of this length, and what a sender says of it. Returns false
 * when the length has no room for one.
 */
static inline bool frame_packet(struct input *in, uint8_t *at, uint32_t length,
				struct hs_net_meta *meta)
{
	uint8_t kind = (uint8_t)take(in, 1), more = (uint8_t)take(in, 1);
	bool six = kind & 1, udp = kind & 2, tagged = kind & 4;
	uint32_t ip = 14 + (tagged ? 4 : 0), header = six ? 40 : 20, transport, end;

	if (kind & 8)		/* options, or extension headers */
		header += six ? 8u * (1 + (more & 7)) : 4u * (1 + more % 10);
	transport = ip + header;
	end = transport + (udp ? 8u : 20u + (kind & 0x10 ? 4u * (more >> 4) % 44u : 0));
	if (length < end)
		return false;
	memset(at, 0, end);
	if (tagged)
		memcpy(at + 12, more & 1 ? "\x81\x00\x00\x07" : "\x88\xa8\x00\x07", 4);
	memcpy(at + ip - 2, six ? "\x86\xdd" : "\x08\x00", 2);
	at[ip] = six ? 0x60 : (uint8_t)(0x40 | header / 4);
	if (!six) {
		at[ip + 9] = udp ? 17 : 6;
	} else if (header == 40) {
		at[ip + 6] = udp ? 17 : 6;
	} else {		/* one extension header after the other, of 8 bytes */
		at[ip + 6] = more & 8 ? 0 : 60;
		for (uint32_t x = ip + 40; x < transport; x += 8)
			at[x] = x + 8 < transport ? 60 : udp ? 17 : 6;
	}
	at[ip + (six ? 4 : 2)] = (uint8_t)((length - (six ? ip + 40 : ip)) >> 8);
	at[ip + (six ? 5 : 3)] = (uint8_t)(length - (six ? ip + 40 : ip));
	if (udp)
		at[transport + 6] = 1;	/* there is a sum */
	else
		at[transport + 12] = (uint8_t)((end - transport) / 4 << 4);
	*meta = (struct hs_net_meta){ .csum = true, .csum_start = (uint16_t)transport,
				      .csum_offset = udp ? 6 : 16 };
	if (kind & 0x20) {
		meta->gso = udp ? PVK_NET_GSO_UDP : six ? PVK_NET_GSO_TCP6 : PVK_NET_GSO_TCP4;
		meta->gso_size = (uint16_t)(kind & 0x40 ? take(in, 2) : 1448);
		meta->hdr_len = (uint16_t)end;
		meta->ecn = more & 2 && !udp;
	}
	if (kind & 0x80) {
		at[14 + take(in, 1)] ^= (uint8_t)take(in, 1);
		switch (take(in, 1) & 7) {
		case 0:
			meta->csum_start ^= (uint16_t)take(in, 2);
			break;
		case 1:
			meta->csum_offset ^= (uint16_t)take(in, 1);
			break;
		case 2:
			meta->gso_size = (uint16_t)take(in, 1);
			break;
		case 3:
			meta->hdr_len ^= (uint16_t)take(in, 1);
			break;
		}
	}
	return true;
}

#endif /* TESTS_FUZZ_FRAMES_H */
