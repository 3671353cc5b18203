#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# netsoak.sh HOST ADDRESS SECONDS: an hour's worth of what happens to a card, in minutes.
# Verified traffic of mixed sizes all the time; models, rings, channels, MTU and
# offloads change; memory that stays taken is looked for at the end.
. /tests/lib.sh
. /tests/netlib.sh
host=$1
address=$2
seconds=$3

# slab: kilobytes of kernel memory that cannot be reclaimed, and of free pages
slab()
{
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
	awk '/^SUnreclaim:/ { print $2 }' /proc/meminfo
}

begin=$(date +%s)
modprobe pvk_net unplug=always
i=$(card pvk_net 30)
check "there is a card on the pvkit model" [ -n "$i" ]
static "$i" "$address"
check "the host answers" ping -c 2 -W 10 "$host"
ethtool -G "$i" rx 64 tx 64
ethtool -G "$i" rx 256 tx 256
rmmod pvk_net
e=$(card e1000 30)
static "$e" "$address"
before=$(slab)

traffic talk "$host" 5001 "$seconds" 23 >/tmp/long 2>&1 &
load=$!
rounds=0
bad=
while kill -0 $load 2>/dev/null && [ -z "$bad" ] &&
		[ $(($(date +%s) - begin)) -lt $((seconds + 30)) ]; do
	rounds=$((rounds + 1))
	modprobe pvk_net unplug=always || bad="load"
	i=$(card pvk_net 30) || bad="no card on the pvkit model"
	static "$i" "$address" || bad="address"
	sleep 1
	for sizes in 32:1024 1024:32 256:256; do
		ethtool -G "$i" rx ${sizes%:*} tx ${sizes#*:} || bad="rings"
	done
	for n in 1 2 1 2; do
		ethtool -L "$i" combined $n || bad="channels"
	done
	ip link set "$i" mtu 1300 || bad="mtu"
	ethtool -K "$i" tso off tx off >/dev/null || bad="offloads"
	sleep 1
	ip link set "$i" mtu 1500 || bad="mtu"
	ethtool -K "$i" tx on tso on >/dev/null || bad="offloads"
	sleep 2
	rmmod pvk_net || bad="unload"
	e=$(card e1000 30) || bad="no card on the emulated model"
	static "$e" "$address" || bad="address on the emulated model"
	[ "$(cards)" = 1 ] || bad="the card is there twice"
	sleep 2
done
[ -z "$bad" ] || echo "round $rounds: $bad"
check "rounds of changes under traffic" [ -z "$bad" ]
set_value rounds $rounds
wait $load
check "no connection broke, no byte was wrong" sh -c 'cat /tmp/long; grep -q " messages " /tmp/long && ! grep -q "^traffic: " /tmp/long'
set_value traffic "$(tail -n 1 /tmp/long)"
after=$(slab)
set_value slab "$before $after"
check "the guest's kernel keeps no memory" [ "$after" -lt $((before + 4096)) ]
refuse "no complaint about malformed answers" grep -qv '^0$' /sys/bus/platform/drivers/pvkit/PVKT0001:00/answers_malformed
refuse "the kernel had nothing to complain of" complaints
finish
