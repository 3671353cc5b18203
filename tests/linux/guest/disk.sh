#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
. /tests/lib.sh
size() { cat "/sys/block/$1/size"; }
await_size()
{
	n=100
	while [ $n -gt 0 ] && [ "$(size "$1")" != "$2" ]; do
		sleep 0.2
		n=$((n - 1))
	done
	echo "size $(size "$1"), want $2"
	[ "$(size "$1")" = "$2" ]
}

a=$(wait_disk PVTEST01 30)
ro=$(wait_disk PVTEST02 30)
g=$(wait_disk PVTEST03 30)
check "pvkit-only disks are there" is_pv "$a"

check "a pattern over the whole disk" tool write "/dev/$a" 0 32768 7
at written
await
check "a discard" tool discard "/dev/$a" 4194304 4194304
at discarded
await
check "zeroes" tool zeroout "/dev/$a" 12582912 1048576
check "are read as such" tool zero "/dev/$a" 24576 2048
check "and no neighbour is hit" tool verify "/dev/$a" 26624 2048 7
check "before them neither" tool verify "/dev/$a" 22528 2048 7

check "read-only is shown" [ "$(cat "/sys/block/$ro/ro")" = 1 ]
refuse "and writes are refused" tool write "/dev/$ro" 0 8 1
check "reads are not" dd if="/dev/$ro" of=/dev/null bs=64k count=8
refuse "beyond the end nothing is read" tool verify "/dev/$ro" 8192 8 1

check "before the resize" await_size "$g" 16384
at resize
check "a larger size arrives by itself" await_size "$g" 49152
check "and can be written" tool write "/dev/$g" 40960 64 9
at shrink
check "so does a smaller one" await_size "$g" 24576
check "what is left can be written" tool write "/dev/$g" 0 64 9
finish
