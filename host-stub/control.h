/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --control PATH: a Unix stream socket on which the VM is asked things while it runs:
 * JSON, a command a line, an answer a line (docs/debugging.md).
 *
 * The main thread serves it where it waits for the VM, with descriptors that never
 * block. A client has one line and one answer at a time: while it does not read its answer,
 * nothing more is read of it, and nobody else notices.
 */
#ifndef HS_CONTROL_H
#define HS_CONTROL_H

#include <poll.h>
#include <stddef.h>
#include <stdio.h>

#define HS_CONTROL_PROTOCOL	1	/* the version of what docs/debugging.md describes */
#define HS_CONTROL_CLIENTS	8u	/* at a time; another one waits */
#define HS_CONTROL_LINE		1024u	/* bytes of a command */
#define HS_CONTROL_FDS		(HS_CONTROL_CLIENTS + 1)

/* Makes the socket, mode 0600, before rights are given up. 0 or -errno, said. */
int hs_control_prepare(const char *path);

/* What to poll for: [HS_CONTROL_FDS] of them, with descriptor -1 where there is none. */
void hs_control_poll(struct pollfd *fds);

/* Writes the answer to a line, or anything; line breaks and tabs of it are left out. */
typedef void (*hs_control_answer)(void *opaque, const char *line, size_t len, FILE *out);

/* After a poll(2): takes clients and lines, and has them answered. */
void hs_control_serve(const struct pollfd *fds, hs_control_answer answer, void *opaque);

void hs_control_close(void);

/* ---- commands (command.c) ---- */

struct hs_command {
	const char *name;
	/* Writes the answer: one object, {"error": "..."} for what cannot be done. */
	void (*run)(void *opaque, FILE *out);
	/* The member that it may have beside "command", and what is run with its value then. */
	const char *argument;
	void (*run_with)(void *opaque, const char *value, FILE *out);
};

/* Runs the command that the line names, of those up to one without a name. */
void hs_command_run(const struct hs_command *commands, void *opaque, const char *line, size_t len,
		    FILE *out);

/* {"error": "..."} */
void hs_command_error(FILE *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif /* HS_CONTROL_H */
