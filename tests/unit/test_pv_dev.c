// SPDX-License-Identifier: BSD-2-Clause
/*
 * The bus (abi/bus.h) against the host stub's handlers, guest and host in one
 * process: every call in every device state, queue set-up, models, and how
 * sessions end. What the rings do is test_pv_blk.c's.
 */
/* LINK: PV */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl -Wl,--wrap=hs_blk_submit */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pv_machine.h"

/* ---- devices ---- */

static void devices_are_as_configured(void **state)
{
	struct pvk_dev_info info;

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_dev_info(0, &info), 0);
	assert_int_equal(info.size, sizeof(info));
	assert_int_equal(info.id, BOTH);
	assert_int_equal(info.type, PVK_DEV_BLK);
	assert_int_equal(info.state, PVK_DEV_RESET);
	assert_int_equal(info.model, PVK_MODEL_EMULATED);
	assert_int_equal(info.counterpart, PVK_COUNTERPART_PCI_IDE);
	assert_int_equal(info.counterpart_location, PVK_COUNTERPART_IDE(1 << 3 | 1, 0, 0));
	assert_int_equal(info.max_queues, 4);
	assert_int_equal(info.max_entries, 256);
	assert_int_equal(info.config_size, sizeof(struct pvk_blk_config));
	assert_true(info.features & PVK_BLK_F_FLUSH);
	assert_false(info.features & PVK_BLK_F_READ_ONLY);

	assert_int_equal(pv_dev_info(1, &info), 0);
	assert_int_equal(info.id, ALONE);
	assert_int_equal(info.model, PVK_MODEL_PVKIT);
	assert_int_equal(info.counterpart, PVK_COUNTERPART_NONE);
	assert_int_equal(info.counterpart_location, 0);
	assert_int_equal(info.features, PVK_BLK_F_READ_ONLY);

	assert_int_equal(pv_dev_info(2, &info), -PVK_ENOENT);
	assert_int_equal(pv_call(PVK_CALL_DEV_INFO, 1ull << 32, PV_STRUCTS, sizeof(info)),
			 -PVK_ENOENT);
}

static void no_device_has_a_wrong_id(void **state)
{
	static const uint32_t calls[] = { PVK_CALL_DEV_ACCEPT, PVK_CALL_DEV_START,
					  PVK_CALL_DEV_RESET, PVK_CALL_DEV_CONTROL,
					  PVK_CALL_UNPLUG, PVK_CALL_REPLUG };
	static const uint64_t wrong[] = { 0, 3, 1ull << 32 | BOTH, ~0ull };

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		for (unsigned int k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++)
			assert_int_equal(pv_call(calls[i], wrong[k], 0, 0), -PVK_ENOENT);
}

static void disks_have_no_controls(void **state)
{
	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	for (unsigned int op = 0; op < 4; op++)
		assert_int_equal(pv_call(PVK_CALL_DEV_CONTROL, BOTH, op, PV_STRUCTS), -PVK_ENOSYS);
}

static void only_offered_features_are_accepted(void **state)
{
	struct pvk_dev_info info;

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_dev_info(0, &info), 0);
	for (unsigned int bit = 0; bit < 64; bit++)
		if (!(info.features >> bit & 1))
			assert_int_equal(pv_call(PVK_CALL_DEV_ACCEPT, BOTH, 1ull << bit, 0),
					 -PVK_EINVAL);
	assert_int_equal(pv_call(PVK_CALL_DEV_ACCEPT, BOTH, PVK_BLK_F_FLUSH, 0), 0);
	assert_int_equal(pv_dev_info(0, &info), 0);
	assert_int_equal(info.accepted, PVK_BLK_F_FLUSH);
	assert_int_equal(info.state, PVK_DEV_SETUP);
}

static struct pvk_blk_sqe a_read(uint16_t id)
{
	return (struct pvk_blk_sqe){ .id = id, .op = PVK_BLK_READ, .nsegs = 1, .length = 512,
				     .seg = { { .gpa = PV_DATA, .len = 512 } } };
}

