// SPDX-License-Identifier: GPL-2.0-only
/*
 * The block driver's demands on the host and its lists of segments: the very
 * functions of drivers/blk/check.h. Each refusal changes one field of a sound
 * configuration.
 */
#include "suites.h"

#include "../../drivers/blk/check.h"

static const struct pvk_blk_config sound = {
	.size = sizeof(struct pvk_blk_config),
	.sectors = 1 << 20,
	.logical_block = 512,
	.physical_block = 4096,
	.max_segs = 256,
	.max_bytes = 1 << 20,
	.max_discard_sectors = 1 << 16,
	.discard_granularity = 4096,
	.max_zeroes_sectors = 1 << 12,
	.serial = "SERIAL",
};

static const u64 all = PVK_BLK_KNOWN_FEATURES;

static void sound_configurations_stay(struct kunit *test)
{
	struct pvk_blk_config c = sound;

	KUNIT_EXPECT_EQ(test, pvk_blk_check_config(&c, all), 0);
	KUNIT_EXPECT_EQ(test, memcmp(&c, &sound, sizeof(c)), 0);
	c.logical_block = 4096;
	c.physical_block = 65536;
	c.max_segs = 1;
	KUNIT_EXPECT_EQ(test, pvk_blk_check_config(&c, all), 0);
}

static void impossible_configurations_are_refused(struct kunit *test)
{
	static const struct {
		size_t offset;
		u32 value;
	} bad[] = {
		{ offsetof(struct pvk_blk_config, logical_block), 0 },
		{ offsetof(struct pvk_blk_config, logical_block), 256 },
		{ offsetof(struct pvk_blk_config, logical_block), 520 },
		{ offsetof(struct pvk_blk_config, logical_block), 8192 },
		{ offsetof(struct pvk_blk_config, physical_block), 0 },
		{ offsetof(struct pvk_blk_config, physical_block), 256 },
		{ offsetof(struct pvk_blk_config, physical_block), 4097 },
		{ offsetof(struct pvk_blk_config, physical_block), 1 << 17 },
		{ offsetof(struct pvk_blk_config, max_segs), 0 },
		{ offsetof(struct pvk_blk_config, max_segs), 257 },
		{ offsetof(struct pvk_blk_config, max_segs), U32_MAX },
		{ offsetof(struct pvk_blk_config, max_bytes), 0 },
		{ offsetof(struct pvk_blk_config, max_bytes), PAGE_SIZE - 1 },
	};
	struct pvk_blk_config c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		c = sound;
		memcpy((u8 *)&c + bad[i].offset, &bad[i].value, sizeof(bad[i].value));
		KUNIT_EXPECT_EQ_MSG(test, pvk_blk_check_config(&c, all), -EIO, "case %u", i);
	}
	c = sound;
	c.sectors = PVK_BLK_MAX_SECTORS + 1;
	KUNIT_EXPECT_EQ(test, pvk_blk_check_config(&c, all), -EIO);
	c.sectors = U64_MAX;
	KUNIT_EXPECT_EQ(test, pvk_blk_check_config(&c, all), -EIO);
}

static void hints_are_corrected(struct kunit *test)
{
	struct pvk_blk_config c = sound;

	c.logical_block = 4096;
	c.sectors = 1001;
	c.max_bytes = 10000;
	c.optimal_io = 1000;
	KUNIT_EXPECT_EQ(test, pvk_blk_check_config(&c, all), 0);
	KUNIT_EXPECT_EQ(test, c.sectors, 1000ull);
	KUNIT_EXPECT_EQ(test, c.max_bytes, 8192u);
	KUNIT_EXPECT_EQ(test, c.optimal_io, 0u);

	c = sound;
	c.discard_granularity = 0;
	KUNIT_EXPECT_EQ(test, pvk_blk_check_config(&c, all), 0);
	KUNIT_EXPECT_EQ(test, c.max_discard_sectors, 0u);
	c = sound;
	KUNIT_EXPECT_EQ(test, pvk_blk_check_config(&c, PVK_BLK_F_FLUSH), 0);
	KUNIT_EXPECT_EQ(test, c.max_discard_sectors, 0u);
	KUNIT_EXPECT_EQ(test, c.max_zeroes_sectors, 0u);
}

/* The kernel reads twice as much ahead, in pages, computed in 32 bits. */
static void readahead_is_bounded(struct kunit *test)
{
	static const struct {
		u32 max_bytes, told, believed;
	} cases[] = {
		{ 16u << 20, 64u << 10, 64u << 10 },
		{ 16u << 20, PVK_BLK_MAX_OPTIMAL, PVK_BLK_MAX_OPTIMAL },
		{ 16u << 20, PVK_BLK_MAX_OPTIMAL + 512, 0 },
		{ U32_MAX, 1u << 31, 0 },
		{ U32_MAX, U32_MAX & ~511u, 0 },
		{ 1u << 20, 1u << 20, 1u << 20 },
		{ 1u << 20, (1u << 20) + 512, 0 },	/* more than one request */
		{ 1u << 20, 4096 + 1, 0 },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pvk_blk_config c = sound;

		c.max_bytes = cases[i].max_bytes;
		c.optimal_io = cases[i].told;
		KUNIT_EXPECT_EQ(test, pvk_blk_check_config(&c, all), 0);
		KUNIT_EXPECT_EQ_MSG(test, c.optimal_io, cases[i].believed, "case %u", i);
	}
}

