// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ring (hypercall/ring.h) as the kernel compiles it, with the kernel's own
 * barriers: order, phases over several passes, waking.
 */
#include "suites.h"

#include "../../hypercall/ring.h"

#define ENTRIES	4u

struct pair {
	u64 slots[ENTRIES * PVK_CQE_WORDS];
	u32 wake;
	struct pvk_ring producer;
	struct pvk_ring consumer;
};

static void pair_init(struct pair *p)
{
	memset(p, 0, sizeof(*p));
	pvk_ring_init(&p->producer, p->slots, &p->wake, ENTRIES);
	pvk_ring_init(&p->consumer, p->slots, &p->wake, ENTRIES);
}

static void put(struct pair *p, u64 value)
{
	union pvk_cqe_words e = { .cqe = { .id = value, .value = value } };

	pvk_cq_put(&p->producer, &e);
}

static void fresh_ring_is_empty(struct kunit *test)
{
	union pvk_cqe_words e;
	struct pair p;

	pair_init(&p);
	KUNIT_EXPECT_FALSE(test, pvk_cq_pending(&p.consumer));
	KUNIT_EXPECT_FALSE(test, pvk_cq_get(&p.consumer, &e));
	KUNIT_EXPECT_EQ(test, p.consumer.next, 0u);
}

static void order_survives_wraps(struct kunit *test)
{
	union pvk_cqe_words e;
	struct pair p;
	u64 in = 0;
	u64 out = 0;
	u32 round;

	pair_init(&p);
	for (round = 0; round < 50; round++) {
		u32 burst = 1 + round % ENTRIES;

		while (burst--)
			put(&p, in++);
		while (pvk_cq_get(&p.consumer, &e)) {
			KUNIT_ASSERT_EQ(test, e.cqe.value, out);
			KUNIT_ASSERT_EQ(test, (u32)e.cqe.id, (u32)out);
			out++;
		}
		KUNIT_ASSERT_EQ(test, in, out);
	}
}

static void stale_entries_stay_unseen(struct kunit *test)
{
	union pvk_cqe_words e;
	struct pair p;
	u32 i;

	pair_init(&p);
	for (i = 0; i < 3 * ENTRIES; i++) {
		put(&p, i);
		KUNIT_ASSERT_TRUE(test, pvk_cq_get(&p.consumer, &e));
		/* the next slot holds an entry of the pass before, or none */
		KUNIT_ASSERT_FALSE(test, pvk_cq_get(&p.consumer, &e));
	}
}

static void numbers_wrap_at_32_bits(struct kunit *test)
{
	union pvk_cqe_words e;
	struct pair p;
	u32 i;

	pair_init(&p);
	p.producer.next = 0u - ENTRIES;
	p.consumer.next = 0u - ENTRIES;
	/* what the pass before left there, with its phase */
	for (i = 0; i < ENTRIES; i++)
		p.slots[i * PVK_CQE_WORDS] = (u64)PVK_ENTRY_PHASE << PVK_PHASE_SHIFT;
	for (i = 0; i < 3 * ENTRIES; i++) {
		KUNIT_ASSERT_FALSE(test, pvk_cq_pending(&p.consumer));
		put(&p, i);
		KUNIT_ASSERT_TRUE(test, pvk_cq_get(&p.consumer, &e));
		KUNIT_ASSERT_EQ(test, e.cqe.value, (u64)i);
	}
	KUNIT_EXPECT_EQ(test, p.producer.next, 2 * ENTRIES);
}

static void armed_consumer_is_woken_once(struct kunit *test)
{
	struct pair p;
	u32 old;

	pair_init(&p);
	pvk_ring_arm(&p.consumer, 0);
	old = p.producer.next;
	put(&p, 1);
	KUNIT_EXPECT_TRUE(test, pvk_ring_must_wake(&p.producer, old));
	old = p.producer.next;
	put(&p, 2);
	KUNIT_EXPECT_FALSE(test, pvk_ring_must_wake(&p.producer, old));
}

static void wake_comes_with_the_entry_asked_for(struct kunit *test)
{
	struct pair p;
	u32 old;

	pair_init(&p);
	pvk_ring_arm(&p.consumer, 2);
	old = p.producer.next;
	put(&p, 1);
	put(&p, 2);
	KUNIT_EXPECT_FALSE(test, pvk_ring_must_wake(&p.producer, old));
	old = p.producer.next;
	put(&p, 3);
	KUNIT_EXPECT_TRUE(test, pvk_ring_must_wake(&p.producer, old));
}

static void polling_consumer_is_left_alone(struct kunit *test)
{
	union pvk_cqe_words e;
	struct pair p;
	u32 i;

	pair_init(&p);
	pvk_ring_disarm(&p.consumer);
	for (i = 0; i < 3 * ENTRIES; i++) {
		u32 old = p.producer.next;

		put(&p, i);
		KUNIT_ASSERT_FALSE(test, pvk_ring_must_wake(&p.producer, old));
		KUNIT_ASSERT_TRUE(test, pvk_cq_get(&p.consumer, &e));
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(fresh_ring_is_empty),
	KUNIT_CASE(order_survives_wraps),
	KUNIT_CASE(stale_entries_stay_unseen),
	KUNIT_CASE(numbers_wrap_at_32_bits),
	KUNIT_CASE(armed_consumer_is_woken_once),
	KUNIT_CASE(wake_comes_with_the_entry_asked_for),
	KUNIT_CASE(polling_consumer_is_left_alone),
	{}
};

struct kunit_suite pvk_ring_suite = {
	.name = "pvk_ring",
	.test_cases = cases,
};
