// SPDX-License-Identifier: BSD-2-Clause
/* When is a guest that reboots in a boot loop? */
/* LINK: host-stub/reboots.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "host-stub/reboots.h"

#define SECOND	1000000000ull

/* Boots of `ns` each; the number of the one behind which the loop is seen, 0: none of 5,000. */
static unsigned int seen_after(unsigned int most, uint64_t ns)
{
	static struct hs_reboots r;
	uint64_t now = 77;

	r = (struct hs_reboots){ .most = most };
	for (unsigned int i = 1; i <= 5000; i++) {
		hs_reboots_begin(&r, now);
		now += ns;
		if (hs_reboots_loop(&r, now))
			return i;
	}
	return 0;
}

static void steady(void **state)
{
	(void)state;
	assert_int_equal(seen_after(10, SECOND / 100), 10);
	assert_int_equal(seen_after(10, SECOND - 1), 10);
	assert_int_equal(seen_after(10, SECOND), 0);
	assert_int_equal(seen_after(1, 10 * SECOND - 1), 1);
	assert_int_equal(seen_after(1, 10 * SECOND), 0);
	assert_int_equal(seen_after(HS_MAX_REBOOTS, SECOND / 1000), HS_MAX_REBOOTS);
	assert_int_equal(seen_after(0, 1), 0);
}

/* Hours of work, then a loop: the hours do not count, and do not hide it. */
static void later(void **state)
{
	static struct hs_reboots r = { .most = 3 };
	uint64_t now = 0;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		hs_reboots_begin(&r, now);
		now += 3600 * SECOND;
		assert_false(hs_reboots_loop(&r, now));
	}
	for (unsigned int i = 1; i <= 3; i++) {
		hs_reboots_begin(&r, now);
		now += SECOND;
		assert_int_equal(hs_reboots_loop(&r, now), i == 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(steady), cmocka_unit_test(later) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
