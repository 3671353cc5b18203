#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# identify.sh [NAME...] - what four programs say of this machine. With names, vCPU 0, 1
# ... have the hypervisor leaves of these dumps (pvkit-vm --cpuid): the programs run
# on each in turn, with its facts laid over this guest's DMI and /sys/hypervisor.
. /tests/lib.sh

# /sys as a copy made of links, in which some folders are the dump's
lay_over()
{
	mkdir -p /run/sys
	mountpoint -q /run/sys || mount -t sysfs sys /run/sys
	[ ! -e /sys/.laid ] || umount /sys
	mount -t tmpfs sys /sys
	touch /sys/.laid
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
		proc.xen.capabilities)
			# as a dom0 without xenfs tells it
			[ "$value" != control_d ] || mkdir -p /sys/hypervisor/properties
			[ "$value" != control_d ] || echo 00000800 >/sys/hypervisor/properties/features
			;;
		esac
	done </run/facts
	if [ -e "/dumps/$name.entry" ]; then
		mkdir -p /sys/firmware/dmi/tables
		cp "/dumps/$name.entry" /sys/firmware/dmi/tables/smbios_entry_point
		cp "/dumps/$name.table" /sys/firmware/dmi/tables/DMI
	fi
}

# ask KEY: runs the programs; the values get this in front
ask()
{
	pvkit-detect --terse | grep -v '^features' >/run/terse
	check "${1}pvkit detect ends" [ -s /run/terse ]
	n=0
	while read -r line; do
		set_value "${1}detect$n $line"
		n=$((n + 1))
	done </run/terse
	set_value "${1}systemd $(systemd-detect-virt --vm 2>/dev/null)"
	set_value "${1}virt-what $(virt-what 2>/dev/null | tr '\n' ' ')"
	set_value "${1}lscpu $(LC_ALL=C lscpu | sed -n 's/^Hypervisor vendor: *//p')"
}

cpu=0
for name in "$@"; do
	check "the facts of $name are laid over" lay_over
	check "the programs run on vCPU $cpu" taskset -p "$(printf %x $((1 << cpu)))" $$
	ask "$name:"
	cpu=$((cpu + 1))
done
# a live machine is recorded, too
if [ $# = 0 ]; then
	ask ""
	check "pvkit detect --save" pvkit-detect --quiet --save /run/saved
	while read -r line; do
		echo "PVT-SAVED $line"
	done </run/saved
fi
finish
