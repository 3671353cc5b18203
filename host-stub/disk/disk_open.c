// SPDX-License-Identifier: BSD-2-Clause
/*
 * Disk images: opening, checking, locking. Runs before the sandbox is up; what
 * needs a path or sysfs is found out here, once.
 *
 * Locks are open-file-description locks over the whole file: exclusive for a
 * VM that writes, shared for one that only reads. They go when the descriptor
 * is closed, so a killed VM leaves none behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "disk_priv.h"

#define PAGE	4096u

static bool power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

/* Of files and devices alike, and a call that can do nothing else: it stays in the sandbox. */
int hs_blk_image_size(const struct hs_blk *blk, uint64_t *bytes)
{
	off_t end = lseek(blk->fd, 0, SEEK_END);

	if (end < 0)
		return -errno;
	*bytes = (uint64_t)end;
	return 0;
}

/* What a path is, before it is opened: opening a FIFO for reading would hang. */
static int check_kind(const char *path, bool *device)
{
	struct stat st;
	int ret;

	if (stat(path, &st) < 0) {
		ret = -errno;
		hs_error("disk %s: %s", path, strerror(-ret));
		return ret;
	}
	if (S_ISDIR(st.st_mode)) {
		hs_error("disk %s: is a directory: give an image file or a block device", path);
		return -EISDIR;
	}
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
		hs_error("disk %s: neither a file nor a block device", path);
		return -EINVAL;
	}
	*device = S_ISBLK(st.st_mode);
	return 0;
}

static int open_image(struct hs_blk *blk, const struct hs_disk_config *config)
{
	int flags = O_CLOEXEC | (config->read_only ? O_RDONLY : O_RDWR) |
		    (config->direct ? O_DIRECT : 0);
	struct stat st;
	int ret;

	/* Linux: O_EXCL without O_CREAT refuses a block device that is mounted. */
	if (blk->device && !config->read_only)
		flags |= O_EXCL;
	blk->fd = open(config->path, flags);
	if (blk->fd < 0) {
		ret = -errno;
		if (ret == -EINVAL && config->direct)
			hs_error("disk %s: its file system has no direct I/O: leave out direct",
				 config->path);
		else if ((ret == -EACCES || ret == -EROFS || ret == -EPERM) && !config->read_only)
			hs_error("disk %s: not writable: %s: give ro to use it read-only",
				 config->path, strerror(-ret));
		else if (ret == -EBUSY)
			hs_error("disk %s: in use (mounted, or part of another device): unmount it, or give ro",
				 config->path);
		else
			hs_error("disk %s: %s", config->path, strerror(-ret));
		return ret;
	}
	/* The path may have been exchanged since check_kind(). */
	if (fstat(blk->fd, &st) < 0 ||
	    (blk->device ? !S_ISBLK(st.st_mode) : !S_ISREG(st.st_mode))) {
		hs_error("disk %s: changed while it was opened: try again", config->path);
		return -EAGAIN;
	}
	return 0;
}

