// SPDX-License-Identifier: BSD-2-Clause
/*
 * net - load on the network between a guest and its host; both ends.
 *
 *	net serve ADDRESS			in the host, until it is ended
 *	net wait ADDRESS SECONDS		until the server answers
 *	net JOB ADDRESS SECONDS [MARK MARK]	in the guest
 *
 * Jobs: stream-out, stream-in (one TCP connection; out is what the guest
 * sends), rr (one byte there, one byte back, one at a time), udp-out, udp-in
 * (datagrams that make Ethernet frames of 64 bytes with FCS).
 *
 * One TCP connection, the control, carries request, start and result; for
 * stream and rr the load, too. All is set up before the first mark and the
 * result is known before the second, so between the marks there is the load
 * and nothing else. The marks are those of mark.c.
 *
 * A UDP sender has at most WINDOW datagrams on their way: it knows by the
 * highest number that the receiver saw, told back every ACK_EVERY datagrams.
 * That is full load without one end drowning the other. What is lost does not
 * hold it up: a newer number acknowledges older ones, and after STALL_MS
 * without a word all count as gone. Delivered is what the receiver counted.
 *
 * A job prints one line of JSON. Exit status: 0; 1 with a line on stderr; 2
 * wrong use. Build: gcc -static, as the guest has no libraries.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include "../../emu/emu.h"
#include "net_load.h"

#define SETTLE_NS	20000000	/* mark.c says why */

static const char *const job_names[] = {
	[NET_STREAM_OUT] = "stream-out", [NET_STREAM_IN] = "stream-in", [NET_RR] = "rr",
	[NET_UDP_OUT] = "udp-out", [NET_UDP_IN] = "udp-in",
};

static int complain(const char *what, const char *on, int err)
{
	fprintf(stderr, "net: %s %s: %s\n", what, on, strerror(-err));
	return err;
}

