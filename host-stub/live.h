/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of the control socket (control.h), for the VM that runs now. */
#ifndef HS_LIVE_H
#define HS_LIVE_H

#include <stdio.h>

#include "hs.h"

struct hs_live {
	struct hs_vm *vm;
	unsigned int boot;		/* its number, from 1 */
	void (*stats)(struct hs_live *live, FILE *out);	/* as --stats has them, with this boot */
};

/* An hs_control_answer; opaque is a struct hs_live. On the main thread. */
void hs_live_answer(void *opaque, const char *line, size_t len, FILE *out);

/*
 * Asks the guest to switch off: by the call that it listens for, else by the power button;
 * without either the VM ends at once. A VM that is paused goes on.
 */
void hs_live_ask_power_off(struct hs_vm *vm);

#endif /* HS_LIVE_H */
