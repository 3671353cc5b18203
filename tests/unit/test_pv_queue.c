// SPDX-License-Identifier: BSD-2-Clause
/*
 * Queues of the PV block device (abi/ring.h, bus.h): guests that cannot count,
 * reset with requests in flight, two queues at once, and who wakes whom when.
 */
/* LINK: PV */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl -Wl,--wrap=hs_blk_submit */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pv_disk.h"

/* ---- flow control and reset ---- */

static void more_requests_than_entries(void **state)
{
	struct pvk_blk_sqe e = one(PVK_BLK_READ, 0, PV_DATA, 512);
	unsigned int seen;

	(void)state;
	start(BOTH, 4, PVK_CHANNEL_NONE, 0);
	assert_int_equal(pv_call(PVK_CALL_BUS_NOTIFY, EVENT, 0, 0), 0);
	atomic_store(&hold.on, true);
	for (unsigned int i = 0; i < 4; i++)
		pv_submit(&q, &e);
	assert_true(FAKE_UNTIL(hold.held == 4));
	assert_int_equal(pv_state(BOTH), PVK_DEV_RUNNING);
	assert_int_equal(fake.irq.message[EVENT].raised, 0);
	pv_submit(&q, &e);
	(void)fake_ring(q.doorbell);
	assert_true(FAKE_UNTIL(pv_state(BOTH) == PVK_DEV_NEEDS_RESET));
	assert_true(FAKE_UNTIL(fake.irq.message[EVENT].raised == 1));
	hold_release();
	seen = hold.seen;
	/* takes nothing more, until it was reset */
	for (unsigned int i = 0; i < 3; i++)
		(void)fake_ring(q.doorbell);
	assert_int_equal(pv_until_done(PVK_CALL_DEV_RESET, BOTH), 0);
	assert_int_equal(hold.seen, seen);
	start(BOTH, 4, PVK_CHANNEL_NONE, 0);
	assert_int_equal(submit(e), 0);
	/* its neighbour never noticed */
	assert_int_equal(pv_state(ALONE), PVK_DEV_RESET);
}

static void full_ring_is_allowed(void **state)
{
	struct pvk_blk_sqe e = one(PVK_BLK_READ, 0, PV_DATA, 512);
	struct pvk_cqe cqe;

	(void)state;
	start(BOTH, 4, PVK_CHANNEL_NONE, 0);
	for (unsigned int round = 0; round < 50; round++) {
		uint32_t seen = 0;

		for (unsigned int i = 0; i < 4; i++) {
			e.id = (uint16_t)i;
			pv_submit(&q, &e);
		}
		for (unsigned int i = 0; i < 4; i++) {
			assert_true(pv_answer(&q, &cqe));
			assert_int_equal(cqe.status, 0);
			seen |= 1u << cqe.id;
		}
		assert_int_equal(seen, 15);
		assert_false(pvk_cq_pending(&q.cq));
	}
}

static void reset_drains_and_forgets(void **state)
{
	struct pvk_blk_sqe e = one(PVK_BLK_READ, 0, PV_DATA, 4096);
	uint8_t before[0x10000];

	(void)state;
	start(BOTH, 4, EVENT, 0);
	atomic_store(&hold.on, true);
	pv_submit(&q, &e);
	pv_submit(&q, &e);
	assert_true(FAKE_UNTIL(hold.held == 2));
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(pv_call(PVK_CALL_DEV_RESET, BOTH, 0, 0), -PVK_EAGAIN);
		assert_int_equal(pv_state(BOTH), PVK_DEV_RESETTING);
	}
	memcpy(before, fake_ram(q.sq_gpa, sizeof(before)), sizeof(before));
	hold_release();
	assert_int_equal(pv_until_done(PVK_CALL_DEV_RESET, BOTH), 0);
	/* neither answers nor events of a device that was stopped */
	assert_memory_equal(before, fake_ram(q.sq_gpa, sizeof(before)), sizeof(before));
	assert_int_equal(fake.irq.message[EVENT].raised, 0);
	assert_false(fake_ring(q.doorbell));
	start(BOTH, 8, EVENT, 0);
	assert_int_equal(submit(e), 0);
}

static void resets_under_load(void **state)
{
	struct pvk_blk_sqe e = one(PVK_BLK_READ, 0, PV_DATA, 4096);

	(void)state;
	for (unsigned int round = 0; round < 200; round++) {
		start(BOTH, 16, round & 1 ? EVENT : PVK_CHANNEL_NONE, 0);
		for (unsigned int i = 0; i < round % 17; i++)
			pv_submit(&q, &e);
		assert_int_equal(pv_until_done(PVK_CALL_DEV_RESET, BOTH), 0);
		/* the guest may use the memory for something else now */
		memset(fake_ram(q.sq_gpa, 0x10000), 0xff, 0x10000);
	}
}

#define SLOTS	64u

