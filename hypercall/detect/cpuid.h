/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPUID of hypervisors: how it is asked, where its blocks are, and their
 * signatures as text. Shared by all detection; freestanding.
 *
 * A block begins at 0x40000000 or at a multiple of 0x100 above it, and has a
 * signature of 12 bytes in EBX, ECX, EDX of its first leaf. Several may stand
 * behind each other. Nothing there means anything unless CPUID.1:ECX[31] is
 * set: a processor answers a leaf above its maximum with the data of the
 * highest basic leaf (Intel SDM vol. 2A, CPUID).
 */
#ifndef PVK_DETECT_CPUID_H
#define PVK_DETECT_CPUID_H

#include "../abi/cpuid.h"

struct pvk_cpuid_regs {
	__u32 eax, ebx, ecx, edx;
};

/* Executes CPUID with EAX = leaf, ECX = 0; context is the caller's. */
typedef void (*pvk_cpuid_fn)(void *context, __u32 leaf, struct pvk_cpuid_regs *out);

#define PVK_CPUID_HYPERVISOR	0x80000000u	/* CPUID.1:ECX[31] */

#define PVK_SIGNATURE_LEN	12u
#define PVK_SIGNATURE_TEXT	16u		/* with NULs behind */

/* Byte i (0 to 11) of the signature in register order EBX, ECX, EDX */
static inline __u32 pvk_signature_byte(const struct pvk_cpuid_regs *r, __u32 i)
{
	__u32 word = i < 4 ? r->ebx : i < 8 ? r->ecx : r->edx;

	return (word >> (8 * (i % 4))) & 0xffu;
}

/*
 * The signature as text, NUL padded to PVK_SIGNATURE_TEXT; what cannot be
 * printed becomes '?'. Returns how many of its bytes, trailing NULs left out,
 * are so; 0 also for an empty one, then text is empty.
 */
static inline __u32 pvk_signature_text(char *text, const struct pvk_cpuid_regs *r)
{
	__u32 last = 0, bad = 0, i;

	for (i = 0; i < PVK_SIGNATURE_LEN; i++)
		if (pvk_signature_byte(r, i))
			last = i + 1;
	for (i = 0; i < PVK_SIGNATURE_TEXT; i++) {
		__u32 c = i < last ? pvk_signature_byte(r, i) : 0;

		text[i] = (char)c;
		if (i < last && (c < 0x20 || c >= 0x7f)) {
			text[i] = '?';
			bad++;
		}
	}
	return bad;
}

#endif /* PVK_DETECT_CPUID_H */
