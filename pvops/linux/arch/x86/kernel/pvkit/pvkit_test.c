// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests of what reads the information page: it comes from outside. */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/string.h>

#include "table.h"

#define ROOM	4096u

struct page_under_test {
	u8 data[ROOM] __aligned(8);
	u32 at;
};

static struct pvk_info *head(struct page_under_test *p)
{
	return (void *)p->data;
}

/* Appends a section with room for bytes in all; returns it. */
static void *add(struct page_under_test *p, u32 tag, u32 bytes)
{
	struct pvk_info_section *s = (void *)(p->data + p->at);

	s->tag = tag;
	s->bytes = ALIGN(bytes, 8);
	p->at += s->bytes;
	head(p)->sections++;
	head(p)->bytes = p->at;
	return s;
}

static struct page_under_test *new_page(struct kunit *test)
{
	struct page_under_test *p = kunit_kzalloc(test, sizeof(*p), GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, p);
	p->at = sizeof(struct pvk_info);
	head(p)->magic = PVK_INFO_MAGIC;
	head(p)->version = PVK_ABI_VERSION;
	head(p)->bytes = p->at;
	return p;
}

static bool parse(struct page_under_test *p, const void **found)
{
	memset(found, 0, PVKIT_TAGS * sizeof(*found));
	return pvkit_parse(p->data, ROOM, found);
}

static void test_good(struct kunit *test)
{
	struct page_under_test *p = new_page(test);
	const void *found[PVKIT_TAGS];
	struct pvk_info_cpus *cpus;
	void *clock, *absent;

	KUNIT_EXPECT_TRUE(test, parse(p, found));
	KUNIT_EXPECT_PTR_EQ(test, found[PVK_INFO_CLOCK], NULL);
	clock = add(p, PVK_INFO_CLOCK, sizeof(struct pvk_info_clock));
	add(p, 0x1234, 24);
	cpus = add(p, PVK_INFO_CPUS, sizeof(*cpus) + 3 * sizeof(u32));
	cpus->count = 3;
	absent = add(p, PVK_INFO_ABSENT, sizeof(struct pvk_info_absent) + 8);
	KUNIT_EXPECT_TRUE(test, parse(p, found));
	KUNIT_EXPECT_PTR_EQ(test, found[PVK_INFO_CLOCK], (const void *)clock);
	KUNIT_EXPECT_PTR_EQ(test, found[PVK_INFO_CPUS], (const void *)cpus);
	KUNIT_EXPECT_PTR_EQ(test, found[PVK_INFO_ABSENT], (const void *)absent);
}

static void test_bad_head(struct kunit *test)
{
	struct page_under_test *p = new_page(test);
	const void *found[PVKIT_TAGS];

	head(p)->magic++;
	KUNIT_EXPECT_FALSE(test, parse(p, found));
	head(p)->magic--;
	head(p)->version = PVK_VERSION(2, 0);
	KUNIT_EXPECT_FALSE(test, parse(p, found));
	head(p)->version = PVK_VERSION(1, 99);
	KUNIT_EXPECT_TRUE(test, parse(p, found));
	head(p)->bytes = sizeof(struct pvk_info) - 1;
	KUNIT_EXPECT_FALSE(test, parse(p, found));
	head(p)->bytes = ROOM + 1;
	KUNIT_EXPECT_FALSE(test, parse(p, found));
	head(p)->bytes = ROOM;
	KUNIT_EXPECT_FALSE(test, pvkit_parse(p->data, sizeof(struct pvk_info) - 1, found));
	head(p)->sections = 1;	/* which has no size */
	KUNIT_EXPECT_FALSE(test, parse(p, found));
}

static void test_bad_section(struct kunit *test)
{
	struct page_under_test *p = new_page(test);
	const void *found[PVKIT_TAGS];
	struct pvk_info_section *s = add(p, PVK_INFO_CLOCK, sizeof(struct pvk_info_clock));
	static const u32 bad[] = { 0, 4, 7, 9, sizeof(struct pvk_info_clock) - 8,
				   sizeof(struct pvk_info_clock) + 8, ROOM, 0xfffffff8,
				   0xffffffff };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		s->bytes = bad[i];
		KUNIT_EXPECT_FALSE_MSG(test, parse(p, found), "%u bytes", bad[i]);
	}
	s->bytes = sizeof(struct pvk_info_clock);
	KUNIT_EXPECT_TRUE(test, parse(p, found));
	head(p)->sections = 2;	/* beyond the end */
	KUNIT_EXPECT_FALSE(test, parse(p, found));
	head(p)->sections = 0xffffffff;
	KUNIT_EXPECT_FALSE(test, parse(p, found));
}

static void test_bad_count(struct kunit *test)
{
	static const u32 tags[] = { PVK_INFO_CPUS, PVK_INFO_CPUID, PVK_INFO_MSR };
	const void *found[PVKIT_TAGS];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(tags); i++) {
		struct page_under_test *p = new_page(test);
		struct pvk_info_cpus *s = add(p, tags[i], sizeof(*s) + 64);

		s->count = 1;
		KUNIT_EXPECT_TRUE(test, parse(p, found));
		s->count = 17;
		KUNIT_EXPECT_FALSE(test, parse(p, found));
		s->count = 0xffffffff;
		KUNIT_EXPECT_FALSE(test, parse(p, found));
		s->count = 0;	/* a machine has a CPU */
		KUNIT_EXPECT_EQ(test, parse(p, found), tags[i] != PVK_INFO_CPUS);
	}
}

