/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What fuzzers with a VM share: it is made once and lives until the process ends.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include "input.h"
#include "tests/unit/fake_vm.h"

/* An image that has no name any more: fuzzers end in many ways. */
static inline void fuzz_power_on(void)
{
	MUST(fake_create() == 0);
	for (unsigned int i = 0; i < fake.config.disks; i++)
		unlink(fake.path[i]);
}

#endif /* TESTS_FUZZ_H */
