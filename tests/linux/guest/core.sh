#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# The core module by itself: no driver of a device is loaded.
. /tests/lib.sh
bus=/sys/bus/pvk
host=/sys/bus/platform/drivers/pvkit/PVKT0001:00
is() { echo "$1: $(cat "$1")"; [ "$(cat "$1")" = "$2" ]; }
like() { echo "$1: $(cat "$1")"; grep -Eqx "$2" "$1"; }
absent() { [ ! -e "$1" ]; }
# Interrupts of the bus so far, over all CPUs.
events()
{
	awk '/pvk-bus$/ { for (i = 2; $i ~ /^[0-9]+$/; i++) n += $i } END { print n + 0 }' \
		/proc/interrupts
}

# What docs/modules.md promises of every file.
values()
{
	for file in abi_guest abi_host abi_host_oldest; do
		check "$1: $file" like $bus/$file '[0-9]+\.[0-9]+'
	done
	check "$1: cpuid_base" is $bus/cpuid_base 0x40000100
	check "$1: transfer" is $bus/transfer "pio call=0x700 doorbell=0x704"
	all="event bus batch unplug"
	for file in features_offered features_accepted features_active; do
		check "$1: $file" is $bus/$file "$all"
	done
	check "$1: features_recommended" like $bus/features_recommended '(none|[a-z ]+)'
	for file in limit_channels limit_ring_entries limit_batch_entries limit_struct_bytes; do
		check "$1: $file" like $bus/$file '[1-9][0-9]*'
	done
	check "$1: session" is "$host/session" open
	check "$1: bus_generation" like "$host/bus_generation" '[0-9]+'
	check "$1: calls" like "$host/calls" '[1-9][0-9]*'
	check "$1: answers_malformed" is "$host/answers_malformed" 0
	check "$1: one channel is in use" \
		is "$host/channels_free" $(($(cat $bus/limit_channels) - 1))
	check "$1: both devices, from 1 on" [ "$(ls $bus/devices | tr '\n' ' ')" = "pvk1 pvk2 " ]
	for n in 1 2; do
		dev=$bus/devices/pvk$n
		check "$1: pvk$n: id" is $dev/id $n
		check "$1: pvk$n: type" is $dev/type blk
		check "$1: pvk$n: modalias" is $dev/modalias pvk:t1
		check "$1: pvk$n: state" is $dev/state reset
		check "$1: pvk$n: model" is $dev/model emulated
		check "$1: pvk$n: counterpart" is $dev/counterpart "ide 0000:00:01.1 channel 0 drive $((n - 1))"
		check "$1: pvk$n: features_offered" like $dev/features_offered '[a-z_ ]+'
		check "$1: pvk$n: features_active" is $dev/features_active none
		check "$1: pvk$n: limits" like $dev/limits 'queues=[0-9]+ entries=[0-9]+ config=[0-9]+'
		check "$1: pvk$n: no queue" [ -z "$(cat $dev/queues)" ]
	done
	check "$1: the bus has an interrupt" grep -q 'pvk-bus$' /proc/interrupts
}

check "ACPI names the host" is /sys/bus/acpi/devices/PVKT0001:00/hid PVKT0001
alias=acpi:PVKT0001:
check "with the modalias that udev sees" is /sys/bus/acpi/devices/PVKT0001:00/modalias $alias
check "nothing is loaded yet" absent /sys/module/pvk_core
check "the core loads by that alias" modprobe "$alias"
check "and is there" [ -d /sys/module/pvk_core ]
check "no driver of a device came with it" absent /sys/module/pvk_blk
values "first load"

before=$(events)
generation=$(cat "$host/bus_generation")
at resize
await
n=50
while [ "$(events)" = "$before" ] && [ $n -gt 0 ]; do
	sleep 0.2
	n=$((n - 1))
done
check "a change of a device raises the interrupt of the bus" [ "$(events)" -gt "$before" ]
check "and the generation moves" [ "$(cat "$host/bus_generation")" -gt "$generation" ]
check "the disks stay on the emulated model" [ "$(wait_disk PVTEST01 30 | cut -c 1-2)" = sd ]

check "unloads" rmmod pvk_core
check "without a trace in sysfs" absent $bus
check "or in the interrupts" fails grep -q pvk /proc/interrupts
n=1
while [ $n -le 10 ]; do
	check "load $n" modprobe pvk_core
	check "load $n: the session is open" is "$host/session" open
	check "load $n: both devices" [ -d $bus/devices/pvk1 -a -d $bus/devices/pvk2 ]
	check "load $n: unload" rmmod pvk_core
	n=$((n + 1))
done
check "one more load" modprobe pvk_core
values "last load"
for mask in 0x1 0x3 0xb; do
	rmmod pvk_core
	check "loads with features=$mask" modprobe pvk_core features=$mask
	case $mask in
	0x1) want=event ;;
	0x3) want="event bus" ;;
	0xb) want="event bus unplug" ;;
	esac
	check "features=$mask: offered" is $bus/features_offered "$all"
	check "features=$mask: accepted" is $bus/features_accepted "$want"
	check "features=$mask: active" is $bus/features_active "$want"
done
check "a core in use by nobody unloads" rmmod pvk_core
check "the first disk is there once" once PVTEST01
check "and the second" once PVTEST02
finish
