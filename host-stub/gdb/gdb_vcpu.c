// SPDX-License-Identifier: BSD-2-Clause
/* A parked vCPU for the debugger: see gdb_vcpu.h. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../mem.h"
#include "gdb_vcpu.h"

#define CR0_PG			(1u << 31)	/* Intel SDM vol. 3, 2.5 */
#define PAGE			4096u
#define MSR_KERNEL_GS_BASE	0xc0000102u
#define VECTOR_DB		1u
#define INT3			0xccu
#define DR6_STEP		(1u << 14)	/* BS, Intel SDM vol. 3, 18.2.3 */

/* What KVM has of a vCPU */
struct state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
};

/* ---- registers ---- */

static int get_state(struct hs_vcpu *vcpu, struct state *s)
{
	if (ioctl(vcpu->fd, KVM_GET_REGS, &s->regs) < 0 ||
	    ioctl(vcpu->fd, KVM_GET_SREGS, &s->sregs) < 0 ||
	    ioctl(vcpu->fd, KVM_GET_FPU, &s->fpu) < 0)
		return -errno;
	return 0;
}

/* The general registers, in the protocol's order */
static void gpr_of(struct kvm_regs *r, __u64 *gpr[16])
{
	__u64 *const order[16] = {
		&r->rax, &r->rbx, &r->rcx, &r->rdx, &r->rsi, &r->rdi, &r->rbp, &r->rsp,
		&r->r8, &r->r9, &r->r10, &r->r11, &r->r12, &r->r13, &r->r14, &r->r15,
	};

	memcpy(gpr, order, sizeof(order));
}

static void copy_fpu(const struct kvm_fpu *f, struct hs_gdb_regs *to)
{
	uint32_t tags = 0;

	/* FXSAVE's tags tell empty from full alone. */
	for (unsigned int i = 0; i < 8; i++) {
		memcpy(to->st[i], f->fpr[i], sizeof(to->st[i]));
		tags |= (f->ftwx & 1u << i ? 0u : 3u) << 2 * i;
	}
	to->fpu[0] = f->fcw;
	to->fpu[1] = f->fsw;
	to->fpu[2] = tags;
	to->fpu[4] = (uint32_t)f->last_ip;
	to->fpu[6] = (uint32_t)f->last_dp;
	to->fpu[7] = f->last_opcode;
	memcpy(to->xmm, f->xmm, sizeof(to->xmm));
}

/* KVM_GET_FPU leaves it out: from the FXSAVE area (Intel SDM vol. 1, table 10-2). */
static uint32_t get_mxcsr(struct hs_vcpu *vcpu)
{
	struct kvm_xsave xsave = { 0 };

	return ioctl(vcpu->fd, KVM_GET_XSAVE, &xsave) == 0 ? xsave.region[6] : 0;
}

static uint64_t get_k_gs_base(struct hs_vcpu *vcpu)
{
	uint64_t value = 0;

	(void)hs_vcpu_msr(vcpu, KVM_GET_MSRS, MSR_KERNEL_GS_BASE, &value);
	return value;
}

int hs_gdb_vcpu_get(struct hs_vcpu *vcpu, struct hs_gdb_regs *to)
{
	struct state s;
	__u64 *gpr[16];
	int ret = get_state(vcpu, &s);

	if (ret < 0)
		return ret;
	memset(to, 0, sizeof(*to));
	gpr_of(&s.regs, gpr);
	for (unsigned int i = 0; i < 16; i++)
		to->gpr[i] = *gpr[i];
	to->rip = s.regs.rip;
	to->eflags = (uint32_t)s.regs.rflags;
	to->segment[0] = s.sregs.cs.selector;
	to->segment[1] = s.sregs.ss.selector;
	to->segment[2] = s.sregs.ds.selector;
	to->segment[3] = s.sregs.es.selector;
	to->segment[4] = s.sregs.fs.selector;
	to->segment[5] = s.sregs.gs.selector;
	to->fs_base = s.sregs.fs.base;
	to->gs_base = s.sregs.gs.base;
	to->k_gs_base = get_k_gs_base(vcpu);
	to->cr0 = s.sregs.cr0;
	to->cr2 = s.sregs.cr2;
	to->cr3 = s.sregs.cr3;
	to->cr4 = s.sregs.cr4;
	to->cr8 = s.sregs.cr8;
	to->efer = s.sregs.efer;
	copy_fpu(&s.fpu, to);
	to->mxcsr = get_mxcsr(vcpu);
	return 0;
}

