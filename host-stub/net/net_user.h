/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the user-mode network's process: what it may still call.
 */
#ifndef HS_BACKEND_NET_USER_H
#define HS_BACKEND_NET_USER_H

#include <linux/filter.h>
#include <stdbool.h>

/* Its filter (net_user_rules.c), or that of a build with a sanitizer. 0 or -errno. */
int hs_net_user_filter(struct sock_fprog *program, bool sanitized);

#endif /* HS_BACKEND_NET_USER_H */
