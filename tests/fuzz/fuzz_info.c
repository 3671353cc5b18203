// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fuzzer of what vCPUs are told of themselves: an input is a KVM (its CPUID, its MSRs,
 * which may differ between vCPUs or not be there) and a configuration. Whatever it
 * is: CPUID is settled or refused, the information page is made or refused, it can
 * be read by the contract's rules, and its clock stays readable, though the guest
 * spoils the page.
 */
/* LINK: PV host-stub/irq.c host-stub/pv/doorbell.c host-stub/pv/info.c host-stub/vcpu_msr.c host-stub/cpuid.c hypercall/detect/dump/dump.c hypercall/detect/tables.c */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl -Wl,--wrap=write */
#define FAKE_IDE
#define FAKE_KVM
#include "fuzz.h"
#include "quiet.h"
#include "tests/unit/fake_net.h"
#include "tests/unit/fake_platform.h"
#include "host-stub/boot/boot.h"
#include "host-stub/pv/info.h"
#include "host-stub/pv/pv.h"

#define LEAVES	100u

/* ---- KVM ---- */

static struct {
	struct kvm_cpuid_entry2 leaf[LEAVES];
	uint32_t leaves;
	uint8_t refuses;		/* bits */
	uint32_t seed;			/* of MSRs */
	int khz;
} kvm;

enum { NO_CPUID = 1, TOO_MANY = 2, NO_SET = 4, NO_CAP = 8, PMU = 16, DIFFER = 32 };

/* The nth value of the seed */
static uint32_t mixed(uint32_t n)
{
	n = (n ^ kvm.seed) * 2654435761u;
	return n ^ n >> 15;
}

static int get_cpuid(struct kvm_cpuid2 *table)
{
	if (kvm.refuses & NO_CPUID)
		return -EPERM;
	if (kvm.refuses & TOO_MANY || table->nent < kvm.leaves)
		return -E2BIG;
	memcpy(table->entries, kvm.leaf, kvm.leaves * sizeof(kvm.leaf[0]));
	table->nent = kvm.leaves;
	return 0;
}

static int get_msr(struct kvm_msrs *ask)
{
	struct kvm_msr_entry *e = ask->entries;

	MUST(ask->nmsrs == 1);
	if (e->index == 0xc0010004u && !(kvm.refuses & PMU))
		return 0;
	if (!(mixed(e->index) & 1))
		return 0;
	e->data = mixed(e->index + 1);
	if (kvm.refuses & DIFFER && mixed(e->index) & 2)
		e->data = kvm.seed++;	/* never the same again */
	if (e->index == 0xc0010004u)
		e->data = 0xabcd;
	return 1;
}

static int fake_kvm(unsigned long request, void *arg)
{
	switch (request) {
	case KVM_GET_SUPPORTED_CPUID:
		return get_cpuid(arg);
	case KVM_SET_CPUID2:
		return kvm.refuses & NO_SET ? -EINVAL : 0;
	case KVM_GET_MSRS:
		return get_msr(arg);
	case KVM_SET_MSRS:
		return kvm.refuses & PMU ? 1 : 0;
	case KVM_GET_TSC_KHZ:
		return kvm.khz;
	case KVM_ENABLE_CAP:
		return kvm.refuses & NO_CAP ? -EINVAL : 0;
	}
	return -EINVAL;
}

static void make_kvm(struct input *in)
{
	static const uint32_t often[] = { 0, 1, 7, 0xb, 0xd, 0x1f, 0x40000000, 0x40000001,
					  0x80000000, 0x80000001, 0x80000008, 0x8000000a,
					  0x8000001e };

	kvm.refuses = (uint8_t)take(in, 1);
	if (kvm.refuses & 0x80)		/* for the most part a KVM that does its work */
		kvm.refuses &= PMU | DIFFER;
	kvm.seed = (uint32_t)take(in, 2);
	kvm.khz = (int)take(in, 3);
	kvm.leaves = (uint32_t)take(in, 1) % LEAVES;
	for (uint32_t i = 0; i < kvm.leaves; i++) {
		struct kvm_cpuid_entry2 *e = &kvm.leaf[i];
		uint8_t what = in->left ? (uint8_t)take(in, 1) : (uint8_t)i;

		*e = (struct kvm_cpuid_entry2){
			.function = what & 0x80 ? (uint32_t)take(in, 4) : often[what % 13] };
		if (what & 0x40) {
			e->index = (uint32_t)take(in, 1) & 7;
			e->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
		}
		if (what & 0x20) {
			e->eax = (uint32_t)take(in, 4);
			e->ebx = (uint32_t)take(in, 2);
			e->ecx = (uint32_t)take(in, 4);
			e->edx = (uint32_t)take(in, 4);
		} else {
			e->eax = e->function | 0x1f;
			e->ecx = mixed(i);
			e->edx = mixed(i + 99);
		}
	}
}

