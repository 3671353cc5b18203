/* SPDX-License-Identifier: BSD-2-Clause */
/* What every fuzzer says when something does not hold. */
#ifndef FUZZ_MUST_H
#define FUZZ_MUST_H

#include <stdio.h>
#include <stdlib.h>

/* Ends the process when what must hold does not: libFuzzer keeps the input. */
#define MUST(cond) do { \
	if (!(cond)) { \
		fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond); \
		abort(); \
	} \
} while (0)

#endif /* FUZZ_MUST_H */