/* A bio of zeroes gets the limit, shifted by 9, in 32 bits: of 2^23 nothing would be left. */
static void limits_fit_a_bio(struct kunit *test)
{
	static const u32 told[] = { 1u << 23, 1u << 31, U32_MAX };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(told); i++) {
		struct pvk_blk_config c = sound;

		c.max_discard_sectors = told[i];
		c.max_zeroes_sectors = told[i];
		KUNIT_EXPECT_EQ(test, pvk_blk_check_config(&c, all), 0);
		KUNIT_EXPECT_EQ(test, c.max_discard_sectors << 9 >> 9, c.max_discard_sectors);
		KUNIT_EXPECT_EQ(test, c.max_zeroes_sectors << 9 >> 9, c.max_zeroes_sectors);
		KUNIT_EXPECT_NE(test, c.max_zeroes_sectors, 0u);
	}
}

static void serials_are_printable_and_end(struct kunit *test)
{
	struct pvk_blk_config c = sound;

	memset(c.serial, 'x', sizeof(c.serial));
	c.serial[3] = '\n';
	c.serial[4] = 0x80;
	c.serial[5] = ' ';
	KUNIT_EXPECT_EQ(test, pvk_blk_check_config(&c, all), 0);
	KUNIT_EXPECT_STREQ(test, (char *)c.serial, "xxx???xxxxxxxxxxxxx");
}

static void block_sizes_stay(struct kunit *test)
{
	struct pvk_blk_config now = sound;

	now.sectors *= 2;
	KUNIT_EXPECT_TRUE(test, pvk_blk_same_geometry(&sound, &now));
	now.logical_block = 4096;
	KUNIT_EXPECT_FALSE(test, pvk_blk_same_geometry(&sound, &now));
	now = sound;
	now.physical_block = 512;
	KUNIT_EXPECT_FALSE(test, pvk_blk_same_geometry(&sound, &now));
}

static void answers_belong_to_a_request(struct kunit *test)
{
	struct pvk_cqe e = { .id = 1, .op = PVK_BLK_READ };

	KUNIT_EXPECT_EQ(test, pvk_blk_check_completion(&e, PVK_BLK_READ), 0);
	e.status = -PVK_EIO;
	KUNIT_EXPECT_EQ(test, pvk_blk_check_completion(&e, PVK_BLK_READ), 0);
	KUNIT_EXPECT_EQ(test, pvk_blk_check_completion(&e, PVK_BLK_WRITE), -EIO);
	KUNIT_EXPECT_EQ(test, pvk_blk_check_completion(&e, 0), -EIO);
	e.op = 0;
	KUNIT_EXPECT_EQ(test, pvk_blk_check_completion(&e, 0), -EIO);
	e.op = PVK_BLK_READ;
	e.status = 1;
	KUNIT_EXPECT_EQ(test, pvk_blk_check_completion(&e, PVK_BLK_READ), -EIO);
}

static void status_becomes_errno(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, pvk_blk_errno(PVK_OK), 0);
	KUNIT_EXPECT_EQ(test, pvk_blk_errno(-PVK_ENOSPC), -ENOSPC);
	KUNIT_EXPECT_EQ(test, pvk_blk_errno(-PVK_ENOTSUP), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, pvk_blk_errno(-PVK_ENOSYS), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, pvk_blk_errno(-PVK_EIO), -EIO);
	KUNIT_EXPECT_EQ(test, pvk_blk_errno(-PVK_EROFS), -EIO);
	KUNIT_EXPECT_EQ(test, pvk_blk_errno(INT_MIN), -EIO);
}

static void neighbours_join(struct kunit *test)
{
	struct pvk_seg list[3];
	u32 n;

	n = pvk_blk_add_seg(list, 0, 3, 0x1000, 0x1000);
	KUNIT_EXPECT_EQ(test, n, 1u);
	n = pvk_blk_add_seg(list, n, 3, 0x2000, 0x200);
	KUNIT_EXPECT_EQ(test, n, 1u);
	KUNIT_EXPECT_EQ(test, list[0].gpa, 0x1000ull);
	KUNIT_EXPECT_EQ(test, list[0].len, 0x1200u);
	n = pvk_blk_add_seg(list, n, 3, 0x2000, 0x200);
	KUNIT_EXPECT_EQ(test, n, 2u);
	n = pvk_blk_add_seg(list, n, 3, 0x1000, 0x200);
	KUNIT_EXPECT_EQ(test, n, 3u);
	KUNIT_EXPECT_EQ(test, list[2].reserved, 0u);
}

static void lists_have_an_end(struct kunit *test)
{
	struct pvk_seg list[3] = { [2] = { .gpa = 77 } };
	u32 n;

	n = pvk_blk_add_seg(list, 0, 2, 0x10000, U32_MAX);
	n = pvk_blk_add_seg(list, n, 2, 0x10000ull + U32_MAX, 1);
	KUNIT_EXPECT_EQ(test, n, 2u);	/* a length does not wrap */
	KUNIT_EXPECT_EQ(test, pvk_blk_add_seg(list, n, 2, 0x5000, 512), 0u);
	KUNIT_EXPECT_EQ(test, list[2].gpa, 77ull);
	/* what follows the last segment still fits */
	KUNIT_EXPECT_EQ(test, pvk_blk_add_seg(list, n, 2, 0x10001ull + U32_MAX, 512), 2u);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(sound_configurations_stay),
	KUNIT_CASE(impossible_configurations_are_refused),
	KUNIT_CASE(hints_are_corrected),
	KUNIT_CASE(readahead_is_bounded),
	KUNIT_CASE(limits_fit_a_bio),
	KUNIT_CASE(serials_are_printable_and_end),
	KUNIT_CASE(block_sizes_stay),
	KUNIT_CASE(answers_belong_to_a_request),
	KUNIT_CASE(status_becomes_errno),
	KUNIT_CASE(neighbours_join),
	KUNIT_CASE(lists_have_an_end),
	{}
};

struct kunit_suite pvk_blk_suite = {
	.name = "pvk_blk",
	.test_cases = cases,
};
