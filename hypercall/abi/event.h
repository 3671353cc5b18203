/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit ABI: event channels, the host's way to interrupt the guest.
 *
 * Channels are numbered 0 .. PVK_CPUID_LIMITS.EAX - 1. The guest binds a
 * channel to a message-signalled interrupt (address and data as its local
 * APIC defines them: Intel SDM vol. 3, "Message Signalled Interrupts") and
 * may bind it again at any time to move it to another CPU or vector; an event
 * that is raised meanwhile arrives at the old or the new place, once. Events
 * are edges: none is pending in the host while a channel is unbound.
 *
 * The channels of the platform's features have fixed numbers, outside those of
 * PVK_CPUID_LIMITS. They are bound and unbound by the same calls, each under its
 * own feature in the platform's session instead of PVK_FEAT_EVENT, and
 * live as long as that session. PVK_CALL_EVENT_RAISE takes none of them.
 */
#ifndef PVK_ABI_EVENT_H
#define PVK_ABI_EVENT_H

#include "types.h"

#define PVK_CHANNEL_NONE	0xffffffffu
#define PVK_CHANNEL_PLATFORM	0x10000u	/* the first of the fixed ones */
#define PVK_CHANNEL_POWER	0x10000u	/* PVK_FEAT_POWER: a request, power.h */
#define PVK_CHANNEL_CONSOLE	0x10001u	/* PVK_FEAT_CONSOLE: input, console.h */
#define PVK_CHANNEL_CLOCK	0x10002u	/* PVK_FEAT_INFO: clock rewritten, info.h */
#define PVK_CHANNEL_PLATFORM_END	0x10003u

/*
 * PVK_CALL_EVENT_BIND
 *   -PVK_EPERM   the channel's feature was not accepted
 *   -PVK_EINVAL  no such channel, or the message is no fixed or
 *                lowest-priority interrupt with a vector of 16 or more
 */
struct pvk_event_bind {
	__u32 size;		/* IN: sizeof(struct pvk_event_bind) */
	__u32 channel;		/* IN */
	__u64 msi_address;	/* IN: 0xfee00000 .. 0xfeefffff */
	__u32 msi_data;		/* IN */
	__u32 reserved;		/* IN: 0 */
};

PVK_ASSERT_SIZE(struct pvk_event_bind, 24);

#endif /* PVK_ABI_EVENT_H */
