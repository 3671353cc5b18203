/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory: see mem.h. Two pieces of anonymous memory at most, each one
 * KVM memory slot. Unless told otherwise, nothing is touched before the guest
 * does: a guest costs what it uses. Written once at creation, then only read:
 * no lock.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "hs.h"
#include "leak.h"
#include "mem.h"

/* Host and guest address agree modulo this, so that huge pages can be mapped to the guest. */
#define HS_MEM_ALIGN	(2ull << 20)

/* <linux/mman.h>'s, which does not go together with <sys/mman.h> everywhere */
#define HS_MAP_HUGE_2MB	(21 << 26)

struct piece {
	hs_gpa base;
	uint64_t bytes;
	uint8_t *host;
	void *map;		/* what mmap() gave: larger by HS_MEM_ALIGN */
	size_t map_bytes;
};

struct hs_mem {
	struct piece piece[2];	/* low, high; bytes == 0: not there */
};

/* Maps piece `slot` and tells KVM. 0 or -errno, with the line printed. */
static int piece_create(struct piece *piece, int vm_fd, uint32_t slot,
			const struct hs_config *config)
{
	int huge = config->pages == HS_PAGES_HUGE ? MAP_HUGETLB | HS_MAP_HUGE_2MB : 0;
	struct kvm_userspace_memory_region region = { 0 };
	uintptr_t start;
	int ret;

	piece->map_bytes = huge ? (piece->bytes + HS_MEM_ALIGN - 1) & ~(HS_MEM_ALIGN - 1) :
			   piece->bytes + HS_MEM_ALIGN;
	piece->map = mmap(NULL, piece->map_bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | (huge ? huge : MAP_NORESERVE), -1, 0);
	if (piece->map == MAP_FAILED) {
		ret = -errno;
		piece->map = NULL;
		hs_error("guest memory: cannot map %llu MiB: %s: %s",
			 (unsigned long long)(piece->bytes >> 20), strerror(-ret),
			 huge ? "--pages huge takes what vm.nr_hugepages has set aside" :
			 "give less with --memory");
		return ret;
	}
	start = ((uintptr_t)piece->map + HS_MEM_ALIGN - 1) & ~(uintptr_t)(HS_MEM_ALIGN - 1);
	piece->host = (uint8_t *)start;
	/* A host without huge pages, or one that may not dump less, serves as well. */
	if (!huge)
		(void)madvise(piece->host, piece->bytes,
			      config->pages == HS_PAGES_AUTO ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	(void)madvise(piece->host, piece->bytes, MADV_DONTDUMP);
	if (config->prefault && madvise(piece->host, piece->bytes, MADV_POPULATE_WRITE) < 0) {
		ret = -errno;
		hs_error("guest memory: --prefault: %s%s", strerror(-ret),
			 ret == -EINVAL ? ": a Linux 5.14 host or later has it" : "");
		goto unmap;
	}

	region.slot = slot;
	region.guest_phys_addr = piece->base;
	region.memory_size = piece->bytes;
	region.userspace_addr = start;
	if (ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0) {
		ret = -errno;
		hs_error("guest memory: KVM refuses %llu MiB at 0x%llx: %s",
			 (unsigned long long)(piece->bytes >> 20),
			 (unsigned long long)piece->base, strerror(-ret));
		goto unmap;
	}
	return 0;
unmap:
	munmap(piece->map, piece->map_bytes);
	piece->map = NULL;
	return ret;
}

int hs_mem_create(struct hs_mem **out, int vm_fd, const struct hs_config *config)
{
	uint64_t bytes = config->memory;
	struct hs_mem *mem;
	int ret;

	if (bytes < HS_MEM_MIN || bytes & 4095)
		return -EINVAL;
	mem = calloc(1, sizeof(*mem));
	if (!mem)
		return -ENOMEM;
	mem->piece[0].bytes = bytes < HS_MEM_HOLE_START ? bytes : HS_MEM_HOLE_START;
	mem->piece[1].base = HS_MEM_HOLE_END;
	mem->piece[1].bytes = bytes - mem->piece[0].bytes;
	for (uint32_t slot = 0; slot < 2; slot++) {
		if (!mem->piece[slot].bytes)
			continue;
		ret = piece_create(&mem->piece[slot], vm_fd, slot, config);
		if (ret < 0) {
			hs_mem_destroy(mem);
			return ret;
		}
	}
	*out = mem;
	return 0;
}

void hs_mem_destroy(struct hs_mem *mem)
{
	if (!mem)
		return;
	for (unsigned int i = 0; i < 2; i++) {
		if (!mem->piece[i].map)
			continue;
		/* Whichever way it came there, past hs_mem_write(), too. */
		hs_leaves(mem->piece[i].host, mem->piece[i].bytes);
		munmap(mem->piece[i].map, mem->piece[i].map_bytes);
	}
	free(mem);
}

uint64_t hs_mem_low(const struct hs_mem *mem)
{
	return mem->piece[0].bytes;
}

uint64_t hs_mem_high(const struct hs_mem *mem)
{
	return mem->piece[1].bytes;
}

void *hs_mem_at(const struct hs_mem *mem, hs_gpa gpa, uint64_t len)
{
	if (!len)
		return NULL;
	for (unsigned int i = 0; i < 2; i++) {
		const struct piece *piece = &mem->piece[i];
		uint64_t offset = gpa - piece->base;

		/* Subtractions only: no sum of guest numbers can wrap. */
		if (gpa >= piece->base && offset < piece->bytes && len <= piece->bytes - offset)
			return piece->host + offset;
	}
	return NULL;
}

int hs_mem_read(const struct hs_mem *mem, hs_gpa gpa, void *to, uint64_t len)
{
	const void *from = hs_mem_at(mem, gpa, len);

	if (!from)
		return len ? -EFAULT : 0;
	memcpy(to, from, len);
	return 0;
}

int hs_mem_write(const struct hs_mem *mem, hs_gpa gpa, const void *from, uint64_t len)
{
	void *to = hs_mem_at(mem, gpa, len);

	if (!to)
		return len ? -EFAULT : 0;
	hs_leaves(from, len);
	memcpy(to, from, len);
	return 0;
}
