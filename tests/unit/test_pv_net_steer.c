// SPDX-License-Identifier: BSD-2-Clause
/*
 * Which frames of the PV network device (abi/net.h) come, and to which pair: the
 * receive filter, the controls, the published hashes and spreading by them.
 */
/* LINK: PV */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FAKE_IDE
#include "pv_nic.h"

#include "host-stub/pv/pv_net.h"

static uint8_t sent[PVK_NET_MAX_FRAME], got[PVK_NET_MAX_FRAME + 16];

/* Nothing is left on a pair that was not asked for. */
static void nothing_more(unsigned int k)
{
	assert_false(pvk_cq_pending(&pair[k].rx.cq));
	assert_false(pvk_cq_pending(&pair[k].tx.cq));
}

/* ---- the filter ---- */

/* Does a frame to this address arrive? */
static bool passes(unsigned int nic, const char *mac)
{
	static uint32_t id;
	uint64_t value;
	uint32_t n;

	make_frame(sent, 60, id);
	memcpy(sent, mac, 6);
	fake_net_inject(nic, 0, NULL, sent, 60);
	assert_true(FAKE_UNTIL(fake_nets[nic]->queue[0].waiting == 0));
	if (!pvk_cq_pending(&pair[0].rx.cq))
		return false;
	take_frame(0, got, &n, &value);
	assert_int_equal(n, 60);
	assert_memory_equal(got, sent, 60);
	post(0, id++ % 4 + 4, 64);
	return true;
}

#define OWN	"\x52\x54\0\0\0\0"
#define OTHER	"\x52\x54\0\0\0\x77"
#define BROAD	"\xff\xff\xff\xff\xff\xff"
#define GROUP	"\x01\0\x5e\0\0\x01"
#define GROUP2	"\x33\x33\0\0\0\x01"

static void filter_passes_what_was_asked_for(void **state)
{
	struct pvk_net_rx_mode mode = { .size = sizeof(mode) };

	(void)state;
	start(COUNTERPART, 1, 8, PVK_NET_F_RX_MODE);
	for (unsigned int i = 0; i < 4; i++)
		post(0, i, 64);
	/* before it was said */
	assert_true(passes(NIC_COUNTERPART, OWN) && passes(NIC_COUNTERPART, BROAD));
	assert_false(passes(NIC_COUNTERPART, OTHER) || passes(NIC_COUNTERPART, GROUP));
	memcpy(mode.mac, OTHER, 6);
	assert_int_equal(control(COUNTERPART, PVK_NET_CTL_RX_MODE, &mode, sizeof(mode)), 0);
	assert_true(passes(NIC_COUNTERPART, OTHER) && passes(NIC_COUNTERPART, BROAD));
	assert_false(passes(NIC_COUNTERPART, OWN) || passes(NIC_COUNTERPART, GROUP));
	mode.addresses = PVK_NET_ADDRESSES;
	memcpy(mode.address[63], GROUP, 6);
	memcpy(mode.address[0], OWN, 6);
	assert_int_equal(control(COUNTERPART, PVK_NET_CTL_RX_MODE, &mode, sizeof(mode)), 0);
	assert_true(passes(NIC_COUNTERPART, GROUP) && passes(NIC_COUNTERPART, OWN));
	assert_false(passes(NIC_COUNTERPART, GROUP2));
	mode.addresses = 63;	/* the last one is none now */
	assert_int_equal(control(COUNTERPART, PVK_NET_CTL_RX_MODE, &mode, sizeof(mode)), 0);
	assert_false(passes(NIC_COUNTERPART, GROUP));
	mode.flags = PVK_NET_RX_ALLMULTI;
	mode.addresses = 0;
	assert_int_equal(control(COUNTERPART, PVK_NET_CTL_RX_MODE, &mode, sizeof(mode)), 0);
	assert_true(passes(NIC_COUNTERPART, GROUP) && passes(NIC_COUNTERPART, GROUP2));
	assert_false(passes(NIC_COUNTERPART, OWN));
	mode.flags = PVK_NET_RX_PROMISC;
	assert_int_equal(control(COUNTERPART, PVK_NET_CTL_RX_MODE, &mode, sizeof(mode)), 0);
	assert_true(passes(NIC_COUNTERPART, OWN) && passes(NIC_COUNTERPART, GROUP2));
	/* a reset forgets */
	assert_int_equal(pv_call(PVK_CALL_DEV_RESET, COUNTERPART, 0, 0), 0);
	start(COUNTERPART, 1, 8, PVK_NET_F_RX_MODE);
	for (unsigned int i = 0; i < 4; i++)
		post(0, i, 64);
	assert_true(passes(NIC_COUNTERPART, OWN));
	assert_false(passes(NIC_COUNTERPART, OTHER) || passes(NIC_COUNTERPART, GROUP2));
}

