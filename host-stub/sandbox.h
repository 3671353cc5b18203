/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Giving up rights, in two visible steps, before guest code runs.
 */
#ifndef HS_SANDBOX_H
#define HS_SANDBOX_H

#include "vm.h"

/* A sanitizer's run time makes calls that no list of ours has. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HS_SANITIZED true
#endif
#endif
#ifndef HS_SANITIZED
#define HS_SANITIZED false
#endif

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
