// SPDX-License-Identifier: BSD-2-Clause
/*
 * The PV network device's queues (abi/net.h, ring.h): every refusal with its
 * own status, flow control, guests without buffers, reset, and several back-end
 * queues. What frames look like is test_pv_net.c's, waking test_pv_net_wake.c's.
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

static uint8_t sent[PVK_NET_MAX_FRAME], got[PVK_NET_MAX_FRAME + 16];

static struct fake_net_queue *backend(unsigned int nic, unsigned int queue)
{
	return &fake_nets[nic]->queue[queue];
}

/* ---- setting up ---- */

static void pairs_are_whole_and_begin_with_0(void **state)
{
	static const struct {
		uint32_t queues;	/* a bit each */
		int64_t status;
	} cases[] = {
		{ 0, -PVK_EPROTO }, { 1, -PVK_EPROTO }, { 2, -PVK_EPROTO }, { 3, 0 },
		{ 7, -PVK_EPROTO }, { 11, -PVK_EPROTO }, { 12, -PVK_EPROTO }, { 15, 0 },
		{ 0x33, 0 }, { 0xff, 0 }, { 0x7f, -PVK_EPROTO },
	};

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	for (uint32_t device = MULTI; device <= PLAIN; device++) {
		for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct pv_queue queue;

			assert_int_equal(pv_call(PVK_CALL_DEV_ACCEPT, device, 0, 0), 0);
			for (unsigned int k = 0; k < 8; k++)
				if (cases[i].queues >> k & 1)
					assert_int_equal(pv_queue_setup(&queue, device, k, 8,
									PVK_CHANNEL_NONE), 0);
			assert_int_equal(pv_call(PVK_CALL_DEV_START, device, 0, 0),
					 cases[i].status);
			assert_int_equal(pv_state(device),
					 cases[i].status ? PVK_DEV_SETUP : PVK_DEV_RUNNING);
			assert_int_equal(pv_call(PVK_CALL_DEV_RESET, device, 0, 0), 0);
			assert_int_equal(fake_doorbells(), 0);
		}
	}
}

static void rings_have_up_to_1024_entries(void **state)
{
	struct pvk_queue_setup s = { .size = sizeof(s), .device = PLAIN, .entries = 1024,
				     .sq_gpa = PV_RINGS, .cq_gpa = PV_RINGS + 0x10000,
				     .ctl_gpa = PV_RINGS + 0x14000, .channel = PVK_CHANNEL_NONE };

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_call(PVK_CALL_DEV_ACCEPT, PLAIN, 0, 0), 0);
	s.entries = 2048;
	assert_int_equal(pv_struct(PVK_CALL_QUEUE_SETUP, &s, sizeof(s)), -PVK_EINVAL);
	s.entries = 1024;
	assert_int_equal(pv_struct(PVK_CALL_QUEUE_SETUP, &s, sizeof(s)), 0);
}

/* ---- refusals ---- */

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#endif
#define SEG(g, l)	{ { .gpa = (g), .len = (l) } }
#define TX(...)		{ .op = PVK_NET_TX, .nsegs = 1, .length = 1000, \
			  .seg = SEG(TX_MEMORY, 1000), __VA_ARGS__ }
#define SUM		.flags = PVK_NET_CSUM, .csum_start = 34, .csum_offset = 16
#define TSO		SUM, .gso = PVK_NET_GSO_TCP4, .gso_size = 500, .hdr_len = 54
#define FAR		HS_MEM_MIN		/* the first byte that is no RAM */

