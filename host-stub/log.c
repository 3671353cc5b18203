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
#include "util.h"

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

/* Sources of one kind, from `first` up to the next row's. */
static const struct area {
	enum hs_log_source first;
	const char *word;	/* --log's */
	const char *name;	/* in a line about it */
} areas[] = {
	{ HS_LOG_HOST, "host", "the host" },
	{ HS_LOG_VCPU, "vcpu", "the vCPUs" },
	{ HS_LOG_POWER, "power", "the guest's power calls" },
	{ HS_LOG_CONSOLE, "console", "the console" },
	{ HS_LOG_ACPI, "acpi", "ACPI" },
	{ HS_LOG_DISK, "disk", "disk %u" },
	{ HS_LOG_NIC, "nic", "nic %u" },
	{ HS_LOG_IMAGE, "image", "the image of disk %u" },
	{ HS_LOG_PEER, "peer", "the other end of nic %u" },
};

static const char * const level_word[] = {
	[HS_LOG_OFF] = "off", [HS_LOG_ERRORS] = "error", [HS_LOG_NOTES] = "note",
	[HS_LOG_DEBUG] = "debug",
};

/* Of each area, as a difference to what is shown at first. */
static atomic_int level_change[HS_COUNT(areas)];

static unsigned int area_of(enum hs_log_source source)
{
	unsigned int n = HS_COUNT(areas) - 1;

	while (source < areas[n].first)
		n--;
	return n;
}

static bool is_shown(enum hs_log_source source, enum hs_log_level level)
{
	return HS_LOG_NOTES + atomic_load(&level_change[area_of(source)]) >= (int)level;
}

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

	if (!is_shown(source, HS_LOG_ERRORS) || !may_say(source, &hidden))
		return;
	va_start(args, fmt);
	log_say("guest: ", hidden, fmt, args);
	va_end(args);
}

void hs_note_from(enum hs_log_source source, const char *fmt, ...)
{
	uint64_t hidden;
	va_list args;

	if (!is_shown(source, HS_LOG_NOTES) || !may_say(source, &hidden))
		return;
	va_start(args, fmt);
	log_say("note: ", hidden, fmt, args);
	va_end(args);
}

void hs_log_to(bool (*put)(const char *line, size_t len))
{
	atomic_store(&out.put, put);
}

void hs_debug(enum hs_log_source source, const char *fmt, ...)
{
	va_list args;

	if (!is_shown(source, HS_LOG_DEBUG))
		return;
	va_start(args, fmt);
	log_say("debug: ", 0, fmt, args);
	va_end(args);
}

/* ---- levels ---- */

static bool is_word(const char *word, const char *text, size_t len)
{
	return strlen(word) == len && !memcmp(word, text, len);
}

/* Sets one AREA=LEVEL of `len` bytes; false: it is none. Only looks if !set. */
static bool set_level(const char *text, size_t len, bool set)
{
	size_t area = strcspn(text, "=");
	int level = -1;
	bool any = false;

	if (area >= len)
		return false;
	for (unsigned int i = 0; i < HS_COUNT(level_word); i++)
		if (is_word(level_word[i], text + area + 1, len - area - 1))
			level = (int)i;
	for (unsigned int i = 0; i < HS_COUNT(areas) && level >= 0; i++) {
		if (!is_word("all", text, area) && !is_word(areas[i].word, text, area))
			continue;
		any = true;
		if (set)
			atomic_store(&level_change[i], level - HS_LOG_NOTES);
	}
	return any;
}

int hs_log_levels(const char *text, const char **wrong)
{
	for (int set = 0; set < 2; set++) {
		for (const char *at = text;; at++) {
			size_t len = strcspn(at, ",");

			*wrong = at;
			if (!set_level(at, len, set))
				return -EINVAL;
			at += len;
			if (!*at)
				break;
		}
	}
	return 0;
}

const char *hs_log_area(unsigned int n, const char **level)
{
	if (n >= HS_COUNT(areas))
		return NULL;
	*level = level_word[HS_LOG_NOTES + atomic_load(&level_change[n])];
	return areas[n].word;
}

/* ---- the end ---- */

/* "the guest's power calls", "nic 1" ... */
static void name_source(enum hs_log_source source, char *name, size_t size)
{
	const struct area *area = &areas[area_of(source)];

	/* A format without a conversion ignores the number. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(name, size, area->name, source - area->first);
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
