/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kinds of events, and an event as text: see trace.h. docs/debugging.md has the same
 * table (test_trace.c compares the two).
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "trace.h"

const struct hs_trace_row hs_trace_rows[HS_TRACE_KINDS] = {
	[HS_TRACE_BOOT] = { "boot", "vm", HS_TRACE_INSTANT, { "number" } },
	[HS_TRACE_STOP] = { "stop", "vm", HS_TRACE_INSTANT, { "boot" } },
	[HS_TRACE_EXIT] = { "exit", "exit", HS_TRACE_SLICE, { "address", "bytes", "write" } },
	[HS_TRACE_CALL] = { "call", "call", HS_TRACE_SLICE, { "number", "status" } },
	[HS_TRACE_LINE] = { "line", "interrupt", HS_TRACE_INSTANT, { "gsi", "level" } },
	[HS_TRACE_MSI] = { "msi", "interrupt", HS_TRACE_INSTANT, { "number" } },
	[HS_TRACE_BLOCK] = { "block", "block", HS_TRACE_ASYNC,
			     { "disk", "offset", "length", "status" } },
	[HS_TRACE_SENT] = { "sent", "net", HS_TRACE_INSTANT, { "nic", "queue", "bytes", "status" } },
	[HS_TRACE_RECEIVED] = { "received", "net", HS_TRACE_INSTANT, { "nic", "queue", "bytes" } },
};

static size_t add(char *text, size_t at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Appends what there is room for. Where the end is now. */
static size_t add(char *text, size_t at, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text + at, HS_TRACE_TEXT - at, fmt, args);
	va_end(args);
	if (n < 0)
		return at;
	return (size_t)n < HS_TRACE_TEXT - at ? at + (size_t)n : HS_TRACE_TEXT - 1;
}

/* Microseconds, as the format wants them, of nanoseconds. */
static size_t add_us(char *text, size_t at, const char *name, uint64_t ns)
{
	return add(text, at, ",\"%s\":%" PRIu64 ".%03u", name, ns / 1000,
		   (unsigned int)(ns % 1000));
}

static size_t add_args(char *text, size_t at, const struct hs_trace_event *event)
{
	const struct hs_trace_row *row = &hs_trace_rows[event->kind];

	at = add(text, at, ",\"args\":{");
	for (unsigned int i = 0; i < HS_TRACE_ARGS && row->arg[i]; i++) {
		const char *name = row->arg[i], *comma = i ? "," : "";

		if (!strcmp(name, "status"))
			at = add(text, at, "%s\"%s\":%" PRId64, comma, name,
				 (int64_t)event->arg[i]);
		else if (!strcmp(name, "address"))
			at = add(text, at, "%s\"%s\":\"0x%" PRIx64 "\"", comma, name,
				 event->arg[i]);
		else
			at = add(text, at, "%s\"%s\":%" PRIu64, comma, name, event->arg[i]);
	}
	return add(text, at, "}");
}

/* One object, without arguments and the closing brace. */
static size_t add_head(char *text, size_t at, const struct hs_trace_event *event, char phase,
		       uint64_t ns, int pid, int tid)
{
	const struct hs_trace_row *row = &hs_trace_rows[event->kind];

	at = add(text, at, ",\n{\"name\":\"%s%s%s\",\"cat\":\"%s\",\"ph\":\"%c\",\"pid\":%d,\"tid\":%d",
		 row->name, event->detail ? " " : "", event->detail ? event->detail : "",
		 row->category, phase, pid, tid);
	return add_us(text, at, "ts", ns);
}

size_t hs_trace_text(char text[HS_TRACE_TEXT], const struct hs_trace_event *event, int pid,
		     int tid, uint64_t id)
{
	uint64_t begin = event->begin ? event->begin : event->end;
	size_t at;

	switch (hs_trace_rows[event->kind].phase) {
	case HS_TRACE_SLICE:
		at = add_head(text, 0, event, 'X', begin, pid, tid);
		at = add_us(text, at, "dur", event->end - begin);
		break;
	case HS_TRACE_ASYNC:
		at = add_head(text, 0, event, 'b', begin, pid, tid);
		at = add(text, at, ",\"id\":\"0x%" PRIx64 "\"", id);
		at = add_args(text, at, event);
		at = add(text, at, "}");
		at = add_head(text, at, event, 'e', event->end, pid, tid);
		return add(text, at, ",\"id\":\"0x%" PRIx64 "\"}", id);
	default:
		at = add_head(text, 0, event, 'i', event->end, pid, tid);
		at = add(text, at, ",\"s\":\"t\"");
		break;
	}
	at = add_args(text, at, event);
	return add(text, at, "}");
}

size_t hs_trace_name(char text[HS_TRACE_TEXT], const char *what, const char *name, int pid,
		     int tid)
{
	char plain[32];
	size_t n = 0;

	/* A worker has the name of its image: what JSON cannot have as it is becomes a mark. */
	for (; name[n] && n < sizeof(plain) - 1; n++)
		plain[n] = name[n] < ' ' || name[n] > '~' || name[n] == '"' || name[n] == '\\' ?
			   '?' : name[n];
	plain[n] = 0;
	n = add(text, 0, ",\n{\"name\":\"%s\",\"ph\":\"M\",\"pid\":%d,\"tid\":%d", what, pid, tid);
	return add(text, n, ",\"args\":{\"name\":\"%s\"}}", plain);
}
