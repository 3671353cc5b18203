// SPDX-License-Identifier: BSD-2-Clause
/*
 * The information page: see info.h and abi/info.h. What it says of CPUID and
 * MSRs is what KVM says, asked vCPU by vCPU: what differs between them, or
 * changes, is left out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <time.h>

#include "../boot/boot.h"
#include "../liar.h"
#include "../vm.h"
#include "info.h"
#include "pv_priv.h"
#include "../util.h"

#define MSR_TSC		0x10u
#define MSR_PERFCTR0	0xc0010004u
#define PMU_TRIAL	0xabcdu		/* any value that is not 0 */
/* KVM's local APIC timer counts nanoseconds (KVM API, KVM_CAP_X86_APIC_BUS_CYCLES_NS) */
#define APIC_KHZ	1000000u

/*
 * MSRs that a booting kernel reads. Intel SDM vol. 4; AMD APM vol. 2, appendix
 * A; PPRs. Some KVM lets the host read and not the guest: those are here only
 * with the bit of CPUID.7.0:EDX that gives them to the guest, or not at all.
 */
enum when {
	ALWAYS,			/* also that it is not there */
	WHERE_THERE,		/* a mode or KVM decides later */
	WITHOUT_PMU,		/* counters that never count: constants */
};

static const struct {
	uint32_t first, count;
	uint32_t leaf7_edx;	/* needed; 0: nothing is */
	enum when when;
} msrs[] = {
	{ 0x17, 1, 0, ALWAYS },		/* PLATFORM_ID */
	{ 0x1b, 1, 0, WHERE_THERE },	/* APIC_BASE: one CPU's differs from the others' */
	{ 0x33, 1, 0, ALWAYS },		/* TEST_CTRL */
	{ 0x34, 1, 0, ALWAYS },		/* SMI_COUNT */
	{ 0x3b, 1, 0, ALWAYS },		/* TSC_ADJUST */
	{ 0x8b, 1, 0, ALWAYS },		/* BIOS_SIGN_ID */
	{ 0xce, 1, 0, ALWAYS },		/* PLATFORM_INFO */
	{ 0xcf, 1, 1u << 30, ALWAYS },	/* CORE_CAPABILITIES */
	{ 0xfe, 1, 0, ALWAYS },		/* MTRRCAP */
	{ 0x10a, 1, 1u << 29, ALWAYS },	/* ARCH_CAPABILITIES */
	{ 0x140, 1, 0, ALWAYS },		/* MISC_FEATURES_ENABLES */
	{ 0x179, 2, 0, ALWAYS },		/* MCG_CAP, MCG_STATUS */
	{ 0x1a0, 1, 0, ALWAYS },		/* MISC_ENABLE */
	{ 0x1a2, 1, 0, ALWAYS },		/* TEMPERATURE_TARGET */
	{ 0x1a4, 1, 0, ALWAYS },		/* MISC_FEATURE_CONTROL */
	{ 0x1ad, 1, 0, ALWAYS },		/* TURBO_RATIO_LIMIT */
	{ 0x1b0, 2, 0, ALWAYS },		/* ENERGY_PERF_BIAS, PACKAGE_THERM_STATUS */
	{ 0x200, 16, 0, ALWAYS },		/* MTRR_PHYSBASE, MTRR_PHYSMASK */
	{ 0x250, 1, 0, ALWAYS },		/* MTRR_FIX64K */
	{ 0x258, 2, 0, ALWAYS },		/* MTRR_FIX16K */
	{ 0x268, 8, 0, ALWAYS },		/* MTRR_FIX4K */
	{ 0x277, 1, 0, ALWAYS },		/* PAT */
	{ 0x2ff, 1, 0, ALWAYS },		/* MTRR_DEF_TYPE */
	{ 0x400, 40, 0, ALWAYS },		/* MC0_CTL .. MC9_MISC */
	{ 0x606, 1, 0, ALWAYS },		/* RAPL_POWER_UNIT */
	{ 0x802, 2, 0, WHERE_THERE },	/* x2APIC's ID, VERSION: in that mode only */
	{ 0xc0010000, 8, 0, WITHOUT_PMU },	/* PERFEVTSEL, PERFCTR */
	{ 0xc0010010, 1, 0, ALWAYS },	/* SYSCFG */
	{ 0xc0010015, 1, 0, ALWAYS },	/* HWCR */
	{ 0xc001001a, 1, 0, ALWAYS },	/* TOP_MEM */
	{ 0xc001001d, 1, 0, ALWAYS },	/* TOP_MEM2 */
	{ 0xc001001f, 1, 0, ALWAYS },	/* NB_CFG */
	{ 0xc0010055, 1, 0, ALWAYS },	/* INT_PENDING */
	{ 0xc0010058, 1, 0, ALWAYS },	/* MMIO_CONF_BASE */
	{ 0xc0010061, 11, 0, ALWAYS },	/* PSTATE_CUR_LIMIT .. PSTATE_7 */
	{ 0xc0010111, 4, 0, ALWAYS },	/* SMM_BASE, SMM_ADDR, SMM_MASK, VM_CR */
	{ 0xc0010140, 2, 0, ALWAYS },	/* OSVW_ID_LENGTH, OSVW_STATUS */
	{ 0xc0010299, 1, 0, ALWAYS },	/* RAPL_PWR_UNIT */
	{ 0xc0011004, 2, 0, ALWAYS },	/* CPUID feature overrides */
	{ 0xc0011020, 4, 0, ALWAYS },	/* LS_CFG, IC_CFG, DC_CFG, BU_CFG */
	{ 0xc0011029, 2, 0, ALWAYS },	/* DE_CFG, BU_CFG2 */
};

