/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Booting without firmware: the kernel's pieces, initrd or modules, command
 * line, what tells the kernel of them, and tables are put into RAM, and the boot
 * vCPU begins at the kernel's entry, in one of these ways:
 *
 *   way        image                     state                 told by
 *   bzimage    bzImage                   64-bit, entry + 0x200  zero page
 *   linux64    ELF, or bzImage's payload 64-bit, ELF's entry    zero page
 *   pvh        the same, with a PVH note 32-bit, note's entry   hvm_start_info
 *   multiboot  ELF with a header         32-bit, ELF's entry    Multiboot info
 *
 *   kernel.c     files, checked once and loaded at each boot
 *   bzimage.c    the bzImage's header, the zero page
 *   elf.c        pieces, entry and notes of an ELF file
 *   payload.c, unpack.c  the kernel that is packed in a bzImage
 *   pvh.c, multiboot.c   what those kernels are told
 *   state.c      registers; page tables and GDT
 *   acpi.c, mptable.c, bios.c    tables and the BIOS data area of the pc machine
 */
#ifndef HS_BOOT_H
#define HS_BOOT_H

#include <linux/kvm.h>
#include <stdint.h>

#include "../hs.h"
#include "../layout.h"
#include "../mem.h"

#define HS_BOOT_PIECES		128u
#define HS_BOOT_MODULES		8u
#define HS_BOOT_NAME		256u

/* A part of the kernel's file that goes into RAM. RAM is zero before. */
struct hs_piece {
	hs_gpa gpa;
	uint64_t offset, bytes;
	uint64_t vaddr;			/* an ELF file's; else 0 */
};

struct hs_module {
	int fd;
	uint64_t bytes;
	hs_gpa gpa;
	const char *path, *cmdline;	/* the config's */
};

/* Kernel and what comes with it: open files, and what was checked of them. */
struct hs_kernel {
	enum hs_boot_way way;		/* never HS_BOOT_AUTO */
	int fd;				/* the file, or its payload unpacked; -1: not open */
	uint64_t bytes;
	uint8_t setup[4096];		/* the first bytes of a bzImage: header included; else 0 */
	struct hs_piece piece[HS_BOOT_PIECES];
	unsigned int pieces;
	hs_gpa start, end;		/* RAM that it needs before it reads a memory map */
	hs_gpa entry;
	bool addresses;			/* Multiboot: by the header's own, entry included */
	char name[HS_BOOT_NAME];	/* Multiboot: the command line's first word; else "" */
	uint32_t cmdline_most;		/* longest command line, the name not counted */
	uint64_t initrd_top;		/* the initrd must end there, or below */
	struct hs_module module[HS_BOOT_MODULES];	/* Linux: at most one, the initrd */
	unsigned int modules;
};

/*
 * Opens and checks all files against each other and config. 0, or the exit
 * status (vm.h: HS_EXIT_*) with the line printed. Before there are threads: a
 * payload is unpacked by a process of its own.
 */
int hs_kernel_open(struct hs_kernel *kernel, const struct hs_config *config);
void hs_kernel_close(struct hs_kernel *kernel);

/* Puts everything into RAM. 0 or -errno, with the line printed. */
int hs_boot_load(struct hs_vm *vm, const struct hs_kernel *kernel);

/*
 * What kernel.c asks of the formats. Both read k->fd, fill piece, start, end,
 * entry and the limits, and return 0, or HS_EXIT_KERNEL with the line printed.
 */
int hs_bzimage_check(struct hs_kernel *k, const char *path);
int hs_elf_check(struct hs_kernel *k, const char *path);	/* settles k->way, too */

/*
 * Where the ELF file has an address of the kernel's half, for as long as a boot vCPU's tables do
 * not map it. false: in no piece.
 */
bool hs_elf_place(const struct hs_kernel *k, uint64_t vaddr, hs_gpa *gpa);

/*
 * Replaces a bzImage's k->fd by a file in memory with its payload unpacked. 0,
 * or the exit status with the line printed.
 */
int hs_payload_open(struct hs_kernel *k, const char *path);

/*
 * The same with a file that is packed as a whole, which its first bytes in k->setup tell. 0: it
 * is unpacked, or was not packed.
 */
int hs_payload_whole(struct hs_kernel *k, const char *path);

/*
 * May a part of a kernel lie there? NULL, or what is in the way, in words that hold until the
 * next call: RAM's end below the hole, or what the guest is told in low memory.
 */
const char *hs_boot_place(hs_gpa gpa, uint64_t bytes);

/* Multiboot: finds the header and takes what it asks for. false: none, or a problem. */
bool hs_multiboot_find(struct hs_kernel *k, const char **problem);

/* What the kernel is told, into RAM. 0 or -errno. */
int hs_zero_page(struct hs_vm *vm, const struct hs_kernel *k);
int hs_pvh_info(struct hs_vm *vm, const struct hs_kernel *k);
int hs_multiboot_info(struct hs_vm *vm, const struct hs_kernel *k);

/* The memory map, in e820's terms; at most HS_BOOT_RANGES. How many there are. */
#define HS_BOOT_RANGES		8u
#define HS_E820_RAM		1u
#define HS_E820_RESERVED	2u

struct hs_range {
	uint64_t start, bytes;
	uint32_t type;
};

unsigned int hs_boot_ranges(const struct hs_vm *vm, struct hs_range *range);

/* Page tables and GDT into RAM (boot/state.c); registers of a vCPU. */
int hs_boot_tables(struct hs_mem *mem, const struct hs_kernel *k);
struct hs_vcpu;
int hs_boot_vcpu(const struct hs_vcpu *vcpu, const struct hs_kernel *k);

/*
 * A CPU that is started by call: its whole state (abi/smp.h), on its own
 * thread. `lapic` is that of a CPU after reset. 0 or -errno.
 */
struct hs_cpu_state;
int hs_boot_restart(int vcpu_fd, const struct hs_cpu_state *state, bool nx,
		    const struct kvm_lapic_state *lapic);

/* Intel MP tables, in the EBDA (boot/mptable.c). 0 or -errno. */
int hs_mp_table(struct hs_vm *vm);

/* BIOS data area and EBDA (boot/bios.c). 0 or -errno. */
int hs_bios_data(struct hs_mem *mem);

/* RSDP, XSDT, FADT, FACS, MADT, DSDT, and SSDT when pvkit is offered (boot/acpi.c). */
int hs_acpi_tables(struct hs_vm *vm);

/* Tables that iasl made at build time (build/host-stub/boot/aml.c). */
extern const uint8_t hs_aml_dsdt[];
extern const uint32_t hs_aml_dsdt_bytes;
extern const uint8_t hs_aml_pvk[];
extern const uint32_t hs_aml_pvk_bytes;

#endif /* HS_BOOT_H */
