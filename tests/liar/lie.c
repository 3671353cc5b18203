// SPDX-License-Identifier: BSD-2-Clause
/*
 * The lies of a hostile host: see host-stub/liar.h for where they are told, and
 * kinds.h for which.
 *
 * A host may write to all of a guest's memory, and no guest survives one that
 * does. What is asked here is whether a guest that is lied to keeps its books: so
 * nothing is written but where an honest device may write, and memory that the
 * guest may believe to be its own again is not touched any more. That is:
 *  - an answer never names a request that the back end has. After one that the
 *    guest may take for the end of a later request of that id, requests of that id
 *    are not done until the queue is set up anew (`confused`);
 *  - DEV_RESET, LEAVE and the like never succeed where they did not;
 *  - answers are put into rings only while the device runs.
 */
#include <string.h>
#include <unistd.h>

#include "../../host-stub/pv/pv_net.h"
#include "../../host-stub/pv/pv_priv.h"
#include "../../host-stub/liar.h"
#include "kinds.h"

#define QUEUES	64u		/* followed at a time */
#define IDS	PVK_RING_MAX_ENTRIES

/* What was said about the requests of a queue; its worker's alone. */
struct said {
	struct hs_pv_queue *q;
	bool taken[IDS];	/* read from the ring and not answered */
	bool confused[IDS];	/* the guest may believe such a one answered that is not */
	bool undone;		/* the request being served is not to be done */
	union pvk_cqe_words late;	/* an answer held back */
	bool has_late;
};

static struct said table[QUEUES];
static _Atomic unsigned int tables;
static _Thread_local bool inside;	/* what the liar does is not lied about */
static uint64_t current;		/* number of the call that is served; pv->lock */

static struct said *said_of(struct hs_pv_queue *q)
{
	unsigned int i, n = atomic_load(&tables);

	for (i = 0; i < n && i < QUEUES; i++)
		if (table[i].q == q)
			return &table[i];
	i = atomic_fetch_add(&tables, 1) % QUEUES;
	memset(&table[i], 0, sizeof(table[i]));
	table[i].q = q;
	return &table[i];
}

/* ---- answers ---- */

static void put(struct hs_pv_queue *q, const union pvk_cqe_words *e)
{
	pvk_cq_put(&q->cq, e);
}

static bool by_id(const struct hs_pv_queue *q)
{
	return q->ops->req_size;
}

/* An id of no request that the back end has: in range, unless the dice say otherwise. */
static uint16_t other_id(struct hs_pv_queue *q, struct said *s, uint16_t id, uint64_t *dice)
{
	uint64_t r = liar_next(dice);

	if (r % 4 == 0)
		return (uint16_t)(q->entries + liar_next(dice) % (65536 - q->entries));
	for (unsigned int i = 0; i < 64; i++) {
		/* Never the next: a receive queue's guest takes that for its next buffer. */
		uint16_t try =
			(uint16_t)((id + 2 + liar_next(dice) % (q->entries - 1)) % q->entries);

		if (try != id && (!by_id(q) || (try < IDS && !s->taken[try])) &&
		    try != (id + 1) % q->entries)
			return try;
	}
	return (uint16_t)q->entries;
}

static void confuse(struct said *s, uint16_t id)
{
	if (id < IDS)
		s->confused[id] = true;
}

static void invent(struct hs_pv_queue *q, struct said *s, uint16_t near, uint8_t op,
		   uint64_t *dice)
{
	union pvk_cqe_words e = { .cqe = { .id = other_id(q, s, near, dice), .op = op } };

	if (liar_next(dice) % 4 == 0)
		e.cqe.op = (uint8_t)liar_next(dice);
	if (liar_next(dice) % 4 == 0)
		e.cqe.status = (int32_t)liar_value(dice, 0);
	e.cqe.value = liar_value(dice, 60);
	confuse(s, e.cqe.id);
	put(q, &e);
}

static int32_t lie_status(uint64_t *dice, int32_t was)
{
	static const int32_t values[] = { 0, -PVK_EIO, -PVK_ENOSPC, -PVK_ENOTSUP, -PVK_EAGAIN,
					  1, INT32_MAX, INT32_MIN, -4096 };
	int32_t value = values[liar_next(dice) % (sizeof(values) / sizeof(values[0]))];

	return value == was ? -PVK_EIO : value;
}