static const struct {
	const char *what;
	int status;
	struct pvk_net_tx_sqe e;
} tx_refusals[] = {
	{ "a good one", 0, TX(.id = 0) },
	{ "a good sum", 0, TX(SUM) },
	{ "a good large one", 0, TX(TSO) },
	{ "op 0", -PVK_ENOSYS, TX(.op = 0) },
	{ "op of a receive queue", -PVK_ENOSYS, TX(.op = PVK_NET_RX) },
	{ "op 3", -PVK_ENOSYS, TX(.op = 3) },
	{ "op 255", -PVK_ENOSYS, TX(.op = 255) },
	{ "unknown flag", -PVK_EINVAL, TX(.flags = 0x08) },
	{ "unknown flag", -PVK_EINVAL, TX(.flags = 0x80) },
	{ "reserved", -PVK_EINVAL, TX(.reserved = 1) },
	{ "reserved2", -PVK_EINVAL, TX(.reserved2 = 1) },
	{ "gso 4", -PVK_EINVAL, TX(TSO, .gso = 4) },
	{ "gso 255", -PVK_EINVAL, TX(TSO, .gso = 255) },
	{ "length 0", -PVK_EINVAL, TX(.length = 0) },
	{ "length 13", -PVK_EINVAL, TX(.length = 13, .seg = SEG(TX_MEMORY, 13)) },
	{ "length 65551", -PVK_EINVAL, TX(.length = 65551, .seg = SEG(TX_MEMORY, 65551)) },
	{ "length of 32 bits", -PVK_EINVAL, TX(.length = ~0u, .seg = SEG(TX_MEMORY, ~0u)) },
	{ "large without sum", -PVK_EINVAL, TX(TSO, .flags = 0) },
	{ "large without sum's place", -PVK_EINVAL, TX(TSO, .flags = 0, .csum_start = 0,
						       .csum_offset = 0) },
	{ "start without sum", -PVK_EINVAL, TX(.csum_start = 34) },
	{ "offset without sum", -PVK_EINVAL, TX(.csum_offset = 16) },
	{ "gso_size alone", -PVK_EINVAL, TX(.gso_size = 500) },
	{ "hdr_len alone", -PVK_EINVAL, TX(.hdr_len = 54) },
	{ "gso_size 0", -PVK_EINVAL, TX(TSO, .gso_size = 0) },
	{ "hdr_len 0", -PVK_EINVAL, TX(TSO, .hdr_len = 0) },
	{ "hdr_len outside", -PVK_EINVAL, TX(TSO, .hdr_len = 1000) },
	{ "sum's place outside", -PVK_EINVAL, TX(SUM, .csum_start = 983) },
	{ "sum's place far outside", -PVK_EINVAL, TX(SUM, .csum_start = 65535, .csum_offset = 65535) },
	{ "ECN without TCP", -PVK_EINVAL, TX(.flags = PVK_NET_ECN) },
	{ "ECN of UDP", -PVK_EINVAL, TX(TSO, .gso = PVK_NET_GSO_UDP,
					.flags = PVK_NET_CSUM | PVK_NET_ECN) },
	{ "no segment", -PVK_EINVAL, TX(.nsegs = 0) },
	{ "33 segments", -PVK_EINVAL, TX(.nsegs = 33, .list_gpa = PV_LISTS) },
	{ "65535 segments", -PVK_EINVAL, TX(.nsegs = 65535, .list_gpa = PV_LISTS) },
	{ "inline and a list", -PVK_EINVAL, TX(.list_gpa = PV_LISTS) },
	{ "list misaligned", -PVK_EINVAL, TX(.nsegs = 3, .list_gpa = PV_LISTS + 8) },
	{ "list over a page's end", -PVK_EINVAL, TX(.nsegs = 3, .list_gpa = PV_LISTS + 4096 - 32) },
	{ "list outside RAM", -PVK_EFAULT, TX(.nsegs = 3, .list_gpa = FAR) },
	{ "no list", -PVK_EINVAL, TX(.nsegs = 3) },	/* zeroes at 0: no length */
	{ "segment of length 0", -PVK_EINVAL, TX(.seg = SEG(TX_MEMORY, 0)) },
	{ "segment reserved", -PVK_EINVAL,
	  TX(.seg = { { .gpa = TX_MEMORY, .len = 1000, .reserved = 1 } }) },
	{ "segments too short", -PVK_EINVAL, TX(.seg = SEG(TX_MEMORY, 999)) },
	{ "segments too long", -PVK_EINVAL, TX(.seg = SEG(TX_MEMORY, 1001)) },
	{ "segment outside RAM", -PVK_EFAULT, TX(.seg = SEG(FAR, 1000)) },
	{ "segment half outside RAM", -PVK_EFAULT, TX(.seg = SEG(FAR - 999, 1000)) },
	{ "segment that wraps", -PVK_EFAULT, TX(.seg = SEG(~0ull - 255, 1000)) },
};