/* Brings device BOTH, in RESET with its pvkit model, to a state; held requests tell how. */
static void reach(enum pvk_dev_state wanted)
{
	struct pvk_blk_sqe e = a_read(0);
	struct pv_queue q;

	if (wanted == PVK_DEV_RESET)
		return;
	assert_int_equal(pv_call(PVK_CALL_DEV_ACCEPT, BOTH, 0, 0), 0);
	if (wanted == PVK_DEV_SETUP)
		return;
	assert_int_equal(pv_queue_setup(&q, BOTH, 0, 2, PVK_CHANNEL_NONE), 0);
	assert_int_equal(pv_call(PVK_CALL_DEV_START, BOTH, 0, 0), 0);
	if (wanted == PVK_DEV_RUNNING)
		return;
	atomic_store(&hold.on, true);
	pv_submit(&q, &e);
	assert_true(FAKE_UNTIL(hold.held == 1));
	if (wanted == PVK_DEV_RESETTING) {
		assert_int_equal(pv_call(PVK_CALL_DEV_RESET, BOTH, 0, 0), -PVK_EAGAIN);
	} else {
		struct pvk_cqe cqe;

		pv_submit(&q, &e);
		assert_true(FAKE_UNTIL(hold.held == 2));
		pv_submit(&q, &e);	/* the third of two */
		(void)fake_ring(q.doorbell);
		assert_true(FAKE_UNTIL(pv_state(BOTH) == PVK_DEV_NEEDS_RESET));
		hold_release();
		assert_true(pv_answer(&q, &cqe) && pv_answer(&q, &cqe));
	}
	assert_int_equal(pv_state(BOTH), wanted);
}

#define SAME	(-1)

static void every_call_in_every_state(void **state)
{
	enum { ACCEPT, QUEUE, START, RESET, TAKE, GIVE, CONFIG, CALLS };
	static const struct {
		int64_t status;
		int next;
	} want[CALLS][5] = {
		/* in RESET, SETUP, RUNNING, NEEDS_RESET, RESETTING */
		[ACCEPT] = { { 0, PVK_DEV_SETUP }, { -PVK_EPROTO, SAME }, { -PVK_EPROTO, SAME },
			     { -PVK_EPROTO, SAME }, { -PVK_EPROTO, SAME } },
		[QUEUE] = { { -PVK_EPROTO, SAME }, { 0, SAME }, { -PVK_EPROTO, SAME },
			    { -PVK_EPROTO, SAME }, { -PVK_EPROTO, SAME } },
		[START] = { { -PVK_EPROTO, SAME }, { 0, PVK_DEV_RUNNING }, { -PVK_EPROTO, SAME },
			    { -PVK_EPROTO, SAME }, { -PVK_EPROTO, SAME } },
		[RESET] = { { 0, SAME }, { 0, PVK_DEV_RESET }, { 0, PVK_DEV_RESET },
			    { 0, PVK_DEV_RESET }, { -PVK_EAGAIN, SAME } },
		[TAKE] = { { 0, SAME }, { -PVK_EPROTO, SAME }, { -PVK_EPROTO, SAME },
			   { -PVK_EPROTO, SAME }, { -PVK_EPROTO, SAME } },
		[GIVE] = { { 0, SAME }, { -PVK_EPROTO, SAME }, { -PVK_EPROTO, SAME },
			   { -PVK_EPROTO, SAME }, { -PVK_EPROTO, SAME } },
		[CONFIG] = { { 72, SAME }, { 72, SAME }, { 72, SAME }, { 72, SAME }, { 72, SAME } },
	};

	(void)state;
	for (int call = 0; call < CALLS; call++) {
		for (int from = PVK_DEV_RESET; from <= PVK_DEV_RESETTING; from++) {
			int next = want[call][from].next;
			int64_t status = 0;
			struct pv_queue q;

			assert_int_equal(pv_negotiate(PV_ALL), 0);
			assert_int_equal(pv_call(PVK_CALL_UNPLUG, BOTH, 0, 0), 0);
			reach((enum pvk_dev_state)from);
			switch (call) {
			case ACCEPT:
				status = pv_call(PVK_CALL_DEV_ACCEPT, BOTH, 0, 0);
				break;
			case QUEUE:
				status = pv_queue_setup(&q, BOTH, 1, 4, PVK_CHANNEL_NONE);
				break;
			case START:
				status = pv_call(PVK_CALL_DEV_START, BOTH, 0, 0);
				break;
			case RESET:
				/* the last answer may be seen before its request is counted off */
				status = from == PVK_DEV_NEEDS_RESET ?
					 pv_until_done(PVK_CALL_DEV_RESET, BOTH) :
					 pv_call(PVK_CALL_DEV_RESET, BOTH, 0, 0);
				break;
			case TAKE:
				status = pv_call(PVK_CALL_UNPLUG, BOTH, 0, 0);
				break;
			case GIVE:
				status = pv_call(PVK_CALL_REPLUG, BOTH, 0, 0);
				break;
			case CONFIG:
				status = pv_call(PVK_CALL_DEV_CONFIG, BOTH, PV_STRUCTS, 72);
				break;
			}
			if (status != want[call][from].status)
				print_error("call %d in state %d\n", call, from);
			assert_int_equal(status, want[call][from].status);
			assert_int_equal(pv_state(BOTH), next == SAME ? from : next);
			hold_release();
			assert_int_equal(pv_until_done(PVK_CALL_LEAVE, 0), 0);
			assert_int_equal(fake_doorbells(), 0);
			assert_int_equal(fake.ide_present[0], 1);
		}
	}
}

