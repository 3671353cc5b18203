/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a guest died: what of its CPU is known when it ends by a triple fault, by an exit that
 * nobody can serve, or by a panic that it told of. Said in one line on standard error, and in the
 * statistics.
 */
#ifndef HS_DEATH_H
#define HS_DEATH_H

#include <linux/kvm.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define HS_DEATH_WHAT	96u
#define HS_DEATH_CODE	15u	/* an instruction's longest */

struct hs_death {
	atomic_bool taken;	/* by the first vCPU; the rest is that thread's until it ends */
	unsigned int boot, vcpu;
	char what[HS_DEATH_WHAT];
	bool reset;		/* KVM had reset the registers before anybody could look */
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	bool exception;		/* one was being delivered */
	uint8_t vector;
	bool has_error;
	uint32_t error;
	uint64_t exits;		/* to user space; a triple fault's not counted */
	uint64_t last_rip;	/* at the last of them */
	uint8_t code[HS_DEATH_CODE];	/* the instruction that KVM could not emulate */
	unsigned int code_bytes;
};

/* Are these the registers of a CPU after reset or INIT? */
bool hs_death_is_reset(const struct kvm_regs *regs, const struct kvm_sregs *sregs);

/* One line's worth, NUL-terminated; and the same as a JSON object, or null. */
void hs_death_text(const struct hs_death *d, char *text, size_t size);
void hs_death_json(const struct hs_death *d, FILE *out);

#endif /* HS_DEATH_H */
