// SPDX-License-Identifier: BSD-2-Clause
/*
 * The porting library's disks and cards against the host stub's real handlers and
 * workers: bytes, refusals, unplug, a host that lies, an OS without memory.
 */
/* MSAN: no: what it asks is the guest's half */
/* LINK: PV hypercall/port/host.c hypercall/port/bus.c hypercall/port/blk.c hypercall/port/net.c hypercall/port/console.c hypercall/port/power.c hypercall/port/info.c */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "port_host.h"
#include "hypercall/port/blk.h"
#include "hypercall/port/net.h"

#define LONG	(1ull << 30)	/* cycles of the strict OS: a million readings */

static struct pvp_host host;
static struct pvp_blk blk;
static struct pvp_net net;

static void *buffer(uint32_t bytes)
{
	__u64 gpa;

	return pvp_os_alloc(bytes, &gpa);
}

static void begin(void)
{
	assert_int_equal(pvp_open(&host, PVP_FEATURES), 0);
}

/* ---- disks ---- */

static void a_disk_keeps_its_bytes(void **state)
{
	uint8_t *out, *in;

	(void)state;
	begin();
	out = buffer(65536);
	in = buffer(65536);
	for (unsigned int i = 0; i < 65536; i++)
		out[i] = (uint8_t)(i * 2654435761u >> 15);
	assert_int_equal(pvp_blk_open(&blk, &host, 0, PVK_CHANNEL_NONE), 0);
	assert_int_equal(blk.config.sectors, (1 << 20) / 512);
	assert_int_equal(fake.ide_present[0], 0);	/* its counterpart is gone */
	assert_int_equal(pvp_blk_do(&blk, PVK_BLK_WRITE, 100, out, 65536, LONG), 0);
	assert_int_equal(pvp_blk_do(&blk, PVK_BLK_FLUSH, 0, NULL, 0, LONG), 0);
	fake_os.scattered = true;			/* page by page */
	assert_int_equal(pvp_blk_do(&blk, PVK_BLK_READ, 100, in, 65536, LONG), 0);
	assert_memory_equal(in, out, 65536);
	assert_int_equal(pvp_blk_do(&blk, PVK_BLK_READ, 101, in, 512, LONG), 0);
	assert_memory_equal(in, out + 512, 512);
	assert_int_equal(pvp_blk_close(&blk), 0);
	assert_int_equal(fake.ide_present[0], 1);	/* and is back */
	pvp_os_free(out, 65536);
	pvp_os_free(in, 65536);
	pvp_close(&host);
}

static void many_requests_at_once(void **state)
{
	uint32_t number, done = 0;
	uint64_t seen = 0;
	__u64 gpa;
	int status, ret;
	uint8_t *p;

	(void)state;
	begin();
	p = pvp_os_alloc(64 * 4096, &gpa);
	assert_int_equal(pvp_blk_open(&blk, &host, 0, PVK_CHANNEL_NONE), 0);
	for (unsigned int i = 0; i < blk.entries; i++) {
		memset(p + i * 4096, (int)i, 4096);
		assert_int_equal(pvp_blk_submit(&blk, PVK_BLK_WRITE, PVK_BLK_FUA, i * 8, 4096,
						gpa + i * 4096), i);
	}
	assert_int_equal(pvp_blk_submit(&blk, PVK_BLK_READ, 0, 0, 512, gpa), -PVK_EAGAIN);
	pvp_blk_kick(&blk);
	while (done < blk.entries) {
		ret = pvp_blk_poll(&blk, &number, &status);
		assert_true(ret >= 0);
		if (!ret) {
			stub_relax();
			continue;
		}
		assert_int_equal(status, 0);
		assert_false(seen >> number & 1);
		seen |= 1ull << number;
		done++;
	}
	assert_int_equal(pvp_blk_poll(&blk, &number, &status), 0);
	assert_int_equal(pvp_blk_do(&blk, PVK_BLK_READ, 8 * 33, p, 512, LONG), 0);
	assert_int_equal(p[5], 33);
	assert_int_equal(pvp_blk_close(&blk), 0);
	pvp_os_free(p, 64 * 4096);
	pvp_close(&host);
}

