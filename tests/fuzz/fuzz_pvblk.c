// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fuzzer of the PV block device: requests, rings and control blocks of any
 * contents. A guest that keeps the ring's rules gets each request answered
 * exactly once, with its id and operation and a status of the ABI, whatever
 * the request is; one that breaks them can be reset, and that ends.
 */
/* LINK: PV */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl */
#define FAKE_IDE
#include "fuzz.h"
#include "tests/unit/fake_net.h"
#include "tests/unit/pv_guest.h"

#define DEVICE	1u
#define ENTRIES	8u
#define MOST	24u	/* requests of an input */

static struct pv_queue queue[2];

static void start(uint64_t accept)
{
	MUST(pv_call(PVK_CALL_DEV_ACCEPT, DEVICE, accept, 0) == 0);
	MUST(pv_queue_setup(&queue[0], DEVICE, 0, ENTRIES, 3) == 0);
	MUST(pv_queue_setup(&queue[1], DEVICE, 1, ENTRIES, PVK_CHANNEL_NONE) == 0);
	MUST(pv_call(PVK_CALL_DEV_START, DEVICE, 0, 0) == 0);
}

static bool polite_now;

/*
 * An address: of data, of the rings themselves unless the guest is polite,
 * of what lies at RAM's edges, or anything that is no RAM.
 */
static uint64_t address(struct input *in)
{
	uint8_t kind = (uint8_t)take(in, 1);

	if (kind < 0x10 && !polite_now)
		return queue[kind & 1].sq_gpa + take(in, 2) % 0xc100;
	if (kind < 0xc0)
		return PV_DATA + take(in, 2) * 16 + (kind & 1);
	if (kind < 0xe0)
		return HS_MEM_MIN - (kind & 0x1f) * 64;
	return HS_MEM_MIN + take(in, 8) % (UINT64_MAX - HS_MEM_MIN);
}

/* Any request whose data, if it has any, lies apart from rings and lists. */
static struct pvk_blk_sqe request(struct input *in, uint16_t id)
{
	struct pvk_blk_sqe e = { .id = id };
	uint8_t kind = (uint8_t)take(in, 1);
	uint64_t sum = 0;

	e.op = (uint8_t)(kind & 0x80 ? take(in, 1) : 1 + kind % 5);
	e.flags = kind & 0x40 ? (uint8_t)take(in, 1) : 0;
	e.nsegs = (uint16_t)(kind & 0x20 ? take(in, 2) : take(in, 1) % 5);
	e.sector = kind & 0x10 ? take(in, 8) : take(in, 2) % 2100;
	for (unsigned int i = 0; i < 2; i++)
		e.seg[i].gpa = address(in);
	if (e.nsegs > 2 || kind & 0x08) {
		uint64_t page = PV_LISTS + id % 32 * 4096ull;
		unsigned int n = e.nsegs > 256 ? 256 : e.nsegs;

		for (unsigned int i = 0; i < n; i++) {
			struct pvk_seg seg = { .gpa = i < 8 ? address(in) : PV_DATA,
					       .len = i < 8 ? (uint32_t)take(in, 1) * 64 : 512 };

			if (take(in, 1) == 0xfe)
				seg.reserved = 1;
			memcpy(fake_ram(page + i * sizeof(seg), sizeof(seg)), &seg, sizeof(seg));
			sum += seg.len;
		}
		e.list_gpa = page + (kind & 0x01 ? take(in, 2) & 0xfff : 0);
	} else {
		for (unsigned int i = 0; i < e.nsegs; i++) {
			e.seg[i].len = (uint32_t)take(in, 1) * 256;
			sum += e.seg[i].len;
		}
	}
	e.length = kind & 0x04 ? take(in, 8) : sum;
	if (!e.nsegs && !(kind & 0x04) && e.op != PVK_BLK_FLUSH)
		e.length = take(in, 1) * 512;
	e.reserved = take(in, 1) == 0xfe;
	return e;
}

