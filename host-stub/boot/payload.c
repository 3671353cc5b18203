// SPDX-License-Identifier: BSD-2-Clause
/*
 * The kernel that is packed in a bzImage (Linux, Documentation/x86/boot.rst,
 * payload_offset and payload_length): an ELF file, compressed as its first bytes
 * tell (unpack.c); and a kernel's file that is packed as a whole. It is unpacked into a file in
 * memory, by a process of its own that can do nothing else: no library that reads compressed
 * data runs in the stub, which distrusts the size that it is told.
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

#include "../rules.h"
#include "../vm.h"
#include "boot.h"
#include "unpack.h"
#include "../util.h"

#define OFF_PAYLOAD		0x248	/* of the setup header, protocol 2.08 */
#define OFF_PAYLOAD_LENGTH	0x24c
#define MOST_UNPACKED		(1ull << 30)

/* What an unpacker needs: memory, and an end. */
static bool enter_sandbox(void)
{
	static const int allowed[] = {
		SCMP_SYS(mmap),	 SCMP_SYS(munmap),     SCMP_SYS(mremap),
		SCMP_SYS(brk),	 SCMP_SYS(madvise),    SCMP_SYS(mprotect),
		SCMP_SYS(futex), SCMP_SYS(exit_group), SCMP_SYS(getrandom),
	};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	bool ok = filter && !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

	for (size_t i = 0; i < HS_COUNT(allowed) && ok; i++)
		ok = !seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, allowed[i], 0, NULL);
	ok = ok && !seccomp_load(filter);
	seccomp_release(filter);
	return ok;
}

/* In a process of its own. False: the data are bad, or do not fill out when they should. */
static bool unpack_apart(const struct hs_packing *packing, const struct hs_unpack_job *job,
			 bool fills)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return false;
	if (!pid) {
		if (!HS_SANITIZED && !enter_sandbox())
			_exit(2);
		_exit(packing->unpack(job) && (!fills || *job->made == job->out_bytes) ? 0 : 1);
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

/*
 * Unpacks a part of k->fd into a file in memory, which takes its place; size 0: as large as it
 * comes. NULL, or what is wrong.
 */
static const char *unpack(struct hs_kernel *k, const struct hs_packing *packing, uint64_t offset,
			  uint64_t bytes, uint64_t size)
{
	const char *problem = "has no memory to be unpacked to";
	uint64_t room = size ? size : MOST_UNPACKED, made;
	uint8_t *in = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("kernel", MFD_CLOEXEC);
	struct hs_unpack_job job = { .in = in,
				    .in_bytes = bytes,
				    .out = MAP_FAILED,
				    .out_bytes = room,
				    .made = MAP_FAILED};

	if (in == MAP_FAILED || fd < 0 || ftruncate(fd, (off_t)room) < 0)
		goto done;
	job.out = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	job.made = mmap(NULL, sizeof(*job.made), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (job.out == MAP_FAILED || job.made == MAP_FAILED)
		goto done;
	problem = "cannot be read";
	if (pread(k->fd, in, bytes, (off_t)offset) != (ssize_t)bytes)
		goto done;
	problem = "cannot be unpacked: damaged";
	if (!unpack_apart(packing, &job, size))
		goto done;
	made = size ? size : *job.made;
	if (!made)
		goto done;
	problem = "is 1 GiB or more when it is unpacked";
	if (!size && (made >= MOST_UNPACKED || ftruncate(fd, (off_t)made) < 0))
		goto done;
	close(k->fd);
	k->fd = fd;
	k->bytes = made;
	k->pieces = 0;
	fd = -1;
	problem = NULL;
done:
	if (in != MAP_FAILED)
		munmap(in, bytes);
	if (job.out != MAP_FAILED)
		munmap(job.out, room);
	if (job.made != MAP_FAILED)
		munmap(job.made, sizeof(*job.made));
	if (fd >= 0)
		close(fd);
	return problem;
}

int hs_payload_open(struct hs_kernel *k, const char *path)
{
	const struct hs_packing *packing = NULL;
	const char *problem = "header names no payload";
	uint8_t magic[16] = { 0 };
	uint64_t offset, bytes;
	uint32_t size = 0;

	if (locate(k, &offset, &bytes) < 0)
		goto failed;
	problem = "is compressed in a way that is not known";
	if (pread(k->fd, magic, sizeof(magic), (off_t)offset) > 0)
		packing = hs_packing_of(magic, bytes < sizeof(magic) ? bytes : sizeof(magic));
	if (!packing)
		goto failed;
	problem = "is compressed in a way that is not supported: use the kernel's own (--boot bzimage)";
	if (!packing->unpack)
		goto failed;
	/* Its size stands behind it (Linux, scripts/Makefile.lib, size_append); gzip's own as well.
	 */
	problem = "has an impossible size";
	if (pread(k->fd, &size, sizeof(size), (off_t)(offset + bytes - sizeof(size))) !=
	    (ssize_t)sizeof(size) || !size || size > MOST_UNPACKED)
		goto failed;
	problem = unpack(k, packing, offset, bytes, size);
	if (!problem)
		return 0;
failed:
	hs_error("kernel '%s': payload%s%s%s %s", path, packing ? " (" : "",
		 packing ? packing->name : "", packing ? ")" : "", problem);
	return HS_EXIT_KERNEL;
}

int hs_payload_whole(struct hs_kernel *k, const char *path)
{
	size_t bytes = k->bytes < sizeof(k->setup) ? k->bytes : sizeof(k->setup);
	const struct hs_packing *packing = hs_packing_of(k->setup, bytes);
	const char *problem = "is 1 GiB or more";

	if (!packing || !packing->whole)
		return 0;
	if (k->bytes < MOST_UNPACKED)
		problem = unpack(k, packing, 0, k->bytes, 0);
	if (!problem)
		return 0;
	hs_error("kernel '%s': packed (%s), %s", path, packing->name, problem);
	return HS_EXIT_KERNEL;
}