/* A receive completion's value has fields: one of them, or any bits. */
static uint64_t lie_value(struct hs_pv_queue *q, const struct pvk_cqe *e, uint64_t *dice)
{
	static const struct {
		uint8_t at, bits;
	} fields[] = { { 0, 16 }, { 16, 16 }, { 32, 3 }, { 35, 5 }, { 40, 16 }, { 56, 8 } };
	uint64_t r = liar_next(dice), value = e->value, mask, field;
	unsigned int i = r % (sizeof(fields) / sizeof(fields[0]));

	if (e->op != PVK_NET_RX || by_id(q) || (r >> 8) % 8 == 0)
		return liar_value(dice, value);
	mask = (1ull << fields[i].bits) - 1;
	field = liar_value(dice, value >> fields[i].at & mask) & mask;
	value = (value & ~(mask << fields[i].at)) | field << fields[i].at;
	/* Half the time flags that go with a large packet or a partial sum, too. */
	if (r >> 16 & 1)
		value |= PVK_NET_RX_PARTIAL | (r >> 17 & 3) << 32 |
			 (r >> 19 & 1 ? 0 : 34ull << 40 | 16ull << 56 | 1000ull << 16);
	return value;
}

/* All of the buffer that is being answered is the host's to write. */
static void fill(struct hs_pv_queue *q, const struct pvk_cqe *e)
{
	struct hs_pv_net_rx *rx = (struct hs_pv_net_rx *)q;
	struct hs_pv_net_buffer *b = &rx->held[(rx->first - 1) & (q->entries - 1)];
	uint32_t length = PVK_NET_RX_LENGTH(e->value);

	if (b->at && length < b->len)
		memset(b->at + length, 0xa5, b->len - length);
}

/* A ring full of what was never asked. */
static void storm(struct hs_pv_queue *q, struct said *s, uint8_t op, uint64_t *dice)
{
	uint32_t n = q->entries + (uint32_t)(liar_next(dice) % (q->entries + 1));

	while (n--)
		invent(q, s, (uint16_t)liar_next(dice), op, dice);
}

/* What may happen beside any answer. */
static void aside(struct hs_pv_queue *q)
{
	struct hs_vm *vm = q->dev->pv->vm;
	struct pvk_info_clock *clock;
	uint64_t dice;

	if (liar_lies(LIAR_SQ_WAKE, &dice))
		pvk_store(&q->ctl->sq_wake, (uint32_t)liar_value(&dice, q->sq.next));
	if (liar_lies(LIAR_NOTIFY, &dice))
		hs_pv_dev_changed(q->dev);
	if (!vm->info_clock || !liar_lies(LIAR_CLOCK, &dice))
		return;
	clock = hs_mem_at(vm->mem, vm->info_clock, sizeof(*clock));
	liar_field(&dice, clock, sizeof(clock->head), sizeof(*clock));
	(void)hs_pv_event_raise_fixed(q->dev->pv, PVK_CHANNEL_CLOCK);
}

bool hs_liar_answer(struct hs_pv_queue *q, union pvk_cqe_words *e)
{
	struct said *s = said_of(q);
	uint16_t id = e->cqe.id;
	uint64_t dice;
	bool dealt = false;

	if (inside)
		return false;
	inside = true;
	if (id < IDS)
		s->taken[id] = false;
	if (s->undone) {
		s->undone = false;
		e->cqe.status = PVK_OK;
	}
	if (e->cqe.op == PVK_NET_RX && !by_id(q) && e->cqe.status == PVK_OK &&
	    liar_lies(LIAR_RX_FILL, &dice))
		fill(q, &e->cqe);
	if (liar_lies(LIAR_CQ_INVENT, &dice))
		invent(q, s, id, e->cqe.op, &dice);
	if (liar_lies(LIAR_CQ_STORM, &dice))
		storm(q, s, e->cqe.op, &dice);
	if (liar_lies(LIAR_CQ_STATUS, &dice))
		e->cqe.status = lie_status(&dice, e->cqe.status);
	if (liar_lies(LIAR_CQ_VALUE, &dice))
		e->cqe.value = lie_value(q, &e->cqe, &dice);
	if (liar_lies(LIAR_CQ_OP, &dice)) {
		if (liar_next(&dice) & 1)
			e->cqe.op = (uint8_t)liar_value(&dice, e->cqe.op);
		else
			e->cqe.flags = (uint8_t)liar_value(&dice, e->cqe.flags);
	}
	if (liar_lies(LIAR_CQ_ID, &dice)) {
		e->cqe.id = other_id(q, s, id, &dice);
		confuse(s, e->cqe.id);
	}
	if (liar_lies(LIAR_CQ_PHASE, &dice)) {
		q->cq.next += q->entries;	/* the phase of the pass after this one */
		put(q, e);
		q->cq.next -= q->entries;
		dealt = true;
	} else if (liar_lies(LIAR_CQ_DROP, &dice)) {
		dealt = true;
	} else if (!s->has_late && liar_lies(LIAR_CQ_LATE, &dice)) {
		s->late = *e;
		s->has_late = true;
		dealt = true;
	} else if (liar_lies(LIAR_CQ_DUP, &dice)) {
		put(q, e);
		confuse(s, e->cqe.id);
	} else if (s->has_late) {
		put(q, e);
		*e = s->late;
		s->has_late = false;
	}
	aside(q);
	inside = false;
	return dealt;
}

