// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fuzzer of what the network back end does to frames in software: any meta data
 * with any bytes. The first 12 bytes of an input are the meta data, or 26 with
 * a header that is nearly right. Whatever hs_net_check() allows must be cut or
 * refused without reading beyond the frame, and pieces add up to it.
 */
/* LINK: host-stub/net/net_soft.c */
/* LIBS: -lpthread -Wl,--wrap=ioctl */
#include <stdlib.h>
#include <string.h>

#include "host-stub/net/net.h"
#include "fuzz.h"

struct seen {
	uint32_t bytes, pieces, largest;
};

static int emit(void *arg, const uint8_t *piece, uint32_t length)
{
	struct seen *seen = arg;
	uint8_t sum = 0;

	for (uint32_t i = 0; i < length; i++)
		sum ^= piece[i];
	seen->bytes += length;
	seen->pieces++;
	if (length > seen->largest)
		seen->largest = length;
	return sum == 0 && seen->pieces > 64 ? -1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { .at = data, .left = size };
	struct hs_net_meta meta = { 0 };
	struct seen seen = { 0 };
	uint32_t length;
	uint8_t *frame;
	int ret, check;

	meta.gso = (uint8_t)take(&in, 1);
	meta.csum = take(&in, 1) & 1;
	meta.gso_size = (uint16_t)take(&in, 2);
	meta.hdr_len = (uint16_t)take(&in, 2);
	meta.csum_start = (uint16_t)take(&in, 2);
	meta.csum_offset = (uint16_t)take(&in, 2);
	length = (uint32_t)take(&in, 2);
	if (length > HS_NET_MAX_FRAME)
		length = HS_NET_MAX_FRAME;
	/* Of its own size, so that the sanitizer sees a byte beyond. */
	frame = calloc(1, length ? length : 1);
	MUST(frame);
	for (uint32_t i = 0; i < length && in.left; i++)
		frame[i] = (uint8_t)take(&in, 1);
	check = hs_net_check(&meta, length);
	(void)hs_net_checksum(frame, length, meta.gso_size);
	ret = hs_net_segment(&meta, frame, length, emit, &seen);
	if (ret >= 0) {
		MUST(check == 0 || !meta.hdr_len);
		MUST(seen.largest <= length);
		MUST(seen.pieces >= 1 && seen.pieces <= 4097);
		MUST((uint32_t)ret == seen.pieces || (uint32_t)ret + 1 == seen.pieces);
	}
	if (check == 0 && meta.csum)
		MUST(hs_net_fill_csum(&meta, frame, length) == 0);
	free(frame);
	return 0;
}
