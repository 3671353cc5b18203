#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
. /tests/lib.sh
seed=$1
count=$2
other=$(wait_disk PVTEST02 30)
check "the other disk takes a pattern" tool write "/dev/$other" 0 1024 "$seed"
check "calls with any number and argument" tool calls "$seed" "$count"
check "port accesses of any size" tool ports "$seed" "$count"
check "rings full of rubbish" tool rings "$seed" $((count / 200))
sed 's/^/# /' /tmp/pvt.out
check "the other disk lived through it" tool verify "/dev/$other" 0 1024 "$seed"
check "the modules load after all that" modprobe pvk_blk
disk=$(wait_disk PVTEST01 30)
check "the disk of the misused device is there" is_pv "$disk"
check "and works" tool write "/dev/$disk" 0 1024 9
check "as it should" tool verify "/dev/$disk" 0 1024 9
finish
