// SPDX-License-Identifier: BSD-2-Clause
/*
 * The ring (hypercall/ring.h): guest half and host half in one process.
 * Deterministic single-thread properties first, then two threads that pass a
 * million entries with sleeping and waking as drivers do it.
 */
/* LINK: */
/* LIBS: -lpthread */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "hypercall/abi/pvk.h"
#include "hypercall/ring.h"

#define ENTRIES 8

struct fixture {
	_Alignas(64) __u64 sq[ENTRIES * PVK_SQE_WORDS];
	_Alignas(64) __u64 cq[ENTRIES * PVK_CQE_WORDS];
	struct pvk_ring_ctl ctl;
	struct pvk_ring put;
	struct pvk_ring get;
};

static void fresh(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	pvk_ring_init(&f->put, f->sq, &f->ctl.sq_wake, ENTRIES);
	pvk_ring_init(&f->get, f->sq, &f->ctl.sq_wake, ENTRIES);
}

static union pvk_sqe_words request(__u16 id)
{
	union pvk_sqe_words e = {
		.sqe = { .id = id, .op = 3, .flags = 0xfe, .word = 0xabcd0000u + id } };

	for (unsigned int i = 0; i < 7; i++)
		e.sqe.data[i] = (__u64)id << 32 | i;
	return e;
}

static void zeroed_ring_is_empty(void **state)
{
	struct fixture f;
	union pvk_sqe_words e;

	(void)state;
	fresh(&f);
	assert_int_equal(pvk_sq_pending(&f.get), 0);
	assert_int_equal(pvk_sq_get(&f.get, &e), 0);
}

static void entry_arrives_whole(void **state)
{
	struct fixture f;
	union pvk_sqe_words e = request(7), got;

	(void)state;
	fresh(&f);
	pvk_sq_put(&f.put, &e);
	assert_int_equal(pvk_sq_pending(&f.get), 1);
	assert_int_equal(pvk_sq_get(&f.get, &got), 1);
	assert_int_equal(got.sqe.flags & PVK_ENTRY_PHASE, 1);
	got.sqe.flags &= (__u8)~PVK_ENTRY_PHASE;
	assert_memory_equal(&got, &e, sizeof(e));
	assert_int_equal(pvk_sq_get(&f.get, &got), 0);
}

static void phase_survives_many_wraps(void **state)
{
	struct fixture f;
	union pvk_sqe_words got;

	(void)state;
	fresh(&f);
	for (__u32 n = 0; n < 5 * ENTRIES + 3; n++) {
		union pvk_sqe_words e = request((__u16)n);

		pvk_sq_put(&f.put, &e);
		assert_int_equal(pvk_sq_get(&f.get, &got), 1);
		assert_int_equal(got.sqe.id, n);
		assert_int_equal(pvk_sq_get(&f.get, &got), 0);
	}
}

static void number_wraps_at_2_to_32(void **state)
{
	struct fixture f;
	union pvk_sqe_words got;

	(void)state;
	fresh(&f);
	/* as after 2^32 - 4 entries: the phase there is 0, so fill with 1s */
	f.put.next = (__u32)-4;
	f.get.next = (__u32)-4;
	for (unsigned int i = 0; i < ENTRIES; i++)
		f.sq[i * PVK_SQE_WORDS] = 1ull << PVK_PHASE_SHIFT;
	for (__u32 n = 0; n < 4 * ENTRIES; n++) {
		union pvk_sqe_words e = request((__u16)n);

		if (n == 4)	/* from here on: first pass again, slots 0.. hold 1s or old */
			for (unsigned int i = 0; i < 4; i++)
				f.sq[i * PVK_SQE_WORDS] = 0;
		assert_int_equal(pvk_sq_get(&f.get, &got), 0);
		pvk_sq_put(&f.put, &e);
		assert_int_equal(pvk_sq_get(&f.get, &got), 1);
		assert_int_equal(got.sqe.id, n);
	}
}

static void full_ring_keeps_order(void **state)
{
	struct fixture f;
	union pvk_sqe_words got;

	(void)state;
	fresh(&f);
	for (unsigned int round = 0; round < 3; round++) {
		for (__u16 i = 0; i < ENTRIES; i++) {
			union pvk_sqe_words e = request(i);

			pvk_sq_put(&f.put, &e);
		}
		for (__u16 i = 0; i < ENTRIES; i++) {
			assert_int_equal(pvk_sq_get(&f.get, &got), 1);
			assert_int_equal(got.sqe.id, i);
		}
		assert_int_equal(pvk_sq_get(&f.get, &got), 0);
	}
}