static void without_the_feature_all_passes(void **state)
{
	(void)state;
	start(COUNTERPART, 1, 8, 0);
	for (unsigned int i = 0; i < 4; i++)
		post(0, i, 64);
	assert_true(passes(NIC_COUNTERPART, OTHER) && passes(NIC_COUNTERPART, GROUP) &&
		    passes(NIC_COUNTERPART, OWN));
}

/* ---- controls ---- */

static void controls_are_checked(void **state)
{
	struct pvk_net_rx_mode mode = { .size = sizeof(mode) };
	struct pvk_net_offloads o = { .size = sizeof(o) };
	struct pvk_net_rss rss = { .size = sizeof(rss), .types = 0x3f };
	static const uint64_t features = PVK_NET_F_RX_MODE | PVK_NET_F_RSS | PVK_NET_F_RX_CSUM;

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	/* in which states */
	assert_int_equal(control(COUNTERPART, PVK_NET_CTL_RX_MODE, &mode, sizeof(mode)),
			 -PVK_EPROTO);
	assert_int_equal(control(77, PVK_NET_CTL_RX_MODE, &mode, sizeof(mode)), -PVK_ENOENT);
	for (unsigned int running = 0; running < 2; running++) {
		setup(COUNTERPART, 2, 8, features, PVK_CHANNEL_NONE);
		if (running)
			assert_int_equal(pv_call(PVK_CALL_DEV_START, COUNTERPART, 0, 0), 0);
		assert_int_equal(control(COUNTERPART, PVK_NET_CTL_RX_MODE, &mode, sizeof(mode)), 0);
		assert_int_equal(control(COUNTERPART, PVK_NET_CTL_OFFLOADS, &o, sizeof(o)), 0);
		assert_int_equal(control(COUNTERPART, PVK_NET_CTL_RSS, &rss, sizeof(rss)), 0);
		assert_int_equal(control(COUNTERPART, 0, &mode, sizeof(mode)), -PVK_ENOSYS);
		assert_int_equal(control(COUNTERPART, 4, &mode, sizeof(mode)), -PVK_ENOSYS);
		assert_int_equal(control(COUNTERPART, ~0u, &mode, sizeof(mode)), -PVK_ENOSYS);

		mode.flags = 4;
		assert_int_equal(control(COUNTERPART, PVK_NET_CTL_RX_MODE, &mode, sizeof(mode)),
				 -PVK_EINVAL);
		mode.flags = 0;
		mode.mac[0] = 1;
		assert_int_equal(control(COUNTERPART, PVK_NET_CTL_RX_MODE, &mode, sizeof(mode)),
				 -PVK_EINVAL);
		mode.mac[0] = 0;
		mode.addresses = 65;
		assert_int_equal(control(COUNTERPART, PVK_NET_CTL_RX_MODE, &mode, sizeof(mode)),
				 -PVK_EINVAL);
		mode.addresses = 0;
		assert_int_equal(control(COUNTERPART, PVK_NET_CTL_RX_MODE, &mode, 392),
				 -PVK_EINVAL);

		o.reserved = 1;
		assert_int_equal(control(COUNTERPART, PVK_NET_CTL_OFFLOADS, &o, sizeof(o)),
				 -PVK_EINVAL);
		o.reserved = 0;
		o.features = PVK_NET_F_CSUM;
		assert_int_equal(control(COUNTERPART, PVK_NET_CTL_OFFLOADS, &o, sizeof(o)),
				 -PVK_EINVAL);
		o.features = PVK_NET_F_RX_TSO4;
		assert_int_equal(control(COUNTERPART, PVK_NET_CTL_OFFLOADS, &o, sizeof(o)),
				 -PVK_ENOTSUP);
		o.features = 0;

		rss.types = 0x40;
		assert_int_equal(control(COUNTERPART, PVK_NET_CTL_RSS, &rss, sizeof(rss)),
				 -PVK_EINVAL);
		rss.types = 0x3f;
		rss.table[127] = 2;	/* not set up */
		assert_int_equal(control(COUNTERPART, PVK_NET_CTL_RSS, &rss, sizeof(rss)),
				 -PVK_EINVAL);
		rss.table[127] = 65535;
		assert_int_equal(control(COUNTERPART, PVK_NET_CTL_RSS, &rss, sizeof(rss)),
				 -PVK_EINVAL);
		rss.table[127] = 1;
		assert_int_equal(control(COUNTERPART, PVK_NET_CTL_RSS, &rss, sizeof(rss)), 0);
		assert_int_equal(pv_call(PVK_CALL_DEV_RESET, COUNTERPART, 0, 0), 0);
	}
	setup(COUNTERPART, 1, 8, 0, PVK_CHANNEL_NONE);
	assert_int_equal(control(COUNTERPART, PVK_NET_CTL_RX_MODE, &mode, sizeof(mode)),
			 -PVK_ENOTSUP);
	assert_int_equal(control(COUNTERPART, PVK_NET_CTL_RSS, &rss, sizeof(rss)), -PVK_ENOTSUP);
	assert_int_equal(control(COUNTERPART, PVK_NET_CTL_OFFLOADS, &o, sizeof(o)), 0);
}

