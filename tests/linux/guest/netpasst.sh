#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# netpasst.sh EMULATED PVKIT (MAC addresses): cards whose lines end at passt: an address
# by DHCP for each; the host, by the address of the router, on the pvkit model.
. /tests/lib.sh
. /tests/netlib.sh

modprobe e1000
modprobe pvk_net

# served CARD NAME: address and router; sets host
served()
{
	check "$2: passt gives it an address" lease "$1"
	host=$(ip route | awk '/^default/ { print $3; exit }')
	check "$2: and a router" [ -n "$host" ]
}

i=$(card_of "$1" 30)
served "$i" emulated
check "it goes down" ip link set "$i" down
ip address flush dev "$i"
i=$(card_of "$2" 30)
served "$i" pvkit
# not fetch: after the end of one direction this passt forgets the other's
timeout 30 wget -q -O /tmp/page "http://$host:8000/"
check "the host serves a page" grep -q "served by the host" /tmp/page
refuse "the kernel had nothing to complain of" complaints
finish
