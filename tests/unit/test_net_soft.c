// SPDX-License-Identifier: BSD-2-Clause
/*
 * Checksums and cutting in software (net/net_soft.c). Every piece is
 * looked at by a parser of the test's own, which sums byte by byte.
 */
/* LINK: host-stub/net/net_soft.c */
/* LIBS: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host-stub/net/net.h"

/* ---- the plain way ---- */

static uint32_t plain_sum(const uint8_t *at, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++) {
		sum += i & 1 ? at[i] : (uint32_t)at[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static uint32_t be16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t be32(const uint8_t *at)
{
	return be16(at) << 16 | be16(at + 2);
}

/* ---- frames ---- */

struct shape {
	bool v6, udp, tag, dest_options;
	uint32_t ip_options, tcp_options, payload;
	uint16_t gso_size, id;
	uint8_t flags;
	bool ecn;
};

static uint8_t frame[HS_NET_MAX_FRAME];
static uint32_t frame_len, ip_at, l4_at, header;
static struct hs_net_meta meta;
static const struct shape *shape;

static void build(const struct shape *s)
{
	uint32_t at = 14;

	shape = s;
	memset(frame, 0, sizeof(frame));
	for (uint32_t i = 0; i < 12; i++)
		frame[i] = (uint8_t)(0x52 + i);
	if (s->tag) {
		frame[12] = 0x81;
		frame[15] = 7;
		at = 18;
	}
	frame[at - 2] = s->v6 ? 0x86 : 0x08;
	frame[at - 1] = s->v6 ? 0xdd : 0;
	ip_at = at;
	if (s->v6) {
		frame[at] = 0x60;
		frame[at + 6] = s->dest_options ? 60 : s->udp ? 17 : 6;
		frame[at + 7] = 64;
		for (uint32_t i = 8; i < 40; i++)
			frame[at + i] = (uint8_t)(i * 7);
		at += 40;
		if (s->dest_options) {
			frame[at] = s->udp ? 17 : 6;
			frame[at + 1] = 1;
			frame[at + 2] = 1;
			frame[at + 3] = 12;
			at += 16;
		}
	} else {
		frame[at] = (uint8_t)(0x45 + s->ip_options / 4);
		frame[at + 4] = (uint8_t)(s->id >> 8);
		frame[at + 5] = (uint8_t)s->id;
		frame[at + 6] = 0x40;
		frame[at + 8] = 64;
		frame[at + 9] = s->udp ? 17 : 6;
		for (uint32_t i = 12; i < 20 + s->ip_options; i++)
			frame[at + i] = (uint8_t)(i < 20 ? i * 11 : 1);
		at += 20 + s->ip_options;
	}
	l4_at = at;
	for (uint32_t i = 0; i < 8; i++)
		frame[at + i] = (uint8_t)(0xf0 + i);
	if (s->udp) {
		at += 8;
	} else {
		frame[at + 12] = (uint8_t)((20 + s->tcp_options) / 4 << 4);
		frame[at + 13] = s->flags;
		for (uint32_t i = 20; i < 20 + s->tcp_options; i++)
			frame[at + i] = 1;
		at += 20 + s->tcp_options;
	}
	header = at;
	for (uint32_t i = 0; i < s->payload; i++)
		frame[at + i] = (uint8_t)(rand() >> 4);
	frame_len = at + s->payload;
	meta = (struct hs_net_meta) {
		.gso = s->udp ? PVK_NET_GSO_UDP : s->v6 ? PVK_NET_GSO_TCP6 : PVK_NET_GSO_TCP4,
		.csum = true, .gso_size = s->gso_size, .hdr_len = (uint16_t)header, .ecn = s->ecn,
		.csum_start = (uint16_t)l4_at, .csum_offset = s->udp ? 6 : 16,
	};
}

static uint32_t l4_sum(const uint8_t *at, uint32_t bytes)
{
	uint32_t sum = plain_sum(at + ip_at + (shape->v6 ? 8 : 12), shape->v6 ? 32 : 8, 0);

	return plain_sum(at + l4_at, bytes, sum + (shape->udp ? 17 : 6) + bytes);
}

static unsigned int pieces, total, stop_at;

static int look(void *arg, const uint8_t *at, uint32_t length)
{
	uint32_t from = pieces * shape->gso_size, left = shape->payload - from;
	uint32_t bytes = left < shape->gso_size ? left : shape->gso_size;
	bool first = !pieces, last = from + bytes == shape->payload;
	uint8_t flags;

	assert_ptr_equal(arg, &total);
	assert_int_equal(length, header + bytes);
	assert_memory_equal(at, frame, ip_at);
	assert_memory_equal(at + header, frame + header + from, bytes);
	if (shape->v6) {
		assert_int_equal(be16(at + ip_at + 4), length - ip_at - 40);
		assert_memory_equal(at + ip_at + 6, frame + ip_at + 6, l4_at - ip_at - 6);
	} else {
		assert_int_equal(be16(at + ip_at + 2), length - ip_at);
		assert_int_equal(be16(at + ip_at + 4), (shape->id + pieces) & 0xffff);
		assert_int_equal(plain_sum(at + ip_at, l4_at - ip_at, 0), 0xffff);
		assert_memory_equal(at + ip_at + 12, frame + ip_at + 12, l4_at - ip_at - 12);
	}
	assert_int_equal(l4_sum(at, length - l4_at), 0xffff);
	assert_memory_equal(at + l4_at, frame + l4_at, 4);
	if (shape->udp) {
		assert_int_equal(be16(at + l4_at + 4), bytes + 8);
		assert_int_not_equal(be16(at + l4_at + 6), 0);
	} else {
		flags = shape->flags;
		if (!last)
			flags &= (uint8_t)~0x09;
		if (!first)
			flags &= (uint8_t)~0x80;
		assert_int_equal(at[l4_at + 13], flags);
		assert_int_equal(be32(at + l4_at + 4), be32(frame + l4_at + 4) + from);
		assert_memory_equal(at + l4_at + 20, frame + l4_at + 20, shape->tcp_options);
	}
	pieces++;
	total += bytes;
	return stop_at && pieces == stop_at ? -1 : 0;
}

static int cut(void)
{
	pieces = 0;
	total = 0;
	return hs_net_segment(&meta, frame, frame_len, look, &total);
}

/* ---- tests ---- */

static void sums_agree(void **state)
{
	uint8_t bytes[200];

	(void)state;
	assert_int_equal(hs_net_checksum((const uint8_t *)"", 0, 0), 0);
	/* RFC 1071, 3 */
	assert_int_equal(hs_net_checksum((const uint8_t *)"\x00\x01\xf2\x03\xf4\xf5\xf6\xf7", 8, 0),
			 0xddf2);
	for (unsigned int run = 0; run < 200; run++) {
		for (unsigned int i = 0; i < sizeof(bytes); i++)
			bytes[i] = run == 7 ? 0xff : (uint8_t)(rand() >> 3);
		for (uint32_t len = 0; len < 150; len += 1 + run % 3) {
			uint32_t start = (uint32_t)rand() & 0xffffff, want;

			want = plain_sum(bytes + run % 9, len, start);
			while (want >> 16)
				want = (want & 0xffff) + (want >> 16);
			assert_int_equal(hs_net_checksum(bytes + run % 9, len, start), want);
		}
	}
}

static void shapes_are_cut(void **state)
{
	static const uint32_t payload[] = { 1, 2, 99, 100, 101, 1447, 1448, 1449, 9000, 64001 };
	static const uint16_t size[] = { 16, 17, 100, 536, 1448, 8961, 60000 };
	struct shape s = { .id = 0xfffe, .flags = 0x99 };

	(void)state;
	for (unsigned int kind = 0; kind < 64; kind++) {
		s.v6 = kind & 1;
		s.udp = kind & 2;
		s.tag = kind & 4;
		s.ip_options = kind & 8 ? 24 : 0;
		s.dest_options = kind & 8;
		s.tcp_options = kind & 16 ? 40 : 0;
		s.ecn = kind & 32;
		for (unsigned int i = 0; i < sizeof(payload) / sizeof(payload[0]); i++)
			for (unsigned int k = 0; k < sizeof(size) / sizeof(size[0]); k++) {
				if (payload[i] / size[k] > 200)
					continue;
				s.payload = payload[i];
				s.gso_size = size[k];
				build(&s);
				assert_int_equal(hs_net_check(&meta, frame_len), 0);
				assert_int_equal(cut(), (s.payload + s.gso_size - 1) / s.gso_size);
				assert_int_equal(total, s.payload);
			}
	}
}

static void emit_can_stop(void **state)
{
	static const struct shape s = { .payload = 1000, .gso_size = 100 };

	(void)state;
	build(&s);
	stop_at = 3;
	assert_int_equal(cut(), 2);
	assert_int_equal(pieces, 3);
	stop_at = 0;
}

/* A frame that is fine but for one change. */
#define REFUSED(change) do { \
	build(&s); \
	assert_int_equal(cut(), 10); \
	build(&s); \
	change; \
	assert_int_equal(cut(), -EINVAL); \
	assert_int_equal(pieces, 0); \
} while (0)

static void wrong_headers_are_refused(void **state)
{
	struct shape s = { .payload = 1000, .gso_size = 100 };

	(void)state;
	REFUSED(frame[12] = 9);
	REFUSED(frame[ip_at] = 0x65);
	REFUSED(frame[ip_at] = 0x44);
	REFUSED(frame[ip_at] = 0x46);
	REFUSED(frame[ip_at + 6] = 0x20);
	REFUSED(frame[ip_at + 7] = 1);
	REFUSED(frame[ip_at + 9] = 17);
	REFUSED(frame[l4_at + 12] = 0x40);
	REFUSED(frame[l4_at + 12] = 0x60);
	REFUSED(meta.hdr_len++);
	REFUSED(meta.csum_start += 2);
	REFUSED(meta.csum_offset = 6);
	REFUSED(meta.csum = false);
	REFUSED(meta.gso = PVK_NET_GSO_UDP);
	REFUSED(meta.gso = PVK_NET_GSO_TCP6);
	REFUSED(meta.gso = 4);
	REFUSED(meta.gso = PVK_NET_GSO_NONE);
	REFUSED(meta.gso_size = 0);
	REFUSED(meta.gso_size = 15);
	REFUSED(frame_len = header);
	for (uint32_t cut_off = 1; cut_off < header; cut_off++)
		REFUSED(frame_len = cut_off);
	s.v6 = true;
	REFUSED(frame[ip_at] = 0x40);
	REFUSED(frame[ip_at + 6] = 43);		/* a routing header */
	REFUSED(frame[ip_at + 6] = 44);		/* a fragment */
	s.dest_options = true;
	REFUSED(frame[ip_at + 41] = 255);
	REFUSED(frame[ip_at + 40] = 60);
	s.udp = true;
	REFUSED(frame[ip_at + 40] = 6);
}

static void check_looks_at_every_field(void **state)
{
	static const struct shape s = { .payload = 1000, .gso_size = 100 };
	struct hs_net_meta none = { 0 };

	(void)state;
	build(&s);
	assert_int_equal(hs_net_check(&none, HS_NET_MIN_FRAME), 0);
	assert_int_equal(hs_net_check(&none, HS_NET_MIN_FRAME - 1), -EINVAL);
	assert_int_equal(hs_net_check(&none, HS_NET_MAX_FRAME), 0);
	assert_int_equal(hs_net_check(&none, HS_NET_MAX_FRAME + 1), -EINVAL);
#define BAD(field, value) do { \
	struct hs_net_meta was = meta; \
	assert_int_equal(hs_net_check(&meta, frame_len), 0); \
	meta.field = (value); \
	assert_int_equal(hs_net_check(&meta, frame_len), -EINVAL); \
	meta = was; \
} while (0)
	BAD(gso, 4);
	BAD(csum, false);
	BAD(gso_size, 0);
	BAD(hdr_len, 0);
	BAD(hdr_len, (uint16_t)frame_len);
	BAD(hdr_len, (uint16_t)(l4_at + 17));
	BAD(csum_start, 13);
	BAD(csum_start, (uint16_t)(frame_len - 17));
	BAD(csum_offset, (uint16_t)(frame_len - l4_at - 1));
	BAD(csum_start, 0xffff);
	meta.gso = PVK_NET_GSO_NONE;
	meta.csum_offset = (uint16_t)(frame_len - l4_at - 2);
	assert_int_equal(hs_net_check(&meta, frame_len), 0);
}

