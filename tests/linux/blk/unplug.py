#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""unplug - does libata let go of an idle drive before the host takes it away?

Three IDE disks, the second mounted and busy beside the first on its channel. For 9 s
after an unplug the kernel's log is silent (libata puts a drive that it loses into
standby, and waits 5 s for the answer), and the neighbour works. All are
taken with async_probe, too, and come back in the order of the devices. Events
for nothing are not claimed by the disk's interrupt handler.
"""

import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import Checks, Vm, fsck, make_disk, scratch	# noqa: E402

t = Checks()
top = scratch()
disks = [make_disk(top + "/1.img", 16 << 20), make_disk(top + "/2.img", 32 << 20, "ext4"),
         make_disk(top + "/3.img", 16 << 20)]
with Vm(t, "pvk", "unplug.sh", cpus=2, append='pvk.coldplug=0 pvk.load="ata_piix sd_mod"',
        disks=[f"{d},serial=PVTEST0{n}" for n, d in enumerate(disks, 1)]) as vm:
    vm.run(400)
    fsck(t, disks[1], "the file system of the neighbour is sound", repair=True)
sys.exit(t.end())