/* The page as it is written: sections are appended. */
struct page {
	uint32_t bytes, sections;
	_Alignas(8) uint8_t data[HS_BOOT_INFO_BYTES];
};

/* Room for a section, zeroed, its head filled; NULL: the page is full. */
static void *info_append(struct page *page, uint32_t tag, size_t bytes)
{
	struct pvk_info_section head = { tag, (uint32_t)((bytes + 7) & ~(size_t)7) };
	uint8_t *at = page->data + page->bytes;

	if (head.bytes > sizeof(page->data) - page->bytes)
		return NULL;
	memcpy(at, &head, sizeof(head));
	page->bytes += head.bytes;
	page->sections++;
	return at;
}

static int read_msr(const struct hs_vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	*value = 0;
	return hs_vcpu_msr(vcpu, KVM_GET_MSRS, msr, value);
}

/* Whether the guest has AMD's performance counters: one that keeps what is written. */
static bool has_pmu(const struct hs_vcpu *vcpu)
{
	uint64_t value = PMU_TRIAL, zero = 0;

	if (!hs_vcpu_msr(vcpu, KVM_SET_MSRS, MSR_PERFCTR0, &value) ||
	    !read_msr(vcpu, MSR_PERFCTR0, &value) || value != PMU_TRIAL)
		return false;
	(void)hs_vcpu_msr(vcpu, KVM_SET_MSRS, MSR_PERFCTR0, &zero);
	return true;
}

/* ---- sections ---- */

/* The time of day and the TSC at once; what lies between two looks at the clock is the error. */
static void take_time(const struct hs_vcpu *vcpu, struct pvk_info_clock *clock)
{
	struct timespec now;
	uint64_t tsc = 0;

	(void)read_msr(vcpu, MSR_TSC, &tsc);	/* the first one is slow */
	(void)read_msr(vcpu, MSR_TSC, &tsc);
	clock_gettime(CLOCK_REALTIME, &now);
	clock->tsc = tsc;
	clock->sec = (uint64_t)now.tv_sec;
	clock->nsec = (uint32_t)now.tv_nsec;
}

static bool add_clock(struct hs_vm *vm, struct page *page)
{
	struct pvk_info_clock *clock = info_append(page, PVK_INFO_CLOCK, sizeof(*clock));
	int khz;

	if (!clock)
		return false;
	vm->info_clock = HS_BOOT_INFO + (uint64_t)((uint8_t *)clock - page->data);
	khz = ioctl(vm->vcpu[0]->fd, KVM_GET_TSC_KHZ, 0);
	clock->tsc_khz = khz > 0 ? (uint32_t)khz : 0;
	clock->flags = vm->run->tsc_stable ? PVK_CLOCK_TSC_STABLE : 0;
	clock->apic_khz = APIC_KHZ;
	take_time(vm->vcpu[0], clock);
	return true;
}

