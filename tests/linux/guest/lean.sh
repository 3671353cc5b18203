#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
#
# On the lean machine a stock kernel has no console and cannot switch off: what
# there is to tell goes to a file on the PV disk, and a triple fault (reboot=t) ends it.
. /tests/lib.sh
modprobe pvk_blk
disk=$(wait_disk PVTEST01 30)
mount -t ext4 "/dev/$disk" /mnt
{
	echo "disk $disk"
	echo "cpus $(nproc)"
	echo "clocksource $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
	cat /proc/interrupts
	ls /sys/bus/pci/devices /sys/bus/acpi/devices /sys/class/tty 2>&1
	dmesg | grep -i 'apic\|calibrat\|Oops\|BUG\|WARNING\|Call Trace'
	echo "end"
} >/mnt/report
dd if=/dev/zero of=/mnt/zeroes bs=64k count=64 2>/dev/null
sync
umount /mnt
echo b >/proc/sysrq-trigger
