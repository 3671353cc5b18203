/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the PV network device share: a machine with four NICs, and
 * the guest's half of a pair of queues, which holds the host to abi/net.h:
 * each answer is of a request in flight, buffers are filled in order and up to
 * their end, and nothing is written behind what a completion says.
 */
#ifndef TESTS_PV_NIC_H
#define TESTS_PV_NIC_H

#include "fake_net.h"
#include "pv_guest.h"

/* ids of the devices, and numbers of their NICs; NIC 1 has no pvkit model */
#define COUNTERPART	1u	/* with a counterpart; one back-end queue, all offloads */
#define MULTI	2u	/* two back-end queues, no offload */
#define PLAIN	3u	/* one back-end queue, no offload */
#define NIC_COUNTERPART	0u
#define NIC_MULTI	2u
#define NIC_PLAIN	3u

#define EVENT		9u
#define PAIRS		4u
#define SLOTS		256u
#define SLOT_BYTES	0x10000u
#define GUARD		0xa7
#define RX_MEMORY	PV_DATA			/* a slot each, of any pair: 16 MiB */
#define TX_MEMORY	(PV_DATA + 0x1400000ull)

static const uint64_t all_offloads = PVK_NET_F_CSUM | PVK_NET_F_TSO4 | PVK_NET_F_TSO6 |
				     PVK_NET_F_USO | PVK_NET_F_RX_OFFLOADS;

struct pair {
	struct pv_queue rx, tx;
	struct {
		bool busy;
		uint64_t gpa;
		uint32_t len;
	} slot[SLOTS];
	uint32_t order[SLOTS], put, got;	/* ids in the order in which they were put */
};

static struct pair pair[PAIRS];

static int power_on(void **state)
{
	const uint32_t all = HS_NET_CSUM | HS_NET_TSO4 | HS_NET_TSO6 | HS_NET_USO | HS_NET_ECN;

	(void)state;
	memset(pair, 0, sizeof(pair));
	fake.config.pv_offer = PV_ALL;
	fake.config.vcpus = PAIRS;
	fake.vm.net = fake_nets;
	if (!fake_nic(0, 1, all, HS_MODELS_BOTH) || !fake_nic(1, 1, 0, HS_MODELS_EMULATED) ||
	    !fake_nic(2, 2, 0, HS_MODELS_PVKIT) || !fake_nic(3, 1, 0, HS_MODELS_PVKIT))
		return -1;
	if (fake_create())
		return -1;
	fake.vm.net = fake_nets;
	return hs_pv_create(&fake.vm);
}

static int power_off(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < HS_MAX_NICS; n++)
		if (fake_nets[n])
			fake_net_mode(n, FAKE_NET_SINK);
	fake_destroy();
	fake_nics_close();
	return 0;
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, power_on, power_off)

/* To state SETUP with these pairs. */
static inline void setup(uint32_t device, unsigned int pairs, uint32_t entries, uint64_t features,
			 uint32_t channel)
{
	memset(pair, 0, sizeof(pair));
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_bind(EVENT, 0x40), 0);
	assert_int_equal(pv_call(PVK_CALL_UNPLUG, device, 0, 0), 0);
	assert_int_equal(pv_call(PVK_CALL_DEV_ACCEPT, device, features, 0), 0);
	for (unsigned int k = 0; k < pairs; k++) {
		assert_int_equal(pv_queue_setup(&pair[k].rx, device, 2 * k, entries, channel), 0);
		assert_int_equal(pv_queue_setup(&pair[k].tx, device, 2 * k + 1, entries, channel),
				 0);
	}
}

static inline void start(uint32_t device, unsigned int pairs, uint32_t entries, uint64_t features)
{
	setup(device, pairs, entries, features, PVK_CHANNEL_NONE);
	assert_int_equal(pv_call(PVK_CALL_DEV_START, device, 0, 0), 0);
}

static inline int64_t control(uint32_t device, uint32_t op, const void *s, uint32_t size)
{
	struct hs_call call = { .number = PVK_CALL_DEV_CONTROL,
				.arg = { device, op, PV_STRUCTS, size } };

	memcpy(fake_ram(PV_STRUCTS, size), s, size);
	hs_pv_call(fake.vm.pv, &call);
	return call.status;
}

/* ---- receiving ---- */

static inline uint64_t slot_gpa(unsigned int k, uint32_t id)
{
	return RX_MEMORY + ((k * SLOTS / PAIRS + id) % SLOTS) * (uint64_t)SLOT_BYTES;
}

