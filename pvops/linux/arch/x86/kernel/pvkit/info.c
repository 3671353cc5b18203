// SPDX-License-Identifier: GPL-2.0-only
/*
 * The information page (abi/info.h): copied once, checked, used from the copy.
 * What the host says later cannot change what was checked; only the clock and
 * the seed are looked at again, where they are, by those who need them.
 */
#include <linux/cache.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/pgtable.h>
#include <linux/string.h>

#include <asm/page.h>

#include "pvkit.h"
#include "table.h"

#define COPY_MAX	16384u	/* a table of 200 CPUID entries and one of 400 MSRs */

static u8 copy[COPY_MAX] __ro_after_init __aligned(8);
static u64 page_gpa __ro_after_init;
static u64 absent __ro_after_init;

static const void *section[PVKIT_TAGS] __ro_after_init;

/* page: where gpa is mapped now. Too large a page, or one with faults, is as none. */
void __init pvkit_info_init(u64 gpa, u32 bytes, void *page)
{
	const struct pvk_info_absent *a;

	if (!bytes || bytes > COPY_MAX)
		return;
	memcpy(copy, page, bytes);
	if (!pvkit_parse(copy, bytes, section)) {
		memset(section, 0, sizeof(section));
		return;
	}
	page_gpa = gpa;
	a = section[PVK_INFO_ABSENT];
	absent = a ? a->mask : 0;
}

/* The section's copy; NULL when the host has none. */
const void *pvkit_info(u32 tag)
{
	return section[tag];
}

/* Where the section itself is in the guest's memory; 0 when the host has none. */
u64 pvkit_info_gpa(u32 tag)
{
	return section[tag] ? page_gpa + ((const u8 *)section[tag] - copy) : 0;
}

/* PVK_ABSENT_*: what need not be looked for. */
u64 pvkit_absent(void)
{
	return absent;
}
