// SPDX-License-Identifier: BSD-2-Clause
/*
 * The network back end's sockets (net/net.h): peers that lie about lengths,
 * write in crumbs, read what there is, go away or are not there yet; sockets with
 * names.
 */
/* LINK: host-stub/json.c host-stub/net/net.c host-stub/net/net_rx.c host-stub/net/net_tx.c host-stub/net/net_build.c host-stub/net/net_tap.c host-stub/net/net_vnet.c host-stub/net/net_socket.c host-stub/net/net_redial.c host-stub/net/net_soft.c host-stub/worker.c host-stub/log.c */
/* LIBS: -luring -lpthread */
#include "net_pair.h"

/* ---- messages only ---- */

static void runt_and_oversized(void **state)
{
	static uint8_t big[HS_NET_MAX_FRAME + 100];

	(void)state;
	hs_net_attach(net, &model.model);
	assert_int_equal(send(other, big, 13, 0), 13);
	for (unsigned int i = 0; i < 100; i++)		/* no reason to take the link down */
		assert_int_equal(send(other, big, 0, 0), 0);
	assert_int_equal(send(other, big, HS_NET_MAX_FRAME + 1, 0), HS_NET_MAX_FRAME + 1);
	assert_int_equal(send(other, big, sizeof(big), 0), sizeof(big));
	peer_sends(0);
	WAIT_FOR(model.frames == 1);
	assert_int_equal(model.wrong, 0);
	assert_int_equal(stats_of(net).rx_dropped, 103);
	assert_int_equal(model.links, 0);
}

static void user_process_dies(void **state)
{
	(void)state;
	hs_net_attach(net, &model.model);
	peer_sends(0);
	WAIT_FOR(model.frames == 1);
	close(other);
	other = -1;
	WAIT_FOR(model.links == 1);
	assert_false(model.up);
	tx_make(0, 0, 100);
	send_frames(net, 0, 1);
	WAIT_FOR(ended == 1);
	assert_int_equal(sends[0].status, -EIO);
}

/* ---- streams only ---- */

static void stream_in_crumbs(void **state)
{
	(void)state;
	hs_net_attach(net, &model.model);
	for (uint32_t n = 0; n < 4; n++) {
		uint32_t length = length_of(n);

		put_prefix(buffer, length);
		pattern(buffer + 4, n, length);
		for (uint32_t i = 0; i < length + 4; i++) {
			write_all(buffer + i, 1);
			if (i % 16 < 6)
				sched_yield();
		}
	}
	WAIT_FOR(model.frames == 4);
	assert_int_equal(model.wrong, 0);
}

