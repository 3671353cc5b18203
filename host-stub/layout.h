/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's machine as numbers: memory, ports, interrupt lines, PCI functions. Everything that
 * has a place for the guest to find it has it here; boot/dsdt.asl repeats what ACPI tells.
 *
 *	0		RAM, with what a boot leaves below 1 MiB
 *	0xc0000000	the hole: PCI's windows, the I/O APIC, the local APICs
 *	0x100000000	the rest of RAM
 */
#ifndef HS_LAYOUT_H
#define HS_LAYOUT_H

/*
 * Guest-physical places below 1 MiB. The guest may reuse all but the ACPI
 * tables, which e820 says are reserved.
 */
#define HS_BOOT_GDT		0x6000u
#define HS_BOOT_ZERO_PAGE	0x7000u		/* or hvm_start_info, or Multiboot's */
#define HS_BOOT_STACK		0x9000u		/* top; one page below it */
#define HS_BOOT_PML4		0x9000u
#define HS_BOOT_PDPT		0xa000u
#define HS_BOOT_PD		0xb000u		/* 4 pages: 4 GiB in pages of 2 MiB */
#define HS_BOOT_CMDLINE		0x20000u
#define HS_BOOT_CMDLINE_MAX	0x10000u
#define HS_BOOT_EBDA		0x9fc00u	/* RAM ends here for the guest, by tradition */
#define HS_BOOT_EBDA_KIB	1u
#define HS_BOOT_MP		(HS_BOOT_EBDA + 16)	/* behind the byte that tells its size */
#define HS_BOOT_VGA		0xa0000u	/* no RAM from here to the ACPI tables */
#define HS_BOOT_RSDP		0xe0000u	/* ACPI: 0xe0000 .. 0xfffff */
#define HS_BOOT_ACPI		0xe0040u
#define HS_BOOT_INFO		0xec000u	/* information page, abi/info.h; ACPI ends here */
#define HS_BOOT_INFO_BYTES	0x4000u
#define HS_BOOT_LOW_END		0x100000u

#define HS_MEM_HOLE_START	0xc0000000ull	/* RAM that does not fit below goes above the end */
#define HS_MEM_HOLE_END		0x100000000ull
#define HS_MMIO_IOAPIC		0xfec00000u
#define HS_MMIO_LAPIC		0xfee00000u

/* Ports and interrupt lines of the emulated chips and of the contract */
#define HS_PORT_UART		0x3f8
#define HS_IRQ_UART		4
#define HS_PORT_RTC		0x70
#define HS_IRQ_RTC		8
#define HS_CMOS_CENTURY		0x32	/* the FADT names it */
#define HS_PORT_I8042		0x60
#define HS_PORT_PCI_CONFIG	0xcf8
#define HS_PORT_IDE0		0x1f0
#define HS_PORT_IDE0_CTL	0x3f6
#define HS_PORT_IDE1		0x170
#define HS_PORT_IDE1_CTL	0x376
#define HS_IRQ_IDE0		14
#define HS_IRQ_IDE1		15
#define HS_PORT_BMDMA		0xc000	/* BAR4 at power-on; the guest may move it */
#define HS_PORT_PM1_EVT		0x600	/* ACPI PM1a event block, 4 bytes */
#define HS_PORT_PM1_CNT		0x604	/* ACPI PM1a control block, 2 bytes */
#define HS_PORT_GPE0		0x60c	/* ACPI GPE0 block, 4 bytes: no event is wired to it */
#define HS_PORT_RESET		0xcf9	/* FADT reset register; value HS_RESET_VALUE */
#define HS_RESET_VALUE		0x06
#define HS_IRQ_SCI		9
#define HS_PORT_PVK_CALL	0x700	/* 4 bytes; PVK_CPUID_TRANSFER tells the guest */
#define HS_PORT_PVK_DOORBELL	0x704	/* 4 bytes, ioeventfds by value */
#define HS_PORT_MARK		0x708	/* 1 byte, write: a mark in the statistics (stats.h) */

/* PCI device/function numbers on bus 0 */
#define HS_PCI_HOST_BRIDGE	(0x00 << 3 | 0)
#define HS_PCI_ISA_BRIDGE	(0x01 << 3 | 0)
#define HS_PCI_IDE		(0x01 << 3 | 1)
#define HS_PCI_NIC(n)		((0x02 + (n)) << 3 | 0)

/* INTA of HS_PCI_NIC(n), by boot/dsdt.asl's _PRT: level-triggered, a wire for each */
#define HS_IRQ_NIC(n)		(20 + (n))
#define HS_IRQ_NIC_PIC		11	/* shared by all where the guest uses the 8259s */
#define HS_MMIO_NIC(n)		(0xfea00000u + (n) * 0x20000u)	/* BAR0 at power-on, 128 KiB */
#define HS_PORT_NIC(n)		(0xc040u + (n) * 0x40u)		/* BAR2 at power-on, 64 bytes */

#endif /* HS_LAYOUT_H */