static int lock_image(struct hs_blk *blk, bool read_only)
{
	struct flock lock = { .l_type = read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };
	int ret;

	if (fcntl(blk->fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	ret = -errno;
	if (ret == -EAGAIN || ret == -EACCES) {
		hs_error("disk %s: another VM uses it%s: end that one, or work on a copy",
			 blk->path, read_only ? " for writing" : "");
		return -EBUSY;
	}
	/* A file system without locks: better unguarded, and said, than unusable. */
	hs_note("disk %s: cannot be locked (%s): see that no other VM uses it", blk->path,
		strerror(-ret));
	return 0;
}

/* A number from the device's sysfs queue directory (a partition's is its disk's), or 0. */
static uint64_t queue_limit(const struct hs_blk *blk, const char *name)
{
	static const char * const where[] = { "queue", "../queue" };
	char path[128], text[32];
	struct stat st;

	if (fstat(blk->fd, &st) < 0)
		return 0;
	for (unsigned int i = 0; i < 2; i++) {
		ssize_t n;
		int fd;

		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s/%s", major(st.st_rdev),
			 minor(st.st_rdev), where[i], name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		if (n <= 0)
			return 0;
		text[n] = 0;
		return strtoull(text, NULL, 10);
	}
	return 0;
}

/* What O_DIRECT asks of buffers and offsets. */
static int direct_limits(struct hs_blk *blk)
{
	struct statx stx = { 0 };
	int sector = 0;

	blk->align_mem = PAGE;
	blk->align_offset = PAGE;
#ifdef STATX_DIOALIGN
	if (statx(blk->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 &&
	    stx.stx_mask & STATX_DIOALIGN && stx.stx_dio_offset_align) {
		blk->align_mem = stx.stx_dio_mem_align;
		blk->align_offset = stx.stx_dio_offset_align;
		goto check;
	}
#else
	(void)stx;
#endif
	if (blk->device && ioctl(blk->fd, BLKSSZGET, &sector) == 0 && sector > 0) {
		blk->align_mem = (uint32_t)sector;
		blk->align_offset = (uint32_t)sector;
	} else {
		/* Unknown: a trial read tells whether the guest's blocks will do. */
		void *page = aligned_alloc(PAGE, PAGE);

		if (page && pread(blk->fd, page, blk->info.logical_block,
				  blk->info.logical_block) >= 0)
			blk->align_offset = blk->info.logical_block;
		free(page);
	}
#ifdef STATX_DIOALIGN
check:
#endif
	if (blk->align_offset > blk->info.logical_block) {
		hs_error("disk %s: direct I/O needs blocks of %u bytes, the guest's are %u: give block=%u or leave out direct",
			 blk->path, blk->align_offset, blk->info.logical_block, blk->align_offset);
		return -EINVAL;
	}
	return 0;
}

/* Block sizes and discard, as far as the image lets one know. */
static void geometry(struct hs_blk *blk)
{
	struct hs_blk_info *info = &blk->info;
	uint32_t physical = PAGE, granularity = PAGE;
	unsigned int n = 0;
	struct stat st;
	bool discard;

	if (blk->device) {
		if (ioctl(blk->fd, BLKPBSZGET, &n) == 0 && n)
			physical = n;
		granularity = (uint32_t)queue_limit(blk, "discard_granularity");
		/* io_uring's punch on a device is a write-zeroes with unmap. */
		discard = granularity && queue_limit(blk, "discard_max_bytes") &&
			  queue_limit(blk, "write_zeroes_max_bytes");
	} else {
		if (fstat(blk->fd, &st) == 0 && st.st_blksize > 0)
			granularity = (uint32_t)st.st_blksize;
		/* A hole behind the end changes nothing, and asks the file system. */
		discard = !info->read_only &&
			  fallocate(blk->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				    (off_t)blk->bytes, PAGE) == 0;
	}
	if (!power_of_two(physical) || physical > 65536)
		physical = PAGE;
	info->physical_block = physical < info->logical_block ? info->logical_block : physical;
	if (granularity < info->logical_block)
		granularity = info->logical_block;
	info->discard_granularity = discard && !info->read_only ? granularity : 0;
	info->zeroes = !info->read_only;
}

int hs_blk_image_open(struct hs_blk *blk, const struct hs_disk_config *config)
{
	struct hs_blk_info *info = &blk->info;
	uint64_t bytes = 0;
	int ret;

	blk->fd = -1;
	blk->align_mem = 1;
	blk->align_offset = 1;
	blk->number = config->number;
	blk->direct = config->direct;
	info->read_only = config->read_only;
	info->logical_block = config->logical_block ? config->logical_block : 512;
	memcpy(info->serial, config->serial, sizeof(info->serial) - 1);
	if (!power_of_two(info->logical_block) || info->logical_block < 512 ||
	    info->logical_block > PAGE) {
		hs_error("disk %s: block size %u: give 512, 1024, 2048 or 4096", config->path,
			 info->logical_block);
		return -EINVAL;
	}
	blk->path = strdup(config->path);
	if (!blk->path)
		return -ENOMEM;
	ret = check_kind(config->path, &blk->device);
	if (ret < 0)
		goto err;
	ret = open_image(blk, config);
	if (ret < 0)
		goto err;
	ret = hs_blk_image_size(blk, &bytes);
	if (ret < 0) {
		hs_error("disk %s: size unknown: %s", blk->path, strerror(-ret));
		goto err;
	}
	if (!bytes) {
		hs_error("disk %s: is empty: make it as large as the disk shall be (truncate -s 1G ...)",
			 blk->path);
		ret = -EINVAL;
		goto err;
	}
	if (bytes % info->logical_block) {
		hs_error("disk %s: %llu bytes is no multiple of the block size %u: extend it with truncate -s %%%u",
			 blk->path, (unsigned long long)bytes, info->logical_block,
			 info->logical_block);
		ret = -EINVAL;
		goto err;
	}
	blk->bytes = bytes;
	ret = lock_image(blk, config->read_only);
	if (ret < 0)
		goto err;
	if (blk->direct) {
		ret = direct_limits(blk);
		if (ret < 0)
			goto err;
	}
	geometry(blk);
	return 0;

err:
	hs_blk_image_close(blk);
	return ret;
}

void hs_blk_image_close(struct hs_blk *blk)
{
	if (blk->fd >= 0)
		close(blk->fd);
	blk->fd = -1;
	free(blk->path);
	blk->path = NULL;
}
