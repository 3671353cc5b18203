/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The porting library: the information page (abi/info.h). Everything but the
 * clock is copied and checked once, at opening; the clock is read as its head says.
 */
#ifndef PVP_INFO_H
#define PVP_INFO_H

#include "os.h"
#include "../detect.h"
#include "../ring.h"

struct pvp_info {
	void *view;		/* the host's page(s) */
	void *copy;		/* ours, checked */
	__u32 size;		/* of both, as allocated */
	__u32 bytes;		/* of the copy that are used */
};

/*
 * Needs no session. Allocates as much as the page has. 0; -PVK_ENOENT: there is
 * none; -PVK_EPROTO: it contradicts the ABI, and nothing of it is used; -PVP_ENOMEM.
 */
int pvp_info_open(struct pvp_info *info, const struct pvk_offer *offer);
void pvp_info_close(struct pvp_info *info);

/* A section of the copy, checked with its counts, or NULL. */
const struct pvk_info_section *pvp_info_section(const struct pvp_info *info, __u32 tag);

/* A consistent copy of the clock: 0; -PVK_ENOENT; -PVP_ETIME: never at rest */
int pvp_info_clock(const struct pvp_info *info, struct pvk_info_clock *clock);

/* What is not there, PVK_ABSENT_*; 0 when nothing is known. */
__u64 pvp_info_absent(const struct pvp_info *info);

/* CPUs that can be started, and the APIC id of one; 0: not known */
__u32 pvp_info_cpus(const struct pvp_info *info);
__u32 pvp_info_apic_id(const struct pvp_info *info, __u32 index);

/*
 * CPUID's answer: 1 when the page has it, else 0: execute the instruction. Fields
 * that depend on the CPU or on CR4 are those of the entry's flags, see abi/info.h.
 */
int pvp_info_cpuid(const struct pvp_info *info, __u32 leaf, __u32 index,
		   struct pvk_info_cpuid_entry *entry);

/* RDMSR's answer: 1, 0: execute the instruction, -PVK_ENOENT: it would fault. */
int pvp_info_msr(const struct pvp_info *info, __u32 msr, __u64 *value);

/* Takes the seed, and wipes it for whoever comes later: 1, or 0: there is none. */
int pvp_info_seed(struct pvp_info *info, __u8 seed[64]);

#endif /* PVP_INFO_H */