static void checksum_is_filled_in(void **state)
{
	static const struct shape s = { .udp = true, .payload = 77, .gso_size = 100 };
	uint32_t sum;

	(void)state;
	for (unsigned int run = 0; run < 100; run++) {
		build(&s);
		meta.gso = PVK_NET_GSO_NONE;
		frame[l4_at + 5] = 85;
		sum = plain_sum(frame + ip_at + 12, 8, 17 + 85);
		frame[l4_at + 6] = (uint8_t)(sum >> 8);
		frame[l4_at + 7] = (uint8_t)sum;
		assert_int_equal(hs_net_fill_csum(&meta, frame, frame_len), 0);
		assert_int_equal(l4_sum(frame, 85), 0xffff);
	}
	/* A sum of zero is sent as ones. */
	memset(frame, 0, 100);
	frame[50] = 0xff;
	frame[51] = 0xff;
	meta.csum_start = 40;
	assert_int_equal(hs_net_fill_csum(&meta, frame, 60), 0);
	assert_int_equal(be16(frame + 46), 0xffff);
	meta.csum_start = 53;
	assert_int_equal(hs_net_fill_csum(&meta, frame, 60), -EINVAL);
	meta.csum = false;
	assert_int_equal(hs_net_fill_csum(&meta, frame, 60), 0);
}

