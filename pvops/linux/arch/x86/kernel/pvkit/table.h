/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading the information page, and looking things up in its sorted tables:
 * functions of their arguments only.
 */
#ifndef _PVKIT_TABLE_H
#define _PVKIT_TABLE_H

#include <linux/types.h>

#include <asm/pvkit/abi/cpuid.h>
#include <asm/pvkit/abi/info.h>

#define PVKIT_MSR_MAX	1024u	/* entries used of a table */

/* Tags that are used are below; other sections are skipped. */
#define PVKIT_TAGS	(PVK_INFO_SEED + 1)

/* Bytes that a section has at least; 0 for what is no tag. */
static inline u32 pvkit_section_least(u32 tag)
{
	switch (tag) {
	case PVK_INFO_CLOCK:
		return sizeof(struct pvk_info_clock);
	case PVK_INFO_ABSENT:
		return sizeof(struct pvk_info_absent);
	case PVK_INFO_CPUS:
		return sizeof(struct pvk_info_cpus);
	case PVK_INFO_CPUID:
		return sizeof(struct pvk_info_cpuid);
	case PVK_INFO_MSR:
		return sizeof(struct pvk_info_msr);
	case PVK_INFO_SEED:
		return sizeof(struct pvk_info_seed);
	default:
		return 0;
	}
}

/* Does the section, of its least size, hold as many entries as it says? */
static inline bool pvkit_count_fits(const struct pvk_info_section *s)
{
	/* The count stands at the same place in all three */
	const struct pvk_info_cpus *cpus = (const void *)s;
	u32 room = s->bytes - sizeof(*cpus);

	switch (s->tag) {
	case PVK_INFO_CPUS:
		return cpus->count && cpus->count <= room / sizeof(cpus->apic_id[0]);
	case PVK_INFO_CPUID:
		return cpus->count <= room / sizeof(struct pvk_info_cpuid_entry);
	case PVK_INFO_MSR:
		return cpus->count <= room / sizeof(struct pvk_info_msr_entry);
	default:
		return true;
	}
}

/*
 * Takes a page of size bytes apart: found[tag] for the tags below PVKIT_TAGS. False
 * when it is no page of ours, or does not hold together; found[] is then partly set.
 */
static inline bool pvkit_parse(const u8 *page, u32 size, const void **found)
{
	const struct pvk_info *info = (const void *)page;
	u32 at = sizeof(*info);
	u32 i;

	if (size < sizeof(*info) || info->magic != PVK_INFO_MAGIC ||
	    PVK_VERSION_MAJOR(info->version) != PVK_VERSION_MAJOR(PVK_ABI_VERSION) ||
	    info->bytes < sizeof(*info) || info->bytes > size)
		return false;
	for (i = 0; i < info->sections; i++) {
		const struct pvk_info_section *s = (const void *)(page + at);

		if (info->bytes - at < sizeof(*s) || s->bytes < sizeof(*s) || s->bytes % 8 ||
		    s->bytes > info->bytes - at)
			return false;
		at += s->bytes;
		if (!pvkit_section_least(s->tag))
			continue;
		if (s->bytes < pvkit_section_least(s->tag) || !pvkit_count_fits(s))
			return false;
		found[s->tag] = s;
	}
	return true;
}

/*
 * Frequencies that clocks have, in kHz, 10 MHz to 100 GHz: another is as not told. The
 * kernel multiplies, divides and programs timers by them without a further look.
 */
#define PVKIT_KHZ_LEAST	10000u
#define PVKIT_KHZ_MOST	100000000u

static inline bool pvkit_khz_ok(u32 khz)
{
	return khz >= PVKIT_KHZ_LEAST && khz <= PVKIT_KHZ_MOST;
}

/* Nanoseconds of so many ticks at khz, which is not 0. May wrap; no ticks make it fault. */
static inline u64 pvkit_ticks_to_ns(u64 ticks, u32 khz)
{
	return ticks / khz * 1000000 + ticks % khz * 1000000 / khz;
}

/* Leaf and index as one number, in the order of the table. */
static inline u64 pvkit_cpuid_key(u32 leaf, u32 index)
{
	return (u64)leaf << 32 | index;
}

/* Are the keys strictly ascending? */
static inline bool pvkit_cpuid_sorted(const struct pvk_info_cpuid *t)
{
	u32 i;

	for (i = 1; i < t->count; i++) {
		if (pvkit_cpuid_key(t->entry[i - 1].leaf, t->entry[i - 1].index) >=
		    pvkit_cpuid_key(t->entry[i].leaf, t->entry[i].index))
			return false;
	}
	return true;
}

static inline bool pvkit_msr_sorted(const struct pvk_info_msr *t)
{
	u32 i;

	for (i = 1; i < t->count; i++) {
		if (t->entry[i - 1].msr >= t->entry[i].msr)
			return false;
	}
	return true;
}

/*
 * The entry that answers CPUID with EAX = leaf and ECX = index, or NULL. A leaf
 * has either one entry without PVK_CPUID_INDEXED, which answers for any index,
 * or one for each index that it answers for.
 */
static inline const struct pvk_info_cpuid_entry *
pvkit_find_cpuid(const struct pvk_info_cpuid *t, u32 leaf, u32 index)
{
	u32 low = 0, high = t->count;

	while (low < high) {
		u32 mid = low + (high - low) / 2;
		const struct pvk_info_cpuid_entry *e = &t->entry[mid];

		if (e->leaf == leaf && (!(e->flags & PVK_CPUID_INDEXED) || e->index == index))
			return e;
		if (pvkit_cpuid_key(e->leaf, e->index) < pvkit_cpuid_key(leaf, index))
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static inline const struct pvk_info_msr_entry *pvkit_find_msr(const struct pvk_info_msr *t, u32 msr)
{
	u32 low = 0, high = t->count;

	while (low < high) {
		u32 mid = low + (high - low) / 2;
		const struct pvk_info_msr_entry *e = &t->entry[mid];

		if (e->msr == msr)
			return e;
		if (e->msr < msr)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

#endif /* _PVKIT_TABLE_H */
