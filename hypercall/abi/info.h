/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit ABI: the information page (PVK_FEAT_INFO). It holds what a booting guest would otherwise
 * find out by instructions that trap.
 *
 * The page is one or more pages of 4096 bytes in guest RAM, reserved in the memory map. The host
 * writes it before guest code runs. CPUID leaf PVK_CPUID_INFO has its address, so a guest can read
 * it before it negotiates. The page holds a header and sections, one after the other, in any order;
 * the size of a section is a multiple of 8 bytes. Skip tags that you do not know. Any section may
 * be missing. While the guest runs the host changes only the CLOCK section. The guest writes
 * nothing but PVK_INFO_SEED.
 *
 * A guest must check: the magic, the major part of version, bytes <= the size in the leaf, each
 * section inside bytes, each count inside its section. A restart of the VM writes the page again. A
 * kernel started by kexec finds it as it was, except for the seed, which is zero by then.
 */
#ifndef PVK_ABI_INFO_H
#define PVK_ABI_INFO_H

#include "types.h"

#define PVK_INFO_MAGIC		0x6f666e69746b7670ull	/* "pvktinfo" */
#define PVK_INFO_MAX		65536u	/* largest size in bytes */

struct pvk_info {
	__u64 magic;
	__u32 version;		/* PVK_ABI_VERSION of the host */
	__u32 bytes;		/* in use, with this header */
	__u32 sections;
	__u32 reserved;		/* 0 */
};

PVK_ASSERT_SIZE(struct pvk_info, 24);

struct pvk_info_section {
	__u32 tag;		/* PVK_INFO_* */
	__u32 bytes;		/* of the section with this head; a multiple of 8 */
};

PVK_ASSERT_SIZE(struct pvk_info_section, 8);

/* Tags. Each is also a bit number, for options that turn sections off. */
#define PVK_INFO_CLOCK		1u	/* struct pvk_info_clock */
#define PVK_INFO_ABSENT		2u	/* struct pvk_info_absent */
#define PVK_INFO_CPUS		3u	/* struct pvk_info_cpus */
#define PVK_INFO_CPUID		4u	/* struct pvk_info_cpuid */
#define PVK_INFO_MSR		5u	/* struct pvk_info_msr */
#define PVK_INFO_SEED		6u	/* struct pvk_info_seed */

/*
 * Clocks. The host may rewrite what follows `generation` at any time. It makes generation odd,
 * writes, then makes it even and greater. A reader reads generation until it is even, then the
 * values, then generation again, with read barriers between; if it differs the reader repeats.
 * The host raises PVK_CHANNEL_CLOCK (event.h) after a rewrite: the VM was paused or suspended, or
 * the host's clock was set.
 *
 * Time of day at TSC value t: sec and nsec, plus (t - tsc) / tsc_khz milliseconds.
 */
struct pvk_info_clock {
	struct pvk_info_section head;
	__u32 generation;
	__u32 flags;		/* PVK_CLOCK_* */
	__u32 tsc_khz;		/* as the guest reads it; 0: unknown */
	__u32 apic_khz;		/* input of the local APIC timer, undivided; 0: unknown */
	__u64 tsc;		/* TSC of the boot CPU at the time of day below */
	__u64 sec;		/* since 1970, UTC */
	__u32 nsec;		/* 0 .. 999999999 */
	__u32 reserved;		/* 0 */
};

#define PVK_CLOCK_TSC_STABLE	(1u << 0)	/* constant, never stops, equal on all CPUs */

PVK_ASSERT_SIZE(struct pvk_info_clock, 48);
PVK_ASSERT_OFFSET(struct pvk_info_clock, tsc, 24);

/* Hardware that is not there and need not be probed. A bit that is 0 means nothing. */
struct pvk_info_absent {
	struct pvk_info_section head;
	__u64 mask;		/* PVK_ABSENT_* */
};

