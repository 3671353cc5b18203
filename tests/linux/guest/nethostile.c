// SPDX-License-Identifier: BSD-2-Clause
/*
 * nethostile - misuses network cards from a guest's user space; see
 * nethostile.h.
 *
 *   nethostile pvkit SEED ROUNDS		the only pvkit NIC; no module loaded
 *   nethostile emulated SEED ROUNDS DEVICE	a PCI device without a driver (sysfs name)
 *   nethostile break			takes the pvkit NIC from its driver, up to NEEDS_RESET
 *   nethostile watch OWN PEER SEED		the other end: datagram sockets; until SIGTERM
 *
 * Status 0: the device kept to its rules, and worked in each round; 1 with a
 * line. watch's last line: "watched FRAMES frames CHECKED checked PIECES pieces
 * SENT sent BAD bad".
 */
#include "nethostile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "raw.h"

#define BACK		0x800000u	/* in the numbers of frames from the other end */

uint8_t *area;
uint64_t area_gpa;
uint64_t seed_state;

static const uint8_t to_host[6] = { 0x02, 'p', 'v', 'k', 'n', 'h' };
static const uint8_t to_guest[6] = { 0x02, 'p', 'v', 'k', 'n', 'g' };

uint64_t rnd(void)
{
	return raw_random(&seed_state);
}

uint32_t below(uint32_t n)
{
	return (uint32_t)(rnd() % n);
}

/* Also where one end is RAM and the other is not; guests have less than 1 GiB here. */
uint64_t nowhere(void)
{
	static const uint64_t place[] = {
		0xc0000000, 0xfec00000, 0xfee00000, 0xfffffff0, 0xfffff000, 1ull << 40,
		0xc0000000 | 1ull << 51, 0xc0000000 | 1ull << 63, ~0xfull, ~0xfffull, ~0ull << 16,
	};

	return place[below(sizeof(place) / sizeof(place[0]))];
}

double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

bool area_get(void)
{
	int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	area = mmap(NULL, AREA, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_LOCKED | MAP_POPULATE, -1, 0);
	if (area == MAP_FAILED || map < 0) {
		fprintf(stderr, "nethostile: no huge page: %s\n", strerror(errno));
		return false;
	}
	memset(area, 0, AREA);
	memset(area + SECRET, SECRET_BYTE, SECRET_SIZE);
	if (pread(map, &entry, 8, (off_t)((uintptr_t)area / 4096 * 8)) != 8 || !(entry >> 63)) {
		fprintf(stderr, "nethostile: no physical address\n");
		return false;
	}
	close(map);
	area_gpa = (entry & ((1ull << 55) - 1)) * 4096;
	return true;
}

/* ---- frames ---- */

struct pattern {
	uint8_t first, step;	/* step is odd: 256 bytes until it repeats */
};

static struct pattern pattern_of(uint32_t n)
{
	uint64_t state = n;
	uint64_t x = raw_random(&state);

	return (struct pattern){ (uint8_t)x, (uint8_t)(x >> 8) | 1 };
}

static uint8_t at(struct pattern p, uint32_t i)
{
	return (uint8_t)(p.first + i * p.step);
}

static void make(uint8_t *to, const uint8_t *destination, uint32_t n, uint32_t length,
		 uint32_t header)
{
	const uint8_t front[14] = {
		destination[0], destination[1], destination[2], destination[3], destination[4],
		destination[5], 0x02, (uint8_t)(header >> 8), (uint8_t)header, (uint8_t)(n >> 16),
		(uint8_t)(n >> 8), (uint8_t)n, 0x88, 0xb5,
	};
	struct pattern p = pattern_of(n);

	for (uint32_t i = 0; i < length; i++)
		to[i] = i < sizeof(front) ? front[i] : at(p, i);
}

void frame_make(uint8_t *to, uint32_t n, uint32_t length, uint32_t header)
{
	make(to, to_host, n, length, header);
}

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

