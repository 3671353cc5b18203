// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fuzzer of the PV network device: entries, rings, controls and frames from
 * outside of any contents. A guest that keeps the ring's rules gets each entry
 * answered exactly once, with its id and operation and a status of the ABI,
 * and frames only in buffers that it gave; one that breaks them can be reset,
 * and that ends.
 */
/* LINK: PV */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl */
#define FAKE_IDE
#include "fuzz.h"
#include "tests/unit/fake_net.h"
#include "tests/unit/pv_guest.h"
#include "frames.h"

#define NICS	2u	/* one back-end queue, and two */
#define ENTRIES	8u
#define QUEUES	4u	/* two pairs */
#define MOST	32u	/* entries of an input */

static struct pv_queue queue[QUEUES];
static uint32_t device;		/* id */
static bool polite_now;

static void start(uint64_t accept)
{
	struct pvk_dev_info info;

	MUST(pv_dev_info(device - 1, &info) == 0);
	MUST(pv_call(PVK_CALL_DEV_ACCEPT, device, accept & info.features, 0) == 0);
	for (unsigned int i = 0; i < QUEUES; i++)
		MUST(pv_queue_setup(&queue[i], device, i, ENTRIES,
				    i & 1 ? 3 : PVK_CHANNEL_NONE) == 0);
	MUST(pv_call(PVK_CALL_DEV_START, device, 0, 0) == 0);
}

/* As in fuzz_pvblk.c: of data, of the rings unless polite, RAM's edges, no RAM. */
static uint64_t address(struct input *in)
{
	uint8_t kind = (uint8_t)take(in, 1);

	if (kind < 0x10 && !polite_now)
		return queue[kind % QUEUES].sq_gpa + take(in, 2) % 0xc100;
	if (kind < 0xd0)
		return PV_DATA + take(in, 2) * 16 + (kind & 1);
	if (kind < 0xe8)
		return HS_MEM_MIN - (kind & 0x1f) * 64;
	return HS_MEM_MIN + take(in, 8) % (UINT64_MAX - HS_MEM_MIN);
}

static void tx_entry(struct input *in, uint16_t id, union pvk_sqe_words *words)
{
	struct pvk_net_tx_sqe e = { .id = id, .op = PVK_NET_TX };
	uint8_t kind = (uint8_t)take(in, 1);
	uint32_t sum = 0;

	if (kind & 0x80)
		e.op = (uint8_t)take(in, 1);
	e.nsegs = (uint16_t)(kind & 0x40 ? take(in, 1) % 40 : 1 + (kind & 1));
	for (unsigned int i = 0; i < e.nsegs && i < PVK_NET_MAX_SEGS; i++) {
		struct pvk_seg seg = { .gpa = i < 8 ? address(in) : PV_DATA,
				       .len = i < 8 ? (uint32_t)take(in, 1) * 32 + 14 : 512 };

		sum += seg.len;
		if (e.nsegs <= PVK_NET_INLINE_SEGS)
			e.seg[i] = seg;
		else
			memcpy(fake_ram(PV_LISTS + id % 32 * 4096ull + i * sizeof(seg),
					sizeof(seg)), &seg, sizeof(seg));
	}
	if (e.nsegs > PVK_NET_INLINE_SEGS)
		e.list_gpa = PV_LISTS + id % 32 * 4096ull + (kind & 2 ? take(in, 2) & 0xfff : 0);
	e.length = kind & 0x04 ? (uint32_t)take(in, 4) : sum;
	if (kind & 0x08) {
		e.flags = (uint8_t)take(in, 1);
		e.csum_start = (uint16_t)take(in, 2);
		e.csum_offset = (uint16_t)take(in, 1);
	}
	if (kind & 0x10) {
		e.gso = (uint8_t)(take(in, 1) & 7);
		e.gso_size = (uint16_t)take(in, 2);
		e.hdr_len = (uint16_t)take(in, 1);
	}
	if (kind & 0x20)
		e.reserved2 = take(in, 1) == 0xfe;
	memcpy(words, &e, sizeof(e));
}

static void rx_entry(struct input *in, uint16_t id, union pvk_sqe_words *words)
{
	struct pvk_net_rx_sqe e = { .id = id, .op = PVK_NET_RX };
	uint8_t kind = (uint8_t)take(in, 1);

	if (kind & 0x80)
		e.op = (uint8_t)take(in, 1);
	e.seg.gpa = address(in);
	e.seg.len = kind & 0x40 ? (uint32_t)take(in, 4) : 64 + (uint32_t)take(in, 1) * 8;
	if (kind & 0x20)
		e.reserved2[kind & 3] = take(in, 1) == 0xfe;
	memcpy(words, &e, sizeof(e));
}

