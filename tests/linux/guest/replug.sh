#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
. /tests/lib.sh
rounds=$1
emulated() { [ "${1#sd}" != "$1" ]; }
sum() { dd if="/dev/$1" bs=64k count=32 2>/dev/null | sha256sum | cut -d ' ' -f 1; }

disk=$(wait_disk PVTEST01 30)
other=$(wait_disk PVTEST02 30)
check "both disks are emulated at first" emulated "$disk"
check "the emulated model takes a pattern" tool write "/dev/$disk" 0 2048 1
check "the other disk is mounted" mount -t ext4 "/dev/$other" /mnt
check "the driver loads" modprobe pvk_blk
disk=$(wait_disk PVTEST01 30)
check "the idle disk was taken over" is_pv "$disk"
check "and is there once" once PVTEST01
check "the mounted one is there once" once PVTEST02
check "and still emulated" emulated "$(disks PVTEST02)"
check "the log says that it is in use" sh -c 'dmesg | grep pvk | grep -qiE "in use|busy|mounted"'
check "and its file system works" sh -c 'echo hello >/mnt/file && sync && grep -q hello /mnt/file'
check "the pvkit model has the emulated one's bytes" tool verify "/dev/$disk" 0 2048 1
check "the pvkit model takes a pattern" tool write "/dev/$disk" 2048 2048 2
set_value pv-sum "$(sum "$disk")"
check "the driver unloads" rmmod pvk_blk
disk=$(wait_disk PVTEST01 30)
check "the disk is given back" emulated "$disk"
check "once" once PVTEST01
check "the emulated model has the pvkit one's bytes" tool verify "/dev/$disk" 2048 2048 2
check "and its own" tool verify "/dev/$disk" 0 2048 1
set_value emulated-sum "$(sum "$disk")"

# The mounted disk, on the neighbouring drive of the same channel, stays busy.
while [ ! -e /tmp/stop ]; do
	dd if=/dev/zero of=/mnt/busy bs=64k count=16 conv=fsync 2>/dev/null
done &
load=$!
n=0
bad=
while [ $n -lt "$rounds" ] && [ -z "$bad" ]; do
	n=$((n + 1))
	modprobe pvk_blk || bad="load"
	pv=$(wait_disk PVTEST01 30)
	is_pv "$pv" || bad="model after load: $pv"
	once PVTEST01 >/dev/null || bad="twice after load"
	tool write "/dev/$pv" 4096 512 $n || bad="write, pvkit"
	rmmod pvk_blk || bad="unload"
	sd=$(wait_disk PVTEST01 30)
	emulated "$sd" || bad="model after unload: $sd"
	once PVTEST01 >/dev/null || bad="twice after unload"
	tool verify "/dev/$sd" 4096 512 $n || bad="verify, emulated"
	tool write "/dev/$sd" 8192 512 $n || bad="write, emulated"
	once PVTEST02 >/dev/null || bad="the other disk"
done
touch /tmp/stop
wait $load
[ -z "$bad" ] || echo "round $n: $bad"
check "$rounds times there and back under load" [ -z "$bad" ]
set_value rounds $n
check "the busy disk can be unmounted" umount /mnt
check "and is taken over then" modprobe pvk_blk
check "as well" is_pv "$(wait_disk PVTEST02 30)"
check "there once" once PVTEST02
check "with its files" sh -c 'mount -t ext4 "/dev/$1" /mnt && grep -q hello /mnt/file && umount /mnt' sh "$(disks PVTEST02)"
refuse "no complaint about malformed answers" grep -qv '^0$' /sys/bus/platform/drivers/pvkit/PVKT0001:00/answers_malformed
finish
