#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# net.sh MODEL HOST: one card on one model: an address, a page, verified traffic.
. /tests/lib.sh
. /tests/netlib.sh
model=$1
host=$2

[ "$model" != pvkit ] || modprobe pvk_net
i=$(card "$(driver_of "$model")" 30)
check "there is a card on the $model model" [ -n "$i" ]
check "and no other" [ "$(cards)" = 1 ]
set_value mac "$(cat "/sys/class/net/$i/address")"
check "the server gives it an address" lease "$i"
check "its link is up" grep -q 1 "/sys/class/net/$i/carrier"
check "the host answers" ping -c 3 -W 5 "$host"
check "and serves a page" fetch "$host"
if [ "$3" != page ]; then
	check "traffic comes through as it was sent" talk "$host" 8 1
	set_value traffic "$(tail -n 1 /tmp/talk)"
	check "large pings, in fragments" ping -c 3 -W 5 -s 20000 "$host"
fi
check "it goes down" ip link set "$i" down
check "and up again" lease "$i"
check "and the host answers" ping -c 2 -W 5 "$host"
[ "$model" != pvkit ] || check "the driver unloads" rmmod pvk_net
refuse "the kernel had nothing to complain of" complaints
finish
