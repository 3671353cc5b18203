/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that are written: see output.h. SIGXFSZ is ignored (main.c), so that
 * RLIMIT_FSIZE is an error of write(2): a bounded file then begins anew where it is.
 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hs.h"
#include "writer.h"

#define COPY	65536u

/* N of /dev/fd/N and its like: links into /proc that only this process can have meant. Or -1. */
static int own_descriptor(const char *path)
{
	static const char dir[] = "/dev/fd/";
	long n;
	char *end;

	if (!strcmp(path, "/dev/stdout"))
		return STDOUT_FILENO;
	if (!strcmp(path, "/dev/stderr"))
		return STDERR_FILENO;
	if (strncmp(path, dir, sizeof(dir) - 1) || path[sizeof(dir) - 1] < '0' ||
	    path[sizeof(dir) - 1] > '9')
		return -1;
	n = strtol(path + sizeof(dir) - 1, &end, 10);
	return *end || n > 0xffff ? -1 : (int)n;
}

int hs_output_open(const char *option, const char *path, int flags)
{
	int fd = own_descriptor(path), ret;

	flags |= O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
	if (fd >= 0)
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	else
		fd = open(path, flags | O_CREAT | O_TRUNC, 0600);
	/* A FIFO that nobody reads yet. Linux opens it for both directions. */
	if (fd < 0 && errno == ENXIO)
		fd = open(path, (flags & ~O_ACCMODE) | O_RDWR);
	if (fd >= 0)
		return fd;
	ret = -errno;
	hs_error("%s: cannot write %s: %s", option, path, ret == -ELOOP ?
		 "it is a symbolic link: name the file itself" : strerror(-ret));
	return ret;
}

struct put {
	int fd, error;		/* error: errno of the last write, if it failed for good */
};

static ssize_t put_some(void *opaque, const uint8_t *data, size_t len)
{
	struct put *put = opaque;
	ssize_t n = write(put->fd, data, len);

	if (n < 0 && errno != EINTR && errno != EAGAIN)
		put->error = errno;
	return n;
}

int hs_output_put(const char *option, const char *path, int fd, const char *text, size_t len,
		  struct hs_drain_limit *drain_limit)
{
	struct put put = { .fd = fd };
	const struct hs_writer_config config = {
		.name = "output", .fd = fd, .bytes = len, .write = put_some, .opaque = &put,
	};
	struct hs_writer *writer;
	unsigned long long lost;
	int ret = hs_writer_open(&writer, &config);

	if (ret < 0)
		return ret;
	(void)hs_writer_put_all(writer, text, len);
	lost = hs_writer_close(writer, drain_limit);
	if (!lost)
		return 0;
	hs_error("%s: %s: %llu of %zu bytes could not be written: %s", option, path, lost, len,
		 put.error ? strerror(put.error) : "nobody read them");
	return -EIO;
}

int hs_bounded_open(struct hs_bounded_file *file, const char *option, const char *path,
		    uint64_t limit)
{
	struct stat st;
	char *older;
	int ret;

	*file = (struct hs_bounded_file){ .path = path, .fd = -1, .older_fd = -1 };
	ret = hs_output_open(option, path, O_WRONLY | O_APPEND);
	if (ret < 0)
		return ret;
	file->fd = ret;
	if (!limit || fstat(file->fd, &st) < 0 || !S_ISREG(st.st_mode) || own_descriptor(path) >= 0)
		return 0;
	/* It is read when its content moves. */
	close(file->fd);
	file->fd = hs_output_open(option, path, O_RDWR | O_APPEND);
	if (file->fd < 0)
		return file->fd;
	if (asprintf(&older, "%s.1", path) < 0)
		return -ENOMEM;
	file->older_fd = hs_output_open(option, older, O_WRONLY | O_APPEND);
	free(older);
	file->limit = limit;
	return file->older_fd < 0 ? file->older_fd : 0;
}

void hs_bounded_close(struct hs_bounded_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	if (file->older_fd >= 0)
		close(file->older_fd);
	file->fd = file->older_fd = -1;
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* The content becomes that of the older file, and this one is empty. */
static int rotate(struct hs_bounded_file *file)
{
	uint8_t piece[COPY];
	int ret = ftruncate(file->older_fd, 0) < 0 ? -errno : 0;
	off_t at = 0;

	while (!ret) {
		ssize_t n = pread(file->fd, piece, sizeof(piece), at);

		if (n <= 0)
			break;
		ret = write_all(file->older_fd, piece, (size_t)n);
		at += n;
	}
	if (ret)
		hs_note_from(HS_LOG_CONSOLE, "%s.1: cannot keep what was in %s: %s", file->path,
			     file->path, strerror(-ret));
	file->size = 0;
	return ftruncate(file->fd, 0) < 0 ? -errno : 0;
}

ssize_t hs_bounded_write(void *opaque, const uint8_t *data, size_t len)
{
	struct hs_bounded_file *file = opaque;
	ssize_t n;
	int ret = 0;

	if (file->limit && file->size >= file->limit)
		ret = rotate(file);
	if (file->limit && len > file->limit - file->size)
		len = file->limit - file->size;
	n = ret ? -1 : write(file->fd, data, len);
	/* RLIMIT_FSIZE, or the most that the file system can: less than the limit */
	if (n < 0 && !ret && errno == EFBIG && file->size && file->limit && !rotate(file))
		n = write(file->fd, data, len);
	if (n > 0)
		file->size += (uint64_t)n;
	if (n < 0 && errno != EINTR && errno != EAGAIN) {
		ret = errno;
		hs_note_from(HS_LOG_CONSOLE, "%s: cannot be written: %s: output is lost", file->path,
			     strerror(ret));
		errno = ret;
	}
	return n;
}
