// SPDX-License-Identifier: BSD-2-Clause
/*
 * The disk back end (disk/disk.h) on temporary images: what it refuses to
 * open, locks, requests and their errors, transfers that the kernel cuts short,
 * size changes. Between it and the kernel stands io_uring_submit(), wrapped:
 * it tears transfers, refuses to deallocate, or breaks the descriptor.
 */
/* LINK: host-stub/disk/disk.c host-stub/disk/disk_open.c host-stub/worker.c host-stub/log.c */
/* LIBS: -luring -lpthread -Wl,--wrap=io_uring_submit -Wl,--wrap=io_uring_submit_and_wait */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host-stub/disk/disk.h"
#include "host-stub/worker.h"

#define DISK	(1u << 20)

/* ---- between the back end and the kernel ---- */

static struct {
	atomic_uint tear;	/* most bytes of a transfer, 0: all */
	atomic_bool no_fallocate;
	atomic_bool broken;	/* transfers fail with EBADF */
	atomic_uint transfers;
	atomic_uint syncs;
	atomic_uint dsyncs;	/* writes with RWF_DSYNC */
} kernel;

int __wrap_io_uring_submit(struct io_uring *ring);
int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned int n);
int __real_io_uring_submit_and_wait(struct io_uring *ring, unsigned int n);

static void meddle(struct io_uring *ring)
{
	unsigned int tear = atomic_load(&kernel.tear);

	for (unsigned int i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++) {
		struct io_uring_sqe *sqe = &ring->sq.sqes[i & ring->sq.ring_mask];

		switch (sqe->opcode) {
		case IORING_OP_READ:
		case IORING_OP_WRITE:
			if (sqe->len == 8)
				continue;	/* an eventfd */
			if (tear && sqe->len > tear)
				sqe->len = tear;
			break;
		case IORING_OP_READV:
		case IORING_OP_WRITEV:
			if (tear && sqe->len > 1)
				sqe->len--;
			break;
		case IORING_OP_FALLOCATE:
			if (atomic_load(&kernel.no_fallocate))
				sqe->len = 0x80;	/* no such mode: EOPNOTSUPP */
			continue;
		case IORING_OP_FSYNC:
			atomic_fetch_add(&kernel.syncs, 1);
			continue;
		default:
			continue;
		}
		atomic_fetch_add(&kernel.transfers, 1);
		if (sqe->rw_flags & RWF_DSYNC)
			atomic_fetch_add(&kernel.dsyncs, 1);
		if (atomic_load(&kernel.broken))
			sqe->fd = -1;
	}
}

int __wrap_io_uring_submit(struct io_uring *ring)
{
	meddle(ring);
	return __real_io_uring_submit(ring);
}

int __wrap_io_uring_submit_and_wait(struct io_uring *ring, unsigned int n)
{
	meddle(ring);
	return __real_io_uring_submit_and_wait(ring, n);
}

/* ---- images ---- */

static char dir[64], path[96];
static struct hs_disk_config config;

static int make_image(void **state)
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	snprintf(dir, sizeof(dir), "%.40s/pvkit-test-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/image", dir);
	config = (struct hs_disk_config){ .path = path, .serial = "x1" };
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || ftruncate(fd, DISK))
		return -1;
	close(fd);
	return 0;
}

static int remove_image(void **state)
{
	(void)state;
	unlink(path);
	rmdir(dir);
	return 0;
}

/* Opens and returns the status; what was said is put into `said`. */
static char said[4096];

static int open_disk(struct hs_blk **blk)
{
	int stderr_copy = dup(STDERR_FILENO), pipe_fd[2], ret;
	ssize_t n;

	assert_int_equal(pipe(pipe_fd), 0);
	dup2(pipe_fd[1], STDERR_FILENO);
	ret = hs_blk_open(blk, &config, 20000);
	dup2(stderr_copy, STDERR_FILENO);
	close(stderr_copy);
	close(pipe_fd[1]);
	n = read(pipe_fd[0], said, sizeof(said) - 1);
	close(pipe_fd[0]);
	said[n > 0 ? n : 0] = 0;
	return ret;
}

/* Refused with this status, and one line that names the image. */
static void assert_refused(int status)
{
	struct hs_blk *blk = NULL;
	char *end;

	assert_int_equal(open_disk(&blk), status);
	assert_non_null(strstr(said, "pvkit-vm: disk "));
	assert_non_null(strstr(said, config.path));
	end = strchr(said, '\n');
	assert_non_null(end);
	assert_int_equal(end[1], 0);
}