/* Who reads what there is never finds a part of a frame, however often the wire was full. */
static void frames_stay_whole(void **state)
{
	static uint8_t got[1 << 20];
	int bytes = 70000;
	uint64_t since;
	uint32_t n = 0;

	(void)state;
	assert_int_equal(setsockopt(own, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
	hs_net_attach(net, &model.model);
	for (unsigned int i = 0; i < 300; i++)
		tx_make(i, i, i % 30 ? 1514 : 60);
	since = hs_now();
	send_frames(net, 0, 300);
	for (unsigned int was = ~0u; was != ended; pause_a_bit())
		was = ended;
	NEEDS_TIME(since);
	assert_true(ended < 300);	/* full, the first time */
	while (n < 300) {
		struct pollfd p = { .fd = other, .events = POLLIN };
		ssize_t have, at = 0;

		NEEDS_TIME(since);
		assert_int_equal(poll(&p, 1, 10000), 1);
		pause_a_bit();
		have = recv(other, got, sizeof(got), 0);
		while (at < have) {
			uint32_t length = n % 30 ? 1514 : 60;

			put_prefix(buffer, length);
			assert_true(at + 4 + length <= have);
			assert_memory_equal(got + at, buffer, 4);
			assert_true(is_pattern(got + at + 4, n++, length));
			at += 4 + length;
		}
	}
	WAIT_FOR(ended == 300);
	assert_sent(0, 300, 0);
}

static void bad_length(uint32_t length)
{
	hs_net_attach(net, &model.model);
	peer_sends(0);
	WAIT_FOR(model.frames == 1);
	put_prefix(buffer, length);
	write_all(buffer, 100);
	WAIT_FOR(model.links == 1);
	assert_false(model.up);
	assert_int_equal(model.frames, 1);
	assert_int_equal(recv(other, buffer, 1, 0), 0);
}

static void length_of_zero(void **state)
{
	(void)state;
	bad_length(0);
}

static void length_too_large(void **state)
{
	(void)state;
	bad_length(HS_NET_MAX_FRAME + 1);
}

static void runt_in_a_stream(void **state)
{
	(void)state;
	hs_net_attach(net, &model.model);
	memset(buffer, 0, 20);
	put_prefix(buffer, 13);
	write_all(buffer, 17);
	peer_sends(0);
	WAIT_FOR(model.frames == 1);
	assert_int_equal(model.wrong, 0);
	assert_int_equal(stats_of(net).rx_dropped, 1);
}

/* ---- named sockets ---- */

static char dir[64], path_a[96], path_b[96];

static int begin_named(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/pvkit-net-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path_a, sizeof(path_a), "%s/a", dir);
	snprintf(path_b, sizeof(path_b), "%s/b", dir);
	model_init(&model);
	sends_free();
	net = NULL;
	other = -1;
	return 0;
}

static int end_named(void **state)
{
	end(state);
	unlink(path_a);
	unlink(path_b);
	return rmdir(dir);
}

static int connect_to(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(to.sun_path, path);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The kernel takes a closed io_uring, and what it holds open, apart in its own time. */
static void open_in_time(struct hs_net **out, const struct hs_nic_config *config)
{
	uint64_t limit = hs_now() + 10000000000ull;
	int ret;

	while ((ret = hs_net_open(out, config, 1, 50000)) == -EADDRINUSE && hs_now() < limit)
		pause_a_bit();
	assert_int_equal(ret, 0);
}

static void server_takes_one_after_the_other(void **state)
{
	struct hs_nic_config config = { .kind = HS_NIC_STREAM, .name = path_a, .listen = true };

	(void)state;
	assert_int_equal(hs_net_open(&net, &config, 1, 50000), 0);
	assert_false(hs_net_link(net));
	hs_net_attach(net, &model.model);
	tx_make(0, 0, 100);
	send_frames(net, 0, 1);
	WAIT_FOR(ended == 1);
	assert_int_equal(sends[0].status, -EIO);
	for (unsigned int round = 0; round < 3; round++) {
		other = connect_to(path_a);
		assert_true(other >= 0);
		WAIT_FOR(model.up);
		model.first = 0;
		atomic_store(&model.frames, 0);
		for (uint32_t n = 0; n < 3; n++)
			peer_sends(n);
		WAIT_FOR(model.frames == 3);
		assert_int_equal(model.wrong, 0);
		tx_make(1 + round, round, 1000);
		send_frames(net, 1 + round, 1);
		assert_int_equal(peer_takes(), 1000);
		assert_true(is_pattern(buffer, round, 1000));
		/* Half a frame: nothing of it may show in the next connection. */
		put_prefix(buffer, 1000);
		write_all(buffer, 500);
		close(other);
		WAIT_FOR(!model.up);
	}
	other = -1;
}

static unsigned int said;

static bool count_line(const char *line, size_t len)
{
	(void)line;
	(void)len;
	said++;
	return true;
}

/* Who connects and closes on and on costs a few lines, and the next one is served. */
static void storm_of_peers_is_said_a_few_times(void **state)
{
	struct hs_nic_config config = { .kind = HS_NIC_STREAM, .name = path_a, .listen = true };

	(void)state;
	assert_int_equal(hs_net_open(&net, &config, 1, 50000), 0);
	hs_net_attach(net, &model.model);
	said = 0;
	hs_log_to(count_line);
	for (unsigned int round = 0; round < 300; round++) {
		unsigned int links = atomic_load(&model.links);

		other = connect_to(path_a);
		assert_true(other >= 0);
		WAIT_FOR(atomic_load(&model.links) > links);
		close(other);
		WAIT_FOR(!model.up);
	}
	other = connect_to(path_a);
	WAIT_FOR(model.up);
	hs_log_to(NULL);
	assert_true(said > 0);
	assert_true(said <= HS_LOG_BURST);
}

static void stale_socket_is_replaced(void **state)
{
	struct hs_nic_config config = { .kind = HS_NIC_STREAM, .name = path_a, .listen = true };
	struct hs_net *again;

	(void)state;
	assert_int_equal(hs_net_open(&net, &config, 0, 50000), 0);
	/* one that is served is not */
	assert_int_equal(hs_net_open(&again, &config, 0, 50000), -EADDRINUSE);
	hs_net_close(net);
	net = NULL;
	assert_int_equal(access(path_a, F_OK), 0);
	open_in_time(&net, &config);
	/* and a file is never removed */
	close(open(path_b, O_CREAT | O_WRONLY, 0600));
	config.name = path_b;
	assert_int_equal(hs_net_open(&again, &config, 0, 50000), -EADDRINUSE);
	assert_int_equal(access(path_b, F_OK), 0);
}

static void client_needs_a_server(void **state)
{
	struct hs_nic_config config = { .kind = HS_NIC_STREAM, .name = path_a };

	(void)state;
	assert_int_equal(hs_net_open(&net, &config, 0, 50000), -ENOENT);
	net = NULL;
}

/* Two back ends, one the other's peer; the second comes later, and again. */
static void datagram_peers(void **state)
{
	struct hs_nic_config a = { .kind = HS_NIC_DGRAM, .name = path_a, .peer = path_b };
	struct hs_nic_config b = { .kind = HS_NIC_DGRAM, .name = path_b, .peer = path_a };
	struct hs_net *late;

	(void)state;
	assert_int_equal(hs_net_open(&net, &a, 0, 50000), 0);
	for (unsigned int round = 0; round < 2; round++) {
		unsigned int sent = 0;

		open_in_time(&late, &b);
		model_init(&model);
		sends_free();
		model.any = true;
		hs_net_attach(late, &model.model);
		for (; sent < SENDS && !atomic_load(&model.frames); sent++) {
			static const struct timespec ts = { .tv_nsec = 30000000 };

			tx_make(sent, 5, 333);
			send_frames(net, sent, 1);
			nanosleep(&ts, NULL);
		}
		assert_true(model.frames > 0);
		assert_int_equal(model.length, 333);
		assert_true(is_pattern(model.last, 5, 333));
		WAIT_FOR(ended == sent);
		hs_net_attach(late, NULL);
		hs_net_close(late);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(runt_and_oversized, begin_dgram, end),
		cmocka_unit_test_setup_teardown(user_process_dies, begin_user, end),
		cmocka_unit_test_setup_teardown(stream_in_crumbs, begin_stream, end),
		cmocka_unit_test_setup_teardown(frames_stay_whole, begin_stream, end),
		cmocka_unit_test_setup_teardown(length_of_zero, begin_stream, end),
		cmocka_unit_test_setup_teardown(length_too_large, begin_stream, end),
		cmocka_unit_test_setup_teardown(runt_in_a_stream, begin_stream, end),
		cmocka_unit_test_setup_teardown(server_takes_one_after_the_other, begin_named,
						end_named),
		cmocka_unit_test_setup_teardown(storm_of_peers_is_said_a_few_times, begin_named,
						end_named),
		cmocka_unit_test_setup_teardown(stale_socket_is_replaced, begin_named, end_named),
		cmocka_unit_test_setup_teardown(client_needs_a_server, begin_named, end_named),
		cmocka_unit_test_setup_teardown(datagram_peers, begin_named, end_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
