// SPDX-License-Identifier: GPL-2.0-only
/*
 * Detection on synthetic CPUID tables. A table lists leaves; all others read
 * as a chosen filler, as real processors answer leaves that they do not have.
 */
#include "suites.h"

#include "../../hypercall/detect.h"

struct table {
	u32 hypervisor;			/* CPUID.1:ECX */
	u32 base;			/* of pvkit's block, 0 = absent */
	struct pvk_cpuid_regs leaf[PVK_CPUID_MAX + 1];
	u32 first[3];			/* signature at 0x40000000 when base is not there */
	u32 filler;			/* all registers of all other leaves */
	unsigned int reads;
};

static void table_cpuid(void *context, __u32 leaf, struct pvk_cpuid_regs *out)
{
	struct table *t = context;

	t->reads++;
	out->eax = t->filler;
	out->ebx = t->filler;
	out->ecx = t->filler;
	out->edx = t->filler;
	if (leaf == 1) {
		out->ecx = t->hypervisor;
	} else if (t->base && leaf >= t->base && leaf <= t->base + PVK_CPUID_MAX) {
		*out = t->leaf[leaf - t->base];
	} else if (leaf == PVK_CPUID_FIRST) {
		out->ebx = t->first[0];
		out->ecx = t->first[1];
		out->edx = t->first[2];
	}
}

/* A sound host at base, behind KVM's leaves when base is not the first */
static struct table host_at(u32 base)
{
	struct table t = {
		.hypervisor = PVK_CPUID_HYPERVISOR,
		.base = base,
		.leaf = {
			{ base + PVK_CPUID_MAX, PVK_SIGNATURE_EBX, PVK_SIGNATURE_ECX,
			  PVK_SIGNATURE_EDX },
			{ PVK_ABI_VERSION, PVK_VERSION(1, 0), 0, 0 },
			{ 0xf, 0x1f, 0x80000000, 0x1 },
			{ PVK_TRANSFER_PIO, 0xe10, 0xe14, 0 },
			{ 64, 256, 32, 4096 },
		},
		.first = { 0x4b4d564b, 0x564b4d56, 0x4d },	/* KVMKVMKVM */
	};

	return t;
}

static enum pvk_detect_result detect(struct table *t, struct pvk_offer *o)
{
	return pvk_detect(table_cpuid, t, o);
}

static void found_behind_kvm(struct kunit *test)
{
	struct table t = host_at(0x40000100);
	struct pvk_offer o;

	KUNIT_EXPECT_EQ(test, (int)detect(&t, &o), (int)PVK_DETECT_OK);
	KUNIT_EXPECT_EQ(test, o.base, 0x40000100u);
	KUNIT_EXPECT_EQ(test, o.version, PVK_ABI_VERSION);
	KUNIT_EXPECT_EQ(test, o.features, 0x10000000full);
	/* the recommended bits 4 and 63 were not offered */
	KUNIT_EXPECT_EQ(test, o.recommended, 0xfull);
	KUNIT_EXPECT_EQ(test, o.call_port, 0xe10u);
	KUNIT_EXPECT_EQ(test, o.doorbell_port, 0xe14u);
	KUNIT_EXPECT_EQ(test, o.channels, 64u);
	KUNIT_EXPECT_EQ(test, o.ring_entries, 256u);
	KUNIT_EXPECT_EQ(test, o.batch_entries, 32u);
	KUNIT_EXPECT_EQ(test, o.struct_size, 4096u);
	KUNIT_EXPECT_STREQ(test, (char *)o.seen, "KVMKVMKVM");
}

static void found_at_every_base(struct kunit *test)
{
	struct pvk_offer o;
	u32 base;

	for (base = PVK_CPUID_FIRST; base <= PVK_CPUID_LAST; base += PVK_CPUID_STEP) {
		struct table t = host_at(base);

		KUNIT_ASSERT_EQ(test, (int)detect(&t, &o), (int)PVK_DETECT_OK);
		KUNIT_ASSERT_EQ(test, o.base, base);
	}
}

static void not_between_the_bases(struct kunit *test)
{
	struct table t = host_at(0x40000110);
	struct pvk_offer o;

	KUNIT_EXPECT_EQ(test, (int)detect(&t, &o), (int)PVK_DETECT_OTHER);
}

static void not_beyond_the_last(struct kunit *test)
{
	struct table t = host_at(PVK_CPUID_LAST + PVK_CPUID_STEP);
	struct pvk_offer o;

	KUNIT_EXPECT_EQ(test, (int)detect(&t, &o), (int)PVK_DETECT_OTHER);
	KUNIT_EXPECT_EQ(test, o.base, 0u);
}

static void bare_metal_is_asked_once(struct kunit *test)
{
	/* the leaves are sound, but without the hypervisor bit they mean nothing */
	struct table t = host_at(0x40000100);
	struct pvk_offer o;

	t.hypervisor = ~PVK_CPUID_HYPERVISOR;
	KUNIT_EXPECT_EQ(test, (int)detect(&t, &o), (int)PVK_DETECT_BARE);
	KUNIT_EXPECT_EQ(test, t.reads, 1u);
	KUNIT_EXPECT_EQ(test, o.transfer, 0u);
}

