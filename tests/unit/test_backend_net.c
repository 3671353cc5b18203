// SPDX-License-Identifier: BSD-2-Clause
/*
 * The network back end (net/net.h) on socket pairs, messages and streams
 * alike: order, batches, peers that stop reading, models without room, changes of
 * the model, cutting and summing.
 */
/* LINK: host-stub/json.c host-stub/net/net.c host-stub/net/net_rx.c host-stub/net/net_tx.c host-stub/net/net_build.c host-stub/net/net_tap.c host-stub/net/net_vnet.c host-stub/net/net_socket.c host-stub/net/net_redial.c host-stub/net/net_soft.c host-stub/worker.c host-stub/log.c */
/* LIBS: -luring -lpthread */
#include "net_pair.h"

static struct peer_model second;

/* ---- both kinds ---- */

static void received_in_order(void **state)
{
	(void)state;
	hs_net_attach(net, &model.model);
	for (uint32_t n = 0; n < 200; n++)
		peer_sends(n);
	WAIT_FOR(stats_of(net).rx_frames == 200);
	assert_int_equal(model.frames, 200);
	assert_int_equal(model.wrong, 0);
	WAIT_FOR(model.batches > 0);
	assert_true(model.batches <= 200);
}

static void sent_in_order(void **state)
{
	uint64_t since;

	(void)state;
	hs_net_attach(net, &model.model);
	for (unsigned int i = 0; i < 200; i++)
		tx_make(i, i, length_of(i));
	since = hs_now();
	send_frames(net, 0, 200);
	for (uint32_t n = 0; n < 200; n++) {
		NEEDS_TIME(since);
		assert_int_equal(peer_takes(), length_of(n));
		assert_true(is_pattern(buffer, n, length_of(n)));
	}
	WAIT_FOR(ended == 200);
	assert_sent(0, 200, 0);
	assert_int_equal(stats_of(net).tx_frames, 200);
	assert_true(stats_of(net).batches > 0);
}

/* A peer that does not read: frames are dropped in bounded time, the rest arrives whole. */
static void peer_that_stops_reading(void **state)
{
	uint64_t since = hs_now();
	unsigned int dropped = 0, arrived;

	(void)state;
	hs_net_attach(net, &model.model);
	for (unsigned int i = 0; i < 400; i++)
		tx_make(i, i, 9014);
	send_frames(net, 0, 400);
	WAIT_FOR(ended == 400);
	assert_true(hs_now() - since >= HS_NET_STUCK_NS);
	assert_true(hs_now() - since < 20ull * HS_NET_STUCK_NS);
	for (unsigned int i = 0; i < 400; i++) {
		assert_int_equal(sends[i].ended, 1);
		assert_int_equal(sends[i].order, i);
		/* what was taken comes before what was not */
		assert_true(!dropped || sends[i].status == -EIO);
		dropped += sends[i].status == -EIO;
	}
	assert_true(dropped > 0);
	assert_int_equal(stats_of(net).tx_dropped, dropped);
	/* the worker is alive */
	peer_sends(0);
	WAIT_FOR(model.frames == 1);
	arrived = 400 - dropped;
	for (unsigned int i = 0; i < arrived; i++) {
		assert_int_equal(peer_takes(), 9014);
		assert_true(is_pattern(buffer, i, 9014));
	}
	/* and what is sent now follows */
	tx_make(400, 7777, 100);
	send_frames(net, 400, 1);
	assert_int_equal(peer_takes(), 100);
	assert_true(is_pattern(buffer, 7777, 100));
}

#define LATE	300u	/* frames: more than the sockets hold */

/* A peer that reads late, but in time: nothing is lost. */
static void peer_that_reads_late(void **state)
{
	static const struct timespec late = { .tv_nsec = 20000000 };
	uint64_t since = hs_now();

	(void)state;
	hs_net_attach(net, &model.model);
	for (unsigned int i = 0; i < LATE; i++)
		tx_make(i, i, 9014);
	send_frames(net, 0, LATE);
	nanosleep(&late, NULL);
	if (hs_now() - since < HS_NET_STUCK_NS / 4 * 3)
		assert_true(ended < LATE);
	for (unsigned int i = 0; i < LATE; i++) {
		NEEDS_TIME(since);
		assert_int_equal(peer_takes(), 9014);
		assert_true(is_pattern(buffer, i, 9014));
	}
	WAIT_FOR(ended == LATE);
	assert_sent(0, LATE, 0);
}

