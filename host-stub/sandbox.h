/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Giving up rights, in two visible steps, before guest code runs.
 */
#ifndef HS_SANDBOX_H
#define HS_SANDBOX_H

#include "vm.h"

/*
 * Step 1, once all files are open: no new privileges; as root, no
 * supplementary groups and no capabilities, in every thread. 0 or -errno, said.
 */
int hs_sandbox_drop(const struct hs_host *host);

/*
 * Step 2, once the first VM stands: the allow list of sandbox.c for all
 * threads, those to come included. Any other call ends the process. 0 or
 * -errno, said.
 */
int hs_sandbox_enter(void);

#endif /* HS_SANDBOX_H */
