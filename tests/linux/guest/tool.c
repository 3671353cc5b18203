// SPDX-License-Identifier: BSD-2-Clause
/*
 * What test guests need beyond busybox: patterns on a disk, a journal of
 * acknowledged writes, discards, and (hostile.h) misuse of the
 * hypercall interface from user space. Static, so that it runs in any initrd.
 *
 * Every command exits 0 when all went as asked, 1 with one line when not, 2
 * when used wrongly. Numbers are decimal or 0x-hexadecimal; sectors have 512
 * bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hostile.h"

#define SECTOR	512u
#define CHUNK	(64u * 1024u)	/* bytes of one request */
#define RECORD	4096u		/* bytes of one record of the journal */

static uint8_t *chunk;		/* CHUNK bytes, aligned for O_DIRECT */

static int fail(const char *what)
{
	fprintf(stderr, "tool: %s: %s\n", what, strerror(errno));
	return 1;
}

static int open_disk(const char *path, int flags)
{
	int fd = open(path, flags | O_DIRECT | O_CLOEXEC);

	if (fd < 0 && errno == EINVAL)	/* an image on a host's tmpfs */
		fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		fail(path);
	return fd;
}

/* The content of sector n under a seed: any other place or seed differs. */
static void fill(uint8_t *to, uint64_t n, uint64_t seed)
{
	uint64_t word = (seed << 40) ^ n;
	unsigned int i;

	for (i = 0; i < SECTOR / 8; i++) {
		uint64_t x = word + (uint64_t)(i + 1) * 0x9e3779b97f4a7c15ull;

		x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
		x ^= x >> 27;
		memcpy(to + (size_t)i * 8, &x, 8);
	}
}

/* write|verify DISK FIRST COUNT SEED: the pattern on sectors FIRST .. */
static int pattern(char **arg, bool writing)
{
	uint64_t first = strtoull(arg[1], NULL, 0), count = strtoull(arg[2], NULL, 0);
	uint64_t seed = strtoull(arg[3], NULL, 0), at = first;
	uint8_t want[SECTOR];
	int fd = open_disk(arg[0], writing ? O_WRONLY : O_RDONLY);

	if (fd < 0)
		return 1;
	while (at < first + count) {
		uint64_t left = (first + count - at) * SECTOR;
		size_t bytes = left < CHUNK ? (size_t)left : CHUNK;
		ssize_t done;
		size_t i;

		if (writing)
			for (i = 0; i < bytes; i += SECTOR)
				fill(chunk + i, at + i / SECTOR, seed);
		done = writing ? pwrite(fd, chunk, bytes, (off_t)(at * SECTOR)) :
				 pread(fd, chunk, bytes, (off_t)(at * SECTOR));
		if (done < 0)
			return fail(arg[0]);
		if (done == 0 || done % SECTOR) {
			fprintf(stderr, "tool: %s: sector %" PRIu64 ": %zd bytes of %zu\n",
				arg[0], at, done, bytes);
			return 1;
		}
		for (i = 0; !writing && i < (size_t)done; i += SECTOR) {
			fill(want, at + i / SECTOR, seed);
			if (!memcmp(want, chunk + i, SECTOR))
				continue;
			fprintf(stderr, "tool: %s: sector %" PRIu64 " is not as written\n",
				arg[0], at + i / SECTOR);
			return 1;
		}
		at += (uint64_t)done / SECTOR;
	}
	if (writing && fsync(fd))
		return fail(arg[0]);
	close(fd);
	return 0;
}

/*
 * journal DISK RECORDS: for ever, record number s into place s % RECORDS, a
 * flush, then the line "ACK s": from there on it must survive anything.
 */
static int journal(char **arg)
{
	uint64_t records = strtoull(arg[1], NULL, 0), s;
	int fd = open_disk(arg[0], O_WRONLY);
	unsigned int i;

	if (fd < 0 || !records)
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (s = 1;; s++) {
		for (i = 0; i < RECORD; i += 8)
			memcpy(chunk + i, &s, 8);
		if (pwrite(fd, chunk, RECORD, (off_t)(s % records * RECORD)) != RECORD ||
		    fdatasync(fd))
			return fail(arg[0]);
		printf("ACK %" PRIu64 "\n", s);
	}
}

