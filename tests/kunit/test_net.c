// SPDX-License-Identifier: GPL-2.0-only
/*
 * The network driver's demands on the host, and the arithmetic of its
 * interrupts: the very functions of drivers/net/check.h. Each refusal changes
 * one thing of something sound.
 */
#include "suites.h"

#include "../../drivers/net/check.h"

static const u64 all = PVK_NET_KNOWN_FEATURES;

static const struct pvk_net_config sound = {
	.size = sizeof(struct pvk_net_config),
	.mac = { 0x52, 0x54, 0, 1, 2, 3 },
	.link = 1,
	.mtu = 1500,
	.max_mtu = 9000,
	.speed = 10000,
	.max_segs = 32,
	.rss_types = PVK_NET_RSS_KNOWN,
	.max_addresses = 64,
};

static void features_come_with_what_they_need(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, pvk_net_choose_features(~0ull), all);
	KUNIT_EXPECT_EQ(test, pvk_net_choose_features(0), 0ull);
	KUNIT_EXPECT_EQ(test, pvk_net_choose_features(all & ~PVK_NET_F_CSUM),
			all & ~(PVK_NET_F_CSUM | PVK_NET_F_TX_GSO));
	KUNIT_EXPECT_EQ(test, pvk_net_choose_features(all & ~PVK_NET_F_RX_CSUM),
			all & ~PVK_NET_F_RX_OFFLOADS);
}

static void sound_configurations_stay(struct kunit *test)
{
	struct pvk_net_config c = sound;

	KUNIT_EXPECT_EQ(test, pvk_net_check_config(&c, all), 0);
	KUNIT_EXPECT_EQ(test, memcmp(&c, &sound, sizeof(c)), 0);
}

static void impossible_configurations_are_refused(struct kunit *test)
{
	static const struct {
		size_t offset;
		u32 value;
	} bad[] = {
		{ offsetof(struct pvk_net_config, mtu), 67 },
		{ offsetof(struct pvk_net_config, mtu), 9001 },
		{ offsetof(struct pvk_net_config, max_mtu), 1499 },
		{ offsetof(struct pvk_net_config, max_mtu), 9001 },
		{ offsetof(struct pvk_net_config, max_mtu), U32_MAX },
		{ offsetof(struct pvk_net_config, max_segs), 0 },
		{ offsetof(struct pvk_net_config, max_segs), 33 },
	};
	struct pvk_net_config c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		c = sound;
		memcpy((u8 *)&c + bad[i].offset, &bad[i].value, sizeof(bad[i].value));
		KUNIT_EXPECT_EQ_MSG(test, pvk_net_check_config(&c, all), -EIO, "case %u", i);
	}
	c = sound;
	c.mac[0] |= 1;
	KUNIT_EXPECT_EQ(test, pvk_net_check_config(&c, all), -EIO);
	c = sound;
	memset(c.mac, 0, sizeof(c.mac));
	KUNIT_EXPECT_EQ(test, pvk_net_check_config(&c, all), -EIO);
}

static void hints_are_corrected(struct kunit *test)
{
	struct pvk_net_config c = sound;

	c.link = 7;
	c.speed = U32_MAX;
	c.rss_types = U32_MAX;
	c.max_addresses = U32_MAX;
	KUNIT_EXPECT_EQ(test, pvk_net_check_config(&c, all), 0);
	KUNIT_EXPECT_EQ(test, c.link, 1);
	KUNIT_EXPECT_EQ(test, c.speed, 0u);
	KUNIT_EXPECT_EQ(test, c.rss_types, PVK_NET_RSS_KNOWN);
	KUNIT_EXPECT_EQ(test, c.max_addresses, PVK_NET_ADDRESSES);
	KUNIT_EXPECT_EQ(test, pvk_net_check_config(&c, 0), 0);
	KUNIT_EXPECT_EQ(test, c.rss_types, 0u);
	KUNIT_EXPECT_EQ(test, c.max_addresses, 0u);
}

