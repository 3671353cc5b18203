#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# A patched (or, as control, plain) kernel: what it says of itself. Arguments: the
# words of what to expect, such as "pvkit console".
. /tests/lib.sh
said()
{
	dmesg | grep -q "$1"
}

set_value cpus "$(nproc)"
set_value clocksource "$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
set_value hypervisor "$(dmesg | sed -n 's/.*Hypervisor detected: //p' | head -n 1)"
set_value date "$(date +%s)"
set_value random "$(dmesg | sed -n 's/.*random: crng init done.*/done/p' | head -n 1)"
set_value irqs "$(grep -c pvkit /proc/interrupts)"
for word in "$@"; do
	case $word in
	pvkit)
		check "the host is found" said "Hypervisor detected: pvkit"
		check "KVM's features are used, too" said "kvm-clock: Using msrs"
		;;
	native)
		refuse "no pvkit is found" said "Hypervisor detected: pvkit"
		;;
	smp)
		check "all CPUs have the same features" \
			[ "$(grep ^flags /proc/cpuinfo | sort -u | wc -l)" = 1 ]
		check "each CPU has its own APIC id" \
			[ "$(grep ^apicid /proc/cpuinfo | sort -u | wc -l)" = "$(nproc)" ]
		for cpu in /sys/devices/system/cpu/cpu[1-9]; do
			check "${cpu##*/} goes and comes back" \
				sh -c "echo 0 >$cpu/online && echo 1 >$cpu/online"
		done
		;;
	minimal)
		check "no port was probed" [ "$(grep -c . /proc/ioports)" -lt 30 ]
		check "hvc0 is the console" grep -q hvc0 /proc/consoles
		;;
	console)
		check "hvc0 is there" [ -c /dev/hvc0 ]
		;;
	report)
		check "free pages are reported" test -d /sys/module/page_reporting
		;;
	esac
done
finish
