// SPDX-License-Identifier: BSD-2-Clause
/*
 * Calls (abi/call.h, event.h) against the host stub's handlers, guest and host
 * in one process: session, structures, batches, events, the offer, accounts.
 * Devices are test_pv_dev.c's, what their rings do test_pv_blk.c's.
 */
/* LINK: PV */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl -Wl,--wrap=hs_blk_submit */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pv_machine.h"

/* ---- session ---- */

static bool known(uint32_t number)
{
	for (unsigned int i = 0; i < sizeof(all_calls) / sizeof(all_calls[0]); i++)
		if (all_calls[i] == number)
			return true;
	return false;
}

static void without_session_only_nop_and_negotiate(void **state)
{
	(void)state;
	assert_int_equal(pv_call(PVK_CALL_NOP, 0, 0, 0), 0);
	for (uint32_t n = 0; n < 0x100; n++)
		if (n != PVK_CALL_NOP && n != PVK_CALL_NEGOTIATE &&
		    n != PVK_CALL_PLATFORM_NEGOTIATE)
			assert_int_equal(pv_call(n, 0, 0, 0), -PVK_EPERM);
	assert_int_equal(pv_negotiate(0), 0);
	assert_int_equal(pv_call(PVK_CALL_LEAVE, 0, 0, 0), 0);
	assert_int_equal(pv_call(PVK_CALL_LEAVE, 0, 0, 0), -PVK_EPERM);
}

static void unknown_calls_are_told(void **state)
{
	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	for (uint32_t n = 0; n < 0x200; n++)
		if (!known(n))
			assert_int_equal(pv_call(n, 0, 0, 0), -PVK_ENOSYS);
	assert_int_equal(pv_call(0xffffffffu, 0, 0, 0), -PVK_ENOSYS);
}

static void calls_need_their_feature(void **state)
{
	static const struct {
		uint32_t number;
		uint64_t needs;
	} calls[] = {
		{ PVK_CALL_BATCH, PVK_FEAT_BATCH },
		{ PVK_CALL_EVENT_BIND, PVK_FEAT_EVENT }, { PVK_CALL_EVENT_UNBIND, PVK_FEAT_EVENT },
		{ PVK_CALL_EVENT_RAISE, PVK_FEAT_EVENT },
		{ PVK_CALL_BUS_INFO, PVK_FEAT_BUS }, { PVK_CALL_DEV_INFO, PVK_FEAT_BUS },
		{ PVK_CALL_DEV_CONFIG, PVK_FEAT_BUS }, { PVK_CALL_DEV_ACCEPT, PVK_FEAT_BUS },
		{ PVK_CALL_DEV_START, PVK_FEAT_BUS }, { PVK_CALL_DEV_RESET, PVK_FEAT_BUS },
		{ PVK_CALL_DEV_CONTROL, PVK_FEAT_BUS },
		{ PVK_CALL_QUEUE_SETUP, PVK_FEAT_BUS },
		{ PVK_CALL_BUS_NOTIFY, PVK_FEAT_BUS | PVK_FEAT_EVENT },
		{ PVK_CALL_UNPLUG, PVK_FEAT_BUS | PVK_FEAT_UNPLUG },
		{ PVK_CALL_REPLUG, PVK_FEAT_BUS | PVK_FEAT_UNPLUG },
	};

	(void)state;
	for (uint64_t accept = 0; accept <= PV_ALL; accept++) {
		assert_int_equal(pv_negotiate(accept), 0);
		for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
			/* arguments that do no more than get refused */
			int64_t status = pv_call(calls[i].number, 99, 1, 99);

			if ((accept & calls[i].needs) == calls[i].needs)
				assert_int_not_equal(status, -PVK_EPERM);
			else
				assert_int_equal(status, -PVK_EPERM);
		}
	}
}

static void negotiate_says_what_is_in_force(void **state)
{
	struct pvk_negotiate n = { .size = sizeof(n), .version = PVK_VERSION(1, 77),
				   .accept = PVK_FEAT_BUS, .active = ~0ull };

	(void)state;
	assert_int_equal(pv_struct(PVK_CALL_NEGOTIATE, &n, sizeof(n)), 0);
	assert_int_equal(n.size, sizeof(n));
	assert_int_equal(n.version, PVK_ABI_VERSION);
	assert_int_equal(n.accept, PVK_FEAT_BUS);
	assert_int_equal(n.active, PVK_FEAT_BUS);
	assert_int_equal(n.reserved, 0);
}

