/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A strict operating system for the porting library (hypercall/port/os.h): what the
 * contract refuses ends the process here. It checks sizes and alignment, double
 * frees, memory used after it was freed (ASan), views that were never mapped, locks
 * taken twice, together or let go unheld, MSRs and ports that nothing offered; it
 * fails the n-th allocation when told to, and counts what is still held at the end.
 *
 * The host behind it is functions of the test: cpuid, msr, port_call, hypercall,
 * doorbell. Memory is a piece of the test's, with a guest-physical address.
 */
#ifndef TESTS_FAKE_OS_H
#define TESTS_FAKE_OS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sanitizer/asan_interface.h>

#include "hypercall/port/os.h"

#define FAKE_OS_PIECES	256u

static struct {
	uint8_t *ram;			/* ours to give away, page aligned */
	uint64_t gpa, bytes, next;
	struct {
		uint8_t *at;
		uint32_t bytes;
		bool live, view, code;
	} piece[FAKE_OS_PIECES];
	unsigned int pieces;
	unsigned int allocs, fail_at;	/* the fail_at-th fails, from 1; 0: none */
	bool scattered;			/* no buffer is contiguous beyond its page */
	struct pvp_lock *held;
	unsigned int logs;
	const char *last_log;
	uint64_t tsc;			/* 0: time goes on by itself, 1000 a reading */
	uint64_t relaxed;
	/* the host */
	void (*cpuid)(uint32_t leaf, struct pvk_cpuid_regs *out);
	uint64_t (*rdmsr)(uint32_t msr);
	void (*wrmsr)(uint32_t msr, uint64_t value);
	int64_t (*port_call)(uint16_t port, uint32_t number, const uint64_t *arg);
	void (*hypercall)(uint32_t insn, const void *page, struct pvp_regs *regs);
	void (*out32)(uint16_t port, uint32_t value);
	void (*relax)(void);
} fake_os;

#define FAKE_OS_NEVER(cond, why) do { \
	if (cond) { \
		fprintf(stderr, "fake OS: %s\n", why); \
		abort(); \
	} \
} while (0)

static inline void fake_os_create(void *ram, uint64_t gpa, uint64_t bytes)
{
	memset(&fake_os, 0, sizeof(fake_os));
	fake_os.ram = ram;
	fake_os.gpa = gpa;
	fake_os.bytes = bytes;
	memset(ram, 0xdd, bytes);
	ASAN_POISON_MEMORY_REGION(ram, bytes);
}

/* What is still held: pieces of memory, views, a lock. */
static inline unsigned int fake_os_held(void)
{
	unsigned int n = fake_os.held != NULL;

	for (unsigned int i = 0; i < fake_os.pieces; i++)
		n += fake_os.piece[i].live;
	return n;
}

static inline void fake_os_destroy(void)
{
	ASAN_UNPOISON_MEMORY_REGION(fake_os.ram, fake_os.bytes);
	memset(&fake_os, 0, sizeof(fake_os));
}

static inline void *fake_os_at(uint64_t gpa, uint64_t bytes)
{
	FAKE_OS_NEVER(gpa < fake_os.gpa || bytes > fake_os.bytes ||
		      gpa - fake_os.gpa > fake_os.bytes - bytes, "an address that nobody has");
	return fake_os.ram + (gpa - fake_os.gpa);
}

static inline void *fake_os_piece(uint32_t bytes, uint64_t *gpa, bool code)
{
	uint8_t *at = fake_os.ram + fake_os.next;

	FAKE_OS_NEVER(!bytes || bytes % PVP_PAGE, "memory that is not whole pages");
	if (++fake_os.allocs == fake_os.fail_at)
		return NULL;
	/* Never the same memory twice: what is freed stays poisoned. */
	FAKE_OS_NEVER(fake_os.pieces == FAKE_OS_PIECES ||
		      fake_os.next + bytes + PVP_PAGE > fake_os.bytes, "the test needs more memory");
	*gpa = fake_os.gpa + fake_os.next;
	fake_os.next += bytes + PVP_PAGE;	/* a page between two that is nobody's */
	ASAN_UNPOISON_MEMORY_REGION(at, bytes);
	memset(at, 0, bytes);
	fake_os.piece[fake_os.pieces].at = at;
	fake_os.piece[fake_os.pieces].bytes = bytes;
	fake_os.piece[fake_os.pieces].code = code;
	fake_os.piece[fake_os.pieces++].live = true;
	return at;
}

void *pvp_os_alloc(__u32 bytes, __u64 *gpa)
{
	uint64_t at = 0;
	void *p = fake_os_piece(bytes, &at, false);

	*gpa = at;
	return p;
}

void *pvp_os_alloc_code(__u64 *gpa)
{
	uint64_t at = 0;
	void *p = fake_os_piece(PVP_PAGE, &at, true);

	*gpa = at;
	return p;
}

