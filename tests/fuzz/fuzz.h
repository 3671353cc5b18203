/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What fuzzers with a VM share: it is made once and lives until the process ends.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include "host-stub/leak.h"
#include "input.h"
#include "tests/unit/fake_vm.h"

/* At the end: no byte of the guest's memory is one that nobody had written (make msan). */
static inline void fuzz_look_at_ram(void)
{
	if (fake.vm.mem)
		hs_leaves(fake_ram(0, hs_mem_low(fake.vm.mem)), hs_mem_low(fake.vm.mem));
}

/* An image that has no name any more: fuzzers end in many ways. */
static inline void fuzz_power_on(void)
{
	MUST(fake_create() == 0);
	(void)atexit(fuzz_look_at_ram);
	for (unsigned int i = 0; i < fake.config.disks; i++)
		unlink(fake.path[i]);
}

#endif /* TESTS_FUZZ_H */