static void other_major_versions_are_refused(void **state)
{
	static const uint32_t wrong[] = { 0, PVK_VERSION(0, 9), PVK_VERSION(2, 0),
					  PVK_VERSION(0xffff, 0xffff) };

	(void)state;
	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct pvk_negotiate n = { .size = sizeof(n),
					   .version = wrong[i],
					   .active = ~0ull };

		assert_int_equal(pv_struct(PVK_CALL_NEGOTIATE, &n, sizeof(n)), -PVK_EVERSION);
		assert_int_equal(n.version, PVK_ABI_VERSION);
		assert_int_equal(n.active, 0);
		assert_int_equal(pv_call(PVK_CALL_BUS_INFO, PV_STRUCTS, 16, 0), -PVK_EPERM);
	}
}

static void unknown_features_are_refused(void **state)
{
	struct pvk_negotiate n;

	(void)state;
	for (unsigned int bit = 0; bit < 64; bit++) {
		if (PV_ALL >> bit & 1)
			continue;
		assert_int_equal(pv_negotiate(PV_ALL), 0);
		assert_int_equal(pv_negotiate(PV_ALL | 1ull << bit), -PVK_EINVAL);
		assert_int_equal(pv_call(PVK_CALL_LEAVE, 0, 0, 0), -PVK_EPERM);
	}
	n = (struct pvk_negotiate){ .size = sizeof(n), .version = PVK_ABI_VERSION, .reserved = 1 };
	assert_int_equal(pv_struct(PVK_CALL_NEGOTIATE, &n, sizeof(n)), -PVK_EINVAL);
	/* what the host withholds is as unknown */
	fake.config.pv_offer = PVK_FEAT_EVENT;
	assert_int_equal(pv_negotiate(PVK_FEAT_BUS), -PVK_EINVAL);
	assert_int_equal(pv_negotiate(PVK_FEAT_EVENT), 0);
}

static void second_negotiate_ends_the_first_session(void **state)
{
	struct pvk_dev_info info;
	struct pv_queue q;

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_bind(3, 0x30), 0);
	assert_int_equal(pv_call(PVK_CALL_BUS_NOTIFY, 3, 0, 0), 0);
	assert_int_equal(pv_call(PVK_CALL_UNPLUG, BOTH, 0, 0), 0);
	assert_int_equal(pv_call(PVK_CALL_DEV_ACCEPT, BOTH, PVK_BLK_F_FLUSH, 0), 0);
	assert_int_equal(pv_queue_setup(&q, BOTH, 0, 8, 3), 0);
	assert_int_equal(pv_call(PVK_CALL_DEV_START, BOTH, 0, 0), 0);
	assert_int_equal(fake_doorbells(), 1);
	assert_int_equal(fake.ide_present[0], 0);

	assert_int_equal(pv_negotiate(PVK_FEAT_BUS), 0);
	assert_int_equal(fake_doorbells(), 0);
	assert_int_equal(fake.ide_present[0], 1);
	assert_false(fake.irq.message[3].bound);
	assert_int_equal(pv_dev_info(0, &info), 0);
	assert_int_equal(info.state, PVK_DEV_RESET);
	assert_int_equal(info.model, PVK_MODEL_EMULATED);
	assert_int_equal(info.accepted, 0);
	assert_int_equal(pv_call(PVK_CALL_BUS_NOTIFY, 3, 0, 0), -PVK_EPERM);
}

/* ---- structures ---- */

