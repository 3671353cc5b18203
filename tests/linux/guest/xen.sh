#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# xen.sh - in dom0: what four programs say of it; then a PVH guest that asks itself the
# same, and its console. /xen has Xen's tools, and the guest's kernel and initrd.
. /tests/lib.sh
log=/var/log/xen/console/guest-pvh.log

sh /tests/identify.sh
at guest
[ -d /xen ] || exit 0
mkdir -p /etc/xen /var/lib/xenstored /var/lib/xen /var/log/xen/console /var/lock /run/xen
[ -e /var/run ] || ln -s /run /var/run
mkdir -p /var/run/xen
for module in xen-evtchn xen-gntdev xen-privcmd xenfs; do
	modprobe $module
done
mount -t xenfs xenfs /proc/xen
export LD_LIBRARY_PATH=/xen/lib PATH="$PATH:/xen/bin"
xenstored --pid-file /run/xenstored.pid
xen-init-dom0
xenconsoled --log=guest --log-dir=/var/log/xen/console
# TSC: RDTSCP under an intercept is one of the emulation's faults (docs/rig.md)
cat >/run/pvh.cfg <<END
name = "pvh"
type = "pvh"
kernel = "/xen/kernel"
ramdisk = "/xen/initrd"
cmdline = "console=hvc0 quiet panic=-1 pvk.coldplug=0 pvk.timeout=150 pvk.cmd=identify.sh"
memory = 320
vcpus = 1
tsc_mode = "native"
on_reboot = "destroy"
on_crash = "destroy"
END
touch /etc/xen/xl.conf
xl create /run/pvh.cfg || exit 1
n=0
while [ $n -lt 180 ] && ! grep -q PVK-RESULT $log 2>/dev/null; do
	sleep 1
	n=$((n + 1))
done
sed 's/PVK-/GUEST-/' $log
