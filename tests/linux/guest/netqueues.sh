#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# netqueues.sh PVKIT-MAC EMULATED-MAC: a card with two queues on 10.81.0, and an emulated
# one on 10.82.0, both with large frames.
. /tests/lib.sh
. /tests/netlib.sh

# frames IF PAIR: received and sent by that pair
frames()
{
	ethtool -S "$1" | awk -v p="p$2_" '
		$1 == p "rx_packets:" { r = $2 }
		$1 == p "tx_packets:" { t = $2 }
		END { print r + 0, t + 0 }'
}

# fragments: made and reassembled by this machine so far
fragments()
{
	awk '/^Ip: [0-9]/ { print $15 + $20 }' /proc/net/snmp
}

modprobe pvk_net
modprobe e1000
i=$(card_of "$1" 30)
check "the card with two queues is there" static "$i" 10.81.0.2
check "it uses both" sh -c "ethtool -l $i | tail -n 2 | grep -q '^Combined:[^0-9]*2$'"
check "it begins with the host's MTU" grep -qx 9000 "/sys/class/net/$i/mtu"
check "the host answers" ping -c 2 -W 5 10.81.0.1
before=$(fragments)
check "large frames go both ways" ping -c 3 -W 5 -s 8900 10.81.0.1
check "unfragmented" [ "$(fragments)" = "$before" ]
taskset 1 traffic talk 10.81.0.1 5001 6 1 >/tmp/talk1 2>&1 &
load1=$!
taskset 2 traffic talk 10.81.0.1 5001 6 2 >/tmp/talk2 2>&1 &
load2=$!
wait $load1 $load2
check "traffic of one CPU comes through as it was sent" verified /tmp/talk1
check "and of the other" verified /tmp/talk2
set_value traffic1 "$(tail -n 1 /tmp/talk1)"
set_value traffic2 "$(tail -n 1 /tmp/talk2)"
check "none of it was in fragments" [ "$(fragments)" = "$before" ]
for pair in 0 1; do
	set -- "$1" "$2" $(frames "$i" $pair)
	echo "pair $pair: $3 received, $4 sent"
	check "pair $pair received and sent" [ "$3" -gt 50 -a "$4" -gt 50 ]
	set_value pair$pair "$3 $4"
done
check "nothing was malformed" sh -c "ethtool -S $i | grep -q 'malformed: 0'"

# One queue under traffic, and two again.
traffic talk 10.81.0.1 5001 120 3 >/tmp/talk3 2>&1 &
load=$!
sleep 1
check "with one pair" ethtool -L "$i" combined 1
sleep 1
check "the host answers" ping -c 2 -W 10 10.81.0.1
check "with two" ethtool -L "$i" combined 2
at down
await
sleep 1
at up
await
check "the host answers after its TAP was down" ping -c 5 -W 10 10.81.0.1
check "the traffic lasted through all of that" kill $load
wait $load
check "no connection broke, no byte was wrong" verified /tmp/talk3

e=$(card_of "$2" 30)
check "the emulated card is there" ip link set "$e" mtu 9000
check "it takes an address" static "$e" 10.82.0.2
before=$(fragments)
check "large frames go both ways, too" ping -c 3 -W 5 -s 8900 10.82.0.1
check "traffic comes through as it was sent" talk 10.82.0.1 5 4
set_value traffic4 "$(tail -n 1 /tmp/talk)"
check "unfragmented" [ "$(fragments)" = "$before" ]
refuse "the kernel had nothing to complain of" complaints
finish