static void structures_must_be_aligned_and_in_ram(void **state)
{
	uint64_t end = HS_MEM_MIN;
	struct pvk_bus_info info = { .size = sizeof(info) };

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	for (unsigned int odd = 1; odd < 8; odd++) {
		memcpy(fake_ram(PV_STRUCTS + odd, sizeof(info)), &info, sizeof(info));
		assert_int_equal(pv_call(PVK_CALL_BUS_INFO, PV_STRUCTS + odd, sizeof(info), 0),
				 -PVK_EFAULT);
	}
	memcpy(fake_ram(end - sizeof(info), sizeof(info)), &info, sizeof(info));
	assert_int_equal(pv_call(PVK_CALL_BUS_INFO, end - sizeof(info), sizeof(info), 0), 0);
	assert_int_equal(pv_call(PVK_CALL_BUS_INFO, end - 8, sizeof(info), 0), -PVK_EFAULT);
	assert_int_equal(pv_call(PVK_CALL_BUS_INFO, end, sizeof(info), 0), -PVK_EFAULT);
	assert_int_equal(pv_call(PVK_CALL_BUS_INFO, ~7ull, sizeof(info), 0), -PVK_EFAULT);
	assert_int_equal(pv_call(PVK_CALL_BUS_INFO, 1ull << 63, sizeof(info), 0), -PVK_EFAULT);
	/* an address whose low half would be RAM */
	assert_int_equal(pv_call(PVK_CALL_BUS_INFO, 1ull << 32 | PV_STRUCTS, sizeof(info), 0),
			 -PVK_EFAULT);
}

static void structures_must_have_their_size(void **state)
{
	static const struct {
		uint32_t number, bytes;
		bool indexed;
	} calls[] = {
		{ PVK_CALL_NEGOTIATE, sizeof(struct pvk_negotiate), false },
		{ PVK_CALL_EVENT_BIND, sizeof(struct pvk_event_bind), false },
		{ PVK_CALL_BUS_INFO, sizeof(struct pvk_bus_info), false },
		{ PVK_CALL_DEV_INFO, sizeof(struct pvk_dev_info), true },
		{ PVK_CALL_QUEUE_SETUP, sizeof(struct pvk_queue_setup), false },
	};

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		static const uint64_t wrong[] = { 0, 1, 4, 7, 4097, 65536, 1ull << 32, ~0ull };
		uint64_t s = PV_STRUCTS, need = calls[i].bytes;
		uint32_t *size = fake_ram(s, 4096);

		for (unsigned int k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++) {
			*size = (uint32_t)wrong[k];
			assert_int_equal(calls[i].indexed ?
					 pv_call(calls[i].number, 0, s, wrong[k]) :
					 pv_call(calls[i].number, s, wrong[k], 0), -PVK_EINVAL);
		}
		/* smaller than version 1 knows it */
		*size = (uint32_t)need - 8;
		assert_int_equal(calls[i].indexed ? pv_call(calls[i].number, 0, s, need - 8) :
				 pv_call(calls[i].number, s, need - 8, 0), -PVK_EINVAL);
		/* the structure says something else than the register */
		*size = (uint32_t)need + 8;
		assert_int_equal(calls[i].indexed ? pv_call(calls[i].number, 0, s, need) :
				 pv_call(calls[i].number, s, need, 0), -PVK_EINVAL);
	}
}

static void longer_structures_end_in_zeroes(void **state)
{
	static const uint32_t sizes[] = { 24, 64, 1000, 4096 };

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *ram = fake_ram(PV_STRUCTS, 8192);
		struct pvk_bus_info info = { .size = sizes[i] };

		memset(ram, 0xaa, 8192);
		memcpy(ram, &info, sizeof(info));
		assert_int_equal(pv_call(PVK_CALL_BUS_INFO, PV_STRUCTS, sizes[i], 0), 0);
		memcpy(&info, ram, sizeof(info));
		assert_int_equal(info.size, sizes[i]);
		assert_int_equal(info.devices, 2);
		for (uint32_t at = sizeof(info); at < sizes[i]; at++)
			assert_int_equal(ram[at], 0);
		for (uint32_t at = sizes[i]; at < 8192; at++)
			assert_int_equal(ram[at], 0xaa);
	}
}

