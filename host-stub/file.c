// SPDX-License-Identifier: BSD-2-Clause
/*
 * Files that options name: see file.h. A FIFO, a device or a process substitution in the place of a
 * file that is read is refused before it is opened: opening a FIFO blocks, and opening some devices
 * does something.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

static int kind(const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return -EISDIR;
	return S_ISREG(st->st_mode) ? 0 : -EINVAL;
}

int hs_file_input(const char *path, uint64_t *bytes)
{
	struct stat st;
	int fd, ret;

	if (stat(path, &st) < 0)
		return -errno;
	ret = kind(&st);
	if (ret)
		return ret;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	/* The name may have been exchanged meanwhile. */
	ret = fstat(fd, &st) < 0 ? -errno : kind(&st);
	if (ret) {
		close(fd);
		return ret;
	}
	*bytes = (uint64_t)st.st_size;
	return fd;
}

const char *hs_file_problem(int err)
{
	switch (-err) {
	case EINVAL:
		return "not a regular file";
	case EISDIR:
		return "a directory, not a regular file";
	default:
		return strerror(-err);
	}
}