static void what_is_no_image_is_refused(void **state)
{
	static const uint32_t blocks[] = { 1, 256, 300, 513, 8192, 1u << 31 };

	(void)state;
	config.path = "/nonexistent/image";
	assert_refused(-ENOENT);
	config.path = dir;
	assert_refused(-EISDIR);
	config.path = "/dev/null";
	assert_refused(-EINVAL);
	config.path = path;
	for (unsigned int i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		config.logical_block = blocks[i];
		assert_refused(-EINVAL);
	}
	config.logical_block = 0;
	assert_int_equal(truncate(path, 0), 0);
	assert_refused(-EINVAL);
	assert_int_equal(truncate(path, 1025), 0);
	assert_refused(-EINVAL);
	assert_int_equal(truncate(path, 1024), 0);
	config.logical_block = 4096;
	assert_refused(-EINVAL);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused(-EINVAL);	/* and did not wait for a writer */
}

static void images_are_locked(void **state)
{
	struct hs_blk *first, *second;

	(void)state;
	assert_int_equal(open_disk(&first), 0);
	assert_refused(-EBUSY);
	config.read_only = true;
	assert_refused(-EBUSY);
	hs_blk_close(first);
	assert_int_equal(open_disk(&first), 0);
	assert_int_equal(open_disk(&second), 0);
	config.read_only = false;
	assert_refused(-EBUSY);
	hs_blk_close(first);
	assert_refused(-EBUSY);
	hs_blk_close(second);
	assert_int_equal(open_disk(&first), 0);
	hs_blk_close(first);
	hs_blk_close(NULL);
}

static void info_is_what_was_asked_for(void **state)
{
	struct hs_blk_info info;
	struct hs_blk *blk;

	(void)state;
	for (uint32_t block = 512; block <= 4096; block *= 2) {
		config.logical_block = block;
		assert_int_equal(open_disk(&blk), 0);
		hs_blk_info(blk, &info);
		assert_int_equal(info.bytes, DISK);
		assert_int_equal(info.logical_block, block);
		assert_true(info.physical_block >= block && info.physical_block <= 65536);
		assert_true(!info.discard_granularity || info.discard_granularity >= block);
		assert_true(info.zeroes && !info.read_only);
		assert_string_equal(info.serial, "x1");
		hs_blk_close(blk);
	}
	config.read_only = true;
	assert_int_equal(open_disk(&blk), 0);
	hs_blk_info(blk, &info);
	assert_true(info.read_only && !info.zeroes && !info.discard_granularity);
	hs_blk_close(blk);
}

/* ---- requests ---- */

struct request {
	struct hs_blk_req req;		/* first */
	struct iovec iov[16];
	sem_t done;
	atomic_uint times;
	int status;
};

static void request_done(struct hs_blk_req *req, int status)
{
	struct request *r = (struct request *)req;

	r->status = status;
	atomic_fetch_add(&r->times, 1);
	sem_post(&r->done);
}

/* Adds n pieces of the buffer to the request, of sizes that grow. */
static void add_pieces(struct request *r, uint8_t *buffer, uint64_t length, unsigned int n)
{
	r->req.iov = r->iov;
	r->req.iovcnt = n;
	for (unsigned int i = 0; i < n; i++) {
		uint64_t part = i + 1 == n ? length : length / (2 * (n - i)) + i;

		r->iov[i] = (struct iovec){ .iov_base = buffer, .iov_len = part };
		buffer += part;
		length -= part;
	}
}

static int perform(struct hs_blk *blk, enum hs_blk_op op, uint64_t offset, void *buffer,
		   uint64_t length, unsigned int pieces, uint32_t flags)
{
	struct request r = { .req = { .op = op, .flags = flags, .offset = offset,
				      .length = length, .done = request_done } };

	if (pieces)
		add_pieces(&r, buffer, length, pieces);
	sem_init(&r.done, 0, 0);
	hs_blk_submit(blk, &r.req);
	while (sem_wait(&r.done) < 0)
		;
	assert_int_equal(r.times, 1);
	sem_destroy(&r.done);
	return r.status;
}

static void fill(uint8_t *p, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)((i + seed) * 2654435761u >> 15);
}

