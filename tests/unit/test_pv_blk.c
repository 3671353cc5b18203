// SPDX-License-Identifier: BSD-2-Clause
/*
 * The PV block device (abi/blk.h) through its rings, down to the image and
 * back: data, and every refusal with its own status. Flow control, reset and
 * waking are test_pv_queue.c's.
 */
/* LINK: PV */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl -Wl,--wrap=hs_blk_submit */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

#include "pv_disk.h"

/* ---- data ---- */

static void data_arrives_in_the_image(void **state)
{
	uint8_t image[8192];
	int fd;

	(void)state;
	start(BOTH, 8, PVK_CHANNEL_NONE, PVK_BLK_F_FLUSH);
	fill(PV_DATA, 8192, 1);
	assert_int_equal(submit(one(PVK_BLK_WRITE, 3, PV_DATA, 8192)), 0);
	assert_int_equal(submit(none(PVK_BLK_FLUSH, 0, 0)), 0);
	fd = open(fake.path[0], O_RDONLY);
	assert_int_equal(pread(fd, image, sizeof(image), 3 * 512), sizeof(image));
	close(fd);
	assert_memory_equal(image, fake_ram(PV_DATA, 8192), 8192);
	assert_int_equal(submit(one(PVK_BLK_READ, 3, PV_DATA + 8192, 8192)), 0);
	assert_memory_equal(fake_ram(PV_DATA + 8192, 8192), image, 8192);
	/* its neighbours are untouched */
	assert_int_equal(submit(one(PVK_BLK_READ, 2, PV_DATA, 512)), 0);
	for (unsigned int i = 0; i < 512; i++)
		assert_int_equal(((uint8_t *)fake_ram(PV_DATA, 512))[i], 0);
}

/*
 * A request of nsegs pieces of `len` bytes in all, `gap` bytes between them,
 * beginning at an odd address: inline or as a list.
 */
static struct pvk_blk_sqe scattered(uint8_t op, uint16_t nsegs, uint32_t len, uint64_t gpa,
				    uint32_t gap)
{
	struct pvk_blk_sqe e = { .op = op, .nsegs = nsegs, .length = len };
	struct pvk_seg *list = fake_ram(PV_LISTS, 4096);
	uint32_t each = len / nsegs;

	for (unsigned int i = 0; i < nsegs; i++) {
		uint32_t part = i + 1u == nsegs ? len - each * i : each;
		struct pvk_seg seg = { .gpa = gpa, .len = part };

		if (nsegs <= PVK_BLK_INLINE_SEGS)
			e.seg[i] = seg;
		else
			list[i] = seg;
		gpa += part + gap;
	}
	if (nsegs > PVK_BLK_INLINE_SEGS)
		e.list_gpa = PV_LISTS;
	return e;
}

static void segments_are_put_together(void **state)
{
	static const uint16_t counts[] = { 1, 2, 3, 4, 17, 255, 256 };
	static const uint32_t lengths[] = { 512, 4096, 66048, DISK };

	(void)state;
	start(BOTH, 8, PVK_CHANNEL_NONE, 0);
	for (unsigned int l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
		for (unsigned int i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
			uint32_t len = lengths[l], each = len / counts[i];
			uint64_t from = PV_DATA + 1, to = PV_DATA + 0x800000;

			fill(PV_DATA, len + 256 * 3 + 1, len + i);
			memset(fake_ram(to, len), 0, len);
			assert_int_equal(submit(scattered(PVK_BLK_WRITE, counts[i], len, from, 3)),
					 0);
			assert_int_equal(submit(one(PVK_BLK_READ, 0, to, len)), 0);
			for (unsigned int k = 0; k < counts[i]; k++) {
				uint32_t part = k + 1u == counts[i] ? len - each * k : each;

				assert_memory_equal(fake_ram(to + each * k, part),
						    fake_ram(from + (each + 3ull) * k, part), part);
			}
			/* and taken apart, with what lies between left alone */
			memset(fake_ram(from, len + 256 * 3), 0xee, len + 256 * 3);
			assert_int_equal(submit(scattered(PVK_BLK_READ, counts[i], len, from, 3)),
					 0);
			for (unsigned int k = 0; k < counts[i]; k++) {
				uint32_t part = k + 1u == counts[i] ? len - each * k : each;
				uint8_t *at = fake_ram(from + (each + 3ull) * k, part + 3);

				assert_memory_equal(fake_ram(to + each * k, part), at, part);
				if (k + 1u < counts[i])
					assert_memory_equal(at + part, "\xee\xee\xee", 3);
			}
		}
	}
}

