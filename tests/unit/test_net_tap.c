// SPDX-License-Identifier: BSD-2-Clause
/*
 * A TAP as the network back end's other end, in a network namespace of its own;
 * the host's side is a packet socket. Skipped where no TAP can be made.
 */
/* LINK: host-stub/json.c host-stub/net/net.c host-stub/net/net_rx.c host-stub/net/net_tx.c host-stub/net/net_build.c host-stub/net/net_tap.c host-stub/net/net_vnet.c host-stub/net/net_socket.c host-stub/net/net_redial.c host-stub/net/net_soft.c host-stub/worker.c host-stub/log.c */
/* LIBS: -luring -lpthread */
#include "net_peer.h"
#include "host-stub/net/net_priv.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

#define NAME	"pvktest"
#define TYPE	0x88b5		/* IEEE 802, local experiments */

static struct hs_net *net;
static struct peer_model model;
static int packets = -1, control = -1;
static bool usable;
static uint8_t buffer[HS_NET_MAX_FRAME];

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd >= 0) {
		if (write(fd, text, strlen(text)) < 0)
			print_message("%s: %s\n", path, strerror(errno));
		close(fd);
	}
}

static int apart(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) < 0) {
		print_message("skipped: no network namespace: %s\n", strerror(errno));
		return 0;
	}
	if (access("/dev/net/tun", R_OK | W_OK) < 0) {
		print_message("skipped: /dev/net/tun: %s\n", strerror(errno));
		return 0;
	}
	/* A quiet interface: no router solicitations. */
	write_file("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
	write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	control = socket(AF_INET, SOCK_DGRAM, 0);
	usable = true;
	return 0;
}

static void set_address(struct ifreq *ifr, uint32_t address)
{
	struct sockaddr_in *in = (void *)&ifr->ifr_addr;

	memset(in, 0, sizeof(*in));
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(address);
}

static int open_tap(unsigned int queues)
{
	struct hs_nic_config config = { .kind = HS_NIC_TAP, .name = NAME, .queues = queues };
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(TYPE) };
	struct ifreq ifr = { .ifr_name = NAME };
	struct arpreq arp = { .arp_flags = ATF_COM | ATF_PERM, .arp_dev = NAME };
	struct sockaddr_in *in = (void *)&arp.arp_pa;
	int one = 1, bytes = 8 << 20;

	if (!usable)
		return 0;
	model_init(&model);
	sends_free();
	if (hs_net_open(&net, &config, 0, 50000) < 0)
		return -1;
	set_address(&ifr, 0x0a090901);
	if (ioctl(control, SIOCSIFADDR, &ifr) < 0)
		return -1;
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(control, SIOCSIFFLAGS, &ifr) < 0)
		return -1;
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(0x0a090902);
	arp.arp_ha.sa_family = ARPHRD_ETHER;
	memcpy(arp.arp_ha.sa_data, "\x02\0\0\0\0\x07", 6);
	if (ioctl(control, SIOCSARP, &arp) < 0)
		return -1;
	packets = socket(AF_PACKET, SOCK_RAW, htons(TYPE));
	ll.sll_ifindex = (int)if_nametoindex(NAME);
	setsockopt(packets, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	setsockopt(packets, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	return bind(packets, (struct sockaddr *)&ll, sizeof(ll));
}

static int begin(void **state)
{
	(void)state;
	return open_tap(1);
}

static int begin_two(void **state)
{
	(void)state;
	return open_tap(2);
}

static int end(void **state)
{
	(void)state;
	if (!usable)
		return 0;
	hs_net_attach(net, NULL);
	hs_net_close(net);
	close(packets);
	/* The kernel takes the io_uring, and with it the TAP, apart in its own time. */
	for (uint64_t late = hs_now() + 10000000000; if_nametoindex(NAME); pause_a_bit())
		if (hs_now() > late)
			return -1;
	return 0;
}

#define NEEDS_TAP() do { \
	if (!usable) \
		skip(); \
} while (0)

static void host_sends(uint32_t n, uint32_t length)
{
	pattern(buffer, n, length);
	memcpy(buffer, "\x02\0\0\0\0\x07\x02\0\0\0\0\x08\x88\xb5", 14);
	memcpy(buffer + 14, &n, 4);
	assert_int_equal(send(packets, buffer, length, 0), length);
}

