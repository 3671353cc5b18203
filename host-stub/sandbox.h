/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Giving up rights, in two visible steps, before guest code runs.
 */
#ifndef HS_SANDBOX_H
#define HS_SANDBOX_H

#include "vm.h"

/*
 * Step 1, once all files are open and before there is a second thread: no new privileges,
 * no supplementary groups, no capabilities. 0 or -errno, said.
 */
int hs_sandbox_drop(void);

/*
 * Step 2, before anything of a guest runs: the filter of the process for all threads,
 * those to come included, and their own for the workers (thread.h); others put
 * theirs on when they begin. Any other call ends the process. 0 or -errno, said.
 */
int hs_sandbox_enter(const struct hs_host *host);

#endif /* HS_SANDBOX_H */
