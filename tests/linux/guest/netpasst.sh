#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# netpasst.sh MAC...: cards whose wires end at passt, one after the other: an address
# by DHCP, and the host by the address of the router.
. /tests/lib.sh
. /tests/netlib.sh

modprobe e1000
modprobe pvk_net
n=0
for mac; do
	n=$((n + 1))
	i=$(card_of "$mac" 30)
	check "card $n is there" [ -n "$i" ]
	check "passt gives it an address" lease "$i"
	host=$(ip route | awk '/^default/ { print $3; exit }')
	check "and a router" [ -n "$host" ]
	check "the host serves a page" fetch "$host"
	check "traffic comes through as it was sent" talk "$host" 5 $n
	set_value "traffic$n" "$(tail -n 1 /tmp/talk)"
	check "it goes down" ip link set "$i" down
	ip address flush dev "$i"
done
finish
