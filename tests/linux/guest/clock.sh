#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
. /tests/lib.sh
rtc=/sys/class/rtc/rtc0
facp=/sys/firmware/acpi/tables/FACP

# byte OFFSET: of the FADT
byte()
{
	od -An -tu1 -j "$1" -N 1 $facp | tr -d ' '
}

there()
{
	grep -lx 15 /sys/bus/acpi/devices/"$1":*/status | wc -l
}

check "the tables name the century register" [ "$(byte 108)" = 50 ]
check "and have GPE0" [ "$(byte 92)" = 4 ]
check "a processor device for each CPU" [ "$(there ACPI0007)" = "$(nproc)" ]
check "the keyboard's port" [ -e /sys/bus/acpi/devices/PNP0303:00 ]
check "the mouse's port" [ -e /sys/bus/acpi/devices/PNP0F13:00 ]

# wakes SECONDS: suspends to idle, and tells how long that was; without an alarm it is for ever
wakes()
{
	echo 0 >$rtc/wakealarm && echo "+$1" >$rtc/wakealarm || return
	begun=$(cut -d. -f1 /proc/uptime)
	echo freeze >/sys/power/state || return
	slept=$(($(cut -d. -f1 /proc/uptime) - begun))
	[ $slept -ge $(($1 - 2)) ] && [ $slept -le $(($1 + 60)) ]
}

# sets TIME WANT: what the clock says 4 s after it was set
sets()
{
	date -u -s "$1" && hwclock -u -w || return
	sleep 4
	cat $rtc/date
	[ "$(cat $rtc/date)" = "$2" ]
}

check "the alarm wakes from suspend to idle" wakes 5
check "and again" wakes 4
check "2069 becomes 2070" sets "2069-12-31 23:59:58" 2070-01-01
check "2099" sets "2099-12-31 12:00:00" 2099-12-31
check "back in 2031" sets "2031-01-01 12:00:00" 2031-01-01
finish
