/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that the stub writes: where the user named one, and one whose size is
 * bounded.
 */
#ifndef HS_OUTPUT_H
#define HS_OUTPUT_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Opens a file for output: made with mode 0600 or truncated, never through a symbolic
 * link, without a wait for a FIFO's reader. /dev/stdout, /dev/stderr and /dev/fd/N are
 * this process's own descriptors. flags: more of open(2)'s. The descriptor, or
 * -errno with the line printed, `option` in front.
 */
int hs_output_open(const char *option, const char *path, int flags);

struct hs_drain_limit;

/* Writes a text as far as the drain_limit goes (writer.h). 0 or -errno, said. */
int hs_output_put(const char *option, const char *path, int fd, const char *text, size_t len,
		  struct hs_drain_limit *drain_limit);

/*
 * A log of bounded size: FILE, and FILE.1 with what was in it before. When FILE is
 * full its content moves over; FILE then begins anew, as with logrotate's copytruncate.
 * All by the two descriptors: once the VM runs nothing is opened or renamed (sandbox.c).
 */
struct hs_bounded_file {
	const char *path;	/* for messages */
	int fd, older_fd;	/* older_fd -1: not bounded */
	uint64_t limit, size;
};

/* limit 0, or anything but a regular file: not bounded. 0 or -errno, said. */
int hs_bounded_open(struct hs_bounded_file *file, const char *option, const char *path,
		    uint64_t limit);
void hs_bounded_close(struct hs_bounded_file *file);
/* As write(2). What the file system has no room for is an error, said within bounds. */
ssize_t hs_bounded_write(void *file, const uint8_t *data, size_t len);

#endif /* HS_OUTPUT_H */