uint32_t frame_headers(uint8_t *frame, uint32_t length, bool six, bool tcp)
{
	uint32_t l3 = six ? 40 : 20, l4 = tcp ? 20 : 8;
	uint8_t *ip = frame + 14, *t = ip + l3;

	memset(ip, 0, l3 + l4);
	put16(frame + 12, six ? 0x86dd : 0x0800);
	ip[0] = six ? 0x60 : 0x45;
	put16(ip + (six ? 4 : 2), length - 14 - (six ? 40 : 0));
	ip[six ? 6 : 9] = tcp ? 6 : 17;
	ip[six ? 7 : 8] = 64;
	memset(ip + (six ? 8 : 12), 10, six ? 32 : 8);
	put16(t, 1000);
	put16(t + 2, 2000);
	if (tcp)
		t[12] = 0x50;
	else
		put16(t + 4, length - 14 - l3);
	return 14 + l3 + l4;
}

static uint32_t number_of(const uint8_t *frame)
{
	return (uint32_t)frame[9] << 16 | (uint32_t)frame[10] << 8 | frame[11];
}

bool frame_from_host(const uint8_t *frame, uint32_t length, uint32_t extra)
{
	struct pattern p;
	uint32_t i, n;

	if (length < 14)
		return false;
	n = number_of(frame);
	p = pattern_of(n);
	if (memcmp(frame, to_guest, 6) || frame[6] != 2 || !(n & BACK))
		return false;
	for (i = 14; i < length && frame[i] == at(p, i); i++)
		;
	/* Padding and FCS are zeroes. */
	for (; i < length && extra && !frame[i]; i++)
		extra--;
	return i == length;
}

uint32_t frame_length(uint32_t most)
{
	static const uint32_t edge[] = {
		14, 59, 60, 61, 64, 256, 1514, 4096, 16380, 65535, MAX_FRAME,
	};
	uint32_t n;

	if (below(3) == 0)
		n = edge[below(sizeof(edge) / sizeof(edge[0]))];
	else
		n = 14 + below(below(4) ? 1600 : most);
	return n > most ? most : n;
}

/* ---- the other end ---- */

static volatile sig_atomic_t ended;

static void end(int sig)
{
	(void)sig;
	ended = 1;
}

/* How many bytes from..to - 1 are not the pattern's, which is at `phase` there. */
static uint32_t differ(const uint8_t *f, uint32_t from, uint32_t to, struct pattern p,
		       uint32_t phase)
{
	uint32_t bad = 0;

	for (uint32_t i = from; i < to; i++)
		bad += f[i] != at(p, i - from + phase);
	return bad;
}

/* The payload of a piece may be any part of the frame's. */
static uint32_t differ_anywhere(const uint8_t *f, uint32_t from, uint32_t to, struct pattern p)
{
	uint32_t best = to - from, bad;

	for (uint32_t phase = 0; phase < 256 && best; phase++) {
		if (f[to - 1] != at(p, to - 1 - from + phase) && f[from] != at(p, phase))
			continue;
		bad = differ(f, from, to, p, phase);
		best = bad < best ? bad : best;
	}
	return best;
}

/* What is wrong with a frame that a guest sent, or NULL. *kind: 0 unknown, 1 whole, 2 piece. */
static const char *judge(uint8_t *f, uint32_t length, int *kind)
{
	uint32_t header, run = 0, bad;
	struct pattern p;

	*kind = 0;
	for (uint32_t i = 0; i < length; i++) {
		run = f[i] == SECRET_BYTE ? run + 1 : 0;
		if (run == 16)
			return "has memory that was never sent";
	}
	if (length < 14 || memcmp(f, to_host, 6) || f[6] != 2)
		return NULL;
	/* A tag, wherever the card put it. */
	if (length > 18 && f[12] != 0x88 && f[12] != 0x08 && f[12] != 0x86) {
		memmove(f + 12, f + 16, length - 16);
		length -= 4;
	}
	header = (uint32_t)f[7] << 8 | f[8];
	p = pattern_of(number_of(f));
	*kind = 1;
	if (!header || header == SUMMED) {
		bad = differ(f, 14, length, p, 14);
		if (!header && length == 60)	/* padded by the card */
			while (length > 14 && !f[length - 1] && bad) {
				length--;
				bad = differ(f, 14, length, p, 14);
			}
		/* Headers of 60 bytes may be in front of what is summed; 4 bytes are sums. */
		if (header)
			bad = length > 74 ? differ(f, 74, length, p, 74) : 0;
		return bad > (header ? 4u : 0u) ? "is not as it was sent" : NULL;
	}
	*kind = 2;
	if (length <= header)
		return length == header ? "has no payload" : "is shorter than its headers";
	bad = header > 94 ? differ(f, 94, header, p, 94) : 0;
	if (bad > 8)
		return "has other headers than the large one";
	bad = differ_anywhere(f, header, length, p);
	return bad > 4 ? "has not the payload that was sent" : NULL;
}

