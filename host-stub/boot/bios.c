// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a PC's firmware leaves in the BIOS data area and in the extended one (IBM PS/2 and PC BIOS
 * Interface Technical Reference, section 3), as far as kernels read it: where the extended area
 * and with it the end of base memory is, and what serial ports there are. MP tables are looked for
 * by it (MultiProcessor Specification 1.4, chapter 4).
 */
#include "../vm.h"
#include "boot.h"
#include "../util.h"

#define EQUIPMENT_FPU		(1u << 1)
#define EQUIPMENT_SERIAL(n)	((n) << 9)

static const struct {
	uint16_t at, value;
} words[] = {
	{ 0x400, 0x3f8 },				/* COM1; there are no others */
	{ 0x40e, HS_BOOT_EBDA >> 4 },			/* segment of the extended area */
	{ 0x410, EQUIPMENT_FPU | EQUIPMENT_SERIAL(1) },
	{ 0x413, HS_BOOT_EBDA >> 10 },			/* KiB of base memory */
};

int hs_bios_data(struct hs_mem *mem)
{
	uint8_t kib = HS_BOOT_EBDA_KIB;
	int ret = hs_mem_write(mem, HS_BOOT_EBDA, &kib, sizeof(kib));

	for (unsigned int i = 0; i < HS_COUNT(words) && !ret; i++)
		ret = hs_mem_write(mem, words[i].at, &words[i].value, sizeof(words[i].value));
	return ret;
}