/* discard|zeroout DISK OFFSET LENGTH (bytes) */
static int range(char **arg, unsigned long request)
{
	uint64_t what[2] = { strtoull(arg[1], NULL, 0), strtoull(arg[2], NULL, 0) };
	int fd = open_disk(arg[0], O_WRONLY);

	if (fd < 0)
		return 1;
	if (ioctl(fd, request, what))
		return fail(arg[0]);
	return close(fd) ? fail(arg[0]) : 0;
}

/* zero DISK FIRST COUNT: are these sectors all zero? */
static int zero(char **arg)
{
	uint64_t at = strtoull(arg[1], NULL, 0), end = at + strtoull(arg[2], NULL, 0);
	int fd = open_disk(arg[0], O_RDONLY);
	unsigned int i;

	for (; fd >= 0 && at < end; at++) {
		if (pread(fd, chunk, SECTOR, (off_t)(at * SECTOR)) != SECTOR)
			return fail(arg[0]);
		for (i = 0; i < SECTOR; i++) {
			if (!chunk[i])
				continue;
			fprintf(stderr, "tool: %s: sector %" PRIu64 " is not zero\n", arg[0], at);
			return 1;
		}
	}
	return fd < 0;
}

/* eio DISK SECTOR write|read: the one request must fail, with EIO or ENOSPC */
static int eio(char **arg)
{
	off_t at = (off_t)(strtoull(arg[1], NULL, 0) * SECTOR);
	bool writing = !strcmp(arg[2], "write");
	int fd = open_disk(arg[0], writing ? O_WRONLY : O_RDONLY);
	ssize_t done;

	if (fd < 0)
		return 1;
	memset(chunk, 0xa5, RECORD);
	done = writing ? pwrite(fd, chunk, RECORD, at) : pread(fd, chunk, RECORD, at);
	if (done >= 0) {
		fprintf(stderr, "tool: %s: the %s succeeded\n", arg[0], arg[2]);
		return 1;
	}
	printf("%s\n", strerror(errno));
	return errno != EIO && errno != ENOSPC;
}

static const struct {
	const char *name;
	int args;
} commands[] = {
	{ "write", 4 }, { "verify", 4 }, { "journal", 2 }, { "discard", 3 }, { "zeroout", 3 },
	{ "zero", 3 }, { "eio", 3 }, { "leaves", 0 }, { "calls", 2 },
	{ "rings", 2 }, { "ports", 2 }, { "reset", 0 }, { "raise", 2 },
};

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	char **arg = argv + 2;
	size_t i;

	chunk = aligned_alloc(4096, CHUNK);
	if (!chunk)
		return fail("memory");
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(name, commands[i].name) && argc - 2 == commands[i].args)
			break;
	switch (i) {
	case 0:
	case 1:
		return pattern(arg, i == 0);
	case 2:
		return journal(arg);
	case 3:
		return range(arg, BLKDISCARD);
	case 4:
		return range(arg, BLKZEROOUT);
	case 5:
		return zero(arg);
	case 6:
		return eio(arg);
	case 7:
		return hostile_leaves();
	case 8:
		return hostile_calls(strtoull(arg[0], NULL, 0), strtoull(arg[1], NULL, 0));
	case 9:
		return hostile_rings(strtoull(arg[0], NULL, 0), strtoull(arg[1], NULL, 0));
	case 10:
		return hostile_ports(strtoull(arg[0], NULL, 0), strtoull(arg[1], NULL, 0));
	case 11:
		return hostile_reset();
	case 12:
		return hostile_raise(strtoull(arg[0], NULL, 0), strtoull(arg[1], NULL, 0));
	}
	fprintf(stderr, "tool: '%s' with %d arguments is not known\n", name, argc - 2);
	return 2;
}
