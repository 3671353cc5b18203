#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
. /tests/lib.sh
amount=$1
check "the driver loads with a polled queue" modprobe pvk_blk poll_queues=1
disk=$(wait_disk PVTEST01 30)
check "the disk is there" is_pv "$disk"
check "a queue has no interrupt" grep -q 'irq=0 ' /sys/bus/pvk/devices/pvk1/queues
check "a pattern" tool write "/dev/$disk" 0 512 3
job="--filename=/dev/$disk --direct=1 --verify=crc32c --verify_fatal=1 --do_verify=1 --size=$amount --io_size=$amount --offset=0 --output-format=terse"
[ "$amount" = 24m ] || job="$job --loops=4"
check "fio: random writes of 4k, verified, depth 32" \
	fio --name=a $job --rw=randwrite --bs=4k --ioengine=io_uring --iodepth=32
check "fio: mixed sizes up to 256k, verified, depth 8" \
	fio --name=b $job --rw=randwrite --bsrange=512-256k --blockalign=512 --ioengine=io_uring \
	--iodepth=8
check "fio: two jobs at once" \
	fio $job --ioengine=psync --rw=randwrite --bs=8k --size=8m --io_size=8m --name=c --name=d \
	--offset=16m
check "fio: polled" \
	fio --name=e $job --rw=randwrite --bs=4k --ioengine=io_uring --hipri --iodepth=4 --size=2m \
	--io_size=2m
# 512 writes and as many reads that verify them
check "by the polled queue" awk '
	/irq=0 / {
		for (i = 1; i <= NF; i++)
			if ($i ~ /^completed=/) {
				sub(/.*=/, "", $i)
				if ($i >= 1024)
					found = 1
			}
	}
	END { print; exit !found }' /sys/bus/pvk/devices/pvk1/queues
check "without an interrupt" sh -c '! grep "irq=0 " /sys/bus/pvk/devices/pvk1/queues | grep -v "events=0 "'
finish