static void what_a_disk_cannot_do_is_refused_here(void **state)
{
	void *p;

	(void)state;
	begin();
	p = buffer(4096);
	assert_int_equal(pvp_blk_open(&blk, &host, 2, PVK_CHANNEL_NONE), -PVK_ENOENT);
	assert_int_equal(pvp_blk_open(&blk, &host, 1, PVK_CHANNEL_NONE), 0);
	assert_int_equal(pvp_blk_do(&blk, PVK_BLK_WRITE, 0, p, 512, LONG), -PVK_EROFS);
	assert_int_equal(pvp_blk_do(&blk, PVK_BLK_READ, 2048, p, 512, LONG), -PVK_EINVAL);
	assert_int_equal(pvp_blk_do(&blk, PVK_BLK_READ, ~0ull, p, 512, LONG), -PVK_EINVAL);
	assert_int_equal(pvp_blk_do(&blk, PVK_BLK_READ, 2047, p, 1024, LONG), -PVK_EINVAL);
	assert_int_equal(pvp_blk_do(&blk, PVK_BLK_READ, 0, p, 100, LONG), -PVK_EINVAL);
	assert_int_equal(pvp_blk_do(&blk, PVK_BLK_READ, 0, p, 0, LONG), -PVK_EINVAL);
	assert_int_equal(pvp_blk_do(&blk, 99, 0, p, 512, LONG), -PVK_EINVAL);
	assert_int_equal(pvp_blk_do(&blk, PVK_BLK_READ, 2047, p, 512, LONG), 0);
	assert_int_equal(pvp_blk_close(&blk), 0);
	assert_int_equal(pvp_blk_close(&blk), 0);
	pvp_os_free(p, 4096);
	pvp_close(&host);
}

static void a_busy_counterpart_stays(void **state)
{
	(void)state;
	begin();
	fake.ide_busy[0] = true;
	assert_int_equal(pvp_blk_open(&blk, &host, 0, PVK_CHANNEL_NONE), -PVK_EBUSY);
	assert_int_equal(fake.ide_present[0], 1);
	pvp_close(&host);
	assert_int_equal(pvp_open(&host, PVP_FEATURES & ~PVK_FEAT_UNPLUG), 0);
	assert_int_equal(pvp_blk_open(&blk, &host, 0, PVK_CHANNEL_NONE), -PVK_EBUSY);
	assert_int_equal(pvp_blk_open(&blk, &host, 1, PVK_CHANNEL_NONE), 0);
	assert_int_equal(pvp_blk_close(&blk), 0);
	pvp_close(&host);
}

static void events_instead_of_polling(void **state)
{
	uint32_t number;
	__u64 gpa;
	int status;
	void *p;

	(void)state;
	begin();
	p = pvp_os_alloc(4096, &gpa);
	assert_int_equal(pvp_bind(&host, 5, 0, 0x50), 0);
	assert_int_equal(pvp_blk_open(&blk, &host, 0, 5), 0);
	assert_int_equal(pvp_queue_arm(&blk.queue), 0);
	assert_true(pvp_blk_submit(&blk, PVK_BLK_READ, 0, 0, 512, gpa) >= 0);
	pvp_blk_kick(&blk);
	assert_true(FAKE_UNTIL(atomic_load(&fake.irq.message[5].raised) == 1));
	assert_int_equal(pvp_blk_poll(&blk, &number, &status), 1);
	assert_int_equal(pvp_blk_close(&blk), 0);
	pvp_os_free(p, 4096);
	pvp_close(&host);
}

/* Whichever allocation fails: an error, and everything is given back. */
static void without_memory_nothing_is_kept(void **state)
{
	unsigned int failures = 0;
	int ret = -1;

	(void)state;
	begin();
	for (unsigned int n = 1; ret && n < 20; n++) {
		fake_os.fail_at = fake_os.allocs + n;
		ret = pvp_blk_open(&blk, &host, 0, PVK_CHANNEL_NONE);
		failures += ret == -PVP_ENOMEM;
		assert_int_equal(pvp_blk_close(&blk), 0);
		assert_int_equal(fake_os_held(), 1);	/* the session's page */
	}
	assert_int_equal(ret, 0);
	assert_int_equal(failures, 1);
	for (unsigned int n = 1, k = -1u; k && n < 20; n++) {
		fake_os.fail_at = fake_os.allocs + n;
		k = (unsigned int)pvp_net_open(&net, &host, 0, PVK_CHANNEL_NONE);
		failures += (int)k == -PVP_ENOMEM;
		assert_int_equal(pvp_net_close(&net), 0);
		assert_int_equal(fake_os_held(), 1);
	}
	assert_int_equal(failures, 4);
	fake_os.fail_at = 0;
	pvp_close(&host);
}

