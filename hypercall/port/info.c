// SPDX-License-Identifier: BSD-2-Clause
/*
 * The porting library: reader of the information page. The host wrote it, and may
 * write it again behind our back: so it is copied, and the copy is checked from
 * end to end before any of it is believed.
 */
#include "info.h"

#define CLOCK_TRIES	1000u

static __u32 count_of(const struct pvk_info_section *s)
{
	return ((const struct pvk_info_cpus *)s)->count;	/* CPUS, CPUID, MSR: the same place */
}

/* Does what the section says it holds fit into it? */
static int section_ok(const struct pvk_info_section *s)
{
	static const struct {
		__u32 tag, least, each;
	} shape[] = {
		{ PVK_INFO_CLOCK, sizeof(struct pvk_info_clock), 0 },
		{ PVK_INFO_ABSENT, sizeof(struct pvk_info_absent), 0 },
		{ PVK_INFO_CPUS, sizeof(struct pvk_info_cpus), 4 },
		{ PVK_INFO_CPUID, sizeof(struct pvk_info_cpuid), sizeof(struct pvk_info_cpuid_entry) },
		{ PVK_INFO_MSR, sizeof(struct pvk_info_msr), sizeof(struct pvk_info_msr_entry) },
		{ PVK_INFO_SEED, sizeof(struct pvk_info_seed), 0 },
	};
	__u32 i;

	for (i = 0; i < sizeof(shape) / sizeof(shape[0]); i++) {
		if (shape[i].tag != s->tag)
			continue;
		if (s->bytes < shape[i].least)
			return 0;
		return !shape[i].each || count_of(s) <= (s->bytes - shape[i].least) / shape[i].each;
	}
	return 1;		/* unknown: skipped by its size */
}

static int page_ok(const struct pvp_info *info)
{
	const struct pvk_info *head = info->copy;
	__u32 at = sizeof(*head), i;

	if (head->magic != PVK_INFO_MAGIC || head->bytes > info->size || head->bytes < at ||
	    PVK_VERSION_MAJOR(head->version) != PVK_VERSION_MAJOR(PVK_ABI_VERSION))
		return 0;
	for (i = 0; i < head->sections; i++) {
		const struct pvk_info_section *s;

		if (head->bytes - at < sizeof(*s))
			return 0;
		s = (const void *)((const __u8 *)info->copy + at);
		if (s->bytes < sizeof(*s) || s->bytes & 7u || s->bytes > head->bytes - at ||
		    !section_ok(s))
			return 0;
		at += s->bytes;
	}
	return 1;
}

int pvp_info_open(struct pvp_info *info, const struct pvk_offer *offer)
{
	const volatile __u64 *from;
	__u64 gpa, *to;
	__u32 i;

	info->view = 0;
	info->copy = 0;
	if (!offer->info_bytes)
		return -PVK_ENOENT;
	info->size = offer->info_bytes;
	info->view = pvp_os_map(offer->info_gpa, info->size);
	info->copy = pvp_os_alloc(info->size, &gpa);
	if (!info->view || !info->copy) {
		pvp_info_close(info);
		return -PVP_ENOMEM;
	}
	from = info->view;
	to = info->copy;
	for (i = 0; i < info->size / 8; i++)
		to[i] = from[i];
	if (!page_ok(info)) {
		pvp_info_close(info);
		return -PVK_EPROTO;
	}
	info->bytes = ((struct pvk_info *)info->copy)->bytes;
	return 0;
}

void pvp_info_close(struct pvp_info *info)
{
	if (info->copy)
		pvp_os_free(info->copy, info->size);
	if (info->view)
		pvp_os_unmap(info->view, info->size);
	info->copy = 0;
	info->view = 0;
}

const struct pvk_info_section *pvp_info_section(const struct pvp_info *info, __u32 tag)
{
	const struct pvk_info *head = info->copy;
	const __u8 *at = (const __u8 *)(head + 1);
	__u32 i;

	for (i = 0; head && i < head->sections; i++) {
		const struct pvk_info_section *s = (const void *)at;

		if (s->tag == tag)
			return s;
		at += s->bytes;
	}
	return 0;
}

int pvp_info_clock(const struct pvp_info *info, struct pvk_info_clock *clock)
{
	const struct pvk_info_section *s = pvp_info_section(info, PVK_INFO_CLOCK);
	const volatile struct pvk_info_clock *live;
	__u32 before, after, i;

	if (!s)
		return -PVK_ENOENT;
	live = (const void *)((const __u8 *)info->view +
			      ((const __u8 *)s - (const __u8 *)info->copy));
	for (i = 0; i < CLOCK_TRIES; i++) {
		before = pvk_load_acquire(&live->generation);
		clock->head = *s;
		clock->generation = before;
		clock->flags = live->flags;
		clock->tsc_khz = live->tsc_khz;
		clock->apic_khz = live->apic_khz;
		clock->tsc = live->tsc;
		clock->sec = live->sec;
		clock->nsec = live->nsec;
		clock->reserved = 0;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		after = live->generation;
		if (!(before & 1) && before == after)
			return clock->nsec < 1000000000u ? 0 : -PVK_EPROTO;
		pvp_os_relax();
	}
	return -PVP_ETIME;
}

__u64 pvp_info_absent(const struct pvp_info *info)
{
	const struct pvk_info_absent *s = (const void *)pvp_info_section(info, PVK_INFO_ABSENT);

	return s ? s->mask : 0;
}

__u32 pvp_info_cpus(const struct pvp_info *info)
{
	const struct pvk_info_section *s = pvp_info_section(info, PVK_INFO_CPUS);

	return s ? count_of(s) : 0;
}

__u32 pvp_info_apic_id(const struct pvp_info *info, __u32 index)
{
	const struct pvk_info_cpus *s = (const void *)pvp_info_section(info, PVK_INFO_CPUS);

	return s && index < s->count ? s->apic_id[index] : 0;
}

int pvp_info_cpuid(const struct pvp_info *info, __u32 leaf, __u32 index,
		   struct pvk_info_cpuid_entry *entry)
{
	const struct pvk_info_cpuid *s = (const void *)pvp_info_section(info, PVK_INFO_CPUID);
	__u32 i;

	for (i = 0; s && i < s->count; i++) {
		const struct pvk_info_cpuid_entry *e = &s->entry[i];

		if (e->leaf != leaf || (e->flags & PVK_CPUID_INDEXED && e->index != index))
			continue;
		*entry = *e;
		return 1;
	}
	return 0;
}

int pvp_info_msr(const struct pvp_info *info, __u32 msr, __u64 *value)
{
	const struct pvk_info_msr *s = (const void *)pvp_info_section(info, PVK_INFO_MSR);
	__u32 i;

	for (i = 0; s && i < s->count; i++) {
		if (s->entry[i].msr != msr)
			continue;
		*value = s->entry[i].value;
		return s->entry[i].flags & PVK_MSR_ABSENT ? -PVK_ENOENT : 1;
	}
	return 0;
}

int pvp_info_seed(struct pvp_info *info, __u8 seed[64])
{
	const struct pvk_info_section *s = pvp_info_section(info, PVK_INFO_SEED);
	volatile __u8 *live, *copy;
	__u8 any = 0;
	__u32 i;

	if (!s)
		return 0;
	copy = (__u8 *)info->copy + ((const __u8 *)s - (const __u8 *)info->copy) + sizeof(*s);
	live = (__u8 *)info->view + (copy - (__u8 *)info->copy);
	for (i = 0; i < 64; i++) {
		seed[i] = live[i];
		any |= seed[i];
		live[i] = 0;
		copy[i] = 0;
	}
	return any != 0;
}
