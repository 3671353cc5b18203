/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the stub says on standard error, and its clock. No state but a count:
 * unit tests and fuzzers link this file as it is.
 *
 * Contract: one write(2) per line, so that lines of several threads do not
 * mix. What a guest provokes is bounded (HS_GUEST_ERRORS lines per process).
 */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hs.h"

#define HS_GUEST_ERRORS	20u

static atomic_uint guest_errors;

static void say(const char *kind, const char *fmt, va_list args)
{
	char line[512];
	int n, m;

	n = snprintf(line, sizeof(line), "pvkit-vm: %s", kind);
	m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, args);
	if (m < 0)
		m = 0;
	n += m;
	if ((size_t)n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;		/* nobody is left to be told */
}

void hs_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say("", fmt, args);
	va_end(args);
}

void hs_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say("note: ", fmt, args);
	va_end(args);
}

void hs_guest_error(const char *fmt, ...)
{
	unsigned int n = atomic_fetch_add_explicit(&guest_errors, 1, memory_order_relaxed);
	va_list args;

	/* The counter wraps after 2^32 misdeeds: then some are said again. */
	if (n >= HS_GUEST_ERRORS)
		return;
	va_start(args, fmt);
	say("guest: ", fmt, args);
	va_end(args);
	if (n == HS_GUEST_ERRORS - 1)
		hs_note("the guest's further misdeeds are not said any more");
}

uint64_t hs_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}
