// SPDX-License-Identifier: BSD-2-Clause
/*
 * The kernel that is packed in a bzImage (Linux, Documentation/x86/boot.rst,
 * payload_offset and payload_length): an ELF file, compressed as its first bytes
 * tell. It is unpacked into a file in memory, by a process of its own that can do
 * nothing else: no library that reads compressed data runs in the stub.
 */
#include <bzlib.h>
#include <errno.h>
#include <inttypes.h>
#include <lz4.h>
#include <lzma.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "../sandbox.h"
#include "../vm.h"
#include "boot.h"

#define OFF_PAYLOAD		0x248	/* of the setup header, protocol 2.08 */
#define OFF_PAYLOAD_LENGTH	0x24c
#define MOST_UNPACKED		(1ull << 30)

/* Packed bytes, and where the unpacked go. */
struct job {
	const uint8_t *in;
	size_t in_bytes;
	uint8_t *out;
	size_t out_bytes;
};

/* What each does: unpacks in to out, whose size is known. False: the data are bad. */
static bool unpack_gzip(const struct job *job)
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
	return ret == Z_STREAM_END && !s.avail_out;
}

static bool unpack_bzip2(const struct job *job)
{
	unsigned int bytes = (unsigned int)job->out_bytes;
	char *in = (char *)(uintptr_t)job->in;

	return BZ2_bzBuffToBuffDecompress((char *)job->out, &bytes, in, (unsigned int)job->in_bytes,
					  0, 0) == BZ_OK && bytes == job->out_bytes;
}

/* XZ, and the format before it, of which the kernel's makes no end mark */
static bool unpack_lzma(const struct job *job)
{
	lzma_stream s = LZMA_STREAM_INIT;

	s.next_in = job->in;
	s.avail_in = job->in_bytes;
	s.next_out = job->out;
	s.avail_out = job->out_bytes;
	if (lzma_auto_decoder(&s, UINT64_MAX, 0) != LZMA_OK)
		return false;
	while (s.avail_out)
		if (lzma_code(&s, LZMA_RUN) != LZMA_OK)
			break;
	return !s.avail_out;
}

/* The legacy frame: blocks of 8 MiB, each behind its length (lz4's lz4_Frame_format.md) */
static bool unpack_lz4(const struct job *job)
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
		n = LZ4_decompress_safe((const char *)job->in + at, (char *)job->out + done, (int)len,
					(int)(job->out_bytes - done));
		if (n <= 0)
			return false;
		at += len;
		done += (size_t)n;
	}
	return true;
}

static bool unpack_zstd(const struct job *job)
{
	/* The unpacked size follows the frame, which the simple function would not like. */
	ZSTD_inBuffer in = { job->in, job->in_bytes, 0 };
	ZSTD_outBuffer out = { job->out, job->out_bytes, 0 };
	ZSTD_DStream *s = ZSTD_createDStream();
	size_t ret = 1;

	if (!s)
		return false;
	ZSTD_DCtx_setParameter(s, ZSTD_d_windowLogMax, 30);
	while (out.pos < out.size && ret && !ZSTD_isError(ret) && in.pos < in.size)
		ret = ZSTD_decompressStream(s, &out, &in);
	return out.pos == out.size;
}

static const struct format {
	const char *name;
	uint8_t magic[6];
	unsigned int magic_bytes;
	bool (*unpack)(const struct job *job);	/* NULL: not supported */
} formats[] = {
	{ "gzip", { 0x1f, 0x8b }, 2, unpack_gzip },
	{ "bzip2", { 'B', 'Z', 'h' }, 3, unpack_bzip2 },
	{ "lzma", { 0x5d, 0, 0 }, 3, unpack_lzma },
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, unpack_lzma },
	{ "lz4", { 0x02, 0x21, 0x4c, 0x18 }, 4, unpack_lz4 },
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, unpack_zstd },
	{ "lzo", { 0x89, 'L', 'Z', 'O' }, 4, NULL },
};

static const struct format *format_of(const uint8_t *data, size_t bytes)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (bytes > formats[i].magic_bytes + 4 &&
		    !memcmp(data, formats[i].magic, formats[i].magic_bytes))
			return &formats[i];
	return NULL;
}

/* What an unpacker needs: memory, and an end. */
static bool enter_sandbox(void)
{
	static const int allowed[] = {
		SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk), SCMP_SYS(madvise),
		SCMP_SYS(mprotect), SCMP_SYS(futex), SCMP_SYS(exit_group), SCMP_SYS(getrandom),
	};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	bool ok = filter && !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && ok; i++)
		ok = !seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, allowed[i], 0, NULL);
	ok = ok && !seccomp_load(filter);
	seccomp_release(filter);
	return ok;
}

/* In a process of its own. True: all of out is filled. */
static bool unpack_apart(const struct format *format, const struct job *job)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return false;
	if (!pid) {
		if (!HS_SANITIZED && !enter_sandbox())
			_exit(2);
		_exit(format->unpack(job) ? 0 : 1);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/* Where the payload lies in the file: 0, or -EINVAL. */
static int locate(const struct hs_kernel *k, uint64_t *offset, uint64_t *bytes)
{
	uint32_t at, length;

	memcpy(&at, k->setup + OFF_PAYLOAD, sizeof(at));
	memcpy(&length, k->setup + OFF_PAYLOAD_LENGTH, sizeof(length));
	if (!length || at > k->piece[0].bytes || length > k->piece[0].bytes - at)
		return -EINVAL;
	*offset = k->piece[0].offset + at;
	*bytes = length;
	return 0;
}

int hs_payload_open(struct hs_kernel *k, const char *path)
{
	const struct format *format = NULL;
	const char *problem = "header names no payload";
	uint64_t offset, bytes;
	struct job job = { .out = MAP_FAILED };
	uint8_t *packed = MAP_FAILED;
	uint32_t size = 0;
	int fd = -1;

	if (locate(k, &offset, &bytes) < 0)
		goto failed;
	problem = "cannot be read";
	packed = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (packed == MAP_FAILED || pread(k->fd, packed, bytes, (off_t)offset) != (ssize_t)bytes)
		goto failed;
	format = format_of(packed, bytes);
	problem = "is compressed in a way that is not known";
	if (!format)
		goto failed;
	problem = "is compressed in a way that is not supported: use the kernel's own (--boot bzimage)";
	if (!format->unpack)
		goto failed;
	/* Its size stands behind it (Linux, scripts/Makefile.lib, size_append); gzip's own as well. */
	memcpy(&size, packed + bytes - sizeof(size), sizeof(size));
	problem = "has an impossible size";
	if (!size || size > MOST_UNPACKED)
		goto failed;
	problem = "has no memory to be unpacked to";
	fd = memfd_create("kernel", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, size) < 0)
		goto failed;
	job = (struct job){ .in = packed, .in_bytes = bytes, .out_bytes = size,
			    .out = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) };
	problem = "cannot be unpacked: damaged";
	if (job.out == MAP_FAILED || !unpack_apart(format, &job))
		goto failed;
	munmap(packed, bytes);
	munmap(job.out, size);
	close(k->fd);
	k->fd = fd;
	k->bytes = size;
	k->pieces = 0;
	return 0;

failed:
	hs_error("kernel '%s': payload%s%s%s %s", path, format ? " (" : "",
		 format ? format->name : "", format ? ")" : "", problem);
	if (packed != MAP_FAILED)
		munmap(packed, bytes);
	if (job.out != MAP_FAILED)
		munmap(job.out, size);
	if (fd >= 0)
		close(fd);
	return HS_EXIT_KERNEL;
}