static void sent_frames_are_answered_once(struct kunit *test)
{
	const struct pvk_cqe good = { .op = PVK_NET_TX, .flags = PVK_ENTRY_PHASE };
	struct pvk_cqe e = good;

	KUNIT_EXPECT_EQ(test, pvk_net_check_tx(&e, true), 0);
	KUNIT_EXPECT_EQ(test, pvk_net_check_tx(&e, false), -EIO);
	e.status = -PVK_EIO;
	KUNIT_EXPECT_EQ(test, pvk_net_check_tx(&e, true), 0);
	e.status = 1;
	KUNIT_EXPECT_EQ(test, pvk_net_check_tx(&e, true), -EIO);
	e = good;
	e.op = PVK_NET_RX;
	KUNIT_EXPECT_EQ(test, pvk_net_check_tx(&e, true), -EIO);
	e = good;
	e.flags |= PVK_NET_MORE;
	KUNIT_EXPECT_EQ(test, pvk_net_check_tx(&e, true), -EIO);
	e = good;
	e.value = 1;
	KUNIT_EXPECT_EQ(test, pvk_net_check_tx(&e, true), -EIO);
}

static const struct pvk_net_rx_expect first = { .id = 5, .room = 2000, .features = all };

static int take(u64 value, u8 flags, const struct pvk_net_rx_expect *x)
{
	struct pvk_cqe e = { .id = 5, .op = PVK_NET_RX, .flags = flags, .value = value };

	return pvk_net_check_rx(&e, x);
}

static void buffers_are_answered_in_order(struct kunit *test)
{
	struct pvk_cqe e = { .id = 5, .op = PVK_NET_RX, .value = 60 };

	KUNIT_EXPECT_EQ(test, pvk_net_check_rx(&e, &first), 0);
	e.id = 6;
	KUNIT_EXPECT_EQ(test, pvk_net_check_rx(&e, &first), -EIO);
	e.id = 5;
	e.op = PVK_NET_TX;
	KUNIT_EXPECT_EQ(test, pvk_net_check_rx(&e, &first), -EIO);
	e.op = PVK_NET_RX;
	e.status = 1;
	KUNIT_EXPECT_EQ(test, pvk_net_check_rx(&e, &first), -EIO);
	e.status = -PVK_EIO;
	e.value = ~0ull;
	KUNIT_EXPECT_EQ(test, pvk_net_check_rx(&e, &first), 0);
	e.flags = 0x80;
	KUNIT_EXPECT_EQ(test, pvk_net_check_rx(&e, &first), -EIO);
}

static void lengths_fit_buffer_and_frame(struct kunit *test)
{
	struct pvk_net_rx_expect next = first;

	KUNIT_EXPECT_EQ(test, take(1, 0, &first), 0);
	KUNIT_EXPECT_EQ(test, take(2000, 0, &first), 0);
	KUNIT_EXPECT_EQ(test, take(0, 0, &first), -EIO);
	KUNIT_EXPECT_EQ(test, take(2001, 0, &first), -EIO);
	KUNIT_EXPECT_EQ(test, take(2000, PVK_NET_MORE, &first), 0);
	KUNIT_EXPECT_EQ(test, take(1999, PVK_NET_MORE, &first), -EIO);
	next.so_far = PVK_NET_MAX_FRAME - 100;
	KUNIT_EXPECT_EQ(test, take(100, 0, &next), 0);
	KUNIT_EXPECT_EQ(test, take(101, 0, &next), -EIO);
	/* in later buffers there is only a length */
	KUNIT_EXPECT_EQ(test, take(100 | PVK_NET_RX_VALID, 0, &next), -EIO);
	next.so_far = PVK_NET_MAX_FRAME;
	KUNIT_EXPECT_EQ(test, take(1, 0, &next), -EIO);
}

static void checksums_lie_inside(struct kunit *test)
{
	struct pvk_net_rx_expect none = first;

#define PARTIAL(start, offset) \
	PVK_NET_RX_VALUE(100, 0, 0, PVK_NET_RX_PARTIAL, start, offset)
	KUNIT_EXPECT_EQ(test, take(PARTIAL(34, 16), 0, &first), 0);
	KUNIT_EXPECT_EQ(test, take(PARTIAL(82, 16), 0, &first), 0);
	KUNIT_EXPECT_EQ(test, take(PARTIAL(83, 16), 0, &first), -EIO);
	KUNIT_EXPECT_EQ(test, take(PARTIAL(65535, 255), 0, &first), -EIO);
	KUNIT_EXPECT_EQ(test, take(PARTIAL(13, 16), 0, &first), -EIO);
	KUNIT_EXPECT_EQ(test, take(100 | PVK_NET_RX_VALID, 0, &first), 0);
	KUNIT_EXPECT_EQ(test, take(PVK_NET_RX_VALUE(100, 0, 0, 0, 34, 0), 0, &first), -EIO);
	KUNIT_EXPECT_EQ(test, take(PVK_NET_RX_VALUE(100, 0, 0, 0, 0, 16), 0, &first), -EIO);
	KUNIT_EXPECT_EQ(test, take(100 | (1ull << 38), 0, &first), -EIO);
	KUNIT_EXPECT_EQ(test, take(100 | (1ull << 39), 0, &first), -EIO);
	none.features &= ~PVK_NET_F_RX_CSUM;
	KUNIT_EXPECT_EQ(test, take(PARTIAL(34, 16), 0, &none), -EIO);
	KUNIT_EXPECT_EQ(test, take(100 | PVK_NET_RX_VALID, 0, &none), -EIO);
}

