// SPDX-License-Identifier: BSD-2-Clause
/*
 * Memory that the guest does not use (abi/mem.h): given back to the host. It
 * stays mapped, so whoever touches it, guest or back end, finds zeroes.
 */
#include <sys/mman.h>

#include "pv_priv.h"

/* One block. Bytes given back, or -PVK_E*. */
static int64_t memory_report(struct hs_pv *pv, uint64_t entry)
{
	uint64_t order = PVK_MEM_ORDER(entry), gpa = PVK_MEM_ADDRESS(entry);
	uint64_t bytes;
	void *host;

	if (order > PVK_MEM_ORDER_MAX)
		return -PVK_EINVAL;
	bytes = 4096ull << order;
	host = gpa & (bytes - 1) ? NULL : hs_mem_at(pv->vm->mem, gpa, bytes);
	if (!host)
		return -PVK_EFAULT;
	/* Huge pages of a file system may refuse a part of one: then nothing is given back. */
	return madvise(host, bytes, MADV_DONTNEED) < 0 ? 0 : (int64_t)bytes;
}

int64_t hs_pv_mem_report(struct hs_pv *pv, const uint64_t arg[4])
{
	uint64_t gpa = arg[0], count = arg[1], begun = hs_now(), entry, i;

	if (!count || count > PVK_MEM_REPORT_MAX)
		return -PVK_EINVAL;
	if (gpa & 7 || !hs_mem_at(pv->vm->mem, gpa, count * sizeof(entry)))
		return -PVK_EFAULT;
	pv->mem_reports++;
	for (i = 0; i < count; i++) {
		int64_t bytes;

		if (i && hs_now() - begun > HS_PV_BATCH_NS)
			break;
		(void)hs_mem_read(pv->vm->mem, gpa + i * sizeof(entry), &entry, sizeof(entry));
		bytes = memory_report(pv, entry);
		if (bytes < 0)
			return bytes;
		pv->mem_bytes += (uint64_t)bytes;
	}
	return (int64_t)i;
}
