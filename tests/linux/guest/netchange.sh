#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# netchange.sh HOST ADDRESS SECONDS: whatever a user may change is changed under traffic.
. /tests/lib.sh
. /tests/netlib.sh
host=$1
address=$2
seconds=$3

modprobe pvk_net
i=$(card pvk_net 30)
check "there is a card on the pvkit model" [ -n "$i" ]
check "it takes an address" static "$i" "$address"
check "the host answers" ping -c 2 -W 5 "$host"
check "its driver tells its name" sh -c "ethtool -i $i | grep -q '^driver: pvk_net'"
check "and its channels" ethtool -l "$i"
check "and its rings" ethtool -g "$i"
check "and its coalescing" ethtool -c "$i"
check "and statistics of each queue" sh -c "ethtool -S $i | grep -qE 'rx|tx'"

traffic talk "$host" 5001 "$seconds" 11 >/tmp/long 2>&1 &
load=$!

# counted REGEX: the driver's counters of that name, in sum
counted()
{
	ethtool -S "$i" | awk -v name="^$1:\$" '$1 ~ name { n += $2 } END { print n + 0 }'
}

change()
{
	check "under traffic: $*" "$@"
	sleep 1
	check "the host answers after it" ping -c 1 -W 10 "$host"
}
change ethtool -G "$i" rx 64 tx 64
change ethtool -G "$i" rx 1024 tx 512
change ethtool -L "$i" combined 1
change ethtool -L "$i" combined 2
change ethtool -X "$i" equal 1
change ethtool -X "$i" equal 2
change ethtool -X "$i" default
change ethtool -C "$i" adaptive-rx off rx-frames 64
refuse "a number of frames beside adaptive-rx" ethtool -C "$i" adaptive-rx on rx-frames 65
change ethtool -C "$i" adaptive-rx on
refuse "the number of frames alone" ethtool -C "$i" tx-frames 5
refuse "no frames at all" ethtool -C "$i" adaptive-tx off tx-frames 0
change ethtool -K "$i" tso off
change ethtool -K "$i" tx off
change ethtool -K "$i" rx off
change ethtool -K "$i" tx on rx on tso on
change ip link set "$i" promisc on
change ip link set "$i" promisc off
change ip link set "$i" mtu 1400
change ip link set "$i" mtu 1500
change xdp "$i" pass
echo 2 >"/sys/class/net/$i/queues/tx-0/xps_cpus"
change ethtool -G "$i" rx 512
check "what CPUs send by stays as it was set" grep -qx 0*2 "/sys/class/net/$i/queues/tx-0/xps_cpus"
change ethtool -L "$i" combined 1
change xdp "$i" drop
change xdp "$i" off
change ethtool -L "$i" combined 2

# All that comes is pair 1's, and the CPU that serves it goes.
cpu=/sys/devices/system/cpu/cpu1/online
change ethtool -X "$i" weight 0 1
change sh -c "echo 0 >$cpu"
before=$(counted p1_rx_packets)
sleep 2
n=$(($(counted p1_rx_packets) - before))
check "another CPU receives for it ($n frames)" [ $n -gt 20 ]
refuse "fewer pairs than the table needs" ethtool -L "$i" combined 1
change sh -c "echo 1 >$cpu"
change ethtool -X "$i" default

refuse "a ring size that is none" ethtool -G "$i" rx 100000
refuse "more channels than there are" ethtool -L "$i" combined 64
refuse "an MTU out of range" ip link set "$i" mtu 60000
check "the host answers still" ping -c 1 -W 10 "$host"
check "the traffic lasted through all of that" kill $load
wait $load
check "no connection broke, no byte was wrong" sh -c 'cat /tmp/long; grep -q " messages " /tmp/long && ! grep -q "^traffic: " /tmp/long'
set_value traffic "$(tail -n 1 /tmp/long)"

# The cable is pulled and plugged in again by the host.
at pull
await
n=0
while [ $n -lt 50 ] && grep -q 1 "/sys/class/net/$i/carrier"; do n=$((n + 1)); sleep 0.2; done
check "the link goes down" grep -q 0 "/sys/class/net/$i/carrier"
at plug
await
n=0
while [ $n -lt 50 ] && ! grep -q 1 "/sys/class/net/$i/carrier"; do n=$((n + 1)); sleep 0.2; done
check "and comes up" grep -q 1 "/sys/class/net/$i/carrier"
check "and the host answers" ping -c 2 -W 10 "$host"

# A packet that the host need not be able to cut, into six pieces.
before=$(counted 'p[0-9]_tx_gso')
at large
await
check "a large packet with an IPv6 routing header is sent" large6 "$i" 6
check "cut by the kernel" [ "$(counted 'p[0-9]_tx_gso')" = "$before" ]
at cut
await

# Here, as the messages to come push all others out.
refuse "the kernel had nothing to complain of" complaints

# XDP programs, judged by the host, which sends the frames, and by the driver's counters.
# Beside them the kernel's messages go out by the same rings, from any context.
check "there is a console by the network" modprobe netconsole \
	"netconsole=6665@$address/$i,6666@$host/$(awk -v a="$host" '$1 == a { print $4 }' /proc/net/arp)"
echo on >/proc/sys/kernel/printk_devkmsg
for action in pass drop tx redirect; do
	check "the program '$action' is attached" xdp "$i" $action
	before=$(counted "p[0-9]_rx_xdp_$action")
	at "xdp-$action"
	while :; do echo "<0>netchange: $action" >/dev/kmsg; usleep 2000; done &
	load=$!
	await
	kill $load
	n=$(($(counted "p[0-9]_rx_xdp_$action") - before))
	check "it answered '$action' to the frames that came ($n)" [ $n -ge 45 ]
done
rmmod netconsole
check "and taken off" xdp "$i" off
check "the host answers" ping -c 2 -W 10 "$host"

# The TAP goes away under us.
at delete
await
ping -c 2 -W 1 "$host" >/dev/null
n=0
while [ $n -lt 50 ] && grep -q 1 "/sys/class/net/$i/carrier"; do n=$((n + 1)); sleep 0.2; done
check "without its TAP the link is down" grep -q 0 "/sys/class/net/$i/carrier"
check "and the driver unloads" rmmod pvk_net
refuse "no complaint about malformed answers" grep -qv '^0$' /sys/bus/platform/drivers/pvkit/PVKT0001:00/answers_malformed
finish
