#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
. /tests/lib.sh
bus=/sys/bus/pvk
check "ACPI names the host" [ -d /sys/bus/acpi/devices/PVKT0001:00 ]
check "the core was loaded by its alias" [ -d /sys/module/pvk_core ]
check "and the block driver by its own" [ -d /sys/module/pvk_blk ]
for n in 1 2; do
	pv=$(wait_disk PVTEST0$n 30)
	check "disk $n has the pvkit model" is_pv "$pv"
	check "disk $n is there once" once PVTEST0$n
	check "disk $n takes a pattern" tool write "/dev/$pv" 0 2048 $n
	check "disk $n keeps it" tool verify "/dev/$pv" 0 2048 $n
done
is() { echo "$1: $(cat "$1")"; [ "$(cat "$1")" = "$2" ]; }
all="event bus batch unplug"
check "offered" is $bus/features_offered "$all"
check "accepted" is $bus/features_accepted "$all"
check "active" is $bus/features_active "$all"
check "the leaves are behind KVM's" is $bus/cpuid_base 0x40000100
check "device state" is $bus/devices/pvk1/state running
check "device model" is $bus/devices/pvk1/model pvkit
check "its counterpart is named" is $bus/devices/pvk1/counterpart "ide 0000:00:01.1 channel 0 drive 0"
check "no answer was malformed" is /sys/bus/platform/drivers/pvkit/PVKT0001:00/answers_malformed 0

check "the modules unload" rmmod pvk_blk pvk_core
for n in 1 2; do
	back=$(wait_disk PVTEST0$n 30)
	check "disk $n is back on the emulated model" [ "${back#sd}" != "$back" ]
	check "disk $n is there once, again" once PVTEST0$n
	check "disk $n holds its data there" tool verify "/dev/$back" 0 2048 $n
done

check "the core loads with two features" modprobe pvk_core features=3
check "offered as before" is $bus/features_offered "$all"
check "accepted what was asked for" is $bus/features_accepted "event bus"
check "active no more than that" is $bus/features_active "event bus"
modprobe pvk_blk
sleep 2
for n in 1 2; do
	check "without unplug disk $n stays where it is" once PVTEST0$n
	stays=$(disks PVTEST0$n)
	check "on the emulated model" [ "${stays#sd}" != "$stays" ]
done
finish
