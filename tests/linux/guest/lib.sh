# SPDX-License-Identifier: BSD-2-Clause
#
# What the scripts of test guests share; sourced by each. They speak to the
# scenario outside (tests/linux/lib/vm.py) by lines on the console:
#   PVT ok NAME / PVT not ok NAME	a check
#   PVT skip NAME : REASON
#   PVT set KEY VALUE			something for the scenario to judge
#   PVT at NAME				reached a point (await goes on when told)
#   PVT done N				the end; N checks were made
# Kernel messages stay off the console so that no line is cut by one.

dmesg -n 1
pvt_count=0

pvt()
{
	echo "PVT $*"
}

# check NAME COMMAND...: a check from the command's status; its output is shown.
check()
{
	pvt_name=$1
	shift
	pvt_count=$((pvt_count + 1))
	if "$@" >/tmp/pvt.out 2>&1; then
		pvt "ok $pvt_name"
	else
		sed 's/^/| /' /tmp/pvt.out
		pvt "not ok $pvt_name"
	fi
}

refuse()
{
	pvt_refused=$1
	shift
	check "$pvt_refused" fails "$@"
}

fails()
{
	! "$@"
}

skip()
{
	pvt_count=$((pvt_count + 1))
	pvt "skip $1 : $2"
}

set_value()
{
	pvt "set $*"
}

# at NAME: tells the scenario; await waits for its line on the console.
at()
{
	pvt "at $1"
}

await()
{
	read -r pvt_line </dev/console
}

finish()
{
	pvt "done $pvt_count"
	exit 0
}

# serial_of DISK: the serial number that a disk tells, without blanks.
serial_of()
{
	if [ -r "/sys/block/$1/serial" ]; then
		tr -d ' \n' <"/sys/block/$1/serial"
	elif [ -r "/sys/block/$1/device/serial" ]; then
		tr -d ' \n' <"/sys/block/$1/device/serial"
	elif [ -r "/sys/block/$1/device/vpd_pg80" ]; then
		dd if="/sys/block/$1/device/vpd_pg80" bs=1 skip=4 2>/dev/null | tr -d ' \000\n'
	fi
}

# disks SERIAL: the names of all disks with that serial; one, if all is well.
disks()
{
	for pvt_d in /sys/block/*; do
		pvt_d=${pvt_d##*/}
		case $pvt_d in
		loop*|ram*|zram*|dm-*|sr*|fd*)
			continue
			;;
		esac
		if [ "$(serial_of "$pvt_d")" = "$1" ]; then
			echo "$pvt_d"
		fi
	done
}

# wait_disk SERIAL SECONDS: waits until the disk is there with a size, prints it.
wait_disk()
{
	pvt_n=$(($2 * 5))
	while [ $pvt_n -gt 0 ]; do
		set -- "$1" "$2" $(disks "$1")
		if [ $# -ge 3 ] && [ -b "/dev/$3" ] && [ "$(cat "/sys/block/$3/size")" -gt 0 ]; then
			echo "$3"
			return 0
		fi
		set -- "$1" "$2"
		sleep 0.2
		pvt_n=$((pvt_n - 1))
	done
	return 1
}

# once SERIAL: is this disk there exactly once?
once()
{
	set -- "$1" $(disks "$1")
	echo "disks with serial $1: $*"
	[ $# = 2 ]
}

is_pv()
{
	case $1 in
	pvk*)
		return 0
		;;
	esac
	return 1
}
