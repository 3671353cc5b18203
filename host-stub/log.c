/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the stub says on standard error, and its clock: see log.h. Unit tests
 * and fuzzers link this file as it is.
 *
 * Contract: one write per line, so that lines of several threads do not mix;
 * and no wait for whoever reads them. A thread that serves a guest only appends to a
 * buffer (hs_log_to(), main.c). Before that is set up, and in the user-mode
 * network's process, a line that nobody takes within WAIT_MS is dropped and counted.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hs.h"
#include "trace.h"

#define WAIT_MS	200
#define LINE	512u

const struct hs_trace_sink *hs_trace_sink;

struct bucket {
	unsigned int spent;	/* of HS_LOG_BURST; 0: full */
	uint64_t since;		/* hs_now() up to which it was refilled */
	uint64_t hidden;	/* lines, since the last that was shown */
};

static struct {
	pthread_mutex_t lock;
	struct bucket bucket[HS_LOG_SOURCES];
	_Atomic(bool (*)(const char *line, size_t len)) put;
	atomic_ullong lost;	/* lines that standard error did not take */
} out = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool write_line(const char *line, size_t len)
{
	struct pollfd fd = { .fd = STDERR_FILENO, .events = POLLOUT };

	/* A pipe that is writable has room for a line. An error of poll() is no reason for silence.
	 */
	if (poll(&fd, 1, WAIT_MS) == 0)
		return false;
	return write(STDERR_FILENO, line, len) >= 0 || errno != EAGAIN;
}

static void put_line(const char *line, size_t len)
{
	bool (*put)(const char *line, size_t len) = atomic_load(&out.put);
	unsigned long long lost = atomic_exchange(&out.lost, 0);
	char told[128];
	int n;

	if (!put)
		put = write_line;
	if (lost) {
		n = snprintf(told, sizeof(told),
			     "pvkit-vm: note: %llu messages were lost: nobody read standard error\n", lost);
		if (!put(told, (size_t)n)) {
			atomic_fetch_add(&out.lost, lost + 1);
			return;
		}
	}
	if (!put(line, len))
		atomic_fetch_add(&out.lost, 1);
}

/* hidden: how many lines of the same source were not shown before this one. */
static void log_say(const char *kind, uint64_t hidden, const char *fmt, va_list args)
{
	char line[LINE], more[80] = "";
	int n, m, room;

	if (hidden)
		snprintf(more, sizeof(more), " (%llu messages before this one are not shown)",
			 (unsigned long long)hidden);
	room = (int)(sizeof(line) - strlen(more) - 1);
	n = snprintf(line, (size_t)room, "pvkit-vm: %s", kind);
	m = vsnprintf(line + n, (size_t)(room - n), fmt, args);
	n += m < 0 ? 0 : m;
	if (n > room - 1)
		n = room - 1;
	n += snprintf(line + n, sizeof(line) - (size_t)n, "%s\n", more);
	put_line(line, (size_t)n);
}

/* Takes a token. False: none is left, and the line is counted. */
static bool may_say(enum hs_log_source source, uint64_t *hidden)
{
	struct bucket *b = &out.bucket[source];
	uint64_t now = hs_now(), refilled;
	bool may;

	pthread_mutex_lock(&out.lock);
	if (!b->spent)
		b->since = now;
	refilled = (now - b->since) / HS_LOG_REFILL_NS;
	b->since += refilled * HS_LOG_REFILL_NS;
	b->spent = refilled < b->spent ? b->spent - (unsigned int)refilled : 0;
	may = b->spent < HS_LOG_BURST;
	if (may) {
		b->spent++;
		*hidden = b->hidden;
		b->hidden = 0;
	} else {
		b->hidden++;
	}
	pthread_mutex_unlock(&out.lock);
	return may;
}

void hs_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_say("", 0, fmt, args);
	va_end(args);
}

void hs_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_say("note: ", 0, fmt, args);
	va_end(args);
}

void hs_guest_error(enum hs_log_source source, const char *fmt, ...)
{
	uint64_t hidden;
	va_list args;

	if (!may_say(source, &hidden))
		return;
	va_start(args, fmt);
	log_say("guest: ", hidden, fmt, args);
	va_end(args);
}

void hs_note_from(enum hs_log_source source, const char *fmt, ...)
{
	uint64_t hidden;
	va_list args;

	if (!may_say(source, &hidden))
		return;
	va_start(args, fmt);
	log_say("note: ", hidden, fmt, args);
	va_end(args);
}

void hs_log_to(bool (*put)(const char *line, size_t len))
{
	atomic_store(&out.put, put);
}

/* "the guest's power calls", "nic 1" ... */
static void name_source(enum hs_log_source source, char *name, size_t size)
{
	static const struct {
		enum hs_log_source first;
		const char *format;
	} names[] = {
		{ HS_LOG_PEER, "the other end of nic %u" }, { HS_LOG_IMAGE, "the image of disk %u" },
		{ HS_LOG_NIC, "nic %u" }, { HS_LOG_DISK, "disk %u" }, { HS_LOG_ACPI, "ACPI" },
		{ HS_LOG_CONSOLE, "the console" }, { HS_LOG_POWER, "the guest's power calls" },
		{ HS_LOG_VCPU, "the vCPUs" }, { HS_LOG_HOST, "the host" },
	};
	unsigned int i = 0;

	while (source < names[i].first)
		i++;
	/* A format without a conversion ignores the number. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(name, size, names[i].format, source - names[i].first);
#pragma GCC diagnostic pop
}

void hs_log_end(void)
{
	char name[64];

	for (unsigned int i = 0; i < HS_LOG_SOURCES; i++) {
		uint64_t hidden;

		pthread_mutex_lock(&out.lock);
		hidden = out.bucket[i].hidden;
		out.bucket[i].hidden = 0;
		pthread_mutex_unlock(&out.lock);
		if (!hidden)
			continue;
		name_source((enum hs_log_source)i, name, sizeof(name));
		hs_note("%s: %llu messages are not shown", name, (unsigned long long)hidden);
	}
}

uint64_t hs_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}