static inline void fake_os_drop(const void *memory, uint32_t bytes, bool view)
{
	for (unsigned int i = 0; i < fake_os.pieces; i++) {
		if (fake_os.piece[i].at != memory || fake_os.piece[i].view != view ||
		    !fake_os.piece[i].live)
			continue;
		FAKE_OS_NEVER(fake_os.piece[i].bytes != bytes, "freed with another size");
		fake_os.piece[i].live = false;
		if (!view)
			ASAN_POISON_MEMORY_REGION(fake_os.piece[i].at, bytes);
		return;
	}
	FAKE_OS_NEVER(true, view ? "unmapped, but not mapped" : "freed, but not allocated");
}

void pvp_os_free(void *memory, __u32 bytes)
{
	fake_os_drop(memory, bytes, false);
}

void *pvp_os_map(__u64 gpa, __u32 bytes)
{
	FAKE_OS_NEVER(!bytes || bytes % PVP_PAGE || gpa % PVP_PAGE, "a view that is not whole pages");
	if (++fake_os.allocs == fake_os.fail_at)
		return NULL;
	if (gpa < fake_os.gpa || bytes > fake_os.bytes || gpa - fake_os.gpa > fake_os.bytes - bytes)
		return NULL;
	FAKE_OS_NEVER(fake_os.pieces == FAKE_OS_PIECES, "the test needs more views");
	fake_os.piece[fake_os.pieces].at = fake_os_at(gpa, bytes);
	fake_os.piece[fake_os.pieces].bytes = bytes;
	fake_os.piece[fake_os.pieces].view = true;
	fake_os.piece[fake_os.pieces].live = true;
	return fake_os.piece[fake_os.pieces++].at;
}

void pvp_os_unmap(void *view, __u32 bytes)
{
	fake_os_drop(view, bytes, true);
}

__u64 pvp_os_gpa(const void *buffer, __u32 bytes)
{
	uint64_t offset = (uint64_t)((const uint8_t *)buffer - fake_os.ram);

	if ((const uint8_t *)buffer < fake_os.ram || offset + bytes > fake_os.bytes)
		return PVP_NO_GPA;
	if (fake_os.scattered && offset / PVP_PAGE != (offset + bytes - 1) / PVP_PAGE)
		return PVP_NO_GPA;
	return fake_os.gpa + offset;
}

void pvp_os_log(const char *text, __s64 value)
{
	(void)value;
	fake_os.last_log = text;
	fake_os.logs++;
}

void pvp_os_cpuid(__u32 leaf, struct pvk_cpuid_regs *out)
{
	FAKE_OS_NEVER(!fake_os.cpuid, "CPUID on a machine that has none");
	memset(out, 0, sizeof(*out));
	fake_os.cpuid(leaf, out);
}

__u64 pvp_os_rdmsr(__u32 msr)
{
	FAKE_OS_NEVER(!fake_os.rdmsr, "RDMSR of what nothing offered");
	return fake_os.rdmsr(msr);
}

void pvp_os_wrmsr(__u32 msr, __u64 value)
{
	FAKE_OS_NEVER(!fake_os.wrmsr, "WRMSR of what nothing offered");
	fake_os.wrmsr(msr, value);
}

__u64 pvp_os_rdtsc(void)
{
	static uint64_t running;

	return fake_os.tsc ? fake_os.tsc : (running += 1000);
}

void pvp_os_out32(__u16 port, __u32 value)
{
	FAKE_OS_NEVER(!fake_os.out32, "a port that nothing offered");
	fake_os.out32(port, value);
}

__s64 pvp_os_port_call(__u16 port, __u32 number, const __u64 arg[4])
{
	uint64_t a[4] = { arg[0], arg[1], arg[2], arg[3] };

	FAKE_OS_NEVER(!fake_os.port_call, "a call on a machine that takes none");
	return fake_os.port_call(port, number, a);
}

void pvp_os_hypercall(__u32 insn, const void *page, struct pvp_regs *regs)
{
	FAKE_OS_NEVER(!fake_os.hypercall, "a hypercall on a machine that takes none");
	fake_os.hypercall(insn, page, regs);
}

void pvp_os_relax(void)
{
	fake_os.relaxed++;
	if (fake_os.relax)
		fake_os.relax();
}

void pvp_os_lock(struct pvp_lock *lock)
{
	FAKE_OS_NEVER(fake_os.held, "a lock is taken while another is held");
	FAKE_OS_NEVER(lock->word || lock->reserved, "a lock that was not zero is taken");
	fake_os.held = lock;
	lock->word = 1;
}

void pvp_os_unlock(struct pvp_lock *lock)
{
	FAKE_OS_NEVER(fake_os.held != lock || lock->word != 1, "a lock is let go that is not held");
	fake_os.held = NULL;
	lock->word = 0;
}

#endif /* TESTS_FAKE_OS_H */
