// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fuzzer of disks whose host fails: IDE and PV disks on the real back end, and an
 * io_uring and a clock that the input plays. An input is a series of requests on
 * both, and of what the kernel does with each operation: a part of it, any error,
 * later, in any order, no room for it; images that become shorter and longer; resets
 * and detaching meanwhile. Whatever they are: each PV request is answered once, with a
 * status of the ABI; what reads say is done is what the image holds; and all
 * ends when the kernel works again.
 */
/* LINK: PV_STEP host-stub/emu/ide.c host-stub/emu/ide_cmd.c host-stub/emu/pci.c */
/* LIBS: -lpthread -Wl,--wrap=ioctl -Wl,--wrap=hs_now -Wl,--wrap=write -Wl,--wrap=nanosleep -Wl,--wrap=open */
#include <fcntl.h>

#include "fuzz.h"
#include "tests/unit/fake_net.h"
#include "tests/unit/ide_guest.h"
#include "tests/unit/pv_guest.h"
#include "step_worker.h"

#define DISK	(256u << 10)
#define DISKS	3u		/* IDE, PV, PV with O_DIRECT */
#define ENTRIES	16u
#define BUFFER(id)	(PV_DATA + (id) * 0x40000ull)

/* ---- the kernel ---- */

int __wrap_open(const char *path, int flags, ...);
int __real_open(const char *path, int flags, ...);
int __wrap_nanosleep(const struct timespec *wait, struct timespec *left);

/* Direct I/O is the kernel's affair, and memory's file systems have none. */
int __wrap_open(const char *path, int flags, ...)
{
	return __real_open(path, flags & ~O_DIRECT);
}

/* Who waits sees the kernel work. */
int __wrap_nanosleep(const struct timespec *wait, struct timespec *left)
{
	(void)left;
	step.now += (uint64_t)wait->tv_nsec + 1000000;
	(void)step_all();
	return 0;
}

static const int trouble[] = { -EIO, -EAGAIN, -EINTR, -ENOSPC, -EROFS, -EOPNOTSUPP, -EINVAL, -EPERM,
			       -EDQUOT, -EFBIG, -ENOSYS, 0, -EAGAIN, -EAGAIN };

static ssize_t move(const struct io_uring_sqe *sqe, size_t most)
{
	struct iovec one = { .iov_base = (void *)(uintptr_t)sqe->addr, .iov_len = sqe->len };
	const struct iovec *iov = (const void *)(uintptr_t)sqe->addr;
	bool vector = sqe->opcode == IORING_OP_READV || sqe->opcode == IORING_OP_WRITEV;
	bool writes = sqe->opcode == IORING_OP_WRITE || sqe->opcode == IORING_OP_WRITEV;
	size_t n = vector ? sqe->len : 1, done = 0;

	if (!vector)
		iov = &one;
	for (size_t i = 0; i < n && done < most; i++) {
		size_t part = iov[i].iov_len < most - done ? iov[i].iov_len : most - done;
		off_t at = (off_t)(sqe->off + done);
		ssize_t ret = writes ? pwrite(sqe->fd, iov[i].iov_base, part, at) :
				       pread(sqe->fd, iov[i].iov_base, part, at);

		if (ret < 0)
			return -errno;
		done += (size_t)ret;
		if ((size_t)ret < part)
			break;
	}
	return (ssize_t)done;
}

/* how: 0 all of it; up to 0x7f that part of it; above that an error, or nothing. */
static int step_execute(const struct step_op *op, uint8_t how)
{
	const struct io_uring_sqe *sqe = &op->sqe;

	if (how >= 0x80)
		return trouble[how % (sizeof(trouble) / sizeof(trouble[0]))];
	switch (sqe->opcode) {
	case IORING_OP_READ:
	case IORING_OP_READV:
	case IORING_OP_WRITE:
	case IORING_OP_WRITEV:
		/* single bytes, too: no file system does, so nobody may rely on it */
		return (int)move(sqe, how ? how * 37u : SIZE_MAX);
	case IORING_OP_FSYNC:
		return 0;
	case IORING_OP_FALLOCATE:
		return fallocate(sqe->fd, (int)sqe->len, (off_t)sqe->off, (off_t)sqe->addr) < 0 ?
			       -errno : 0;
	}
	MUST(!"an operation that the ring would refuse");
	return -EINVAL;
}

/* ---- the PV disks ---- */

static struct pv_queue queue[2];	/* of disk 1 and 2 */
static struct {
	bool busy;
	uint8_t op;
	uint64_t gpa;
	uint32_t length;
} slot[2][ENTRIES];
static unsigned int flying;

