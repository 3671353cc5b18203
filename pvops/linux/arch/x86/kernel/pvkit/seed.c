// SPDX-License-Identifier: GPL-2.0-only
/* The host's entropy: taken once, then wiped where the host has left it. */
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/random.h>
#include <linux/string.h>

#include <asm/early_ioremap.h>

#include "pvkit.h"

/* As part of init_platform(). The page is used, not the copy: a kernel before us has wiped it. */
void __init pvkit_seed_init(void)
{
	u64 gpa = pvkit_info_gpa(PVK_INFO_SEED);
	struct pvk_info_seed *seed;

	if (!gpa)
		return;
	seed = early_memremap(gpa, sizeof(*seed));
	if (!seed)
		return;
	if (memchr_inv(seed->seed, 0, sizeof(seed->seed)))
		add_bootloader_randomness(seed->seed, sizeof(seed->seed));
	memzero_explicit(seed->seed, sizeof(seed->seed));
	early_memunmap(seed, sizeof(*seed));
	memzero_explicit((void *)pvkit_info(PVK_INFO_SEED) + sizeof(struct pvk_info_section),
			 sizeof(seed->seed));
}
