#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# identify.sh [NAME] - what four programs say of this machine. With NAME, the facts of
# that dump are laid over this guest's DMI and /sys/hypervisor first; its CPUID
# leaves were laid over by pvkit-vm --cpuid.
. /tests/lib.sh
name=${1:-}

# /sys as a copy made of links, in which some folders are the dump's
lay_over()
{
	mkdir -p /run/sys /run/id
	mount -t sysfs sys /run/sys
	mount -t tmpfs sys /sys
	for d in /run/sys/*; do
		case $d in
		*/class|*/hypervisor|*/firmware)
			mkdir "/sys/${d##*/}"
			;;
		*)
			ln -s "$d" /sys/
			;;
		esac
	done
	ln -s /run/sys/class/* /sys/class/
	rm -f /sys/class/dmi
	mkdir -p /sys/hypervisor
	sed -n 's/^fact //p' "/dumps/$name.dump" >/run/facts
	while IFS='=' read -r key value; do
		case $key in
		dmi.*)
			mkdir -p /sys/class/dmi/id
			echo "$value" >"/sys/class/dmi/id/${key#dmi.}"
			;;
		sys.hypervisor.*)
			echo "$value" >"/sys/hypervisor/${key##*.}"
			;;
		esac
	done </run/facts
	if [ -e "/dumps/$name.entry" ]; then
		mkdir -p /sys/firmware/dmi/tables
		cp "/dumps/$name.entry" /sys/firmware/dmi/tables/smbios_entry_point
		cp "/dumps/$name.table" /sys/firmware/dmi/tables/DMI
	fi
}

if [ -n "$name" ]; then
	check "the facts of $name are laid over" lay_over
fi
pvkit-detect --terse | grep -v '^features' >/run/terse
check "pvkit detect ends" [ -s /run/terse ]
n=0
while read -r line; do
	set_value "detect$n $line"
	n=$((n + 1))
done </run/terse
set_value "systemd $(systemd-detect-virt --vm 2>&1)"
set_value "virt-what $(virt-what 2>&1 | tr '\n' ' ')"
set_value "lscpu $(LC_ALL=C lscpu | sed -n 's/^Hypervisor vendor: *//p')"
# a live machine is recorded, too
if [ -z "$name" ]; then
	check "pvkit detect --save" pvkit-detect --quiet --save /run/saved
	while read -r line; do
		echo "PVT-SAVED $line"
	done </run/saved
fi
finish
