/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit ABI, all of it. docs/abi.md explains it; these headers define it.
 * Every guest, the host stub and the tests include these same files.
 */
#ifndef PVK_ABI_PVK_H
#define PVK_ABI_PVK_H

#include "types.h"
#include "cpuid.h"
#include "call.h"
#include "event.h"
#include "ring.h"
#include "bus.h"
#include "blk.h"
#include "net.h"
#include "info.h"
#include "power.h"
#include "smp.h"
#include "console.h"
#include "mem.h"

#endif /* PVK_ABI_PVK_H */
