// SPDX-License-Identifier: BSD-2-Clause
/*
 * The PV network device, misused by raw calls and rings; see nethostile.h.
 *
 * A round: queues are refused that are none; good and bad entries are mixed,
 * each must be answered once, with the status that its fault has, and the good
 * ones do what they say; then the rings are filled with rubbish. The reset at
 * the start of the next round must bring the device back.
 */
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <unistd.h>

#include "hypercall/ring.h"
#include "nethostile.h"
#include "raw.h"

#define ANY	1000		/* a wanted status: 0, or an error of a frame's own */
#define SENT	1001		/* 0, or EIO: the other end did not take it in time */
#define IDS	512u

struct queue {
	uint32_t entries, bell;
	struct pvk_ring sq, cq;
	struct pvk_ring_ctl *ctl;
	struct {
		union pvk_sqe_words last;
		int want;		/* status */
		unsigned int puts;	/* times in flight */
		uint32_t at, len;	/* of a receive buffer, into the area */
	} id[IDS];
	uint32_t in_flight;
};

static struct raw_host host;
static uint32_t device;
static struct pvk_dev_info info;
static uint64_t accepted;
static struct queue rx, tx;
static uint32_t number;		/* of frames */
static uint64_t refused, stopped, received;

static int64_t call_with(uint32_t nr, void *s, uint32_t size, bool index)
{
	int64_t status;

	memcpy(area + LISTS, s, size);
	status = index ? raw_call(&host, nr, 0, area_gpa + LISTS, size, 0) :
			 raw_call(&host, nr, area_gpa + LISTS, size, 0, 0);
	memcpy(s, area + LISTS, size);
	return status;
}

/* Fills info; 0 or the status. */
static int64_t look(void)
{
	info = (struct pvk_dev_info){ .size = sizeof(info) };
	return call_with(PVK_CALL_DEV_INFO, &info, sizeof(info), true);
}

/* Repeats a call while it says EAGAIN, for 10 s. */
static int64_t until_done(uint32_t nr)
{
	double end = seconds() + 10;
	int64_t status;

	do {
		status = raw_call(&host, nr, device, 0, 0, 0);
	} while (status == -PVK_EAGAIN && seconds() < end);
	return status;
}

static bool find(void)
{
	if (raw_find(&host) && !iopl(3))
		return true;
	fprintf(stderr, "nethostile: no pvkit host, or not root\n");
	return false;
}

static int begin(void)
{
	struct pvk_negotiate n = { .size = sizeof(n), .version = PVK_ABI_VERSION };
	int64_t status;

	if (!find())
		return 1;
	n.accept = raw_offered(&host);
	status = call_with(PVK_CALL_NEGOTIATE, &n, sizeof(n), false);
	if (!status)
		status = look();
	device = info.id;
	if (!status && info.type != PVK_DEV_NET)
		status = -PVK_ENOENT;
	if (!status)
		status = until_done(PVK_CALL_UNPLUG);
	if (status)
		fprintf(stderr, "nethostile: no PV network device: status %lld\n",
			(long long)status);
	return status ? 1 : 0;
}

/* ---- queues ---- */

/* Queues that must be refused; the good ones are set up afterwards. */
static bool bad_queues_refused(void)
{
	struct pvk_queue_setup good = {
		.size = sizeof(good), .device = device, .queue = below(2), .entries = 16,
		.sq_gpa = area_gpa, .cq_gpa = area_gpa + 0x10000, .ctl_gpa = area_gpa + 0x20000,
		.channel = PVK_CHANNEL_NONE,
	};

	for (unsigned int i = 0; i < 8; i++) {
		struct pvk_queue_setup q = good;
		int64_t status;

		switch (below(7)) {
		case 0:
			q.sq_gpa = nowhere();
			break;
		case 1:
			q.cq_gpa = nowhere();
			break;
		case 2:
			q.ctl_gpa = nowhere();
			break;
		case 3:
			q.sq_gpa += 1 + below(4095);
			break;
		case 4:
			q.ctl_gpa += 1 + below(127);
			break;
		case 5:
			q.entries = below(2) ? 3 + 2 * below(1000) : 0x80000000u >> below(20);
			break;
		default:
			q.queue = info.max_queues + below(1000);
			break;
		}
		status = call_with(PVK_CALL_QUEUE_SETUP, &q, sizeof(q), false);
		if (status == -PVK_EFAULT || status == -PVK_EINVAL)
			continue;
		fprintf(stderr, "nethostile: queue %u (%u entries, 0x%llx, 0x%llx, 0x%llx): %lld\n",
			q.queue, q.entries, (unsigned long long)q.sq_gpa,
			(unsigned long long)q.cq_gpa, (unsigned long long)q.ctl_gpa,
			(long long)status);
		return false;
	}
	return true;
}

