/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fuzzers share: the input as a stream of numbers, and a VM that is
 * made once and lives until the process ends.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include "must.h"
#include "tests/unit/fake_vm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at;
	size_t left;
};

/* The next n bytes (1 .. 8) as a number; zeroes behind the end. */
static inline uint64_t take(struct input *in, unsigned int n)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < n && in->left; i++, in->left--)
		value |= (uint64_t)*in->at++ << 8 * i;
	return value;
}

/* An image that has no name any more: fuzzers end in many ways. */
static inline void fuzz_power_on(void)
{
	MUST(fake_create() == 0);
	for (unsigned int i = 0; i < fake.config.disks; i++)
		unlink(fake.path[i]);
}

#endif /* TESTS_FUZZ_H */
