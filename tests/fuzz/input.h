/* SPDX-License-Identifier: BSD-2-Clause */
/* The input of a fuzzer, as a stream of numbers. */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "must.h"

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

#endif /* TESTS_FUZZ_INPUT_H */
