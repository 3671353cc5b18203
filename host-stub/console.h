/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user's end of the console: standard input and output, a file, or
 * nothing. One per process; it outlives reboots of the guest. Its guest's ends
 * are the UART and the rings of a guest with pvkit (pv/pv_console.c).
 */
#ifndef HS_EMU_CONSOLE_H
#define HS_EMU_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hs_drain_limit;

/* Before it is opened: bytes of a file, which then has an older one beside it; 0: no limit. */
void hs_console_limit(uint64_t bytes);

/*
 * Opens "stdio", "none" or a file (output.h); a terminal is raw from here on.
 * Only the first call does anything. 0 or -errno, with the line printed.
 */
int hs_console_prepare(const char *how);

/*
 * The same if that was not done yet, and starts the threads that do the console's
 * I/O. Only the first call does anything. 0 or -errno, with the line printed.
 */
int hs_console_open(const char *how);

/*
 * Writes what waits, as far as the drain_limit goes (writer.h), ends the threads, restores the
 * terminal. No chip writes any more by then. close() has 2 s, and runs at exit().
 */
void hs_console_end(struct hs_drain_limit *drain_limit);
void hs_console_close(void);

/* The guest's ends. What the user types goes to the last of those that are attached. */
enum hs_console_end { HS_CONSOLE_UART, HS_CONSOLE_RING, HS_CONSOLE_ENDS };

/* What an end does, all on the console's thread. */
struct hs_console_user {
	/* Takes some of the bytes (break: len 0) and returns how many. */
	size_t (*receive)(void *opaque, const uint8_t *data, size_t len, bool brk);
	/* Fetches output. False: there was none. NULL: the end puts its output itself. */
	bool (*drain)(void *opaque);
	/* Nobody calls drain() until hs_console_wake() or its eventfd. False: there is output. */
	bool (*may_sleep)(void *opaque);
	/* There is no hs_console_wake() when it has room again for input. */
	bool polls_for_room;
};

void hs_console_attach(enum hs_console_end end, const struct hs_console_user *user, void *opaque);
/* No function of the end's is running or will be once it returns. */
void hs_console_detach(enum hs_console_end end);

/* Bytes to the user; never blocks. How many there was room for: 1 MiB may wait unread. */
size_t hs_console_put(const uint8_t *data, size_t len);

/* One byte; what there is no room for is dropped and counted. */
void hs_console_write(uint8_t byte);

/* An end has room again for input that receive() did not take, or output. */
void hs_console_room(void);
void hs_console_wake(void);
int hs_console_eventfd(void);	/* a write to it does what hs_console_wake() does */

#endif /* HS_EMU_CONSOLE_H */