#define RX(...)		{ .op = PVK_NET_RX, .seg = { .gpa = RX_MEMORY, .len = 2048 }, __VA_ARGS__ }

static const struct {
	const char *what;
	int status;
	struct pvk_net_rx_sqe e;
} rx_refusals[] = {
	{ "op 0", -PVK_ENOSYS, RX(.op = 0) },
	{ "op of a transmit queue", -PVK_ENOSYS, RX(.op = PVK_NET_TX) },
	{ "op 3", -PVK_ENOSYS, RX(.op = 3) },
	{ "flag", -PVK_EINVAL, RX(.flags = PVK_NET_MORE) },
	{ "reserved", -PVK_EINVAL, RX(.reserved = 1) },
	{ "first of reserved2", -PVK_EINVAL, RX(.reserved2[0] = 1) },
	{ "last of reserved2", -PVK_EINVAL, RX(.reserved2[4] = 1ull << 63) },
	{ "segment reserved", -PVK_EINVAL, RX(.seg.reserved = 1) },
	{ "length 0", -PVK_EINVAL, RX(.seg.len = 0) },
	{ "length 63", -PVK_EINVAL, RX(.seg.len = 63) },
	{ "length 65536", -PVK_EINVAL, RX(.seg.len = 65536) },
	{ "outside RAM", -PVK_EFAULT, RX(.seg.gpa = FAR) },
	{ "half outside RAM", -PVK_EFAULT, RX(.seg.gpa = FAR - 2047) },
	{ "wraps", -PVK_EFAULT, RX(.seg.gpa = ~0ull - 100) },
};

#pragma GCC diagnostic pop

static void each_refusal_of_transmission_has_its_status(void **state)
{
	(void)state;
	memset(fake_ram(PV_LISTS, 4096), 0, 4096);
	start(COUNTERPART, 1, 8, all_offloads);
	fake_net_mode(NIC_COUNTERPART, FAKE_NET_SINK);
	for (unsigned int i = 0; i < sizeof(tx_refusals) / sizeof(tx_refusals[0]); i++) {
		unsigned int before = backend(NIC_COUNTERPART, 0)->sent;
		int status = send_on(&pair[0].tx, tx_refusals[i].e);

		if (status != tx_refusals[i].status)
			print_error("%s\n", tx_refusals[i].what);
		assert_int_equal(status, tx_refusals[i].status);
		assert_int_equal(backend(NIC_COUNTERPART, 0)->sent - before, !status);
	}
	assert_int_equal(pv_state(COUNTERPART), PVK_DEV_RUNNING);
}

static void features_not_accepted_are_not_served(void **state)
{
	struct pvk_net_tx_sqe e = { .op = PVK_NET_TX, .nsegs = 1, .length = 1000,
				    .flags = PVK_NET_CSUM, .csum_start = 34, .csum_offset = 16,
				    .seg = { { .gpa = TX_MEMORY, .len = 1000 } } };

	(void)state;
	start(COUNTERPART, 1, 8, 0);
	assert_int_equal(send_on(&pair[0].tx, e), -PVK_ENOTSUP);
	for (uint8_t gso = PVK_NET_GSO_TCP4; gso <= PVK_NET_GSO_UDP; gso++) {
		uint64_t own = PVK_NET_F_TSO4 << (gso - 1);

		assert_int_equal(pv_call(PVK_CALL_DEV_RESET, COUNTERPART, 0, 0), 0);
		start(COUNTERPART, 1, 8, all_offloads & ~own);
		e.gso = gso;
		e.gso_size = 500;
		e.hdr_len = 54;
		assert_int_equal(send_on(&pair[0].tx, e), -PVK_ENOTSUP);
		assert_int_equal(pv_call(PVK_CALL_DEV_RESET, COUNTERPART, 0, 0), 0);
		start(COUNTERPART, 1, 8, own | PVK_NET_F_CSUM);
		assert_int_equal(send_on(&pair[0].tx, e), 0);
	}
}

