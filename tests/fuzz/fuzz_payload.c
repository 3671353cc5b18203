// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fuzzer of the unpacking of kernels: an input is a payload, packed here and then
 * spoilt, or bytes behind a format's first ones, and the header that names it; the same
 * bytes are a kernel's file that is packed as a whole. What was not spoilt comes out as it
 * was; nothing is read or written outside of the two buffers; what is refused is refused in
 * the process that unpacks, with nothing left behind in the stub. (That process is played:
 * its fork() returns here; what it would have left in shared memory is put there.)
 */
/* MSAN: no: the libraries that unpack are not instrumented */
/* LINK: host-stub/boot/payload.c host-stub/boot/unpack.c host-stub/log.c */
/* LIBS: -lz -lbz2 -llzma -llz4 -lzstd -lseccomp -Wl,--wrap=write -Wl,--wrap=fork -Wl,--wrap=waitpid -Wl,--wrap=_exit -Wl,--wrap=mmap -Wl,--wrap=munmap -Wl,--wrap=memfd_create -Wl,--wrap=seccomp_load -Wl,--wrap=prctl */
#include <bzlib.h>
#include <errno.h>
#include <lz4.h>
#include <lzma.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <zlib.h>
#include <zstd.h>

#include "host-stub/boot/boot.h"
#include "host-stub/boot/unpack.h"
#include "input.h"
#include "quiet.h"

#define CONTENT	20000u
#define PACKED	40000u
#define SETUP	512u		/* of the image: where the payload's piece begins */

static uint8_t content[CONTENT], packed[PACKED + 64];

/* ---- the process that unpacks ---- */

enum { PACKED_BYTES, UNPACKED, MADE, MAPS };

static struct {
	jmp_buf ended;
	int pid;			/* what fork() returns */
	int status;			/* what it ended with */
	uint64_t made;			/* what it said that it unpacked */
	uint64_t want;			/* and what it has to be; 0: anything */
	uint8_t trouble;		/* bits of enum: calls that fail */
	struct {
		void *at;
		size_t bytes;
	} map[MAPS];			/* in the order in which payload.c makes them */
	int fd;
} child;

enum { NO_PROCESS = 1, NO_MEMORY = 2, NO_FILTER = 4, INTERRUPTED = 8, LOST = 16, HUGE_FILE = 32 };

pid_t __wrap_fork(void);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
void __wrap__exit(int status) __attribute__((noreturn));
void *__wrap_mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset);
void *__real_mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset);
int __wrap_munmap(void *at, size_t bytes);
int __real_munmap(void *at, size_t bytes);
int __wrap_memfd_create(const char *name, unsigned int flags);
int __real_memfd_create(const char *name, unsigned int flags);
int __wrap_seccomp_load(const scmp_filter_ctx filter);
int __wrap_prctl(int option, ...);

pid_t __wrap_fork(void)
{
	errno = EAGAIN;
	return child.pid;
}

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	MUST(pid == child.pid && !options);
	if (child.trouble & (INTERRUPTED | LOST)) {
		errno = child.trouble & INTERRUPTED ? EINTR : ECHILD;
		child.trouble &= (uint8_t)~INTERRUPTED;
		return -1;
	}
	*(uint64_t *)child.map[MADE].at = child.made;
	*status = child.status << 8;
	return pid;
}

void __wrap__exit(int status)
{
	MUST(!child.pid);
	child.status = status;
	child.made = *(uint64_t *)child.map[MADE].at;
	if (child.want && !status)
		MUST(child.made == child.want &&
		     !memcmp(child.map[UNPACKED].at, content, child.want));
	longjmp(child.ended, 1);
}

void *__wrap_mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	void *map;

	if (child.trouble & NO_MEMORY) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	map = __real_mmap(at, bytes, prot, flags, fd, offset);
	for (unsigned int i = 0; i < MAPS && map != MAP_FAILED; i++) {
		if (child.map[i].at)
			continue;
		child.map[i].at = map;
		child.map[i].bytes = bytes;
		break;
	}
	return map;
}

int __wrap_munmap(void *at, size_t bytes)
{
	for (unsigned int i = 0; i < MAPS; i++) {
		if (child.map[i].at != at)
			continue;
		MUST(child.map[i].bytes == bytes);
		child.map[i].at = NULL;
	}
	return __real_munmap(at, bytes);
}

int __wrap_memfd_create(const char *name, unsigned int flags)
{
	child.fd = __real_memfd_create(name, flags);
	return child.fd;
}

int __wrap_seccomp_load(const scmp_filter_ctx filter)
{
	(void)filter;
	return child.trouble & NO_FILTER ? -EINVAL : 0;
}

int __wrap_prctl(int option, ...)
{
	(void)option;
	return 0;
}

