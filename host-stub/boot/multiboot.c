// SPDX-License-Identifier: BSD-2-Clause
/*
 * Multiboot kernels (Multiboot Specification 0.6.96): the header, sections 3.1.1
 * to 3.1.3, and the information structure, section 3.3.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../vm.h"
#include "boot.h"

#define SEARCH		8192u		/* bytes in which the header must lie */
#define MAGIC		0x1badb002u
#define SEARCH2		32768u		/* Multiboot 2 (2.0, section 3.1) */
#define MAGIC2		0xe85250d6u

#define WANTS_PAGES	(1u << 0)	/* modules on page boundaries: they always are */
#define WANTS_MEMORY	(1u << 1)	/* always told */
#define WANTS_UNKNOWN \
	0xfff8u /* bits 3 to 15: a loader must know them; 2, a video mode, is a wish */
#define HAS_ADDRESSES	(1u << 16)

#define TELLS_MEMORY	(1u << 0)
#define TELLS_CMDLINE	(1u << 2)
#define TELLS_MODULES	(1u << 3)
#define TELLS_MAP	(1u << 6)
#define TELLS_LOADER	(1u << 9)

struct header {
	uint32_t magic, flags, checksum;
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

struct info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
	uint32_t syms[4], mmap_length, mmap_addr, drives[2], config_table, loader_name;
	uint32_t apm_table, vbe[4];
};

struct module {
	uint32_t start, end, string, reserved;
};

struct range {
	uint32_t size;			/* of the rest */
	uint64_t start, bytes;
	uint32_t type;
} __attribute__((packed));

/* All of it, from EBX on: a page and a half, below the stack of other ways */
struct page {
	struct info info;
	struct module module[HS_BOOT_MODULES];
	struct range range[HS_BOOT_RANGES];
	char loader[8];
	char strings[4096];
};

_Static_assert(HS_BOOT_ZERO_PAGE + sizeof(struct page) <= HS_BOOT_PML4, "it fits");

/* The header's own addresses instead of the file format's. NULL, or what is wrong. */
static const char *take_addresses(struct hs_kernel *k, const struct header *h, uint64_t header_at)
{
	uint64_t before = (uint64_t)h->header_addr - h->load_addr, offset = header_at - before;
	uint64_t bytes = k->bytes - offset;
	const char *problem;

	if (h->load_addr > h->header_addr || before > header_at)
		return "its Multiboot header's addresses make no sense";
	if (h->load_end_addr)
		bytes = (uint64_t)h->load_end_addr - h->load_addr;
	if (h->load_end_addr && (h->load_end_addr < h->load_addr || bytes > k->bytes - offset))
		return "truncated, says its Multiboot header";
	if (!bytes || h->entry_addr < h->load_addr || h->entry_addr - h->load_addr >= bytes)
		return "its Multiboot header's entry lies outside of what is loaded";
	k->pieces = 1;
	k->piece[0] = (struct hs_piece){ h->load_addr, offset, bytes, 0 };
	k->start = h->load_addr;
	k->end = h->bss_end_addr > h->load_addr + bytes ? h->bss_end_addr : h->load_addr + bytes;
	problem = hs_boot_place(k->start, k->end - k->start);
	k->entry = h->entry_addr;
	k->addresses = true;
	return problem;
}

/* A header of Multiboot 2, which is entered differently. */
static bool is_multiboot2(const uint8_t *start, size_t bytes)
{
	uint32_t h[4];		/* magic, architecture, length, checksum */

	for (size_t at = 0; at + sizeof(h) <= bytes; at += 8) {
		memcpy(h, start + at, sizeof(h));
		if (h[0] == MAGIC2 && !(h[0] + h[1] + h[2] + h[3]))
			return true;
	}
	return false;
}

bool hs_multiboot_find(struct hs_kernel *k, const char **problem)
{
	static uint8_t start[SEARCH2];
	ssize_t n = pread(k->fd, start, sizeof(start), 0);
	struct header h;

	*problem = NULL;
	for (ssize_t at = 0; at + 12 <= n && at + 12 <= (ssize_t)SEARCH; at += 4) {
		size_t left = (size_t)(n - at);

		memset(&h, 0, sizeof(h));
		memcpy(&h, start + at, left < sizeof(h) ? left : sizeof(h));
		if (h.magic != MAGIC || h.magic + h.flags + h.checksum)
			continue;
		if (h.flags & WANTS_UNKNOWN)
			*problem = "its Multiboot header wants what is not known";
		else if (h.flags & HAS_ADDRESSES)
			*problem = take_addresses(k, &h, (uint64_t)at);
		else if (!k->pieces)
			*problem = "its Multiboot header has no addresses, and it is no ELF file";
		return !*problem;
	}
	if (n > 0 && is_multiboot2(start, (size_t)n))
		*problem = "it has a Multiboot 2 header alone, which is not supported";
	return false;
}

/* Appends a string; its guest-physical address, or 0: no room. */
static uint32_t add_string(struct page *page, size_t *used, const char *text)
{
	size_t bytes = strlen(text) + 1, at = *used;

	if (bytes > sizeof(page->strings) - at)
		return 0;
	memcpy(page->strings + at, text, bytes);
	*used += bytes;
	return (uint32_t)(HS_BOOT_ZERO_PAGE + offsetof(struct page, strings) + at);
}

int hs_multiboot_info(struct hs_vm *vm, const struct hs_kernel *k)
{
	struct hs_range range[HS_BOOT_RANGES];
	unsigned int ranges = hs_boot_ranges(vm, range);
	struct page page;
	size_t used = 0;

	memset(&page, 0, sizeof(page));
	memcpy(page.loader, "pvkit", 5);
	page.info = (struct info){
		.flags = TELLS_MEMORY | TELLS_CMDLINE | TELLS_MODULES | TELLS_MAP | TELLS_LOADER,
		.mem_lower = HS_BOOT_EBDA >> 10,
		.mem_upper = (uint32_t)((hs_mem_low(vm->mem) - HS_BOOT_LOW_END) >> 10),
		.cmdline = HS_BOOT_CMDLINE,
		.mods_count = k->modules,
		.mods_addr = HS_BOOT_ZERO_PAGE + offsetof(struct page, module),
		.mmap_length = (uint32_t)(ranges * sizeof(struct range)),
		.mmap_addr = HS_BOOT_ZERO_PAGE + offsetof(struct page, range),
		.loader_name = HS_BOOT_ZERO_PAGE + offsetof(struct page, loader),
	};
	for (unsigned int i = 0; i < ranges; i++)
		page.range[i] = (struct range){ sizeof(struct range) - sizeof(uint32_t),
						range[i].start, range[i].bytes, range[i].type };
	for (unsigned int i = 0; i < k->modules; i++) {
		const struct hs_module *m = &k->module[i];
		uint32_t string = add_string(&page, &used, m->cmdline);

		if (!string) {
			hs_error("--module: the command lines of all are longer than %zu characters",
				 sizeof(page.strings));
			return -E2BIG;
		}
		page.module[i] = (struct module){ (uint32_t)m->gpa, (uint32_t)(m->gpa + m->bytes),
						  string, 0 };
	}
	return hs_mem_write(vm->mem, HS_BOOT_ZERO_PAGE, &page, sizeof(page));
}
