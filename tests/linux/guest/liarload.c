// SPDX-License-Identifier: BSD-2-Clause
/*
 * liarload disk DEVICE SEED SECONDS	reads and writes, several at once, past the page cache
 * liarload net INTERFACE SEED SECONDS	frames of all sizes, sent raw
 *
 * Whatever the device answers, an error too, is right. What is asked is that no
 * byte changes but those of the buffers named: each lies between canaries, at
 * odd places, up to the edges of pages. Status 0; 1 with a line when a canary
 * died; 2 when it could not begin.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGES	48u
#define PAGE	4096u
#define AREA	(PAGES * PAGE)
#define SECTOR	512u
#define JOBS	4

static uint64_t state;

static uint64_t dice(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	return z ^ z >> 29;
}

static uint8_t canary(size_t at)
{
	return (uint8_t)(at * 7 + (at >> 12) * 13 + 0x5a);
}

static void plant(uint8_t *area)
{
	for (size_t i = 0; i < AREA; i++)
		area[i] = canary(i);
}

/* The place of the first byte outside of the pieces that is not its canary; AREA: none. */
static size_t dead(const uint8_t *area, const struct iovec *iov, unsigned int n)
{
	size_t at = 0;

	for (unsigned int i = 0; i <= n; i++) {
		size_t end = i < n ? (size_t)((uint8_t *)iov[i].iov_base - area) : AREA;

		for (; at < end; at++)
			if (area[at] != canary(at))
				return at;
		if (i < n)
			at = end + iov[i].iov_len;
	}
	return AREA;
}

/* Pieces of the area, in order, none touching another; their bytes. */
static size_t choose(uint8_t *area, struct iovec *iov, unsigned int *n, size_t block)
{
	unsigned int want = 1 + (unsigned int)(dice() % 6);
	size_t at = block * (1 + dice() % 8), bytes = 0;

	for (*n = 0; *n < want; ++*n) {
		size_t len = block * (1 + dice() % (dice() % 4 ? 6 : 40));

		if (at + len + block > AREA)
			break;
		iov[*n] = (struct iovec){ area + at, len };
		bytes += len;
		at += len + block * (1 + dice() % 5);
	}
	return bytes;
}

static int disk_job(const char *path, uint64_t seed, time_t end)
{
	uint8_t *area =
		mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open(path, O_RDWR | O_DIRECT);
	unsigned long done = 0, failed = 0;

	if (fd < 0)
		fd = open(path, O_RDONLY | O_DIRECT);
	if (fd < 0 || area == MAP_FAILED)
		return 2;
	state = seed;
	while (time(NULL) < end) {
		struct iovec iov[8];
		unsigned int n;
		size_t bytes = choose(area, iov, &n, dice() & 1 ? SECTOR : PAGE), at;
		off_t place = (off_t)(dice() % 2048) * SECTOR;
		ssize_t got;

		plant(area);
		if (dice() % 3)
			got = preadv(fd, iov, (int)n, place);
		else
			got = pwritev(fd, iov, (int)n, place);
		failed += got != (ssize_t)bytes;
		if (dice() % 32 == 0)
			(void)fsync(fd);
		at = dead(area, iov, n);
		if (at != AREA) {
			printf("canary at 0x%zx is %02x, %02x was there; %u pieces, the first at 0x%zx, %zu bytes, result %zd\n",
			       at, area[at], canary(at), n, (uint8_t *)iov[0].iov_base - area,
			       iov[0].iov_len, got);
			return 1;
		}
		done++;
	}
	fprintf(stderr, "%s: %lu requests, %lu failed\n", path, done, failed);
	return 0;
}

static int disk(const char *path, uint64_t seed, time_t end)
{
	int status, worst = 0;

	for (uint64_t i = 0; i < JOBS; i++) {
		fflush(NULL);
		if (!fork())
			_exit(disk_job(path, seed * 100 + i, end));
	}
	while (wait(&status) > 0) {
		int code = WIFEXITED(status) ? WEXITSTATUS(status) : 2;

		worst = code > worst ? code : worst;
	}
	return worst;
}

static int net(const char *name, uint64_t seed, time_t end)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
				  .sll_halen = ETH_ALEN };
	struct timeval limit = { .tv_sec = 1 };
	static uint8_t frame[9000];
	unsigned long sent = 0, failed = 0;
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));

	to.sll_ifindex = (int)if_nametoindex(name);
	if (fd < 0 || !to.sll_ifindex)
		return 2;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	state = seed;
	while (time(NULL) < end) {
		size_t len = 14 + dice() % (dice() % 4 ? 120 : 1486);

		for (size_t i = 0; i < len; i++)
			frame[i] = (uint8_t)(i < 6 ? 0xff : i == 12 ? 0x88 : i == 13 ? 0xb5 : i);
		failed += sendto(fd, frame, len, 0, (struct sockaddr *)&to, sizeof(to)) < 0;
		while (recv(fd, frame, sizeof(frame), MSG_DONTWAIT) > 0)
			;
		sent++;
	}
	fprintf(stderr, "%s: %lu frames, %lu failed\n", name, sent, failed);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t seed;
	time_t end;

	if (argc != 5)
		return 2;
	seed = strtoull(argv[3], NULL, 0);
	end = time(NULL) + strtol(argv[4], NULL, 0);
	if (!strcmp(argv[1], "disk"))
		return disk(argv[2], seed, end);
	return strcmp(argv[1], "net") ? 2 : net(argv[2], seed, end);
}
