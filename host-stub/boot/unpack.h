/* SPDX-License-Identifier: BSD-2-Clause */
/* The formats that kernels are packed in, told by their first bytes. */
#ifndef HS_BOOT_UNPACK_H
#define HS_BOOT_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Packed bytes, and where the unpacked go: how many there are becomes *made. */
struct hs_unpack_job {
	const uint8_t *in;
	size_t in_bytes;
	uint8_t *out;
	size_t out_bytes;
	uint64_t *made;
};

struct hs_packing {
	const char *name;
	uint8_t magic[6];
	unsigned int magic_bytes;
	bool whole; /* may be a whole file: its data tell where they end, and it is not mistaken */
	/* Up to the data's end, or out's. False: the data are bad. NULL: not supported */
	bool (*unpack)(const struct hs_unpack_job *job);
};

/* NULL: none that is known. From there on `bytes` is more than 6. */
const struct hs_packing *hs_packing_of(const uint8_t *data, size_t bytes);

#endif /* HS_BOOT_UNPACK_H */
