#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""core - does pvk_core negotiate, show what it found, take events, and go without a trace?"""

import os
import signal
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import Checks, Vm, make_disk, scratch	# noqa: E402

t = Checks()
top = scratch()
disks = [make_disk(f"{top}/{n}.img", 8 << 20) for n in (1, 2)]
with Vm(t, "pvk", "core.sh", cpus=2, append='pvk.coldplug=0 pvk.load="ata_piix sd_mod"',
        disks=[f"{d},serial=PVTEST0{n}" for n, d in enumerate(disks, 1)]) as vm:
    vm.start()
    if vm.wait_at("resize"):
        os.truncate(disks[1], 16 << 20)
        vm.signal(signal.SIGHUP)
        vm.send()
    vm.wait(200)
    vm.judge()
    calls = sum(c["pv_calls"] for c in vm.stats["boots"][-1]["vcpus"]) if vm.stats else 0
    t.check("the statistics count the calls", calls > 0, f"{calls} calls")
sys.exit(t.end())