/* A buffer of len bytes; id is its slot. */
static inline void post(unsigned int k, uint32_t id, uint32_t len)
{
	struct pair *p = &pair[k];
	struct pvk_net_rx_sqe e = { .id = (uint16_t)id, .op = PVK_NET_RX,
				    .seg = { .gpa = slot_gpa(k, id), .len = len } };

	assert_false(p->slot[id].busy);
	p->slot[id].busy = true;
	p->slot[id].gpa = e.seg.gpa;
	p->slot[id].len = len;
	p->order[p->put++ % SLOTS] = id;
	memset(fake_ram(e.seg.gpa, len), GUARD, len);
	pv_submit(&p->rx, &e);
}

/*
 * The next frame of a pair, which is all there: bytes to `frame`, value of the
 * first completion to *value. The number of buffers it took.
 */
static inline unsigned int take_frame(unsigned int k, uint8_t *frame, uint32_t *length,
				      uint64_t *value)
{
	struct pair *p = &pair[k];
	unsigned int n = 0;
	bool more = true;

	for (*length = 0; more; n++) {
		uint32_t id = p->order[p->got++ % SLOTS], part;
		struct pvk_cqe cqe;
		uint8_t *at;

		assert_true(pv_answer(&p->rx, &cqe));
		assert_int_equal(cqe.id, id);
		assert_true(p->slot[id].busy);
		assert_int_equal(cqe.op, PVK_NET_RX);
		assert_int_equal(cqe.status, PVK_OK);
		assert_int_equal(cqe.value & PVK_NET_RX_RESERVED, 0);
		more = cqe.flags & PVK_NET_MORE;
		part = PVK_NET_RX_LENGTH(cqe.value);
		if (!n)
			*value = cqe.value;
		else
			assert_int_equal(cqe.value, part);
		assert_true(part && part <= p->slot[id].len);
		if (more)
			assert_int_equal(part, p->slot[id].len);
		at = fake_ram(p->slot[id].gpa, p->slot[id].len);
		memcpy(frame + *length, at, part);
		for (uint32_t i = part; i < p->slot[id].len; i++)
			assert_int_equal(at[i], GUARD);
		*length += part;
		p->slot[id].busy = false;
	}
	return n;
}

/* ---- sending ---- */

/* A frame whose bytes follow from the seed, to broadcast, of a type that nobody knows. */
static inline void make_frame(uint8_t *frame, uint32_t length, uint32_t seed)
{
	for (uint32_t i = 0; i < length; i++)
		frame[i] = (uint8_t)((i + seed * 7919u) * 2654435761u >> 13);
	memset(frame, 0xff, 6);
	frame[12] = 0x88;
	frame[13] = 0xb5;
}

/* `length` bytes in nsegs pieces with gaps between them, inline or as a list. */
static inline struct pvk_net_tx_sqe scattered(const uint8_t *frame, uint32_t length, uint16_t nsegs,
					      unsigned int place)
{
	struct pvk_net_tx_sqe e = { .op = PVK_NET_TX, .nsegs = nsegs, .length = length };
	uint64_t gpa = TX_MEMORY + place * 0x20000ull + 1, list_gpa = PV_LISTS + place * 4096ull;
	struct pvk_seg *list = fake_ram(list_gpa, 4096);
	uint32_t each = length / nsegs;

	for (unsigned int i = 0; i < nsegs; i++) {
		uint32_t part = i + 1u == nsegs ? length - each * i : each;
		struct pvk_seg seg = { .gpa = gpa, .len = part };

		if (nsegs <= PVK_NET_INLINE_SEGS)
			e.seg[i] = seg;
		else
			list[i] = seg;
		memcpy(fake_ram(gpa, part), frame, part);
		frame += part;
		gpa += part + 3;
	}
	if (nsegs > PVK_NET_INLINE_SEGS)
		e.list_gpa = list_gpa;
	return e;
}

/* One entry of a transmit queue and its status; id and op of the answer are checked. */
static inline int send_on(struct pv_queue *q, struct pvk_net_tx_sqe e)
{
	static uint16_t id;
	struct pvk_cqe cqe;

	e.id = id += 0x1357;
	pv_submit(q, &e);
	assert_true(pv_answer(q, &cqe));
	assert_int_equal(cqe.id, e.id);
	assert_int_equal(cqe.op, e.op);
	assert_int_equal(cqe.flags & ~PVK_ENTRY_PHASE, 0);
	assert_int_equal(cqe.value, 0);
	return cqe.status;
}

#endif /* TESTS_PV_NIC_H */
