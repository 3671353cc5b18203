#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
. /tests/lib.sh
ram=
for dir in /sys/firmware/memmap/*; do
	if [ "$(cat "$dir/type")" = "System RAM" ]; then
		start=$(cat "$dir/start")
		end=$(cat "$dir/end")
		ram="$ram ${start#0x}-${end#0x}"
	fi
done
set_value ram $ram
total=$(awk '/MemTotal/ { print $2 }' /proc/meminfo)
set_value total "$total"
# Some of it, in a file in memory, read again after the caches were dropped.
mount -t tmpfs -o size=90% tmpfs /mnt
amount=$((total / 1024 / 4))
[ $amount -gt 64 ] && amount=64
dd if=/dev/urandom of=/tmp/piece bs=1M count=1 2>/dev/null
n=0
while [ $n -lt $amount ]; do
	cat /tmp/piece
	n=$((n + 1))
done >/mnt/file
sum=$(sha256sum </tmp/piece)
held=yes
n=0
while [ $n -lt $amount ]; do
	[ "$(dd if=/mnt/file bs=1M skip=$n count=1 2>/dev/null | sha256sum)" = "$sum" ] || held=no
	n=$((n + 8))
done
set_value held $held
check "the file has its size" [ "$(wc -c </mnt/file)" = $((amount * 1048576)) ]
finish