static u64 large(u32 gso, u32 size, u64 flags)
{
	return PVK_NET_RX_VALUE(1500, size, gso, flags, 34, 16);
}

static void large_packets_were_accepted(struct kunit *test)
{
	static const u64 need[] = { 0, PVK_NET_F_RX_TSO4, PVK_NET_F_RX_TSO6, PVK_NET_F_RX_USO };
	struct pvk_net_rx_expect x;
	u32 gso;

	for (gso = PVK_NET_GSO_TCP4; gso <= PVK_NET_GSO_UDP; gso++) {
		x = first;
		KUNIT_EXPECT_EQ(test, take(large(gso, 500, PVK_NET_RX_PARTIAL), 0, &x), 0);
		KUNIT_EXPECT_EQ(test, take(large(gso, 0, PVK_NET_RX_PARTIAL), 0, &x), -EIO);
		KUNIT_EXPECT_EQ(test, pvk_net_check_rx_gso(large(gso, 500, 0), all), -EIO);
		x.features &= ~need[gso];
		KUNIT_EXPECT_EQ(test, take(large(gso, 500, PVK_NET_RX_PARTIAL), 0, &x), -EIO);
	}
	for (; gso < 8; gso++)
		KUNIT_EXPECT_EQ(test, take(large(gso, 500, PVK_NET_RX_PARTIAL), 0, &first), -EIO);
	KUNIT_EXPECT_EQ(test, pvk_net_check_rx_gso(large(0, 500, 0), all), -EIO);
	KUNIT_EXPECT_EQ(test, pvk_net_check_rx_gso(PVK_NET_RX_ECN, all), -EIO);
	KUNIT_EXPECT_EQ(test, pvk_net_check_rx_gso(large(PVK_NET_GSO_UDP, 500, PVK_NET_RX_PARTIAL |
							  PVK_NET_RX_ECN), all), -EIO);
	KUNIT_EXPECT_EQ(test, pvk_net_check_rx_gso(large(PVK_NET_GSO_TCP4, 500, PVK_NET_RX_PARTIAL |
							  PVK_NET_RX_ECN), all), 0);
}

static void headers_hold_what_is_said(struct kunit *test)
{
	u64 value = large(PVK_NET_GSO_TCP4, 500, PVK_NET_RX_PARTIAL);
	u64 other = large(PVK_NET_GSO_TCP6, 500, PVK_NET_RX_PARTIAL);
	u8 f[100] = { 0 };

	f[12] = 8;		/* IPv4 */
	f[14] = 0x45;
	f[14 + 9] = IPPROTO_TCP;
	f[34 + 12] = 5 << 4;
	KUNIT_EXPECT_EQ(test, pvk_net_check_headers(f, sizeof(f), value), 0);
	KUNIT_EXPECT_EQ(test, pvk_net_check_headers(f, 54, value), 0);
	KUNIT_EXPECT_EQ(test, pvk_net_check_headers(f, 53, value), -EINVAL);
	KUNIT_EXPECT_EQ(test, pvk_net_check_headers(f, 14, value), -EINVAL);
	f[34 + 12] = 4 << 4;
	KUNIT_EXPECT_EQ(test, pvk_net_check_headers(f, sizeof(f), value), -EINVAL);
	f[34 + 12] = 15 << 4;
	KUNIT_EXPECT_EQ(test, pvk_net_check_headers(f, 93, value), -EINVAL);
	KUNIT_EXPECT_EQ(test, pvk_net_check_headers(f, 94, value), 0);
	f[14 + 9] = IPPROTO_UDP;
	KUNIT_EXPECT_EQ(test, pvk_net_check_headers(f, sizeof(f), value), -EINVAL);
	f[14 + 9] = IPPROTO_TCP;
	f[14] = 0x46;
	KUNIT_EXPECT_EQ(test, pvk_net_check_headers(f, sizeof(f), value), -EINVAL);
	f[14] = 0x65;
	KUNIT_EXPECT_EQ(test, pvk_net_check_headers(f, sizeof(f), value), -EINVAL);
	f[14] = 0x45;
	KUNIT_EXPECT_EQ(test, pvk_net_check_headers(f, sizeof(f), other), -EINVAL);
	f[12] = 6;
	KUNIT_EXPECT_EQ(test, pvk_net_check_headers(f, sizeof(f), value), -EINVAL);
	KUNIT_EXPECT_EQ(test, pvk_net_check_headers(f, 1, 0), 0);
}