static void zeroes_and_discard(void **state)
{
	uint64_t features = offered(BOTH);
	uint8_t *p = fake_ram(PV_DATA, 65536);

	(void)state;
	assert_true(features & PVK_BLK_F_WRITE_ZEROES);
	start(BOTH, 8, PVK_CHANNEL_NONE, features);
	for (unsigned int flags = 0; flags < 8; flags += 2) {
		struct pvk_blk_sqe e = none(PVK_BLK_WRITE_ZEROES, 8, 32768);

		fill(PV_DATA, 65536, flags);
		assert_int_equal(submit(one(PVK_BLK_WRITE, 0, PV_DATA, 65536)), 0);
		e.flags = (uint8_t)flags;
		assert_int_equal(submit(e), 0);
		assert_int_equal(hold.op, HS_BLK_ZEROES);
		assert_int_equal(hold.flags, (flags & PVK_BLK_FUA ? HS_BLK_FUA : 0) |
				 (flags & PVK_BLK_NOUNMAP ? HS_BLK_NOUNMAP : 0));
		assert_int_equal(submit(one(PVK_BLK_READ, 0, PV_DATA + 65536, 65536)), 0);
		for (unsigned int i = 0; i < 65536; i++)
			assert_int_equal(p[65536 + i], i >= 4096 && i < 4096 + 32768 ? 0 : p[i]);
	}
	if (features & PVK_BLK_F_DISCARD) {
		assert_int_equal(submit(none(PVK_BLK_DISCARD, 8, 32768)), 0);
		assert_int_equal(hold.op, HS_BLK_DISCARD);
		/* what is around is kept */
		assert_int_equal(submit(one(PVK_BLK_READ, 0, PV_DATA + 65536, 65536)), 0);
		assert_memory_equal(p, p + 65536, 4096);
		assert_memory_equal(p + 36864, p + 65536 + 36864, 65536 - 36864);
	}
}

static void fua_reaches_the_back_end(void **state)
{
	struct pvk_blk_sqe e = one(PVK_BLK_WRITE, 0, PV_DATA, 512);

	(void)state;
	start(BOTH, 8, PVK_CHANNEL_NONE, PVK_BLK_F_FLUSH);
	assert_int_equal(submit(e), 0);
	assert_int_equal(hold.flags, 0);
	e.flags = PVK_BLK_FUA;
	assert_int_equal(submit(e), 0);
	assert_int_equal(hold.flags, HS_BLK_FUA);
	assert_int_equal(submit(none(PVK_BLK_FLUSH, 0, 0)), 0);
	assert_int_equal(hold.op, HS_BLK_FLUSH);
}

static void a_changed_list_is_not_seen(void **state)
{
	struct pvk_blk_sqe e = scattered(PVK_BLK_READ, 8, 4096, PV_DATA, 0);
	struct pvk_cqe cqe;

	(void)state;
	start(BOTH, 8, PVK_CHANNEL_NONE, 0);
	fill(PV_DATA, 4096, 5);
	assert_int_equal(submit(one(PVK_BLK_WRITE, 0, PV_DATA, 4096)), 0);
	memset(fake_ram(PV_DATA, 4096), 0, 4096);
	atomic_store(&hold.on, true);
	pv_submit(&q, &e);
	assert_true(FAKE_UNTIL(hold.held == 1));
	/* the guest thinks better of it: list and entry now name other places */
	memset(fake_ram(PV_LISTS, 4096), 0xff, 4096);
	memset(fake_ram(q.sq_gpa, 64 * 2), 0xff, 64 * 2);
	hold_release();
	assert_true(pv_answer(&q, &cqe));
	assert_int_equal(cqe.status, 0);
	fill(PV_DATA + 4096, 4096, 5);
	assert_memory_equal(fake_ram(PV_DATA, 4096), fake_ram(PV_DATA + 4096, 4096), 4096);
}

/* ---- refusals ---- */

