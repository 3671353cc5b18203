// SPDX-License-Identifier: GPL-2.0-only
/* KUnit suites of the guest core and the drivers: the module runs them when it is loaded. */
#include <linux/module.h>

#include "suites.h"

kunit_test_suites(&pvk_detect_suite, &pvk_check_suite, &pvk_device_suite, &pvk_ring_suite,
		  &pvk_blk_suite, &pvk_net_suite);

MODULE_DESCRIPTION("KUnit suites of pvkit's guest core");
MODULE_LICENSE("GPL");
MODULE_VERSION(PVK_RELEASE);
