/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state in which the boot CPU begins: 64-bit mode, flat segments, the first
 * 4 GiB mapped one to one (Linux, Documentation/x86/boot.rst, "64-bit Boot
 * Protocol"), or 32-bit mode, flat, without paging (PVH; Multiboot 0.6.96,
 * section 3.2); for every CPU what firmware leaves behind in its local APIC and
 * MSRs; and the state of a CPU that is started by call.
 *
 * The selectors are Linux's __BOOT_CS and __BOOT_DS in 64-bit mode, else those that loaders
 * have: kernels that bring no GDT of their own rely on them.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../vm.h"
#include "boot.h"

/* Intel SDM vol. 3, 4.5 */
#define PTE_PRESENT	(1ull << 0)
#define PTE_WRITE	(1ull << 1)
#define PTE_LARGE	(1ull << 7)

#define CR0_PE		(1ull << 0)
#define CR0_MP		(1ull << 1)
#define CR0_ET		(1ull << 4)
#define CR0_NE		(1ull << 5)
#define CR0_WP		(1ull << 16)
#define CR0_AM		(1ull << 18)
#define CR0_PG		(1ull << 31)
#define CR4_PAE		(1ull << 5)
#define CR4_LA57	(1ull << 12)
#define EFER_LME	(1ull << 8)
#define EFER_LMA	(1ull << 10)
#define EFER_NXE	(1ull << 11)

/* Intel SDM vol. 4 */
#define MSR_MISC_ENABLE		0x1a0u
#define MISC_FAST_STRING	1ull
#define MSR_MTRR_DEF_TYPE	0x2ffu
#define MTRR_ENABLE_WB		(1ull << 11 | 6)

/* Local APIC registers, Intel SDM vol. 3, 11.5.1 */
#define APIC_LVT_LINT0		0x350u
#define APIC_LVT_LINT1		0x360u
#define APIC_MODE_NMI		(4u << 8)
#define APIC_MODE_EXTINT	(7u << 8)

#define APIC_BASE_EXTD		(1ull << 10)	/* of IA32_APIC_BASE */

#define RFLAGS_FIXED		2ull

#define MULTIBOOT_MAGIC		0x2badb002u

#define GDT_ENTRIES		4u
#define CODE64			0x00af9b000000ffffull
#define CODE32			0x00cf9b000000ffffull
#define DATA			0x00cf93000000ffffull	/* 4 GiB */

/* What a kernel starts with: its mode and its descriptors. */
struct mode {
	bool wide;
	uint16_t code, data;		/* selectors */
	uint64_t gdt[GDT_ENTRIES];
};

static const struct mode *mode_of(const struct hs_kernel *k)
{
	static const struct mode mode64 = { true, 0x10, 0x18, { 0, 0, CODE64, DATA } };
	static const struct mode mode32 = { false, 0x08, 0x10, { 0, CODE32, DATA } };

	return k->way == HS_BOOT_PVH || k->way == HS_BOOT_MULTIBOOT ? &mode32 : &mode64;
}

int hs_boot_tables(struct hs_mem *mem, const struct hs_kernel *k)
{
	uint64_t entry = HS_BOOT_PDPT | PTE_PRESENT | PTE_WRITE;
	uint64_t page[512];
	int ret;

	ret = hs_mem_write(mem, HS_BOOT_GDT, mode_of(k)->gdt, sizeof(mode_of(k)->gdt));
	if (!ret)
		ret = hs_mem_write(mem, HS_BOOT_PML4, &entry, sizeof(entry));
	for (uint64_t gib = 0; gib < 4 && !ret; gib++) {
		entry = (HS_BOOT_PD + (gib << 12)) | PTE_PRESENT | PTE_WRITE;
		ret = hs_mem_write(mem, HS_BOOT_PDPT + gib * sizeof(entry), &entry, sizeof(entry));
		for (uint64_t i = 0; i < 512; i++)
			page[i] = (gib << 30 | i << 21) | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
		if (!ret)
			ret = hs_mem_write(mem, HS_BOOT_PD + (gib << 12), page, sizeof(page));
	}
	return ret;
}

static int firmware_msrs(int fd)
{
	static const struct kvm_msr_entry entry[2] = {
		{ .index = MSR_MISC_ENABLE, .data = MISC_FAST_STRING },
		{ .index = MSR_MTRR_DEF_TYPE, .data = MTRR_ENABLE_WB },
	};
	_Alignas(struct kvm_msrs) uint8_t buffer[sizeof(struct kvm_msrs) + sizeof(entry)] = { 0 };
	struct kvm_msrs *msrs = (void *)buffer;

	msrs->nmsrs = 2;
	memcpy(buffer + offsetof(struct kvm_msrs, entries), entry, sizeof(entry));
	return ioctl(fd, KVM_SET_MSRS, msrs) < 0 ? -errno : 0;
}

/* Virtual wire mode: the 8259s reach the CPU through LINT0. */
static int virtual_wire(int fd)
{
	struct kvm_lapic_state lapic;
	uint32_t lvt;

	if (ioctl(fd, KVM_GET_LAPIC, &lapic) < 0)
		return -errno;
	lvt = APIC_MODE_EXTINT;
	memcpy(&lapic.regs[APIC_LVT_LINT0], &lvt, sizeof(lvt));
	lvt = APIC_MODE_NMI;
	memcpy(&lapic.regs[APIC_LVT_LINT1], &lvt, sizeof(lvt));
	return ioctl(fd, KVM_SET_LAPIC, &lapic) < 0 ? -errno : 0;
}