/* ---- spreading ---- */

static const uint8_t key[PVK_NET_RSS_KEY] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

/* "Verifying the RSS Hash Calculation", Microsoft */
static const struct {
	uint8_t ip6;
	uint8_t to[16], from[16];
	uint16_t to_port, from_port;
	uint32_t ip, ports;
} vectors[] = {
	{ 0, { 161, 142, 100, 80 }, { 66, 9, 149, 187 }, 1766, 2794, 0x323e8fc2, 0x51ccc178 },
	{ 0, { 65, 69, 140, 83 }, { 199, 92, 111, 2 }, 4739, 14230, 0xd718262a, 0xc626b0ea },
	{ 0, { 12, 22, 207, 184 }, { 24, 19, 198, 95 }, 38024, 12898, 0xd2d0a5de, 0x5c2b394a },
	{ 0, { 209, 142, 163, 6 }, { 38, 27, 205, 30 }, 2217, 48228, 0x82989176, 0xafc7327f },
	{ 0, { 202, 188, 127, 2 }, { 153, 39, 163, 191 }, 1303, 44251, 0x5d1809c5, 0x10e828a2 },
	{ 1, { 0x3f, 0xfe, 0x25, 1, 2, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1 },
	  { 0x3f, 0xfe, 0x25, 1, 2, 0, 0x1f, 0xff, 0, 0, 0, 0, 0, 0, 0, 7 },
	  1766, 2794, 0x2cc18cd5, 0x40207d3d },
	{ 1, { 0xff, 2, [15] = 1 },
	  { 0x3f, 0xfe, 5, 1, 0, 8, 0, 0, 2, 0x60, 0x97, 0xff, 0xfe, 0x40, 0xef, 0xab },
	  4739, 14230, 0x0f0c461c, 0xdde51bbf },
	{ 1, { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0xf8, 0xff, 0xfe, 0x21, 0x67, 0xcf },
	  { 0x3f, 0xfe, 0x19, 0, 0x45, 0x45, 0, 3, 2, 0, 0xf8, 0xff, 0xfe, 0x21, 0x67, 0xcf },
	  38024, 44251, 0x4b61e985, 0x02d1feef },
};

#define VECTORS	(sizeof(vectors) / sizeof(vectors[0]))