/* IPv6 with as many destination options as are looked at, of `bytes` each, and TCP. */
static void build_long(uint32_t bytes, uint32_t length, uint16_t size)
{
	build(&(struct shape){ .v6 = true, .payload = 100, .gso_size = size });
	memset(frame + l4_at, 0, HS_NET_MAX_FRAME - l4_at);
	frame[ip_at + 6] = 60;
	for (unsigned int i = 0; i < 8; i++, l4_at += bytes) {
		frame[l4_at] = i < 7 ? 60 : 6;
		frame[l4_at + 1] = (uint8_t)(bytes / 8 - 1);
	}
	frame[l4_at + 12] = 5 << 4;
	header = l4_at + 20;
	meta.csum_start = (uint16_t)l4_at;
	meta.hdr_len = (uint16_t)header;
	frame_len = length;
}

static int swallow(void *arg, const uint8_t *at, uint32_t length)
{
	(void)at;
	*(uint64_t *)arg += length;
	return 0;
}

/* What one frame can become is bounded: 50 MB were made of the first of these. */
static void headers_are_bounded(void **state)
{
	static const struct {
		uint32_t bytes, length;
		uint16_t size;
		bool good;
	} some[] = {
		{ 2048, 65550, 16, false },
		{ 56, 65550, 1400, false },	/* 522 bytes of headers */
		{ 48, 65550, 1400, true },	/* 458 */
		{ 48, 65550, 16, false },	/* 4,068 pieces of them */
		{ 24, 65550, 16, false },	/* 266 bytes, 4,080 times */
		{ 16, 65550, 16, true },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		uint64_t made = 0;
		int ret;

		build_long(some[i].bytes, some[i].length, some[i].size);
		ret = hs_net_segment(&meta, frame, frame_len, swallow, &made);
		assert_int_equal(ret > 0, some[i].good);
		assert_true(made < (1 << 20) + HS_NET_MAX_FRAME);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_agree),
		cmocka_unit_test(shapes_are_cut),
		cmocka_unit_test(emit_can_stop),
		cmocka_unit_test(wrong_headers_are_refused),
		cmocka_unit_test(check_looks_at_every_field),
		cmocka_unit_test(headers_are_bounded),
		cmocka_unit_test(checksum_is_filled_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
