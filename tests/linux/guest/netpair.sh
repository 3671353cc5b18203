#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# netpair.sh serve|talk MODEL OWN PEER: two guests with a wire between them.
. /tests/lib.sh
. /tests/netlib.sh
role=$1
model=$2
own=$3
peer=$4

[ "$model" != pvkit ] || modprobe pvk_net
i=$(card "$(driver_of "$model")" 30)
check "there is a card on the $model model" [ -n "$i" ]
check "it takes an address" static "$i" "$own"
if [ "$role" = serve ]; then
	traffic serve 5001 >/tmp/serve 2>&1 &
	server=$!
	at serving
	await
	check "nothing that came was wrong" kill -0 $server
	cat /tmp/serve
	kill $server
else
	n=0
	while [ $n -lt 60 ] && ! ping -q -c 1 -W 1 "$peer" >/dev/null; do n=$((n + 1)); done
	check "the other guest answers" ping -c 2 -W 5 "$peer"
	check "traffic comes through as it was sent" talk "$peer" 8 3
	set_value traffic "$(tail -n 1 /tmp/talk)"
	check "large pings, in fragments" ping -c 3 -W 5 -s 20000 "$peer"
fi
refuse "the kernel had nothing to complain of" complaints
finish
