// SPDX-License-Identifier: BSD-2-Clause
/*
 * The bzImage and the zero page. Field offsets: Linux,
 * Documentation/x86/boot.rst, "The Real-Mode Kernel Header", and zero-page.rst.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "../vm.h"
#include "boot.h"
#include "../util.h"

/* of the image and of the zero page alike */
#define OFF_SETUP_SECTS		0x1f1
#define OFF_SYSSIZE		0x1f4
#define OFF_BOOT_FLAG		0x1fe
#define OFF_JUMP		0x201	/* its distance ends the header */
#define OFF_MAGIC		0x202
#define OFF_VERSION		0x206
#define OFF_LOADER		0x210
#define OFF_LOADFLAGS		0x211
#define OFF_RAMDISK		0x218
#define OFF_RAMDISK_SIZE	0x21c
#define OFF_CMDLINE		0x228
#define OFF_INITRD_MAX		0x22c
#define OFF_ALIGNMENT		0x230
#define OFF_RELOCATABLE		0x234
#define OFF_XLOADFLAGS		0x236
#define OFF_CMDLINE_SIZE	0x238
#define OFF_PREFERRED		0x258
#define OFF_INIT_SIZE		0x260
/* of the zero page only */
#define OFF_RSDP		0x070
#define OFF_E820_ENTRIES	0x1e8
#define OFF_E820		0x2d0
#define HEADER_START		0x1f1

#define PROTOCOL_64BIT		0x20c	/* the first with xloadflags */
#define XLF_KERNEL_64		1u
#define LOADED_HIGH		1u
#define LOADER_OTHER		0xffu

#define ENTRY_64		0x200u	/* from the load address */
#define PAGE			4096ull

/* For a kernel without a header (vmlinux): what a loader and the kernel look at */
#define VERSION_MADE		0x20fu

struct e820 {
	uint64_t start, bytes;
	uint32_t type;
} __attribute__((packed));

static uint64_t get64(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

int hs_bzimage_check(struct hs_kernel *k, const char *path)
{
	const uint8_t *s = k->setup;
	uint64_t setup_bytes, payload_bytes, init_size;
	unsigned int version;

	if (k->bytes < OFF_INIT_SIZE + 4 || hs_get_le16(s + OFF_BOOT_FLAG) != 0xaa55 ||
	    memcmp(s + OFF_MAGIC, "HdrS", 4)) {
		hs_error("kernel '%s': not a Linux bzImage, nor an ELF or Multiboot kernel: give the file that a package installs as /boot/vmlinuz-*",
			 path);
		return HS_EXIT_KERNEL;
	}
	version = hs_get_le16(s + OFF_VERSION);
	if (version < PROTOCOL_64BIT) {
		hs_error("kernel '%s': boot protocol %u.%02u is too old, 2.12 is needed: use Linux 3.8 or later",
			 path, version >> 8, version & 0xff);
		return HS_EXIT_KERNEL;
	}
	if (!(hs_get_le16(s + OFF_XLOADFLAGS) & XLF_KERNEL_64)) {
		hs_error("kernel '%s': has no 64-bit entry: use an x86-64 kernel", path);
		return HS_EXIT_KERNEL;
	}
	setup_bytes = ((s[OFF_SETUP_SECTS] ? s[OFF_SETUP_SECTS] : 4u) + 1u) * 512u;
	payload_bytes = (uint64_t)hs_get_le32(s + OFF_SYSSIZE) * 16;
	init_size = hs_get_le32(s + OFF_INIT_SIZE);
	k->start = get64(s + OFF_PREFERRED);
	k->end = k->start + init_size;
	/* Units of 16 bytes, rounded up: a file may end within the last one. RAM is zero there. */
	if (k->bytes + 15 < setup_bytes + payload_bytes) {
		hs_error("kernel '%s': truncated: %" PRIu64 " of %" PRIu64 " bytes are there: copy it again",
			 path, k->bytes, setup_bytes + payload_bytes);
		return HS_EXIT_KERNEL;
	}
	if (payload_bytes && k->bytes < setup_bytes + payload_bytes)
		payload_bytes = k->bytes - setup_bytes;
	if (!payload_bytes || payload_bytes > init_size || k->start < HS_BOOT_LOW_END ||
	    k->start >= HS_MEM_HOLE_START || k->start & (PAGE - 1) || k->end > HS_MEM_HOLE_START) {
		hs_error("kernel '%s': damaged header (load address 0x%" PRIx64 ", %" PRIu64 " bytes)",
			 path, k->start, init_size);
		return HS_EXIT_KERNEL;
	}
	k->piece[0] = (struct hs_piece){ k->start, setup_bytes, payload_bytes, 0 };
	k->pieces = 1;
	k->entry = k->start + ENTRY_64;
	k->cmdline_most = hs_get_le32(s + OFF_CMDLINE_SIZE);
	k->initrd_top = (uint64_t)hs_get_le32(s + OFF_INITRD_MAX) + 1;
	return 0;
}

/* The header as the image has it; one of our own for a vmlinux, which has none. */
static void put_header(uint8_t *zero, const struct hs_kernel *k)
{
	size_t end = OFF_MAGIC + k->setup[OFF_JUMP];
	uint16_t boot_flag = 0xaa55, version = VERSION_MADE;

	if (end > OFF_E820)
		end = OFF_E820;
	if (k->setup[OFF_MAGIC]) {
		memcpy(zero + HEADER_START, k->setup + HEADER_START, end - HEADER_START);
		return;
	}
	memcpy(zero + OFF_BOOT_FLAG, &boot_flag, sizeof(boot_flag));
	memcpy(zero + OFF_MAGIC, "HdrS", 4);
	memcpy(zero + OFF_VERSION, &version, sizeof(version));
}

int hs_zero_page(struct hs_vm *vm, const struct hs_kernel *k)
{
	struct hs_range range[HS_BOOT_RANGES];
	unsigned int ranges = hs_boot_ranges(vm, range);
	uint8_t zero[PAGE] = { 0 };
	uint64_t rsdp = HS_BOOT_RSDP;
	uint32_t v32;

	put_header(zero, k);
	/* What a loader fills in */
	zero[OFF_LOADER] = LOADER_OTHER;
	zero[OFF_LOADFLAGS] |= LOADED_HIGH;
	v32 = HS_BOOT_CMDLINE;
	memcpy(zero + OFF_CMDLINE, &v32, sizeof(v32));
	if (k->modules) {
		v32 = (uint32_t)k->module[0].gpa;
		memcpy(zero + OFF_RAMDISK, &v32, sizeof(v32));
		v32 = (uint32_t)k->module[0].bytes;
		memcpy(zero + OFF_RAMDISK_SIZE, &v32, sizeof(v32));
	}
	if (vm->config->machine == HS_MACHINE_PC)
		memcpy(zero + OFF_RSDP, &rsdp, sizeof(rsdp));
	for (unsigned int i = 0; i < ranges; i++) {
		struct e820 entry = { range[i].start, range[i].bytes, range[i].type };

		memcpy(zero + OFF_E820 + i * sizeof(entry), &entry, sizeof(entry));
	}
	zero[OFF_E820_ENTRIES] = (uint8_t)ranges;
	return hs_mem_write(vm->mem, HS_BOOT_ZERO_PAGE, zero, sizeof(zero));
}
