// SPDX-License-Identifier: BSD-2-Clause
/*
 * The PV network device (abi/net.h) through its rings, over a back end that
 * gives back what it was sent: frames, offloads. Which frames come, and to which
 * pair, is test_pv_net_steer.c's; refusals, flow control and reset are
 * test_pv_net_queue.c's, waking test_pv_net_wake.c's.
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

/* ---- what the device is ---- */

static void devices_are_as_configured(void **state)
{
	struct pvk_net_config config = { 0 };
	struct pvk_dev_info info;

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_dev_info(0, &info), 0);
	assert_int_equal(info.type, PVK_DEV_NET);
	assert_int_equal(info.model, PVK_MODEL_EMULATED);
	assert_int_equal(info.counterpart, PVK_COUNTERPART_PCI_NIC);
	assert_int_equal(PVK_COUNTERPART_BDF(info.counterpart_location), 2 << 3);
	assert_int_equal(info.max_queues, 2 * PAIRS);
	assert_int_equal(info.max_entries, 1024);
	assert_int_equal(info.config_size, sizeof(config));
	assert_int_equal(info.features, all_offloads | PVK_NET_F_RSS | PVK_NET_F_RX_MODE);
	assert_int_equal(pv_dev_info(1, &info), 0);
	assert_int_equal(info.counterpart, PVK_COUNTERPART_NONE);
	assert_int_equal(info.counterpart_location, 0);
	assert_int_equal(info.features, PVK_NET_F_CSUM | PVK_NET_F_TSO4 | PVK_NET_F_TSO6 |
			 PVK_NET_F_USO | PVK_NET_F_RX_MODE);
	assert_int_equal(pv_dev_info(2, &info), 0);
	assert_int_equal(info.features, PVK_NET_F_CSUM | PVK_NET_F_TSO4 | PVK_NET_F_TSO6 |
			 PVK_NET_F_USO | PVK_NET_F_RX_MODE | PVK_NET_F_RSS);
	assert_int_equal(pv_dev_info(3, &info), -PVK_ENOENT);

	assert_int_equal(pv_call(PVK_CALL_DEV_CONFIG, COUNTERPART, PV_STRUCTS, sizeof(config)),
			 sizeof(config));
	memcpy(&config, fake_ram(PV_STRUCTS, sizeof(config)), sizeof(config));
	assert_int_equal(config.size, sizeof(config));
	assert_memory_equal(config.mac, "\x52\x54\0\0\0\0", 6);
	assert_int_equal(config.link, 1);
	assert_int_equal(config.mtu, 1500);
	assert_int_equal(config.max_mtu, 9000);
	assert_int_equal(config.speed, 10000);
	assert_int_equal(config.max_segs, 32);
	assert_int_equal(config.rss_types, 0x3f);
	assert_int_equal(config.max_addresses, 64);
	assert_int_equal(config.reserved[0] | config.reserved[1], 0);
}

static void models_change(void **state)
{
	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_call(PVK_CALL_DEV_ACCEPT, COUNTERPART, 0, 0), 0);
	assert_int_equal(pv_call(PVK_CALL_DEV_START, COUNTERPART, 0, 0), -PVK_EBUSY);
	assert_int_equal(pv_call(PVK_CALL_UNPLUG, COUNTERPART, 0, 0), -PVK_EPROTO);
	assert_int_equal(pv_call(PVK_CALL_DEV_RESET, COUNTERPART, 0, 0), 0);
	assert_int_equal(fake_e1000[NIC_COUNTERPART], 1);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(pv_call(PVK_CALL_UNPLUG, COUNTERPART, 0, 0), 0);
	assert_int_equal(fake_e1000[NIC_COUNTERPART], 0);
	start(COUNTERPART, 1, 8, 0);
	assert_int_equal(fake_nets[NIC_COUNTERPART]->attached, 1);
	assert_int_equal(pv_until_done(PVK_CALL_LEAVE, 0), 0);
	assert_int_equal(fake_nets[NIC_COUNTERPART]->attached, 0);
	assert_int_equal(fake_e1000[NIC_COUNTERPART], 1);
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_call(PVK_CALL_UNPLUG, PLAIN, 0, 0), 0);
	assert_int_equal(pv_call(PVK_CALL_REPLUG, PLAIN, 0, 0), -PVK_ENOENT);
}