/* What was the process's goes with it. */
static void release(void)
{
	for (unsigned int i = 0; i < MAPS; i++)
		if (child.map[i].at)
			__wrap_munmap(child.map[i].at, child.map[i].bytes);
	close(child.fd);
	child.fd = -1;
}

/* ---- packing ---- */

static size_t pack_gzip(const uint8_t *in, size_t bytes, uint8_t *out)
{
	z_stream s = { .avail_in = (uInt)bytes, .next_out = out, .avail_out = PACKED };

	s.next_in = (z_const Bytef *)(uintptr_t)in;
	MUST(deflateInit2(&s, 1, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	MUST(deflate(&s, Z_FINISH) == Z_STREAM_END);
	deflateEnd(&s);
	return PACKED - s.avail_out;
}

static size_t pack_bzip2(const uint8_t *in, size_t bytes, uint8_t *out)
{
	unsigned int size = PACKED;

	MUST(BZ2_bzBuffToBuffCompress((char *)out, &size, (char *)(uintptr_t)in,
				      (unsigned int)bytes, 1, 0, 0) == BZ_OK);
	return size;
}

static size_t pack_lzma(const uint8_t *in, size_t bytes, uint8_t *out, bool xz)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_options_lzma options;

	MUST(!lzma_lzma_preset(&options, 0));
	options.dict_size = 1 << 16;
	if (xz)
		MUST(lzma_easy_encoder(&s, 0, LZMA_CHECK_CRC32) == LZMA_OK);
	else
		MUST(lzma_alone_encoder(&s, &options) == LZMA_OK);
	s.next_in = in;
	s.avail_in = bytes;
	s.next_out = out;
	s.avail_out = PACKED;
	MUST(lzma_code(&s, LZMA_FINISH) == LZMA_STREAM_END);
	lzma_end(&s);
	return PACKED - s.avail_out;
}

/* In two blocks, when there is enough for two */
static size_t pack_lz4(const uint8_t *in, size_t bytes, uint8_t *out)
{
	size_t at = 4, done = 0;

	memcpy(out, "\x02\x21\x4c\x18", 4);
	while (done < bytes) {
		size_t part = bytes - done > CONTENT / 2 ? CONTENT / 2 : bytes - done;
		int n = LZ4_compress_default((const char *)in + done, (char *)out + at + 4,
					     (int)part, (int)(PACKED - at - 4));

		MUST(n > 0);
		memcpy(out + at, &n, 4);
		at += 4 + (size_t)n;
		done += part;
	}
	return at;
}

static size_t pack(uint8_t how, const uint8_t *in, size_t bytes, uint8_t *out)
{
	switch (how % 6) {
	case 0:
		return pack_gzip(in, bytes, out);
	case 1:
		return pack_bzip2(in, bytes, out);
	case 2:
		return pack_lzma(in, bytes, out, false);
	case 3:
		return pack_lzma(in, bytes, out, true);
	case 4:
		return pack_lz4(in, bytes, out);
	default:
		return ZSTD_compress(out, PACKED, in, bytes, 1);
	}
}

/* First bytes, then the input's. */
static size_t raw(struct input *in, uint8_t how, uint8_t *out)
{
	static const struct {
		const char *first;
		size_t bytes;
	} formats[] = {
		{ "\x1f\x8b\x08", 3 }, { "BZh9", 4 }, { "\x5d\0\0", 3 }, { "\xfd""7zXZ\0", 6 },
		{ "\x02\x21\x4c\x18", 4 }, { "\x28\xb5\x2f\xfd", 4 }, { "\x89LZO", 4 }, { "", 0 },
	};
	size_t n = formats[how & 7].bytes;

	memcpy(out, formats[how & 7].first, n);
	while (in->left && n < PACKED - 4)
		out[n++] = (uint8_t)take(in, 1);
	return n;
}

/* ---- the input ---- */

/* Runs of bytes, so that there is something to pack. */
static size_t make_content(struct input *in)
{
	size_t n = 1 + take(in, 2) % CONTENT;

	for (size_t i = 0; i < n;) {
		uint8_t byte = (uint8_t)take(in, 1), step = (uint8_t)take(in, 1);

		for (unsigned int k = 0; k < 1u + step * 4 && i < n; k++)
			content[i++] = (uint8_t)(byte + k * (step & 3));
	}
	return n;
}

/* Straight to the unpacker, into a buffer that ends where it may write. */
static void unpack_alone(size_t bytes, size_t size, bool whole)
{
	const struct hs_packing *packing = hs_packing_of(packed, bytes);
	uint64_t made = 0;
	struct hs_unpack_job job = { .in_bytes = bytes, .out_bytes = size, .made = &made };
	uint8_t *in;

	if (!packing || !packing->unpack) {
		MUST(!whole);
		return;
	}
	in = malloc(bytes);
	job.out = malloc(size);
	MUST(in && job.out);
	memcpy(in, packed, bytes);
	job.in = in;
	if (packing->unpack(&job))
		MUST(made <= size && (!whole || (made == size && !memcmp(job.out, content, size))));
	else
		MUST(!whole);
	free(in);
	free(job.out);
}

struct image {
	bool whole;			/* the file is packed, not a part of it */
	size_t bytes;
	uint32_t at, length;		/* what the header says of the part */
};

static int open_image(struct hs_kernel *k, const struct image *image)
{
	off_t begin = image->whole ? 0 : SETUP;

	*k = (struct hs_kernel){ .bytes = (uint64_t)begin + image->bytes, .pieces = 1 };
	k->fd = __real_memfd_create("image", MFD_CLOEXEC);
	MUST(k->fd >= 0 && pwrite(k->fd, packed, image->bytes, begin) == (ssize_t)image->bytes);
	if (image->whole) {
		MUST(pread(k->fd, k->setup, sizeof(k->setup), 0) >= 0);
		if (child.trouble & HUGE_FILE)
			k->bytes = 1ull << 30;
		return hs_payload_whole(k, "image");
	}
	k->piece[0] = (struct hs_piece){ HS_BOOT_LOW_END, SETUP, image->bytes, 0 };
	memcpy(k->setup + 0x248, &image->at, 4);
	memcpy(k->setup + 0x24c, &image->length, 4);
	return hs_payload_open(k, "image");
}

/* The whole way: once as the process that unpacks, once as the one that made it. */
static void open_twice(const struct image *image)
{
	static struct hs_kernel k;
	uint8_t trouble = child.trouble;
	volatile bool apart = false;
	volatile int first = 0;
	bool unpacked;
	int ret;

	child.pid = 0;
	child.fd = -1;
	if (!setjmp(child.ended)) {
		/* There was no process: refused before, or a file that is not packed. */
		first = open_image(&k, image);
		MUST(first == 3 || (!first && image->whole && k.pieces == 1));
		child.fd = -1;
	} else {
		apart = true;
		release();
	}
	close(k.fd);
	child.pid = trouble & NO_PROCESS ? -1 : 4711;
	ret = open_image(&k, image);
	child.trouble = trouble;
	unpacked = apart && !(trouble & (NO_PROCESS | LOST)) && !child.status &&
		   (child.made || !image->whole);
	if (apart)
		MUST(ret == (unpacked ? 0 : 3));
	else
		MUST(ret == first);
	if (unpacked)
		MUST(k.bytes && !k.pieces && k.bytes <= 1u << 30 &&
		     (!image->whole || k.bytes == child.made));
	for (unsigned int i = 0; i < MAPS; i++)
		MUST(!child.map[i].at);
	close(k.fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t how = (uint8_t)take(&in, 1), more = (uint8_t)take(&in, 1);
	uint32_t at = 0, length, out_bytes, made;
	bool whole = !(how & 0x80);
	size_t bytes;

	if (how & 0x40) {
		whole = false;
		out_bytes = 1 + (uint32_t)take(&in, 2) % CONTENT;
		bytes = raw(&in, how, packed);
	} else {
		out_bytes = (uint32_t)make_content(&in);
		bytes = pack(how, content, out_bytes, packed);
		for (unsigned int i = 0; i < (more & 15u) && !whole; i++)
			packed[take(&in, 2) % bytes] ^= (uint8_t)take(&in, 1);
		if (how & 0x20 && !whole)
			bytes -= take(&in, 2) % bytes;
	}
	unpack_alone(bytes, out_bytes, whole);
	made = out_bytes;
	if (more & 0x80)
		out_bytes = (uint32_t)take(&in, 4);
	if (out_bytes > 1u << 24)	/* refused by its size, or slow */
		out_bytes |= 1u << 31;
	memcpy(packed + bytes, &out_bytes, 4);
	length = (uint32_t)bytes + 4;
	if (more & 0x40) {
		at = (uint32_t)take(&in, 4);
		length = (uint32_t)take(&in, 2);
	}
	child.trouble = (more & 0x30) == 0x30 ? NO_MEMORY : (more & 0x30) == 0x20 ? NO_PROCESS : 0;
	child.trouble |= (uint8_t)take(&in, 1);
	child.want = whole && !(more & 0xc0) ? made : 0;
	open_twice(&(struct image){ false, bytes + 4, at, length });
	child.want = whole ? made : 0;
	open_twice(&(struct image){ .whole = true, .bytes = bytes });
	child.trouble = 0;
	return 0;
}