/* A bad buffer is answered when a frame would have had it; the next one gets that. */
static void each_refusal_of_a_buffer_has_its_status(void **state)
{
	uint64_t value;
	uint32_t n;

	(void)state;
	start(PLAIN, 1, 8, 0);
	for (unsigned int i = 0; i < sizeof(rx_refusals) / sizeof(rx_refusals[0]); i++) {
		struct pvk_net_rx_sqe e = rx_refusals[i].e;
		struct pvk_cqe cqe;

		e.id = (uint16_t)(0x8000 + i);
		pv_submit(&pair[0].rx, &e);
		post(0, i % 8, 64);
		assert_false(pvk_cq_pending(&pair[0].rx.cq));
		make_frame(sent, 64, i);
		fake_net_inject(NIC_PLAIN, 0, NULL, sent, 64);
		assert_true(pv_answer(&pair[0].rx, &cqe));
		if (cqe.status != rx_refusals[i].status)
			print_error("%s\n", rx_refusals[i].what);
		assert_int_equal(cqe.id, 0x8000 + i);
		assert_int_equal(cqe.op, e.op);
		assert_int_equal(cqe.status, rx_refusals[i].status);
		assert_int_equal(cqe.flags & ~PVK_ENTRY_PHASE, 0);
		assert_int_equal(cqe.value, 0);
		take_frame(0, got, &n, &value);
		assert_memory_equal(got, sent, 64);
	}
}

/* Also between the buffers of one frame, and behind the last of it. */
static void a_bad_buffer_has_its_turn(void **state)
{
	static const struct {
		uint32_t id, value;
		int status;
		bool more;
	} order[] = { { 0, 64, 0, true }, { 0x8000, 0, -PVK_EINVAL, false }, { 1, 436, 0, false },
		      { 0x8000, 0, -PVK_EINVAL, false } };
	struct pvk_net_rx_sqe bad = RX(.id = 0x8000, .reserved = 1);

	(void)state;
	start(PLAIN, 1, 8, 0);
	make_frame(sent, 500, 1);
	fake_net_inject(NIC_PLAIN, 0, NULL, sent, 500);
	assert_true(FAKE_UNTIL(backend(NIC_PLAIN, 0)->offered >= 1));
	post(0, 0, 64);
	pv_submit(&pair[0].rx, &bad);
	post(0, 1, 2048);
	pv_submit(&pair[0].rx, &bad);
	fake_net_inject(NIC_PLAIN, 0, NULL, sent, 100);		/* asks for the last */
	for (unsigned int i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		struct pvk_cqe cqe;

		assert_true(pv_answer(&pair[0].rx, &cqe));
		assert_int_equal(cqe.id, order[i].id);
		assert_int_equal(cqe.status, order[i].status);
		assert_int_equal(cqe.value, order[i].value);
		assert_int_equal(cqe.flags & PVK_NET_MORE, order[i].more ? PVK_NET_MORE : 0);
	}
}

static void changed_entries_and_lists_are_not_seen(void **state)
{
	struct pvk_net_tx_sqe e;
	struct pvk_cqe cqe;
	uint64_t value;
	uint32_t n;

	(void)state;
	start(PLAIN, 1, 8, 0);
	fake_net_mode(NIC_PLAIN, FAKE_NET_HOLD);
	make_frame(sent, 3000, 1);
	e = scattered(sent, 3000, 9, 0);
	e.id = 4;
	pv_submit(&pair[0].tx, &e);
	assert_true(FAKE_UNTIL(backend(NIC_PLAIN, 0)->held == 1));
	memset(fake_ram(PV_LISTS, 4096), 0xff, 4096);
	memset(fake_ram(pair[0].tx.sq_gpa, 64), 0xff, 64);
	/* and two buffers that are too few, then spoilt */
	post(0, 0, 1000);
	post(0, 1, 1000);
	fake_net_mode(NIC_PLAIN, FAKE_NET_LOOP);
	assert_true(pv_answer(&pair[0].tx, &cqe));
	assert_int_equal(cqe.status, 0);
	assert_true(FAKE_UNTIL(backend(NIC_PLAIN, 0)->offered >= 1));
	memset(fake_ram(pair[0].rx.sq_gpa, 128), 0xff, 128);
	post(0, 2, 1000);
	assert_int_equal(take_frame(0, got, &n, &value), 3);
	assert_int_equal(n, 3000);
	assert_memory_equal(got, sent, 3000);
}

