#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
. /tests/lib.sh
full=$(wait_disk PVTEST01 30)
bad=$(wait_disk PVTEST02 30)
check "a good write" tool write "/dev/$full" 0 1024 1
refuse "the file system below fills up: the write fails" tool write "/dev/$full" 1024 16384 2
check "what was written before is there" tool verify "/dev/$full" 0 1024 1
check "good sectors of the bad disk" tool write "/dev/$bad" 0 8192 3
check "a bad one: the read fails" tool eio "/dev/$bad" 8200 read
check "and the write" tool eio "/dev/$bad" 8200 write
check "behind it all is well" tool write "/dev/$bad" 8256 1024 4
check "and read back" tool verify "/dev/$bad" 8256 1024 4
check "the disk has not gone" tool verify "/dev/$bad" 0 8192 3
finish