static void headers_are_found_behind_a_tag(struct kunit *test)
{
	u64 value = PVK_NET_RX_VALUE(100, 500, PVK_NET_GSO_TCP4, PVK_NET_RX_PARTIAL, 38, 16);
	static const u16 tag[] = { ETH_P_8021Q, ETH_P_8021AD };
	u8 f[100] = { 0 };
	u32 i;

	f[16] = 8;
	f[18] = 0x45;
	f[18 + 9] = IPPROTO_TCP;
	f[38 + 12] = 5 << 4;
	for (i = 0; i < ARRAY_SIZE(tag); i++) {
		f[12] = tag[i] >> 8;
		f[13] = tag[i] & 255;
		KUNIT_EXPECT_EQ(test, pvk_net_check_headers(f, sizeof(f), value), 0);
		KUNIT_EXPECT_EQ(test, pvk_net_check_headers(f, 57, value), -EINVAL);
	}
	f[13]++;
	KUNIT_EXPECT_EQ(test, pvk_net_check_headers(f, sizeof(f), value), -EINVAL);
}

static void interrupts_wait_for_part_of_what_comes(struct kunit *test)
{
	/* receive: half of the last, fixed by the user, at most half of the buffers */
	KUNIT_EXPECT_EQ(test, pvk_net_rx_more(1, 256, 0, 0), 0u);
	KUNIT_EXPECT_EQ(test, pvk_net_rx_more(20, 256, 0, 0), 10u);
	KUNIT_EXPECT_EQ(test, pvk_net_rx_more(1000, 256, 0, 0), 128u);
	KUNIT_EXPECT_EQ(test, pvk_net_rx_more(1000, 256, 1, 0), 0u);
	KUNIT_EXPECT_EQ(test, pvk_net_rx_more(0, 256, 32, 0), 31u);
	KUNIT_EXPECT_EQ(test, pvk_net_rx_more(0, 0, U32_MAX, 0), 0u);
	/* beside what is sent: four for each; an answer to one comes at once */
	KUNIT_EXPECT_EQ(test, pvk_net_rx_more(1, 256, 0, 1), 0u);
	KUNIT_EXPECT_EQ(test, pvk_net_rx_more(1, 256, 0, 2), 8u);
	KUNIT_EXPECT_EQ(test, pvk_net_rx_more(20, 256, 0, 2), 10u);
	KUNIT_EXPECT_EQ(test, pvk_net_rx_more(1, 256, 0, 100), 128u);
	KUNIT_EXPECT_EQ(test, pvk_net_rx_more(1, 256, 1, 100), 0u);
	/* transmit: seven eighths, less than the ring, and of small ones a few at least */
	KUNIT_EXPECT_EQ(test, pvk_net_tx_more(1, 60, 256, 0, false), PVK_NET_TX_COALESCE);
	KUNIT_EXPECT_EQ(test, pvk_net_tx_more(100, 6000, 256, 0, false), 87u);
	KUNIT_EXPECT_EQ(test, pvk_net_tx_more(256, 15360, 256, 0, false), 128u);
	KUNIT_EXPECT_EQ(test, pvk_net_tx_more(100, 6000, 256, 1, false), 0u);
	KUNIT_EXPECT_EQ(test, pvk_net_tx_more(100, 6000, 256, U32_MAX, false), 128u);
	KUNIT_EXPECT_EQ(test, pvk_net_tx_more(8, 8 * 65000, 256, 0, false), 7u);
	KUNIT_EXPECT_EQ(test, pvk_net_tx_more(8, 8 * PVK_NET_SMALL, 256, 0, false), 7u);
	KUNIT_EXPECT_EQ(test, pvk_net_tx_more(8, 8 * PVK_NET_SMALL - 1, 256, 0, false),
			PVK_NET_TX_COALESCE);
	/* one that waits is told by one that is in flight */
	KUNIT_EXPECT_EQ(test, pvk_net_tx_more(1, 60, 256, 0, true), 0u);
	KUNIT_EXPECT_EQ(test, pvk_net_tx_more(256, 15360, 256, 1000, true), 127u);
	KUNIT_EXPECT_EQ(test, pvk_net_tx_more(0, 0, 256, 0, true), 0u);
}

