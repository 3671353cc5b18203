// SPDX-License-Identifier: BSD-2-Clause
/*
 * wire - looks at each frame that a guest's card sends, for scenarios, on the
 * KVM host:
 *
 *   wire watch TAP			beside the host's kernel, by a packet socket
 *   wire join stream PATH TAP		between a socket back end and a TAP: the
 *   wire join dgram OWN PEER TAP	TAP is made here, without offloads, in both
 *					directions every checksum is complete
 *
 * A frame must have the lengths that its headers say, and right checksums of
 * IPv4, TCP and UDP; or, where the virtio header leaves a sum to the host (watch
 * only), the sum of the pseudo header in its place. On a socket no frame may be
 * longer than MOST. Stopped by SIGSTOP, `join` is a peer that does not read.
 *
 * At SIGTERM one line, "wire FRAMES frames TCP tcp UDP udp WHOLE whole LEFT left
 * LARGE large FRAGMENTS fragments BAD bad"; status 0 without bad ones. `ready` is
 * said when it begins.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MOST	1518u	/* of a socket: MTU 1500, addresses, type, one tag */
#define ROOM	70000u

static struct {
	unsigned long frames, tcp, udp, whole, left, large, fragments, bad;
} count;
static volatile sig_atomic_t ended;

static void end(int sig)
{
	(void)sig;
	ended = 1;
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t sum(const uint8_t *p, uint32_t n, uint32_t s)
{
	for (; n > 1; p += 2, n -= 2)
		s += get16(p);
	if (n)
		s += (uint32_t)p[0] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static void bad(const uint8_t *f, uint32_t length, const char *what)
{
	if (count.bad++ >= 5)
		return;
	printf("a frame of %u bytes: %s:", length, what);
	for (uint32_t i = 0; i < length && i < 80; i++)
		printf(" %02x", f[i]);
	printf("\n");
	fflush(stdout);
}

/* TCP or UDP at l4; pseudo: the sum of its addresses. meta: NULL on a socket. */
static const char *check_l4(const uint8_t *l4, uint32_t length, uint8_t proto, uint32_t pseudo,
			    uint32_t at, const struct virtio_net_hdr *meta)
{
	uint32_t place = proto == IPPROTO_TCP ? 16 : 6, field;

	if (length < (proto == IPPROTO_TCP ? 20u : 8u))
		return "a short header";
	field = get16(l4 + place);
	pseudo = sum(NULL, 0, pseudo + proto + length);
	if (proto == IPPROTO_TCP)
		count.tcp++;
	else
		count.udp++;
	if (proto == IPPROTO_UDP && get16(l4 + 4) != length)
		return "UDP's length";
	if (meta && meta->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		count.left++;
		if (meta->csum_start != at || meta->csum_offset != place)
			return "the place of the checksum that is left to the host";
		/* 0 and 0xffff are the same. */
		return field % 0xffff != pseudo % 0xffff ? "the sum of the pseudo header" : NULL;
	}
	if (meta && meta->gso_type)
		return "a large packet without a checksum to fill in";
	if (proto == IPPROTO_UDP && !field)
		return "no UDP checksum";
	count.whole++;
	return sum(l4, length, pseudo) != 0xffff ? "its checksum" : NULL;
}

static void check(const uint8_t *f, uint32_t length, const struct virtio_net_hdr *meta)
{
	uint32_t at = 14, type = length >= 14 ? get16(f + 12) : 0, header, total;
	const char *what = NULL;
	const uint8_t *ip;

	count.frames++;
	count.large += meta && meta->gso_type;
	if (length < 14)
		what = "shorter than its addresses";
	if (!meta && length > MOST)
		what = "longer than a wire takes";
	if (type == 0x8100 && length >= 18) {
		at = 18;
		type = get16(f + 16);
	}
	ip = f + at;
	if (what || (type != 0x0800 && type != 0x86dd)) {
		/* nothing more to say */
	} else if (type == 0x0800) {
		header = length >= at + 20 ? (ip[0] & 15) * 4u : 0;
		total = header ? get16(ip + 2) : 0;
		if (header < 20 || total < header || at + total > length ||
		    (total + at < length && length > 60))
			what = "IPv4's lengths";
		else if (sum(ip, header, 0) != 0xffff)
			what = "IPv4's checksum";
		else if (get16(ip + 6) & 0x3fff)
			count.fragments++;
		else if (ip[9] == IPPROTO_TCP || ip[9] == IPPROTO_UDP)
			what = check_l4(ip + header, total - header, ip[9], sum(ip + 12, 8, 0),
					at + header, meta);
	} else {
		total = length >= at + 40 ? get16(ip + 4) : 65535;
		if (at + 40 + total > length)
			what = "IPv6's lengths";
		else if (ip[6] == IPPROTO_TCP || ip[6] == IPPROTO_UDP)
			what = check_l4(ip + 40, total, ip[6], sum(ip + 8, 32, 0), at + 40, meta);
	}
	if (what)
		bad(f, length, what);
}

static int die(const char *what)
{
	fprintf(stderr, "wire: %s: %s\n", what, strerror(errno));
	return -1;
}

static void ready(void)
{
	printf("ready\n");
	fflush(stdout);
}

/* ---- beside the host's kernel ---- */

static int watch(const char *tap)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex(tap) };
	static uint8_t buffer[ROOM];
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1, size = 8 << 20;

	if (fd < 0 || !to.sll_ifindex ||
	    setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to)))
		return die(tap);
	ready();
	while (!ended) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&wait, 1, 100) <= 0)
			continue;
		n = recv(fd, buffer, sizeof(buffer), 0);
		if (n > (ssize_t)sizeof(struct virtio_net_hdr)) {
			struct virtio_net_hdr meta;

			memcpy(&meta, buffer, sizeof(meta));
			check(buffer + sizeof(meta), (uint32_t)n - (uint32_t)sizeof(meta), &meta);
		}
	}
	return 0;
}

