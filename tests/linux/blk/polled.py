#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""polled - do polled queues and fio with checked data work on the pvkit model?"""

import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0] + "/lib")
from vm import LONG, Checks, Vm, make_disk, scratch	# noqa: E402

t = Checks()
disk = make_disk(scratch() + "/1.img", 64 << 20)
with Vm(t, "fio", f"polled.sh {'512m' if LONG else '24m'}", cpus=2, memory="1G",
        disks=[disk + ",serial=PVTEST01,models=pvkit"],
        append='pvk.coldplug=0 pvk.load="pvk_core"') as vm:
    vm.run(1500 if LONG else 400)
sys.exit(t.end())
