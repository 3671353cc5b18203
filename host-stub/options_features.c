// SPDX-License-Identifier: BSD-2-Clause
/*
 * Options that switch features, each by its name: --offer (pvkit's), --info
 * (sections of its information page) and --kvm-mask (KVM's own).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pv/info.h"
#include "options.h"
#include "util.h"

struct name {
	const char *name;
	uint64_t bits;
};

#define NAMES(table)	(table), sizeof(table) / sizeof((table)[0])

static const struct name offers[] = {
	{ "event", PVK_FEAT_EVENT },
	{ "bus", PVK_FEAT_BUS },
	{ "batch", PVK_FEAT_BATCH },
	{ "unplug", PVK_FEAT_UNPLUG },
	{ "info", PVK_FEAT_INFO },
	{ "power", PVK_FEAT_POWER },
	{ "smp", PVK_FEAT_SMP },
	{ "console", PVK_FEAT_CONSOLE },
	{ "mem", PVK_FEAT_MEM },
};

static const struct name sections[] = {
	{ "clock", HS_INFO_BIT(PVK_INFO_CLOCK) },
	{ "absent", HS_INFO_BIT(PVK_INFO_ABSENT) },
	{ "cpus", HS_INFO_BIT(PVK_INFO_CPUS) },
	{ "cpuid", HS_INFO_BIT(PVK_INFO_CPUID) },
	{ "msr", HS_INFO_BIT(PVK_INFO_MSR) },
	{ "seed", HS_INFO_BIT(PVK_INFO_SEED) },
};

/* CPUID 0x40000001 EAX, KVM's Documentation/virt/kvm/x86/cpuid.rst */
static const struct name kvm_features[] = {
	{ "clocksource", 1u << 0 },
	{ "nop_io_delay", 1u << 1 },
	{ "mmu_op", 1u << 2 },
	{ "clocksource2", 1u << 3 },
	{ "async_pf", 1u << 4 },
	{ "steal_time", 1u << 5 },
	{ "pv_eoi", 1u << 6 },
	{ "pv_unhalt", 1u << 7 },
	{ "pv_tlb_flush", 1u << 9 },
	{ "async_pf_vmexit", 1u << 10 },
	{ "pv_send_ipi", 1u << 11 },
	{ "poll_control", 1u << 12 },
	{ "pv_sched_yield", 1u << 13 },
	{ "async_pf_int", 1u << 14 },
	{ "msi_ext_dest_id", 1u << 15 },
	{ "hc_map_gpa_range", 1u << 16 },
	{ "migration_control", 1u << 17 },
	{ "clocksource_stable", 1u << 24 },
};

static const struct name *options_features_find(const char *text, size_t len,
						const struct name *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(names[i].name) == len && !strncmp(names[i].name, text, len))
			return &names[i];
	return NULL;
}

/*
 * A list of names, of no-NAMEs, all, none, from left to right; one that begins
 * with a no-NAME begins with all. 0, or -EINVAL with the line printed.
 */
static int parse_list(const char *option, const char *text, const struct name *names, size_t n,
		      uint64_t all, uint64_t *bits)
{
	const struct name *name;

	if (!*text) {
		hs_error("%s: empty: none, all, or a list of names: see --help", option);
		return -EINVAL;
	}
	*bits = strncmp(text, "no-", 3) ? 0 : all;
	while (*text) {
		size_t len = strcspn(text, ",");

		if (len == 3 && !strncmp(text, "all", 3)) {
			*bits |= all;
		} else if (len == 4 && !strncmp(text, "none", 4)) {
			*bits = 0;
		} else if ((name = options_features_find(text, len, names, n))) {
			*bits |= name->bits;
		} else if (len > 3 && !strncmp(text, "no-", 3) &&
			   (name = options_features_find(text + 3, len - 3, names, n))) {
			*bits &= ~name->bits;
		} else {
			hs_error("%s: '%.*s' is unknown: see --help", option, (int)len, text);
			return -EINVAL;
		}
		text += len;
		if (*text == ',')
			text++;
	}
	return 0;
}

int hs_options_offer(struct hs_config *config, const char *text)
{
	return parse_list("--offer", text, NAMES(offers), HS_OFFER_ALL, &config->pv_offer);
}

int hs_options_info(struct hs_config *config, const char *text)
{
	uint64_t bits = 0;
	int ret = parse_list("--info", text, NAMES(sections), HS_INFO_ALL, &bits);

	config->info = (uint32_t)bits;
	return ret;
}

int hs_options_kvm_mask(struct hs_config *config, const char *text)
{
	if (!strcmp(text, "help")) {
		for (size_t i = 0; i < HS_COUNT(kvm_features); i++)
			puts(kvm_features[i].name);
		return 1;
	}
	if (*text >= '0' && *text <= '9') {
		char *end;

		errno = 0;
		config->kvm_mask = strtoull(text, &end, 0);
		if (!errno && !*end && config->kvm_mask <= 0xffffffffu)
			return 0;
		hs_error("--kvm-mask: '%s' is no 32-bit number", text);
		return -EINVAL;
	}
	return parse_list("--kvm-mask", text, NAMES(kvm_features), 0xffffffffu, &config->kvm_mask);
}