/* ---- a disk that lies ---- */

/* A queue without a host behind it: what it answers is the test's. */
static void forged(struct pvk_cqe cqe, const char *why)
{
	union pvk_cqe_words words = { .cqe = cqe };
	struct pvk_ring host_side;
	uint32_t number;
	__u64 gpa;
	int status;
	void *p;

	begin();
	p = pvp_os_alloc(4096, &gpa);
	assert_int_equal(pvp_blk_open(&blk, &host, 0, PVK_CHANNEL_NONE), 0);
	assert_int_equal(pv_until_done(PVK_CALL_DEV_RESET, blk.device.info.id), 0);
	assert_int_equal(pvp_blk_submit(&blk, PVK_BLK_READ, 0, 0, 512, gpa), 0);
	assert_int_equal(pvp_blk_submit(&blk, PVK_BLK_FLUSH, 0, 0, 0, 0), 1);
	host_side = blk.queue.cq;
	pvk_cq_put(&host_side, &words);
	if (why) {
		assert_int_equal(pvp_blk_poll(&blk, &number, &status), -PVK_EIO);
		assert_string_equal(fake_os.last_log, why);
		assert_int_equal(pvp_blk_poll(&blk, &number, &status), -PVK_EIO);
		assert_int_equal(pvp_blk_submit(&blk, PVK_BLK_READ, 0, 0, 512, gpa), -PVK_EIO);
	} else {
		assert_int_equal(pvp_blk_poll(&blk, &number, &status), 1);
		assert_int_equal(number, cqe.id);
		assert_int_equal(status, -PVK_EIO);
		/* the same again: answered already */
		host_side = blk.queue.cq;
		pvk_cq_put(&host_side, &words);
		assert_int_equal(pvp_blk_poll(&blk, &number, &status), -PVK_EIO);
	}
	assert_int_equal(pvp_blk_close(&blk), 0);
	pvp_os_free(p, 4096);
	pvp_close(&host);
}

static void answers_to_nothing_break_the_queue(void **state)
{
	const char *why = "pvkit: an answer to no request of this disk";

	(void)state;
	forged((struct pvk_cqe){ .id = 2, .op = PVK_BLK_READ }, why);
	forged((struct pvk_cqe){ .id = 64, .op = PVK_BLK_READ }, why);
	forged((struct pvk_cqe){ .id = 0xffff, .op = PVK_BLK_READ }, why);
	forged((struct pvk_cqe){ .id = 0, .op = PVK_BLK_WRITE }, why);
	forged((struct pvk_cqe){ .id = 0, .op = PVK_BLK_READ, .status = 1 }, NULL);
	forged((struct pvk_cqe){ .id = 1, .op = PVK_BLK_FLUSH, .status = -100000 }, NULL);
}

static int64_t never_lets_go(uint32_t number, const uint64_t *arg, int64_t status)
{
	(void)arg;
	return number == PVK_CALL_DEV_RESET ? -PVK_EAGAIN : status;
}

/* A disk that does not answer in time keeps the memory until it was closed. */
static void a_silent_disk_is_given_up(void **state)
{
	void *p;

	(void)state;
	begin();
	p = buffer(4096);
	assert_int_equal(pvp_blk_open(&blk, &host, 0, PVK_CHANNEL_NONE), 0);
	fake_os.out32 = NULL;
	blk.queue.sq.wake = &(uint32_t){ 0xfffff };	/* the host is never told */
	fake_os.relax = NULL;
	assert_int_equal(pvp_blk_do(&blk, PVK_BLK_READ, 0, p, 512, 100000), -PVP_ETIME);
	assert_int_equal(pvp_blk_do(&blk, PVK_BLK_READ, 0, p, 512, 100000), -PVK_EIO);
	lie = never_lets_go;
	assert_int_equal(pvp_device_close(&blk.device), -PVK_EAGAIN);
	lie = NULL;
	assert_int_equal(pvp_blk_close(&blk), 0);
	pvp_os_free(p, 4096);
	pvp_close(&host);
}

