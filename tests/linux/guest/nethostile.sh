#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# nethostile.sh SEED ROUNDS HOST ADDRESS: NIC 0 works under its driver while NIC 1
# (emulated) and NIC 2 (pvkit) are misused from user space, both at once.
. /tests/lib.sh
. /tests/netlib.sh
seed=$1
rounds=$2
host=$3
address=$4

echo 4 >/proc/sys/vm/nr_hugepages
echo 0 >/sys/bus/pci/drivers_autoprobe
modprobe e1000
echo 0000:00:02.0 >/sys/bus/pci/drivers/e1000/bind
i=$(card e1000 30)
check "one card has its driver" [ "$(cards)" = 1 ]
check "it takes an address" static "$i" "$address"
check "the host answers" ping -c 2 -W 5 "$host"
traffic talk "$host" 5001 $((rounds / 4 + 5)) "$seed" >/tmp/long 2>&1 &
load=$!
nethostile emulated "$seed" "$rounds" 0000:00:03.0 >/tmp/emulated 2>&1 &
emulated=$!
check "the pvkit model keeps to its rules" nethostile pvkit "$seed" "$rounds"
sed 's/^/# /' /tmp/pvt.out
wait $emulated
emulated=$?
check "the emulated model keeps to its rules" [ $emulated = 0 ]
sed 's/^/# /' /tmp/emulated
check "the host answers still" ping -c 2 -W 10 "$host"
wait $load
check "traffic on the other card went on" verified /tmp/long
set_value traffic "$(tail -n 1 /tmp/long)"

# What was misused is as good as new to its driver.
ip link set "$i" down
modprobe pvk_net
i=$(card pvk_net 30)
check "the misused card works with its driver" [ -n "$i" ]
check "and comes up" ip link set "$i" up
set_value name "$i"
refuse "the kernel had nothing to complain of" complaints
finish
