#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
. /tests/lib.sh
disk=$(wait_disk PVTEST01 30)
check "the disk is taken over" is_pv "$disk"
check "a pattern" tool write "/dev/$disk" 0 2048 4
while :; do
	dd if="/dev/$disk" of=/dev/null bs=64k iflag=direct 2>/dev/null || break
done &
readers=$!
tool journal "/dev/$disk" 1 >/dev/null 2>&1 &
writer=$!
kill $writer
wait $writer 2>/dev/null
check "the pattern again" tool write "/dev/$disk" 0 2048 4
sleep 1
refuse "the module in use is not unloaded" rmmod pvk_blk
check "unbinding works in the middle of I/O" sh -c 'echo pvk1 >/sys/bus/pvk/drivers/pvk_blk/unbind'
n=50
while kill -0 $readers 2>/dev/null && [ $n -gt 0 ]; do
	sleep 0.2
	n=$((n - 1))
done
refuse "and ends the readers with an error" kill -0 $readers
back=$(wait_disk PVTEST01 30)
check "the disk is back on the emulated model" [ "${back#sd}" != "$back" ]
check "once" once PVTEST01
check "with its data" tool verify "/dev/$back" 0 2048 4
check "the driver binds again" sh -c 'echo pvk1 >/sys/bus/pvk/drivers/pvk_blk/bind'
disk=$(wait_disk PVTEST01 30)
check "and takes the disk" is_pv "$disk"
check "with its data, again" tool verify "/dev/$disk" 0 2048 4
check "the module, idle, is unloaded" rmmod pvk_blk
check "and the core" rmmod pvk_core
check "the disk is there once" once PVTEST01
finish