static void config_is_cut_to_the_buffer(void **state)
{
	uint8_t *ram = fake_ram(PV_STRUCTS, 8192);
	struct pvk_blk_config config;

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_call(PVK_CALL_DEV_CONFIG, BOTH, PV_STRUCTS, sizeof(config)),
			 sizeof(config));
	memcpy(&config, ram, sizeof(config));
	assert_int_equal(config.size, sizeof(config));
	assert_int_equal(config.sectors, (1 << 20) / 512);
	assert_int_equal(config.logical_block, 512);
	assert_true(config.physical_block >= config.logical_block);
	assert_int_equal(config.max_segs, PVK_BLK_MAX_SEGS);
	assert_memory_equal(config.serial, "serial-0\0\0\0\0\0\0\0\0\0\0\0\0", PVK_BLK_SERIAL_LEN);
	assert_int_equal(config.reserved, 0);

	memset(ram, 0xaa, 8192);
	assert_int_equal(pv_call(PVK_CALL_DEV_CONFIG, BOTH, PV_STRUCTS, 16), 16);
	assert_memory_equal(ram, &config, 16);
	assert_int_equal(ram[16], 0xaa);
	assert_int_equal(pv_call(PVK_CALL_DEV_CONFIG, BOTH, PV_STRUCTS, 4096), sizeof(config));
	assert_int_equal(ram[4095], 0);
	assert_int_equal(ram[4096], 0xaa);
	assert_int_equal(pv_call(PVK_CALL_DEV_CONFIG, BOTH, PV_STRUCTS, 7), -PVK_EINVAL);
	assert_int_equal(pv_call(PVK_CALL_DEV_CONFIG, BOTH, PV_STRUCTS, 4097), -PVK_EINVAL);
	assert_int_equal(pv_call(PVK_CALL_DEV_CONFIG, BOTH, PV_STRUCTS + 4, 72), -PVK_EFAULT);
	assert_int_equal(pv_call(PVK_CALL_DEV_CONFIG, BOTH, HS_MEM_MIN - 8, 72), -PVK_EFAULT);
	assert_int_equal(pv_call(PVK_CALL_DEV_CONFIG, 0, PV_STRUCTS, 72), -PVK_ENOENT);
	assert_int_equal(pv_call(PVK_CALL_DEV_CONFIG, 3, PV_STRUCTS, 72), -PVK_ENOENT);
}

/* ---- batches ---- */

static struct pvk_batch_entry *batch_of(unsigned int count)
{
	struct pvk_batch_entry *e = fake_ram(PV_BATCH, count * sizeof(*e));

	memset(e, 0, count * sizeof(*e));
	return e;
}

static void batch_serves_in_order(void **state)
{
	struct pvk_batch_entry *e = batch_of(5);

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	/* each depends on the one before; one that fails stops nothing */
	e[0] = (struct pvk_batch_entry){ .call = PVK_CALL_UNPLUG, .arg = { BOTH }, .status = 9 };
	e[1] = (struct pvk_batch_entry){ .call = PVK_CALL_DEV_START, .arg = { BOTH }, .status = 9 };
	e[2] = (struct pvk_batch_entry){ .call = PVK_CALL_DEV_ACCEPT,
					 .arg = { BOTH },
					 .status = 9 };
	e[3] = (struct pvk_batch_entry){ .call = PVK_CALL_DEV_START, .arg = { BOTH }, .status = 9 };
	e[4] = (struct pvk_batch_entry){ .call = 0x1234, .status = 9 };
	for (int64_t at = 0; at < 5;) {
		int64_t next = pv_call(PVK_CALL_BATCH, PV_BATCH, 5, (uint64_t)at);

		assert_true(next > at && next <= 5);
		at = next;
	}
	assert_int_equal(e[0].status, 0);
	assert_int_equal(e[1].status, -PVK_EPROTO);
	assert_int_equal(e[2].status, 0);
	assert_int_equal(e[3].status, 0);
	assert_int_equal(e[4].status, -PVK_ENOSYS);
	assert_int_equal(pv_state(BOTH), PVK_DEV_RUNNING);
}

static void batch_is_bounded_per_call(void **state)
{
	struct pvk_batch_entry *e = batch_of(1000);
	unsigned int calls = 0;
	uint64_t at = 0;

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	for (unsigned int i = 0; i < 1000; i++)
		e[i].status = 77;
	while (at < 1000) {
		int64_t next = pv_call(PVK_CALL_BATCH, PV_BATCH, 1000, at);

		assert_true(next > (int64_t)at && next <= (int64_t)at + 64 && next <= 1000);
		for (int64_t i = (int64_t)at; i < 1000; i++)
			assert_int_equal(e[i].status, i < next ? 0 : 77);
		at = (uint64_t)next;
		calls++;
	}
	assert_true(calls >= 16);
}

static void batch_starts_where_told(void **state)
{
	struct pvk_batch_entry *e = batch_of(4);

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	for (unsigned int i = 0; i < 4; i++)
		e[i].status = 77;
	assert_int_equal(pv_call(PVK_CALL_BATCH, PV_BATCH, 4, 3), 4);
	assert_int_equal(e[2].status, 77);
	assert_int_equal(e[3].status, 0);
	assert_int_equal(pv_call(PVK_CALL_BATCH, PV_BATCH, 4, 4), 4);
	assert_int_equal(pv_call(PVK_CALL_BATCH, PV_BATCH, 0, 0), 0);
}