/* ---- flow control ---- */

static void more_frames_than_entries(void **state)
{
	struct pvk_net_tx_sqe e;

	(void)state;
	start(PLAIN, 1, 4, 0);
	assert_int_equal(pv_call(PVK_CALL_BUS_NOTIFY, EVENT, 0, 0), 0);
	fake_net_mode(NIC_PLAIN, FAKE_NET_HOLD);
	make_frame(sent, 100, 1);
	e = scattered(sent, 100, 1, 0);
	for (unsigned int i = 0; i < 4; i++)
		pv_submit(&pair[0].tx, &e);
	assert_true(FAKE_UNTIL(backend(NIC_PLAIN, 0)->held == 4));
	assert_int_equal(pv_state(PLAIN), PVK_DEV_RUNNING);
	pv_submit(&pair[0].tx, &e);
	(void)fake_ring(pair[0].tx.doorbell);
	assert_true(FAKE_UNTIL(pv_state(PLAIN) == PVK_DEV_NEEDS_RESET));
	assert_true(FAKE_UNTIL(fake.irq.message[EVENT].raised == 1));
	/* nothing comes in any more, and nobody else noticed */
	fake_net_inject(NIC_PLAIN, 0, NULL, sent, 100);
	fake_net_mode(NIC_PLAIN, FAKE_NET_SINK);
	assert_int_equal(pv_state(MULTI), PVK_DEV_RESET);
	assert_int_equal(backend(NIC_PLAIN, 0)->waiting, 1);
	assert_int_equal(pv_until_done(PVK_CALL_DEV_RESET, PLAIN), 0);
	start(PLAIN, 1, 4, 0);
	fake_net_mode(NIC_PLAIN, FAKE_NET_SINK);
	assert_int_equal(send_on(&pair[0].tx, e), 0);
}

/* Too small for the frame, all of them read, and one more that must not be there. */
static void more_buffers_than_entries(void **state)
{
	struct pvk_net_rx_sqe e = { .op = PVK_NET_RX, .seg = { .gpa = RX_MEMORY, .len = 64 } };

	(void)state;
	start(PLAIN, 1, 4, 0);
	for (unsigned int i = 0; i < 4; i++)
		post(0, i, 64);
	fake_net_inject(NIC_PLAIN, 0, NULL, sent, 1000);
	assert_true(FAKE_UNTIL(backend(NIC_PLAIN, 0)->waiting == 0));
	assert_int_equal(pv_state(PLAIN), PVK_DEV_RUNNING);
	pv_submit(&pair[0].rx, &e);
	fake_net_inject(NIC_PLAIN, 0, NULL, sent, 1000);
	assert_true(FAKE_UNTIL(pv_state(PLAIN) == PVK_DEV_NEEDS_RESET));
	assert_int_equal(pv_state(MULTI), PVK_DEV_RESET);
}

static void frame_waits_for_buffers(void **state)
{
	uint64_t value;
	uint32_t n;

	(void)state;
	start(PLAIN, 1, 8, 0);
	for (unsigned int round = 0; round < 20; round++) {
		unsigned int offered;

		make_frame(sent, 250, round);
		fake_net_inject(NIC_PLAIN, 0, NULL, sent, 250);
		offered = backend(NIC_PLAIN, 0)->offered;
		for (unsigned int i = 0; i < 3; i++) {
			post(0, i, 64);
			assert_int_equal(backend(NIC_PLAIN, 0)->waiting, 1);
			assert_false(pvk_cq_pending(&pair[0].rx.cq));
		}
		/* not offered again in vain */
		assert_int_equal(backend(NIC_PLAIN, 0)->offered, offered);
		post(0, 3, 64);
		assert_int_equal(take_frame(0, got, &n, &value), 4);
		assert_int_equal(n, 250);
		assert_memory_equal(got, sent, 250);
	}
}

