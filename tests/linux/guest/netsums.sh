#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# netsums.sh MAC...: a card each on 10.81.0, 10.82.0 ...; traffic of ours and of
# iperf3 over each, so that the scenario can look at its checksums.
. /tests/lib.sh
. /tests/netlib.sh

modprobe e1000
modprobe pvk_net
n=0
for mac; do
	n=$((n + 1))
	host=10.8$n.0.1
	i=$(card_of "$mac" 30)
	check "card $n is there" static "$i" 10.8$n.0.2
	check "its host answers" ping -c 2 -W 5 $host
	check "it sums for us" sh -c "ethtool -k $i | grep -q '^tx-checksumming: on'"
	check "and cuts" sh -c "ethtool -k $i | grep -q '^tcp-segmentation-offload: on'"
	check "traffic comes through as it was sent" talk $host 3 $n
	set_value "traffic$n" "$(tail -n 1 /tmp/talk)"
	check "iperf3 sends" iperf3 -c $host -t 2
	check "iperf3 receives" iperf3 -c $host -t 2 -R
	check "iperf3 sends datagrams" iperf3 -c $host -t 1 -u -b 10M -l 1400
	check "large pings, in fragments" ping -c 2 -W 5 -s 9000 $host
	at "next$n"
	await
	# The same without the card's help: then the kernel has summed each frame.
	check "without offloads" ethtool -K "$i" tx off
	check "traffic comes through, too" talk $host 2 $((n + 10))
	check "iperf3 sends datagrams, too" iperf3 -c $host -t 1 -u -b 10M -l 1400
	check "and large pings come back" ping -c 2 -W 5 -s 9000 $host
	at "end$n"
	await
done
refuse "the kernel had nothing to complain of" complaints
finish
