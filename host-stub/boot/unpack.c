// SPDX-License-Identifier: BSD-2-Clause
/*
 * Unpacking of compressed kernels: see unpack.h. Runs in the process that payload.c makes, and
 * in no other.
 */
#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "unpack.h"
#include "../util.h"

/* What an unpacker may take: several times what Linux's own makes need, or can unpack. */
#define MOST_MEMORY	(256ull << 20)
#define MOST_WINDOW	27		/* log2; Linux, lib/decompress_unzstd.c */

static bool unpack_gzip(const struct hs_unpack_job *job)
{
	z_stream s = { 0 };
	int ret;

	s.next_in = (z_const Bytef *)(uintptr_t)job->in;
	s.avail_in = (uInt)job->in_bytes;
	s.next_out = job->out;
	s.avail_out = (uInt)job->out_bytes;
	if (inflateInit2(&s, 16 + MAX_WBITS) != Z_OK)
		return false;
	ret = inflate(&s, Z_FINISH);
	*job->made = s.total_out;
	inflateEnd(&s);
	return ret == Z_STREAM_END;
}

static bool unpack_bzip2(const struct hs_unpack_job *job)
{
	unsigned int bytes = (unsigned int)job->out_bytes;
	char *in = (char *)(uintptr_t)job->in;
	int ret = BZ2_bzBuffToBuffDecompress((char *)job->out, &bytes, in,
					     (unsigned int)job->in_bytes, 0, 0);

	*job->made = bytes;
	return ret == BZ_OK;
}

/* XZ, and the format before it, of which the kernel's makes no end mark */
static bool unpack_lzma(const struct hs_unpack_job *job)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_ret ret = LZMA_OK;
	bool full;

	s.next_in = job->in;
	s.avail_in = job->in_bytes;
	s.next_out = job->out;
	s.avail_out = job->out_bytes;
	if (lzma_auto_decoder(&s, MOST_MEMORY, 0) != LZMA_OK)
		return false;
	while (s.avail_out && ret == LZMA_OK)
		ret = lzma_code(&s, LZMA_RUN);
	*job->made = s.total_out;
	full = !s.avail_out;
	lzma_end(&s);
	return ret == LZMA_STREAM_END || full;
}

/* The legacy frame: blocks of 8 MiB, each behind its length (lz4's lz4_Frame_format.md) */
static bool unpack_lz4(const struct hs_unpack_job *job)
{
	size_t at = 4, done = 0;
	uint32_t len;
	int n;

	while (done < job->out_bytes) {
		if (job->in_bytes - at < sizeof(len))
			return false;
		memcpy(&len, job->in + at, sizeof(len));
		at += sizeof(len);
		if (len > job->in_bytes - at)
			return false;
		n = LZ4_decompress_safe((const char *)job->in + at, (char *)job->out + done,
					(int)len, (int)(job->out_bytes - done));
		if (n <= 0)
			return false;
		at += len;
		done += (size_t)n;
	}
	*job->made = done;
	return true;
}

static bool unpack_zstd(const struct hs_unpack_job *job)
{
	/* The unpacked size follows the frame, which the simple function would not like. */
	ZSTD_inBuffer in = { job->in, job->in_bytes, 0 };
	ZSTD_outBuffer out = { job->out, job->out_bytes, 0 };
	ZSTD_DStream *s = ZSTD_createDStream();
	size_t ret = 1;

	if (!s)
		return false;
	ZSTD_DCtx_setParameter(s, ZSTD_d_windowLogMax, MOST_WINDOW);
	while (out.pos < out.size && ret && !ZSTD_isError(ret) && in.pos < in.size)
		ret = ZSTD_decompressStream(s, &out, &in);
	ZSTD_freeDStream(s);
	*job->made = out.pos;
	return !ret || out.pos == out.size;
}

static const struct hs_packing packings[] = {
	{ "gzip", { 0x1f, 0x8b, 8 }, 3, true, unpack_gzip },
	{ "bzip2", { 'B', 'Z', 'h' }, 3, false, unpack_bzip2 },
	{ "lzma", { 0x5d, 0, 0 }, 3, false, unpack_lzma },
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, true, unpack_lzma },
	{ "lz4", { 0x02, 0x21, 0x4c, 0x18 }, 4, false, unpack_lz4 },
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, true, unpack_zstd },
	{ "lzo", { 0x89, 'L', 'Z', 'O' }, 4, false, NULL },
};

const struct hs_packing *hs_packing_of(const uint8_t *data, size_t bytes)
{
	for (size_t i = 0; i < HS_COUNT(packings); i++)
		if (bytes > packings[i].magic_bytes + 4 &&
		    !memcmp(data, packings[i].magic, packings[i].magic_bytes))
			return &packings[i];
	return NULL;
}