static struct pvk_info_cpuid *cpuid_table(struct kunit *test)
{
	static const struct pvk_info_cpuid_entry entries[] = {
		{ 0, 0, 0, 1, 2, 3, 4 },
		{ 1, 0, PVK_CPUID_APIC_ID | PVK_CPUID_CR4, 5 },
		{ 4, 0, PVK_CPUID_INDEXED, 6 },
		{ 4, 1, PVK_CPUID_INDEXED, 7 },
		{ 4, 3, PVK_CPUID_INDEXED, 8 },
		{ 0x80000000, 0, 0, 9 },
		{ 0xffffffff, 0xffffffff, PVK_CPUID_INDEXED, 10 },
	};
	struct pvk_info_cpuid *t = kunit_kzalloc(test, sizeof(*t) + sizeof(entries), GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t);
	t->count = ARRAY_SIZE(entries);
	memcpy(t->entry, entries, sizeof(entries));
	return t;
}

static u32 eax(const struct pvk_info_cpuid *t, u32 leaf, u32 index)
{
	const struct pvk_info_cpuid_entry *e = pvkit_find_cpuid(t, leaf, index);

	return e ? e->eax : 0;
}

static void test_cpuid(struct kunit *test)
{
	struct pvk_info_cpuid *t = cpuid_table(test);

	KUNIT_EXPECT_TRUE(test, pvkit_cpuid_sorted(t));
	KUNIT_EXPECT_EQ(test, eax(t, 0, 0), 1u);
	KUNIT_EXPECT_EQ(test, eax(t, 0, 77), 1u);	/* any index */
	KUNIT_EXPECT_EQ(test, eax(t, 1, 0xffffffff), 5u);
	KUNIT_EXPECT_EQ(test, eax(t, 2, 0), 0u);
	KUNIT_EXPECT_EQ(test, eax(t, 4, 0), 6u);
	KUNIT_EXPECT_EQ(test, eax(t, 4, 1), 7u);
	KUNIT_EXPECT_EQ(test, eax(t, 4, 2), 0u);	/* not told */
	KUNIT_EXPECT_EQ(test, eax(t, 4, 3), 8u);
	KUNIT_EXPECT_EQ(test, eax(t, 4, 4), 0u);
	KUNIT_EXPECT_EQ(test, eax(t, 0x80000000, 5), 9u);
	KUNIT_EXPECT_EQ(test, eax(t, 0xffffffff, 0xffffffff), 10u);
	swap(t->entry[2], t->entry[3]);
	KUNIT_EXPECT_FALSE(test, pvkit_cpuid_sorted(t));
	t->entry[2] = t->entry[3];
	KUNIT_EXPECT_FALSE(test, pvkit_cpuid_sorted(t));
	t->count = 0;
	KUNIT_EXPECT_TRUE(test, pvkit_cpuid_sorted(t));
	KUNIT_EXPECT_EQ(test, eax(t, 0, 0), 0u);
}

static void test_msr(struct kunit *test)
{
	static const u32 there[] = { 0x17, 0xfe, 0x2ff, 0xc0000104, 0xffffffff };
	static const u32 not[] = { 0, 0x16, 0x18, 0x300, 0xc0000103, 0xfffffffe };
	struct pvk_info_msr *t = kunit_kzalloc(test, sizeof(*t) + sizeof(t->entry[0]) *
					       ARRAY_SIZE(there), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t);
	for (i = 0; i < ARRAY_SIZE(there); i++)
		t->entry[i].msr = there[i];
	KUNIT_EXPECT_PTR_EQ(test, pvkit_find_msr(t, 0x17), NULL);
	t->count = ARRAY_SIZE(there);
	KUNIT_EXPECT_TRUE(test, pvkit_msr_sorted(t));
	for (i = 0; i < ARRAY_SIZE(there); i++)
		KUNIT_EXPECT_PTR_EQ(test, pvkit_find_msr(t, there[i]), &t->entry[i]);
	for (i = 0; i < ARRAY_SIZE(not); i++)
		KUNIT_EXPECT_PTR_EQ(test, pvkit_find_msr(t, not[i]), NULL);
	t->entry[1].msr = 0x17;
	KUNIT_EXPECT_FALSE(test, pvkit_msr_sorted(t));
}

static void test_clock(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, pvkit_khz_ok(1000000));
	KUNIT_EXPECT_FALSE(test, pvkit_khz_ok(0));
	KUNIT_EXPECT_FALSE(test, pvkit_khz_ok(1));
	KUNIT_EXPECT_FALSE(test, pvkit_khz_ok(U32_MAX));
	KUNIT_EXPECT_EQ(test, pvkit_ticks_to_ns(4500000001ull, 3000000), 1500000000ull);
	KUNIT_EXPECT_EQ(test, pvkit_ticks_to_ns(2999999, 3000000), 999999ull);
	/* 2^64 - 1 ticks of 1 ms each: the product has 84 bits */
	KUNIT_EXPECT_EQ(test, pvkit_ticks_to_ns(U64_MAX, 1), U64_MAX * 1000000);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_good),
	KUNIT_CASE(test_bad_head),
	KUNIT_CASE(test_bad_section),
	KUNIT_CASE(test_bad_count),
	KUNIT_CASE(test_cpuid),
	KUNIT_CASE(test_msr),
	KUNIT_CASE(test_clock),
	{}
};

static struct kunit_suite suite = {
	.name = "pvkit_guest",
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_LICENSE("GPL");
