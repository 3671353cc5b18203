/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What CPUID tells the guest: KVM's answer to "what can you do here", made
 * fit for this machine: APIC ids and topology (every vCPU one core of one
 * package), KVM's paravirtual leaves less what the user withholds, pvkit's
 * leaves when something is offered. Leaf numbers: Intel SDM vol. 2, CPUID; AMD APM
 * vol. 3, appendix E; KVM's Documentation/virt/kvm/x86/cpuid.rst.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../hypercall/detect/dump/dump.h"
#include "pv/pv.h"
#include "vm.h"
#include "util.h"

#define MAX_ENTRIES	256u

#define KVM_LEAF	0x40000000u
#define PVK_LEAF	(KVM_LEAF + PVK_CPUID_STEP)

#define BIT(n)		(1u << (n))

enum reg { EAX, EBX, ECX, EDX };

static uint32_t *reg_of(struct kvm_cpuid_entry2 *e, enum reg reg)
{
	switch (reg) {
	case EAX:
		return &e->eax;
	case EBX:
		return &e->ebx;
	case ECX:
		return &e->ecx;
	default:
		return &e->edx;
	}
}

struct kvm_cpuid_entry2 *hs_cpuid_find(struct kvm_cpuid2 *cpuid, uint32_t function, uint32_t index)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == function &&
		    (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == index))
			return e;
	}
	return NULL;
}

static void cpuid_drop(struct kvm_cpuid2 *cpuid, uint32_t function)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function != function)
			cpuid->entries[kept++] = cpuid->entries[i];
	cpuid->nent = kept;
}

/* Appends an entry; NULL when the table is full. */
static struct kvm_cpuid_entry2 *cpuid_append(struct kvm_cpuid2 *cpuid, uint32_t function,
				       uint32_t index, uint32_t flags)
{
	struct kvm_cpuid_entry2 *e;

	if (cpuid->nent >= MAX_ENTRIES)
		return NULL;
	e = &cpuid->entries[cpuid->nent++];
	memset(e, 0, sizeof(*e));
	e->function = function;
	e->index = index;
	e->flags = flags;
	return e;
}

/*
 * Whether leaf 0xD contradicts itself, or the features that depend on it: the
 * largest area must be where the last component ends, each component must
 * have a size and lie behind the legacy area and header, and no two overlap.
 */
static bool xsave_inconsistent(struct kvm_cpuid2 *cpuid)
{
	struct kvm_cpuid_entry2 *main_leaf = hs_cpuid_find(cpuid, 0xd, 0);
	uint32_t end = 512 + 64;	/* legacy area and header */
	uint64_t components;

	if (!main_leaf)
		return true;
	components = main_leaf->eax | (uint64_t)main_leaf->edx << 32;
	if ((components & 3) != 3)
		return true;		/* x87 and SSE are always there */
	for (uint32_t i = 2; i < 63; i++) {
		struct kvm_cpuid_entry2 *e;

		if (!(components >> i & 1))
			continue;
		e = hs_cpuid_find(cpuid, 0xd, i);
		if (!e || !e->eax || e->ebx < 512 + 64 || e->ebx + e->eax < e->ebx)
			return true;
		if (e->ebx + e->eax > end)
			end = e->ebx + e->eax;
		for (uint32_t j = 2; j < i; j++) {
			struct kvm_cpuid_entry2 *o = hs_cpuid_find(cpuid, 0xd, j);

			if ((components >> j & 1) && o && o->ebx < e->ebx + e->eax &&
			    e->ebx < o->ebx + o->eax)
				return true;
		}
	}
	return main_leaf->ecx != end;
}

/* XSAVE, and what cannot be used without the state that it manages. */
static const struct {
	uint32_t function, index;
	enum reg reg;
	uint32_t bits;
} xsave_dependent[] = {
	/* FMA, XSAVE, OSXSAVE, AVX, F16C */
	{ 0x1, 0, ECX, BIT(12) | BIT(26) | BIT(27) | BIT(28) | BIT(29) },
	/* AVX2; MPX; AVX512 F, DQ, IFMA, PF, ER, CD, BW, VL */
	{ 0x7, 0, EBX,
	 BIT(5) | BIT(14) | BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) |
		 BIT(31)},
	/* AVX512 VBMI, PKU, OSPKE, VBMI2, CET_SS, VAES, VPCLMULQDQ, VNNI, BITALG, VPOPCNTDQ */
	{ 0x7, 0, ECX,
	 BIT(1) | BIT(3) | BIT(4) | BIT(6) | BIT(7) | BIT(9) | BIT(10) | BIT(11) | BIT(12) |
		 BIT(14)},
	/* AVX512 4VNNIW, 4FMAPS, VP2INTERSECT, CET_IBT, AMX BF16, FP16, AMX TILE, INT8 */
	{ 0x7, 0, EDX, BIT(2) | BIT(3) | BIT(8) | BIT(20) | BIT(22) | BIT(23) | BIT(24) | BIT(25) },
	/* SHA512, SM3, SM4, AVX-VNNI, AVX512 BF16, AMX FP16, AVX-IFMA */
	{ 0x7, 1, EAX, BIT(0) | BIT(1) | BIT(2) | BIT(4) | BIT(5) | BIT(21) | BIT(23) },
	/* AVX-VNNI-INT8, AVX-NE-CONVERT, AMX-COMPLEX, AVX-VNNI-INT16, AVX10 */
	{ 0x7, 1, EDX, BIT(4) | BIT(5) | BIT(8) | BIT(10) | BIT(19) },
	/* XOP, LWP, FMA4 */
	{ 0x80000001, 0, ECX, BIT(11) | BIT(15) | BIT(16) },
};

