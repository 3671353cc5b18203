#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""resets - does every kind of restart bring the emulated model back?

The guest takes its disk over and restarts: orderly, by sysrq in the middle of I/O
with no driver asked, by a panic. The next boot has no pvkit module and must find
the disk where it was, with its data.
"""

import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import Checks, Vm, make_disk, scratch, verify	# noqa: E402

t = Checks()
top = scratch()
for how in ("reboot", "sysrq", "panic", "midway"):
    disk = make_disk(top + "/1.img", 16 << 20)
    with Vm(t, "pvk", f"resets.sh {how}", cpus=2, name="resets-" + how,
            append='pvk.coldplug=0 pvk.load="ata_piix sd_mod" panic=-1',
            disks=[disk + ",serial=PVTEST01"]) as vm:
        vm.start()
        vm.wait(250)
        t.equal(f"{how}: two boots", vm.boots, 2)
        t.check(f"{how}: the second found what it should", vm.finished and vm.result == "0",
                vm.account())
        t.check(f"{how}: the process ended with status 0", vm.status == 0, vm.account())
        verify(t, disk, 0, 512, 5, f"{how}: the image holds the data")
sys.exit(t.end())
