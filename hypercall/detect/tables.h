/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stack.c knows, as tables: signatures, what facts mean, and how each
 * interface is called. To teach it a hypervisor, add rows here, names in tables.c,
 * and a dump in tests/data/dumps.
 */
#ifndef PVK_DETECT_TABLES_H
#define PVK_DETECT_TABLES_H

#include "stack.h"

/*
 * What a sign is worth. The heaviest names the hypervisor of a layer: so KVM's
 * signature outdoes Hyper-V's, which KVM offers, and DMI's "VirtualBox" outdoes
 * KVM's, which VirtualBox offers.
 */
enum pvk_weight {
	PVK_W_NONE,
	PVK_W_IMITATED,		/* Hyper-V's signature: half a dozen show it */
	PVK_W_COMPANY,		/* usual for that one, not proof */
	PVK_W_SHARED,		/* KVM's signature: two others are known to show it */
	PVK_W_MAKER,		/* DMI names the maker of the hypervisor itself */
	PVK_W_OWN,		/* nobody else is known to say so */
	PVK_W_PROOF,		/* outdoes even that: what only one of two can offer */
};

struct pvk_signature {
	char text[PVK_SIGNATURE_LEN + 1];
	__u8 len;		/* bytes that count; 12: the NULs behind, too */
	__u8 kind;		/* enum pvk_if; Hyper-V only if leaf +1 says so, too */
	__u8 hv;
	__u8 platform;
	__u8 weight;
	__u8 least;		/* leaves that are there even if EAX does not say so */
	__u8 reserved;
};

enum pvk_match { PVK_IS, PVK_BEGINS, PVK_HAS };

struct pvk_fact_rule {
	const char *text;
	const char *and_text;	/* is the text of and_fact; NULL: no second one */
	__u8 fact;		/* enum pvk_fact */
	__u8 match;		/* enum pvk_match */
	__u8 and_fact;
	__u8 hv;		/* NONE: speaks for the platform only */
	__u8 platform;
	__u8 weight;
	__u8 alone;		/* counts without the hypervisor bit, too */
	__u8 reserved;
};

/* Where an interface says that this system owns the hardware */
struct pvk_root_rule {
	__u8 kind, leaf, reg, bit;
	__u8 not_bit;		/* of the same register must be clear; 32: none */
	__u8 reserved[3];
};

extern const struct pvk_signature pvk_signature[];
extern const __u32 pvk_signatures;
extern const struct pvk_fact_rule pvk_fact_rule[];
extern const __u32 pvk_fact_rules;
extern const struct pvk_root_rule pvk_root_rule[];
extern const __u32 pvk_root_rules;

static inline __u32 pvk_reg(const struct pvk_cpuid_regs *r, __u32 reg)
{
	return reg == 0 ? r->eax : reg == 1 ? r->ebx : reg == 2 ? r->ecx : r->edx;
}

#endif /* PVK_DETECT_TABLES_H */
