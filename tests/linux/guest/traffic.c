// SPDX-License-Identifier: BSD-2-Clause
/*
 * traffic - both ends of network traffic of which every byte is verified.
 *
 *   traffic serve PORT                        until killed
 *   traffic talk ADDRESS PORT SECONDS SEED    status 0: all that came was right;
 *                                             SIGTERM: ends as when the time is over
 *
 * talk runs STREAMS TCP connections, each a sequence of messages of mixed sizes
 * and directions, and one UDP sender of mixed sizes, fragments included. A
 * message is a header and a payload that both ends can compute from the
 * header's seed. TCP must be complete; UDP may lose datagrams, which are
 * counted, but one that arrives must be right. A TCP connection on which
 * nothing moves for STUCK seconds is an error.
 *
 * talk's last line: "traffic BYTES bytes MESSAGES messages SENT sent BACK back".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAGIC	0x706b7674u
#define STREAMS	3
#define STUCK	180		/* seconds */
#define MOST	(256u << 10)	/* payload of a TCP message */
#define DATAGRAM_MOST	8000u

struct header {
	uint32_t magic;
	uint32_t length;	/* of the payload that follows */
	uint32_t reply;		/* of the payload wanted back */
	uint32_t number;
	uint64_t seed;
};

struct totals {
	_Atomic uint64_t bytes, messages, sent, back;
	atomic_bool enough;
};

static struct totals *totals;

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "traffic: %s\n", what);
	exit(1);
}

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Writes, or compares with, the pattern of a seed. */
static void fill(uint8_t *to, uint32_t length, uint64_t seed)
{
	uint64_t state = seed | 1, word = 0;

	for (uint32_t i = 0; i < length; i++) {
		if (!(i & 7))
			word = next(&state);
		to[i] = (uint8_t)(word >> 8 * (i & 7));
	}
}

static int same(const uint8_t *data, uint32_t length, uint64_t seed)
{
	static uint8_t want[MOST];

	fill(want, length, seed);
	for (uint32_t i = 0; i < length; i++) {
		if (data[i] == want[i])
			continue;
		fprintf(stderr, "traffic: seed %llu, length %u: byte %u is %02x, not %02x\n",
			(unsigned long long)seed, length, i, data[i], want[i]);
		return 0;
	}
	return 1;
}

/* All of it, or the end of the process. 0 at an orderly end before the first byte. */
static int move(int fd, void *data, size_t length, int out)
{
	uint8_t *p = data;

	for (size_t done = 0; done < length;) {
		struct pollfd wait = { .fd = fd, .events = out ? POLLOUT : POLLIN };
		ssize_t n;

		if (poll(&wait, 1, STUCK * 1000) == 0)
			die(out ? "stuck while sending" : "stuck while receiving");
		n = out ? send(fd, p + done, length - done, MSG_NOSIGNAL) :
			  recv(fd, p + done, length - done, 0);
		if (n == 0 && !out && !done)
			return 0;
		if (n <= 0 && errno != EINTR)
			die(n ? strerror(errno) : "the connection ended early");
		if (n > 0)
			done += (size_t)n;
	}
	return 1;
}

/* ---- server ---- */

static void serve_stream(int fd)
{
	static uint8_t data[MOST];
	struct header h;

	while (move(fd, &h, sizeof(h), 0)) {
		if (h.magic != MAGIC || h.length > MOST || h.reply > MOST)
			die("server: a bad header");
		if (!move(fd, data, h.length, 0) && h.length)
			die("server: the payload is missing");
		if (!same(data, h.length, h.seed))
			die("server: a wrong byte in a stream");
		fill(data, h.reply, ~h.seed);
		move(fd, data, h.reply, 1);
	}
	exit(0);
}

static void serve_datagrams(int fd)
{
	static uint8_t data[65536];

	for (;;) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &len);
		struct header h;

		if (n < (ssize_t)sizeof(h))
			continue;
		memcpy(&h, data, sizeof(h));
		if (h.magic != MAGIC || h.length != (size_t)n - sizeof(h) ||
		    h.reply > DATAGRAM_MOST || !same(data + sizeof(h), h.length, h.seed))
			die("server: a wrong datagram");
		h.length = h.reply;
		h.seed = ~h.seed;
		memcpy(data, &h, sizeof(h));
		fill(data + sizeof(h), h.length, h.seed);
		(void)!sendto(fd, data, sizeof(h) + h.length, 0, (struct sockaddr *)&from, len);
	}
}

static int open_socket(int type, const char *address, int port, int server)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, type, 0), one = 1;

	if (inet_pton(AF_INET, address, &in.sin_addr) != 1)
		die("no IPv4 address");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (fd < 0 || (server ? bind(fd, (struct sockaddr *)&in, sizeof(in)) :
				connect(fd, (struct sockaddr *)&in, sizeof(in))) < 0)
		die(strerror(errno));
	return fd;
}

