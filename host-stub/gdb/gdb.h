/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A debugger's connection (--gdb): GDB's remote protocol on a TCP port of 127.0.0.1 or a Unix
 * socket. It outlives boots. Its thread alone asks KVM about registers and memory, and only while
 * the vCPUs are parked (vcpu_park.h). All functions do nothing for a `gdb` of NULL.
 *
 * The main thread's: listen, start, then for each boot prepare, begin, end; close.
 */
#ifndef HS_GDB_H
#define HS_GDB_H

#include "../vm.h"

struct hs_gdb;

/* Before the jail. *out stays NULL without --gdb. 0 or -errno, said. */
int hs_gdb_listen(struct hs_gdb **out, const struct hs_host *host);

/* Its thread; after the sandbox. 0 or -errno, said. */
int hs_gdb_start(struct hs_gdb *gdb);

/* Between hs_vm_create() and hs_vm_start(): does this boot wait? 0 or -errno, said. */
int hs_gdb_boot_prepare(struct hs_gdb *gdb, struct hs_vm *vm);
/* After hs_vm_start(). */
void hs_gdb_boot_begin(struct hs_gdb *gdb, struct hs_vm *vm);
/* After hs_vm_join(), also when it did not begin: nobody looks at this VM any more. */
void hs_gdb_boot_end(struct hs_gdb *gdb);

/* Tells the debugger the process's exit status. Also of one that was not started. */
void hs_gdb_close(struct hs_gdb *gdb, int status);

#endif /* HS_GDB_H */
