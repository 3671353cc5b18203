/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --trace FILE: what happens, as events that Perfetto and chrome://tracing open
 * (the Chrome JSON trace event format). docs/debugging.md describes the events.
 *
 * A thread appends to a ring of its own and never waits; the trace's thread turns
 * the rings into text. What a ring or the file has no room for is counted. Without
 * --trace an event costs the test of one pointer.
 */
#ifndef HS_TRACE_H
#define HS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"

#define HS_TRACE_LIMIT		(64ull << 20)	/* bytes of the file, unless told */
#define HS_TRACE_LIMIT_MIN	4096u

/* Each has a row in trace_kinds.c: name, category, arguments. */
enum hs_trace_kind {
	HS_TRACE_BOOT,		/* a boot begins: its number */
	HS_TRACE_STOP,		/* ... and ends; detail: how */
	HS_TRACE_EXIT,		/* detail: the reason; address or port, bytes, is it a write */
	HS_TRACE_CALL,		/* number, status */
	HS_TRACE_LINE,		/* GSI, level */
	HS_TRACE_MSI,		/* number */
	HS_TRACE_BLOCK,		/* detail: the operation; disk, offset, length, status */
	HS_TRACE_SENT,		/* NIC, queue, bytes, status */
	HS_TRACE_RECEIVED,	/* NIC, queue, bytes */
	HS_TRACE_KINDS,
};

#define HS_TRACE_ARGS	4u

struct hs_trace_event {
	uint64_t begin, end;	/* hs_now() */
	const char *detail;	/* goes behind the name; of static life, or NULL */
	uint64_t arg[HS_TRACE_ARGS];
	enum hs_trace_kind kind;
};

/* Who takes events. Any thread; none of the functions waits. */
struct hs_trace_sink {
	void (*put)(const struct hs_trace_event *event);
	void (*thread)(const char *name);	/* the calling thread's */
};

/* log.c, which all that has events links: NULL unless there is a --trace */
extern const struct hs_trace_sink *hs_trace_sink;

/* When something begins that hs_trace() is told of at its end; 0 without a trace. */
static inline uint64_t hs_trace_begin(void)
{
	return __builtin_expect(hs_trace_sink != NULL, 0) ? hs_now() : 0;
}

/* It has happened. begin: hs_trace_begin(), or 0 for what takes no time. */
#define hs_trace(what, since, text, ...)						\
	do {										\
		if (__builtin_expect(hs_trace_sink != NULL, 0))				\
			hs_trace_sink->put(&(const struct hs_trace_event){		\
				.kind = (what), .begin = (since), .end = hs_now(),	\
				.detail = (text), .arg = { __VA_ARGS__ } });		\
	} while (0)

static inline void hs_trace_thread(const char *name)
{
	if (hs_trace_sink)
		hs_trace_sink->thread(name);
}

/* ---- the trace itself (trace.c) ---- */

struct hs_drain_limit;

/* Opens the file, before rights are given up; events are taken from here on. 0 or -errno, said. */
int hs_trace_prepare(const char *path, uint64_t limit);

/* Starts the trace's threads. No-op if nothing was prepared. 0 or -errno, said. */
int hs_trace_open(void);

/*
 * Takes no more events, writes those that wait as far as the limit goes (writer.h), and
 * ends the file; says what was lost. No thread but the caller's has events any more.
 * No-op if it was not opened.
 */
void hs_trace_close(struct hs_drain_limit *drain_limit);

/* ---- the table (trace_kinds.c) ---- */

enum hs_trace_phase {
	HS_TRACE_INSTANT,	/* "i" */
	HS_TRACE_SLICE,		/* "X": on one thread, and they nest */
	HS_TRACE_ASYNC,		/* "b" and "e": from one thread to another, several at once */
};

struct hs_trace_row {
	const char *name, *category;
	enum hs_trace_phase phase;
	const char *arg[HS_TRACE_ARGS];	/* names; "status" is signed, "address" is in hex */
};

extern const struct hs_trace_row hs_trace_rows[HS_TRACE_KINDS];

#define HS_TRACE_TEXT	512u	/* bytes that an event's text takes at most */

/*
 * The event as one or two JSON objects, each with ",\n" in front. tid: of the thread;
 * id: of no other event. How many bytes.
 */
size_t hs_trace_text(char text[HS_TRACE_TEXT], const struct hs_trace_event *event, int pid,
		     int tid, uint64_t id);

/* The object that names a process ("process_name") or thread ("thread_name"). The same. */
size_t hs_trace_name(char text[HS_TRACE_TEXT], const char *what, const char *name, int pid,
		     int tid);

#endif /* HS_TRACE_H */