static int64_t queue_setup(struct queue *q, uint32_t index, uint32_t entries)
{
	uint32_t place = RINGS + index * 0x20000;
	struct pvk_queue_setup s = {
		.size = sizeof(s), .device = device, .queue = index, .entries = entries,
		.sq_gpa = area_gpa + place, .cq_gpa = area_gpa + place + 0x10000,
		.ctl_gpa = area_gpa + place + 0x18000, .channel = PVK_CHANNEL_NONE,
	};
	int64_t status;

	memset(q, 0, sizeof(*q));
	memset(area + place, 0, 0x20000);
	q->entries = entries;
	q->ctl = (void *)(area + place + 0x18000);
	pvk_ring_init(&q->sq, area + place, &q->ctl->sq_wake, entries);
	pvk_ring_init(&q->cq, area + place + 0x10000, &q->ctl->cq_wake, entries);
	status = call_with(PVK_CALL_QUEUE_SETUP, &s, sizeof(s), false);
	q->bell = s.doorbell;
	return status;
}

/* Device RESET -> RUNNING. */
static bool start(void)
{
	struct pvk_net_rx_mode mode = { .size = sizeof(mode), .flags = PVK_NET_RX_PROMISC,
					.mac = { 2, 0, 0, 0, 0, 1 } };
	uint32_t entries = 16u << below(5);
	int64_t status = until_done(PVK_CALL_DEV_RESET);

	if (!status)
		status = look();
	if (!status && info.state != PVK_DEV_RESET)
		status = -PVK_EPROTO;
	accepted = info.features & (below(3) ? ~0ull : rnd());
	accepted &= ~PVK_NET_F_RSS;
	if (!status && raw_call(&host, PVK_CALL_DEV_ACCEPT, device, 1ull << 63, 0, 0) >= 0)
		status = -PVK_EIO;
	if (!status)
		status = raw_call(&host, PVK_CALL_DEV_ACCEPT, device, accepted, 0, 0);
	if (!status && !bad_queues_refused())
		return false;
	if (!status)
		status = queue_setup(&rx, 0, entries);
	if (!status)
		status = queue_setup(&tx, 1, entries);
	if (!status && accepted & PVK_NET_F_RX_MODE) {
		memcpy(area + LISTS, &mode, sizeof(mode));
		status = raw_call(&host, PVK_CALL_DEV_CONTROL, device, PVK_NET_CTL_RX_MODE,
				  area_gpa + LISTS, sizeof(mode));
	}
	if (!status)
		status = raw_call(&host, PVK_CALL_DEV_START, device, 0, 0, 0);
	if (status)
		fprintf(stderr, "nethostile: the device does not start: status %lld, state %u\n",
			(long long)status, info.state);
	return !status;
}

static void put(struct queue *q, const void *e, uint16_t id, int want)
{
	union pvk_sqe_words words;
	uint32_t old = q->sq.next;

	memcpy(&words, e, sizeof(words));
	words.sqe.id = id;
	q->id[id].last = words;
	q->id[id].want = want;
	q->id[id].puts++;
	q->in_flight++;
	pvk_sq_put(&q->sq, &words);
	if (pvk_ring_must_wake(&q->sq, old) || below(8) == 0)
		outl(q->bell, (uint16_t)host.bell_port);
}

/* Takes an answer; false: none is there, or *wrong is set. */
static bool answer(struct queue *q, struct pvk_cqe *cqe, bool *wrong)
{
	union pvk_cqe_words words;
	int want;

	if (!pvk_cq_pending(&q->cq) || !pvk_cq_get(&q->cq, &words))
		return false;
	*cqe = words.cqe;
	if (cqe->id >= IDS || !q->id[cqe->id].puts) {
		fprintf(stderr, "nethostile: an answer to id %u, which is not in flight\n",
			cqe->id);
		*wrong = true;
		return false;
	}
	q->id[cqe->id].puts--;
	q->in_flight--;
	want = q->id[cqe->id].want;
	if (want == SENT)
		*wrong = cqe->status && cqe->status != -PVK_EIO;
	else if (want == ANY)
		*wrong = cqe->status && cqe->status != -PVK_EIO && cqe->status != -PVK_EINVAL;
	else
		*wrong = cqe->status != want;
	refused += cqe->status < 0;
	if (*wrong) {
		fprintf(stderr, "nethostile: id %u, op %u: status %d, not %d; the entry:", cqe->id,
			cqe->op, cqe->status, want);
		for (unsigned int i = 0; i < 8; i++)
			fprintf(stderr, " %016llx", q->id[cqe->id].last.word[i]);
		fprintf(stderr, "; accepted 0x%llx\n", (unsigned long long)accepted);
	}
	return !*wrong;
}

