#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
. /tests/lib.sh
disk=$(wait_disk PVTEST01 30)
check "the disk is there, once" once PVTEST01
check "on the emulated model" [ "${disk#sd}" != "$disk" ]
# The last sector says whether we were here before.
if [ "$(dd if="/dev/$disk" bs=512 skip=32767 count=1 2>/dev/null | head -c 4)" = here ]; then
	check "with the data of the boot before" tool verify "/dev/$disk" 0 512 5
	finish
fi
if [ "$1" = midway ]; then
	tool write "/dev/$disk" 0 512 5
	echo here | dd of="/dev/$disk" bs=512 seek=32767 conv=fsync,sync 2>/dev/null
	modprobe pvk_blk &
	usleep 30000
	echo b >/proc/sysrq-trigger
fi
check "the driver loads" modprobe pvk_blk
disk=$(wait_disk PVTEST01 30)
check "and takes the disk over" is_pv "$disk"
check "data is written there" tool write "/dev/$disk" 0 512 5
echo here | dd of="/dev/$disk" bs=512 seek=32767 conv=fsync,sync 2>/dev/null
case $1 in
reboot)
	reboot -f
	;;
sysrq)
	dd if="/dev/$disk" of=/dev/null bs=4k &
	tool write "/dev/$disk" 1024 16384 6 &
	usleep 300000
	echo b >/proc/sysrq-trigger
	;;
panic)
	echo c >/proc/sysrq-trigger
	;;
esac
sleep 60