static int serve(int port)
{
	int udp = open_socket(SOCK_DGRAM, "0.0.0.0", port, 1);
	int tcp = open_socket(SOCK_STREAM, "0.0.0.0", port, 1);
	pid_t datagrams;

	if (listen(tcp, 16) < 0)
		die(strerror(errno));
	datagrams = fork();
	if (!datagrams)
		serve_datagrams(udp);
	for (;;) {
		int status, fd = accept(tcp, NULL, NULL);
		pid_t pid;

		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (status || pid == datagrams)
				die("server: one of its processes failed");
		if (fd < 0)
			continue;
		if (!fork())
			serve_stream(fd);
		close(fd);
	}
}

/* ---- client ---- */

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Mostly small, sometimes large, often just around a segment's or page's end. */
static uint32_t size(uint64_t *state, uint32_t most)
{
	static const uint32_t edge[] = { 1, 64, 1447, 1460, 4095, 8960, 16383, 65160, 65535 };
	uint32_t n;

	switch (next(state) % 4) {
	case 0:
		n = edge[next(state) % (sizeof(edge) / sizeof(edge[0]))] + next(state) % 3;
		break;
	case 1:
		n = next(state) % (most + 1);
		break;
	default:
		n = next(state) % 1500;
		break;
	}
	return n > most ? most : n;
}

static void enough(int number)
{
	(void)number;
	totals->enough = true;
}

static int over(time_t end)
{
	return now() >= end || totals->enough;
}

static void talk_stream(const char *address, int port, time_t end, uint64_t seed)
{
	static uint8_t data[MOST];
	int fd = open_socket(SOCK_STREAM, address, port, 0);
	uint64_t state = seed | 1;
	struct header h = { .magic = MAGIC };

	do {
		h.length = size(&state, MOST);
		h.reply = size(&state, MOST);
		h.seed = next(&state);
		fill(data, h.length, h.seed);
		move(fd, &h, sizeof(h), 1);
		move(fd, data, h.length, 1);
		if (!move(fd, data, h.reply, 0) && h.reply)
			die("the server closed the connection");
		if (!same(data, h.reply, ~h.seed))
			die("a wrong byte in a stream");
		totals->bytes += h.length + h.reply;
		totals->messages++;
		h.number++;
	} while (!over(end));
	exit(0);
}

static void talk_datagrams(const char *address, int port, time_t end, uint64_t seed)
{
	static uint8_t data[65536];
	int fd = open_socket(SOCK_DGRAM, address, port, 0);
	uint64_t state = seed | 1;

	do {
		struct header h = { .magic = MAGIC, .length = size(&state, DATAGRAM_MOST),
				    .reply = size(&state, DATAGRAM_MOST), .seed = next(&state) };
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		uint64_t before = totals->sent;

		memcpy(data, &h, sizeof(h));
		fill(data + sizeof(h), h.length, h.seed);
		if (send(fd, data, sizeof(h) + h.length, 0) > 0)
			totals->sent = before + 1;
		/* Up to a few in flight; what is lost is lost. */
		while (poll(&wait, 1, before % 4 ? 0 : 20) > 0) {
			ssize_t n = recv(fd, data, sizeof(data), 0);

			if (n < 0)
				break;		/* the route went away for a while */
			if (n < (ssize_t)sizeof(h))
				die("a datagram without a header");
			memcpy(&h, data, sizeof(h));
			if (h.magic != MAGIC || h.length != (size_t)n - sizeof(h) ||
			    !same(data + sizeof(h), h.length, h.seed))
				die("a wrong datagram");
			totals->back++;
			totals->bytes += (uint64_t)n;
		}
	} while (!over(end));
	exit(0);
}

static int talk(const char *address, int port, int seconds, uint64_t seed)
{
	time_t end = now() + seconds;
	int status, bad = 0;

	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (totals == MAP_FAILED)
		die(strerror(errno));
	signal(SIGTERM, enough);	/* calls go on after it */
	for (unsigned int i = 0; i < STREAMS; i++)
		if (!fork())
			talk_stream(address, port, end, seed * 1000003 + i * 7919 + 1);
	if (!fork())
		talk_datagrams(address, port, end, seed * 1000003 + 77777);
	while (wait(&status) > 0)
		bad |= status;
	printf("traffic %llu bytes %llu messages %llu sent %llu back\n",
	       (unsigned long long)totals->bytes, (unsigned long long)totals->messages,
	       (unsigned long long)totals->sent, (unsigned long long)totals->back);
	return bad ? 1 : 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(atoi(argv[2]));
	if (argc == 6 && !strcmp(argv[1], "talk"))
		return talk(argv[2], atoi(argv[3]), atoi(argv[4]), strtoull(argv[5], NULL, 10));
	fprintf(stderr, "traffic: serve PORT, or talk ADDRESS PORT SECONDS SEED\n");
	return 2;
}
