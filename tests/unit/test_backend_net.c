// SPDX-License-Identifier: BSD-2-Clause
/*
 * The network back end (backend/net.h) on socket pairs and named sockets: order,
 * batches, peers that stop reading, lie about lengths or go away, faces
 * without room, changes of the face.
 */
/* LINK: host-stub/backend/net.c host-stub/backend/net_rx.c host-stub/backend/net_tx.c host-stub/backend/net_tap.c host-stub/backend/net_socket.c host-stub/backend/net_soft.c host-stub/backend/worker.c host-stub/log.c */
/* LIBS: -luring -lpthread */
#include "net_peer.h"

static struct hs_net *net;
static int other;		/* the other end */
static struct peer_face face, second;
static uint8_t buffer[HS_NET_MAX_FRAME + 16];

static int begin_kind(enum hs_nic_kind kind, int type)
{
	struct hs_nic_config config = { .kind = kind, .fds = 1, .mtu = 1500,
					.mac = { 2, 0, 0, 0, 0, 1 } };
	int pair[2];

	if (socketpair(AF_UNIX, type, 0, pair) < 0)
		return -1;
	other = pair[1];
	config.fd[0] = pair[0];
	face_init(&face);
	face_init(&second);
	sends_free();
	return hs_net_open(&net, &config, 0, 50000);
}

static int begin_dgram(void **state)
{
	(void)state;
	return begin_kind(HS_NIC_DGRAM, SOCK_DGRAM);
}

static int begin_stream(void **state)
{
	(void)state;
	return begin_kind(HS_NIC_STREAM, SOCK_STREAM);
}

static int begin_user(void **state)
{
	(void)state;
	return begin_kind(HS_NIC_USER, SOCK_SEQPACKET);
}

static int end(void **state)
{
	(void)state;
	if (net) {
		hs_net_attach(net, NULL);
		hs_net_close(net);
	}
	net = NULL;
	if (other >= 0)
		close(other);
	other = -1;
	sends_free();
	return 0;
}

static bool is_stream(void)
{
	int type;
	socklen_t size = sizeof(type);

	return !getsockopt(other, SOL_SOCKET, SO_TYPE, &type, &size) && type == SOCK_STREAM;
}

static void write_all(const void *at, size_t bytes)
{
	const uint8_t *from = at;

	while (bytes) {
		ssize_t n = send(other, from, bytes, MSG_NOSIGNAL);

		assert_true(n > 0);
		from += n;
		bytes -= (size_t)n;
	}
}

static void put_prefix(uint8_t *at, uint32_t length)
{
	at[0] = (uint8_t)(length >> 24);
	at[1] = (uint8_t)(length >> 16);
	at[2] = (uint8_t)(length >> 8);
	at[3] = (uint8_t)length;
}

static void peer_sends(uint32_t n)
{
	uint32_t length = length_of(n);

	put_prefix(buffer, length);
	pattern(buffer + 4, n, length);
	if (is_stream())
		write_all(buffer, length + 4);
	else
		assert_int_equal(send(other, buffer + 4, length, 0), length);
}

static void read_all(uint8_t *at, size_t bytes)
{
	while (bytes) {
		struct pollfd p = { .fd = other, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&p, 1, 10000), 1);
		n = read(other, at, bytes);
		assert_true(n > 0);
		at += n;
		bytes -= (size_t)n;
	}
}

/* The next frame at the other end; its length. */
static uint32_t peer_takes(void)
{
	if (is_stream()) {
		uint32_t length;

		read_all(buffer, 4);
		length = (uint32_t)buffer[0] << 24 | (uint32_t)buffer[1] << 16 |
			 (uint32_t)buffer[2] << 8 | buffer[3];
		assert_true(length <= HS_NET_MAX_FRAME);
		read_all(buffer, length);
		return length;
	}
	for (;;) {
		struct pollfd p = { .fd = other, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&p, 1, 10000), 1);
		n = recv(other, buffer, sizeof(buffer), 0);
		assert_true(n >= 0);
		return (uint32_t)n;
	}
}

/* ---- both kinds ---- */

static void received_in_order(void **state)
{
	(void)state;
	hs_net_attach(net, &face.face);
	for (uint32_t n = 0; n < 200; n++)
		peer_sends(n);
	WAIT_FOR(face.frames == 200);
	assert_int_equal(face.wrong, 0);
	assert_int_equal(stats_of(net).rx_frames, 200);
	WAIT_FOR(face.batches > 0);
	assert_true(face.batches <= 200);
}

