/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The porting library: the console of a pvkit host (abi/console.h). Two byte
 * rings; one thread at a time for each direction, the caller locks.
 */
#ifndef PVP_CONSOLE_H
#define PVP_CONSOLE_H

#include "host.h"
#include "../ring.h"

#define PVP_CONSOLE_OUT	2048u
#define PVP_CONSOLE_IN	256u

struct pvp_console {
	struct pvp_host *host;
	struct pvk_console *shared;	/* one page, rings behind it; NULL: closed */
	__u64 gpa;
	__u32 doorbell;
	__u32 head;		/* bytes put: ours, whatever stands in the page */
	__u32 tail;		/* bytes taken */
	__u32 flushes;		/* that did not help, one after the other */
};

/* 0; -PVK_ENOTSUP: not offered or not accepted; -PVP_ENOMEM; other -PVK_E* */
int pvp_console_open(struct pvp_console *console, struct pvp_host *host);

/* What was put is shown before. */
void pvp_console_close(struct pvp_console *console);

/*
 * Puts bytes, all of them; when the ring is full, waits until the host has taken some: a
 * host that takes none is given up on, for good, and bytes are lost.
 */
void pvp_console_put(struct pvp_console *console, const void *bytes, __u32 length);

/* Takes at most `size` bytes of input: how many, 0: none. */
__u32 pvp_console_get(struct pvp_console *console, void *bytes, __u32 size);

/* 0: all that was put is shown. */
int pvp_console_flush(struct pvp_console *console);

#endif /* PVP_CONSOLE_H */