static void a_wake_word_is_to_come_or_past(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, pvk_net_armed(5, 5, 32));
	KUNIT_EXPECT_TRUE(test, pvk_net_armed(36, 5, 32));
	KUNIT_EXPECT_FALSE(test, pvk_net_armed(37, 5, 32));
	KUNIT_EXPECT_FALSE(test, pvk_net_armed(4, 5, 32));
	KUNIT_EXPECT_TRUE(test, pvk_net_armed(3, U32_MAX - 2, 32));
	KUNIT_EXPECT_FALSE(test, pvk_net_armed(U32_MAX, 0, 32));
}

static void a_queue_without_answers_is_stalled(struct kunit *test)
{
	struct pvk_net_watch w = { 0 };
	u32 i;

	for (i = 0; i < 10; i++)
		KUNIT_EXPECT_FALSE(test, pvk_net_stalled(&w, 0, false));
	/* put just before a look: whole periods are from then on */
	for (i = 0; i < PVK_NET_WATCH_LOOKS; i++)
		KUNIT_EXPECT_FALSE(test, pvk_net_stalled(&w, 0, true));
	KUNIT_EXPECT_TRUE(test, pvk_net_stalled(&w, 0, true));
	/* an answer, also the one to the number before the wrap */
	for (i = U32_MAX - 3; i != 4; i++)
		KUNIT_EXPECT_FALSE(test, pvk_net_stalled(&w, i, true));
	/* all answered for once */
	KUNIT_EXPECT_FALSE(test, pvk_net_stalled(&w, 3, true));
	KUNIT_EXPECT_FALSE(test, pvk_net_stalled(&w, 3, false));
	for (i = 0; i < PVK_NET_WATCH_LOOKS; i++)
		KUNIT_EXPECT_FALSE(test, pvk_net_stalled(&w, 3, true));
	KUNIT_EXPECT_TRUE(test, pvk_net_stalled(&w, 3, true));
}

static void tables_spread_evenly(struct kunit *test)
{
	u16 table[PVK_NET_RSS_TABLE];
	u32 of[3] = { 0 };
	u32 i;

	pvk_net_spread(table, 3);
	for (i = 0; i < PVK_NET_RSS_TABLE; i++) {
		KUNIT_ASSERT_LT(test, table[i], 3);
		of[table[i]]++;
	}
	KUNIT_EXPECT_EQ(test, of[0], 43u);
	KUNIT_EXPECT_EQ(test, of[2], 42u);
	KUNIT_EXPECT_EQ(test, pvk_net_ring_entries(100, 32, 1024), 64u);
	KUNIT_EXPECT_EQ(test, pvk_net_ring_entries(1, 32, 1024), 32u);
	KUNIT_EXPECT_EQ(test, pvk_net_ring_entries(5000, 32, 1024), 1024u);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(features_come_with_what_they_need),
	KUNIT_CASE(sound_configurations_stay),
	KUNIT_CASE(impossible_configurations_are_refused),
	KUNIT_CASE(hints_are_corrected),
	KUNIT_CASE(sent_frames_are_answered_once),
	KUNIT_CASE(buffers_are_answered_in_order),
	KUNIT_CASE(lengths_fit_buffer_and_frame),
	KUNIT_CASE(checksums_lie_inside),
	KUNIT_CASE(large_packets_were_accepted),
	KUNIT_CASE(headers_hold_what_is_said),
	KUNIT_CASE(headers_are_found_behind_a_tag),
	KUNIT_CASE(interrupts_wait_for_part_of_what_comes),
	KUNIT_CASE(a_wake_word_is_to_come_or_past),
	KUNIT_CASE(a_queue_without_answers_is_stalled),
	KUNIT_CASE(tables_spread_evenly),
	{}
};

struct kunit_suite pvk_net_suite = {
	.name = "pvk_net",
	.test_cases = cases,
};