static void sent_in_order(void **state)
{
	(void)state;
	hs_net_attach(net, &face.face);
	for (unsigned int i = 0; i < 200; i++)
		tx_make(i, i, length_of(i));
	send_frames(net, 0, 200);
	for (uint32_t n = 0; n < 200; n++) {
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
	hs_net_attach(net, &face.face);
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
	WAIT_FOR(face.frames == 1);
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
	hs_net_attach(net, &face.face);
	for (unsigned int i = 0; i < LATE; i++)
		tx_make(i, i, 9014);
	send_frames(net, 0, LATE);
	nanosleep(&late, NULL);
	if (hs_now() - since < HS_NET_STUCK_NS / 4 * 3)
		assert_true(ended < LATE);
	for (unsigned int i = 0; i < LATE; i++) {
		if (hs_now() - since > HS_NET_STUCK_NS / 4 * 3) {
			print_message("this machine is too busy to be in time\n");
			skip();
		}
		assert_int_equal(peer_takes(), 9014);
		assert_true(is_pattern(buffer, i, 9014));
	}
	WAIT_FOR(ended == LATE);
	assert_sent(0, LATE, 0);
}

static void face_without_room(void **state)
{
	static const struct timespec while_ = { .tv_nsec = 20000000 };

	(void)state;
	atomic_store(&face.room, 3);
	hs_net_attach(net, &face.face);
	for (uint32_t n = 0; n < 8; n++)
		peer_sends(n);
	WAIT_FOR(face.frames == 3);
	nanosleep(&while_, NULL);
	assert_int_equal(face.frames, 3);
	atomic_store(&face.room, 2);
	face_ready(net);
	WAIT_FOR(face.frames == 5);
	nanosleep(&while_, NULL);
	assert_int_equal(face.frames, 5);
	atomic_store(&face.room, 1000);
	face_ready(net);
	WAIT_FOR(face.frames == 8);
	assert_int_equal(face.wrong, 0);
}

static void faces_change(void **state)
{
	(void)state;
	atomic_store(&face.room, 2);
	hs_net_attach(net, &face.face);
	for (uint32_t n = 0; n < 5; n++)
		peer_sends(n);
	WAIT_FOR(face.frames == 2);
	hs_net_attach(net, NULL);
	atomic_store(&face.room, 1000);
	for (uint32_t n = 5; n < 8; n++)
		peer_sends(n);
	face_ready(net);
	second.first = 2;
	hs_net_attach(net, &second.face);
	WAIT_FOR(second.frames == 6);
	assert_int_equal(face.frames, 2);
	assert_int_equal(second.wrong, 0);
}

static void link_set_by_the_user(void **state)
{
	(void)state;
	assert_true(hs_net_link(net));
	hs_net_attach(net, &face.face);
	hs_net_set_link(net, false);
	assert_int_equal(face.links, 1);
	assert_false(face.up);
	assert_false(hs_net_link(net));
	peer_sends(0);
	tx_make(0, 0, 100);
	send_frames(net, 0, 1);
	WAIT_FOR(ended == 1);
	assert_int_equal(sends[0].status, -EIO);
	WAIT_FOR(stats_of(net).rx_dropped == 1);
	hs_net_set_link(net, true);
	assert_true(face.up);
	assert_int_equal(face.links, 2);
	face.first = 1;
	peer_sends(1);
	WAIT_FOR(face.frames == 1);
	assert_int_equal(face.wrong, 0);
}

/* A large frame is cut for an end that knows no offloads. */
static void large_frame_is_cut(void **state)
{
	uint8_t *at;
	uint32_t got = 0;

	(void)state;
	hs_net_attach(net, &face.face);
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
	hs_net_attach(net, &face.face);
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
	hs_net_attach(net, &face.face);
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
	hs_net_attach(net, &face.face);
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
		sum = hs_net_sum(sends[i].memory + 34, 66, 0) ^ 0xffffu;
		assert_int_equal(buffer[40] << 8 | buffer[41], sum ? sum : 0xffff);
	}
	assert_memory_equal(was, sends[0].memory, 100);
	WAIT_FOR(ended == 100);
	assert_sent(0, 100, 0);
}

static void frames_waiting_at_the_end(void **state)
{
	(void)state;
	hs_net_attach(net, &face.face);
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
	hs_net_attach(net, &face.face);
	peer_sends(0);
	WAIT_FOR(face.frames == 1);
	hs_net_json(net, out);
	fclose(out);
	assert_non_null(strstr(text, "\"link\": true"));
	assert_non_null(strstr(text, "\"rx_frames\": 1, \"rx_bytes\": 60,"));
	free(text);
}

/* ---- messages only ---- */

static void runt_and_oversized(void **state)
{
	static uint8_t big[HS_NET_MAX_FRAME + 100];

	(void)state;
	hs_net_attach(net, &face.face);
	assert_int_equal(send(other, big, 13, 0), 13);
	assert_int_equal(send(other, big, 0, 0), 0);
	assert_int_equal(send(other, big, HS_NET_MAX_FRAME + 1, 0), HS_NET_MAX_FRAME + 1);
	assert_int_equal(send(other, big, sizeof(big), 0), sizeof(big));
	peer_sends(0);
	WAIT_FOR(face.frames == 1);
	assert_int_equal(face.wrong, 0);
	assert_int_equal(stats_of(net).rx_dropped, 4);
}