/* Two queues, many requests in flight, each slot of the disk checked against a model. */
static void two_queues_keep_their_data(void **state)
{
	uint32_t model[SLOTS] = { 0 }, seed = 1;
	struct { bool busy, write; uint32_t value; } slot[SLOTS] = { 0 };
	struct pv_queue queue[2];
	unsigned int flying[2] = { 0 }, done = 0;

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_call(PVK_CALL_UNPLUG, BOTH, 0, 0), 0);
	assert_int_equal(pv_call(PVK_CALL_DEV_ACCEPT, BOTH, 0, 0), 0);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(pv_queue_setup(&queue[i], BOTH, i, 16, PVK_CHANNEL_NONE), 0);
	assert_int_equal(pv_call(PVK_CALL_DEV_START, BOTH, 0, 0), 0);
	while (done < 5000) {
		for (unsigned int i = 0; i < 2; i++) {
			struct pv_queue *at = &queue[i];
			union pvk_cqe_words words;

			while (flying[i] < 16) {
				unsigned int s = (seed = seed * 1664525u + 1013904223u) >> 26;
				uint64_t gpa = PV_DATA + s * 4096ull;
				struct pvk_blk_sqe e = one(PVK_BLK_READ, s * 8, gpa, 4096);

				if (slot[s].busy)
					break;
				e.id = (uint16_t)s;
				slot[s].busy = true;
				slot[s].write = seed >> 25 & 1;
				if (slot[s].write) {
					e.op = PVK_BLK_WRITE;
					model[s] = seed | 1;
					fill(gpa, 4096, model[s]);
				} else {
					memset(fake_ram(gpa, 4096), 0x5a, 4096);
				}
				pv_submit(at, &e);
				flying[i]++;
			}
			while (pvk_cq_get(&at->cq, &words)) {
				unsigned int s = words.cqe.id;
				uint64_t gpa = PV_DATA + s * 4096ull;

				assert_true(s < SLOTS && slot[s].busy);
				assert_int_equal(words.cqe.op,
						 slot[s].write ? PVK_BLK_WRITE : PVK_BLK_READ);
				assert_int_equal(words.cqe.status, 0);
				if (!slot[s].write) {
					if (model[s])
						fill(PV_DATA + 0x800000, 4096, model[s]);
					else
						memset(fake_ram(PV_DATA + 0x800000, 4096), 0, 4096);
					assert_memory_equal(fake_ram(gpa, 4096),
							    fake_ram(PV_DATA + 0x800000, 4096),
							    4096);
				}
				slot[s].busy = false;
				flying[i]--;
				done++;
			}
		}
	}
}

/* ---- waking ---- */

static void one_event_when_asked(void **state)
{
	struct pvk_cqe cqe;
	struct pvk_blk_sqe e = one(PVK_BLK_READ, 0, PV_DATA, 512);

	(void)state;
	start(BOTH, 8, EVENT, 0);
	for (unsigned int i = 1; i <= 20; i++) {
		pvk_ring_arm(&q.cq, 0);
		pv_submit(&q, &e);
		assert_true(FAKE_UNTIL(fake.irq.message[EVENT].raised == i));
		assert_true(pvk_cq_pending(&q.cq));	/* first the answer, then the event */
		assert_true(pv_answer(&q, &cqe));
	}
	assert_int_equal(fake.irq.message[EVENT].raised, 20);
}

static void polling_guest_hears_nothing(void **state)
{
	(void)state;
	start(BOTH, 8, EVENT, 0);
	for (unsigned int i = 0; i < 50; i++) {
		pvk_ring_disarm(&q.cq);
		assert_int_equal(submit(one(PVK_BLK_READ, 0, PV_DATA, 512)), 0);
	}
	assert_int_equal(pv_until_done(PVK_CALL_DEV_RESET, BOTH), 0);
	assert_int_equal(fake.irq.message[EVENT].raised, 0);
}

static void guest_that_wants_many_is_told_of_few(void **state)
{
	struct pvk_blk_sqe e = one(PVK_BLK_READ, 0, PV_DATA, 512);
	struct pvk_cqe cqe;

	(void)state;
	fake.config.coalesce_ns = 3600ull * 1000000000;	/* not by waiting */
	start(BOTH, 8, EVENT, 0);
	/* asks for the fifth completion; only two come, and the host goes to sleep */
	pvk_ring_arm(&q.cq, 4);
	pv_submit(&q, &e);
	pv_submit(&q, &e);
	assert_true(FAKE_UNTIL(fake.irq.message[EVENT].raised > 0));
	assert_true(pv_answer(&q, &cqe) && pv_answer(&q, &cqe));
}

static void queue_without_channel_raises_nothing(void **state)
{
	(void)state;
	start(BOTH, 8, PVK_CHANNEL_NONE, 0);
	for (unsigned int i = 0; i < 20; i++) {
		pvk_ring_arm(&q.cq, 0);
		assert_int_equal(submit(one(PVK_BLK_READ, 0, PV_DATA, 512)), 0);
	}
	for (unsigned int i = 0; i < HS_IRQ_MSIS; i++)
		assert_int_equal(fake.irq.message[i].raised + fake.irq.message[i].dropped, 0);
}

static void hostile_wake_words_and_doorbells(void **state)
{
	(void)state;
	start(BOTH, 8, EVENT, 0);
	for (uint32_t i = 0; i < 300; i++) {
		pvk_store(&q.ctl->cq_wake, i * 0x9e3779b9u);
		pvk_store(&q.ctl->sq_wake, ~i);	/* the host's own word */
		for (unsigned int k = 0; k < i % 5; k++)
			assert_true(fake_ring(q.doorbell));
		/* the host may have been put to sleep by the lie; ring as the guest must */
		assert_true(fake_ring(q.doorbell));
		assert_int_equal(submit(one(PVK_BLK_READ, i, PV_DATA, 512)), 0);
		assert_true(fake.irq.message[EVENT].raised <= i + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(more_requests_than_entries),
		CASE(full_ring_is_allowed),
		CASE(reset_drains_and_forgets),
		CASE(resets_under_load),
		CASE(two_queues_keep_their_data),
		CASE(one_event_when_asked),
		CASE(polling_guest_hears_nothing),
		CASE(guest_that_wants_many_is_told_of_few),
		CASE(queue_without_channel_raises_nothing),
		CASE(hostile_wake_words_and_doorbells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
