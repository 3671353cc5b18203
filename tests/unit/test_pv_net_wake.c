// SPDX-License-Identifier: BSD-2-Clause
/*
 * Waking between the PV network device and its guest (abi/ring.h): events only
 * where they are asked for, later ones, gathered ones, doorbells when needed,
 * and wake words of a hostile guest.
 */
/* LINK: PV */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl -Wl,--wrap=hs_worker_idle_since */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FAKE_IDE
#include "pv_nic.h"

static uint8_t sent[PVK_NET_MAX_FRAME], got[PVK_NET_MAX_FRAME + 16];

static void events_only_when_asked(void **state)
{
	uint64_t value;
	uint32_t n;

	(void)state;
	setup(PLAIN, 1, 64, 0, EVENT);
	for (unsigned int i = 0; i < 40; i++)
		post(0, i, 64);
	assert_int_equal(pv_call(PVK_CALL_DEV_START, PLAIN, 0, 0), 0);
	pvk_ring_disarm(&pair[0].rx.cq);
	make_frame(sent, 60, 1);
	for (unsigned int i = 0; i < 20; i++) {
		fake_net_inject(NIC_PLAIN, 0, NULL, sent, 60);
		take_frame(0, got, &n, &value);
	}
	assert_int_equal(fake.irq.message[EVENT].raised, 0);
	for (unsigned int i = 1; i <= 20; i++) {
		pvk_ring_arm(&pair[0].rx.cq, 0);
		fake_net_inject(NIC_PLAIN, 0, NULL, sent, 60);
		assert_true(FAKE_UNTIL(fake.irq.message[EVENT].raised == i));
		take_frame(0, got, &n, &value);
	}
}

static void later_wake_is_kept(void **state)
{
	(void)state;
	fake.config.coalesce_ns = 3600ull * 1000000000;	/* not by waiting */
	setup(PLAIN, 1, 64, 0, EVENT);
	for (unsigned int i = 0; i < 20; i++)
		post(0, i, 64);
	assert_int_equal(pv_call(PVK_CALL_DEV_START, PLAIN, 0, 0), 0);
	/* asks for the fifth; only two come, and the host goes to sleep */
	pvk_ring_arm(&pair[0].rx.cq, 4);
	make_frame(sent, 60, 1);
	fake_net_inject(NIC_PLAIN, 0, NULL, sent, 60);
	fake_net_inject(NIC_PLAIN, 0, NULL, sent, 60);
	assert_true(FAKE_UNTIL(fake.irq.message[EVENT].raised > 0));
}

static _Atomic uint64_t idle_since;	/* 0: what the worker says */

uint64_t __real_hs_worker_idle_since(const struct hs_worker *w);
uint64_t __wrap_hs_worker_idle_since(const struct hs_worker *w);

uint64_t __wrap_hs_worker_idle_since(const struct hs_worker *w)
{
	uint64_t when = atomic_load(&idle_since);

	return when ? when : __real_hs_worker_idle_since(w);
}

struct busy {
	struct hs_work work;
	struct hs_worker *worker;
	atomic_bool stop;
};