/* ---- sending ---- */

/* The frame in pieces: inline, or as a list in place `place`. */
static void scatter(struct pvk_net_tx_sqe *e, uint32_t at, unsigned int place)
{
	uint32_t list_at = LISTS + 0x1000 + place % 8 * 512;
	struct pvk_seg *list = (void *)(area + list_at);
	uint32_t left = e->length;

	e->nsegs = (uint16_t)(below(2) ? 1 : 1 + below(PVK_NET_MAX_SEGS));
	if (e->nsegs > left)
		e->nsegs = 1;
	for (unsigned int i = 0; i < e->nsegs; i++) {
		uint32_t more = e->nsegs - i - 1u;
		uint32_t part = more ? 1 + below((left - more) / (more + 1) + 1) : left;
		struct pvk_seg seg = { .gpa = area_gpa + at, .len = part > left - more ?
				       left - more : part };

		if (e->nsegs <= PVK_NET_INLINE_SEGS)
			e->seg[i] = seg;
		else
			list[i] = seg;
		at += seg.len;
		left -= seg.len;
	}
	e->list_gpa = e->nsegs > PVK_NET_INLINE_SEGS ? area_gpa + list_at : 0;
}

/* A frame with offloads, by the book or not quite: ANY, or -1 when none were accepted. */
static int offloaded(struct pvk_net_tx_sqe *e, uint32_t at)
{
	static const uint64_t needs[] = { PVK_NET_F_TSO4, PVK_NET_F_TSO6, PVK_NET_F_USO };
	uint8_t *frame = area + at;
	unsigned int kind = below(4);	/* three kinds of cutting; sums only */
	bool six = kind == 1, tcp = kind < 2;
	uint32_t header = 14 + (six ? 40u : 20u) + (tcp ? 20u : 8u);
	bool odd = below(3) == 0;

	if (e->length < header + 300)
		e->length = header + 300;
	if (odd)
		header += below(200);
	if (!(accepted & PVK_NET_F_CSUM))
		return -1;
	if (kind < 3 && !(accepted & needs[kind]))
		kind = 3;
	frame_make(frame, number++, e->length, kind < 3 ? header : SUMMED);
	frame_headers(frame, e->length, six, tcp);
	if (odd)	/* options, other protocols, contradictions */
		for (unsigned int i = 0; i < 4; i++)
			frame[14 + below(60)] = (uint8_t)rnd();
	e->flags = PVK_NET_CSUM;
	e->csum_start = (uint16_t)(14 + (six ? 40 : 20));
	e->csum_offset = tcp ? 16 : 6;
	if (odd && below(2))
		e->csum_start = (uint16_t)below(header);
	if (kind < 3) {
		e->gso = (uint8_t)(kind + 1);
		e->hdr_len = (uint16_t)header;
		e->gso_size = (uint16_t)(PVK_NET_MIN_GSO + below(2) * below(3000) + below(1500));
	}
	return ANY;
}