bool hs_liar_skips(struct hs_pv_queue *q, uint16_t id)
{
	struct said *s = said_of(q);
	uint64_t dice;

	/* The first entry since the queue was set up: nothing was said before. */
	if (q->sq.next == 1) {
		memset(s, 0, sizeof(*s));
		s->q = q;
	}
	s->undone = liar_lies(LIAR_UNDONE, &dice);
	if (id < IDS && !s->undone && !s->confused[id]) {
		s->taken[id] = true;
		return false;
	}
	return true;
}

/* ---- calls ---- */

struct bogus {
	struct hs_pv_queue *q;
	uint64_t dice;
};

static void put_bogus(void *arg)
{
	struct bogus *b = arg;
	struct hs_pv_queue *q = b->q;
	uint8_t op = q->dev->ops->type == PVK_DEV_NET ? 1 + (uint8_t)(q->index & 1) : PVK_BLK_READ;

	if (!q->live)
		return;
	inside = true;
	invent(q, said_of(q), (uint16_t)liar_next(&b->dice), op, &b->dice);
	hs_irq_msi_raise(q->dev->pv->vm->irq, q->channel);
	inside = false;
}

/* A running device whose reset is asked for completions for unknown requests, in each queue. */
static void last_answers(struct hs_pv *pv, uint64_t device, uint64_t dice)
{
	struct hs_pv_dev *dev = device && device <= pv->devices ? pv->dev[device - 1] : NULL;

	for (unsigned int i = 0; dev && i < HS_PV_QUEUES; i++) {
		struct bogus b = { .q = dev->queue[i], .dice = liar_next(&dice) };

		if (b.q && b.q->worker && b.q->channel != PVK_CHANNEL_NONE)
			hs_worker_call(b.q->worker, put_bogus, &b);
	}
}

/* Lies about the reset of a device, which has its own. True: *status is the answer. */
static bool lie_reset(struct hs_pv *pv, uint64_t device, int64_t *status)
{
	static unsigned int again;	/* times that the guest is still kept waiting */
	uint64_t dice;

	if (!again && liar_lies(LIAR_RESET_BOGUS, &dice)) {
		last_answers(pv, device, dice);
		again = 1 + (unsigned int)(liar_next(&dice) % 16);
	}
	if (again) {
		again--;
		*status = -PVK_EAGAIN;
		return true;
	}
	if (liar_lies(LIAR_RESET_NEVER, &dice)) {
		*status = -PVK_EAGAIN;
		return true;
	}
	if (liar_lies(LIAR_RESET_REFUSE, &dice)) {
		*status = liar_next(&dice) & 1 ? -PVK_EPERM : -PVK_EIO;
		return true;
	}
	return false;
}

/* Whose success or failure decides what memory the host uses: never told to be done. */
static bool frees(uint64_t number)
{
	switch (number) {
	case PVK_CALL_NEGOTIATE:
	case PVK_CALL_LEAVE:
	case PVK_CALL_PLATFORM_NEGOTIATE:
	case PVK_CALL_PLATFORM_LEAVE:
		return true;
	default:
		return false;
	}
}

/* What the host then does with the guest's memory, whatever it says: refused or true. */
static bool binds(uint64_t number)
{
	return number == PVK_CALL_DEV_RESET || number == PVK_CALL_CPU_START ||
	       number == PVK_CALL_CONSOLE_SETUP;
}

/* The end of a test is not lied about. */
static bool exempt(uint64_t number)
{
	return number == PVK_CALL_POWER || number == PVK_CALL_POWER_REQUEST;
}

static int64_t error_of(uint64_t *dice)
{
	static const int values[] = { PVK_EPERM, PVK_ENOENT, PVK_EIO, PVK_EFAULT, PVK_EBUSY,
				      PVK_EINVAL, PVK_ENOSPC, PVK_ENOSYS, PVK_EPROTO, PVK_ENOTSUP,
				      PVK_EVERSION, 12, 4096, 1 << 30 };

	return -values[liar_next(dice) % (sizeof(values) / sizeof(values[0]))];
}

