/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user's end of the serial console: standard input and output, a file, or
 * nothing. One per process; it outlives reboots of the guest.
 */
#ifndef HS_EMU_CONSOLE_H
#define HS_EMU_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Opens "stdio", "none" or a file (created, truncated) and starts the thread
 * that does the console's I/O. Only the first call does anything. 0 or -errno,
 * with the line printed.
 */
int hs_console_open(const char *how);

/*
 * Flushes for at most 2 s, ends the thread, restores the terminal. Runs at exit();
 * no chip writes any more by then.
 */
void hs_console_close(void);

/*
 * The chip that gets what the user types. receive() takes some of the bytes
 * and returns how many (break: len 0); stop() is Ctrl-A x. Both run on the
 * console's thread, without any lock held.
 */
void hs_console_attach(size_t (*receive)(void *, const uint8_t *, size_t, bool brk),
		       void (*stop)(void *), void *opaque);
/* No call of receive() or stop() is running or will be once it returns. */
void hs_console_detach(void);

/* One byte to the user; never blocks: after 1 MiB unread, output is dropped and counted. */
void hs_console_write(uint8_t byte);

/* The chip has room again for input that receive() did not take. */
void hs_console_room(void);

#endif /* HS_EMU_CONSOLE_H */