static uint32_t host_takes(void)
{
	struct pollfd p = { .fd = packets, .events = POLLIN };
	ssize_t n;

	assert_int_equal(poll(&p, 1, 10000), 1);
	n = recv(packets, buffer, sizeof(buffer), 0);
	assert_true(n > 0);
	return (uint32_t)n;
}

static void host_sends_udp(unsigned int bytes)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9),
				  .sin_addr.s_addr = htonl(0x0a090902) };

	memset(buffer, 'x', bytes);
	assert_int_equal(sendto(control, buffer, bytes, 0, (struct sockaddr *)&to, sizeof(to)),
			 bytes);
}

static void frames_come_and_go(void **state)
{
	(void)state;
	NEEDS_TAP();
	model.any = true;
	hs_net_attach(net, &model.model);
	for (uint32_t n = 0; n < 100; n++) {
		uint32_t length = 60 + n * 13;

		host_sends(n, length);
		WAIT_FOR(model.frames == n + 1);
		assert_int_equal(model.length, length);
		assert_memory_equal(model.last, buffer, length);
	}
	for (unsigned int i = 0; i < 200; i++) {
		tx_make(i, i, 60 + i * 7);
		memcpy(sends[i].memory, "\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x07\x88\xb5", 14);
	}
	send_frames(net, 0, 200);
	for (unsigned int i = 0; i < 200; i++) {
		assert_int_equal(host_takes(), 60 + i * 7);
		assert_memory_equal(buffer, sends[i].memory, 60 + i * 7);
	}
	WAIT_FOR(ended == 200);
	assert_sent(0, 200, 0);
	assert_true(stats_of(net).batches < 150);
}

static uint16_t udp_sum(void)
{
	const uint8_t *ip = model.last + 14;
	uint32_t bytes = (uint32_t)(ip[24] << 8 | ip[25]);

	assert_int_equal(ip[9], 17);
	return hs_net_checksum(ip + 20, bytes, hs_net_checksum(ip + 12, 8, 17 + bytes));
}

static void checksums_follow_the_model(void **state)
{
	(void)state;
	NEEDS_TAP();
	model.any = true;
	model.model.rx_offloads = HS_NET_CSUM;
	hs_net_attach(net, &model.model);
	host_sends_udp(100);
	WAIT_FOR(model.frames == 1);
	assert_true(model.meta.csum);
	assert_int_equal(model.meta.csum_start, 34);
	assert_int_equal(model.meta.csum_offset, 6);
	assert_int_not_equal(udp_sum(), 0xffff);
	hs_net_rx_offloads(net, 0);
	host_sends_udp(100);
	WAIT_FOR(model.frames == 2);
	assert_false(model.meta.csum);
	assert_int_equal(udp_sum(), 0xffff);
	/* Queued as partial for a model that took it so, given to one that does not. */
	hs_net_rx_offloads(net, HS_NET_CSUM);
	hs_net_attach(net, NULL);
	host_sends_udp(100);
	model.model.rx_offloads = 0;
	hs_net_attach(net, &model.model);
	WAIT_FOR(model.frames == 3);
	assert_false(model.meta.csum);
	assert_int_equal(udp_sum(), 0xffff);
}

/* A TCP packet of so many bytes, to be cut into pieces of 1000, in one frame. */
static void host_sends_large(unsigned int bytes)
{
	static const int on = 1;
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP),
				  .sll_ifindex = (int)if_nametoindex(NAME) };
	uint16_t vnet[5] = { 1 | 1 << 8, 54, 1000, 34, 16 };	/* NEEDS_CSUM, TCPV4 */
	int fd = socket(AF_PACKET, SOCK_RAW, 0);
	struct iovec iov[2] = { { vnet, sizeof(vnet) }, { buffer, 54 + bytes } };

	memset(buffer, 0, 54 + bytes);
	memcpy(buffer, "\x02\0\0\0\0\x07\x02\0\0\0\0\x08\x08\0\x45", 15);
	buffer[16] = (uint8_t)((40 + bytes) >> 8);
	buffer[17] = (uint8_t)(40 + bytes);
	buffer[22] = 64;
	buffer[23] = 6;
	memcpy(buffer + 26, "\x0a\x09\x09\x63\x0a\x09\x09\x02", 8);
	buffer[46] = 0x50;
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&ll, sizeof(ll)), 0);
	assert_int_equal(writev(fd, iov, 2), sizeof(vnet) + 54 + bytes);
	close(fd);
}