static void batch_bounds_are_checked(void **state)
{
	struct pvk_batch_entry *e = batch_of(4);
	uint64_t last = HS_MEM_MIN - sizeof(*e);

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_call(PVK_CALL_BATCH, PV_BATCH, 4, 5), -PVK_EINVAL);
	assert_int_equal(pv_call(PVK_CALL_BATCH, PV_BATCH, 4, ~0ull), -PVK_EINVAL);
	assert_int_equal(pv_call(PVK_CALL_BATCH, PV_BATCH, 65537, 0), -PVK_EINVAL);
	assert_int_equal(pv_call(PVK_CALL_BATCH, PV_BATCH, ~0ull, 0), -PVK_EINVAL);
	assert_int_equal(pv_call(PVK_CALL_BATCH, PV_BATCH, 1ull << 58, 0), -PVK_EINVAL);
	assert_int_equal(pv_call(PVK_CALL_BATCH, PV_BATCH + 4, 1, 0), -PVK_EFAULT);
	assert_int_equal(pv_call(PVK_CALL_BATCH, last, 1, 0), 1);
	assert_int_equal(pv_call(PVK_CALL_BATCH, last, 2, 0), -PVK_EFAULT);
	/* all of it must be there, not just what is left to do */
	assert_int_equal(pv_call(PVK_CALL_BATCH, last - 64, 3, 0), -PVK_EFAULT);
	assert_int_equal(pv_call(PVK_CALL_BATCH, HS_MEM_MIN, 1, 0), -PVK_EFAULT);
	assert_int_equal(pv_call(PVK_CALL_BATCH, ~63ull, 2, 0), -PVK_EFAULT);
}

static void batch_holds_no_batch_and_no_session(void **state)
{
	static const uint32_t refused[] = { PVK_CALL_BATCH, PVK_CALL_NEGOTIATE, PVK_CALL_LEAVE };
	struct pvk_batch_entry *e = batch_of(4);

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	for (unsigned int i = 0; i < 3; i++) {
		struct pvk_negotiate n = { .size = sizeof(n), .version = PVK_ABI_VERSION };

		memcpy(fake_ram(PV_STRUCTS, sizeof(n)), &n, sizeof(n));
		e[0] = (struct pvk_batch_entry){ .call = refused[i], .status = 7 };
		e[0].arg[0] = refused[i] == PVK_CALL_NEGOTIATE ? PV_STRUCTS : PV_BATCH;
		e[0].arg[1] = refused[i] == PVK_CALL_NEGOTIATE ? sizeof(n) : 1;
		assert_int_equal(pv_call(PVK_CALL_BATCH, PV_BATCH, 1, 0), 1);
		assert_int_equal(e[0].status, -PVK_EINVAL);
		assert_int_equal(pv_call(PVK_CALL_EVENT_UNBIND, 0, 0, 0),
				 0); /* the session lives */
	}
}

static void batch_entries_reserve_fields(void **state)
{
	struct pvk_batch_entry *e = batch_of(3);

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	e[0].reserved = 1;
	e[1].reserved2[0] = 1;
	e[2].reserved2[1] = 1;
	for (int64_t at = 0; at < 3;)
		at = pv_call(PVK_CALL_BATCH, PV_BATCH, 3, (uint64_t)at);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(e[i].status, -PVK_EINVAL);
}

/* ---- events ---- */

static void events_are_bound_and_raised(void **state)
{
	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_call(PVK_CALL_EVENT_RAISE, 63, 0, 0), 0);
	assert_int_equal(fake.irq.message[63].dropped, 1);
	assert_int_equal(pv_bind(63, 0x41), 0);
	assert_int_equal(fake.irq.message[63].address, 0xfee00000ull);
	assert_int_equal(fake.irq.message[63].data, 0x41);
	assert_int_equal(pv_call(PVK_CALL_EVENT_RAISE, 63, 0, 0), 0);
	assert_int_equal(fake.irq.message[63].raised, 1);
	assert_int_equal(pv_bind(63, 0x42), 0);
	assert_int_equal(fake.irq.message[63].data, 0x42);
	assert_int_equal(pv_call(PVK_CALL_EVENT_UNBIND, 63, 0, 0), 0);
	assert_false(fake.irq.message[63].bound);
}

