// SPDX-License-Identifier: BSD-2-Clause
/*
 * A TAP as a NIC's other end: opening, offloads, queues. net_vnet.c has the header that
 * stands in front of each frame.
 *
 * The kernel holds each TAP's offloads once, so they follow the attached model;
 * frames queued before a change still come as they were.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "net_priv.h"

/* UDP segmentation: Linux 6.2 */
#ifndef TUN_F_USO4
#define TUN_F_USO4	0x20
#define TUN_F_USO6	0x40
#endif

#define DEVICE		"/dev/net/tun"
#define PLAIN		(HS_NET_CSUM | HS_NET_TSO4 | HS_NET_TSO6 | HS_NET_ECN)

static int open_device(struct hs_net *net, int *fd)
{
	int ret;

	*fd = open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (*fd >= 0)
		return 0;
	ret = -errno;
	if (ret == -ENOENT || ret == -ENODEV)
		hs_error("%s: no %s: load the module tun", net->name, DEVICE);
	else
		hs_error("%s: %s: %s", net->name, DEVICE, strerror(-ret));
	return ret;
}

static int set_interface(int fd, const char *name, bool multi_queue)
{
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	memcpy(ifr.ifr_name, name, strlen(name));
	ifr.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
				(multi_queue ? IFF_MULTI_QUEUE : 0));
	return ioctl(fd, TUNSETIFF, &ifr) < 0 ? -errno : 0;
}

static int open_named(struct hs_net *net, const struct hs_nic_config *config)
{
	unsigned int queues = config->queues ? config->queues : 1;
	int ret;

	if (!*config->name || strlen(config->name) >= IFNAMSIZ) {
		hs_error("%s: a name of 1 to %u characters is needed", net->name, IFNAMSIZ - 1);
		return -EINVAL;
	}
	net->multi_queue = queues > 1;
	for (; net->queues < queues; net->queues++) {
		int *fd = &net->queue[net->queues].fd;

		ret = open_device(net, fd);
		if (ret < 0)
			return ret;
		ret = set_interface(*fd, config->name, net->multi_queue);
		if (ret == -EINVAL && queues == 1) {
			/* It was made with multi_queue: one queue of it will do. */
			net->multi_queue = true;
			ret = set_interface(*fd, config->name, true);
		}
		if (ret == -EPERM)
			hs_error("%s: not yours: ip tuntap add %s mode tap user $USER vnet_hdr%s",
				 net->name, config->name, queues > 1 ? " multi_queue" : "");
		else if (ret == -EBUSY)
			hs_error("%s: in use: end who uses it, or name another", net->name);
		else if (ret == -EINVAL && queues > 1)
			hs_error("%s: not a TAP with several queues: ip tuntap add ... multi_queue, or give queues=1",
				 net->name);
		else if (ret < 0)
			hs_error("%s: cannot be had as a TAP: %s", net->name, strerror(-ret));
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* The user's descriptors: what are they? */
static int net_tap_take_given(struct hs_net *net, const struct hs_nic_config *config)
{
	const int needed = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	struct ifreq ifr;

	for (; net->queues < config->fds; net->queues++) {
		int fd = config->fd[net->queues], flags;

		memset(&ifr, 0, sizeof(ifr));
		if (ioctl(fd, TUNGETIFF, &ifr) < 0) {
			hs_error("%s: descriptor %d is no TAP: %s", net->name, fd, strerror(errno));
			return -EINVAL;
		}
		if ((ifr.ifr_flags & needed) != needed) {
			hs_error("%s: descriptor %d must be opened with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR",
				 net->name, fd);
			return -EINVAL;
		}
		flags = fcntl(fd, F_GETFL);
		if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
			hs_error("%s: descriptor %d: %s", net->name, fd, strerror(errno));
			return -EINVAL;
		}
		net->multi_queue = ifr.ifr_flags & IFF_MULTI_QUEUE;
		net->queue[net->queues].fd = fd;
	}
	return 0;
}

static bool net_tap_set_offloads(struct hs_net *net, uint32_t offloads)
{
	unsigned long bits = 0;

	if (offloads & HS_NET_CSUM) {
		/* The kernel takes the others only with this one. */
		bits |= TUN_F_CSUM;
		bits |= offloads & HS_NET_TSO4 ? TUN_F_TSO4 : 0;
		bits |= offloads & HS_NET_TSO6 ? TUN_F_TSO6 : 0;
		if (bits & (TUN_F_TSO4 | TUN_F_TSO6))
			bits |= offloads & HS_NET_ECN ? TUN_F_TSO_ECN : 0;
		if (net->info.offloads & HS_NET_USO)
			bits |= offloads & HS_NET_USO ? TUN_F_USO4 | TUN_F_USO6 : 0;
	}
	return ioctl(net->queue[0].fd, TUNSETOFFLOAD, bits) == 0;
}

int hs_net_tap_open(struct hs_net *net, const struct hs_nic_config *config)
{
	int size = HS_NET_VNET_LEN, little = 1, unbounded = INT_MAX, ret;

	ret = config->fds ? net_tap_take_given(net, config) : open_named(net, config);
	if (ret < 0)
		return ret;
	net->framing = HS_NET_VNET;
	for (unsigned int i = 0; i < net->queues; i++) {
		int fd = net->queue[i].fd;

		if (ioctl(fd, TUNSETVNETHDRSZ, &size) < 0) {
			ret = -errno;
			hs_error("%s: header of %d bytes refused: %s", net->name, size,
				 strerror(-ret));
			return ret;
		}
		/* Native order is little-endian here; a descriptor may have been set otherwise. */
		(void)ioctl(fd, TUNSETVNETLE, &little);
		/* So that a write never has to wait: io_uring would keep it. */
		(void)ioctl(fd, TUNSETSNDBUF, &unbounded);
	}
	/* What the kernel takes from us it gives, too; both came with 6.2 for UDP. */
	net->info.offloads = PLAIN | HS_NET_USO;
	if (!net_tap_set_offloads(net, PLAIN | HS_NET_USO))
		net->info.offloads = PLAIN;
	if (!net_tap_set_offloads(net, 0)) {
		ret = -errno;
		hs_error("%s: offloads: %s", net->name, strerror(-ret));
		return ret;
	}
	atomic_store(&net->peer_up, true);
	return 0;
}

void hs_net_tap_offloads(struct hs_net *net, uint32_t offloads)
{
	/* Fails when the TAP is gone, which the queues find out. */
	(void)net_tap_set_offloads(net, offloads);
}

void hs_net_tap_queues(struct hs_net *net, unsigned int queues)
{
	struct ifreq ifr;

	if (!net->multi_queue)
		return;
	for (unsigned int i = 0; i < net->queues; i++) {
		bool detach = i >= queues;

		if (net->detached[i] == detach)
			continue;
		memset(&ifr, 0, sizeof(ifr));
		ifr.ifr_flags = detach ? IFF_DETACH_QUEUE : IFF_ATTACH_QUEUE;
		/* Else the kernel would steer frames to a queue that nobody reads. */
		if (ioctl(net->queue[i].fd, TUNSETQUEUE, &ifr) == 0)
			net->detached[i] = detach;
		else if (hs_net_link(net))
			hs_note_from(hs_log_nth(HS_LOG_PEER, net->number),
				     "%s: queue %u stays %s: %s", net->name, i,
				     detach ? "attached" : "detached", strerror(errno));
	}
}
