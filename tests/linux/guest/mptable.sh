#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
. /tests/lib.sh
echo "cpus $(nproc)"
dmesg | grep -i 'mp-table\|mptable\|Oops\|BUG:\|WARNING:\|Call Trace'
disk=$(wait_disk PVTEST01 30)
echo "disk $disk"
echo "read $(dd if="/dev/$disk" bs=64k count=16 2>/dev/null | wc -c)"
cat /proc/interrupts
sync
echo b >/proc/sysrq-trigger