/* A frame with the addresses of a vector; the IP header's place is returned. */
static uint32_t vector_frame(uint8_t *f, unsigned int i, uint8_t protocol, unsigned int tags)
{
	uint32_t at = 12, l4;

	memset(f, 0, 128);
	memset(f, 0xff, 6);
	for (unsigned int t = 0; t < tags; t++, at += 4) {
		f[at] = t + 1 == tags ? 0x81 : 0x88;
		f[at + 1] = t + 1 == tags ? 0 : 0xa8;
	}
	f[at] = vectors[i].ip6 ? 0x86 : 0x08;
	f[at + 1] = vectors[i].ip6 ? 0xdd : 0;
	at += 2;
	if (vectors[i].ip6) {
		f[at] = 0x60;
		f[at + 6] = protocol;
		memcpy(f + at + 8, vectors[i].from, 16);
		memcpy(f + at + 24, vectors[i].to, 16);
		l4 = at + 40;
	} else {
		f[at] = 0x45;
		f[at + 9] = protocol;
		memcpy(f + at + 12, vectors[i].from, 4);
		memcpy(f + at + 16, vectors[i].to, 4);
		l4 = at + 20;
	}
	f[l4] = (uint8_t)(vectors[i].from_port >> 8);
	f[l4 + 1] = (uint8_t)vectors[i].from_port;
	f[l4 + 2] = (uint8_t)(vectors[i].to_port >> 8);
	f[l4 + 3] = (uint8_t)vectors[i].to_port;
	return at;
}

static void hashes_are_the_published_ones(void **state)
{
	static struct hs_pv_net_rss rss;
	uint8_t f[128];
	uint32_t hash;

	(void)state;
	hs_pv_net_rss_key(&rss, key);
	for (unsigned int i = 0; i < VECTORS; i++) {
		uint32_t ip = vectors[i].ip6 ? PVK_NET_RSS_IP6 : PVK_NET_RSS_IP4;
		uint32_t tcp = vectors[i].ip6 ? PVK_NET_RSS_TCP6 : PVK_NET_RSS_TCP4;
		uint32_t udp = vectors[i].ip6 ? PVK_NET_RSS_UDP6 : PVK_NET_RSS_UDP4;

		for (unsigned int tags = 0; tags < 3; tags++) {
			for (unsigned int p = 0; p < 2; p++) {
				uint32_t at = vector_frame(f, i, p ? 17 : 6, tags);
				uint32_t own = p ? udp : tcp, len = at + (vectors[i].ip6 ? 60 : 40);

				rss.types = 0x3f;
				assert_true(hs_pv_net_rss_hash(&rss, f, len, &hash));
				assert_int_equal(hash, vectors[i].ports);
				rss.types = own;
				assert_true(hs_pv_net_rss_hash(&rss, f, len, &hash));
				assert_int_equal(hash, vectors[i].ports);
				rss.types = 0x3f & ~own;
				assert_true(hs_pv_net_rss_hash(&rss, f, len, &hash));
				assert_int_equal(hash, vectors[i].ip);
				rss.types = 0x3f & ~own & ~ip;
				assert_false(hs_pv_net_rss_hash(&rss, f, len, &hash));
				/* pieces of a packet: by address, or not at all */
				if (vectors[i].ip6)
					f[at + 6] = 44;
				else
					f[at + 6 + i % 2] = 0x20;
				rss.types = 0x3f;
				assert_true(hs_pv_net_rss_hash(&rss, f, len, &hash));
				assert_int_equal(hash, vectors[i].ip);
				rss.types = own;
				assert_false(hs_pv_net_rss_hash(&rss, f, len, &hash));
			}
		}
	}
	/* a header longer than 20 bytes, one shorter, and frames that end too early */
	rss.types = 0x3f;
	vector_frame(f, 0, 6, 0);
	memmove(f + 14 + 24, f + 14 + 20, 4);
	f[14] = 0x46;
	assert_true(hs_pv_net_rss_hash(&rss, f, 80, &hash) && hash == vectors[0].ports);
	f[14] = 0x44;
	assert_false(hs_pv_net_rss_hash(&rss, f, 80, &hash));
	for (unsigned int tags = 0; tags < 3; tags++) {
		for (unsigned int i = 0; i < VECTORS; i += 5) {
			uint32_t at = vector_frame(f, i, 6, tags), l4 = at + (i ? 40 : 20);

			for (uint32_t len = 0; len < l4 + 4; len++) {
				uint8_t *exact = malloc(len ? len : 1);	/* ASan sees its end */

				memcpy(exact, f, len);
				assert_int_equal(hs_pv_net_rss_hash(&rss, exact, len, &hash),
						 len >= l4);
				free(exact);
			}
		}
	}
}

