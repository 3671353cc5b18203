#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
. /tests/lib.sh
check "the driver loads" modprobe pvk_blk timeout=2
disk=$(wait_disk PVTEST01 30)
check "the disk is there" is_pv "$disk"
check "a pattern" tool write "/dev/$disk" 0 2048 1
n=0
while [ $n -lt 3 ]; do
	n=$((n + 1))
	# Requests are in flight all the time: none may fail, none may be lost.
	tool write "/dev/$disk" 4096 8192 $n >/tmp/writer.out 2>&1 &
	writer=$!
	check "reset $n behind the driver's back" tool reset
	wait $writer
	check "the writer does not notice" [ $? = 0 ]
	check "what it wrote is there" tool verify "/dev/$disk" 4096 8192 $n
	check "what was there before, too" tool verify "/dev/$disk" 0 2048 1
done
check "the driver counts its resets" [ "$(cat "/sys/block/$disk/resets")" -ge 3 ]
check "and nothing was malformed" [ "$(cat "/sys/block/$disk/malformed")" = 0 ]
check "the log tells of it" sh -c 'dmesg | grep -q "works again after a reset"'
set_value resets "$(cat "/sys/block/$disk/resets")"
finish
