#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# What udhcpc calls: sets address and route that the server gave.
case $1 in
deconfig)
	ip address flush dev "$interface"
	;;
bound|renew)
	ip address replace "$ip/${mask:-24}" dev "$interface"
	[ -z "$router" ] || ip route replace default via "${router%% *}" dev "$interface"
	[ -z "$dns" ] || echo "nameserver ${dns%% *}" >/etc/resolv.conf
	;;
esac
