#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# liar.sh SEED SECONDS ROUNDS: a guest at work under a host that lies; seconds are those of
# each load. Anything may fail; nothing may hang for longer than the drivers say
# (docs/trust.md), and the kernel must have nothing to complain of, which the scenario
# reads from the console: what is worth it is copied there.
. /tests/lib.sh
seed=$1
seconds=$2
rounds=$3

# Kernel messages about faults, as they come, and what follows each. An interrupt that
# nobody cared for is none: a host may raise what it likes, and is then not listened to.
awk '/KASAN|BUG|WARNING|Oops|UBSAN|ODEBUG|general protection/ { n = 40 }
	/blocked for more|soft lockup|rcu.*stall|possible (recursive|circular|irq)/ { n = 40 }
	/suspicious RCU|INFO: |cannot create duplicate|corruption|Poison/ { n = 40 }
	n > 0 { n--; print "KMSG " $0; fflush() }' </dev/kmsg >/dev/console 2>&1 &

# step SECONDS NAME COMMAND...: a step may fail, and takes no longer than that; what still
# runs then is waited for at the end.
step()
{
	step_limit=$(($1 * 5))
	step_name=$2
	shift 2
	"$@" >/tmp/step.out 2>&1 </dev/null &
	step_pid=$!
	while [ $step_limit -gt 0 ]; do
		if ! kill -0 $step_pid 2>/dev/null; then
			wait $step_pid
			step_status=$?
			pvt "step $step_name: $step_status $(cut -d " " -f 1 /proc/uptime) $(tail -n 1 /tmp/step.out)"
			return $step_status
		fi
		sleep 0.2
		step_limit=$((step_limit - 1))
	done
	pvt "step $step_name: goes on"
	slow="$slow $step_pid"
	return 124
}

# With a time-out short enough that a lost answer is seen to be made up for.
load()
{
	modprobe pvk_core
	modprobe pvk_blk timeout=2
	modprobe pvk_net
}

unload()
{
	rmmod pvk_net pvk_blk pvk_core
	rmmod pvk_core
}

# canaries COMMAND...: its status 1 is a dead canary, all else is well.
canaries()
{
	"$@"
	[ $? != 1 ] || echo "CANARY $(cat /tmp/step.out)" >/dev/console
}

disks_work()
{
	for disk in /sys/block/pvk*; do
		disk=/dev/${disk##*/}
		[ -b "$disk" ] || continue
		canaries liarload disk "$disk" "$seed" "$seconds"
		mke2fs -F "$disk" >/dev/null 2>&1 && mount -t ext2 "$disk" /mnt && {
			cp -r /tests /mnt
			sync
			umount /mnt
		}
	done
	true
}

cards_work()
{
	for card in /sys/class/net/*; do
		card=${card##*/}
		[ -e "/sys/class/net/$card/device" ] || continue
		ip link set "$card" up
		ip address add 10.0.2.15/24 dev "$card"
		liarload net "$card" "$seed" "$seconds" &
		for n in $(seq "$seconds"); do
			wget -q -T 3 -O /dev/null "http://10.0.2.2:8017/"
		done
		ping -c "$seconds" -s 1400 -i 0.2 -W 1 10.0.2.2
		wait
		ip link set "$card" down
	done
	true
}

rebind()
{
	for device in /sys/bus/pvk/devices/*; do
		[ -e "$device/driver" ] || continue
		driver=$(readlink -f "$device/driver")
		echo "${device##*/}" >"$driver/unbind"
		echo "${device##*/}" >"$driver/bind"
	done
	true
}

sleeps()
{
	echo devices >/sys/power/pm_test && echo freeze >/sys/power/state
}

cpu_goes()
{
	echo 0 >/sys/devices/system/cpu/cpu1/online
	echo 1 >/sys/devices/system/cpu/cpu1/online
}

slow=
# The emulated counterparts, where there are any, are there first.
modprobe -a ata_piix sd_mod e1000 2>/dev/null
sleep 1
# More than one in the long form, so that each meets what the other's lies leave behind.
for round in $(seq "$rounds"); do
	step 60 "load $round" load
	[ -c /dev/hvc0 ] && echo "a line for hvc0" >/dev/hvc0 &
	step $((seconds * 4 + 10)) "disks $round" disks_work
	step $((seconds * 4 + 20)) "cards $round" cards_work
	# One round has the time for one of these, by the seed.
	[ $((rounds == 1 && seed % 2 == 0)) = 1 ] || step 60 "rebind $round" rebind
	[ $((round > 1 || rounds == 1 && seed % 2 == 1)) = 1 ] || step 60 "sleep $round" sleeps
	[ -e /sys/devices/system/cpu/cpu1/online ] && [ $round = 1 ] && step 30 "cpu $round" cpu_goes
	step 90 "unload $round" unload
done
# What took longer has as long as a reset that is not answered, and a request on top.
limit=150
for pid in $slow; do
	while [ $limit -gt 0 ] && kill -0 "$pid" 2>/dev/null; do
		sleep 1
		limit=$((limit - 1))
	done
	kill -0 "$pid" 2>/dev/null && pvt "stuck $pid: $(cat /proc/"$pid"/wchan)"
done
check "every step came to its end" [ $limit -gt 0 ]
finish
