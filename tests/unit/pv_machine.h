/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine of the tests of calls and devices: two vCPUs, three disks, one
 * with both models, one emulated, one pvkit and read-only. Each test has a new one.
 */
#ifndef TESTS_PV_MACHINE_H
#define TESTS_PV_MACHINE_H

#define FAKE_IDE
#include "fake_vm.h"
#include "fake_net.h"
#include "hold_blk.h"
#include "pv_guest.h"

#define BOTH	1u	/* ids of the devices: a disk with two models, */
#define ALONE	2u	/* and one that has no counterpart, read-only */

static int power_on(void **state)
{
	(void)state;
	atomic_store(&hold.seen, 0);
	atomic_store(&hold.status, 0);
	fake.config.pv_offer = PV_ALL;
	fake.config.vcpus = 2;
	if (!fake_disk(0, 1 << 20, HS_MODELS_BOTH) || !fake_disk(1, 1 << 20, HS_MODELS_EMULATED) ||
	    !fake_disk(2, 1 << 20, HS_MODELS_PVKIT))
		return -1;
	fake.config.disk[2].read_only = true;
	if (fake_create() || hs_pv_create(&fake.vm))
		return -1;
	return 0;
}

static int power_off(void **state)
{
	(void)state;
	hold_release();
	fake_destroy();
	return 0;
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, power_on, power_off)

#endif /* TESTS_PV_MACHINE_H */