/* A good write of one sector, but for what the case names. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#endif
#define SEG(g, l)	{ { .gpa = (g), .len = (l) } }
#define RW(...)		{ .op = PVK_BLK_WRITE, .nsegs = 1, .length = 512, \
			  .seg = SEG(PV_DATA, 512), __VA_ARGS__ }
#define FAR		HS_MEM_MIN		/* the first byte that is no RAM */
#define LAST		(DISK / 512 - 1)	/* sector */

static const struct {
	const char *what;
	int status;
	struct pvk_blk_sqe e;
} refusals[] = {
	{ "op 0", -PVK_ENOSYS, RW(.op = 0) },
	{ "op 6", -PVK_ENOSYS, RW(.op = 6) },
	{ "op 255", -PVK_ENOSYS, RW(.op = 255) },
	{ "reserved", -PVK_EINVAL, RW(.reserved = 1) },
	{ "unknown flag", -PVK_EINVAL, RW(.flags = 0x80) },
	{ "NOUNMAP of a write", -PVK_EINVAL, RW(.flags = PVK_BLK_NOUNMAP) },
	{ "FUA of a read", -PVK_EINVAL, RW(.op = PVK_BLK_READ, .flags = PVK_BLK_FUA) },
	{ "FUA of a flush", -PVK_EINVAL, { .op = PVK_BLK_FLUSH, .flags = PVK_BLK_FUA } },
	{ "FUA of a discard", -PVK_EINVAL,
	  { .op = PVK_BLK_DISCARD, .length = 512, .flags = PVK_BLK_FUA } },
	{ "flush with a sector", -PVK_EINVAL, { .op = PVK_BLK_FLUSH, .sector = 1 } },
	{ "flush with a length", -PVK_EINVAL, { .op = PVK_BLK_FLUSH, .length = 512 } },
	{ "flush with a segment", -PVK_EINVAL,
	  { .op = PVK_BLK_FLUSH, .nsegs = 1, .seg = SEG(PV_DATA, 512) } },
	{ "flush with a list", -PVK_EINVAL, { .op = PVK_BLK_FLUSH, .list_gpa = PV_LISTS } },
	{ "zeroes with a segment", -PVK_EINVAL, RW(.op = PVK_BLK_WRITE_ZEROES) },
	{ "discard with a list", -PVK_EINVAL,
	  { .op = PVK_BLK_DISCARD, .length = 512, .list_gpa = PV_LISTS } },
	{ "length 0", -PVK_EINVAL, RW(.length = 0) },
	{ "zeroes of length 0", -PVK_EINVAL, { .op = PVK_BLK_WRITE_ZEROES } },
	{ "discard of length 0", -PVK_EINVAL, { .op = PVK_BLK_DISCARD } },
	{ "length no multiple", -PVK_EINVAL, RW(.length = 513, .seg = SEG(PV_DATA, 513)) },
	{ "length beyond the limit", -PVK_EINVAL,
	  RW(.length = (1 << 20) + 512, .seg = SEG(PV_DATA, (1 << 20) + 512)) },
	{ "length of 64 bits", -PVK_EINVAL, RW(.length = 1ull << 63) },
	{ "zeroes beyond the limit", -PVK_EINVAL,
	  { .op = PVK_BLK_WRITE_ZEROES, .length = (65536ull + 1) * 512 } },
	{ "discard beyond the limit", -PVK_EINVAL,
	  { .op = PVK_BLK_DISCARD, .length = ((1ull << 22) + 1) * 512 } },
	{ "no segment", -PVK_EINVAL, RW(.nsegs = 0) },
	{ "257 segments", -PVK_EINVAL, RW(.nsegs = 257, .list_gpa = PV_LISTS) },
	{ "65535 segments", -PVK_EINVAL, RW(.nsegs = 65535, .list_gpa = PV_LISTS) },
	{ "inline and a list", -PVK_EINVAL, RW(.list_gpa = PV_LISTS) },
	{ "list misaligned", -PVK_EINVAL, RW(.nsegs = 3, .list_gpa = PV_LISTS + 8) },
	{ "list over a page's end", -PVK_EINVAL, RW(.nsegs = 3, .list_gpa = PV_LISTS + 4096 - 32) },
	{ "list outside RAM", -PVK_EFAULT, RW(.nsegs = 3, .list_gpa = FAR) },
	{ "list at the end of all", -PVK_EFAULT, RW(.nsegs = 3, .list_gpa = ~4095ull) },
	{ "no list", -PVK_EINVAL, RW(.nsegs = 3) },	/* zeroes at 0: no length */
	{ "segment of length 0", -PVK_EINVAL, RW(.seg = SEG(PV_DATA, 0)) },
	{ "segment reserved", -PVK_EINVAL,
	  RW(.seg = { { .gpa = PV_DATA, .len = 512, .reserved = 1 } }) },
	{ "segment too short", -PVK_EINVAL, RW(.seg = SEG(PV_DATA, 511)) },
	{ "segment too long", -PVK_EINVAL, RW(.seg = SEG(PV_DATA, 1024)) },
	{ "segment outside RAM", -PVK_EFAULT, RW(.seg = SEG(FAR, 512)) },
	{ "segment half outside RAM", -PVK_EFAULT, RW(.seg = SEG(FAR - 511, 512)) },
	{ "segment that wraps", -PVK_EFAULT, RW(.seg = SEG(~0ull - 255, 512)) },
	{ "segment at 4 GiB", -PVK_EFAULT, RW(.seg = SEG(1ull << 32, 512)) },
	{ "first beyond the end", -PVK_ERANGE, RW(.sector = LAST + 1) },
	{ "last beyond the end", -PVK_ERANGE,
	  RW(.sector = LAST, .length = 1024, .seg = SEG(PV_DATA, 1024)) },
	{ "sector that wraps", -PVK_ERANGE, RW(.sector = ~0ull) },
	{ "sector whose bytes wrap", -PVK_ERANGE, RW(.sector = 1ull << 55) },
	{ "read beyond the end", -PVK_ERANGE,
	  RW(.op = PVK_BLK_READ, .sector = LAST + 1) },
	{ "zeroes beyond the end", -PVK_ERANGE,
	  { .op = PVK_BLK_WRITE_ZEROES, .sector = LAST, .length = 1024 } },
	{ "discard beyond the end", -PVK_ERANGE,
	  { .op = PVK_BLK_DISCARD, .sector = LAST, .length = 1024 } },
};