static void completion_ring_uses_two_words(void **state)
{
	struct fixture f;
	struct pvk_ring put, get;
	union pvk_cqe_words e, got;

	(void)state;
	fresh(&f);
	pvk_ring_init(&put, f.cq, &f.ctl.cq_wake, ENTRIES);
	pvk_ring_init(&get, f.cq, &f.ctl.cq_wake, ENTRIES);
	for (__u16 n = 0; n < 3 * ENTRIES; n++) {
		e = (union pvk_cqe_words){
			.cqe = { .id = n, .op = 1, .status = -5, .value = ~0ull }
		};
		pvk_cq_put(&put, &e);
		assert_int_equal(pvk_cq_get(&get, &got), 1);
		assert_int_equal(got.cqe.id, n);
		assert_int_equal(got.cqe.status, -5);
		assert_int_equal(got.cqe.value, ~0ull);
		assert_int_equal(pvk_cq_get(&get, &got), 0);
	}
}

static void polling_consumer_is_not_woken(void **state)
{
	struct fixture f;
	union pvk_sqe_words e = request(1), got;

	(void)state;
	fresh(&f);
	for (unsigned int n = 0; n < 4 * ENTRIES; n++) {
		__u32 old = f.put.next;

		pvk_ring_disarm(&f.get);
		pvk_sq_put(&f.put, &e);
		assert_int_equal(pvk_ring_must_wake(&f.put, old), 0);
		pvk_sq_get(&f.get, &got);
	}
}

static void armed_consumer_is_woken_once(void **state)
{
	struct fixture f;
	union pvk_sqe_words e = request(1);
	__u32 old;

	(void)state;
	fresh(&f);
	pvk_ring_arm(&f.get, 0);
	old = f.put.next;
	pvk_sq_put(&f.put, &e);
	assert_int_equal(pvk_ring_must_wake(&f.put, old), 1);
	old = f.put.next;
	pvk_sq_put(&f.put, &e);
	assert_int_equal(pvk_ring_must_wake(&f.put, old), 0);
}

static void batch_that_contains_the_number_wakes(void **state)
{
	struct fixture f;
	union pvk_sqe_words e = request(1);

	(void)state;
	for (__u32 more = 0; more < ENTRIES; more++) {
		for (__u32 batch = 1; batch <= ENTRIES; batch++) {
			__u32 old;

			fresh(&f);
			pvk_ring_arm(&f.get, more);
			old = f.put.next;
			for (__u32 i = 0; i < batch; i++)
				pvk_sq_put(&f.put, &e);
			assert_int_equal(pvk_ring_must_wake(&f.put, old), batch > more);
		}
	}
}

/*
 * A consumer that asked for a later entry is known to wait, until it is told; one that polls is
 * not.
 */
static void waiting_for_a_later_entry_shows(void **state)
{
	struct fixture f;
	union pvk_sqe_words e = request(1);

	(void)state;
	for (__u32 more = 0; more < ENTRIES; more++) {
		fresh(&f);
		f.put.next = 0u - 3;	/* across the wrap of numbers */
		f.get.next = 0u - 3;
		pvk_ring_arm(&f.get, more);
		for (__u32 put = 0; put < ENTRIES; put++) {
			assert_int_equal(pvk_ring_wakes_later(&f.put), put <= more);
			pvk_sq_put(&f.put, &e);
		}
		pvk_ring_disarm(&f.get);
		assert_int_equal(pvk_ring_wakes_later(&f.put), 0);
	}
}

static void hostile_wake_word_changes_no_cursor(void **state)
{
	struct fixture f;
	union pvk_sqe_words e = request(1), got;

	(void)state;
	fresh(&f);
	for (__u32 n = 0; n < 3 * ENTRIES; n++) {
		__u32 old = f.put.next;

		f.ctl.sq_wake = n * 0x9e3779b9u;
		pvk_sq_put(&f.put, &e);
		(void)pvk_ring_must_wake(&f.put, old);
		assert_int_equal(f.put.next, n + 1);
		assert_int_equal(pvk_sq_get(&f.get, &got), 1);
		assert_int_equal(f.get.next, n + 1);
	}
}

static void hostile_entry_change_after_copy_is_unseen(void **state)
{
	struct fixture f;
	union pvk_sqe_words e = request(5), got;

	(void)state;
	fresh(&f);
	pvk_sq_put(&f.put, &e);
	assert_int_equal(pvk_sq_get(&f.get, &got), 1);
	memset(f.sq, 0xff, sizeof(f.sq));
	assert_int_equal(got.sqe.id, 5);
	assert_int_equal(got.sqe.data[6], (5ull << 32) | 6);
}