/* Writes, reads back in other pieces, and compares, at several places and lengths. */
static void exercise(struct hs_blk *blk, bool odd)
{
	static const uint32_t lengths[] = { 512, 4096, 12800, 65536, 700 * 512 };
	uint8_t *out = malloc(400000), *in = malloc(400000);

	assert_true(out && in);
	for (unsigned int l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
		for (unsigned int pieces = 1; pieces <= 16; pieces += 5) {
			uint64_t offset = 512ull * (l * 97 + pieces);
			uint32_t n = lengths[l];

			fill(out + odd, n, l + pieces);
			memset(in, 0, 400000);
			assert_int_equal(perform(blk, HS_BLK_WRITE, offset, out + odd, n, pieces,
						 l & 1 ? HS_BLK_FUA : 0), 0);
			assert_int_equal(
				perform(blk, HS_BLK_READ, offset, in + odd, n, 17 - pieces, 0), 0);
			assert_memory_equal(in + odd, out + odd, n);
			assert_int_equal(in[odd + n], 0);
		}
	}
	free(out);
	free(in);
}

static void data_comes_back(void **state)
{
	struct hs_blk *blk;

	(void)state;
	assert_int_equal(open_disk(&blk), 0);
	exercise(blk, false);
	assert_int_not_equal(kernel.dsyncs, 0);
	hs_blk_close(blk);
}

static void torn_transfers_go_on(void **state)
{
	static const unsigned int tears[] = { 65535, 1000, 511, 37 };
	struct hs_blk *blk;

	(void)state;
	for (unsigned int i = 0; i < sizeof(tears) / sizeof(tears[0]); i++) {
		unsigned int before = kernel.transfers;

		assert_int_equal(open_disk(&blk), 0);
		atomic_store(&kernel.tear, tears[i]);
		exercise(blk, true);
		atomic_store(&kernel.tear, 0);
		assert_true(kernel.transfers > before + 50);
		hs_blk_close(blk);
	}
}

static void direct_io_takes_any_buffer(void **state)
{
	struct hs_blk *blk;
	int ret;

	(void)state;
	config.direct = true;
	ret = open_disk(&blk);
	if (ret == -EINVAL) {
		print_message("# no O_DIRECT on this file system: tried through the page cache\n");
		config.direct = false;
		ret = open_disk(&blk);
	}
	assert_int_equal(ret, 0);
	exercise(blk, true);
	exercise(blk, false);
	hs_blk_close(blk);
}

static void bad_requests_end_with_their_status(void **state)
{
	uint8_t buffer[4096] = { 0 };
	struct hs_blk *blk;

	(void)state;
	assert_int_equal(open_disk(&blk), 0);
	for (int op = HS_BLK_READ; op <= HS_BLK_ZEROES; op++) {
		unsigned int pieces = op <= HS_BLK_WRITE;

		if (op == HS_BLK_FLUSH)
			continue;
		assert_int_equal(perform(blk, op, DISK, buffer, 512, pieces, 0), -ERANGE);
		assert_int_equal(perform(blk, op, DISK - 512, buffer, 1024, pieces, 0), -ERANGE);
		assert_int_equal(perform(blk, op, ~511ull, buffer, 1024, pieces, 0), -ERANGE);
		assert_int_equal(perform(blk, op, 0, buffer, ~511ull, pieces, 0), -ERANGE);
		assert_int_equal(perform(blk, op, 1, buffer, 512, pieces, 0), -EINVAL);
		assert_int_equal(perform(blk, op, 0, buffer, 511, pieces, 0), -EINVAL);
	}
	assert_int_equal(perform(blk, HS_BLK_READ, 0, NULL, 512, 0, 0), -EINVAL);
	assert_int_equal(perform(blk, HS_BLK_WRITE, 0, NULL, 0, 0, 0), 0);
	assert_int_equal(kernel.transfers, 0);
	hs_blk_close(blk);

	config.read_only = true;
	assert_int_equal(open_disk(&blk), 0);
	assert_int_equal(perform(blk, HS_BLK_WRITE, 0, buffer, 512, 1, 0), -EROFS);
	assert_int_equal(perform(blk, HS_BLK_ZEROES, 0, NULL, 512, 0, 0), -EROFS);
	assert_int_equal(perform(blk, HS_BLK_DISCARD, 0, NULL, 512, 0, 0), -EROFS);
	assert_int_equal(perform(blk, HS_BLK_FLUSH, 0, NULL, 0, 0, 0), 0);
	assert_int_equal(perform(blk, HS_BLK_READ, 0, buffer, 512, 1, 0), 0);
	hs_blk_close(blk);
}

