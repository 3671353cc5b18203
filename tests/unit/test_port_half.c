// SPDX-License-Identifier: BSD-2-Clause
/*
 * The rings as a 32-bit guest moves their words, in halves (hypercall/ring.h), against
 * the host stub's workers, which move whole ones: disks' requests by the thousand, every
 * answer's bytes compared. The guest's half of the library is compiled here, told that
 * its pointers are short; the host's is linked as it is.
 */
/* MSAN: no: what it asks is the guest's half */
/* LINK: PV hypercall/port/host.c */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FAKE_IDE
#include "fake_vm.h"

#undef __SIZEOF_POINTER__
#define __SIZEOF_POINTER__ 4

#include "port_host.h"

_Static_assert(sizeof(pvk_half) == 4, "this test is about halves");

#include "hypercall/port/bus.c"
#include "hypercall/port/blk.c"

#define ROUNDS	3000u
#define LONG	(1ull << 34)	/* 16 million looks: 5 s at least, by the sleeps among them */
#define SPINS	63u

/* Looks often, to meet the other side in its stores, and yet leaves it a CPU. */
static void spin_and_sleep(void)
{
	if (!(fake_os.relaxed & SPINS))
		stub_relax();
}

static void words_in_halves_arrive_whole(void **state)
{
	static struct pvp_host host;
	static struct pvp_blk blk;
	uint8_t *p, *sectors;
	__u64 gpa;

	(void)state;
	assert_int_equal(pvp_open(&host, PVP_FEATURES), 0);
	assert_int_equal(pvp_blk_open(&blk, &host, 0, PVK_CHANNEL_NONE), 0);
	fake_os.relax = spin_and_sleep;
	p = pvp_os_alloc(PVP_PAGE, &gpa);
	sectors = calloc(64, 1);
	assert_non_null(sectors);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		const uint32_t n = i * 2654435761u >> 26;

		if (i & 1) {
			memset(p, (int)(i >> 1), 512);
			sectors[n] = (uint8_t)(i >> 1);
			assert_int_equal(pvp_blk_do(&blk, PVK_BLK_WRITE, n, p, 512, LONG), 0);
			continue;
		}
		memset(p, 0xee, 512);
		assert_int_equal(pvp_blk_do(&blk, PVK_BLK_READ, n, p, 512, LONG), 0);
		assert_int_equal(p[0], sectors[n]);
		assert_int_equal(p[511], sectors[n]);
	}
	assert_int_equal(blk.queue.sq.next, ROUNDS);
	free(sectors);
	assert_int_equal(pvp_blk_close(&blk), 0);
	pvp_os_free(p, PVP_PAGE);
	pvp_close(&host);
}

/* In the host's order of bytes; the order of the two writes is the code's to show. */
static void halves_make_the_word(void **state)
{
	union {
		uint64_t word;
		uint32_t half[2];
	} slot = { 0 };

	(void)state;
	pvk_word_publish((__u64 *)&slot.word, 0x1122334455667788ull);
	assert_int_equal(slot.half[0], 0x55667788);
	assert_int_equal(slot.half[1], 0x11223344);
	assert_int_equal(pvk_word_acquire((__u64 *)&slot.word), 0x1122334455667788ull);
	assert_int_equal((uint64_t)PVK_ENTRY_PHASE << PVK_PHASE_SHIFT >> 32, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(words_in_halves_arrive_whole),
		CASE(halves_make_the_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
