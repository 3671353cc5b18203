/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Misuse of the hypercall interface from the user space of a guest, as root
 * with iopl(3): what a hostile kernel can do, without harming the kernel that
 * has to report. Guest addresses that are passed are pages of this process, or
 * no RAM at all; so whatever the host writes, it hits nobody else.
 *
 * Each runs `count` rounds from `seed`; 0 when the host answered every one by
 * the ABI's rules, 1 with one line when not or when nothing is offered.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdint.h>

int hostile_leaves(void);	/* prints the CPUID signatures and pvkit's leaves */
int hostile_calls(uint64_t seed, uint64_t count);
int hostile_rings(uint64_t seed, uint64_t count);
/* Resets the first device behind the back of its driver. */
int hostile_reset(void);
/* Has the host raise events on a channel, count of them, for nothing. */
int hostile_raise(uint64_t channel, uint64_t count);
int hostile_ports(uint64_t seed, uint64_t count);

#endif /* HOSTILE_H */