static void zeroes_by_any_means(void **state)
{
	uint8_t *buffer = malloc(DISK), *zero = calloc(1, DISK);
	struct hs_blk *blk;

	(void)state;
	assert_true(buffer && zero);
	for (unsigned int mode = 0; mode < 8; mode++) {
		uint32_t flags = (mode & 1 ? HS_BLK_FUA : 0) | (mode & 2 ? HS_BLK_NOUNMAP : 0);
		unsigned int stable;

		assert_int_equal(open_disk(&blk), 0);
		atomic_store(&kernel.no_fallocate, mode & 4);
		atomic_store(&kernel.tear, mode & 4 ? 50000 : 0);
		fill(buffer, DISK, mode);
		assert_int_equal(perform(blk, HS_BLK_WRITE, 0, buffer, DISK, 1, 0), 0);
		stable = kernel.syncs + kernel.dsyncs;
		assert_int_equal(perform(blk, HS_BLK_ZEROES, 1024, NULL, DISK - 2048, 0, flags), 0);
		assert_int_equal(kernel.syncs + kernel.dsyncs > stable, mode & 1);
		memcpy(zero, buffer, 1024);
		memcpy(zero + DISK - 1024, buffer + DISK - 1024, 1024);
		assert_int_equal(perform(blk, HS_BLK_READ, 0, buffer, DISK, 1, 0), 0);
		assert_memory_equal(buffer, zero, DISK);
		hs_blk_close(blk);
	}
	free(buffer);
	free(zero);
}

static void discard_that_nobody_can_do(void **state)
{
	struct hs_blk_info info;
	struct hs_blk *blk;

	(void)state;
	assert_int_equal(open_disk(&blk), 0);
	hs_blk_info(blk, &info);
	if (info.discard_granularity) {
		assert_int_equal(perform(blk, HS_BLK_DISCARD, 4096, NULL, 65536, 0, 0), 0);
		atomic_store(&kernel.no_fallocate, true);
	}
	assert_int_equal(perform(blk, HS_BLK_DISCARD, 4096, NULL, 65536, 0, 0), -EOPNOTSUPP);
	hs_blk_close(blk);
}

static void image_that_ends_early(void **state)
{
	uint8_t buffer[8192];
	struct hs_blk *blk;

	(void)state;
	assert_int_equal(open_disk(&blk), 0);
	assert_int_equal(truncate(path, 10000), 0);
	assert_int_equal(perform(blk, HS_BLK_READ, 0, buffer, 8192, 3, 0), 0);
	assert_int_equal(perform(blk, HS_BLK_READ, 8192, buffer, 8192, 3, 0), -EIO);
	assert_int_equal(perform(blk, HS_BLK_READ, 65536, buffer, 512, 1, 0), -EIO);
	hs_blk_close(blk);
}

static void host_out_of_room(void **state)
{
	struct rlimit limit = { .rlim_cur = 512 << 10, .rlim_max = RLIM_INFINITY }, old;
	uint8_t *buffer = calloc(1, 65536);
	struct hs_blk *blk;

	(void)state;
	assert_non_null(buffer);
	assert_int_equal(open_disk(&blk), 0);
	getrlimit(RLIMIT_FSIZE, &old);
	limit.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(perform(blk, HS_BLK_WRITE, 0, buffer, 65536, 1, 0), 0);
	assert_int_equal(perform(blk, HS_BLK_WRITE, 768 << 10, buffer, 65536, 1, 0), -ENOSPC);
	/* half of it fits */
	assert_int_equal(perform(blk, HS_BLK_WRITE, 496 << 10, buffer, 65536, 5, 0), -ENOSPC);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(perform(blk, HS_BLK_WRITE, 768 << 10, buffer, 65536, 1, 0), 0);
	hs_blk_close(blk);
	free(buffer);
}

static void broken_host_is_told_of_ten_times(void **state)
{
	int copy = dup(STDERR_FILENO), pipe_fd[2];
	uint8_t buffer[512] = { 0 };
	unsigned int lines = 0;
	struct hs_blk *blk;
	ssize_t n;

	(void)state;
	assert_int_equal(open_disk(&blk), 0);
	assert_int_equal(pipe(pipe_fd), 0);
	dup2(pipe_fd[1], STDERR_FILENO);
	atomic_store(&kernel.broken, true);
	for (unsigned int i = 0; i < 50; i++)
		if (perform(blk, i & 1 ? HS_BLK_READ : HS_BLK_WRITE, 0, buffer, 512, 1, 0) != -EIO)
			lines = 1000;
	atomic_store(&kernel.broken, false);
	dup2(copy, STDERR_FILENO);
	close(copy);
	close(pipe_fd[1]);
	while ((n = read(pipe_fd[0], said, sizeof(said))) > 0)
		for (ssize_t i = 0; i < n; i++)
			lines += said[i] == '\n';
	close(pipe_fd[0]);
	assert_int_equal(lines, 10);
	assert_int_equal(perform(blk, HS_BLK_READ, 0, buffer, 512, 1, 0), 0);
	hs_blk_close(blk);
}

/* ---- many at a time ---- */

