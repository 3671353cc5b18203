#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""autoload - does a stock kernel find the modules by itself, and each disk once?

Both disks have both models; sysfs has to say what was offered, accepted and is
active, and accepting less must lead to less.
"""

import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import Checks, Vm, make_disk, scratch, verify	# noqa: E402

t = Checks()
top = scratch()
disks = [make_disk(f"{top}/{n}.img", 16 << 20) for n in (1, 2)]
with Vm(t, "pvk", "autoload.sh", cpus=2,
        disks=[f"{d},serial=PVTEST0{n}" for n, d in enumerate(disks, 1)]) as vm:
    vm.run(200)
    for n, d in enumerate(disks, 1):
        verify(t, d, 0, 2048, n, f"image {n} holds what the guest wrote")
    pv = vm.stats["boots"][-1]["pv"] if vm.stats else None
    t.check("the statistics have the pvkit devices", bool(pv), vm.account())
    calls = sum(c["pv_calls"] for c in vm.stats["boots"][-1]["vcpus"]) if vm.stats else 0
    t.check("and count the calls", calls > 0, f"{calls} calls")
sys.exit(t.end())