static void only_ordinary_interrupts_can_be_bound(void **state)
{
	static const struct {
		uint32_t channel, data, reserved;
		uint64_t address;
		int64_t status;
	} cases[] = {
		{ 0, 16, 0, 0xfee00000ull, 0 },
		{ 0, 255, 0, 0xfeefffffull, 0 },
		{ 0, 0x131, 0, 0xfee00000ull, 0 },		/* lowest priority */
		{ 64, 0x30, 0, 0xfee00000ull, -PVK_EINVAL },
		{ ~0u, 0x30, 0, 0xfee00000ull, -PVK_EINVAL },
		{ 0, 15, 0, 0xfee00000ull, -PVK_EINVAL },
		{ 0, 0, 0, 0xfee00000ull, -PVK_EINVAL },
		{ 0, 0x230, 0, 0xfee00000ull, -PVK_EINVAL },	/* SMI */
		{ 0, 0x430, 0, 0xfee00000ull, -PVK_EINVAL },	/* NMI */
		{ 0, 0x530, 0, 0xfee00000ull, -PVK_EINVAL },	/* INIT */
		{ 0, 0x630, 0, 0xfee00000ull, -PVK_EINVAL },	/* start-up */
		{ 0, 0x730, 0, 0xfee00000ull, -PVK_EINVAL },	/* ExtINT */
		{ 0, 0x30, 1, 0xfee00000ull, -PVK_EINVAL },
		{ 0, 0x30, 0, 0xfedfffffull, -PVK_EINVAL },
		{ 0, 0x30, 0, 0xfef00000ull, -PVK_EINVAL },
		{ 0, 0x30, 0, 0x1fee00000ull, -PVK_EINVAL },
	};

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pvk_event_bind b = { .size = sizeof(b), .channel = cases[i].channel,
					    .msi_address = cases[i].address,
					    .msi_data = cases[i].data,
					    .reserved = cases[i].reserved };

		assert_int_equal(pv_struct(PVK_CALL_EVENT_BIND, &b, sizeof(b)), cases[i].status);
	}
	for (unsigned int i = 0; i < 2; i++) {
		uint32_t call = i ? PVK_CALL_EVENT_RAISE : PVK_CALL_EVENT_UNBIND;

		assert_int_equal(pv_call(call, 64, 0, 0), -PVK_EINVAL);
		assert_int_equal(pv_call(call, 1ull << 32, 0, 0), -PVK_EINVAL);
	}
}

static void bus_tells_of_a_resize(void **state)
{
	struct pvk_bus_info before = { .size = sizeof(before) }, after = before;
	struct pvk_blk_config config;

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_bind(5, 0x50), 0);
	assert_int_equal(pv_call(PVK_CALL_BUS_NOTIFY, 64, 0, 0), -PVK_EINVAL);
	assert_int_equal(pv_call(PVK_CALL_BUS_NOTIFY, 1ull << 32 | 5, 0, 0), -PVK_EINVAL);
	assert_int_equal(pv_call(PVK_CALL_BUS_NOTIFY, 5, 0, 0), 0);
	assert_int_equal(pv_struct(PVK_CALL_BUS_INFO, &before, sizeof(before)), 0);
	assert_int_equal(truncate(fake.path[0], 3 << 20), 0);
	hs_blk_check_size(fake.blk[0]);
	assert_true(FAKE_UNTIL(fake.irq.message[5].raised == 1));
	assert_int_equal(pv_struct(PVK_CALL_BUS_INFO, &after, sizeof(after)), 0);
	assert_int_not_equal(before.generation, after.generation);
	assert_int_equal(pv_call(PVK_CALL_DEV_CONFIG, BOTH, PV_STRUCTS, sizeof(config)),
			 sizeof(config));
	memcpy(&config, fake_ram(PV_STRUCTS, sizeof(config)), sizeof(config));
	assert_int_equal(config.sectors, (3 << 20) / 512);
	/* no longer told */
	assert_int_equal(pv_call(PVK_CALL_BUS_NOTIFY, PVK_CHANNEL_NONE, 0, 0), 0);
	assert_int_equal(truncate(fake.path[0], 2 << 20), 0);
	hs_blk_check_size(fake.blk[0]);
	assert_true(FAKE_UNTIL(pv_struct(PVK_CALL_BUS_INFO, &before, sizeof(before)) == 0 &&
			       before.generation != after.generation));
	assert_int_equal(fake.irq.message[5].raised, 1);
}

