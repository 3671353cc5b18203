#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
. /tests/lib.sh

# names: of the three disks, where each is there once
names()
{
	for n in 1 2 3; do
		printf '%s ' $(disks PVTEST0$n)
	done
}

all_there()
{
	for n in 1 2 3; do
		wait_disk PVTEST0$n 30 >/dev/null || return 1
	done
}

all_pv()
{
	for n in 1 2 3; do
		is_pv "$(wait_disk PVTEST0$n 30)" || return 1
	done
}

# silent MARK: libata and others said nothing of errors in the 9 s since the mark
mark()
{
	echo "$1" >/dev/kmsg
}

silent()
{
	sleep 9
	dmesg | sed -n "/$1/,\$p" >/tmp/log
	! grep -E -e 'ata[0-9.]+: .*(timeout|failed|exception|reset)' \
		-e 'I/O error|blocked for more' /tmp/log
}

write_here()
{
	dd if=/dev/zero of=/mnt/busy bs=64k count=16 conv=fsync
}

# unhandled IRQ: events that no handler claimed
unhandled()
{
	sed -n 's/^unhandled //p' "/proc/irq/$1/spurious"
}

check "three disks are there" all_there
check "the second is mounted" mount -t ext4 "/dev/$(disks PVTEST02)" /mnt
while [ ! -e /tmp/stop ]; do
	write_here 2>/dev/null || touch /tmp/neighbour-failed
done &
load=$!
mark first-unplug
check "the driver loads" modprobe pvk_blk
check "the first disk is taken" is_pv "$(wait_disk PVTEST01 30)"
check "the third disk is taken" is_pv "$(wait_disk PVTEST03 30)"
check "the log is silent after the unplug" silent first-unplug
check "the neighbour works" write_here
mark replug
check "the driver unloads" rmmod pvk_blk
check "all disks are there" all_there
first=$(disks PVTEST01)
third=$(disks PVTEST03)
check "the first and the third came back in that order: $first $third" \
	expr "$first" "<" "$third"
check "the log is silent after the replug" silent replug
touch /tmp/stop
wait $load
check "the neighbour worked all along" [ ! -e /tmp/neighbour-failed ]
check "the neighbour is unmounted" umount /mnt

mark second-unplug
# It would not end, nor be killed.
modprobe pvk_blk async_probe &
n=60
while kill -0 $! 2>/dev/null && [ $n -gt 0 ]; do
	sleep 1
	n=$((n - 1))
done
check "the driver loads with async_probe" [ $n -gt 0 ]
if [ $n = 0 ]; then
	finish
fi
check "all disks are taken" all_pv
check "the log is silent" silent second-unplug

# What the guest raises itself is an event for nothing: nobody's.
irq=$(sed -n 's/^queue=0 .* irq=\([0-9]*\) .*/\1/p' /sys/bus/pvk/devices/pvk1/queues)
channel=$(sed -n 's/^queue=0 .* channel=\([0-9]*\) .*/\1/p' /sys/bus/pvk/devices/pvk1/queues)
was=$(unhandled "$irq")
check "200 events for nothing" tool raise "$channel" 200
check "are not claimed: unhandled $was, $(unhandled "$irq") of interrupt $irq" \
	[ "$(unhandled "$irq")" -gt "$was" ]
was=$(unhandled "$irq")
check "the disk works" tool write "/dev/$(disks PVTEST01)" 0 2048 1
check "and its events are claimed" [ $(($(unhandled "$irq") - was)) -le 2 ]

check "the driver unloads" rmmod pvk_blk
check "all disks are there" all_there
check "in the order of the devices: $(names)" [ "$(names)" = "sda sdb sdc " ]
finish
