// SPDX-License-Identifier: BSD-2-Clause
/*
 * Datagrams as whole frames, from the host straight to its device: what a
 * traffic generator does. Contract: net_load.h.
 *
 * Through its own UDP, IP and queueing a host in the box takes as long for a
 * datagram as the card that is to be measured takes to deliver it.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <ifaddrs.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <sys/ioctl.h>

#include "net_load.h"

struct head {
	struct ether_header eth;
	struct iphdr ip;
	struct udphdr udp;
} __attribute__((packed));

_Static_assert(sizeof(struct head) == NET_HEAD, "headers of a datagram's frame");

/* RFC 1071 */
static uint16_t sum_of(const void *data, size_t size)
{
	const uint8_t *at = data;
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < size; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~(sum + (sum >> 16)));
}

/* The name of the device that has the address: 0 or -errno. */
static int device_of(const struct sockaddr_in *own, char name[IFNAMSIZ])
{
	struct ifaddrs *all;
	struct ifaddrs *a;
	int err = -ENODEV;

	if (getifaddrs(&all))
		return -errno;
	for (a = all; a; a = a->ifa_next) {
		const struct sockaddr_in *at = (const struct sockaddr_in *)(void *)a->ifa_addr;

		if (!at || at->sin_family != AF_INET ||
		    at->sin_addr.s_addr != own->sin_addr.s_addr)
			continue;
		memset(name, 0, IFNAMSIZ);
		strncpy(name, a->ifa_name, IFNAMSIZ - 1);
		err = 0;
		break;
	}
	freeifaddrs(all);
	return err;
}

/* The Ethernet addresses of both ends, of which the kernel knows: 0 or -errno. */
static int addresses(int udp, const char *name, const struct sockaddr_in *peer, struct head *head)
{
	struct ifreq own;
	struct arpreq arp;

	memset(&own, 0, sizeof(own));
	memcpy(own.ifr_name, name, IFNAMSIZ);
	if (ioctl(udp, SIOCGIFFLAGS, &own))
		return -errno;
	if (own.ifr_flags & IFF_LOOPBACK)
		return -EOPNOTSUPP;	/* the kernel takes no frame from there */
	if (ioctl(udp, SIOCGIFHWADDR, &own))
		return -errno;
	memcpy(head->eth.ether_shost, own.ifr_hwaddr.sa_data, ETH_ALEN);
	memset(&arp, 0, sizeof(arp));
	memcpy(&arp.arp_pa, peer, sizeof(*peer));
	memcpy(arp.arp_dev, name, sizeof(arp.arp_dev));
	if (ioctl(udp, SIOCGARP, &arp))
		return -errno;
	if (!(arp.arp_flags & ATF_COM))
		return -EHOSTUNREACH;
	memcpy(head->eth.ether_dhost, arp.arp_ha.sa_data, ETH_ALEN);
	return 0;
}

int net_frames_open(int udp, uint32_t payload, uint8_t to[NET_HEAD])
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET };
	struct sockaddr_in own, peer;
	socklen_t size = sizeof(own);
	struct head head;
	char name[IFNAMSIZ];
	int on = 1;
	int err;
	int fd;

	if (getsockname(udp, (struct sockaddr *)&own, &size))
		return -errno;
	size = sizeof(peer);
	if (getpeername(udp, (struct sockaddr *)&peer, &size))
		return -errno;
	err = device_of(&own, name);
	if (err)
		return err;
	memset(&head, 0, sizeof(head));
	err = addresses(udp, name, &peer, &head);
	if (err)
		return err;
	head.eth.ether_type = htons(ETHERTYPE_IP);
	head.ip.version = 4;
	head.ip.ihl = sizeof(head.ip) / 4;
	head.ip.tot_len = htons((uint16_t)(sizeof(head.ip) + sizeof(head.udp) + payload));
	head.ip.frag_off = htons(IP_DF);
	head.ip.ttl = IPDEFTTL;
	head.ip.protocol = IPPROTO_UDP;
	head.ip.saddr = own.sin_addr.s_addr;
	head.ip.daddr = peer.sin_addr.s_addr;
	head.ip.check = sum_of(&head.ip, sizeof(head.ip));
	/* No sum: IPv4 allows it (RFC 768). */
	head.udp.source = own.sin_port;
	head.udp.dest = peer.sin_port;
	head.udp.len = htons((uint16_t)(sizeof(head.udp) + payload));
	memcpy(to, &head, sizeof(head));

	/* Protocol 0: it receives nothing. */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	at.sll_ifindex = (int)if_nametoindex(name);
	if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}
