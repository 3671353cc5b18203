/* SPDX-License-Identifier: BSD-2-Clause */
/* Where others connect: sockets that listen, made before rights are given up. */
#ifndef HS_LISTEN_H
#define HS_LISTEN_H

#include <stdint.h>

/*
 * A Unix stream socket at a path, of mode 0600 from its beginning, in place of one that a dead
 * process left. Non-blocking. The descriptor, or -errno: -ENAMETOOLONG, -EADDRINUSE if somebody
 * serves it or if there is something else.
 */
int hs_listen_unix(const char *path, int backlog);

/* The same on a port of 127.0.0.1, which no other machine reaches. */
int hs_listen_loopback(uint16_t port, int backlog);

/* What is wrong, for a line of ours: by what either of them returned. */
const char *hs_listen_problem(int err);

#endif /* HS_LISTEN_H */