#define PVK_ABSENT_PIC		(1ull << 0)	/* 8259 pair */
#define PVK_ABSENT_PIT		(1ull << 1)	/* 8254, and the speaker's port 0x61 */
#define PVK_ABSENT_RTC		(1ull << 2)	/* MC146818 and CMOS memory */
#define PVK_ABSENT_I8042	(1ull << 3)	/* keyboard controller */
#define PVK_ABSENT_UART		(1ull << 4)	/* serial ports at the addresses of a PC */
#define PVK_ABSENT_PCI		(1ull << 5)	/* configuration space by any mechanism */
#define PVK_ABSENT_ACPI		(1ull << 6)	/* tables and registers */
#define PVK_ABSENT_IOAPIC	(1ull << 7)
#define PVK_ABSENT_VGA		(1ull << 8)	/* adapter, its memory, its BIOS */
#define PVK_ABSENT_BIOS		(1ull << 9)	/* EBDA, option ROMs, DMI and MP tables */
#define PVK_ABSENT_DMA		(1ull << 10)	/* 8237 */
#define PVK_ABSENT_ISA		(1ull << 11)	/* anything else at an ISA port, and PnP */
#define PVK_ABSENT_HPET		(1ull << 12)
#define PVK_ABSENT_NMI		(1ull << 13)	/* sources of NMI: ports 0x61, 0x70, watchdogs */

PVK_ASSERT_SIZE(struct pvk_info_absent, 16);

/* The CPUs: apic_id[0] is the boot CPU; all can be started. */
struct pvk_info_cpus {
	struct pvk_info_section head;
	__u32 count;
	__u32 reserved;		/* 0 */
	__u32 apic_id[];	/* count of them, then padding to 8 bytes */
};

PVK_ASSERT_SIZE(struct pvk_info_cpus, 16);

/*
 * Answers of CPUID, sorted by leaf and index. Use the instruction for a leaf that is not in the
 * table. Some fields depend on the CPU that asks. Here they hold the boot CPU's value (APIC id) or
 * 0 (copies of CR4), and a flag says which fields these are.
 */
struct pvk_info_cpuid_entry {
	__u32 leaf, index;	/* EAX and ECX; index 0 without PVK_CPUID_INDEXED */
	__u32 flags;		/* PVK_CPUID_* */
	__u32 eax, ebx, ecx, edx;
	__u32 reserved;		/* 0 */
};

#define PVK_CPUID_INDEXED	(1u << 0)	/* for this index only, else for every index */
/* 1: EBX[31:24]; 0xb, 0x1f: EDX; 0x8000001e: EAX and EBX[7:0] are the CPU's APIC id */
#define PVK_CPUID_APIC_ID	(1u << 1)
/* 1: ECX[27] = CR4[18] (OSXSAVE); 7, index 0: ECX[4] = CR4[22] (OSPKE) */
#define PVK_CPUID_CR4		(1u << 2)

PVK_ASSERT_SIZE(struct pvk_info_cpuid_entry, 32);

struct pvk_info_cpuid {
	struct pvk_info_section head;
	__u32 count;
	__u32 reserved;		/* 0 */
	struct pvk_info_cpuid_entry entry[];
};

PVK_ASSERT_SIZE(struct pvk_info_cpuid, 16);

/*
 * Values that RDMSR returns on every CPU, from power-on until the guest itself writes the MSR.
 * Sorted by number. A missing entry means nothing; the MSR may exist.
 */
struct pvk_info_msr_entry {
	__u32 msr;
	__u32 flags;		/* PVK_MSR_* */
	__u64 value;
};

#define PVK_MSR_ABSENT		(1u << 0)	/* RDMSR would raise #GP; value is 0 */

PVK_ASSERT_SIZE(struct pvk_info_msr_entry, 16);

struct pvk_info_msr {
	struct pvk_info_section head;
	__u32 count;
	__u32 reserved;		/* 0 */
	struct pvk_info_msr_entry entry[];
};

PVK_ASSERT_SIZE(struct pvk_info_msr, 16);

/*
 * Entropy from the host, for the guest's random number generator. The guest overwrites it with
 * zeroes once it has used it. All zeroes mean that there is none.
 */
struct pvk_info_seed {
	struct pvk_info_section head;
	__u8 seed[64];
};

PVK_ASSERT_SIZE(struct pvk_info_seed, 72);

#endif /* PVK_ABI_INFO_H */