/* Two threads: echo server and client, each sleeping on an eventfd when idle. */
#define ROUNDS 200000u

struct pair {
	struct fixture f;
	struct pvk_ring sq_put, sq_get, cq_put, cq_get;
	int doorbell, event;
	unsigned int slept, timeouts;
};

static void sleep_on(struct pair *p, int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint64_t n;

	/* a lost wake-up shows as this time-out */
	if (poll(&pfd, 1, 5000) != 1)
		__atomic_add_fetch(&p->timeouts, 1, __ATOMIC_RELAXED);
	else if (read(fd, &n, sizeof(n)) != sizeof(n))
		fail();
	__atomic_add_fetch(&p->slept, 1, __ATOMIC_RELAXED);
}

static void wake(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		fail();
}

static void *echo(void *arg)
{
	struct pair *p = arg;
	union pvk_sqe_words in;
	__u32 served = 0;

	while (served < ROUNDS) {
		__u32 old = p->cq_put.next;

		while (pvk_sq_get(&p->sq_get, &in)) {
			union pvk_cqe_words out = { .cqe = { .id = in.sqe.id, .op = in.sqe.op,
							     .value = in.sqe.data[6] } };

			pvk_cq_put(&p->cq_put, &out);
			served++;
		}
		if (p->cq_put.next != old && pvk_ring_must_wake(&p->cq_put, old))
			wake(p->event);
		if (served < ROUNDS) {
			pvk_ring_arm(&p->sq_get, 0);
			if (!pvk_sq_pending(&p->sq_get))
				sleep_on(p, p->doorbell);
		}
	}
	return NULL;
}

static void two_threads_lose_nothing(void **state)
{
	struct pair p;
	pthread_t thread;
	__u32 sent = 0, seen = 0;
	union pvk_cqe_words c;

	(void)state;
	memset(&p, 0, sizeof(p));
	pvk_ring_init(&p.sq_put, p.f.sq, &p.f.ctl.sq_wake, ENTRIES);
	pvk_ring_init(&p.sq_get, p.f.sq, &p.f.ctl.sq_wake, ENTRIES);
	pvk_ring_init(&p.cq_put, p.f.cq, &p.f.ctl.cq_wake, ENTRIES);
	pvk_ring_init(&p.cq_get, p.f.cq, &p.f.ctl.cq_wake, ENTRIES);
	p.doorbell = eventfd(0, 0);
	p.event = eventfd(0, 0);
	assert_int_equal(pthread_create(&thread, NULL, echo, &p), 0);
	while (seen < ROUNDS) {
		__u32 old = p.sq_put.next;

		while (sent < ROUNDS && sent - seen < ENTRIES) {
			union pvk_sqe_words e = request((__u16)sent);

			pvk_sq_put(&p.sq_put, &e);
			sent++;
		}
		if (p.sq_put.next != old && pvk_ring_must_wake(&p.sq_put, old))
			wake(p.doorbell);
		while (pvk_cq_get(&p.cq_get, &c)) {
			assert_int_equal(c.cqe.id, (__u16)seen);
			assert_int_equal(c.cqe.value, (__u64)(__u16)seen << 32 | 6);
			seen++;
		}
		if (sent - seen == ENTRIES || sent == ROUNDS) {
			if (seen == ROUNDS)
				break;
			pvk_ring_arm(&p.cq_get, 0);
			if (!pvk_cq_pending(&p.cq_get))
				sleep_on(&p, p.event);
		}
	}
	pthread_join(thread, NULL);
	close(p.doorbell);
	close(p.event);
	assert_int_equal(p.timeouts, 0);
	assert_true(p.slept > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeroed_ring_is_empty),
		cmocka_unit_test(entry_arrives_whole),
		cmocka_unit_test(phase_survives_many_wraps),
		cmocka_unit_test(number_wraps_at_2_to_32),
		cmocka_unit_test(full_ring_keeps_order),
		cmocka_unit_test(completion_ring_uses_two_words),
		cmocka_unit_test(polling_consumer_is_not_woken),
		cmocka_unit_test(armed_consumer_is_woken_once),
		cmocka_unit_test(batch_that_contains_the_number_wakes),
		cmocka_unit_test(waiting_for_a_later_entry_shows),
		cmocka_unit_test(hostile_wake_word_changes_no_cursor),
		cmocka_unit_test(hostile_entry_change_after_copy_is_unseen),
		cmocka_unit_test(two_threads_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