static void more_room(unsigned int frames)
{
	atomic_store(&model.room, frames);
	model_ready(net);
}

/* One is cut, of which the model takes a part, then wants it whole: the next has all its pieces. */
static void each_large_frame_is_cut_from_its_beginning(void **state)
{
	const uint32_t whole = HS_NET_CSUM | HS_NET_TSO4;

	(void)state;
	NEEDS_TAP();
	model.any = true;
	model.model.rx_offloads = whole;
	hs_net_attach(net, &model.model);
	hs_net_attach(net, NULL);
	host_sends_large(5000);
	model.model.rx_offloads = 0;
	atomic_store(&model.room, 2);
	hs_net_attach(net, &model.model);
	WAIT_FOR(model.frames == 2);
	assert_int_equal(model.length, 1054);
	hs_net_rx_offloads(net, whole);
	more_room(1);
	WAIT_FOR(model.frames == 3);
	assert_int_equal(model.length, 5054);
	host_sends_large(5000);
	hs_net_rx_offloads(net, 0);
	more_room(5);
	WAIT_FOR(model.frames == 8);
	assert_int_equal(model.length, 1054);
	assert_int_equal(model.large, 1);
}

/* The kernel takes a large frame as it is: offloads are said in the header. */
static void large_frame_goes_out_whole(void **state)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	struct hs_net_info info;
	uint8_t *at;

	(void)state;
	NEEDS_TAP();
	hs_net_info(net, &info);
	assert_int_equal(info.offloads & ~HS_NET_USO,
			 HS_NET_CSUM | HS_NET_TSO4 | HS_NET_TSO6 | HS_NET_ECN);
	ll.sll_ifindex = (int)if_nametoindex(NAME);
	assert_int_equal(bind(packets, (struct sockaddr *)&ll, sizeof(ll)), 0);
	hs_net_attach(net, &model.model);
	tx_make(0, 0, 54 + 30000);
	at = sends[0].memory;
	memset(at, 0, 54);
	memcpy(at, "\x02\0\0\0\0\x05\x02\0\0\0\0\x07\x08\0\x45", 15);
	at[16] = 30040 >> 8;
	at[17] = 30040 & 255;
	at[22] = 64;
	at[23] = 6;
	memcpy(at + 26, "\x0a\x09\x09\x02\x0a\x09\x09\x63", 8);
	at[46] = 0x50;
	sends[0].tx.meta = (struct hs_net_meta) {
		.gso = PVK_NET_GSO_TCP4, .csum = true, .gso_size = 1000, .hdr_len = 54,
		.csum_start = 34, .csum_offset = 16,
	};
	send_frames(net, 0, 1);
	assert_int_equal(host_takes(), 54 + 30000);
	WAIT_FOR(ended == 1);
	assert_sent(0, 1, 0);
	assert_int_equal(stats_of(net).tx_pieces, 0);
}

static void resting_queues_get_nothing(void **state)
{
	struct hs_net_info info;

	(void)state;
	NEEDS_TAP();
	hs_net_info(net, &info);
	assert_int_equal(info.queues, 2);
	model.any = true;
	for (unsigned int round = 0; round < 2; round++) {
		atomic_store(&model.frames, 0);
		atomic_store(&model.of_queue[0], 0);
		model.model.queues = round ? 2 : 1;
		hs_net_attach(net, &model.model);
		/* Flows that the kernel spreads over the queues that are attached. */
		for (uint32_t n = 0; n < 64; n++) {
			int flow = socket(AF_INET, SOCK_DGRAM, 0);
			struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9),
						  .sin_addr.s_addr = htonl(0x0a090902) };

			assert_int_equal(sendto(flow, "x", 1, 0, (struct sockaddr *)&to,
						sizeof(to)), 1);
			close(flow);
		}
		WAIT_FOR(model.frames == 64);
		assert_true(model.of_queue[0] > 0);
		assert_int_equal(model.of_queue[1] > 0, round);
	}
}