static bool add_absent(struct hs_vm *vm, struct page *page)
{
	struct pvk_info_absent *absent = info_append(page, PVK_INFO_ABSENT, sizeof(*absent));

	if (!absent)
		return false;
	absent->mask = PVK_ABSENT_VGA | PVK_ABSENT_HPET | PVK_ABSENT_DMA;
	if (vm->config->machine == HS_MACHINE_MINIMAL)
		absent->mask |= PVK_ABSENT_PIC | PVK_ABSENT_PIT | PVK_ABSENT_RTC |
				PVK_ABSENT_I8042 | PVK_ABSENT_UART | PVK_ABSENT_PCI |
				PVK_ABSENT_ACPI | PVK_ABSENT_IOAPIC | PVK_ABSENT_BIOS |
				PVK_ABSENT_ISA | PVK_ABSENT_NMI;
	return true;
}

static bool add_cpus(struct hs_vm *vm, struct page *page)
{
	uint32_t count = vm->config->vcpus;
	struct pvk_info_cpus *cpus = info_append(page, PVK_INFO_CPUS,
					    sizeof(*cpus) + count * sizeof(cpus->apic_id[0]));

	if (!cpus)
		return false;
	cpus->count = count;
	for (uint32_t i = 0; i < count; i++)
		cpus->apic_id[i] = vm->vcpu[i]->id;
	return true;
}

