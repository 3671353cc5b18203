/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system calls that stay, as programs for seccomp(2). The table is in
 * sandbox_rules.c; sandbox.c loads the programs.
 */
#ifndef HS_SANDBOX_RULES_H
#define HS_SANDBOX_RULES_H

#include <sys/types.h>

#include "hs.h"
#include "thread.h"

#define HS_RULES_ALL	((1u << HS_THREADS) - 1)	/* of hs_rules_build(): all kinds */

/* What a configuration needs beyond the rest; others do not get it. */
#define HS_NEEDS_CAP	1u	/* KVM_ENABLE_CAP: the minimal machine, --kvm-mask */
#define HS_NEEDS_TAP	2u
#define HS_NEEDS_PC	4u	/* KVM's chips of a PC */
#define HS_NEEDS_STATS	8u	/* --stats, --control */
#define HS_NEEDS_TTY	16u	/* a terminal whose mode is put back */
#define HS_NEEDS_CONTROL 32u	/* --control */
#define HS_NEEDS_GDB	64u	/* --gdb */

unsigned int hs_rules_needs(const struct hs_config *config);

/*
 * Builds the program for threads of the kinds in `kinds` (bits 1 << enum
 * hs_thread; HS_RULES_ALL is what the process may do) and for a process whose id
 * is `self`. It stays, in read-only memory. 0 or -errno.
 */
int hs_rules_build(unsigned int kinds, unsigned int needs, pid_t self, struct sock_fprog *program);

#endif /* HS_SANDBOX_RULES_H */