static void link_is_told(void **state)
{
	struct pvk_dev_info before, info;
	struct pvk_net_config config;

	(void)state;
	start(COUNTERPART, 1, 8, 0);
	assert_int_equal(pv_call(PVK_CALL_BUS_NOTIFY, EVENT, 0, 0), 0);
	assert_int_equal(pv_dev_info(0, &before), 0);
	hs_net_set_link(fake_nets[NIC_COUNTERPART], false);
	assert_true(FAKE_UNTIL(fake.irq.message[EVENT].raised == 1));
	assert_int_equal(pv_call(PVK_CALL_DEV_CONFIG, COUNTERPART, PV_STRUCTS, sizeof(config)),
			 sizeof(config));
	memcpy(&config, fake_ram(PV_STRUCTS, sizeof(config)), sizeof(config));
	assert_int_equal(config.link, 0);
	assert_int_equal(config.generation, before.generation + 1);
	/* and what changed while nobody was there to be told */
	assert_int_equal(pv_call(PVK_CALL_DEV_RESET, COUNTERPART, 0, 0), 0);
	hs_net_set_link(fake_nets[NIC_COUNTERPART], true);
	start(COUNTERPART, 1, 8, 0);
	assert_int_equal(pv_dev_info(0, &info), 0);
	assert_int_equal(info.generation, before.generation + 2);
}

/* ---- frames ---- */

/* All sizes, any number of pieces out and in, several frames under way; each byte counts. */
static void frames_come_back_as_they_were(void **state)
{
	static const uint32_t edges[] = { 14, 15, 63, 64, 65, 128, 1513, 1514, 1515, 2048, 4096,
					  9018, 65535, 65536, 65550 };
	uint32_t seed = 1, put = 0, length;

	(void)state;
	start(PLAIN, 1, 64, 0);
	for (unsigned int round = 0; round < 600; round++) {
		uint32_t want[4], seeds[4], burst = 1 + round % 4;
		uint64_t value;

		for (unsigned int i = 0; i < burst; i++) {
			seed = seed * 1664525u + 1013904223u;
			want[i] = round < sizeof(edges) / sizeof(edges[0]) ? edges[round] :
				  14 + (seed >> 8) % (seed & 0xc0 ? 2000 : PVK_NET_MAX_FRAME - 13);
			seeds[i] = seed;
		}
		/* buffers of odd sizes, at times too few for all, which then wait */
		for (unsigned int i = 0; i < burst; i++) {
			struct pvk_net_tx_sqe e;
			struct pvk_cqe cqe;

			make_frame(sent, want[i], seeds[i]);
			e = scattered(sent, want[i],
				      (uint16_t)(1 + (seeds[i] >> 4) % (want[i] < 32 ? 3 : 32)), i);
			e.id = (uint16_t)i;
			pv_submit(&pair[0].tx, &e);
			assert_true(pv_answer(&pair[0].tx, &cqe));
			assert_int_equal(cqe.id, i);
			assert_int_equal(cqe.status, 0);
		}
		for (unsigned int i = 0; i < burst; i++) {
			uint32_t have = 0, buffers = pair[0].put - pair[0].got;

			for (uint32_t b = 0; b < buffers; b++)
				have += pair[0].slot[pair[0].order[(pair[0].got + b) % SLOTS]].len;
			while (have < want[i]) {
				uint32_t len = 64 + (seed = seed * 1664525u + 1013904223u) % 8000;

				if (want[i] > 20000)
					len += 4000;
				post(0, put++ % 64, len);
				have += len;
			}
			assert_true(take_frame(0, got, &length, &value) >= 1);
			assert_int_equal(length, want[i]);
			assert_int_equal(value >> 16, 0);
			make_frame(sent, want[i], seeds[i]);
			assert_memory_equal(got, sent, length);
		}
		nothing_more(0);
	}
}

