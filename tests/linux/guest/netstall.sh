#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# netstall.sh MAC...: a card each on the lines 10.81.0, 10.82.0 ...; the other ends
# stop reading for a while. The guest goes on, and traffic does afterwards.
. /tests/lib.sh
. /tests/netlib.sh

# uptime in hundredths of a second
now()
{
	read -r net_up net_rest </proc/uptime
	echo "${net_up%.*}${net_up#*.}"
}

modprobe e1000
modprobe pvk_net
n=0
for mac; do
	n=$((n + 1))
	i=$(card_of "$mac" 30)
	check "card $n is there" static "$i" 10.8$n.0.2
	check "its host answers" ping -c 2 -W 5 10.8$n.0.1
	eval "card$n=$i"
done
cards=$n
# All at once: each is to be in the middle of it when its wire stalls.
for n in $(seq $cards); do
	traffic talk 10.8$n.0.1 5001 20 $n >/tmp/talk$n 2>&1 &
	eval "load$n=$!"
done
sleep 3
at stop
await

# Nobody reads any more. Does this machine still do its work?
begin=$(now)
last=$begin
longest=0
while [ $((last - begin)) -lt 500 ]; do
	usleep 50000
	t=$(now)
	[ $((t - last)) -le $longest ] || longest=$((t - last))
	last=$t
done
echo "longest pause: $longest hundredths of a second"
set_value pause "$longest"
check "the guest's clock ticks" [ "$longest" -lt 500 ]
for n in $(seq $cards); do
	eval "i=\$card$n"
	check "card $n tells its statistics" ethtool -S "$i"
	refuse "its host does not answer" ping -q -c 1 -W 1 10.8$n.0.1
	begin=$(now)
	check "it goes down with frames on their way" ip link set "$i" down
	check "and up" ip link set "$i" up
	t=$(($(now) - begin))
	check "soon enough ($t hundredths of a second)" [ $t -lt 1500 ]
done
at go
await

for n in $(seq $cards); do
	eval "load=\$load$n"
	check "the host of card $n answers again" ping -q -c 5 -W 5 10.8$n.0.1
	wait "$load"
	check "no connection broke, no byte was wrong" verified /tmp/talk$n
	set_value "traffic$n" "$(tail -n 1 /tmp/talk$n)"
done
refuse "the kernel had nothing to complain of" complaints
finish