/* What all buffers together cannot hold is dropped; they are the next frame's. */
static void frame_that_never_fits_is_dropped(void **state)
{
	uint64_t value;
	uint32_t n;

	(void)state;
	start(PLAIN, 1, 4, 0);
	for (unsigned int round = 0; round < 10; round++) {
		for (unsigned int i = 0; i < 4; i++)
			post(0, i, 64);
		make_frame(sent, 257, round);
		fake_net_inject(NIC_PLAIN, 0, NULL, sent, 257);
		assert_true(FAKE_UNTIL(backend(NIC_PLAIN, 0)->waiting == 0));
		assert_false(pvk_cq_pending(&pair[0].rx.cq));
		make_frame(sent, 256, round + 100);
		fake_net_inject(NIC_PLAIN, 0, NULL, sent, 256);
		assert_int_equal(take_frame(0, got, &n, &value), 4);
		assert_memory_equal(got, sent, 256);
	}
	/* nor does what is no frame at all */
	post(0, 0, 64);
	fake_net_inject(NIC_PLAIN, 0, NULL, sent, 13);
	fake_net_inject(NIC_PLAIN, 0, NULL, sent, 14);
	take_frame(0, got, &n, &value);
	assert_int_equal(n, 14);
}

/* Another pair's table entry: a frame that waits is not stuck with the pair it was for. */
static void waiting_frame_is_steered_anew(void **state)
{
	struct pvk_net_rss rss = { .size = sizeof(rss), .types = 0x3f };
	uint64_t value;
	uint32_t n;

	(void)state;
	start(PLAIN, 2, 8, PVK_NET_F_RSS);
	for (unsigned int i = 0; i < PVK_NET_RSS_TABLE; i++)
		rss.table[i] = 1;
	assert_int_equal(control(PLAIN, PVK_NET_CTL_RSS, &rss, sizeof(rss)), 0);
	make_frame(sent, 60, 1);
	memcpy(sent + 12, "\x08\0\x45", 3);
	post(0, 0, 64);
	fake_net_inject(NIC_PLAIN, 0, NULL, sent, 60);
	assert_int_equal(backend(NIC_PLAIN, 0)->waiting, 1);
	memset(rss.table, 0, sizeof(rss.table));
	assert_int_equal(control(PLAIN, PVK_NET_CTL_RSS, &rss, sizeof(rss)), 0);
	take_frame(0, got, &n, &value);
	assert_memory_equal(got, sent, 60);
}

/* ---- reset ---- */

static void reset_drains_and_forgets(void **state)
{
	static uint8_t before[0x10000];
	struct pvk_net_tx_sqe e;

	(void)state;
	setup(PLAIN, 1, 4, 0, EVENT);
	assert_int_equal(pv_call(PVK_CALL_DEV_START, PLAIN, 0, 0), 0);
	fake_net_mode(NIC_PLAIN, FAKE_NET_HOLD);
	make_frame(sent, 100, 1);
	e = scattered(sent, 100, 1, 0);
	pv_submit(&pair[0].tx, &e);
	pv_submit(&pair[0].tx, &e);
	post(0, 0, 64);
	fake_net_inject(NIC_PLAIN, 0, NULL, sent, 100);	/* the buffer is held, the frame waits */
	assert_true(FAKE_UNTIL(backend(NIC_PLAIN, 0)->held == 2));
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(pv_call(PVK_CALL_DEV_RESET, PLAIN, 0, 0), -PVK_EAGAIN);
		assert_int_equal(pv_state(PLAIN), PVK_DEV_RESETTING);
	}
	assert_int_equal(fake_nets[NIC_PLAIN]->attached, 0);
	memcpy(before, fake_ram(pair[0].tx.sq_gpa, sizeof(before)), sizeof(before));
	fake_net_mode(NIC_PLAIN, FAKE_NET_SINK);
	assert_int_equal(pv_until_done(PVK_CALL_DEV_RESET, PLAIN), 0);
	/* neither answers nor events of a device that was stopped */
	assert_memory_equal(before, fake_ram(pair[0].tx.sq_gpa, sizeof(before)), sizeof(before));
	assert_int_equal(fake.irq.message[EVENT].raised, 0);
	assert_int_equal(fake_doorbells(), 0);
	/* the frame is still there for who comes next */
	start(PLAIN, 1, 4, 0);
	post(0, 0, 128);
	assert_true(FAKE_UNTIL(pvk_cq_pending(&pair[0].rx.cq)));
	fake_net_mode(NIC_PLAIN, FAKE_NET_SINK);
	assert_int_equal(send_on(&pair[0].tx, e), 0);
}