static void queue_set_up_refusals(void **state)
{
	struct pvk_queue_setup s, good;
	struct pv_queue q;

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_call(PVK_CALL_DEV_ACCEPT, BOTH, 0, 0), 0);
	good = pv_queue_memory(&q, BOTH, 3, 8, PVK_CHANNEL_NONE);
#define REFUSED(field, value, expected) do { \
		s = good; \
		s.field = (value); \
		assert_int_equal(pv_struct(PVK_CALL_QUEUE_SETUP, &s, sizeof(s)), expected); \
		assert_int_equal(fake_doorbells(), 0); \
	} while (0)
	REFUSED(device, 0, -PVK_ENOENT);
	REFUSED(device, 3, -PVK_ENOENT);
	REFUSED(device, ~0u, -PVK_ENOENT);
	REFUSED(device, ALONE, -PVK_EPROTO);	/* that one is in RESET */
	REFUSED(queue, 4, -PVK_EINVAL);
	REFUSED(queue, ~0u, -PVK_EINVAL);
	REFUSED(entries, 0, -PVK_EINVAL);
	REFUSED(entries, 1, -PVK_EINVAL);
	REFUSED(entries, 3, -PVK_EINVAL);
	REFUSED(entries, 512, -PVK_EINVAL);
	REFUSED(entries, 1u << 31, -PVK_EINVAL);
	REFUSED(entries, ~0u, -PVK_EINVAL);
	REFUSED(channel, 64, -PVK_EINVAL);
	REFUSED(channel, PVK_CHANNEL_NONE - 1, -PVK_EINVAL);
	REFUSED(sq_gpa, good.sq_gpa + 64, -PVK_EFAULT);
	REFUSED(sq_gpa, HS_MEM_MIN, -PVK_EFAULT);
	REFUSED(sq_gpa, 0ull - 4096, -PVK_EFAULT);
	REFUSED(cq_gpa, good.cq_gpa + 2048, -PVK_EFAULT);
	REFUSED(cq_gpa, 1ull << 40, -PVK_EFAULT);
	REFUSED(ctl_gpa, good.ctl_gpa + 64, -PVK_EFAULT);
	REFUSED(ctl_gpa, HS_MEM_MIN, -PVK_EFAULT);
#undef REFUSED
	/* a ring that begins in RAM and does not end there */
	s = good;
	s.entries = 256;
	s.sq_gpa = HS_MEM_MIN - 4096;
	assert_int_equal(pv_struct(PVK_CALL_QUEUE_SETUP, &s, sizeof(s)), -PVK_EFAULT);
	/* the host has no doorbell left */
	fake.doorbell_refused = ENOSPC;
	s = good;
	assert_int_equal(pv_struct(PVK_CALL_QUEUE_SETUP, &s, sizeof(s)), -PVK_EIO);
	fake.doorbell_refused = 0;

	s = good;
	s.ctl_gpa = HS_MEM_MIN - sizeof(struct pvk_ring_ctl);
	assert_int_equal(pv_struct(PVK_CALL_QUEUE_SETUP, &s, sizeof(s)), 0);
	assert_true(fake_ring(s.doorbell));
	s = good;
	assert_int_equal(pv_struct(PVK_CALL_QUEUE_SETUP, &s, sizeof(s)), -PVK_EPROTO);	/* twice */
	assert_int_equal(pv_call(PVK_CALL_DEV_RESET, BOTH, 0, 0), 0);
	assert_int_equal(fake_doorbells(), 0);
}

static void queue_with_events_needs_the_feature(void **state)
{
	struct pv_queue q;

	(void)state;
	assert_int_equal(pv_negotiate(PVK_FEAT_BUS), 0);
	assert_int_equal(pv_call(PVK_CALL_DEV_ACCEPT, BOTH, 0, 0), 0);
	assert_int_equal(pv_queue_setup(&q, BOTH, 0, 8, 1), -PVK_EPERM);
	assert_int_equal(pv_queue_setup(&q, BOTH, 0, 8, PVK_CHANNEL_NONE), 0);
}

