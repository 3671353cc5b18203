#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""unload - what happens to a disk in use when its driver is unloaded or unbound?"""

import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import Checks, Vm, make_disk, scratch, verify	# noqa: E402

t = Checks()
disk = make_disk(scratch() + "/1.img", 64 << 20)
with Vm(t, "pvk", "unload.sh", cpus=2, disks=[disk + ",serial=PVTEST01"]) as vm:
    vm.run(250)
    verify(t, disk, 0, 2048, 4, "the image holds what was written before")
sys.exit(t.end())
