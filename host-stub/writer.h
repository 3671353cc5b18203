/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output to somebody who may not read: a descriptor, a buffer of fixed size, and a
 * thread that writes. Whoever puts bytes never waits.
 *
 * The descriptor stays blocking: its open file description may be shared with
 * other processes (a shell's terminal, a pipe), for which O_NONBLOCK would
 * change too, and a pipe that polls writable may be filled by another writer before
 * write(2) is made. So the thread may block in write(2), and a signal, sent
 * until it has been seen, brings it back.
 */
#ifndef HS_WRITER_H
#define HS_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct hs_writer;

struct hs_writer_config {
	const char *name;	/* of the thread */
	int fd;
	size_t bytes;		/* of the buffer */
	/* Writes some, on the thread: as write(2), which NULL stands for. */
	ssize_t (*write)(void *opaque, const uint8_t *data, size_t len);
	/* On the thread: there is room, after a put() that found too little; or NULL. */
	void (*room)(void);
	void *opaque;
};

/*
 * How long the end may take. Time without progress, in all waits that share this, and
 * the end of all drain_limit; asked() is polled, and true ends the wait. Neither time counts
 * for a regular file or a block device: what it waits for is this host's disk.
 */
struct hs_drain_limit {
	uint64_t idle_ns;	/* what is left of it */
	uint64_t until;		/* hs_now() */
	bool (*asked)(void *opaque);	/* or NULL */
	void *opaque;
};

/*
 * Sets the handler of the signal that ends a write, once: what hs_writer_open() does if nobody
 * has, but it must be done before there is a filter of system calls (sandbox.h).
 */
void hs_writer_init_signal(void);

/* 0 or -errno. The descriptor stays the caller's. */
int hs_writer_open(struct hs_writer **out, const struct hs_writer_config *config);

/* Any thread. How many bytes there was room for. */
size_t hs_writer_put(struct hs_writer *writer, const void *data, size_t len);

/* All or nothing; false: there was no room. */
bool hs_writer_put_all(struct hs_writer *writer, const void *data, size_t len);

/* The same; waits for room as far as the limit goes. No more than the buffer has. */
bool hs_writer_put_wait(struct hs_writer *writer, const void *data, size_t len,
			struct hs_drain_limit *drain_limit);

/*
 * Waits as `drain_limit` says until all is written, ends the thread and frees the writer. How
 * many bytes were not written: of this end, and of a descriptor that failed.
 */
uint64_t hs_writer_close(struct hs_writer *writer, struct hs_drain_limit *drain_limit);

#endif /* HS_WRITER_H */