/* A host that does not let go keeps its memory: it is lost, not given to others. */
static void memory_of_a_held_device_is_not_freed(void **state)
{
	void *memory;

	(void)state;
	begin();
	assert_int_equal(pvp_blk_open(&blk, &host, 0, PVK_CHANNEL_NONE), 0);
	memory = blk.queue.memory;
	fake_os.relax = NULL;
	lie = never_lets_go;
	assert_int_equal(pvp_blk_close(&blk), -PVK_EAGAIN);
	assert_int_equal(fake_os_held(), 2);
	assert_null(blk.queue.memory);
	lie = NULL;
	assert_int_equal(pv_until_done(PVK_CALL_DEV_RESET, blk.device.info.id), 0);
	pvp_os_free(memory, blk.queue.bytes);
	pvp_close(&host);
}

static struct pvk_dev_info told;

static int64_t tells(uint32_t number, const uint64_t *arg, int64_t status)
{
	if (number == PVK_CALL_DEV_INFO)
		memcpy(fake_os_at(arg[1], sizeof(told)), &told, sizeof(told));
	return status;
}

static void impossible_devices_are_refused(void **state)
{
	struct pvk_dev_info info, good;

	(void)state;
	begin();
	assert_int_equal(pvp_bus_info(&host, 0, &good), 0);
	lie = tells;
#define REFUSED(change) do { \
	told = good; \
	told.change; \
	assert_int_equal(pvp_bus_info(&host, 0, &info), -PVK_EIO); \
} while (0)
	REFUSED(type = 0);
	REFUSED(state = 5);
	REFUSED(accepted = ~0ull);
	REFUSED(model = 3);
	REFUSED(max_queues = 0);
	REFUSED(max_queues = 0x10000);
	REFUSED(max_entries = 1);
	REFUSED(max_entries = 4096);
	REFUSED(config_size = 1 << 20);
	told = good;
	assert_int_equal(pvp_bus_info(&host, 0, &info), 0);
	lie = NULL;
	pvp_close(&host);
}

/* ---- cards ---- */

static void frames_go_out_and_come_in(void **state)
{
	uint8_t out[PVP_NET_FRAME], in[PVP_NET_FRAME];
	int ret = 0;

	(void)state;
	begin();
	assert_int_equal(pvp_net_open(&net, &host, 0, PVK_CHANNEL_NONE), 0);
	assert_int_equal(fake_e1000[0], 0);
	assert_int_equal(pvp_net_link(&net), 1);
	for (unsigned int round = 0; round < 100; round++) {
		uint32_t length = 60 + round * 14;

		for (unsigned int i = 0; i < length; i++)
			out[i] = (uint8_t)(i * round + 3);
		memset(out, 0xff, 6);
		assert_true(FAKE_UNTIL((ret = pvp_net_send(&net, out, length)) != -PVK_EAGAIN));
		assert_int_equal(ret, 0);
		assert_true(FAKE_UNTIL((ret = pvp_net_receive(&net, in, sizeof(in))) != 0));
		assert_int_equal(ret, length);
		assert_memory_equal(in, out, length);
	}
	assert_int_equal(net.dropped, 0);
	assert_int_equal(pvp_net_send(&net, out, 13), -PVK_EINVAL);
	assert_int_equal(pvp_net_send(&net, out, PVP_NET_FRAME + 1), -PVK_EINVAL);
	assert_int_equal(pvp_net_close(&net), 0);
	assert_int_equal(pvp_net_send(&net, out, 60), -PVK_EIO);	/* closed */
	assert_int_equal(pvp_net_receive(&net, in, sizeof(in)), -PVK_EIO);
	assert_int_equal(fake_e1000[0], 1);
	pvp_close(&host);
}