/* x2APIC mode from the start: no register of the local APIC is in memory. */
static int x2apic_mode(int fd)
{
	struct kvm_sregs sregs;

	if (ioctl(fd, KVM_GET_SREGS, &sregs) < 0)
		return -errno;
	sregs.apic_base |= APIC_BASE_EXTD;
	return ioctl(fd, KVM_SET_SREGS, &sregs) < 0 ? -errno : 0;
}

static int firmware_state(const struct hs_vcpu *vcpu)
{
	int ret = firmware_msrs(vcpu->fd);

	if (ret < 0)
		return ret;
	if (vcpu->vm->config->machine == HS_MACHINE_PC)
		return virtual_wire(vcpu->fd);
	return hs_vcpu_has(vcpu, HS_CPU_X2APIC) ? x2apic_mode(vcpu->fd) : 0;
}

static struct kvm_segment code64(uint16_t selector)
{
	return (struct kvm_segment){
		.limit = 0xffffffff, .selector = selector, .type = 0xb,
		.present = 1, .s = 1, .l = 1, .g = 1,
	};
}

static struct kvm_segment flat_data(uint16_t selector)
{
	return (struct kvm_segment){
		.limit = 0xffffffff, .selector = selector, .type = 0x3,
		.present = 1, .s = 1, .db = 1, .g = 1,
	};
}

int hs_boot_restart(int vcpu_fd, const struct hs_cpu_state *s, bool nx,
		    const struct kvm_lapic_state *lapic)
{
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct kvm_regs regs = { .rip = s->rip, .rsp = s->rsp, .rdi = s->rdi,
				 .rflags = RFLAGS_FIXED };
	struct kvm_vcpu_events none = { 0 };
	struct kvm_sregs sregs;

	if (ioctl(vcpu_fd, KVM_SET_LAPIC, lapic) < 0 ||
	    ioctl(vcpu_fd, KVM_SET_VCPU_EVENTS, &none) < 0 ||
	    ioctl(vcpu_fd, KVM_GET_SREGS, &sregs) < 0)
		return -errno;
	sregs.cs = code64(s->cs);
	sregs.ds = flat_data(s->ds);
	sregs.es = sregs.ds;
	sregs.ss = sregs.ds;
	sregs.fs = flat_data(0);
	sregs.gs = flat_data(0);
	sregs.gs.base = s->gs_base;
	sregs.gdt.base = s->gdt_base;
	sregs.gdt.limit = s->gdt_limit;
	sregs.idt.base = 0;
	sregs.idt.limit = 0;
	sregs.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
	sregs.cr2 = 0;
	sregs.cr3 = s->cr3;
	sregs.cr4 = CR4_PAE | (s->la57 ? CR4_LA57 : 0);
	sregs.cr8 = 0;
	sregs.efer = EFER_LME | EFER_LMA | (nx ? EFER_NXE : 0);
	memset(sregs.interrupt_bitmap, 0, sizeof(sregs.interrupt_bitmap));
	if (ioctl(vcpu_fd, KVM_SET_SREGS, &sregs) < 0 ||
	    ioctl(vcpu_fd, KVM_SET_REGS, &regs) < 0 ||
	    ioctl(vcpu_fd, KVM_SET_MP_STATE, &runnable) < 0)
		return -errno;
	return 0;
}

/* 64-bit mode with our page tables, or 32-bit mode without paging. */
static void set_mode(struct kvm_sregs *sregs, const struct mode *mode)
{
	sregs->cs = code64(mode->code);
	sregs->cr0 = CR0_PE | CR0_ET;
	if (mode->wide) {
		sregs->cr0 |= CR0_PG;
		sregs->cr3 = HS_BOOT_PML4;
		sregs->cr4 = CR4_PAE;
		sregs->efer = EFER_LME | EFER_LMA;
		return;
	}
	sregs->cs.l = 0;
	sregs->cs.db = 1;
	sregs->tr = (struct kvm_segment){ .limit = 0x67, .type = 0xb, .present = 1 };
}

int hs_boot_vcpu(const struct hs_vcpu *vcpu, const struct hs_kernel *k)
{
	const struct mode *mode = mode_of(k);
	struct kvm_regs regs = {
		.rax = k->way == HS_BOOT_MULTIBOOT ? MULTIBOOT_MAGIC : 0,
		.rbx = mode->wide ? 0 : HS_BOOT_ZERO_PAGE,
		.rip = k->entry,
		.rsi = mode->wide ? HS_BOOT_ZERO_PAGE : 0,
		.rsp = HS_BOOT_STACK,
		.rflags = RFLAGS_FIXED,
	};
	struct kvm_segment data = flat_data(mode->data);
	struct kvm_sregs sregs;
	int ret;

	ret = firmware_state(vcpu);
	if (ret < 0 || vcpu->id)
		return ret;	/* the others wait for the boot CPU's start-up IPI */
	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0)
		return -errno;
	set_mode(&sregs, mode);
	sregs.ds = data;
	sregs.es = data;
	sregs.fs = data;
	sregs.gs = data;
	sregs.ss = data;
	sregs.gdt.base = HS_BOOT_GDT;
	sregs.gdt.limit = sizeof(mode->gdt) - 1;
	sregs.idt.base = 0;
	sregs.idt.limit = 0;
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) < 0)
		return -errno;
	if (ioctl(vcpu->fd, KVM_SET_REGS, &regs) < 0)
		return -errno;
	return 0;
}
