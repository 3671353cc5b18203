// SPDX-License-Identifier: BSD-2-Clause
/*
 * large6 - sends a large TCP packet behind an IPv6 routing header.
 *
 *   large6 IF PIECES	to broadcast; to be cut into PIECES of PAYLOAD bytes
 *
 * By a packet socket with a virtio header (packet(7), PACKET_VNET_HDR), as no
 * TCP of this machine would without more set up. Status 0: it was taken.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PAYLOAD		1000u
#define MOST		40u
#define IP		14u
#define ROUTING		(IP + 40u)	/* RFC 8200, 4.4: 8 bytes, no segments left */
#define TCP		(ROUTING + 8u)
#define DATA		(TCP + 20u)

static uint8_t frame[sizeof(struct virtio_net_hdr) + DATA + MOST * PAYLOAD];

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void build(unsigned int pieces)
{
	struct virtio_net_hdr *meta = (void *)frame;
	uint8_t *f = frame + sizeof(*meta);
	unsigned int tcp = DATA - TCP + pieces * PAYLOAD;
	uint32_t sum = tcp + IPPROTO_TCP;

	*meta = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = VIRTIO_NET_HDR_GSO_TCPV6,
		.hdr_len = DATA, .gso_size = PAYLOAD, .csum_start = TCP, .csum_offset = 16,
	};
	memset(f, 0xff, 6);
	f[6] = 2;
	put16(f + 12, ETHERTYPE_IPV6);
	f[IP] = 0x60;
	put16(f + IP + 4, TCP - ROUTING + tcp);
	f[IP + 6] = IPPROTO_ROUTING;
	f[IP + 7] = 64;
	f[IP + 8] = f[IP + 24] = 0xfd;
	f[IP + 23] = 1;
	f[IP + 39] = 2;
	f[ROUTING] = IPPROTO_TCP;
	f[ROUTING + 2] = 253;			/* for experiments, RFC 3692 */
	put16(f + TCP, 1);
	put16(f + TCP + 2, 2);
	f[TCP + 12] = 5 << 4;
	f[TCP + 13] = 0x10;
	for (unsigned int i = 8; i < 40; i += 2)
		sum += (uint32_t)(f[IP + i] << 8 | f[IP + i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put16(f + TCP + 16, sum);
	for (unsigned int i = 0; i < pieces * PAYLOAD; i++)
		f[DATA + i] = (uint8_t)(i / PAYLOAD);
}

int main(int argc, char **argv)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE_IPV6) };
	unsigned int pieces = argc == 3 ? (unsigned int)atoi(argv[2]) : 0;
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1;
	size_t length;

	if (!pieces || pieces > MOST) {
		fprintf(stderr, "large6: IF PIECES, 1 to %u\n", MOST);
		return 2;
	}
	to.sll_ifindex = (int)if_nametoindex(argv[1]);
	build(pieces);
	length = sizeof(struct virtio_net_hdr) + DATA + pieces * PAYLOAD;
	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to)) ||
	    send(fd, frame, length, 0) != (ssize_t)length) {
		perror("large6");
		return 1;
	}
	return 0;
}