/* ---- the offer, and the statistics ---- */

static void cpuid_tells_what_calls_keep(void **state)
{
	uint32_t r[4];

	(void)state;
	hs_pv_cpuid(&fake.config, PVK_CPUID_SIGNATURE, r);
	assert_memory_equal(&r[1], PVK_SIGNATURE, 12);
	assert_int_equal(r[0], PVK_CPUID_MAX);
	hs_pv_cpuid(&fake.config, PVK_CPUID_VERSION, r);
	assert_int_equal(r[0], PVK_ABI_VERSION);
	fake.config.pv_offer = PVK_FEAT_BUS | 1ull << 40;
	hs_pv_cpuid(&fake.config, PVK_CPUID_FEATURES, r);
	assert_int_equal((uint64_t)r[3] << 32 | r[0], PVK_FEAT_BUS | 1ull << 40);
	assert_int_equal(((uint64_t)r[2] << 32 | r[1]) & ~fake.config.pv_offer, 0);
	hs_pv_cpuid(&fake.config, PVK_CPUID_TRANSFER, r);
	assert_int_equal(r[0], PVK_TRANSFER_PIO);
	assert_int_equal(r[1], HS_PORT_PVK_CALL);
	assert_int_equal(r[2], HS_PORT_PVK_DOORBELL);
	hs_pv_cpuid(&fake.config, PVK_CPUID_LIMITS, r);
	assert_int_equal(r[0], 64);
	assert_int_equal(r[1], PVK_RING_MAX_ENTRIES);
	assert_int_equal(r[2], 64);
	assert_int_equal(r[3], 4096);
	hs_pv_cpuid(&fake.config, PVK_CPUID_MAX + 1, r);
	assert_int_equal(r[0] | r[1] | r[2] | r[3], 0);
}

static void statistics_are_kept(void **state)
{
	char *text = NULL;
	size_t len = 0;
	int depth = 0;
	FILE *out;

	(void)state;
	assert_int_equal(pv_negotiate(PV_ALL), 0);
	assert_int_equal(pv_call(PVK_CALL_NOP, 0, 0, 0), 0);
	assert_int_equal(pv_call(0x999, 0, 0, 0), -PVK_ENOSYS);
	fake_out(HS_PORT_PVK_DOORBELL, 4, 0x7777);
	out = open_memstream(&text, &len);
	assert_non_null(out);
	hs_pv_json(fake.vm.pv, out);
	fclose(out);
	assert_non_null(strstr(text, "\"calls\": 3, \"calls_refused\": 1, \"sessions\": 1"));
	assert_non_null(strstr(text, "\"doorbells_unmatched\": 1"));
	for (size_t i = 0; i < len; i++) {
		depth += text[i] == '{' || text[i] == '[';
		depth -= text[i] == '}' || text[i] == ']';
		assert_true(depth > 0 || i + 1 == len);
	}
	assert_int_equal(depth, 0);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(without_session_only_nop_and_negotiate),
		CASE(unknown_calls_are_told),
		CASE(calls_need_their_feature),
		CASE(negotiate_says_what_is_in_force),
		CASE(other_major_versions_are_refused),
		CASE(unknown_features_are_refused),
		CASE(second_negotiate_ends_the_first_session),
		CASE(structures_must_be_aligned_and_in_ram),
		CASE(structures_must_have_their_size),
		CASE(longer_structures_end_in_zeroes),
		CASE(config_is_cut_to_the_buffer),
		CASE(batch_serves_in_order),
		CASE(batch_is_bounded_per_call),
		CASE(batch_starts_where_told),
		CASE(batch_bounds_are_checked),
		CASE(batch_holds_no_batch_and_no_session),
		CASE(batch_entries_reserve_fields),
		CASE(events_are_bound_and_raised),
		CASE(only_ordinary_interrupts_can_be_bound),
		CASE(bus_tells_of_a_resize),
		CASE(cpuid_tells_what_calls_keep),
		CASE(statistics_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
