/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nothing of the host leaks: each byte that leaves the stub, into the guest's
 * registers or memory, onto a disk or a wire, was written by its owner. A build
 * with MemorySanitizer (`make msan`) checks that, at these marks; in other
 * builds they are nothing.
 *
 * hs_leaves()	these bytes leave now: all of them must have been written
 * hs_filled()	code that the sanitizer does not see wrote them: the kernel
 *		through io_uring, a library
 * hs_stale()	a buffer begins anew: what it holds is of another request, and
 *		must not be seen again
 */
#ifndef HS_LEAK_H
#define HS_LEAK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#define HS_MSAN
#include <sanitizer/msan_interface.h>
#endif
#endif

static inline void hs_leaves(const void *at, size_t bytes)
{
#ifdef HS_MSAN
	__msan_check_mem_is_initialized(at, bytes);
#else
	(void)at;
	(void)bytes;
#endif
}

static inline void hs_filled(const void *at, size_t bytes)
{
#ifdef HS_MSAN
	__msan_unpoison(at, bytes);
#else
	(void)at;
	(void)bytes;
#endif
}

static inline void hs_stale(const void *at, size_t bytes)
{
#ifdef HS_MSAN
	__msan_poison(at, bytes);
#else
	(void)at;
	(void)bytes;
#endif
}

static inline void hs_leaves_iov(const struct iovec *iov, unsigned int iovcnt)
{
	for (unsigned int i = 0; i < iovcnt; i++)
		hs_leaves(iov[i].iov_base, iov[i].iov_len);
}

/* `bytes` bytes of an iovec, behind the first `skip`. */
static inline void hs_filled_iov(const struct iovec *iov, uint64_t skip, uint64_t bytes)
{
#ifdef HS_MSAN
	for (; bytes; iov++) {
		uint64_t part = iov->iov_len > skip ? iov->iov_len - skip : 0;

		part = part < bytes ? part : bytes;
		if (part)
			__msan_unpoison((const uint8_t *)iov->iov_base + skip, part);
		skip = part ? 0 : skip - iov->iov_len;
		bytes -= part;
	}
#else
	(void)iov;
	(void)skip;
	(void)bytes;
#endif
}

#endif /* HS_LEAK_H */
