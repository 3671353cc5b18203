// SPDX-License-Identifier: BSD-2-Clause
/*
 * Kernels as they are packed: does each format come out as it went in, is what is cut or spoilt
 * refused, and what wants more memory than an unpacker may take?
 */
/* MSAN: no: the libraries that unpack are not instrumented */
/* LINK: host-stub/boot/unpack.c */
/* LIBS: -lz -lbz2 -llzma -llz4 -lzstd */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "host-stub/boot/unpack.h"

#define PLAIN	5000u

static uint8_t plain[PLAIN], packed[PLAIN * 2], out[PLAIN * 2];
static uint64_t made;

static int setup(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < PLAIN; i++)
		plain[i] = (uint8_t)(i * i >> 5);
	return 0;
}

static bool unpack(const char *name, size_t bytes, size_t room)
{
	const struct hs_packing *packing = hs_packing_of(packed, bytes);
	struct hs_unpack_job job = { .in = packed, .in_bytes = bytes, .out = out, .out_bytes = room,
				     .made = &made };

	assert_non_null(packing);
	assert_string_equal(packing->name, name);
	memset(out, 0, sizeof(out));
	made = 0;
	return packing->unpack(&job);
}

/* What `bytes` of packed[] are; whole: the data tell where they end, so there may be more room. */
static void comes_out(const char *name, size_t bytes, bool whole)
{
	assert_true(unpack(name, bytes, PLAIN));
	assert_int_equal(made, PLAIN);
	assert_memory_equal(out, plain, PLAIN);
	assert_int_equal(hs_packing_of(packed, bytes)->whole, whole);
	if (whole) {
		assert_true(unpack(name, bytes, sizeof(out)));
		assert_int_equal(made, PLAIN);
		assert_memory_equal(out, plain, PLAIN);
		assert_false(unpack(name, bytes / 2, sizeof(out)));
	}
	assert_false(unpack(name, bytes / 2, PLAIN));
	memset(packed + 9, 0xff, bytes / 2 - 9);
	assert_false(unpack(name, bytes, PLAIN) && !memcmp(out, plain, PLAIN));
}

static void gzip(void **state)
{
	z_stream s = { .next_in = plain, .avail_in = PLAIN, .next_out = packed,
		       .avail_out = sizeof(packed) };

	(void)state;
	assert_int_equal(deflateInit2(&s, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
	deflateEnd(&s);
	comes_out("gzip", s.total_out, true);
}

static void bzip2(void **state)
{
	unsigned int bytes = sizeof(packed);

	(void)state;
	assert_int_equal(
		BZ2_bzBuffToBuffCompress((char *)packed, &bytes, (char *)plain, PLAIN, 1, 0, 0),
		BZ_OK);
	comes_out("bzip2", bytes, false);
}

static void lz4(void **state)
{
	static const uint8_t magic[] = { 0x02, 0x21, 0x4c, 0x18 };
	int len = LZ4_compress_default((const char *)plain, (char *)packed + 8, PLAIN,
				       sizeof(packed) - 8);

	(void)state;
	assert_true(len > 0);
	memcpy(packed, magic, sizeof(magic));
	memcpy(packed + 4, &len, sizeof(len));
	comes_out("lz4", (size_t)len + 8, false);
}

/* A length that points past the data */
static void lz4_length(void **state)
{
	static const uint8_t lies[] = {
		0x02, 0x21, 0x4c, 0x18, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4
	};

	(void)state;
	memcpy(packed, lies, sizeof(lies));
	assert_false(unpack("lz4", sizeof(lies), PLAIN));
}

static void zstd(void **state)
{
	(void)state;
	comes_out("zstd", ZSTD_compress(packed, sizeof(packed), plain, PLAIN, 3), true);
}

/* A frame of one raw block, which says that it needs a window of 2^log bytes. */
static size_t zstd_frame(unsigned int log)
{
	static const uint8_t magic[] = { 0x28, 0xb5, 0x2f, 0xfd, 0 };
	uint32_t block = PLAIN << 3 | 1;

	memcpy(packed, magic, sizeof(magic));
	packed[5] = (uint8_t)((log - 10) << 3);
	memcpy(packed + 6, &block, 3);
	memcpy(packed + 9, plain, PLAIN);
	return 9 + PLAIN;
}

static void zstd_window(void **state)
{
	(void)state;
	assert_true(unpack("zstd", zstd_frame(20), sizeof(out)));
	assert_int_equal(made, PLAIN);
	assert_true(unpack("zstd", zstd_frame(27), sizeof(out)));
	assert_false(unpack("zstd", zstd_frame(28), sizeof(out)));
	assert_false(unpack("zstd", zstd_frame(31), sizeof(out)));
}

/* Packs with a dictionary of 64 KiB, as the format before XZ or as XZ; how many bytes. */
static size_t pack_lzma(bool xz)
{
	lzma_options_lzma options;
	lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &options }, { LZMA_VLI_UNKNOWN, NULL } };
	lzma_stream s = LZMA_STREAM_INIT;

	assert_false(lzma_lzma_preset(&options, 1));
	options.dict_size = 1u << 16;
	assert_int_equal(xz ? lzma_stream_encoder(&s, filters, LZMA_CHECK_CRC32) :
			 lzma_alone_encoder(&s, &options), LZMA_OK);
	s.next_in = plain;
	s.avail_in = PLAIN;
	s.next_out = packed;
	s.avail_out = sizeof(packed);
	assert_int_equal(lzma_code(&s, LZMA_FINISH), LZMA_STREAM_END);
	lzma_end(&s);
	return s.total_out;
}