static void offloads_are_passed_on(void **state)
{
	static const struct {
		uint8_t gso, flags;
		uint16_t gso_size, hdr_len, start, offset;
	} cases[] = {
		{ PVK_NET_GSO_NONE, PVK_NET_CSUM, 0, 0, 34, 16 },
		{ PVK_NET_GSO_TCP4, PVK_NET_CSUM, 1448, 66, 34, 16 },
		{ PVK_NET_GSO_TCP4, PVK_NET_CSUM | PVK_NET_ECN, 536, 54, 34, 16 },
		{ PVK_NET_GSO_TCP6, PVK_NET_CSUM, 1428, 86, 54, 16 },
		{ PVK_NET_GSO_UDP, PVK_NET_CSUM, 1472, 42, 34, 6 },
	};
	const uint32_t length = 65550;
	uint64_t value;
	uint32_t n;

	(void)state;
	start(COUNTERPART, 1, 64, all_offloads);
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pvk_net_tx_sqe e;

		make_frame(sent, length, i);
		e = scattered(sent, length, 17, 0);
		e.gso = cases[i].gso;
		e.flags = cases[i].flags;
		e.gso_size = cases[i].gso_size;
		e.hdr_len = cases[i].hdr_len;
		e.csum_start = cases[i].start;
		e.csum_offset = cases[i].offset;
		assert_int_equal(send_on(&pair[0].tx, e), 0);
		for (unsigned int b = 0; b < 17; b++)
			post(0, b, b ? 4096 : 128);
		assert_int_equal(take_frame(0, got, &n, &value), 17);
		assert_int_equal(n, length);
		assert_memory_equal(got, sent, length);
		assert_int_equal(PVK_NET_RX_GSO(value), cases[i].gso);
		assert_int_equal(PVK_NET_RX_GSO_SIZE(value), cases[i].gso_size);
		assert_int_equal(PVK_NET_RX_CSUM_START(value), cases[i].start);
		assert_int_equal(PVK_NET_RX_CSUM_OFFSET(value), cases[i].offset);
		assert_true(value & PVK_NET_RX_PARTIAL);
		assert_false(value & PVK_NET_RX_VALID);
		assert_int_equal(!!(value & PVK_NET_RX_ECN), !!(cases[i].flags & PVK_NET_ECN));
	}
}

static void only_accepted_offloads_are_asked_for(void **state)
{
	static const struct {
		uint64_t features;
		uint32_t offloads;
	} cases[] = {
		{ 0, 0 },
		{ PVK_NET_F_RX_CSUM, HS_NET_CSUM },
		{ PVK_NET_F_RX_TSO4, 0 },		/* nothing without checksums */
		{ PVK_NET_F_RX_CSUM | PVK_NET_F_RX_TSO4, HS_NET_CSUM | HS_NET_TSO4 | HS_NET_ECN },
		{ PVK_NET_F_RX_CSUM | PVK_NET_F_RX_TSO6, HS_NET_CSUM | HS_NET_TSO6 | HS_NET_ECN },
		{ PVK_NET_F_RX_CSUM | PVK_NET_F_RX_USO, HS_NET_CSUM | HS_NET_USO },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(COUNTERPART, 1, 8, cases[i].features);
		assert_int_equal(fake_nets[NIC_COUNTERPART]->rx_offloads, cases[i].offloads);
		assert_int_equal(pv_call(PVK_CALL_DEV_RESET, COUNTERPART, 0, 0), 0);
	}
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pvk_net_offloads o = { .size = sizeof(o), .features = cases[i].features };

		/* before the start and after it */
		setup(COUNTERPART, 1, 8, all_offloads, PVK_CHANNEL_NONE);
		assert_int_equal(control(COUNTERPART, PVK_NET_CTL_OFFLOADS, &o, sizeof(o)), 0);
		assert_int_equal(pv_call(PVK_CALL_DEV_START, COUNTERPART, 0, 0), 0);
		assert_int_equal(fake_nets[NIC_COUNTERPART]->rx_offloads, cases[i].offloads);
		o.features = PVK_NET_F_RX_OFFLOADS;
		assert_int_equal(control(COUNTERPART, PVK_NET_CTL_OFFLOADS, &o, sizeof(o)), 0);
		assert_int_equal(fake_nets[NIC_COUNTERPART]->rx_offloads, 31);
		o.features = cases[i].features;
		assert_int_equal(control(COUNTERPART, PVK_NET_CTL_OFFLOADS, &o, sizeof(o)), 0);
		assert_int_equal(fake_nets[NIC_COUNTERPART]->rx_offloads, cases[i].offloads);
		assert_int_equal(pv_call(PVK_CALL_DEV_RESET, COUNTERPART, 0, 0), 0);
	}
}