/* ---- between a socket and a TAP ---- */

static int open_tap(const char *name)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	return fd < 0 || ioctl(fd, TUNSETIFF, &r) || ioctl(fd, TUNSETOFFLOAD, 0) ? die(name) : fd;
}

static struct sockaddr_un path_of(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	return to;
}

/* Connected to the VM; peer: NULL for a stream, which is listened for. */
static int open_socket(const char *path, const char *peer)
{
	int fd = socket(AF_UNIX, peer ? SOCK_DGRAM : SOCK_STREAM, 0);
	struct sockaddr_un own = path_of(path), to = path_of(peer ? peer : "");

	if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof(own)))
		return die(path);
	if (!peer && listen(fd, 1))
		return die(path);
	ready();
	if (!peer)
		return accept(fd, NULL, NULL);
	while (!ended && connect(fd, (struct sockaddr *)&to, sizeof(to)))
		usleep(20000);
	return fd;
}

static bool all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);

		if (done <= 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

/* What the VM sent, to the TAP. False: it is gone. */
static bool from_vm(int fd, int tap, bool stream)
{
	static uint8_t buffer[2 * ROOM];
	static uint32_t have;
	ssize_t n = recv(fd, buffer + have, sizeof(buffer) - have, MSG_DONTWAIT);
	uint32_t at = 0;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (!stream) {
		check(buffer, (uint32_t)n, NULL);
		(void)!write(tap, buffer, (size_t)n);
		return true;
	}
	if (!n)
		return false;
	for (have += (uint32_t)n; have - at >= 4;) {
		uint32_t length = get16(buffer + at) << 16 | get16(buffer + at + 2);

		if (!length || length > ROOM) {
			bad(buffer + at, 4, "a stream's length");
			return false;
		}
		if (have - at < 4 + length)
			break;
		check(buffer + at + 4, length, NULL);
		(void)!write(tap, buffer + at + 4, length);
		at += 4 + length;
	}
	memmove(buffer, buffer + at, have - at);
	have -= at;
	return true;
}

static int join(int fd, int tap, bool stream)
{
	static uint8_t frame[ROOM + 4];

	if (fd < 0 || tap < 0)
		return -1;
	while (!ended) {
		struct pollfd wait[2] = { { .fd = fd, .events = POLLIN },
					  { .fd = tap, .events = POLLIN } };
		ssize_t n;

		if (poll(wait, 2, 100) <= 0)
			continue;
		if (wait[0].revents && !from_vm(fd, tap, stream))
			break;
		if (!wait[1].revents)
			continue;
		n = read(tap, frame + 4, ROOM);
		if (n <= 0)
			continue;
		frame[0] = frame[1] = 0;
		frame[2] = (uint8_t)(n >> 8);
		frame[3] = (uint8_t)n;
		if (stream && !all(fd, frame, (size_t)n + 4))
			break;
		if (!stream)
			(void)send(fd, frame + 4, (size_t)n, 0);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = end };
	int ret = 2;

	sigaction(SIGTERM, &action, NULL);
	if (argc == 3 && !strcmp(argv[1], "watch")) {
		ret = watch(argv[2]);
	} else if (argc == 5 && !strcmp(argv[1], "join") && !strcmp(argv[2], "stream")) {
		int tap = open_tap(argv[4]);

		ret = tap < 0 ? -1 : join(open_socket(argv[3], NULL), tap, true);
	} else if (argc == 6 && !strcmp(argv[1], "join") && !strcmp(argv[2], "dgram")) {
		int tap = open_tap(argv[5]);

		ret = tap < 0 ? -1 : join(open_socket(argv[3], argv[4]), tap, false);
	} else {
		fprintf(stderr, "wire: watch TAP, join stream PATH TAP, or "
			"join dgram OWN PEER TAP\n");
		return 2;
	}
	printf("wire %lu frames %lu tcp %lu udp %lu whole %lu left %lu large %lu fragments "
	       "%lu bad\n", count.frames, count.tcp, count.udp, count.whole, count.left,
	       count.large, count.fragments, count.bad);
	return ret || count.bad ? 1 : 0;
}