#define MANY	1500u

static pthread_mutex_t chip_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint ended;

static void locked_done(struct hs_blk_req *req, int status)
{
	struct request *r = (struct request *)req;

	/* as an emulated chip does: would wait for ever, were it called by submit */
	pthread_mutex_lock(&chip_lock);
	r->status = status;
	atomic_fetch_add(&r->times, 1);
	pthread_mutex_unlock(&chip_lock);
	atomic_fetch_add(&ended, 1);
}

struct submitter {
	struct hs_blk *blk;
	struct request *r;
	uint8_t *buffer;
	unsigned int n;
};

static void *submit_many(void *arg)
{
	struct submitter *s = arg;

	for (unsigned int i = 0; i < s->n; i++) {
		s->r[i].req = (struct hs_blk_req){ .op = i % 7 ? HS_BLK_READ : HS_BLK_FLUSH,
						   .offset = i % 7 ? i * 512ull : 0,
						   .length = i % 7 ? 512 : 0, .done = locked_done };
		if (i % 7)
			add_pieces(&s->r[i], s->buffer + i * 512, 512, 1);
		pthread_mutex_lock(&chip_lock);
		hs_blk_submit(s->blk, &s->r[i].req);
		pthread_mutex_unlock(&chip_lock);
	}
	return NULL;
}

static void each_of_many_ends_once(void **state)
{
	struct request *r = calloc(2 * MANY, sizeof(*r));
	struct submitter s[2] = { { .n = MANY }, { .n = MANY } };
	uint8_t *buffer = malloc(2 * MANY * 512);
	pthread_t thread[2];
	struct hs_blk *blk;

	(void)state;
	assert_true(r && buffer);
	atomic_store(&ended, 0);
	assert_int_equal(open_disk(&blk), 0);
	for (unsigned int i = 0; i < 2; i++) {
		s[i].blk = blk;
		s[i].r = r + i * MANY;
		s[i].buffer = buffer + i * MANY * 512;
		assert_int_equal(pthread_create(&thread[i], NULL, submit_many, &s[i]), 0);
	}
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	hs_blk_close(blk);	/* waits for what is in flight */
	assert_int_equal(ended, 2 * MANY);
	for (unsigned int i = 0; i < 2 * MANY; i++) {
		assert_int_equal(r[i].times, 1);
		assert_int_equal(r[i].status, 0);
	}
	free(r);
	free(buffer);
}

/* ---- size ---- */

static sem_t resized_sem;

static void resized(void *arg)
{
	(void)arg;
	sem_post(&resized_sem);
}

static void size_changes_are_told(void **state)
{
	static const uint32_t sizes[] = { DISK * 2, DISK / 2, DISK / 2 + 700, 512 };
	struct hs_blk_info info;
	uint8_t buffer[512];
	struct hs_blk *blk;

	(void)state;
	sem_init(&resized_sem, 0, 0);
	assert_int_equal(open_disk(&blk), 0);
	hs_blk_on_resize(blk, resized, NULL);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t bytes = sizes[i] & ~511u;

		assert_int_equal(truncate(path, sizes[i]), 0);
		hs_blk_check_size(blk);
		while (sem_wait(&resized_sem) < 0)
			;
		hs_blk_info(blk, &info);
		assert_int_equal(info.bytes, bytes);
		assert_int_equal(perform(blk, HS_BLK_READ, bytes - 512, buffer, 512, 1, 0), 0);
		assert_int_equal(perform(blk, HS_BLK_READ, bytes, buffer, 512, 1, 0), -ERANGE);
	}
	/* the same size is no news, and afterwards nobody listens */
	hs_blk_check_size(blk);
	hs_blk_on_resize(blk, NULL, NULL);
	assert_int_equal(truncate(path, DISK), 0);
	hs_blk_check_size(blk);
	hs_blk_close(blk);
	assert_int_equal(sem_trywait(&resized_sem), -1);
	sem_destroy(&resized_sem);
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, make_image, remove_image)

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: others use up what may be said of a disk. */
		CASE(broken_host_is_told_of_ten_times),
		CASE(what_is_no_image_is_refused),
		CASE(images_are_locked),
		CASE(info_is_what_was_asked_for),
		CASE(data_comes_back),
		CASE(torn_transfers_go_on),
		CASE(direct_io_takes_any_buffer),
		CASE(bad_requests_end_with_their_status),
		CASE(zeroes_by_any_means),
		CASE(discard_that_nobody_can_do),
		CASE(image_that_ends_early),
		CASE(host_out_of_room),
		CASE(each_of_many_ends_once),
		CASE(size_changes_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
