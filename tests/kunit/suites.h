/* SPDX-License-Identifier: GPL-2.0-only */
/* The suites of pvk_core_test.ko, one file each. */
#ifndef PVK_KUNIT_SUITES_H
#define PVK_KUNIT_SUITES_H

#include <kunit/test.h>

extern struct kunit_suite pvk_detect_suite;
extern struct kunit_suite pvk_check_suite;
extern struct kunit_suite pvk_device_suite;
extern struct kunit_suite pvk_ring_suite;
extern struct kunit_suite pvk_blk_suite;
extern struct kunit_suite pvk_net_suite;

#endif /* PVK_KUNIT_SUITES_H */