static void change_fpu(struct kvm_fpu *f, const struct hs_gdb_regs *from)
{
	f->ftwx = 0;
	for (unsigned int i = 0; i < 8; i++) {
		memcpy(f->fpr[i], from->st[i], sizeof(from->st[i]));
		f->ftwx |= (__u8)((from->fpu[2] >> 2 * i & 3) != 3) << i;
	}
	f->fcw = (__u16)from->fpu[0];
	f->fsw = (__u16)from->fpu[1];
	f->last_opcode = (__u16)from->fpu[7];
	memcpy(f->xmm, from->xmm, sizeof(f->xmm));
}

static void change_state(struct state *s, const struct hs_gdb_regs *from)
{
	__u64 *gpr[16];

	gpr_of(&s->regs, gpr);
	for (unsigned int i = 0; i < 16; i++)
		*gpr[i] = from->gpr[i];
	s->regs.rip = from->rip;
	s->regs.rflags = (s->regs.rflags & ~(__u64)UINT32_MAX) | from->eflags;
	s->sregs.fs.base = from->fs_base;
	s->sregs.gs.base = from->gs_base;
	s->sregs.cr0 = from->cr0;
	s->sregs.cr2 = from->cr2;
	s->sregs.cr3 = from->cr3;
	s->sregs.cr4 = from->cr4;
	s->sregs.cr8 = from->cr8;
	s->sregs.efer = from->efer;
	change_fpu(&s->fpu, from);
}

int hs_gdb_vcpu_set(struct hs_vcpu *vcpu, const struct hs_gdb_regs *from)
{
	struct state old, new;
	int ret = get_state(vcpu, &old);

	if (ret < 0)
		return ret;
	new = old;
	change_state(&new, from);
	if (memcmp(&old.sregs, &new.sregs, sizeof(old.sregs)) &&
	    ioctl(vcpu->fd, KVM_SET_SREGS, &new.sregs) < 0)
		return -errno;
	if (memcmp(&old.regs, &new.regs, sizeof(old.regs)) &&
	    ioctl(vcpu->fd, KVM_SET_REGS, &new.regs) < 0)
		return -errno;
	if (memcmp(&old.fpu, &new.fpu, sizeof(old.fpu)) &&
	    ioctl(vcpu->fd, KVM_SET_FPU, &new.fpu) < 0)
		return -errno;
	return 0;
}

/* ---- memory ---- */

/* Has the boot vCPU the tables that it was given, or none? */
static bool is_early(struct hs_vcpu *vcpu)
{
	struct kvm_sregs sregs;

	return ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) == 0 &&
	       (!(sregs.cr0 & CR0_PG) || sregs.cr3 == HS_BOOT_PML4);
}

uint8_t *hs_gdb_vcpu_ram(struct hs_vcpu *vcpu, const struct hs_kernel *kernel, uint64_t address,
			 size_t *len)
{
	struct kvm_translation t = { .linear_address = address };
	size_t left = PAGE - (size_t)(address & (PAGE - 1));
	hs_gpa gpa;

	if (ioctl(vcpu->fd, KVM_TRANSLATE, &t) == 0 && t.valid &&
	    hs_mem_at(vcpu->vm->mem, t.physical_address, 1))
		gpa = t.physical_address;
	else if (!(address >> 63) || !is_early(vcpu) || !hs_elf_place(kernel, address, &gpa))
		return NULL;
	if (*len > left)
		*len = left;
	return hs_mem_at(vcpu->vm->mem, gpa, *len);
}

/* ---- debug exceptions ---- */