/* Writes a byte to the mark port and waits until a tracer has noted it: 0 or -errno. */
static int mark(int value)
{
	struct timespec settle = { 0, SETTLE_NS };
	unsigned char byte = (unsigned char)value;
	int fd;
	int err = 0;

	if (value < 0)
		return 0;
	fd = open("/dev/port", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return complain("open", "/dev/port", -errno);
	if (pwrite(fd, &byte, 1, HS_PORT_MARK) != 1)
		err = complain("mark", "/dev/port", -errno);
	close(fd);
	nanosleep(&settle, NULL);
	return err;
}

/* --- the guest's end ---------------------------------------------------------- */

static void print(const char *name, const struct net_request *request,
		  const struct net_result *result)
{
	double seconds = (double)result->ns / 1e9;

	printf("{\"job\": \"%s\", \"seconds\": %.6f, ", name, seconds);
	if (request->job == NET_STREAM_OUT || request->job == NET_STREAM_IN)
		printf("\"bytes\": %" PRIu64 "}\n", result->count);
	else if (request->job == NET_RR)
		printf("\"transactions\": %" PRIu64 ", \"lat_mean_us\": %.3f, "
		       "\"lat_p50_us\": %.3f, \"lat_p99_us\": %.3f}\n", result->count,
		       result->count ? seconds * 1e6 / (double)result->count : 0.0,
		       (double)net_percentile(&result->latency, 50) / 1e3,
		       (double)net_percentile(&result->latency, 99) / 1e3);
	else
		printf("\"packets\": %" PRIu64 ", \"sent\": %" PRIu64 ", \"stalls\": %" PRIu64
		       "}\n", result->count, result->sent, result->stalls);
}

/* The load as the guest has it, and its result: 0 or -errno. */
static int guest_load(const struct net_request *request, int control, int udp,
		      struct net_result *result)
{
	switch (request->job) {
	case NET_STREAM_OUT:
		return net_stream_send(control, request->ns, result);
	case NET_STREAM_IN:
		return net_stream_receive(control, result);
	case NET_RR:
		return net_rr_ask(control, request->ns, result);
	case NET_UDP_OUT:
		return net_udp_send(udp, control, request->ns, result);
	default:
		return net_udp_receive(udp, control, result);
	}
}

/* One job from connecting to its line: 0 or -errno, with the line printed. */
static int job(const char *name, struct net_request *request, const char *address,
	       const int marks[2])
{
	static struct net_result result;
	struct net_ready ready;
	bool is_udp = request->job == NET_UDP_OUT || request->job == NET_UDP_IN;
	int control;
	int udp = -1;
	int err;

	control = net_connect(address);
	if (control < 0)
		return complain("connect to", address, control);
	if (is_udp) {
		udp = net_udp_socket(control, &request->port);
		if (udp < 0) {
			err = complain("UDP socket to", address, udp);
			goto close_control;
		}
	}
	err = net_put(control, request, sizeof(*request));
	if (!err)
		err = net_get(control, &ready, sizeof(ready));
	if (!err && is_udp)
		err = net_udp_connect(udp, control, ready.port);
	if (err) {
		complain("no answer of", address, err);
		goto close_udp;
	}
	err = mark(marks[0]);
	if (err)
		goto close_udp;
	err = net_put(control, "", 1);
	if (!err)
		err = guest_load(request, control, udp, &result);
	if (err) {
		complain("broken off:", name, err);
		goto close_udp;
	}
	err = mark(marks[1]);
	if (!err)
		print(name, request, &result);
close_udp:
	if (udp >= 0)
		close(udp);
close_control:
	close(control);
	return err;
}

/* Until the server accepts a connection: 0, or -errno of the last attempt. */
static int wait_for(const char *address, double seconds)
{
	struct timespec pause = { 0, 20000000 };
	uint64_t end = net_now() + (uint64_t)(seconds * 1e9);
	int fd;

	do {
		fd = net_connect(address);
		if (fd >= 0) {
			close(fd);
			return 0;
		}
		nanosleep(&pause, NULL);
	} while (net_now() < end);
	return complain("wait for", address, fd);
}

/* --- the host's end ----------------------------------------------------------- */

/* The load as the host has it: 0 or -errno. */
static int host_load(const struct net_request *request, int control, int udp)
{
	static struct net_result result;

	switch (request->job) {
	case NET_STREAM_OUT:
		return net_stream_take(control);
	case NET_STREAM_IN:
		return net_stream_feed(control, request->ns);
	case NET_RR:
		return net_rr_answer(control);
	case NET_UDP_OUT:
		return net_udp_count(udp, control);
	default:
		return net_udp_feed(udp, control, request->ns, &result);
	}
}

/* One request: 0, -errno; -ENODATA: it was only a look whether we are there. */
static int serve_one(int control)
{
	struct net_request request;
	struct net_ready ready = { 0 };
	uint8_t go;
	int udp = -1;
	int err;

	err = net_get(control, &request, sizeof(request));
	if (err)
		return err;
	if (request.job >= NET_JOBS || request.ns > NET_MOST_NS)
		return -EINVAL;
	if (request.job == NET_UDP_OUT || request.job == NET_UDP_IN) {
		udp = net_udp_socket(control, &ready.port);
		if (udp < 0)
			return udp;
		err = net_udp_connect(udp, control, request.port);
	}
	if (!err)
		err = net_put(control, &ready, sizeof(ready));
	if (!err)
		err = net_get(control, &go, 1);
	if (!err)
		err = host_load(&request, control, udp);
	/*
	 * Until the guest has its result: a datagram of its that came to a
	 * closed socket would break off its load with "connection refused".
	 */
	if (!err) {
		err = net_get(control, &go, 1);
		err = err == -ENODATA ? 0 : err;
	}
	if (udp >= 0)
		close(udp);
	return err;
}

static int serve(const char *address)
{
	int listener = net_listen(address);
	int control;
	int err;

	if (listener < 0)
		return complain("listen on", address, listener);
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		control = net_accept(listener);
		if (control < 0) {
			close(listener);
			return complain("accept on", address, control);
		}
		err = serve_one(control);
		if (err && err != -ENODATA)
			complain("a job from", address, err);
		close(control);
	}
}

/* --- the command line --------------------------------------------------------- */

/* A number from text, low..high: 0 or -EINVAL. */
static int number(const char *text, double low, double high, double *value)
{
	char *end;

	*value = strtod(text, &end);
	return end == text || *end || !(*value >= low && *value <= high) ? -EINVAL : 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: net serve ADDRESS | net wait ADDRESS SECONDS | "
		"net stream-out|stream-in|rr|udp-out|udp-in ADDRESS SECONDS [MARK MARK]\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct net_request request = { .job = NET_JOBS };
	int marks[2] = { -1, -1 };
	double value;
	int i;

	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]) ? 1 : 0;
	if (argc < 4 || number(argv[3], 0.01, (double)NET_MOST_NS / 1e9, &value))
		return usage();
	if (argc == 4 && !strcmp(argv[1], "wait"))
		return wait_for(argv[2], value) ? 1 : 0;
	request.ns = (uint64_t)(value * 1e9);
	for (i = 0; i < NET_JOBS; i++) {
		if (!strcmp(argv[1], job_names[i]))
			request.job = (uint32_t)i;
	}
	if (request.job == NET_JOBS || (argc != 4 && argc != 6))
		return usage();
	for (i = 4; i < argc; i++) {
		if (number(argv[i], 0, 255, &value))
			return usage();
		marks[i - 4] = (int)value;
	}
	return job(argv[1], &request, argv[2], marks) ? 1 : 0;
}
