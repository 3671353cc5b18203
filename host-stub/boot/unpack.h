/* SPDX-License-Identifier: BSD-2-Clause */
/* The formats that kernels are packed in, told by their first bytes. */
#ifndef HS_BOOT_UNPACK_H
#define HS_BOOT_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Packed bytes, and where the unpacked go. */
struct hs_unpack_job {
	const uint8_t *in;
	size_t in_bytes;
	uint8_t *out;
	size_t out_bytes;
};

struct hs_packing {
	const char *name;
	uint8_t magic[6];
	unsigned int magic_bytes;
	/* Fills out. False: the data are bad, or make less. NULL: not supported */
	bool (*unpack)(const struct hs_unpack_job *job);
};

/* NULL: none that is known. From there on `bytes` is more than 6. */
const struct hs_packing *hs_packing_of(const uint8_t *data, size_t bytes);

#endif /* HS_BOOT_UNPACK_H */