static int by_leaf(const void *a, const void *b)
{
	const struct pvk_info_cpuid_entry *x = a, *y = b;

	if (x->leaf != y->leaf)
		return x->leaf < y->leaf ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Fields that are each CPU's own, and copies of CR4: KVM answers them by itself. */
static uint32_t own_fields(struct pvk_info_cpuid_entry *e)
{
	switch (e->leaf) {
	case 0x1:
		e->ecx &= ~(1u << 27);
		return PVK_CPUID_APIC_ID | PVK_CPUID_CR4;
	case 0x7:
		if (e->index)
			return 0;
		e->ecx &= ~(1u << 4);
		return PVK_CPUID_CR4;
	case 0xb: case 0x1f: case 0x8000001e:
		return PVK_CPUID_APIC_ID;
	default:
		return 0;
	}
}

/*
 * Leaves that kernels ask for though they are not there: KVM answers zeroes for
 * what is missing below the highest leaf.
 */
static const struct {
	uint32_t leaf, index, flags;
} missing[] = {
	{ 0x7, 1, PVK_CPUID_INDEXED }, { 0x7, 2, PVK_CPUID_INDEXED },
	{ 0xd, 0, PVK_CPUID_INDEXED }, { 0xd, 1, PVK_CPUID_INDEXED },
	{ 0x8000000a, 0, 0 },
};

#define MISSING	(HS_COUNT(missing))

static void add_missing(struct kvm_cpuid2 *table, struct pvk_info_cpuid *cpuid)
{
	for (size_t i = 0; i < MISSING; i++) {
		uint32_t leaf = missing[i].leaf;
		const struct kvm_cpuid_entry2 *top = hs_cpuid_find(table, leaf & 0x80000000u, 0);

		if (top && top->eax >= leaf && !hs_cpuid_find(table, leaf, missing[i].index))
			cpuid->entry[cpuid->count++] = (struct pvk_info_cpuid_entry){
				.leaf = leaf, .index = missing[i].index,
				.flags = missing[i].flags,
			};
	}
}

static bool add_cpuid(struct hs_vm *vm, struct page *page)
{
	struct kvm_cpuid2 *table = vm->vcpu[0]->cpuid;
	struct pvk_info_cpuid *cpuid = info_append(page, PVK_INFO_CPUID, sizeof(*cpuid) +
					      (table->nent + MISSING) * sizeof(cpuid->entry[0]));

	if (!cpuid)
		return false;
	for (uint32_t i = 0; i < table->nent; i++) {
		const struct kvm_cpuid_entry2 *k = &table->entries[i];
		struct pvk_info_cpuid_entry e = {
			.leaf = k->function, .index = k->index,
			.eax = k->eax, .ebx = k->ebx, .ecx = k->ecx, .edx = k->edx,
		};

		/* 0xD, 0 and 1: sizes for what XCR0 and XSS enable; 0x12, 0x14: theirs, too */
		if (e.leaf == 0xd && e.index < 2)
			continue;
		if (k->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)
			e.flags = PVK_CPUID_INDEXED;
		else
			e.index = 0;
		e.flags |= own_fields(&e);
		cpuid->entry[cpuid->count++] = e;
	}
	add_missing(table, cpuid);
	qsort(cpuid->entry, cpuid->count, sizeof(cpuid->entry[0]), by_leaf);
	return true;
}

static bool add_msrs(struct hs_vm *vm, struct page *page)
{
	const struct kvm_cpuid_entry2 *leaf7 = hs_cpuid_find(vm->vcpu[0]->cpuid, 0x7, 0);
	struct pvk_info_msr *list = info_append(page, PVK_INFO_MSR, sizeof(*list));
	bool pmu = has_pmu(vm->vcpu[0]);

	if (!list)
		return false;
	for (size_t r = 0; r < HS_COUNT(msrs); r++) {
		if (msrs[r].leaf7_edx && !(leaf7 && leaf7->edx & msrs[r].leaf7_edx))
			continue;
		if (msrs[r].when == WITHOUT_PMU && pmu)
			continue;
		for (uint32_t n = 0; n < msrs[r].count; n++) {
			struct pvk_info_msr_entry e = { .msr = msrs[r].first + n };
			uint64_t value = 0, other;
			bool same = true;
			int there = read_msr(vm->vcpu[0], e.msr, &value);

			for (unsigned int i = 1; i < vm->config->vcpus && same; i++) {
				other = 0;
				same = read_msr(vm->vcpu[i], e.msr, &other) == there &&
				       other == value;
			}
			if (!same || (!there && msrs[r].when != ALWAYS))
				continue;
			e.flags = there ? 0 : PVK_MSR_ABSENT;
			e.value = value;
			if (sizeof(e) > sizeof(page->data) - page->bytes)
				return false;
			memcpy(page->data + page->bytes, &e, sizeof(e));
			page->bytes += (uint32_t)sizeof(e);
			list->head.bytes += (uint32_t)sizeof(e);
			list->count++;
		}
	}
	return true;
}

static bool add_seed(struct hs_vm *vm, struct page *page)
{
	struct pvk_info_seed *seed = info_append(page, PVK_INFO_SEED, sizeof(*seed));

	(void)vm;
	return seed && getrandom(seed->seed, sizeof(seed->seed), 0) == (ssize_t)sizeof(seed->seed);
}

/* ---- the page ---- */

int hs_info_create(struct hs_vm *vm)
{
	static const struct {
		uint32_t tag;
		bool (*add)(struct hs_vm *vm, struct page *page);
	} parts[] = {
		{ PVK_INFO_CLOCK, add_clock }, { PVK_INFO_ABSENT, add_absent },
		{ PVK_INFO_CPUS, add_cpus }, { PVK_INFO_CPUID, add_cpuid },
		{ PVK_INFO_MSR, add_msrs }, { PVK_INFO_SEED, add_seed },
	};
	struct pvk_info head = { .magic = PVK_INFO_MAGIC, .version = PVK_ABI_VERSION };
	struct page *page = calloc(1, sizeof(*page));
	int ret = 0;

	if (!page)
		return -ENOMEM;
	page->bytes = sizeof(head);
	for (size_t i = 0; i < HS_COUNT(parts) && !ret; i++)
		if (vm->config->info & HS_INFO_BIT(parts[i].tag) && !parts[i].add(vm, page))
			ret = -ENOSPC;
	head.bytes = page->bytes;
	head.sections = page->sections;
	memcpy(page->data, &head, sizeof(head));
	hs_liar_page(page->data, page->bytes);
	if (!ret)
		ret = hs_mem_write(vm->mem, HS_BOOT_INFO, page->data, sizeof(page->data));
	if (ret < 0)
		hs_error("information page: cannot be made: %s: --offer all,no-info goes without",
			 strerror(-ret));
	explicit_bzero(page, sizeof(*page));
	free(page);
	return ret;
}

void hs_info_clock(struct hs_vm *vm)
{
	struct pvk_info_clock *clock, now;
	uint32_t generation;

	if (!vm->info_clock)
		return;
	take_time(vm->vcpu[0], &now);
	clock = hs_mem_at(vm->mem, vm->info_clock, sizeof(*clock));
	/* The guest may have spoilt the number: any even one is as good. */
	generation = __atomic_load_n(&clock->generation, __ATOMIC_RELAXED) & ~1u;
	__atomic_store_n(&clock->generation, generation + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&clock->tsc, now.tsc, __ATOMIC_RELAXED);
	__atomic_store_n(&clock->sec, now.sec, __ATOMIC_RELAXED);
	__atomic_store_n(&clock->nsec, now.nsec, __ATOMIC_RELAXED);
	__atomic_store_n(&clock->generation, generation + 2, __ATOMIC_RELEASE);
	if (vm->pv)
		(void)hs_pv_event_raise_fixed(vm->pv, PVK_CHANNEL_CLOCK);
}
