/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit ABI: calls from the guest to the host.
 *
 * A call (PVK_TRANSFER_PIO) is one 32-bit OUT to the call port.
 *   EAX              call number, which is also the value written to the port
 *   RBX RCX RSI RDI  arguments 0..3; set an unused argument to 0
 *   RAX on return    status: 0 or a positive result, or -PVK_E*
 * All other registers keep their values. A guest outside 64-bit mode passes and receives the low
 * halves. The host does not sign-extend: a 32-bit guest reads EAX as a signed 32-bit number.
 *
 * A structure is passed as (guest-physical address, size in bytes). The address must be 8-byte
 * aligned and inside guest RAM, the size at most the limit of PVK_CPUID_LIMITS. The guest writes
 * IN fields, the host OUT fields. The host reads the IN part once, and writes the structure back
 * once before it returns. The first field of each structure is its size as the guest knows it. A
 * host that knows a shorter structure fills that part and leaves the rest zero. A host that knows
 * a longer one writes no more than the guest's size.
 *
 * Every call ends within bounded time. A call that would have to wait longer, such as a reset that
 * waits for disk I/O, makes progress and returns -PVK_EAGAIN: repeat it.
 *
 * Until PVK_CALL_NEGOTIATE succeeded the host serves only PVK_CALL_NOP and PVK_CALL_NEGOTIATE, and
 * answers all others with -PVK_EPERM. It answers a call of a feature that was not accepted with
 * -PVK_EPERM, and an unknown call with -PVK_ENOSYS.
 *
 * Two parties in a guest have a session each, and do not disturb each other: whoever drives the
 * devices, such as a module (NEGOTIATE, LEAVE), and the kernel itself, from its first
 * instructions on (PLATFORM_NEGOTIATE, PLATFORM_LEAVE), with the features of PVK_FEAT_PLATFORM.
 * "Accepted" above means: by the session that the feature belongs to. For a call that needs no
 * feature either session suffices.
 */
#ifndef PVK_ABI_CALL_H
#define PVK_ABI_CALL_H

#include "types.h"

/* Status values. The numbers are fixed here; they equal Linux's. */
#define PVK_OK		0
#define PVK_EPERM	1	/* not negotiated, or feature not accepted */
#define PVK_ENOENT	2	/* no such device, queue or counterpart */
#define PVK_EIO		5	/* the back end failed */
#define PVK_EAGAIN	11	/* progress was made: repeat the call */
#define PVK_EFAULT	14	/* address outside RAM, or misaligned */
#define PVK_EBUSY	16	/* the other model or another user is active */
#define PVK_EINVAL	22	/* an argument is out of its range */
#define PVK_ENOSPC	28	/* the back end has no room */
#define PVK_EROFS	30	/* write to a read-only device */
#define PVK_ERANGE	34	/* beyond the end of the device */
#define PVK_ENOSYS	38	/* unknown call or operation */
#define PVK_EPROTO	71	/* not allowed in the present state */
#define PVK_ENOTSUP	95	/* the back end cannot do this */
#define PVK_EVERSION	97	/* ABI versions are incompatible */

