/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The porting library: a pvkit host. Both sessions (abi/call.h) are opened as one,
 * since a small system is both parties; calls; and what the host answers is
 * looked at before anybody uses it.
 */
#ifndef PVP_HOST_H
#define PVP_HOST_H

#include "os.h"
#include "../detect.h"

struct pvp_host {
	struct pvk_offer offer;	/* a checked copy of what CPUID said */
	__u64 active;		/* features in force, of both sessions */
	struct pvp_lock lock;	/* the page below */
	void *page;		/* call structures pass through it */
	__u64 page_gpa;
};

/* All features that this library can use */
#define PVP_FEATURES \
	(PVK_FEAT_EVENT | PVK_FEAT_BUS | PVK_FEAT_BATCH | PVK_FEAT_UNPLUG | PVK_FEAT_INFO | \
	 PVK_FEAT_POWER | PVK_FEAT_SMP | PVK_FEAT_CONSOLE | PVK_FEAT_MEM)

/*
 * Looks for a pvkit host and opens sessions for those of the features `wanted`
 * that it offers; host->active says what came of it. Allocates a page.
 *   -PVK_ENOENT    there is no pvkit host, or it offers nothing of that
 *   -PVK_EVERSION  there is one of another version
 *   -PVK_EPROTO    its offer, or its answer, contradicts the ABI
 *   -PVP_ENOMEM
 */
int pvp_open(struct pvp_host *host, __u64 wanted);

/* Leaves both sessions and frees the page. Devices must be closed before. */
void pvp_close(struct pvp_host *host);

/*
 * One call. 0, a positive result below 2^31, or -PVK_E*; what the ABI does not
 * define becomes -PVK_EIO. -PVK_EAGAIN is repeated here, for a bounded while.
 * -PVK_EPERM without a call: the host is not open (all zero, or closed).
 */
int pvp_call(struct pvp_host *host, __u32 number, __u64 a, __u64 b, __u64 c, __u64 d);

/*
 * One call with a structure of `size` bytes (at most PVP_PAGE), copied to the
 * host and back; `lead` are `leads` arguments before its address (0 to 2).
 */
int pvp_call_struct(struct pvp_host *host, __u32 number, const __u64 *lead, __u32 leads,
		    void *structure, __u32 size);

/*
 * Binds an event channel to an interrupt: fixed delivery of the vector to the
 * CPU with this APIC id (at most 255). 0 or -PVK_E*.
 */
int pvp_bind(struct pvp_host *host, __u32 channel, __u32 apic_id, __u8 vector);

/* Rings a queue's or the console's doorbell. */
static inline void pvp_ring(const struct pvp_host *host, __u32 doorbell)
{
	pvp_os_out32((__u16)host->offer.doorbell_port, doorbell);
}

#endif /* PVP_HOST_H */
