#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""recovery - does the driver bring a device back that was reset under it, losing nothing?"""

import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import Checks, Vm, make_disk, scratch, verify	# noqa: E402

t = Checks()
disk = make_disk(scratch() + "/1.img", 16 << 20)
with Vm(t, "pvk", "recovery.sh", cpus=2, disks=[disk + ",serial=PVTEST01,models=pvkit"],
        append='pvk.coldplug=0 pvk.load="pvk_core"') as vm:
    vm.run(250)
    verify(t, disk, 0, 2048, 1, "the image holds the pattern")
    verify(t, disk, 4096, 8192, 3, "and what was written across the last reset")
sys.exit(t.end())
