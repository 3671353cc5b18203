/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit in GRUB: what the files of this module share. The module opens the host when it
 * is loaded, and lets everything go before another kernel is booted.
 */
#ifndef GRUB_PVKIT_GLUE_H
#define GRUB_PVKIT_GLUE_H

#include <grub/types.h>

#include "../lib/pvkit/port/blk.h"
#include "../lib/pvkit/port/console.h"
#include "../lib/pvkit/port/info.h"
#include "../lib/pvkit/port/net.h"
#include "../lib/pvkit/port/power.h"

#define GRUB_PVKIT_DEVICES 8	/* disks, and cards, that are used */

extern struct pvp_host grub_pvkit_host;

/* Registers all disks (pvd0, ...), or cards (pvn0, ...), of the host.  */
void grub_pvkit_disk_init (void);
void grub_pvkit_net_init (void);

/* Closes the devices; they stay registered, and are opened again on use.  */
void grub_pvkit_disk_close (void);
void grub_pvkit_net_close (void);

void grub_pvkit_disk_fini (void);
void grub_pvkit_net_fini (void);

/* TSC cycles that a device has for an answer: 20 s at 3 GHz.  */
#define GRUB_PVKIT_TIMEOUT 60000000000ULL

#endif
