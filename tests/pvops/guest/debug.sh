#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# A guest that waits while a debugger interrupts it (tests/linux/boot/gdb.py).
. /tests/lib.sh
at debugged
await
finish