/* No feature needed */
#define PVK_CALL_NOP		0x00u	/* () -> 0; to measure a call */
#define PVK_CALL_NEGOTIATE	0x01u	/* (struct pvk_negotiate, size) */
#define PVK_CALL_LEAVE		0x02u	/* () -> 0 or -PVK_EAGAIN; ends the session */
#define PVK_CALL_PLATFORM_NEGOTIATE	0x04u	/* (struct pvk_negotiate, size) */
#define PVK_CALL_PLATFORM_LEAVE		0x05u	/* () -> 0 or -PVK_EAGAIN */
/* PVK_FEAT_BATCH */
#define PVK_CALL_BATCH		0x03u	/* (struct pvk_batch_entry[], count, start) */
/* PVK_FEAT_EVENT, see event.h */
#define PVK_CALL_EVENT_BIND	0x10u	/* (struct pvk_event_bind, size) */
#define PVK_CALL_EVENT_UNBIND	0x11u	/* (channel) */
#define PVK_CALL_EVENT_RAISE	0x12u	/* (channel); the host raises it once */
/* PVK_FEAT_BUS, see bus.h */
#define PVK_CALL_BUS_INFO	0x20u	/* (struct pvk_bus_info, size) */
#define PVK_CALL_BUS_NOTIFY	0x21u	/* (channel or PVK_CHANNEL_NONE) */
#define PVK_CALL_DEV_INFO	0x22u	/* (index, struct pvk_dev_info, size) */
#define PVK_CALL_DEV_CONFIG	0x23u	/* (device, buffer, size) -> bytes written */
#define PVK_CALL_DEV_ACCEPT	0x24u	/* (device, features) */
#define PVK_CALL_DEV_START	0x25u	/* (device) */
#define PVK_CALL_DEV_RESET	0x26u	/* (device) -> 0 or -PVK_EAGAIN */
#define PVK_CALL_DEV_CONTROL	0x27u	/* (device, op, structure, size), by type (net.h) */
#define PVK_CALL_QUEUE_SETUP	0x28u	/* (struct pvk_queue_setup, size) */
/* PVK_FEAT_UNPLUG, see bus.h */
#define PVK_CALL_UNPLUG	0x30u	/* (device): from the emulated to the pvkit model */
#define PVK_CALL_REPLUG	0x31u	/* (device): the way back */
/* PVK_FEAT_POWER, see power.h */
#define PVK_CALL_POWER		0x40u	/* (struct pvk_power, size) */
#define PVK_CALL_POWER_REQUEST	0x41u	/* () -> enum pvk_power_op, once */
/* PVK_FEAT_SMP, see smp.h */
#define PVK_CALL_CPU_START	0x48u	/* (struct pvk_cpu_start, size) */
/* PVK_FEAT_CONSOLE, see console.h */
#define PVK_CALL_CONSOLE_SETUP	0x50u	/* (struct pvk_console_setup, size) */
#define PVK_CALL_CONSOLE_FLUSH	0x51u	/* () -> 0 or -PVK_EAGAIN */
/* PVK_FEAT_MEM, see mem.h */
#define PVK_CALL_MEM_REPORT	0x58u	/* (__u64[], count) -> entries served */

/*
 * PVK_CALL_NEGOTIATE opens a session. It first ends an open one, as PVK_CALL_LEAVE does, so that
 * a kernel started by kexec begins clean. -PVK_EAGAIN means that the old session is still
 * draining.
 *   -PVK_EVERSION  major versions differ, or version is older than the host accepts; OUT
 *                  version is the host's
 *   -PVK_EINVAL    accept has a bit that was not offered or that belongs to
 *                  PVK_FEAT_PLATFORM; no session is open
 *
 * PVK_CALL_PLATFORM_NEGOTIATE does the same for the features of PVK_FEAT_PLATFORM, and only for
 * them. A kernel calls it when it begins; it ends both sessions that an earlier kernel may have
 * left. PLATFORM_LEAVE ends only the platform's session: the host drains the console and stops
 * using its memory and the platform's channels. Call it before you start another kernel
 * (kexec). Otherwise the host goes on using the console's memory.
 */
struct pvk_negotiate {
	__u32 size;		/* IN: sizeof(struct pvk_negotiate) */
	__u32 version;		/* IN: guest's version; OUT: the host's */
	__u64 accept;		/* IN: features the guest will use */
	__u64 active;		/* OUT: features in force, a subset of accept */
	__u64 reserved;		/* IN: 0; OUT: 0 */
};

PVK_ASSERT_SIZE(struct pvk_negotiate, 32);
PVK_ASSERT_OFFSET(struct pvk_negotiate, accept, 8);

/*
 * PVK_CALL_BATCH serves entries start..count-1 in order and returns the index of the first entry
 * that it did not serve. If the index is below count, a limit of one call was reached (time or
 * entries): repeat with that start. Each served entry has its own status. An entry that fails
 * does not stop the batch. A BATCH, NEGOTIATE or LEAVE inside a batch gets -PVK_EINVAL.
 */
struct pvk_batch_entry {
	__u32 call;		/* IN */
	__u32 reserved;		/* IN: 0 */
	__u64 arg[4];		/* IN */
	__s64 status;		/* OUT */
	__u64 reserved2[2];	/* IN: 0 */
};

PVK_ASSERT_SIZE(struct pvk_batch_entry, 64);
PVK_ASSERT_OFFSET(struct pvk_batch_entry, status, 40);

#endif /* PVK_ABI_CALL_H */