static void start(unsigned int d)
{
	MUST(pv_call(PVK_CALL_DEV_ACCEPT, d + 1, 7, 0) == 0);
	MUST(pv_queue_setup(&queue[d], d + 1, 0, ENTRIES, 3) == 0);
	MUST(pv_call(PVK_CALL_DEV_START, d + 1, 0, 0) == 0);
	memset(slot[d], 0, sizeof(slot[d]));
}

static void reset(unsigned int d)
{
	MUST(pv_until_done(PVK_CALL_DEV_RESET, d + 1) == 0);
	for (unsigned int i = 0; i < ENTRIES; i++)
		flying -= slot[d][i].busy;
}

static bool is_status(int status)
{
	static const uint8_t some[] = { PVK_OK, PVK_EIO, PVK_ENOSPC, PVK_EINVAL, PVK_EFAULT,
					PVK_ERANGE, PVK_EROFS, PVK_ENOSYS, PVK_ENOTSUP };

	return status <= 0 && status > -256 && memchr(some, -status, sizeof(some));
}

/* All of a buffer was read into: nobody writes the byte that lay there before. */
static void look_at_data(uint64_t gpa, uint32_t length)
{
	const uint8_t *at = fake_ram(gpa, length);

	for (uint32_t i = 0; i < length; i++)
		MUST(at[i] != 0xee);
}

static void reap(void)
{
	for (unsigned int d = 0; d < 2; d++) {
		union pvk_cqe_words words;

		while (pvk_cq_get(&queue[d].cq, &words)) {
			unsigned int id = words.cqe.id;

			MUST(id < ENTRIES && slot[d][id].busy && words.cqe.op == slot[d][id].op);
			MUST(is_status(words.cqe.status));
			if (words.cqe.op == PVK_BLK_READ && !words.cqe.status)
				look_at_data(slot[d][id].gpa, slot[d][id].length);
			slot[d][id].busy = false;
			flying--;
		}
	}
}

static void submit(struct input *in, unsigned int d)
{
	uint8_t what = (uint8_t)take(in, 1), shape = (uint8_t)take(in, 1);
	struct pvk_blk_sqe e = { .op = 1 + what % 5, .flags = what >> 3 & 3,
				 .sector = take(in, 1) * (what & 0x20 ? 5 : 1) };
	unsigned int id = 0, odd = shape & 0x80 ? 8 * (shape & 7) : 0;
	uint32_t n = 1 + (shape & 0x1f);

	while (id < ENTRIES && slot[d][id].busy)
		id++;
	if (id == ENTRIES)
		return;
	e.id = (uint16_t)id;
	if (e.op == PVK_BLK_READ || e.op == PVK_BLK_WRITE) {
		uint64_t page = PV_LISTS + (d * ENTRIES + id) * 4096ull,
			 at = BUFFER(d * ENTRIES + id);

		memset(fake_ram(at, n * 2048 + 64), e.op == PVK_BLK_READ ? 0xee : what & 0x7f,
		       n * 2048 + 64);
		e.nsegs = (uint16_t)n;
		e.list_gpa = page;
		for (uint32_t i = 0; i < n; i++) {
			struct pvk_seg seg = { .gpa = at + odd, .len = shape & 0x20 ? 2048 : 512 };

			if (n <= 2)
				e.seg[i] = seg;
			else
				memcpy(fake_ram(page + i * sizeof(seg), sizeof(seg)), &seg,
				       sizeof(seg));
			at += seg.len;
			e.length += seg.len;
		}
		/* At an odd address a direct one is moved by way of a buffer. */
		slot[d][id].gpa = BUFFER(d * ENTRIES + id) + odd;
		slot[d][id].length = (uint32_t)e.length;
		if (e.op == PVK_BLK_READ && !(what & 0x40))
			e.flags = 0;
	} else if (e.op != PVK_BLK_FLUSH) {
		e.length = n * 512ull * (shape & 0x40 ? 16 : 1);
		e.flags = what & 0x40 ? e.flags : 0;
	} else {
		e.flags = 0;
		e.sector = 0;
	}
	slot[d][id].busy = true;
	slot[d][id].op = e.op;
	flying++;
	pv_submit(&queue[d], &e);
}

/* ---- the IDE disk ---- */

static void ide_command(struct input *in)
{
	static const uint8_t opcodes[] = { 0x20, 0x24, 0x29, 0x30, 0x34, 0x39, 0xc4, 0xc5,
					  0x25, 0x35, 0x3d, 0xc8, 0xca, 0xea, 0x40, 0xe7};
	uint8_t kind = (uint8_t)take(in, 1), opcode = opcodes[take(in, 1) % sizeof(opcodes)];
	uint32_t lba = (uint32_t)take(in, 1), count = (uint32_t)take(in, 1);
	uint16_t words[512] = { 0 };

	ide_start(kind & 1, 0, opcode, lba, count);
	if (kind & 4)
		bm_out(0, 1, BM_START | (kind & 8));
	if (kind & 0x10)
		(void)step_all();
	if (kind & 0x20)
		hs_io_dispatch(fake.vm.io, HS_PIO, HS_PORT_IDE0, kind & 0x40, 2, words,
			       1 + (uint32_t)take(in, 1) * 2);
}

