#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
. /tests/lib.sh
disk=$(wait_disk PVTEST01 30)
case $1 in
journal)
	at writing
	exec tool journal "/dev/$disk" 64
	;;
files)
	mount -t ext4 "/dev/$disk" /mnt || exit 1
	at writing
	n=0
	while :; do
		n=$((n + 1))
		dd if=/dev/urandom of="/mnt/file$n" bs=4k count=4 conv=fsync 2>/dev/null || exit 1
		echo "line $n" |
			dd of=/mnt/lines bs=64 seek=$n conv=notrunc,fsync,sync 2>/dev/null || exit 1
		echo "ACK $n"
	done
	;;
look)
	check "mounts" mount -t ext4 "/dev/$disk" /mnt
	check "line $2 is there" sh -c 'dd if=/mnt/lines bs=64 skip=$1 count=1 2>/dev/null | grep -q "^line $1$"' sh "$2"
	check "file $2 has its size" [ "$(wc -c <"/mnt/file$2")" = 16384 ]
	check "unmounts" umount /mnt
	finish
	;;
esac