/* Spoils a good entry: the status that it must get. */
static int spoil(struct pvk_net_tx_sqe *e)
{
	unsigned int i = below(2);

	switch (below(14)) {
	case 0:
		e->nsegs = 1;
		e->list_gpa = 0;
		e->seg[0] = (struct pvk_seg){ .gpa = nowhere(), .len = e->length };
		return -PVK_EFAULT;
	case 1:
		e->length = below(2) ? below(14) : MAX_FRAME + 1 + below(1u << 31);
		return -PVK_EINVAL;
	case 2:
		e->length += e->length < MAX_FRAME ? 1 : -1u;
		return -PVK_EINVAL;
	case 3:
		e->reserved2 = 1u << below(32);
		return -PVK_EINVAL;
	case 4:
		e->nsegs = (uint16_t)(below(2) ? 0 : PVK_NET_MAX_SEGS + 1 + below(60000));
		return -PVK_EINVAL;
	case 5:
		e->nsegs = 3 + (uint16_t)below(30);
		e->list_gpa = area_gpa + LISTS + 1 + below(15);
		return -PVK_EINVAL;
	case 6:
		e->nsegs = 3 + (uint16_t)below(30);
		e->list_gpa = nowhere() & ~0xfffull;
		return -PVK_EFAULT;
	case 7:
		e->op = (uint8_t)(below(2) ? PVK_NET_RX : 3 + below(250));
		return -PVK_ENOSYS;
	case 8:
		e->flags |= (uint8_t)(0x08u << below(5));
		return -PVK_EINVAL;
	case 9:
		e->gso = (uint8_t)(4 + below(250));
		e->flags |= PVK_NET_CSUM;
		return -PVK_EINVAL;
	case 10:	/* a list that leaves its page */
		e->nsegs = 32;
		e->list_gpa = area_gpa + LISTS + 0x1000 - 16;
		return -PVK_EINVAL;
	case 11:
		e->nsegs = 2;
		e->list_gpa = 0;
		e->seg[i] = (struct pvk_seg){ .gpa = area_gpa + FRAMES, .len = 0 };
		e->seg[!i] = (struct pvk_seg){ .gpa = area_gpa + FRAMES, .len = e->length };
		return -PVK_EINVAL;
	case 12:	/* a place of a sum that is not asked for */
		e->csum_start = 1 + (uint16_t)below(1000);
		return -PVK_EINVAL;
	default:
		e->flags |= PVK_NET_CSUM;
		e->csum_start = (uint16_t)(e->length < UINT16_MAX ? e->length - below(2) :
						below(14));
		return accepted & PVK_NET_F_CSUM ? -PVK_EINVAL : -PVK_ENOTSUP;
	}
}

/* Good and bad frames; all are answered as they must be. */
static bool send_round(void)
{
	unsigned int count = below(4) == 0 ? 7 : tx.entries < 32 ? tx.entries : 32;
	double end = seconds() + 20;
	uint32_t used = 0;
	bool wrong = false;
	struct pvk_cqe cqe;

	for (unsigned int i = 0; i < count; i++) {
		struct pvk_net_tx_sqe e = { .op = PVK_NET_TX };
		uint32_t left = FRAMES_SIZE / count;
		int want = SENT;

		/* A large packet may become longer by 400 bytes. */
		e.length = frame_length(left - 400 < MAX_FRAME ? left - 400 : MAX_FRAME);
		if (below(3) == 0)
			want = offloaded(&e, FRAMES + used);
		if (want != ANY) {
			want = SENT;	/* not accepted */
			frame_make(area + FRAMES + used, number++, e.length, 0);
		}
		scatter(&e, FRAMES + used, i);
		used += e.length;
		if (want == SENT && below(2))
			want = spoil(&e);
		/* Some ids several times in flight: that is the guest's affair. */
		put(&tx, &e, (uint16_t)(want == SENT && below(4) == 0 ? IDS - 1 : i), want);
		/* Lists are in eight places. */
		while (!wrong && tx.in_flight >= 8 && seconds() < end)
			if (!answer(&tx, &cqe, &wrong))
				usleep(100);
	}
	while (!wrong && tx.in_flight && seconds() < end)
		if (!answer(&tx, &cqe, &wrong))
			usleep(100);
	if (!wrong && tx.in_flight)
		fprintf(stderr, "nethostile: %u frames are not answered\n", tx.in_flight);
	return !wrong && !tx.in_flight;
}

/* ---- receiving ---- */

static void put_buffer(uint16_t id)
{
	uint32_t len = below(2) ? 2048 : PVK_NET_MIN_BUFFER + below(4000);
	uint32_t at = BUFFERS + id * 6144u % (BUFFERS_SIZE - 6144);
	struct pvk_net_rx_sqe e = { .op = PVK_NET_RX, .seg = { .gpa = area_gpa + at, .len = len } };
	int want = 0;

	if (below(4) == 0) {
		switch (below(5)) {
		case 0:
			e.seg.gpa = nowhere();
			want = -PVK_EFAULT;
			break;
		case 1:
			e.seg.len = below(2) ? below(64) : 65536 + below(1u << 31);
			want = -PVK_EINVAL;
			break;
		case 2:
			e.reserved2[below(5)] = rnd() | 1;
			want = -PVK_EINVAL;
			break;
		case 3:
			e.flags = 0x02;
			want = -PVK_EINVAL;
			break;
		default:
			e.op = PVK_NET_TX;
			want = -PVK_ENOSYS;
			break;
		}
	}
	memset(area + at, GUARD_BYTE, 6144);
	rx.id[id].at = at;
	rx.id[id].len = len;
	put(&rx, &e, id, want);
}

