/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the PV block device share: a running device with one
 * queue, and requests that wait for their answer.
 */
#ifndef TESTS_PV_DISK_H
#define TESTS_PV_DISK_H

#include "pv_machine.h"

#define DISK	(1u << 20)
#define EVENT	7u		/* channel of queues that have one */

static struct pv_queue q;

/* A session with a running device and one queue. */
static inline void start(uint32_t device, uint32_t entries, uint32_t channel, uint64_t features)
{
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_bind(EVENT, 0x40), 0);
	assert_int_equal(pv_call(PVK_CALL_UNPLUG, device, 0, 0), 0);
	assert_int_equal(pv_call(PVK_CALL_DEV_ACCEPT, device, features, 0), 0);
	assert_int_equal(pv_queue_setup(&q, device, 0, entries, channel), 0);
	assert_int_equal(pv_call(PVK_CALL_DEV_START, device, 0, 0), 0);
}

/* All that the device offers; tests that need more than it has are skipped. */
static inline uint64_t offered(uint32_t device)
{
	struct pvk_dev_info info;

	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_dev_info(device - 1, &info), 0);
	return info.features;
}

/* One request and its status; id and op of the answer are checked. */
static inline int submit(struct pvk_blk_sqe e)
{
	static uint16_t id;
	struct pvk_cqe cqe;

	e.id = id += 0x1357;
	pv_submit(&q, &e);
	assert_true(pv_answer(&q, &cqe));
	assert_int_equal(cqe.id, e.id);
	assert_int_equal(cqe.op, e.op);
	assert_int_equal(cqe.value, 0);
	return cqe.status;
}

static inline struct pvk_blk_sqe one(uint8_t op, uint64_t sector, uint64_t gpa, uint32_t len)
{
	return (struct pvk_blk_sqe){ .op = op, .nsegs = 1, .sector = sector, .length = len,
				     .seg = { { .gpa = gpa, .len = len } } };
}

static inline struct pvk_blk_sqe none(uint8_t op, uint64_t sector, uint64_t len)
{
	return (struct pvk_blk_sqe){ .op = op, .sector = sector, .length = len };
}

static inline void fill(uint64_t gpa, uint32_t len, uint32_t seed)
{
	uint8_t *p = fake_ram(gpa, len);

	for (uint32_t i = 0; i < len; i++)
		p[i] = (uint8_t)((i + seed) * 2654435761u >> 13);
}

#endif /* TESTS_PV_DISK_H */
