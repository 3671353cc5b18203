// SPDX-License-Identifier: BSD-2-Clause
/*
 * The kernel that is packed in a bzImage (Linux, Documentation/x86/boot.rst,
 * payload_offset and payload_length): an ELF file, compressed as its first bytes
 * tell (unpack.c). It is unpacked into a file in memory, by a process of its own that
 * can do nothing else: no library that reads compressed data runs in the stub.
 */
#include <errno.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sandbox.h"
#include "../vm.h"
#include "boot.h"
#include "unpack.h"

#define OFF_PAYLOAD		0x248	/* of the setup header, protocol 2.08 */
#define OFF_PAYLOAD_LENGTH	0x24c
#define MOST_UNPACKED		(1ull << 30)

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
static bool unpack_apart(const struct hs_packing *packing, const struct hs_unpack_job *job)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return false;
	if (!pid) {
		if (!HS_SANITIZED && !enter_sandbox())
			_exit(2);
		_exit(packing->unpack(job) ? 0 : 1);
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
	const struct hs_packing *packing = NULL;
	const char *problem = "header names no payload";
	uint64_t offset, bytes;
	struct hs_unpack_job job = { .out = MAP_FAILED };
	uint8_t *packed = MAP_FAILED;
	uint32_t size = 0;
	int fd = -1;

	if (locate(k, &offset, &bytes) < 0)
		goto failed;
	problem = "cannot be read";
	packed = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (packed == MAP_FAILED || pread(k->fd, packed, bytes, (off_t)offset) != (ssize_t)bytes)
		goto failed;
	packing = hs_packing_of(packed, bytes);
	problem = "is compressed in a way that is not known";
	if (!packing)
		goto failed;
	problem = "is compressed in a way that is not supported: use the kernel's own (--boot bzimage)";
	if (!packing->unpack)
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
	job = (struct hs_unpack_job){ .in = packed, .in_bytes = bytes, .out_bytes = size,
			    .out = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) };
	problem = "cannot be unpacked: damaged";
	if (job.out == MAP_FAILED || !unpack_apart(packing, &job))
		goto failed;
	munmap(packed, bytes);
	munmap(job.out, size);
	close(k->fd);
	k->fd = fd;
	k->bytes = size;
	k->pieces = 0;
	return 0;

failed:
	hs_error("kernel '%s': payload%s%s%s %s", path, packing ? " (" : "",
		 packing ? packing->name : "", packing ? ")" : "", problem);
	if (packed != MAP_FAILED)
		munmap(packed, bytes);
	if (job.out != MAP_FAILED)
		munmap(job.out, size);
	if (fd >= 0)
		close(fd);
	return HS_EXIT_KERNEL;
}