static void long_frames_are_dropped_whole(void **state)
{
	static uint8_t frame[6000];
	uint8_t in[PVP_NET_FRAME];
	int ret = 0;

	(void)state;
	begin();
	assert_int_equal(pvp_net_open(&net, &host, 0, PVK_CHANNEL_NONE), 0);
	memset(frame, 0xff, sizeof(frame));
	fake_net_inject(0, 0, NULL, frame, 6000);
	frame[20] = 7;
	fake_net_inject(0, 0, NULL, frame, 100);
	assert_true(FAKE_UNTIL((ret = pvp_net_receive(&net, in, 50)) != 0));
	assert_int_equal(ret, 100);
	assert_int_equal(in[20], 7);
	assert_int_equal(net.dropped, 1);
	assert_int_equal(pvp_net_close(&net), 0);
	pvp_close(&host);
}

static void a_full_card_says_so(void **state)
{
	uint8_t out[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	unsigned int n;
	int ret;

	(void)state;
	begin();
	assert_int_equal(pvp_net_open(&net, &host, 0, PVK_CHANNEL_NONE), 0);
	fake_net_mode(0, FAKE_NET_HOLD);
	for (n = 0; !(ret = pvp_net_send(&net, out, sizeof(out))); n++)
		assert_true(n < PVP_NET_ENTRIES);
	assert_int_equal(ret, -PVK_EAGAIN);
	assert_int_equal(n, net.tx.entries);
	fake_net_mode(0, FAKE_NET_SINK);
	assert_true(FAKE_UNTIL(pvp_net_send(&net, out, sizeof(out)) == 0));
	assert_int_equal(pvp_net_close(&net), 0);
	pvp_close(&host);
}

/* Answers of a host that lies, to both queues. */
static void forged_frame(struct pvk_cqe cqe, bool transmit)
{
	union pvk_cqe_words words = { .cqe = cqe };
	struct pvk_ring host_side;
	uint8_t frame[PVP_NET_FRAME] = { 0 };

	begin();
	assert_int_equal(pvp_net_open(&net, &host, 0, PVK_CHANNEL_NONE), 0);
	assert_int_equal(pv_until_done(PVK_CALL_DEV_RESET, net.device.info.id), 0);
	if (transmit)
		assert_int_equal(pvp_net_send(&net, frame, 60), 0);
	host_side = transmit ? net.tx.cq : net.rx.cq;
	pvk_cq_put(&host_side, &words);
	if (transmit)
		assert_int_equal(pvp_net_send(&net, frame, 60), -PVK_EIO);
	else
		assert_int_equal(pvp_net_receive(&net, frame, sizeof(frame)), -PVK_EIO);
	assert_int_equal(pvp_net_close(&net), 0);
	pvp_close(&host);
}

static void lies_of_a_card_break_the_queue(void **state)
{
	(void)state;
	forged_frame((struct pvk_cqe){ .id = 1, .op = PVK_NET_RX, .value = 60 }, false);
	forged_frame((struct pvk_cqe){ .id = 0, .op = PVK_NET_TX, .value = 60 }, false);
	forged_frame((struct pvk_cqe){ .id = 0, .op = PVK_NET_RX, .value = 2049 }, false);
	forged_frame((struct pvk_cqe){ .id = 0, .op = PVK_NET_RX }, true);
	forged_frame((struct pvk_cqe){ .id = 1, .op = PVK_NET_TX }, true);
	forged_frame((struct pvk_cqe){ .id = 33, .op = PVK_NET_TX }, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_disk_keeps_its_bytes),
		CASE(many_requests_at_once),
		CASE(what_a_disk_cannot_do_is_refused_here),
		CASE(a_busy_counterpart_stays),
		CASE(events_instead_of_polling),
		CASE(without_memory_nothing_is_kept),
		CASE(answers_to_nothing_break_the_queue),
		CASE(a_silent_disk_is_given_up),
		CASE(memory_of_a_held_device_is_not_freed),
		CASE(impossible_devices_are_refused),
		CASE(frames_go_out_and_come_in),
		CASE(long_frames_are_dropped_whole),
		CASE(a_full_card_says_so),
		CASE(lies_of_a_card_break_the_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