static void mask_xsave(struct kvm_cpuid2 *cpuid)
{
	for (unsigned int i = 0; i < HS_COUNT(xsave_dependent); i++) {
		struct kvm_cpuid_entry2 *e = hs_cpuid_find(cpuid, xsave_dependent[i].function,
						  xsave_dependent[i].index);

		if (e)
			*reg_of(e, xsave_dependent[i].reg) &= ~xsave_dependent[i].bits;
	}
	cpuid_drop(cpuid, 0xd);
}

/* No VMX, no SVM: a guest of this VMM is no host, and its kernel need not try to be one. */
static void mask_nested(struct kvm_cpuid2 *cpuid)
{
	struct kvm_cpuid_entry2 *e = hs_cpuid_find(cpuid, 0x1, 0);

	if (e)
		e->ecx &= ~BIT(5);
	e = hs_cpuid_find(cpuid, 0x80000001, 0);
	if (e)
		e->ecx &= ~BIT(2);
	cpuid_drop(cpuid, 0x8000000a);
}

static void topology(struct kvm_cpuid2 *cpuid, unsigned int id, unsigned int vcpus)
{
	unsigned int width = vcpus > 2 ? 2 : vcpus > 1 ? 1 : 0;	/* bits of an APIC id */
	struct kvm_cpuid_entry2 *e = hs_cpuid_find(cpuid, 0x1, 0);
	bool has_b = hs_cpuid_find(cpuid, 0x0, 0) && hs_cpuid_find(cpuid, 0x0, 0)->eax >= 0xb;

	if (e) {
		e->ebx = (e->ebx & 0xffffu) | vcpus << 16 | id << 24;
		e->edx = vcpus > 1 ? e->edx | BIT(28) : e->edx & ~BIT(28);	/* HTT */
	}
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		e = &cpuid->entries[i];
		/* Deterministic caches: cores of the package; level 3 is shared, others are not. */
		if (e->function == 0x4 && e->eax & 0x1f)
			e->eax = (e->eax & 0x3fffu) | ((1u << width) - 1) << 26 |
				 ((e->eax >> 5 & 7) >= 3 ? ((1u << width) - 1) << 14 : 0);
		if (e->function == 0x8000001d && e->eax & 0x1f)
			e->eax = (e->eax & 0x3fffu) |
				 ((e->eax >> 5 & 7) >= 3 ? (vcpus - 1) << 14 : 0);
	}
	cpuid_drop(cpuid, 0xb);
	cpuid_drop(cpuid, 0x1f);
	for (uint32_t level = 0; has_b && level < 3; level++) {
		e = cpuid_append(cpuid, 0xb, level, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
		if (!e)
			return;
		e->edx = id;
		e->ecx = level;
		if (level == 0) {		/* threads: one */
			e->ebx = 1;
			e->ecx |= 1u << 8;
		} else if (level == 1) {	/* cores */
			e->eax = width;
			e->ebx = vcpus;
			e->ecx |= 2u << 8;
		}
	}
	e = hs_cpuid_find(cpuid, 0x80000001, 0);
	if (e)
		e->ecx = vcpus > 1 ? e->ecx | BIT(1) : e->ecx & ~BIT(1);	/* CmpLegacy */
	e = hs_cpuid_find(cpuid, 0x80000008, 0);
	if (e)
		e->ecx = (e->ecx & ~0xf0ffu) | (vcpus - 1) | width << 12;
	e = hs_cpuid_find(cpuid, 0x8000001e, 0);
	if (e) {
		e->eax = id;
		e->ebx = id;		/* core id, one thread each */
		e->ecx = 0;		/* node */
	}
}

