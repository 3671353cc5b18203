/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The statistics of a process (--stats, the control socket): those of its boots (stats.h) and what
 * outlives a boot, as docs/stub.md describes. The main thread's.
 */
#ifndef HS_ACCOUNTS_H
#define HS_ACCOUNTS_H

#include <stdio.h>

#include "vm.h"

#define HS_BOOTS_KEPT	16u	/* boots whose statistics are kept: the last ones */

struct hs_drain_limit;

struct hs_accounts {
	int fd;				/* of --stats; -1: not wanted */
	char *boot[HS_BOOTS_KEPT];	/* JSON */
	unsigned int boots;		/* that have ended */
};

/* Keeps a boot's statistics until the end; a failure costs only them. */
void hs_accounts_keep(struct hs_accounts *a, struct hs_vm *vm);

/* running: a boot that has not ended, or NULL. */
void hs_accounts_print(const struct hs_accounts *a, const struct hs_host *host, FILE *f,
		       struct hs_vm *running);

/* Writes the file of --stats. 0 or -errno, said. */
int hs_accounts_write(const struct hs_accounts *a, const struct hs_host *host,
		      struct hs_drain_limit *drain_limit);

void hs_accounts_free(struct hs_accounts *a);

#endif /* HS_ACCOUNTS_H */
