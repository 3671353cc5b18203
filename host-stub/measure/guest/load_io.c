// SPDX-License-Identifier: BSD-2-Clause
/*
 * Loads of devices. Contract: load.h. A disk or a NIC is the first that shows
 * itself within WAIT_MS; where none does the load is skipped. The NIC needs no
 * address: its load is ARP, which pvkit-vm's user-mode network answers.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "load.h"

#define WAIT_MS		3000
#define BLOCK		4096
#define HOST		0x0202000au	/* 10.0.2.2, the user-mode network's host; network order */
#define SELF		0x0f02000au	/* 10.0.2.15 */
#define ANSWER_MS	2000

/* The first entry of a directory of sysfs that has something behind it. */
static int find(const char *directory, const char *has, char *name, size_t size)
{
	struct dirent *e;
	char path[600];
	DIR *d;

	for (int waited = 0; waited < WAIT_MS; waited += 20) {
		d = opendir(directory);
		while (d && (e = readdir(d))) {
			snprintf(path, sizeof(path), "%s/%s/%s", directory, e->d_name, has);
			if (e->d_name[0] == '.' || access(path, F_OK))
				continue;
			snprintf(name, size, "%s", e->d_name);
			closedir(d);
			return 0;
		}
		if (d)
			closedir(d);
		usleep(20000);
	}
	return -ENODEV;
}

int load_console(unsigned int n)
{
	static const char line[] =
		"the quick brown fox jumps over the lazy dog, and does so again.\n";

	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	load_begin();
	for (unsigned int i = 0; i < n; i++)
		if (write(STDOUT_FILENO, line, sizeof(line) - 1) < 0)
			return -errno;
	tcdrain(STDOUT_FILENO);
	load_end();
	return 0;
}

int load_seed(unsigned int n)
{
	char bytes[32];
	int err = 0;

	load_begin();
	for (unsigned int i = 0; i < n && !err; i++)
		if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
			err = -errno;
	load_end();
	return err;
}

int load_block(unsigned int n)
{
	char name[256], path[300];
	unsigned int seed = 1;
	off_t size;
	int err = 0;
	void *to;
	int fd;

	if (find("/sys/block", "device", name, sizeof(name))) {
		snprintf(load_why, sizeof(load_why), "no disk");
		return -ENODEV;
	}
	printf("PVM-FACT disk %s\n", name);
	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	size = lseek(fd, 0, SEEK_END);
	if (size < BLOCK || posix_memalign(&to, BLOCK, BLOCK)) {
		close(fd);
		return -EIO;
	}
	load_begin();
	for (unsigned int i = 0; i < n && !err; i++) {
		seed = seed * 1103515245u + 12345u;
		if (pread(fd, to, BLOCK, (off_t)(seed >> 8) % (size / BLOCK) * BLOCK) != BLOCK)
			err = -EIO;
	}
	load_end();
	free(to);
	close(fd);
	return err;
}

/* One question and its answer: 0 or -errno. */
static int ask(int fd, const struct sockaddr_ll *to, const unsigned char *own)
{
	struct ether_arp arp = {
		.ea_hdr = { .ar_hrd = htons(ARPHRD_ETHER), .ar_pro = htons(ETHERTYPE_IP),
			    .ar_hln = 6, .ar_pln = 4, .ar_op = htons(ARPOP_REQUEST) },
	};
	const uint32_t host = HOST;
	const uint32_t self = SELF;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	memcpy(arp.arp_sha, own, 6);
	memcpy(arp.arp_spa, &self, 4);
	memcpy(arp.arp_tpa, &host, 4);
	if (sendto(fd, &arp, sizeof(arp), 0, (const struct sockaddr *)to, sizeof(*to)) < 0)
		return -errno;
	for (;;) {
		if (poll(&p, 1, ANSWER_MS) != 1)
			return -ETIMEDOUT;
		if (recv(fd, &arp, sizeof(arp), 0) < 0)
			return -errno;
		if (ntohs(arp.ea_hdr.ar_op) == ARPOP_REPLY && !memcmp(arp.arp_spa, &host, 4))
			return 0;
	}
}

/* Switches an interface on: 0 or -errno; *own is its address. */
static int bring_up(int fd, const char *name, unsigned char *own)
{
	struct ifreq r = { 0 };

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%.15s", name);
	if (ioctl(fd, SIOCGIFHWADDR, &r))
		return -errno;
	memcpy(own, r.ifr_hwaddr.sa_data, 6);
	if (ioctl(fd, SIOCGIFFLAGS, &r))
		return -errno;
	r.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &r) ? -errno : 0;
}

int load_net(unsigned int n)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP),
				  .sll_halen = 6 };
	unsigned char own[6];
	char name[256];
	int err;
	int fd;

	if (find("/sys/class/net", "device", name, sizeof(name))) {
		snprintf(load_why, sizeof(load_why), "no network card");
		return -ENODEV;
	}
	printf("PVM-FACT nic %s\n", name);
	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ARP));
	if (fd < 0)
		return -errno;
	err = bring_up(fd, name, own);
	to.sll_ifindex = (int)if_nametoindex(name);
	memset(to.sll_addr, 0xff, 6);
	if (!err && bind(fd, (struct sockaddr *)&to, sizeof(to)))
		err = -errno;
	/* until the link is up */
	for (int tries = 0; !err && ask(fd, &to, own); tries++)
		if (tries == 3)
			err = -ETIMEDOUT;
	if (!err) {
		load_begin();
		for (unsigned int i = 0; i < n && !err; i++)
			err = ask(fd, &to, own);
		load_end();
	}
	close(fd);
	return err;
}