static int hypervisor(struct kvm_cpuid2 *cpuid, const struct hs_config *config)
{
	struct kvm_cpuid_entry2 *e = hs_cpuid_find(cpuid, KVM_LEAF + 1, 0);
	uint32_t reg[4];

	if (e)
		e->eax &= ~(uint32_t)config->kvm_mask;
	for (uint32_t i = 0; config->pv_offer && i <= PVK_CPUID_MAX; i++) {
		e = cpuid_append(cpuid, PVK_LEAF + i, 0, 0);
		if (!e)
			return -E2BIG;
		hs_pv_cpuid(config, i, reg);
		if (!i)
			reg[EAX] = PVK_LEAF + PVK_CPUID_MAX;
		e->eax = reg[EAX];
		e->ebx = reg[EBX];
		e->ecx = reg[ECX];
		e->edx = reg[EDX];
	}
	return 0;
}

/*
 * The leaves from 0x40000000 on, and the hypervisor bit, as recorded elsewhere:
 * what a guest does about them can then be seen here. What they promise is not there.
 */
static int recorded(struct kvm_cpuid2 *cpuid, const struct dump *dump)
{
	const struct pvk_cpuid_regs *one = dump_find(dump, PVK_VIA_CPUID, 1);
	struct kvm_cpuid_entry2 *e;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function >> 28 != 4)
			cpuid->entries[kept++] = cpuid->entries[i];
	cpuid->nent = kept;
	for (uint32_t i = 0; i < dump->leaves; i++) {
		const struct dump_leaf *l = &dump->leaf[i];

		if (l->via != PVK_VIA_CPUID || l->leaf >> 28 != 4)
			continue;
		e = cpuid_append(cpuid, l->leaf, 0, 0);
		if (!e)
			return -E2BIG;
		e->eax = l->regs.eax;
		e->ebx = l->regs.ebx;
		e->ecx = l->regs.ecx;
		e->edx = l->regs.edx;
	}
	e = hs_cpuid_find(cpuid, 0x1, 0);
	if (e && one)
		e->ecx = (e->ecx & ~BIT(31)) | (one->ecx & BIT(31));
	return 0;
}

/* A feature withheld is refused by KVM too, where it can do that. */
static void enforce(struct hs_vm *vm, int vcpu_fd)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args = { 1 } };

	if (!vm->config->kvm_mask ||
	    ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_ENFORCE_PV_FEATURE_CPUID) <= 0)
		return;
	if (ioctl(vcpu_fd, KVM_ENABLE_CAP, &cap) < 0)
		hs_note_from(HS_LOG_HOST, "KVM does not enforce --kvm-mask: %s", strerror(errno));
}

int hs_cpuid_set(struct hs_vm *vm, int vcpu_fd, unsigned int id, struct kvm_cpuid2 **out)
{
	static bool said;
	struct kvm_cpuid2 *cpuid;
	struct kvm_cpuid_entry2 *e;
	int ret;

	cpuid = calloc(1, sizeof(*cpuid) + MAX_ENTRIES * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return -ENOMEM;
	cpuid->nent = MAX_ENTRIES;
	if (ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid) < 0) {
		ret = -errno;
		hs_error("KVM_GET_SUPPORTED_CPUID: %s", strerror(-ret));
		goto free_table;
	}
	e = hs_cpuid_find(cpuid, 0x1, 0);
	if (e && e->ecx & BIT(26) && (!vm->run->xsave || xsave_inconsistent(cpuid))) {
		if (!said)
			hs_note("%s: the guest gets no XSAVE, AVX, PKU", vm->run->xsave ?
				"this host's CPUID leaf 0xD contradicts itself" :
				"this host's KVM does not follow XSETBV");
		said = true;
		mask_xsave(cpuid);
		e = hs_cpuid_find(cpuid, 0x1, 0);
	}
	if (e) {
		e->ecx |= BIT(31);	/* under a hypervisor */
		/* The one feature of KVM's local APIC that KVM leaves to us to show. */
		if (ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0)
			e->ecx |= BIT(24);
	}
	mask_nested(cpuid);
	topology(cpuid, id, vm->config->vcpus);
	if (vm->config->cpuids)
		ret = recorded(cpuid, vm->config->cpuid[id < vm->config->cpuids ? id :
							vm->config->cpuids - 1]);
	else
		ret = hypervisor(cpuid, vm->config);
	if (ret < 0) {
		hs_error("CPUID has more than %u leaves", MAX_ENTRIES);
		goto free_table;
	}
	enforce(vm, vcpu_fd);
	if (ioctl(vcpu_fd, KVM_SET_CPUID2, cpuid) < 0) {
		ret = -errno;
		hs_error("vCPU %u: KVM_SET_CPUID2: %s", id, strerror(-ret));
		goto free_table;
	}
	*out = cpuid;
	return 0;
free_table:
	free(cpuid);
	return ret;
}