static void resets_under_load(void **state)
{
	struct pvk_net_tx_sqe e;

	(void)state;
	make_frame(sent, 100, 1);
	for (unsigned int round = 0; round < 200; round++) {
		uint32_t device = round & 1 ? MULTI : PLAIN;

		start(device, 1 + round % 4, 16, 0);
		e = scattered(sent, 100, 1, 0);
		for (unsigned int i = 0; i < round % 17; i++) {
			unsigned int k = i % (1 + round % 4);

			pv_submit(&pair[k].tx, &e);
			post(k, i, 2048);
		}
		if (round % 3)
			fake_net_inject(device - COUNTERPART + NIC_COUNTERPART + 1, 0, NULL, sent,
					100);
		assert_int_equal(pv_until_done(PVK_CALL_DEV_RESET, device), 0);
		/* the guest may use the memory for something else now */
		for (unsigned int k = 0; k < 1 + round % 4; k++) {
			memset(fake_ram(pair[k].rx.sq_gpa, 0x10000), 0xff, 0x10000);
			memset(fake_ram(pair[k].tx.sq_gpa, 0x10000), 0xff, 0x10000);
		}
	}
}

/* ---- several queues of the back end ---- */

static void pairs_take_the_back_ends_queues_in_turn(void **state)
{
	uint64_t value;
	uint32_t n;

	(void)state;
	start(MULTI, 4, 8, 0);
	assert_int_equal(fake_nets[NIC_MULTI]->attached, 2);
	fake_net_mode(NIC_MULTI, FAKE_NET_SINK);
	for (unsigned int k = 0; k < 4; k++) {
		unsigned int before = backend(NIC_MULTI, k % 2)->sent;

		make_frame(sent, 100, k);
		assert_int_equal(send_on(&pair[k].tx, scattered(sent, 100, 1, 0)), 0);
		assert_int_equal(backend(NIC_MULTI, k % 2)->sent, before + 1);
		for (unsigned int i = 0; i < 4; i++)
			post(k, i, 128);
	}
	for (unsigned int i = 0; i < 8; i++) {
		make_frame(sent, 100, i);
		fake_net_inject(NIC_MULTI, i % 2, NULL, sent, 100);
		take_frame(i % 2, got, &n, &value);
		assert_memory_equal(got, sent, 100);
	}
	/* one has no buffers left, the other goes on */
	fake_net_inject(NIC_MULTI, 0, NULL, sent, 100);
	assert_int_equal(backend(NIC_MULTI, 0)->waiting, 1);
	post(1, 0, 128);
	fake_net_inject(NIC_MULTI, 1, NULL, sent, 100);
	take_frame(1, got, &n, &value);
	assert_false(pvk_cq_pending(&pair[2].rx.cq) || pvk_cq_pending(&pair[3].rx.cq));
	assert_int_equal(pv_call(PVK_CALL_DEV_RESET, MULTI, 0, 0), 0);
	/* with one pair the other queue rests */
	start(MULTI, 1, 8, 0);
	assert_int_equal(fake_nets[NIC_MULTI]->attached, 1);
}

