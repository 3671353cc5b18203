/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Booting a Linux bzImage without firmware, by the 64-bit boot protocol
 * (Linux, Documentation/x86/boot.rst, "64-bit Boot Protocol"): the kernel's
 * protected-mode part, initrd, zero page, command line, page tables, GDT and
 * ACPI tables are put into RAM, and the boot vCPU begins at kernel + 0x200.
 */
#ifndef HS_BOOT_H
#define HS_BOOT_H

#include <linux/kvm.h>
#include <stdint.h>

#include "../hs.h"
#include "../mem.h"

/*
 * Guest-physical places below 1 MiB. The guest may reuse all but the ACPI
 * tables, which e820 says are reserved.
 */
#define HS_BOOT_GDT		0x6000u
#define HS_BOOT_ZERO_PAGE	0x7000u
#define HS_BOOT_STACK		0x9000u		/* top; one page below it */
#define HS_BOOT_PML4		0x9000u
#define HS_BOOT_PDPT		0xa000u
#define HS_BOOT_PD		0xb000u		/* 4 pages: 4 GiB in pages of 2 MiB */
#define HS_BOOT_CMDLINE		0x20000u
#define HS_BOOT_CMDLINE_MAX	0x10000u
#define HS_BOOT_EBDA		0x9fc00u	/* RAM ends here for the guest, by tradition */
#define HS_BOOT_RSDP		0xe0000u	/* ACPI: 0xe0000 .. 0xfffff */
#define HS_BOOT_ACPI		0xe0040u
#define HS_BOOT_INFO		0xec000u	/* information page, abi/info.h; ACPI ends here */
#define HS_BOOT_INFO_BYTES	0x4000u
#define HS_BOOT_LOW_END		0x100000u

#define HS_BOOT_ENTRY_64	0x200u		/* from the load address */

#define HS_BOOT_CODE_SELECTOR	0x10u		/* __BOOT_CS, __BOOT_DS of the protocol */
#define HS_BOOT_DATA_SELECTOR	0x18u

/* Kernel and initrd: open files and what was checked of them. */
struct hs_kernel {
	int kernel_fd;
	int initrd_fd;			/* -1: none */
	uint64_t kernel_bytes;
	uint64_t initrd_bytes;
	uint8_t setup[4096];		/* the first bytes of the image: header included */
	uint32_t setup_bytes;		/* of the setup part: the kernel proper follows */
	uint64_t payload_bytes;		/* of the kernel proper */
	hs_gpa load;			/* where it goes */
	uint64_t init_size;		/* RAM from load on that it needs before it reads e820 */
	hs_gpa initrd;			/* where it goes, 0 without */
};

/*
 * Opens and checks both files against each other and config->memory. 0, or
 * the exit status (vm.h: HS_EXIT_*) with the line printed.
 */
int hs_kernel_open(struct hs_kernel *kernel, const struct hs_config *config);
void hs_kernel_close(struct hs_kernel *kernel);

/* Puts everything into RAM. 0 or -errno, with the line printed. */
int hs_boot_load(struct hs_vm *vm, const struct hs_kernel *kernel);

/* Page tables and GDT into RAM (boot/state.c); registers of vCPU `id`. */
int hs_boot_tables(struct hs_mem *mem);
int hs_boot_vcpu(int vcpu_fd, unsigned int id, hs_gpa entry);

/*
 * A CPU that is started by call: its whole state (abi/smp.h), on its own
 * thread. `lapic` is that of a CPU after reset. 0 or -errno.
 */
struct hs_cpu_state;
int hs_boot_restart(int vcpu_fd, const struct hs_cpu_state *state, bool nx,
		    const struct kvm_lapic_state *lapic);

/* RSDP, XSDT, FADT, FACS, MADT, DSDT, and SSDT when pvkit is offered (boot/acpi.c). */
int hs_acpi_tables(struct hs_vm *vm);

/* Tables that iasl made at build time (build/host-stub/boot/aml.c). */
extern const uint8_t hs_aml_dsdt[];
extern const uint32_t hs_aml_dsdt_bytes;
extern const uint8_t hs_aml_pvk[];
extern const uint32_t hs_aml_pvk_bytes;

#endif /* HS_BOOT_H */
