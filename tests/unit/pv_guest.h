/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's side of the contract for tests and fuzzers: calls into a stub
 * on the fake VM, and a queue with the guest's half of the ring. The
 * places of structures and rings in guest memory are fixed here.
 */
#ifndef TESTS_PV_GUEST_H
#define TESTS_PV_GUEST_H

#include "fake_vm.h"
#include "fake_platform.h"

#include "host-stub/pv/pv.h"
#include "hypercall/ring.h"

#define PV_STRUCTS	0x10000ull	/* call structures */
#define PV_BATCH	0x20000ull	/* batches, 256 KiB */
#define PV_LISTS	0x80000ull	/* segment lists, a page each */
#define PV_RINGS	0x100000ull	/* 64 KiB a queue */
#define PV_DATA		0x1000000ull	/* buffers, from 16 MiB on */
#define PV_ALL		(PVK_FEAT_EVENT | PVK_FEAT_BUS | PVK_FEAT_BATCH | PVK_FEAT_UNPLUG)

struct pv_queue {
	uint32_t device, index, entries, channel, doorbell;
	uint64_t sq_gpa, cq_gpa, ctl_gpa;
	struct pvk_ring sq, cq;
	struct pvk_ring_ctl *ctl;
};

static inline int64_t pv_call(uint32_t number, uint64_t a, uint64_t b, uint64_t c)
{
	struct hs_call call = { .number = number, .arg = { a, b, c, 0 } };

	hs_pv_call(fake.vm.pv, &call);
	return call.status;
}

/* A call with a structure, which is copied in and back out. */
static inline int64_t pv_struct(uint32_t number, void *s, uint32_t size)
{
	void *ram = fake_ram(PV_STRUCTS, size);
	int64_t status;

	memcpy(ram, s, size);
	status = pv_call(number, PV_STRUCTS, size, 0);
	memcpy(s, ram, size);
	return status;
}

static inline int64_t pv_negotiate(uint64_t accept)
{
	struct pvk_negotiate n = { .size = sizeof(n),
				   .version = PVK_ABI_VERSION,
				   .accept = accept };

	return pv_struct(PVK_CALL_NEGOTIATE, &n, sizeof(n));
}

/* Repeats a call while it says EAGAIN, for 10 s. */
static inline int64_t pv_until_done(uint32_t number, uint64_t arg)
{
	int64_t status;

	(void)FAKE_UNTIL((status = pv_call(number, arg, 0, 0)) != -PVK_EAGAIN);
	return status;
}

static inline int64_t pv_dev_info(uint32_t index, struct pvk_dev_info *info)
{
	void *ram = fake_ram(PV_STRUCTS, sizeof(*info));
	int64_t status;

	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	memcpy(ram, info, sizeof(*info));
	status = pv_call(PVK_CALL_DEV_INFO, index, PV_STRUCTS, sizeof(*info));
	memcpy(info, ram, sizeof(*info));
	return status;
}

/* State of the device with this id, which its index + 1 happens to be. */
static inline uint32_t pv_state(uint32_t device)
{
	struct pvk_dev_info info;

	return pv_dev_info(device - 1, &info) == 0 ? info.state : ~0u;
}

static inline int64_t pv_bind(uint32_t channel, uint32_t vector)
{
	struct pvk_event_bind bind = { .size = sizeof(bind), .channel = channel,
				       .msi_address = 0xfee00000ull, .msi_data = vector };

	return pv_struct(PVK_CALL_EVENT_BIND, &bind, sizeof(bind));
}

/* Zeroed rings of a queue, in their place. */
static inline struct pvk_queue_setup pv_queue_memory(struct pv_queue *q, uint32_t device,
						     uint32_t index, uint32_t entries,
						     uint32_t channel)
{
	uint64_t base = PV_RINGS + (device * 8ull + index) * 0x10000;

	*q = (struct pv_queue){ .device = device, .index = index, .entries = entries,
				.channel = channel, .sq_gpa = base, .cq_gpa = base + 0x8000,
				.ctl_gpa = base + 0xc000 };
	memset(fake_ram(base, 0x10000), 0, 0x10000);
	q->ctl = fake_ram(q->ctl_gpa, sizeof(*q->ctl));
	pvk_ring_init(&q->sq, fake_ram(q->sq_gpa, 1), &q->ctl->sq_wake, entries);
	pvk_ring_init(&q->cq, fake_ram(q->cq_gpa, 1), &q->ctl->cq_wake, entries);
	return (struct pvk_queue_setup){ .size = sizeof(struct pvk_queue_setup), .device = device,
					 .queue = index, .entries = entries, .sq_gpa = q->sq_gpa,
					 .cq_gpa = q->cq_gpa, .ctl_gpa = q->ctl_gpa,
					 .channel = channel };
}

static inline int64_t pv_queue_setup(struct pv_queue *q, uint32_t device, uint32_t index,
				     uint32_t entries, uint32_t channel)
{
	struct pvk_queue_setup s = pv_queue_memory(q, device, index, entries, channel);
	int64_t status = pv_struct(PVK_CALL_QUEUE_SETUP, &s, sizeof(s));

	q->doorbell = s.doorbell;
	return status;
}

/* Puts a request, an entry of any device type, and rings when the host asked for it. */
static inline void pv_submit(struct pv_queue *q, const void *e)
{
	union pvk_sqe_words words;
	uint32_t old = q->sq.next;

	memcpy(&words, e, sizeof(words));
	pvk_sq_put(&q->sq, &words);
	if (pvk_ring_must_wake(&q->sq, old))
		(void)fake_ring(q->doorbell);
}

/* The next completion, by polling for up to 10 s. False: none came. */
static inline bool pv_answer(struct pv_queue *q, struct pvk_cqe *out)
{
	union pvk_cqe_words words;

	if (!FAKE_UNTIL(pvk_cq_pending(&q->cq)) || !pvk_cq_get(&q->cq, &words))
		return false;
	*out = words.cqe;
	return true;
}

/* Every call there is */
static const uint32_t all_calls[] = {
	PVK_CALL_NOP, PVK_CALL_NEGOTIATE, PVK_CALL_LEAVE, PVK_CALL_BATCH, PVK_CALL_EVENT_BIND,
	PVK_CALL_EVENT_UNBIND, PVK_CALL_EVENT_RAISE, PVK_CALL_BUS_INFO, PVK_CALL_BUS_NOTIFY,
	PVK_CALL_DEV_INFO, PVK_CALL_DEV_CONFIG, PVK_CALL_DEV_ACCEPT, PVK_CALL_DEV_START,
	PVK_CALL_DEV_RESET, PVK_CALL_DEV_CONTROL, PVK_CALL_QUEUE_SETUP, PVK_CALL_UNPLUG,
	PVK_CALL_REPLUG, PVK_CALL_PLATFORM_NEGOTIATE, PVK_CALL_PLATFORM_LEAVE, PVK_CALL_POWER,
	PVK_CALL_POWER_REQUEST, PVK_CALL_CPU_START, PVK_CALL_CONSOLE_SETUP, PVK_CALL_CONSOLE_FLUSH,
	PVK_CALL_MEM_REPORT,
};

#endif /* TESTS_PV_GUEST_H */
