#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# status.sh [STEP...] - what pvkit status says of this guest, and after each step.
# Steps, in their order:
#   config           give the kernel's configuration to /boot, where there is none at first
#   blacklist=NAME   put a module on modprobe's blacklist
#   status[=KEY]     ask as root; verdicts go to the scenario as KEY:NAME
#   user=KEY         ask as an ordinary user
#   load[=KEY]       pvkit load
#   dry=KEY          pvkit load --dry-run
#   save             print the snapshot
. /tests/lib.sh

echo 'nobody:x:65534:65534:nobody:/:/bin/sh' >>/etc/passwd
echo 1 >/proc/sys/kernel/dmesg_restrict

# tell KEY STATUS FILE: lines of a program as values
tell()
{
	set_value "$1:status $2"
	n=0
	while read -r line; do
		set_value "$1:$n $line"
		n=$((n + 1))
	done <"$3"
}

for step in "$@"; do
	key=${step#*=}
	case $step in
	config)
		mkdir -p /boot
		cp /config "/boot/config-$(uname -r)"
		;;
	blacklist=*)
		mkdir -p /etc/modprobe.d
		echo "blacklist $key" >>/etc/modprobe.d/test.conf
		;;
	status*)
		pvkit-status --terse >/run/out 2>&1
		tell "$key" $? /run/out
		;;
	user=*)
		su nobody -c 'pvkit-status --terse' >/run/out 2>&1
		tell "$key" $? /run/out
		su nobody -c 'pvkit-status' | grep '^Not seen' >/run/out
		tell "$key.unseen" 0 /run/out
		;;
	load*|dry=*)
		dry=
		[ "${step%%=*}" = load ] || dry=--dry-run
		pvkit-load $dry >/run/out 2>&1
		tell "$key" $? /run/out
		;;
	save)
		pvkit-status --quiet --save /run/saved
		check "pvkit status --save" [ $? -le 1 ]
		while IFS= read -r line; do
			echo "PVT-SAVED $line"
		done </run/saved
		;;
	*)
		check "the step $step is known" false
		;;
	esac
done
finish