/* ---- the page, as a guest reads it ---- */

static void read_section(const struct pvk_info_section *s, uint32_t *seen)
{
	const struct pvk_info_cpuid *cpuid = (const void *)s;
	const struct pvk_info_msr *msr = (const void *)s;
	const struct pvk_info_cpus *cpus = (const void *)s;

	MUST(s->tag >= PVK_INFO_CLOCK && s->tag <= PVK_INFO_SEED && !(*seen & HS_INFO_BIT(s->tag)));
	*seen |= HS_INFO_BIT(s->tag);
	switch (s->tag) {
	case PVK_INFO_CPUS:
		MUST(cpus->count == fake.config.vcpus && s->bytes >= 16 + 4 * cpus->count);
		break;
	case PVK_INFO_CPUID:
		MUST(16 + 32ull * cpuid->count <= s->bytes);
		for (uint32_t i = 1; i < cpuid->count; i++)
			MUST(cpuid->entry[i - 1].leaf <= cpuid->entry[i].leaf);
		break;
	case PVK_INFO_MSR:
		MUST(16 + 16ull * msr->count == s->bytes);
		for (uint32_t i = 0; i < msr->count; i++) {
			MUST(!i || msr->entry[i - 1].msr < msr->entry[i].msr);
			MUST(!(msr->entry[i].flags & PVK_MSR_ABSENT) || !msr->entry[i].value);
		}
		break;
	}
}

static void read_page(void)
{
	const uint8_t *page = fake_ram(HS_BOOT_INFO, HS_BOOT_INFO_BYTES);
	struct pvk_info head;
	uint32_t at = sizeof(head), seen = 0;

	memcpy(&head, page, sizeof(head));
	MUST(head.magic == PVK_INFO_MAGIC && head.bytes <= HS_BOOT_INFO_BYTES);
	for (uint32_t i = 0; i < head.sections; i++) {
		const struct pvk_info_section *s = (const void *)(page + at);

		MUST(head.bytes - at >= sizeof(*s));
		MUST(s->bytes >= sizeof(*s) && !(s->bytes & 7) && s->bytes <= head.bytes - at);
		read_section(s, &seen);
		at += s->bytes;
	}
	MUST(at == head.bytes && seen == (fake.config.info & HS_INFO_ALL));
}

/* A reader would wait for an even number, and must not wait for ever. */
static void rewrite_clock(struct input *in)
{
	uint8_t *page = fake_ram(HS_BOOT_INFO, HS_BOOT_INFO_BYTES);
	struct pvk_info_clock clock;

	for (unsigned int i = 0; i < 8; i++)
		page[take(in, 2) % HS_BOOT_INFO_BYTES] ^= (uint8_t)take(in, 1);
	hs_info_clock(&fake.vm);
	if (!fake.vm.info_clock)
		return;
	memcpy(&clock, fake_ram(fake.vm.info_clock, sizeof(clock)), sizeof(clock));
	MUST(!(clock.generation & 1) && clock.nsec < 1000000000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hs_run request;
	struct input in = { data, size };
	uint8_t what = (uint8_t)take(&in, 1);
	bool ok = true;

	if (!fake.vm.pv) {
		fake.config.pv_offer = PVK_FEAT_INFO | PVK_FEAT_EVENT;
		fake.config.vcpus = HS_MAX_VCPUS;
		fuzz_power_on();
		MUST(hs_pv_create(&fake.vm) == 0);
		fake_platform_create(&fake.vm);
		fake.vm.run = &request;
	}
	fake.config.vcpus = 1 + (what & 3);
	fake.config.machine = what & 4 ? HS_MACHINE_MINIMAL : HS_MACHINE_PC;
	fake.config.pv_offer = what & 8 ? PVK_FEAT_INFO : 0;
	fake.config.info = what & 0x10 ? (uint32_t)take(&in, 1) : HS_INFO_ALL;
	fake.config.kvm_mask = what & 0x20 ? take(&in, 4) : 0;
	request.xsave = what & 0x40;
	request.tsc_stable = what & 0x80;
	fake.vm.info_clock = 0;
	make_kvm(&in);
	for (unsigned int i = 0; i < fake.config.vcpus; i++) {
		struct hs_vcpu *vcpu = fake.vm.vcpu[i];

		vcpu->cpuid = NULL;
		ok = ok && hs_cpuid_set(&fake.vm, -1, i, &vcpu->cpuid) == 0;
	}
	if (ok && hs_info_create(&fake.vm) == 0) {
		read_page();
		rewrite_clock(&in);
	}
	for (unsigned int i = 0; i < fake.config.vcpus; i++)
		free(fake.vm.vcpu[i]->cpuid);
	return 0;
}