/* Nothing hangs on it, and it identifies itself. */
static void ide_recover(void)
{
	uint16_t id[256];

	bm_out(0, 1, 0);
	bm_out(2, 1, BM_ERROR | BM_IRQ);
	ide_control(CTL_SRST);
	ide_control(0);
	MUST(FAKE_UNTIL(ide_detach(0) == 0));
	ide_attach(0);
	ide_select(0);
	ide_out(R_STATUS, 0xec);
	MUST(ide_pio_in(id, 512, 512, 2) == 0x50);
	MUST(id[60] == DISK / 512);
}

/* ---- the input ---- */

static int image[DISKS];

static void kernel_works(struct input *in)
{
	struct hs_worker *w = hs_blk_worker(fake.blk[take(in, 1) % DISKS]);
	uint8_t n = (uint8_t)take(in, 1), how = (uint8_t)take(in, 1);

	for (unsigned int i = 0; i < 1u + (n >> 5); i++) {
		if (!step_complete(w, n & 0x1f, how))
			break;
		if (how >= 0x80 && i & 1)
			(void)step_round(w);
	}
}

static void rounds(void)
{
	for (unsigned int i = 0; i < STEP_WORKERS; i++)
		if (step.worker[i])
			(void)step_round(step.worker[i]);
}

static void resize(unsigned int d, uint64_t bytes)
{
	MUST(ftruncate(image[d], (off_t)bytes) == 0);
	hs_blk_check_size(fake.blk[d]);
}

static void one_thing(struct input *in)
{
	uint8_t what = (uint8_t)take(in, 1);
	unsigned int d = what >> 4 & 1;

	switch (what & 15) {
	case 0:
	case 1:
	case 2:
		for (unsigned int i = 0; i < 1u + (what >> 5); i++)
			submit(in, d);
		break;
	case 3:
	case 4:
		ide_command(in);
		break;
	case 5:
		ide_prd(what >> 4, (uint32_t)(0x400000 + take(in, 2)), (uint32_t)take(in, 2),
			take(in, 1) & 1);
		break;
	case 6:
		if (what & 0x80) {
			reset(d);
			start(d);
		} else if (ide_detach(0) == 0) {
			ide_attach(0);
		}
		break;
	case 7:
		if (what & 0x80)
			ide_control(what & 0x40 ? CTL_SRST : 0);
		else
			step.refuse = (unsigned int)take(in, 1) & 0x3f;
		break;
	case 8:
		resize((what >> 4) % DISKS, what & 0x80 ? DISK : (1 + take(in, 1)) * 512);
		break;
	case 9:
		(void)step_all();
		break;
	case 10:
		rounds();
		break;
	default:
		kernel_works(in);
	}
	if (what & 0x80)
		rounds();
	reap();
}

static void power_on(void)
{
	setenv("TMPDIR", "/dev/shm", 0);
	fake.config.pv_offer = PV_ALL;
	for (unsigned int i = 0; i < DISKS; i++) {
		MUST(fake_disk(i, DISK, i ? HS_MODELS_PVKIT : HS_MODELS_EMULATED));
		image[i] = open(fake.path[i], O_RDWR | O_CLOEXEC);
		MUST(image[i] >= 0);
	}
	fake.config.disk[2].direct = true;
	fuzz_power_on();
	MUST(hs_pci_create(&fake.vm) == 0 && hs_ide_create(&fake.vm) == 0 &&
	     hs_pv_create(&fake.vm) == 0);
	MUST(pv_negotiate(PV_ALL) == 0 && pv_bind(3, 0x33) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	step.now = 1000000000;
	if (!fake.vm.pv)
		power_on();
	for (unsigned int i = 0; i < DISKS; i++) {
		MUST(ftruncate(image[i], 0) == 0);
		resize(i, DISK);
	}
	(void)step_all();
	memset(fake_ram(IDE_PRD, 1024), 0, 1024);
	bm_out(4, 4, (uint32_t)IDE_PRD);
	start(0);
	start(1);
	while (in.left)
		one_thing(&in);
	step.refuse = 0;
	for (unsigned int i = 0; i < DISKS; i++)
		resize(i, DISK);
	(void)step_all();
	for (unsigned int i = 0; i < 5000 && flying; i++) {
		(void)step_all();
		reap();
	}
	MUST(!flying);
	reset(0);
	reset(1);
	ide_recover();
	return 0;
}
