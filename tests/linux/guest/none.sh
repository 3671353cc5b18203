#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
. /tests/lib.sh
tool leaves >/tmp/leaves
check "no CPUID leaves of pvkit" grep -qx pvkit=none /tmp/leaves
check "KVM's leaves are there" grep -qx first=KVMKVMKVM /tmp/leaves
check "no ACPI device" [ ! -e /sys/bus/acpi/devices/PVKT0001:00 ]
check "the core was not loaded by itself" [ ! -e /sys/module/pvk_core ]
refuse "and refuses to be loaded" modprobe pvk_core
check "saying why" sh -c 'dmesg | grep pvk_core | grep -q "no host"'
disk=$(wait_disk PVTEST01 30)
check "the disk stays emulated" [ "${disk#sd}" != "$disk" ]
finish
