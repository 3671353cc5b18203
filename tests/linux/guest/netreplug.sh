#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# netreplug.sh ROUNDS HOST ADDRESS: a card changes its model under traffic, there and back.
. /tests/lib.sh
. /tests/netlib.sh
rounds=$1
host=$2
address=$3

e=$(card e1000 30)
check "the card is emulated at first" [ -n "$e" ]
mac=$(cat "/sys/class/net/$e/address")
check "it takes an address" static "$e" "$address"
check "the host answers" ping -c 2 -W 5 "$host"
# A card in use is not taken unless asked for.
modprobe pvk_net
check "a card that is up stays where it is" [ "$(card e1000 5)" = "$e" ]
check "and there is one card" [ "$(cards)" = 1 ]
check "the log says why" sh -c 'dmesg | grep pvk | grep -qiE "in use|is up|busy"'
rmmod pvk_net

traffic talk "$host" 5001 $((rounds * 60 + 60)) 7 >/tmp/long 2>&1 &
load=$!
n=0
bad=
while [ $n -lt "$rounds" ] && [ -z "$bad" ]; do
	n=$((n + 1))
	modprobe pvk_net unplug=always || bad="load"
	p=$(card pvk_net 30) || bad="no card on the pvkit model"
	[ "$(cards)" = 1 ] || bad="the card is there twice"
	[ "$(cat "/sys/class/net/$p/address")" = "$mac" ] || bad="another address on the pvkit model"
	static "$p" "$address" || bad="address on the pvkit model"
	ping -q -c 2 -W 5 "$host" || bad="no answer on the pvkit model"
	sleep 1
	rmmod pvk_net || bad="unload"
	e=$(card e1000 30) || bad="no card on the emulated model"
	[ "$(cards)" = 1 ] || bad="the card is there twice after the return"
	[ "$(cat "/sys/class/net/$e/address")" = "$mac" ] || bad="another address on the emulated model"
	static "$e" "$address" || bad="address on the emulated model"
	ping -q -c 2 -W 5 "$host" || bad="no answer on the emulated model"
	sleep 1
done
[ -z "$bad" ] || echo "round $n: $bad"
check "$rounds times there and back under traffic" [ -z "$bad" ]
set_value rounds $n
check "the traffic lasted through all of that" kill $load
wait $load
check "no connection broke, no byte was wrong" sh -c 'cat /tmp/long; grep -q " messages " /tmp/long && ! grep -q "^traffic: " /tmp/long'
set_value traffic "$(tail -n 1 /tmp/long)"
refuse "no complaint about malformed answers" grep -qv '^0$' /sys/bus/platform/drivers/pvkit/PVKT0001:00/answers_malformed
refuse "the kernel had nothing to complain of" complaints
finish
