#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# netqemu.sh serve|talk MAC...: a card each on the lines 10.81.0, 10.82.0 ...; who
# serves is a guest of QEMU with virtio's cards.
. /tests/lib.sh
. /tests/netlib.sh
role=$1
shift
own=1
peer=2
if [ "$role" = talk ]; then
	own=2
	peer=1
fi

for module in virtio_pci virtio_net e1000 pvk_net; do
	modprobe $module
done
n=0
for mac; do
	n=$((n + 1))
	i=$(card_of "$mac" 30)
	check "card $n is there" static "$i" 10.8$n.0.$own
done
if [ "$role" = serve ]; then
	traffic serve 5001 >/tmp/serve 2>&1 &
	server=$!
	at serving
	await
	check "nothing that came was wrong" kill -0 $server
	kill $server
	finish
fi
for k in $(seq $n); do
	t=0
	while [ $t -lt 30 ] && ! ping -q -c 1 -W 1 10.8$k.0.$peer >/dev/null; do t=$((t + 1)); done
	check "the guest at the end of wire $k answers" ping -q -c 2 -W 5 10.8$k.0.$peer
	check "traffic comes through as it was sent" talk 10.8$k.0.$peer 4 $k
	set_value "traffic$k" "$(tail -n 1 /tmp/talk)"
	check "large pings, in fragments" ping -q -c 2 -W 5 -s 12000 10.8$k.0.$peer
done
refuse "the kernel had nothing to complain of" complaints
finish
