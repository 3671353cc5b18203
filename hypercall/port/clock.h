/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The porting library: the time, from whichever host says it without an exit:
 * KVM's clock, Hyper-V's reference TSC, Xen's, pvkit's information page.
 */
#ifndef PVP_CLOCK_H
#define PVP_CLOCK_H

#include "hv.h"
#include "info.h"

enum pvp_clock_kind {
	PVP_CLOCK_NONE,
	PVP_CLOCK_PVKIT,	/* frequency and a start from the information page */
	PVP_CLOCK_KVM,
	PVP_CLOCK_HYPERV,
	PVP_CLOCK_XEN,
	PVP_CLOCK_KINDS
};

extern const char *const pvp_clock_name[PVP_CLOCK_KINDS];

struct pvp_clock {
	__u32 kind;		/* enum pvp_clock_kind */
	__u32 tsc_khz;		/* 0: not known */
	const struct pvp_info *info;
	void *page;		/* shared: Hyper-V's or Xen's */
	__u64 page_gpa;
	__u64 start_tsc, start_sec;	/* PVKIT: where counting began, UTC */
	__u32 start_nsec;
	__u32 mul;		/* PVKIT: ns = (ticks << shift) * mul >> 32 */
	__s32 shift;
	__u32 stable;		/* alike on all CPUs, says the host */
	struct pvp_lock lock;	/* last */
	__u64 last;
};

/*
 * The best clock there is, or the kind that is asked for (0: best). info may be
 * NULL. Once, on the boot CPU; may allocate a page. 0; -PVK_ENOENT: there is none;
 * -PVK_EIO: the host's description of it cannot be right; -PVP_ENOMEM.
 */
int pvp_clock_open(struct pvp_clock *clock, const struct pvp_hv *hv, const struct pvp_info *info,
		   __u32 kind);
void pvp_clock_close(struct pvp_clock *clock);

/* On each CPU, the boot CPU included, before it asks for the time; and the way back. */
void pvp_clock_start(const struct pvp_clock *clock, struct pvp_cpu *cpu);
void pvp_clock_stop(const struct pvp_clock *clock, struct pvp_cpu *cpu);

/*
 * Nanoseconds since some time of the host's, on the CPU that calls, which is not
 * changed meanwhile. Never goes back, over all CPUs: where the host promises that
 * (stable), that is its promise; else the library sees to it, under a lock. Returns
 * the last time again when the host's numbers make no sense.
 */
__u64 pvp_clock_ns(struct pvp_clock *clock, const struct pvp_cpu *cpu);

/* Time of day, UTC: 0; -PVK_ENOTSUP: only PVP_CLOCK_PVKIT's host tells it here. */
int pvp_clock_utc(struct pvp_clock *clock, __u64 *sec, __u32 *nsec);

#endif /* PVP_CLOCK_H */