static void xz(void **state)
{
	(void)state;
	comes_out("xz", pack_lzma(true), true);
}

static void lzma(void **state)
{
	(void)state;
	comes_out("lzma", pack_lzma(false), false);
}

static void lzma_dictionary(void **state)
{
	size_t bytes = pack_lzma(false);
	uint32_t dictionary = 128u << 20;

	(void)state;
	memcpy(packed + 1, &dictionary, sizeof(dictionary));
	assert_true(unpack("lzma", bytes, PLAIN));
	dictionary = 512u << 20;
	memcpy(packed + 1, &dictionary, sizeof(dictionary));
	assert_false(unpack("lzma", bytes, PLAIN));
}

/* The same in the header of XZ's first block: length, flags, filter, its length, dictionary. */
static void xz_dictionary(void **state)
{
	static const struct {
		uint8_t code;
		bool fits;
	} sizes[] = { { 30, true } /* 128 MiB */,
		      { 34, false } /* 512 MiB */,
		      { 40, false } /* 4 GiB */ };
	size_t bytes = pack_lzma(true);
	uint8_t *block = packed + 12;
	size_t header = (block[0] + 1u) * 4;

	(void)state;
	assert_int_equal(block[2], 0x21);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t sum;

		block[4] = sizes[i].code;
		sum = lzma_crc32(block, header - 4, 0);
		memcpy(block + header - 4, &sum, sizeof(sum));
		assert_int_equal(unpack("xz", bytes, sizeof(out)), sizes[i].fits);
	}
}

static void not_packed(void **state)
{
	(void)state;
	memset(packed, 0, sizeof(packed));
	assert_null(hs_packing_of(packed, sizeof(packed)));
	memcpy(packed, "\x89LZO", 4);
	assert_non_null(hs_packing_of(packed, sizeof(packed)));
	assert_null(hs_packing_of(packed, sizeof(packed))->unpack);
	assert_null(hs_packing_of(packed, 8));		/* too short to be told */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(gzip), cmocka_unit_test(bzip2), cmocka_unit_test(lz4),
		cmocka_unit_test(lz4_length), cmocka_unit_test(zstd), cmocka_unit_test(zstd_window),
		cmocka_unit_test(xz), cmocka_unit_test(lzma), cmocka_unit_test(lzma_dictionary),
		cmocka_unit_test(xz_dictionary), cmocka_unit_test(not_packed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, NULL);
}
