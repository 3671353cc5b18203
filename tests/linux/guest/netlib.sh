# SPDX-License-Identifier: BSD-2-Clause
#
# What the scripts of guests with a network card share; sourced after lib.sh.

# card_where SECONDS TEST WANT: waits for an interface of which `TEST DIRECTORY`
# prints WANT, prints its name.
card_where()
{
	net_n=$(($1 * 5))
	while [ $net_n -gt 0 ]; do
		for net_i in /sys/class/net/*; do
			if [ "$($2 "$net_i")" = "$3" ]; then
				echo "${net_i##*/}"
				return 0
			fi
		done
		sleep 0.2
		net_n=$((net_n - 1))
	done
	return 1
}

driver_at()
{
	net_d=$(readlink "$1/device/driver")
	echo "${net_d##*/}"
}

address_at()
{
	cat "$1/address"
}

# card DRIVER SECONDS: waits for an interface of this driver, prints its name.
card()
{
	card_where "$2" driver_at "$1"
}

# card_of MAC SECONDS: waits for the interface with this address, prints its name.
card_of()
{
	card_where "$2" address_at "$1"
}

# cards: how many interfaces have a device behind them.
cards()
{
	set -- /sys/class/net/*/device
	[ -e "$1" ] || set --
	echo $#
}

# model DRIVER-OF: pvkit or e1000 -> the driver's name
driver_of()
{
	case $1 in
	pvkit)
		echo pvk_net
		;;
	*)
		echo e1000
		;;
	esac
}

# lease IF: an address by DHCP (udhcpc), set on the interface.
lease()
{
	ip link set "$1" up && udhcpc -i "$1" -n -q -t 10 -T 1 -s /tests/udhcpc.sh
}

# static IF ADDRESS: without a server.
static()
{
	ip link set "$1" up && ip address add "$2/24" dev "$1"
}

# fetch ADDRESS: the page of the host
fetch()
{
	printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 10 "$1" 8000 | grep -q "served by the host"
}

# talk ADDRESS SECONDS SEED: verified traffic
talk()
{
	traffic talk "$1" 5001 "$2" "$3" 2>&1 | tee /tmp/talk
	grep -q ' messages ' /tmp/talk && ! grep -q '^traffic: ' /tmp/talk
}

# verified FILE: is this the output of a good talk?
verified()
{
	cat "$1"
	grep -q ' messages ' "$1" && ! grep -q '^traffic: ' "$1"
}

# complaints: what the kernel's log has that it should not have; status 1: nothing
complaints()
{
	dmesg | grep -E 'Oops|BUG:|WARNING:|Call Trace|INFO: (task|rcu)|NETDEV WATCHDOG'
}