bool hs_liar_refuses(struct hs_pv *pv, uint64_t number, const uint64_t arg[4], int64_t *status)
{
	static unsigned int again;
	uint64_t dice;

	current = number;
	if (exempt(number))
		return false;
	if (number == PVK_CALL_DEV_RESET && lie_reset(pv, arg[0], status))
		return true;
	if (!again && liar_lies(LIAR_CALL_AGAIN, &dice))
		again = 1 + (unsigned int)(liar_next(&dice) % 16);
	if (again) {
		again--;
		*status = -PVK_EAGAIN;
		return true;
	}
	if (number == PVK_CALL_DEV_RESET || !liar_lies(LIAR_CALL_REFUSE, &dice))
		return false;
	*status = error_of(&dice);
	return true;
}

int64_t hs_liar_status(uint64_t number, int64_t status)
{
	uint64_t dice;

	if (exempt(number) || binds(number) || (frees(number) && status < 0) ||
	    !liar_lies(LIAR_CALL_STATUS, &dice))
		return status;
	if (liar_next(&dice) & 1)
		return error_of(&dice);
	return (int64_t)liar_value(&dice, (uint64_t)status);
}

void hs_liar_struct(void *copy, uint64_t size)
{
	uint64_t dice;

	if (current == PVK_CALL_DEV_CONFIG) {
		if (liar_lies(LIAR_CONFIG, &dice))
			liar_field(&dice, copy, 0, size);
	} else if (liar_lies(LIAR_STRUCT, &dice)) {
		liar_field(&dice, copy, 4, size);
	}
	if (current == PVK_CALL_DEV_INFO && size >= sizeof(struct pvk_dev_info) &&
	    liar_lies(LIAR_TWICE, &dice))
		((struct pvk_dev_info *)copy)->id = 1;
}

/* ---- events ---- */

bool hs_liar_event(struct hs_irq *irq, unsigned int n)
{
	uint64_t dice;
	bool dealt = false;

	if (inside)
		return false;
	inside = true;
	if (liar_lies(LIAR_EV_STORM, &dice)) {
		for (unsigned int i = 0; i < 200; i++)
			hs_irq_msi_raise(irq, liar_next(&dice) & 1 ? n : (unsigned int)
					     (liar_next(&dice) % HS_IRQ_MSIS));
	} else if (liar_lies(LIAR_EV_OTHER, &dice)) {
		hs_irq_msi_raise(irq, (unsigned int)(liar_next(&dice) % HS_IRQ_MSIS));
		dealt = liar_next(&dice) & 1;
	} else if (liar_lies(LIAR_EV_DROP, &dice)) {
		dealt = true;
	}
	inside = false;
	return dealt;
}

/* ---- what a booting kernel reads ---- */

/* Sections whose contents are the CPU's business: their values are believed by any kernel. */
static bool contents_count(uint32_t tag)
{
	return tag == PVK_INFO_CLOCK || tag == PVK_INFO_CPUS || tag == PVK_INFO_SEED;
}

/* The test reads the guest's reports there: without it, or its interrupt, they are not seen. */
static void liar_leaves_the_uart(struct pvk_info_absent *absent)
{
	absent->mask &= ~(PVK_ABSENT_UART | PVK_ABSENT_ISA | PVK_ABSENT_PIC | PVK_ABSENT_IOAPIC |
			  PVK_ABSENT_ACPI | PVK_ABSENT_BIOS);
}

void hs_liar_page(uint8_t *page, uint32_t bytes)
{
	struct pvk_info_section head;
	uint64_t dice;

	if (!liar_lies(LIAR_PAGE, &dice))
		return;
	if (liar_next(&dice) % 8 == 0)
		liar_field(&dice, page, 0, sizeof(struct pvk_info));
	for (uint32_t at = sizeof(struct pvk_info); at + 16 <= bytes;) {
		memcpy(&head, page + at, sizeof(head));
		if (liar_next(&dice) % 3 == 0) {
			if (contents_count(head.tag))
				liar_field(&dice, page + at, 8, head.bytes);
			else	/* head, and the count behind it */
				liar_field(&dice, page + at, 0, 16);
		}
		if (head.tag == PVK_INFO_ABSENT)
			liar_leaves_the_uart((struct pvk_info_absent *)(void *)(page + at));
		at += head.bytes;
	}
}

void hs_liar_offer(uint32_t index, uint32_t reg[4])
{
	uint64_t dice;

	/* Signature, ports, and the page's place: then there is no host to speak of. */
	if ((index != PVK_CPUID_VERSION && index != PVK_CPUID_LIMITS &&
	     index != PVK_CPUID_FEATURES) || !liar_lies(LIAR_OFFER, &dice))
		return;
	reg[liar_next(&dice) % 4] = (uint32_t)liar_value(&dice, reg[0]);
}

void hs_liar_console(struct pvk_console *ctl)
{
	uint64_t dice;

	if (liar_lies(LIAR_CONSOLE, &dice))
		liar_field(&dice, &ctl->out_tail, 0, 12);
}