static bool complain(const char *what, const struct pvk_cqe *cqe)
{
	fprintf(stderr, "nethostile: received: %s (id %u, flags 0x%x, value 0x%llx)\n", what,
		cqe->id, cqe->flags, (unsigned long long)cqe->value);
	return false;
}

/* Gives buffers, and looks for a while at what comes. */
static bool receive_round(void)
{
	static uint8_t frame[MAX_FRAME + 8192];
	unsigned int count = rx.entries < 48 ? rx.entries : 48;
	double end = seconds() + 0.15;
	uint32_t length = 0;
	bool wrong = false;
	struct pvk_cqe cqe;

	for (unsigned int i = 0; i < count; i++)
		put_buffer((uint16_t)i);
	while (rx.in_flight && seconds() < end) {
		uint32_t part, at, len;

		if (!answer(&rx, &cqe, &wrong)) {
			if (wrong)
				return false;
			usleep(200);
			continue;
		}
		if (cqe.status)
			continue;
		at = rx.id[cqe.id].at;
		len = rx.id[cqe.id].len;
		part = PVK_NET_RX_LENGTH(cqe.value);
		if (!part || part > len || length + part > MAX_FRAME ||
		    (cqe.flags & PVK_NET_MORE && part != len))
			return complain("a length that cannot be", &cqe);
		for (uint32_t i = part; i < 6144; i++)
			if (area[at + i] != GUARD_BYTE)
				return complain("written behind the frame", &cqe);
		memcpy(frame + length, area + at, part);
		length += part;
		if (cqe.flags & PVK_NET_MORE)
			continue;
		if (!frame_from_host(frame, length, 0))
			return complain("not as it was sent", &cqe);
		received++;
		length = 0;
	}
	return true;
}

/* ---- disorder ---- */

static uint64_t some_word(void)
{
	return below(2) ? rnd() : below(2) ? below(64) : 0;
}

/* Entries of any kind; those that name RAM name what belongs to their direction. */
static void rubbish(struct queue *q, bool sends)
{
	uint32_t place = sends ? FRAMES : BUFFERS;
	__u64 *slots = q->sq.slots;

	for (uint32_t i = 0; i < q->entries; i++) {
		struct pvk_net_tx_sqe e = {
			.id = (uint16_t)rnd(), .op = (uint8_t)below(4),
			.nsegs = (uint16_t)below(40),
			.flags = (uint8_t)(below(2) ? PVK_ENTRY_PHASE : rnd()),
			.length = below(2) ? 60 + below(8) : (uint32_t)some_word(),
			.gso = (uint8_t)below(5), .gso_size = (uint16_t)some_word(),
			.hdr_len = (uint16_t)some_word(), .csum_start = (uint16_t)some_word(),
			.csum_offset = (uint16_t)some_word(),
			.list_gpa = below(2) ? 0 : area_gpa + LISTS + 0x2000 + 16 * below(64),
		};
		uint64_t word[8];

		for (unsigned int k = 0; k < 2; k++)
			e.seg[k] = (struct pvk_seg){
				.gpa = below(4) ? area_gpa + place + below(65536) : nowhere(),
				.len = below(2) ? 30 + below(8) : below(65536),
			};
		memcpy(word, &e, sizeof(word));
		if (!sends) {	/* the buffer stands where the length is */
			struct pvk_net_rx_sqe b = { .id = e.id, .op = PVK_NET_RX, .flags = e.flags,
						    .seg = e.seg[0] };
			memcpy(word, &b, sizeof(word));
		}
		for (unsigned int k = 1; k < 8; k++)
			slots[i * 8 + k] = word[k];
		__atomic_store_n(&slots[i * 8], word[0], __ATOMIC_RELEASE);
		if (below(4) == 0)
			outl(below(4) ? q->bell : (uint32_t)rnd(), (uint16_t)host.bell_port);
	}
}