static void delete_tap(void)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info;
	} request = {
		.head = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_DELLINK,
			  .nlmsg_flags = NLM_F_REQUEST },
		.info = { .ifi_index = (int)if_nametoindex(NAME) },
	};
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	assert_int_equal(send(fd, &request, sizeof(request), 0), sizeof(request));
	close(fd);
}

static void tap_deleted_under_us(void **state)
{
	static const struct timespec while_ = { .tv_nsec = 100000000 };
	struct timespec before, after;
	uint64_t spent;

	(void)state;
	NEEDS_TAP();
	model.any = true;
	hs_net_attach(net, &model.model);
	host_sends(0, 100);
	WAIT_FOR(model.frames == 1);
	delete_tap();
	WAIT_FOR(model.links == 1);
	assert_false(model.up);
	tx_make(0, 0, 100);
	send_frames(net, 0, 1);
	WAIT_FOR(ended == 1);
	assert_int_equal(sends[0].status, -EIO);
	/* and nothing spins */
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	nanosleep(&while_, NULL);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	spent = (uint64_t)(after.tv_sec - before.tv_sec) * 1000000000ull +
		(uint64_t)(after.tv_nsec - before.tv_nsec);
	assert_true(spent < 30000000);
}

/* A descriptor without the header would have its first bytes taken for one. */
static void descriptor_must_fit(void **state)
{
	struct hs_nic_config config = { .kind = HS_NIC_TAP, .fds = 1 };
	struct ifreq ifr = { .ifr_name = "pvkplain", .ifr_flags = IFF_TAP | IFF_NO_PI };
	struct hs_net *none;

	(void)state;
	NEEDS_TAP();
	config.fd[0] = open("/dev/net/tun", O_RDWR);
	assert_int_equal(ioctl(config.fd[0], TUNSETIFF, &ifr), 0);
	assert_int_equal(hs_net_open(&none, &config, 1, 50000), -EINVAL);
	config.fd[0] = open("/dev/null", O_RDWR);
	assert_int_equal(hs_net_open(&none, &config, 1, 50000), -EINVAL);
	close(config.fd[0]);
}

/* What another VM may have put in front of a frame. */
static void headers_of_others(void **state)
{
	uint8_t tcp[HS_NET_VNET_LEN] = { 1, 0x81, 54, 0, 100, 0, 34, 0, 16, 0 };
	uint8_t udp[HS_NET_VNET_LEN] = { 1, 0x85, 42, 0, 100, 0, 34, 0, 6, 0 };
	struct hs_net_meta meta;

	(void)state;
	assert_int_equal(hs_net_vnet_get(&meta, tcp, 1000), 0);
	assert_int_equal(meta.gso, PVK_NET_GSO_TCP4);
	assert_true(meta.ecn);
	assert_int_equal(hs_net_vnet_get(&meta, udp, 1000), 0);
	assert_int_equal(meta.gso, PVK_NET_GSO_UDP);
	assert_false(meta.ecn);			/* it is TCP's */
	udp[1] = 0x86;
	assert_int_equal(hs_net_vnet_get(&meta, udp, 1000), -EINVAL);
	tcp[6] = 13;				/* a sum over the Ethernet header */
	assert_int_equal(hs_net_vnet_get(&meta, tcp, 1000), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_of_others),
		cmocka_unit_test_setup_teardown(frames_come_and_go, begin, end),
		cmocka_unit_test_setup_teardown(checksums_follow_the_model, begin, end),
		cmocka_unit_test_setup_teardown(each_large_frame_is_cut_from_its_beginning, begin,
						end),
		cmocka_unit_test_setup_teardown(large_frame_goes_out_whole, begin, end),
		cmocka_unit_test_setup_teardown(resting_queues_get_nothing, begin_two, end),
		cmocka_unit_test_setup_teardown(tap_deleted_under_us, begin, end),
		cmocka_unit_test_setup_teardown(descriptor_must_fit, begin, end),
	};

	return cmocka_run_group_tests(tests, apart, NULL);
}