#undef RW
#undef SEG
#pragma GCC diagnostic pop

static void each_refusal_has_its_status(void **state)
{
	uint64_t features = offered(BOTH);

	(void)state;
	memset(fake_ram(PV_LISTS, 4096), 0, 4096);
	start(BOTH, 8, PVK_CHANNEL_NONE, features);
	for (unsigned int i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		int status;

		if (refusals[i].e.op == PVK_BLK_DISCARD && !(features & PVK_BLK_F_DISCARD))
			continue;
		status = submit(refusals[i].e);
		if (status != refusals[i].status)
			print_error("%s\n", refusals[i].what);
		assert_int_equal(status, refusals[i].status);
	}
	assert_int_equal(pv_state(BOTH), PVK_DEV_RUNNING);
	assert_int_equal(submit(one(PVK_BLK_READ, 0, PV_DATA, 512)), 0);
}

static void last_segment_of_a_list_is_checked_too(void **state)
{
	struct pvk_seg *list = fake_ram(PV_LISTS, 4096);

	(void)state;
	start(BOTH, 8, PVK_CHANNEL_NONE, 0);
	for (unsigned int bad = 0; bad < 3; bad++) {
		struct pvk_blk_sqe e = scattered(PVK_BLK_WRITE, 256, 256 * 16, PV_DATA, 0);
		static const int status[] = { -PVK_EINVAL, -PVK_EFAULT, -PVK_EINVAL };

		if (bad == 0)
			list[255].len = 0;
		else if (bad == 1)
			list[255].gpa = HS_MEM_MIN - 15;
		else
			list[255].reserved = 1u << 31;
		assert_int_equal(submit(e), status[bad]);
	}
}

static void a_list_stays_in_its_page(void **state)
{
	struct pvk_blk_sqe e = scattered(PVK_BLK_READ, 4, 4096, PV_DATA, 0);
	uint64_t page = PV_LISTS + 4096;

	(void)state;
	start(BOTH, 8, PVK_CHANNEL_NONE, 0);
	for (unsigned int before = 0; before <= 4; before++) {
		e.list_gpa = page - before * sizeof(struct pvk_seg);
		memmove(fake_ram(e.list_gpa, 64), fake_ram(PV_LISTS, 64), 64);
		assert_int_equal(submit(e), before % 4 ? -PVK_EINVAL : 0);
	}
}