static uint8_t entry(struct input *in, unsigned int q, uint16_t id, union pvk_sqe_words *words)
{
	if (q & 1)
		tx_entry(in, id, words);
	else
		rx_entry(in, id, words);
	return words->sqe.op;
}

/* What a back end may hand over: offloads that were asked for or not, any bytes. */
static void frame(struct input *in)
{
	static uint8_t bytes[PVK_NET_MAX_FRAME];
	uint8_t kind = (uint8_t)take(in, 1);
	uint32_t length = kind & 1 ? 14 + (uint32_t)take(in, 2) % (PVK_NET_MAX_FRAME - 13) :
				     14 + (uint32_t)take(in, 1);
	struct hs_net_meta meta = { .valid = kind & 2, .csum = kind & 4 };

	for (unsigned int i = 0; i < 48 && i < length; i++)
		bytes[i] = (uint8_t)take(in, 1);
	if (kind & 0x80) {
		if (!frame_packet(in, bytes, length, &meta) || hs_net_check(&meta, length))
			meta = (struct hs_net_meta){ .valid = kind & 2 };
		memcpy(bytes, fake_nets[device - 1]->info.mac, 6);
	} else if (meta.csum && length >= 60) {
		meta.csum_start = (uint16_t)(14 + take(in, 1) % (length - 20));
		meta.csum_offset = (uint16_t)(take(in, 2) % (length - meta.csum_start - 1));
		meta.gso = kind & 8 ? (uint8_t)(take(in, 1) & 3) : 0;
		meta.gso_size = (uint16_t)(meta.gso ? 100 : 0);
	} else {
		meta.csum = false;
	}
	fake_net_inject(device - 1, kind >> 4 & (device - 1), &meta, bytes, length);
}

/* What to hash and where to: right but for what the input spoils. */
static void steer(struct input *in)
{
	struct pvk_net_rss rss = { .size = sizeof(rss), .types = (uint32_t)take(in, 1) & 0x3f };
	struct hs_call call = { .number = PVK_CALL_DEV_CONTROL,
				.arg = { device, PVK_NET_CTL_RSS, PV_STRUCTS, sizeof(rss) } };
	uint8_t what = (uint8_t)take(in, 1);

	memset(rss.key, what, sizeof(rss.key));
	for (unsigned int i = 0; i < PVK_NET_RSS_TABLE; i++)
		rss.table[i] = (what >> (i & 7)) & 1;
	if (what & 1)
		rss.table[take(in, 1) % PVK_NET_RSS_TABLE] = (uint16_t)take(in, 1);
	memcpy(fake_ram(PV_STRUCTS, sizeof(rss)), &rss, sizeof(rss));
	hs_pv_call(fake.vm.pv, &call);
	MUST(call.status <= 0 && call.status > -256);
}

/* What its configuration says, the link, and the statistics. */
static void look(struct input *in)
{
	static FILE *nowhere;
	struct pvk_net_config *config = fake_ram(PV_STRUCTS, sizeof(*config));
	struct hs_call call = { .number = PVK_CALL_DEV_CONFIG,
				.arg = { device, PV_STRUCTS, sizeof(*config) } };

	hs_net_set_link(fake_nets[device - 1], take(in, 1) & 1);
	hs_pv_call(fake.vm.pv, &call);
	MUST(call.status >= 0 && config->mtu <= config->max_mtu);
	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	MUST(nowhere);
	hs_pv_json(fake.vm.pv, nowhere);
}

static void control(struct input *in)
{
	static const uint16_t sizes[] = { 8, 400, 16, 304 };
	uint32_t op = (uint32_t)take(in, 1) % 5, size = sizes[op % 4];
	struct hs_call call = { .number = PVK_CALL_DEV_CONTROL,
				.arg = { device, op, PV_STRUCTS, size } };
	uint8_t *at = fake_ram(PV_STRUCTS, size);

	memset(at, 0, size);
	memcpy(at, &size, sizeof(size));
	for (uint32_t i = 4; i < size && i < 40 && in->left; i++)
		at[i] = (uint8_t)take(in, 1);
	at[16] &= 1;
	hs_pv_call(fake.vm.pv, &call);
	MUST(call.status <= 0 && call.status > -256);
}

static bool is_status(int status)
{
	static const uint8_t some[] = { PVK_OK, PVK_EIO, PVK_EINVAL, PVK_EFAULT, PVK_ENOSYS,
					PVK_ENOTSUP };

	return status <= 0 && status > -256 && memchr(some, -status, sizeof(some));
}

