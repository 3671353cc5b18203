/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The jail: what surrounds a process whose system calls are filtered (sandbox.h), so
 * that a hole in one wall is none in the other. docs/security.md says what it is for.
 *
 * The stub enters it when everything is open and before it has a second thread.
 */
#ifndef HS_JAIL_H
#define HS_JAIL_H

#include "hs.h"

/*
 * Places the process, and so its children, into the cgroup at config->cgroup, if one is named.
 * 0 or -errno, said.
 */
int hs_jail_cgroup(const struct hs_config *config);

/*
 * The stub's: own user, mount, IPC, UTS and network namespaces, an empty root, as root
 * another user, limits, not dumpable. What this host does not permit is said in one
 * line and done without. -errno, said: --jail strict does not do without, or
 * the user that --uid and --gid ask for cannot be had.
 */
int hs_jail_enter(const struct hs_config *config);

/*
 * The same for the process of a user-mode network, which stays in the host's network
 * and keeps a copy of the file that names the name servers.
 */
int hs_jail_enter_network(const struct hs_config *config);

#endif /* HS_JAIL_H */
