#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# How a patched kernel ends: HOW is reboot, panic, kexec, crash, request, pause.
. /tests/lib.sh
how=$1
# The second kernel of a reboot or kexec: all is well when it is here.
if grep -q pvk.second /proc/cmdline; then
	check "a second kernel runs" grep -q "pvk.second" /proc/cmdline
	check "it has found the host anew" sh -c 'dmesg | grep -q "Hypervisor detected: pvkit"'
	check "it has its console" grep -q hvc0 /proc/consoles
	[ "$how" = crash ] && check "and sees what crashed" [ -e /proc/vmcore -o -d /proc ]
	finish
fi
append="$(cat /proc/cmdline) pvk.second"
case $how in
reboot)
	if [ -e /tests/again ]; then
		finish
	fi
	at reboot
	reboot -f
	;;
panic)
	at panic
	echo 0 >/proc/sys/kernel/panic
	echo c >/proc/sysrq-trigger
	;;
kexec)
	at kexec
	/bin/kexec /boot/kernel /boot/initrd "$append"
	;;
crash)
	check "a crash kernel is loaded" /bin/kexec -p /boot/kernel /boot/initrd "$append"
	at crash
	echo c >/proc/sysrq-trigger
	;;
request)
	echo "/tests/pvops/off" >/proc/sys/kernel/poweroff_cmd
	at request
	sleep 60
	;;
pause)
	before=$(awk '/pvkit-clock/ { print $2 }' /proc/interrupts)
	at pause
	await
	set_value date "$(date +%s)"
	at timed
	check "the host has told of its pause" \
		[ "$(awk '/pvkit-clock/ { print $2 }' /proc/interrupts)" -gt "$before" ]
	check "nothing was taken for a lockup" sh -c '! dmesg | grep -qi "lockup\|stall"'
	finish
	;;
esac
sleep 30