/* A frame that was under way when the guest changed its mind. */
static void offloads_not_accepted_do_not_arrive(void **state)
{
	struct hs_net_meta meta = { .csum = true, .csum_start = 34, .csum_offset = 16 };
	uint64_t value;
	uint32_t n;

	(void)state;
	start(COUNTERPART, 1, 8, PVK_NET_F_RX_MODE);
	make_frame(sent, 1000, 4);
	post(0, 0, 2048);
	post(0, 1, 2048);
	fake_net_inject(NIC_COUNTERPART, 0, &meta, sent, 1000);
	take_frame(0, got, &n, &value);
	assert_int_equal(value, 1000);
	/* the sum over what is covered, its place included, is complete; the rest is as sent */
	assert_int_equal(hs_net_fill_csum(&meta, sent, 1000), 0);
	assert_memory_equal(got, sent, 1000);
	meta = (struct hs_net_meta){ .gso = PVK_NET_GSO_TCP4, .csum = true, .gso_size = 100,
				     .csum_start = 34, .csum_offset = 16 };
	fake_net_inject(NIC_COUNTERPART, 0, &meta, sent, 1000);
	meta = (struct hs_net_meta){ .valid = true };
	fake_net_inject(NIC_COUNTERPART, 0, &meta, sent, 500);
	take_frame(0, got, &n, &value);
	assert_int_equal(value, 500);
	nothing_more(0);
}

/* Others on the network say where a sum belongs: the guest relies on the first buffer. */
static void sums_behind_the_first_buffer_are_filled_in(void **state)
{
	struct hs_net_meta meta = { .csum = true, .csum_start = 300, .csum_offset = 100 };
	uint64_t value;
	uint32_t n;

	(void)state;
	start(COUNTERPART, 1, 8, PVK_NET_F_RX_CSUM | PVK_NET_F_RX_TSO4);
	make_frame(sent, 1000, 4);
	for (uint32_t id = 0; id < 6; id++)
		post(0, id, 401);
	fake_net_inject(NIC_COUNTERPART, 0, &meta, sent, 1000);
	take_frame(0, got, &n, &value);		/* one byte short, in buffers 0 to 2 */
	assert_int_equal(value, 401);
	assert_int_equal(hs_net_fill_csum(&meta, sent, 1000), 0);
	assert_memory_equal(got, sent, 1000);
	meta.gso = PVK_NET_GSO_TCP4;		/* cannot be cut here: it is dropped */
	meta.gso_size = 100;
	fake_net_inject(NIC_COUNTERPART, 0, &meta, sent, 1000);
	meta = (struct hs_net_meta){ .csum = true, .csum_start = 300, .csum_offset = 99 };
	fake_net_inject(NIC_COUNTERPART, 0, &meta, sent, 1000);
	take_frame(0, got, &n, &value);
	assert_int_equal(value, PVK_NET_RX_VALUE(401, 0, 0, PVK_NET_RX_PARTIAL, 300, 99));
	nothing_more(0);
}

static void verified_sums_are_told(void **state)
{
	struct hs_net_meta meta = { .valid = true };
	uint64_t value;
	uint32_t n;

	(void)state;
	start(COUNTERPART, 1, 8, PVK_NET_F_RX_CSUM);
	make_frame(sent, 500, 4);
	post(0, 0, 2048);
	fake_net_inject(NIC_COUNTERPART, 0, &meta, sent, 500);
	take_frame(0, got, &n, &value);
	assert_int_equal(value, 500 | PVK_NET_RX_VALID);
}

static void back_end_errors_are_told(void **state)
{
	(void)state;
	start(PLAIN, 1, 8, 0);
	fake_net_mode(NIC_PLAIN, FAKE_NET_FAIL);
	make_frame(sent, 100, 1);
	assert_int_equal(send_on(&pair[0].tx, scattered(sent, 100, 1, 0)), -PVK_EIO);
	fake_net_mode(NIC_PLAIN, FAKE_NET_SINK);
	assert_int_equal(send_on(&pair[0].tx, scattered(sent, 100, 1, 0)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(devices_are_as_configured),
		CASE(models_change),
		CASE(link_is_told),
		CASE(frames_come_back_as_they_were),
		CASE(offloads_are_passed_on),
		CASE(only_accepted_offloads_are_asked_for),
		CASE(offloads_not_accepted_do_not_arrive),
		CASE(sums_behind_the_first_buffer_are_filled_in),
		CASE(verified_sums_are_told),
		CASE(back_end_errors_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