static int open_socket(const char *own, const char *peer)
{
	struct sockaddr_un me = { .sun_family = AF_UNIX }, other = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(me.sun_path, sizeof(me.sun_path), "%s", own);
	snprintf(other.sun_path, sizeof(other.sun_path), "%s", peer);
	if (fd < 0 || bind(fd, (struct sockaddr *)&me, sizeof(me)) < 0)
		return -1;
	printf("ready\n");
	fflush(stdout);
	while (!ended && connect(fd, (struct sockaddr *)&other, sizeof(other)) < 0)
		usleep(20000);
	return fd;
}

static void send_one(int fd, uint32_t n, uint64_t *sent)
{
	static uint8_t f[MAX_FRAME + 1000];
	uint32_t length = frame_length(below(16) ? 2000 : MAX_FRAME);

	/* Runts and too large ones: nobody must see them. */
	if (below(16) == 0)
		length = below(2) ? below(14) : MAX_FRAME + 1 + below(900);
	make(f, to_guest, n | BACK, length, 0);
	*sent += send(fd, f, length, MSG_DONTWAIT) >= 0;
}

static int watch(const char *own, const char *peer)
{
	static uint8_t f[2 * MAX_FRAME];
	uint64_t frames = 0, checked = 0, pieces = 0, sent = 0, bad = 0;
	struct sigaction action = { .sa_handler = end };
	uint32_t n = 0;
	int fd;

	sigaction(SIGTERM, &action, NULL);
	fd = open_socket(own, peer);
	if (fd < 0) {
		fprintf(stderr, "nethostile: %s: %s\n", own, strerror(errno));
		return 1;
	}
	while (!ended) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		const char *wrong;
		ssize_t got;
		int kind;

		send_one(fd, n++, &sent);
		for (int k = 0; k < 64 && poll(&wait, 1, k ? 0 : 5) > 0; k++) {
			got = recv(fd, f, sizeof(f), MSG_DONTWAIT);
			if (got < 0)
				break;
			frames++;
			wrong = judge(f, (uint32_t)got, &kind);
			checked += kind == 1;
			pieces += kind == 2;
			if (!wrong)
				continue;
			if (bad++ < 5) {
				printf("a frame of %zd bytes %s:", got, wrong);
				for (ssize_t i = 0; i < got && i < 160; i++)
					printf(" %02x", f[i]);
				printf("\n");
			}
		}
	}
	printf("watched %llu frames %llu checked %llu pieces %llu sent %llu bad\n",
	       (unsigned long long)frames, (unsigned long long)checked, (unsigned long long)pieces,
	       (unsigned long long)sent, (unsigned long long)bad);
	return bad ? 1 : 0;
}

int main(int argc, char **argv)
{
	bool watches = argc == 5 && !strcmp(argv[1], "watch");

	if (argc >= 4)
		seed_state = strtoull(argv[watches ? 4 : 2], NULL, 10);
	if (watches)
		return watch(argv[2], argv[3]);
	if (argc == 2 && !strcmp(argv[1], "break"))
		return area_get() ? hostile_break() : 1;
	if (argc == 4 && !strcmp(argv[1], "pvkit"))
		return area_get() ? hostile_pv(strtoull(argv[3], NULL, 10)) : 1;
	if (argc == 5 && !strcmp(argv[1], "emulated"))
		return area_get() ? hostile_e1000(argv[4], strtoull(argv[3], NULL, 10)) : 1;
	fprintf(stderr, "nethostile: pvkit SEED ROUNDS, emulated SEED ROUNDS DEVICE, break, "
		"or watch OWN PEER SEED\n");
	return 2;
}
