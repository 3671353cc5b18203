#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# netreset.sh HOST ADDRESS: a pvkit card that is broken, reset behind its driver's
# back, and suspended, under traffic.
. /tests/lib.sh
. /tests/netlib.sh
host=$1
address=$2

resets()
{
	ethtool -S "$i" | awk '$1 == "resets:" { print $2 }'
}

# again N SECONDS: was the device reset more often than N times, in time?
again()
{
	end=$(($(date +%s) + $2))
	while [ "$(date +%s)" -le $end ] && [ "$(resets)" -le "$1" ]; do
		usleep 200000
	done
	[ "$(resets)" -gt "$1" ]
}

echo 2 >/proc/sys/vm/nr_hugepages
modprobe pvk_net
i=$(card pvk_net 30)
check "there is a card on the pvkit model" static "$i" "$address"
check "the host answers" ping -q -c 2 -W 5 "$host"
traffic talk "$host" 5001 180 5 >/tmp/long 2>&1 &
load=$!
sleep 1
for n in 1 2; do
	before=$(resets)
	check "the device is brought to NEEDS_RESET ($n)" nethostile break
	# The bus tells the driver; the time limit of a queue, 5 s and more, would be too late.
	check "its driver resets it at once" again "$before" 4
	check "and the host answers" ping -q -c 2 -W 5 "$host"
done
for n in 1 2; do
	before=$(resets)
	check "the device is reset behind its driver's back ($n)" tool reset
	# One frame that is not answered is enough, also when the traffic is over.
	ping -q -c 1 -W 1 "$host" >/dev/null 2>&1 &
	check "which finds out by the time limit" again "$before" 25
	check "and the host answers" ping -q -c 2 -W 5 "$host"
done
check "the log tells of it" sh -c 'dmesg | grep -q "works again after a reset"'
check "the traffic lasted through all of that" kill $load
wait $load
check "no connection broke, no byte was wrong" verified /tmp/long
set_value traffic "$(tail -n 1 /tmp/long)"

# Suspended, up to where the kernel's own test of it turns back.
echo 1 >/sys/module/suspend/parameters/pm_test_delay
traffic talk "$host" 5001 120 6 >/tmp/sleep 2>&1 &
load=$!
sleep 1
for state in freeze disk; do
	for level in devices platform; do
		what="$state, $level"
		if ! grep -qw $state /sys/power/state || ! grep -qw $level /sys/power/pm_test; then
			skip "suspended ($what)" "this kernel cannot"
			continue
		fi
		echo $level >/sys/power/pm_test
		before=$(cat "/sys/class/net/$i/carrier_down_count")
		check "suspended ($what)" sh -c "echo $state >/sys/power/state"
		check "the card was put away, without a carrier" \
			[ "$(cat "/sys/class/net/$i/carrier_down_count")" -gt "$before" ]
		check "and the host answers" ping -q -c 2 -W 5 "$host"
	done
done
check "the traffic lasted through all of that" kill $load
wait $load
check "no connection broke, no byte was wrong" verified /tmp/sleep
set_value slept "$(tail -n 1 /tmp/sleep)"
check "nothing was malformed" sh -c "ethtool -S $i | grep -q 'malformed: 0'"
check "the driver unloads" rmmod pvk_net
refuse "the kernel had nothing to complain of" complaints
finish
