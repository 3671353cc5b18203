/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit ABI: how a guest finds its host, and what the host offers.
 *
 * The host puts its CPUID leaves at the first free multiple of 0x100 at or above 0x40000000; KVM's
 * own leaves, if they are shown, come before. After it has seen CPUID.1:ECX[31], a guest scans the
 * bases 0x40000000, 0x40000100 ... 0x4000ff00 for the signature. ACPI has the same offer as a
 * device with hardware id PVK_ACPI_HID, so that a stock kernel loads the core module by itself.
 *
 * The leaves say what a guest may use; it must not try anything else. A guest states what it
 * accepts by PVK_CALL_NEGOTIATE (call.h) before it uses any of it. Only the host writes here.
 */
#ifndef PVK_ABI_CPUID_H
#define PVK_ABI_CPUID_H

#include "types.h"

#define PVK_CPUID_FIRST		0x40000000u
#define PVK_CPUID_LAST		0x4000ff00u
#define PVK_CPUID_STEP		0x100u

#define PVK_ACPI_HID		"PVKT0001"

/* base + 0: EAX = highest leaf of the block, EBX:ECX:EDX = signature */
#define PVK_CPUID_SIGNATURE	0u
#define PVK_SIGNATURE		"pvkitpvkitpv"
#define PVK_SIGNATURE_EBX	0x696b7670u	/* "pvki" */
#define PVK_SIGNATURE_ECX	0x6b767074u	/* "tpvk" */
#define PVK_SIGNATURE_EDX	0x76707469u	/* "itpv" */

/* base + 1: EAX = ABI version of the host, EBX = oldest version it accepts */
#define PVK_CPUID_VERSION	1u
#define PVK_VERSION(major, minor)	(((__u32)(major) << 16) | (minor))
#define PVK_VERSION_MAJOR(version)	((version) >> 16)
#define PVK_VERSION_MINOR(version)	((version) & 0xffffu)
#define PVK_ABI_VERSION		PVK_VERSION(1, 1)

/*
 * base + 2: offered features in EDX:EAX, recommended ones in ECX:EBX. Recommended features are
 * those of the offered ones that are worth using on this host. PVK_CALL_PLATFORM_NEGOTIATE
 * accepts those of PVK_FEAT_PLATFORM, PVK_CALL_NEGOTIATE the others: they belong to different
 * parties of the guest (call.h).
 */
#define PVK_CPUID_FEATURES	2u
#define PVK_FEAT_EVENT		(1ull << 0)	/* event channels, event.h */
#define PVK_FEAT_BUS		(1ull << 1)	/* device bus and rings, bus.h */
#define PVK_FEAT_BATCH		(1ull << 2)	/* PVK_CALL_BATCH */
#define PVK_FEAT_UNPLUG	(1ull << 3)	/* unplug and replug of emulated models, bus.h */
#define PVK_FEAT_PLATFORM	0xffffffff00000000ull
#define PVK_FEAT_INFO		(1ull << 32)	/* information page, info.h */
#define PVK_FEAT_POWER		(1ull << 33)	/* power-off, reboot, panic; requests: power.h */
#define PVK_FEAT_SMP		(1ull << 34)	/* start CPUs by a call, smp.h */
#define PVK_FEAT_CONSOLE	(1ull << 35)	/* console rings, console.h */
#define PVK_FEAT_MEM		(1ull << 36)	/* reports of unused memory, mem.h */

/*
 * base + 3: transfer. EAX = mask of mechanisms, EBX = call port, ECX = doorbell port. Both are
 * I/O port numbers for a 32-bit OUT.
 */
#define PVK_CPUID_TRANSFER	3u
#define PVK_TRANSFER_PIO	(1u << 0)

/*
 * base + 4: limits. EAX = number of event channels, EBX = largest number of entries of a ring,
 * ECX = largest number of batch entries that one call serves, EDX = largest call structure in
 * bytes.
 */
#define PVK_CPUID_LIMITS	4u

#define PVK_CPUID_LEAST		PVK_CPUID_LIMITS	/* highest leaf of version 1.0 */

/*
 * base + 5, since version 1.1: the information page. EBX:EAX = guest-physical address,
 * ECX = size in bytes; both are multiples of 4096. All 0 unless PVK_FEAT_INFO is offered.
 */
#define PVK_CPUID_INFO		5u

#define PVK_CPUID_MAX		PVK_CPUID_INFO	/* highest leaf of this version */

#endif /* PVK_ABI_CPUID_H */