/* Both workers busy at once, frames looped, while controls change. */
static void workers_do_not_meet(void **state)
{
	struct pvk_net_rx_mode mode = { .size = sizeof(mode), .flags = PVK_NET_RX_PROMISC };
	unsigned int flying[4] = { 0 }, posted[4] = { 0 }, done = 0, turn = 0;
	static uint8_t frame[4][1000];
	struct pvk_net_tx_sqe e[4];

	(void)state;
	start(MULTI, 4, 32, PVK_NET_F_RX_MODE);
	for (unsigned int k = 0; k < 4; k++) {
		make_frame(frame[k], 1000, k);
		e[k] = scattered(frame[k], 1000, 4, k);
	}
	while (done < 4000) {
		for (unsigned int k = 0; k < 4; k++) {
			union pvk_cqe_words words;

			while (k < 2 && posted[k] - pair[k].got < 32)
				post(k, posted[k]++ % 32, 2048);
			for (; flying[k] < 8; flying[k]++)
				pv_submit(&pair[k].tx, &e[k]);
			while (pvk_cq_get(&pair[k].tx.cq, &words)) {
				assert_int_equal(words.cqe.status, 0);
				flying[k]--;
			}
			while (k < 2 && pvk_cq_pending(&pair[k].rx.cq)) {
				uint64_t value;
				uint32_t n;

				assert_int_equal(take_frame(k, got, &n, &value), 1);
				/* of this queue: its own pair's or that of the one two further */
				assert_true(!memcmp(got, frame[k], 1000) ||
					    !memcmp(got, frame[k + 2], 1000));
				done++;
			}
		}
		if (!(turn++ % 64))
			assert_int_equal(control(MULTI, PVK_NET_CTL_RX_MODE, &mode, sizeof(mode)),
					 0);
	}
}

/* ---- accounts ---- */

static void statistics_are_kept(void **state)
{
	char *text = NULL;
	size_t len = 0;
	uint64_t value;
	uint32_t n;
	FILE *out;

	(void)state;
	start(COUNTERPART, 1, 8, PVK_NET_F_RX_MODE);
	fake_net_mode(NIC_COUNTERPART, FAKE_NET_SINK);
	make_frame(sent, 200, 1);
	assert_int_equal(send_on(&pair[0].tx, scattered(sent, 200, 3, 0)), 0);
	assert_int_equal(send_on(&pair[0].tx, (struct pvk_net_tx_sqe){ .op = 9 }), -PVK_ENOSYS);
	post(0, 0, 128);
	fake_net_inject(NIC_COUNTERPART, 0, NULL, sent, 200);
	post(0, 1, 128);
	take_frame(0, got, &n, &value);
	sent[0] = 2;
	fake_net_inject(NIC_COUNTERPART, 0, NULL, sent, 200);
	fake_net_inject(NIC_COUNTERPART, 0, NULL, sent, 5);
	assert_true(FAKE_UNTIL(backend(NIC_COUNTERPART, 0)->waiting == 0));
	out = open_memstream(&text, &len);
	assert_non_null(out);
	hs_pv_json(fake.vm.pv, out);
	fclose(out);
	assert_non_null(strstr(text, "\"nic\": 0, \"model\": \"pvkit\""));
	assert_non_null(strstr(text, "\"pairs\": [{\"pair\": 0, \"rx\": {\"frames\": 1, \"bytes\": 200, \"segments\": 2, \"errors\": 0"));
	assert_non_null(strstr(text, "\"no_buffer\": 1, \"filtered\": 1, \"dropped\": 1}, \"tx\": {\"frames\": 1, \"bytes\": 200, \"segments\": 3, \"errors\": 1"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(pairs_are_whole_and_begin_with_0),
		CASE(rings_have_up_to_1024_entries),
		CASE(each_refusal_of_transmission_has_its_status),
		CASE(features_not_accepted_are_not_served),
		CASE(each_refusal_of_a_buffer_has_its_status),
		CASE(a_bad_buffer_has_its_turn),
		CASE(changed_entries_and_lists_are_not_seen),
		CASE(more_frames_than_entries),
		CASE(more_buffers_than_entries),
		CASE(frame_waits_for_buffers),
		CASE(frame_that_never_fits_is_dropped),
		CASE(waiting_frame_is_steered_anew),
		CASE(reset_drains_and_forgets),
		CASE(resets_under_load),
		CASE(pairs_take_the_back_ends_queues_in_turn),
		CASE(workers_do_not_meet),
		CASE(statistics_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