static void user_process_dies(void **state)
{
	(void)state;
	hs_net_attach(net, &face.face);
	peer_sends(0);
	WAIT_FOR(face.frames == 1);
	close(other);
	other = -1;
	WAIT_FOR(face.links == 1);
	assert_false(face.up);
	tx_make(0, 0, 100);
	send_frames(net, 0, 1);
	WAIT_FOR(ended == 1);
	assert_int_equal(sends[0].status, -EIO);
}

/* ---- streams only ---- */

static void stream_in_crumbs(void **state)
{
	(void)state;
	hs_net_attach(net, &face.face);
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
	WAIT_FOR(face.frames == 4);
	assert_int_equal(face.wrong, 0);
}

static void bad_length(uint32_t length)
{
	hs_net_attach(net, &face.face);
	peer_sends(0);
	WAIT_FOR(face.frames == 1);
	put_prefix(buffer, length);
	write_all(buffer, 100);
	WAIT_FOR(face.links == 1);
	assert_false(face.up);
	assert_int_equal(face.frames, 1);
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
	hs_net_attach(net, &face.face);
	memset(buffer, 0, 20);
	put_prefix(buffer, 13);
	write_all(buffer, 17);
	peer_sends(0);
	WAIT_FOR(face.frames == 1);
	assert_int_equal(face.wrong, 0);
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
	face_init(&face);
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
	hs_net_attach(net, &face.face);
	tx_make(0, 0, 100);
	send_frames(net, 0, 1);
	WAIT_FOR(ended == 1);
	assert_int_equal(sends[0].status, -EIO);
	for (unsigned int round = 0; round < 3; round++) {
		other = connect_to(path_a);
		assert_true(other >= 0);
		WAIT_FOR(face.up);
		face.first = 0;
		atomic_store(&face.frames, 0);
		for (uint32_t n = 0; n < 3; n++)
			peer_sends(n);
		WAIT_FOR(face.frames == 3);
		assert_int_equal(face.wrong, 0);
		tx_make(1 + round, round, 1000);
		send_frames(net, 1 + round, 1);
		assert_int_equal(peer_takes(), 1000);
		assert_true(is_pattern(buffer, round, 1000));
		/* Half a frame: nothing of it may show in the next connection. */
		put_prefix(buffer, 1000);
		write_all(buffer, 500);
		close(other);
		WAIT_FOR(!face.up);
	}
	other = -1;
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
		face_init(&face);
		sends_free();
		face.any = true;
		hs_net_attach(late, &face.face);
		for (; sent < 100 && !atomic_load(&face.frames); sent++) {
			static const struct timespec ts = { .tv_nsec = 30000000 };

			tx_make(sent, 5, 333);
			send_frames(net, sent, 1);
			nanosleep(&ts, NULL);
		}
		assert_true(face.frames > 0);
		assert_int_equal(face.length, 333);
		assert_true(is_pattern(face.last, 5, 333));
		WAIT_FOR(ended == sent);
		hs_net_attach(late, NULL);
		hs_net_close(late);
	}
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
		BOTH(face_without_room),
		BOTH(faces_change),
		BOTH(link_set_by_the_user),
		BOTH(large_frame_is_cut),
		BOTH(frame_that_cannot_be_cut),
		BOTH(frame_that_cannot_be_cut_alone),
		BOTH(checksum_on_a_copy),
		BOTH(frames_waiting_at_the_end),
		BOTH(accounts),
		cmocka_unit_test_setup_teardown(runt_and_oversized, begin_dgram, end),
		cmocka_unit_test_setup_teardown(user_process_dies, begin_user, end),
		cmocka_unit_test_setup_teardown(sent_in_order, begin_user, end),
		cmocka_unit_test_setup_teardown(stream_in_crumbs, begin_stream, end),
		cmocka_unit_test_setup_teardown(length_of_zero, begin_stream, end),
		cmocka_unit_test_setup_teardown(length_too_large, begin_stream, end),
		cmocka_unit_test_setup_teardown(runt_in_a_stream, begin_stream, end),
		cmocka_unit_test_setup_teardown(server_takes_one_after_the_other, begin_named,
						end_named),
		cmocka_unit_test_setup_teardown(stale_socket_is_replaced, begin_named, end_named),
		cmocka_unit_test_setup_teardown(client_needs_a_server, begin_named, end_named),
		cmocka_unit_test_setup_teardown(datagram_peers, begin_named, end_named),
	};

	other = -1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