static void disorder(void)
{
	struct pvk_seg *list = (void *)(area + LISTS + 0x2000);
	unsigned int i;

	memset(area + FRAMES, 0x33, FRAMES_SIZE);
	for (i = 0; i < 256; i++)
		list[i] = (struct pvk_seg){
			.gpa = below(8) ? area_gpa + FRAMES + below(65536) : nowhere(),
			.len = below(3000), .reserved = below(16) ? 0 : 1,
		};
	rubbish(&tx, true);
	rubbish(&rx, false);
	for (i = 0; i < 16; i++) {
		/* Controls; the host copies them from where they are. */
		for (unsigned int k = 0; k < 64; k++)
			((uint64_t *)(void *)(area + LISTS))[k] = some_word();
		*(uint32_t *)(void *)(area + LISTS) = below(2) ? 400 : below(2) ? 304 : 16;
		(void)raw_call(&host, PVK_CALL_DEV_CONTROL, device, below(5), area_gpa + LISTS,
			       below(2) ? 400 : below(2) ? 304 : 16);
	}
	/* The host's own line, its answers, and entries while it reads them. */
	memset(tx.ctl, (int)rnd(), sizeof(*tx.ctl));
	memset(rx.ctl, (int)rnd(), sizeof(*rx.ctl));
	outl(tx.bell, (uint16_t)host.bell_port);
	outl(rx.bell, (uint16_t)host.bell_port);
	memset(tx.cq.slots, (int)rnd(), tx.entries * 16);
	memset(rx.cq.slots, (int)rnd(), rx.entries * 16);
	for (i = 0; i < 4; i++) {
		rubbish(&tx, true);
		usleep(1000);
	}
	(void)look();
	stopped += info.state == PVK_DEV_NEEDS_RESET;
}

static bool rounds_of(uint64_t rounds)
{
	for (uint64_t n = 0; n < rounds; n++) {
		if (!start() || !send_round() || !receive_round()) {
			fprintf(stderr, "nethostile: in round %llu\n", (unsigned long long)n);
			return false;
		}
		if (below(8))	/* else: reset out of order */
			disorder();
	}
	if (start() && send_round())
		return true;
	fprintf(stderr, "nethostile: the device does not come back\n");
	return false;
}

int hostile_pv(uint64_t rounds)
{
	bool good;

	if (begin())
		return 1;
	good = rounds_of(rounds);
	/* In any case: the rings are memory that is somebody else's after us. */
	if (until_done(PVK_CALL_DEV_RESET)) {
		fprintf(stderr, "nethostile: no last reset\n");
		return 1;
	}
	while (raw_call(&host, PVK_CALL_LEAVE, 0, 0, 0, 0) == -PVK_EAGAIN)
		;
	printf("pvkit %llu rounds, %llu refused, %llu ended with NEEDS_RESET, %llu received\n",
	       (unsigned long long)rounds, (unsigned long long)refused, (unsigned long long)stopped,
	       (unsigned long long)received);
	return good && refused && received ? 0 : 1;
}

int hostile_break(void)
{
	double end = seconds() + 10;
	uint32_t n, generation;

	if (!find() || look() || info.type != PVK_DEV_NET || info.state != PVK_DEV_RUNNING) {
		fprintf(stderr, "nethostile: no PV network device that runs\n");
		return 1;
	}
	device = info.id;
	if (until_done(PVK_CALL_DEV_RESET) ||
	    raw_call(&host, PVK_CALL_DEV_ACCEPT, device, 0, 0, 0) || queue_setup(&rx, 0, 2) ||
	    queue_setup(&tx, 1, 2) ||
	    raw_call(&host, PVK_CALL_DEV_START, device, 0, 0, 0)) {
		fprintf(stderr, "nethostile: the device does not start\n");
		return 1;
	}
	/* Its driver may be quicker than our look at the state. */
	(void)look();
	generation = info.generation;
	/*
	 * Two buffers, too small for a frame, and always a third: the host
	 * finds it when it has taken two and a frame needs more.
	 */
	for (n = 0; info.generation == generation && seconds() < end; n++) {
		struct pvk_net_rx_sqe e = { .op = PVK_NET_RX,
					    .seg = { area_gpa + BUFFERS, 64, 0 } };
		union pvk_sqe_words words;

		memcpy(&words, &e, sizeof(words));
		pvk_sq_put(&rx.sq, &words);
		outl(rx.bell, (uint16_t)host.bell_port);
		usleep(3000);
		(void)look();
	}
	printf("state %u after %u buffers\n", info.state, n);
	if (info.generation != generation)
		return 0;
	until_done(PVK_CALL_DEV_RESET);		/* the rings are ours */
	return 1;
}