/* Keeps the rules of the ring, whatever it asks for. */
static void polite(struct input *in)
{
	struct { bool busy; uint8_t op; uint32_t len; } slot[QUEUES][ENTRIES] = { 0 };
	unsigned int sending = 0, sent = 0;

	while ((in->left && sent < MOST) || sending) {
		for (unsigned int i = 0; i < QUEUES; i++) {
			struct pv_queue *q = &queue[i];
			union pvk_cqe_words words;

			for (unsigned int s = 0; s < ENTRIES && in->left && sent < MOST; s++) {
				union pvk_sqe_words e;

				if (slot[i][s].busy)
					continue;
				slot[i][s].op = entry(in, i, (uint16_t)s, &e);
				slot[i][s].busy = true;
				slot[i][s].len = (uint32_t)e.word[2];	/* of a buffer */
				pv_submit(q, &e);
				sending += i & 1;
				sent++;
				if (take(in, 1) & 1)
					break;
			}
			if (in->left)
				frame(in);
			if (in->left && take(in, 1) == 0xa5)
				steer(in);
			if (sending && !in->left)
				MUST(FAKE_UNTIL(pvk_cq_pending(&queue[1].cq) ||
						pvk_cq_pending(&queue[3].cq)));
			while (pvk_cq_get(&q->cq, &words)) {
				unsigned int id = words.cqe.id;

				MUST(id < ENTRIES && slot[i][id].busy);
				MUST(words.cqe.op == slot[i][id].op);
				MUST(is_status(words.cqe.status));
				if (i & 1 || words.cqe.status)
					MUST(!words.cqe.value);
				else
					MUST(PVK_NET_RX_LENGTH(words.cqe.value) &&
					     PVK_NET_RX_LENGTH(words.cqe.value) <=
						     slot[i][id].len &&
					     !(words.cqe.value & PVK_NET_RX_RESERVED));
				slot[i][id].busy = false;
				sending -= i & 1;
			}
		}
	}
	MUST(pv_state(device) == PVK_DEV_RUNNING);
}

/* Writes what it likes where it likes, while the workers read it. */
static void rude(struct input *in)
{
	while (in->left) {
		uint8_t what = (uint8_t)take(in, 1);
		unsigned int i = what % QUEUES;
		struct pv_queue *q = &queue[i];
		union pvk_sqe_words e;

		switch (what >> 2 & 7) {
		case 0:
		case 1:
			entry(in, i, (uint16_t)take(in, 2), &e);
			pv_submit(q, &e);
			break;
		case 2:
			memset(fake_ram(q->sq_gpa + take(in, 2) % 512, 64), (int)take(in, 1), 64);
			break;
		case 3:
			pvk_store(&q->ctl->sq_wake, (uint32_t)take(in, 4));
			pvk_store(&q->ctl->cq_wake, (uint32_t)take(in, 4));
			break;
		case 4:
			q->sq.next = (uint32_t)take(in, 4);
			(void)fake_ring(q->doorbell);
			break;
		case 5:
			frame(in);
			break;
		case 6:
			MUST(pv_until_done(PVK_CALL_DEV_RESET, device) == 0);
			start(take(in, 2));
			break;
		case 7:
			if (what & 0x80)
				steer(in);
			else if (what & 0x40)
				look(in);
			else
				control(in);
			break;
		}
	}
}

static void power_on(void)
{
	fake.config.pv_offer = PV_ALL;
	fake.config.vcpus = 2;
	MUST(fake_nic(0, 1, HS_NET_CSUM | HS_NET_TSO4 | HS_NET_TSO6 | HS_NET_USO,
		      HS_MODELS_PVKIT) &&
	     fake_nic(1, 2, 0, HS_MODELS_BOTH));
	fuzz_power_on();
	fake.vm.net = fake_nets;
	MUST(hs_pv_create(&fake.vm) == 0 && pv_negotiate(PV_ALL) == 0);
	MUST(pv_call(PVK_CALL_UNPLUG, 2, 0, 0) == 0);
	MUST(pv_bind(3, 0x33) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t mode;

	if (!fake.vm.pv) {
		power_on();
		device = 2;
		start(~0ull);
		fake_destroy();		/* as it runs */
		fake_nics_close();
		power_on();
	}
	mode = (uint8_t)take(&in, 1);
	device = 1 + (mode >> 2) % NICS;
	start(mode & 1 ? ~0ull : take(&in, 2));
	polite_now = mode & 2;
	if (polite_now)
		polite(&in);
	else
		rude(&in);
	/* what still waits has to go, or it is the next input's */
	MUST(pv_until_done(PVK_CALL_DEV_RESET, device) == 0);
	MUST(pv_state(device) == PVK_DEV_RESET && fake_doorbells() == 0);
	fake_net_forget(device - 1);
	return 0;
}