int hs_gdb_vcpu_debug(struct hs_vcpu *vcpu, const struct hs_gdb_points *points, uint32_t control)
{
	struct kvm_guest_debug debug = { .control = control };
	uint64_t dr[HS_GDB_SLOTS];

	if (hs_gdb_points_soft(points))
		debug.control |= KVM_GUESTDBG_USE_SW_BP;
	debug.arch.debugreg[7] = hs_gdb_points_registers(points, dr);
	for (unsigned int i = 0; i < HS_GDB_SLOTS; i++)
		debug.arch.debugreg[i] = dr[i];
	if (debug.arch.debugreg[7])
		debug.control |= KVM_GUESTDBG_USE_HW_BP;
	if (debug.control)
		debug.control |= KVM_GUESTDBG_ENABLE;
	return ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, &debug) < 0 ? -errno : 0;
}

static bool hit_of_slots(const struct hs_vcpu *vcpu, const struct hs_gdb_points *points,
			 struct hs_gdb_stop *why)
{
	for (unsigned int slot = 0; slot < HS_GDB_SLOTS; slot++) {
		const struct hs_gdb_point *p = hs_gdb_points_in_slot(points, slot);

		if (!p || !(vcpu->debug.dr6 & 1u << slot))
			continue;
		why->address = p->address;
		why->why = p->kind == HS_GDB_WATCH_WRITE ? HS_GDB_WHY_WATCH :
			   p->kind == HS_GDB_WATCH_ACCESS ? HS_GDB_WHY_AWATCH :
			   p->kind == HS_GDB_SOFT ? HS_GDB_WHY_SOFT : HS_GDB_WHY_HARD;
		return true;
	}
	return false;
}

/* At the instruction that it met, and not behind it. */
static void put_back(struct hs_vcpu *vcpu)
{
	struct kvm_regs regs;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) < 0)
		return;
	regs.rip = vcpu->debug.pc;
	if (ioctl(vcpu->fd, KVM_SET_REGS, &regs) < 0)
		hs_error("gdb: vCPU %u: KVM_SET_REGS: %s", vcpu->id, strerror(errno));
}

/* The guest is to find in DR6 what KVM kept from it. */
static void give_dr6(struct hs_vcpu *vcpu)
{
	struct kvm_debugregs d;

	if (ioctl(vcpu->fd, KVM_GET_DEBUGREGS, &d) < 0)
		return;
	d.dr6 = vcpu->debug.dr6;
	(void)ioctl(vcpu->fd, KVM_SET_DEBUGREGS, &d);
}

/* int3 or OUT, where `ram` is; NULL: nothing is mapped there. */
static enum hs_gdb_met met_code(struct hs_vcpu *vcpu, const struct hs_gdb_points *points,
				const uint8_t *ram, struct hs_gdb_stop *why, uint32_t *inject)
{
	bool by_out = vcpu->debug.exception == HS_VCPU_MET_OUT;

	if (ram && hs_gdb_points_is_at(points, ram)) {
		if (by_out)
			put_back(vcpu);
		if (hs_gdb_points_soft_at(points, vcpu->debug.pc))
			why->why = HS_GDB_WHY_SOFT;
		return HS_GDB_MET_POINT;
	}
	/* An OUT of the guest's own is done; an int3 that is there no more was ours. */
	if (by_out || (ram && *ram != INT3))
		return HS_GDB_MET_NOTHING;
	*inject = KVM_GUESTDBG_INJECT_BP;
	return HS_GDB_MET_OWN;
}

enum hs_gdb_met hs_gdb_vcpu_met(struct hs_vcpu *vcpu, const struct hs_kernel *kernel,
				const struct hs_gdb_points *points, bool step,
				struct hs_gdb_stop *why, uint32_t *inject)
{
	size_t bytes = hs_gdb_points_code(points);
	uint8_t *ram;

	*why = (struct hs_gdb_stop){ .cpu = vcpu->id, .sig = HS_GDB_SIGTRAP };
	if (vcpu->debug.exception == VECTOR_DB) {
		if (hit_of_slots(vcpu, points, why) || (step && vcpu->debug.dr6 & DR6_STEP))
			return HS_GDB_MET_POINT;
		give_dr6(vcpu);
		*inject = KVM_GUESTDBG_INJECT_DB;
		return HS_GDB_MET_OWN;
	}
	ram = hs_gdb_vcpu_ram(vcpu, kernel, vcpu->debug.pc, &bytes);
	return met_code(vcpu, points, ram, why, inject);
}
