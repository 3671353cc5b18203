#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# observe.sh: some of everything that a trace has, then a line each 0.1 s until told.
. /tests/lib.sh
. /tests/netlib.sh

modprobe pvk_blk
modprobe pvk_net
disk=$(wait_disk PVTEST01 30)
check "the disk is there" is_pv "$disk"
check "it is written" tool write "/dev/$disk" 0 2048 7
check "and flushed" sync
i=$(card "$(driver_of pvkit)" 30)
check "the card has an address" lease "$i"
at ready
while ! read -r -t 0 pvt_line </dev/console; do
	echo "tick"
	dd if="/dev/$disk" of=/dev/null bs=4k count=8 iflag=direct 2>/dev/null
	sleep 0.1
done
finish