/* Always something to do: posts itself again. */
static void be_busy(struct hs_work *work)
{
	struct busy *busy = (struct busy *)work;

	if (!atomic_load(&busy->stop))
		hs_worker_post(busy->worker, work);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void busy_host_coalesces_but_not_for_ever(void **state)
{
	static struct busy busy = { .work.fn = be_busy };
	uint64_t began;

	(void)state;
	fake.config.coalesce_ns = 5000000;
	setup(PLAIN, 1, 64, 0, EVENT);
	for (unsigned int i = 0; i < 20; i++)
		post(0, i, 64);
	assert_int_equal(pv_call(PVK_CALL_DEV_START, PLAIN, 0, 0), 0);
	busy.worker = hs_net_worker(fake_nets[NIC_PLAIN], 0);
	hs_worker_post(busy.worker, &busy.work);
	pvk_ring_arm(&pair[0].rx.cq, 4);
	make_frame(sent, 60, 1);
	began = hs_now();
	fake_net_inject(NIC_PLAIN, 0, NULL, sent, 60);
	assert_true(FAKE_UNTIL(fake.irq.message[EVENT].raised > 0));
	/* 16 times coalesce_ns, as queue.c has it */
	assert_in_range(hs_now() - began, 80000000, 9000000000);
	atomic_store(&busy.stop, true);
	hs_worker_call(busy.worker, nothing, NULL);
}

/*
 * Nobody waits for completions as such: 16 times coalesce_ns, however long the host was idle
 * (net_tx.c). The worker polls as a real one does; the work keeps it from going to sleep.
 */
static void sent_frames_are_told_of_late(void **state)
{
	static struct busy busy = { .work.fn = be_busy };
	struct pvk_net_tx_sqe e;
	uint64_t began = hs_now();

	(void)state;
	fake.config.coalesce_ns = 5000000;
	setup(PLAIN, 1, 64, 0, EVENT);
	assert_int_equal(pv_call(PVK_CALL_DEV_START, PLAIN, 0, 0), 0);
	atomic_store(&idle_since, began);
	busy.worker = hs_net_worker(fake_nets[NIC_PLAIN], 0);
	hs_worker_post(busy.worker, &busy.work);
	pvk_ring_arm(&pair[0].tx.cq, 4);
	make_frame(sent, 60, 1);
	e = scattered(sent, 60, 1, 0);
	began = hs_now();
	pv_submit(&pair[0].tx, &e);
	assert_true(FAKE_UNTIL(fake.irq.message[EVENT].raised > 0));
	assert_in_range(hs_now() - began, 80000000, 9000000000);
	atomic_store(&idle_since, 0);
	atomic_store(&busy.stop, true);
	hs_worker_call(busy.worker, nothing, NULL);
}

/* The guest rings for buffers when a frame waits for one, and never else. */
static void buffers_are_rung_for_when_needed(void **state)
{
	uint64_t value;
	uint32_t n, old;

	(void)state;
	start(PLAIN, 1, 8, 0);
	make_frame(sent, 60, 1);
	for (unsigned int round = 0; round < 20; round++) {
		union pvk_sqe_words words;
		struct pvk_net_rx_sqe e = { .op = PVK_NET_RX };

		/* no frame: no doorbell, however long the host sleeps */
		e.seg = (struct pvk_seg){ .gpa = RX_MEMORY, .len = 64 };
		memcpy(&words, &e, sizeof(words));
		old = pair[0].rx.sq.next;
		assert_false(pvk_ring_must_wake(&(struct pvk_ring){ .wake = pair[0].rx.sq.wake,
								    .next = old + 1 }, old));
		fake_net_inject(NIC_PLAIN, 0, NULL, sent, 60);
		assert_true(FAKE_UNTIL(pvk_ring_must_wake(&(struct pvk_ring){
			.wake = pair[0].rx.sq.wake, .next = old + 1 }, old)));
		post(0, round % 8, 64);
		take_frame(0, got, &n, &value);
		assert_memory_equal(got, sent, 60);
	}
}

static void hostile_wake_words_and_doorbells(void **state)
{
	uint64_t value;
	uint32_t n;

	(void)state;
	setup(PLAIN, 1, 8, 0, EVENT);
	assert_int_equal(pv_call(PVK_CALL_DEV_START, PLAIN, 0, 0), 0);
	make_frame(sent, 60, 1);
	for (uint32_t i = 0; i < 200; i++) {
		pvk_store(&pair[0].rx.ctl->cq_wake, i * 0x9e3779b9u);
		pvk_store(&pair[0].rx.ctl->sq_wake, ~i);
		for (unsigned int k = 0; k < i % 5; k++)
			assert_true(fake_ring(pair[0].rx.doorbell) &&
				    fake_ring(pair[0].tx.doorbell));
		fake_net_inject(NIC_PLAIN, 0, NULL, sent, 60);
		post(0, i % 8, 64);
		/* the host may have been put to sleep by the lie; ring as the guest must */
		assert_true(fake_ring(pair[0].rx.doorbell));
		take_frame(0, got, &n, &value);
	}
	assert_int_equal(pv_state(PLAIN), PVK_DEV_RUNNING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(events_only_when_asked),
		CASE(later_wake_is_kept),
		CASE(busy_host_coalesces_but_not_for_ever),
		CASE(sent_frames_are_told_of_late),
		CASE(buffers_are_rung_for_when_needed),
		CASE(hostile_wake_words_and_doorbells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
