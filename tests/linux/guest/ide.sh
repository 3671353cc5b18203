#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# Two disks on the first channel, a read-only one on the second, stock drivers.
. /tests/lib.sh
a=$(wait_disk PVTEST01 30)
b=$(wait_disk PVTEST02 30)
ro=$(wait_disk PVTEST03 30)
for n in 1 2 3; do
	check "disk $n is there once" once PVTEST0$n
done
host() { readlink "/sys/block/$1/device" | sed 's/.*\/\([0-9]*\):.*/\1/'; }
check "two share a channel" [ "$(host "$a")" = "$(host "$b")" ]
check "the third is on the other" [ "$(host "$a")" != "$(host "$ro")" ]

# ATA has no way to say read-only: such a disk aborts writes, and after its
# attempts the kernel fails them.
refuse "a write to the read-only disk fails" tool write "/dev/$ro" 0 8 1
check "its content is read after that" sh -c "head -c 15 /dev/$ro | grep -q 'must not change'"
check "it has its size" [ "$(cat "/sys/block/$ro/size")" = 8192 ]

# One disk's I/O while the other one's is under way.
tool write "/dev/$b" 0 32768 2 >/tmp/b.out 2>&1 &
other=$!
check "a pattern on the first disk of the channel" tool write "/dev/$a" 0 32768 1
check "and at the same time on the second" wait $other
check "the first holds it" tool verify "/dev/$a" 0 32768 1
check "and the second" tool verify "/dev/$b" 0 32768 2
check "the last sectors can be written" tool write "/dev/$a" 524280 8 5
refuse "beyond the end nothing is read" tool verify "/dev/$a" 524288 8 5
check "odd pieces: 3 sectors at 1001" tool write "/dev/$a" 1001 3 6

check "a file system is made" mke2fs -q -b 4096 -F "/dev/$b"
for n in 1 2 3; do
	check "mount $n" mount -t ext4 "/dev/$b" /mnt
	if [ $n -gt 1 ]; then
		check "mount $n: the files of before are there" sh -c 'cd /mnt && sha256sum -c sums'
	fi
	dd if=/dev/urandom of=/mnt/file$n bs=64k count=32 conv=fsync 2>/dev/null
	(cd /mnt && sha256sum file* >sums)
	check "fsync $n" dd if=/dev/null of=/mnt/sums conv=notrunc,fsync
	if [ $n = 2 ]; then
		check "remounted read-only" mount -o remount,ro /mnt
		refuse "then nothing is written" touch /mnt/none
		check "and writable again" mount -o remount,rw /mnt
	fi
	check "unmount $n" umount /mnt
done

# How fast, for the eye of the scenario; limits are in seconds and generous.
seconds() { awk '{ print $1 }' /proc/uptime; }
for how in write read; do
	begun=$(seconds)
	case $how in
	write)
		check "64 MiB are written" dd if=/dev/zero of="/dev/$a" bs=1M seek=32 count=64 \
			oflag=direct conv=notrunc ;;
	read)
		check "and read" dd if="/dev/$a" of=/dev/null bs=1M skip=32 count=64 iflag=direct ;;
	esac
	set_value $how "$(echo "$begun $(seconds)" | awk '{ print $2 - $1 }')"
done
check "no reset, no error but those of the read-only disk" fails sh -c \
	'dmesg | grep -E "ata[0-9].*(reset|failed command|timeout|exception)|I/O error" |
		grep -v "ata2[.]00: \(exception\|failed command: WRITE DMA\)\|dev $1"' sh "$ro"
finish