static void frames_go_to_the_pair_of_their_hash(void **state)
{
	struct pvk_net_rss rss = { .size = sizeof(rss), .types = 0x3f };
	uint8_t f[128];
	uint64_t value;
	uint32_t n;

	(void)state;
	memcpy(rss.key, key, sizeof(key));
	start(PLAIN, 4, 64, PVK_NET_F_RSS);
	for (unsigned int k = 0; k < 4; k++)
		for (unsigned int i = 0; i < 32; i++)
			post(k, i, 128);
	for (unsigned int turn = 0; turn < 4; turn++) {
		for (unsigned int i = 0; i < PVK_NET_RSS_TABLE; i++)
			rss.table[i] = (uint16_t)((i + turn) % 4);
		assert_int_equal(control(PLAIN, PVK_NET_CTL_RSS, &rss, sizeof(rss)), 0);
		for (unsigned int i = 0; i < VECTORS; i++) {
			unsigned int want = (vectors[i].ports % 128 + turn) % 4;

			vector_frame(f, i, 6, 0);
			fake_net_inject(NIC_PLAIN, 0, NULL, f, 90);
			take_frame(want, got, &n, &value);
			assert_int_equal(n, 90);
			assert_memory_equal(got, f, 90);
		}
		/* nothing that is hashed: pair 0 */
		make_frame(f, 90, turn);
		fake_net_inject(NIC_PLAIN, 0, NULL, f, 90);
		take_frame(0, got, &n, &value);
		assert_memory_equal(got, f, 90);
	}
	rss.types = PVK_NET_RSS_UDP4;
	assert_int_equal(control(PLAIN, PVK_NET_CTL_RSS, &rss, sizeof(rss)), 0);
	vector_frame(f, 1, 6, 0);
	fake_net_inject(NIC_PLAIN, 0, NULL, f, 90);
	take_frame(0, got, &n, &value);
	for (unsigned int k = 0; k < 4; k++)
		nothing_more(k);
}

/* Without a word of the guest: over all pairs that are set up, and no others. */
static void frames_spread_by_themselves(void **state)
{
	uint8_t f[128];
	unsigned int count[PAIRS] = { 0 };

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_call(PVK_CALL_DEV_ACCEPT, PLAIN, 0, 0), 0);
	for (unsigned int k = 0; k < 4; k++) {
		if (k == 1)
			continue;
		assert_int_equal(pv_queue_setup(&pair[k].rx, PLAIN, 2 * k, 256, PVK_CHANNEL_NONE),
				 0);
		assert_int_equal(pv_queue_setup(&pair[k].tx, PLAIN, 2 * k + 1, 8, PVK_CHANNEL_NONE),
				 0);
	}
	assert_int_equal(pv_call(PVK_CALL_DEV_START, PLAIN, 0, 0), 0);
	for (unsigned int k = 0; k < 4; k++)
		for (unsigned int i = 0; i < 256 && k != 1; i++)
			post(k, i, 128);
	for (unsigned int i = 0; i < 256; i++) {
		uint32_t at = vector_frame(f, 0, 6, 0);

		f[at + 20] = (uint8_t)(i * 37);
		f[at + 21] = (uint8_t)i;
		fake_net_inject(NIC_PLAIN, 0, NULL, f, 90);
	}
	assert_true(FAKE_UNTIL(fake_nets[NIC_PLAIN]->queue[0].waiting == 0));
	for (unsigned int k = 0; k < 4; k++) {
		uint64_t value;
		uint32_t n;

		while (k != 1 && pvk_cq_pending(&pair[k].rx.cq)) {
			take_frame(k, got, &n, &value);
			count[k]++;
		}
	}
	assert_int_equal(count[0] + count[2] + count[3], 256);
	/* 85 each in the mean; with a random key less than 30 is not to be seen */
	assert_true(count[0] > 30 && count[2] > 30 && count[3] > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(filter_passes_what_was_asked_for),
		CASE(without_the_feature_all_passes),
		CASE(controls_are_checked),
		CASE(hashes_are_the_published_ones),
		CASE(frames_go_to_the_pair_of_their_hash),
		CASE(frames_spread_by_themselves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