static bool is_status(int status)
{
	static const uint8_t some[] = { PVK_OK, PVK_EIO, PVK_ENOSPC, PVK_EINVAL, PVK_EFAULT,
					PVK_ERANGE, PVK_EROFS, PVK_ENOSYS, PVK_ENOTSUP };

	return status <= 0 && status > -256 && memchr(some, -status, sizeof(some));
}

/* Keeps the rules of the ring, whatever it asks for. */
static void polite(struct input *in)
{
	struct { bool busy; uint8_t op; } slot[2][ENTRIES] = { 0 };
	unsigned int flying = 0, sent = 0;

	while ((in->left && sent < MOST) || flying) {
		for (unsigned int i = 0; i < 2; i++) {
			struct pv_queue *q = &queue[i];
			union pvk_cqe_words words;

			for (unsigned int s = 0; s < ENTRIES && in->left && sent < MOST; s++) {
				struct pvk_blk_sqe e;

				if (slot[i][s].busy)
					continue;
				e = request(in, (uint16_t)s);
				slot[i][s].busy = true;
				slot[i][s].op = e.op;
				pv_submit(q, &e);
				flying++;
				sent++;
				if (take(in, 1) & 1)
					break;
			}
			if (flying && !in->left)
				MUST(FAKE_UNTIL(pvk_cq_pending(&queue[0].cq) ||
						pvk_cq_pending(&queue[1].cq)));
			while (pvk_cq_get(&q->cq, &words)) {
				MUST(words.cqe.id < ENTRIES && slot[i][words.cqe.id].busy);
				MUST(words.cqe.op == slot[i][words.cqe.id].op);
				MUST(is_status(words.cqe.status));
				slot[i][words.cqe.id].busy = false;
				flying--;
			}
		}
	}
	MUST(pv_state(DEVICE) == PVK_DEV_RUNNING);
	MUST(!pvk_cq_pending(&queue[0].cq) && !pvk_cq_pending(&queue[1].cq));
}

/* Writes what it likes where it likes, while the worker reads it. */
static void rude(struct input *in)
{
	while (in->left) {
		uint8_t what = (uint8_t)take(in, 1);
		struct pv_queue *q = &queue[what & 1];
		struct pvk_blk_sqe e;

		switch (what >> 1 & 7) {
		case 0:
		case 1:
			e = request(in, (uint16_t)take(in, 2));
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
			break;
		case 5:
			(void)fake_ring(q->doorbell);
			break;
		case 6:
			MUST(pv_until_done(PVK_CALL_DEV_RESET, DEVICE) == 0);
			start(take(in, 1) & 7);
			break;
		case 7:
			memset(fake_ram(PV_LISTS + take(in, 2), 16), (int)take(in, 1), 16);
			break;
		}
	}
}

static void power_on(void)
{
	fake.config.pv_offer = PV_ALL;
	fake.config.vcpus = 2;
	MUST(fake_disk(0, 1 << 20, HS_MODELS_PVKIT));
	fuzz_power_on();
	MUST(hs_pv_create(&fake.vm) == 0 && pv_negotiate(PV_ALL) == 0);
	MUST(pv_bind(3, 0x33) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct pvk_dev_info info;
	uint8_t mode;

	if (!fake.vm.pv) {
		setenv("TMPDIR", "/dev/shm", 0);	/* a flush costs nothing there */
		power_on();
		start(7);
		fake_destroy();		/* as it runs */
		power_on();
		MUST(pv_dev_info(0, &info) == 0 && (info.features & 7) == 7);
	}
	mode = (uint8_t)take(&in, 1);
	start(mode & 1 ? 7 : take(&in, 1) & 7);
	polite_now = mode & 2;
	if (polite_now)
		polite(&in);
	else
		rude(&in);
	MUST(pv_until_done(PVK_CALL_DEV_RESET, DEVICE) == 0);
	MUST(pv_state(DEVICE) == PVK_DEV_RESET && fake_doorbells() == 0);
	return 0;
}
