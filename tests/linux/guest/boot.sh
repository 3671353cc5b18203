#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
. /tests/lib.sh
set_value cpus "$(nproc)"
disk=$(wait_disk PVTEST01 30)
check "the disk is there, once" once PVTEST01
check "it is an emulated one" [ "${disk#sd}" != "$disk" ]
check "the driver is ata_piix" [ -d /sys/bus/pci/drivers/ata_piix/0000:00:01.1 ]
check "its file system can be mounted" mount -t ext4 "/dev/$disk" /mnt
echo "written by the guest" >/mnt/file
check "and synchronised" sync
check "and unmounted" umount /mnt
check "nothing of pvkit is loaded" [ ! -e /sys/bus/pvk ]
finish