static void other_hypervisor_is_named(struct kunit *test)
{
	struct table t = host_at(0);
	struct pvk_offer o;

	KUNIT_EXPECT_EQ(test, (int)detect(&t, &o), (int)PVK_DETECT_OTHER);
	KUNIT_EXPECT_STREQ(test, (char *)o.seen, "KVMKVMKVM");
}

static void garbage_is_made_printable(struct kunit *test)
{
	struct table t = host_at(0);
	struct pvk_offer o;

	t.filler = 0xffffffff;
	t.first[0] = 0x0a41001b;
	t.first[1] = 0xff42ff7f;
	t.first[2] = 0x43000000;
	KUNIT_EXPECT_EQ(test, (int)detect(&t, &o), (int)PVK_DETECT_OTHER);
	KUNIT_EXPECT_STREQ(test, (char *)o.seen, "??A???B????C");
}

static void max_leaf_too_small(struct kunit *test)
{
	struct table t = host_at(0x40000100);
	struct pvk_offer o;

	t.leaf[0].eax = 0x40000100 + PVK_CPUID_LEAST - 1;
	KUNIT_EXPECT_EQ(test, (int)detect(&t, &o), (int)PVK_DETECT_SHORT);
	t.leaf[0].eax = 0;
	KUNIT_EXPECT_EQ(test, (int)detect(&t, &o), (int)PVK_DETECT_SHORT);
	t.leaf[0].eax = 0xffffffff;
	KUNIT_EXPECT_EQ(test, (int)detect(&t, &o), (int)PVK_DETECT_SHORT);
	t.leaf[0].eax = 0x400001ff;	/* more leaves than are known: fine */
	KUNIT_EXPECT_EQ(test, (int)detect(&t, &o), (int)PVK_DETECT_OK);
}

static void versions_must_meet(struct kunit *test)
{
	struct table t = host_at(0x40000000);
	struct pvk_offer o;

	t.leaf[1].eax = PVK_VERSION(2, 0);
	KUNIT_EXPECT_EQ(test, (int)detect(&t, &o), (int)PVK_DETECT_VERSION);
	t.leaf[1].eax = PVK_VERSION(1, 9);
	KUNIT_EXPECT_EQ(test, (int)detect(&t, &o), (int)PVK_DETECT_OK);
	t.leaf[1].ebx = PVK_VERSION(1, 5);
	KUNIT_EXPECT_EQ(test, (int)detect(&t, &o), (int)PVK_DETECT_VERSION);
}

static void transfer_must_be_known(struct kunit *test)
{
	static const u32 bad[][3] = {	/* mechanisms, call port, doorbell port */
		{ 0, 0xe10, 0xe14 },
		{ 2, 0xe10, 0xe14 },
		{ PVK_TRANSFER_PIO, 0, 0xe14 },
		{ PVK_TRANSFER_PIO, 0x20, 0xe14 },
		{ PVK_TRANSFER_PIO, 0xe10, 0xfffd },
		{ PVK_TRANSFER_PIO, 0x10e10, 0xe14 },
		{ PVK_TRANSFER_PIO, 0xe10, 0xe10 },
		{ PVK_TRANSFER_PIO, 0xe10, 0xe13 },
		{ PVK_TRANSFER_PIO, 0xe13, 0xe10 },
	};
	struct table t = host_at(0x40000000);
	struct pvk_offer o;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		t.leaf[3].eax = bad[i][0];
		t.leaf[3].ebx = bad[i][1];
		t.leaf[3].ecx = bad[i][2];
		KUNIT_EXPECT_EQ_MSG(test, (int)detect(&t, &o), (int)PVK_DETECT_TRANSFER,
				    "case %u", i);
	}
}

static void structures_must_fit(struct kunit *test)
{
	struct table t = host_at(0x40000000);
	struct pvk_offer o;

	t.leaf[4].edx = PVK_STRUCT_LEAST - 1;
	KUNIT_EXPECT_EQ(test, (int)detect(&t, &o), (int)PVK_DETECT_LIMITS);
	t.leaf[4].edx = PVK_STRUCT_LEAST;
	KUNIT_EXPECT_EQ(test, (int)detect(&t, &o), (int)PVK_DETECT_OK);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(found_behind_kvm),
	KUNIT_CASE(found_at_every_base),
	KUNIT_CASE(not_between_the_bases),
	KUNIT_CASE(not_beyond_the_last),
	KUNIT_CASE(bare_metal_is_asked_once),
	KUNIT_CASE(other_hypervisor_is_named),
	KUNIT_CASE(garbage_is_made_printable),
	KUNIT_CASE(max_leaf_too_small),
	KUNIT_CASE(versions_must_meet),
	KUNIT_CASE(transfer_must_be_known),
	KUNIT_CASE(structures_must_fit),
	{}
};

struct kunit_suite pvk_detect_suite = {
	.name = "pvk_detect",
	.test_cases = cases,
};
