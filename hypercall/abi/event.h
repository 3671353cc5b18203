/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit ABI: event channels, by which the host interrupts the guest.
 *
 * Channels are numbered 0 .. PVK_CPUID_LIMITS.EAX - 1. The guest binds a channel to a
 * message-signalled interrupt: address and data as the local APIC defines them (Intel SDM vol. 3,
 * "Message Signalled Interrupts"). It may bind the channel again at any time, to move it to another
 * CPU or vector; an event that is raised meanwhile arrives once, at the old or at the new place.
 * Events are edges. While a channel is unbound the host drops its events and keeps none pending.
 *
 * The channels of the platform's features have fixed numbers, outside those of PVK_CPUID_LIMITS.
 * The same calls bind and unbind them. They need their own feature in the platform's session
 * instead of PVK_FEAT_EVENT, and live as long as that session. PVK_CALL_EVENT_RAISE refuses them.
 */
#ifndef PVK_ABI_EVENT_H
#define PVK_ABI_EVENT_H

#include "types.h"

#define PVK_CHANNEL_NONE	0xffffffffu
#define PVK_CHANNEL_PLATFORM	0x10000u	/* first of the fixed channels */
#define PVK_CHANNEL_POWER	0x10000u	/* PVK_FEAT_POWER: shutdown request, power.h */
#define PVK_CHANNEL_CONSOLE	0x10001u	/* PVK_FEAT_CONSOLE: input, console.h */
#define PVK_CHANNEL_CLOCK	0x10002u	/* PVK_FEAT_INFO: clock rewritten, info.h */
#define PVK_CHANNEL_PLATFORM_END	0x10003u

/*
 * PVK_CALL_EVENT_BIND
 *   -PVK_EPERM   the channel's feature was not accepted
 *   -PVK_EINVAL  no such channel, or the MSI is not a fixed or lowest-priority interrupt with a
 *                vector of 16 or more
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
