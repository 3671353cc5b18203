// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a kernel that is entered by PVH is told (Xen,
 * xen/include/public/arch-x86/hvm/start_info.h, version 1).
 */
#include <string.h>

#include "../vm.h"
#include "boot.h"

#define MAGIC	0x336ec578u

struct start_info {
	uint32_t magic, version, flags, modules;
	uint64_t module_list, cmdline, rsdp;
	uint64_t memory_map;
	uint32_t memory_entries, reserved;
};

struct module {
	uint64_t gpa, bytes, cmdline, reserved;
};

struct memory {
	uint64_t start, bytes;
	uint32_t type, reserved;
};

/* All of it, in the page of EBX */
struct page {
	struct start_info info;
	struct module module;
	struct memory memory[HS_BOOT_RANGES];
};

int hs_pvh_info(struct hs_vm *vm, const struct hs_kernel *k)
{
	struct hs_range range[HS_BOOT_RANGES];
	struct page page;

	memset(&page, 0, sizeof(page));
	page.info = (struct start_info){
		.magic = MAGIC, .version = 1, .cmdline = HS_BOOT_CMDLINE,
		.rsdp = vm->config->machine == HS_MACHINE_PC ? HS_BOOT_RSDP : 0,
		.memory_map = HS_BOOT_ZERO_PAGE + offsetof(struct page, memory),
		.memory_entries = hs_boot_ranges(vm, range),
	};
	if (k->modules) {
		page.info.modules = 1;
		page.info.module_list = HS_BOOT_ZERO_PAGE + offsetof(struct page, module);
		page.module.gpa = k->module[0].gpa;
		page.module.bytes = k->module[0].bytes;
	}
	for (unsigned int i = 0; i < page.info.memory_entries; i++)
		page.memory[i] =
			(struct memory){ range[i].start, range[i].bytes, range[i].type, 0 };
	return hs_mem_write(vm->mem, HS_BOOT_ZERO_PAGE, &page, sizeof(page));
}