static void all_queues_of_all_devices(void **state)
{
	struct pv_queue q[2][4];

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	for (unsigned int d = 0; d < 2; d++) {
		assert_int_equal(pv_call(PVK_CALL_UNPLUG, d + 1, 0, 0), 0);
		assert_int_equal(pv_call(PVK_CALL_DEV_ACCEPT, d + 1, 0, 0), 0);
		for (unsigned int i = 4; i-- > 0;)
			assert_int_equal(pv_queue_setup(&q[d][i], d + 1, i, 256, i), 0);
		assert_int_equal(pv_call(PVK_CALL_DEV_START, d + 1, 0, 0), 0);
	}
	assert_int_equal(fake_doorbells(), 8);
	for (unsigned int d = 0; d < 2; d++) {
		for (unsigned int i = 0; i < 4; i++) {
			struct pvk_blk_sqe e = a_read((uint16_t)(d * 4 + i));
			struct pvk_cqe cqe;

			pv_submit(&q[d][i], &e);
			assert_true(pv_answer(&q[d][i], &cqe));
			assert_int_equal(cqe.id, d * 4 + i);
			assert_int_equal(cqe.status, 0);
		}
	}
	assert_int_equal(pv_until_done(PVK_CALL_LEAVE, 0), 0);
	assert_int_equal(fake_doorbells(), 0);
}

/* ---- the ends of a session ---- */

static void leave_waits_for_requests_in_flight(void **state)
{
	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_call(PVK_CALL_UNPLUG, BOTH, 0, 0), 0);
	reach(PVK_DEV_RESETTING);
	assert_int_equal(pv_call(PVK_CALL_LEAVE, 0, 0, 0), -PVK_EAGAIN);
	assert_int_equal(pv_negotiate(PV_ALL), -PVK_EAGAIN);
	/* nothing new begins meanwhile, and no model changes */
	assert_int_equal(pv_call(PVK_CALL_DEV_ACCEPT, ALONE, 0, 0), -PVK_EPROTO);
	assert_int_equal(pv_call(PVK_CALL_NOP, 0, 0, 0), 0);
	assert_int_equal(fake.ide_present[0], 0);
	hold_release();
	assert_int_equal(pv_until_done(PVK_CALL_LEAVE, 0), 0);
	assert_int_equal(fake.ide_present[0], 1);
	assert_int_equal(pv_call(PVK_CALL_LEAVE, 0, 0, 0), -PVK_EPERM);
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_state(BOTH), PVK_DEV_RESET);
}

static void power_off_waits_too(void **state)
{
	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_call(PVK_CALL_UNPLUG, BOTH, 0, 0), 0);
	reach(PVK_DEV_RUNNING);
	/* power_off() destroys it as it runs */
}

/* ---- models ---- */

static void start_needs_the_model(void **state)
{
	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_call(PVK_CALL_DEV_ACCEPT, BOTH, 0, 0), 0);
	assert_int_equal(pv_call(PVK_CALL_DEV_START, BOTH, 0, 0), -PVK_EBUSY);
	assert_int_equal(pv_state(BOTH), PVK_DEV_SETUP);
	assert_int_equal(pv_call(PVK_CALL_DEV_ACCEPT, ALONE, 0, 0), 0);
	assert_int_equal(pv_call(PVK_CALL_DEV_START, ALONE, 0, 0), 0);
}

static void models_are_exchanged(void **state)
{
	struct pvk_dev_info info;

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	for (unsigned int round = 0; round < 3; round++) {
		fake.ide_busy[0] = true;
		assert_int_equal(pv_call(PVK_CALL_UNPLUG, BOTH, 0, 0), -PVK_EBUSY);
		assert_int_equal(pv_dev_info(0, &info), 0);
		assert_int_equal(info.model, PVK_MODEL_EMULATED);
		fake.ide_busy[0] = false;
		assert_int_equal(pv_call(PVK_CALL_UNPLUG, BOTH, 0, 0), 0);
		assert_int_equal(pv_call(PVK_CALL_UNPLUG, BOTH, 0, 0), 0);
		assert_int_equal(fake.ide_present[0], 0);
		assert_int_equal(pv_dev_info(0, &info), 0);
		assert_int_equal(info.model, PVK_MODEL_PVKIT);
		assert_int_equal(pv_call(PVK_CALL_REPLUG, BOTH, 0, 0), 0);
		assert_int_equal(pv_call(PVK_CALL_REPLUG, BOTH, 0, 0), 0);
		assert_int_equal(fake.ide_present[0], 1);
	}
	assert_int_equal(pv_call(PVK_CALL_UNPLUG, ALONE, 0, 0), 0);
	assert_int_equal(pv_call(PVK_CALL_REPLUG, ALONE, 0, 0), -PVK_ENOENT);
	assert_int_equal(fake.ide_present[2], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(devices_are_as_configured),
		CASE(no_device_has_a_wrong_id),
		CASE(disks_have_no_controls),
		CASE(only_offered_features_are_accepted),
		CASE(every_call_in_every_state),
		CASE(queue_set_up_refusals),
		CASE(queue_with_events_needs_the_feature),
		CASE(all_queues_of_all_devices),
		CASE(leave_waits_for_requests_in_flight),
		CASE(power_off_waits_too),
		CASE(start_needs_the_model),
		CASE(models_are_exchanged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
