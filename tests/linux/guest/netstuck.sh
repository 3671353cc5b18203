#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# netstuck.sh events|reset: a pvkit card whose host tells of no completion, or answers
# neither frames nor the reset.
. /tests/lib.sh
. /tests/netlib.sh

# logged PATTERN SECONDS: does the kernel say so, in time?
logged()
{
	end=$(($(date +%s) + $2))
	while ! dmesg | grep -q "$1" && [ "$(date +%s)" -le $end ]; do
		usleep 300000
	done
	dmesg | grep "$1"
}

# sent: frames that were answered. Not by ethtool, which waits for a reset.
sent()
{
	cat "/sys/class/net/$i/statistics/tx_packets"
}

sent_more()
{
	end=$(($(date +%s) + 5))
	while [ "$(sent)" -le "$1" ] && [ "$(date +%s)" -le $end ]; do
		usleep 200000
	done
	echo "before: $1, now: $(sent)"
	[ "$(sent)" -gt "$1" ]
}

modprobe pvk_net
i=$(card pvk_net 30)
check "there is a card on the pvkit model" static "$i" 10.77.0.2
for n in 1 2 3 4; do
	ping -q -c 60 10.77.0.255 >/dev/null 2>&1 &
done
case $1 in
events)
	sleep 5
	before=$(sent)
	check "the kernel's watchdog sees a stopped queue" logged "NETDEV WATCHDOG" 25
	check "the driver finds the completions" logged "completions came without an event" 2
	check "frames leave again" sent_more "$before"
	check "without a reset" sh -c "ethtool -S $i | grep -q ' resets: 0$'"
	;;
reset)
	check "the driver sees frames that are not answered" logged "not answered in time: resetting" 15
	# To the kernel a queue is stuck 10 s after its last frame. It looks at least every 10 s.
	sleep 18
	check "the reset is under way, under a carrier" [ "$(cat "/sys/class/net/$i/carrier")" = 1 ]
	refuse "nobody says how it ended" sh -c 'dmesg | grep -E "does not reset the device|works again"'
	refuse "to the kernel no queue is stuck" sh -c 'dmesg | grep "NETDEV WATCHDOG"'
	;;
esac
refuse "the kernel had nothing else to complain of" sh -c 'dmesg | grep -E "Oops|BUG:|WARNING:|Call Trace"'
finish