static void model_without_room(void **state)
{
	static const struct timespec while_ = { .tv_nsec = 20000000 };

	(void)state;
	atomic_store(&model.room, 3);
	hs_net_attach(net, &model.model);
	for (uint32_t n = 0; n < 8; n++)
		peer_sends(n);
	WAIT_FOR(model.frames == 3);
	nanosleep(&while_, NULL);
	assert_int_equal(model.frames, 3);
	atomic_store(&model.room, 2);
	model_ready(net);
	WAIT_FOR(model.frames == 5);
	nanosleep(&while_, NULL);
	assert_int_equal(model.frames, 5);
	atomic_store(&model.room, 1000);
	model_ready(net);
	WAIT_FOR(model.frames == 8);
	assert_int_equal(model.wrong, 0);
}

static void models_change(void **state)
{
	(void)state;
	atomic_store(&model.room, 2);
	model_init(&second);
	hs_net_attach(net, &model.model);
	for (uint32_t n = 0; n < 5; n++)
		peer_sends(n);
	WAIT_FOR(model.frames == 2);
	hs_net_attach(net, NULL);
	atomic_store(&model.room, 1000);
	for (uint32_t n = 5; n < 8; n++)
		peer_sends(n);
	model_ready(net);
	second.first = 2;
	hs_net_attach(net, &second.model);
	WAIT_FOR(second.frames == 6);
	assert_int_equal(model.frames, 2);
	assert_int_equal(second.wrong, 0);
}

static void link_set_by_the_user(void **state)
{
	(void)state;
	assert_true(hs_net_link(net));
	hs_net_attach(net, &model.model);
	hs_net_set_link(net, false);
	assert_int_equal(model.links, 1);
	assert_false(model.up);
	assert_false(hs_net_link(net));
	peer_sends(0);
	tx_make(0, 0, 100);
	send_frames(net, 0, 1);
	WAIT_FOR(ended == 1);
	assert_int_equal(sends[0].status, -EIO);
	WAIT_FOR(stats_of(net).rx_dropped == 1);
	hs_net_set_link(net, true);
	assert_true(model.up);
	assert_int_equal(model.links, 2);
	model.first = 1;
	peer_sends(1);
	WAIT_FOR(model.frames == 1);
	assert_int_equal(model.wrong, 0);
}

/* A large frame is cut for an end that knows no offloads. */
static void large_frame_is_cut(void **state)
{
	uint8_t *at;
	uint32_t got = 0;

	(void)state;
	hs_net_attach(net, &model.model);
	tx_make(0, 0, 54 + 60000);
	at = sends[0].memory;
	memset(at, 0, 54);
	at[12] = 8;
	at[14] = 0x45;
	at[23] = 6;
	at[46] = 0x50;
	sends[0].tx.meta = (struct hs_net_meta) {
		.gso = PVK_NET_GSO_TCP4, .csum = true, .gso_size = 500, .hdr_len = 54,
		.csum_start = 34, .csum_offset = 16,
	};
	tx_make(1, 1, 1000);
	send_frames(net, 0, 2);
	for (unsigned int i = 0; i < 120; i++) {
		assert_int_equal(peer_takes(), 554);
		assert_memory_equal(buffer + 54, at + 54 + got, 500);
		got += 500;
	}
	assert_int_equal(peer_takes(), 1000);
	assert_true(is_pattern(buffer, 1, 1000));
	WAIT_FOR(ended == 2);
	assert_sent(0, 2, 0);
	assert_int_equal(stats_of(net).tx_pieces, 120);
}

static void frame_that_cannot_be_cut(void **state)
{
	(void)state;
	hs_net_attach(net, &model.model);
	tx_make(0, 0, 2000);
	sends[0].tx.meta = (struct hs_net_meta) {
		.gso = PVK_NET_GSO_TCP4, .csum = true, .gso_size = 500, .hdr_len = 54,
		.csum_start = 34, .csum_offset = 16,
	};
	memset(sends[0].memory, 0, 54);
	tx_make(1, 1, 1000);
	send_frames(net, 0, 2);
	assert_int_equal(peer_takes(), 1000);
	WAIT_FOR(ended == 2);
	assert_int_equal(sends[0].status, -EIO);
	assert_int_equal(sends[1].status, 0);
}

