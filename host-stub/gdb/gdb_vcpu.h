/* SPDX-License-Identifier: BSD-2-Clause */
/* A parked vCPU for the debugger: KVM's structures on one side, the protocol's on the other. */
#ifndef HS_GDB_VCPU_H
#define HS_GDB_VCPU_H

#include "../vm.h"
#include "gdb_proto.h"

/* 0 or -errno. What did not change is not set. */
int hs_gdb_vcpu_get(struct hs_vcpu *vcpu, struct hs_gdb_regs *regs);
int hs_gdb_vcpu_set(struct hs_vcpu *vcpu, const struct hs_gdb_regs *regs);

/*
 * struct hs_gdb_ops.ram, with the translation that the vCPU would make now. Before the kernel has
 * page tables of its own, its addresses are where its ELF file has them.
 */
uint8_t *hs_gdb_vcpu_ram(struct hs_vcpu *vcpu, const struct hs_kernel *kernel, uint64_t address,
			 size_t *len);

/* KVM_GUESTDBG_* for stepping and injection besides what the points need. 0 or -errno. */
int hs_gdb_vcpu_debug(struct hs_vcpu *vcpu, const struct hs_gdb_points *points, uint32_t control);

enum hs_gdb_met {
	HS_GDB_MET_NOTHING,	/* it only goes on */
	HS_GDB_MET_POINT,	/* a point of the debugger's, or the end of its step */
	HS_GDB_MET_OWN,		/* the guest's own exception */
};

/*
 * What a parked vCPU met (hs_vcpu.debug). step: was it sent on by one instruction? Fills `why` for
 * the debugger's, *inject (KVM_GUESTDBG_INJECT_*) for the guest's own. One that met an OUT of ours
 * is put back to it.
 */
enum hs_gdb_met hs_gdb_vcpu_met(struct hs_vcpu *vcpu, const struct hs_kernel *kernel,
				const struct hs_gdb_points *points, bool step,
				struct hs_gdb_stop *why, uint32_t *inject);

#endif /* HS_GDB_VCPU_H */
