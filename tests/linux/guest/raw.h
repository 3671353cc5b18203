/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Raw access to the host for programs in the user space of a guest, as root
 * with iopl(3): pvkit's leaves and calls, arbitrary numbers that follow from a
 * seed. No pvkit module must be loaded: there is one session.
 */
#ifndef GUEST_RAW_H
#define GUEST_RAW_H

#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>

#include "hypercall/abi/pvk.h"

struct raw_host {
	uint32_t base;			/* of the leaves */
	uint32_t call_port, bell_port;
};

static inline uint64_t raw_random(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ull;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/* Finds the leaves. Returns false if the host offers nothing. */
static inline bool raw_find(struct raw_host *host)
{
	uint32_t a, b, c, d, at;

	for (at = PVK_CPUID_FIRST; at <= PVK_CPUID_LAST; at += PVK_CPUID_STEP) {
		__cpuid(at, a, b, c, d);
		if (b == PVK_SIGNATURE_EBX && c == PVK_SIGNATURE_ECX && d == PVK_SIGNATURE_EDX)
			break;
	}
	if (at > PVK_CPUID_LAST)
		return false;
	host->base = at;
	__cpuid(at + PVK_CPUID_TRANSFER, a, b, c, d);
	host->call_port = b;
	host->bell_port = c;
	return a & PVK_TRANSFER_PIO;
}

/* What the host offers to the devices' session: the platform's calls would end the guest itself. */
static inline uint64_t raw_offered(const struct raw_host *host)
{
	uint32_t a, b, c, d;

	__cpuid(host->base + PVK_CPUID_FEATURES, a, b, c, d);
	return ((uint64_t)d << 32 | a) & ~PVK_FEAT_PLATFORM;
}

static inline int64_t raw_call(const struct raw_host *host, uint32_t nr, uint64_t a0, uint64_t a1,
			       uint64_t a2, uint64_t a3)
{
	uint64_t rax = nr;

	__asm__ volatile("outl %%eax, %%dx"
			 : "+a"(rax)
			 : "d"(host->call_port), "b"(a0), "c"(a1), "S"(a2), "D"(a3)
			 : "memory");
	return (int64_t)rax;
}

#endif /* GUEST_RAW_H */
