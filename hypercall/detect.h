/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The offer of a pvkit host, for guests that want to use it: scans CPUID for the
 * signature of abi/cpuid.h and copies what the leaves offer. Freestanding, no side
 * effects but those of the callback, no allocation; the caller decides what it
 * uses. Who else there is, and what they offer: detect/stack.h.
 */
#ifndef PVK_DETECT_H
#define PVK_DETECT_H

#include "abi/bus.h"
#include "abi/cpuid.h"
#include "abi/info.h"
#include "abi/ring.h"
#include "detect/cpuid.h"

enum pvk_detect_result {
	PVK_DETECT_OK = 0,
	PVK_DETECT_BARE,	/* no hypervisor bit in CPUID.1:ECX[31] */
	PVK_DETECT_OTHER,	/* a hypervisor, but not this one: see seen[] */
	PVK_DETECT_SHORT,	/* the signature, but too few leaves behind it */
	PVK_DETECT_VERSION,	/* the ABI versions do not meet: see version, oldest */
	PVK_DETECT_TRANSFER,	/* no transfer that is known, or its ports are wrong */
	PVK_DETECT_LIMITS,	/* limits that no use could be made of */
};

/* What the host offers, as it said it; checked where a value is wrong by itself. */
struct pvk_offer {
	__u64 features;
	__u64 recommended;	/* a subset of features */
	__u64 info_gpa;		/* of the information page */
	__u32 base;		/* CPUID base of the block, 0 when not found */
	__u32 version;		/* of the host */
	__u32 oldest;		/* that the host accepts */
	__u32 transfer;		/* PVK_TRANSFER_* */
	__u32 call_port;
	__u32 doorbell_port;
	__u32 channels;
	__u32 ring_entries;
	__u32 batch_entries;
	__u32 struct_size;
	__u32 highest;		/* leaf of the block, less base */
	__u32 info_bytes;	/* of the information page, 0: none */
	char seen[PVK_SIGNATURE_TEXT];	/* signature at 0x40000000, printable */
};

/* The biggest fixed structure of a call of version 1 */
#define PVK_STRUCT_LEAST	((__u32)sizeof(struct pvk_dev_info))

static inline int pvk_detect_port_ok(__u32 port)
{
	return port >= 0x100 && port <= 0xfffc;	/* 32 bits inside the I/O space */
}

/*
 * Fills *offer and says what was found. base, version, oldest and the rest are
 * set as far as leaves were read, so that a refusal can be explained.
 */
static inline enum pvk_detect_result pvk_detect(pvk_cpuid_fn cpuid, void *context,
						struct pvk_offer *offer)
{
	static const struct pvk_offer none;
	struct pvk_cpuid_regs r;
	__u32 base;

	*offer = none;
	cpuid(context, 1, &r);
	if (!(r.ecx & PVK_CPUID_HYPERVISOR))
		return PVK_DETECT_BARE;

	for (base = PVK_CPUID_FIRST; base <= PVK_CPUID_LAST; base += PVK_CPUID_STEP) {
		cpuid(context, base + PVK_CPUID_SIGNATURE, &r);
		if (base == PVK_CPUID_FIRST)
			pvk_signature_text(offer->seen, &r);
		if (r.ebx == PVK_SIGNATURE_EBX && r.ecx == PVK_SIGNATURE_ECX &&
		    r.edx == PVK_SIGNATURE_EDX)
			break;
	}
	if (base > PVK_CPUID_LAST)
		return PVK_DETECT_OTHER;

	offer->base = base;
	if (r.eax < base + PVK_CPUID_LEAST || r.eax >= base + PVK_CPUID_STEP)
		return PVK_DETECT_SHORT;
	offer->highest = r.eax - base;

	cpuid(context, base + PVK_CPUID_VERSION, &r);
	offer->version = r.eax;
	offer->oldest = r.ebx;
	if (PVK_VERSION_MAJOR(r.eax) != PVK_VERSION_MAJOR(PVK_ABI_VERSION) ||
	    r.ebx > PVK_ABI_VERSION)
		return PVK_DETECT_VERSION;

	cpuid(context, base + PVK_CPUID_FEATURES, &r);
	offer->features = ((__u64)r.edx << 32) | r.eax;
	offer->recommended = (((__u64)r.ecx << 32) | r.ebx) & offer->features;

	cpuid(context, base + PVK_CPUID_TRANSFER, &r);
	offer->transfer = r.eax;
	offer->call_port = r.ebx;
	offer->doorbell_port = r.ecx;
	if (!(offer->transfer & PVK_TRANSFER_PIO) || !pvk_detect_port_ok(offer->call_port) ||
	    !pvk_detect_port_ok(offer->doorbell_port) ||
	    (offer->call_port - offer->doorbell_port + 3u) < 7u)
		return PVK_DETECT_TRANSFER;

	cpuid(context, base + PVK_CPUID_LIMITS, &r);
	offer->channels = r.eax;
	offer->ring_entries = r.ebx;
	offer->batch_entries = r.ecx;
	offer->struct_size = r.edx;
	if (offer->struct_size < PVK_STRUCT_LEAST)
		return PVK_DETECT_LIMITS;
	if (offer->features & PVK_FEAT_INFO && offer->highest >= PVK_CPUID_INFO) {
		cpuid(context, base + PVK_CPUID_INFO, &r);
		offer->info_gpa = ((__u64)r.ebx << 32) | r.eax;
		offer->info_bytes = r.ecx;
		if (offer->info_gpa & 4095u || offer->info_bytes & 4095u ||
		    offer->info_bytes > PVK_INFO_MAX)
			offer->info_bytes = 0;	/* nonsense: as if there were none */
	}
	return PVK_DETECT_OK;
}

#endif /* PVK_DETECT_H */