/* Alone in its batch, it leaves nothing to send: those sent before must not end again. */
static void frame_that_cannot_be_cut_alone(void **state)
{
	(void)state;
	hs_net_attach(net, &model.model);
	for (unsigned int i = 0; i < 4; i++)
		tx_make(i, i, 1000);
	send_frames(net, 0, 4);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(peer_takes(), 1000);
	WAIT_FOR(ended == 4);
	tx_make(4, 4, 2000);
	sends[4].tx.meta = (struct hs_net_meta) {
		.gso = PVK_NET_GSO_TCP4, .csum = true, .gso_size = 500, .hdr_len = 54,
		.csum_start = 34, .csum_offset = 16,
	};
	memset(sends[4].memory, 0, 54);
	send_frames(net, 4, 1);
	WAIT_FOR(ended >= 5);
	tx_make(5, 5, 1000);
	send_frames(net, 5, 1);
	assert_int_equal(peer_takes(), 1000);
	WAIT_FOR(ended >= 6);
	usleep(20000);
	assert_int_equal(ended, 6);
	assert_int_equal(stats_of(net).tx_frames, 5);
	assert_int_equal(stats_of(net).tx_dropped, 1);
}

/* A checksum is filled in on a copy: the guest's frame stays as it was. */
static void checksum_on_a_copy(void **state)
{
	uint8_t was[100];

	(void)state;
	hs_net_attach(net, &model.model);
	for (unsigned int i = 0; i < 100; i++) {
		tx_make(i, i, 100);
		sends[i].tx.meta = (struct hs_net_meta) {
			.csum = true, .csum_start = 34, .csum_offset = 6,
		};
	}
	memcpy(was, sends[0].memory, 100);
	send_frames(net, 0, 100);
	for (unsigned int i = 0; i < 100; i++) {
		uint32_t sum;

		assert_int_equal(peer_takes(), 100);
		assert_memory_equal(buffer, sends[i].memory, 40);
		/* Folding the field back in: all ones, less what was in it (RFC 1071). */
		sum = hs_net_checksum(sends[i].memory + 34, 66, 0) ^ 0xffffu;
		assert_int_equal(buffer[40] << 8 | buffer[41], sum ? sum : 0xffff);
	}
	assert_memory_equal(was, sends[0].memory, 100);
	WAIT_FOR(ended == 100);
	assert_sent(0, 100, 0);
}

static void frames_waiting_at_the_end(void **state)
{
	(void)state;
	hs_net_attach(net, &model.model);
	for (unsigned int i = 0; i < 400; i++)
		tx_make(i, i, 9014);
	send_frames(net, 0, 400);
	hs_net_attach(net, NULL);
	hs_net_close(net);
	net = NULL;
	assert_int_equal(ended, 400);
	for (unsigned int i = 0; i < 400; i++)
		assert_int_equal(sends[i].ended, 1);
}

static void accounts(void **state)
{
	struct hs_net_info info;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	hs_net_info(net, &info);
	assert_int_equal(info.queues, 1);
	assert_int_equal(info.mtu, 1500);
	assert_int_equal(info.mac[5], 1);
	assert_int_equal(info.offloads, 0);
	hs_net_attach(net, &model.model);
	peer_sends(0);
	WAIT_FOR(stats_of(net).rx_frames == 1);
	hs_net_json(net, out);
	fclose(out);
	assert_non_null(strstr(text, "\"link\": true"));
	assert_non_null(strstr(text, "\"rx_frames\": 1, \"rx_bytes\": 60,"));
	free(text);
}

#define BOTH(f) \
	cmocka_unit_test_setup_teardown(f, begin_dgram, end), \
	cmocka_unit_test_setup_teardown(f, begin_stream, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(received_in_order),
		BOTH(sent_in_order),
		BOTH(peer_that_stops_reading),
		BOTH(peer_that_reads_late),
		BOTH(model_without_room),
		BOTH(models_change),
		BOTH(link_set_by_the_user),
		BOTH(large_frame_is_cut),
		BOTH(frame_that_cannot_be_cut),
		BOTH(frame_that_cannot_be_cut_alone),
		BOTH(checksum_on_a_copy),
		BOTH(frames_waiting_at_the_end),
		BOTH(accounts),
		cmocka_unit_test_setup_teardown(sent_in_order, begin_user, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