static void features_not_accepted_are_not_served(void **state)
{
	struct pvk_blk_sqe e = one(PVK_BLK_WRITE, 0, PV_DATA, 512);

	(void)state;
	start(BOTH, 8, PVK_CHANNEL_NONE, 0);
	assert_int_equal(submit(none(PVK_BLK_FLUSH, 0, 0)), -PVK_ENOTSUP);
	assert_int_equal(submit(none(PVK_BLK_DISCARD, 0, 512)), -PVK_ENOTSUP);
	assert_int_equal(submit(none(PVK_BLK_WRITE_ZEROES, 0, 512)), -PVK_ENOTSUP);
	e.flags = PVK_BLK_FUA;
	assert_int_equal(submit(e), -PVK_ENOTSUP);
	assert_int_equal(hold.seen, 0);
}

static void read_only_disk_takes_no_write(void **state)
{
	(void)state;
	start(ALONE, 8, PVK_CHANNEL_NONE, PVK_BLK_F_READ_ONLY);
	assert_int_equal(submit(one(PVK_BLK_WRITE, 0, PV_DATA, 512)), -PVK_EROFS);
	/* These are not offered, so nobody can have accepted them. */
	assert_int_equal(submit(none(PVK_BLK_WRITE_ZEROES, 0, 512)), -PVK_ENOTSUP);
	assert_int_equal(submit(none(PVK_BLK_DISCARD, 0, 512)), -PVK_ENOTSUP);
	assert_int_equal(submit(none(PVK_BLK_FLUSH, 0, 0)), -PVK_ENOTSUP);
	assert_int_equal(submit(one(PVK_BLK_READ, 0, PV_DATA, 512)), 0);
}

static void back_end_errors_are_translated(void **state)
{
	static const struct {
		int host, guest;
	} errors[] = {
		{ -EIO, -PVK_EIO }, { -ENOSPC, -PVK_ENOSPC }, { -EROFS, -PVK_EROFS },
		{ -ERANGE, -PVK_ERANGE }, { -EINVAL, -PVK_EINVAL }, { -EOPNOTSUPP, -PVK_ENOTSUP },
		{ -EBADF, -PVK_EIO }, { -ENOMEM, -PVK_EIO }, { -EAGAIN, -PVK_EIO },
	};

	(void)state;
	start(BOTH, 8, PVK_CHANNEL_NONE, 0);
	for (unsigned int i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		atomic_store(&hold.status, errors[i].host);
		assert_int_equal(submit(one(PVK_BLK_READ, 0, PV_DATA, 512)), errors[i].guest);
	}
	atomic_store(&hold.status, 0);
}

static void shrunk_disk_ends_earlier(void **state)
{
	struct pvk_blk_config config = { 0 };

	(void)state;
	start(BOTH, 8, PVK_CHANNEL_NONE, 0);
	assert_int_equal(submit(one(PVK_BLK_READ, DISK / 512 - 1, PV_DATA, 512)), 0);
	assert_int_equal(truncate(fake.path[0], DISK / 2), 0);
	/* not yet noticed: the image ends inside the disk */
	assert_int_equal(submit(one(PVK_BLK_READ, DISK / 512 - 1, PV_DATA, 512)), -PVK_EIO);
	hs_blk_check_size(fake.blk[0]);
	assert_true(
		FAKE_UNTIL((pv_call(PVK_CALL_DEV_CONFIG, BOTH, PV_STRUCTS, sizeof(config)),
			    memcpy(&config, fake_ram(PV_STRUCTS, sizeof(config)), sizeof(config)),
			    config.sectors == DISK / 1024)));
	assert_int_equal(submit(one(PVK_BLK_READ, DISK / 1024, PV_DATA, 512)), -PVK_ERANGE);
	assert_int_equal(submit(one(PVK_BLK_READ, DISK / 1024 - 1, PV_DATA, 512)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(data_arrives_in_the_image),
		CASE(segments_are_put_together),
		CASE(zeroes_and_discard),
		CASE(fua_reaches_the_back_end),
		CASE(a_changed_list_is_not_seen),
		CASE(each_refusal_has_its_status),
		CASE(last_segment_of_a_list_is_checked_too),
		CASE(a_list_stays_in_its_page),
		CASE(features_not_accepted_are_not_served),
		CASE(read_only_disk_takes_no_write),
		CASE(back_end_errors_are_translated),
		CASE(shrunk_disk_ends_earlier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
